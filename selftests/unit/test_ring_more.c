// SPDX-License-Identifier: MIT
/*
 * A ring's server: one thread gives answers that are not the last, another one the last.
 * What was accepted comes before that, and nothing after it.
 */
#include "ring_server.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "../../userspace/lib/ring_serve.h"

#define ROUNDS	1000U
#define RESULTS	1000		/* an answer cannot say more than was asked for */

/* A request that its provider parks. */
static struct scheme_req *ask(uint64_t user_data)
{
	struct scheme_sqe *sqe = get(user_data);

	scheme_ring_prep_write(sqe, 0, AT, RESULTS, 0);
	sqe->flags = SCHEME_SQE_MULTISHOT;
	seen.nr_parked = 0;
	assert_int_equal(step(), 1);
	assert_int_equal(seen.nr_parked, 1);
	return seen.parked[0];
}

/* ---- in the order that it takes to go wrong --------------------------------------- */

static void *one_more(void *req)
{
	return (void *)(intptr_t)scheme_reply_more(req, 5, 0);
}

static void *last(void *req)
{
	return (void *)(intptr_t)scheme_reply(req, 6);
}

/* The first has found the request without its last answer, the second gives it. */
static void U18_what_is_late_is_refused(void **state)
{
	struct scheme_req *req = ask(1);
	pthread_t first, second;
	void *ret;

	(void)state;
	pthread_mutex_lock(&server->lock);
	assert_int_equal(pthread_create(&first, NULL, one_more, req), 0);
	usleep(20000);		/* it waits for the lock; if it is slow, nothing is found */
	assert_int_equal(pthread_create(&second, NULL, last, req), 0);
	while (atomic_load(&req->state) != REQ_ANSWERED)
		usleep(100);
	pthread_mutex_unlock(&server->lock);
	pthread_join(first, &ret);
	assert_int_equal((intptr_t)ret, -EALREADY);
	pthread_join(second, &ret);
	assert_int_equal((intptr_t)ret, 0);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
	expect_flags(1, 6, SCHEME_CQE_F_LAST);
	expect_nothing();
}

/* ---- as it comes -------------------------------------------------------------------- */

struct giver {
	pthread_t		thread;
	struct scheme_req	*req;
	int64_t			given;
	int			ret;
	atomic_bool		begun;
};

static void *give(void *arg)
{
	struct giver *g = arg;

	do {
		g->ret = scheme_reply_more(g->req, g->given % RESULTS, 0);
		g->given += !g->ret;
		atomic_store(&g->begun, true);
		if (g->ret == -EAGAIN)
			usleep(50);	/* nothing is taken while answers wait for room */
	} while (!g->ret || g->ret == -EAGAIN);
	return NULL;
}

struct heard {
	uint64_t		user_data;
	int64_t			nr;		/* not the last */
	bool			last;
};

static void take(struct heard *h)
{
	struct scheme_cqe *cqe;

	while (!scheme_ring_peek_cqe(pair.client, &cqe)) {
		assert_int_equal(cqe->user_data, h->user_data);
		assert_false(h->last);		/* nothing follows it */
		h->last = cqe->flags != SCHEME_CQE_F_MORE;
		assert_int_equal(cqe->result, h->last ? -ECANCELED : h->nr++ % RESULTS);
		scheme_ring_cqe_seen(pair.client, cqe);
	}
}

/* From this thread as from any other, or from a callback of the one that serves. */
static void give_last(uint64_t user_data, struct scheme_req *req)
{
	if (user_data % 2)
		assert_int_equal(scheme_reply(req, -ECANCELED), 0);
	else
		scheme_ring_prep_cancel(get(0), user_data);
}

static void give_all(uint64_t user_data)
{
	struct giver g = { .req = ask(user_data) };
	struct heard h = { .user_data = user_data };

	assert_int_equal(pthread_create(&g.thread, NULL, give, &g), 0);
	while (!atomic_load(&g.begun))
		sched_yield();
	for (unsigned int i = 0; i < user_data % 7; i++) {
		assert_int_equal(step(), 0);
		take(&h);
	}
	assert_false(h.last);
	give_last(user_data, g.req);
	while (!h.last) {
		assert_true(step() >= 0);
		take(&h);
	}
	pthread_join(g.thread, NULL);
	assert_int_equal(g.ret, -EALREADY);
	assert_int_equal(step(), 0);
	take(&h);
	assert_int_equal(h.nr, g.given);
	assert_int_equal(scheme_ring_in_flight(pair.client), 0);
	assert_int_equal(scheme_ring_server_pending(server), 0);
}

static void U18_all_that_was_accepted_comes_before_the_last(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= ROUNDS; round++)
		give_all(round);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U18_what_is_late_is_refused),
		TEST(U18_all_that_was_accepted_comes_before_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
