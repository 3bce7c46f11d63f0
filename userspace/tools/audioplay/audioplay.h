/* SPDX-License-Identifier: MIT */
/* What audioplay's files share. */
#ifndef AUDIOPLAY_H
#define AUDIOPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <scheme_ring.h>

/* What the sink says of itself. */
struct sink_status {
	uint32_t	rate, channels, period_frames;
	uint64_t	played, xruns, late, worst_late_ns;
};

/* A tone, or what is in a file: 16-bit samples, as the sink has them. */
struct source {
	const uint8_t	*bytes;		/* of the file; NULL: a tone */
	uint64_t	size, at;
	double		step, phase;	/* of a turn: by frame, and now */
	uint32_t	channels;
};

struct options {
	const char	*target;	/* scheme, or socket */
	bool		is_socket;
	const char	*file;
	double		tone_hz;
	double		seconds;	/* 0: all of the file */
	unsigned int	periods;	/* in flight */
	int		priority;
	bool		spins;
	bool		json;
};

struct play {
	const struct options	*options;
	struct scheme_ring	*ring;
	uint64_t		handle;		/* of "play" */
	struct sink_status	before, after;
	struct source		source;

	/* what is in flight: buffer i belongs to user_data i */
	uint64_t		buffer[64];
	uint32_t		period_bytes;
	uint64_t		left;		/* bytes to be sent */

	uint64_t		answers;
	uint64_t		frames;		/* taken */
	uint64_t		last_ns;	/* of the last answer */
	uint64_t		late_answers;	/* more than two periods after it */
	uint64_t		worst_gap_ns;
};

#define PERIODS_MAX	64U

/* source.c: 0, or -errno. All of a file is read now. */
int source_file(struct source *s, const char *path);
void source_tone(struct source *s, double hz, const struct sink_status *format);
void source_free(struct source *s);
/* Zeros behind the end of a file. */
void source_get(struct source *s, uint8_t *buf, uint32_t bytes);

/* files.c: by the ring. 0 or a handle, or -errno. */
int64_t file_open(struct scheme_ring *ring, const char *name, int flags);
void file_close(struct scheme_ring *ring, uint64_t handle);
int status_get(struct scheme_ring *ring, struct sink_status *status);

/* play.c: 0, or -errno. */
int play(struct play *p);

#endif /* AUDIOPLAY_H */
