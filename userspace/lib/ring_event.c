// SPDX-License-Identifier: MIT
/*
 * A ring's server: readiness of files, which the client asks for by EVENT. Any
 * thread posts it; the serving thread answers. Each file, and each request, has one
 * word for edges that have not become an answer yet: they coalesce there while
 * answers wait for room.
 */
#include "ring_serve.h"

#include <sys/epoll.h>

#define EVENT_BITS \
	((uint32_t)(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | \
		    EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP))
/* Told to all who ask for anything. */
#define ALWAYS_TOLD	((uint32_t)(EPOLLERR | EPOLLHUP))

/* ---- posts, from any thread ------------------------------------------------------ */

/* True: the serving thread has something to do that it had not. */
static bool post_file_locked(struct scheme_ring_server *s, uint32_t index,
			     uint32_t events)
{
	struct ring_file *f = &s->files[index];

	f->events = events;
	f->knows_events = true;
	if (!f->nr_watches)
		return false;
	f->edges |= events;
	if (f->posted)
		return false;
	f->posted = true;
	f->next_posted = s->posted;
	s->posted = index;
	atomic_store(&s->has_posted, true);
	return true;
}

/* The file has its number, but no place yet. */
static void post_opening_locked(struct scheme_ring_server *s, uint64_t number,
				uint32_t events)
{
	for (uint32_t i = 0; i < s->nr_answers; i++) {
		struct ring_answer *a =
			&s->answers[(s->first_answer + i) % (2 * s->config.depth)];

		if (!a->req || !a->req->opening || a->cqe.result < 0 ||
		    (uint64_t)a->cqe.result != number)
			continue;
		a->cqe.flags |= SCHEME_CQE_F_EVENTS;
		a->cqe.extra = events;
	}
}

static void post_to(struct scheme_ring_server *s, uint64_t number, uint32_t events)
{
	bool wake = false;

	pthread_mutex_lock(&s->lock);
	for (uint32_t i = files_first_locked(s, number); i != NO_FILE;
	     i = s->files[i].next)
		if (s->files[i].number == number)
			wake |= post_file_locked(s, i, events);
	post_opening_locked(s, number, events);
	pthread_mutex_unlock(&s->lock);
	if (wake)
		server_wake(s);
}

void rings_post(struct scheme *s, uint64_t number, uint32_t events)
{
	if (!atomic_load(&s->nr_servers))
		return;
	pthread_mutex_lock(&s->servers_lock);
	for (struct scheme_ring_server *r = s->servers; r; r = r->next)
		post_to(r, number, events);
	pthread_mutex_unlock(&s->servers_lock);
}

int scheme_post_ready(struct scheme *s, uint64_t handle, uint32_t events)
{
	struct scheme_queue *q = scheme_queue(s, 0);

	if (q)
		return scheme_post_event(q, handle, events);
	rings_post(s, handle, events);
	return 0;
}

bool events_posted(struct scheme_ring_server *s)
{
	return atomic_load_explicit(&s->has_posted, memory_order_acquire);
}

void events_forget_locked(struct scheme_ring_server *s, uint32_t index)
{
	uint32_t *link = &s->posted;

	if (!s->files[index].posted)
		return;
	while (*link != index)
		link = &s->files[*link].next_posted;
	*link = s->files[index].next_posted;
	s->files[index].posted = false;
	atomic_store(&s->has_posted, s->posted != NO_FILE);
}

/* ---- answers ----------------------------------------------------------------------- */

static uint32_t mask_of(const struct ring_req *r)
{
	return r->req.sqe.op_flags | ALWAYS_TOLD;
}

static bool is_multishot(const struct ring_req *r)
{
	return r->req.sqe.flags & SCHEME_SQE_MULTISHOT;
}

void events_stop(struct ring_req *r)
{
	struct scheme_ring_server *s = r->server;
	struct ring_file *f = &s->files[r->file];
	struct ring_req **link = &f->watches;

	while (*link != r)
		link = &(*link)->next_watch;
	*link = r->next_watch;
	r->watches = false;
	pthread_mutex_lock(&s->lock);
	f->nr_watches--;
	pthread_mutex_unlock(&s->lock);
}

static void tell(struct ring_req *r, uint32_t edges)
{
	edges &= mask_of(r);
	if (!edges)
		return;
	if (is_multishot(r)) {
		r->edges |= edges;
		r->server->edges_wait = true;
	} else {
		events_stop(r);
		scheme_reply(&r->req, edges);
	}
}

/* The next file that something was posted for, and what. NO_FILE: no more. */
static uint32_t take_posted(struct scheme_ring_server *s, uint32_t *edges)
{
	uint32_t index;

	pthread_mutex_lock(&s->lock);
	index = s->posted;
	if (index != NO_FILE) {
		struct ring_file *f = &s->files[index];

		s->posted = f->next_posted;
		atomic_store(&s->has_posted, s->posted != NO_FILE);
		f->posted = false;
		*edges = f->edges;
		f->edges = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return index;
}

/*
 * While answers wait for room edges stay where they are. Else each request has one,
 * for which there is room among the answers: it has one last one to come.
 */
static void answer_edges(struct scheme_ring_server *s)
{
	if (!s->edges_wait || server_has_answers(s))
		return;
	s->edges_wait = false;
	for (struct ring_req *r = s->oldest; r; r = r->newer) {
		if (!r->watches || !r->edges)
			continue;
		if (scheme_reply_more(&r->req, r->edges, 0))
			s->edges_wait = true;
		else
			r->edges = 0;
	}
}

void events_round(struct scheme_ring_server *s)
{
	struct ring_req *r, *next;
	uint32_t index, edges;

	while (events_posted(s) && (index = take_posted(s, &edges)) != NO_FILE) {
		for (r = s->files[index].watches; r; r = next) {
			next = r->next_watch;
			tell(r, edges);
		}
	}
	answer_edges(s);
}

/* ---- requests ---------------------------------------------------------------------- */

/*
 * A file that was opened elsewhere: the module knows, but for events that wait on a
 * queue. One that is posted meanwhile is newer.
 */
static void learn_events(struct scheme_ring_server *s, uint32_t index)
{
	struct ring_file *f = &s->files[index];
	struct scheme_ring_file args;
	bool knows;

	pthread_mutex_lock(&s->lock);
	knows = f->knows_events;
	pthread_mutex_unlock(&s->lock);
	if (knows)
		return;
	for (unsigned int i = 0; i < s->scheme->nr_queues; i++)
		queue_flush(&s->scheme->queues[i]);
	if (files_ask(s, index - s->config.files, &args) < 0)
		args.events = 0;
	pthread_mutex_lock(&s->lock);
	if (!f->knows_events)
		f->events = args.events;
	f->knows_events = true;
	pthread_mutex_unlock(&s->lock);
}

/* Watch, unless the one answer can be given now; what is ready now. */
static uint32_t watch(struct scheme_ring_server *s, struct ring_req *r)
{
	struct ring_file *f = &s->files[r->file];
	uint32_t now;

	pthread_mutex_lock(&s->lock);
	now = f->events & mask_of(r);
	r->watches = is_multishot(r) || !now;
	f->nr_watches += r->watches;
	pthread_mutex_unlock(&s->lock);
	if (r->watches) {
		r->next_watch = f->watches;
		f->watches = r;
	}
	return now;
}

static int check(const struct ring_req *r)
{
	uint32_t mask = r->req.sqe.op_flags;

	if (r->file == NO_FILE)
		return -EBADF;
	if (!mask || mask & ~EVENT_BITS)
		return -EINVAL;
	/* it was closed before this could start */
	return r->server->files[r->file].state == FILE_OPEN ? 0 : -ECANCELED;
}

void events_start(struct ring_req *r)
{
	struct scheme_ring_server *s = r->server;
	uint32_t now;
	int ret = check(r);

	if (ret) {
		scheme_reply(&r->req, ret);
		return;
	}
	learn_events(s, r->file);
	r->edges = 0;
	now = watch(s, r);
	if (!r->watches)
		scheme_reply(&r->req, now);
	else
		tell(r, now);
}

void events_cancel_file(struct scheme_ring_server *s, uint32_t index)
{
	while (s->files[index].watches)
		server_cancel(s->files[index].watches);
}
