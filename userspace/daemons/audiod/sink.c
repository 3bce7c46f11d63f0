// SPDX-License-Identifier: MIT
#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS	1000000000ULL

/* ---- setup --------------------------------------------------------------------- */

static bool format_ok(const struct audio_format *f)
{
	return f->rate >= RATE_MIN && f->rate <= RATE_MAX && f->channels &&
	       f->channels <= CHANNELS_MAX && f->period &&
	       f->period <= PERIOD_MAX && f->periods &&
	       f->periods <= PERIODS_MAX &&
	       (uint64_t)audio_period_bytes(f) * f->periods <= 1U << 28;
}

int sink_init(struct sink *s, const struct audio_format *format,
	      struct output *output, uint32_t max_waits)
{
	int ret;

	*s = (struct sink){ .format = *format, .output = output,
			    .max_waits = max_waits };
	if (!format_ok(format))
		return -EINVAL;
	s->buffer = format->periods * audio_period_bytes(format);
	ret = fifo_init(&s->fifo, s->buffer);
	if (ret)
		return ret;
	s->period = calloc(1, audio_period_bytes(format));
	s->waits = calloc(max_waits, sizeof(*s->waits));
	if (s->period && s->waits)
		return 0;
	sink_uninit(s);
	return -ENOMEM;
}

void sink_uninit(struct sink *s)
{
	fifo_free(&s->fifo);
	free(s->period);
	free(s->waits);
	s->period = NULL;
	s->waits = NULL;
}

/* ---- what waits ----------------------------------------------------------------- */

static void answer(struct sink *s, uint32_t index, int64_t result)
{
	struct scheme_req *req = s->waits[index].req;

	s->nr_waits--;
	memmove(&s->waits[index], &s->waits[index + 1],
		(s->nr_waits - index) * sizeof(*s->waits));
	scheme_reply(req, result);
}

static bool is_drain(const struct sink *s)
{
	return s->nr_waits && !s->waits[0].buf;
}

/* Nothing comes behind what is in the buffer. */
static bool is_draining(const struct sink *s)
{
	return is_drain(s) || (!s->nr_waits && !s->has_player);
}

/* Take from the writes that wait as much as there is room for. */
static void take(struct sink *s)
{
	struct sink_wait *w = s->waits;

	while (s->nr_waits && w->buf) {
		uint32_t room = s->buffer - fifo_used(&s->fifo);
		uint32_t left = w->len - w->done;

		w->done += fifo_put(&s->fifo, w->buf + w->done,
				    left < room ? left : room);
		if (w->done < w->len)
			return;
		answer(s, 0, w->len);
	}
}

/* Half a frame at the end would turn the channels of what comes later around. */
static void complete_frame(struct sink *s)
{
	static const uint8_t zeros[CHANNELS_MAX * AUDIO_SAMPLE_BYTES];
	uint32_t frame = audio_frame_bytes(&s->format);
	uint32_t rest = fifo_used(&s->fifo) % frame;

	if (rest)
		fifo_put(&s->fifo, zeros, frame - rest);
}

static void start(struct sink *s, uint64_t now_ns)
{
	s->state = SINK_PLAYING;
	s->begin_ns = now_ns;
	s->ticks = 1;
	if (s->output->ops->start)
		s->output->ops->start(s->output);
}

/* Drains that there is nothing to play for are over. */
static void end_drains(struct sink *s)
{
	while (s->state == SINK_IDLE && is_drain(s))
		answer(s, 0, 0);
}

/* After everything that may have changed what there is to play. */
static void update(struct sink *s, uint64_t now_ns)
{
	do {
		end_drains(s);
		take(s);
		if (is_draining(s))
			complete_frame(s);
		if (s->state == SINK_IDLE && fifo_used(&s->fifo))
			s->state = SINK_FILLING;
	} while (s->state == SINK_IDLE && s->nr_waits);
	if (s->state == SINK_FILLING &&
	    (is_draining(s) || fifo_used(&s->fifo) == s->buffer))
		start(s, now_ns);
}

/* ---- requests ------------------------------------------------------------------- */

int sink_open(struct sink *s)
{
	if (s->has_player)
		return -EBUSY;
	s->has_player = true;
	return 0;
}

void sink_close(struct sink *s, uint64_t now_ns)
{
	s->has_player = false;
	update(s, now_ns);
}

static void add(struct sink *s, const struct sink_wait *w, uint64_t now_ns)
{
	if (s->nr_waits == s->max_waits) {
		scheme_reply(w->req, -EAGAIN);
		return;
	}
	s->waits[s->nr_waits++] = *w;
	update(s, now_ns);
}

void sink_write(struct sink *s, struct scheme_req *req, const void *buf,
		uint32_t len, uint64_t now_ns)
{
	const struct sink_wait w = { .req = req, .buf = buf, .len = len };

	add(s, &w, now_ns);
}

void sink_drain(struct sink *s, struct scheme_req *req, uint64_t now_ns)
{
	const struct sink_wait w = { .req = req };

	add(s, &w, now_ns);
}

void sink_cancel(struct sink *s, const struct scheme_req *req, uint64_t now_ns)
{
	for (uint32_t i = 0; i < s->nr_waits; i++) {
		const struct sink_wait *w = &s->waits[i];

		if (w->req != req)
			continue;
		answer(s, i, w->done ? (int64_t)w->done : -ECANCELED);
		update(s, now_ns);
		return;
	}
}

/* ---- time ------------------------------------------------------------------------ */

static uint64_t frames_ns(const struct sink *s, uint64_t frames)
{
	/* seconds apart, so that a year does not overflow */
	return frames / s->format.rate * NS +
	       frames % s->format.rate * NS / s->format.rate;
}

static uint64_t deadline_of(const struct sink *s, uint64_t tick)
{
	return s->begin_ns + frames_ns(s, tick * s->format.period);
}

uint64_t sink_deadline(const struct sink *s)
{
	return s->state == SINK_PLAYING ? deadline_of(s, s->ticks) : UINT64_MAX;
}

static void note_miss(struct sink *s, uint64_t late_ns, bool is_xrun)
{
	s->counts.miss[s->counts.misses++ % SINK_MISSES] = (struct sink_miss){
		.deadline_ns = sink_deadline(s),
		.late_ns = late_ns,
		.is_xrun = is_xrun,
	};
}

static void count(struct sink *s, uint64_t now_ns, bool is_xrun)
{
	struct sink_counts *c = &s->counts;
	uint64_t late_ns = now_ns - sink_deadline(s);
	bool is_late = now_ns >= deadline_of(s, s->ticks + 1);

	if (late_ns > c->worst_late_ns)
		c->worst_late_ns = late_ns;
	c->xruns += is_xrun;
	c->played += !is_xrun;
	c->late += !is_xrun && is_late;
	if (is_xrun || is_late)
		note_miss(s, late_ns, is_xrun);
}

static void play(struct sink *s)
{
	if (s->output->ops->play)
		s->begin_ns += (uint64_t)s->output->ops->play(s->output, s->period);
}

static void end(struct sink *s)
{
	s->state = SINK_IDLE;
	if (s->output->ops->stop)
		s->output->ops->stop(s->output);
}

void sink_tick(struct sink *s, uint64_t now_ns)
{
	uint32_t bytes = audio_period_bytes(&s->format);
	uint32_t used = fifo_used(&s->fifo);
	bool is_xrun = used < bytes && !is_draining(s);
	uint32_t got = is_xrun ? 0 : fifo_get(&s->fifo, s->period, bytes);

	if (!got && !is_xrun) {
		end(s);
	} else {
		memset(s->period + got, 0, bytes - got);
		count(s, now_ns, is_xrun);
		play(s);
		s->ticks++;
	}
	update(s, now_ns);
}
