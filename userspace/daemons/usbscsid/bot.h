/* SPDX-License-Identifier: MIT */
/*
 * USB mass storage, bulk-only transport: a command, its data and its status.
 *
 * One command at a time is in flight, as the standard wants. Its CBW and its
 * data are queued together, so that the bus does not wait for us between them.
 * The CSW is asked for when the data is over, though the standard lets it be
 * queued too: emulated devices refuse it while they take data, and QEMU's (7.2)
 * forgets to answer it when it comes while they give some.
 *
 * What goes wrong ends in one of three ways, and never in the daemon's end:
 *
 *	stall of the data	clear the halt, go on with the CSW
 *	stall of the CSW	clear the halt, ask once more
 *	anything else: a	reset recovery (bulk-only reset, clear both
 *	stall of the CBW, a	halts; if that fails, a reset of the port), then
 *	second stall of the	the same command again, BOT_ATTEMPTS times in all,
 *	CSW, a CSW that is	then -EIO. Every command that this daemon sends
 *	short, not ours or	may be repeated: a block that is written twice is
 *	makes no sense, a	the same block
 *	phase error, a timeout
 */
#ifndef USBSCSID_BOT_H
#define USBSCSID_BOT_H

#include <stdbool.h>
#include <stdint.h>

/* ---- transport: what carries the transfers -------------------------------- */

enum bot_xfer_status {
	BOT_XFER_OK,		/* actual may be less than len */
	BOT_XFER_STALL,
	BOT_XFER_CANCELLED,	/* by cancel() */
	BOT_XFER_FAILED,	/* a timeout, noise on the line, too much data */
	BOT_XFER_GONE,		/* the device is not there any more */
};

/* One bulk transfer. */
struct bot_xfer {
	bool			in;
	void			*buf;
	uint32_t		len;
	unsigned int		timeout_ms;
	void			(*done)(struct bot_xfer *xfer);

	/* the result */
	enum bot_xfer_status	status;
	uint32_t		actual;

	void			*user;		/* the submitter's own */
	/* the transport's own */
	void			*transport;
	void			*transport_user;
};

struct bot_transport;

struct bot_transport_ops {
	/*
	 * Begin. Returns 0, and done comes exactly once, later or at once; or
	 * -errno (ENODEV: gone), and done does not come.
	 */
	int (*submit)(struct bot_transport *t, struct bot_xfer *xfer);
	/* End it soon. done still comes, with whatever it had come to. */
	void (*cancel)(struct bot_transport *t, struct bot_xfer *xfer);
	/* Let time pass until something may have happened. */
	void (*wait)(struct bot_transport *t);

	/* These wait for their end. 0 or -errno. Not called from done. */
	int (*clear_halt)(struct bot_transport *t, bool in);
	int (*bulk_reset)(struct bot_transport *t);
	int (*port_reset)(struct bot_transport *t);
};

struct bot_transport {
	const struct bot_transport_ops	*ops;
};

/* ---- wire ----------------------------------------------------------------- */

#define BOT_CBW_SIZE		31
#define BOT_CSW_SIZE		13
#define BOT_CDB_MAX		16

enum bot_csw_status {
	BOT_CSW_PASSED,
	BOT_CSW_FAILED,
	BOT_CSW_PHASE_ERROR,
};

struct bot_cbw {
	uint32_t	tag;
	uint32_t	len;
	bool		in;
	uint8_t		lun;
	uint8_t		cdb_len;
	const uint8_t	*cdb;
};

struct bot_csw {
	uint32_t	tag;
	uint32_t	residue;
	uint8_t		status;
};

void bot_cbw_encode(const struct bot_cbw *cbw, uint8_t wire[BOT_CBW_SIZE]);
/* -EPROTO unless it is 13 bytes that begin with the signature. */
int bot_csw_decode(struct bot_csw *csw, const uint8_t *wire, uint32_t len);

/* ---- commands ------------------------------------------------------------- */

#define BOT_ATTEMPTS	3

struct bot_command {
	uint8_t		cdb[BOT_CDB_MAX];
	uint8_t		cdb_len;
	bool		in;
	void		*buf;
	uint32_t	len;
	unsigned int	timeout_ms;
	void		(*done)(struct bot_command *cmd);

	/* the result */
	int		error;		/* 0, -EIO or -ENODEV */
	bool		failed;		/* the device refuses: ask for the sense */
	uint32_t	moved;		/* bytes, the residue taken off */
};

/* For those who want to know how well it goes. */
struct bot_stats {
	unsigned int	data_stalls;
	unsigned int	csw_stalls;
	unsigned int	resets;
	unsigned int	port_resets;
};

struct bot {
	struct bot_transport	*transport;
	uint32_t		tag;
	struct bot_stats	stats;

	/* the command in flight; NULL is none */
	struct bot_command	*cmd;
	unsigned int		attempts;
	unsigned int		csw_attempts;
	unsigned int		in_flight;	/* mask of stages */
	unsigned int		asked;		/* likewise: begun in this attempt */
	bool			hurried;	/* what is in flight is cancelled */
	struct bot_xfer		xfer[3];	/* by stage: CBW, data, CSW */
	uint8_t			cbw[BOT_CBW_SIZE];
	uint8_t			csw[BOT_CSW_SIZE];
};

void bot_init(struct bot *bot, struct bot_transport *transport);
/* Begin cmd; cmd->done comes from bot_work(). Only while bot_is_idle(). */
void bot_start(struct bot *bot, struct bot_command *cmd);
/* Do what the transfers that have ended allow. Call it after each wait. */
void bot_work(struct bot *bot);
/* Let the command in flight end, but do not begin it again. */
void bot_last_attempt(struct bot *bot);
/* bot_start() and wait for the end. Returns cmd->error. */
int bot_run(struct bot *bot, struct bot_command *cmd);

static inline bool bot_is_idle(const struct bot *bot)
{
	return !bot->cmd;
}

#endif /* USBSCSID_BOT_H */
