// SPDX-License-Identifier: MIT
/* What daemons share: sizes, options, words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "daemon.h"
#include "explain.h"

static void expect_size(const char *text, uint64_t want)
{
	uint64_t value;

	assert_int_equal(daemon_parse_size(text, &value), 0);
	assert_int_equal(value, want);
}

static void sizes_have_suffixes(void **state)
{
	(void)state;
	expect_size("0", 0);
	expect_size("512", 512);
	expect_size("0x200", 512);
	expect_size("4K", 4096);
	expect_size("64m", 64 << 20);
	expect_size("3G", 3ULL << 30);
	expect_size("2T", 2ULL << 40);
	expect_size("18446744073709551615", UINT64_MAX);
}

static void other_sizes_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "K", "-1", " 1", "+1", "1X", "1KB", "1 K", "0x", "1K\x01", "9@", "1 "
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(daemon_parse_size(bad[i], &value), -EINVAL);
	assert_int_equal(daemon_parse_size("18446744073709551616", &value),
			 -ERANGE);
	assert_int_equal(daemon_parse_size("16777216T", &value), -ERANGE);
}

/* With our own ways out, so that a test goes on. */
static int parse(struct daemon *d, int argc, const char **argv)
{
	return argp_parse(&daemon_argp, argc, (char **)argv,
			  ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, d);
}

static void options_fill_the_configuration(void **state)
{
	const char *argv[] = {
		"d", "--queues=2", "--depth=64", "--slot-size=64K",
		"--busy-poll=50", "--mode=0660", "--timeout=1000",
		"--user-limit=9", "--control=/c", "--daemonize", "name", NULL
	};
	struct daemon d = DAEMON_INIT;

	(void)state;
	assert_int_equal(parse(&d, 11, argv), 0);
	assert_string_equal(d.config.name, "name");
	assert_int_equal(d.config.queues, 2);
	assert_int_equal(d.config.depth, 64);
	assert_int_equal(d.config.slot_size, 65536);
	assert_int_equal(d.config.busy_poll_us, 50);
	assert_int_equal(d.config.mode, 0660);
	assert_int_equal(d.config.timeout_ms, 1000);
	assert_int_equal(d.config.user_limit, 9);
	assert_string_equal(d.config.control, "/c");
	assert_true(d.background);
}

static void zero_arguments_leave_the_defaults(void **state)
{
	const char *argv[] = { "d", "name", "--daemonize", "--foreground", NULL };
	struct daemon d = DAEMON_INIT;

	(void)state;
	assert_int_equal(parse(&d, 4, argv), 0);
	assert_int_equal(d.config.queues, 0);
	assert_int_equal(d.config.mode, 0);
	assert_null(d.config.control);
	assert_false(d.background);
}

static void one_name_and_no_more(void **state)
{
	const char *two[] = { "d", "a", "b", NULL };
	struct daemon d = DAEMON_INIT;

	(void)state;
	assert_int_not_equal(parse(&d, 3, two), 0);
	d = (struct daemon)DAEMON_INIT;
	d.wants_name = false;
	assert_int_not_equal(parse(&d, 2, two), 0);
}

static void errors_are_told_with_what_to_do(void **state)
{
	(void)state;
	assert_non_null(strstr(explain_create(-ENOENT), "modprobe"));
	assert_non_null(strstr(explain_create(-EEXIST), "taken"));
	assert_non_null(strstr(explain_create(EPERM), "user."));
	assert_non_null(strstr(explain_control(-EACCES), "permission"));
	assert_non_null(strstr(explain_open(-ENOENT), "no such scheme"));
	assert_string_equal(explain_create(-ENOMEM), strerror(ENOMEM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_suffixes),
		cmocka_unit_test(other_sizes_are_refused),
		cmocka_unit_test(options_fill_the_configuration),
		cmocka_unit_test(zero_arguments_leave_the_defaults),
		cmocka_unit_test(one_name_and_no_more),
		cmocka_unit_test(errors_are_told_with_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
