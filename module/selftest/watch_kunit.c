// SPDX-License-Identifier: GPL-2.0
/* From a change of readiness to the events that are read. */
#include "../watch.c"

#include "suites.h"

#define IN	((__force u32)EPOLLIN)
#define OUT	((__force u32)EPOLLOUT)
#define PRI	((__force u32)EPOLLPRI)
#define ERR	((__force u32)EPOLLERR)
#define HUP	((__force u32)EPOLLHUP)

static struct schm_equeue *new_queue(struct kunit *test)
{
	struct schm_equeue *q = schm_equeue_alloc();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, q);
	return q;
}

/* One more client's file, not ready for anything. */
static struct schm_handle *new_handle(struct kunit *test, u64 number)
{
	const struct scheme_cqe opened = {
		.result = number, .flags = SCHEME_CQE_F_EVENTS,
	};
	struct schm_world *w = test->priv;
	struct schm_handle *h = schm_handle_alloc(w->s);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h);
	schm_handle_open(h, w->q, &opened);
	return h;
}

static int watch(struct schm_equeue *q, struct schm_source *s, u64 id, u32 flags,
		 u64 data)
{
	const struct scheme_event event = { .id = id, .flags = flags, .data = data };

	return schm_equeue_watch(q, s, &event);
}

static void post(struct schm_handle *h, u32 mask)
{
	spin_lock(&h->scheme->lock);
	h->events = mask;
	schm_source_post_locked(&h->source, mask);
	spin_unlock(&h->scheme->lock);
}

static void expect_event(struct kunit *test, struct schm_equeue *q, u64 id,
			 u32 flags, u64 data)
{
	struct schm_taken taken = {};

	KUNIT_ASSERT_EQ(test, schm_equeue_take(q, &taken, 1), 1U);
	KUNIT_EXPECT_EQ(test, taken.event.id, id);
	KUNIT_EXPECT_EQ(test, taken.event.flags, flags);
	KUNIT_EXPECT_EQ(test, taken.event.data, data);
}

static void expect_none(struct kunit *test, struct schm_equeue *q)
{
	struct schm_taken taken;

	KUNIT_EXPECT_FALSE(test, schm_equeue_ready(q));
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, &taken, 1), 0U);
}

/* The file has gone: what its release does. */
static void close_handle(struct schm_handle *h)
{
	schm_source_end(&h->source);
	schm_handle_put(h);
}

/* ---- edges ----------------------------------------------------------------- */

static void E3_every_post_is_an_edge(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);
	int i;

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN, 9), 0);
	expect_none(test, q);
	for (i = 0; i < 3; i++) {
		post(h, IN);
		expect_event(test, q, 4, IN, 9);
		expect_none(test, q);
	}
	post(h, 0);
	expect_none(test, q);
	schm_equeue_free(q);
	close_handle(h);
}

static void E3_watch_begins_with_what_is_ready(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);

	post(h, IN | OUT);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN | PRI, 9), 0);
	expect_event(test, q, 4, IN, 9);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, PRI, 9), 0);
	expect_none(test, q);
	schm_equeue_free(q);
	close_handle(h);
}

static void E3_only_what_is_asked_for_is_told(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN, 9), 0);
	post(h, OUT | PRI);
	expect_none(test, q);
	post(h, IN | OUT);
	expect_event(test, q, 4, IN, 9);
	/* errors and the end are for everybody */
	post(h, ERR | OUT);
	expect_event(test, q, 4, ERR, 9);
	post(h, HUP);
	expect_event(test, q, 4, HUP, 9);
	schm_equeue_free(q);
	close_handle(h);
}

static void S20_death_is_told_once(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, PRI, 9), 0);
	schm_handles_wake(w->s);
	expect_event(test, q, 4, ERR | HUP, 9);
	expect_none(test, q);
	/* who comes later hears of it, too */
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, PRI, 8), 0);
	expect_event(test, q, 5, ERR | HUP, 8);
	schm_equeue_free(q);
	close_handle(h);
}

/* ---- coalescing and order -------------------------------------------------- */

static void E4_edges_of_one_watch_become_one_event(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);
	int i;

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN | OUT | PRI, 9), 0);
	for (i = 0; i < 1000; i++)
		post(h, i & 1 ? IN : PRI);
	expect_event(test, q, 4, IN | PRI, 9);
	expect_none(test, q);
	post(h, OUT);
	expect_event(test, q, 4, OUT, 9);
	schm_equeue_free(q);
	close_handle(h);
}

static void E4_first_come_first_served(struct kunit *test)
{
	struct schm_handle *h[4];
	struct schm_equeue *q = new_queue(test);
	static const int order[4] = { 2, 0, 3, 1 };
	int i;

	for (i = 0; i < 4; i++) {
		h[i] = new_handle(test, i);
		KUNIT_EXPECT_EQ(test, watch(q, &h[i]->source, i, IN | PRI, i), 0);
	}
	for (i = 0; i < 4; i++)
		post(h[order[i]], IN);
	/* a second edge gains nobody a better place, nor a worse one */
	post(h[2], PRI);
	post(h[1], PRI);
	expect_event(test, q, 2, IN | PRI, 2);
	expect_event(test, q, 0, IN, 0);
	/* read, and ready again: behind those who wait */
	post(h[2], IN);
	expect_event(test, q, 3, IN, 3);
	expect_event(test, q, 1, IN | PRI, 1);
	expect_event(test, q, 2, IN, 2);
	expect_none(test, q);
	schm_equeue_free(q);
	for (i = 0; i < 4; i++)
		close_handle(h[i]);
}

static void E4_two_watches_of_a_file_are_two_events(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test), *q2 = new_queue(test);

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN, 1), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, IN, 2), 0);
	KUNIT_EXPECT_EQ(test, watch(q2, &h->source, 4, IN, 3), 0);
	post(h, IN);
	expect_event(test, q, 4, IN, 1);
	expect_event(test, q, 5, IN, 2);
	expect_none(test, q);
	expect_event(test, q2, 4, IN, 3);
	expect_none(test, q2);
	schm_equeue_free(q);
	schm_equeue_free(q2);
	close_handle(h);
}

static void E2_no_more_is_taken_than_there_is_room_for(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);
	struct schm_taken taken[8];
	u64 id;

	for (id = 0; id < 5; id++)
		KUNIT_EXPECT_EQ(test, watch(q, &h->source, id, IN, id), 0);
	post(h, IN);
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, taken, 0), 0U);
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, taken, 3), 3U);
	for (id = 0; id < 3; id++)
		KUNIT_EXPECT_EQ(test, taken[id].event.id, id);
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, taken, 8), 2U);
	KUNIT_EXPECT_EQ(test, taken[0].event.id, 3);
	KUNIT_EXPECT_EQ(test, taken[1].event.id, 4);
	schm_equeue_free(q);
	close_handle(h);
}

/* ---- changing -------------------------------------------------------------- */

static void E5_change_of_a_watch_begins_anew(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN, 1), 0);
	post(h, IN);
	post(h, OUT);
	/* what was pending is forgotten; what is ready counts */
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN | OUT, 2), 0);
	expect_event(test, q, 4, OUT, 2);
	expect_none(test, q);
	post(h, IN);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, PRI, 3), 0);
	expect_none(test, q);
	KUNIT_EXPECT_EQ(test, q->nr, 1);
	schm_equeue_free(q);
	close_handle(h);
}

static void E5_event_of_a_watch_that_ended_is_gone(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN, 1), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, IN, 2), 0);
	post(h, IN);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, 0, 0), 0);
	expect_event(test, q, 5, IN, 2);
	post(h, IN);
	close_handle(h);
	expect_none(test, q);
	schm_equeue_free(q);
}

/* ---- putting back ---------------------------------------------------------- */

/* Two watches, whose events have been taken. */
static void take_two(struct kunit *test, struct schm_equeue *q,
		     struct schm_handle *h, struct schm_taken *taken)
{
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN | PRI, 1), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, IN | PRI, 2), 0);
	post(h, IN);
	KUNIT_ASSERT_EQ(test, schm_equeue_take(q, taken, 2), 2U);
}

static void E2_what_could_not_be_read_is_first_again(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1), *h2 = new_handle(test, 2);
	struct schm_equeue *q = new_queue(test);
	struct schm_taken taken[2];

	KUNIT_EXPECT_EQ(test, watch(q, &h2->source, 6, IN, 3), 0);
	take_two(test, q, h, taken);
	/* meanwhile */
	post(h2, IN);
	post(h, PRI);
	schm_equeue_untake(q, taken, 2);
	expect_event(test, q, 4, IN | PRI, 1);
	expect_event(test, q, 5, IN | PRI, 2);
	expect_event(test, q, 6, IN, 3);
	expect_none(test, q);
	schm_equeue_free(q);
	close_handle(h);
	close_handle(h2);
}

static void E2_what_nobody_asks_for_any_more_is_not_put_back(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);
	struct schm_taken taken[2];

	take_two(test, q, h, taken);
	post(h, 0);
	/* the same watch, but it is for something else now */
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, PRI, 3), 0);
	schm_equeue_untake(q, taken, 2);
	expect_event(test, q, 5, IN, 2);
	expect_none(test, q);
	schm_equeue_free(q);
	close_handle(h);
}

static void E2_watches_that_have_gone_are_not_put_back(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);
	struct schm_taken taken[2];

	take_two(test, q, h, taken);
	post(h, 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, 0, 0), 0);
	/* another one of the same name */
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, IN, 3), 0);
	schm_equeue_untake(q, taken, 2);
	expect_none(test, q);
	close_handle(h);
	schm_equeue_untake(q, taken, 2);
	expect_none(test, q);
	schm_equeue_free(q);
}

/* ---- sleepers, and queues that watch --------------------------------------- */

static void E1_sleeper_is_woken_and_wakes_the_next(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test);
	struct schm_sleeper sleeper;
	struct schm_taken taken;

	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN, 1), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, IN, 1), 0);
	schm_sleep_on(&q->wait, &sleeper);
	post(h, OUT);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 0);
	post(h, IN);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 2);
	/* they are told already */
	post(h, IN);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 2);
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, &taken, 1), 1U);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 3);
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, &taken, 1), 1U);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 3);
	remove_wait_queue(&q->wait, &sleeper.entry);
	schm_equeue_free(q);
	close_handle(h);
}

static void E7_queue_is_ready_when_it_has_been_empty(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q = new_queue(test), *outer = new_queue(test);
	struct schm_taken taken[2];

	KUNIT_EXPECT_EQ(test, schm_equeue_mask(q), OUT | (__force u32)EPOLLWRNORM);
	KUNIT_EXPECT_EQ(test, watch(outer, &q->source, 9, IN, 7), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 4, IN, 1), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5, IN, 2), 0);
	post(h, IN);
	expect_event(test, outer, 9, IN, 7);
	/* it still is: no edge */
	post(h, IN);
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, taken, 1), 1U);
	post(h, IN);
	expect_none(test, outer);
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, taken, 2), 2U);
	post(h, IN);
	expect_event(test, outer, 9, IN, 7);
	/* what is put back into an empty queue is an edge, too */
	KUNIT_EXPECT_EQ(test, schm_equeue_take(q, taken, 2), 2U);
	schm_equeue_untake(q, taken, 2);
	expect_event(test, outer, 9, IN, 7);
	/* and it is ready for who comes now */
	KUNIT_EXPECT_EQ(test, watch(outer, &q->source, 9, IN, 8), 0);
	expect_event(test, outer, 9, IN, 8);
	schm_equeue_free(outer);
	schm_equeue_free(q);
	close_handle(h);
}

static void E7_post_reaches_the_outermost_queue(struct kunit *test)
{
	struct schm_handle *h = new_handle(test, 1);
	struct schm_equeue *q[SCHM_NEST_MAX];
	int i;

	for (i = 0; i < SCHM_NEST_MAX; i++) {
		q[i] = new_queue(test);
		KUNIT_EXPECT_EQ(test, watch(q[i], i ? &q[i - 1]->source : &h->source,
					    i, IN, i), 0);
	}
	post(h, IN);
	for (i = SCHM_NEST_MAX - 1; i >= 0; i--) {
		expect_event(test, q[i], i, IN, i);
		expect_none(test, q[i]);
	}
	for (i = 0; i < SCHM_NEST_MAX; i++)
		schm_equeue_free(q[i]);
	close_handle(h);
}

static struct kunit_case watch_cases[] = {
	KUNIT_CASE(E3_every_post_is_an_edge),
	KUNIT_CASE(E3_watch_begins_with_what_is_ready),
	KUNIT_CASE(E3_only_what_is_asked_for_is_told),
	KUNIT_CASE(S20_death_is_told_once),
	KUNIT_CASE(E4_edges_of_one_watch_become_one_event),
	KUNIT_CASE(E4_first_come_first_served),
	KUNIT_CASE(E4_two_watches_of_a_file_are_two_events),
	KUNIT_CASE(E2_no_more_is_taken_than_there_is_room_for),
	KUNIT_CASE(E5_change_of_a_watch_begins_anew),
	KUNIT_CASE(E5_event_of_a_watch_that_ended_is_gone),
	KUNIT_CASE(E2_what_could_not_be_read_is_first_again),
	KUNIT_CASE(E2_what_nobody_asks_for_any_more_is_not_put_back),
	KUNIT_CASE(E2_watches_that_have_gone_are_not_put_back),
	KUNIT_CASE(E1_sleeper_is_woken_and_wakes_the_next),
	KUNIT_CASE(E7_queue_is_ready_when_it_has_been_empty),
	KUNIT_CASE(E7_post_reaches_the_outermost_queue),
	{}
};

struct kunit_suite schm_watch_suite = {
	.name = "schm_watch",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = watch_cases,
};
