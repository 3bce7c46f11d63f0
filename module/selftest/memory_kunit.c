// SPDX-License-Identifier: GPL-2.0
/* The layout of a queue's memory. */
#include "../memory.c"

#include "suites.h"

struct part {
	u64 from, size, align;
};

/* In the order of the layout: none begins before the one before it ends. */
static void expect_parts(struct kunit *test, const struct schm_layout *at,
			 u64 depth, u64 slot_size)
{
	const struct part parts[] = {
		{ at->kernel_off, sizeof(struct scheme_ring_kernel), 64 },
		{ at->client_off, sizeof(struct scheme_ring_client), 64 },
		{ at->provider_off, sizeof(struct scheme_ring_provider), 64 },
		{ at->poller_off, depth, 1 },
		{ at->cq_off, at->cq_entries * sizeof(struct scheme_cqe), 64 },
		{ at->sq_off, at->sq_entries * sizeof(struct scheme_sqe), 64 },
		{ at->slots_off, depth * slot_size, PAGE_SIZE },
	};
	u64 end = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		KUNIT_EXPECT_LE(test, end, parts[i].from);
		KUNIT_EXPECT_EQ(test, parts[i].from % parts[i].align, 0);
		end = parts[i].from + parts[i].size;
	}
	/* nothing of the last slot is missing, and no page is left over */
	KUNIT_EXPECT_EQ(test, at->size, end);
	KUNIT_EXPECT_EQ(test, at->size % PAGE_SIZE, 0);
}

static void U7_parts_of_every_layout_are_apart_and_aligned(struct kunit *test)
{
	struct schm_layout at;
	u32 depth, slot_size;

	for (depth = 1; depth <= SCHM_DEPTH_MAX; depth *= 2)
		for (slot_size = PAGE_SIZE; slot_size <= SCHM_SLOT_MAX; slot_size *= 2) {
			schm_memory_layout(&at, depth, slot_size);
			expect_parts(test, &at, depth, slot_size);
		}
}

/* A request and a CANCEL for every tag; and both are powers of two. */
static void U8_rings_have_two_entries_for_every_slot(struct kunit *test)
{
	struct schm_layout at;
	u32 depth;

	for (depth = 1; depth <= SCHM_DEPTH_MAX; depth *= 2) {
		schm_memory_layout(&at, depth, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, at.sq_entries, 2 * depth);
		KUNIT_EXPECT_EQ(test, at.cq_entries, 2 * depth);
	}
}

/* Each index alone is allowed; together CREATE refuses them, and 32 bits would not do. */
static void U7_layout_of_the_greatest_sizes_does_not_overflow(struct kunit *test)
{
	struct schm_layout at;

	schm_memory_layout(&at, SCHM_DEPTH_MAX, SCHM_SLOT_MAX);
	KUNIT_EXPECT_LT(test, (u64)SCHM_DEPTH_MAX * SCHM_SLOT_MAX, (u64)at.size);
	schm_memory_layout(&at, 8 * SCHM_DEPTH_MAX, SCHM_SLOT_MAX);
	KUNIT_EXPECT_LT(test, 1ULL << 33, (u64)at.size);
	expect_parts(test, &at, 8 * SCHM_DEPTH_MAX, SCHM_SLOT_MAX);
}

/* The provider finds each part where it was told, zeroed. */
static void S22_memory_is_zeroed_and_where_the_layout_says(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_queue *q = w->other;
	void *mem = q->mem;

	KUNIT_EXPECT_NULL(test, memchr_inv(mem, 0, q->at.size));
	KUNIT_EXPECT_PTR_EQ(test, (void *)q->kern, mem + q->at.kernel_off);
	KUNIT_EXPECT_PTR_EQ(test, (void *)q->client, mem + q->at.client_off);
	KUNIT_EXPECT_PTR_EQ(test, (void *)q->prov, mem + q->at.provider_off);
	KUNIT_EXPECT_PTR_EQ(test, (void *)q->poller, mem + q->at.poller_off);
	KUNIT_EXPECT_PTR_EQ(test, (void *)q->sq, mem + q->at.sq_off);
	KUNIT_EXPECT_PTR_EQ(test, (void *)q->cq, mem + q->at.cq_off);
	/* the last byte of the last slot is the last of all */
	memset(schm_queue_slot(q, WORLD_DEPTH - 1), 0xff, q->slot_size);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(mem, 0, q->at.size),
			    mem + q->at.size - q->slot_size);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(U7_parts_of_every_layout_are_apart_and_aligned),
	KUNIT_CASE(U8_rings_have_two_entries_for_every_slot),
	KUNIT_CASE(U7_layout_of_the_greatest_sizes_does_not_overflow),
	KUNIT_CASE(S22_memory_is_zeroed_and_where_the_layout_says),
	{}
};

struct kunit_suite schm_memory_suite = {
	.name = "schm_memory",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = memory_cases,
};
