// SPDX-License-Identifier: MIT
/*
 * A ring served with a scheme's callbacks: requests without flags, which go the short way
 * where nothing waits. What they do in their callback is the test's (own opcodes).
 */
#include "ring_server.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

static struct scheme_sqe *get_own(uint64_t user_data, void (*callback)(struct scheme_req *))
{
	struct scheme_sqe *sqe = get(user_data);

	scheme_ring_prep_own(sqe, OWN, 0, 0, 0, 0);
	seen.callback = callback;
	return sqe;
}

static void expect_idle(void)
{
	expect_nothing();
	assert_int_equal(scheme_ring_server_pending(server), 0);
	assert_int_equal(scheme_ring_in_flight(pair.client), 0);
}

/* A request that the next callback can answer. */
static void park(uint64_t user_data)
{
	get_parked(user_data);
	assert_int_equal(step(), 1);
	expect_nothing();
}

/* ---- answers in a callback ------------------------------------------------------- */

static void answers_earlier_then_own(struct scheme_req *req)
{
	assert_int_equal(scheme_reply(seen.parked[0], 1), 0);
	assert_int_equal(scheme_reply(req, 2), 0);
	assert_int_equal(scheme_reply(seen.parked[0], 1), -EALREADY);
}

static void U26_callback_answers_an_earlier_request_then_its_own(void **state)
{
	(void)state;
	park(1);
	get_fsize(2);
	get_own(3, answers_earlier_then_own);
	get_fsize(4);
	assert_int_equal(step(), 3);
	expect_answer(pair.client, 2, 100);
	expect_answer(pair.client, 1, 1);
	expect_answer(pair.client, 3, 2);
	expect_answer(pair.client, 4, 100);
	expect_idle();
}

static void answers_own_then_earlier(struct scheme_req *req)
{
	assert_int_equal(scheme_reply(req, 2), 0);
	assert_int_equal(scheme_reply(seen.parked[0], 1), 0);
}

static void U26_callback_answers_its_own_then_an_earlier_request(void **state)
{
	(void)state;
	park(1);
	get_own(2, answers_own_then_earlier);
	get_fsize(3);
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 2, 2);
	expect_answer(pair.client, 1, 1);
	expect_answer(pair.client, 3, 100);
	expect_idle();
}

static void answers_twice(struct scheme_req *req)
{
	assert_int_equal(scheme_reply(req, 1), 0);
	assert_int_equal(scheme_reply(req, 2), -EALREADY);
	assert_int_equal(scheme_reply_call(req, 3, 0), -EALREADY);
	assert_int_equal(scheme_reply_more(req, 4, 0), -EINVAL);
}

static void U20_callback_that_answers_twice_has_answered_once(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 2 * DEPTH; i += 2) {
		get_own(i, answers_twice);
		get_fsize(i + 1);
		assert_int_equal(step(), 2);
		expect_answer(pair.client, i, 1);
		expect_answer(pair.client, i + 1, 100);
		expect_idle();
	}
}

/* A CANCEL behind what has been answered finds nothing; one behind what waits does. */
static void U20_cancel_behind_plain_requests(void **state)
{
	(void)state;
	get_fsize(1);
	scheme_ring_prep_cancel(get(0), 1);
	get_parked(2);
	scheme_ring_prep_cancel(get(0), 2);
	get_fsize(3);
	assert_int_equal(step(), 5);
	expect_answer(pair.client, 1, 100);
	expect_answer(pair.client, 2, -ECANCELED);
	expect_answer(pair.client, 3, 100);
	assert_int_equal(seen.cancels, 1);
	expect_idle();
}

static void U22_refused_request_keeps_its_place_among_answers(void **state)
{
	(void)state;
	get_fsize(1);
	get_fsize(2)->handle = 1;			/* nobody has opened it */
	scheme_ring_prep_read(get(3), 0, 1, 1, 0);	/* not in the pool */
	get_fsize(4);
	assert_int_equal(step(), 4);
	expect_answer(pair.client, 1, 100);
	expect_answer(pair.client, 2, -EBADF);
	expect_answer(pair.client, 3, -EFAULT);
	expect_answer(pair.client, 4, 100);
	assert_int_equal(seen.nr_started, 2);
	expect_idle();
}

/* ---- other threads --------------------------------------------------------------- */

static void *answer_one(void *arg)
{
	assert_int_equal(scheme_reply(arg, 1), 0);
	return NULL;
}

static void answer_elsewhere(struct scheme_req *req)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, answer_one, req), 0);
	pthread_join(thread, NULL);
}

static void answered_elsewhere(struct scheme_req *req)
{
	answer_elsewhere(req);
	assert_int_equal(scheme_reply(req, 8), -EALREADY);
}

static void U26_another_thread_answers_while_the_callback_runs(void **state)
{
	(void)state;
	get_fsize(1);
	get_own(2, answered_elsewhere);
	get_fsize(3);
	get_own(4, answered_elsewhere);
	assert_int_equal(step(), 4);
	expect_answer(pair.client, 1, 100);
	expect_answer(pair.client, 2, 1);
	expect_answer(pair.client, 3, 100);
	expect_answer(pair.client, 4, 1);
	expect_idle();
}

static void after_another_thread(struct scheme_req *req)
{
	answer_elsewhere(seen.parked[0]);
	assert_int_equal(scheme_reply(req, 8), 0);
}

static void U26_own_answer_stays_behind_that_of_another_thread(void **state)
{
	(void)state;
	park(1);
	get_own(2, after_another_thread);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, 1);
	expect_answer(pair.client, 2, 8);
	expect_idle();
}

static void until_asleep(const uint32_t *flags)
{
	while (!(ring_load(flags) & SCHEME_RING_NEED_WAKEUP))
		usleep(1000);
}

static pthread_t later;

static void *answer_a_sleeping_server(void *arg)
{
	until_asleep(pair.provider->flags);
	return answer_one(arg);
}

static void leave_it_to_a_thread(struct scheme_req *req)
{
	assert_int_equal(pthread_create(&later, NULL, answer_a_sleeping_server, req), 0);
}

static void U26_another_thread_answers_when_the_callback_has_returned(void **state)
{
	(void)state;
	get_own(1, leave_it_to_a_thread);
	get_fsize(2);
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 2, 100);
	expect_nothing();
	assert_int_equal(scheme_ring_server_pending(server), 1);
	assert_int_equal(scheme_ring_server_step(server, 5 * SECOND), 0);
	pthread_join(later, NULL);
	expect_answer(pair.client, 1, 1);
	expect_idle();
}

/* ---- room, order ----------------------------------------------------------------- */

static void U11_without_room_plain_requests_wait_with_their_answers(void **state)
{
	uint64_t sent, heard;

	(void)state;
	for (sent = 0; sent < 13; sent++) {
		get_fsize(sent);
		assert_int_equal(step(), 1);
	}
	/* room for three of these six, whose callbacks all run */
	for (; sent < 19; sent++)
		get_fsize(sent);
	assert_int_equal(step(), 6);
	assert_int_equal(seen.nr_started, 19);
	assert_int_equal(scheme_ring_server_pending(server), 3);
	/* nothing more is taken before those have gone */
	get_fsize(sent++);
	assert_int_equal(step(), 0);
	assert_int_equal(seen.nr_started, 19);
	for (heard = 0; heard < 16; heard++)
		expect_answer(pair.client, heard, 100);
	expect_nothing();
	assert_int_equal(scheme_ring_server_step(server, 0), 1);
	for (; heard < sent; heard++)
		expect_answer(pair.client, heard, 100);
	assert_int_equal(seen.nr_started, 20);
	for (uint64_t i = 0; i < sent; i++)
		assert_int_equal(seen.started[i], i);
	expect_idle();
}

static void U21_more_urgent_one_behind_plain_requests_is_first(void **state)
{
	(void)state;
	get_fsize(1);
	get_fsize(2);
	get_fsize(3)->priority = 1;
	assert_int_equal(step(), 3);
	assert_int_equal(seen.started[0], 3);
	expect_answer(pair.client, 3, 100);
	expect_answer(pair.client, 1, 100);
	expect_answer(pair.client, 2, 100);
	/* all as urgent as one another, though not as those before */
	get_fsize(4)->priority = 5;
	get_fsize(5)->priority = 5;
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 4, 100);
	expect_answer(pair.client, 5, 100);
	expect_idle();
}

static void U17_drain_behind_plain_requests(void **state)
{
	(void)state;
	get_fsize(1);
	get_fsize(2)->flags = SCHEME_SQE_DRAIN;
	get_parked(3);
	get_fsize(4)->flags = SCHEME_SQE_DRAIN;
	get_fsize(5);
	assert_int_equal(step(), 5);
	expect_answer(pair.client, 1, 100);
	expect_answer(pair.client, 2, 100);
	expect_answer(pair.client, 5, 100);
	expect_nothing();
	answer_parked(0, 1);
	expect_answer(pair.client, 3, 1);
	expect_answer(pair.client, 4, 100);
	expect_idle();
}

static void U17_chain_behind_a_plain_request(void **state)
{
	(void)state;
	assert_int_equal(scheme_ring_server_add_file(server, 3), 1);
	get_fsize(1)->handle = 1;			/* fails in its callback */
	get_fsize(2)->flags = SCHEME_SQE_CHAIN_SOFT;
	get_fsize(3)->flags = SCHEME_SQE_CHAIN;
	assert_int_equal(step(), 3);
	expect_answer(pair.client, 1, -ENXIO);
	expect_answer(pair.client, 2, -ECANCELED);
	expect_answer(pair.client, 3, 100);
	get_fsize(4)->handle = 1;
	assert_int_equal(step(), 1);
	get_fsize(5);
	get_fsize(6)->flags = SCHEME_SQE_CHAIN_SOFT;
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 4, -ENXIO);
	expect_answer(pair.client, 5, 100);
	expect_answer(pair.client, 6, 100);
	park(7);
	get_fsize(8);
	get_fsize(9)->flags = SCHEME_SQE_CHAIN;		/* behind 8, not behind 7 */
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 8, 100);
	expect_answer(pair.client, 9, 100);
	park(10);
	get_fsize(11)->flags = SCHEME_SQE_CHAIN_SOFT;	/* its callback has returned */
	assert_int_equal(step(), 1);
	expect_nothing();
	answer_parked(1, -EIO);
	expect_answer(pair.client, 10, -EIO);
	expect_answer(pair.client, 11, -ECANCELED);
	answer_parked(0, 1);
	expect_answer(pair.client, 7, 1);
	expect_idle();
}

/* ---- files ----------------------------------------------------------------------- */

static void open_file(void)
{
	put_text(AT, "f");
	scheme_ring_prep_open(get(0), SCHEME_ROOT, AT, 1, O_RDWR, 0);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 0, 1);
}

static void U23_plain_requests_before_and_behind_a_close(void **state)
{
	(void)state;
	open_file();
	get_fsize(1)->handle = 1;
	scheme_ring_prep_close(get(0), 1);
	get_fsize(2)->handle = 1;
	assert_int_equal(step(), 3);
	expect_answer(pair.client, 1, 100);
	expect_answer(pair.client, 2, -EBADF);
	assert_int_equal(seen.nr_closed, 1);
	assert_int_equal(seen.closed[0], 1000);
	expect_idle();
}

static void U23_file_in_use_is_closed_with_its_last_answer(void **state)
{
	(void)state;
	open_file();
	get_parked(1)->handle = 1;
	scheme_ring_prep_close(get(0), 1);
	assert_int_equal(step(), 2);
	assert_int_equal(seen.nr_closed, 0);
	get_own(2, answers_earlier_then_own);		/* another file's callback */
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, 1);
	expect_answer(pair.client, 2, 2);
	assert_int_equal(seen.nr_closed, 1);
	open_file();
	expect_idle();
}

/* ---- when the client gets them --------------------------------------------------- */

static uint32_t on_ring(void)
{
	return ring_load(pair.provider->put.mine) - ring_load(pair.provider->put.peer);
}

/* Eight go at once, and not one by one. */
static void sees_eights(struct scheme_req *req)
{
	assert_int_equal(on_ring(), (seen.nr_started - 1) / 8 * 8);
	assert_int_equal(scheme_reply(req, 0), 0);
}

static void *wait_for_one(void *arg)
{
	struct scheme_cqe *cqe;

	*(int *)arg = scheme_ring_wait_cqe(pair.client, &cqe, -1);
	return NULL;
}

/* A wait that has a time ends with what is there, also when nobody rings. */
static bool was_woken(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	if (!pthread_timedjoin_np(thread, NULL, &until))
		return true;
	pair.provider->bell->doorbell(pair.provider);
	pthread_join(thread, NULL);
	return false;
}

static void answer_a_sleeping_client(unsigned int nr)
{
	pthread_t thread;
	int ret = 1;

	seen.nr_started = 0;
	for (uint64_t i = 0; i < nr; i++)
		get_own(i, sees_eights);
	assert_int_equal(scheme_ring_submit(pair.client), nr);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_one, &ret), 0);
	until_asleep(pair.provider->peer_flags);
	assert_int_equal(scheme_ring_server_step(server, 0), nr);
	assert_int_equal(on_ring(), nr);
	assert_true(was_woken(thread));
	assert_int_equal(ret, 0);
	for (uint64_t i = 0; i < nr; i++)
		expect_answer(pair.client, i, 0);
	expect_idle();
}

static void U4_all_answers_of_a_step_go_and_wake_the_client(void **state)
{
	const struct scheme_ring_server_config c = { .depth = 32, .files = FILES };

	(void)state;
	assert_int_equal(scheme_ring_server_destroy(server), 0);
	assert_int_equal(scheme_ring_server_create(&server, scheme, pair.provider, &c), 0);
	assert_int_equal(scheme_ring_server_add_file(server, 7), 0);
	answer_a_sleeping_client(1);
	answer_a_sleeping_client(7);
	answer_a_sleeping_client(8);
	answer_a_sleeping_client(9);
	answer_a_sleeping_client(16);
}

/* ---- in a callback --------------------------------------------------------------- */

static void steps(struct scheme_req *req)
{
	assert_true(seen.nr_started < DEPTH);	/* or it is taken again and again */
	assert_int_equal(scheme_ring_server_step(server, 0), -EBUSY);
	assert_int_equal(scheme_ring_server_step(server, SECOND), -EBUSY);
	assert_int_equal(scheme_ring_server_destroy(server), -EBUSY);
	assert_int_equal(scheme_reply(req, 0), 0);
}

static void U26_callback_neither_steps_nor_destroys_its_server(void **state)
{
	(void)state;
	get_own(1, steps);
	get_own(2, steps)->flags = SCHEME_SQE_DRAIN;
	get_fsize(3);
	assert_int_equal(step(), 3);
	expect_answer(pair.client, 1, 0);
	expect_answer(pair.client, 2, 0);
	expect_answer(pair.client, 3, 100);
	assert_int_equal(seen.nr_started, 3);
	assert_int_equal(seen.cancels, 0);
	expect_idle();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U26_callback_answers_an_earlier_request_then_its_own),
		TEST(U26_callback_answers_its_own_then_an_earlier_request),
		TEST(U20_callback_that_answers_twice_has_answered_once),
		TEST(U20_cancel_behind_plain_requests),
		TEST(U22_refused_request_keeps_its_place_among_answers),
		TEST(U26_another_thread_answers_while_the_callback_runs),
		TEST(U26_own_answer_stays_behind_that_of_another_thread),
		TEST(U26_another_thread_answers_when_the_callback_has_returned),
		TEST(U11_without_room_plain_requests_wait_with_their_answers),
		TEST(U21_more_urgent_one_behind_plain_requests_is_first),
		TEST(U17_drain_behind_plain_requests),
		TEST(U17_chain_behind_a_plain_request),
		TEST(U23_plain_requests_before_and_behind_a_close),
		TEST(U23_file_in_use_is_closed_with_its_last_answer),
		TEST(U4_all_answers_of_a_step_go_and_wake_the_client),
		TEST(U26_callback_neither_steps_nor_destroys_its_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
