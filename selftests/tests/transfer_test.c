// SPDX-License-Identifier: GPL-2.0
/*
 * Client memory: exactly the bytes of the request, and transfers of many slots
 * that are cut, pipelined and joined again.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../fault.h"
#include "../harness.h"

#define NAME	"test-transfer"
#define SLOT	4096
#define DEPTH	16
#define CANARY	0xa5
#define JUNK	0xee

static const size_t lengths[] = {
	0, 1, 2, 511, 4095, 4096, 4097, 8191, 8192, 8193, 5 * SLOT + 17,
	40 * SLOT, 40 * SLOT - 1,
};

static const size_t alignments[] = {
	0, 1, 2, 7, 64, 511, 1000, 2048, 3001, 4094, 4095,
};

/* ---- S22: canaries -------------------------------------------------------- */

/* A provider that serves by itself, with a pattern in its memory. */
FIXTURE(canary) {
	struct server server;
	int fd;
	uint8_t *pattern;	/* what is in the provider's memory */
	uint8_t *mem;		/* the client's, with room around */
};

#define MEM_BYTES	(SERVE_BYTES + 4 * SLOT)

FIXTURE_SETUP(canary)
{
	struct scheme_create create;

	server_create_init(&create, NAME);
	ASSERT_EQ(0, server_start_process(&self->server, &create, NULL));
	self->fd = open_errno(self->server.p.node, O_RDWR);
	ASSERT_LE(0, self->fd);
	self->pattern = shared_alloc(SERVE_BYTES);
	self->mem = shared_alloc(MEM_BYTES);
	for (size_t i = 0; i < SERVE_BYTES; i++)
		self->pattern[i] = i * 7 + i / 251;
	ASSERT_EQ(SERVE_BYTES, pwrite(self->fd, self->pattern, SERVE_BYTES, 0));
}

FIXTURE_TEARDOWN(canary)
{
	close(self->fd);
	server_stop(&self->server);
}

/* The first byte of mem[from..to) that is not value, or to. */
static size_t find_other(const uint8_t *mem, size_t from, size_t to,
			 uint8_t value)
{
	while (from < to && mem[from] == value)
		from++;
	return from;
}

TEST_F(canary, S22_a_read_changes_its_bytes_and_no_others)
{
	size_t at, len, offset = 3;

	for (unsigned int a = 0; a < ARRAY_SIZE(alignments); a++) {
		for (unsigned int l = 0; l < ARRAY_SIZE(lengths); l++) {
			at = SLOT + alignments[a];
			len = lengths[l];
			memset(self->mem, CANARY, at + len + SLOT);
			ASSERT_EQ(len, pread(self->fd, self->mem + at, len,
					     offset));
			ASSERT_EQ(at, find_other(self->mem, 0, at, CANARY));
			ASSERT_EQ(0, memcmp(self->mem + at,
					    self->pattern + offset, len));
			ASSERT_EQ(at + len + SLOT,
				  find_other(self->mem, at + len,
					     at + len + SLOT, CANARY));
		}
	}
}

TEST_F(canary, S22_a_write_takes_its_bytes_and_no_others)
{
	size_t at, len, offset = 5;
	uint8_t *back = self->pattern;

	for (unsigned int a = 0; a < ARRAY_SIZE(alignments); a++) {
		for (unsigned int l = 0; l < ARRAY_SIZE(lengths); l++) {
			at = SLOT + alignments[a];
			len = lengths[l];
			memset(self->mem, CANARY, at + len + SLOT);
			memset(self->mem + at, a * 16 + l, len);
			ASSERT_EQ(len, pwrite(self->fd, self->mem + at, len,
					      offset));
			ASSERT_EQ(len + 4, pread(self->fd, back, len + 4,
						 offset - 2));
			ASSERT_EQ(len + 2, find_other(back, 2, len + 2,
						      a * 16 + l));
			ASSERT_NE(CANARY, back[0]);
			ASSERT_NE(CANARY, back[len + 2]);
			/* the source is only read */
			ASSERT_EQ(at, find_other(self->mem, 0, at, CANARY));
			ASSERT_EQ(at + len, find_other(self->mem, at, at + len,
						       a * 16 + l));
		}
	}
}

TEST_F(canary, S22_vectors_of_all_shapes_keep_to_their_bytes)
{
	struct iovec iov[4];
	uint8_t *base;
	size_t len, i;

	for (unsigned int a = 0; a < ARRAY_SIZE(alignments); a++) {
		memset(self->mem, CANARY, MEM_BYTES);
		base = self->mem + alignments[a];
		iov[0] = (struct iovec){ base + 10, 1 };
		iov[1] = (struct iovec){ base + 100, SLOT - 1 };
		iov[2] = (struct iovec){ base + 3 * SLOT, 2 * SLOT + 1 };
		iov[3] = (struct iovec){ base + 10 * SLOT, 77 };
		len = 1 + SLOT - 1 + 2 * SLOT + 1 + 77;
		ASSERT_EQ(len, preadv(self->fd, iov, 4, 0));
		for (i = 0, len = 0; i < 4; len += iov[i++].iov_len)
			ASSERT_EQ(0, memcmp(iov[i].iov_base,
					    self->pattern + len,
					    iov[i].iov_len));
		ASSERT_EQ(CANARY, base[9]);
		ASSERT_EQ(CANARY, base[11]);
		ASSERT_EQ(CANARY, base[99]);
		ASSERT_EQ(CANARY, base[100 + SLOT - 1]);
		ASSERT_EQ(CANARY, base[3 * SLOT - 1]);
		ASSERT_EQ(CANARY, base[5 * SLOT + 1]);
		ASSERT_EQ(CANARY, base[10 * SLOT + 77]);
	}
}

TEST_F(canary, S22_reading_beyond_the_end_leaves_the_rest_alone)
{
	memset(self->mem, CANARY, MEM_BYTES);
	EXPECT_EQ(10, pread(self->fd, self->mem, 5 * SLOT, SERVE_BYTES - 10));
	EXPECT_EQ(5 * SLOT, find_other(self->mem, 10, 5 * SLOT, CANARY));
	EXPECT_EQ(0, pread(self->fd, self->mem + SLOT, 5 * SLOT, SERVE_BYTES));
	EXPECT_EQ(5 * SLOT, find_other(self->mem, 10, 5 * SLOT, CANARY));
}

TEST_F(canary, S22_memory_that_ends_inside_gives_what_fits_or_EFAULT)
{
	uint8_t *mem = self->mem;
	ssize_t got;

	ASSERT_EQ(0, munmap(mem + 8 * SLOT, SLOT));
	/* all of it beyond */
	EXPECT_EQ(-1, pread(self->fd, mem + 8 * SLOT, SLOT, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, pwrite(self->fd, mem + 8 * SLOT, SLOT, 0));
	EXPECT_EQ(EFAULT, errno);
	/* slots 0..2 and a half fit; what is told as moved must be right */
	got = pread(self->fd, mem + 4 * SLOT + SLOT / 2, 8 * SLOT, 0);
	EXPECT_TRUE(got == -1 || (got > 0 && got <= 3 * SLOT + SLOT / 2));
	EXPECT_EQ(0, memcmp(mem + 4 * SLOT + SLOT / 2, self->pattern,
			    got > 0 ? got : 0));
	got = pwrite(self->fd, mem + 4 * SLOT + SLOT / 2, 8 * SLOT, 0);
	EXPECT_TRUE(got == -1 || (got > 0 && got <= 3 * SLOT + SLOT / 2));
	EXPECT_EQ(0, self->server.served->wrong);
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "in_flight") == 0));
}

TEST_F(canary, S22_a_read_only_buffer_is_EFAULT_and_unchanged)
{
	memset(self->mem, CANARY, SLOT);
	ASSERT_EQ(0, mprotect(self->mem, SLOT, PROT_READ));
	EXPECT_EQ(-1, pread(self->fd, self->mem, SLOT, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(SLOT, find_other(self->mem, 0, SLOT, CANARY));
}

TEST_F(canary, S22_random_transfers_agree_with_a_model)
{
	uint8_t *model = self->pattern;
	size_t at, len;

	srandom(7);
	for (int i = 0; i < 300; i++) {
		at = random() % SERVE_BYTES;
		len = random() % (i % 3 ? 3 * SLOT : SERVE_BYTES);
		if (len > SERVE_BYTES - at)
			len = SERVE_BYTES - at;
		if (i % 2) {
			memset(self->mem, i, len);
			memcpy(model + at, self->mem, len);
			ASSERT_EQ(len, pwrite(self->fd, self->mem, len, at));
		} else {
			ASSERT_EQ(len, pread(self->fd, self->mem, len, at));
			ASSERT_EQ(0, memcmp(self->mem, model + at, len));
		}
	}
}

/* ---- the provider's view -------------------------------------------------- */

FIXTURE(slots) {
	struct provider p;
	struct queue *q;
	int fd;			/* positioned, number 1 */
	int stream;		/* number 2 */
	struct job job;
	struct scheme_sqe sqe[DEPTH];
	uint8_t *mem;
};

FIXTURE_SETUP(slots)
{
	struct scheme_create create;

	server_create_init(&create, NAME);
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->fd);
	self->stream = client_open(&self->p, O_RDWR, 2, 0);
	ASSERT_LE(0, self->stream);
	self->mem = shared_alloc(64 * SLOT);
}

FIXTURE_TEARDOWN(slots)
{
	close(self->fd);
	close(self->stream);
	provider_end(&self->p);
}

TEST_F(slots, S22_the_provider_sees_nothing_around_a_writes_bytes)
{
	uint8_t *slot;

	for (unsigned int l = 1; lengths[l] <= SLOT; l++) {
		memset(self->q->slots, JUNK, DEPTH * SLOT);
		memset(self->mem, CANARY, 4 * SLOT);
		memset(self->mem + 100, 'd', lengths[l]);
		job_pwrite(&self->job, self->fd, self->mem + 100, lengths[l], 0);
		ASSERT_EQ(0, queue_expect(self->q, self->sqe, SCHEME_OP_WRITE));
		slot = queue_payload(self->q, self->sqe);
		EXPECT_EQ(lengths[l], find_other(slot, 0, lengths[l], 'd'));
		EXPECT_EQ(SLOT, find_other(slot, lengths[l], SLOT, JUNK));
		EXPECT_EQ(0, queue_answer(self->q, self->sqe, lengths[l]));
		EXPECT_EQ(lengths[l], job_wait(&self->job));
	}
}

TEST_F(slots, S22_bytes_that_are_not_reported_stay_unchanged)
{
	for (int got = 0; got < 100; got += 33) {
		memset(self->mem, CANARY, 2 * SLOT);
		job_pread(&self->job, self->fd, self->mem + 10, 100, 0);
		ASSERT_EQ(0, queue_expect(self->q, self->sqe, SCHEME_OP_READ));
		/* more than is reported */
		memset(queue_payload(self->q, self->sqe), JUNK, SLOT);
		EXPECT_EQ(0, queue_answer(self->q, self->sqe, got));
		EXPECT_EQ(got, job_wait(&self->job));
		EXPECT_EQ(10, find_other(self->mem, 0, 10, CANARY));
		EXPECT_EQ(10 + got, find_other(self->mem, 10, 10 + got, JUNK));
		EXPECT_EQ(SLOT, find_other(self->mem, 10 + got, SLOT, CANARY));
	}
}

TEST_F(slots, S22_a_failed_read_leaves_the_buffer_alone)
{
	memset(self->mem, CANARY, SLOT);
	job_pread(&self->job, self->fd, self->mem, SLOT, 0);
	ASSERT_EQ(0, queue_expect(self->q, self->sqe, SCHEME_OP_READ));
	memset(queue_payload(self->q, self->sqe), JUNK, SLOT);
	EXPECT_EQ(0, queue_answer(self->q, self->sqe, -EIO));
	EXPECT_EQ(-EIO, job_wait(&self->job));
	EXPECT_EQ(SLOT, find_other(self->mem, 0, SLOT, CANARY));
}

/* Take n pieces, the i-th of which must be at offset i * SLOT. */
#define EXPECT_PIECES(opcode_, n)					\
do {									\
	ASSERT_LE(n, queue_enter(self->q, n, PATIENCE_MS));		\
	for (int i_ = 0; i_ < (n); i_++) {				\
		ASSERT_TRUE(queue_pop(self->q, &self->sqe[i_]));	\
		EXPECT_EQ(opcode_, self->sqe[i_].opcode);		\
		EXPECT_EQ(i_ * SLOT, self->sqe[i_].offset);		\
		EXPECT_EQ(SLOT, self->sqe[i_].len);			\
	}								\
} while (0)

TEST_F(slots, S8_pieces_of_a_long_read_are_in_flight_together)
{
	job_pread(&self->job, self->fd, self->mem, 6 * SLOT, 0);
	EXPECT_PIECES(SCHEME_OP_READ, 6);
	/* backwards */
	for (int i = 5; i >= 0; i--) {
		EXPECT_FALSE(job_done(&self->job));
		memset(queue_payload(self->q, &self->sqe[i]), i + 1, SLOT);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe[i], SLOT));
	}
	EXPECT_EQ(6 * SLOT, job_wait(&self->job));
	for (int i = 0; i < 6; i++)
		EXPECT_EQ((i + 1) * SLOT,
			  find_other(self->mem, i * SLOT, (i + 1) * SLOT,
				     i + 1));
}

TEST_F(slots, S8_pieces_of_a_long_write_carry_their_bytes)
{
	for (int i = 0; i < 6; i++)
		memset(self->mem + i * SLOT, i + 1, SLOT);
	job_write(&self->job, self->fd, self->mem, 6 * SLOT);
	EXPECT_PIECES(SCHEME_OP_WRITE, 6);
	for (int i = 5; i >= 0; i--) {
		EXPECT_EQ(SLOT, find_other(queue_payload(self->q,
					   &self->sqe[i]), 0, SLOT, i + 1));
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe[i], SLOT));
	}
	EXPECT_EQ(6 * SLOT, job_wait(&self->job));
	EXPECT_EQ(6 * SLOT, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(slots, S8_a_short_piece_ends_the_prefix)
{
	memset(self->mem, CANARY, 6 * SLOT);
	job_read(&self->job, self->fd, self->mem, 6 * SLOT);
	EXPECT_PIECES(SCHEME_OP_READ, 6);
	for (int i = 5; i >= 0; i--) {
		memset(queue_payload(self->q, &self->sqe[i]), i + 1, SLOT);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe[i],
					  i == 2 ? 100 : SLOT));
	}
	EXPECT_EQ(2 * SLOT + 100, job_wait(&self->job));
	EXPECT_EQ(2 * SLOT + 100, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(2 * SLOT + 100, find_other(self->mem, 2 * SLOT,
					     2 * SLOT + 100, 3));
	EXPECT_EQ(6 * SLOT, find_other(self->mem, 2 * SLOT + 100, 6 * SLOT,
				       CANARY));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(slots, S8_an_error_in_the_middle_gives_what_was_before_it)
{
	job_read(&self->job, self->fd, self->mem, 6 * SLOT);
	EXPECT_PIECES(SCHEME_OP_READ, 6);
	for (int i = 5; i >= 0; i--)
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe[i],
					  i == 3 ? -EIO : SLOT));
	EXPECT_EQ(3 * SLOT, job_wait(&self->job));
	EXPECT_EQ(3 * SLOT, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(slots, S8_an_error_at_the_start_is_the_result)
{
	job_read(&self->job, self->fd, self->mem, 6 * SLOT);
	EXPECT_PIECES(SCHEME_OP_READ, 6);
	for (int i = 5; i >= 0; i--)
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe[i],
					  i == 0 ? -ENXIO : SLOT));
	EXPECT_EQ(-ENXIO, job_wait(&self->job));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(slots, S8_pieces_behind_the_end_are_cancelled_and_not_waited_for)
{
	struct scheme_sqe sqe;

	job_read(&self->job, self->fd, self->mem, 6 * SLOT);
	EXPECT_PIECES(SCHEME_OP_READ, 6);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe[0], SLOT));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe[1], 7));
	EXPECT_EQ(SLOT + 7, job_wait(&self->job));
	for (int i = 2; i < 6; i++) {
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CANCEL));
		EXPECT_EQ(self->sqe[i].user_data, sqe.user_data);
	}
	EXPECT_EQ(4, scheme_attr(NAME, "in_flight"));
	EXPECT_EQ(4, scheme_attr(NAME, "abandoned"));
	for (int i = 2; i < 6; i++)
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe[i], SLOT));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(slots, S8_an_appending_write_is_never_cut)
{
	int fd = client_open(&self->p, O_WRONLY | O_APPEND, 3,
			     SCHEME_CQE_F_POSITIONED);

	ASSERT_LE(0, fd);
	job_write(&self->job, fd, self->mem, 6 * SLOT);
	ASSERT_EQ(0, queue_expect(self->q, self->sqe, SCHEME_OP_WRITE));
	EXPECT_EQ(SLOT, self->sqe[0].len);
	EXPECT_TRUE(queue_silent(self->q, 100));
	EXPECT_EQ(0, queue_answer(self->q, self->sqe, SLOT));
	EXPECT_EQ(SLOT, job_wait(&self->job));
	EXPECT_TRUE(queue_silent(self->q, 50));
	close(fd);
}

TEST_F(slots, S8_a_stream_moves_one_slot_at_most)
{
	job_read(&self->job, self->stream, self->mem, 6 * SLOT);
	ASSERT_EQ(0, queue_expect(self->q, self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(SLOT, self->sqe[0].len);
	EXPECT_TRUE(queue_silent(self->q, 100));
	EXPECT_EQ(0, queue_answer(self->q, self->sqe, SLOT));
	EXPECT_EQ(SLOT, job_wait(&self->job));
}

TEST_F(slots, S8_death_in_the_middle_gives_what_was_before_it)
{
	job_read(&self->job, self->fd, self->mem, 6 * SLOT);
	EXPECT_PIECES(SCHEME_OP_READ, 6);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe[0], SLOT));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe[1], SLOT));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe[4], SLOT));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(2 * SLOT, job_wait(&self->job));
}

TEST_F(slots, S21_a_transfer_needs_one_slot_only)
{
	struct job others[DEPTH - 1];
	struct scheme_sqe sqe;
	char byte;

	for (int i = 0; i < DEPTH - 1; i++) {
		job_read(&others[i], self->stream, &byte, 1);
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_READ));
	}
	job_pread(&self->job, self->fd, self->mem, 6 * SLOT, 0);
	for (int i = 0; i < 6; i++) {
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_READ));
		EXPECT_EQ(i * SLOT, sqe.offset);
		EXPECT_TRUE(queue_silent(self->q, 10));
		EXPECT_EQ(0, queue_answer(self->q, &sqe, SLOT));
	}
	EXPECT_EQ(6 * SLOT, job_wait(&self->job));
}

TEST_HARNESS_MAIN
