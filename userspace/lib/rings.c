// SPDX-License-Identifier: MIT
/*
 * Direct rings that a queue's thread serves, with the queue: accept, poll, step,
 * and the end of those whose client has gone.
 *
 * SERVED -> ENDED [the step says that the client is gone, or has broken it]
 * ENDED -> free [nothing is pending any more]
 * One that has ended is looked at again when some of what is pending has its answer.
 */
#include "ring_serve.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#ifndef __clang__
/*
 * gcc -fanalyzer loses sight of what a queue keeps and calls it lost; the unit
 * tests look for leaks.
 */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

struct served {
	struct scheme_ring	*ring;
	struct scheme_ring_server *server;
	int			seat;
	bool			ended;
};

struct queue_rings {
	int			wake;	/* eventfd, for answers of other threads */
	const struct pollfd	*wake_poll; /* of it, while armed */
	_Atomic bool		round;	/* a thread is in one */
	unsigned int		nr;
	struct served		served[RING_SEATS];
};

/* ---- seats ------------------------------------------------------------------------ */

/* -EAGAIN: the scheme has no more; -EMFILE: this user has had enough. */
static int take_seat(struct scheme *s, uint32_t uid)
{
	unsigned int of_user = 0;
	int seat = -EAGAIN;

	pthread_mutex_lock(&s->servers_lock);
	for (int i = 0; i < RING_SEATS; i++) {
		if (!s->seats[i].taken)
			seat = i;
		else if (s->seats[i].uid == uid)
			of_user++;
	}
	if (of_user >= RING_SEATS_OF_USER)
		seat = -EMFILE;
	if (seat >= 0)
		s->seats[seat] = (struct ring_seat){ .taken = true, .uid = uid };
	pthread_mutex_unlock(&s->servers_lock);
	return seat;
}

static void leave_seat(struct scheme *s, int seat)
{
	pthread_mutex_lock(&s->servers_lock);
	s->seats[seat].taken = false;
	pthread_mutex_unlock(&s->servers_lock);
}

/* ---- accept ----------------------------------------------------------------------- */

static int make_rings(struct scheme_queue *q)
{
	int wake;

	if (q->rings)
		return 0;
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake < 0)
		return -errno;
	q->rings = calloc(1, sizeof(*q->rings));
	if (!q->rings) {
		close(wake);
		return -ENOMEM;
	}
	q->rings->wake = wake;
	return 0;
}

static int accept_into(struct scheme_req *req, struct served *to,
		       const struct scheme_ring_server_config *config)
{
	struct scheme_queue *q = req->queue;
	int ret = scheme_req_accept_ring(req, &to->ring);

	if (ret)
		return ret;
	ret = scheme_ring_server_create(&to->server, req->scheme, to->ring, config);
	if (ret) {
		scheme_ring_close(to->ring);
		return ret;
	}
	to->ring->self_fd = q->rings->wake;
	to->ring->in_loop = true;
	return 0;
}

/* Not while a round goes through them: it is the queue's turn that runs callbacks. */
static int accept_ring(struct scheme_req *req,
		       const struct scheme_ring_server_config *config)
{
	struct served served = { 0 };
	int ret;

	if (req->sqe.opcode != SCHEME_OP_RING_ATTACH || !req->queue)
		return -EINVAL;
	ret = make_rings(req->queue);
	if (ret)
		return ret;
	served.seat = take_seat(req->scheme, req->sqe.uid);
	if (served.seat < 0)
		return served.seat;
	ret = accept_into(req, &served, config);
	if (ret) {
		leave_seat(req->scheme, served.seat);
		return ret;
	}
	req->queue->rings->served[req->queue->rings->nr++] = served;
	return 0;
}

int scheme_req_serve_ring(struct scheme_req *req,
			  const struct scheme_ring_server_config *config)
{
	int ret = accept_ring(req, config);
	int posted = scheme_reply(req, ret);

	return ret ? ret : posted;
}

void scheme_serve_ring(struct scheme_req *req, uint32_t sq_entries,
		       uint32_t cq_entries, uint64_t word)
{
	(void)sq_entries, (void)cq_entries, (void)word;
	scheme_req_serve_ring(req, NULL);
}

/* ---- rounds ----------------------------------------------------------------------- */

/* False: a request still wants its reply. */
static bool end_served(struct scheme *s, struct served *one)
{
	one->ended = true;
	if (scheme_ring_server_destroy(one->server))
		return false;
	one->ring->self_fd = -1;
	scheme_ring_close(one->ring);
	leave_seat(s, one->seat);
	return true;
}

/* False: it is no more. Adds the entries that were served. */
static bool round_of_one(struct scheme *s, struct served *one, int *total)
{
	int ret;

	if (one->ended)
		return !server_has_answers(one->server) || !end_served(s, one);
	ret = scheme_ring_server_step(one->server, 0);
	if (ret < 0)
		return !end_served(s, one);
	*total += ret;
	return true;
}

int rings_round(struct scheme_queue *q)
{
	struct queue_rings *rings = q->rings;
	int total = 0;

	if (atomic_load_explicit(&rings->round, memory_order_relaxed))
		return 0;	/* a callback of ours makes a step of the queue */
	atomic_store_explicit(&rings->round, true, memory_order_relaxed);
	for (unsigned int i = 0; i < rings->nr; ) {
		if (round_of_one(q->scheme, &rings->served[i], &total))
			i++;
		else
			rings->served[i] = rings->served[--rings->nr];
	}
	atomic_store_explicit(&rings->round, false, memory_order_relaxed);
	return total;
}

/* Of one that has ended only answers are left, and they have a wake-up of their own. */
static bool is_ready(const struct served *one)
{
	if (one->ended)
		return server_has_answers(one->server);
	return server_look(one->server) != -EAGAIN;
}

bool rings_ready(const struct scheme_queue *q)
{
	const struct queue_rings *rings = q->rings;

	for (unsigned int i = 0; i < rings->nr; i++)
		if (is_ready(&rings->served[i]))
			return true;
	return false;
}

/* ---- poll ------------------------------------------------------------------------- */

static short poll_events(struct scheme_ring_server *s)
{
	uint32_t wants = server_wants(s);

	if (wants & SCHEME_RING_NEED_ROOM)
		return POLLOUT;
	return wants ? POLLIN : 0;
}

unsigned int rings_arm(struct scheme_queue *q, struct pollfd *fds, bool *ready)
{
	struct queue_rings *rings = q->rings;
	unsigned int nr = 0;

	rings->wake_poll = fds;
	fds[nr++] = (struct pollfd){ .fd = rings->wake, .events = POLLIN };
	for (unsigned int i = 0; i < rings->nr; i++) {
		struct served *one = &rings->served[i];

		/* before the look: what comes after it must find us polling */
		atomic_store(&one->server->awake, 0);
		atomic_store(&one->ring->polled, true);
		atomic_thread_fence(memory_order_seq_cst);
		if (is_ready(one))
			*ready = true;
		if (!one->ended)
			fds[nr++] = (struct pollfd){
				.fd = one->ring->end,
				.events = poll_events(one->server),
			};
	}
	return nr;
}

void rings_disarm(struct scheme_queue *q)
{
	struct queue_rings *rings = q->rings;
	eventfd_t count;

	for (unsigned int i = 0; i < rings->nr; i++)
		atomic_store(&rings->served[i].ring->polled, false);
	if (rings->wake_poll->revents)
		eventfd_read(rings->wake, &count);
}

/* ---- end -------------------------------------------------------------------------- */

bool rings_busy(const struct scheme_queue *q)
{
	return q->rings && atomic_load(&q->rings->round);
}

/*
 * As for requests and files of the queue: with the scheme they end without a word.
 * After a fork what is mapped is the parent's: only what is private goes, and the
 * descriptors.
 */
static void drop_served(struct served *one, bool mapped)
{
	if (mapped) {
		server_abandon(one->server);
	} else {
		one->ring->mem = NULL;
		server_forget(one->server);
	}
	one->ring->self_fd = -1;
	scheme_ring_close(one->ring);
}

void rings_end(struct scheme_queue *q, bool mapped)
{
	struct queue_rings *rings = q->rings;

	if (!rings)
		return;
	if (!mapped && (rings_busy(q) || queue_was_served(q))) {
		q->rings = NULL;	/* half done: this child can but leave them */
		return;
	}
	for (unsigned int i = 0; i < rings->nr; i++) {
		leave_seat(q->scheme, rings->served[i].seat);
		drop_served(&rings->served[i], mapped);
	}
	close(rings->wake);
	free(rings);
	q->rings = NULL;
}
