// SPDX-License-Identifier: MIT
/*
 * audiod - play sound that comes over direct rings
 *
 *	audiod NAME [--alsa DEVICE | --wav FILE]
 *	audiod --socket PATH
 *
 * A period of 64 frames at 48 kHz is played each 1.333 ms, or it is counted as
 * missed.
 */
#include "audiod.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "realtime.h"

enum {
	OPT_SOCKET = 0x2000,
	OPT_RATE,
	OPT_CHANNELS,
	OPT_PERIOD,
	OPT_PERIODS,
	OPT_ALSA,
	OPT_WAV,
	OPT_RT,
	OPT_SPIN,
	OPT_JSON,
};

static const struct argp_option options[] = {
	{ "socket", OPT_SOCKET, "PATH", 0,
	  "take rings at a local socket instead; needs no module", 0 },
	{ "rate", OPT_RATE, "HZ", 0, "frames a second (48000)", 0 },
	{ "channels", OPT_CHANNELS, "N", 0, "samples of a frame (2)", 0 },
	{ "period", OPT_PERIOD, "FRAMES", 0, "played at a time (64)", 0 },
	{ "periods", OPT_PERIODS, "N", 0, "that are buffered (4)", 0 },
	{ "alsa", OPT_ALSA, "DEVICE", 0, "play by this sound card", 0 },
	{ "wav", OPT_WAV, "FILE", 0, "write what is played to a file", 0 },
	{ "rt", OPT_RT, "PRIORITY", 0,
	  "real-time priority (SCHED_FIFO), and memory that stays", 0 },
	{ "spin", OPT_SPIN, NULL, 0,
	  "never sleep while something is played", 0 },
	{ "json", OPT_JSON, NULL, 0, "print the counts at the end", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static uint32_t number(struct argp_state *state, const char *what,
		       const char *text, uint32_t least, uint32_t most)
{
	uint64_t value = 0;

	if (daemon_parse_size(text, &value) || value < least || value > most)
		argp_error(state, "--%s: not a number from %" PRIu32 " to %" PRIu32 ": %s",
			   what, least, most, text);
	return (uint32_t)value;
}

static error_t parse_format(struct audio_format *f, int key, char *arg,
			    struct argp_state *state)
{
	switch (key) {
	case OPT_RATE:
		f->rate = number(state, "rate", arg, RATE_MIN, RATE_MAX);
		return 0;
	case OPT_CHANNELS:
		f->channels = number(state, "channels", arg, 1, CHANNELS_MAX);
		return 0;
	case OPT_PERIOD:
		f->period = number(state, "period", arg, 1, PERIOD_MAX);
		return 0;
	case OPT_PERIODS:
		f->periods = number(state, "periods", arg, 1, PERIODS_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void check_options(const struct audiod *a, struct argp_state *state)
{
	if (a->wav && a->alsa)
		argp_error(state, "--alsa and --wav: one of them");
	if (a->socket && a->daemon.config.name)
		argp_error(state, "--socket is without a NAME: no scheme is made");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct audiod *a = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &a->daemon;
		return 0;
	case OPT_SOCKET:
		a->socket = arg;
		a->daemon.wants_name = false;
		return 0;
	case OPT_ALSA:
		a->alsa = arg;
		return 0;
	case OPT_WAV:
		a->wav = arg;
		return 0;
	case OPT_RT:
		a->priority = (int)number(state, "rt", arg, 1, REALTIME_PRIORITY_MAX);
		return 0;
	case OPT_SPIN:
		a->spins = true;
		return 0;
	case OPT_JSON:
		a->json = true;
		return 0;
	case ARGP_KEY_END:
		check_options(a, state);
		return 0;
	default:
		return parse_format(&a->format, key, arg, state);
	}
}

/* ---- begin ------------------------------------------------------------------------ */

static int open_output(struct audiod *a)
{
	if (a->alsa)
		return output_alsa(&a->output, &a->format, a->alsa);
	if (a->wav)
		return output_wav(&a->output, &a->format, a->wav);
	output_null(&a->output, &a->format);
	return 0;
}

static int be_realtime(const struct audiod *a)
{
	int ret = realtime_begin(a->priority);

	if (ret)
		daemon_say(ret, REALTIME_REFUSED);
	else if (a->priority && a->spins && realtime_is_throttled())
		daemon_say(0, "warning: the kernel holds up a real-time thread that spins, 50 ms of each second (sysctl kernel.sched_rt_runtime_us=-1 lets it)");
	return ret;
}

static int create_scheme(struct audiod *a)
{
	int ret;

	if (!a->socket) {
		ret = daemon_create(&a->daemon, &audio_ops, sizeof(audio_ops), a);
		if (!ret)
			a->queue = scheme_queue(a->daemon.scheme, 0);
		return ret;
	}
	ret = scheme_create_local(&a->daemon.scheme, &audio_ops, sizeof(audio_ops), a);
	if (ret)
		daemon_say(ret, "cannot begin");
	return ret ? ret : rings_listen(a);
}

/* As many requests as there can be at a time wait in the sink. */
static int create_sink(struct audiod *a)
{
	uint32_t most = RINGS_MAX * RING_DEPTH;
	int ret;

	if (a->queue)
		most += scheme_queue_depth(a->queue);
	ret = sink_init(&a->sink, &a->format, &a->output, most);
	if (ret)
		daemon_say(ret, "cannot buffer so much");
	return ret;
}

static int create_events(struct audiod *a)
{
	a->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	a->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->wake_fd >= 0 && a->ended_fd >= 0)
		return 0;
	daemon_say(errno, "cannot begin");
	return -EMFILE;
}

/* ---- end -------------------------------------------------------------------------- */

static void print_counts(const struct audiod *a)
{
	char *text = status_text(a, SINK_MISSES);

	if (text)
		fputs(text, stdout);
	free(text);
}

static int play(struct audiod *a)
{
	int ret = rings_start(a);

	if (ret)
		return ret;
	if (a->socket)
		daemon_ready_at(&a->daemon, a->socket);
	else
		daemon_ready(&a->daemon);
	ret = serve(a);
	rings_stop(a);
	serve_end(a);
	if (ret)
		daemon_say(ret, "cannot go on");
	if (a->json)
		print_counts(a);
	return ret;
}

static void release(struct audiod *a)
{
	if (a->listen_fd >= 0) {
		unlink(a->socket);
		close(a->listen_fd);
	}
	if (a->wake_fd >= 0)
		close(a->wake_fd);
	if (a->ended_fd >= 0)
		close(a->ended_fd);
	if (a->lives_fd >= 0)
		close(a->lives_fd);
	files_uninit(a);
	sink_uninit(&a->sink);
}

static int run(struct audiod *a)
{
	int ret = open_output(a);

	if (!ret)
		ret = create_events(a);
	if (!ret)
		ret = be_realtime(a);
	if (!ret)
		ret = create_scheme(a);
	if (!ret)
		ret = create_sink(a);
	return ret ? ret : play(a);
}

static void set_quota(struct quota *q)
{
	q->all[QUOTA_RINGS] = RINGS_MAX;
	q->all[QUOTA_STATUSES] = STATUS_MAX;
	q->all[QUOTA_VISITORS] = VISITORS_MAX;
	for (unsigned int i = 0; i < QUOTA_KINDS; i++)
		q->each[i] = q->all[i] / 4;
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { &daemon_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME\n--socket=PATH",
		.doc = "Play sound that comes over direct rings, a period at each deadline.",
		.children = children,
	};
	struct audiod a = {
		.daemon = DAEMON_INIT,
		.format = { .rate = 48000, .channels = 2, .period = 64, .periods = 4 },
		.wake_fd = -1,
		.ended_fd = -1,
		.lives_fd = -1,
		.listen_fd = -1,
		.quota = QUOTA_INIT,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	int ret, error;

	a.daemon.one_queue = true;
	set_quota(&a.quota);
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	files_init(&a);
	/* a client may hand over a pipe for a doorbell */
	signal(SIGPIPE, SIG_IGN);
	if (daemon_begin(&a.daemon))
		return EXIT_FAILURE;
	ret = run(&a);
	error = output_close(&a.output);
	ret = daemon_end(&a.daemon, ret ? ret : error);
	release(&a);
	return ret;
}
