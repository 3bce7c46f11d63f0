// SPDX-License-Identifier: MIT
/*
 * The loop: serve what has come, meet the deadline, and else spin or sleep. While
 * it spins it makes no system call: entries, answers and the clock are memory.
 */
#include "audiod.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "realtime.h"

/* ---- rings ---------------------------------------------------------------------- */

void link_close(struct link *link)
{
	/* what waits here has been cancelled, and that is answered at once */
	if (link->server)
		scheme_ring_server_destroy(link->server);
	if (link->ring)
		scheme_ring_close(link->ring);
	*link = (struct link){ NULL, NULL };
}

int link_init(struct audiod *a, struct link *link,
	      const struct scheme_ring_server_config *who)
{
	int ret = scheme_ring_server_create(&link->server, a->daemon.scheme,
					    link->ring, who);

	/* before it is armed for the first time */
	if (!ret)
		ret = scheme_ring_server_fd(link->server);
	if (ret >= 0)
		return 0;
	link_close(link);
	return ret;
}

int serve_accept(struct audiod *a, struct scheme_req *req)
{
	const struct scheme_ring_server_config config = { .depth = RING_DEPTH };
	struct link link = { NULL, NULL };
	int ret;

	if (a->nr_links == RINGS_MAX)
		return -EMFILE;
	ret = scheme_req_accept_ring(req, &link.ring);
	if (!ret)
		ret = link_init(a, &link, &config);
	if (!ret)
		a->links[a->nr_links++] = link;
	return ret;
}

int serve_add(struct audiod *a, const struct link *link)
{
	unsigned int nr;
	int ret = -EMFILE;

	pthread_mutex_lock(&a->lock);
	nr = atomic_load(&a->nr_new);
	if (nr < RINGS_MAX) {
		a->new_links[nr] = *link;
		atomic_store(&a->nr_new, nr + 1);
		ret = 0;
	}
	pthread_mutex_unlock(&a->lock);
	eventfd_write(a->wake_fd, 1);
	return ret;
}

static void take_new(struct audiod *a)
{
	unsigned int nr;

	pthread_mutex_lock(&a->lock);
	nr = atomic_exchange(&a->nr_new, 0);
	for (unsigned int i = 0; i < nr; i++) {
		if (a->nr_links < RINGS_MAX)
			a->links[a->nr_links++] = a->new_links[i];
		else
			link_close(&a->new_links[i]);
	}
	pthread_mutex_unlock(&a->lock);
}

static void drop(struct audiod *a, unsigned int index)
{
	link_close(&a->links[index]);
	a->links[index] = a->links[--a->nr_links];
}

/* True: there was something. */
static bool serve_rings(struct audiod *a)
{
	bool some = false;
	int ret;

	for (unsigned int i = 0; i < a->nr_links; i++) {
		ret = scheme_ring_server_step(a->links[i].server, 0);
		if (ret < 0)
			drop(a, i--);
		some |= ret;
	}
	return some;
}

/*
 * Nothing has come in time: perhaps nobody is there any more. The look after this
 * one finds out; a client that was killed has left no word in shared memory.
 */
static void ask_for_life(struct audiod *a)
{
	for (unsigned int i = 0; i < a->nr_links; i++)
		scheme_ring_alive(a->links[i].ring);
}

/* ---- the scheme's queue ----------------------------------------------------------- */

static int serve_queue(struct audiod *a)
{
	int ret = a->queue ? scheme_queue_dispatch(a->queue) : 0;

	return ret > 0 ? scheme_queue_flush(a->queue) : ret;
}

/* ---- waiting ---------------------------------------------------------------------- */

enum { WAKE, QUEUE, FIRST_RING };

/* How many rings are armed, in order; all of them, or one has something. */
static unsigned int arm(struct audiod *a, bool *has_some)
{
	*has_some = false;
	for (unsigned int i = 0; i < a->nr_links; i++) {
		if (!scheme_ring_server_arm(a->links[i].server))
			continue;
		*has_some = true;
		return i;
	}
	return a->nr_links;
}

static void sleep_until(struct audiod *a, uint64_t deadline)
{
	struct pollfd fds[FIRST_RING + RINGS_MAX] = {
		[WAKE] = { .fd = a->wake_fd, .events = POLLIN },
		[QUEUE] = { .fd = a->queue ? scheme_queue_fd(a->queue) : -1,
			    .events = POLLIN },
	};
	uint64_t now = mono_ns();
	uint64_t left = deadline > now ? deadline - now : 0;
	const struct timespec ts = { .tv_sec = (time_t)(left / 1000000000),
				     .tv_nsec = (long)(left % 1000000000) };
	eventfd_t count;

	for (unsigned int i = 0; i < a->nr_links; i++)
		fds[FIRST_RING + i] = (struct pollfd){
			.fd = scheme_ring_server_fd(a->links[i].server),
			.events = POLLIN,
		};
	if (ppoll(fds, FIRST_RING + a->nr_links,
		  deadline == UINT64_MAX ? NULL : &ts, NULL) > 0 &&
	    fds[WAKE].revents)
		eventfd_read(a->wake_fd, &count);
}

static void wait_until(struct audiod *a, uint64_t deadline)
{
	bool has_some;
	unsigned int armed = arm(a, &has_some);

	if (!has_some)
		sleep_until(a, deadline);
	while (armed)
		scheme_ring_disarm(a->links[--armed].ring);
}

/* ---- the loop ----------------------------------------------------------------------- */

void serve_stop(struct audiod *a)
{
	atomic_store(&a->stop, true);
	eventfd_write(a->wake_fd, 1);
}

/* One look at everything; 0, or an error of the queue's. */
static int look(struct audiod *a)
{
	bool some;
	uint64_t deadline, now;
	int ret;

	if (atomic_load_explicit(&a->nr_new, memory_order_acquire))
		take_new(a);
	ret = serve_queue(a);
	if (ret < 0)
		return ret;
	some = serve_rings(a) || ret;
	deadline = sink_deadline(&a->sink);
	now = mono_ns();
	if (now >= deadline) {
		if (!sink_tick(&a->sink, now))
			ask_for_life(a);
	} else if (some) {
		return 0;
	} else if (a->spins && deadline != UINT64_MAX) {
		cpu_relax();
	} else {
		wait_until(a, deadline);
	}
	return 0;
}

int serve(struct audiod *a)
{
	int ret = 0;

	while (!ret && !atomic_load_explicit(&a->stop, memory_order_relaxed))
		ret = look(a);
	take_new(a);
	while (a->nr_links)
		drop(a, a->nr_links - 1);
	/* an end by name is a good one */
	return ret == -ENODEV ? 0 : ret;
}
