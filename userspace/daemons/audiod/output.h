/* SPDX-License-Identifier: MIT */
/* Where the sound goes: nowhere, into a file, to a card. */
#ifndef AUDIOD_OUTPUT_H
#define AUDIOD_OUTPUT_H

#include <stdint.h>

/* Samples are 16 bits, signed, little endian, the channels of a frame together. */
struct audio_format {
	uint32_t	rate;		/* frames a second */
	uint32_t	channels;
	uint32_t	period;		/* frames that are played at a time */
	uint32_t	periods;	/* that the sink buffers */
};

#define AUDIO_SAMPLE_BYTES	2U

/* Beyond these it is no sound, or no short buffer. */
#define RATE_MIN	1000U
#define RATE_MAX	768000U
#define CHANNELS_MAX	32U
#define PERIOD_MAX	65536U
#define PERIODS_MAX	1024U

static inline uint32_t audio_frame_bytes(const struct audio_format *f)
{
	return f->channels * AUDIO_SAMPLE_BYTES;
}

static inline uint32_t audio_period_bytes(const struct audio_format *f)
{
	return f->period * audio_frame_bytes(f);
}

struct output;

/* Absent ones do nothing. */
struct output_ops {
	/* playing begins */
	void (*start)(struct output *o);
	/*
	 * One period, which o owns from the call on. Returns how much later than
	 * by the clock the next one shall be, in nanoseconds: a card has a clock of
	 * its own.
	 */
	int64_t (*play)(struct output *o, const void *period);
	/* playing has ended, perhaps for a while */
	void (*stop)(struct output *o);
	void (*close)(struct output *o);
};

struct output {
	const struct output_ops *ops;
	struct audio_format	format;
	uint64_t		errors;		/* the card's own xruns, and the like */
	int			error;		/* the last one; -errno */
	void			*own;
};

/* Each returns 0, or -errno after one line on stderr. format has been checked. */
void output_null(struct output *o, const struct audio_format *format);
int output_wav(struct output *o, const struct audio_format *format,
	       const char *path);
/* -EOPNOTSUPP: built without ALSA. */
int output_alsa(struct output *o, const struct audio_format *format,
		const char *device);
/* Returns o->error. */
int output_close(struct output *o);

#endif /* AUDIOD_OUTPUT_H */
