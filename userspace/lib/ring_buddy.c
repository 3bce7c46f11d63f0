// SPDX-License-Identifier: MIT
/*
 * Blocks of a region: a buddy allocator. A tree of bytes says for each node how
 * large the greatest free block below it is, so that taking and giving back walk
 * from the root to a leaf, or back. Nothing of it is in shared memory.
 *
 * FREE -> USED [alloc]   USED -> FREE [free, nobody holds it]
 * USED -> FREED [free, held]   FREED -> FREE [the last hold is dropped]
 */
#include "ring_int.h"

#include <stdlib.h>
#include <string.h>

/* In holds: a used block begins here; and it has been freed. Else counts. */
#define BEGINS	(1U << 30)
#define FREED	(1U << 31)

struct ring_buddy {
	uint64_t	size;		/* bytes that there are */
	uint32_t	leaves;		/* a power of two, perhaps more than there are */
	uint8_t		levels;		/* log2 of that */
	/*
	 * Node i has the children 2i and 2i + 1. 0: nothing is free; n + 1: 2^n
	 * blocks together are. Below a free or a used block all says free.
	 */
	uint8_t		*tree;
	uint32_t	*holds;		/* by first leaf of a block: count, BEGINS, FREED */
};

static uint8_t log2_up(uint64_t n)
{
	uint8_t order = 0;

	while (1ULL << order < n)
		order++;
	return order;
}

/* What the two below a node say. */
static uint8_t left_of(const struct ring_buddy *b, uint32_t node)
{
	return b->tree[2 * (size_t)node];
}

static uint8_t right_of(const struct ring_buddy *b, uint32_t node)
{
	return b->tree[2 * (size_t)node + 1];
}

/* What a node at this order says when its children have changed. */
static uint8_t sum(const struct ring_buddy *b, uint32_t node, uint8_t order)
{
	uint8_t left = left_of(b, node), right = right_of(b, node);

	if (left == order && right == order)	/* both wholly free */
		return (uint8_t)(order + 1);
	return left > right ? left : right;
}

static void fill_tree(struct ring_buddy *b)
{
	uint64_t there = b->size / RING_BLOCK;
	uint32_t node = b->leaves;

	for (uint32_t i = 0; i < b->leaves; i++)
		b->tree[b->leaves + i] = i < there;
	for (uint8_t order = 1; order <= b->levels; order++) {
		for (uint32_t i = node / 2; i < node; i++)
			b->tree[i] = sum(b, i, order);
		node /= 2;
	}
}

struct ring_buddy *buddy_new(uint64_t size)
{
	struct ring_buddy *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->size = size;
	b->levels = log2_up(size / RING_BLOCK);
	b->leaves = 1U << b->levels;
	b->tree = malloc(2 * (size_t)b->leaves);
	b->holds = calloc(b->leaves, sizeof(*b->holds));
	if (!b->tree || !b->holds) {
		buddy_delete(b);
		return NULL;
	}
	fill_tree(b);
	return b;
}

void buddy_delete(struct ring_buddy *b)
{
	if (!b)
		return;
	free(b->tree);
	free(b->holds);
	free(b);
}

/* A node of this order has changed: so have those above it. */
static void update(struct ring_buddy *b, uint32_t node, uint8_t order)
{
	while (node > 1) {
		node /= 2;
		order++;
		b->tree[node] = sum(b, node, order);
	}
}

/* First of the 2^order leaves below a node. */
static uint32_t first_leaf(const struct ring_buddy *b, uint32_t node,
			   uint8_t order)
{
	return (node << order) - b->leaves;
}

int buddy_alloc(struct ring_buddy *b, uint64_t len, uint64_t *offset)
{
	uint8_t want, order = b->levels;
	uint32_t node = 1;

	if (len > b->size)
		return -ENOMEM;
	want = (uint8_t)(log2_up((len + RING_BLOCK - 1) / RING_BLOCK) + 1);
	if (b->tree[1] < want)
		return -ENOMEM;
	for (; order >= want; order--) {
		uint8_t left = left_of(b, node), right = right_of(b, node);

		node *= 2;	/* the smaller one that will do */
		node += left < want || (right >= want && right < left);
	}
	b->tree[node] = 0;
	update(b, node, order);
	*offset = (uint64_t)first_leaf(b, node, order) * RING_BLOCK;
	b->holds[first_leaf(b, node, order)] = BEGINS;
	return 0;
}

/* The block that is in use around an offset: its node, or 0. */
static uint32_t find(const struct ring_buddy *b, uint64_t offset,
		     uint8_t *order)
{
	uint32_t node;

	*order = 0;
	if (offset >= b->size)
		return 0;
	node = b->leaves + (uint32_t)(offset / RING_BLOCK);
	for (; node && b->tree[node]; ++*order)
		node /= 2;
	return node;
}

static void release(struct ring_buddy *b, uint32_t node, uint8_t order)
{
	b->tree[node] = (uint8_t)(order + 1);
	update(b, node, order);
	b->holds[first_leaf(b, node, order)] = 0;
}

int buddy_free(struct ring_buddy *b, uint64_t offset)
{
	uint8_t order;
	uint32_t leaf, node = find(b, offset, &order);

	if (!node)
		return -EINVAL;
	leaf = first_leaf(b, node, order);
	if ((uint64_t)leaf * RING_BLOCK != offset || b->holds[leaf] & FREED)
		return -EINVAL;
	if (b->holds[leaf] != BEGINS)
		b->holds[leaf] |= FREED;
	else
		release(b, node, order);
	return 0;
}

bool buddy_hold(struct ring_buddy *b, uint64_t offset, uint64_t *start)
{
	uint32_t leaf = (uint32_t)(offset / RING_BLOCK);

	/* nearly always it is the begin */
	if (offset >= b->size || !(b->holds[leaf] & BEGINS)) {
		uint8_t order;
		uint32_t node = find(b, offset, &order);

		if (!node)
			return false;
		leaf = first_leaf(b, node, order);
	}
	b->holds[leaf]++;
	*start = (uint64_t)leaf * RING_BLOCK;
	return true;
}

void buddy_drop(struct ring_buddy *b, uint64_t start)
{
	uint32_t leaf = (uint32_t)(start / RING_BLOCK);
	uint8_t order;
	uint32_t node;

	if (--b->holds[leaf] != (BEGINS | FREED))
		return;
	node = find(b, start, &order);
	release(b, node, order);
}
