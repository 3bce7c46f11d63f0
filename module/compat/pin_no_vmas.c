// SPDX-License-Identifier: GPL-2.0
/*
 * 6.5: pin_user_pages() tells no mappings any more. The same series took from
 * io_uring the rule that a fixed buffer must not be of a file.
 */
#include <linux/mm.h>

long probe(unsigned long start, struct page **pages);
long probe(unsigned long start, struct page **pages)
{
	return pin_user_pages(start, 1, FOLL_WRITE, pages);
}
