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
	ret = scheme_req_fetch_fd(req, O_CLOEXEC);
	if (ret < 0) {
		quota_give(&c->quota, uid, CHAN_FILES, 1);
		return ret == -EMFILE ? -ETOOMANYREFS : ret;
	}
	t->file[at].fd = ret;
	t->file[at].uid = uid;
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

static void close_now(struct chand *c, struct passing file)
{
	close(file.fd);
	quota_give(&c->quota, file.uid, CHAN_FILES, 1);
}

struct closing {
	struct chand	*chand;
	struct passing	file;
};

static void *close_one(void *arg)
{
	struct closing *closing = arg;

	close_now(closing->chand, closing->file);
	free(closing);
	return NULL;
}

static int close_later(struct closing *closing)
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

void transit_close(struct chand *c, struct passing file)
{
	struct closing *closing = malloc(sizeof(*closing));

	if (closing) {
		*closing = (struct closing){ .chand = c, .file = file };
		if (!close_later(closing))
			return;
		free(closing);
	}
	close_now(c, file);
}
