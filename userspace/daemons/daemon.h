/* SPDX-License-Identifier: MIT */
/*
 * What all daemons share: the common options, signals, the way to the
 * background, one-line errors, and a thread a queue.
 *
 *	struct mine m = { .daemon = DAEMON_INIT };
 *
 *	argp_parse(&mine_argp, argc, argv, 0, NULL, &m);
 *	if (daemon_begin(&m.daemon) || daemon_create(&m.daemon, &ops, sizeof(ops), &m))
 *		return 1;
 *	return daemon_end(&m.daemon, daemon_serve(&m.daemon));
 *
 * where mine_argp has daemon_argp as its first child, and its parser gives it
 * its input at ARGP_KEY_INIT: state->child_inputs[0] = &m->daemon.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include <scheme.h>

struct daemon {
	/* set before the options are parsed, or by them */
	struct scheme_config	config;		/* .name too */
	bool			wants_name;	/* one argument NAME, required */
	bool			one_queue;	/* --queues is refused */
	bool			background;	/* --daemonize */

	/* daemon_begin() */
	int			signal_fd;	/* readable: told to stop */
	int			parent_fd;	/* where the parent waits; -1 if none */

	/* daemon_create() */
	struct scheme		*scheme;
};

#define DAEMON_INIT \
	{ .wants_name = true, .signal_fd = -1, .parent_fd = -1 }

/*
 * --daemonize, --foreground, --queues, --depth, --slot-size, --busy-poll,
 * --mode, --timeout, --user-limit, --control; and NAME if wants_name.
 * Its input is a struct daemon.
 */
extern const struct argp daemon_argp;

/*
 * Block SIGINT, SIGTERM and SIGHUP and make signal_fd readable by them instead;
 * with --daemonize, go on in a child: the parent exits 0 at daemon_ready(), or
 * with the child's status if that ends before. So call it before anything that
 * a fork would break: threads, libusb, a scheme.
 * Returns 0, or -errno after one line on stderr.
 */
int daemon_begin(struct daemon *d);
/*
 * scheme_create() with d->config. Returns 0, or -errno after one line on stderr
 * that says what to do.
 */
int daemon_create(struct daemon *d, const struct scheme_ops *ops,
		  size_t ops_size, void *user);
/* Print "ready: /dev/scheme/NAME" and let the waiting parent go. */
void daemon_ready(struct daemon *d);
/* The same for one that is found elsewhere: "ready: PATH". */
void daemon_ready_at(struct daemon *d, const char *path);
/*
 * daemon_ready(), then serve every queue in a thread of its own until a signal
 * comes or the scheme ends (scheme_stop(), a kill by name). All threads have
 * ended on return. Returns 0, or -errno of a broken ring or failed thread.
 */
int daemon_serve(struct daemon *d);
/* Non-blocking look at signal_fd: have we been told to stop? Keeps the signal. */
bool daemon_stopping(const struct daemon *d);
/*
 * For daemons that hold files of their clients': raise the limit of open files
 * as far as it may be. Returns it.
 */
unsigned int daemon_raise_files(void);
/* Destroy the scheme and close what begin opened. Returns the exit status. */
int daemon_end(struct daemon *d, int err);

/* One line on stderr: "program: text", or "program: text: strerror" if err. */
void daemon_say(int err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "64M", "0x200", "1G" …: K, M, G, T are powers of 1024. -EINVAL, -ERANGE. */
int daemon_parse_size(const char *text, uint64_t *value);

#endif /* DAEMON_H */
