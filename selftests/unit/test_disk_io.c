// SPDX-License-Identifier: MIT
/* Reading, writing and flushing a disk and its partitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_backend.h"

/* ---- bounds --------------------------------------------------------------- */

static void D7_odd_length_or_offset_is_einval(void **state)
{
	uint64_t part = must_open("0p0", O_RDWR);
	static const struct { uint32_t len; uint64_t offset; } odd[] = {
		{ 1, 0 }, { BLOCK - 1, 0 }, { BLOCK + 1, 0 }, { 256, 0 },
		{ BLOCK, 1 }, { BLOCK, BLOCK / 2 }, { BLOCK, UINT64_MAX },
		{ BLOCK, P0_BLOCKS * BLOCK - 1 }, { 1, P0_BLOCKS * BLOCK },
		{ 0, 1 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		assert_int_equal(do_read(part, odd[i].len, odd[i].offset), -EINVAL);
		assert_int_equal(do_write(part, odd[i].len, odd[i].offset), -EINVAL);
	}
	assert_int_equal(device.writes, 0);
}

static void D7_read_is_cut_at_the_end_and_then_0(void **state)
{
	uint64_t part = must_open("0p0", O_RDONLY);
	const uint64_t size = P0_BLOCKS * BLOCK;

	(void)state;
	assert_int_equal(do_read(part, SIZE, size - 2 * BLOCK), 2 * BLOCK);
	assert_memory_equal(buf, device.data + (P1_START - 2) * BLOCK, 2 * BLOCK);
	assert_int_equal(buf[2 * BLOCK], 0xee);
	assert_int_equal(do_read(part, BLOCK, size), 0);
	assert_int_equal(do_read(part, BLOCK, size + BLOCK), 0);
	assert_int_equal(do_read(part, BLOCK, UINT64_MAX - BLOCK + 1), 0);
	assert_int_equal(buf[0], 0xee);
	assert_int_equal(do_read(part, 0, 0), 0);
}

static void D7_write_over_the_end_is_eoverflow_and_writes_nothing(void **state)
{
	uint64_t part = must_open("0p0", O_RDWR);
	const uint64_t size = P0_BLOCKS * BLOCK;
	static uint8_t before[SIZE];

	(void)state;
	memcpy(before, device.data, SIZE);
	assert_int_equal(do_write(part, 2 * BLOCK, size - BLOCK), -EOVERFLOW);
	assert_int_equal(do_write(part, size + BLOCK, 0), -EOVERFLOW);
	assert_memory_equal(device.data, before, SIZE);
	assert_int_equal(device.writes, 0);
}

static void D7_write_past_the_end_is_enospc(void **state)
{
	uint64_t part = must_open("0p0", O_RDWR);
	const uint64_t size = P0_BLOCKS * BLOCK;

	(void)state;
	assert_int_equal(do_write(part, BLOCK, size), -ENOSPC);
	assert_int_equal(do_write(part, BLOCK, UINT64_MAX - BLOCK + 1), -ENOSPC);
	assert_int_equal(do_write_flags(part, BLOCK, 0, SCHEME_RW_APPEND), -ENOSPC);
	assert_int_equal(do_write(part, 0, size), 0);
	assert_int_equal(device.writes, 0);
}

static void D7_write_up_to_the_end_leaves_the_next_partition(void **state)
{
	uint64_t part = must_open("0p0", O_RDWR);
	static uint8_t before[SIZE];

	(void)state;
	memcpy(before, device.data, SIZE);
	memset(before + P0_START * BLOCK, 0xaa, P0_BLOCKS * BLOCK);
	assert_int_equal(do_write(part, P0_BLOCKS * BLOCK, 0), P0_BLOCKS * BLOCK);
	assert_memory_equal(device.data, before, SIZE);
}

/* ---- the rest ------------------------------------------------------------- */

static void D7_read_only_disk_is_erofs(void **state)
{
	(void)state;
	device.backend.read_only = true;
	assert_int_equal(open_name("0", O_RDWR), -EROFS);
	assert_int_equal(open_name("0p0", O_WRONLY), -EROFS);
	must_open("0", O_RDONLY);
}

static void D7_reader_does_not_write(void **state)
{
	uint64_t whole = must_open("0", O_RDONLY);

	(void)state;
	assert_int_equal(do_write(whole, BLOCK, 0), -EBADF);
	assert_int_equal(device.writes, 0);
}

/* sync(1) opens for reading, and the writer has closed before. */
static void D7_fsync_of_a_reader_flushes(void **state)
{
	uint64_t whole = must_open("0", O_RDONLY);

	(void)state;
	assert_int_equal(fsync_handle(whole), 0);
	assert_int_equal(device.flushes, 1);
}

static void D7_fsync_and_dsync_flush(void **state)
{
	uint64_t whole = must_open("0", O_RDWR);

	(void)state;
	assert_int_equal(fsync_handle(whole), 0);
	assert_int_equal(device.flushes, 1);
	assert_int_equal(do_write_flags(whole, BLOCK, 0, SCHEME_RW_DSYNC), BLOCK);
	assert_int_equal(device.flushes, 2);
	device.error = -EIO;
	assert_int_equal(do_write_flags(whole, BLOCK, 0, SCHEME_RW_DSYNC), -EIO);
	assert_int_equal(device.flushes, 2);
	assert_int_equal(fsync_handle(whole), -EIO);
}

static void D7_device_errors_reach_the_caller(void **state)
{
	uint64_t whole = must_open("0", O_RDWR);

	(void)state;
	device.error = -ENODEV;
	assert_int_equal(do_read(whole, BLOCK, 0), -ENODEV);
	assert_int_equal(do_write(whole, BLOCK, 0), -ENODEV);
}

static void D7_requests_wait_for_the_device_in_any_order(void **state)
{
	uint64_t whole = must_open("0", O_RDWR);
	struct scheme_req req[3] = {
		{ .scheme = &scheme }, { .scheme = &scheme }, { .scheme = &scheme },
	};

	(void)state;
	device.holds = true;
	for (unsigned int i = 0; i < 3; i++)
		disk_scheme_ops.read(&req[i], whole, buf + i * BLOCK, BLOCK,
				     (10 + i) * BLOCK);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(req[i].answers, 0);
	for (unsigned int i = 0; i < 3; i++)
		device_wait(&device.backend);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(answer(&req[i]), BLOCK);
	assert_memory_equal(buf, device.data + 10 * BLOCK, 3 * BLOCK);
}

static void D7_cancelled_request_is_answered_once(void **state)
{
	uint64_t whole = must_open("0", O_RDWR);
	struct scheme_req req = { .scheme = &scheme };

	(void)state;
	device.holds = true;
	disk_scheme_ops.read(&req, whole, buf, BLOCK, 0);
	disk_scheme_ops.cancel(&req);
	assert_int_equal(answer(&req), -ECANCELED);
}

static void D7_written_data_is_not_cancelled_before_its_flush(void **state)
{
	uint64_t whole = must_open("0", O_RDWR);
	struct scheme_req req = { .scheme = &scheme, .flags = SCHEME_RW_DSYNC };

	(void)state;
	device.holds = true;
	disk_scheme_ops.write(&req, whole, buf, BLOCK, 0);
	device_wait(&device.backend);
	assert_int_equal(device.writes, 1);
	assert_non_null(device.held);
	disk_scheme_ops.cancel(&req);
	assert_int_equal(req.answers, 0);
	device_wait(&device.backend);
	assert_int_equal(device.flushes, 1);
	assert_int_equal(answer(&req), BLOCK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D7_odd_length_or_offset_is_einval),
		TEST(D7_read_is_cut_at_the_end_and_then_0),
		TEST(D7_write_over_the_end_is_eoverflow_and_writes_nothing),
		TEST(D7_write_past_the_end_is_enospc),
		TEST(D7_write_up_to_the_end_leaves_the_next_partition),
		TEST(D7_read_only_disk_is_erofs),
		TEST(D7_reader_does_not_write),
		TEST(D7_fsync_of_a_reader_flushes),
		TEST(D7_fsync_and_dsync_flush),
		TEST(D7_device_errors_reach_the_caller),
		TEST(D7_requests_wait_for_the_device_in_any_order),
		TEST(D7_cancelled_request_is_answered_once),
		TEST(D7_written_data_is_not_cancelled_before_its_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
