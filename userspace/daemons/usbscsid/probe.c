// SPDX-License-Identifier: MIT
/* What a unit is, found out before it is served. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "scsi.h"

#define OP_TEST_UNIT_READY	0x00
#define OP_INQUIRY		0x12
#define OP_MODE_SENSE_6		0x1a
#define OP_READ_CAPACITY_10	0x25
#define OP_MODE_SENSE_10	0x5a
#define OP_SERVICE_ACTION_IN	0x9e
#define SERVICE_READ_CAPACITY	0x10

#define INQUIRY_SIZE		36
#define CAPACITY_10_SIZE	8
#define CAPACITY_16_SIZE	32
/* As much as others ask for: what nobody asks for is what firmware forgets. */
#define MODE_SIZE		192
#define MODE_PAGES_ALL		0x3f
#define MODE_WRITE_PROTECT	0x80

#define TYPE_DISK		0x00
#define TYPE_SIMPLE_DISK	0x0e

#define PROBE_TIMEOUT_MS	5000

/* Run a command that reads. Returns the bytes that came, or -errno. */
static int probe_ask(struct scsi *scsi, const uint8_t *cdb, uint8_t cdb_len,
		     void *buf, uint32_t len)
{
	struct scsi_command cmd = {
		.bot = {
			.cdb_len = cdb_len, .in = true, .buf = buf, .len = len,
			.timeout_ms = PROBE_TIMEOUT_MS,
		},
	};
	int ret;

	if (scsi_is_stopping(scsi))
		return -EINTR;
	memcpy(cmd.bot.cdb, cdb, cdb_len);
	if (len)
		memset(buf, 0, len);
	ret = scsi_run(scsi, &cmd);
	return ret ? ret : (int)cmd.bot.moved;
}

/* ---- INQUIRY -------------------------------------------------------------- */

/* Append what is printable, and not more than one space at a time. */
static void model_append(char *model, size_t size, const uint8_t *text,
			 size_t len)
{
	size_t at = strlen(model);

	if (at && at + 1 < size)
		model[at++] = ' ';
	for (size_t i = 0; i < len && at + 1 < size; i++)
		if (isgraph(text[i]) || (at && model[at - 1] != ' '))
			model[at++] = isgraph(text[i]) ? text[i] : ' ';
	while (at && model[at - 1] == ' ')
		at--;
	model[at] = '\0';
}

static int probe_inquiry(struct scsi *scsi)
{
	static const uint8_t cdb[6] = { OP_INQUIRY, 0, 0, 0, INQUIRY_SIZE };
	uint8_t data[INQUIRY_SIZE];
	int ret = probe_ask(scsi, cdb, sizeof(cdb), data, sizeof(data));

	if (ret < 0)
		return ret;
	if (ret < 5)
		return -EPROTO;
	/* The qualifier in the upper bits is 0 where there is a unit. */
	if (data[0] != TYPE_DISK && data[0] != TYPE_SIMPLE_DISK)
		return -EMEDIUMTYPE;
	scsi->model[0] = '\0';
	model_append(scsi->model, sizeof(scsi->model), data + 8, 8);
	model_append(scsi->model, sizeof(scsi->model), data + 16, 16);
	return 0;
}

/* ---- TEST UNIT READY ------------------------------------------------------ */

static int probe_ready(struct scsi *scsi)
{
	static const uint8_t test[6] = { OP_TEST_UNIT_READY };
	static const uint8_t start[6] = { SCSI_START_STOP_UNIT, 0, 0, 0, 1 };
	int64_t until = now_ms() + scsi->ready_ms;
	int ret;

	for (;;) {
		ret = probe_ask(scsi, test, sizeof(test), NULL, 0);
		if (ret != -EBUSY || now_ms() >= until)
			return ret;
		if (scsi_wants_start(&scsi->last_sense))
			probe_ask(scsi, start, sizeof(start), NULL, 0);
		pause_ms(SCSI_READY_POLL_MS);
	}
}

/* ---- READ CAPACITY -------------------------------------------------------- */

static int capacity_ask(struct scsi *scsi, struct scsi_capacity *capacity)
{
	static const uint8_t cdb10[10] = { OP_READ_CAPACITY_10 };
	static const uint8_t cdb16[16] = {
		OP_SERVICE_ACTION_IN, SERVICE_READ_CAPACITY,
		[13] = CAPACITY_16_SIZE,
	};
	uint8_t data[CAPACITY_16_SIZE];
	int ret;

	ret = probe_ask(scsi, cdb10, sizeof(cdb10), data, CAPACITY_10_SIZE);
	if (ret >= 0)
		ret = scsi_capacity10_decode(capacity, data, ret);
	if (ret != -EAGAIN)
		return ret;
	ret = probe_ask(scsi, cdb16, sizeof(cdb16), data, CAPACITY_16_SIZE);
	return ret < 0 ? ret : scsi_capacity16_decode(capacity, data, ret);
}

static int probe_capacity(struct scsi *scsi)
{
	struct scsi_capacity capacity;
	int ret = capacity_ask(scsi, &capacity);
	uint32_t size;

	if (ret)
		return ret;
	size = capacity.block_size;
	if (size < 512 || size > 65536 || size & (size - 1) ||
	    !capacity.blocks || capacity.blocks > (uint64_t)INT64_MAX / size)
		return -EINVAL;
	scsi->blocks = capacity.blocks;
	scsi->block_size = size;
	return 0;
}

/* ---- MODE SENSE ----------------------------------------------------------- */

/* A unit that knows neither form is taken to be writable. */
static int probe_write_protect(struct scsi *scsi)
{
	static const uint8_t cdb10[10] = {
		OP_MODE_SENSE_10, 0, MODE_PAGES_ALL, [8] = MODE_SIZE,
	};
	static const uint8_t cdb6[6] = {
		OP_MODE_SENSE_6, 0, MODE_PAGES_ALL, [4] = MODE_SIZE,
	};
	uint8_t data[MODE_SIZE];
	int ret = probe_ask(scsi, cdb10, sizeof(cdb10), data, sizeof(data));
	int at = 3;

	if (ret <= at && ret != -ENODEV) {
		ret = probe_ask(scsi, cdb6, sizeof(cdb6), data, sizeof(data));
		at = 2;
	}
	scsi->write_protected = ret > at && data[at] & MODE_WRITE_PROTECT;
	return ret == -ENODEV || ret == -EINTR ? ret : 0;
}

int scsi_probe(struct scsi *scsi)
{
	int ret = probe_inquiry(scsi);

	if (!ret)
		ret = probe_ready(scsi);
	if (!ret)
		ret = probe_capacity(scsi);
	if (!ret)
		ret = probe_write_protect(scsi);
	return ret;
}
