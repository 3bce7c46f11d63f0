// SPDX-License-Identifier: MIT
/* Operations on files and directories: from an entry to a callback and back. */
#include "fake_kernel.h"

/* What the last callback was given. */
struct seen {
	unsigned int		calls;
	struct scheme_req	*req;
	uint64_t		handle, handle2, offset, number;
	char			text[SCHEME_PATH_MAX + 1];
	char			text2[SCHEME_PATH_MAX + 1];
	int			flags;
	mode_t			mode;
};

static struct fake *fake;
static struct seen seen;

static void see(struct scheme_req *req, uint64_t handle)
{
	seen.calls++;
	seen.req = req;
	seen.handle = handle;
}

static void see_path(struct scheme_req *req, uint64_t handle, const char *path)
{
	see(req, handle);
	strcpy(seen.text, path);
}

static void see_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	const struct scheme_stat st = { .mode = 0100644, .ino = 9 };

	see_path(req, handle, path);
	scheme_reply_stat(req, &st);
}

static void see_statfs(struct scheme_req *req, uint64_t handle, const char *path)
{
	const struct scheme_statfs st = { .bsize = 512 };

	see_path(req, handle, path);
	scheme_reply_statfs(req, &st);
}

static void see_truncate(struct scheme_req *req, uint64_t handle,
			 const char *path, uint64_t size)
{
	see_path(req, handle, path);
	seen.number = size;
	scheme_reply(req, 0);
}

static void see_utimens(struct scheme_req *req, uint64_t handle,
			const char *path, const struct scheme_times *times)
{
	see_path(req, handle, path);
	seen.number = (uint64_t)times->mtime;
	scheme_reply(req, 0);
}

static void see_mode(struct scheme_req *req, uint64_t handle, const char *path,
		     mode_t mode)
{
	see_path(req, handle, path);
	seen.mode = mode;
	scheme_reply(req, 0);
}

static void see_chown(struct scheme_req *req, uint64_t handle, const char *path,
		      uid_t uid, gid_t gid)
{
	see_path(req, handle, path);
	seen.number = (uint64_t)gid << 32 | uid;
	scheme_reply(req, 0);
}

static void see_text(struct scheme_req *req, uint64_t handle, const char *path)
{
	see_path(req, handle, path);
	scheme_reply_bytes(req, "the text", 8);
}

static void see_rename(struct scheme_req *req, uint64_t handle, const char *path,
		       uint64_t handle2, const char *path2, uint32_t flags)
{
	see_path(req, handle, path);
	seen.handle2 = handle2;
	strcpy(seen.text2, path2);
	seen.flags = (int)flags;
	scheme_reply(req, 0);
}

static void see_link(struct scheme_req *req, uint64_t handle, const char *path,
		     uint64_t handle2, const char *path2)
{
	see_rename(req, handle, path, handle2, path2, 0);
}

static void see_symlink(struct scheme_req *req, const char *target,
			uint64_t handle, const char *path)
{
	see_rename(req, 0, target, handle, path, 0);
}

static void see_unlink(struct scheme_req *req, uint64_t handle, const char *path,
		       uint32_t flags)
{
	see_path(req, handle, path);
	seen.flags = (int)flags;
	scheme_reply(req, 0);
}

static void see_getdents(struct scheme_req *req, uint64_t handle,
			 uint64_t offset)
{
	see(req, handle);
	seen.offset = offset;
}

static void see_fcntl(struct scheme_req *req, uint64_t handle, uint32_t cmd,
		      uint64_t arg)
{
	see(req, handle);
	seen.flags = (int)cmd;
	scheme_reply(req, (int64_t)arg);
}

static const struct scheme_ops all_ops = {
	.stat = see_stat,
	.statfs = see_statfs, .truncate = see_truncate, .utimens = see_utimens,
	.chmod = see_mode, .chown = see_chown, .fpath = see_text,
	.rename = see_rename, .link = see_link, .unlink = see_unlink,
	.getdents = see_getdents, .fcntl = see_fcntl, .symlink = see_symlink,
	.readlink = see_text, .mkdir = see_mode,
};

static int setup(void **state)
{
	memset(&seen, 0, sizeof(seen));
	*state = fake = fake_new(&all_ops, 0);
	return 0;
}

static int teardown(void **state)
{
	fake_free(*state);
	return 0;
}

/* Serve one entry and take what was answered. */
static void serve(const struct scheme_sqe *sqe)
{
	fake->nr = 0;
	fake_submit(fake, sqe);
	assert_int_equal(scheme_queue_step(&fake->queue, 0), 1);
}

static void expect_answer(const struct scheme_sqe *sqe, int64_t result)
{
	assert_int_equal(fake->nr, 1);
	assert_int_equal(fake->answers[0].user_data, sqe->user_data);
	assert_int_equal(fake->answers[0].result, result);
	assert_int_equal(fake->answers[0].kind, SCHEME_CQE_VALUE);
	assert_int_equal(fake->answers[0].status, 0);
}

/* One path, and what comes with it. */
static void operations_on_a_path(void **state)
{
	static const struct {
		uint8_t		opcode;
		int64_t		result;
	} ops[] = {
		{ SCHEME_OP_STAT, sizeof(struct scheme_stat) },
		{ SCHEME_OP_STATFS, sizeof(struct scheme_statfs) },
		{ SCHEME_OP_TRUNCATE, 0 }, { SCHEME_OP_CHMOD, 0 },
		{ SCHEME_OP_CHOWN, 0 }, { SCHEME_OP_PATH, 8 },
		{ SCHEME_OP_UNLINK, 0 }, { SCHEME_OP_READLINK, 8 },
		{ SCHEME_OP_MKDIR, 0 },
	};
	struct scheme_sqe sqe;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		sqe = fake_request(fake, ops[i].opcode, (uint32_t)i % 8, 1,
				   "/a/b?", 4);
		sqe.handle = 12;
		sqe.aux = 0x1234500000200;
		sqe.op_flags = SCHEME_UNLINK_DIR;
		serve(&sqe);
		expect_answer(&sqe, ops[i].result);
		assert_int_equal(seen.calls, i + 1);
		assert_int_equal(seen.handle, 12);
		assert_string_equal(seen.text, "a/b");
		switch (ops[i].opcode) {
		case SCHEME_OP_TRUNCATE:
		case SCHEME_OP_CHOWN:
			assert_int_equal(seen.number, 0x1234500000200);
			break;
		case SCHEME_OP_CHMOD:
		case SCHEME_OP_MKDIR:
			assert_int_equal(seen.mode, 0x200);
			break;
		case SCHEME_OP_UNLINK:
			assert_int_equal(seen.flags, SCHEME_UNLINK_DIR);
			break;
		}
	}
}

static void what_is_put_into_an_answer_is_in_the_slot(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_STAT, 3, 1, "x", 1);
	struct scheme_stat st;

	(void)state;
	sqe.aux = sizeof(st);
	serve(&sqe);
	expect_answer(&sqe, sizeof(st));
	memcpy(&st, fake->mem->slots[3], sizeof(st));
	assert_int_equal(st.ino, 9);
	/* and never more than there is room for */
	sqe = fake_request(fake, SCHEME_OP_READLINK, 3, 2, "x", 1);
	sqe.aux = 7;
	serve(&sqe);
	expect_answer(&sqe, -ENAMETOOLONG);
}

static void the_number_that_the_caller_has_seen(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_CHMOD, 0, 1, "x", 1);

	(void)state;
	sqe.offset = 99;
	serve(&sqe);
	assert_int_equal(scheme_req_ino(seen.req), 99);
	sqe = fake_request(fake, SCHEME_OP_GETDENTS, 0, 2, NULL, 100);
	sqe.offset = 99;
	serve(&sqe);
	assert_int_equal(scheme_req_ino(seen.req), 0);
}

static void times_come_before_the_path(void **state)
{
	struct {
		struct scheme_times	times;
		char			path[4];
	} payload = { { 1, 2, 3, 4 }, "file" };
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_UTIMENS, 0, 1,
					     &payload, sizeof(payload.times) + 4);

	(void)state;
	serve(&sqe);
	expect_answer(&sqe, 0);
	assert_int_equal(seen.number, 2);
	assert_string_equal(seen.text, "file");
	sqe = fake_request(fake, SCHEME_OP_UTIMENS, 0, 2, NULL, 23);
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
}

static struct scheme_sqe two_paths(uint8_t opcode, uint32_t first, uint32_t second)
{
	struct {
		struct scheme_paths	head;
		char			text[16];
	} payload = { { first, second }, "/old\0/new" };
	struct scheme_sqe sqe = fake_request(fake, opcode, 0, opcode, &payload, 17);

	sqe.handle = 5;
	sqe.aux = 6;
	sqe.op_flags = SCHEME_RENAME_EXCHANGE;
	return sqe;
}

static void operations_on_two_paths(void **state)
{
	struct scheme_sqe sqe = two_paths(SCHEME_OP_RENAME, 4, 4);

	(void)state;
	serve(&sqe);
	expect_answer(&sqe, 0);
	assert_int_equal(seen.handle, 5);
	assert_int_equal(seen.handle2, 6);
	assert_string_equal(seen.text, "old");
	assert_string_equal(seen.text2, "new");
	assert_int_equal(seen.flags, SCHEME_RENAME_EXCHANGE);
	sqe = two_paths(SCHEME_OP_LINK, 4, 4);
	serve(&sqe);
	expect_answer(&sqe, 0);
	assert_string_equal(seen.text, "old");
	/* a target is text, not a path below the root */
	sqe = two_paths(SCHEME_OP_SYMLINK, 4, 4);
	serve(&sqe);
	expect_answer(&sqe, 0);
	assert_string_equal(seen.text, "/old");
	assert_string_equal(seen.text2, "new");
	assert_int_equal(seen.handle2, 6);
}

static void lengths_that_do_not_add_up_are_einval(void **state)
{
	static const uint32_t lengths[][2] = {
		{ 5, 4 }, { 4, 3 }, { 3, 5 }, { UINT32_MAX, 9 }, { 0, UINT32_MAX },
	};
	struct scheme_sqe sqe;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		sqe = two_paths(SCHEME_OP_RENAME, lengths[i][0], lengths[i][1]);
		serve(&sqe);
		expect_answer(&sqe, -EINVAL);
	}
	sqe.len = 7;
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
	assert_int_equal(seen.calls, 0);
}

static void entries_fill_the_room_and_no_more(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_GETDENTS, 2, 1,
					     NULL, 70);
	struct scheme_dirent *e = (void *)fake->mem->slots[2];

	(void)state;
	sqe.handle = 5;
	sqe.offset = 1000;
	serve(&sqe);
	assert_int_equal(fake->nr, 0);
	assert_int_equal(seen.offset, 1000);
	assert_int_equal(scheme_dirent_add(seen.req, 1, 1, 0, "."), 0);
	assert_int_equal(scheme_dirent_add(seen.req, 1, 1, 0, ".."), 0);
	assert_int_equal(scheme_dirent_add(seen.req, 3, 0, 0, "x"), -EINVAL);
	assert_int_equal(scheme_dirent_add(seen.req, 3, 1, 0, ""), -EINVAL);
	assert_int_equal(scheme_dirent_add(seen.req, 3, 1, 0, "a/b"), -EINVAL);
	assert_int_equal(scheme_dirent_add(seen.req, 3, 7, 0040755, "abc"), 0);
	assert_int_equal(scheme_dirent_add(seen.req, 4, 8, 0100644, "12345678"), 0);
	assert_int_equal(scheme_dirent_add(seen.req, 5, 9, 0, "x"), -ENOSPC);
	assert_int_equal(scheme_reply_dirents(seen.req), 0);
	assert_int_equal(scheme_queue_flush(&fake->queue), 0);
	expect_answer(&sqe, 64);
	assert_int_equal(e->ino, 3);
	assert_int_equal(e->next, 7);
	assert_int_equal(e->type, 4);
	assert_int_equal(e->namelen, 3);
	assert_memory_equal(e->name, "abc\0\0\0\0\0", 8);
	e = (void *)(fake->mem->slots[2] + 32);
	assert_memory_equal(e->name, "12345678", 8);
	/* room for none is not the end */
	sqe = fake_request(fake, SCHEME_OP_GETDENTS, 2, 2, NULL, 10);
	serve(&sqe);
	assert_int_equal(scheme_dirent_add(seen.req, 3, 1, 0, "x"), -ENOSPC);
	assert_int_equal(scheme_reply_dirents(seen.req), 0);
	assert_int_equal(scheme_queue_flush(&fake->queue), 0);
	expect_answer(&sqe, -EINVAL);
}

static void fcntl_has_command_and_argument(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_FCNTL, 0, 1, NULL, 0);

	(void)state;
	sqe.op_flags = 1234;
	sqe.aux = 1ULL << 40;
	serve(&sqe);
	expect_answer(&sqe, 1LL << 40);
	assert_int_equal(seen.flags, 1234);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(operations_on_a_path),
		TEST(what_is_put_into_an_answer_is_in_the_slot),
		TEST(the_number_that_the_caller_has_seen),
		TEST(times_come_before_the_path),
		TEST(operations_on_two_paths),
		TEST(lengths_that_do_not_add_up_are_einval),
		TEST(entries_fill_the_room_and_no_more),
		TEST(fcntl_has_command_and_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
