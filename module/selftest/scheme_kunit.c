// SPDX-License-Identifier: GPL-2.0
/* Users and their places, owners, and the choice of a queue. */
#include "../scheme.c"

#include "suites.h"

static void S21_user_gets_as_many_places_as_the_limit(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_user *user = w->h->user;
	unsigned int i;

	w->s->config.user_limit = 3;
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, schm_user_try_enter(user));
	KUNIT_EXPECT_FALSE(test, schm_user_try_enter(user));
	KUNIT_EXPECT_EQ(test, atomic_read(&user->in_flight), 3);
	schm_user_leave(user);
	KUNIT_EXPECT_TRUE(test, schm_user_try_enter(user));
	KUNIT_EXPECT_FALSE(test, schm_user_try_enter(user));
	for (i = 0; i < 3; i++)
		schm_user_leave(user);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->in_flight), 0);
}

static void S21_place_of_one_user_is_not_anothers(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_user *a = schm_user_get(w->s, KUIDT_INIT(1000));
	struct schm_user *b = schm_user_get(w->s, KUIDT_INIT(1001));

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	w->s->config.user_limit = 1;
	KUNIT_EXPECT_TRUE(test, schm_user_try_enter(a));
	KUNIT_EXPECT_FALSE(test, schm_user_try_enter(a));
	KUNIT_EXPECT_TRUE(test, schm_user_try_enter(b));
	schm_user_leave(a);
	schm_user_leave(b);
	schm_user_put(a);
	schm_user_put(b);
}

static void S21_user_has_one_record_however_many_handles(struct kunit *test)
{
	struct schm_world *w = test->priv;
	kuid_t uid = KUIDT_INIT(1000);
	struct schm_user *user = schm_user_get(w->s, uid);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, user);
	KUNIT_EXPECT_PTR_EQ(test, schm_user_get(w->s, uid), user);
	KUNIT_EXPECT_EQ(test, user->refs, 2);
	schm_user_put(user);
	KUNIT_EXPECT_EQ(test, user->refs, 1);
	spin_lock(&w->s->lock);
	KUNIT_EXPECT_PTR_EQ(test, user_find_locked(w->s, uid), user);
	spin_unlock(&w->s->lock);
	schm_user_put(user);
	spin_lock(&w->s->lock);
	KUNIT_EXPECT_NULL(test, user_find_locked(w->s, uid));
	spin_unlock(&w->s->lock);
}

static void S21_free_place_wakes_who_waits_for_one(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_user *user = w->h->user;
	struct schm_sleeper sleeper;

	w->s->config.user_limit = 2;
	schm_sleep_on(&user->wait, &sleeper);
	/* who enters wakes nobody: passing on is for who has left the wait queue */
	KUNIT_EXPECT_TRUE(test, schm_user_try_enter(user));
	KUNIT_EXPECT_TRUE(test, schm_user_try_enter(user));
	KUNIT_EXPECT_EQ(test, sleeper.woken, 0);
	schm_user_leave(user);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 1);
	remove_wait_queue(&user->wait, &sleeper.entry);
	schm_user_leave(user);
}

static struct schm_scheme *user_scheme(void)
{
	const struct schm_config config = {
		.name = "user.x",
		.queues = 1,
		.depth = 1,
		.slot_size = PAGE_SIZE,
		.user_limit = 1,
	};

	return schm_scheme_alloc(&config);
}

/* Privileged schemes do not count, and have no limit here. */
static void S30_user_gets_16_schemes(struct kunit *test)
{
	struct schm_scheme *s[SCHM_USER_SCHEMES_MAX], *one_more;
	unsigned int i;

	for (i = 0; i < SCHM_USER_SCHEMES_MAX; i++) {
		s[i] = user_scheme();
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, s[i]);
	}
	KUNIT_EXPECT_EQ(test, PTR_ERR(user_scheme()), -ENOSPC);
	one_more = schm_world_scheme(test, "privileged");
	schm_scheme_put(one_more);
	schm_scheme_put(s[0]);
	s[0] = user_scheme();
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, s[0]);
	for (i = 0; i < SCHM_USER_SCHEMES_MAX; i++)
		schm_scheme_put(s[i]);
}

static void S3_living_owner_is_not_dying_and_dead_scheme_has_no_new_one(struct kunit *test)
{
	struct schm_world *w = test->priv;

	KUNIT_EXPECT_TRUE(test, schm_scheme_alive(w->s));
	KUNIT_EXPECT_FALSE(test, schm_scheme_owner_dying(w->s));
	KUNIT_EXPECT_FALSE(test, schm_scheme_owner_leaves(w->s));
	KUNIT_EXPECT_EQ(test, schm_scheme_adopt(w->s), 0);
	w->s->state = SCHM_DYING;
	KUNIT_EXPECT_FALSE(test, schm_scheme_alive(w->s));
	KUNIT_EXPECT_EQ(test, schm_scheme_adopt(w->s), -ENODEV);
	w->s->state = SCHM_DEAD;
	KUNIT_EXPECT_EQ(test, schm_scheme_adopt(w->s), -ENODEV);
}

static void S20_only_usable_queues_that_are_served_are_picked(struct kunit *test)
{
	struct schm_world *w = test->priv;

	KUNIT_EXPECT_PTR_EQ(test, schm_scheme_pick(w->s), w->q);
	w->s->live = 2;
	KUNIT_EXPECT_PTR_EQ(test, schm_scheme_pick(w->s), w->other);
	w->s->live = 3;
	w->other->broken = true;
	KUNIT_EXPECT_PTR_EQ(test, schm_scheme_pick(w->s), w->q);
	w->q->closed = true;
	KUNIT_EXPECT_NULL(test, schm_scheme_pick(w->s));
	w->other->broken = false;
	KUNIT_EXPECT_PTR_EQ(test, schm_scheme_pick(w->s), w->other);
	/* before any is opened they gather on the first */
	w->s->live = 0;
	KUNIT_EXPECT_NULL(test, schm_scheme_pick(w->s));
	w->q->closed = false;
	KUNIT_EXPECT_PTR_EQ(test, schm_scheme_pick(w->s), w->q);
}

static void S16_counters_of_all_queues_are_summed_up(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct scheme_stats stats;

	w->q->stats.requests = 5;
	w->other->stats.requests = 1ULL << 40;
	w->q->stats.broken = 1;
	w->other->stats.events = 9;
	schm_scheme_stats(w->s, &stats);
	KUNIT_EXPECT_EQ(test, stats.requests, (1ULL << 40) + 5);
	KUNIT_EXPECT_EQ(test, stats.broken, 1);
	KUNIT_EXPECT_EQ(test, stats.events, 9);
	KUNIT_EXPECT_EQ(test, stats.handles, 1);
	KUNIT_EXPECT_EQ(test, stats.in_flight, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(stats.reserved, 0, sizeof(stats.reserved)));
}

static struct kunit_case scheme_cases[] = {
	KUNIT_CASE(S21_user_gets_as_many_places_as_the_limit),
	KUNIT_CASE(S21_place_of_one_user_is_not_anothers),
	KUNIT_CASE(S21_user_has_one_record_however_many_handles),
	KUNIT_CASE(S21_free_place_wakes_who_waits_for_one),
	KUNIT_CASE(S30_user_gets_16_schemes),
	KUNIT_CASE(S3_living_owner_is_not_dying_and_dead_scheme_has_no_new_one),
	KUNIT_CASE(S20_only_usable_queues_that_are_served_are_picked),
	KUNIT_CASE(S16_counters_of_all_queues_are_summed_up),
	{}
};

struct kunit_suite schm_scheme_suite = {
	.name = "schm_scheme",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = scheme_cases,
};
