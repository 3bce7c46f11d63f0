/* SPDX-License-Identifier: MIT */
/*
 * Memory in pieces: nearly all that is free is taken, one page in each block of it is
 * pinned so that nobody can move it, and the rest is given back.
 */
#ifndef BENCH_FRAGMENT_H
#define BENCH_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

struct io_uring;

struct fragment {
	struct io_uring	*rings;		/* whose buffers the pages are */
	unsigned int	nr_rings;
	unsigned int	boost;		/* the kernel's, before */
	size_t		pinned;		/* pages */
	uint64_t	untouched;	/* bytes that were not to be had: perhaps in one piece */
};

/*
 * A page in each block of that many bytes, a power of two of at least two pages. As
 * root: it looks at physical addresses. 0 or -errno; pair with fragment_end().
 */
int fragment_begin(struct fragment *f, size_t block);
void fragment_end(struct fragment *f);

#endif /* BENCH_FRAGMENT_H */
