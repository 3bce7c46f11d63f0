// SPDX-License-Identifier: MIT
/* Bytes between two, users' quotas, and logd's lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fifo.h"
#include "logd/line.h"
#include "quota.h"

/* ---- fifo ------------------------------------------------------------------ */

static void bytes_come_out_as_they_went_in(void **state)
{
	uint8_t in[64], out[64], put = 0, got = 0;
	struct fifo f;

	(void)state;
	srand(1);
	assert_int_equal(fifo_init(&f, 33), 0);
	assert_int_equal(f.size, 64);
	/* the indices run over, too */
	f.head = f.tail = UINT32_MAX - 1000;
	for (int round = 0; round < 10000; round++) {
		uint32_t room = fifo_room(&f), used, n;
		uint32_t len = (uint32_t)rand() % 65;

		for (uint32_t i = 0; i < len; i++)
			in[i] = (uint8_t)(put + i);
		n = fifo_put(&f, in, len);
		assert_int_equal(n, len < room ? len : room);
		put = (uint8_t)(put + n);
		used = fifo_used(&f);
		len = (uint32_t)rand() % 65;
		n = fifo_get(&f, out, len);
		assert_int_equal(n, len < used ? len : used);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(out[i], got++);
	}
	fifo_free(&f);
}

static void full_takes_nothing_and_empty_gives_nothing(void **state)
{
	struct fifo f;
	char buf[16] = "";

	(void)state;
	assert_int_equal(fifo_init(&f, 0), -EINVAL);
	assert_int_equal(fifo_init(&f, (1U << 31) + 1), -EINVAL);
	assert_int_equal(fifo_init(&f, 8), 0);
	assert_int_equal(fifo_get(&f, buf, 1), 0);
	assert_int_equal(fifo_put(&f, buf, 9), 8);
	assert_int_equal(fifo_put(&f, buf, 1), 0);
	assert_int_equal(fifo_room(&f), 0);
	fifo_clear(&f);
	assert_int_equal(fifo_room(&f), 8);
	assert_int_equal(fifo_get(&f, buf, 1), 0);
	fifo_free(&f);
}

/* ---- quota ----------------------------------------------------------------- */

static void a_user_and_all_users_have_a_bound(void **state)
{
	struct quota q = QUOTA_INIT;

	(void)state;
	q.each[1] = 3;
	q.all[1] = 4;
	assert_int_equal(quota_take(&q, 7, 1, 3), 0);
	assert_int_equal(quota_take(&q, 7, 1, 1), -ENOBUFS);
	assert_int_equal(quota_take(&q, 8, 1, 2), -ENOBUFS);
	assert_int_equal(quota_take(&q, 8, 1, 1), 0);
	assert_int_equal(quota_take(&q, 9, 1, UINT64_MAX), -ENOBUFS);
	/* another kind has its own */
	assert_int_equal(quota_take(&q, 7, 0, 1), -ENOBUFS);
	quota_give(&q, 7, 1, 3);
	assert_int_equal(quota_take(&q, 9, 1, 3), 0);
	quota_give(&q, 9, 1, 3);
	quota_give(&q, 8, 1, 1);
	/* who has nothing is forgotten */
	assert_null(q.users);
}

/* ---- lines ----------------------------------------------------------------- */

static size_t take(struct line *l, const char *text, bool *done)
{
	return line_take(l, text, strlen(text), done);
}

static void lines_end_at_the_newline(void **state)
{
	struct line l = { .len = 0 };
	bool done;

	(void)state;
	assert_int_equal(take(&l, "ab", &done), 2);
	assert_false(done);
	assert_int_equal(take(&l, "c\nd", &done), 2);
	assert_true(done);
	assert_int_equal(l.len, 3);
	assert_memory_equal(l.text, "abc", 3);
	l.len = 0;
	assert_int_equal(take(&l, "\n", &done), 1);
	assert_true(done);
	assert_int_equal(l.len, 0);
}

static void a_line_that_is_full_is_a_line(void **state)
{
	char text[LINE_TEXT_MAX + 2];
	struct line l = { .len = 0 };
	bool done;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(line_take(&l, text, sizeof(text), &done), LINE_TEXT_MAX);
	assert_true(done);
	/* just full: its newline is still to come, and makes no empty line */
	l.len = 0;
	assert_int_equal(line_take(&l, text, LINE_TEXT_MAX, &done), LINE_TEXT_MAX);
	assert_false(done);
	assert_int_equal(line_take(&l, "\n", 1, &done), 1);
	assert_true(done);
	assert_int_equal(l.len, LINE_TEXT_MAX);
	/* and without it, the next byte makes it one */
	assert_int_equal(line_take(&l, "y", 1, &done), 0);
	assert_true(done);
}

static void format(const struct line *l, const char *context, const char *want)
{
	const struct timespec now = { .tv_sec = 1000000000, .tv_nsec = 7000000 };
	char out[LINE_MAX_BYTES];
	size_t n = line_format(l, context, &now, out);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
}

static void a_line_tells_time_writer_and_context(void **state)
{
	struct line l = { .text = "a\033b\n\tc", .len = 6, .pid = 5, .uid = 6 };

	(void)state;
	format(&l, "me", "2001-09-09T01:46:40.007Z pid=5 uid=6 me: a\\x1bb\\x0a\tc\n");
	l.len = 1;
	format(&l, "", "2001-09-09T01:46:40.007Z pid=5 uid=6: a\n");
	format(&l, "x\ny", "2001-09-09T01:46:40.007Z pid=5 uid=6 x\\x0ay: a\n");
}

static void the_longest_line_fits(void **state)
{
	const struct timespec now = { .tv_sec = 1000000000 };
	char context[LINE_CONTEXT_MAX + 9];
	char *out = malloc(LINE_MAX_BYTES);
	struct line l = { .len = LINE_TEXT_MAX, .pid = UINT32_MAX, .uid = UINT32_MAX };

	(void)state;
	memset(l.text, 1, sizeof(l.text));
	memset(context, 1, sizeof(context));
	context[sizeof(context) - 1] = '\0';
	assert_in_range(line_format(&l, context, &now, out),
			4 * (LINE_TEXT_MAX + LINE_CONTEXT_MAX), LINE_MAX_BYTES);
	free(out);
}

static void what_follows_a_torn_line_is_a_line(void **state)
{
	static char line[70000], out[70000];
	bool torn = false;
	ssize_t n;
	int fd[2];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	assert_int_equal(line_write(fd[1], "a\n", 2, &torn), 0);
	assert_false(torn);
	/* more than a pipe holds */
	assert_int_equal(line_write(fd[1], line, sizeof(line), &torn), -EAGAIN);
	assert_true(torn);
	assert_int_equal(line_write(fd[1], "b\n", 2, &torn), -EAGAIN);
	n = read(fd[0], out, sizeof(out));
	assert_true(n > 2 && n < (ssize_t)sizeof(line));
	assert_int_equal(line_write(fd[1], "c\n", 2, &torn), 0);
	assert_false(torn);
	assert_int_equal(line_write(fd[1], "d\n", 2, &torn), 0);
	assert_int_equal(read(fd[0], out, sizeof(out)), 5);
	assert_memory_equal(out, "\nc\nd\n", 5);
	close(fd[0]);
	close(fd[1]);
}

/* ---- what is remembered ---------------------------------------------------- */

static void the_last_bytes_are_remembered_from_a_whole_line_on(void **state)
{
	uint64_t position = 0;
	struct memory m;
	char out[16];

	(void)state;
	assert_int_equal(memory_init(&m, 8), 0);
	memory_add(&m, "ab\n", 3);
	assert_int_equal(memory_get(&m, &position, out, 2), 2);
	assert_int_equal(memory_get(&m, &position, out, 9), 1);
	assert_int_equal(memory_get(&m, &position, out, 9), 0);
	memory_add(&m, "cdefg\nh\nij\n", 11);
	assert_int_equal(memory_get(&m, &position, out, 9), 5);
	assert_memory_equal(out, "h\nij\n", 5);
	assert_int_equal(position, m.end);
	memory_free(&m);
	assert_int_equal(memory_init(&m, 0), 0);
	memory_add(&m, "ab\n", 3);
	position = 0;
	assert_int_equal(memory_get(&m, &position, out, 9), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(full_takes_nothing_and_empty_gives_nothing),
		cmocka_unit_test(a_user_and_all_users_have_a_bound),
		cmocka_unit_test(lines_end_at_the_newline),
		cmocka_unit_test(a_line_that_is_full_is_a_line),
		cmocka_unit_test(a_line_tells_time_writer_and_context),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(what_follows_a_torn_line_is_a_line),
		cmocka_unit_test(the_last_bytes_are_remembered_from_a_whole_line_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
