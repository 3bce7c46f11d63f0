// SPDX-License-Identifier: GPL-2.0
/* Operations by descriptor that change or list directories; see request_test.c. */
#include <sys/stat.h>

#include "request.h"

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

TEST_HARNESS_MAIN
