// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody outside the kernel's allocator sees its free lists, so that "the
 * greatest range" is found by trying.
 */
#include "range.h"

#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/redox_scheme_memory.h>

/* ---- one range ----------------------------------------------------------- */

/*
 * Of the sizes below nr that the source has, the greatest. By halving, and with
 * nothing kept meanwhile: what we held would split the range we look for. Others
 * may be quicker in the end; then less will do.
 */
static int take_greatest(struct schm_source_of_pages *src, u64 nr, u64 min,
			 struct schm_range *range)
{
	u64 has = min, lacks = nr, mid;
	int ret;

	while (lacks - has > 1) {
		mid = has + (lacks - has) / 2;
		ret = src->take(src, mid, true, &range->first);
		if (ret == -EINTR)
			return ret;
		if (ret) {
			lacks = mid;
		} else {
			src->give(src, range->first, mid);
			has = mid;
		}
	}
	while ((ret = src->take(src, has, true, &range->first)) == -ENOMEM && has > min)
		has = max(has / 2, min);
	range->nr = has;
	return ret;
}

/* The greatest power of two that lies ready, or min with any effort. */
static int take_ready(struct schm_source_of_pages *src, u64 nr, u64 min,
		      struct schm_range *range)
{
	u64 size;
	int ret;

	for (size = rounddown_pow_of_two(nr); size > min; size /= 2) {
		if (size == nr)
			continue;
		ret = src->take(src, size, false, &range->first);
		if (ret != -ENOMEM) {
			range->nr = size;
			return ret;
		}
	}
	range->nr = min;
	return src->take(src, min, true, &range->first);
}

/*
 * A range that holds min is a block of the next power of two: give all of it.
 * If there is none, a list may have what is between.
 */
static int take_first(struct schm_source_of_pages *src, u64 nr, u64 min,
		      struct schm_range *range)
{
	int ret;

	range->nr = min(roundup_pow_of_two(min), nr);
	ret = src->take(src, range->nr, true, &range->first);
	if (ret != -ENOMEM || range->nr == min)
		return ret;
	range->nr = min;
	return src->take(src, min, true, &range->first);
}

static int take_by_strategy(struct schm_source_of_pages *src, u32 strategy, u64 nr,
			    u64 min, struct schm_range *range)
{
	switch (strategy) {
	case SCHEME_PHYS_GREATEST_RANGE:
		return take_greatest(src, nr, min, range);
	case SCHEME_PHYS_GREEDY:
		return take_first(src, nr, min, range);
	default:
		return take_ready(src, nr, min, range);
	}
}

static int take_one(struct schm_source_of_pages *src, const struct schm_want *want,
		    struct schm_range *range)
{
	int ret;

	range->nr = want->nr;
	ret = src->take(src, want->nr, true, &range->first);
	if (ret != -ENOMEM || !(want->flags & SCHEME_PHYS_PARTIAL_ALLOC) ||
	    want->min == want->nr)
		return ret;
	return take_by_strategy(src, want->flags & SCHEME_PHYS_STRATEGY, want->nr,
				want->min, range);
}

/* ---- a list -------------------------------------------------------------- */

/*
 * How much of left a range may take, so that what remains can be one or more
 * ranges of at least min: all of it, or all but min.
 */
static u64 fit(u64 left, u64 size, u64 min)
{
	if (size >= left || left < 2 * min)
		return left;
	return min(size, left - min);
}

/*
 * The greatest range that there is, but for what the rest needs. There is none of size
 * any more: a greater one than the last would have been found before it.
 */
static int take_greatest_piece(struct schm_source_of_pages *src, u64 left, u64 min,
			       u64 least, u64 *size, struct schm_range *range)
{
	u64 nr;
	int ret;

	if (left < *size || left < 2 * min || least == left) {
		range->nr = left;
		ret = src->take(src, left, true, &range->first);
		if (ret != -ENOMEM || left < 2 * min || least == left)
			return ret;
	}
	ret = take_greatest(src, min(left, *size), least, range);
	if (ret)
		return ret;
	*size = range->nr + 1;
	nr = fit(left, range->nr, min);
	if (nr < range->nr)
		src->give(src, range->first + nr, range->nr - nr);
	range->nr = nr;
	return 0;
}

/* The greatest block that lies ready; what has failed once is not tried again. */
static int take_ready_piece(struct schm_source_of_pages *src, u64 left, u64 min,
			    u64 least, u64 *size, struct schm_range *range)
{
	int ret;

	for (;;) {
		range->nr = fit(left, max(*size, least), min);
		ret = src->take(src, range->nr, *size <= least, &range->first);
		if (ret != -ENOMEM || *size <= least)
			return ret;
		*size = max_t(u64, rounddown_pow_of_two(*size - 1), least);
	}
}

static int take_piece(struct schm_source_of_pages *src, const struct schm_want *want,
		      u64 left, u64 least, u64 *size, struct schm_range *range)
{
	switch (want->flags & SCHEME_PHYS_STRATEGY) {
	case SCHEME_PHYS_GREATEST_RANGE:
		return take_greatest_piece(src, left, want->min, least, size, range);
	case SCHEME_PHYS_GREEDY:
		*size = least;
		fallthrough;
	default:
		return take_ready_piece(src, left, want->min, least, size, range);
	}
}

static void give_all(struct schm_source_of_pages *src, const struct schm_range *ranges,
		     u32 nr)
{
	while (nr--)
		src->give(src, ranges[nr].first, ranges[nr].nr);
}

static int take_list(struct schm_source_of_pages *src, const struct schm_want *want,
		     struct schm_range *ranges)
{
	u64 left = want->nr, size = want->nr + 1, least;
	u32 nr = 0;
	int ret;

	while (left) {
		if (nr == want->max_ranges) {
			give_all(src, ranges, nr);
			return -ENOMEM;
		}
		least = max(want->min, DIV64_U64_ROUND_UP(left, want->max_ranges - nr));
		ret = take_piece(src, want, left, least, &size, &ranges[nr]);
		if (ret) {
			give_all(src, ranges, nr);
			return ret;
		}
		left -= ranges[nr++].nr;
	}
	return nr;
}

int schm_ranges_take(struct schm_source_of_pages *src, const struct schm_want *want,
		     struct schm_range *ranges)
{
	int ret;

	if (want->flags & SCHEME_PHYS_LIST)
		return take_list(src, want, ranges);
	ret = take_one(src, want, ranges);
	return ret ?: 1;
}
