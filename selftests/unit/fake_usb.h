/* SPDX-License-Identifier: MIT */
/*
 * A mass-storage device that lives in the test: it takes the transfers of a
 * bot_transport, answers as the standard says, and goes wrong where it is told.
 *
 * The log has a letter for each thing that happened:
 *
 *	C  a CBW was taken		R  bulk-only reset
 *	D  data was moved		P  port reset
 *	S  a CSW was sent		i  halt of the in end cleared
 *	x  a transfer was stalled	o  halt of the out end cleared
 *	t  a transfer timed out		c  a transfer was taken back
 */
#ifndef UNIT_FAKE_USB_H
#define UNIT_FAKE_USB_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "../../userspace/daemons/usbscsid/bot.h"

enum fake_fault {
	FAULT_NONE,
	FAULT_CBW_STALL,
	FAULT_CBW_SHORT,	/* the transfer ends before all is sent */
	FAULT_CBW_TIMEOUT,
	FAULT_DATA_STALL,	/* at once */
	FAULT_DATA_STALL_LATE,	/* after the first half */
	FAULT_DATA_TIMEOUT,
	FAULT_DATA_SHORT,	/* half of it, and a residue that says so */
	FAULT_DATA_SHORT_NO_RESIDUE,
	FAULT_DATA_GONE,
	FAULT_CSW_FOR_DATA,	/* no data, its transfer gets the CSW */
	FAULT_CSW_STALL,
	FAULT_CSW_STALL_TWICE,
	FAULT_CSW_TIMEOUT,
	FAULT_CSW_SHORT,
	FAULT_CSW_SIGNATURE,
	FAULT_CSW_TAG,
	FAULT_CSW_STATUS,	/* one that there is not */
	FAULT_CSW_RESIDUE,	/* more than was asked for */
	FAULT_CSW_PHASE,
	FAULT_CSW_GONE,
	FAULT_RESIDUE,		/* all data is moved, the last 100 bytes are void */
};

#define FAKE_DATA	(4U << 20)
#define FAKE_COMMANDS	256

struct fake;

/* One command as the device sees it. */
struct fake_command {
	uint8_t		cdb[BOT_CDB_MAX];
	uint8_t		cdb_len;
	uint32_t	tag;
	uint32_t	len;
	bool		in;
};

enum fake_state { FAKE_READY, FAKE_DATA_STAGE, FAKE_CSW_STAGE, FAKE_CONFUSED };

struct fake {
	struct bot_transport	transport;

	/* the test's to set */
	enum fake_fault		fault[FAKE_COMMANDS];	/* by CBW, from 0 */
	bool			reset_fails, clear_fails, port_reset_fails;
	/*
	 * The command has come; for one to the device its data is in data. Set
	 * data, data_len (in) and status. NULL: zeros, passed.
	 */
	void			(*command)(struct fake *fake,
					   const struct fake_command *cmd);
	void			*user;

	/* the device */
	enum fake_state		state;
	bool			halted[2];		/* by direction, in is 1 */
	bool			gone;
	unsigned int		commands;
	unsigned int		csw_stalls;
	struct fake_command	cmd;
	uint8_t			data[FAKE_DATA];
	uint32_t		data_len;
	uint32_t		moved;
	uint8_t			status;

	/* the bus */
	struct bot_xfer		*queue[2][8];
	unsigned int		queued[2];
	char			log[4096];
	unsigned int		waits;
};

static void fake_log(struct fake *fake, char what)
{
	size_t len = strlen(fake->log);

	if (len + 1 < sizeof(fake->log))
		fake->log[len] = what;
}

static enum fake_fault fake_fault(const struct fake *fake)
{
	unsigned int number = fake->commands - 1;

	return number < FAKE_COMMANDS ? fake->fault[number] : FAULT_NONE;
}

static void fake_end(struct fake *fake, struct bot_xfer *xfer,
		     enum bot_xfer_status status, uint32_t actual)
{
	struct bot_xfer **queue = fake->queue[xfer->in];
	unsigned int i = 0;

	while (queue[i] != xfer)
		i++;
	fake->queued[xfer->in]--;
	for (; i < fake->queued[xfer->in]; i++)
		queue[i] = queue[i + 1];
	xfer->status = status;
	xfer->actual = actual;
	if (status == BOT_XFER_STALL)
		fake_log(fake, 'x');
	if (status == BOT_XFER_FAILED)
		fake_log(fake, 't');
	xfer->done(xfer);
}

static void fake_stall(struct fake *fake, struct bot_xfer *xfer, uint32_t actual)
{
	fake->halted[xfer->in] = true;
	fake_end(fake, xfer, BOT_XFER_STALL, actual);
}

static void fake_gone(struct fake *fake)
{
	fake->gone = true;
	for (int in = 0; in < 2; in++)
		while (fake->queued[in])
			fake_end(fake, fake->queue[in][0], BOT_XFER_GONE, 0);
}

/* ---- stages --------------------------------------------------------------- */

static void fake_take_cbw(struct fake *fake, const uint8_t *wire)
{
	struct fake_command *cmd = &fake->cmd;

	memcpy(&cmd->tag, wire + 4, 4);
	memcpy(&cmd->len, wire + 8, 4);
	cmd->in = wire[12] & 0x80;
	cmd->cdb_len = wire[14];
	memcpy(cmd->cdb, wire + 15, 16);
	fake->moved = 0;
	fake->status = 0;
	fake->csw_stalls = 0;
	fake->data_len = cmd->in ? cmd->len : 0;
	memset(fake->data, 0, cmd->len);
	if (fake->command && (cmd->in || !cmd->len))
		fake->command(fake, cmd);
	fake->state = cmd->len ? FAKE_DATA_STAGE : FAKE_CSW_STAGE;
	fake_log(fake, 'C');
}

static void fake_cbw(struct fake *fake, struct bot_xfer *xfer)
{
	const uint8_t *wire = xfer->buf;
	static const uint8_t signature[4] = { 'U', 'S', 'B', 'C' };

	fake->commands++;
	if (xfer->len != BOT_CBW_SIZE || memcmp(wire, signature, 4) ||
	    wire[14] > 16 || fake_fault(fake) == FAULT_CBW_STALL) {
		/* Not a CBW: both ends halt until a reset recovery. */
		fake->state = FAKE_CONFUSED;
		fake->halted[1] = true;
		fake_stall(fake, xfer, 0);
	} else if (fake_fault(fake) == FAULT_CBW_TIMEOUT) {
		fake->state = FAKE_CONFUSED;
		fake_end(fake, xfer, BOT_XFER_FAILED, 0);
	} else if (fake_fault(fake) == FAULT_CBW_SHORT) {
		fake->state = FAKE_CONFUSED;
		fake_end(fake, xfer, BOT_XFER_OK, 20);
	} else {
		fake_take_cbw(fake, wire);
		fake_end(fake, xfer, BOT_XFER_OK, BOT_CBW_SIZE);
	}
}

static uint32_t fake_csw_wire(struct fake *fake, uint8_t *wire)
{
	uint32_t tag = fake->cmd.tag, residue = fake->cmd.len - fake->moved;
	uint32_t len = BOT_CSW_SIZE;

	memcpy(wire, "USBS", 4);
	wire[12] = fake->status;
	switch (fake_fault(fake)) {
	case FAULT_CSW_SIGNATURE: wire[0] = 'X'; break;
	case FAULT_CSW_TAG: tag--; break;
	case FAULT_CSW_RESIDUE: residue = fake->cmd.len + 1; break;
	case FAULT_CSW_STATUS: wire[12] = 3; break;
	case FAULT_CSW_PHASE: wire[12] = BOT_CSW_PHASE_ERROR; break;
	case FAULT_CSW_SHORT: len = 12; break;
	case FAULT_DATA_SHORT_NO_RESIDUE: residue = 0; break;
	case FAULT_RESIDUE: residue = 100; break;
	default: break;
	}
	memcpy(wire + 4, &tag, 4);
	memcpy(wire + 8, &residue, 4);
	return len;
}

static void fake_csw(struct fake *fake, struct bot_xfer *xfer)
{
	unsigned int stalls = fake_fault(fake) == FAULT_CSW_STALL ? 1 :
			      fake_fault(fake) == FAULT_CSW_STALL_TWICE ? 2 : 0;

	if (fake->csw_stalls < stalls) {
		fake->csw_stalls++;
		fake_stall(fake, xfer, 0);
	} else if (fake_fault(fake) == FAULT_CSW_TIMEOUT) {
		fake_end(fake, xfer, BOT_XFER_FAILED, 0);
	} else if (fake_fault(fake) == FAULT_CSW_GONE) {
		fake_gone(fake);
	} else {
		fake->state = FAKE_READY;
		fake_log(fake, 'S');
		fake_end(fake, xfer, BOT_XFER_OK, fake_csw_wire(fake, xfer->buf));
	}
}

static uint32_t fake_move(struct fake *fake, struct bot_xfer *xfer)
{
	uint32_t len = fake->cmd.in ? fake->data_len : xfer->len;

	if (len > xfer->len)
		len = xfer->len;
	switch (fake_fault(fake)) {
	case FAULT_DATA_STALL: len = 0; break;
	case FAULT_DATA_STALL_LATE:
	case FAULT_DATA_SHORT:
	case FAULT_DATA_SHORT_NO_RESIDUE: len /= 2; break;
	default: break;
	}
	if (fake->cmd.in)
		memcpy(xfer->buf, fake->data, len);
	else
		memcpy(fake->data, xfer->buf, len);
	return len;
}

static void fake_data(struct fake *fake, struct bot_xfer *xfer)
{
	enum fake_fault fault = fake_fault(fake);

	if (fault == FAULT_CSW_FOR_DATA && fake->cmd.in) {
		fake_csw(fake, xfer);
		return;
	}
	if (fault == FAULT_DATA_GONE) {
		fake_gone(fake);
		return;
	}
	if (fault == FAULT_DATA_TIMEOUT) {
		fake->state = FAKE_CONFUSED;
		fake_end(fake, xfer, BOT_XFER_FAILED, 0);
		return;
	}
	fake->moved = fake_move(fake, xfer);
	fake->state = FAKE_CSW_STAGE;
	if (fake->moved)
		fake_log(fake, 'D');
	if (fault == FAULT_DATA_STALL || fault == FAULT_DATA_STALL_LATE) {
		fake_stall(fake, xfer, fake->moved);
		return;
	}
	if (!fake->cmd.in && fake->command)
		fake->command(fake, &fake->cmd);
	fake_end(fake, xfer, BOT_XFER_OK, fake->moved);
}

/* What becomes of the first transfer of an end. False: not now (NAK). */
static bool fake_step(struct fake *fake, bool in)
{
	struct bot_xfer *xfer = fake->queued[in] ? fake->queue[in][0] : NULL;

	if (!xfer)
		return false;
	if (fake->halted[in]) {
		fake_end(fake, xfer, BOT_XFER_STALL, 0);
		return true;
	}
	if (fake->state == FAKE_READY && !in)
		fake_cbw(fake, xfer);
	else if (fake->state == FAKE_DATA_STAGE && in == fake->cmd.in)
		fake_data(fake, xfer);
	else if (fake->state == FAKE_CSW_STAGE && in)
		fake_csw(fake, xfer);
	else
		return false;
	return true;
}

/* ---- transport ------------------------------------------------------------ */

static struct fake *fake_of(struct bot_transport *t)
{
	return (struct fake *)t;
}

static int fake_submit(struct bot_transport *t, struct bot_xfer *xfer)
{
	struct fake *fake = fake_of(t);

	if (fake->gone)
		return -ENODEV;
	fake->queue[xfer->in][fake->queued[xfer->in]++] = xfer;
	return 0;
}

static void fake_cancel(struct bot_transport *t, struct bot_xfer *xfer)
{
	fake_log(fake_of(t), 'c');
	fake_end(fake_of(t), xfer, BOT_XFER_CANCELLED, 0);
}

/* One transfer goes on; if none can, the first one times out. */
static void fake_wait(struct bot_transport *t)
{
	struct fake *fake = fake_of(t);

	fake->waits++;
	if (fake_step(fake, false) || fake_step(fake, true))
		return;
	for (int in = 0; in < 2; in++)
		if (fake->queued[in]) {
			fake_end(fake, fake->queue[in][0], BOT_XFER_FAILED, 0);
			return;
		}
	assert_true(!"waits for nothing");
}

static int fake_clear_halt(struct bot_transport *t, bool in)
{
	struct fake *fake = fake_of(t);

	fake_log(fake, in ? 'i' : 'o');
	if (fake->gone)
		return -ENODEV;
	if (fake->clear_fails)
		return -EIO;
	if (fake->state != FAKE_CONFUSED)
		fake->halted[in] = false;
	return 0;
}

static int fake_bulk_reset(struct bot_transport *t)
{
	struct fake *fake = fake_of(t);

	fake_log(fake, 'R');
	if (fake->gone)
		return -ENODEV;
	if (fake->reset_fails)
		return -EIO;
	fake->state = FAKE_READY;
	return 0;
}

static int fake_port_reset(struct bot_transport *t)
{
	struct fake *fake = fake_of(t);

	fake_log(fake, 'P');
	if (fake->port_reset_fails)
		return -EIO;
	fake->state = FAKE_READY;
	fake->halted[0] = fake->halted[1] = false;
	return 0;
}

static const struct bot_transport_ops fake_transport_ops = {
	.submit		= fake_submit,
	.cancel		= fake_cancel,
	.wait		= fake_wait,
	.clear_halt	= fake_clear_halt,
	.bulk_reset	= fake_bulk_reset,
	.port_reset	= fake_port_reset,
};

static void fake_init(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->transport.ops = &fake_transport_ops;
}

#endif /* UNIT_FAKE_USB_H */
