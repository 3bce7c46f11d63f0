// SPDX-License-Identifier: MIT
/* ramfsd's files, rights and limits, by its callbacks, without a module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ramfs.h"

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

static void S10_the_root_stays_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(make_dir("d", 0755), 0);
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "", 0700), -EPERM);
	assert_int_equal(CALL(chmod, SCHEME_ROOT, "d/..", 0700), -EPERM);
	assert_int_equal(CALL(chown, SCHEME_ROOT, "", 1000, 100), -EPERM);
	assert_int_equal(stat_of("").mode, S_IFDIR | 0777);
	assert_int_equal(stat_of("").uid, 0);
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
		TEST(S10_the_root_stays_as_it_is),
		TEST(S10_set_id_bits_go_with_a_write),
		TEST(S10_groups_are_inherited),
		TEST(S10_size_limit_is_ENOSPC),
		TEST(S10_file_limit_is_ENOSPC),
		TEST(S25_open_attaches_all_that_the_file_may_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
