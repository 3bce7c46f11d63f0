// SPDX-License-Identifier: MIT
/*
 * audioplay: play a tone, or a file of samples, through a direct ring.
 */
#include "audioplay.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "explain.h"
#include "handover.h"
#include "realtime.h"

enum {
	OPT_SOCKET = 0x1000,
	OPT_TONE,
	OPT_RAW,
	OPT_SECONDS,
	OPT_PERIODS,
	OPT_RT,
	OPT_SPIN,
};

#define RING_ENTRIES	128U
#define POOL_BYTES	(4UL << 20)

/* ---- options ---------------------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "socket", OPT_SOCKET, "PATH", 0,
	  "where audiod --socket listens; needs no module", 0 },
	{ "tone", OPT_TONE, "HZ", 0, "play a tone of this height (440)", 0 },
	{ "raw", OPT_RAW, "FILE", 0,
	  "play a file of 16-bit samples, little endian, as the sink wants them", 0 },
	{ "seconds", OPT_SECONDS, "N", 0,
	  "for so long (5, or all of a file)", 0 },
	{ "periods", OPT_PERIODS, "N", 0,
	  "keep so many on the way, up to 64 (4)", 0 },
	{ "rt", OPT_RT, "PRIORITY", 0,
	  "real-time priority (SCHED_FIFO), and memory that stays", 0 },
	{ "spin", OPT_SPIN, NULL, 0, "do not sleep while an answer is due", 0 },
	{ "json", 'j', NULL, 0, "print the counts as JSON", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static double number(struct argp_state *state, const char *what,
		     const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= most))
		argp_error(state, "--%s: not a number from %g to %g: %s", what,
			   least, most, text);
	return value;
}

static void set_target(struct options *o, char *target, bool is_socket,
		       struct argp_state *state)
{
	if (o->target)
		argp_error(state, "one NAME, or one --socket");
	o->target = target;
	o->is_socket = is_socket;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_SOCKET:
	case ARGP_KEY_ARG:
		set_target(o, arg, key == OPT_SOCKET, state);
		return 0;
	case OPT_TONE:
		o->tone_hz = number(state, "tone", arg, 1, 100000);
		return 0;
	case OPT_RAW:
		o->file = arg;
		return 0;
	case OPT_SECONDS:
		o->seconds = number(state, "seconds", arg, 0.001, 86400);
		return 0;
	case OPT_PERIODS:
		o->periods = (unsigned int)number(state, "periods", arg, 1, PERIODS_MAX);
		return 0;
	case OPT_RT:
		o->priority = (int)number(state, "rt", arg, 1, REALTIME_PRIORITY_MAX);
		return 0;
	case OPT_SPIN:
		o->spins = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_END:
		if (!o->target)
			argp_error(state, "play to which NAME, or --socket?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
	return EXIT_FAILURE;
}

/* ---- results ---------------------------------------------------------------------- */

static void print_json(const struct play *p)
{
	struct json_object *o = json_object_new_object();
	const struct {
		const char	*key;
		uint64_t	value;
	} counts[] = {
		{ "frames", p->frames },
		{ "answers", p->answers },
		{ "late_answers", p->late_answers },
		{ "worst_gap_ns", p->worst_gap_ns },
		{ "played", p->after.played - p->before.played },
		{ "missed", p->after.xruns - p->before.xruns },
		{ "sink_late", p->after.late - p->before.late },
		{ "sink_worst_late_ns", p->after.worst_late_ns },
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_object_add(o, counts[i].key,
				       json_object_new_uint64(counts[i].value));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void print_words(const struct play *p)
{
	printf("%" PRIu64 " frames in %" PRIu64 " periods of %" PRIu32 " at %" PRIu32 " Hz: %" PRIu64 " missed\n",
	       p->frames, p->after.played - p->before.played,
	       p->before.period_frames, p->before.rate,
	       p->after.xruns - p->before.xruns);
	printf("the sink was late for %" PRIu64 ", by %.3f ms at most; %" PRIu64 " answers were late, by gaps of %.3f ms at most\n",
	       p->after.late - p->before.late,
	       (double)p->after.worst_late_ns / 1e6, p->late_answers,
	       (double)p->worst_gap_ns / 1e6);
}

/* ---- the program ------------------------------------------------------------------ */

/* Both ways: what is opened on the ring may not do more. */
static int open_scheme(const char *name)
{
	char url[SCHEME_NAME_MAX + 2];
	int n = snprintf(url, sizeof(url), "%s:", name);

	if ((size_t)n >= sizeof(url))
		return -EINVAL;
	return scheme_open(url, O_RDWR | O_CLOEXEC, 0);
}

static int open_ring(struct scheme_ring **ring, const struct options *o)
{
	const struct scheme_ring_config config = {
		.sq_entries = RING_ENTRIES,
		.cq_entries = RING_ENTRIES,
	};
	int fd, ret;

	if (o->is_socket)
		return handover_connect(ring, o->target, &config, POOL_BYTES);
	fd = open_scheme(o->target);
	if (fd < 0)
		return fd;
	ret = scheme_ring_open(ring, fd, &config, POOL_BYTES, 0);
	close(fd);
	return ret;
}

static int run(struct play *p)
{
	const struct options *o = p->options;
	int ret = o->file ? source_file(&p->source, o->file) : 0;

	if (ret)
		return fail(o->file, ret == -EINVAL ? "not a file with samples" :
						      strerror(-ret));
	ret = realtime_begin(o->priority);
	if (ret)
		return fail(REALTIME_REFUSED, strerror(-ret));
	ret = open_ring(&p->ring, o);
	if (ret)
		return fail(o->target, o->is_socket ? strerror(-ret) : explain_open(ret));
	ret = play(p);
	if (ret)
		return fail("cannot play", strerror(-ret));
	if (o->json)
		print_json(p);
	else
		print_words(p);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME\n--socket=PATH",
		.doc = "Play a tone, or a file of samples, through a direct ring to audiod.",
	};
	struct options o = { .tone_hz = 440, .periods = 4 };
	struct play p = { .options = &o };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (!o.seconds && !o.file)
		o.seconds = 5;
	ret = run(&p);
	if (p.ring)
		scheme_ring_close(p.ring);
	source_free(&p.source);
	return ret;
}
