// SPDX-License-Identifier: MIT
/*
 * logd - what programs write, as lines that tell who wrote them
 *
 *	logd NAME [--file FILE] [--memory SIZE]
 *
 * Each name in the scheme is a context, which stands in the lines written there.
 * A line is written out in one piece; what is not finished waits in its handle.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "flat.h"
#include "line.h"
#include "quota.h"

#define MEMORY_SIZE	(256U << 10)
#define HANDLES_MAX	16384

struct logd {
	struct daemon		daemon;
	struct flat_single	any;		/* every name */
	const char		*path;
	int			out;
	bool			torn;		/* a line of which only a part went out */
	struct memory		memory;
	uint64_t		memory_size;
	struct quota		quota;		/* kind 0: handles */
};

/* A handle; the root as a directory is one without use. */
struct client {
	bool		is_root;
	uint32_t	uid;			/* whose it counts as */
	uint64_t	position;		/* of the reader */
	struct line	line;
	char		context[LINE_CONTEXT_MAX + 1];
};

static struct logd *logd_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

static struct client *client_of(uint64_t handle)
{
	return (struct client *)(uintptr_t)handle;
}

/* ---- lines ----------------------------------------------------------------- */

/* The client's line is complete. */
static int emit(struct logd *d, struct client *c)
{
	char out[LINE_MAX_BYTES];
	struct timespec now;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	len = line_format(&c->line, c->context, &now, out);
	c->line.len = 0;
	memory_add(&d->memory, out, len);
	return line_write(d->out, out, len, &d->torn);
}

/* Another process goes on with the handle: it has lines of its own. */
static int set_writer(struct logd *d, struct client *c,
		      const struct scheme_sqe *sqe)
{
	int ret = 0;

	if (c->line.len && (c->line.pid != sqe->pid || c->line.uid != sqe->uid))
		ret = emit(d, c);
	c->line.pid = sqe->pid;
	c->line.uid = sqe->uid;
	return ret;
}

static int64_t log_bytes(struct logd *d, struct client *c,
			 const struct scheme_sqe *sqe, const char *data,
			 size_t len)
{
	int err = set_writer(d, c, sqe), ret;
	bool complete;

	for (size_t done = 0; done < len; ) {
		done += line_take(&c->line, data + done, len - done, &complete);
		ret = complete ? emit(d, c) : 0;
		if (ret)
			err = ret;
	}
	return err ? err : (int64_t)len;
}

/* ---- the scheme ------------------------------------------------------------ */

static int client_new(struct logd *d, uint32_t uid, struct client **c)
{
	int ret = quota_take(&d->quota, uid, 0, 1);

	if (ret)
		return ret;
	*c = calloc(1, sizeof(**c));
	if (!*c) {
		quota_give(&d->quota, uid, 0, 1);
		return -ENOMEM;
	}
	(*c)->uid = uid;
	return 0;
}

static void log_open(struct scheme_req *req, uint64_t dir, const char *path,
		     int flags, mode_t mode)
{
	struct logd *d = logd_of(req);
	bool is_file = dir != SCHEME_ROOT && !client_of(dir)->is_root;
	int what = flat_single_find(&d->any, is_file, path, flags);
	struct client *c = NULL;
	int ret = what;

	(void)mode;
	if (what > 0)
		ret = client_new(d, scheme_req_sqe(req)->uid, &c);
	if (!c) {
		scheme_reply(req, ret);
		return;
	}
	c->is_root = what == FLAT_ROOT;
	snprintf(c->context, sizeof(c->context), "%s",
		 is_file ? client_of(dir)->context : path);
	scheme_reply_open(req, (uintptr_t)c,
			  c->is_root ? SCHEME_CQE_F_POSITIONED : 0, 0);
}

static void log_close(struct scheme *s, uint64_t handle)
{
	struct client *c = client_of(handle);
	struct logd *d = scheme_user(s);
	int ret = c->line.len ? emit(d, c) : 0;

	if (ret)
		daemon_say(ret, "a last line is lost");
	quota_give(&d->quota, c->uid, 0, 1);
	free(c);
}

static void log_write(struct scheme_req *req, uint64_t handle, const void *buf,
		      uint32_t len, uint64_t offset)
{
	struct client *c = client_of(handle);

	(void)offset;
	scheme_reply(req, c->is_root ? -EISDIR :
		     log_bytes(logd_of(req), c, scheme_req_sqe(req), buf, len));
}

static void log_read(struct scheme_req *req, uint64_t handle, void *buf,
		     uint32_t len, uint64_t offset)
{
	struct client *c = client_of(handle);

	(void)offset;
	scheme_reply(req, c->is_root ? -EISDIR : (int64_t)
		     memory_get(&logd_of(req)->memory, &c->position, buf, len));
}

/* What is not a whole line yet becomes one. */
static void log_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	struct client *c = client_of(handle);
	struct logd *d = logd_of(req);
	int ret = c->line.len ? emit(d, c) : 0;

	(void)data_only;
	/* a terminal or a pipe has nothing to make durable */
	if (!ret && fdatasync(d->out) && errno != EINVAL && errno != EROFS)
		ret = -errno;
	scheme_reply(req, ret);
}

static void log_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	bool is_file = handle != SCHEME_ROOT && !client_of(handle)->is_root;

	flat_single_stat(req, &logd_of(req)->any, is_file, path);
}

static void log_getdents(struct scheme_req *req, uint64_t handle,
			 uint64_t offset)
{
	(void)handle;
	flat_single_getdents(req, &logd_of(req)->any, offset);
}

static const struct scheme_ops log_ops = {
	.open = log_open,
	.close = log_close,
	.read = log_read,
	.write = log_write,
	.fsync = log_fsync,
	.stat = log_stat,
	.getdents = log_getdents,
};

/* ---- the program ----------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "file", 'f', "FILE", 0, "append to it (standard output)", 0 },
	{ "memory", 'm', "SIZE", 0,
	  "last bytes of the log, which a read returns (256K); 0: none", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct logd *d = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &d->daemon;
		return 0;
	case 'f':
		d->path = arg;
		return 0;
	case 'm':
		if (daemon_parse_size(arg, &d->memory_size) ||
		    d->memory_size > 1U << 30)
			argp_error(state, "--memory: not a size up to 1G: %s", arg);
		return 0;
	case ARGP_KEY_END:
		if (d->daemon.background && !d->path)
			argp_error(state, "in the background there is no standard output: give --file");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int prepare(struct logd *d)
{
	int ret = memory_init(&d->memory, d->memory_size);

	if (ret) {
		daemon_say(ret, "no memory for --memory: lower it");
		return ret;
	}
	if (!d->path)
		return 0;
	d->out = open(d->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (d->out >= 0)
		return 0;
	daemon_say(errno, "cannot open %s", d->path);
	return -EIO;
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { &daemon_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME",
		.doc = "Serve a scheme that logs what is written to it.",
		.children = children,
	};
	struct logd d = {
		.daemon = DAEMON_INIT,
		.out = STDOUT_FILENO,
		.memory_size = MEMORY_SIZE,
		.quota = QUOTA_INIT,
	};
	int err;

	d.daemon.one_queue = true;
	d.quota.each[0] = HANDLES_MAX / 4;
	d.quota.all[0] = HANDLES_MAX;
	argp_parse(&argp, argc, argv, 0, NULL, &d);
	flat_fixed(&d.any.flat, d.daemon.config.mode);
	/* whoever reads our output may end before us */
	signal(SIGPIPE, SIG_IGN);
	if (prepare(&d) || daemon_begin(&d.daemon))
		return EXIT_FAILURE;
	err = daemon_create(&d.daemon, &log_ops, sizeof(log_ops), &d);
	if (!err)
		err = daemon_serve(&d.daemon);
	memory_free(&d.memory);
	return daemon_end(&d.daemon, err);
}
