/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A buffer: pages, in ranges that are contiguous, with what they cost. Whoever uses
 * the memory as a whole has a reference: its owner's file, mappings, dma-bufs. Who
 * pins pages keeps those, not the buffer.
 */
#ifndef SCHM_BUF_H
#define SCHM_BUF_H

#include <linux/gfp.h>
#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/scatterlist.h>

#include "range.h"

struct schm_account;

/*
 * For what grows with a buffer: no memory is an answer, as it is for the pages, never
 * a reason to kill anybody.
 */
#define SCHM_GFP_BUF	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

struct schm_buf {
	struct kref		ref;

	/* constant */
	struct schm_account	*account;	/* one reference; has paid */
	struct page		**pages;	/* in order of the buffer */
	u64			nr;
	struct schm_range	*ranges;	/* in frames of memory */
	u32			nr_ranges;
	u32			cache;		/* SCHEME_CACHE_* */
};

/*
 * A buffer of what is wanted, below addr_bits, zeroed; or an ERR_PTR. -ENOMEM:
 * nothing that fits, or the account's limit; -EINTR; -EOPNOTSUPP: not this kind of
 * cache.
 */
struct schm_buf *schm_buf_alloc(struct schm_account *account,
				const struct schm_want *want,
				unsigned int addr_bits);
void schm_buf_put(struct schm_buf *buf);

static inline struct schm_buf *schm_buf_get(struct schm_buf *buf)
{
	kref_get(&buf->ref);
	return buf;
}

/* The ranges as a table of segments; -ENOMEM. */
int schm_buf_table(const struct schm_buf *buf, struct sg_table *table);
/* How a mapping of it has to be. */
pgprot_t schm_buf_prot(const struct schm_buf *buf, pgprot_t prot);
/* Map it from page first on; checks what the mapping may be, keeps a reference. */
int schm_buf_mmap(struct schm_buf *buf, struct vm_area_struct *vma, u64 first);

#endif /* SCHM_BUF_H */
