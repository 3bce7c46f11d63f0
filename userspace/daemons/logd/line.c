// SPDX-License-Identifier: MIT
#include "line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t line_take(struct line *l, const char *data, size_t len, bool *done)
{
	size_t room = LINE_TEXT_MAX - l->len;
	size_t most = len < room ? len : room;
	const char *newline = memchr(data, '\n', most);
	size_t text = newline ? (size_t)(newline - data) : most;

	memcpy(l->text + l->len, data, text);
	l->len += (uint32_t)text;
	/* a newline just behind a full line ends that one, and is no empty one */
	if (!newline && text < len && data[text] == '\n')
		newline = data + text;
	*done = newline || (l->len == LINE_TEXT_MAX && text < len);
	return text + !!newline;
}

static size_t escape(char *out, const char *text, size_t len)
{
	char *at = out;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			at += sprintf(at, "\\x%02x", c);
		else
			*at++ = (char)c;
	}
	return (size_t)(at - out);
}

static size_t format_head(const struct line *l, const struct timespec *now,
			  char *out)
{
	struct tm tm;
	size_t n;

	gmtime_r(&now->tv_sec, &tm);
	n = strftime(out, 64, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)sprintf(out + n, ".%03ldZ pid=%u uid=%u",
				   now->tv_nsec / 1000000, l->pid, l->uid);
}

size_t line_format(const struct line *l, const char *context,
		   const struct timespec *now, char out[LINE_MAX_BYTES])
{
	size_t n = format_head(l, now, out);

	if (*context) {
		out[n++] = ' ';
		n += escape(out + n, context,
			    strnlen(context, LINE_CONTEXT_MAX));
	}
	out[n++] = ':';
	out[n++] = ' ';
	n += escape(out + n, l->text, l->len);
	out[n++] = '\n';
	return n;
}

/* *torn follows whether the output is in the middle of a line. */
static int write_all(int fd, const char *data, size_t len, bool *torn)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
		*torn = len > 0;
	}
	return 0;
}

int line_write(int fd, const char *line, size_t len, bool *torn)
{
	int ret = *torn ? write_all(fd, "\n", 1, torn) : 0;

	return ret ? ret : write_all(fd, line, len, torn);
}

/* ---- what is remembered ---------------------------------------------------- */

int memory_init(struct memory *m, size_t size)
{
	*m = (struct memory){ .size = size };
	if (!size)
		return 0;
	m->bytes = malloc(size);
	return m->bytes ? 0 : -ENOMEM;
}

void memory_free(struct memory *m)
{
	free(m->bytes);
	m->bytes = NULL;
}

void memory_add(struct memory *m, const char *data, size_t len)
{
	if (!m->size)
		return;
	for (size_t i = 0; i < len; i++)
		m->bytes[m->end++ % m->size] = data[i];
}

static char byte_at(const struct memory *m, uint64_t position)
{
	return m->bytes[position % m->size];
}

/* The first byte of a line that is remembered whole, at or behind position. */
static uint64_t catch_up(const struct memory *m, uint64_t position)
{
	if (m->end - position <= m->size)
		return position;
	position = m->end - m->size;
	while (position < m->end && byte_at(m, position) != '\n')
		position++;
	return position < m->end ? position + 1 : position;
}

size_t memory_get(const struct memory *m, uint64_t *position, char *out,
		  size_t len)
{
	size_t n = 0;

	*position = catch_up(m, *position);
	while (n < len && *position < m->end)
		out[n++] = byte_at(m, (*position)++);
	return n;
}
