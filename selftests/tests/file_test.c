// SPDX-License-Identifier: GPL-2.0
/* What is done with an open file: read, write, seek, fsync and CALL. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-file"
#define SLOT	4096

FIXTURE(file) {
	struct provider p;
	struct queue *q;
	int positioned;		/* number 1 */
	int stream;		/* number 2 */
	struct job job;
	struct scheme_sqe sqe;
	char buf[64];
};

FIXTURE_SETUP(file)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->positioned = client_open(&self->p, O_RDWR, 1,
				       SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->positioned);
	self->stream = client_open(&self->p, O_RDWR, 2, 0);
	ASSERT_LE(0, self->stream);
}

FIXTURE_TEARDOWN(file)
{
	close(self->positioned);
	close(self->stream);
	provider_end(&self->p);
}

/*
 * The job has made this request; answer it, and the job's result is the same.
 * For READ, WRITE and what has no payload.
 */
#define EXPECT_REQUEST(opcode_, handle_, offset_, len_, flags_, result_)	\
do {									\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, opcode_));	\
	EXPECT_EQ(0, self->sqe.flags);					\
	EXPECT_EQ(handle_, self->sqe.handle);				\
	EXPECT_EQ(offset_, self->sqe.offset);				\
	EXPECT_EQ(len_, self->sqe.len);					\
	EXPECT_EQ(flags_, self->sqe.op_flags);				\
	EXPECT_EQ(0, self->sqe.aux);					\
	EXPECT_EQ(getpid(), self->sqe.pid);				\
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, result_));	\
	EXPECT_EQ(result_, job_wait(&self->job));			\
} while (0)

/* ---- S8: positioned ------------------------------------------------------- */

TEST_F(file, S8_pread_and_pwrite_carry_their_offset)
{
	static const off_t offsets[] = { 0, 1, 4095, 1LL << 32, 1LL << 62 };

	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		job_pread(&self->job, self->positioned, self->buf, 10,
			  offsets[i]);
		EXPECT_REQUEST(SCHEME_OP_READ, 1, offsets[i], 10, 0, 10);
		job_pwrite(&self->job, self->positioned, self->buf, 20,
			   offsets[i]);
		EXPECT_REQUEST(SCHEME_OP_WRITE, 1, offsets[i], 20, 0, 20);
	}
	/* and leave the position alone */
	EXPECT_EQ(0, lseek(self->positioned, 0, SEEK_CUR));
}

TEST_F(file, S8_data_goes_both_ways)
{
	job_pwrite(&self->job, self->positioned, "to the provider", 15, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_WRITE));
	EXPECT_EQ(0, memcmp(queue_payload(self->q, &self->sqe),
			    "to the provider", 15));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 15));
	EXPECT_EQ(15, job_wait(&self->job));

	job_pread(&self->job, self->positioned, self->buf, 40, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	memcpy(queue_payload(self->q, &self->sqe), "from the provider", 17);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 17));
	EXPECT_EQ(17, job_wait(&self->job));
	EXPECT_EQ(0, memcmp(self->buf, "from the provider", 17));
}

TEST_F(file, S8_the_position_goes_on_by_what_was_moved)
{
	job_read(&self->job, self->positioned, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_READ, 1, 0, 10, 0, 7);
	job_write(&self->job, self->positioned, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_WRITE, 1, 7, 10, 0, 10);
	/* errors and ends move nothing */
	job_read(&self->job, self->positioned, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_READ, 1, 17, 10, 0, -EIO);
	job_read(&self->job, self->positioned, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_READ, 1, 17, 10, 0, 0);
	EXPECT_EQ(17, lseek(self->positioned, 0, SEEK_CUR));
}

static int read_in_child(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1) == 1 ? 0 : 1;
}

TEST_F(file, S8_dup_and_fork_share_the_position)
{
	int copy = dup(self->positioned);
	pid_t pid;

	job_read(&self->job, copy, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_READ, 1, 0, 10, 0, 10);
	EXPECT_EQ(10, lseek(self->positioned, 0, SEEK_CUR));
	pid = child_start(read_in_child, &copy);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(10, self->sqe.offset);
	EXPECT_EQ(pid, self->sqe.pid);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(0, child_result(pid));
	EXPECT_EQ(11, lseek(self->positioned, 0, SEEK_CUR));
	close(copy);
}

TEST_F(file, S8_another_open_has_a_position_of_its_own)
{
	int other = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);

	ASSERT_LE(0, other);
	job_read(&self->job, self->positioned, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_READ, 1, 0, 10, 0, 10);
	EXPECT_EQ(0, lseek(other, 0, SEEK_CUR));
	close(other);
}

TEST_F(file, S8_vectors_are_one_request)
{
	char one[3], two[5], three[8];
	struct iovec iov[] = { { one, 3 }, { two, 5 }, { NULL, 0 }, { three, 8 } };
	const long args[6] = { self->positioned, (long)iov, 4, 100 };

	job_syscall(&self->job, SYS_preadv, args);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(100, self->sqe.offset);
	EXPECT_EQ(16, self->sqe.len);
	memcpy(queue_payload(self->q, &self->sqe), "abcdefghijklmnop", 16);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 12));
	EXPECT_EQ(12, job_wait(&self->job));
	EXPECT_EQ(0, memcmp(one, "abc", 3));
	EXPECT_EQ(0, memcmp(two, "defgh", 5));
	EXPECT_EQ(0, memcmp(three, "ijkl", 4));

	memcpy(three, "IJKLMNOP", 8);
	job_syscall(&self->job, SYS_pwritev, args);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_WRITE));
	EXPECT_EQ(16, self->sqe.len);
	EXPECT_EQ(0, memcmp(queue_payload(self->q, &self->sqe),
			    "abcdefghIJKLMNOP", 16));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 16));
	EXPECT_EQ(16, job_wait(&self->job));
}

TEST_F(file, S8_append_is_told_with_every_write)
{
	int fd = client_open(&self->p, O_WRONLY | O_APPEND, 3,
			     SCHEME_CQE_F_POSITIONED);

	ASSERT_LE(0, fd);
	job_write(&self->job, fd, "x", 1);
	EXPECT_REQUEST(SCHEME_OP_WRITE, 3, self->sqe.offset, 1,
		       SCHEME_RW_APPEND, 1);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	job_pwrite(&self->job, fd, "x", 1, 9);
	EXPECT_REQUEST(SCHEME_OP_WRITE, 3, 9, 1, 0, 1);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
	job_write(&self->job, fd, "x", 1);
	EXPECT_REQUEST(SCHEME_OP_WRITE, 3, self->sqe.offset, 1,
		       SCHEME_RW_APPEND, 1);
	close(fd);
}

TEST_F(file, S8_synchronous_writes_are_told)
{
	static const int flags[] = { O_DSYNC, O_SYNC };
	struct iovec iov = { "x", 1 };
	int fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		fd = client_open(&self->p, O_WRONLY | flags[i], 3,
				 SCHEME_CQE_F_POSITIONED);
		ASSERT_LE(0, fd);
		job_write(&self->job, fd, "x", 1);
		EXPECT_REQUEST(SCHEME_OP_WRITE, 3, 0, 1, SCHEME_RW_DSYNC, 1);
		close(fd);
		queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE);
	}
	job_start(&self->job, SYS_pwritev2, self->positioned, (long)&iov, 1, 5,
		  0, RWF_DSYNC);
	EXPECT_REQUEST(SCHEME_OP_WRITE, 1, 5, 1, SCHEME_RW_DSYNC, 1);
}

TEST_F(file, S8_the_access_mode_holds)
{
	int ro = client_open(&self->p, O_RDONLY, 3, SCHEME_CQE_F_POSITIONED);
	int wo = client_open(&self->p, O_WRONLY, 4, SCHEME_CQE_F_POSITIONED);

	EXPECT_EQ(-1, write(ro, "x", 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, read(wo, self->buf, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_TRUE(queue_silent(self->q, 50));
	close(ro);
	close(wo);
}

/* ---- S8: streams ---------------------------------------------------------- */

TEST_F(file, S8_a_stream_has_no_offset)
{
	job_read(&self->job, self->stream, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_READ, 2, SCHEME_NO_OFFSET, 10, 0, 10);
	job_write(&self->job, self->stream, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_WRITE, 2, SCHEME_NO_OFFSET, 10, 0, 10);
	job_read(&self->job, self->stream, self->buf, 10);
	EXPECT_REQUEST(SCHEME_OP_READ, 2, SCHEME_NO_OFFSET, 10, 0, 0);
}

TEST_F(file, S8_positions_on_a_stream_are_ESPIPE)
{
	EXPECT_EQ(-1, pread(self->stream, self->buf, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->stream, self->buf, 1, 5));
	EXPECT_EQ(ESPIPE, errno);
	for (int whence = SEEK_SET; whence <= SEEK_END; whence++) {
		EXPECT_EQ(-1, lseek(self->stream, 0, whence));
		EXPECT_EQ(ESPIPE, errno);
	}
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(file, S8_one_thread_reads_a_stream_while_another_writes_it)
{
	struct scheme_sqe parked;
	struct job reader;
	char byte;

	job_read(&reader, self->stream, &byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &parked, SCHEME_OP_READ));
	job_write(&self->job, self->stream, "x", 1);
	EXPECT_REQUEST(SCHEME_OP_WRITE, 2, SCHEME_NO_OFFSET, 1, 0, 1);
	EXPECT_EQ(0, queue_answer(self->q, &parked, 1));
	EXPECT_EQ(1, job_wait(&reader));
}

/* ---- S9 ------------------------------------------------------------------- */

TEST_F(file, S9_set_and_cur_do_not_ask_the_provider)
{
	int fd = self->positioned;

	EXPECT_EQ(100, lseek(fd, 100, SEEK_SET));
	EXPECT_EQ(90, lseek(fd, -10, SEEK_CUR));
	EXPECT_EQ(1LL << 40, lseek(fd, 1LL << 40, SEEK_SET));
	EXPECT_EQ(1LL << 40, lseek(fd, 0, SEEK_CUR));
	EXPECT_EQ(-1, lseek(fd, -1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(fd, LLONG_MIN, SEEK_CUR));
	EXPECT_EQ(1LL << 40, lseek(fd, 0, SEEK_CUR));
	EXPECT_EQ(-1, lseek(fd, 0, 99));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(queue_silent(self->q, 50));
	lseek(fd, 33, SEEK_SET);
	job_read(&self->job, fd, self->buf, 1);
	EXPECT_REQUEST(SCHEME_OP_READ, 1, 33, 1, 0, 1);
}

TEST_F(file, S9_end_asks_the_provider_for_the_size)
{
	static const struct { off_t offset; int64_t size; long want; } cases[] = {
		{ 0, 1000, 1000 }, { -10, 1000, 990 }, { 10, 1000, 1010 },
		{ 0, 0, 0 }, { -1, 0, -EINVAL }, { 0, -EPERM, -EPERM },
		{ 0, 1LL << 45, 1LL << 45 }, { 5, -EOPNOTSUPP, -EOPNOTSUPP },
	};
	off_t before;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		before = lseek(self->positioned, 0, SEEK_CUR);
		job_lseek(&self->job, self->positioned, cases[i].offset,
			  SEEK_END);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,
					  SCHEME_OP_FSIZE));
		EXPECT_EQ(1, self->sqe.handle);
		EXPECT_EQ(0, self->sqe.len);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, cases[i].size));
		EXPECT_EQ(cases[i].want, job_wait(&self->job));
		EXPECT_EQ(cases[i].want < 0 ? before : cases[i].want,
			  lseek(self->positioned, 0, SEEK_CUR));
	}
}

/* ---- fsync ---------------------------------------------------------------- */

TEST_F(file, S10_fsync_and_fdatasync_reach_the_provider)
{
	const long args[6] = { self->positioned };

	job_fsync(&self->job, self->positioned);
	EXPECT_REQUEST(SCHEME_OP_FSYNC, 1, 0, 0, 0, 0);
	job_syscall(&self->job, SYS_fdatasync, args);
	EXPECT_REQUEST(SCHEME_OP_FSYNC, 1, 0, 0, SCHEME_FSYNC_DATA, 0);
	job_fsync(&self->job, self->positioned);
	EXPECT_REQUEST(SCHEME_OP_FSYNC, 1, 0, 0, 0, -EIO);
	job_fsync(&self->job, self->stream);
	EXPECT_REQUEST(SCHEME_OP_FSYNC, 2, 0, 0, 0, -EOPNOTSUPP);
}

/* ---- S14 ------------------------------------------------------------------ */

TEST_F(file, S14_call_carries_words_and_payload_both_ways)
{
	char in[] = "question", out[32] = "";
	struct scheme_call call = {
		.in = (uintptr_t)in,
		.in_len = 8,
		.out = (uintptr_t)out,
		.out_len = 30,
		.word = { 11, 1ULL << 63, ~0ULL },
	};
	struct scheme_call_header *header;
	struct scheme_cqe cqe = { .result = 12345678901234, .extra = 6 };

	job_ioctl(&self->job, self->stream, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CALL));
	EXPECT_EQ(2, self->sqe.handle);
	EXPECT_EQ(30, self->sqe.aux);
	ASSERT_EQ(sizeof(*header) + 8, self->sqe.len);
	header = queue_payload(self->q, &self->sqe);
	EXPECT_EQ(11, header->word[0]);
	EXPECT_EQ(1ULL << 63, header->word[1]);
	EXPECT_EQ(~0ULL, header->word[2]);
	EXPECT_EQ(8, header->in_len);
	EXPECT_EQ(30, header->out_len);
	EXPECT_EQ(0, memcmp(header + 1, "question", 8));
	memcpy(header, "answer", 6);
	cqe.user_data = self->sqe.user_data;
	EXPECT_EQ(0, queue_push(self->q, &cqe));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(12345678901234, call.result);
	EXPECT_EQ(6, call.out_len);
	EXPECT_STREQ("answer", out);
}

TEST_F(file, S14_a_refused_call_gives_the_providers_error_and_no_payload)
{
	char out[8] = "before";
	struct scheme_call call = { .out = (uintptr_t)out, .out_len = 8 };

	job_ioctl(&self->job, self->stream, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CALL));
	memset(queue_payload(self->q, &self->sqe), 'x', 8);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ENOTTY));
	EXPECT_EQ(-ENOTTY, job_wait(&self->job));
	EXPECT_STREQ("before", out);
}

TEST_F(file, S14_call_payloads_have_the_size_of_a_slot_at_most)
{
	const __u32 in_max = SLOT - sizeof(struct scheme_call_header);
	static char in[2 * SLOT], out[2 * SLOT];
	struct scheme_call call = {
		.in = (uintptr_t)in, .out = (uintptr_t)out,
	};
	struct scheme_cqe cqe = { .extra = SLOT };

	call.in_len = in_max + 1;
	EXPECT_EQ(-EMSGSIZE, client_call(self->stream, &call));
	call.in_len = ~0U;
	EXPECT_EQ(-EMSGSIZE, client_call(self->stream, &call));
	call.in_len = 0;
	call.out_len = SLOT + 1;
	EXPECT_EQ(-EMSGSIZE, client_call(self->stream, &call));
	call.out_len = ~0U;
	EXPECT_EQ(-EMSGSIZE, client_call(self->stream, &call));
	EXPECT_TRUE(queue_silent(self->q, 50));

	call.in_len = in_max;
	call.out_len = SLOT;
	memset(in, 'i', sizeof(in));
	job_ioctl(&self->job, self->stream, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CALL));
	EXPECT_EQ(SLOT, self->sqe.len);
	memset(queue_payload(self->q, &self->sqe), 'o', SLOT);
	cqe.user_data = self->sqe.user_data;
	EXPECT_EQ(0, queue_push(self->q, &cqe));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(SLOT, call.out_len);
	EXPECT_EQ('o', out[SLOT - 1]);
	EXPECT_EQ(0, out[SLOT]);
}

TEST_F(file, S14_call_memory_that_is_not_there_is_EFAULT)
{
	struct scheme_call call = { .in = 1, .in_len = 8 };

	EXPECT_EQ(-EFAULT, client_call(self->stream, &call));
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
	call = (struct scheme_call){ .out = 1, .out_len = 8 };
	job_ioctl(&self->job, self->stream, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CALL));
	EXPECT_EQ(0, queue_push(self->q, &(struct scheme_cqe){
		.user_data = self->sqe.user_data, .extra = 8 }));
	EXPECT_EQ(-EFAULT, job_wait(&self->job));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(file, S14_a_call_may_be_empty)
{
	struct scheme_call call = {};

	job_ioctl(&self->job, self->positioned, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CALL));
	EXPECT_EQ(sizeof(struct scheme_call_header), self->sqe.len);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 42));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(42, call.result);
	EXPECT_EQ(0, call.out_len);
}

TEST_HARNESS_MAIN
