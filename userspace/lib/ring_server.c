// SPDX-License-Identifier: MIT
/*
 * A ring's server: its beginning and end, and how other loops wait for it.
 */
#include "ring_serve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DEFAULT_DEPTH	128U
#define DEPTH_MAX	4096U
#define DEFAULT_FILES	64U
#define FILES_MAX	65536U

/* ---- other loops ----------------------------------------------------------------- */

static int epoll_set(int poll_fd, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	return epoll_ctl(poll_fd, op, fd, &event) ? -errno : 0;
}

/* Answers of other threads do not make the end itself readable. */
static int new_poll_fd(struct scheme_ring_server *s)
{
	struct scheme_ring *r = s->ring;
	int ret, fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	r->self_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = r->self_fd < 0 ? -errno :
		epoll_set(fd, EPOLL_CTL_ADD, r->self_fd, EPOLLIN);
	if (!ret)
		ret = epoll_set(fd, EPOLL_CTL_ADD, r->end, 0);
	if (!ret)
		return fd;
	if (r->self_fd >= 0)
		close(r->self_fd);
	r->self_fd = -1;
	close(fd);
	return ret;
}

int scheme_ring_server_fd(struct scheme_ring_server *s)
{
	struct scheme_ring *r = s->ring;

	if (!r->bell->polls)
		return scheme_ring_fd(r);
	if (s->poll_fd < 0 && r->self_fd >= 0)
		return -EBUSY;
	if (s->poll_fd < 0)
		s->poll_fd = new_poll_fd(s);
	return s->poll_fd;
}

static void close_poll_fd(struct scheme_ring_server *s)
{
	if (s->poll_fd < 0)
		return;
	close(s->poll_fd);
	close(s->ring->self_fd);
	s->ring->self_fd = -1;
}

static void reset_self(struct scheme_ring_server *s)
{
	eventfd_t count;

	if (s->poll_fd >= 0)
		eventfd_read(s->ring->self_fd, &count);
}

static int set_interest(struct scheme_ring_server *s, uint32_t events)
{
	int ret;

	if (s->poll_fd < 0 || s->interest == events)
		return 0;
	ret = epoll_set(s->poll_fd, EPOLL_CTL_MOD, s->ring->end, events);
	if (!ret)
		s->interest = events;
	return ret;
}

static uint32_t wanted_events(struct scheme_ring_server *s)
{
	uint32_t wants = server_wants(s);

	if (wants & SCHEME_RING_NEED_ROOM)
		return EPOLLOUT;
	return wants ? EPOLLIN : 0;
}

int scheme_ring_server_arm(struct scheme_ring_server *s)
{
	uint32_t events;
	int ret;

	reset_self(s);
	/* whoever answers from now on wakes it */
	atomic_store(&s->awake, 0);
	/* before the look: what comes after it must find us polling */
	atomic_store(&s->ring->polled, true);
	atomic_thread_fence(memory_order_seq_cst);
	events = wanted_events(s);
	if (server_look(s) == -EAGAIN) {
		ret = set_interest(s, events);
		if (!ret && events)
			ret = scheme_ring_arm(s->ring, events);
		if (!ret)
			return 0;
	} else {
		ret = 1;
	}
	atomic_store(&s->ring->polled, false);
	return ret;
}

/* ---- beginning -------------------------------------------------------------------- */

static int server_config(struct scheme_ring_server_config *c,
			 const struct scheme_ring *ring)
{
	if (!c->depth)
		c->depth = DEFAULT_DEPTH;
	if (!c->files)
		c->files = DEFAULT_FILES;
	if (ring->end >= 0) {
		c->pid = ring->peer.pid;
		c->uid = ring->peer.uid;
		c->gid = ring->peer.gid;
	}
	return c->depth > DEPTH_MAX || c->files > FILES_MAX ? -EINVAL : 0;
}

static void free_server(struct scheme_ring_server *s)
{
	pthread_mutex_destroy(&s->lock);
	free(s->reqs);
	free(s->files);
	free(s->chains);
	free(s->answers);
	free(s->own_reqs);
	free(s->own_cqes);
	free(s);
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t n = 1;

	while (n < least)
		n *= 2;
	return n;
}

static struct scheme_ring_server *
new_server(const struct scheme_ring_server_config *c, uint32_t nr_fixed)
{
	struct scheme_ring_server *s = calloc(1, sizeof(*s));
	uint32_t chains = power_of_two(c->files + nr_fixed);

	if (!s)
		return NULL;
	s->config = *c;
	s->nr_fixed = nr_fixed;
	s->poll_fd = -1;
	s->posted = NO_FILE;
	s->chain_mask = chains - 1;
	pthread_mutex_init(&s->lock, NULL);
	s->reqs = calloc(c->depth, sizeof(*s->reqs));
	s->files = calloc(c->files + nr_fixed, sizeof(*s->files));
	s->chains = malloc(chains * sizeof(*s->chains));
	s->answers = calloc(2 * (size_t)c->depth, sizeof(*s->answers));
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): these are pointers */
	s->own_reqs = calloc(c->depth, sizeof(*s->own_reqs));
	s->own_cqes = calloc(c->depth, sizeof(*s->own_cqes));
	if (s->reqs && s->files && s->chains && s->answers && s->own_reqs &&
	    s->own_cqes) {
		memset(s->chains, 0xff, chains * sizeof(*s->chains));
		return s;
	}
	free_server(s);
	return NULL;
}

static void add_requests(struct scheme_ring_server *s)
{
	for (uint32_t i = s->config.depth; i--; ) {
		struct ring_req *r = &s->reqs[i];

		r->req.scheme = s->scheme;
		r->req.post = server_post;
		r->server = s;
		r->next = s->free;
		s->free = r;
	}
}

/* From now on it is told of events. */
static void join_scheme(struct scheme_ring_server *server)
{
	struct scheme *s = server->scheme;

	pthread_mutex_lock(&s->servers_lock);
	server->next = s->servers;
	s->servers = server;
	atomic_fetch_add(&s->nr_servers, 1);
	pthread_mutex_unlock(&s->servers_lock);
}

static void leave_scheme(struct scheme_ring_server *server)
{
	struct scheme *s = server->scheme;
	struct scheme_ring_server **link = &s->servers;

	pthread_mutex_lock(&s->servers_lock);
	while (*link != server)
		link = &(*link)->next;
	*link = server->next;
	atomic_fetch_sub(&s->nr_servers, 1);
	pthread_mutex_unlock(&s->servers_lock);
}

int scheme_ring_server_create(struct scheme_ring_server **out, struct scheme *s,
			      struct scheme_ring *ring,
			      const struct scheme_ring_server_config *config)
{
	struct scheme_ring_server_config c = { 0 };
	struct scheme_ring_server *server;

	if (config)
		c = *config;
	if (server_config(&c, ring) || ring->side != SCHEME_RING_PROVIDER)
		return -EINVAL;
	if (ring->server)
		return -EBUSY;
	server = new_server(&c, ring->end >= 0 ? SCHEME_RING_FILES_MAX : 0);
	if (!server)
		return -ENOMEM;
	server->scheme = s;
	server->ring = ring;
	server->may = ring->end >= 0 ? ring->peer.may : O_RDWR;
	add_requests(server);
	join_scheme(server);
	ring->server = server;
	*out = server;
	return 0;
}

/* ---- end -------------------------------------------------------------------------- */

unsigned int scheme_ring_server_pending(struct scheme_ring_server *s)
{
	return s->pending;
}

static void free_texts(struct scheme_ring_server *s)
{
	for (struct ring_req *r = s->oldest; r; r = r->newer)
		free(r->text);
}

static void let_go(struct scheme_ring_server *s)
{
	close_poll_fd(s);
	s->ring->server = NULL;
	free_server(s);
}

void server_abandon(struct scheme_ring_server *s)
{
	free_texts(s);
	leave_scheme(s);
	let_go(s);
}

/* A thread of the parent's may have had the lock for a reply. */
void server_forget(struct scheme_ring_server *s)
{
	free_texts(s);
	pthread_mutex_init(&s->lock, NULL);
	let_go(s);
}

int scheme_ring_server_destroy(struct scheme_ring_server *s)
{
	if (server_in_step(s))
		return -EBUSY;
	server_drop_all(s);
	if (s->pending)
		return -EBUSY;
	server_abandon(s);
	return 0;
}
