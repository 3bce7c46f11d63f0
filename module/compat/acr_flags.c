// SPDX-License-Identifier: GPL-2.0
/* 6.16: alloc_contig_range() takes flags, not the type of the page blocks. */
#include <linux/gfp.h>

acr_flags_t probe(void);
acr_flags_t probe(void)
{
	return ACR_FLAGS_NONE;
}
