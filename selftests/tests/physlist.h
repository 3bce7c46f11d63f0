/* SPDX-License-Identifier: GPL-2.0 */
/* Lists of ranges, and parts of what was wished for. */
#ifndef SELFTESTS_PHYSLIST_H
#define SELFTESTS_PHYSLIST_H

#include "phys.h"

#define ROOM	SCHEME_PHYS_RANGES_MAX
#define LARGE	MIB(256)

static const uint32_t strategies[] = {
	SCHEME_PHYS_OPTIMAL, SCHEME_PHYS_GREATEST_RANGE, SCHEME_PHYS_GREEDY,
};

/* Where ranges are told; far too large for a stack. */
static struct scheme_range list[ROOM];

static inline struct scheme_physalloc list_wish(uint64_t size, uint64_t min, uint32_t flags)
{
	struct scheme_physalloc a = phys_wish(size, SCHEME_PHYS_LIST | flags);

	a.min = min;
	a.ranges = (uintptr_t)list;
	a.max_ranges = ROOM;
	return a;
}

static inline struct scheme_physalloc partial_wish(uint64_t size, uint64_t min,
					    uint32_t strategy)
{
	struct scheme_physalloc a = phys_wish(size, SCHEME_PHYS_PARTIAL_ALLOC |
					      strategy);

	a.min = min;
	return a;
}

/* Whole pages, none smaller than min, all of them together the size. */
static inline bool list_is_sound(const struct scheme_physalloc *a)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < a->nr_ranges; i++) {
		if (list[i].addr % PAGE || list[i].len % PAGE || !list[i].len ||
		    list[i].len < a->min)
			return false;
		total += list[i].len;
	}
	return total == a->size && a->addr == list[0].addr;
}

/* The mapping is the ranges, one after the other: the kernel's page map says so. */
static inline bool list_is_mapped(int fd, const struct scheme_physalloc *a)
{
	char *mem = phys_map(fd, a), *at = mem;
	struct scheme_virttophys v;
	bool good = mem;

	for (uint32_t i = 0; good && i < a->nr_ranges; at += list[i].len, i++) {
		memset(at, (int)i, list[i].len);
		good = phys_is_mapped(at, list[i].addr, list[i].len) &&
		       !phys_virt(fd, at + PAGE / 2, &v) &&
		       v.addr == list[i].addr + PAGE / 2 &&
		       v.len >= list[i].len - PAGE / 2;
	}
	if (mem)
		munmap(mem, a->size);
	return good;
}

#endif /* SELFTESTS_PHYSLIST_H */
