// SPDX-License-Identifier: MIT
/* A ring served with a scheme's callbacks: payloads, files, answers of other threads. */
#include "ring_server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

/* ---- one request ----------------------------------------------------------------- */

static void U27_read_uses_the_memory_of_the_pool(void **state)
{
	(void)state;
	scheme_ring_prep_read(get(1), 0, AT + 100, 50, 0x77);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, 50);
	assert_int_equal(seen.handle, 7);
	assert_int_equal(*(uint8_t *)scheme_ring_at(pair.client, AT + 149, 1), 0x77);
	assert_int_equal(*(uint8_t *)scheme_ring_at(pair.client, AT + 150, 1), 0);
}

static void U27_who_the_client_is_does_not_come_from_the_client(void **state)
{
	struct scheme_sqe *sqe = get_fsize(1);

	(void)state;
	sqe->pid = sqe->uid = sqe->gid = 0;
	assert_int_equal(step(), 1);
	assert_int_equal(seen.sqe.pid, 11);
	assert_int_equal(seen.sqe.uid, 22);
	assert_int_equal(seen.sqe.gid, 33);
}

static void U27_call_goes_there_and_back(void **state)
{
	const uint64_t word[3] = { 1, 4242, 0 };
	struct scheme_cqe *cqe;

	(void)state;
	put_text(SCHEME_RING_CALL_IN(AT), "HAL");
	assert_int_equal(scheme_ring_prep_call(pair.client, get(1), 0, word, AT, 3,
					       16), 0);
	assert_int_equal(step(), 1);
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), 0);
	assert_int_equal(cqe->extra, 3);
	expect_answer(pair.client, 1, 4242);
	assert_memory_equal(scheme_ring_at(pair.client, AT, 3), "IBM", 3);
}

static void U27_paths_and_their_answers(void **state)
{
	struct scheme_sqe *sqe = get(1);
	struct scheme_stat st;

	(void)state;
	put_text(AT, "/some/path");
	sqe->opcode = SCHEME_OP_STAT;
	sqe->handle = 0;
	sqe->addr = AT;
	sqe->len = 10;
	sqe->aux = sizeof(st);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, sizeof(st));
	memcpy(&st, scheme_ring_at(pair.client, AT, sizeof(st)), sizeof(st));
	assert_int_equal(st.size, 9);	/* without the slash */
	assert_int_equal(st.ino, 7);
}

static void U27_two_paths_have_a_handle_each(void **state)
{
	const struct scheme_paths head = { 3, 4 };
	struct scheme_sqe *sqe = get(1);
	uint8_t *at = scheme_ring_at(pair.client, AT, 16);

	(void)state;
	assert_int_equal(scheme_ring_server_add_file(server, 8), 1);
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), "old\0newx", 8);
	sqe->opcode = SCHEME_OP_RENAME;
	sqe->addr = AT;
	sqe->len = 16;
	sqe->handle = 0;
	sqe->aux = 1;
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, 708);
	assert_string_equal(seen.path, "newx");
}

static void expect_error(int error)
{
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, error);
	assert_int_equal(scheme_ring_server_pending(server), 0);
}

static void U22_payload_outside_the_pool_is_EFAULT(void **state)
{
	struct scheme_sqe *sqe;

	(void)state;
	scheme_ring_prep_read(get(1), 0, AT + SIZE - 1, 2, 0);
	expect_error(-EFAULT);
	scheme_ring_prep_read(get(1), 0, 0xDEADBEEF, 8192, 16384);
	expect_error(-EFAULT);
	scheme_ring_prep_write(get(1), 0, UINT64_MAX, UINT32_MAX, 0);
	expect_error(-EFAULT);
	scheme_ring_prep_open(get(1), 0, AT - 1, 2, 0, 0);
	expect_error(-EFAULT);
	scheme_ring_prep_own(get(1), OWN, 0, AT + SIZE, 1, 0);
	expect_error(-EFAULT);
	sqe = get(1);
	scheme_ring_prep_fsize(sqe, 0);
	sqe->opcode = SCHEME_OP_STAT;	/* room for the answer counts, too */
	sqe->addr = AT;
	sqe->aux = SIZE + 1ULL;
	expect_error(-EFAULT);
	assert_int_equal(seen.nr_started, 0);
}

static void U28_own_opcodes_and_unknown_ones(void **state)
{
	(void)state;
	scheme_ring_prep_own(get(1), OWN + 5, 0, AT, 10, 0);
	expect_error(OWN + 5);
	scheme_ring_prep_own(get(1), SCHEME_OP_LAST + 1, 0, AT, 10, 0);
	expect_error(-ENOSYS);
	scheme_ring_prep_own(get(1), SCHEME_OP_LOCK, 0, AT, 10, 0);
	expect_error(-EOPNOTSUPP);
	scheme_ring_prep_own(get(1), SCHEME_OP_SENDFD, 0, AT, 10, 0);
	expect_error(-EOPNOTSUPP);
	scheme_ring_prep_own(get(1), SCHEME_OP_FSYNC, 0, 0, 0, 0);
	expect_error(-EOPNOTSUPP);	/* no callback */
	scheme_ring_prep_own(get(1), SCHEME_OP_CLOSE, 0, 0, 0, 0);
	expect_error(-EINVAL);		/* with an answer */
}

static void U8_unknown_flags_are_EINVAL(void **state)
{
	(void)state;
	get_fsize(1)->flags = 0x80;
	expect_error(-EINVAL);
	get_fsize(1)->flags = SCHEME_SQE_CHAIN | SCHEME_SQE_CHAIN_SOFT;
	expect_error(-EINVAL);
}

/* As the post had it: nobody has opened anything with the number 42. */
static void D2_a_server_answers_the_dummy_submission(void **state)
{
	const struct scheme_sqe dummy = {
		.opcode = 1, .handle = 42, .user_data = 1337,
		.len = 8192, .addr = 0xDEADBEEF, .offset = 16384,
	};

	(void)state;
	*get(0) = dummy;
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1337, -EBADF);
}

/* ---- files ----------------------------------------------------------------------- */

static void open_one(uint64_t user_data, int64_t result)
{
	put_text(AT, "x");
	scheme_ring_prep_open(get(user_data), SCHEME_ROOT, AT, 1, O_RDWR, 0);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, user_data, result);
}

static void U23_only_what_was_opened_here_can_be_named(void **state)
{
	(void)state;
	open_one(1, 1);
	assert_int_equal(seen.handle, SCHEME_ROOT);
	assert_string_equal(seen.path, "x");
	scheme_ring_prep_read(get(2), 1, AT, 1, 0);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 2, 1);
	assert_int_equal(seen.handle, 1000);
	/* not the provider's number, not what is not open, nothing out of bounds */
	for (uint64_t bad = 2; bad < 6; bad++) {
		scheme_ring_prep_fsize(get(1), bad == 5 ? 1000 : bad);
		expect_error(-EBADF);
	}
}

static void U23_a_full_table_opens_nothing(void **state)
{
	(void)state;
	open_one(1, 1);
	open_one(2, 2);
	open_one(3, 3);
	open_one(4, -EMFILE);
	assert_int_equal(seen.next_number, 1003);
	assert_int_equal(scheme_ring_server_add_file(server, 9), -EMFILE);
	scheme_ring_prep_close(get(0), 2);
	assert_int_equal(step(), 1);
	open_one(5, 2);
}

static void U23_close_comes_after_the_last_answer(void **state)
{
	(void)state;
	open_one(1, 1);
	scheme_ring_prep_write(get(2), 1, AT, 1, 0);
	scheme_ring_prep_close(get(0), 1);
	scheme_ring_prep_fsize(get(3), 1);
	assert_int_equal(step(), 3);
	expect_answer(pair.client, 3, -EBADF);
	assert_int_equal(seen.nr_closed, 0);
	answer_parked(0, 1);
	expect_answer(pair.client, 2, 1);
	assert_int_equal(seen.nr_closed, 1);
	assert_int_equal(seen.closed[0], 1000);
}

static void U29_what_a_dead_client_had_open_is_closed(void **state)
{
	(void)state;
	open_one(1, 1);
	scheme_ring_prep_write(get(2), 1, AT, 1, 0);
	get_fsize(3);
	scheme_ring_submit(pair.client);
	scheme_ring_close(pair.client);
	pair.client = NULL;
	assert_int_equal(scheme_ring_server_step(server, -1), 2);
	assert_int_equal(scheme_ring_server_step(server, -1), -ESHUTDOWN);
	assert_int_equal(seen.cancels, 1);
	assert_int_equal(scheme_ring_server_pending(server), 0);
	assert_int_equal(seen.nr_closed, 1);	/* file 0 was only lent */
	assert_int_equal(seen.closed[0], 1000);
}

/* ---- other threads ---------------------------------------------------------------- */

static void *answer_later(void *arg)
{
	usleep(30000);
	assert_int_equal(scheme_reply(arg, 1), 0);
	assert_int_equal(scheme_reply(arg, 1), -EALREADY);
	return NULL;
}

static void U26_answer_from_another_thread_wakes_the_server(void **state)
{
	pthread_t thread;

	(void)state;
	get_parked(1);
	assert_int_equal(step(), 1);
	pthread_create(&thread, NULL, answer_later, seen.parked[0]);
	assert_int_equal(scheme_ring_server_step(server, -1), 0);
	pthread_join(thread, NULL);
	expect_answer(pair.client, 1, 1);
}

static bool has_rung(void)
{
	struct pollfd fd = { .fd = scheme_ring_fd(pair.provider), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

/* A loop that looks again anyway pays no system call for its own answers. */
static void U26_answer_between_steps_rings_only_who_is_armed(void **state)
{
	(void)state;
	get_parked(1);
	assert_int_equal(step(), 1);
	assert_int_equal(scheme_reply(seen.parked[0], 1), 0);
	assert_false(has_rung());
	assert_int_equal(scheme_ring_server_arm(server), 1);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
	expect_answer(pair.client, 1, 1);
	get_parked(2);
	assert_int_equal(step(), 1);
	assert_int_equal(scheme_ring_server_arm(server), 0);
	assert_int_equal(scheme_reply(seen.parked[1], 1), 0);
	assert_true(has_rung());
	scheme_ring_disarm(pair.provider);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
	expect_answer(pair.client, 2, 1);
}

static void U26_destroy_is_busy_while_a_reply_is_owed(void **state)
{
	(void)state;
	open_one(1, 1);
	get_parked(2);
	assert_int_equal(step(), 1);
	assert_int_equal(scheme_ring_server_arm(server), 0);
	scheme_ring_disarm(pair.provider);
	/* this callback answers at once when it is cancelled */
	assert_int_equal(scheme_ring_server_destroy(server), 0);
	server = NULL;
	assert_int_equal(seen.cancels, 1);
	assert_int_equal(seen.nr_closed, 1);
	expect_answer(pair.client, 2, -ECANCELED);
}

static void U27_calls_for_the_kernel_say_so(void **state)
{
	(void)state;
	get_parked(1);
	assert_int_equal(step(), 1);
	assert_null(scheme_req_queue(seen.parked[0]));
	assert_int_equal(scheme_post_event(scheme_req_queue(seen.parked[0]), 7, 1), 0);
	assert_int_equal(scheme_req_fetch_fd(seen.parked[0], 0), -EOPNOTSUPP);
	assert_int_equal(scheme_req_attach_memory(seen.parked[0], 0, 0, 1, 0),
			 -EOPNOTSUPP);
	assert_int_equal(scheme_reply_fd(seen.parked[0], 0), -EOPNOTSUPP);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
	expect_answer(pair.client, 1, -EOPNOTSUPP);
}

static void servers_that_cannot_be_are_refused(void **state)
{
	struct scheme_ring_server_config c = { 0 };
	struct scheme_ring_server *other;

	(void)state;
	assert_int_equal(scheme_ring_server_create(&other, scheme, pair.client, &c),
			 -EINVAL);
	assert_int_equal(scheme_ring_server_create(&other, scheme, pair.provider, &c),
			 -EBUSY);
	c.depth = 4097;
	assert_int_equal(scheme_ring_server_create(&other, scheme, pair.provider, &c),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U27_read_uses_the_memory_of_the_pool),
		TEST(U27_who_the_client_is_does_not_come_from_the_client),
		TEST(U27_call_goes_there_and_back),
		TEST(U27_paths_and_their_answers),
		TEST(U27_two_paths_have_a_handle_each),
		TEST(U27_calls_for_the_kernel_say_so),
		TEST(U22_payload_outside_the_pool_is_EFAULT),
		TEST(U28_own_opcodes_and_unknown_ones),
		TEST(U8_unknown_flags_are_EINVAL),
		TEST(D2_a_server_answers_the_dummy_submission),
		TEST(U23_only_what_was_opened_here_can_be_named),
		TEST(U23_a_full_table_opens_nothing),
		TEST(U23_close_comes_after_the_last_answer),
		TEST(U29_what_a_dead_client_had_open_is_closed),
		TEST(U26_answer_from_another_thread_wakes_the_server),
		TEST(U26_answer_between_steps_rings_only_who_is_armed),
		TEST(U26_destroy_is_busy_while_a_reply_is_owed),
		TEST(servers_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
