// SPDX-License-Identifier: MIT
/*
 * Open files on their way. Nothing is asked of them, not even a stat: behind
 * each may be a driver or a daemon that takes its time.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "chan.h"

#ifndef __clang__
/*
 * gcc -fanalyzer loses sight of what is kept in an array of files and calls it lost; the
 * unit tests look for leaks.
 */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* How it will be closed, for which there must be memory whatever comes. */
struct closing {
	SLIST_ENTRY(closing)	link;
	struct chand		*chand;
	struct passing		file;
};

static int fetch(struct passing *file, struct scheme_req *req)
{
	struct closing *closing = malloc(sizeof(*closing));
	int fd = closing ? scheme_req_fetch_fd(req, O_CLOEXEC) : -ENOMEM;

	if (fd < 0) {
		free(closing);
		return fd;
	}
	*file = (struct passing){
		.fd = fd,
		.uid = scheme_req_sqe(req)->uid,
		.closing = closing,
	};
	return 0;
}

int transit_put(struct transit *t, struct chand *c, struct scheme_req *req)
{
	uid_t uid = scheme_req_sqe(req)->uid;
	unsigned int at = (t->first + t->nr) % CHAN_FILES_MAX;
	int ret;

	/*
	 * An end that waits in a connection of ours would keep itself open: we
	 * have it, so its CLOSE would not come.
	 */
	if (scheme_req_flags(req) & SCHEME_SENDFD_OWN)
		return -ELOOP;
	ret = quota_take(&c->quota, uid, CHAN_FILES, 1);
	if (ret)
		return ret == -ENOBUFS ? -ETOOMANYREFS : ret;
	ret = fetch(&t->file[at], req);
	if (ret) {
		quota_give(&c->quota, uid, CHAN_FILES, 1);
		return ret == -EMFILE ? -ETOOMANYREFS : ret;
	}
	t->nr++;
	return 0;
}

struct passing transit_get(struct transit *t)
{
	unsigned int at = t->first;

	if (!t->nr)
		return (struct passing){ .fd = -1 };
	t->first = (t->first + 1) % CHAN_FILES_MAX;
	t->nr--;
	return t->file[at];
}

void transit_clear(struct transit *t, struct chand *c)
{
	while (t->nr)
		transit_close(c, transit_get(t));
}

static void *close_one(void *arg)
{
	struct closing *closing = arg;

	close(closing->file.fd);
	quota_give(&closing->chand->quota, closing->file.uid, CHAN_FILES, 1);
	free(closing);
	return NULL;
}

/* Not 0: there is no thread to be had. */
static int close_in_thread(struct closing *closing)
{
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN);
	ret = pthread_create(&thread, &attr, close_one, closing);
	pthread_attr_destroy(&attr);
	return ret;
}

/*
 * Those that found no thread wait for the next one that is closed: closed here
 * they could keep all clients waiting for good.
 */
void transit_close(struct chand *c, struct passing file)
{
	struct closing *closing = file.closing;

	*closing = (struct closing){ .chand = c, .file = file };
	SLIST_INSERT_HEAD(&c->unclosed, closing, link);
	while ((closing = SLIST_FIRST(&c->unclosed))) {
		SLIST_REMOVE_HEAD(&c->unclosed, link);
		if (!close_in_thread(closing))
			continue;
		SLIST_INSERT_HEAD(&c->unclosed, closing, link);
		return;
	}
}
