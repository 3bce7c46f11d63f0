// SPDX-License-Identifier: MIT
/*
 * Connections: bytes and open files both ways, ends, readiness.
 *
 * An end: waits to be accepted -> open -> gone; or gone at once with its
 * listener. What an end has written can be read after it has gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "chan.h"

/* One direction. */
struct flow {
	struct fifo	bytes;
	struct waits	writers, readers;
	struct transit	files;
	struct waits	senders, receivers;
	bool		ended;		/* who writes has gone */
	bool		unheard;	/* who reads has gone */
};

struct conn {
	struct chand	*chand;
	uid_t		uid;		/* whose it counts as */
	struct flow	flow[2];	/* the side that writes is the index */
	struct end	end[2];
};

static struct flow *flow_out(const struct end *e)
{
	return &e->conn->flow[e->side];
}

static struct flow *flow_in(const struct end *e)
{
	return &e->conn->flow[!e->side];
}

static bool end_gone(const struct end *e)
{
	return flow_out(e)->ended;
}

/* ---- beginning ------------------------------------------------------------- */

static int flow_init(struct flow *f, const struct chand *c)
{
	TAILQ_INIT(&f->writers);
	TAILQ_INIT(&f->readers);
	TAILQ_INIT(&f->senders);
	TAILQ_INIT(&f->receivers);
	return fifo_init(&f->bytes, (uint32_t)c->buffer);
}

static void conn_free(struct conn *conn)
{
	struct chand *c = conn->chand;

	for (int i = 0; i < 2; i++) {
		transit_clear(&conn->flow[i].files, c);
		fifo_free(&conn->flow[i].bytes);
	}
	quota_give(&c->quota, conn->uid, CHAN_THINGS, 1);
	free(conn);
}

static void end_init(struct conn *conn, unsigned int side,
		     const struct flat *flat)
{
	conn->end[side] = (struct end){
		.node = { .kind = NODE_END, .chand = conn->chand, .flat = *flat },
		.conn = conn,
		.side = side,
	};
}

int conn_new(struct chand *c, const struct scheme_req *req,
	     const struct flat *flat, struct conn **out)
{
	uid_t uid = scheme_req_sqe(req)->uid;
	struct conn *conn;
	int ret = quota_take(&c->quota, uid, CHAN_THINGS, 1);

	if (ret)
		return ret;
	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		quota_give(&c->quota, uid, CHAN_THINGS, 1);
		return -ENOMEM;
	}
	conn->chand = c;
	conn->uid = uid;
	end_init(conn, 0, flat);
	end_init(conn, 1, flat);
	if (flow_init(&conn->flow[0], c) || flow_init(&conn->flow[1], c)) {
		conn_free(conn);
		return -ENOMEM;
	}
	*out = conn;
	return 0;
}

struct end *conn_end(struct conn *conn, unsigned int side)
{
	return &conn->end[side];
}

/* ---- readiness ------------------------------------------------------------- */

/*
 * Room for a quarter counts as ready for writing, so that who waits for it is
 * not woken for every byte.
 */
static uint32_t end_events(const struct end *e)
{
	const struct flow *in = flow_in(e), *out = flow_out(e);
	uint32_t events = 0;

	if (fifo_used(&in->bytes) || in->ended)
		events |= EPOLLIN;
	if (in->files.nr)
		events |= EPOLLPRI;
	if (fifo_room(&out->bytes) * 4ULL >= out->bytes.size || out->unheard)
		events |= EPOLLOUT;
	if (in->ended)
		events |= EPOLLRDHUP | EPOLLHUP;
	return events;
}

uint32_t end_first_events(struct end *e)
{
	e->node.known = true;
	e->node.posted = end_events(e);
	return e->node.posted;
}

static void end_post(struct end *e)
{
	uint32_t events = end_events(e);

	if (end_gone(e) || !e->node.known || events == e->node.posted)
		return;
	e->node.posted = events;
	scheme_post_event(chand_queue(e->node.chand), (uintptr_t)e, events);
}

/* ---- moving ---------------------------------------------------------------- */

/* Writers in order, until one has to wait. */
static bool take_bytes(struct flow *f, struct waits *ended)
{
	struct wait *w;
	uint32_t n, moved = 0;

	while ((w = TAILQ_FIRST(&f->writers))) {
		if (f->unheard) {
			wait_break(w, -EPIPE, ended);
			continue;
		}
		n = fifo_put(&f->bytes, w->buf + w->done, w->len - w->done);
		moved += n;
		w->done += n;
		if (w->done < w->len)
			break;
		wait_end(w, w->len, ended);
	}
	return moved;
}

static bool give_bytes(struct flow *f, struct waits *ended)
{
	struct wait *w;
	uint32_t n, moved = 0;

	while ((w = TAILQ_FIRST(&f->readers))) {
		n = fifo_get(&f->bytes, w->buf, w->len);
		moved += n;
		if (!n && !f->ended)
			break;
		wait_end(w, n, ended);
	}
	return moved;
}

static bool take_files(struct flow *f, struct waits *ended)
{
	unsigned int before = f->files.nr;
	struct wait *w;

	while ((w = TAILQ_FIRST(&f->senders))) {
		if (f->unheard)
			wait_end(w, -EPIPE, ended);
		else if (f->files.nr < CHAN_FILES_MAX)
			wait_end(w, transit_put(&f->files, w->chand, w->req),
				 ended);
		else
			break;
	}
	return f->files.nr != before;
}

static bool give_files(struct flow *f, struct waits *ended)
{
	bool moved = false;
	struct wait *w;

	while ((w = TAILQ_FIRST(&f->receivers))) {
		w->file = transit_get(&f->files);
		if (w->file.fd < 0 && !f->ended)
			break;
		moved |= w->file.fd >= 0;
		wait_end(w, -EPIPE, ended);
	}
	return moved;
}

static void flow_move(struct flow *f, struct waits *ended)
{
	bool more;

	do {
		more = take_bytes(f, ended);
		more |= give_bytes(f, ended);
		more |= take_files(f, ended);
		more |= give_files(f, ended);
	} while (more);
}

static void conn_move(struct conn *conn, struct waits *ended)
{
	flow_move(&conn->flow[0], ended);
	flow_move(&conn->flow[1], ended);
}

static void conn_post(struct conn *conn)
{
	end_post(&conn->end[0]);
	end_post(&conn->end[1]);
}

/* ---- requests -------------------------------------------------------------- */

/* All of a request that is on its list: move, post, answer. */
static void end_run(struct end *e, struct wait *w, bool nonblock)
{
	struct waits ended = TAILQ_HEAD_INITIALIZER(ended);

	conn_move(e->conn, &ended);
	wait_settle(w, nonblock, &ended);
	conn_post(e->conn);
	waits_answer(&ended);
}

static void end_transfer(struct end *e, struct scheme_req *req,
			 struct waits *list, void *buf, uint32_t len)
{
	struct wait *w;

	if (!len) {
		scheme_reply(req, 0);
		return;
	}
	w = wait_begin(e->node.chand, req, list);
	if (!w)
		return;
	w->buf = buf;
	w->len = len;
	end_run(e, w, scheme_req_flags(req) & SCHEME_RW_NONBLOCK);
}

void end_read(struct end *e, struct scheme_req *req, void *buf, uint32_t len)
{
	end_transfer(e, req, &flow_in(e)->readers, buf, len);
}

void end_write(struct end *e, struct scheme_req *req, const void *buf,
	       uint32_t len)
{
	end_transfer(e, req, &flow_out(e)->writers, (void *)buf, len);
}

static void end_pass(struct end *e, struct scheme_req *req, struct waits *list)
{
	struct wait *w = wait_begin(e->node.chand, req, list);

	if (w)
		end_run(e, w, scheme_req_flags(req) & SCHEME_FD_NONBLOCK);
}

void end_send(struct end *e, struct scheme_req *req)
{
	end_pass(e, req, &flow_out(e)->senders);
}

void end_receive(struct end *e, struct scheme_req *req)
{
	end_pass(e, req, &flow_in(e)->receivers);
}

void end_go_on(struct end *e, struct waits *ended)
{
	conn_move(e->conn, ended);
	conn_post(e->conn);
}

void end_close(struct end *e)
{
	struct waits ended = TAILQ_HEAD_INITIALIZER(ended);
	struct conn *conn = e->conn;

	flow_out(e)->ended = true;
	flow_in(e)->unheard = true;
	fifo_clear(&flow_in(e)->bytes);
	transit_clear(&flow_in(e)->files, conn->chand);
	conn_move(conn, &ended);
	conn_post(conn);
	waits_answer(&ended);
	if (end_gone(&conn->end[0]) && end_gone(&conn->end[1]))
		conn_free(conn);
}
