// SPDX-License-Identifier: MIT
/* Before and after the sound: one request at a time. */
#include "audioplay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <json-c/json.h>

#define PATIENCE_NS	5000000000LL
#define STATUS_BYTES	8192U

#define RATE_MAX	1000000U
#define CHANNELS_MAX	32U
#define PERIOD_MAX	65536U

/* Submit what has been made, and take its answer: nothing else is in flight. */
static int64_t ask(struct scheme_ring *ring)
{
	struct scheme_cqe *cqe;
	int64_t result;
	int ret = scheme_ring_submit(ring);

	if (ret < 0)
		return ret;
	do {
		ret = scheme_ring_wait_cqe(ring, &cqe, PATIENCE_NS);
	} while (ret == -EINTR);
	if (ret)
		return ret;
	result = cqe->result;
	scheme_ring_cqe_seen(ring, cqe);
	return result;
}

/* What is got is submitted: an entry that was left would go with the next one. */
static int64_t ask_open(struct scheme_ring *ring, uint64_t addr, uint32_t len,
			int flags)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(ring);

	if (!sqe)
		return -EAGAIN;
	scheme_ring_prep_open(sqe, SCHEME_ROOT, addr, len, flags, 0);
	return ask(ring);
}

int64_t file_open(struct scheme_ring *ring, const char *name, int flags)
{
	uint32_t len = (uint32_t)strlen(name);
	uint64_t addr;
	int64_t ret = scheme_ring_alloc(ring, len, &addr);

	if (ret)
		return ret;
	memcpy(scheme_ring_at(ring, addr, len), name, len);
	ret = ask_open(ring, addr, len, flags);
	scheme_ring_free(ring, addr);
	return ret;
}

void file_close(struct scheme_ring *ring, uint64_t handle)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(ring);

	if (!sqe)
		return;
	scheme_ring_prep_close(sqe, handle);
	scheme_ring_submit(ring);
}

/* ---- status ----------------------------------------------------------------------- */

static uint64_t number_of(const struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ?
	       json_object_get_uint64(value) : 0;
}

/* What the sink says is its word, and decides how much memory we write to. */
static bool status_possible(const struct sink_status *s)
{
	return s->rate && s->rate <= RATE_MAX && s->channels &&
	       s->channels <= CHANNELS_MAX && s->period_frames &&
	       s->period_frames <= PERIOD_MAX;
}

static int parse(struct sink_status *s, const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	if (!o)
		return -EPROTO;
	*s = (struct sink_status){
		.rate = (uint32_t)number_of(o, "rate"),
		.channels = (uint32_t)number_of(o, "channels"),
		.period_frames = (uint32_t)number_of(o, "period_frames"),
		.played = number_of(o, "played"),
		.xruns = number_of(o, "xruns"),
		.late = number_of(o, "late"),
		.worst_late_ns = number_of(o, "worst_late_ns"),
	};
	json_object_put(o);
	return status_possible(s) ? 0 : -EPROTO;
}

static int64_t read_some(struct scheme_ring *ring, uint64_t handle,
			 uint64_t addr, uint32_t len)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(ring);

	if (!sqe)
		return -EAGAIN;
	scheme_ring_prep_read(sqe, handle, addr, len, 0);
	return ask(ring);
}

/* The other side writes there while we look: out of the pool first. */
static int read_status(struct scheme_ring *ring, uint64_t handle,
		       uint64_t addr, struct sink_status *status)
{
	char text[STATUS_BYTES + 1];
	int64_t n = read_some(ring, handle, addr, STATUS_BYTES);

	if (n < 0)
		return (int)n;
	memcpy(text, scheme_ring_at(ring, addr, STATUS_BYTES), (size_t)n);
	text[n] = '\0';
	return parse(status, text);
}

int status_get(struct scheme_ring *ring, struct sink_status *status)
{
	int64_t handle = file_open(ring, "status", O_RDONLY);
	uint64_t addr;
	int ret;

	if (handle < 0)
		return (int)handle;
	ret = scheme_ring_alloc(ring, STATUS_BYTES, &addr);
	if (!ret) {
		ret = read_status(ring, (uint64_t)handle, addr, status);
		scheme_ring_free(ring, addr);
	}
	file_close(ring, (uint64_t)handle);
	return ret;
}
