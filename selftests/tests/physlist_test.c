// SPDX-License-Identifier: GPL-2.0
/* Less than all in one range, and all of it in several; with memory in pieces, too. */
#include <stdlib.h>

#include "phys.h"
#include "fragment.h"

#define ROOM	SCHEME_PHYS_RANGES_MAX
#define LARGE	MIB(256)
#define BLOCK	KIB(512)

static const uint32_t strategies[] = {
	SCHEME_PHYS_OPTIMAL, SCHEME_PHYS_GREATEST_RANGE, SCHEME_PHYS_GREEDY,
};

/* Where ranges are told; far too large for a stack. */
static struct scheme_range list[ROOM];

static struct scheme_physalloc list_wish(uint64_t size, uint64_t min, uint32_t flags)
{
	struct scheme_physalloc a = phys_wish(size, SCHEME_PHYS_LIST | flags);

	a.min = min;
	a.ranges = (uintptr_t)list;
	a.max_ranges = ROOM;
	return a;
}

static struct scheme_physalloc partial_wish(uint64_t size, uint64_t min,
					    uint32_t strategy)
{
	struct scheme_physalloc a = phys_wish(size, SCHEME_PHYS_PARTIAL_ALLOC |
					      strategy);

	a.min = min;
	return a;
}

/* Whole pages, none smaller than min, all of them together the size. */
static bool list_is_sound(const struct scheme_physalloc *a)
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
static bool list_is_mapped(int fd, const struct scheme_physalloc *a)
{
	char *mem = phys_map(fd, a), *at = mem;
	struct scheme_virttophys v;
	bool good = mem;

	for (uint32_t i = 0; good && i < a->nr_ranges; at += list[i].len, i++) {
		memset(at, (int)i, list[i].len);
		for (uint64_t in = 0; good && in < list[i].len; in += PAGE)
			good = phys_pagemap(at + in) == list[i].addr + in;
		good = good && !phys_virt(fd, at + PAGE / 2, &v) &&
		       v.addr == list[i].addr + PAGE / 2 &&
		       v.len >= list[i].len - PAGE / 2;
	}
	if (mem)
		munmap(mem, a->size);
	return good;
}

/* ---- fresh memory --------------------------------------------------------------- */

TEST_F(phys, P3_all_is_given_if_it_fits)
{
	static const uint64_t sizes[] = { PAGE, KIB(64), MIB(4) };
	struct scheme_physalloc a;

	for (int i = 0; i < 9; i++) {
		a = partial_wish(sizes[i / 3], 1, strategies[i % 3]);
		ASSERT_EQ(0, ALLOC(&a));
		EXPECT_EQ(sizes[i / 3], a.size);
		EXPECT_EQ(1, a.nr_ranges);
	}
}

/* min of all of it leaves nothing to divide. */
TEST_F(phys, P5_a_list_of_one_range)
{
	struct scheme_physalloc a = list_wish(KIB(64), KIB(64), 0);

	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_EQ(1, a.nr_ranges);
	EXPECT_TRUE(list_is_sound(&a));
	EXPECT_TRUE(list_is_mapped(self->fd, &a));
}

TEST_F(phys, P5_a_list_adds_up_and_is_mapped_in_order)
{
	static const uint64_t mins[] = { 1, PAGE, KIB(64), MIB(1) };
	struct scheme_physalloc a;

	for (int i = 0; i < 4; i++) {
		a = list_wish(MIB(32) + 5 * MIB(1), mins[i], strategies[i % 3]);
		ASSERT_EQ(0, ALLOC(&a));
		EXPECT_TRUE(list_is_sound(&a));
		EXPECT_TRUE(list_is_mapped(self->fd, &a));
		EXPECT_EQ(0, FREE(a.offset, a.size));
	}
}

TEST_F(phys, P5_a_list_is_told_again)
{
	struct scheme_physalloc a = list_wish(LARGE, 1, SCHEME_PHYS_GREEDY);
	struct scheme_range *again = calloc(ROOM, sizeof(*again));
	struct scheme_ranges r;

	ASSERT_NE(NULL, again);
	ASSERT_EQ(0, ALLOC(&a));
	r = (struct scheme_ranges){
		.offset = a.offset, .ranges = (uintptr_t)again,
		.max_ranges = ROOM,
	};
	ASSERT_EQ(0, COMMAND(SCHEME_IOC_RANGES, &r));
	EXPECT_EQ(a.nr_ranges, r.nr_ranges);
	EXPECT_EQ(0, memcmp(again, list, a.nr_ranges * sizeof(*list)));
	/* no more than there is room for, and still all of the number */
	memset(again, 0, sizeof(*again) * ROOM);
	r.max_ranges = 1;
	ASSERT_EQ(0, COMMAND(SCHEME_IOC_RANGES, &r));
	EXPECT_EQ(a.nr_ranges, r.nr_ranges);
	EXPECT_EQ(list[0].len, again[0].len);
	EXPECT_EQ(0, again[1].len);
	free(again);
}

/* Without room for them: how many there are, all the same. */
TEST_F(phys, P5_a_list_need_not_be_told)
{
	struct scheme_physalloc a = list_wish(MIB(32), 1, 0);
	uint32_t nr;

	a.ranges = 0;
	a.max_ranges = 0;
	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_LE(1, a.nr_ranges);
	EXPECT_EQ(0, phys_ranges(self->fd, a.offset, list, ROOM, &nr));
	EXPECT_EQ(a.nr_ranges, nr);
	EXPECT_TRUE(list_is_sound(&a));
}

TEST_F(phys, P6_all_of_a_list_is_where_it_may_be)
{
	struct scheme_physalloc a = list_wish(MIB(16), 1, 0);

	a.addr_bits = 28;
	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_TRUE(list_is_sound(&a));
	for (uint32_t i = 0; i < a.nr_ranges; i++)
		EXPECT_GE(1ULL << 28, list[i].addr + list[i].len);
}

/* ---- memory in pieces ------------------------------------------------------------ */

FIXTURE(pieces) {
	int fd;
	struct fragment fragment;
};

FIXTURE_SETUP(pieces)
{
	int ret = fragment_begin(&self->fragment, BLOCK);

	ASSERT_EQ(0, ret);
	self->fd = phys_open();
	ASSERT_LE(0, self->fd);
	/* what was not to be had may be one piece, and must not hold it */
	if (self->fragment.untouched >= LARGE || meminfo("MemFree") < LARGE * 5 / 4)
		SKIP(return, "memory has not the size that this is made for");
}

FIXTURE_TEARDOWN(pieces)
{
	close(self->fd);
	fragment_end(&self->fragment);
}

static struct scheme_physalloc whole(void)
{
	return phys_wish(LARGE, 0);
}

TEST_F_TIMEOUT(pieces, P3_partial_gives_less_than_all, 120)
{
	struct scheme_physalloc a = whole();

	ASSERT_EQ(-ENOMEM, phys_alloc(self->fd, &a));
	for (int i = 0; i < 3; i++) {
		a = partial_wish(LARGE, KIB(64), strategies[i]);
		ASSERT_EQ(0, phys_alloc(self->fd, &a));
		EXPECT_LE(KIB(64), a.size);
		EXPECT_GT(LARGE, a.size);
		EXPECT_EQ(0, a.size % PAGE);
		EXPECT_EQ(1, a.nr_ranges);
		list[0] = (struct scheme_range){ a.addr, a.size };
		EXPECT_TRUE(list_is_mapped(self->fd, &a));
		EXPECT_EQ(0, phys_free(self->fd, &a));
	}
}

/* The greatest is not smaller than the best one at once, and that not than the first. */
TEST_F_TIMEOUT(pieces, P4_strategies_differ_as_they_should, 120)
{
	uint64_t got[3];

	for (int i = 0; i < 3; i++) {
		struct scheme_physalloc a = partial_wish(LARGE, KIB(16),
							 strategies[i]);

		ASSERT_EQ(0, phys_alloc(self->fd, &a));
		got[i] = a.size;
		ASSERT_EQ(0, phys_free(self->fd, &a));
	}
	printf("# optimal %lu, greatest %lu, greedy %lu KiB\n", got[0] >> 10,
	       got[1] >> 10, got[2] >> 10);
	EXPECT_LE(got[0], got[1]);
	EXPECT_LE(KIB(16), got[2]);
}

TEST_F_TIMEOUT(pieces, P3_nothing_of_min_is_enomem_at_once, 120)
{
	struct scheme_physalloc a;
	int64_t begin = now_ms();

	for (int i = 0; i < 3; i++) {
		a = partial_wish(LARGE + PAGE, LARGE, strategies[i]);
		EXPECT_EQ(-ENOMEM, phys_alloc(self->fd, &a));
	}
	a = list_wish(LARGE, LARGE, 0);
	EXPECT_EQ(-ENOMEM, phys_alloc(self->fd, &a));
	printf("# %d ms for four refusals\n", (int)(now_ms() - begin));
	EXPECT_GT(20000 * slowness(), now_ms() - begin);
}

TEST_F_TIMEOUT(pieces, P5_a_list_succeeds_where_one_range_does_not, 120)
{
	struct scheme_physalloc a = whole();

	ASSERT_EQ(-ENOMEM, phys_alloc(self->fd, &a));
	a = list_wish(LARGE, PAGE, 0);
	ASSERT_EQ(0, phys_alloc(self->fd, &a));
	printf("# %u MiB in %u ranges, one page in %lu KiB is pinned\n",
	       (unsigned int)(LARGE >> 20), a.nr_ranges, BLOCK >> 10);
	EXPECT_LT(1, a.nr_ranges);
	EXPECT_TRUE(list_is_sound(&a));
	EXPECT_TRUE(list_is_mapped(self->fd, &a));
}

/* As few as asked for, or none. */
TEST_F_TIMEOUT(pieces, P5_a_list_has_no_more_ranges_than_asked_for, 120)
{
	struct scheme_physalloc a = list_wish(LARGE, 1, 0);

	a.max_ranges = 2;
	list[2].len = 77;
	EXPECT_EQ(-ENOMEM, phys_alloc(self->fd, &a));
	EXPECT_EQ(77, list[2].len);
	a = list_wish(MIB(1), 1, 0);
	a.max_ranges = 8;
	if (!phys_alloc(self->fd, &a)) {
		EXPECT_GE(8, a.nr_ranges);
		EXPECT_TRUE(list_is_sound(&a));
	}
}

TEST_HARNESS_MAIN
