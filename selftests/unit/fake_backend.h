/* SPDX-License-Identifier: MIT */
/* The disk scheme over a backend of which the test is the device. */
#ifndef UNIT_FAKE_BACKEND_H
#define UNIT_FAKE_BACKEND_H

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

static int64_t fsync_handle(uint64_t handle)
{
	struct scheme_req req = { .scheme = &scheme };

	disk_scheme_ops.fsync(&req, handle, false);
	return answer(&req);
}

#endif /* UNIT_FAKE_BACKEND_H */
