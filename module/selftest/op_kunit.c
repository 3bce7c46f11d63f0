// SPDX-License-Identifier: GPL-2.0
/* What a provider may say of its objects, and how a payload is put together. */
#include "../op.c"

#include <linux/slab.h>

#include "suites.h"

/* ---- STAT ------------------------------------------------------------------ */

static struct scheme_stat good_stat(void)
{
	return (struct scheme_stat){
		.mode = S_IFREG | 0644, .nlink = 1, .ino = 5,
		.size = MAX_LFS_FILESIZE, .blocks = MAX_LFS_FILESIZE,
		.atime = S64_MIN, .mtime = S64_MAX,
		.atime_nsec = NSEC_PER_SEC - 1, .blksize = SZ_1G,
	};
}

/* A good one, but for one field. */
#define STAT_OK(test, field, value)					\
({									\
	struct schm_world *w = (test)->priv;				\
	struct scheme_stat st = good_stat();				\
									\
	st.field = (value);						\
	schm_stat_ok(w->s, &st);					\
})

static void S10_stat_that_can_be_is_taken(struct kunit *test)
{
	static const u32 types[] = {
		S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		KUNIT_EXPECT_TRUE(test, STAT_OK(test, mode, types[i] | 07777));
	KUNIT_EXPECT_TRUE(test, STAT_OK(test, ino, U64_MAX));
	KUNIT_EXPECT_TRUE(test, STAT_OK(test, nlink, 0));
	KUNIT_EXPECT_TRUE(test, STAT_OK(test, generation, U64_MAX));
	KUNIT_EXPECT_TRUE(test, STAT_OK(test, lifetime_ns, U64_MAX));
}

static void S10_stat_that_cannot_be_is_refused(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_FALSE(test, STAT_OK(test, mode, 0));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, mode, 0644));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, mode, S_IFMT));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, mode, S_IFREG | 1U << 16));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, mode, S_IFREG | 1U << 31));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, ino, 0));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, size, (u64)MAX_LFS_FILESIZE + 1));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, size, U64_MAX));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, blocks, U64_MAX));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, atime_nsec, NSEC_PER_SEC));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, mtime_nsec, U32_MAX));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, ctime_nsec, SCHEME_TIME_NOW));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, blksize, SZ_1G + 1));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, uid, U32_MAX));
	KUNIT_EXPECT_FALSE(test, STAT_OK(test, gid, U32_MAX));
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_FALSE(test, STAT_OK(test, reserved[i], 1ULL << 63));
}

static void S30_unprivileged_provider_owns_all_it_shows(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct scheme_stat st = good_stat();

	w->s->config.privileged = false;
	w->s->creator = KUIDT_INIT(1000);
	w->s->creator_gid = KGIDT_INIT(2000);
	st.mode = S_IFREG | 06755;
	/* not even ids that there are not get in the way */
	st.uid = U32_MAX;
	KUNIT_EXPECT_TRUE(test, schm_stat_ok(w->s, &st));
	KUNIT_EXPECT_EQ(test, st.uid, 1000);
	KUNIT_EXPECT_EQ(test, st.gid, 2000);
	KUNIT_EXPECT_EQ(test, st.mode, S_IFREG | 0755);
}

static void S30_privileged_provider_says_whose_it_is(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct scheme_stat st = good_stat();

	st.mode = S_IFREG | 06755;
	st.uid = 1000;
	st.gid = 2000;
	KUNIT_EXPECT_TRUE(test, schm_stat_ok(w->s, &st));
	KUNIT_EXPECT_EQ(test, st.uid, 1000);
	KUNIT_EXPECT_EQ(test, st.gid, 2000);
	KUNIT_EXPECT_EQ(test, st.mode, S_IFREG | 06755);
}

/* ---- GETDENTS -------------------------------------------------------------- */

/* Entries one after the other; memory that ends where they do. */
struct dents {
	u8	*buf;
	u32	len;
};

static struct scheme_dirent *dents_add(struct kunit *test, struct dents *d,
				       const char *name, u32 namelen)
{
	u32 size = SCHEME_DIRENT_SIZE(namelen);
	u8 *buf = kunit_kzalloc(test, d->len + size, GFP_KERNEL);
	struct scheme_dirent *entry;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, buf);
	if (d->len)
		memcpy(buf, d->buf, d->len);
	entry = (void *)(buf + d->len);
	entry->ino = 5;
	entry->next = 1;
	entry->namelen = namelen;
	memcpy(entry->name, name, namelen);
	d->buf = buf;
	d->len += size;
	return entry;
}

/* A single entry with this name. */
static bool name_ok(struct kunit *test, const char *name, u32 namelen)
{
	struct dents d = {};

	dents_add(test, &d, name, namelen);
	return schm_dirents_ok(d.buf, d.len);
}

/* A single entry that is good but for one field; it comes behind a good one. */
#define DIRENT_OK(test, field, value)					\
({									\
	struct dents d = {};						\
	struct scheme_dirent *entry;					\
									\
	dents_add(test, &d, "first", 5);				\
	entry = dents_add(test, &d, "name", 4);				\
	entry->field = (value);						\
	schm_dirents_ok(d.buf, d.len);					\
})

/* Longer by one than a name may be. */
static const char long_name[SCHEME_DIRENT_NAME_MAX + 1] = {
	[0 ... SCHEME_DIRENT_NAME_MAX] = 'x',
};

static void S11_entries_that_can_be_are_taken(struct kunit *test)
{
	struct dents d = {};
	u32 len;

	KUNIT_EXPECT_TRUE(test, schm_dirents_ok(test, 0));
	for (len = 1; len <= SCHEME_DIRENT_NAME_MAX; len++)
		KUNIT_EXPECT_TRUE(test, name_ok(test, long_name, len));
	KUNIT_EXPECT_TRUE(test, name_ok(test, "...", 3));
	KUNIT_EXPECT_TRUE(test, name_ok(test, ".a", 2));
	KUNIT_EXPECT_TRUE(test, name_ok(test, "..a", 3));
	KUNIT_EXPECT_TRUE(test, name_ok(test, "\n\xff:\\", 4));
	KUNIT_EXPECT_TRUE(test, DIRENT_OK(test, next, S64_MAX - 2));
	KUNIT_EXPECT_TRUE(test, DIRENT_OK(test, type, 15));
	for (len = 1; len <= 20; len++)
		dents_add(test, &d, long_name, len);
	KUNIT_EXPECT_TRUE(test, schm_dirents_ok(d.buf, d.len));
}

static void S11_names_that_would_mislead_are_refused(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, name_ok(test, "", 0));
	KUNIT_EXPECT_FALSE(test, name_ok(test, ".", 1));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "..", 2));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "/", 1));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "a/b", 3));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "../x", 4));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "ab/", 3));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "\0a", 2));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "a\0b", 3));
	KUNIT_EXPECT_FALSE(test, name_ok(test, "ab\0", 3));
	KUNIT_EXPECT_FALSE(test, name_ok(test, long_name, sizeof(long_name)));
}

static void S11_entries_with_wrong_fields_are_refused(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, ino, 0));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, next, 0));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, next, S64_MAX - 1));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, next, U64_MAX));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, type, 16));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, type, 0xffff));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, reserved, 1));
	/* what the padding says, who knows */
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, name[4], 1));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, name[7], 'x'));
}

/* The sanitizers look whether anything beyond the end is read. */
static void S11_lengths_that_lie_are_refused(struct kunit *test)
{
	struct dents d = {};
	u32 len, first;

	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, namelen, 0));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, namelen, 3));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, namelen, 5));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, namelen, 9));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, namelen, SCHEME_DIRENT_NAME_MAX));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, namelen, SCHEME_DIRENT_NAME_MAX + 1));
	KUNIT_EXPECT_FALSE(test, DIRENT_OK(test, namelen, 0xffff));
	/* cut off anywhere but between two */
	dents_add(test, &d, "one", 3);
	first = d.len;
	dents_add(test, &d, "another", 7);
	for (len = 1; len < d.len; len++) {
		u8 *part = kunit_kzalloc(test, len, GFP_KERNEL);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, part);
		memcpy(part, d.buf, len);
		KUNIT_EXPECT_EQ(test, schm_dirents_ok(part, len), len == first);
	}
	KUNIT_EXPECT_TRUE(test, schm_dirents_ok(d.buf, d.len));
}

/* ---- payload --------------------------------------------------------------- */

static void expect_payload(struct kunit *test, const struct schm_op *op,
			   const void *expected, u32 len)
{
	u8 *slot = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, slot);
	KUNIT_ASSERT_EQ(test, op_payload(op), len);
	op_fill(op, slot);
	KUNIT_EXPECT_TRUE(test, !memcmp(slot, expected, len));
}

static void S10_payload_is_head_then_path(struct kunit *test)
{
	const struct scheme_times times = { .atime = 1, .mtime_nsec = 2 };
	const struct schm_op op = {
		.head = &times, .head_len = sizeof(times),
		.path = "a/b", .path_len = 3,
	};
	u8 expected[sizeof(times) + 3];

	memcpy(expected, &times, sizeof(times));
	memcpy(expected + sizeof(times), "a/b", 3);
	expect_payload(test, &op, expected, sizeof(expected));
}

static void S11_payload_of_two_paths_tells_them_apart(struct kunit *test)
{
	const struct schm_op op = {
		.path = "old", .path_len = 3, .path2 = "newer", .path2_len = 5,
	};
	const struct schm_op empty = { .path = "", .path2 = "" };
	const struct scheme_paths lens = { .first_len = 3, .second_len = 5 };
	u8 expected[sizeof(lens) + 9] = {};

	memcpy(expected, &lens, sizeof(lens));
	memcpy(expected + sizeof(lens), "old\0newer", 9);
	expect_payload(test, &op, expected, sizeof(expected));
	memset(expected, 0, sizeof(expected));
	expect_payload(test, &empty, expected, sizeof(lens) + 1);
}

static void S11_paths_that_do_not_fit_are_enametoolong(struct kunit *test)
{
	struct schm_world *w = test->priv;
	u32 slot = w->s->config.slot_size;
	struct schm_op op = {
		.opcode = SCHEME_OP_RENAME, .handle = w->h, .handle2 = w->h,
		.path = "x", .path2 = "y", .path2_len = 1,
	};

	/* one byte is left for the NUL that the provider puts behind it */
	op.path_len = slot - sizeof(struct scheme_paths) - 2;
	KUNIT_EXPECT_EQ(test, op_payload(&op), slot);
	KUNIT_EXPECT_EQ(test, schm_op_run(&op), -ENAMETOOLONG);
	op.path_len = SCHEME_PATH_MAX;
	op.path2_len = SCHEME_PATH_MAX;
	KUNIT_EXPECT_EQ(test, schm_op_run(&op), -ENAMETOOLONG);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
}

static void S10_request_says_how_much_room_there_is(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_op op = {
		.opcode = SCHEME_OP_STAT, .handle = w->h, .room = 77,
		.offset = 3, .op_flags = 4,
	};
	struct schm_req *req = op_request(&op);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, req);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.aux, 77);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.offset, 3);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.op_flags, 4);
	schm_req_put(req);
	/* a directory's is its len */
	op.opcode = SCHEME_OP_GETDENTS;
	req = op_request(&op);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, req);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.aux, 0);
	schm_req_put(req);
}

static void S11_request_holds_the_handle_of_its_second_path(struct kunit *test)
{
	const struct scheme_cqe opened = { .result = 99 };
	struct schm_world *w = test->priv;
	struct schm_handle *h = schm_handle_alloc(w->s);
	struct schm_op op = {
		.opcode = SCHEME_OP_RENAME, .handle = w->h, .handle2 = h,
		.path = "x", .path2 = "y",
	};
	struct schm_req *req;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h);
	schm_handle_open(h, w->q, &opened);
	req = op_request(&op);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, req);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.aux, 99);
	schm_handle_put(h);
	KUNIT_EXPECT_EQ(test, w->q->stats.closes, 0);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, w->q->stats.closes, 1);
}

static struct kunit_case op_cases[] = {
	KUNIT_CASE(S10_stat_that_can_be_is_taken),
	KUNIT_CASE(S10_stat_that_cannot_be_is_refused),
	KUNIT_CASE(S30_unprivileged_provider_owns_all_it_shows),
	KUNIT_CASE(S30_privileged_provider_says_whose_it_is),
	KUNIT_CASE(S11_entries_that_can_be_are_taken),
	KUNIT_CASE(S11_names_that_would_mislead_are_refused),
	KUNIT_CASE(S11_entries_with_wrong_fields_are_refused),
	KUNIT_CASE(S11_lengths_that_lie_are_refused),
	KUNIT_CASE(S10_payload_is_head_then_path),
	KUNIT_CASE(S11_payload_of_two_paths_tells_them_apart),
	KUNIT_CASE(S11_paths_that_do_not_fit_are_enametoolong),
	KUNIT_CASE(S10_request_says_how_much_room_there_is),
	KUNIT_CASE(S11_request_holds_the_handle_of_its_second_path),
	{}
};

struct kunit_suite schm_op_suite = {
	.name = "schm_op",
	.suite_init = schm_requests_init,
	.suite_exit = schm_requests_exit,
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = op_cases,
};
