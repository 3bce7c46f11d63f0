// SPDX-License-Identifier: MIT
/* Names of files in schemes, and what is refused before any system call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../userspace/lib/int.h"

static void expect(const char *url, const char *want_name, const char *want_path)
{
	char name[SCHEME_NAME_MAX + 1];
	const char *path;

	assert_int_equal(url_split(url, name, &path), 0);
	assert_string_equal(name, want_name);
	assert_string_equal(path, want_path);
}

static void refuse(const char *url)
{
	char name[SCHEME_NAME_MAX + 1];
	const char *path;

	assert_int_equal(url_split(url, name, &path), -EINVAL);
}

static void colon_form(void **state)
{
	(void)state;
	expect("disk:", "disk", "");
	expect("disk:p1", "disk", "p1");
	expect("disk:/p1", "disk", "p1");
	expect("disk:///p1//x", "disk", "p1//x");
	expect("disk.usb-1:a:b", "disk.usb-1", "a:b");
}

static void file_system_form(void **state)
{
	(void)state;
	expect("/scheme/disk", "disk", "");
	expect("/scheme/disk/", "disk", "");
	expect("/scheme/disk/a/b", "disk", "a/b");
	expect("/scheme/disk/a:b", "disk", "a:b");
}

static void node_form(void **state)
{
	(void)state;
	expect("/dev/scheme/disk", "disk", "");
	expect("/dev/scheme/user.x", "user.x", "");
}

static void other_names_are_einval(void **state)
{
	(void)state;
	refuse("");
	refuse("disk");
	refuse(":x");
	refuse("/scheme/");
	refuse("/scheme//x");
	refuse("/dev/scheme/");
	refuse("/etc/passwd");
	refuse("/etc/passwd:x");
	refuse("a/b:c");
	refuse("/scheme/a:b");
	refuse("../a:b");
}

static void longest_name_is_64_bytes(void **state)
{
	char url[SCHEME_NAME_MAX + 3];

	(void)state;
	memset(url, 'n', sizeof(url));
	strcpy(url + SCHEME_NAME_MAX, ":");
	url[SCHEME_NAME_MAX] = '\0';
	refuse(url);				/* no colon */
	strcpy(url + SCHEME_NAME_MAX, ":");
	assert_int_equal(scheme_open(url, 0, 0), -ENOENT);
	strcpy(url + SCHEME_NAME_MAX, "n:");
	refuse(url);
	assert_int_equal(scheme_open(url, 0, 0), -EINVAL);
}

static void long_paths_are_enametoolong(void **state)
{
	char path[SCHEME_PATH_MAX + 2];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[SCHEME_PATH_MAX + 1] = '\0';
	assert_int_equal(scheme_openat(-1, path, 0, 0), -ENAMETOOLONG);
	assert_int_equal(scheme_dup(-1, path, 0), -ENAMETOOLONG);
	path[SCHEME_PATH_MAX] = '\0';
	assert_int_equal(scheme_openat(-1, path, 0, 0), -EBADF);
	assert_int_equal(scheme_dup(-1, path, 0), -EBADF);
}

static void dots_are_resolved_by_the_letters(void **state)
{
	static const char *const paths[][2] = {
		{ "", "" }, { "a", "a" }, { "a/b", "a/b" }, { "a//b/", "a/b" },
		{ ".", "" }, { "..", "" }, { "../..", "" }, { "./a/.", "a" },
		{ "a/..", "" }, { "a/../b", "b" }, { "a/b/..", "a" },
		{ "a/b/../../../c", "c" }, { "...", "..." }, { "a/..b", "a/..b" },
		{ "a/.b/..", "a" }, { "ab/cd/../ef", "ab/ef" },
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		strcpy(path, paths[i][0]);
		url_normalise(path);
		assert_string_equal(path, paths[i][1]);
	}
}

static void no_module_is_enoent(void **state)
{
	const struct scheme_config config = {
		.name = "user.x",
		.control = "/nonexistent/control",
	};
	const struct scheme_ops ops = { .open = NULL };
	struct scheme_query query;
	struct scheme *s;

	(void)state;
	assert_int_equal(scheme_create(&s, &config, &ops, sizeof(ops), NULL),
			 -ENOENT);
	assert_int_equal(scheme_query(config.control, &query), -ENOENT);
	assert_int_equal(scheme_kill(config.control, "user.x"), -ENOENT);
}

static void bad_name_is_einval(void **state)
{
	struct scheme_config config = { .name = NULL };
	const struct scheme_ops ops = { .open = NULL };
	char name[SCHEME_NAME_MAX + 2];
	struct scheme *s;

	(void)state;
	assert_int_equal(scheme_create(&s, &config, &ops, sizeof(ops), NULL),
			 -EINVAL);
	memset(name, 'n', sizeof(name));
	name[SCHEME_NAME_MAX + 1] = '\0';
	config.name = name;
	assert_int_equal(scheme_create(&s, &config, &ops, sizeof(ops), NULL),
			 -EINVAL);
	assert_int_equal(scheme_kill(NULL, name), -EINVAL);
	assert_int_equal(scheme_kill(NULL, ""), -EINVAL);
}

/* A program of tomorrow with a callback that we would never call. */
static void callbacks_that_we_do_not_know_are_e2big(void **state)
{
	struct {
		struct scheme_ops	ops;
		void			*next;
	} newer = { .next = NULL };
	const struct scheme_config config = {
		.name = "user.x",
		.control = "/nonexistent/control",
	};
	struct scheme *s;

	(void)state;
	assert_int_equal(scheme_create(&s, &config, &newer.ops, sizeof(newer),
				       NULL), -ENOENT);
	newer.next = &newer;
	assert_int_equal(scheme_create(&s, &config, &newer.ops, sizeof(newer),
				       NULL), -E2BIG);
	assert_int_equal(scheme_create(&s, &config, &newer.ops, sizeof(void *),
				       NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(colon_form),
		cmocka_unit_test(file_system_form),
		cmocka_unit_test(node_form),
		cmocka_unit_test(other_names_are_einval),
		cmocka_unit_test(longest_name_is_64_bytes),
		cmocka_unit_test(long_paths_are_enametoolong),
		cmocka_unit_test(dots_are_resolved_by_the_letters),
		cmocka_unit_test(no_module_is_enoent),
		cmocka_unit_test(bad_name_is_einval),
		cmocka_unit_test(callbacks_that_we_do_not_know_are_e2big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
