// SPDX-License-Identifier: MIT
/* The tables of Documentation/translation.md against the headers. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include <linux/redox_scheme.h>
#include <linux/redox_scheme_memory.h>

#define DOCUMENT	"../Documentation/translation.md"

/* A row of a table of three or four columns. */
struct row {
	char	cell[4][64];
	int	cells;
};

static char *document;

static int load(void **state)
{
	FILE *f = fopen(DOCUMENT, "r");
	size_t size;

	(void)state;
	assert_non_null(f);
	document = calloc(1, 65536);
	size = fread(document, 1, 65535, f);
	fclose(f);
	return size ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	free(document);
	return 0;
}

/* Take the next row below a heading; false at the next heading or the end. */
static bool next_row(const char **at, struct row *row)
{
	const char *end;

	for (; *at && **at && strncmp(*at, "## ", 3); *at = end ? end + 1 : NULL) {
		end = strchr(*at, '\n');
		row->cells = sscanf(*at, "| %63[^|]| %63[^|]| %63[^|]| %63[^|]|",
				    row->cell[0], row->cell[1], row->cell[2],
				    row->cell[3]);
		if (row->cells < 3 || !strncmp(*at, "|---", 4))
			continue;
		for (int i = 0; i < row->cells; i++)
			row->cell[i][strcspn(row->cell[i], " ")] = '\0';
		if (!strcmp(row->cell[0], "name") || !strcmp(row->cell[0], "Redox"))
			continue;
		*at = end ? end + 1 : NULL;
		return true;
	}
	return false;
}

static const char *section(const char *heading)
{
	const char *at = strstr(document, heading);

	assert_non_null(at);
	return strchr(at, '\n');
}

/* No number in place of a value is right where Linux has no such name. */
static void check_value(const char *cell, bool known, long value)
{
	char *end;

	if (!known) {
		assert_string_equal(cell, "–");
		return;
	}
	assert_int_equal(strtol(cell, &end, 0), value);
	assert_ptr_not_equal(cell, end);
	assert_int_equal(*end, '\0');
}

/* The number that the headers give a name, from the C library's own list. */
static bool errno_of(const char *name, long *value)
{
	/* these are second names, which the list does not have */
	if (!strcmp(name, "EWOULDBLOCK")) {
		*value = EWOULDBLOCK;
		return true;
	}
	if (!strcmp(name, "EDEADLOCK")) {
		*value = EDEADLOCK;
		return true;
	}
	if (!strcmp(name, "EOPNOTSUPP")) {
		*value = EOPNOTSUPP;
		return true;
	}
	for (*value = 1; *value < 256; ++*value) {
		const char *known = strerrorname_np((int)*value);

		if (known && !strcmp(known, name))
			return true;
	}
	return false;
}

static void X3_errors(void **state)
{
	const char *at = section("## Errors");
	unsigned int rows = 0;
	struct row row;
	long value;
	bool known;

	(void)state;
	for (; next_row(&at, &row); rows++) {
		known = errno_of(row.cell[0], &value);
		check_value(row.cell[2], known, value);
		if (rows >= 3)
			assert_string_equal(row.cell[1], row.cell[2]);
		else
			assert_string_not_equal(row.cell[1], row.cell[2]);
	}
	assert_true(rows > 40);
}

static void X3_flags_of_open(void **state)
{
	static const struct {
		const char	*name;
		long		value;
	} flags[] = {
		{ "O_RDONLY", O_RDONLY }, { "O_WRONLY", O_WRONLY },
		{ "O_RDWR", O_RDWR }, { "O_NONBLOCK", O_NONBLOCK },
		{ "O_APPEND", O_APPEND }, { "O_ASYNC", O_ASYNC },
		{ "O_FSYNC", O_FSYNC }, { "O_CLOEXEC", O_CLOEXEC },
		{ "O_CREAT", O_CREAT }, { "O_TRUNC", O_TRUNC },
		{ "O_EXCL", O_EXCL }, { "O_DIRECTORY", O_DIRECTORY },
		{ "O_STAT", O_PATH }, { "O_NOFOLLOW", O_NOFOLLOW },
	};
	const char *at = section("## Flags of open");
	unsigned int rows = 0, found = 0, i;
	struct row row;

	(void)state;
	for (; next_row(&at, &row); rows++) {
		for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
			if (!strcmp(flags[i].name, row.cell[0]))
				break;
		found += i < sizeof(flags) / sizeof(flags[0]);
		check_value(row.cell[2], i < sizeof(flags) / sizeof(flags[0]),
			     i < sizeof(flags) / sizeof(flags[0]) ?
			     flags[i].value : 0);
		/* none can be taken for the other, even by accident */
		assert_int_equal(strtoul(row.cell[1], NULL, 0) & 0xffff, 0);
	}
	assert_int_equal(found, sizeof(flags) / sizeof(flags[0]));
	assert_true(rows > found);
}

struct value {
	const char	*section, *name;
	long		value;
};

/* What is ours is in the table, with the headers' numbers. */
static void check_values(const struct value *values, size_t nr)
{
	const char *at;
	struct row row;
	bool found;

	for (size_t i = 0; i < nr; i++) {
		found = false;
		at = section(values[i].section);
		while (next_row(&at, &row)) {
			if (strcmp(row.cell[2], values[i].name))
				continue;
			check_value(row.cell[3], true, values[i].value);
			found = true;
		}
		assert_true(found);
	}
}

static void X3_events_and_flags_of_a_call(void **state)
{
	static const struct value values[] = {
		{ "## Events", "EPOLLIN", EPOLLIN },
		{ "## Events", "EPOLLOUT", EPOLLOUT },
		{ "## Per-call", "SCHEME_RW_NONBLOCK", SCHEME_RW_NONBLOCK },
		{ "## Per-call", "SCHEME_RW_APPEND", SCHEME_RW_APPEND },
	};

	(void)state;
	check_values(values, sizeof(values) / sizeof(values[0]));
}

static void X3_flags_of_memory_for_devices(void **state)
{
#define VALUE(name)	{ "## Memory", #name, name }
	static const struct value values[] = {
		VALUE(SCHEME_PHYS_SPACE_32), VALUE(SCHEME_PHYS_SPACE_64),
		VALUE(SCHEME_PHYS_PARTIAL_ALLOC), VALUE(SCHEME_PHYS_OPTIMAL),
		VALUE(SCHEME_PHYS_GREATEST_RANGE), VALUE(SCHEME_PHYS_GREEDY),
	};
	const char *at = section("## Memory");
	unsigned int same = 0;
	struct row row;

	(void)state;
	check_values(values, sizeof(values) / sizeof(values[0]));
	/* those numbers are Redox's */
	while (next_row(&at, &row))
		if (!strncmp(row.cell[2], "SCHEME_PHYS_", 12))
			same += strtoul(row.cell[1], NULL, 0) ==
				strtoul(row.cell[3], NULL, 0);
	assert_int_equal(same, sizeof(values) / sizeof(values[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(X3_errors),
		cmocka_unit_test(X3_flags_of_open),
		cmocka_unit_test(X3_events_and_flags_of_a_call),
		cmocka_unit_test(X3_flags_of_memory_for_devices),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
