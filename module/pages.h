/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's page allocator as a source of ranges. */
#ifndef SCHM_PAGES_H
#define SCHM_PAGES_H

#include <linux/mm_types.h>

#include "range.h"

struct schm_pages {
	struct schm_source_of_pages	source;
	unsigned int			addr_bits;	/* 12..64, physical */
};

/*
 * Every page is one of its own, with one reference, so that whoever pins some of
 * them may keep those. Not zeroed: see schm_page_clear().
 */
void schm_pages_init(struct schm_pages *p, unsigned int addr_bits);

/* Zero the page, unless the kernel zeroes all that it gives. */
void schm_page_clear(struct page *page);

#endif /* SCHM_PAGES_H */
