// SPDX-License-Identifier: MIT
/* ramfsd's names, by its callbacks, without a module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ramfs.h"

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

/* What a directory has held costs nothing when it has gone elsewhere. */
static void S11_directories_shrink(void **state)
{
	const struct dir *dir = &fs.root->dir;
	uint64_t d;
	char name[16], to[16];

	(void)state;
	assert_int_equal(make_dir("d", 0755), 0);
	make_files(0, 150);
	assert_true(dir->max_spots >= 150 && dir->nr_buckets >= 150);
	for (unsigned int i = 0; i < 148; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		snprintf(to, sizeof(to), "d/f%u", i);
		assert_int_equal(move_name(name, to, 0), 0);
	}
	assert_true(dir->max_spots <= 64);
	assert_true(dir->nr_buckets <= 16);
	d = (uint64_t)do_open("", O_DIRECTORY, 0);
	assert_int_equal(CALL(getdents, d, 0), 3);
	assert_string_equal(req.name[1], "f148");
	assert_true(stat_of("f149").ino);
	assert_true(stat_of("d/f147").ino);
	make_file("new", 0644);
	assert_int_equal(CALL(getdents, d, 0), 4);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(S11_links_count),
		TEST(S11_link_limit),
		TEST(S11_open_files_outlive_their_names),
		TEST(S11_who_means_another_object_is_told),
		TEST(S11_rename_replaces_what_it_may),
		TEST(S11_rename_of_two_names_of_one_file),
		TEST(S11_rename_exchanges),
		TEST(S11_getdents_goes_on_from_any_offset),
		TEST(S11_directories_shrink),
		TEST(S11_getdents_ends_while_names_are_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
