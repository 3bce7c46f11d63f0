// SPDX-License-Identifier: MIT
#include "scsi.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "clock.h"

#define OP_REQUEST_SENSE	0x03
#define OP_READ_10		0x28
#define OP_WRITE_10		0x2a
#define OP_SYNCHRONIZE_CACHE	0x35
#define OP_READ_16		0x88
#define OP_WRITE_16		0x8a

#define ASC_NOT_READY		0x04
#define ASCQ_START_WANTED	0x02
#define ASCQ_MANUAL		0x03
#define ASC_OPCODE		0x20
#define ASC_CDB_FIELD		0x24
#define ASC_MEDIUM_CHANGED	0x28
#define ASC_NO_MEDIUM		0x3a

/* ---- wire ----------------------------------------------------------------- */

static void put_be16(uint8_t *at, uint16_t value)
{
	value = htobe16(value);
	memcpy(at, &value, sizeof(value));
}

static void put_be32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, sizeof(value));
}

static void put_be64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get_be32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static uint64_t get_be64(const uint8_t *at)
{
	return (uint64_t)get_be32(at) << 32 | get_be32(at + 4);
}

int scsi_sense_decode(struct scsi_sense *sense, const uint8_t *wire,
		      uint32_t len)
{
	uint8_t format = len ? wire[0] & 0x7f : 0;

	memset(sense, 0, sizeof(*sense));
	if ((format == 0x70 || format == 0x71) && len >= 3) {
		sense->key = wire[2] & 0x0f;
		/* Short sense, and what it says of its own length, is common. */
		if (len >= 14) {
			sense->asc = wire[12];
			sense->ascq = wire[13];
		}
		return 0;
	}
	if ((format == 0x72 || format == 0x73) && len >= 4) {
		sense->key = wire[1] & 0x0f;
		sense->asc = wire[2];
		sense->ascq = wire[3];
		return 0;
	}
	return -EPROTO;
}

int scsi_sense_errno(const struct scsi_sense *sense)
{
	switch (sense->key) {
	case SCSI_RECOVERED_ERROR:
		return 0;
	case SCSI_NOT_READY:
		return sense->asc == ASC_NO_MEDIUM ? -ENOMEDIUM : -EBUSY;
	case SCSI_NO_SENSE:
	case SCSI_UNIT_ATTENTION:
	case SCSI_ABORTED_COMMAND:
		return -EAGAIN;
	case SCSI_ILLEGAL_REQUEST:
		return sense->asc == ASC_OPCODE ? -EOPNOTSUPP : -EINVAL;
	case SCSI_DATA_PROTECT:
		return -EROFS;
	case SCSI_VOLUME_OVERFLOW:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

bool scsi_is_becoming_ready(const struct scsi_sense *sense)
{
	return sense->key == SCSI_NOT_READY && sense->asc == ASC_NOT_READY &&
	       sense->ascq != ASCQ_MANUAL;
}

bool scsi_wants_start(const struct scsi_sense *sense)
{
	return scsi_is_becoming_ready(sense) && sense->ascq == ASCQ_START_WANTED;
}

int scsi_capacity10_decode(struct scsi_capacity *capacity, const uint8_t *wire,
			   uint32_t len)
{
	uint32_t last;

	if (len < 8)
		return -EPROTO;
	last = get_be32(wire);
	if (last == UINT32_MAX)
		return -EAGAIN;
	capacity->blocks = (uint64_t)last + 1;
	capacity->block_size = get_be32(wire + 4);
	return 0;
}

int scsi_capacity16_decode(struct scsi_capacity *capacity, const uint8_t *wire,
			   uint32_t len)
{
	if (len < 12)
		return -EPROTO;
	/* The last block there can be makes 0 of this, which nobody accepts. */
	capacity->blocks = get_be64(wire) + 1;
	capacity->block_size = get_be32(wire + 8);
	return 0;
}

uint8_t scsi_rw_encode(uint8_t cdb[BOT_CDB_MAX], bool write, uint64_t block,
		       uint32_t blocks)
{
	memset(cdb, 0, BOT_CDB_MAX);
	if (block + blocks <= UINT32_MAX && blocks <= UINT16_MAX) {
		cdb[0] = write ? OP_WRITE_10 : OP_READ_10;
		put_be32(cdb + 2, block);
		put_be16(cdb + 7, blocks);
		return 10;
	}
	cdb[0] = write ? OP_WRITE_16 : OP_READ_16;
	put_be64(cdb + 2, block);
	put_be32(cdb + 10, blocks);
	return 16;
}

void scsi_rw_prepare(const struct scsi *scsi, struct scsi_command *cmd,
		     bool write, uint64_t block, uint32_t blocks, void *buf)
{
	struct bot_command *bot = &cmd->bot;

	bot->cdb_len = scsi_rw_encode(bot->cdb, write, block, blocks);
	bot->in = !write;
	bot->buf = buf;
	bot->len = blocks * scsi->block_size;
	bot->timeout_ms = SCSI_TIMEOUT_MS;
	cmd->waits = true;
}

void scsi_flush_prepare(struct scsi_command *cmd)
{
	struct bot_command *bot = &cmd->bot;

	/* No address and no count: the whole cache. */
	memset(bot->cdb, 0, sizeof(bot->cdb));
	bot->cdb[0] = OP_SYNCHRONIZE_CACHE;
	bot->cdb_len = 10;
	bot->in = false;
	bot->buf = NULL;
	bot->len = 0;
	bot->timeout_ms = SCSI_FLUSH_TIMEOUT_MS;
	cmd->waits = true;
}

/* ---- one command ---------------------------------------------------------- */

static void command_done(struct bot_command *bot);

void scsi_init(struct scsi *scsi, struct bot_transport *transport)
{
	memset(scsi, 0, sizeof(*scsi));
	bot_init(&scsi->bot, transport);
	scsi->ready_ms = SCSI_READY_MS;
}

static void command_finish(struct scsi *scsi, int error)
{
	struct scsi_command *cmd = scsi->cmd;

	scsi->cmd = NULL;
	if (!error)
		scsi->resets_seen = scsi->bot.stats.resets;
	cmd->error = error;
	if (cmd->done)
		cmd->done(cmd);
}

static void command_begin(struct scsi *scsi)
{
	scsi->cmd->attempts++;
	bot_start(&scsi->bot, &scsi->cmd->bot);
}

/*
 * Units tell of a changed medium after a reset too. One that we made ourselves
 * has not changed anything.
 */
static bool attention_is_ours(const struct scsi *scsi)
{
	return scsi->bot.stats.resets != scsi->resets_seen;
}

static bool medium_is_lost(const struct scsi *scsi,
			   const struct scsi_sense *sense)
{
	if (sense->key == SCSI_NOT_READY)
		return sense->asc == ASC_NO_MEDIUM;
	return sense->key == SCSI_UNIT_ATTENTION &&
	       sense->asc == ASC_MEDIUM_CHANGED && scsi->blocks &&
	       !attention_is_ours(scsi);
}

/* Data is whole when a command passes; nobody here asks for less. */
static int passed_errno(const struct scsi_command *cmd)
{
	bool is_rw = cmd->bot.cdb[0] == OP_READ_10 ||
		     cmd->bot.cdb[0] == OP_READ_16 ||
		     cmd->bot.cdb[0] == OP_WRITE_10 ||
		     cmd->bot.cdb[0] == OP_WRITE_16;

	return is_rw && cmd->bot.moved != cmd->bot.len ? -EIO : 0;
}

static struct scsi *sense_scsi(struct bot_command *sense_cmd)
{
	return (struct scsi *)((char *)sense_cmd -
			       offsetof(struct scsi, sense_cmd));
}

/* ---- becoming ready ------------------------------------------------------- */

static void start_done(struct bot_command *start)
{
	struct scsi *scsi = sense_scsi(start);

	if (start->error)
		command_finish(scsi, start->error);
	else
		scsi->retry_at = now_ms() + SCSI_READY_POLL_MS;
}

/* It answers at once; the command that waits will see when it has spun up. */
static void start_ask(struct scsi *scsi)
{
	scsi->sense_cmd = (struct bot_command){
		.cdb = { SCSI_START_STOP_UNIT, 1, 0, 0, 1 },
		.cdb_len = 6,
		.timeout_ms = SCSI_TIMEOUT_MS,
		.done = start_done,
	};
	bot_start(&scsi->bot, &scsi->sense_cmd);
}

/* Not ready yet: does the command wait, and for how long has it? */
static bool command_waits(struct scsi *scsi, const struct scsi_sense *sense)
{
	if (!scsi->cmd->waits || !scsi_is_becoming_ready(sense))
		return false;
	if (!scsi->ready_by)
		scsi->ready_by = now_ms() + scsi->ready_ms;
	return now_ms() < scsi->ready_by;
}

static void command_pause(struct scsi *scsi, const struct scsi_sense *sense)
{
	/* What it has to say once it is ready does not count against it. */
	scsi->cmd->attempts = 0;
	if (scsi_wants_start(sense))
		start_ask(scsi);
	else
		scsi->retry_at = now_ms() + SCSI_READY_POLL_MS;
}

int scsi_timeout(const struct scsi *scsi)
{
	int64_t left = scsi->retry_at - now_ms();

	if (!scsi->retry_at)
		return -1;
	return left > 0 ? (int)left : 0;
}

void scsi_wait(struct scsi *scsi)
{
	struct bot_transport *t = scsi->bot.transport;

	if (scsi->retry_at)
		pause_ms(scsi_timeout(scsi));
	else
		t->ops->wait(t);
}

/* ---- what a refusal means ------------------------------------------------- */

static void command_refused(struct scsi *scsi, const struct scsi_sense *sense)
{
	int error = scsi_sense_errno(sense);

	scsi->last_sense = *sense;
	scsi->attentions += sense->key == SCSI_UNIT_ATTENTION;
	if (medium_is_lost(scsi, sense)) {
		scsi->medium_lost = true;
		error = -ENOMEDIUM;
	}
	if (error == -EAGAIN && scsi->cmd->attempts < SCSI_ATTEMPTS) {
		command_begin(scsi);
		return;
	}
	if (error == -EBUSY && command_waits(scsi, sense)) {
		command_pause(scsi, sense);
		return;
	}
	if (!error)
		error = passed_errno(scsi->cmd);
	command_finish(scsi, error == -EAGAIN ? -EIO : error);
}

static void sense_done(struct bot_command *sense_cmd)
{
	struct scsi *scsi = sense_scsi(sense_cmd);
	struct scsi_sense sense;

	if (sense_cmd->error)
		command_finish(scsi, sense_cmd->error);
	else if (sense_cmd->failed ||
		 scsi_sense_decode(&sense, scsi->sense, sense_cmd->moved))
		command_finish(scsi, -EIO);
	else
		command_refused(scsi, &sense);
}

static void sense_ask(struct scsi *scsi)
{
	scsi->sense_cmd = (struct bot_command){
		.cdb = { OP_REQUEST_SENSE, 0, 0, 0, SCSI_SENSE_SIZE },
		.cdb_len = 6,
		.in = true,
		.buf = scsi->sense,
		.len = SCSI_SENSE_SIZE,
		.timeout_ms = SCSI_TIMEOUT_MS,
		.done = sense_done,
	};
	bot_start(&scsi->bot, &scsi->sense_cmd);
}

void scsi_start(struct scsi *scsi, struct scsi_command *cmd)
{
	cmd->attempts = 0;
	cmd->bot.done = command_done;
	cmd->scsi = scsi;
	scsi->cmd = cmd;
	scsi->ready_by = 0;
	command_begin(scsi);
}

static void command_done(struct bot_command *bot)
{
	struct scsi_command *cmd = (struct scsi_command *)bot;

	if (bot->error)
		command_finish(cmd->scsi, bot->error);
	else if (bot->failed)
		sense_ask(cmd->scsi);
	else
		command_finish(cmd->scsi, passed_errno(cmd));
}

void scsi_work(struct scsi *scsi)
{
	bot_work(&scsi->bot);
	if (scsi_timeout(scsi) != 0)
		return;
	scsi->retry_at = 0;
	command_begin(scsi);
	bot_work(&scsi->bot);
}

/* Who waits does not want to any more: what the device has begun shall end. */
static void command_stop(struct scsi *scsi)
{
	bot_last_attempt(&scsi->bot);
	scsi->cmd->attempts = SCSI_ATTEMPTS;
	if (!scsi->retry_at)
		return;
	scsi->retry_at = 0;
	command_finish(scsi, -EINTR);
}

int scsi_run(struct scsi *scsi, struct scsi_command *cmd)
{
	scsi_start(scsi, cmd);
	for (;;) {
		scsi_work(scsi);
		if (scsi->cmd == cmd && scsi_is_stopping(scsi))
			command_stop(scsi);
		if (scsi->cmd != cmd)
			return cmd->error;
		scsi_wait(scsi);
	}
}
