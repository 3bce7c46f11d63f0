// SPDX-License-Identifier: MIT
/*
 * A sound card, by ALSA, if that was there when this was built. The card has a
 * clock of its own: what is left in its buffer after each period tells whether the
 * next one shall come a little later or earlier.
 */
#include "output.h"

#include <errno.h>

#include "daemon.h"

#if __has_include(<alsa/asoundlib.h>)

#include <alsa/asoundlib.h>

/* So much the card has in its own buffer, in periods. */
#define AHEAD	2U
/* The clocks differ by less than a part in this; so much a period is moved. */
#define BEND	200

static void say_alsa(int err, const char *what)
{
	daemon_say(0, "%s: %s", what, snd_strerror(err));
}

static int write_frames(struct output *o, const void *frames, uint32_t nr)
{
	snd_pcm_sframes_t n = snd_pcm_writei(o->own, frames, nr);

	if (n < 0)
		return (int)n;
	return (uint32_t)n == nr ? 0 : -EAGAIN;
}

/* From a card that plays nothing to one that has something ahead: silence. */
static void begin(struct output *o)
{
	static const int16_t silence[2048];
	uint32_t left = AHEAD * o->format.period;
	uint32_t most = 2048 / o->format.channels, nr;
	int ret = snd_pcm_drop(o->own);

	if (!ret)
		ret = snd_pcm_prepare(o->own);
	while (!ret && left) {
		nr = left < most ? left : most;
		ret = write_frames(o, silence, nr);
		left -= nr;
	}
	if (!ret && snd_pcm_state(o->own) == SND_PCM_STATE_PREPARED)
		ret = snd_pcm_start(o->own);
	if (ret && ret != o->error)
		say_alsa(ret, "the card does not start");
	o->error = ret;
}

/* A card that has run dry begins anew. */
static void play_or_restart(struct output *o, const void *period)
{
	if (!write_frames(o, period, o->format.period))
		return;
	o->errors++;
	begin(o);
	if (!o->error)
		o->error = write_frames(o, period, o->format.period);
}

static int64_t alsa_play(struct output *o, const void *period)
{
	int64_t period_ns = o->format.period * 1000000000LL / o->format.rate;
	int64_t most = period_ns / BEND, ns;
	snd_pcm_sframes_t delay;

	play_or_restart(o, period);
	if (snd_pcm_delay(o->own, &delay))
		return 0;
	ns = (delay - (int64_t)(AHEAD + 1) * o->format.period) * 1000000000LL /
	     o->format.rate / 16;
	return ns > most ? most : ns < -most ? -most : ns;
}

static void alsa_stop(struct output *o)
{
	/* what it has plays on; this does not wait */
	snd_pcm_drain(o->own);
}

static void alsa_close(struct output *o)
{
	snd_pcm_close(o->own);
	snd_config_update_free_global();
}

static const struct output_ops alsa_ops = {
	.start = begin,
	.play = alsa_play,
	.stop = alsa_stop,
	.close = alsa_close,
};

/* ALSA has words of its own for what we are about to say. */
static void say_nothing(const char *file, int line, const char *function, int err,
			const char *format, ...)
{
	(void)file, (void)line, (void)function, (void)err, (void)format;
}

int output_alsa(struct output *o, const struct audio_format *format,
		const char *device)
{
	uint64_t latency = (AHEAD + 2ULL) * format->period * 1000000 / format->rate;
	snd_pcm_t *pcm;
	int ret;

	snd_lib_error_set_handler(say_nothing);
	ret = snd_pcm_open(&pcm, device, SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
	if (ret) {
		daemon_say(0, "cannot open sound card %s: %s (aplay -L lists what there is)",
			   device, snd_strerror(ret));
		return ret;
	}
	ret = snd_pcm_set_params(pcm, SND_PCM_FORMAT_S16_LE,
				 SND_PCM_ACCESS_RW_INTERLEAVED, format->channels,
				 format->rate, 1, (unsigned int)latency);
	if (ret) {
		daemon_say(0, "sound card %s cannot play this: %s", device,
			   snd_strerror(ret));
		snd_pcm_close(pcm);
		return ret;
	}
	*o = (struct output){ .ops = &alsa_ops, .format = *format, .own = pcm };
	return 0;
}

#else

int output_alsa(struct output *o, const struct audio_format *format,
		const char *device)
{
	(void)o, (void)format;
	daemon_say(0, "cannot open sound card %s: built without ALSA (install libasound2-dev and build again)",
		   device);
	return -EOPNOTSUPP;
}

#endif
