/* SPDX-License-Identifier: MIT */
/*
 * The few SCSI commands that a disk needs, and what its refusals mean.
 *
 * A command that is refused is followed by REQUEST SENSE at once; the sense
 * becomes an errno, or a repetition:
 *
 *	recovered error			as if it had passed
 *	unit attention, aborted,	the command again, SCSI_ATTEMPTS in all,
 *	no sense			then EIO
 *	medium not present or changed	ENOMEDIUM, and medium_lost from then on
 *	becoming ready			the command again, until ready_ms are over,
 *					if it is one that waits; else EBUSY. One that
 *					does not spin up by itself is told to
 *	not ready otherwise		EBUSY
 *	data protect			EROFS
 *	illegal request			EOPNOTSUPP (operation code), EINVAL
 *	volume overflow			ENOSPC
 *	medium, hardware, other		EIO
 */
#ifndef USBSCSID_SCSI_H
#define USBSCSID_SCSI_H

#include <stdbool.h>
#include <stdint.h>

#include "bot.h"

#define SCSI_ATTEMPTS	4
#define SCSI_SENSE_SIZE	18

/* How long a command may take: what disks need to spin up, or to flush. */
#define SCSI_TIMEOUT_MS		30000
#define SCSI_FLUSH_TIMEOUT_MS	60000
/* How long a unit may take to become ready, at the start and later. */
#define SCSI_READY_MS		15000
#define SCSI_READY_POLL_MS	100

/* ---- wire ----------------------------------------------------------------- */

enum scsi_key {
	SCSI_NO_SENSE		= 0x0,
	SCSI_RECOVERED_ERROR	= 0x1,
	SCSI_NOT_READY		= 0x2,
	SCSI_MEDIUM_ERROR	= 0x3,
	SCSI_HARDWARE_ERROR	= 0x4,
	SCSI_ILLEGAL_REQUEST	= 0x5,
	SCSI_UNIT_ATTENTION	= 0x6,
	SCSI_DATA_PROTECT	= 0x7,
	SCSI_ABORTED_COMMAND	= 0xb,
	SCSI_VOLUME_OVERFLOW	= 0xd,
};

struct scsi_sense {
	uint8_t		key;
	uint8_t		asc;
	uint8_t		ascq;
};

/* Fixed and descriptor format. -EPROTO if it is neither. */
int scsi_sense_decode(struct scsi_sense *sense, const uint8_t *wire,
		      uint32_t len);
/* 0, -EAGAIN to try again, or what the caller of the command gets. */
int scsi_sense_errno(const struct scsi_sense *sense);

/* Not ready, but not for long: it spins up. */
bool scsi_is_becoming_ready(const struct scsi_sense *sense);
/* It will not do so by itself. */
bool scsi_wants_start(const struct scsi_sense *sense);

#define SCSI_START_STOP_UNIT	0x1b

struct scsi_capacity {
	uint64_t	blocks;
	uint32_t	block_size;
};

/* -EAGAIN: too big to say so, ask READ CAPACITY(16). -EPROTO: too short. */
int scsi_capacity10_decode(struct scsi_capacity *capacity, const uint8_t *wire,
			   uint32_t len);
int scsi_capacity16_decode(struct scsi_capacity *capacity, const uint8_t *wire,
			   uint32_t len);

/* READ or WRITE, the (10) form where it reaches. Returns the CDB's length. */
uint8_t scsi_rw_encode(uint8_t cdb[BOT_CDB_MAX], bool write, uint64_t block,
		       uint32_t blocks);

/* ---- the unit ------------------------------------------------------------- */

struct scsi;

struct scsi_command {
	/* set by the submitter: cdb, cdb_len, in, buf, len, timeout_ms */
	struct bot_command	bot;
	void			(*done)(struct scsi_command *cmd);
	void			*user;
	/* while the unit is becoming ready */
	bool			waits;

	/* the result */
	int			error;		/* 0 or -errno */

	struct scsi		*scsi;
	unsigned int		attempts;
};

struct scsi {
	struct bot		bot;
	/* the owner's: told to stop? Who waits for an answer then gives up */
	bool			(*stopping)(void *user);
	void			*user;
	unsigned int		ready_ms;	/* SCSI_READY_MS */

	/* scsi_probe() */
	char			model[64];
	uint64_t		blocks;
	uint32_t		block_size;
	bool			write_protected;
	/* What it says it cannot flush is durable when it is written. */
	bool			has_no_flush;
	/* Gone or replaced; what was read may not be true any more. */
	bool			medium_lost;

	/* the command in flight; NULL is none */
	struct scsi_command	*cmd;
	struct bot_command	sense_cmd;
	uint8_t			sense[SCSI_SENSE_SIZE];
	struct scsi_sense	last_sense;	/* of the last refusal */
	unsigned int		resets_seen;	/* see attention_is_ours() */
	unsigned int		attentions;	/* so many there have been */
	int64_t			ready_by;	/* its own limit; 0 is none yet */
	int64_t			retry_at;	/* it waits for this; 0 if not */
};

void scsi_init(struct scsi *scsi, struct bot_transport *transport);
/*
 * As bot_start(), bot_work() and bot_run(). cmd->done may be NULL. scsi_run()
 * ends with -EINTR if told to stop while the unit is becoming ready.
 */
void scsi_start(struct scsi *scsi, struct scsi_command *cmd);
void scsi_work(struct scsi *scsi);
int scsi_run(struct scsi *scsi, struct scsi_command *cmd);

/* How long until scsi_work() has something to do by itself; -1: it has not. */
int scsi_timeout(const struct scsi *scsi);
/* Let time pass for the command in flight. */
void scsi_wait(struct scsi *scsi);

static inline bool scsi_is_stopping(const struct scsi *scsi)
{
	return scsi->stopping && scsi->stopping(scsi->user);
}

static inline bool scsi_is_idle(const struct scsi *scsi)
{
	return !scsi->cmd;
}

/* Fill in cmd->bot but for done. */
void scsi_rw_prepare(const struct scsi *scsi, struct scsi_command *cmd,
		     bool write, uint64_t block, uint32_t blocks, void *buf);
void scsi_flush_prepare(struct scsi_command *cmd);

/*
 * Find out what the unit is, and wait until it is ready. Waits for its
 * answers. Errors, beside those of commands: EMEDIUMTYPE not a disk; EINVAL
 * a capacity that cannot be; EINTR told to stop.
 */
int scsi_probe(struct scsi *scsi);

#endif /* USBSCSID_SCSI_H */
