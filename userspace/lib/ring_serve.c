// SPDX-License-Identifier: MIT
/*
 * A ring's server: what may start and in which order, answers, steps.
 */
#include "ring_serve.h"

#include <string.h>

#define BATCH		32U

static struct ring_req *ring_req(struct scheme_req *req)
{
	return (struct ring_req *)req;
}

_Static_assert(offsetof(struct ring_req, req) == 0, "one is the other's first");

/* ---- answers, from any thread ------------------------------------------------- */

/* The thread of the last step is awake when it answers, and looks before it sleeps. */
void server_wake(struct scheme_ring_server *s)
{
	if (atomic_load(&s->awake) != this_thread())
		s->ring->bell->self(s->ring);
}

static bool others_answered(struct scheme_ring_server *s)
{
	return atomic_load_explicit(&s->nr_answers, memory_order_acquire);
}

bool server_has_answers(struct scheme_ring_server *s)
{
	return s->nr_own || others_answered(s);
}

static void add_answer_locked(struct scheme_ring_server *s, struct ring_req *r,
			      const struct scheme_cqe *cqe)
{
	uint32_t place = (s->first_answer + s->nr_answers++) % (2 * s->config.depth);

	s->answers[place] = (struct ring_answer){ .req = r, .cqe = *cqe };
}

/*
 * There is always room: each request has one last answer. What others answered
 * before, as far as the provider can know, stays before it. With the lock where that
 * may be another answer to the same request: scheme_reply_more() looks at its state there.
 */
int server_post(struct scheme_req *req, const struct scheme_cqe *cqe)
{
	struct ring_req *r = ring_req(req);
	struct scheme_ring_server *s = r->server;

	if (server_in_step(s) && !others_answered(s) && !r->opening &&
	    !(req->sqe.flags & SCHEME_SQE_MULTISHOT)) {
		if (r == s->plain && !s->nr_own) {
			plain_answer(s, cqe);
			return 0;
		}
		s->own_reqs[s->nr_own] = r;
		s->own_cqes[s->nr_own++] = *cqe;
		return 0;
	}
	pthread_mutex_lock(&s->lock);
	add_answer_locked(s, r, cqe);
	/* inside: with the last answer taken, the server may go */
	server_wake(s);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/*
 * Who claims a request puts its last answer down with the lock, after that: what is
 * found unclaimed here comes before.
 */
static int add_more_locked(struct scheme_ring_server *s, const struct scheme_req *req,
			   const struct scheme_cqe *cqe)
{
	if (atomic_load(&req->state) != REQ_PENDING)
		return -EALREADY;
	if (s->nr_more == s->config.depth)
		return -EAGAIN;
	s->nr_more++;
	add_answer_locked(s, NULL, cqe);
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
	int ret;

	if (req->queue)
		return -EOPNOTSUPP;
	if (!(req->sqe.flags & SCHEME_SQE_MULTISHOT))
		return -EINVAL;
	s = ring_req(req)->server;
	pthread_mutex_lock(&s->lock);
	ret = add_more_locked(s, req, &cqe);
	pthread_mutex_unlock(&s->lock);
	return ret;
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

static void seal(const struct ring_req *r, struct scheme_cqe *cqe)
{
	if (r->req.sqe.flags & SCHEME_SQE_MULTISHOT)
		cqe->flags |= SCHEME_CQE_F_LAST;
}

void server_free(struct ring_req *r)
{
	struct scheme_ring_server *s = r->server;

	r->next = s->free;
	s->free = r;
	s->pending--;
}

/* The request is answered. */
static void finish(struct scheme_ring_server *s, struct ring_req *r, int64_t result)
{
	leave_order(s, r, result);
	intake_undo(r);
	server_free(r);
}

static unsigned int take_answers(struct scheme_ring_server *s,
				 struct ring_answer *answers, unsigned int max)
{
	unsigned int nr = 0;

	pthread_mutex_lock(&s->lock);
	while (nr < max && others_answered(s)) {
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

/*
 * How many of so many answers can go to the ring. Without a client, or where it cannot be
 * trusted, they go nowhere, all of them: see push().
 */
static unsigned int room_for(struct scheme_ring_server *s, unsigned int nr)
{
	int room = s->drops ? -ESHUTDOWN : ring_space(s->ring, nr);

	if (room == -EAGAIN)
		return 0;
	return room > 0 && (unsigned int)room < nr ? (unsigned int)room : nr;
}

static void push(struct scheme_ring_server *s, const struct scheme_cqe *cqes,
		 unsigned int nr)
{
	if (s->drops || s->ring->gone || s->ring->broken)
		return;
	ring_put_cqes(s->ring, cqes, nr);
	ring_publish(s->ring, SCHEME_RING_NEED_WAKEUP);
}

/*
 * The client gets its answer before we tidy up. Callbacks that run then (close) may
 * add answers.
 */
static unsigned int flush_own(struct scheme_ring_server *s)
{
	unsigned int nr = room_for(s, s->nr_own);

	if (!nr)
		return 0;
	for (unsigned int i = 0; i < nr; i++)
		seal(s->own_reqs[i], &s->own_cqes[i]);
	push(s, s->own_cqes, nr);
	for (unsigned int i = 0; i < nr; i++)
		finish(s, s->own_reqs[i], s->own_cqes[i].result);
	s->nr_own -= nr;
	for (unsigned int i = 0; i < s->nr_own; i++) {
		s->own_reqs[i] = s->own_reqs[nr + i];
		s->own_cqes[i] = s->own_cqes[nr + i];
	}
	return nr;
}

static unsigned int flush_others(struct scheme_ring_server *s)
{
	struct ring_answer answers[BATCH];
	struct scheme_cqe cqes[BATCH];
	unsigned int nr = room_for(s, BATCH);

	nr = nr ? take_answers(s, answers, nr) : 0;
	if (!nr)
		return 0;
	for (unsigned int i = 0; i < nr; i++) {
		if (answers[i].req)
			seal(answers[i].req, &answers[i].cqe);
		cqes[i] = answers[i].cqe;
	}
	push(s, cqes, nr);
	for (unsigned int i = 0; i < nr; i++)
		if (answers[i].req)
			finish(s, answers[i].req, cqes[i].result);
	return nr;
}

/* As many as there is room for: our own first, they are older. */
static unsigned int flush(struct scheme_ring_server *s)
{
	unsigned int nr, total = 0;

	while (server_has_answers(s)) {
		nr = s->nr_own ? flush_own(s) : flush_others(s);
		if (!nr)
			break;
		total += nr;
	}
	return total;
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

/* How many answers have gone out meanwhile. */
static unsigned int start_all(struct scheme_ring_server *s)
{
	struct ring_req **link = &s->waiting, *r, *stays = NULL;
	unsigned int flushed = 0;

	while ((r = *link)) {
		if (may_start(s, r)) {
			*link = r->next;
			start(r);
			if (s->nr_own >= RING_SOME)
				flushed += flush_own(s);
		} else {
			stays = r;
			link = &r->next;
		}
	}
	s->waiting_last = stays;
	return flushed;
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

/*
 * Copied once, to where it stays; nobody looks at the shared entry again. alike: no
 * entry of those that are taken together is more urgent than another.
 */
static void take_one(struct scheme_ring_server *s, const struct scheme_sqe *entry,
		     bool alike)
{
	struct scheme_sqe *sqe = is_full(s) ? &s->held : &s->free->req.sqe;

	memcpy(sqe, entry, sizeof(*sqe));
	if (sqe->flags & SCHEME_SQE_ONEWAY)
		intake_oneway(s, sqe);
	else if (sqe == &s->held)
		s->holds = true;
	else if (alike && plain_may(s, sqe))
		plain_run(s);
	else
		intake(s);
}

/* A hint: the client may change its mind, and then is served in another order. */
static bool are_alike(const struct scheme_ring *ring, int nr)
{
	uint32_t mask = ring->take.entries - 1, at = ring->take.at;

	for (int i = 1; i < nr; i++)
		if (ring->sqes[(at + (uint32_t)i) & mask].priority !=
		    ring->sqes[at & mask].priority)
			return false;
	return true;
}

static void take_held(struct scheme_ring_server *s)
{
	if (!s->holds || is_full(s))
		return;
	s->holds = false;
	s->free->req.sqe = s->held;
	intake(s);
}

/*
 * While answers wait for room nothing new is taken. When all requests are in use,
 * one entry at a time, so that a CANCEL is seen; one that is none waits here.
 * more: there may be.
 */
static int take_entries(struct scheme_ring_server *s, bool *more)
{
	struct scheme_ring *ring = s->ring;
	unsigned int room;
	int nr, want, filled;
	bool alike;

	*more = false;
	take_held(s);
	if (s->holds || server_has_answers(s)) {
		nr = ring_check(ring);
		return nr ? nr : ring->gone ? -ESHUTDOWN : 0;
	}
	nr = ring_entries(ring);
	if (nr < 0)
		return nr == -EAGAIN ? 0 : nr;
	room = s->config.depth - s->pending;
	want = (int)(!room ? 1 : room < BATCH ? room : BATCH);
	filled = nr;
	*more = nr >= want;
	nr = *more ? want : nr;
	s->may_learn = true;
	s->may_learn_fixed = true;
	alike = are_alike(ring, nr);
	for (int i = 0; i < nr; i++) {
		take_one(s, &ring->sqes[ring_slot(&ring->take)], alike);
		ring->take.at++;
	}
	plain_publish(s);
	ring_store(&ring->take);
	ring_made_room(ring, (uint32_t)filled);
	return nr;
}

static void cancel_all(struct scheme_ring_server *s)
{
	for (struct ring_req *r = s->oldest; r; r = r->newer)
		server_cancel(r);
}

/* Start what may, until nothing more comes of it. */
static void run_all(struct scheme_ring_server *s)
{
	unsigned int flushed;

	do {
		flushed = start_all(s);
		if (s->edges_wait || events_posted(s))
			events_round(s);
		flushed += flush(s);
	} while (flushed && (s->waiting || s->edges_wait));
}

/*
 * All is cancelled, and no file is open. What comes after that undoes the state: a
 * request that was left on the ring, a file that an answer opens.
 */
static void end(struct scheme_ring_server *s)
{
	bool cancelled = s->all_cancelled, closed;

	s->all_cancelled = true;
	if (!cancelled)
		cancel_all(s);
	run_all(s);
	closed = s->all_closed;
	s->all_closed = true;
	if (!closed)
		files_close_all(s);
}

/*
 * Who answers first puts the answer down, then looks who is awake; a thread that
 * takes over says so before it looks for answers.
 */
static void set_thread(struct scheme_ring_server *s, uintptr_t self)
{
	atomic_store_explicit(&s->thread, self, memory_order_relaxed);
	if (atomic_load_explicit(&s->awake, memory_order_relaxed) == self)
		return;
	atomic_store(&s->awake, self);
	atomic_thread_fence(memory_order_seq_cst);
}

/* A request has come free for the entry that waits for one. */
static bool held_can_go(const struct scheme_ring_server *s)
{
	return s->holds && !is_full(s);
}

static int serve_round(struct scheme_ring_server *s)
{
	int nr, total = 0;
	bool more;

	set_thread(s, this_thread());
	if (server_has_answers(s))
		flush(s);
	do {
		nr = take_entries(s, &more);
		if (s->waiting || s->edges_wait || server_has_answers(s) ||
		    events_posted(s))
			run_all(s);
		total += nr > 0 ? nr : 0;
	} while ((more && (unsigned int)total < s->config.depth) || held_can_go(s));
	if (nr < 0)
		end(s);
	ring_settle(s->ring);
	atomic_store_explicit(&s->thread, 0, memory_order_relaxed);
	return total ? total : nr;	/* an error comes again */
}

int server_look(struct scheme_ring_server *s)
{
	struct scheme_ring *r = s->ring;
	int ret;

	if (events_posted(s) || held_can_go(s))
		return 1;
	if (server_has_answers(s)) {
		ret = ring_space(r, 1);
		return ret > 0 ? 1 : ret;
	}
	if (!s->holds)
		return ring_entries(r);
	ret = ring_check(r);
	return ret ? ret : r->gone ? -ESHUTDOWN : -EAGAIN;
}

/* What is waited for may become something else as another thread answers. */
static int look(struct scheme_ring *r)
{
	struct scheme_ring_server *s = r->server;

	return server_wants(s) == s->awaited ? server_look(s) : 1;
}

uint32_t server_wants(struct scheme_ring_server *s)
{
	if (server_has_answers(s))
		return SCHEME_RING_NEED_ROOM;
	return s->holds ? 0 : SCHEME_RING_NEED_WAKEUP;
}

static uint32_t put_at(const struct scheme_ring_server *s)
{
	return s->ring->put.at;
}

int scheme_ring_server_step(struct scheme_ring_server *s, int64_t timeout_ns)
{
	uint32_t before = put_at(s);
	int ret;

	if (server_in_step(s))
		return -EBUSY;	/* the entry of that callback has not left the ring */
	ret = serve_round(s);
	/* the caller may be the one that waits for what has been answered */
	if (ret || !timeout_ns || put_at(s) != before)
		return ret;
	s->awaited = server_wants(s);
	ret = ring_await(s->ring, look, s->awaited, timeout_ns);
	return ret == -ETIME || ret == -EINTR ? ret : serve_round(s);
}

void server_drop_all(struct scheme_ring_server *s)
{
	end(s);
	s->drops = true;	/* who has not taken them by now will not */
	end(s);
}
