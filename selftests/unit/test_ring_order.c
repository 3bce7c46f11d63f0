// SPDX-License-Identifier: MIT
/* A ring served with a scheme's callbacks: order, multishot, cancel, room. */
#include "ring_server.h"

/* ---- order ----------------------------------------------------------------------- */

static void U17_without_flags_nobody_waits(void **state)
{
	(void)state;
	get_parked(1);
	get_fsize(2);
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 2, 100);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
}

static void U17_drain_waits_for_all_before_it(void **state)
{
	(void)state;
	get_parked(1);
	get_parked(2);
	get_fsize(3)->flags = SCHEME_SQE_DRAIN;
	get_fsize(4);
	assert_int_equal(step(), 4);
	expect_answer(pair.client, 4, 100);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
	expect_nothing();
	answer_parked(1, 1);
	expect_answer(pair.client, 2, 1);
	expect_answer(pair.client, 3, 100);
}

static void U17_chain_waits_for_the_one_before(void **state)
{
	(void)state;
	get_parked(1);
	get_parked(2);
	get_fsize(3)->flags = SCHEME_SQE_CHAIN;
	get_fsize(4)->flags = SCHEME_SQE_CHAIN;
	assert_int_equal(step(), 4);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
	expect_nothing();
	answer_parked(1, -EIO);		/* whatever the answer */
	expect_answer(pair.client, 2, -EIO);
	expect_answer(pair.client, 3, 100);
	expect_answer(pair.client, 4, 100);
}

static void U17_soft_chain_ends_with_an_error(void **state)
{
	(void)state;
	get_parked(1);
	get_fsize(2)->flags = SCHEME_SQE_CHAIN_SOFT;
	get_fsize(3)->flags = SCHEME_SQE_CHAIN_SOFT;
	get_fsize(4)->flags = SCHEME_SQE_CHAIN;
	assert_int_equal(step(), 4);
	answer_parked(0, -EIO);
	expect_answer(pair.client, 1, -EIO);
	expect_answer(pair.client, 2, -ECANCELED);
	expect_answer(pair.client, 3, -ECANCELED);
	expect_answer(pair.client, 4, 100);
	assert_int_equal(seen.nr_started, 2);
	/* the one before has been answered long ago */
	scheme_ring_prep_read(get(5), 9, AT, 1, 0);
	assert_int_equal(step(), 1);
	get_fsize(6)->flags = SCHEME_SQE_CHAIN_SOFT;
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 5, -EBADF);
	expect_answer(pair.client, 6, -ECANCELED);
	get_fsize(7)->flags = 0;
	get_fsize(8)->flags = SCHEME_SQE_CHAIN_SOFT;
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 7, 100);
	expect_answer(pair.client, 8, 100);
}

static void U21_more_urgent_ones_start_first(void **state)
{
	static const uint16_t priority[] = { 0, 5, 1, 5, 0, 9 };
	static const uint64_t order[] = { 5, 1, 3, 2, 0, 4 };

	(void)state;
	for (uint64_t i = 0; i < 6; i++)
		get_fsize(i)->priority = priority[i];
	assert_int_equal(step(), 6);
	for (int i = 0; i < 6; i++)
		expect_answer(pair.client, order[i], 100);
}

/* ---- multishot, cancel ------------------------------------------------------------ */

static void U18_multishot_answers_until_the_last(void **state)
{
	struct scheme_sqe *sqe = get(1);

	(void)state;
	scheme_ring_prep_own(sqe, OWN, 0, 0, 0, 0);
	sqe->flags |= SCHEME_SQE_MULTISHOT;
	assert_int_equal(step(), 1);
	for (int i = 0; i < 3; i++)
		expect_flags(1, i, SCHEME_CQE_F_MORE);
	assert_int_equal(scheme_ring_in_flight(pair.client), 1);
	expect_flags(1, OWN, SCHEME_CQE_F_LAST);
	assert_int_equal(scheme_ring_in_flight(pair.client), 0);
	scheme_ring_prep_own(get(1), OWN, 0, 0, 0, 0);
	assert_int_equal(step(), 1);
	expect_flags(1, OWN, 0);
}

static void U18_too_many_answers_are_refused_not_lost(void **state)
{
	unsigned int taken = 0;

	(void)state;
	get_parked(1)->flags = SCHEME_SQE_MULTISHOT;
	assert_int_equal(step(), 1);
	while (!scheme_reply_more(seen.parked[0], 1, 0))
		taken++;
	assert_int_equal(taken, DEPTH);
	assert_int_equal(scheme_reply_more(seen.parked[0], 0, 0), -EAGAIN);
	answer_parked(0, 0);
	for (unsigned int i = 0; i < taken; i++)
		expect_flags(1, 1, SCHEME_CQE_F_MORE);
	expect_flags(1, 0, SCHEME_CQE_F_LAST);
}

static void U20_each_victim_is_answered_once(void **state)
{
	(void)state;
	get_parked(1);				/* started */
	get_fsize(1)->flags = SCHEME_SQE_DRAIN;	/* waiting */
	get_fsize(2)->flags = SCHEME_SQE_CHAIN;	/* behind it */
	get_parked(3);
	assert_int_equal(step(), 4);
	scheme_ring_prep_cancel(get(0), 1);
	scheme_ring_prep_cancel(get(0), 1);	/* again */
	scheme_ring_prep_cancel(get(0), 99);	/* nobody */
	assert_int_equal(scheme_ring_submit(pair.client), 3);
	assert_int_equal(scheme_ring_server_step(server, 0), 3);
	expect_answer(pair.client, 1, -ECANCELED);
	expect_answer(pair.client, 1, -ECANCELED);
	expect_answer(pair.client, 2, 100);
	expect_nothing();
	assert_int_equal(seen.cancels, 1);
	answer_parked(1, 1);
	expect_answer(pair.client, 3, 1);
	/* it has been answered: nobody is told */
	scheme_ring_prep_cancel(get(0), 3);
	assert_int_equal(step(), 1);
	assert_int_equal(seen.cancels, 1);
}

static void U20_all_of_a_handle_can_be_cancelled(void **state)
{
	(void)state;
	assert_int_equal(scheme_ring_server_add_file(server, 8), 1);
	get_parked(1);
	get_parked(2)->handle = 1;
	get_parked(3);
	assert_int_equal(step(), 3);
	scheme_ring_prep_cancel_handle(get(0), 0);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, -ECANCELED);
	expect_answer(pair.client, 3, -ECANCELED);
	expect_nothing();
	answer_parked(1, 1);
	expect_answer(pair.client, 2, 1);
}

/* The one that waited for it does not wait for its place's next user. */
static void U20_cancelled_link_of_a_chain(void **state)
{
	(void)state;
	get_parked(1);
	get_fsize(2)->flags = SCHEME_SQE_CHAIN;
	get_fsize(3)->flags = SCHEME_SQE_CHAIN_SOFT;
	assert_int_equal(step(), 3);
	scheme_ring_prep_cancel(get(0), 2);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 2, -ECANCELED);
	expect_answer(pair.client, 3, -ECANCELED);
	get_parked(4);
	get_fsize(5)->flags = SCHEME_SQE_CHAIN;
	assert_int_equal(step(), 2);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
	expect_nothing();
	answer_parked(1, 1);
	expect_answer(pair.client, 4, 1);
	expect_answer(pair.client, 5, 100);
}

/* ---- room ------------------------------------------------------------------------ */

static void U26_intake_stops_at_capacity_but_for_cancel(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < DEPTH; i++)
		get_parked(i);
	scheme_ring_prep_cancel(get(0), 3);
	assert_int_equal(step(), DEPTH);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 3, -ECANCELED);
	get_parked(100);
	get_fsize(101);
	get_fsize(102);
	scheme_ring_submit(pair.client);
	scheme_ring_server_step(server, 0);
	assert_int_equal(scheme_ring_server_pending(server), DEPTH);
	expect_nothing();
	assert_int_equal(scheme_reply(seen.parked[0], 1), 0);
	scheme_ring_server_step(server, 0);
	expect_answer(pair.client, 0, 1);
	scheme_ring_server_step(server, 0);
	scheme_ring_server_step(server, 0);
	expect_answer(pair.client, 101, 100);
	expect_answer(pair.client, 102, 100);
	scheme_ring_prep_cancel_handle(get(0), 0);
	step();
	assert_int_equal(scheme_ring_server_pending(server), 0);
	for (unsigned int i = 0; i < DEPTH - 1; i++) {
		struct scheme_cqe *cqe;

		assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), 0);
		assert_int_equal(cqe->result, -ECANCELED);
		scheme_ring_cqe_seen(pair.client, cqe);
	}
	expect_nothing();
}

static void U11_answers_wait_for_room_and_nothing_new_is_taken(void **state)
{
	unsigned int sent = 0, heard;

	(void)state;
	for (int i = 0; i < 4; i++) {
		for (; sent < 8U * (unsigned int)(i + 1); sent++)
			if (!get_fsize(sent))
				break;
		assert_true(scheme_ring_submit(pair.client) >= 0);
		assert_true(scheme_ring_server_step(server, 0) >= 0);
	}
	/* 16 are on the ring; what was taken besides waits in requests */
	assert_true(scheme_ring_server_pending(server) > 0);
	for (heard = 0; heard < sent; heard++) {
		expect_answer(pair.client, heard, 100);
		assert_true(scheme_ring_server_step(server, 0) >= 0);
	}
	expect_nothing();
	assert_int_equal(scheme_ring_server_pending(server), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U17_without_flags_nobody_waits),
		TEST(U17_drain_waits_for_all_before_it),
		TEST(U17_chain_waits_for_the_one_before),
		TEST(U17_soft_chain_ends_with_an_error),
		TEST(U21_more_urgent_ones_start_first),
		TEST(U18_multishot_answers_until_the_last),
		TEST(U18_too_many_answers_are_refused_not_lost),
		TEST(U20_each_victim_is_answered_once),
		TEST(U20_all_of_a_handle_can_be_cancelled),
		TEST(U20_cancelled_link_of_a_chain),
		TEST(U26_intake_stops_at_capacity_but_for_cancel),
		TEST(U11_answers_wait_for_room_and_nothing_new_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
