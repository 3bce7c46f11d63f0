// SPDX-License-Identifier: GPL-2.0
/*
 * Operations by descriptor: every one by ioctl and through io_uring, as the
 * provider sees it and as it comes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scheme.h>

#include "../harness.h"
#include "../uring.h"

#define NAME	"test-request"
#define SLOT	4096
#define INO	77

FIXTURE(request) {
	struct provider p;
	struct queue *q;
	int fd;				/* number 1 */
	struct io_uring ring;
	struct job job;
	struct scheme_sqe sqe;
	struct scheme_request r;
	char buf[SLOT];
};

FIXTURE_VARIANT(request) {
	bool uring;
};

FIXTURE_VARIANT_ADD(request, ioctl) {
	.uring = false,
};

FIXTURE_VARIANT_ADD(request, uring) {
	.uring = true,
};

FIXTURE_SETUP(request)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uring_begin(&self->ring, 0));
}

FIXTURE_TEARDOWN(request)
{
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	provider_end(&self->p);
}

/* Begin a command by the variant's route. */
static void begin(FIXTURE_DATA(request) *self, bool uring, int fd, uint32_t cmd,
		  void *arg)
{
	struct io_uring_sqe *sqe;

	if (!uring) {
		job_ioctl(&self->job, fd, cmd, arg);
		return;
	}
	sqe = io_uring_get_sqe(&self->ring);
	scheme_prep_command(sqe, fd, cmd, arg);
	sqe->user_data = 5;
	io_uring_submit(&self->ring);
}

static long end(FIXTURE_DATA(request) *self, bool uring)
{
	return uring ? uring_wait(&self->ring, 5) : job_wait(&self->job);
}

#define BEGIN(fd, cmd, arg)	begin(self, variant->uring, fd, cmd, arg)
#define END()			end(self, variant->uring)

/* What comes back without the provider being asked. */
#define EXPECT_REFUSED(err)						\
do {									\
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);			\
	EXPECT_EQ(-(err), END());					\
	EXPECT_TRUE(queue_silent(self->q, 1));				\
} while (0)

static struct scheme_request on_path(uint8_t opcode, const char *path)
{
	return (struct scheme_request){
		.opcode = opcode, .path = (uintptr_t)path,
		.path_len = strlen(path), .fd2 = -1,
	};
}

static struct scheme_stat some_stat(void)
{
	return (struct scheme_stat){
		.mode = S_IFREG | 0644, .nlink = 1, .ino = INO, .size = 5,
		.mtime_nsec = 999999999,
	};
}

/* Operations that take one path and nothing else that is not in `with`. */
static const struct {
	uint8_t		opcode;
	uint64_t	aux;
	uint32_t	flags;
} plain[] = {
	{ SCHEME_OP_TRUNCATE, 1ULL << 40, 0 },
	{ SCHEME_OP_CHMOD, 07777, 0 },
	{ SCHEME_OP_CHOWN, 3 | 4ULL << 32, 0 },
	{ SCHEME_OP_CHOWN, ~0ULL, 0 },
	{ SCHEME_OP_UNLINK, 0, 0 },
	{ SCHEME_OP_UNLINK, 0, SCHEME_UNLINK_DIR },
	{ SCHEME_OP_MKDIR, 0755, 0 },
};

TEST_F(request, S10_S11_one_path_reaches_the_provider)
{
	static const char *const paths[] = { "", "x", "a/b/c" };

	for (unsigned int i = 0; i < ARRAY_SIZE(plain); i++) {
		const char *path = paths[i % ARRAY_SIZE(paths)];

		self->r = on_path(plain[i].opcode, path);
		self->r.aux = plain[i].aux;
		self->r.op_flags = plain[i].flags;
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, plain[i].opcode));
		EXPECT_EQ(1, self->sqe.handle);
		EXPECT_EQ(plain[i].aux, self->sqe.aux);
		EXPECT_EQ(plain[i].flags, self->sqe.op_flags);
		EXPECT_EQ(0, self->sqe.offset);
		EXPECT_EQ(getpid(), self->sqe.pid);
		EXPECT_EQ(strlen(path), self->sqe.len);
		EXPECT_EQ(0, memcmp(path, queue_payload(self->q, &self->sqe),
				    strlen(path)));
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
		EXPECT_EQ(0, END());
	}
}

TEST_F(request, S10_errors_arrive_unchanged)
{
	static const int errors[] = {
		EPERM, ENOENT, EOPNOTSUPP, ENOSYS, EROFS, EDQUOT, EHWPOISON,
	};
	char room[SLOT];

	for (uint8_t op = SCHEME_OP_STAT; op <= SCHEME_OP_LAST; op++) {
		self->r = on_path(op, "x");
		switch (op) {
		case SCHEME_OP_FSYNC:
		case SCHEME_OP_EVENT ... SCHEME_OP_DETACH:
			continue;
		case SCHEME_OP_GETDENTS:
		case SCHEME_OP_FCNTL:
			self->r.path = 0;
			self->r.path_len = 0;
			break;
		case SCHEME_OP_RENAME:
		case SCHEME_OP_LINK:
		case SCHEME_OP_SYMLINK:
			self->r.path2 = self->r.path;
			self->r.path2_len = self->r.path_len;
			break;
		}
		switch (op) {
		case SCHEME_OP_STAT:
			self->r.buf_len = sizeof(struct scheme_stat);
			break;
		case SCHEME_OP_STATFS:
			self->r.buf_len = sizeof(struct scheme_statfs);
			break;
		case SCHEME_OP_UTIMENS:
			self->r.buf_len = sizeof(struct scheme_times);
			memset(room, 0, sizeof(room));
			break;
		case SCHEME_OP_PATH:
		case SCHEME_OP_READLINK:
		case SCHEME_OP_GETDENTS:
			self->r.buf_len = sizeof(room);
			break;
		}
		if (self->r.buf_len)
			self->r.buf = (uintptr_t)room;
		for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
			BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
			ASSERT_EQ(0, queue_expect(self->q, &self->sqe, op));
			EXPECT_EQ(0, queue_answer(self->q, &self->sqe,
						  -errors[i]));
			EXPECT_EQ(-errors[i], END());
		}
	}
}

TEST_F(request, S10_stat_and_statfs)
{
	struct scheme_stat st = some_stat(), got;
	struct scheme_statfs fs = { .bsize = 512, .blocks = 9 }, got_fs;

	self->r = on_path(SCHEME_OP_STAT, "");
	self->r.buf = (uintptr_t)&got;
	self->r.buf_len = sizeof(got);
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_STAT));
	EXPECT_EQ(sizeof(st), self->sqe.aux);
	memcpy(queue_payload(self->q, &self->sqe), &st, sizeof(st));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, sizeof(st)));
	EXPECT_EQ(0, END());
	EXPECT_EQ(0, memcmp(&st, &got, sizeof(st)));
	EXPECT_EQ(sizeof(st), self->r.result);

	self->r = on_path(SCHEME_OP_STATFS, "");
	self->r.buf = (uintptr_t)&got_fs;
	self->r.buf_len = sizeof(got_fs);
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_STATFS));
	memcpy(queue_payload(self->q, &self->sqe), &fs, sizeof(fs));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, sizeof(fs)));
	EXPECT_EQ(0, END());
	EXPECT_EQ(0, memcmp(&fs, &got_fs, sizeof(fs)));
}

TEST_F(request, X3_numbers_that_linux_does_not_have_are_eio)
{
	static const int numbers[] = { 41, 58, 134, 4096 };

	self->r = on_path(SCHEME_OP_UNLINK, "x");
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_UNLINK));
		EXPECT_EQ(EPROTO, queue_answer(self->q, &self->sqe, -numbers[i]));
		EXPECT_EQ(-EIO, END());
	}
}

/* What a STAT may not say. */
TEST_F(request, S10_an_answer_that_cannot_be_is_eio)
{
	struct scheme_stat good = some_stat(), got;
	struct scheme_stat bad[8];

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].mode = 0644;
	bad[1].mode = 0x12345678;
	bad[2].ino = 0;
	bad[3].size = 1ULL << 63;
	bad[4].mtime_nsec = 1000000000;
	bad[5].uid = ~0U;
	bad[6].reserved[3] = 1;
	bad[7].blksize = ~0U;
	self->r = on_path(SCHEME_OP_STAT, "");
	self->r.buf = (uintptr_t)&got;
	self->r.buf_len = sizeof(got);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_STAT));
		memcpy(queue_payload(self->q, &self->sqe), &bad[i],
		       sizeof(bad[i]));
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, sizeof(good)));
		EXPECT_EQ(-EIO, END());
	}
	/* of any other size than it has */
	for (int len = 0; len < 3; len++) {
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_STAT));
		EXPECT_EQ(EPROTO, queue_answer(self->q, &self->sqe,
					       sizeof(good) - 1 + len * 2 -
					       (len == 2) * 3 * 1000));
		EXPECT_EQ(-EIO, END());
	}
}

TEST_F(request, S10_times)
{
	struct scheme_times t = { 1, -2, SCHEME_TIME_OMIT, 999999999 }, seen;

	self->r = on_path(SCHEME_OP_UTIMENS, "file");
	self->r.buf = (uintptr_t)&t;
	self->r.buf_len = sizeof(t);
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_UTIMENS));
	EXPECT_EQ(sizeof(t) + 4, self->sqe.len);
	memcpy(&seen, queue_payload(self->q, &self->sqe), sizeof(seen));
	EXPECT_EQ(0, memcmp(&t, &seen, sizeof(t)));
	EXPECT_EQ(0, memcmp("file", (char *)queue_payload(self->q, &self->sqe) +
			    sizeof(t), 4));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, END());
	t.mtime_nsec = 1000000000;
	EXPECT_REFUSED(EINVAL);
	t.mtime_nsec = 0;
	self->r.buf_len--;
	EXPECT_REFUSED(EINVAL);
	self->r.buf_len++;
	self->r.buf = 1;
	EXPECT_REFUSED(EFAULT);
}

TEST_F(request, S10_S11_text_that_comes_back)
{
	static const uint8_t ops[] = { SCHEME_OP_PATH, SCHEME_OP_READLINK };

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		self->r = on_path(ops[i], "l");
		self->r.buf = (uintptr_t)self->buf;
		self->r.buf_len = 10;
		memset(self->buf, '?', sizeof(self->buf));
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, ops[i]));
		EXPECT_EQ(10, self->sqe.aux);
		memcpy(queue_payload(self->q, &self->sqe), "../target", 9);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 9));
		EXPECT_EQ(0, END());
		EXPECT_EQ(9, self->r.result);
		EXPECT_EQ(0, memcmp("../target?", self->buf, 10));
		/* more than there was room for, and a NUL inside */
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, ops[i]));
		EXPECT_EQ(EPROTO, queue_answer(self->q, &self->sqe, 11));
		EXPECT_EQ(-EIO, END());
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, ops[i]));
		memcpy(queue_payload(self->q, &self->sqe), "a\0b", 3);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 3));
		EXPECT_EQ(-EIO, END());
		self->r.buf_len = 0;
		EXPECT_REFUSED(EINVAL);
	}
}

TEST_F(request, S11_two_paths)
{
	static const struct {
		uint8_t		opcode;
		uint32_t	flags;
	} ops[] = {
		{ SCHEME_OP_RENAME, 0 },
		{ SCHEME_OP_RENAME, SCHEME_RENAME_NOREPLACE },
		{ SCHEME_OP_RENAME, SCHEME_RENAME_EXCHANGE },
		{ SCHEME_OP_LINK, 0 },
		{ SCHEME_OP_SYMLINK, 0 },
	};
	int dir2 = client_openat_as(&self->p, self->fd, "d", O_RDWR, 2, 0);
	struct scheme_paths head;
	const char *text;

	ASSERT_LE(0, dir2);
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		self->r = on_path(ops[i].opcode, "old/name");
		self->r.op_flags = ops[i].flags;
		self->r.path2 = (uintptr_t)"new";
		self->r.path2_len = 3;
		if (ops[i].opcode != SCHEME_OP_SYMLINK)
			self->r.fd2 = dir2;
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, ops[i].opcode));
		EXPECT_EQ(1, self->sqe.handle);
		EXPECT_EQ(self->r.fd2 < 0 ? 1 : 2, self->sqe.aux);
		EXPECT_EQ(ops[i].flags, self->sqe.op_flags);
		text = queue_payload(self->q, &self->sqe);
		memcpy(&head, text, sizeof(head));
		EXPECT_EQ(8, head.first_len);
		EXPECT_EQ(3, head.second_len);
		EXPECT_EQ(sizeof(head) + 12, self->sqe.len);
		EXPECT_EQ(0, memcmp("old/name\0new", text + sizeof(head), 12));
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
		EXPECT_EQ(0, END());
	}
	self->r = on_path(SCHEME_OP_RENAME, "a");
	self->r.op_flags = SCHEME_RENAME_NOREPLACE | SCHEME_RENAME_EXCHANGE;
	EXPECT_REFUSED(EINVAL);
	self->r.op_flags = 4;
	EXPECT_REFUSED(EINVAL);
	self->r.op_flags = 0;
	self->r.fd2 = 0;
	EXPECT_REFUSED(EBADF);
	self->r.fd2 = 12345;
	EXPECT_REFUSED(EBADF);
	close(dir2);
}

TEST_F(request, S11_two_schemes_are_exdev)
{
	struct provider other;
	int fd2;

	ASSERT_EQ(0, provider_begin(&other, NAME "2"));
	fd2 = client_open_ioctl(&other);
	ASSERT_LE(0, fd2);
	self->r = on_path(SCHEME_OP_RENAME, "a");
	self->r.path2 = self->r.path;
	self->r.path2_len = 1;
	self->r.fd2 = fd2;
	EXPECT_REFUSED(EXDEV);
	close(fd2);
	provider_end(&other);
}

/* Puts an entry at `at`; returns where the next goes. */
static char *put_entry(char *at, uint64_t ino, uint64_t next, const char *name,
		       unsigned int len)
{
	struct scheme_dirent e = { .ino = ino, .next = next, .namelen = len,
				   .type = 8 };

	memset(at, 0, SCHEME_DIRENT_SIZE(len));
	memcpy(at, &e, sizeof(e));
	memcpy(at + sizeof(e), name, len);
	return at + SCHEME_DIRENT_SIZE(len);
}

TEST_F(request, S11_entries)
{
	char *slot, *at;

	self->r = on_path(SCHEME_OP_GETDENTS, "");
	self->r.path = 0;
	self->r.offset = 1234567;
	self->r.buf = (uintptr_t)self->buf;
	self->r.buf_len = 1000;
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_GETDENTS));
	EXPECT_EQ(1234567, self->sqe.offset);
	EXPECT_EQ(1000, self->sqe.len);
	slot = queue_payload(self->q, &self->sqe);
	at = put_entry(slot, 5, 1, "one", 3);
	at = put_entry(at, 6, INT64_MAX - 2, "...", 3);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, at - slot));
	EXPECT_EQ(0, END());
	EXPECT_EQ(at - slot, self->r.result);
	EXPECT_EQ(0, memcmp(self->buf, slot, at - slot));
}

TEST_F(request, S11_entries_that_cannot_be_are_eio)
{
	static const char long_name[256] = { [0 ... 255] = 'x' };
	static const struct {
		uint64_t	ino, next;
		const char	*name;
		unsigned int	len;
	} bad[] = {
		{ 1, 1, "a/b", 3 }, { 1, 1, "a\0b", 3 }, { 1, 1, "", 0 },
		{ 1, 1, ".", 1 }, { 1, 1, "..", 2 }, { 0, 1, "x", 1 },
		{ 1, 0, "x", 1 }, { 1, INT64_MAX, "x", 1 },
		{ 1, 1, long_name, 256 },
	};
	char *slot, *at;

	self->r = on_path(SCHEME_OP_GETDENTS, "");
	self->r.path = 0;
	self->r.buf = (uintptr_t)self->buf;
	self->r.buf_len = 1000;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad) + 4; i++) {
		BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,
					  SCHEME_OP_GETDENTS));
		slot = queue_payload(self->q, &self->sqe);
		at = put_entry(slot, 5, 1, "good", 4);
		if (i < ARRAY_SIZE(bad))
			at = put_entry(at, bad[i].ino, bad[i].next, bad[i].name,
				       bad[i].len);
		else if (i == ARRAY_SIZE(bad))
			at -= 8;	/* cut off in the name */
		else if (i == ARRAY_SIZE(bad) + 1)
			at += 8;	/* less than an entry follows */
		else if (i == ARRAY_SIZE(bad) + 2)
			at[-1] = 1;	/* padding */
		else
			slot[offsetof(struct scheme_dirent, reserved)] = 1;
		if (i == ARRAY_SIZE(bad) + 1)
			memset(at - 8, 0, 8);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, at - slot));
		EXPECT_EQ(-EIO, END());
	}
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_GETDENTS));
	EXPECT_EQ(EPROTO, queue_answer(self->q, &self->sqe, 1001));
	EXPECT_EQ(-EIO, END());
}

TEST_F(request, S12_fcntl_reaches_the_provider)
{
	self->r = on_path(SCHEME_OP_FCNTL, "");
	self->r.path = 0;
	self->r.op_flags = 0xdeadbeef;
	self->r.aux = 0x123456789abcdefULL;
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_FCNTL));
	EXPECT_EQ(0xdeadbeef, self->sqe.op_flags);
	EXPECT_EQ(0x123456789abcdefULL, self->sqe.aux);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1LL << 40));
	EXPECT_EQ(0, END());
	EXPECT_EQ(1LL << 40, self->r.result);
}

TEST_F(request, S10_changes_need_the_right_to_write)
{
	int fd = client_open(&self->p, O_RDONLY, 3, 0);
	struct scheme_stat st = some_stat(), got;

	ASSERT_LE(0, fd);
	for (unsigned int i = 0; i < ARRAY_SIZE(plain); i++) {
		self->r = on_path(plain[i].opcode, "x");
		self->r.aux = plain[i].aux;
		BEGIN(fd, SCHEME_IOC_REQUEST, &self->r);
		EXPECT_EQ(-EACCES, END());
	}
	self->r = on_path(SCHEME_OP_STAT, "x");
	self->r.buf = (uintptr_t)&got;
	self->r.buf_len = sizeof(got);
	BEGIN(fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_STAT));
	memcpy(queue_payload(self->q, &self->sqe), &st, sizeof(st));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, sizeof(st)));
	EXPECT_EQ(0, END());
	close(fd);
}

TEST_F(request, S10_from_the_root_without_an_open_file)
{
	int fd = client_open_ioctl(&self->p);

	ASSERT_LE(0, fd);
	self->r = on_path(SCHEME_OP_MKDIR, "x");
	BEGIN(fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MKDIR));
	EXPECT_EQ(SCHEME_ROOT, self->sqe.handle);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, END());
	self->r = on_path(SCHEME_OP_FCNTL, "");
	BEGIN(fd, SCHEME_IOC_REQUEST, &self->r);
	EXPECT_EQ(-EINVAL, END());	/* a path where none belongs */
	self->r.path = 0;
	BEGIN(fd, SCHEME_IOC_REQUEST, &self->r);
	EXPECT_EQ(-EBADF, END());
	close(fd);
}

TEST_F(request, S10_bad_input)
{
	static char path[SCHEME_PATH_MAX + 2];

	self->r = on_path(SCHEME_OP_LAST + 1, "");
	EXPECT_REFUSED(ENOSYS);
	for (uint8_t op = 0; op < SCHEME_OP_STAT; op++) {
		self->r = on_path(op, "");
		EXPECT_REFUSED(EOPNOTSUPP);
	}
	self->r = on_path(SCHEME_OP_FSYNC, "");
	EXPECT_REFUSED(EOPNOTSUPP);

	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.reserved = 1;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.reserved0[2] = 1;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.op_flags = 1;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.offset = 1;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.aux = 1;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.fd2 = self->fd;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.path2_len = 1;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	self->r.buf_len = 1;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_CHMOD, "x");
	self->r.aux = 010000;
	EXPECT_REFUSED(EINVAL);
	self->r = on_path(SCHEME_OP_TRUNCATE, "x");
	self->r.aux = 1ULL << 63;
	EXPECT_REFUSED(EFBIG);

	memset(path, 'x', sizeof(path) - 1);
	self->r = on_path(SCHEME_OP_UNLINK, path);
	EXPECT_REFUSED(ENAMETOOLONG);
	/* both do not fit a slot */
	self->r = on_path(SCHEME_OP_RENAME, path);
	self->r.path_len = self->r.path2_len = SLOT / 2;
	self->r.path2 = self->r.path;
	EXPECT_REFUSED(ENAMETOOLONG);
	self->r = on_path(SCHEME_OP_UNLINK, "a\0b");
	self->r.path_len = 3;
	EXPECT_REFUSED(EINVAL);
	self->r.path = 1;
	EXPECT_REFUSED(EFAULT);
	BEGIN(self->fd, SCHEME_IOC_REQUEST, (void *)1);
	EXPECT_EQ(-EFAULT, END());
}

/* ---- the commands that there were before ----------------------------------- */

TEST_F(request, S7_S13_S14_openat_dup_and_call)
{
	struct scheme_openat at = { .path = (uintptr_t)"p", .path_len = 1,
				    .flags = O_RDONLY | O_CLOEXEC };
	struct scheme_dup dup = { .name = (uintptr_t)"n", .name_len = 1,
				  .flags = O_CLOEXEC };
	struct scheme_call call = { .in = (uintptr_t)"abc", .in_len = 3,
				    .out = (uintptr_t)self->buf, .out_len = 8,
				    .word = { 1, 2, 3 } };
	struct scheme_cqe cqe = { .result = 42, .extra = 2 };
	int fd;

	BEGIN(self->fd, SCHEME_IOC_OPENAT, &at);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 9, 0, 0));
	fd = END();
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(9, self->sqe.handle);

	BEGIN(self->fd, SCHEME_IOC_DUP, &dup);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_DUP));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 10, 0, 0));
	fd = END();
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));

	BEGIN(self->fd, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CALL));
	memcpy(queue_payload(self->q, &self->sqe), "ok", 2);
	cqe.user_data = self->sqe.user_data;
	EXPECT_EQ(0, queue_push(self->q, &cqe));
	EXPECT_EQ(0, END());
	EXPECT_EQ(42, call.result);
	EXPECT_EQ(2, call.out_len);
	EXPECT_EQ(0, memcmp("ok", self->buf, 2));
}

TEST_F(request, S20_the_provider_dies_under_a_command)
{
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_UNLINK));
	EXPECT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, END());
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	EXPECT_EQ(-ENODEV, END());
}

/* ---- io_uring's own --------------------------------------------------------- */

FIXTURE(uring) {
	struct provider p;
	struct queue *q;
	int fd;
	struct scheme_sqe sqe;
	struct io_uring ring;
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uring_begin(&self->ring, 0));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	provider_end(&self->p);
}

static long command(struct io_uring *ring, int fd, uint32_t cmd_op,
		    const struct scheme_command *command)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	scheme_prep_command(sqe, fd, cmd_op, NULL);
	sqe->user_data = 1;
	memcpy(&sqe->addr3, command, sizeof(*command));
	io_uring_submit(ring);
	return uring_wait(ring, 1);
}

TEST_F(uring, U1_a_wrong_size_is_einval)
{
	struct scheme_request r = on_path(SCHEME_OP_UNLINK, "x");
	struct scheme_command c = { .arg = (uintptr_t)&r };

	for (c.size = 0; c.size < 100; c.size++)
		if (c.size != sizeof(r))
			EXPECT_EQ(-EINVAL, command(&self->ring, self->fd,
						   SCHEME_IOC_REQUEST, &c));
	c.size = sizeof(r);
	c.reserved = 1;
	EXPECT_EQ(-EINVAL, command(&self->ring, self->fd, SCHEME_IOC_REQUEST,
				   &c));
	c.reserved = 0;
	EXPECT_EQ(-ENOTTY, command(&self->ring, self->fd, 0, &c));
	c.size = _IOC_SIZE(SCHEME_IOC_QUERY);
	EXPECT_EQ(-ENOTTY, command(&self->ring, self->fd, SCHEME_IOC_QUERY, &c));
	EXPECT_TRUE(queue_silent(self->q, 1));
}

TEST_F(uring, U1_many_commands_are_in_flight_at_once)
{
	struct scheme_request r[8];
	struct scheme_sqe sqes[8];
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;

	for (int i = 0; i < 8; i++) {
		r[i] = on_path(SCHEME_OP_FCNTL, "");
		r[i].path = 0;
		r[i].aux = i;
		sqe = io_uring_get_sqe(&self->ring);
		scheme_prep_command(sqe, self->fd, SCHEME_IOC_REQUEST, &r[i]);
		sqe->user_data = i;
	}
	/* nothing has been answered when submit returns */
	ASSERT_EQ(8, io_uring_submit(&self->ring));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, queue_expect(self->q, &sqes[i], SCHEME_OP_FCNTL));
	EXPECT_TRUE(uring_silent(&self->ring, 50));
	for (int i = 7; i >= 0; i--)
		EXPECT_EQ(0, queue_answer(self->q, &sqes[i],
					  sqes[i].aux + 100));
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(0, cqe->res);
		EXPECT_EQ(cqe->user_data + 100, r[cqe->user_data].result);
		io_uring_cqe_seen(&self->ring, cqe);
	}
}

TEST_F(uring, U20_a_command_can_be_cancelled)
{
	struct scheme_request r = on_path(SCHEME_OP_FCNTL, "");
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	struct io_uring_cqe *cqe;
	uint64_t tag;

	r.path = 0;
	scheme_prep_command(sqe, self->fd, SCHEME_IOC_REQUEST, &r);
	sqe->user_data = 1;
	io_uring_submit(&self->ring);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_FCNTL));
	tag = self->sqe.user_data;
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->user_data = 2;
	io_uring_submit(&self->ring);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CANCEL));
	EXPECT_EQ(tag, self->sqe.user_data);
	queue_post_value(self->q, tag, -ECANCELED);
	ASSERT_LE(0, queue_enter(self->q, 0, 0));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		if (cqe->user_data == 1)
			EXPECT_EQ(-EINTR, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
}

TEST_HARNESS_MAIN
