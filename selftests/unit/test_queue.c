// SPDX-License-Identifier: MIT
/* A queue over its memory: layout, handing over, waiting. */
#include "fake_kernel.h"

#include <linux/io_uring.h>

static struct fake *fake;

static void park_read(struct scheme_req *req, uint64_t handle, void *buf,
		      uint32_t len, uint64_t offset)
{
	(void)req, (void)handle, (void)buf, (void)len, (void)offset;
}

static void answer_write(struct scheme_req *req, uint64_t handle,
			 const void *buf, uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)offset;
	assert_int_equal(scheme_reply(req, len), 0);
}

static const struct scheme_ops ops = {
	.read = park_read,
	.write = answer_write,
};

static int setup(void **state)
{
	*state = fake = fake_new(&ops, UINT32_MAX - 5);	/* soon wraps */
	return 0;
}

static int teardown(void **state)
{
	fake_free(*state);
	return 0;
}

static void submit(uint8_t opcode, uint32_t index)
{
	struct scheme_sqe sqe = fake_request(fake, opcode, index, 0, NULL, 64);

	fake_submit(fake, &sqe);
}

static void submit_reads(uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		submit(SCHEME_OP_READ, i);
	assert_int_equal(scheme_queue_dispatch(&fake->queue), (int)nr);
}

static void expect_layout_refused(const struct scheme_queue_info *info)
{
	struct scheme_queue q;

	assert_int_equal(queue_init(&q, NULL, info, fake_enter), -EINVAL);
}

static void layout_that_cannot_be_is_refused(void **state)
{
	struct scheme_queue_info info;

	(void)state;
	info = fake_info(), info.sq_entries = 7;
	expect_layout_refused(&info);
	info = fake_info(), info.cq_entries = 0;
	expect_layout_refused(&info);
	info = fake_info(), info.slot_size = 2048;
	expect_layout_refused(&info);
	info = fake_info(), info.slots_off = info.size - 64;
	expect_layout_refused(&info);
	info = fake_info(), info.slots_off = UINT64_MAX - 63;
	expect_layout_refused(&info);
	info = fake_info(), info.provider_off += 4;
	expect_layout_refused(&info);
	info = fake_info(), info.depth = 1U << 30;
	expect_layout_refused(&info);
}

static void answer_in_a_callback_waits_for_the_next_enter(void **state)
{
	(void)state;
	submit(SCHEME_OP_WRITE, 3);
	assert_int_equal(scheme_queue_dispatch(&fake->queue), 1);
	assert_int_equal(fake->enters, 0);
	assert_int_equal(scheme_queue_flush(&fake->queue), 0);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->min_wait, 0);
	assert_int_equal(fake->nr, 1);
	assert_int_equal(fake->answers[0].user_data, 3);
	assert_int_equal(fake->answers[0].result, 64);
	assert_int_equal(fake->answers[0].status, 0);
}

static void answer_elsewhere_is_handed_over_at_once(void **state)
{
	(void)state;
	submit_reads(2);
	assert_int_equal(scheme_reply(&fake->queue.reqs[1], 5), 0);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->min_wait, 0);
	assert_int_equal(fake->nr, 1);
	assert_int_equal(fake->answers[0].user_data, 1);
}

static void answer_to_a_spinning_client_needs_no_enter(void **state)
{
	(void)state;
	submit_reads(2);
	fake->mem->poller[1] = SCHEME_POLLER_SPINS;
	assert_int_equal(scheme_reply(&fake->queue.reqs[1], 5), 0);
	assert_int_equal(fake->enters, 0);
	/* its byte stands for its own tag only */
	assert_int_equal(scheme_reply(&fake->queue.reqs[0], 5), 0);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->nr, 2);
}

static void spinning_client_spares_the_step_its_enter(void **state)
{
	(void)state;
	fake->queue.spin_ns = 1000000000;
	fake->mem->poller[2] = SCHEME_POLLER_SPINS;
	submit(SCHEME_OP_WRITE, 2);
	assert_int_equal(scheme_queue_step(&fake->queue, -1), 1);
	submit(SCHEME_OP_WRITE, 2);
	assert_int_equal(scheme_queue_step(&fake->queue, -1), 1);
	assert_int_equal(fake->enters, 0);
	submit(SCHEME_OP_WRITE, 4);	/* one that sleeps */
	assert_int_equal(scheme_queue_step(&fake->queue, -1), 1);
	assert_int_equal(fake->enters, 0);
	submit(SCHEME_OP_WRITE, 2);
	assert_int_equal(scheme_queue_step(&fake->queue, -1), 1);
	assert_int_equal(fake->enters, 1);
}

static void step_that_spins_in_vain_sleeps(void **state)
{
	(void)state;
	fake->queue.spin_ns = 1000;
	assert_int_equal(scheme_queue_step(&fake->queue, 7), 0);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->min_wait, 1);
	assert_int_equal(fake->timeout_ns, 7000000);
}

static void step_does_not_spin_while_entries_wait_for_room(void **state)
{
	(void)state;
	fake->queue.spin_ns = 60000000000;
	fake->mem->client.flags = SCHEME_RING_OVERFLOW;
	assert_int_equal(scheme_queue_step(&fake->queue, -1), 0);
	assert_int_equal(fake->enters, 1);
}

static void batch_costs_one_enter(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FAKE_CQ; i++)
		submit(SCHEME_OP_WRITE, i);
	assert_int_equal(scheme_queue_step(&fake->queue, -1), FAKE_CQ);
	assert_int_equal(fake->enters, 0);
	assert_int_equal(scheme_queue_step(&fake->queue, -1), 0);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->nr, FAKE_CQ);
	assert_int_equal(fake->min_wait, 1);
	assert_int_equal(fake->timeout_ns, 0);
}

static void full_completion_ring_is_flushed_and_tried_again(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FAKE_SQ; i++)
		submit(SCHEME_OP_WRITE, i);
	assert_int_equal(scheme_queue_dispatch(&fake->queue), FAKE_SQ);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->nr, FAKE_CQ);
	assert_int_equal(scheme_queue_flush(&fake->queue), 0);
	assert_int_equal(fake->nr, FAKE_SQ);
	for (uint32_t i = 0; i < FAKE_SQ; i++)
		assert_int_equal(fake->answers[i].user_data, i);
}

static void full_completion_ring_of_a_dead_scheme_ends_the_reply(void **state)
{
	(void)state;
	submit_reads(FAKE_CQ + 1);
	fake->fails = ~0U;
	fake->fail = -ENODEV;
	for (uint32_t i = 0; i <= FAKE_CQ; i++)
		assert_int_equal(scheme_reply(&fake->queue.reqs[i], 0), -ENODEV);
	assert_int_equal(fake->nr, 0);
}

static void step_with_timeout_0_leaves_no_answer_behind(void **state)
{
	(void)state;
	submit(SCHEME_OP_WRITE, 0);
	assert_int_equal(scheme_queue_step(&fake->queue, 0), 1);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->min_wait, 0);
	assert_int_equal(fake->nr, 1);
}

static void signal_ends_a_waiting_step_only(void **state)
{
	(void)state;
	fake->fails = 1;
	fake->fail = -EINTR;
	assert_int_equal(scheme_queue_step(&fake->queue, -1), -EINTR);
	assert_int_equal(fake->enters, 1);
	/* handing over goes on */
	submit_reads(1);
	fake->fails = 3;
	assert_int_equal(scheme_reply(&fake->queue.reqs[0], 0), 0);
	assert_int_equal(fake->enters, 5);
	assert_int_equal(fake->nr, 1);
}

static void dead_and_broken_queues_say_so(void **state)
{
	(void)state;
	submit(SCHEME_OP_WRITE, 0);
	fake->mem->kern.state = SCHEME_RING_DEAD;
	assert_int_equal(scheme_queue_dispatch(&fake->queue), -ENODEV);
	assert_int_equal(scheme_queue_step(&fake->queue, 0), -ENODEV);
	fake->mem->kern.state = SCHEME_RING_DEAD | SCHEME_RING_BROKEN;
	assert_int_equal(scheme_queue_step(&fake->queue, -1), -EIO);
	assert_int_equal(fake->nr, 0);
}

static void spinning_step_sees_the_end(void **state)
{
	(void)state;
	fake->queue.spin_ns = 60000000000;
	fake->mem->kern.state = SCHEME_RING_DEAD;
	assert_int_equal(scheme_queue_step(&fake->queue, -1), -ENODEV);
	assert_int_equal(fake->enters, 0);
}

static void impossible_submission_index_is_eio(void **state)
{
	(void)state;
	fake->mem->client.sq_tail += FAKE_SQ + 1;
	assert_int_equal(scheme_queue_dispatch(&fake->queue), -EIO);
}

static void impossible_completion_index_is_eio(void **state)
{
	(void)state;
	submit_reads(1);
	fake->mem->client.cq_head += 1;
	assert_int_equal(scheme_reply(&fake->queue.reqs[0], 0), -EIO);
	assert_int_equal(fake->enters, 0);
}

static void tag_without_a_slot_is_eio(void **state)
{
	(void)state;
	submit(SCHEME_OP_WRITE, 0);
	submit(SCHEME_OP_WRITE, FAKE_DEPTH);
	assert_int_equal(scheme_queue_dispatch(&fake->queue), -EIO);
}

static void event_names_its_handle(void **state)
{
	(void)state;
	assert_int_equal(scheme_post_event(&fake->queue, 77, 5), 0);
	assert_int_equal(fake->enters, 1);
	assert_int_equal(fake->answers[0].kind, SCHEME_CQE_EVENT);
	assert_int_equal(fake->answers[0].user_data, 77);
	assert_int_equal(fake->answers[0].result, 5);
}

static void prep_enter_fills_a_64_byte_command(void **state)
{
	struct io_uring_sqe sqe;
	struct scheme_enter enter;

	(void)state;
	memset(&sqe, 0xff, sizeof(sqe));
	sqe.user_data = 99;
	fake->queue.fd = 12;
	scheme_queue_prep_enter(&fake->queue, &sqe, 3, 4000);
	memcpy(&enter, (char *)&sqe + 48, sizeof(enter));
	assert_int_equal(sqe.opcode, IORING_OP_URING_CMD);
	assert_int_equal(sqe.fd, 12);
	assert_int_equal(sqe.cmd_op, SCHEME_IOC_ENTER);
	assert_int_equal(sqe.user_data, 99);
	assert_int_equal(sqe.flags, 0);
	assert_int_equal(enter.min_wait, 3);
	assert_int_equal(enter.timeout_ns, 4000);
	assert_int_equal(enter.flags, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layout_that_cannot_be_is_refused),
		TEST(answer_in_a_callback_waits_for_the_next_enter),
		TEST(answer_elsewhere_is_handed_over_at_once),
		TEST(answer_to_a_spinning_client_needs_no_enter),
		TEST(spinning_client_spares_the_step_its_enter),
		TEST(step_that_spins_in_vain_sleeps),
		TEST(step_does_not_spin_while_entries_wait_for_room),
		TEST(batch_costs_one_enter),
		TEST(full_completion_ring_is_flushed_and_tried_again),
		TEST(full_completion_ring_of_a_dead_scheme_ends_the_reply),
		TEST(step_with_timeout_0_leaves_no_answer_behind),
		TEST(signal_ends_a_waiting_step_only),
		TEST(dead_and_broken_queues_say_so),
		TEST(spinning_step_sees_the_end),
		TEST(impossible_submission_index_is_eio),
		TEST(impossible_completion_index_is_eio),
		TEST(tag_without_a_slot_is_eio),
		TEST(event_names_its_handle),
		TEST(prep_enter_fills_a_64_byte_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
