// SPDX-License-Identifier: MIT
/* Requests that wait, and how they end. */
#include <errno.h>
#include <stdlib.h>

#include "chan.h"

static uid_t uid_of(const struct wait *w)
{
	return scheme_req_sqe(w->req)->uid;
}

struct wait *wait_begin(struct chand *c, struct scheme_req *req,
			struct waits *list)
{
	struct wait *w = calloc(1, sizeof(*w));

	if (!w) {
		scheme_reply(req, -ENOMEM);
		return NULL;
	}
	w->chand = c;
	w->req = req;
	w->file.fd = -1;
	w->list = list;
	TAILQ_INSERT_TAIL(list, w, link);
	scheme_req_set_user(req, w);
	return w;
}

void wait_end(struct wait *w, int64_t result, struct waits *ended)
{
	TAILQ_REMOVE(w->list, w, link);
	w->list = ended;
	w->result = result;
	TAILQ_INSERT_TAIL(ended, w, link);
}

void wait_break(struct wait *w, int err, struct waits *ended)
{
	wait_end(w, w->done ? (int64_t)w->done : err, ended);
}

void wait_settle(struct wait *w, bool nonblock, struct waits *ended)
{
	int ret = -EAGAIN;

	if (w->list == ended)
		return;
	if (!nonblock)
		ret = quota_take(&w->chand->quota, uid_of(w), CHAN_WAITS, 1);
	if (ret)
		wait_break(w, ret, ended);
	else
		w->parked = true;
}

void wait_cancel(struct wait *w, struct waits *ended)
{
	wait_break(w, -ECANCELED, ended);
}

static void answer(struct wait *w)
{
	if (w->end)
		scheme_reply_open(w->req, (uintptr_t)w->end,
				  SCHEME_CQE_F_EVENTS, end_first_events(w->end));
	else if (w->file.fd >= 0)
		scheme_reply_fd(w->req, w->file.fd);
	else
		scheme_reply(w->req, w->result);
}

void waits_answer(struct waits *ended)
{
	struct wait *w;

	while ((w = TAILQ_FIRST(ended))) {
		TAILQ_REMOVE(ended, w, link);
		if (w->parked)
			quota_give(&w->chand->quota, uid_of(w), CHAN_WAITS, 1);
		answer(w);
		if (w->file.fd >= 0)
			transit_close(w->chand, w->file);
		free(w);
	}
}
