// SPDX-License-Identifier: MIT
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "explain.h"

/* ---- words ---------------------------------------------------------------- */

void daemon_say(int err, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, text,
		err ? ": " : "", err ? strerror(abs(err)) : "");
}

/* Powers of 1024 that a suffix stands for; -1: none that we know. */
static int suffix_power(const char *suffix)
{
	static const char letters[] = "KkMmGgTt";
	const char *at;

	if (!*suffix)
		return 0;
	at = strchr(letters, *suffix);
	if (!at || suffix[1])
		return -1;
	return (int)(at - letters) / 2 + 1;
}

int daemon_parse_size(const char *text, uint64_t *value)
{
	char *end;
	int shift;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno)
		return -errno;
	shift = 10 * suffix_power(end);
	if (shift < 0)
		return -EINVAL;
	if (*value > UINT64_MAX >> shift)
		return -ERANGE;
	*value <<= shift;
	return 0;
}

/* ---- options -------------------------------------------------------------- */

enum {
	OPT_DAEMONIZE = 0x1000,
	OPT_FOREGROUND,
	OPT_QUEUES,
	OPT_DEPTH,
	OPT_SLOT_SIZE,
	OPT_BUSY_POLL,
	OPT_MODE,
	OPT_TIMEOUT,
	OPT_USER_LIMIT,
	OPT_CONTROL,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Of every daemon:", 10 },
	{ "daemonize", OPT_DAEMONIZE, NULL, 0,
	  "go to the background; return when the scheme is ready", 0 },
	{ "foreground", OPT_FOREGROUND, NULL, 0, "stay (the default)", 0 },
	{ "queues", OPT_QUEUES, "N", 0, "queues, with a thread each (1)", 0 },
	{ "depth", OPT_DEPTH, "N", 0, "requests in flight per queue (32)", 0 },
	{ "slot-size", OPT_SLOT_SIZE, "SIZE", 0,
	  "most payload of a request (128K)", 0 },
	{ "busy-poll", OPT_BUSY_POLL, "US", 0,
	  "microseconds that both sides spin before they sleep (0)", 0 },
	{ "mode", OPT_MODE, "OCTAL", 0, "rights of the node (0600)", 0 },
	{ "timeout", OPT_TIMEOUT, "MS", 0, "deadline of every request", 0 },
	{ "user-limit", OPT_USER_LIMIT, "N", 0,
	  "requests in flight that one user may have", 0 },
	{ "control", OPT_CONTROL, "PATH", 0,
	  "control node (/dev/scheme-control)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static unsigned int number(struct argp_state *state, const char *what,
			   const char *text, uint64_t most)
{
	uint64_t value = 0;

	if (daemon_parse_size(text, &value) || value > most)
		argp_error(state, "%s: not a number from 0 to %" PRIu64 ": %s",
			   what, most, text);
	return (unsigned int)value;
}

static mode_t octal(struct argp_state *state, const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (end == text || *end || mode > 0777)
		argp_error(state, "--mode: not an octal number up to 777: %s",
			   text);
	return (mode_t)mode;
}

static error_t parse_config(struct scheme_config *c, int key, char *arg,
			    struct argp_state *state)
{
	switch (key) {
	case OPT_QUEUES:
		c->queues = number(state, "--queues", arg, UINT32_MAX);
		return 0;
	case OPT_DEPTH:
		c->depth = number(state, "--depth", arg, UINT32_MAX);
		return 0;
	case OPT_SLOT_SIZE:
		c->slot_size = number(state, "--slot-size", arg, UINT32_MAX);
		return 0;
	case OPT_BUSY_POLL:
		c->busy_poll_us = number(state, "--busy-poll", arg, UINT32_MAX);
		return 0;
	case OPT_TIMEOUT:
		c->timeout_ms = number(state, "--timeout", arg, UINT32_MAX);
		return 0;
	case OPT_USER_LIMIT:
		c->user_limit = number(state, "--user-limit", arg, UINT32_MAX);
		return 0;
	case OPT_MODE:
		c->mode = octal(state, arg);
		return 0;
	case OPT_CONTROL:
		c->control = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct daemon *d = state->input;

	switch (key) {
	case OPT_DAEMONIZE:
		d->background = true;
		return 0;
	case OPT_FOREGROUND:
		d->background = false;
		return 0;
	case ARGP_KEY_ARG:
		if (!d->wants_name || d->config.name)
			return ARGP_ERR_UNKNOWN;
		d->config.name = arg;
		return 0;
	case ARGP_KEY_END:
		if (d->wants_name && !d->config.name)
			argp_error(state, "which NAME shall the scheme have?");
		if (d->one_queue && d->config.queues > 1)
			argp_error(state, "this scheme has one queue: leave --queues out");
		return 0;
	default:
		return parse_config(&d->config, key, arg, state);
	}
}

const struct argp daemon_argp = {
	.options = options,
	.parser = parse,
};

/* ---- beginning ------------------------------------------------------------ */

/* The parent's end: as the child fares, so do we. */
static void await_child(pid_t child, int fd)
{
	char byte;
	int status;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	waitpid(child, &status, 0);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

static int go_to_background(struct daemon *d)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child) {
		close(fds[1]);
		await_child(child, fds[0]);
	}
	close(fds[0]);
	d->parent_fd = fds[1];
	setsid();
	return 0;
}

static int catch_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd < 0 ? -errno : 0;
}

int daemon_begin(struct daemon *d)
{
	int ret = d->background ? go_to_background(d) : 0;

	if (!ret)
		ret = catch_signals(d);
	if (ret)
		daemon_say(ret, "cannot begin");
	return ret;
}

int daemon_create(struct daemon *d, const struct scheme_ops *ops,
		  size_t ops_size, void *user)
{
	int ret = scheme_create(&d->scheme, &d->config, ops, ops_size, user);

	if (ret)
		daemon_say(0, "cannot create scheme %s: %s", d->config.name,
			   explain_create(ret));
	return ret;
}

static void leave_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || chdir("/"))
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void daemon_ready_at(struct daemon *d, const char *path)
{
	printf("ready: %s\n", path);
	fflush(stdout);
	if (d->parent_fd < 0)
		return;
	leave_terminal();
	if (write(d->parent_fd, "", 1) < 0)
		daemon_say(errno, "the parent has gone");
	close(d->parent_fd);
	d->parent_fd = -1;
}

void daemon_ready(struct daemon *d)
{
	char path[sizeof("/dev/scheme/") + SCHEME_NAME_MAX];

	snprintf(path, sizeof(path), "/dev/scheme/%s", scheme_name(d->scheme));
	daemon_ready_at(d, path);
}

/* ---- serving -------------------------------------------------------------- */

struct worker {
	pthread_t		thread;
	struct scheme_queue	*queue;
	int			ended_fd;	/* eventfd: one of us has ended */
	int			ret;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	do {
		w->ret = scheme_queue_step(w->queue, -1);
	} while (w->ret >= 0 || w->ret == -EINTR);
	eventfd_write(w->ended_fd, 1);
	return NULL;
}

/* Returns how many threads run; all of them, or *err is set. */
static unsigned int start(struct daemon *d, struct worker *workers, int ended_fd,
			  int *err)
{
	unsigned int i, nr = scheme_queues(d->scheme);

	*err = 0;
	for (i = 0; i < nr; i++) {
		workers[i].queue = scheme_queue(d->scheme, i);
		workers[i].ended_fd = ended_fd;
		*err = -pthread_create(&workers[i].thread, NULL, work,
				       &workers[i]);
		if (*err)
			break;
	}
	return i;
}

static void await_end(const struct daemon *d, int ended_fd)
{
	struct pollfd fds[] = {
		{ .fd = d->signal_fd, .events = POLLIN },
		{ .fd = ended_fd, .events = POLLIN },
	};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
}

/* ENODEV is how a queue ends that has been told to. */
static int join(struct worker *workers, unsigned int nr)
{
	int ret = 0;

	for (unsigned int i = 0; i < nr; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].ret != -ENODEV)
			ret = workers[i].ret;
	}
	return ret;
}

static int serve(struct daemon *d, struct worker *workers, int ended_fd)
{
	unsigned int nr;
	int ret, err;

	nr = start(d, workers, ended_fd, &err);
	if (!err) {
		daemon_ready(d);
		await_end(d, ended_fd);
	}
	scheme_stop(d->scheme);
	ret = join(workers, nr);
	return err ? err : ret;
}

int daemon_serve(struct daemon *d)
{
	struct worker *workers;
	int ret, ended_fd = eventfd(0, EFD_CLOEXEC);

	workers = calloc(scheme_queues(d->scheme), sizeof(*workers));
	if (ended_fd < 0 || !workers)
		ret = -ENOMEM;
	else
		ret = serve(d, workers, ended_fd);
	if (ret)
		daemon_say(ret, "cannot serve scheme %s",
			   scheme_name(d->scheme));
	free(workers);
	if (ended_fd >= 0)
		close(ended_fd);
	return ret;
}

bool daemon_stopping(const struct daemon *d)
{
	struct pollfd fd = { .fd = d->signal_fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

unsigned int daemon_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return 0;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_NOFILE, &files);
	return files.rlim_cur > UINT_MAX ? UINT_MAX : (unsigned int)files.rlim_cur;
}

int daemon_end(struct daemon *d, int err)
{
	if (d->scheme)
		scheme_destroy(d->scheme);
	d->scheme = NULL;
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	if (d->parent_fd >= 0)
		close(d->parent_fd);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
