// SPDX-License-Identifier: GPL-2.0
/* Numbers, readiness, and the CLOSE at the end of a handle. */
#include "../handle.c"

#include "suites.h"

static struct schm_handle *open_handle(struct kunit *test, struct scheme_cqe cqe)
{
	struct schm_world *w = test->priv;
	struct schm_handle *h = schm_handle_alloc(w->s);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h);
	schm_handle_open(h, w->q, &cqe);
	return h;
}

static void expect_close(struct kunit *test, struct schm_queue *q, u64 number)
{
	struct scheme_sqe sqe;

	KUNIT_ASSERT_TRUE(test, schm_prov_take(q, &sqe));
	KUNIT_EXPECT_EQ(test, sqe.opcode, SCHEME_OP_CLOSE);
	KUNIT_EXPECT_EQ(test, sqe.flags, SCHEME_SQE_ONEWAY);
	KUNIT_EXPECT_EQ(test, sqe.handle, number);
	KUNIT_EXPECT_FALSE(test, schm_prov_take(q, &sqe));
}

static void S15_last_reference_sends_one_close(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct scheme_sqe sqe;

	schm_handle_get(w->h);
	schm_handle_put(w->h);
	KUNIT_EXPECT_FALSE(test, schm_prov_take(w->q, &sqe));
	KUNIT_EXPECT_EQ(test, atomic_read(&w->s->nr_handles), 1);
	schm_handle_put(w->h);
	w->h = NULL;
	expect_close(test, w->q, 7);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->s->nr_handles), 0);
	KUNIT_EXPECT_EQ(test, w->q->stats.closes, 1);
}

static void S15_handle_that_was_never_open_sends_none(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_handle *h = schm_handle_alloc(w->s);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h);
	KUNIT_EXPECT_EQ(test, h->number, SCHEME_ROOT);
	schm_handle_put(h);
	KUNIT_EXPECT_EQ(test, w->q->stats.closes, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->s->nr_handles), 1);
}

static void S15_close_waits_for_room_and_is_not_lost(struct kunit *test)
{
	struct schm_world *w = test->priv;

	schm_world_fill(test);
	schm_handle_put(w->h);
	w->h = NULL;
	/* its file is gone, and the ring is still full */
	KUNIT_EXPECT_EQ(test, w->q->client->flags, SCHEME_RING_OVERFLOW);
	KUNIT_EXPECT_EQ(test, w->q->stats.closes, 0);
	KUNIT_EXPECT_EQ(test, schm_prov_drain(w->q), WORLD_ENTRIES);
	schm_answers_enter(w->q, false);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, 0);
	expect_close(test, w->q, 7);
	/* and it took the handle with it: only the test holds the scheme */
	KUNIT_EXPECT_EQ(test, kref_read(&w->s->ref), 1);
}

static void S15_close_goes_home_whatever_queue_serves_now(struct kunit *test)
{
	struct schm_world *w = test->priv;

	w->s->live = 2;
	schm_handle_put(w->h);
	w->h = NULL;
	expect_close(test, w->q, 7);
	KUNIT_EXPECT_EQ(test, w->other->stats.closes, 0);
}

static void S15_close_goes_elsewhere_when_home_has_ended(struct kunit *test)
{
	struct schm_world *w = test->priv;

	w->s->live = 3;
	schm_queue_fail(w->q, SCHEME_RING_BROKEN);
	schm_handle_put(w->h);
	w->h = NULL;
	expect_close(test, w->other, 7);
}

static void S20_close_is_dropped_with_the_last_queue(struct kunit *test)
{
	struct schm_world *w = test->priv;

	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	schm_queue_fail(w->other, SCHEME_RING_DEAD);
	schm_handle_put(w->h);
	w->h = NULL;
	KUNIT_EXPECT_EQ(test, w->q->stats.closes + w->other->stats.closes, 0);
	KUNIT_EXPECT_EQ(test, kref_read(&w->s->ref), 1);
}

static void S29_open_handle_is_ready_unless_the_answer_says_else(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_handle *h;

	KUNIT_EXPECT_EQ(test, w->h->events, (__force u32)DEFAULT_POLLMASK);
	KUNIT_EXPECT_FALSE(test, w->h->positioned);
	h = open_handle(test, (struct scheme_cqe){
		.result = 8,
		.flags = SCHEME_CQE_F_EVENTS | SCHEME_CQE_F_POSITIONED,
		.extra = (__force u32)EPOLLOUT,
	});
	KUNIT_EXPECT_EQ(test, h->events, (__force u32)EPOLLOUT);
	KUNIT_EXPECT_TRUE(test, h->positioned);
	KUNIT_EXPECT_PTR_EQ(test, h->home, w->q);
	schm_handle_put(h);
}

static void S29_event_reaches_every_handle_of_its_number(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_handle *same = open_handle(test, (struct scheme_cqe){ .result = 7 });
	struct schm_handle *else_one = open_handle(test, (struct scheme_cqe){ .result = 8 });
	const u32 ready = (__force u32)EPOLLIN;
	struct schm_sleeper sleeper, bystander;

	schm_sleep_on(&w->h->wait, &sleeper);
	schm_sleep_on(&else_one->wait, &bystander);
	KUNIT_EXPECT_TRUE(test, schm_handles_event(w->s, 7, ready));
	KUNIT_EXPECT_EQ(test, w->h->events, ready);
	KUNIT_EXPECT_EQ(test, same->events, ready);
	KUNIT_EXPECT_NE(test, else_one->events, ready);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 1);
	KUNIT_EXPECT_EQ(test, bystander.woken, 0);
	remove_wait_queue(&w->h->wait, &sleeper.entry);
	remove_wait_queue(&else_one->wait, &bystander.entry);
	schm_handle_put(same);
	schm_handle_put(else_one);
}

static void S29_event_for_no_handle_finds_none(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_handle *h = schm_handle_alloc(w->s);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h);
	KUNIT_EXPECT_FALSE(test, schm_handles_event(w->s, 8, 0));
	/* h has this number, but nobody has opened it */
	KUNIT_EXPECT_FALSE(test, schm_handles_event(w->s, SCHEME_ROOT, 0));
	KUNIT_EXPECT_EQ(test, h->events, (__force u32)DEFAULT_POLLMASK);
	schm_handle_put(h);
	schm_handle_put(w->h);
	w->h = NULL;
	KUNIT_EXPECT_FALSE(test, schm_handles_event(w->s, 7, 0));
}

static void S20_death_wakes_everybody_who_polls(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_sleeper sleeper;

	schm_sleep_on(&w->h->wait, &sleeper);
	schm_handles_wake(w->s);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 1);
	remove_wait_queue(&w->h->wait, &sleeper.entry);
}

static struct kunit_case handle_cases[] = {
	KUNIT_CASE(S15_last_reference_sends_one_close),
	KUNIT_CASE(S15_handle_that_was_never_open_sends_none),
	KUNIT_CASE(S15_close_waits_for_room_and_is_not_lost),
	KUNIT_CASE(S15_close_goes_home_whatever_queue_serves_now),
	KUNIT_CASE(S15_close_goes_elsewhere_when_home_has_ended),
	KUNIT_CASE(S20_close_is_dropped_with_the_last_queue),
	KUNIT_CASE(S29_open_handle_is_ready_unless_the_answer_says_else),
	KUNIT_CASE(S29_event_reaches_every_handle_of_its_number),
	KUNIT_CASE(S29_event_for_no_handle_finds_none),
	KUNIT_CASE(S20_death_wakes_everybody_who_polls),
	{}
};

struct kunit_suite schm_handle_suite = {
	.name = "schm_handle",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = handle_cases,
};
