// SPDX-License-Identifier: MIT
/* Names, listeners, and connections that wait to be accepted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "chan.h"

struct listener {
	struct node		node;
	LIST_ENTRY(listener)	link;
	char			name[SCHEME_DIRENT_NAME_MAX + 1];
	bool			nonblock;	/* as it was opened */
	struct conn		*backlog[CHAN_BACKLOG];
	unsigned int		first, nr;
	struct waits		connectors, acceptors;
};

/* ---- names ----------------------------------------------------------------- */

struct listener *listener_find(struct chand *c, const char *name)
{
	struct listener *l;

	LIST_FOREACH(l, &c->listeners, link)
		if (*name && !strcmp(l->name, name))
			return l;
	return NULL;
}

struct listener *listener_next(struct chand *c, uint64_t ino)
{
	struct listener *l, *best = NULL;

	LIST_FOREACH(l, &c->listeners, link)
		if (*l->name && l->node.flat.ino > ino &&
		    (!best || l->node.flat.ino < best->node.flat.ino))
			best = l;
	return best;
}

const char *listener_name(const struct listener *l)
{
	return l->name;
}

struct node *listener_node(struct listener *l)
{
	return &l->node;
}

struct listener *listener_of(struct node *node)
{
	return (struct listener *)((char *)node - offsetof(struct listener, node));
}

void listener_unlink(struct listener *l)
{
	l->name[0] = '\0';
}

/* ---- moving ---------------------------------------------------------------- */

static int backlog_add(struct listener *l, struct wait *w)
{
	struct conn *conn;
	int ret = conn_new(w->chand, w->req, &l->node.flat, &conn);

	if (ret)
		return ret;
	l->backlog[(l->first + l->nr) % CHAN_BACKLOG] = conn;
	l->nr++;
	w->end = conn_end(conn, 0);
	return 0;
}

static struct conn *backlog_take(struct listener *l)
{
	struct conn *conn = l->backlog[l->first];

	l->first = (l->first + 1) % CHAN_BACKLOG;
	l->nr--;
	return conn;
}

static void listener_move(struct listener *l, struct waits *ended)
{
	struct wait *w;

	for (;;) {
		w = TAILQ_FIRST(&l->connectors);
		if (w && l->nr < CHAN_BACKLOG) {
			wait_end(w, backlog_add(l, w), ended);
			continue;
		}
		w = TAILQ_FIRST(&l->acceptors);
		if (!w || !l->nr)
			return;
		w->end = conn_end(backlog_take(l), 1);
		wait_end(w, 0, ended);
	}
}

static uint32_t listener_events(const struct listener *l)
{
	return l->nr ? EPOLLIN : 0;
}

static void listener_post(struct listener *l)
{
	uint32_t events = listener_events(l);

	if (events == l->node.posted)
		return;
	l->node.posted = events;
	scheme_post_event(chand_queue(l->node.chand), (uintptr_t)&l->node, events);
}

static void listener_run(struct listener *l, struct scheme_req *req,
			 struct waits *list, bool nonblock)
{
	struct waits ended = TAILQ_HEAD_INITIALIZER(ended);
	struct wait *w = wait_begin(l->node.chand, req, list);

	if (!w)
		return;
	listener_move(l, &ended);
	wait_settle(w, nonblock, &ended);
	listener_post(l);
	waits_answer(&ended);
}

void listener_connect(struct listener *l, struct scheme_req *req, bool nonblock)
{
	listener_run(l, req, &l->connectors, nonblock);
}

void listener_accept(struct listener *l, struct scheme_req *req, bool nonblock)
{
	listener_run(l, req, &l->acceptors, nonblock || l->nonblock);
}

/* ---- beginning and end ----------------------------------------------------- */

static struct listener *listener_new(struct chand *c, struct scheme_req *req,
				     const char *name, mode_t mode)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	snprintf(l->name, sizeof(l->name), "%s", name);
	TAILQ_INIT(&l->connectors);
	TAILQ_INIT(&l->acceptors);
	l->node.kind = NODE_LISTENER;
	l->node.chand = c;
	flat_new(&l->node.flat, req, S_IFIFO | (mode & 0777));
	LIST_INSERT_HEAD(&c->listeners, l, link);
	return l;
}

void listener_open(struct chand *c, struct scheme_req *req, const char *name,
		   int flags, mode_t mode)
{
	uid_t uid = scheme_req_sqe(req)->uid;
	struct listener *l;
	int ret = quota_take(&c->quota, uid, CHAN_THINGS, 1);

	if (ret) {
		scheme_reply(req, ret);
		return;
	}
	l = listener_new(c, req, name, mode);
	if (!l) {
		quota_give(&c->quota, uid, CHAN_THINGS, 1);
		scheme_reply(req, -ENOMEM);
		return;
	}
	l->nonblock = flags & O_NONBLOCK;
	scheme_reply_open(req, (uintptr_t)&l->node, SCHEME_CQE_F_EVENTS, 0);
}

void listener_close(struct listener *l)
{
	struct waits ended = TAILQ_HEAD_INITIALIZER(ended);
	struct chand *c = l->node.chand;
	struct wait *w;

	LIST_REMOVE(l, link);
	while ((w = TAILQ_FIRST(&l->connectors)))
		wait_end(w, -ECONNREFUSED, &ended);
	waits_answer(&ended);
	while (l->nr)
		end_close(conn_end(backlog_take(l), 1));
	quota_give(&c->quota, l->node.flat.uid, CHAN_THINGS, 1);
	free(l);
}
