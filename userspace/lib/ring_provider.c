// SPDX-License-Identifier: MIT
/*
 * Direct rings, the provider's end: take entries, post answers.
 */
#include "ring_int.h"

#include <string.h>

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Copied out once; nobody looks at the shared entry again. */
int scheme_ring_pop(struct scheme_ring *r, struct scheme_sqe *sqes,
		    unsigned int nr)
{
	unsigned int take;
	int fill;

	if (r->side != SCHEME_RING_PROVIDER || !nr)
		return -EINVAL;
	fill = ring_entries(r);
	if (fill < 0)
		return fill;
	take = least(nr, (unsigned int)fill);
	for (unsigned int i = 0; i < take; i++) {
		memcpy(&sqes[i], &r->sqes[ring_slot(&r->take)], sizeof(*sqes));
		r->take.at++;
	}
	ring_store(&r->take);
	ring_publish(r, SCHEME_RING_NEED_ROOM);
	return (int)take;
}

int scheme_ring_wait_sqe(struct scheme_ring *r, int64_t timeout_ns)
{
	int ret;

	if (r->side != SCHEME_RING_PROVIDER)
		return -EINVAL;
	ret = ring_await(r, ring_look_entries, SCHEME_RING_NEED_WAKEUP, timeout_ns);
	return ret < 0 ? ret : 0;
}

int scheme_ring_push(struct scheme_ring *r, const struct scheme_cqe *cqes,
		     unsigned int nr)
{
	unsigned int put;
	int room;

	if (r->side != SCHEME_RING_PROVIDER || !nr)
		return -EINVAL;
	room = ring_space(r, nr);
	if (room < 0)
		return room;
	put = least(nr, (unsigned int)room);
	ring_put_cqes(r, cqes, put);
	ring_publish(r, SCHEME_RING_NEED_WAKEUP);
	return (int)put;
}
