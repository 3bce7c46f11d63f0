/* SPDX-License-Identifier: MIT */
/*
 * The sink: takes what is written to it, and plays a period of it at each deadline
 * of a clock that does not drift. It knows no ring and no time of its own.
 *
 *   IDLE -> FILLING [something was written]
 *   FILLING -> PLAYING [the buffer is full, or nothing more is to come]
 *   PLAYING -> IDLE [all is played, and nothing more is to come]
 *
 * While it plays, a deadline is either met with a whole period of data (with what
 * is left, and zeros, if nothing more is to come), or it is an xrun: a period of
 * silence. Nothing more is to come when a drain is the next that waits, or the
 * player has gone. A write is answered when all of it is in the buffer, a drain
 * when all before it has been played.
 */
#ifndef AUDIOD_SINK_H
#define AUDIOD_SINK_H

#include <stdbool.h>

#include <scheme.h>

#include "fifo.h"
#include "output.h"

enum sink_state {
	SINK_IDLE,
	SINK_FILLING,
	SINK_PLAYING,
};

/* A deadline that was not met. */
struct sink_miss {
	uint64_t	deadline_ns;
	uint64_t	late_ns;	/* how late we came to it ourselves */
	bool		is_xrun;
};

#define SINK_MISSES	4096U	/* the last ones are kept */

struct sink_counts {
	uint64_t	played;		/* periods, without xruns */
	uint64_t	xruns;
	uint64_t	late;		/* played when the next deadline was over, too */
	uint64_t	worst_late_ns;	/* that we came to a deadline */
	uint64_t	misses;		/* xruns and late ones */
	struct sink_miss miss[SINK_MISSES];
};

/* A write, or a drain: it has no buf. */
struct sink_wait {
	struct scheme_req *req;
	const uint8_t	*buf;
	uint32_t	len, done;
};

struct sink {
	struct audio_format	format;
	struct output		*output;
	enum sink_state		state;
	bool			has_player;
	struct sink_counts	counts;

	/* deadline n, from 0: begin + n periods; periods by the frame, not rounded */
	uint64_t		begin_ns;
	uint64_t		ticks;

	struct fifo		fifo;		/* of which buffer bytes are used */
	uint32_t		buffer;
	uint8_t			*period;	/* the one that is being played */

	struct sink_wait	*waits;		/* the oldest first */
	uint32_t		nr_waits, max_waits;
};

/* -EINVAL: a format that cannot be; -ENOMEM. max_waits: requests at a time. */
int sink_init(struct sink *s, const struct audio_format *format,
	      struct output *output, uint32_t max_waits);
void sink_uninit(struct sink *s);

/* -EBUSY: there is a player. What the last one has left is played before. */
int sink_open(struct sink *s);
void sink_close(struct sink *s, uint64_t now_ns);
/* Each ends with an answer to req, now or later. len is not 0. */
void sink_write(struct sink *s, struct scheme_req *req, const void *buf,
		uint32_t len, uint64_t now_ns);
void sink_drain(struct sink *s, struct scheme_req *req, uint64_t now_ns);
/* If req waits, answer it. */
void sink_cancel(struct sink *s, const struct scheme_req *req, uint64_t now_ns);

/* When there is something to do; UINT64_MAX: not by itself. */
uint64_t sink_deadline(const struct sink *s);
/* Meet one deadline, which is over. */
void sink_tick(struct sink *s, uint64_t now_ns);

#endif /* AUDIOD_SINK_H */
