// SPDX-License-Identifier: GPL-2.0
/* Event queues: how many watches there may be, and which queues watch which. */
#include "../equeue.c"

#include "suites.h"

#define IN	((__force u32)EPOLLIN)

static struct schm_equeue *new_queue(struct kunit *test)
{
	struct schm_equeue *q = schm_equeue_alloc();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, q);
	return q;
}

static int watch(struct schm_equeue *q, struct schm_source *s, u64 id)
{
	const struct scheme_event event = { .id = id, .flags = IN };

	return schm_equeue_watch(q, s, &event);
}

static int unwatch(struct schm_equeue *q, struct schm_source *s, u64 id)
{
	const struct scheme_event event = { .id = id };

	return schm_equeue_watch(q, s, &event);
}

/* A queue watches a queue, under the one id that these tests use for that. */
static int nest(struct schm_equeue *q, struct schm_equeue *inner)
{
	return watch(q, &inner->source, 1);
}

static int unnest(struct schm_equeue *q, struct schm_equeue *inner)
{
	return unwatch(q, &inner->source, 1);
}

/* ---- watches --------------------------------------------------------------- */

static void E5_watch_is_known_by_file_and_id(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_handle *h = schm_handle_alloc(w->s);
	struct schm_equeue *q = new_queue(test);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h);
	KUNIT_EXPECT_EQ(test, unwatch(q, &w->h->source, 5), -ENOENT);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 5), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 5), 0);
	KUNIT_EXPECT_EQ(test, q->nr, 1);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 6), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &h->source, 5), 0);
	KUNIT_EXPECT_EQ(test, q->nr, 3);
	KUNIT_EXPECT_EQ(test, w->h->source.nr, 2);
	KUNIT_EXPECT_EQ(test, unwatch(q, &h->source, 6), -ENOENT);
	KUNIT_EXPECT_EQ(test, unwatch(q, &h->source, 5), 0);
	KUNIT_EXPECT_EQ(test, unwatch(q, &h->source, 5), -ENOENT);
	KUNIT_EXPECT_EQ(test, q->nr, 2);
	schm_equeue_free(q);
	schm_handle_put(h);
}

/* In an order that no tree likes. */
static void E5_watches_are_found_among_many(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_equeue *q = new_queue(test);
	const u64 nr = 500;
	u64 i;

	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, i * 7 % nr), 0);
	KUNIT_EXPECT_EQ(test, q->nr, nr);
	for (i = 0; i < nr; i += 2)
		KUNIT_EXPECT_EQ(test, unwatch(q, &w->h->source, i * 3 % nr), 0);
	KUNIT_EXPECT_EQ(test, q->nr, nr / 2);
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_EQ(test, unwatch(q, &w->h->source, i),
				i & 1 ? 0 : -ENOENT);
	KUNIT_EXPECT_EQ(test, q->nr, 0);
	KUNIT_EXPECT_EQ(test, w->h->source.nr, 0);
	schm_equeue_free(q);
}

static void E1_watches_end_with_their_queue(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_equeue *q = new_queue(test), *other = new_queue(test);
	u64 id;

	for (id = 0; id < 10; id++)
		KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, id), 0);
	KUNIT_EXPECT_EQ(test, watch(other, &w->h->source, 3), 0);
	schm_equeue_free(q);
	KUNIT_EXPECT_EQ(test, w->h->source.nr, 1);
	KUNIT_EXPECT_EQ(test, other->nr, 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&w->h->ref), 1);
	schm_equeue_free(other);
	KUNIT_EXPECT_EQ(test, w->h->source.nr, 0);
}

static void E1_watches_end_with_their_file(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_equeue *q = new_queue(test), *other = new_queue(test);
	u64 id;

	for (id = 0; id < 10; id++)
		KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, id), 0);
	KUNIT_EXPECT_EQ(test, watch(other, &w->h->source, 3), 0);
	schm_source_end(&w->h->source);
	KUNIT_EXPECT_EQ(test, q->nr + other->nr, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&q->account->watches), 0);
	/* and once more, since there may have been none */
	schm_source_end(&w->h->source);
	schm_equeue_free(q);
	schm_equeue_free(other);
}

/* ---- bounds ---------------------------------------------------------------- */

static void E4_one_file_has_so_many_watches(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_equeue *q = new_queue(test), *other = new_queue(test);
	u64 id;

	for (id = 0; id < SCHM_SOURCE_WATCHES_MAX; id++)
		KUNIT_ASSERT_EQ(test, watch(id & 1 ? q : other, &w->h->source, id), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, id), -ENOSPC);
	KUNIT_EXPECT_EQ(test, watch(other, &w->h->source, id), -ENOSPC);
	/* one that is there can be changed, and one that goes makes room */
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 1), 0);
	KUNIT_EXPECT_EQ(test, unwatch(q, &w->h->source, 1), 0);
	KUNIT_EXPECT_EQ(test, watch(other, &w->h->source, id), 0);
	KUNIT_EXPECT_EQ(test, watch(other, &w->h->source, id + 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, atomic_read(&q->account->watches),
			SCHM_SOURCE_WATCHES_MAX);
	schm_equeue_free(q);
	schm_equeue_free(other);
}

static void E4_one_queue_has_so_many_watches(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_equeue *q = new_queue(test);
	unsigned int saved;

	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 1), 0);
	/* as if the others were there */
	saved = q->nr;
	q->nr = SCHM_QUEUE_WATCHES_MAX - 1;
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 2), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 3), -ENOSPC);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 2), 0);
	KUNIT_EXPECT_EQ(test, unwatch(q, &w->h->source, 2), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 3), 0);
	q->nr = saved + 1;
	KUNIT_EXPECT_EQ(test, atomic_read(&q->account->watches), 2);
	schm_equeue_free(q);
}

static void E4_one_user_has_so_many_watches(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_equeue *q = new_queue(test), *other = new_queue(test);

	KUNIT_EXPECT_PTR_EQ(test, q->account, other->account);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 1), 0);
	/* as if the others were there */
	atomic_set(&q->account->watches, SCHM_USER_WATCHES_MAX - 1);
	KUNIT_EXPECT_EQ(test, watch(other, &w->h->source, 2), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 3), -ENOSPC);
	KUNIT_EXPECT_EQ(test, watch(other, &w->h->source, 3), -ENOSPC);
	KUNIT_EXPECT_EQ(test, nest(q, other), -ENOSPC);
	KUNIT_EXPECT_EQ(test, atomic_read(&q->account->watches),
			SCHM_USER_WATCHES_MAX);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 1), 0);
	KUNIT_EXPECT_EQ(test, unwatch(other, &w->h->source, 2), 0);
	KUNIT_EXPECT_EQ(test, watch(q, &w->h->source, 3), 0);
	atomic_set(&q->account->watches, 2);
	schm_equeue_free(q);
	schm_equeue_free(other);
}

static void E4_users_have_accounts_of_their_own(struct kunit *test)
{
	struct schm_equeue *q = new_queue(test), *others;
	struct cred *cred = prepare_creds();
	const struct cred *old;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cred);
	cred->euid = KUIDT_INIT(4711);
	old = override_creds(cred);
	others = schm_equeue_alloc();
	revert_creds(old);
	put_cred(cred);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, others);
	KUNIT_EXPECT_TRUE(test, q->account != others->account);
	KUNIT_EXPECT_EQ(test, __kuid_val(others->account->uid), 4711);
	/* whoever watches, it is the queue's opener who pays */
	KUNIT_EXPECT_EQ(test, nest(others, q), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&others->account->watches), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&q->account->watches), 0);
	schm_equeue_free(q);
	KUNIT_EXPECT_EQ(test, atomic_read(&others->account->watches), 0);
	schm_equeue_free(others);
}

/* ---- nesting --------------------------------------------------------------- */

#define QUEUES	6

struct queues {
	struct schm_equeue *q[QUEUES];
};

static struct queues new_queues(struct kunit *test)
{
	struct queues qs;
	int i;

	for (i = 0; i < QUEUES; i++)
		qs.q[i] = new_queue(test);
	return qs;
}

static void free_queues(struct queues *qs)
{
	int i;

	for (i = 0; i < QUEUES; i++)
		if (qs->q[i])
			schm_equeue_free(qs->q[i]);
}

static void E7_no_queue_watches_itself(struct kunit *test)
{
	struct queues qs = new_queues(test);

	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[0]), -ELOOP);
	KUNIT_EXPECT_EQ(test, nest(qs.q[1], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[1]), -ELOOP);
	KUNIT_EXPECT_EQ(test, nest(qs.q[2], qs.q[1]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[2]), -ELOOP);
	/* what was refused has left nothing */
	KUNIT_EXPECT_EQ(test, qs.q[0]->nr, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&qs.q[0]->account->watches), 2);
	KUNIT_EXPECT_EQ(test, unnest(qs.q[1], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[2]), 0);
	free_queues(&qs);
}

static void E7_a_chain_is_not_too_long(struct kunit *test)
{
	struct queues qs = new_queues(test);
	int i;

	for (i = 1; i < SCHM_NEST_MAX; i++)
		KUNIT_EXPECT_EQ(test, nest(qs.q[i], qs.q[i - 1]), 0);
	/* at the outer end, at the inner one, and in the middle */
	KUNIT_EXPECT_EQ(test, nest(qs.q[4], qs.q[3]), -ELOOP);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[4]), -ELOOP);
	KUNIT_EXPECT_EQ(test, nest(qs.q[4], qs.q[2]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[5], qs.q[4]), -ELOOP);
	KUNIT_EXPECT_EQ(test, nest(qs.q[1], qs.q[5]), 0);
	/* a watch that is there can be changed */
	KUNIT_EXPECT_EQ(test, nest(qs.q[3], qs.q[2]), 0);
	free_queues(&qs);
}

static void E7_two_chains_are_not_joined_to_one_too_long(struct kunit *test)
{
	struct queues qs = new_queues(test);

	KUNIT_EXPECT_EQ(test, nest(qs.q[1], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[2], qs.q[1]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[4], qs.q[3]), 0);
	/* 3 and 2 */
	KUNIT_EXPECT_EQ(test, nest(qs.q[3], qs.q[2]), -ELOOP);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[4]), -ELOOP);
	/* 2 and 2 */
	KUNIT_EXPECT_EQ(test, nest(qs.q[3], qs.q[1]), 0);
	/* without its middle it is short */
	KUNIT_EXPECT_EQ(test, unnest(qs.q[2], qs.q[1]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[3], qs.q[2]), 0);
	free_queues(&qs);
}

/* Every way is looked at once, else many ways would be too many. */
static void E7_many_ways_to_one_queue_are_no_loop(struct kunit *test)
{
	struct queues qs = new_queues(test);
	u64 id;

	KUNIT_EXPECT_EQ(test, nest(qs.q[1], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[2], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[3], qs.q[1]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[3], qs.q[2]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[3], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[3]), -ELOOP);
	KUNIT_EXPECT_EQ(test, nest(qs.q[4], qs.q[3]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[5], qs.q[4]), -ELOOP);
	/* the same two under many ids */
	for (id = 2; id < 100; id++)
		KUNIT_EXPECT_EQ(test, watch(qs.q[1], &qs.q[0]->source, id), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[1]), -ELOOP);
	free_queues(&qs);
}

static void E7_queue_that_goes_leaves_the_chain(struct kunit *test)
{
	struct queues qs = new_queues(test);

	KUNIT_EXPECT_EQ(test, nest(qs.q[1], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[2], qs.q[1]), 0);
	schm_equeue_free(qs.q[1]);
	qs.q[1] = NULL;
	KUNIT_EXPECT_EQ(test, qs.q[2]->nr, 0);
	KUNIT_EXPECT_EQ(test, qs.q[0]->source.nr, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&qs.q[2]->inner));
	KUNIT_EXPECT_EQ(test, atomic_read(&qs.q[0]->account->watches), 0);
	KUNIT_EXPECT_EQ(test, nest(qs.q[0], qs.q[2]), 0);
	free_queues(&qs);
}

static void E7_end_of_no_watch_is_enoent(struct kunit *test)
{
	struct queues qs = new_queues(test);

	KUNIT_EXPECT_EQ(test, unnest(qs.q[0], qs.q[0]), -ENOENT);
	KUNIT_EXPECT_EQ(test, nest(qs.q[1], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, unnest(qs.q[0], qs.q[1]), -ENOENT);
	KUNIT_EXPECT_EQ(test, unwatch(qs.q[1], &qs.q[0]->source, 2), -ENOENT);
	KUNIT_EXPECT_EQ(test, unnest(qs.q[1], qs.q[0]), 0);
	KUNIT_EXPECT_EQ(test, unnest(qs.q[1], qs.q[0]), -ENOENT);
	free_queues(&qs);
}

static struct kunit_case equeue_cases[] = {
	KUNIT_CASE(E5_watch_is_known_by_file_and_id),
	KUNIT_CASE(E5_watches_are_found_among_many),
	KUNIT_CASE(E1_watches_end_with_their_queue),
	KUNIT_CASE(E1_watches_end_with_their_file),
	KUNIT_CASE(E4_one_file_has_so_many_watches),
	KUNIT_CASE(E4_one_queue_has_so_many_watches),
	KUNIT_CASE(E4_one_user_has_so_many_watches),
	KUNIT_CASE(E4_users_have_accounts_of_their_own),
	KUNIT_CASE(E7_no_queue_watches_itself),
	KUNIT_CASE(E7_a_chain_is_not_too_long),
	KUNIT_CASE(E7_two_chains_are_not_joined_to_one_too_long),
	KUNIT_CASE(E7_many_ways_to_one_queue_are_no_loop),
	KUNIT_CASE(E7_queue_that_goes_leaves_the_chain),
	KUNIT_CASE(E7_end_of_no_watch_is_enoent),
	{}
};

struct kunit_suite schm_equeue_suite = {
	.name = "schm_equeue",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = equeue_cases,
};
