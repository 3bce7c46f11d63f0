// SPDX-License-Identifier: MIT
/*
 * Echo: what is written to a file comes back when it is read.
 *
 *	cc -o echo echo.c $(pkg-config --cflags --libs libscheme)
 *	./echo user.echo &
 *	exec 3<>/dev/scheme/user.echo; echo hello >&3; head -n 1 <&3
 *
 * It shows what a provider does when it cannot answer at once: a read of an
 * empty file is parked and answered by the write that comes later, or given up
 * when its caller loses patience; and poll(2) is told what is ready.
 *
 * One thread serves one queue, so nothing here needs a lock.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <scheme.h>

#define ROOM	4096

/* One open file: a pipe to itself. Its address is its number. */
struct echo {
	struct scheme_req	*reader;	/* parked; its user is this file */
	void			*buf;		/* the reader's */
	uint32_t		len;
	uint32_t		used;
	char			data[ROOM];
};

static volatile int stop;

static void on_signal(int signal)
{
	stop = signal;
}

static struct echo *echo_of(uint64_t handle)
{
	return (struct echo *)(uintptr_t)handle;
}

static uint32_t ready(const struct echo *e)
{
	return (e->used ? EPOLLIN : 0) | (e->used < ROOM ? EPOLLOUT : 0);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Move the oldest bytes to buf. */
static uint32_t take(struct echo *e, void *buf, uint32_t len)
{
	len = least(len, e->used);
	memcpy(buf, e->data, len);
	e->used -= len;
	memmove(e->data, e->data + len, e->used);
	return len;
}

static void wake_reader(struct echo *e)
{
	struct scheme_req *req = e->reader;

	e->reader = NULL;
	scheme_reply(req, take(e, e->buf, e->len));
}

static void echo_open(struct scheme_req *req, uint64_t dir, const char *path,
		      int flags, mode_t mode)
{
	struct echo *e = calloc(1, sizeof(*e));

	(void)dir, (void)path, (void)flags, (void)mode;
	if (e)
		scheme_reply_open(req, (uintptr_t)e, SCHEME_CQE_F_EVENTS,
				  ready(e));
	else
		scheme_reply(req, -ENOMEM);
}

static void echo_close(struct scheme *s, uint64_t handle)
{
	(void)s;
	free(echo_of(handle));
}

static void echo_read(struct scheme_req *req, uint64_t handle, void *buf,
		      uint32_t len, uint64_t offset)
{
	struct echo *e = echo_of(handle);

	(void)offset;
	if (e->used || !len) {
		scheme_reply(req, take(e, buf, len));
		scheme_post_event(scheme_req_queue(req), handle, ready(e));
	} else if (scheme_req_flags(req) & SCHEME_RW_NONBLOCK) {
		scheme_reply(req, -EAGAIN);
	} else if (e->reader) {
		scheme_reply(req, -EBUSY);	/* one at a time will do */
	} else {
		e->reader = req;
		e->buf = buf;
		e->len = len;
		scheme_req_set_user(req, e);
	}
}

static void echo_write(struct scheme_req *req, uint64_t handle, const void *buf,
		       uint32_t len, uint64_t offset)
{
	struct echo *e = echo_of(handle);
	uint32_t taken = least(len, ROOM - e->used);

	(void)offset;
	if (len && !taken) {	/* a writer could be parked as readers are */
		scheme_reply(req, -ENOSPC);
		return;
	}
	memcpy(e->data + e->used, buf, taken);
	e->used += taken;
	if (e->reader && e->used)
		wake_reader(e);
	scheme_reply(req, taken);
	scheme_post_event(scheme_req_queue(req), handle, ready(e));
}

/* Only reads are ever parked. */
static void echo_cancel(struct scheme_req *req)
{
	struct echo *e = scheme_req_user(req);

	e->reader = NULL;
	scheme_reply(req, -ECANCELED);
}

int main(int argc, char **argv)
{
	const struct scheme_ops ops = {
		.open = echo_open,
		.close = echo_close,
		.read = echo_read,
		.write = echo_write,
		.cancel = echo_cancel,
	};
	const struct scheme_config config = {
		.name = argc > 1 ? argv[1] : "user.echo",
	};
	struct scheme *s;
	int ret = scheme_create(&s, &config, &ops, sizeof(ops), NULL);

	if (!ret) {
		signal(SIGINT, on_signal);
		signal(SIGTERM, on_signal);
		ret = scheme_run(s, &stop);
		scheme_destroy(s);
	}
	if (ret)
		fprintf(stderr, "echo: %s\n", strerror(-ret));
	return ret != 0;
}
