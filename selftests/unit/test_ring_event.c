// SPDX-License-Identifier: MIT
/* A ring's server: EVENT, from the provider's posts to the client's answers. */
#include "ring_server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>

#define MORE	SCHEME_CQE_F_MORE
#define LAST	SCHEME_CQE_F_LAST
#define LENT	7	/* the number of the file that setup() lends */

static void ask(uint64_t user_data, uint64_t handle, uint32_t mask, uint8_t flags)
{
	struct scheme_sqe *sqe = get(user_data);

	sqe->opcode = SCHEME_OP_EVENT;
	sqe->handle = handle;
	sqe->op_flags = mask;
	sqe->flags = flags;
	assert_int_equal(step(), 1);
}

static void post(uint64_t number, uint32_t events)
{
	assert_int_equal(scheme_post_ready(scheme, number, events), 0);
}

static void round_of_answers(void)
{
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
}

/* Index 1, number 1000: its provider says of it what it is ready for. */
static void open_quiet(uint32_t events)
{
	put_text(AT, "x");
	scheme_ring_prep_open(get(99), SCHEME_ROOT, AT, 1, O_RDWR, 0);
	seen.open_events = events;
	seen.tells_events = true;
	assert_int_equal(step(), 1);
	seen.tells_events = false;
	expect_flags(99, 1, SCHEME_CQE_F_EVENTS);
}

static void U19_one_answer_at_once_if_it_is_ready(void **state)
{
	(void)state;
	open_quiet(EPOLLOUT | EPOLLPRI);
	ask(1, 1, EPOLLIN | EPOLLOUT, 0);
	expect_flags(1, EPOLLOUT, 0);
	assert_int_equal(scheme_ring_server_pending(server), 0);
	/* a file of which nobody has said anything */
	ask(2, 0, EPOLLIN, 0);
	expect_flags(2, EPOLLIN, 0);
}

static void U19_one_answer_when_it_becomes_ready(void **state)
{
	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, 0);
	expect_nothing();
	post(1000, EPOLLOUT);
	post(1001, EPOLLIN);	/* another file */
	round_of_answers();
	expect_nothing();
	post(1000, EPOLLIN | EPOLLOUT);
	post(1000, 0);
	round_of_answers();
	expect_flags(1, EPOLLIN, 0);
	post(1000, EPOLLIN);
	round_of_answers();
	expect_nothing();
	assert_int_equal(scheme_ring_in_flight(pair.client), 0);
}

static void U19_errors_are_told_to_all(void **state)
{
	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, 0);
	post(1000, EPOLLHUP | EPOLLERR | EPOLLOUT);
	round_of_answers();
	expect_flags(1, EPOLLHUP | EPOLLERR, 0);
}

static void U19_what_cannot_be_asked_is_refused(void **state)
{
	(void)state;
	ask(1, SCHEME_ROOT, EPOLLIN, 0);
	expect_flags(1, -EBADF, 0);
	ask(2, 3, EPOLLIN, 0);
	expect_flags(2, -EBADF, 0);
	ask(3, 0, 0, 0);
	expect_flags(3, -EINVAL, 0);
	ask(4, 0, EPOLLIN | EPOLLET, 0);
	expect_flags(4, -EINVAL, 0);
}

static void U18_an_answer_for_each_edge_and_a_last_one(void **state)
{
	(void)state;
	open_quiet(EPOLLIN);
	ask(1, 1, EPOLLIN | EPOLLOUT, SCHEME_SQE_MULTISHOT);
	expect_flags(1, EPOLLIN, MORE);		/* what is ready now */
	post(1000, EPOLLIN);			/* the same, and yet an edge */
	round_of_answers();
	expect_flags(1, EPOLLIN, MORE);
	post(1000, 0);
	round_of_answers();
	expect_nothing();
	post(1000, EPOLLOUT);
	round_of_answers();
	expect_flags(1, EPOLLOUT, MORE);
	scheme_ring_prep_cancel(get(0), 1);
	get(0)->opcode = SCHEME_OP_NOP;
	assert_int_equal(step(), 2);
	expect_flags(1, -ECANCELED, LAST);
	expect_answer(pair.client, 0, 0);
	post(1000, EPOLLIN);
	round_of_answers();
	expect_nothing();
}

static void U18_cancel_by_handle_ends_all_on_it(void **state)
{
	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, SCHEME_SQE_MULTISHOT);
	ask(2, 1, EPOLLIN, 0);
	scheme_ring_prep_cancel_handle(get(0), 1);
	assert_int_equal(step(), 1);
	expect_flags(1, -ECANCELED, LAST);
	expect_flags(2, -ECANCELED, 0);
	assert_int_equal(scheme_ring_server_pending(server), 0);
}

static void U18_close_ends_them_before_the_provider_hears_of_it(void **state)
{
	struct scheme_sqe *sqe;

	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, SCHEME_SQE_MULTISHOT);
	scheme_ring_prep_write(get(2), 0, AT, 1, 0);
	sqe = get(3);
	sqe->opcode = SCHEME_OP_EVENT;
	sqe->handle = 1;
	sqe->op_flags = EPOLLIN;
	sqe->flags = SCHEME_SQE_CHAIN;
	scheme_ring_prep_close(get(0), 1);
	assert_int_equal(step(), 3);
	expect_flags(1, -ECANCELED, LAST);
	assert_int_equal(seen.nr_closed, 0);
	answer_parked(0, 1);
	expect_answer(pair.client, 2, 1);
	expect_flags(3, -ECANCELED, 0);
	assert_int_equal(seen.nr_closed, 1);
	assert_int_equal(seen.closed[0], 1000);
}

/* The completion ring has 16 places. */
static void U18_edges_coalesce_while_answers_wait_for_room(void **state)
{
	unsigned int answers = 0;
	uint32_t bits = 0;
	struct scheme_cqe *cqe;

	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN | EPOLLOUT | EPOLLPRI, SCHEME_SQE_MULTISHOT);
	for (int i = 0; i < 1000; i++) {
		post(1000, i == 500 ? EPOLLPRI : EPOLLIN);
		round_of_answers();
	}
	post(1000, EPOLLOUT);
	round_of_answers();
	while (!scheme_ring_peek_cqe(pair.client, &cqe)) {
		assert_int_equal(cqe->flags, MORE);
		bits |= (uint32_t)cqe->result;
		answers++;
		scheme_ring_cqe_seen(pair.client, cqe);
		round_of_answers();
	}
	assert_int_equal(bits, EPOLLIN | EPOLLOUT | EPOLLPRI);
	assert_in_range(answers, 16, 20);
}

static void U19_an_event_between_open_and_its_answer_counts(void **state)
{
	(void)state;
	/* the reply is made, and waits for the server's thread */
	seen.posts_at_open = EPOLLPRI;
	open_quiet(0);
	seen.posts_at_open = 0;
	ask(1, 1, EPOLLIN | EPOLLPRI, 0);
	expect_flags(1, EPOLLPRI, 0);
}

static void U19_files_of_one_number_are_all_told(void **state)
{
	(void)state;
	assert_int_equal(scheme_ring_server_add_file(server, LENT), 1);
	post(LENT, 0);
	ask(1, 0, EPOLLIN, 0);
	ask(2, 1, EPOLLIN, 0);
	post(LENT, EPOLLIN);
	round_of_answers();
	expect_flags(1, EPOLLIN, 0);
	expect_flags(2, EPOLLIN, 0);
}

static void U29_events_of_a_dead_client_go_with_it(void **state)
{
	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, SCHEME_SQE_MULTISHOT);
	post(1000, EPOLLIN);
	scheme_ring_close(pair.client);
	pair.client = NULL;
	assert_int_equal(scheme_ring_server_step(server, -1), -ESHUTDOWN);
	assert_int_equal(scheme_ring_server_pending(server), 0);
	assert_int_equal(seen.nr_closed, 1);
	post(1000, EPOLLIN);
	assert_int_equal(scheme_ring_server_step(server, 0), -ESHUTDOWN);
}

/* ---- another thread ----------------------------------------------------------------- */

static void *post_later(void *arg)
{
	(void)arg;
	usleep(30000);
	post(1000, EPOLLIN);
	return NULL;
}

static void U19_a_post_of_another_thread_wakes_the_server(void **state)
{
	pthread_t thread;

	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, 0);
	pthread_create(&thread, NULL, post_later, NULL);
	assert_int_equal(scheme_ring_server_step(server, -1), 0);
	pthread_join(thread, NULL);
	expect_flags(1, EPOLLIN, 0);
}

static void U19_a_step_that_has_answered_does_not_wait(void **state)
{
	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, 0);
	post(1000, EPOLLIN);
	assert_int_equal(scheme_ring_server_step(server, 10 * SECOND), 0);
	expect_flags(1, EPOLLIN, 0);
}

#define POSTS	20000U

static void *post_many(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < POSTS; i++)
		post(1000, i & 1 ? EPOLLIN : 0);
	post(1000, EPOLLHUP);
	return NULL;
}

/* No edge is lost: the last one comes, whatever the others became. */
static void U18_posts_race_with_answers(void **state)
{
	struct scheme_cqe *cqe;
	pthread_t thread;
	uint32_t bits = 0;

	(void)state;
	open_quiet(0);
	ask(1, 1, EPOLLIN, SCHEME_SQE_MULTISHOT);
	pthread_create(&thread, NULL, post_many, NULL);
	while (!(bits & EPOLLHUP)) {
		assert_true(scheme_ring_server_step(server, 10 * SECOND) >= 0);
		while (!scheme_ring_peek_cqe(pair.client, &cqe)) {
			assert_int_equal(cqe->flags, MORE);
			bits |= (uint32_t)cqe->result;
			scheme_ring_cqe_seen(pair.client, cqe);
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(bits, EPOLLIN | EPOLLHUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U19_one_answer_at_once_if_it_is_ready),
		TEST(U19_one_answer_when_it_becomes_ready),
		TEST(U19_errors_are_told_to_all),
		TEST(U19_what_cannot_be_asked_is_refused),
		TEST(U18_an_answer_for_each_edge_and_a_last_one),
		TEST(U18_cancel_by_handle_ends_all_on_it),
		TEST(U18_close_ends_them_before_the_provider_hears_of_it),
		TEST(U18_edges_coalesce_while_answers_wait_for_room),
		TEST(U19_an_event_between_open_and_its_answer_counts),
		TEST(U19_files_of_one_number_are_all_told),
		TEST(U29_events_of_a_dead_client_go_with_it),
		TEST(U19_a_post_of_another_thread_wakes_the_server),
		TEST(U19_a_step_that_has_answered_does_not_wait),
		TEST(U18_posts_race_with_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
