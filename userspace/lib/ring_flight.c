// SPDX-License-Identifier: MIT
/*
 * Direct rings: what a client has in flight, by user_data, so that an answer to
 * nothing is known as such and a buffer stays until the answer.
 *
 * Requests with the same user_data are one group: an answer cannot say which of
 * them it is for, so their buffers are kept until the last of them is answered.
 */
#include "ring_int.h"
#include "op.h"

#include <stdlib.h>
#include <string.h>

static uint32_t chains_for(uint32_t max)
{
	uint32_t n = 1;

	while (n < max)
		n *= 2;
	return n;
}

int flights_init(struct ring_flights *f, uint32_t max)
{
	uint32_t chains = chains_for(max);

	*f = (struct ring_flights){ .max = max, .mask = chains - 1 };
	f->chains = malloc(chains * sizeof(*f->chains));
	f->groups = calloc(max, sizeof(*f->groups));
	f->holds = calloc(max, sizeof(*f->holds));
	if (!f->chains || !f->groups || !f->holds) {
		flights_uninit(f);
		return -ENOMEM;
	}
	memset(f->chains, 0xff, chains * sizeof(*f->chains));
	for (uint32_t i = 0; i < max; i++)
		f->groups[i].next = f->holds[i].next = i + 1 < max ? i + 1 : NO_FLIGHT;
	f->spare_holds = max;
	return 0;
}

void flights_uninit(struct ring_flights *f)
{
	free(f->chains);
	free(f->groups);
	free(f->holds);
}

/* Numbers and pointers alike: the upper bits of a product depend on all. */
static uint32_t *chain_of(const struct ring_flights *f, uint64_t user_data)
{
	return &f->chains[(user_data * 0x9e3779b97f4a7c15ULL >> 32) & f->mask];
}

struct ring_group *flights_find(const struct ring_flights *f,
				uint64_t user_data)
{
	uint32_t i = *chain_of(f, user_data);

	while (i != NO_FLIGHT && f->groups[i].user_data != user_data)
		i = f->groups[i].next;
	return i == NO_FLIGHT ? NULL : &f->groups[i];
}

static struct ring_group *new_group(struct ring_flights *f, uint64_t user_data)
{
	uint32_t *chain = chain_of(f, user_data);
	uint32_t i = f->free_group;
	struct ring_group *g = &f->groups[i];

	f->free_group = g->next;
	*g = (struct ring_group){
		.user_data = user_data,
		.next = *chain,
		.holds = NO_FLIGHT,
	};
	*chain = i;
	return g;
}

static void free_group(struct ring_flights *f, struct ring_group *g)
{
	uint32_t *link = chain_of(f, g->user_data);
	uint32_t i = (uint32_t)(g - f->groups);

	while (*link != i)
		link = &f->groups[*link].next;
	*link = g->next;
	g->next = f->free_group;
	f->free_group = i;
}

static void add_hold(struct ring_flights *f, struct ring_group *g,
		     uint64_t block)
{
	uint32_t i = f->free_hold;

	f->free_hold = f->holds[i].next;
	f->holds[i] = (struct ring_hold){ .block = block, .next = g->holds };
	g->holds = i;
	f->spare_holds--;
}

/* The most that an answer's result can be. */
static uint64_t limit_of(const struct scheme_sqe *sqe)
{
	return op_is(sqe->opcode, OP_COUNTS) ? op_bytes(sqe) : INT64_MAX;
}

/* Likewise its second result, where that is a number of bytes. */
static uint64_t extra_of(const struct scheme_sqe *sqe)
{
	return sqe->opcode == SCHEME_OP_CALL ? sqe->aux : UINT64_MAX;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void flights_add(struct ring_flights *f, const struct scheme_sqe *sqe,
		 uint64_t hold)
{
	struct ring_group *g = flights_find(f, sqe->user_data);

	if (!g)
		g = new_group(f, sqe->user_data);
	g->live++;
	f->live++;
	g->shots += !!(sqe->flags & SCHEME_SQE_MULTISHOT);
	g->limit = most(g->limit, limit_of(sqe));
	g->extra = most(g->extra, extra_of(sqe));
	if (hold != NO_HOLD)
		add_hold(f, g, hold);
}

static void drop_holds(struct scheme_ring *r, struct ring_group *g)
{
	struct ring_flights *f = &r->flights;
	uint32_t i;

	while ((i = g->holds) != NO_FLIGHT) {
		g->holds = f->holds[i].next;
		pool_drop(r, f->holds[i].block);
		f->holds[i].next = f->free_hold;
		f->free_hold = i;
		f->spare_holds++;
	}
}

void flights_end(struct scheme_ring *r, struct ring_group *g)
{
	r->flights.live--;
	if (--g->live)
		return;
	drop_holds(r, g);
	free_group(&r->flights, g);
}

void flights_end_later(struct scheme_ring *r, struct ring_group *g)
{
	flights_settle(r);
	r->ended = g;
}
