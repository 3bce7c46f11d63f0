/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which ranges a buffer is made of: the strategies of physalloc3 and its lists.
 * Where the ranges come from is a source's business, so that a test can be one.
 */
#ifndef SCHM_RANGE_H
#define SCHM_RANGE_H

#include "schm.h"

/* Pages that are contiguous. */
struct schm_range {
	u64	first;
	u64	nr;
};

struct schm_source_of_pages {
	/*
	 * Take nr pages in one piece, hard: whatever it costs; else only what lies
	 * ready. 0; -ENOMEM: none; -EINTR: the caller is dying.
	 */
	int (*take)(struct schm_source_of_pages *src, u64 nr, bool hard, u64 *first);
	void (*give)(struct schm_source_of_pages *src, u64 first, u64 nr);
};

/* What is wanted, in pages; min is at least 1 and at most nr. */
struct schm_want {
	u64	nr;
	u64	min;		/* of a range */
	u32	flags;		/* PARTIAL_ALLOC, LIST, strategy; checked */
	u32	max_ranges;	/* at least 1 */
};

/*
 * Take what is wanted, as ranges[0..return value - 1]. -ENOMEM: nothing fits;
 * -EINTR. ranges has room for max_ranges.
 */
int schm_ranges_take(struct schm_source_of_pages *src,
		     const struct schm_want *want, struct schm_range *ranges);

#endif /* SCHM_RANGE_H */
