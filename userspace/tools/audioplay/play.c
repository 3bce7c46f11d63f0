// SPDX-License-Identifier: MIT
/*
 * Keep a number of periods in flight: each answer frees a buffer, which is filled
 * and sent again. Nothing of that is a system call while both sides are awake.
 */
#include "audioplay.h"

#include <errno.h>
#include <fcntl.h>

#include "realtime.h"

/* A sink that takes nothing for so long is not there. */
#define PATIENCE_NS	5000000000LL
#define DRAIN		PERIODS_MAX	/* its user_data */

/* ---- send --------------------------------------------------------------------------- */

static int send_period(struct play *p, uint64_t i)
{
	uint32_t bytes = p->left < p->period_bytes ? (uint32_t)p->left : p->period_bytes;
	struct scheme_sqe *sqe = scheme_ring_get_sqe(p->ring);

	if (!sqe)
		return -EAGAIN;
	source_get(&p->source, scheme_ring_at(p->ring, p->buffer[i], bytes), bytes);
	scheme_ring_prep_write(sqe, p->handle, p->buffer[i], bytes, 0);
	sqe->user_data = i;
	p->left -= bytes;
	return 0;
}

/* The answer comes when all has been played. */
static int send_drain(struct play *p)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(p->ring);

	if (!sqe)
		return -EAGAIN;
	scheme_ring_prep_fsync(sqe, p->handle, false);
	sqe->user_data = DRAIN;
	return 0;
}

static int submit(struct play *p)
{
	int ret = scheme_ring_submit(p->ring);

	return ret < 0 ? ret : 0;
}

static int send_first(struct play *p)
{
	int ret = 0;

	for (unsigned int i = 0; i < p->options->periods && p->left && !ret; i++)
		ret = send_period(p, i);
	if (!ret && !p->left)
		ret = send_drain(p);
	return ret ? ret : submit(p);
}

/* Behind the last period comes the drain, at once: silence is not an xrun then. */
static int send_next(struct play *p, uint64_t i)
{
	int ret;

	if (!p->left)
		return 0;
	ret = send_period(p, i);
	if (!ret && !p->left)
		ret = send_drain(p);
	return ret ? ret : submit(p);
}

/* ---- take --------------------------------------------------------------------------- */

static void count(struct play *p, int64_t bytes)
{
	const struct sink_status *f = &p->before;
	uint64_t period_ns = f->period_frames * 1000000000ULL / f->rate;
	uint64_t now = mono_ns(), gap = now - p->last_ns;

	if (p->answers++) {
		if (gap > p->worst_gap_ns)
			p->worst_gap_ns = gap;
		p->late_answers += gap > 2 * period_ns;
	}
	p->last_ns = now;
	p->frames += (uint64_t)bytes / (2ULL * f->channels);
}

/* One answer. 1: it was the last. */
static int take_one(struct play *p)
{
	struct scheme_cqe *cqe, got;
	int ret = scheme_ring_wait_cqe(p->ring, &cqe, PATIENCE_NS);

	if (ret == -EINTR)
		return 0;
	if (ret)
		return ret;
	got = *cqe;
	scheme_ring_cqe_seen(p->ring, cqe);
	if (got.result < 0)
		return (int)got.result;
	if (got.user_data == DRAIN)
		return scheme_ring_in_flight(p->ring) ? -EPROTO : 1;
	count(p, got.result);
	return send_next(p, got.user_data);
}

static int play_all(struct play *p)
{
	int ret = send_first(p);

	while (!ret)
		ret = take_one(p);
	return ret < 0 ? ret : 0;
}

/* ---- begin and end ------------------------------------------------------------------ */

static int get_buffers(struct play *p)
{
	int ret = 0;

	for (unsigned int i = 0; i < p->options->periods && !ret; i++)
		ret = scheme_ring_alloc(p->ring, p->period_bytes, &p->buffer[i]);
	return ret;
}

static void set_length(struct play *p)
{
	const struct options *o = p->options;
	uint64_t frames = (uint64_t)(o->seconds * p->before.rate + 0.5);
	uint64_t bytes = frames * 2 * p->before.channels;

	if (o->file && (!frames || bytes > p->source.size))
		bytes = p->source.size;
	p->left = bytes;
}

static int begin(struct play *p)
{
	const struct options *o = p->options;
	int64_t handle;
	int ret = status_get(p->ring, &p->before);

	if (ret)
		return ret;
	p->period_bytes = p->before.period_frames * 2 * p->before.channels;
	if (!o->file)
		source_tone(&p->source, o->tone_hz, &p->before);
	set_length(p);
	handle = file_open(p->ring, "play", O_WRONLY);
	if (handle < 0)
		return (int)handle;
	p->handle = (uint64_t)handle;
	/* counts from now on: nobody but us plays, and what the last one may have left */
	ret = status_get(p->ring, &p->before);
	return ret ? ret : get_buffers(p);
}

int play(struct play *p)
{
	int ret = begin(p);

	if (!ret && p->options->spins)
		scheme_ring_set_spin(p->ring, 1000000);
	if (!ret)
		ret = play_all(p);
	if (!ret)
		ret = status_get(p->ring, &p->after);
	return ret;
}
