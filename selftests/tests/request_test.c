// SPDX-License-Identifier: GPL-2.0
/*
 * Operations by descriptor on one path: every one by ioctl and through io_uring, as the
 * provider sees it and as it comes back.
 */
#include <stddef.h>
#include <sys/stat.h>

#include "request.h"

#define INO	77

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

TEST_HARNESS_MAIN
