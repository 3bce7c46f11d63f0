/* SPDX-License-Identifier: MIT */
/*
 * Lines out of what clients write, and the bytes that are remembered of them.
 *
 * A finished line is "TIME pid=N uid=N CONTEXT: TEXT\n". Control characters in
 * CONTEXT and TEXT are written as \xNN, so that nobody writes a line of another's.
 */
#ifndef LOGD_LINE_H
#define LOGD_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Longest text of a line; a longer one becomes several. */
#define LINE_TEXT_MAX		1024
#define LINE_CONTEXT_MAX	64
/* A finished line, with everything escaped. */
#define LINE_MAX_BYTES		(4 * (LINE_TEXT_MAX + LINE_CONTEXT_MAX) + 128)

/* A line that is not finished: the text so far, and who writes it. */
struct line {
	char		text[LINE_TEXT_MAX];
	uint32_t	len;
	uint32_t	pid, uid;
};

/*
 * Take bytes up to the end of the line, or as many as fit; returns how many.
 * *done: the line is complete and wants to be formatted and emptied.
 */
size_t line_take(struct line *l, const char *data, size_t len, bool *done);
/* Returns the bytes put into out. context may be "". */
size_t line_format(const struct line *l, const char *context,
		   const struct timespec *now, char out[LINE_MAX_BYTES]);

/*
 * Write a finished line; 0 or -errno. *torn, false at first, tells of one that
 * has gone out in part only: the next one must not pass for its end.
 */
int line_write(int fd, const char *line, size_t len, bool *torn);

/* ---- what is remembered ---------------------------------------------------- */

/* The last bytes of the log. Positions count from the first byte ever. */
struct memory {
	char		*bytes;
	size_t		size;		/* 0: nothing is remembered */
	uint64_t	end;		/* position behind the last byte */
};

int memory_init(struct memory *m, size_t size);
void memory_free(struct memory *m);
void memory_add(struct memory *m, const char *data, size_t len);
/*
 * Bytes from *position on, which moves behind them. Where they have been
 * forgotten it goes on with the oldest whole line.
 */
size_t memory_get(const struct memory *m, uint64_t *position, char *out,
		  size_t len);

#endif /* LOGD_LINE_H */
