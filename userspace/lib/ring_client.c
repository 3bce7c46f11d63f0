// SPDX-License-Identifier: MIT
/*
 * Direct rings, the client's end: submit entries, take answers.
 */
#include "ring_int.h"

#include <string.h>

#define KNOWN_CQE_FLAGS	(SCHEME_CQE_F_POSITIONED | SCHEME_CQE_F_EVENTS | \
			 SCHEME_CQE_F_MORE | SCHEME_CQE_F_LAST)

/* The least value that is an error, as for the kernel. */
#define ERRNO_MAX	4095

/* ---- submit ------------------------------------------------------------------ */

static bool has_flight(const struct scheme_ring *r)
{
	const struct ring_flights *f = &r->flights;

	return f->live + r->nr_staged < f->max && r->nr_staged < f->spare_holds;
}

/* Room that this end has used up with what is staged does not come back by itself. */
struct scheme_sqe *scheme_ring_get_sqe(struct scheme_ring *r)
{
	struct scheme_sqe *sqe;
	int room;

	if (r->side != SCHEME_RING_CLIENT)
		return NULL;
	if (!has_flight(r)) {
		flights_settle(r);
		if (!has_flight(r))
			return NULL;
	}
	room = ring_room_seen(&r->put, r->nr_staged + 1);
	if (room < 0 || r->nr_staged >= (uint32_t)room)
		return NULL;
	sqe = &r->staged[r->nr_staged++];
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

/* One-way entries have no payload of the pool, and nobody answers them. */
static void take_off(struct scheme_ring *r, const struct scheme_sqe *sqe)
{
	uint64_t hold = NO_HOLD;

	if (sqe->flags & SCHEME_SQE_ONEWAY)
		return;
	if (sqe->len || sqe->aux)
		hold = pool_hold(r, sqe->addr);
	flights_add(&r->flights, sqe, hold);
}

/* late: who has to be woken is when we wait. */
static int submit(struct scheme_ring *r, bool late)
{
	uint32_t nr = r->nr_staged;
	int room;

	if (r->side != SCHEME_RING_CLIENT)
		return -EINVAL;
	room = ring_space(r, nr);
	if (room == -EAGAIN)
		room = 0;
	if (room < 0 || !nr)
		return room < 0 ? room : 0;
	/* get_sqe has seen that there is room: it does not become less */
	for (uint32_t i = 0; i < nr; i++) {
		memcpy(&r->sqes[ring_slot(&r->put)], &r->staged[i],
		       sizeof(r->staged[i]));
		r->put.at++;
	}
	ring_store(&r->put);
	if (late)
		ring_publish_late(r, SCHEME_RING_NEED_WAKEUP);
	else
		ring_publish(r, SCHEME_RING_NEED_WAKEUP);
	/* while the provider is at it */
	flights_settle(r);
	for (uint32_t i = 0; i < nr; i++)
		take_off(r, &r->staged[i]);
	r->nr_staged = 0;
	return (int)nr;
}

int scheme_ring_submit(struct scheme_ring *r)
{
	return submit(r, false);
}

/* ---- answers ----------------------------------------------------------------- */

static bool answer_ok(const struct scheme_cqe *cqe, const struct ring_group *g)
{
	if (cqe->kind != SCHEME_CQE_VALUE || cqe->status ||
	    cqe->flags & ~KNOWN_CQE_FLAGS)
		return false;
	if (cqe->flags & SCHEME_CQE_F_MORE && !g->shots)
		return false;
	if (cqe->extra > g->extra)
		return false;
	return cqe->result < 0 ? cqe->result >= -ERRNO_MAX :
				 (uint64_t)cqe->result <= g->limit;
}

/* Take the place of the oldest answer from the ring. */
static void drop(struct scheme_ring *r)
{
	uint32_t filled = r->take.seen - r->take.at;

	ring_advance(&r->take);
	ring_made_room(r, filled);
}

/* Copied out once, then checked. False: nobody asked for it. */
static bool accept(struct scheme_ring *r)
{
	struct scheme_cqe *cqe = &r->cqe;

	flights_settle(r);
	memcpy(cqe, &r->cqes[ring_slot(&r->take)], sizeof(*cqe));
	r->cqe_group = flights_find(&r->flights, cqe->user_data);
	if (!r->cqe_group)
		return false;
	if (!answer_ok(cqe, r->cqe_group))
		*cqe = (struct scheme_cqe){
			.user_data = cqe->user_data,
			.result = -EPROTO,
		};
	return true;
}

/*
 * The next answer is in r->cqe. No more than a ring full of false ones is looked
 * at: who sends them without end must not keep us here.
 */
static int peek(struct scheme_ring *r)
{
	int ret;

	for (uint32_t i = 0; !r->peeked && i < r->take.entries; i++) {
		ret = ring_entries(r);
		if (ret < 0)
			return ret;
		r->peeked = accept(r);
		if (!r->peeked) {
			r->forged++;
			drop(r);
		}
	}
	return r->peeked ? 0 : -EAGAIN;
}

int scheme_ring_wait_cqe(struct scheme_ring *r, struct scheme_cqe **cqe,
			 int64_t timeout_ns)
{
	int ret;

	if (r->side != SCHEME_RING_CLIENT)
		return -EINVAL;
	ret = ring_await(r, peek, SCHEME_RING_NEED_WAKEUP, timeout_ns);
	if (!ret)
		*cqe = &r->cqe;
	return ret;
}

int scheme_ring_peek_cqe(struct scheme_ring *r, struct scheme_cqe **cqe)
{
	return scheme_ring_wait_cqe(r, cqe, 0);
}

/* Answers can be there also when nothing can be submitted any more. */
int scheme_ring_submit_and_wait(struct scheme_ring *r, struct scheme_cqe **cqe,
				int64_t timeout_ns)
{
	int ret = r->nr_staged || r->side != SCHEME_RING_CLIENT ? submit(r, true) : 0;

	if (ret < 0 && ret != -ESHUTDOWN)
		return ret;
	return scheme_ring_wait_cqe(r, cqe, timeout_ns);
}

void scheme_ring_cqe_seen(struct scheme_ring *r, struct scheme_cqe *cqe)
{
	if (!r->peeked || cqe != &r->cqe)
		return;
	r->peeked = false;
	if (!(cqe->flags & SCHEME_CQE_F_MORE)) {
		r->cqe_group->shots -= r->cqe_group->shots &&
				       cqe->flags & SCHEME_CQE_F_LAST;
		flights_end_later(r, r->cqe_group);
	}
	drop(r);
}

unsigned int scheme_ring_in_flight(const struct scheme_ring *r)
{
	return r->flights.live - !!r->ended;
}

uint64_t scheme_ring_forged(const struct scheme_ring *r)
{
	return r->forged;
}
