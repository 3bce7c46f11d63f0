// SPDX-License-Identifier: GPL-2.0
/* Less than all in one range, and all of it in several, of memory that is in pieces. */
#include <errno.h>
#include <stdlib.h>

#include "physlist.h"
#include "fragment.h"

#define BLOCK	KIB(512)

/* All tests find memory as it is left here: to break it takes the longest by far. */
static struct fragment fragment;
static int broken;
static pid_t breaker;

__attribute__((constructor))
static void break_memory(void)
{
	breaker = getpid();
	broken = brief_run() ? -ECANCELED : fragment_begin(&fragment, BLOCK);
}

/* Not at the end of a test's process. */
__attribute__((destructor))
static void mend_memory(void)
{
	if (!broken && getpid() == breaker)
		fragment_end(&fragment);
}

FIXTURE(pieces) {
	int fd;
};

FIXTURE_SETUP(pieces)
{
	/* it takes minutes where each page of it is looked at */
	if (brief_run())
		SKIP(return, "other kernels break all their memory");
	ASSERT_EQ(0, broken);
	self->fd = phys_open();
	ASSERT_LE(0, self->fd);
	/* what was not to be had may be one piece, and must not hold it */
	if (fragment.untouched >= LARGE || meminfo("MemAvailable") < LARGE * 5 / 4)
		SKIP(return, "memory has not the size that this is made for");
}

FIXTURE_TEARDOWN(pieces)
{
	close(self->fd);
}

static struct scheme_physalloc whole(void)
{
	return phys_wish(LARGE, 0);
}

TEST_F_TIMEOUT(pieces, P3_partial_gives_less_than_all, 120)
{
	struct scheme_physalloc a = whole();

	ASSERT_EQ(-ENOMEM, phys_alloc(self->fd, &a));
	a = partial_wish(LARGE, KIB(64), SCHEME_PHYS_GREEDY);
	ASSERT_EQ(0, phys_alloc(self->fd, &a));
	EXPECT_LE(KIB(64), a.size);
	EXPECT_GT(LARGE, a.size);
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
		EXPECT_LE(KIB(16), a.size);
		EXPECT_GT(LARGE, a.size);
		EXPECT_EQ(0, a.size % PAGE);
		EXPECT_EQ(1, a.nr_ranges);
		list[0] = (struct scheme_range){ a.addr, a.size };
		EXPECT_TRUE(list_is_mapped(self->fd, &a));
		ASSERT_EQ(0, phys_free(self->fd, &a));
	}
	printf("# optimal %lu, greatest %lu, greedy %lu KiB\n", got[0] >> 10,
	       got[1] >> 10, got[2] >> 10);
	EXPECT_LE(got[0], got[1]);
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
