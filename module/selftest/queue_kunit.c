// SPDX-License-Identifier: GPL-2.0
/* Ring indices, tags, and the entries that wait for room. */
#include "../queue.c"

#include "suites.h"

static void submit_locked(struct schm_world *w, struct schm_entry *e, u64 name,
			  enum schm_entry_kind kind, struct schm_late *late)
{
	e->kind = kind;
	e->sqe.user_data = name;
	INIT_LIST_HEAD(&e->node);
	if (!schm_queue_submit_locked(w->q, e, late))
		return;
	/* as the module's callers do with one-way entries */
	if (kind != SCHM_ENTRY_REQ)
		list_add_tail(&e->node, &late->entries);
}

static void submit(struct schm_world *w, struct schm_entry *e, u64 name)
{
	struct schm_late late = SCHM_LATE_INIT(late);

	spin_lock(&w->q->lock);
	submit_locked(w, e, name, SCHM_ENTRY_REQ, &late);
	spin_unlock(&w->q->lock);
}

static u32 room(struct schm_world *w, struct schm_late *late)
{
	u32 n;

	spin_lock(&w->q->lock);
	n = schm_queue_room_locked(w->q, late);
	spin_unlock(&w->q->lock);
	return n;
}

static u32 posted(struct schm_world *w, struct schm_late *late)
{
	u32 n;

	spin_lock(&w->q->lock);
	n = schm_queue_posted_locked(w->q, late);
	spin_unlock(&w->q->lock);
	return n;
}

static void flush(struct schm_world *w, struct schm_late *late)
{
	spin_lock(&w->q->lock);
	schm_queue_flush_locked(w->q, late);
	spin_unlock(&w->q->lock);
}

/* What the provider finds: entries from first to last, and no other. */
static void expect_entries(struct kunit *test, u64 first, u64 last)
{
	struct schm_world *w = test->priv;
	struct scheme_sqe sqe;

	for (; first <= last; first++) {
		KUNIT_ASSERT_TRUE(test, schm_prov_take(w->q, &sqe));
		KUNIT_EXPECT_EQ(test, sqe.user_data, first);
	}
	KUNIT_EXPECT_FALSE(test, schm_prov_take(w->q, &sqe));
}

/* ---- indices ------------------------------------------------------------- */

static void U11_every_entry_of_the_ring_is_usable(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry *e = w->entries;
	u32 i;

	for (i = 0; i < WORLD_ENTRIES; i++) {
		KUNIT_EXPECT_EQ(test, room(w, &late), WORLD_ENTRIES - i);
		submit(w, &e[i], i);
		KUNIT_EXPECT_EQ(test, schm_queue_ready(w->q), i + 1);
		KUNIT_EXPECT_TRUE(test, list_empty(&w->q->pending));
	}
	KUNIT_EXPECT_EQ(test, room(w, &late), 0);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, 0);
	KUNIT_EXPECT_EQ(test, w->q->stats.requests, WORLD_ENTRIES);
	expect_entries(test, 0, WORLD_ENTRIES - 1);
	KUNIT_EXPECT_EQ(test, room(w, &late), WORLD_ENTRIES);
	KUNIT_EXPECT_EQ(test, schm_queue_ready(w->q), 0);
	KUNIT_EXPECT_FALSE(test, w->q->broken);
}

static void U11_every_answer_of_a_full_ring_is_seen(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	u32 i;

	KUNIT_EXPECT_EQ(test, posted(w, &late), 0);
	for (i = 1; i <= WORLD_ENTRIES; i++) {
		schm_prov_post(w->q, (struct scheme_cqe){});
		KUNIT_EXPECT_EQ(test, posted(w, &late), i);
	}
	KUNIT_EXPECT_FALSE(test, w->q->broken);
}

static void U9_indices_wrap_at_2_to_the_32(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry *e = w->entries;
	u32 i;

	/* three entries before the wrap, five behind it */
	schm_prov_restart(w->q, U32_MAX - 2);
	for (i = 0; i < WORLD_ENTRIES; i++) {
		submit(w, &e[i], i);
		schm_prov_post(w->q, (struct scheme_cqe){});
		KUNIT_EXPECT_EQ(test, schm_queue_ready(w->q), i + 1);
		KUNIT_EXPECT_EQ(test, room(w, &late), WORLD_ENTRIES - 1 - i);
		KUNIT_EXPECT_EQ(test, posted(w, &late), i + 1);
	}
	KUNIT_EXPECT_EQ(test, w->q->client->sq_tail, 5);
	expect_entries(test, 0, WORLD_ENTRIES - 1);
	KUNIT_EXPECT_EQ(test, room(w, &late), WORLD_ENTRIES);
	KUNIT_EXPECT_FALSE(test, w->q->broken);
}

/* Nothing may heal it, least of all the provider. */
static void expect_broken_for_good(struct kunit *test, struct schm_late *late)
{
	struct schm_world *w = test->priv;

	KUNIT_EXPECT_TRUE(test, w->q->broken);
	KUNIT_EXPECT_PTR_EQ(test, late->broken, w->q);
	KUNIT_EXPECT_EQ(test, w->q->kern->state, SCHEME_RING_BROKEN);
	w->q->kern->state = 0;
	schm_prov_restart(w->q, 0);
	schm_prov_post(w->q, (struct scheme_cqe){});
	KUNIT_EXPECT_EQ(test, room(w, late), 0);
	KUNIT_EXPECT_EQ(test, posted(w, late), 0);
	KUNIT_EXPECT_FALSE(test, schm_queue_usable(w->q));
	KUNIT_EXPECT_EQ(test, w->q->stats.broken, 1);
}

/* Each of these is one step away from what may be, or far from it. */
static void U10_head_that_passes_the_tail_breaks_the_ring(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry e;

	submit(w, &e, 0);
	w->q->prov->sq_head = 1;
	KUNIT_EXPECT_EQ(test, room(w, &late), WORLD_ENTRIES);
	w->q->prov->sq_head = 2;
	KUNIT_EXPECT_EQ(test, room(w, &late), 0);
	expect_broken_for_good(test, &late);
}

static void U10_head_that_goes_back_breaks_the_ring(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);

	w->q->prov->sq_head = -WORLD_ENTRIES;
	KUNIT_EXPECT_EQ(test, room(w, &late), 0);
	KUNIT_EXPECT_FALSE(test, w->q->broken);
	w->q->prov->sq_head = -WORLD_ENTRIES - 1;
	KUNIT_EXPECT_EQ(test, room(w, &late), 0);
	expect_broken_for_good(test, &late);
}

static void U10_head_half_the_range_away_breaks_the_ring(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);

	w->q->prov->sq_head = 0x80000000;
	KUNIT_EXPECT_EQ(test, room(w, &late), 0);
	expect_broken_for_good(test, &late);
}

static void U10_more_answers_than_entries_break_the_ring(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);

	w->q->prov->cq_tail = WORLD_ENTRIES + 1;
	KUNIT_EXPECT_EQ(test, posted(w, &late), 0);
	expect_broken_for_good(test, &late);
}

static void U10_answers_taken_back_break_the_ring(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);

	schm_prov_restart(w->q, 1);
	w->q->prov->cq_tail = 0;
	KUNIT_EXPECT_EQ(test, posted(w, &late), 0);
	expect_broken_for_good(test, &late);
}

/* More than there can be is never told to a provider that waits for some. */
static void U10_ready_entries_are_bounded_whatever_the_head(struct kunit *test)
{
	struct schm_world *w = test->priv;

	w->q->prov->sq_head = 0x12345678;
	KUNIT_EXPECT_EQ(test, schm_queue_ready(w->q), WORLD_ENTRIES);
}

static void U10_own_indices_are_never_read_back(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry *e = w->entries;

	submit(w, &e[0], 10);
	w->q->client->sq_tail = 77;
	w->q->client->cq_head = 77;
	KUNIT_EXPECT_EQ(test, room(w, &late), WORLD_ENTRIES - 1);
	KUNIT_EXPECT_EQ(test, posted(w, &late), 0);
	submit(w, &e[1], 11);
	KUNIT_EXPECT_EQ(test, w->q->client->sq_tail, 2);
	expect_entries(test, 10, 11);
	KUNIT_EXPECT_FALSE(test, w->q->broken);
}

/* ---- entries that wait --------------------------------------------------- */

static void S21_entries_beyond_a_full_ring_keep_their_order(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry *e = w->entries;
	struct scheme_sqe sqe;
	u32 i;

	for (i = 0; i < WORLD_ENTRIES + 3; i++)
		submit(w, &e[i], i);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, SCHEME_RING_OVERFLOW);
	KUNIT_EXPECT_EQ(test, schm_queue_ready(w->q), WORLD_ENTRIES);

	/* two places: two go, and the third still waits */
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, schm_prov_take(w->q, &sqe));
		KUNIT_EXPECT_EQ(test, sqe.user_data, i);
	}
	flush(w, &late);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, SCHEME_RING_OVERFLOW);
	KUNIT_EXPECT_TRUE(test, list_empty(&e[WORLD_ENTRIES + 1].node));
	KUNIT_EXPECT_FALSE(test, list_empty(&e[WORLD_ENTRIES + 2].node));
	expect_entries(test, 2, WORLD_ENTRIES + 1);

	flush(w, &late);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&w->q->pending));
	expect_entries(test, WORLD_ENTRIES + 2, WORLD_ENTRIES + 2);
}

/* There is room, but others were there before. */
static void S21_new_entry_does_not_overtake_those_that_wait(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_entry *e = w->entries;
	u32 i;

	for (i = 0; i <= WORLD_ENTRIES; i++)
		submit(w, &e[i], i);
	expect_entries(test, 0, WORLD_ENTRIES - 1);
	submit(w, &e[i], i);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, 0);
	expect_entries(test, WORLD_ENTRIES, WORLD_ENTRIES + 1);
}

static void S21_withdrawn_entry_never_reaches_the_ring(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry *e = w->entries;
	u32 i;

	for (i = 0; i < WORLD_ENTRIES + 2; i++)
		submit(w, &e[i], i);
	spin_lock(&w->q->lock);
	schm_queue_withdraw_locked(w->q, &e[WORLD_ENTRIES]);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, SCHEME_RING_OVERFLOW);
	schm_queue_withdraw_locked(w->q, &e[WORLD_ENTRIES + 1]);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, 0);
	spin_unlock(&w->q->lock);
	expect_entries(test, 0, WORLD_ENTRIES - 1);
	flush(w, &late);
	expect_entries(test, 1, 0);
	KUNIT_EXPECT_EQ(test, w->q->stats.requests, WORLD_ENTRIES);
}

static void S15_one_way_entries_are_never_refused(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry *e = w->entries;
	u32 i;

	spin_lock(&w->q->lock);
	for (i = 0; i < WORLD_ENTRIES + 2; i++)
		submit_locked(w, &e[i], i,
			      i % 2 ? SCHM_ENTRY_CLOSE : SCHM_ENTRY_CANCEL, &late);
	spin_unlock(&w->q->lock);
	KUNIT_EXPECT_FALSE(test, list_empty(&w->q->pending));
	expect_entries(test, 0, WORLD_ENTRIES - 1);
	flush(w, &late);
	expect_entries(test, WORLD_ENTRIES, WORLD_ENTRIES + 1);
	KUNIT_EXPECT_EQ(test, w->q->stats.closes, WORLD_DEPTH + 1);
	KUNIT_EXPECT_EQ(test, w->q->stats.cancels, WORLD_DEPTH + 1);
	/* all of them are the caller's again, in order */
	for (i = 0; i < WORLD_ENTRIES + 2; i++) {
		KUNIT_EXPECT_PTR_EQ(test, &e[i].node, late.entries.next);
		list_del(&e[i].node);
	}
	KUNIT_EXPECT_TRUE(test, list_empty(&late.entries));
}

static void U10_ring_found_broken_takes_no_entry(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry e;

	w->q->prov->sq_head = 5;
	spin_lock(&w->q->lock);
	submit_locked(w, &e, 1, SCHM_ENTRY_REQ, &late);
	KUNIT_EXPECT_FALSE(test, list_empty(&e.node));
	schm_queue_withdraw_locked(w->q, &e);
	spin_unlock(&w->q->lock);
	KUNIT_EXPECT_EQ(test, w->q->client->sq_tail, 0);
	expect_broken_for_good(test, &late);
}

/* ---- tags ---------------------------------------------------------------- */

static u64 take_tag(struct schm_world *w, struct schm_req *req)
{
	int index = schm_queue_take_tag(w->q, req);
	u64 tag;

	spin_lock(&w->q->lock);
	tag = schm_queue_tag_locked(w->q, index);
	spin_unlock(&w->q->lock);
	return tag;
}

static void drop_tag(struct schm_world *w, u64 tag)
{
	spin_lock(&w->q->lock);
	schm_queue_drop_tag_locked(w->q, (u32)tag);
	spin_unlock(&w->q->lock);
}

static void S21_every_tag_is_given_once_then_eagain(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req req;
	u32 i;

	for (i = 0; i < WORLD_DEPTH; i++) {
		KUNIT_EXPECT_EQ(test, schm_queue_take_tag(w->q, &req), (int)i);
		KUNIT_EXPECT_PTR_EQ(test, w->q->tags[i].req, &req);
	}
	KUNIT_EXPECT_EQ(test, w->q->nr_free, 0);
	KUNIT_EXPECT_EQ(test, schm_queue_take_tag(w->q, &req), -EAGAIN);
	drop_tag(w, 2);
	KUNIT_EXPECT_NULL(test, w->q->tags[2].req);
	KUNIT_EXPECT_EQ(test, schm_queue_take_tag(w->q, &req), 2);
	for (i = 0; i < WORLD_DEPTH; i++)
		drop_tag(w, i);
}

static void S16_tag_is_never_zero_and_changes_with_each_use(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req req;
	u64 tag, last = 0;
	u32 i;

	for (i = 1; i < 10; i++) {
		tag = take_tag(w, &req);
		KUNIT_EXPECT_EQ(test, (u32)tag, 0);
		KUNIT_EXPECT_EQ(test, tag >> 32, i);
		KUNIT_EXPECT_NE(test, tag, last);
		last = tag;
		drop_tag(w, tag);
	}
}

static void S16_generation_0_is_skipped_at_2_to_the_32(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req req;
	u64 tag;

	w->q->tags[0].gen = U32_MAX;
	tag = take_tag(w, &req);
	KUNIT_EXPECT_EQ(test, tag, (u64)U32_MAX << 32);
	drop_tag(w, tag);
	tag = take_tag(w, &req);
	KUNIT_EXPECT_EQ(test, tag, 1ULL << 32);
	drop_tag(w, tag);
}

static void S3_no_tag_of_a_queue_that_has_ended(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req req;
	bool *ends[] = { &w->q->closed, &w->q->broken, &w->q->dead };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		*ends[i] = true;
		KUNIT_EXPECT_EQ(test, schm_queue_take_tag(w->q, &req), -ENODEV);
		*ends[i] = false;
	}
	KUNIT_EXPECT_EQ(test, w->q->nr_free, WORLD_DEPTH);
}

static void S21_free_tag_wakes_who_waits_for_one(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_sleeper sleeper;
	struct schm_req req;
	u64 tag[WORLD_DEPTH];
	u32 i;

	for (i = 0; i < WORLD_DEPTH; i++)
		tag[i] = take_tag(w, &req);
	schm_sleep_on(&w->q->tag_wait, &sleeper);
	drop_tag(w, tag[0]);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 1);
	/* who takes one wakes nobody */
	tag[0] = take_tag(w, &req);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 1);
	remove_wait_queue(&w->q->tag_wait, &sleeper.entry);
	drop_tag(w, tag[0]);
	drop_tag(w, tag[1]);
	schm_sleep_on(&w->q->tag_wait, &sleeper);
	/* nor while there are others: passing on is for who has left the wait queue */
	tag[0] = take_tag(w, &req);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 0);
	remove_wait_queue(&w->q->tag_wait, &sleeper.entry);
	drop_tag(w, tag[0]);
	drop_tag(w, tag[2]);
	drop_tag(w, tag[3]);
}

/* ---- the provider is woken, and told of the end -------------------------- */

static void U13_parked_command_ends_with_enough_entries(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry *e = w->entries;

	w->q->parked.cmd = SCHM_WORLD_CMD;
	w->q->parked.min_wait = 2;
	submit(w, &e[0], 0);
	spin_lock(&w->q->lock);
	schm_queue_wake_locked(w->q, &late);
	spin_unlock(&w->q->lock);
	KUNIT_EXPECT_NULL(test, late.cmd);
	submit(w, &e[1], 1);
	spin_lock(&w->q->lock);
	schm_queue_wake_locked(w->q, &late);
	spin_unlock(&w->q->lock);
	KUNIT_EXPECT_PTR_EQ(test, late.cmd, SCHM_WORLD_CMD);
	KUNIT_EXPECT_NULL(test, w->q->parked.cmd);
	KUNIT_EXPECT_EQ(test, schm_world_unparked, 2);
}

static void U14_provider_is_woken_only_if_it_sleeps(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_sleeper sleeper;

	spin_lock(&w->q->lock);
	schm_queue_wake_locked(w->q, &late);
	KUNIT_EXPECT_NULL(test, late.wake);
	schm_sleep_on(&w->q->sq_wait, &sleeper);
	schm_queue_wake_locked(w->q, &late);
	KUNIT_EXPECT_PTR_EQ(test, late.wake, w->q);
	/* not under the lock, which he wants first */
	KUNIT_EXPECT_EQ(test, sleeper.woken, 0);
	spin_unlock(&w->q->lock);
	remove_wait_queue(&w->q->sq_wait, &sleeper.entry);
}

static void U12_state_bits_add_up_and_never_fall(struct kunit *test)
{
	struct schm_world *w = test->priv;

	spin_lock(&w->q->lock);
	schm_queue_set_state_locked(w->q, SCHEME_RING_BROKEN);
	KUNIT_EXPECT_EQ(test, w->q->kern->state, SCHEME_RING_BROKEN);
	KUNIT_EXPECT_FALSE(test, w->q->dead);
	schm_queue_set_state_locked(w->q, SCHEME_RING_DEAD);
	schm_queue_set_state_locked(w->q, 0);
	spin_unlock(&w->q->lock);
	KUNIT_EXPECT_TRUE(test, w->q->dead && w->q->broken);
	KUNIT_EXPECT_EQ(test, w->q->kern->state,
			SCHEME_RING_BROKEN | SCHEME_RING_DEAD);
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(U11_every_entry_of_the_ring_is_usable),
	KUNIT_CASE(U11_every_answer_of_a_full_ring_is_seen),
	KUNIT_CASE(U9_indices_wrap_at_2_to_the_32),
	KUNIT_CASE(U10_head_that_passes_the_tail_breaks_the_ring),
	KUNIT_CASE(U10_head_that_goes_back_breaks_the_ring),
	KUNIT_CASE(U10_head_half_the_range_away_breaks_the_ring),
	KUNIT_CASE(U10_more_answers_than_entries_break_the_ring),
	KUNIT_CASE(U10_answers_taken_back_break_the_ring),
	KUNIT_CASE(U10_ready_entries_are_bounded_whatever_the_head),
	KUNIT_CASE(U10_own_indices_are_never_read_back),
	KUNIT_CASE(S21_entries_beyond_a_full_ring_keep_their_order),
	KUNIT_CASE(S21_new_entry_does_not_overtake_those_that_wait),
	KUNIT_CASE(S21_withdrawn_entry_never_reaches_the_ring),
	KUNIT_CASE(S15_one_way_entries_are_never_refused),
	KUNIT_CASE(U10_ring_found_broken_takes_no_entry),
	KUNIT_CASE(S21_every_tag_is_given_once_then_eagain),
	KUNIT_CASE(S16_tag_is_never_zero_and_changes_with_each_use),
	KUNIT_CASE(S16_generation_0_is_skipped_at_2_to_the_32),
	KUNIT_CASE(S3_no_tag_of_a_queue_that_has_ended),
	KUNIT_CASE(S21_free_tag_wakes_who_waits_for_one),
	KUNIT_CASE(U13_parked_command_ends_with_enough_entries),
	KUNIT_CASE(U14_provider_is_woken_only_if_it_sleeps),
	KUNIT_CASE(U12_state_bits_add_up_and_never_fall),
	{}
};

struct kunit_suite schm_queue_suite = {
	.name = "schm_queue",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = queue_cases,
};
