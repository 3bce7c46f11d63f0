/* SPDX-License-Identifier: MIT */
/*
 * chand's parts.
 *
 *	chand	 the program and its scheme: what a handle is, which call goes where
 *	listen	 names, listeners, connections that wait to be accepted
 *	conn	 connections: bytes and open files both ways, ends, readiness
 *	wait	 requests that wait, and how they end
 *	transit	 open files on their way
 *
 * All of it runs in the thread that serves the queue, but for closing files.
 *
 * Whatever changes something follows the same steps: put the request on a list,
 * move what can be moved, post the readiness that has changed, and only then
 * answer all that has come to an end. So no client that has its answer finds a
 * readiness that is older.
 */
#ifndef CHAN_H
#define CHAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon.h"
#include "fifo.h"
#include "flat.h"
#include "quota.h"

/* What users have a bounded number of. */
enum {
	CHAN_THINGS,		/* listeners, connections */
	CHAN_WAITS,		/* requests that wait */
	CHAN_FILES,		/* open files on their way */
};

/* Connections that wait to be accepted, of one listener. */
#define CHAN_BACKLOG	64
/* Open files that wait to be received, of one direction. */
#define CHAN_FILES_MAX	16

enum node_kind { NODE_ROOT, NODE_LISTENER, NODE_END };

/* What a handle is. */
struct node {
	enum node_kind	kind;
	struct chand	*chand;
	struct flat	flat;
	bool		known;		/* the answer to its open is on its way */
	uint32_t	posted;		/* the readiness that clients know */
};

struct chand {
	struct daemon		daemon;
	uint64_t		buffer;		/* bytes of a direction */
	struct quota		quota;
	struct node		root;		/* all handles of the root are this */
	LIST_HEAD(listeners, listener) listeners; /* all that are open */
	SLIST_HEAD(closings, closing) unclosed; /* files that wait for a thread */
};

struct scheme_queue *chand_queue(const struct chand *c);

/* An open file on its way. */
struct passing {
	int		fd;		/* -1: none */
	uid_t		uid;		/* whose it counts as */
	struct closing	*closing;	/* transit.c's */
};

/* ---- wait ------------------------------------------------------------------ */

struct end;

TAILQ_HEAD(waits, wait);

/*
 * A request, from its callback to its answer.
 *
 * queued [wait_begin] -> ended [wait_end] -> answered, freed [waits_answer]
 * queued -> parked [wait_settle] -> ended
 */
struct wait {
	TAILQ_ENTRY(wait)	link;
	struct waits		*list;
	struct chand		*chand;
	struct scheme_req	*req;
	uint8_t			*buf;		/* READ, WRITE */
	uint32_t		len, done;
	bool			parked;		/* counts as one of its user's */
	/* when it has ended: one of these is the answer */
	int64_t			result;
	struct end		*end;
	struct passing		file;
};

/* At the end of list; NULL: there is no memory, and that has been answered. */
struct wait *wait_begin(struct chand *c, struct scheme_req *req,
			struct waits *list);
/* It gets this result, when the list `ended` is answered. */
void wait_end(struct wait *w, int64_t result, struct waits *ended);
/*
 * What becomes of a request that has not come to an end: it stays, or goes to
 * ended with EAGAIN if it must not wait, or with ENOBUFS if too many do. What
 * has been done of it is its result then.
 */
void wait_settle(struct wait *w, bool nonblock, struct waits *ended);
/* It ends with what has been done of it, or with err if that is nothing. */
void wait_break(struct wait *w, int err, struct waits *ended);
/* Its caller wants to leave. */
void wait_cancel(struct wait *w, struct waits *ended);
void waits_answer(struct waits *ended);

/* ---- transit --------------------------------------------------------------- */

struct transit {
	struct passing	file[CHAN_FILES_MAX];
	unsigned int	first, nr;
};

/* Take the file that the request carries. 0, or what the sender gets. */
int transit_put(struct transit *t, struct chand *c, struct scheme_req *req);
/* The oldest one, to be closed; its fd is -1 if there is none. */
struct passing transit_get(struct transit *t);
/* Close all that are left. */
void transit_clear(struct transit *t, struct chand *c);
/*
 * Close it, in a thread: it may be one whose close takes as long as somebody
 * wants. It counts until that has come to an end.
 */
void transit_close(struct chand *c, struct passing file);

/* ---- conn ------------------------------------------------------------------ */

struct conn;

struct end {
	struct node	node;
	struct conn	*conn;
	unsigned int	side;		/* 0 has connected, 1 has accepted */
};

/* A new one, of the caller's of req. -ENOBUFS, -ENOMEM. */
int conn_new(struct chand *c, const struct scheme_req *req,
	     const struct flat *flat, struct conn **out);
struct end *conn_end(struct conn *conn, unsigned int side);

/* The readiness that the answer to an open tells. */
uint32_t end_first_events(struct end *e);
void end_read(struct end *e, struct scheme_req *req, void *buf, uint32_t len);
void end_write(struct end *e, struct scheme_req *req, const void *buf,
	       uint32_t len);
void end_send(struct end *e, struct scheme_req *req);
void end_receive(struct end *e, struct scheme_req *req);
/* One of the end's requests has left its list: others may go on. */
void end_go_on(struct end *e, struct waits *ended);
/* The end is no more; the connection goes with its second end. */
void end_close(struct end *e);

/* ---- listen ---------------------------------------------------------------- */

struct listener;

/* The listener of a name, or NULL. */
struct listener *listener_find(struct chand *c, const char *name);
/* The next one with a name and a number above ino, or NULL. */
struct listener *listener_next(struct chand *c, uint64_t ino);
const char *listener_name(const struct listener *l);
struct node *listener_node(struct listener *l);
struct listener *listener_of(struct node *node);
/* A new one; answers the request. An empty name is none. */
void listener_open(struct chand *c, struct scheme_req *req, const char *name,
		   int flags, mode_t mode);
/* Answer with the end of a new connection. */
void listener_connect(struct listener *l, struct scheme_req *req, bool nonblock);
void listener_accept(struct listener *l, struct scheme_req *req, bool nonblock);
/* No open finds it any more. */
void listener_unlink(struct listener *l);
void listener_close(struct listener *l);

#endif /* CHAN_H */
