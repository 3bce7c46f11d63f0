// SPDX-License-Identifier: GPL-2.0
#include "pages.h"

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "compat.h"
#include "limits.h"

/*
 * No memory is an answer here, never a reason to kill anybody: RETRY_MAYFAIL ends
 * before the out-of-memory killers of the machine and of memory cgroups.
 */
#define GFP_HARD	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define GFP_READY	((GFP_HARD | __GFP_NORETRY) & \
			 ~(__GFP_RETRY_MAYFAIL | __GFP_DIRECT_RECLAIM))

/* The first page that the device cannot reach. */
static u64 pages_end(const struct schm_pages *p)
{
	return p->addr_bits >= 64 ? ~0ULL : 1ULL << (p->addr_bits - PAGE_SHIFT);
}

static void pages_give(struct schm_source_of_pages *src, u64 first, u64 nr)
{
	while (nr--) {
		__free_page(pfn_to_page(first + nr));
		cond_resched();
	}
}

/* ---- blocks of the allocator --------------------------------------------- */

/* Make single pages of a block, and give back those behind the first nr. */
static void block_split(struct page *page, unsigned int order, u64 nr)
{
	u64 i;

	if (order)
		split_page(page, order);
	for (i = nr; i < 1ULL << order; i++)
		__free_page(page + i);
}

/*
 * A block that ends below end, from the zones of gfp. Zones seldom end where
 * devices' masks do: blocks that are too high are put by until there is one
 * that is not.
 */
static struct page *block_below(unsigned int order, gfp_t gfp, u64 end)
{
	struct page *page = NULL, *high[SCHM_BLOCKS_HIGH_MAX];
	unsigned int nr = 0;

	while (nr < ARRAY_SIZE(high)) {
		page = alloc_pages(gfp, order);
		if (!page || page_to_pfn(page) + (1ULL << order) <= end)
			break;
		high[nr++] = page;
		page = NULL;
	}
	while (nr--)
		__free_pages(high[nr], order);
	return page;
}

/* The zones that may have it, the least precious first. */
static struct page *block_take(const struct schm_pages *p, unsigned int order,
			       gfp_t gfp)
{
	struct page *page = NULL;

	if (p->addr_bits > 32)
		page = block_below(order, gfp, pages_end(p));
	if (!page && p->addr_bits < 64 && p->addr_bits > 24)
		page = block_below(order, gfp | __GFP_DMA32, pages_end(p));
	if (!page && p->addr_bits < 32)
		page = block_below(order, gfp | __GFP_DMA, pages_end(p));
	return page;
}

/* ---- ranges that are larger ---------------------------------------------- */

#ifdef CONFIG_CONTIG_ALLOC
#define PART	(1ULL << SCHM_MAX_ORDER)

/* Is it worth trying to empty this? Nothing is held: it may change at once. */
static bool span_may_be_emptied(const struct zone *zone, u64 first, u64 nr)
{
	struct page *page;
	u64 pfn;

	for (pfn = first; pfn < first + nr; pfn++) {
		page = pfn_to_online_page(pfn);
		if (!page || page_zone(page) != zone || PageReserved(page))
			return false;
	}
	return true;
}

/*
 * Take the pages from first on, as many as there are of nr. In parts that are as large as
 * what the allocator gives at once, since the kernel empties and zeroes a part without
 * letting anybody else run.
 */
static u64 span_empty(struct zone *zone, u64 first, u64 nr)
{
	u64 done, part;

	for (done = 0; done < nr; done += part) {
		part = min_t(u64, nr - done, PART);
		cond_resched();
		if (fatal_signal_pending(current) ||
		    !span_may_be_emptied(zone, first + done, part) ||
		    schm_alloc_contig(first + done, first + done + part,
				      GFP_KERNEL | __GFP_NOWARN))
			break;
	}
	return done;
}

/* No range has a part that cannot be emptied: each is tried once. */
static int zone_take(struct schm_source_of_pages *src, struct zone *zone, u64 nr, u64 end,
		     u64 *first)
{
	u64 pfn = ALIGN(zone->zone_start_pfn, PART), got;

	for (end = min_t(u64, end, zone_end_pfn(zone)); pfn + nr <= end; pfn += got + PART) {
		got = span_empty(zone, pfn, nr);
		if (got == nr) {
			*first = pfn;
			return 0;
		}
		src->give(src, pfn, got);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return -ENOMEM;
}

/*
 * No block of the page allocator will do: empty a part of memory. Not of
 * ZONE_MOVABLE, which comes behind the kernel's zones: what is there must be movable,
 * and who pins it for long would try for ever to have it moved first.
 */
static int span_take(struct schm_pages *p, u64 nr, u64 *first)
{
	struct zone *zone;
	int nid, i, ret;

	for_each_online_node(nid) {
		for (i = gfp_zone(GFP_KERNEL); i >= 0; i--) {
			zone = &NODE_DATA(nid)->node_zones[i];
			if (!populated_zone(zone))
				continue;
			ret = zone_take(&p->source, zone, nr, pages_end(p), first);
			if (ret != -ENOMEM)
				return ret;
		}
	}
	return -ENOMEM;
}
#else
static int span_take(struct schm_pages *p, u64 nr, u64 *first)
{
	return -ENOMEM;
}
#endif

/* ---- source -------------------------------------------------------------- */

/*
 * Of the blocks that a zone has, those below a limit in the midst of it cannot be
 * asked for: when others keep coming, there may yet be many. Low limits only, which
 * leave little to go through.
 */
static bool limit_is_odd(const struct schm_pages *p)
{
	return p->addr_bits < 32 && p->addr_bits != 24;
}

/* The last are not taken: somebody else, who cannot do with ENOMEM, would be killed for it. */
static bool pages_are_left(u64 nr)
{
	return nr <= (u64)max(si_mem_available() + get_nr_swap_pages(), 0L);
}

static int pages_take(struct schm_source_of_pages *src, u64 nr, bool hard, u64 *first)
{
	struct schm_pages *p = container_of(src, struct schm_pages, source);
	unsigned int order = get_order(nr << PAGE_SHIFT);
	struct page *page;

	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	if (!pages_are_left(nr))
		return -ENOMEM;
	if (order > SCHM_MAX_ORDER)
		return hard ? span_take(p, nr, first) : -ENOMEM;
	page = block_take(p, order, hard || !order ? GFP_HARD : GFP_READY);
	if (!page)
		return hard && limit_is_odd(p) ? span_take(p, nr, first) : -ENOMEM;
	block_split(page, order, nr);
	*first = page_to_pfn(page);
	return 0;
}

void schm_pages_init(struct schm_pages *p, unsigned int addr_bits)
{
	p->source.take = pages_take;
	p->source.give = pages_give;
	p->addr_bits = addr_bits;
}

void schm_page_clear(struct page *page)
{
	if (!want_init_on_alloc(GFP_KERNEL))
		clear_highpage(page);
}
