// SPDX-License-Identifier: MIT
/*
 * A ring's server: what may start and in which order, answers, steps.
 */
#include "ring_serve.h"


#define BATCH		32U

static struct ring_req *ring_req(struct scheme_req *req)
{
	return (struct ring_req *)req;
}

_Static_assert(offsetof(struct ring_req, req) == 0, "one is the other's first");

/* ---- answers, from any thread ------------------------------------------------- */

/* The thread that serves is awake when it answers, and looks before it sleeps. */
void server_wake(struct scheme_ring_server *s)
{
	if (atomic_load(&s->thread) != (uintptr_t)pthread_self())
		s->ring->bell->self(s->ring);
}

static void add_answer_locked(struct scheme_ring_server *s, struct ring_req *r,
			      const struct scheme_cqe *cqe)
{
	uint32_t place = (s->first_answer + s->nr_answers++) % (2 * s->config.depth);

	s->answers[place] = (struct ring_answer){ .req = r, .cqe = *cqe };
}

/* There is always room: each request has one last answer. */
int server_post(struct scheme_req *req, const struct scheme_cqe *cqe)
{
	struct scheme_ring_server *s = ring_req(req)->server;

	pthread_mutex_lock(&s->lock);
	add_answer_locked(s, ring_req(req), cqe);
	pthread_mutex_unlock(&s->lock);
	server_wake(s);
	return 0;
}

int scheme_reply_more(struct scheme_req *req, int64_t result, uint64_t extra)
{
	const struct scheme_cqe cqe = {
		.user_data = req->sqe.user_data,
		.result = result,
		.flags = SCHEME_CQE_F_MORE,
		.extra = extra,
	};
	struct scheme_ring_server *s;
	int ret = 0;

	if (req->queue)
		return -EOPNOTSUPP;
	if (!(req->sqe.flags & SCHEME_SQE_MULTISHOT))
		return -EINVAL;
	if (atomic_load(&req->state) != REQ_PENDING)
		return -EALREADY;
	s = ring_req(req)->server;
	pthread_mutex_lock(&s->lock);
	if (s->nr_more == s->config.depth) {
		ret = -EAGAIN;
	} else {
		s->nr_more++;
		add_answer_locked(s, NULL, &cqe);
	}
	pthread_mutex_unlock(&s->lock);
	if (!ret)
		server_wake(s);
	return ret;
}

bool server_has_answers(struct scheme_ring_server *s)
{
	bool has;

	pthread_mutex_lock(&s->lock);
	has = s->nr_answers;
	pthread_mutex_unlock(&s->lock);
	return has;
}

/* ---- answers, to the ring ------------------------------------------------------ */

static void leave_order(struct scheme_ring_server *s, struct ring_req *r,
			int64_t result)
{
	if (r->older)
		r->older->newer = r->newer;
	else
		s->oldest = r->newer;
	if (r->newer)
		r->newer->older = r->older;
	else
		s->newest = r->older;
	if (r->after)
		r->after->chained = NULL;
	if (r->chained) {
		r->chained->after = NULL;
		r->chained->before = result;
	}
	if (s->last != r)
		return;
	s->last = NULL;
	s->last_result = result;
}

/*
 * The client's name for what has been opened. Events for it are posted to its answer
 * until then, so the two go together.
 */
static void name_file_locked(struct scheme_ring_server *s, struct ring_req *r,
			     struct scheme_cqe *cqe)
{
	struct ring_file file = {
		.number = (uint64_t)cqe->result,
		.owned = true,
		.flags = r->opened_flags,
		.knows_events = true,
		.events = READY_ALWAYS,
	};

	if (!r->opening || cqe->result < 0)
		return;
	if (cqe->flags & SCHEME_CQE_F_EVENTS)
		file.events = (uint32_t)cqe->extra;
	r->opening = false;
	cqe->result = files_add_locked(s, &file);
}

/* The request is answered: it, and what it used, is free. */
static void finish(struct scheme_ring_server *s, struct ring_req *r,
		   struct scheme_cqe *cqe)
{
	if (r->req.sqe.flags & SCHEME_SQE_MULTISHOT)
		cqe->flags |= SCHEME_CQE_F_LAST;
	leave_order(s, r, cqe->result);
	intake_undo(r);
	r->next = s->free;
	s->free = r;
	s->pending--;
}

static unsigned int take_answers(struct scheme_ring_server *s,
				 struct ring_answer *answers, unsigned int max)
{
	unsigned int nr = 0;

	pthread_mutex_lock(&s->lock);
	while (nr < max && s->nr_answers) {
		struct ring_answer *a = &answers[nr++];

		*a = s->answers[s->first_answer];
		if (a->req)
			name_file_locked(s, a->req, &a->cqe);
		else
			s->nr_more--;
		s->first_answer = (s->first_answer + 1) % (2 * s->config.depth);
		s->nr_answers--;
	}
	pthread_mutex_unlock(&s->lock);
	return nr;
}

/* As many as there is room for. Without a client they go nowhere. */
static unsigned int flush(struct scheme_ring_server *s)
{
	struct ring_answer answers[BATCH];
	struct scheme_cqe cqes[BATCH];
	unsigned int nr, max, total = 0;
	int room;

	for (;;) {
		room = s->drops ? -ESHUTDOWN : ring_space(s->ring);
		if (room == -EAGAIN)
			return total;
		max = room > 0 && (unsigned int)room < BATCH ? (unsigned int)room : BATCH;
		nr = take_answers(s, answers, max);
		if (!nr)
			return total;
		for (unsigned int i = 0; i < nr; i++) {
			cqes[i] = answers[i].cqe;
			if (answers[i].req)
				finish(s, answers[i].req, &cqes[i]);
		}
		if (room > 0)
			scheme_ring_push(s->ring, cqes, nr);
		total += nr;
	}
}

/* ---- start --------------------------------------------------------------------- */

static bool may_start(const struct scheme_ring_server *s,
		      const struct ring_req *r)
{
	if (r->cancelled)
		return true;
	if (r->after)
		return false;
	return !(r->req.sqe.flags & SCHEME_SQE_DRAIN) || s->oldest == r;
}

static void start(struct ring_req *r)
{
	r->waiting = false;
	if (r->error)
		scheme_reply(&r->req, r->error);
	else if (r->req.sqe.flags & SCHEME_SQE_CHAIN_SOFT && r->before < 0)
		scheme_reply(&r->req, -ECANCELED);
	else if (r->req.sqe.opcode == SCHEME_OP_EVENT)
		events_start(r);
	else
		req_run(&r->req);
}

static void start_all(struct scheme_ring_server *s)
{
	struct ring_req **link = &s->waiting, *r, *stays = NULL;

	while ((r = *link)) {
		if (may_start(s, r)) {
			*link = r->next;
			start(r);
		} else {
			stays = r;
			link = &r->next;
		}
	}
	s->waiting_last = stays;
}

void server_cancel(struct ring_req *r)
{
	const struct scheme_ops *ops = &r->server->scheme->ops;

	if (r->cancelled)
		return;
	r->cancelled = true;
	if (r->waiting) {
		r->error = -ECANCELED;
	} else if (r->watches) {
		events_stop(r);
		scheme_reply(&r->req, -ECANCELED);
	} else if (ops->cancel && atomic_load(&r->req.state) == REQ_PENDING) {
		ops->cancel(&r->req);
	}
}

/* ---- a step -------------------------------------------------------------------- */

static bool is_full(const struct scheme_ring_server *s)
{
	return s->pending == s->config.depth;
}

static void take_one(struct scheme_ring_server *s, const struct scheme_sqe *sqe)
{
	if (sqe->flags & SCHEME_SQE_ONEWAY) {
		intake_oneway(s, sqe);
	} else if (is_full(s)) {
		s->held = *sqe;
		s->holds = true;
	} else {
		intake(s, sqe);
	}
}

static void take_held(struct scheme_ring_server *s)
{
	if (!s->holds || is_full(s))
		return;
	s->holds = false;
	intake(s, &s->held);
}

/*
 * While answers wait for room nothing new is taken. When all requests are in use,
 * one entry at a time, so that a CANCEL is seen; one that is none waits here.
 */
static int take_entries(struct scheme_ring_server *s)
{
	struct scheme_sqe sqes[BATCH];
	unsigned int room;
	int nr = ring_check(s->ring);

	if (nr)
		return nr;
	take_held(s);
	if (s->holds || server_has_answers(s))
		return s->ring->gone ? -ESHUTDOWN : 0;
	room = s->config.depth - s->pending;
	nr = scheme_ring_pop(s->ring, sqes, !room ? 1 : room < BATCH ? room : BATCH);
	s->may_learn = true;
	s->may_learn_fixed = true;
	for (int i = 0; i < nr; i++)
		take_one(s, &sqes[i]);
	return nr == -EAGAIN ? 0 : nr;
}

static void cancel_all(struct scheme_ring_server *s)
{
	for (struct ring_req *r = s->oldest; r; r = r->newer)
		server_cancel(r);
}

/* Start what may, until nothing more comes of it. */
static void run_all(struct scheme_ring_server *s)
{
	do {
		start_all(s);
		events_round(s);
	} while (flush(s) && (s->waiting || s->edges_wait));
}

static void end(struct scheme_ring_server *s)
{
	cancel_all(s);
	run_all(s);
	files_close_all(s);
}

static int serve_round(struct scheme_ring_server *s)
{
	int nr, total = 0;

	atomic_store(&s->thread, (uintptr_t)pthread_self());
	flush(s);
	do {
		nr = take_entries(s);
		run_all(s);
		total += nr > 0 ? nr : 0;
	} while (nr > 0 && (unsigned int)total < s->config.depth);
	if (nr < 0)
		end(s);
	return total ? total : nr;	/* an error comes again */
}

int server_look(struct scheme_ring_server *s)
{
	struct scheme_ring *r = s->ring;
	int ret;

	if (events_posted(s))
		return 1;
	if (server_has_answers(s)) {
		ret = ring_space(r);
		return ret > 0 ? 1 : ret;
	}
	if (!s->holds)
		return ring_entries(r);
	ret = ring_check(r);
	return ret ? ret : r->gone ? -ESHUTDOWN : -EAGAIN;
}

static int look(struct scheme_ring *r)
{
	return server_look(r->server);
}

uint32_t server_wants(struct scheme_ring_server *s)
{
	if (server_has_answers(s))
		return SCHEME_RING_NEED_ROOM;
	return s->holds ? 0 : SCHEME_RING_NEED_WAKEUP;
}

int scheme_ring_server_step(struct scheme_ring_server *s, int64_t timeout_ns)
{
	int ret = serve_round(s);

	if (ret || !timeout_ns)
		return ret;
	ret = ring_await(s->ring, look, server_wants(s), timeout_ns);
	return ret == -ETIME || ret == -EINTR ? ret : serve_round(s);
}

void server_drop_all(struct scheme_ring_server *s)
{
	end(s);
	s->drops = true;	/* who has not taken them by now will not */
	flush(s);
	files_close_all(s);
}
