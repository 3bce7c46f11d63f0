// SPDX-License-Identifier: MIT
/* The disk scheme over a backend of which the test is the device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_scheme.h"
#include "../../userspace/daemons/disk/disk.c"
#include "../../userspace/daemons/disk/partition.c"

#define BLOCKS	256
#define BLOCK	512
#define SIZE	(BLOCKS * BLOCK)

/* Two partitions, one behind the other without a gap. */
#define P0_START	8
#define P0_BLOCKS	16
#define P1_START	(P0_START + P0_BLOCKS)
#define P1_BLOCKS	32

struct device {
	struct disk_backend	backend;
	uint8_t			data[SIZE];
	bool			holds;		/* keep what is submitted */
	struct disk_io		*held;
	unsigned int		writes, flushes;
	int			error;		/* of everything */
};

static struct device device;
static struct disk disk;
static struct scheme scheme = { .user = &disk };
static uint8_t buf[SIZE];

static void device_do(struct disk_io *io)
{
	uint8_t *at = device.data + io->block * BLOCK;

	assert_true(io->op == DISK_FLUSH || io->block + io->blocks <= BLOCKS);
	if (io->op == DISK_READ)
		memcpy(io->buf, at, io->blocks * BLOCK);
	else if (io->op == DISK_WRITE)
		memcpy(at, io->buf, io->blocks * BLOCK);
	device.writes += io->op == DISK_WRITE;
	device.flushes += io->op == DISK_FLUSH;
	io->done(io, device.error);
}

static void device_submit(struct disk_backend *backend, struct disk_io *io)
{
	assert_ptr_equal(backend, &device.backend);
	if (!device.holds) {
		device_do(io);
		return;
	}
	io->next = device.held;
	device.held = io;
}

/* The last one first: order must not matter. */
static void device_wait(struct disk_backend *backend)
{
	struct disk_io *io = device.held;

	(void)backend;
	assert_non_null(io);
	device.held = io->next;
	device_do(io);
}

static void device_cancel(struct disk_backend *backend, struct disk_io *io)
{
	(void)backend;
	assert_ptr_equal(device.held, io);
	device.held = io->next;
	io->done(io, -ECANCELED);
}

static const struct disk_backend_ops device_ops = {
	.submit = device_submit, .cancel = device_cancel, .wait = device_wait,
};

static void device_part(int i, uint32_t start, uint32_t blocks)
{
	struct mbr *mbr = (struct mbr *)device.data;

	mbr->signature = htole16(SECTOR_SIGNATURE);
	mbr->entry[i].type = 0x83;
	mbr->entry[i].start = htole32(start);
	mbr->entry[i].blocks = htole32(blocks);
}

static int disk_setup(void **state)
{
	(void)state;
	memset(&device, 0, sizeof(device));
	device.backend = (struct disk_backend){
		.ops = &device_ops, .block_size = BLOCK, .blocks = BLOCKS,
		.model = "a test",
	};
	for (unsigned int i = BLOCK; i < SIZE; i++)
		device.data[i] = i / BLOCK;
	device_part(0, P0_START, P0_BLOCKS);
	device_part(1, P1_START, P1_BLOCKS);
	return disk_init(&disk, &device.backend);
}

static int disk_teardown(void **state)
{
	(void)state;
	disk_uninit(&disk);
	return 0;
}

/* ---- asking --------------------------------------------------------------- */

static int64_t answer(const struct scheme_req *req)
{
	assert_int_equal(req->answers, 1);
	return req->result;
}

static int64_t open_below(uint64_t dir, const char *name, int flags)
{
	struct scheme_req req = { .scheme = &scheme };

	disk_scheme_ops.open(&req, dir, name, flags, 0600);
	if (answer(&req) >= 0 || answer(&req) < -4095)
		assert_int_equal(req.open_flags, SCHEME_CQE_F_POSITIONED);
	return answer(&req);
}

static int64_t open_name(const char *name, int flags)
{
	return open_below(SCHEME_ROOT, name, flags);
}

static uint64_t must_open(const char *name, int flags)
{
	int64_t handle = open_name(name, flags);

	assert_true(handle > 0);
	return handle;
}

static void close_handle(uint64_t handle)
{
	disk_scheme_ops.close(&scheme, handle);
}

static int64_t do_read(uint64_t handle, uint32_t len, uint64_t offset)
{
	struct scheme_req req = { .scheme = &scheme };

	memset(buf, 0xee, sizeof(buf));
	disk_scheme_ops.read(&req, handle, buf, len, offset);
	return answer(&req);
}

static int64_t do_write_flags(uint64_t handle, uint32_t len, uint64_t offset,
			      uint32_t flags)
{
	struct scheme_req req = { .scheme = &scheme, .flags = flags };

	memset(buf, 0xaa, sizeof(buf));
	disk_scheme_ops.write(&req, handle, buf, len, offset);
	return answer(&req);
}

static int64_t do_write(uint64_t handle, uint32_t len, uint64_t offset)
{
	return do_write_flags(handle, len, offset, 0);
}

static int64_t fsize(uint64_t handle)
{
	struct scheme_req req = { .scheme = &scheme };

	disk_scheme_ops.fsize(&req, handle);
	return answer(&req);
}

static int64_t fsync_handle(uint64_t handle)
{
	struct scheme_req req = { .scheme = &scheme };

	disk_scheme_ops.fsync(&req, handle, false);
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
		TEST(D7_tables_are_read_again_after_a_write),
		TEST(D7_tables_stay_while_a_partition_of_the_disk_is_open),
		TEST(D7_geometry_call_tells_the_sizes),
		TEST(D7_other_calls_are_refused),
		TEST(D7_impossible_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
