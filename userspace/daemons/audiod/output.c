// SPDX-License-Identifier: MIT
#include "output.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"

/* ---- nowhere ------------------------------------------------------------------ */

static const struct output_ops null_ops = { .start = NULL };

void output_null(struct output *o, const struct audio_format *format)
{
	*o = (struct output){ .ops = &null_ops, .format = *format };
}

int output_close(struct output *o)
{
	int error;

	if (o->ops && o->ops->close)
		o->ops->close(o);
	error = o->error;
	*o = (struct output){ .ops = NULL };
	return error;
}

/* ---- into a file --------------------------------------------------------------- */

/* As much is written at a time: at 48 kHz and two channels, every 20 seconds. */
#define WAV_BUFFER	(4U << 20)
/* The most that the header can tell of. */
#define WAV_BYTES_MAX	(UINT32_MAX - 64U)

struct wav {
	FILE		*file;
	uint64_t	bytes;		/* of sound */
};

/* Little endian, whatever we are. */
struct wav_header {
	char		riff[4];
	uint32_t	size;		/* of what follows */
	char		wave[4], fmt[4];
	uint32_t	fmt_size;
	uint16_t	coding;		/* 1: plain samples */
	uint16_t	channels;
	uint32_t	rate;
	uint32_t	bytes_per_second;
	uint16_t	frame_bytes;
	uint16_t	sample_bits;
	char		data[4];
	uint32_t	data_size;
};

_Static_assert(sizeof(struct wav_header) == 44, "as the format has it");

static void header_fill(struct wav_header *h, const struct audio_format *f,
			uint32_t bytes)
{
	uint32_t frame = audio_frame_bytes(f);

	*h = (struct wav_header){
		.size = htole32(bytes + (uint32_t)sizeof(*h) - 8),
		.fmt_size = htole32(16),
		.coding = htole16(1),
		.channels = htole16((uint16_t)f->channels),
		.rate = htole32(f->rate),
		.bytes_per_second = htole32(f->rate * frame),
		.frame_bytes = htole16((uint16_t)frame),
		.sample_bits = htole16(8 * AUDIO_SAMPLE_BYTES),
		.data_size = htole32(bytes),
	};
	memcpy(h->riff, "RIFF", 4);
	memcpy(h->wave, "WAVE", 4);
	memcpy(h->fmt, "fmt ", 4);
	memcpy(h->data, "data", 4);
}

static void wav_fail(struct output *o, int error)
{
	o->errors++;
	if (!o->error)
		daemon_say(error, "cannot write the file of the sound");
	o->error = -error;
}

static int64_t wav_play(struct output *o, const void *period)
{
	struct wav *wav = o->own;
	uint32_t bytes = audio_period_bytes(&o->format);

	if (wav->bytes + bytes > WAV_BYTES_MAX)
		wav_fail(o, EFBIG);
	else if (fwrite(period, bytes, 1, wav->file) != 1)
		wav_fail(o, errno);
	else
		wav->bytes += bytes;
	return 0;
}

/* Whenever there is time: the header, and what is in the buffer. */
static void wav_stop(struct output *o)
{
	struct wav *wav = o->own;
	struct wav_header header;

	header_fill(&header, &o->format, (uint32_t)wav->bytes);
	if (fseek(wav->file, 0, SEEK_SET) ||
	    fwrite(&header, sizeof(header), 1, wav->file) != 1 ||
	    fseek(wav->file, 0, SEEK_END) || fflush(wav->file))
		wav_fail(o, errno);
}

static void wav_close(struct output *o)
{
	struct wav *wav = o->own;

	wav_stop(o);
	if (fclose(wav->file))
		wav_fail(o, errno);
	free(wav);
}

static const struct output_ops wav_ops = {
	.play = wav_play,
	.stop = wav_stop,
	.close = wav_close,
};

int output_wav(struct output *o, const struct audio_format *format,
	       const char *path)
{
	struct wav *wav = calloc(1, sizeof(*wav));
	int ret = -ENOMEM;

	if (!wav)
		goto fail;
	wav->file = fopen(path, "we");
	if (!wav->file) {
		ret = -errno;
		goto free;
	}
	if (setvbuf(wav->file, NULL, _IOFBF, WAV_BUFFER)) {
		ret = -ENOMEM;
		goto close;
	}
	*o = (struct output){ .ops = &wav_ops, .format = *format, .own = wav };
	wav_stop(o);
	if (!o->error)
		return 0;
	return output_close(o);
close:
	fclose(wav->file);
free:
	free(wav);
fail:
	daemon_say(ret, "cannot make %s", path);
	return ret;
}
