// SPDX-License-Identifier: GPL-2.0
/* Less than all in one range, and all of it in several, of fresh memory. */
#include <stdlib.h>

#include "physlist.h"

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

	ONE_ROUTE_WILL_DO();
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

	ONE_ROUTE_WILL_DO();
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

TEST_HARNESS_MAIN
