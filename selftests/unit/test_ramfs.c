// SPDX-License-Identifier: MIT
/* ramfsd's file system, by its callbacks, without a module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_scheme.h"
#include "../../userspace/daemons/ramfsd/ops.h"

#define BLOCKS	16
#define LIMIT	(BLOCKS * 4096)
#define FILES	200

static struct fs fs;
static struct scheme scheme = { .user = &fs };
static struct scheme_req req;
static struct caller who;		/* makes the requests */

static const struct caller root, user = { 1000, 100 }, mate = { 1001, 100 },
			   stranger = { 2000, 200 };

static int set_up(void **state)
{
	(void)state;
	who = root;
	return fs_init(&fs, LIMIT, FILES, root, 0777);
}

static int tear_down(void **state)
{
	(void)state;
	fs_exit(&fs);
	return 0;
}

/* A new request; its answer comes with a call. */
static struct scheme_req *ask(void)
{
	req = (struct scheme_req){
		.scheme = &scheme, .memory = -1, .room = 64,
		.sqe = { .uid = who.uid, .gid = who.gid },
	};
	return &req;
}

static int64_t answer(void)
{
	assert_int_equal(req.answers, 1);
	return req.result;
}

#define CALL(op, ...)	(ramfs_ops.op(ask(), __VA_ARGS__), answer())

static int64_t do_open(const char *path, int flags, mode_t mode)
{
	return CALL(open, SCHEME_ROOT, path, flags, mode);
}

/* A file of this size, closed again. */
static void make_file(const char *path, mode_t mode)
{
	int64_t h = do_open(path, O_CREAT | O_EXCL | O_WRONLY, mode);

	assert_true(h > 0);
	ramfs_ops.close(&scheme, (uint64_t)h);
}

static int64_t make_dir(const char *path, mode_t mode)
{
	return CALL(mkdir, SCHEME_ROOT, path, mode);
}

static int64_t move_name(const char *from, const char *to, uint32_t flags)
{
	return CALL(rename, SCHEME_ROOT, from, SCHEME_ROOT, to, flags);
}

static int64_t make_link(const char *from, const char *to)
{
	return CALL(link, SCHEME_ROOT, from, SCHEME_ROOT, to);
}

static int64_t gone(const char *path)
{
	return CALL(unlink, SCHEME_ROOT, path, 0);
}

static int64_t gone_dir(const char *path)
{
	return CALL(unlink, SCHEME_ROOT, path, SCHEME_UNLINK_DIR);
}

static int64_t stat_at(uint64_t handle, const char *path, struct scheme_stat *st)
{
	int64_t ret = CALL(stat, handle, path);

	if (ret > 0)
		memcpy(st, req.bytes, sizeof(*st));
	return ret < 0 ? ret : 0;
}

static struct scheme_stat stat_of(const char *path)
{
	struct scheme_stat st;

	assert_int_equal(stat_at(SCHEME_ROOT, path, &st), 0);
	return st;
}

static int64_t put(uint64_t h, const char *text, uint64_t offset)
{
	return CALL(write, h, text, (uint32_t)strlen(text), offset);
}

/* What a file has from there on, up to 63 bytes. */
static const char *get(uint64_t h, uint64_t offset)
{
	static char text[64];
	int64_t n = CALL(read, h, text, 63, offset);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

/* ---- S7: open ------------------------------------------------------------- */

static void S7_open_makes_and_finds(void **state)
{
	(void)state;
	assert_int_equal(do_open("f", O_RDONLY, 0), -ENOENT);
	make_file("f", 0640);
	assert_int_equal(stat_of("f").mode, S_IFREG | 0640);
	assert_int_equal(do_open("f", O_CREAT | O_EXCL | O_RDWR, 0600), -EEXIST);
	assert_true(do_open("f", O_CREAT | O_RDWR, 0600) > 0);
	assert_int_equal(stat_of("f").mode, S_IFREG | 0640);
	assert_int_equal(do_open("f", O_RDWR | O_WRONLY, 0), -EINVAL);
	assert_int_equal(do_open("g", O_CREAT | O_DIRECTORY, 0600), -EINVAL);
	assert_int_equal(CALL(open, 77, "f", O_RDONLY, 0), -EBADF);
}

static void S7_wrong_types(void **state)
{
	(void)state;
	make_file("f", 0644);
	assert_int_equal(make_dir("d", 0755), 0);
	assert_int_equal(CALL(symlink, "f", SCHEME_ROOT, "l"), 0);
	assert_int_equal(do_open("f", O_DIRECTORY, 0), -ENOTDIR);
	assert_int_equal(do_open("f/", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(do_open("f/x", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(do_open("d", O_WRONLY, 0), -EISDIR);
	assert_int_equal(do_open("d", O_CREAT, 0), -EISDIR);
	assert_int_equal(do_open("n/", O_CREAT | O_WRONLY, 0644), -EISDIR);
	assert_int_equal(do_open("l", O_RDONLY, 0), -ELOOP);
	assert_int_equal(do_open("l/x", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(CALL(truncate, SCHEME_ROOT, "d", 0), -EISDIR);
	assert_int_equal(CALL(readlink, SCHEME_ROOT, "f"), -EINVAL);
	assert_int_equal(CALL(readlink, SCHEME_ROOT, "l"), 1);
	assert_int_equal(req.bytes[0], 'f');
}

static void S7_paths(void **state)
{
	char name[4096];
	int64_t d;

	(void)state;
	assert_int_equal(make_dir("a", 0755), 0);
	assert_int_equal(make_dir("a/b/", 0755), 0);
	make_file("a/b/f", 0644);
	assert_int_equal(stat_of("a//b/f").ino, stat_of("/a/./b/../b/f").ino);
	assert_int_equal(stat_of("..").ino, SCHEME_INO_ROOT);
	assert_int_equal(stat_of("").ino, SCHEME_INO_ROOT);
	d = do_open("a/b", O_DIRECTORY, 0);
	assert_true(CALL(open, (uint64_t)d, "f", O_RDONLY, 0) > 0);
	assert_int_equal(CALL(fpath, (uint64_t)d, "f"), 5);
	assert_memory_equal(req.bytes, "a/b/f", 5);
	assert_int_equal(CALL(fpath, SCHEME_ROOT, ""), 0);
	memset(name, 'x', 256);
	name[256] = '\0';
	assert_int_equal(do_open(name, O_CREAT | O_WRONLY, 0644), -ENAMETOOLONG);
	name[255] = '\0';
	make_file(name, 0644);
	assert_int_equal(gone(name), 0);
}

/* ---- S8: bytes ------------------------------------------------------------ */

static void S8_read_and_write_have_offsets(void **state)
{
	uint64_t h;

	(void)state;
	h = (uint64_t)do_open("f", O_CREAT | O_RDWR, 0644);
	assert_int_equal(req.open_flags, SCHEME_CQE_F_POSITIONED);
	assert_string_equal(get(h, 0), "");
	assert_int_equal(put(h, "hello", 0), 5);
	assert_int_equal(put(h, "J", 0), 1);
	assert_string_equal(get(h, 0), "Jello");
	assert_string_equal(get(h, 5), "");
	assert_int_equal(put(h, "x", 10000), 1);
	assert_int_equal(CALL(fsize, h), 10001);
	assert_string_equal(get(h, 9999), "");		/* a NUL */
	assert_int_equal(req.result, 2);
	ask();
	req.flags = SCHEME_RW_APPEND;
	ramfs_ops.write(&req, h, "end", 3, 0);
	assert_int_equal(answer(), 3);
	assert_string_equal(get(h, 10001), "end");
	assert_int_equal(put(h, "x", INT64_MAX), -EFBIG);
	assert_int_equal(CALL(read, (uint64_t)do_open("", O_RDONLY, 0), NULL, 0, 0),
			 -EISDIR);
}

static void S8_sizes_and_times(void **state)
{
	struct scheme_times t = { .atime = -5, .mtime = 7, .mtime_nsec = 9 };
	uint64_t h;

	(void)state;
	h = (uint64_t)do_open("f", O_CREAT | O_RDWR, 0644);
	assert_int_equal(put(h, "hello", 0), 5);
	assert_int_equal(CALL(truncate, h, "", 2), 0);
	assert_int_equal(CALL(truncate, h, "", 5), 0);
	assert_string_equal(get(h, 0), "he");
	assert_int_equal(req.result, 5);
	assert_int_equal(CALL(truncate, SCHEME_ROOT, "f", 1ULL << 63), -EFBIG);
	assert_int_equal(CALL(utimens, h, "", &t), 0);
	assert_int_equal(stat_of("f").atime, -5);
	assert_int_equal(stat_of("f").mtime_nsec, 9);
	get(h, 0);
	assert_true(stat_of("f").atime > 7);
	t.atime_nsec = 1000000000;
	assert_int_equal(CALL(utimens, h, "", &t), -EINVAL);
	assert_true(do_open("f", O_RDWR | O_TRUNC, 0) > 0);
	assert_int_equal(stat_of("f").size, 0);
	assert_true(stat_of("f").mtime > 7);
	assert_int_equal(CALL(fsync, h, true), 0);
}

/* ---- S11: names ----------------------------------------------------------- */

static void S11_links_count(void **state)
{
	(void)state;
	make_file("f", 0644);
	assert_int_equal(make_dir("d", 0755), 0);
	assert_int_equal(make_link("f", "d/g"), 0);
	assert_int_equal(stat_of("f").nlink, 2);
	assert_int_equal(stat_of("f").ino, stat_of("d/g").ino);
	assert_int_equal(make_link("f", "d"), -EEXIST);
	assert_int_equal(make_link("d", "e"), -EPERM);
	assert_int_equal(make_link("n", "e"), -ENOENT);
	assert_int_equal(gone("f"), 0);
	assert_int_equal(stat_of("d/g").nlink, 1);
	assert_int_equal(stat_of("").nlink, 3);
	assert_int_equal(gone_dir("d"), -ENOTEMPTY);
	assert_int_equal(gone("d"), -EISDIR);
	assert_int_equal(gone_dir("d/g"), -ENOTDIR);
	assert_int_equal(gone("d/g"), 0);
	assert_int_equal(gone_dir("d/."), -EINVAL);
	assert_int_equal(gone_dir("d/"), 0);
	assert_int_equal(gone_dir(""), -EBUSY);
	assert_int_equal(stat_of("").nlink, 2);
	assert_int_equal(fs.files, 1);
}

static void S11_link_limit(void **state)
{
	struct node *n;

	(void)state;
	make_file("f", 0644);
	n = dir_find(fs.root, "f", 1)->to;
	n->nlink = NODE_LINK_MAX;
	assert_int_equal(make_link("f", "g"), -EMLINK);
	n->nlink = 1;
	fs.root->nlink = NODE_LINK_MAX;
	assert_int_equal(make_dir("d", 0755), -EMLINK);
}

static void S11_open_files_outlive_their_names(void **state)
{
	struct scheme_stat st, again;
	uint64_t h, d;

	(void)state;
	h = (uint64_t)do_open("f", O_CREAT | O_RDWR, 0644);
	assert_int_equal(put(h, "still", 0), 5);
	assert_int_equal(gone("f"), 0);
	assert_int_equal(stat_at(SCHEME_ROOT, "f", &st), -ENOENT);
	assert_int_equal(stat_at(h, "", &st), 0);
	assert_int_equal(st.nlink, 0);
	assert_string_equal(get(h, 0), "still");
	assert_int_equal(CALL(link, h, "", SCHEME_ROOT, "g"), -ENOENT);
	assert_int_equal(CALL(fpath, h, ""), -ENOENT);
	assert_int_equal(fs.used, 4096);
	ramfs_ops.close(&scheme, h);
	assert_int_equal(fs.used, 0);
	/* the number is used again, and is not the same object */
	make_file("f", 0644);
	again = stat_of("f");
	assert_int_equal(again.ino, st.ino);
	assert_true(again.generation != st.generation);
	/* a directory that is gone takes nothing in */
	assert_int_equal(make_dir("d", 0755), 0);
	d = (uint64_t)do_open("d", O_DIRECTORY, 0);
	assert_int_equal(gone_dir("d"), 0);
	assert_int_equal(CALL(open, d, "x", O_CREAT | O_WRONLY, 0644), -ENOENT);
	assert_int_equal(CALL(mkdir, d, "x", 0755), -ENOENT);
	assert_int_equal(CALL(getdents, d, 0), 0);
	ramfs_ops.close(&scheme, d);
	assert_int_equal(fs.files, 2);
}

static void S11_who_means_another_object_is_told(void **state)
{
	uint64_t ino;

	(void)state;
	make_file("f", 0644);
	ino = stat_of("f").ino;
	ask();
	req.ino = ino + 1;
	ramfs_ops.unlink(&req, SCHEME_ROOT, "f", 0);
	assert_int_equal(answer(), -ESTALE);
	ask();
	req.ino = ino;
	ramfs_ops.unlink(&req, SCHEME_ROOT, "f", 0);
	assert_int_equal(answer(), 0);
}

static void S11_rename_replaces_what_it_may(void **state)
{
	uint64_t f;

	(void)state;
	make_file("f", 0644);
	make_file("g", 0644);
	f = stat_of("f").ino;
	assert_int_equal(make_dir("d", 0755), 0);
	assert_int_equal(make_dir("d/e", 0755), 0);
	assert_int_equal(make_dir("x", 0755), 0);
	assert_int_equal(move_name("n", "m", 0), -ENOENT);
	assert_int_equal(move_name("f", "d", 0), -EISDIR);
	assert_int_equal(move_name("d", "f", 0), -ENOTDIR);
	assert_int_equal(move_name("x", "d", 0), -ENOTEMPTY);
	assert_int_equal(move_name("d", "d/e/y", 0), -EINVAL);
	assert_int_equal(move_name("d/e", "d", 0), -ENOTEMPTY);
	assert_int_equal(move_name("d", "d", 0), 0);
	assert_int_equal(move_name("f", "n/", 0), -ENOENT);
	assert_int_equal(move_name("f", "g", SCHEME_RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(move_name("", "y", 0), -EBUSY);
	assert_int_equal(move_name("f", "g", 8), -EINVAL);
	assert_int_equal(fs.files, 6);
	assert_int_equal(move_name("f", "g", 0), 0);
	assert_int_equal(fs.files, 5);
	assert_int_equal(stat_of("g").ino, f);
	assert_int_equal(move_name("x", "d/e", 0), 0);
	assert_int_equal(stat_of("").nlink, 3);
	assert_int_equal(stat_of("d").nlink, 3);
	assert_int_equal(move_name("d/e", "y/", 0), 0);
	assert_int_equal(stat_of("").nlink, 4);
	assert_int_equal(stat_of("d").nlink, 2);
	assert_int_equal(stat_of("y/..").ino, SCHEME_INO_ROOT);
}

static void S11_rename_of_two_names_of_one_file(void **state)
{
	(void)state;
	make_file("f", 0644);
	assert_int_equal(make_link("f", "g"), 0);
	assert_int_equal(move_name("f", "g", 0), 0);
	assert_int_equal(stat_of("f").nlink, 2);
	assert_int_equal(stat_of("g").nlink, 2);
}

static void S11_rename_exchanges(void **state)
{
	uint64_t f, d;

	(void)state;
	make_file("f", 0644);
	assert_int_equal(make_dir("d", 0755), 0);
	assert_int_equal(make_dir("d/e", 0755), 0);
	f = stat_of("f").ino;
	d = stat_of("d/e").ino;
	assert_int_equal(move_name("f", "n", SCHEME_RENAME_EXCHANGE), -ENOENT);
	assert_int_equal(move_name("d", "d/e", SCHEME_RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(move_name("d/e", "d", SCHEME_RENAME_EXCHANGE), -EINVAL);
	assert_int_equal(move_name("f", "d/e", SCHEME_RENAME_EXCHANGE), 0);
	assert_int_equal(stat_of("d/e").ino, f);
	assert_int_equal(stat_of("f").ino, d);
	assert_int_equal(stat_of("f/..").ino, SCHEME_INO_ROOT);
	assert_int_equal(stat_of("").nlink, 4);
	assert_int_equal(stat_of("d").nlink, 2);
	assert_int_equal(move_name("f", "d/e", 3), -EINVAL);
}

/* ---- S11: listings -------------------------------------------------------- */

static void make_files(unsigned int from, unsigned int to)
{
	char name[16];

	for (unsigned int i = from; i < to; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		make_file(name, 0644);
	}
}

static void S11_getdents_goes_on_from_any_offset(void **state)
{
	uint64_t d, next[50];
	char name[16];

	(void)state;
	make_files(0, 50);
	d = (uint64_t)do_open("", O_DIRECTORY, 0);
	assert_int_equal(CALL(getdents, d, 0), 50);
	memcpy(next, req.next, sizeof(next));
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(CALL(getdents, d, next[i]), 49 - i);
		snprintf(name, sizeof(name), "f%u", i + 1);
		if (i < 49)
			assert_string_equal(req.name[0], name);
	}
	/* where names have gone, also the one that it stopped at */
	for (unsigned int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		if (i % 5)
			assert_int_equal(gone(name), 0);
	}
	assert_int_equal(CALL(getdents, d, next[21]), 5);
	assert_string_equal(req.name[0], "f25");
	assert_int_equal(CALL(getdents, d, INT64_MAX), 0);
	assert_int_equal(CALL(getdents, 99, 0), -EBADF);
}

/* Each entry is moved when it is seen, behind all others. */
static void S11_getdents_ends_while_names_are_made(void **state)
{
	char name[300];
	uint64_t d, offset = 0;
	unsigned int seen = 0;

	(void)state;
	make_files(0, 20);
	d = (uint64_t)do_open("", O_DIRECTORY, 0);
	for (;;) {
		ask();
		req.room = 1;
		ramfs_ops.getdents(&req, d, offset);
		if (!answer())
			break;
		seen++;
		offset = req.next[0];
		snprintf(name, sizeof(name), "%s.new", req.name[0]);
		assert_int_equal(move_name(strdupa(req.name[0]), name, 0), 0);
		assert_true(seen <= 20);
	}
	assert_int_equal(seen, 20);
	assert_int_equal(CALL(getdents, d, 0), 20);
}

/* ---- S10: rights ---------------------------------------------------------- */

static void S10_modes_count(void **state)
{
	(void)state;
	who = user;
	make_file("f", 0640);
	assert_int_equal(stat_of("f").uid, 1000);
	assert_int_equal(stat_of("f").gid, 100);
	who = mate;
	assert_true(do_open("f", O_RDONLY, 0) > 0);
	assert_int_equal(do_open("f", O_RDWR, 0), -EACCES);
	assert_int_equal(do_open("f", O_RDONLY | O_TRUNC, 0), -EACCES);
	who = stranger;
	assert_int_equal(do_open("f", O_RDONLY, 0), -EACCES);
	assert_int_equal(CALL(truncate, SCHEME_ROOT, "f", 0), -EACCES);
	who = root;
	assert_true(do_open("f", O_RDWR, 0) > 0);
	/* the owner's bits are the owner's, even if others have more */
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "f", 0077), 0);
	who = user;
	assert_int_equal(do_open("f", O_RDONLY, 0), -EACCES);
	who = stranger;
	assert_true(do_open("f", O_RDWR, 0) > 0);
}

static void S10_directories_guard_their_names(void **state)
{
	struct scheme_stat st;

	(void)state;
	who = user;
	assert_int_equal(make_dir("d", 0710), 0);
	make_file("d/f", 0666);
	who = mate;
	assert_true(do_open("d/f", O_RDWR, 0) > 0);
	assert_int_equal(do_open("d", O_DIRECTORY, 0), -EACCES);
	assert_int_equal(gone("d/f"), -EACCES);
	assert_int_equal(do_open("d/g", O_CREAT | O_WRONLY, 0644), -EACCES);
	assert_int_equal(move_name("d/f", "f", 0), -EACCES);
	assert_int_equal(make_link("d/f", "d/h"), -EACCES);
	/* its ".." would change */
	assert_int_equal(make_dir("mine", 0755), 0);
	assert_int_equal(move_name("d", "mine/d", 0), -EACCES);
	who = stranger;
	assert_int_equal(stat_at(SCHEME_ROOT, "d/f", &st), -EACCES);
}

static void S10_sticky_directories(void **state)
{
	(void)state;
	assert_int_equal(make_dir("tmp", 0777), 0);
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "tmp", 01777), 0);
	who = user;
	make_file("tmp/f", 0666);
	who = stranger;
	make_file("tmp/g", 0666);
	assert_int_equal(gone("tmp/f"), -EPERM);
	assert_int_equal(move_name("tmp/f", "tmp/h", 0), -EPERM);
	assert_int_equal(move_name("tmp/g", "tmp/f", 0), -EPERM);
	assert_int_equal(gone("tmp/g"), 0);
	who = root;
	assert_int_equal(gone("tmp/f"), 0);
}

static void S10_owners_may_change_what_is_theirs(void **state)
{
	const struct scheme_times now = {
		.atime_nsec = SCHEME_TIME_NOW, .mtime_nsec = SCHEME_TIME_NOW,
	}, then = { 0 };

	(void)state;
	who = user;
	make_file("f", 0666);
	assert_int_equal(CALL(chown, SCHEME_ROOT, "f", 1001, -1), -EPERM);
	assert_int_equal(CALL(chown, SCHEME_ROOT, "f", -1, 200), -EPERM);
	assert_int_equal(CALL(chown, SCHEME_ROOT, "f", 1000, 100), 0);
	assert_int_equal(CALL(utimens, SCHEME_ROOT, "f", &then), 0);
	who = stranger;
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "f", 0777), -EPERM);
	assert_int_equal(CALL(chown, SCHEME_ROOT, "f", 2000, 200), -EPERM);
	assert_int_equal(CALL(utimens, SCHEME_ROOT, "f", &then), -EPERM);
	assert_int_equal(CALL(utimens, SCHEME_ROOT, "f", &now), 0);
	who = user;
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "f", 0644), 0);
	who = stranger;
	assert_int_equal(CALL(utimens, SCHEME_ROOT, "f", &now), -EACCES);
	who = root;
	assert_int_equal(CALL(chown, SCHEME_ROOT, "f", 2000, 200), 0);
	assert_int_equal(stat_of("f").uid, 2000);
}

static void S10_set_id_bits_go_with_a_write(void **state)
{
	uint64_t h;

	(void)state;
	make_file("f", 0777);
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "f", 06777), 0);
	who = user;
	h = (uint64_t)do_open("f", O_WRONLY, 0);
	assert_int_equal(put(h, "x", 0), 1);
	assert_int_equal(stat_of("f").mode & 07777, 0777);
	who = root;
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "f", 06777), 0);
	who = user;
	assert_int_equal(CALL(truncate, SCHEME_ROOT, "f", 0), 0);
	assert_int_equal(stat_of("f").mode & 07777, 0777);
	who = root;
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "f", 06777), 0);
	assert_int_equal(CALL(chown, SCHEME_ROOT, "f", 1000, 200), 0);
	assert_int_equal(stat_of("f").mode & 07777, 0777);
	/* of another's group one cannot make others members */
	who = user;
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "f", 02755), 0);
	assert_int_equal(stat_of("f").mode & 07777, 0755);
}

static void S10_groups_are_inherited(void **state)
{
	(void)state;
	assert_int_equal(make_dir("d", 0777), 0);
	assert_int_equal(CALL(chown, SCHEME_ROOT, "d", -1, 500), 0);
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "d", 02777), 0);
	who = user;
	make_file("d/f", 02755);
	assert_int_equal(make_dir("d/e", 0755), 0);
	assert_int_equal(stat_of("d/f").gid, 500);
	assert_int_equal(stat_of("d/f").mode, S_IFREG | 0755);
	assert_int_equal(stat_of("d/e").gid, 500);
	assert_int_equal(stat_of("d/e").mode, S_IFDIR | 02755);
}

/* ---- limits --------------------------------------------------------------- */

static void S10_size_limit_is_ENOSPC(void **state)
{
	static char block[4096];
	struct scheme_statfs st;
	uint64_t h;

	(void)state;
	h = (uint64_t)do_open("f", O_CREAT | O_RDWR, 0644);
	for (unsigned int i = 0; i < BLOCKS - 1; i++)
		assert_int_equal(CALL(write, h, block, 4096, i * 4096), 4096);
	/* what fits is written */
	assert_int_equal(CALL(write, h, block, 4096, LIMIT - 4097), 4096);
	assert_int_equal(CALL(write, h, block, 4096, LIMIT - 1), 1);
	assert_int_equal(CALL(write, h, block, 4096, LIMIT), -ENOSPC);
	assert_int_equal(CALL(write, h, block, 4096, 0), 4096);
	assert_int_equal(CALL(truncate, h, "", LIMIT + 1), -ENOSPC);
	assert_int_equal(CALL(symlink, "x", SCHEME_ROOT, "l"), -ENOSPC);
	assert_int_equal(CALL(statfs, SCHEME_ROOT, ""), sizeof(st));
	memcpy(&st, req.bytes, sizeof(st));
	assert_int_equal(st.blocks, BLOCKS);
	assert_int_equal(st.bfree, 0);
	assert_int_equal(CALL(truncate, h, "", 4097), 0);
	assert_int_equal(fs.used, 2 * 4096);
	assert_int_equal(CALL(symlink, "x", SCHEME_ROOT, "l"), 0);
	assert_int_equal(fs.used, 3 * 4096);
	assert_int_equal(gone("l"), 0);
	assert_int_equal(fs.used, 2 * 4096);
}

static void S10_file_limit_is_ENOSPC(void **state)
{
	(void)state;
	make_files(1, FILES);
	assert_int_equal(do_open("x", O_CREAT | O_WRONLY, 0644), -ENOSPC);
	assert_int_equal(make_dir("x", 0755), -ENOSPC);
	assert_int_equal(make_link("f1", "x"), -ENOSPC);
	assert_int_equal(gone("f2"), 0);
	assert_int_equal(make_link("f1", "x"), 0);
	assert_int_equal(make_link("f1", "y"), -ENOSPC);
	assert_int_equal(gone("f1"), 0);
	make_file("f2", 0644);
}

/* ---- S25: memory ---------------------------------------------------------- */

static void S25_open_attaches_all_that_the_file_may_become(void **state)
{
	struct stat st;
	uint64_t h;
	char *map;

	(void)state;
	h = (uint64_t)do_open("f", O_CREAT | O_RDWR, 0644);
	assert_true(req.memory >= 0);
	assert_int_equal(req.window, LIMIT);
	assert_int_equal(req.map_flags, SCHEME_MAP_WRITE);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, req.memory, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(fstat(req.memory, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(put(h, "hello", 0), 5);
	assert_memory_equal(map, "hello", 5);
	memcpy(map, "J", 1);
	assert_string_equal(get(h, 0), "Jello");
	/* what is written behind the end is gone when the file grows */
	memcpy(map + 5, "!!!", 3);
	assert_int_equal(put(h, "x", 4096), 1);
	assert_memory_equal(map, "Jello\0\0\0", 8);
	munmap(map, 8192);
	make_file("g", 0644);
	assert_int_equal(req.memory, -1);
	assert_true(do_open("g", O_RDONLY, 0) > 0);
	assert_true(req.memory >= 0);
	assert_int_equal(req.map_flags, 0);
	assert_int_equal(CALL(mmap_prep, h, 0, 4096, 0), 0);
	assert_int_equal(req.window, LIMIT);
	assert_int_equal(CALL(mmap_prep, h, LIMIT, 4096, 0), -ENXIO);
	assert_int_equal(CALL(mmap_prep, (uint64_t)do_open("", O_RDONLY, 0), 0,
			      4096, 0), -ENODEV);
}

static void S7_dup_is_the_same_file(void **state)
{
	uint64_t h, again;

	(void)state;
	h = (uint64_t)do_open("f", O_CREAT | O_RDWR, 0644);
	again = (uint64_t)CALL(dup, h, "");
	assert_true(again && again != h);
	ramfs_ops.close(&scheme, h);
	assert_int_equal(gone("f"), 0);
	assert_int_equal(put(again, "x", 0), 1);
	assert_int_equal(CALL(dup, again, "part"), -ENOENT);
	assert_int_equal(CALL(dup, h, ""), -EBADF);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(S7_open_makes_and_finds),
		TEST(S7_wrong_types),
		TEST(S7_paths),
		TEST(S7_dup_is_the_same_file),
		TEST(S8_read_and_write_have_offsets),
		TEST(S8_sizes_and_times),
		TEST(S10_modes_count),
		TEST(S10_directories_guard_their_names),
		TEST(S10_sticky_directories),
		TEST(S10_owners_may_change_what_is_theirs),
		TEST(S10_set_id_bits_go_with_a_write),
		TEST(S10_groups_are_inherited),
		TEST(S10_size_limit_is_ENOSPC),
		TEST(S10_file_limit_is_ENOSPC),
		TEST(S11_links_count),
		TEST(S11_link_limit),
		TEST(S11_open_files_outlive_their_names),
		TEST(S11_who_means_another_object_is_told),
		TEST(S11_rename_replaces_what_it_may),
		TEST(S11_rename_of_two_names_of_one_file),
		TEST(S11_rename_exchanges),
		TEST(S11_getdents_goes_on_from_any_offset),
		TEST(S11_getdents_ends_while_names_are_made),
		TEST(S25_open_attaches_all_that_the_file_may_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
