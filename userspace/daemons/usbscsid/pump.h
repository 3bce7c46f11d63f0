/* SPDX-License-Identifier: MIT */
/*
 * Moves the data of many requests through the one command that a device takes
 * at a time, and keeps the device busy meanwhile.
 *
 *	submit -> queue -> [next] -> [running] -> answered
 *	                   merged    on the bus
 *
 * Requests wait in the order they came. Those at the head that follow one
 * another on the disk become one command, up to a buffer's length. While one
 * command runs the next one is put together, its data copied in; and when one
 * ends, the next is started before that one's data is copied out.
 *
 * Who reads in sequence finds the device ahead of him: when nothing else is to
 * do, it reads on into a buffer of its own, up to PUMP_AHEAD buffers, from
 * which the reads to come are answered. What has been read ahead is forgotten
 * when a write to it comes, at a unit attention, which may mean another medium,
 * and when the device has not been asked for a while.
 *
 * When the device refuses a merged command, its requests are repeated one by
 * one, so that each gets its own error; what fails ahead is read again when it
 * is asked for.
 */
#ifndef USBSCSID_PUMP_H
#define USBSCSID_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk/disk.h"
#include "scsi.h"

#define PUMP_AHEAD	2
/* The running one, the next one, and those ahead. */
#define PUMP_UNITS	(2 + PUMP_AHEAD)

enum pump_state {
	PUMP_FREE,
	PUMP_NEXT,	/* being put together */
	PUMP_RUNNING,
	PUMP_AHEAD_READY,
};

/* A buffer and what is in it, or will be. */
struct pump_unit {
	struct scsi_command	cmd;
	struct pump		*pump;
	void			*buf;
	enum pump_state		state;
	enum disk_op		op;
	uint64_t		block;
	uint32_t		blocks;
	/* read ahead: stays when its requests are answered */
	bool			is_ahead;
	/* ahead, and written over since */
	bool			is_stale;
	struct disk_io		*ios;		/* who waits for it, in order */
	struct disk_io		**tail;
};

struct pump {
	struct disk_backend	backend;
	struct scsi		*scsi;
	/* -ENODEV once the device is gone: all requests end so */
	int			gone;

	uint32_t		unit_blocks;	/* a buffer's length */
	struct pump_unit	unit[PUMP_UNITS];
	struct pump_unit	*next;
	struct pump_unit	*running;
	struct pump_unit	*finished;	/* off the bus, not looked at yet */

	struct disk_io		*queue;
	struct disk_io		**queue_tail;
	unsigned int		alone;	/* so many at the head are not merged */

	/* where reading goes on, and for how long it has */
	uint64_t		read_end;
	uint64_t		streak;
	uint32_t		step;

	/* for how long what was read ahead is believed, and since when */
	unsigned int		trust_ms;
	int64_t			passed_ms;
	unsigned int		attentions;	/* of the unit, that are heeded */
};

/*
 * buf: buffers of unit_len bytes each, a multiple of the block size; no request
 * is longer. The unit has been probed. read_only: whatever it says itself.
 */
void pump_init(struct pump *pump, struct scsi *scsi,
	       void *const buf[PUMP_UNITS], uint32_t unit_len, bool read_only);
/* Do what can be done now. Call it after each wait, and after submits. */
void pump_work(struct pump *pump);
/* Every request ends with -ENODEV, now and from now on. */
void pump_end(struct pump *pump);
/* Nothing is asked of us and nothing is on the bus. */
bool pump_is_idle(const struct pump *pump);

#endif /* USBSCSID_PUMP_H */
