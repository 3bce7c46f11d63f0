/* SPDX-License-Identifier: MIT */
/* The pump before a fake disk: requests to submit, and what became of them. */
#ifndef UNIT_FAKE_PUMP_H
#define UNIT_FAKE_PUMP_H

#include "fake_disk.h"
#include "../../userspace/daemons/usbscsid/bot.c"

/* Each file has its own of these. */
#define put_be32 scsi_put_be32
#define command_finish scsi_command_finish
#define command_begin scsi_command_begin
#include "../../userspace/daemons/usbscsid/scsi.c"
#include "../../userspace/daemons/usbscsid/probe.c"
#include "../../userspace/daemons/usbscsid/pump.c"

#define BLOCK		FAKE_DISK_BLOCK
#define UNIT_BLOCKS	64
#define UNIT_LEN	(UNIT_BLOCKS * BLOCK)

static struct fake_disk disk;
static struct scsi scsi;
static struct pump pump;
static uint8_t units[PUMP_UNITS][UNIT_LEN];

/* A request, what it read, and what it ought to have read. */
struct request {
	struct disk_io	io;
	unsigned int	answers;
	int		error;
	uint8_t		buf[UNIT_LEN];
	uint8_t		want[UNIT_LEN];
};

static void request_done(struct disk_io *io, int error)
{
	struct request *r = (struct request *)io;

	r->answers++;
	r->error = error;
}

static int setup(void **state)
{
	void *buf[PUMP_UNITS];

	(void)state;
	for (int i = 0; i < PUMP_UNITS; i++)
		buf[i] = units[i];
	fake_disk_init(&disk);
	scsi_init(&scsi, &disk.fake.transport);
	assert_int_equal(scsi_probe(&scsi), 0);
	pump_init(&pump, &scsi, buf, UNIT_LEN, false);
	memset(disk.seen, 0, sizeof(disk.seen));
	return 0;
}

/* submit() alone; what is written is known to the caller by buf. */
static void submit(struct request *r, enum disk_op op, uint64_t block,
		   uint32_t blocks)
{
	r->io = (struct disk_io){
		.op = op, .block = block, .blocks = blocks, .buf = r->buf,
		.done = request_done,
	};
	r->answers = 0;
	r->error = 1;
	if (op == DISK_READ)
		memset(r->buf, 0xee, sizeof(r->buf));
	pump.backend.ops->submit(&pump.backend, &r->io);
}

static void wait_for(struct request *r)
{
	while (!r->answers)
		pump.backend.ops->wait(&pump.backend);
	assert_int_equal(r->answers, 1);
}

static void settle(void)
{
	pump_work(&pump);
	while (!pump_is_idle(&pump))
		pump.backend.ops->wait(&pump.backend);
}

static void assert_read(const struct request *r)
{
	assert_int_equal(r->answers, 1);
	assert_int_equal(r->error, 0);
	assert_memory_equal(r->buf, disk.data + r->io.block * BLOCK,
			    r->io.blocks * BLOCK);
}

static struct request req[8];

#endif /* UNIT_FAKE_PUMP_H */
