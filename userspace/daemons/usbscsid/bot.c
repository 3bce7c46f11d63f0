// SPDX-License-Identifier: MIT
#include "bot.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define CBW_SIGNATURE	0x43425355
#define CSW_SIGNATURE	0x53425355
#define CBW_FLAG_IN	0x80
#define CBW_TIMEOUT_MS	5000

enum bot_stage { STAGE_CBW, STAGE_DATA, STAGE_CSW };

#define BIT(stage)	(1U << (stage))

/* ---- wire ----------------------------------------------------------------- */

static void put_le32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get_le32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

void bot_cbw_encode(const struct bot_cbw *cbw, uint8_t wire[BOT_CBW_SIZE])
{
	memset(wire, 0, BOT_CBW_SIZE);
	put_le32(wire, CBW_SIGNATURE);
	put_le32(wire + 4, cbw->tag);
	put_le32(wire + 8, cbw->len);
	wire[12] = cbw->in ? CBW_FLAG_IN : 0;
	wire[13] = cbw->lun;
	wire[14] = cbw->cdb_len;
	memcpy(wire + 15, cbw->cdb, cbw->cdb_len);
}

int bot_csw_decode(struct bot_csw *csw, const uint8_t *wire, uint32_t len)
{
	if (len != BOT_CSW_SIZE || get_le32(wire) != CSW_SIGNATURE)
		return -EPROTO;
	csw->tag = get_le32(wire + 4);
	csw->residue = get_le32(wire + 8);
	csw->status = wire[12];
	return 0;
}

/* ---- transfers ------------------------------------------------------------ */

static void xfer_done(struct bot_xfer *xfer)
{
	struct bot *bot = xfer->user;

	bot->in_flight &= ~BIT(xfer - bot->xfer);
}

static void xfer_submit(struct bot *bot, enum bot_stage stage,
			unsigned int timeout_ms)
{
	struct bot_xfer *xfer = &bot->xfer[stage];
	int ret;

	xfer->timeout_ms = timeout_ms;
	xfer->status = BOT_XFER_OK;
	xfer->actual = 0;
	bot->asked |= BIT(stage);
	bot->in_flight |= BIT(stage);
	ret = bot->transport->ops->submit(bot->transport, xfer);
	if (!ret)
		return;
	bot->in_flight &= ~BIT(stage);
	xfer->status = ret == -ENODEV ? BOT_XFER_GONE : BOT_XFER_FAILED;
}

static bool xfer_is_over(const struct bot *bot, enum bot_stage stage)
{
	return bot->asked & ~bot->in_flight & BIT(stage);
}

/* Ended, and not as it should. */
static bool xfer_is_bad(const struct bot *bot, enum bot_stage stage)
{
	return xfer_is_over(bot, stage) &&
	       bot->xfer[stage].status != BOT_XFER_OK;
}

void bot_init(struct bot *bot, struct bot_transport *transport)
{
	memset(bot, 0, sizeof(*bot));
	bot->transport = transport;
	for (int stage = STAGE_CBW; stage <= STAGE_CSW; stage++) {
		bot->xfer[stage].done = xfer_done;
		bot->xfer[stage].user = bot;
	}
	bot->xfer[STAGE_CBW].buf = bot->cbw;
	bot->xfer[STAGE_CBW].len = sizeof(bot->cbw);
	bot->xfer[STAGE_CSW].buf = bot->csw;
	bot->xfer[STAGE_CSW].len = sizeof(bot->csw);
	bot->xfer[STAGE_CSW].in = true;
}

/* ---- one attempt ---------------------------------------------------------- */

static void csw_ask(struct bot *bot)
{
	bot->csw_attempts++;
	/* What has no data takes its time here. */
	xfer_submit(bot, STAGE_CSW, bot->cmd->timeout_ms);
}

static void attempt_begin(struct bot *bot)
{
	struct bot_command *cmd = bot->cmd;
	struct bot_xfer *data = &bot->xfer[STAGE_DATA];
	const struct bot_cbw cbw = {
		.tag = ++bot->tag, .len = cmd->len, .in = cmd->in,
		.cdb_len = cmd->cdb_len, .cdb = cmd->cdb,
	};

	bot->attempts++;
	bot->csw_attempts = 0;
	bot->asked = 0;
	bot->hurried = false;
	bot_cbw_encode(&cbw, bot->cbw);
	data->in = cmd->in;
	data->buf = cmd->buf;
	data->len = cmd->len;
	data->actual = 0;
	xfer_submit(bot, STAGE_CBW, CBW_TIMEOUT_MS);
	if (cmd->len)
		xfer_submit(bot, STAGE_DATA, cmd->timeout_ms);
	else
		csw_ask(bot);
}

static void command_finish(struct bot *bot, int error)
{
	struct bot_command *cmd = bot->cmd;

	bot->cmd = NULL;
	cmd->error = error;
	if (cmd->done)
		cmd->done(cmd);
}

/* ---- recovery ------------------------------------------------------------- */

static int reset_recovery(struct bot *bot)
{
	struct bot_transport *t = bot->transport;
	int ret;

	bot->stats.resets++;
	ret = t->ops->bulk_reset(t);
	if (!ret)
		ret = t->ops->clear_halt(t, true);
	if (!ret)
		ret = t->ops->clear_halt(t, false);
	if (!ret || ret == -ENODEV)
		return ret;
	bot->stats.port_resets++;
	return t->ops->port_reset(t);
}

static void attempt_fail(struct bot *bot)
{
	int ret = reset_recovery(bot);

	if (ret)
		command_finish(bot, ret == -ENODEV ? ret : -EIO);
	else if (bot->attempts == BOT_ATTEMPTS)
		command_finish(bot, -EIO);
	else
		attempt_begin(bot);
}

/* ---- what an attempt came to ---------------------------------------------- */

static bool any_is_gone(const struct bot *bot)
{
	for (int stage = STAGE_CBW; stage <= STAGE_CSW; stage++)
		if (xfer_is_bad(bot, stage) &&
		    bot->xfer[stage].status == BOT_XFER_GONE)
			return true;
	return false;
}

/* Some devices that have no data send the CSW in its place. */
static bool data_is_csw(const struct bot *bot)
{
	const struct bot_xfer *data = &bot->xfer[STAGE_DATA];
	struct bot_csw csw;

	return xfer_is_over(bot, STAGE_DATA) && data->in &&
	       !bot_csw_decode(&csw, data->buf, data->actual) &&
	       csw.tag == bot->tag;
}

static void data_take_csw(struct bot *bot)
{
	struct bot_xfer *csw = &bot->xfer[STAGE_CSW];

	memcpy(bot->csw, bot->xfer[STAGE_DATA].buf, sizeof(bot->csw));
	bot->xfer[STAGE_DATA].actual = 0;
	bot->asked |= BIT(STAGE_CSW);
	csw->status = BOT_XFER_OK;
	csw->actual = sizeof(bot->csw);
}

/* When one of them has gone wrong the others may never end: take them back. */
static void attempt_hurry(struct bot *bot)
{
	if (bot->hurried ||
	    !(xfer_is_bad(bot, STAGE_CBW) || xfer_is_bad(bot, STAGE_DATA)))
		return;
	bot->hurried = true;
	for (int stage = STAGE_CBW; stage <= STAGE_CSW; stage++)
		if (bot->in_flight & BIT(stage))
			bot->transport->ops->cancel(bot->transport,
						    &bot->xfer[stage]);
}

static void moved_set(struct bot_command *cmd, uint32_t actual,
		      uint32_t residue)
{
	cmd->moved = cmd->len - residue;
	if (cmd->moved > actual)
		cmd->moved = actual;
}

static void csw_judge(struct bot *bot)
{
	struct bot_command *cmd = bot->cmd;
	struct bot_csw csw;

	if (bot_csw_decode(&csw, bot->csw, bot->xfer[STAGE_CSW].actual) ||
	    csw.tag != bot->tag || csw.residue > cmd->len ||
	    csw.status >= BOT_CSW_PHASE_ERROR) {
		attempt_fail(bot);
		return;
	}
	cmd->failed = csw.status == BOT_CSW_FAILED;
	moved_set(cmd, bot->xfer[STAGE_DATA].actual, csw.residue);
	command_finish(bot, 0);
}

/* A stalled end takes transfers again once its halt is cleared. */
static bool stall_cleared(struct bot *bot, enum bot_stage stage)
{
	struct bot_xfer *xfer = &bot->xfer[stage];

	if (xfer->status != BOT_XFER_STALL ||
	    bot->transport->ops->clear_halt(bot->transport, xfer->in))
		return false;
	xfer->status = BOT_XFER_OK;
	return true;
}

static void csw_settle(struct bot *bot)
{
	if (!xfer_is_over(bot, STAGE_CSW)) {
		csw_ask(bot);
		return;
	}
	if (!xfer_is_bad(bot, STAGE_CSW)) {
		csw_judge(bot);
		return;
	}
	bot->stats.csw_stalls += bot->xfer[STAGE_CSW].status == BOT_XFER_STALL;
	if (bot->csw_attempts < 2 && stall_cleared(bot, STAGE_CSW))
		csw_ask(bot);
	else
		attempt_fail(bot);
}

/* Nothing is in flight: take the next step. */
static void attempt_settle(struct bot *bot)
{
	if (any_is_gone(bot)) {
		command_finish(bot, -ENODEV);
		return;
	}
	if (xfer_is_bad(bot, STAGE_CBW) ||
	    bot->xfer[STAGE_CBW].actual != BOT_CBW_SIZE) {
		attempt_fail(bot);
		return;
	}
	if (xfer_is_bad(bot, STAGE_DATA)) {
		/* The data ends where it stalled; the CSW tells why. */
		bot->stats.data_stalls++;
		if (!stall_cleared(bot, STAGE_DATA)) {
			attempt_fail(bot);
			return;
		}
	}
	if (data_is_csw(bot))
		data_take_csw(bot);
	csw_settle(bot);
}

/* ---- commands ------------------------------------------------------------- */

void bot_start(struct bot *bot, struct bot_command *cmd)
{
	cmd->error = 0;
	cmd->failed = false;
	cmd->moved = 0;
	bot->cmd = cmd;
	bot->attempts = 0;
	attempt_begin(bot);
}

void bot_work(struct bot *bot)
{
	while (bot->cmd) {
		attempt_hurry(bot);
		if (bot->in_flight)
			return;
		attempt_settle(bot);
	}
}

void bot_last_attempt(struct bot *bot)
{
	bot->attempts = BOT_ATTEMPTS;
}

int bot_run(struct bot *bot, struct bot_command *cmd)
{
	bot_start(bot, cmd);
	for (;;) {
		bot_work(bot);
		if (bot->cmd != cmd)
			return cmd->error;
		bot->transport->ops->wait(bot->transport);
	}
}
