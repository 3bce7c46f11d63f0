// SPDX-License-Identifier: MIT
/* What a disk is to its openers: names, locks, partitions, calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_backend.h"

static void close_handle(uint64_t handle)
{
	disk_scheme_ops.close(&scheme, handle);
}

static int64_t fsize(uint64_t handle)
{
	struct scheme_req req = { .scheme = &scheme };

	disk_scheme_ops.fsize(&req, handle);
	return answer(&req);
}

/* ---- names ---------------------------------------------------------------- */

static void D7_list_has_disk_and_partitions(void **state)
{
	static const char text[] = "0\n0p0\n0p1\n";
	uint64_t list = must_open("", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(fsize(list), strlen(text));
	assert_int_equal(do_read(list, SIZE, 0), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
	assert_int_equal(do_read(list, 3, 2), 3);
	assert_memory_equal(buf, "0p0", 3);
	assert_int_equal(do_read(list, 10, strlen(text)), 0);
	assert_int_equal(do_read(list, 10, UINT64_MAX / 2), 0);
}

static void D7_list_is_not_written(void **state)
{
	uint64_t list = must_open("", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(do_write(list, BLOCK, 0), -EBADF);
	assert_int_equal(open_name("", O_RDWR | O_DIRECTORY), -EISDIR);
	assert_int_equal(open_name("", O_RDONLY | O_CREAT | O_DIRECTORY), -EISDIR);
	assert_int_equal(fsync_handle(list), 0);
}

static void D7_root_without_o_directory_is_the_whole_disk(void **state)
{
	uint64_t whole = must_open("", O_RDWR);

	(void)state;
	assert_int_equal(fsize(whole), SIZE);
	assert_int_equal(do_read(whole, SIZE, 0), SIZE);
	assert_memory_equal(buf, device.data, SIZE);
}

static void D7_partition_is_its_part_of_the_disk(void **state)
{
	uint64_t part = must_open("0p1", O_RDONLY);

	(void)state;
	assert_int_equal(fsize(part), P1_BLOCKS * BLOCK);
	assert_int_equal(do_read(part, BLOCK, BLOCK), BLOCK);
	assert_memory_equal(buf, device.data + (P1_START + 1) * BLOCK, BLOCK);
}

static void D7_unknown_names_are_enoent(void **state)
{
	static const char *const names[] = {
		"1", "0p2", "0p", "0p00", "0p01", "0p-1", "0p+1", "0p 1", "0p1x",
		"0p128", "0p99999999999999999999", "0x", "p0", "0/", "0/0p0", ".",
		"..", "/", "/0",
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(open_name(names[i], O_RDONLY), -ENOENT);
		assert_int_equal(open_name(names[i], O_RDWR | O_CREAT), -EPERM);
	}
}

static void D7_open_flags_give_sane_errors(void **state)
{
	(void)state;
	assert_int_equal(open_name("0", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(open_name("0", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(open_name("0p0", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	close_handle(must_open("0", O_WRONLY | O_CREAT | O_TRUNC));
	close_handle(must_open("0", O_RDWR | O_APPEND));
}

static void D7_names_are_looked_up_below_lists_and_whole_disks(void **state)
{
	uint64_t list = must_open("", O_RDONLY | O_DIRECTORY);
	uint64_t part = must_open("0p0", O_RDONLY);
	uint64_t whole;

	(void)state;
	assert_true(open_below(list, "0p1", O_RDONLY) > 0);
	assert_int_equal(open_below(part, "0p1", O_RDONLY), -ENOTDIR);
	assert_int_equal(open_below(part, "", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	disk_teardown(NULL);
	whole = must_open("", O_RDONLY);
	assert_true(open_below(whole, "", O_RDONLY | O_DIRECTORY) > 0);
	assert_int_equal(open_below(whole, "0p9", O_RDONLY), -ENOENT);
}

static void D7_owner_of_the_whole_disk_opens_its_partitions(void **state)
{
	uint64_t whole = must_open("", O_RDONLY);
	uint64_t part = open_below(whole, "0p1", O_RDONLY);

	(void)state;
	assert_int_equal(fsize(part), P1_BLOCKS * BLOCK);
	assert_int_equal(open_below(whole, "0p1", O_RDONLY), -ENOLCK);
	assert_int_equal(open_name("0p0", O_RDONLY), -ENOLCK);
	close_handle(whole);
	assert_int_equal(open_name("0p1", O_RDONLY), -ENOLCK);
	close_handle(must_open("0p0", O_RDONLY));
	close_handle(part);
	must_open("", O_RDONLY);
}

/* ---- exclusive ------------------------------------------------------------ */

static void D7_second_opener_gets_enolck(void **state)
{
	uint64_t part = must_open("0p0", O_RDONLY);

	(void)state;
	assert_int_equal(open_name("0p0", O_RDONLY), -ENOLCK);
	assert_int_equal(open_name("0", O_RDONLY), -ENOLCK);
	assert_int_equal(open_name("", O_RDWR), -ENOLCK);
	must_open("", O_RDONLY | O_DIRECTORY);
	close_handle(must_open("0p1", O_RDWR));
	close_handle(part);
	part = must_open("0", O_RDWR);
	assert_int_equal(open_name("0p0", O_RDONLY), -ENOLCK);
	assert_int_equal(open_name("0p1", O_RDONLY), -ENOLCK);
	close_handle(part);
	must_open("0p0", O_RDWR);
}

static void D7_overlapping_partitions_exclude_each_other(void **state)
{
	(void)state;
	device_part(1, P1_START - 1, P1_BLOCKS);
	disk_uninit(&disk);
	assert_int_equal(disk_init(&disk, &device.backend), 0);
	must_open("0p0", O_RDONLY);
	assert_int_equal(open_name("0p1", O_RDONLY), -ENOLCK);
}

/* ---- tables, and what a disk tells of itself ------------------------------- */

static void D7_tables_are_read_again_after_a_write(void **state)
{
	uint64_t whole = must_open("0", O_RDWR);

	(void)state;
	device_part(0, 100, 7);
	device_part(1, 0, 0);
	device.holds = true;
	device.held = NULL;
	close_handle(whole);
	assert_int_equal(disk.table.count, 2);
	whole = must_open("0", O_RDWR);
	device.holds = false;
	do_write(whole, BLOCK, SIZE - BLOCK);
	device.holds = true;
	close_handle(whole);
	device.holds = false;
	assert_int_equal(disk.table.count, 1);
	assert_int_equal(fsize(must_open("0p0", O_RDONLY)), 7 * BLOCK);
	assert_int_equal(open_name("0p1", O_RDONLY), -ENOENT);
}

static void D7_tables_stay_while_a_partition_of_the_disk_is_open(void **state)
{
	uint64_t whole = must_open("0", O_RDWR);
	uint64_t part = open_below(whole, "0p1", O_RDONLY);

	(void)state;
	device_part(1, 0, 0);
	do_write(whole, BLOCK, SIZE - BLOCK);
	close_handle(whole);
	assert_int_equal(disk.table.count, 2);
	close_handle(part);
	assert_int_equal(disk.table.count, 1);
}

static int64_t call(uint64_t handle, uint64_t w0, uint64_t w1, uint32_t in_len,
		    uint32_t out_len)
{
	struct scheme_req req = { .scheme = &scheme };
	const uint64_t word[3] = { w0, w1, 0 };

	memset(buf, 0xee, sizeof(buf));
	disk_scheme_ops.call(&req, handle, word, buf, in_len, buf, out_len);
	return answer(&req) ? answer(&req) : (int64_t)req.out_len;
}

static void D7_geometry_call_tells_the_sizes(void **state)
{
	uint64_t part = must_open("0p1", O_RDONLY);
	const struct disk_geometry *geometry = (void *)buf;

	(void)state;
	assert_int_equal(call(part, DISK_CALL_GEOMETRY, 0, 0, 4096),
			 sizeof(*geometry));
	assert_int_equal(geometry->block_size, BLOCK);
	assert_int_equal(geometry->flags, 0);
	assert_int_equal(geometry->start, P1_START);
	assert_int_equal(geometry->blocks, P1_BLOCKS);
	assert_string_equal(geometry->model, "a test");
}

static void D7_other_calls_are_refused(void **state)
{
	uint64_t part = must_open("0p1", O_RDONLY);
	uint64_t list = must_open("", O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(call(part, 0, 0, 0, 4096), -ENOTTY);
	assert_int_equal(call(part, 2, 0, 0, 4096), -ENOTTY);
	assert_int_equal(call(part, UINT64_MAX, 0, 0, 4096), -ENOTTY);
	assert_int_equal(call(list, DISK_CALL_GEOMETRY, 0, 0, 4096), -ENOTTY);
	assert_int_equal(call(part, DISK_CALL_GEOMETRY, 1, 0, 4096), -EINVAL);
	assert_int_equal(call(part, DISK_CALL_GEOMETRY, 0, 1, 4096), -EINVAL);
	assert_int_equal(call(part, DISK_CALL_GEOMETRY, 0, 0,
			      sizeof(struct disk_geometry) - 1), -EINVAL);
}

static void D7_impossible_sizes_are_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 256, 513, 131072 };
	struct disk bad;

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		device.backend.block_size = sizes[i];
		assert_int_equal(disk_init(&bad, &device.backend), -EINVAL);
	}
	device.backend.block_size = BLOCK;
	device.backend.blocks = 0;
	assert_int_equal(disk_init(&bad, &device.backend), -EINVAL);
	device.backend.blocks = UINT64_MAX / BLOCK;
	assert_int_equal(disk_init(&bad, &device.backend), -EINVAL);
	device.backend.blocks = BLOCKS;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D7_list_has_disk_and_partitions),
		TEST(D7_list_is_not_written),
		TEST(D7_root_without_o_directory_is_the_whole_disk),
		TEST(D7_partition_is_its_part_of_the_disk),
		TEST(D7_unknown_names_are_enoent),
		TEST(D7_open_flags_give_sane_errors),
		TEST(D7_names_are_looked_up_below_lists_and_whole_disks),
		TEST(D7_owner_of_the_whole_disk_opens_its_partitions),
		TEST(D7_second_opener_gets_enolck),
		TEST(D7_overlapping_partitions_exclude_each_other),
		TEST(D7_tables_are_read_again_after_a_write),
		TEST(D7_tables_stay_while_a_partition_of_the_disk_is_open),
		TEST(D7_geometry_call_tells_the_sizes),
		TEST(D7_other_calls_are_refused),
		TEST(D7_impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
