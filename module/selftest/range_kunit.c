// SPDX-License-Identifier: GPL-2.0
/* The strategies and lists of physalloc3, on free lists that are written down. */
#include "../range.c"

#include "suites.h"

#define RANGES	8

struct free_range {
	u64	first;
	u64	nr;
	bool	ready;		/* it takes no effort */
};

/* A free list; first fit. */
struct script {
	struct schm_source_of_pages	source;
	struct free_range		free[RANGES];
	u64				taken;
	unsigned int			tries;
	int				fail;	/* at this try: -EINTR */
};

static int script_take(struct schm_source_of_pages *src, u64 nr, bool hard, u64 *first)
{
	struct script *s = container_of(src, struct script, source);
	int i;

	if (s->fail && s->tries + 1 == s->fail)
		return -EINTR;
	s->tries++;
	for (i = 0; i < RANGES; i++) {
		if (s->free[i].nr < nr || !(s->free[i].ready || hard))
			continue;
		*first = s->free[i].first;
		s->free[i].first += nr;
		s->free[i].nr -= nr;
		s->taken += nr;
		return 0;
	}
	return -ENOMEM;
}

/* What comes back is again at the front of the range that it was taken from. */
static void script_give(struct schm_source_of_pages *src, u64 first, u64 nr)
{
	struct script *s = container_of(src, struct script, source);
	int i;

	for (i = 0; i < RANGES; i++) {
		if (s->free[i].first != first + nr)
			continue;
		s->free[i].first = first;
		s->free[i].nr += nr;
		s->taken -= nr;
		return;
	}
	WARN_ON_ONCE(1);
}

static struct script script(const struct free_range *free, unsigned int nr)
{
	struct script s = { .source = { .take = script_take, .give = script_give } };

	memcpy(s.free, free, nr * sizeof(*free));
	return s;
}

static struct script one(u64 first, u64 nr, bool ready)
{
	const struct free_range range = { first, nr, ready };

	return script(&range, 1);
}

/* A fragmented machine: none has 64 pages. */
static struct script fragments(void)
{
	static const struct free_range free[] = {
		{ 1000, 3, true }, { 2000, 16, true }, { 3000, 7, false },
		{ 4000, 45, false }, { 5000, 9, true },
	};

	return script(free, ARRAY_SIZE(free));
}

static void expect_one(struct kunit *test, struct script *s, u32 flags, u64 nr, u64 min,
		       u64 first, u64 got)
{
	const struct schm_want want = {
		.nr = nr, .min = min, .flags = flags, .max_ranges = 1,
	};
	struct schm_range range = {};

	KUNIT_EXPECT_EQ(test, schm_ranges_take(&s->source, &want, &range), 1);
	KUNIT_EXPECT_EQ(test, range.first, first);
	KUNIT_EXPECT_EQ(test, range.nr, got);
	KUNIT_EXPECT_EQ(test, s->taken, got);
}

static void expect_none(struct kunit *test, struct script *s, u32 flags, u64 nr, u64 min,
			u32 max_ranges)
{
	const struct schm_want want = {
		.nr = nr, .min = min, .flags = flags, .max_ranges = max_ranges,
	};
	struct schm_range ranges[RANGES] = {};

	KUNIT_EXPECT_EQ(test, schm_ranges_take(&s->source, &want, ranges), -ENOMEM);
	KUNIT_EXPECT_EQ(test, s->taken, 0ULL);
}

static void P1_a_range_is_of_the_size_or_there_is_none(struct kunit *test)
{
	struct script whole = fragments(), none = fragments();

	expect_one(test, &whole, 0, 40, 1, 4000, 40);
	expect_none(test, &none, SCHEME_PHYS_OPTIMAL, 46, 1, 1);
}

static void P3_the_size_is_given_where_it_fits(struct kunit *test)
{
	const u32 strategies[] = {
		SCHEME_PHYS_OPTIMAL, SCHEME_PHYS_GREATEST_RANGE, SCHEME_PHYS_GREEDY,
	};
	int i;

	for (i = 0; i < 3; i++) {
		struct script s = fragments();

		expect_one(test, &s, SCHEME_PHYS_PARTIAL_ALLOC | strategies[i], 45, 1,
			   4000, 45);
		KUNIT_EXPECT_EQ(test, s.tries, 1U);
	}
}

static void P4_optimal_is_the_greatest_block_that_lies_ready(struct kunit *test)
{
	struct script s = fragments(), effort = one(100, 5, false);

	expect_one(test, &s, SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_OPTIMAL, 64, 2,
		   2000, 16);
	/* if nothing does, min is worth an effort */
	expect_one(test, &effort, SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_OPTIMAL, 64, 3,
		   100, 3);
}

static void P4_greatest_range_is_the_greatest_there_is(struct kunit *test)
{
	u64 nr;

	for (nr = 46; nr < 200; nr++) {
		struct script s = fragments();

		expect_one(test, &s,
			   SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_GREATEST_RANGE, nr, 2,
			   4000, 45);
	}
}

static void P4_greedy_is_the_first_that_holds_min(struct kunit *test)
{
	struct script s = fragments(), between = one(100, 7, true);

	/* a block that holds 5 has 8 */
	expect_one(test, &s, SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_GREEDY, 64, 5,
		   2000, 8);
	expect_one(test, &between, SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_GREEDY, 64, 5,
		   100, 5);
}

static void P3_nothing_that_has_min_is_no_memory(struct kunit *test)
{
	const u32 strategies[] = {
		SCHEME_PHYS_OPTIMAL, SCHEME_PHYS_GREATEST_RANGE, SCHEME_PHYS_GREEDY,
	};
	int i;

	for (i = 0; i < 3; i++) {
		struct script s = fragments();

		expect_none(test, &s, SCHEME_PHYS_PARTIAL_ALLOC | strategies[i], 64, 46, 1);
	}
}

static void expect_list(struct kunit *test, struct script *s, u32 strategy, u64 nr,
			u64 min, u32 max_ranges, u32 most)
{
	const struct schm_want want = {
		.nr = nr, .min = min, .flags = SCHEME_PHYS_LIST | strategy,
		.max_ranges = max_ranges,
	};
	static struct schm_range ranges[64];
	u64 sum = 0;
	int i, ret;

	ret = schm_ranges_take(&s->source, &want, ranges);
	KUNIT_ASSERT_GT(test, ret, 0);
	KUNIT_EXPECT_LE(test, (u32)ret, most);
	for (i = 0; i < ret; i++) {
		KUNIT_EXPECT_GE(test, ranges[i].nr, min);
		sum += ranges[i].nr;
	}
	KUNIT_EXPECT_EQ(test, sum, nr);
	KUNIT_EXPECT_EQ(test, s->taken, nr);
}

static void P5_a_list_fills_the_size_with_ranges_of_at_least_min(struct kunit *test)
{
	const u32 strategies[] = {
		0, SCHEME_PHYS_OPTIMAL, SCHEME_PHYS_GREATEST_RANGE, SCHEME_PHYS_GREEDY,
	};
	u64 nr;
	int i;

	for (i = 0; i < 4; i++) {
		for (nr = 2; nr <= 60; nr++) {
			struct script s = fragments();

			expect_list(test, &s, strategies[i], nr, 2, 64, 30);
		}
	}
}

static void P5_a_list_takes_few_ranges_where_large_ones_are(struct kunit *test)
{
	struct script s = one(0, 256, true), two = fragments();

	expect_list(test, &s, SCHEME_PHYS_OPTIMAL, 256, 1, 64, 1);
	expect_list(test, &two, SCHEME_PHYS_GREATEST_RANGE, 61, 16, 64, 2);
}

static void P5_a_list_has_no_more_ranges_than_may_be(struct kunit *test)
{
	struct script s = fragments(), none = fragments();

	expect_list(test, &s, SCHEME_PHYS_GREATEST_RANGE, 50, 1, 2, 2);
	expect_none(test, &none, SCHEME_PHYS_LIST, 70, 1, 2);
	KUNIT_EXPECT_EQ(test, none.taken, 0ULL);
}

static void P5_a_list_that_cannot_be_gives_all_back(struct kunit *test)
{
	struct script s = fragments();

	expect_none(test, &s, SCHEME_PHYS_LIST, 81, 1, RANGES);
}

static void P5_a_caller_that_dies_gives_all_back(struct kunit *test)
{
	const struct schm_want want = {
		.nr = 60, .min = 1, .flags = SCHEME_PHYS_LIST, .max_ranges = RANGES,
	};
	unsigned int at;

	for (at = 1; at < 6; at++) {
		struct script s = fragments();
		struct schm_range ranges[RANGES];

		s.fail = at;
		KUNIT_EXPECT_EQ(test, schm_ranges_take(&s.source, &want, ranges), -EINTR);
		KUNIT_EXPECT_EQ(test, s.taken, 0ULL);
	}
}

static struct kunit_case range_cases[] = {
	KUNIT_CASE(P1_a_range_is_of_the_size_or_there_is_none),
	KUNIT_CASE(P3_the_size_is_given_where_it_fits),
	KUNIT_CASE(P3_nothing_that_has_min_is_no_memory),
	KUNIT_CASE(P4_optimal_is_the_greatest_block_that_lies_ready),
	KUNIT_CASE(P4_greatest_range_is_the_greatest_there_is),
	KUNIT_CASE(P4_greedy_is_the_first_that_holds_min),
	KUNIT_CASE(P5_a_list_fills_the_size_with_ranges_of_at_least_min),
	KUNIT_CASE(P5_a_list_takes_few_ranges_where_large_ones_are),
	KUNIT_CASE(P5_a_list_has_no_more_ranges_than_may_be),
	KUNIT_CASE(P5_a_list_that_cannot_be_gives_all_back),
	KUNIT_CASE(P5_a_caller_that_dies_gives_all_back),
	{}
};

struct kunit_suite schm_range_suite = {
	.name = "schm_range",
	.test_cases = range_cases,
};
