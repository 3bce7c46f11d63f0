/* SPDX-License-Identifier: MIT */
/*
 * A SCSI disk behind the fake mass-storage device. It keeps one sense for each
 * refusal that is scripted, and checks what it is asked.
 */
#ifndef UNIT_FAKE_DISK_H
#define UNIT_FAKE_DISK_H

#include <endian.h>

#include "fake_usb.h"

#define FAKE_DISK_BLOCK		512
#define FAKE_DISK_BLOCKS	8192

struct fake_sense {
	uint8_t		key;
	uint8_t		asc;
	uint8_t		ascq;
};

/* Refuse the next `times` commands with this operation code. */
struct fake_refusal {
	uint8_t			op;
	unsigned int		times;
	struct fake_sense	sense;
};

struct fake_disk {
	struct fake		fake;

	/* the test's to set */
	uint8_t			type;
	uint64_t		blocks;		/* may be more than there are */
	uint32_t		block_size;
	bool			write_protected;
	bool			has_no_mode_10;
	struct fake_refusal	refusal[4];

	/* the disk */
	struct fake_sense	sense;
	unsigned int		seen[256];	/* by operation code */
	uint8_t			data[FAKE_DISK_BLOCKS * FAKE_DISK_BLOCK];
};

static void fake_disk_refuse(struct fake_disk *disk, uint8_t key, uint8_t asc,
			     uint8_t ascq)
{
	disk->sense = (struct fake_sense){ key, asc, ascq };
	disk->fake.status = BOT_CSW_FAILED;
	disk->fake.data_len = 0;
}

static bool fake_disk_refuses(struct fake_disk *disk, uint8_t op)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct fake_refusal *refusal = &disk->refusal[i];

		if (refusal->op != op || !refusal->times)
			continue;
		refusal->times--;
		fake_disk_refuse(disk, refusal->sense.key, refusal->sense.asc,
				 refusal->sense.ascq);
		return true;
	}
	return false;
}

static void fake_disk_inquiry(struct fake_disk *disk)
{
	uint8_t *data = disk->fake.data;

	data[0] = disk->type;
	memcpy(data + 8, "ACME    Rocket\tDisk     0001", 28);
	disk->fake.data_len = 36;
}

static void fake_disk_sense(struct fake_disk *disk)
{
	uint8_t *data = disk->fake.data;

	data[0] = 0x70;
	data[2] = disk->sense.key;
	data[7] = 10;
	data[12] = disk->sense.asc;
	data[13] = disk->sense.ascq;
	disk->fake.data_len = 18;
	disk->sense = (struct fake_sense){ 0 };
}

static void fake_disk_capacity(struct fake_disk *disk, bool is_16)
{
	uint64_t last = disk->blocks - 1;
	uint32_t size = htobe32(disk->block_size);
	uint64_t last64 = htobe64(last);
	uint32_t last32 = htobe32(last > UINT32_MAX ? UINT32_MAX : last);

	if (is_16) {
		memcpy(disk->fake.data, &last64, 8);
		memcpy(disk->fake.data + 8, &size, 4);
		disk->fake.data_len = 32;
	} else {
		memcpy(disk->fake.data, &last32, 4);
		memcpy(disk->fake.data + 4, &size, 4);
		disk->fake.data_len = 8;
	}
}

static void fake_disk_rw(struct fake_disk *disk, const struct fake_command *cmd)
{
	uint64_t block;
	uint32_t blocks, be32;
	uint16_t be16;

	if (cmd->cdb_len == 10) {
		memcpy(&be32, cmd->cdb + 2, 4);
		memcpy(&be16, cmd->cdb + 7, 2);
		block = be32toh(be32);
		blocks = be16toh(be16);
	} else {
		memcpy(&block, cmd->cdb + 2, 8);
		memcpy(&be32, cmd->cdb + 10, 4);
		block = be64toh(block);
		blocks = be32toh(be32);
	}
	assert_int_equal(cmd->len, blocks * FAKE_DISK_BLOCK);
	if (block + blocks > disk->blocks) {
		fake_disk_refuse(disk, 5, 0x21, 0);
		return;
	}
	block %= FAKE_DISK_BLOCKS;
	assert_true(block + blocks <= FAKE_DISK_BLOCKS);
	if (cmd->in)
		memcpy(disk->fake.data, disk->data + block * FAKE_DISK_BLOCK,
		       cmd->len);
	else
		memcpy(disk->data + block * FAKE_DISK_BLOCK, disk->fake.data,
		       cmd->len);
}

static void fake_disk_mode(struct fake_disk *disk, int at)
{
	disk->fake.data[at] = disk->write_protected ? 0x80 : 0;
	disk->fake.data_len = 24;
}

static void fake_disk_command(struct fake *fake, const struct fake_command *cmd)
{
	struct fake_disk *disk = (struct fake_disk *)fake;
	uint8_t op = cmd->cdb[0];

	disk->seen[op]++;
	if (fake_disk_refuses(disk, op))
		return;
	switch (op) {
	case 0x00: case 0x1b: case 0x35: break;
	case 0x03: fake_disk_sense(disk); break;
	case 0x12: fake_disk_inquiry(disk); break;
	case 0x1a: fake_disk_mode(disk, 2); break;
	case 0x25: fake_disk_capacity(disk, false); break;
	case 0x28: case 0x2a: case 0x88: case 0x8a: fake_disk_rw(disk, cmd); break;
	case 0x5a:
		if (!disk->has_no_mode_10) {
			fake_disk_mode(disk, 3);
			break;
		}
		/* fall through */
	default:
		if (op == 0x9e && cmd->cdb[1] == 0x10)
			fake_disk_capacity(disk, true);
		else
			fake_disk_refuse(disk, 5, 0x20, 0);
	}
}

static void fake_disk_init(struct fake_disk *disk)
{
	memset(disk, 0, sizeof(*disk));
	fake_init(&disk->fake);
	disk->fake.command = fake_disk_command;
	disk->blocks = FAKE_DISK_BLOCKS;
	disk->block_size = FAKE_DISK_BLOCK;
	for (uint32_t i = 0; i < sizeof(disk->data); i++)
		disk->data[i] = i * 31 + i / FAKE_DISK_BLOCK;
}

#endif /* UNIT_FAKE_DISK_H */
