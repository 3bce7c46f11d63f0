// SPDX-License-Identifier: MIT
/* What fails, and the end: each request is answered once, and with its own error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_pump.h"

/* ---- errors --------------------------------------------------------------- */

static void D8_merged_failure_is_split(void **state)
{
	(void)state;
	/* The merged command fails, then the second of the single ones. */
	disk.refusal[0] = (struct fake_refusal){ 0x28, 1, { 3, 0x11, 0 } };
	for (int i = 0; i < 3; i++)
		submit(&req[i], DISK_READ, 100 + 8 * i, 8);
	submit(&req[3], DISK_FLUSH, 0, 0);
	settle();
	for (int i = 0; i < 3; i++)
		assert_read(&req[i]);
	assert_int_equal(req[3].error, 0);
	assert_int_equal(disk.seen[0x28], 4);
}

static void D5_dead_device_is_not_asked_for_each_request(void **state)
{
	(void)state;
	for (int i = 0; i < FAKE_COMMANDS; i++)
		disk.fake.fault[i] = FAULT_CSW_TAG;
	disk.fake.commands = 0;
	for (int i = 0; i < 3; i++)
		submit(&req[i], DISK_READ, 100 + 8 * i, 8);
	settle();
	for (int i = 0; i < 3; i++)
		assert_int_equal(req[i].error, -EIO);
	assert_int_equal(disk.fake.commands, BOT_ATTEMPTS);
}

static void D8_bad_block_is_its_own_requests_error(void **state)
{
	(void)state;
	disk.refusal[0] = (struct fake_refusal){ 0x28, 2, { 3, 0x11, 0 } };
	for (int i = 0; i < 3; i++)
		submit(&req[i], DISK_READ, 100 + 8 * i, 8);
	settle();
	assert_int_equal(req[0].error, -EIO);
	assert_read(&req[1]);
	assert_read(&req[2]);
}

static void D8_split_requests_stay_before_those_that_came_after(void **state)
{
	(void)state;
	disk.refusal[0] = (struct fake_refusal){ 0x2a, 1, { 3, 0x0c, 0 } };
	for (int i = 0; i < 2; i++) {
		memset(req[i].buf, 'a' + i, UNIT_LEN);
		submit(&req[i], DISK_WRITE, 100 + 8 * i, 8);
	}
	submit(&req[2], DISK_READ, 100, 16);
	submit(&req[3], DISK_READ, 500, 16);
	settle();
	for (int i = 0; i < 4; i++)
		assert_read(&req[i]);
	assert_int_equal(req[2].buf[0], 'a');
}

static void D5_fault_at_work_is_not_seen_by_clients(void **state)
{
	for (int fault = 1; fault <= FAULT_CSW_PHASE; fault++) {
		if (fault == FAULT_DATA_GONE || fault == FAULT_CSW_GONE)
			continue;
		setup(state);
		disk.fake.fault[disk.fake.commands] = fault;
		for (int i = 0; i < 3; i++)
			submit(&req[i], DISK_READ, 100 + 8 * i, 8);
		settle();
		for (int i = 0; i < 3; i++)
			assert_read(&req[i]);
	}
}

/* ---- flush ---------------------------------------------------------------- */

static void D8_flush_comes_after_the_writes_before_it(void **state)
{
	(void)state;
	memset(req[0].buf, 'w', UNIT_LEN);
	submit(&req[0], DISK_WRITE, 0, 8);
	submit(&req[1], DISK_FLUSH, 0, 0);
	wait_for(&req[1]);
	assert_read(&req[0]);
	assert_int_equal(req[1].error, 0);
	assert_int_equal(disk.seen[0x35], 1);
}

static void D6_unit_without_a_cache_flushes_at_once(void **state)
{
	(void)state;
	disk.refusal[0] = (struct fake_refusal){ 0x35, 1, { 5, 0x20, 0 } };
	submit(&req[0], DISK_FLUSH, 0, 0);
	wait_for(&req[0]);
	assert_int_equal(req[0].error, 0);
	assert_true(scsi.has_no_flush);
	submit(&req[0], DISK_FLUSH, 0, 0);
	assert_int_equal(req[0].answers, 1);
	assert_int_equal(disk.seen[0x35], 1);
}

static void D6_flush_that_fails_is_an_error(void **state)
{
	(void)state;
	disk.refusal[0] = (struct fake_refusal){ 0x35, 1, { 3, 0x0c, 0 } };
	submit(&req[0], DISK_FLUSH, 0, 0);
	wait_for(&req[0]);
	assert_int_equal(req[0].error, -EIO);
	assert_false(scsi.has_no_flush);
}

/* ---- the end -------------------------------------------------------------- */

static void D9_unplug_ends_every_request_with_enodev(void **state)
{
	(void)state;
	disk.fake.fault[disk.fake.commands] = FAULT_DATA_GONE;
	submit(&req[0], DISK_READ, 0, 8);
	pump_work(&pump);
	for (int i = 1; i < 6; i++)
		submit(&req[i], i & 1 ? DISK_WRITE : DISK_READ, 1000 * i, 8);
	submit(&req[6], DISK_FLUSH, 0, 0);
	settle();
	submit(&req[7], DISK_READ, 0, 8);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(req[i].answers, 1);
		assert_int_equal(req[i].error, -ENODEV);
	}
}

static void D9_end_answers_what_is_on_the_bus(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		submit(&req[i], DISK_READ, 1000 * i, 8);
	pump_work(&pump);
	pump_end(&pump);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(req[i].answers, 1);
		assert_int_equal(req[i].error, -ENODEV);
	}
	settle();
	assert_int_equal(req[0].answers, 1);
}

static bool stop_now(void *user)
{
	(void)user;
	return true;
}

static void D9_told_to_stop_who_waits_is_let_go(void **state)
{
	(void)state;
	submit(&req[0], DISK_READ, 0, 8);
	scsi.stopping = stop_now;
	pump.backend.ops->wait(&pump.backend);
	assert_int_equal(req[0].answers, 1);
	assert_int_equal(req[0].error, -ENODEV);
	/* What the device has begun comes to its end all the same. */
	assert_false(pump_is_idle(&pump));
	scsi.stopping = NULL;
	settle();
	assert_int_equal(disk.fake.state, FAKE_READY);
	assert_int_equal(req[0].answers, 1);
}

static void D6_unit_that_stays_busy_is_not_asked_for_each_request(void **state)
{
	(void)state;
	scsi.ready_ms = 0;
	disk.refusal[0] = (struct fake_refusal){ 0x28, 1000, { 2, 0x04, 1 } };
	for (int i = 0; i < 4; i++)
		submit(&req[i], DISK_READ, 8 * i, 8);
	settle();
	for (int i = 0; i < 4; i++)
		assert_int_equal(req[i].error, -EBUSY);
	assert_int_equal(disk.seen[0x28], 1);
}

static void D8_waiting_request_is_cancelled(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		submit(&req[i], DISK_READ, 1000 * i, 8);
	pump_work(&pump);
	for (int i = 0; i < 3; i++)
		pump.backend.ops->cancel(&pump.backend, &req[i].io);
	assert_int_equal(req[2].error, -ECANCELED);
	submit(&req[3], DISK_READ, 4000, 8);
	settle();
	assert_read(&req[0]);
	assert_read(&req[1]);
	assert_int_equal(req[2].answers, 1);
	assert_read(&req[3]);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D8_merged_failure_is_split),
		TEST(D5_dead_device_is_not_asked_for_each_request),
		TEST(D8_bad_block_is_its_own_requests_error),
		TEST(D8_split_requests_stay_before_those_that_came_after),
		TEST(D5_fault_at_work_is_not_seen_by_clients),
		TEST(D8_flush_comes_after_the_writes_before_it),
		TEST(D6_unit_without_a_cache_flushes_at_once),
		TEST(D6_flush_that_fails_is_an_error),
		TEST(D9_unplug_ends_every_request_with_enodev),
		TEST(D9_end_answers_what_is_on_the_bus),
		TEST(D9_told_to_stop_who_waits_is_let_go),
		TEST(D6_unit_that_stays_busy_is_not_asked_for_each_request),
		TEST(D8_waiting_request_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
