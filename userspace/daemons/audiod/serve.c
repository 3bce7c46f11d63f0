// SPDX-License-Identifier: MIT
/*
 * The loop: serve what has come, meet the deadline, and else spin or sleep. While
 * it spins it makes no system call: entries, answers and the clock are memory.
 */
#include "audiod.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "realtime.h"

/* ---- rings ---------------------------------------------------------------------- */

int link_new(struct audiod *a, struct link *link, uid_t uid)
{
	*link = (struct link){ .uid = uid, .life = -1 };
	return quota_take(&a->quota, uid, QUOTA_RINGS, 1);
}

void link_close(struct audiod *a, struct link *link)
{
	/* what waits here has been cancelled, and that is answered at once */
	if (link->server)
		scheme_ring_server_destroy(link->server);
	if (link->ring)
		scheme_ring_close(link->ring);
	if (link->life >= 0) {
		/* by itself it would go with the client's last descriptor of it */
		epoll_ctl(a->lives_fd, EPOLL_CTL_DEL, link->life, NULL);
		close(link->life);
	}
	quota_give(&a->quota, link->uid, QUOTA_RINGS, 1);
}

int link_serve(struct audiod *a, struct link *link,
	       const struct scheme_ring_server_config *who)
{
	int ret = scheme_ring_server_create(&link->server, a->daemon.scheme,
					    link->ring, who);

	/* before it is armed for the first time */
	if (!ret)
		ret = scheme_ring_server_fd(link->server);
	return ret < 0 ? ret : 0;
}

int serve_accept(struct audiod *a, struct scheme_req *req)
{
	const struct scheme_ring_server_config config = { .depth = RING_DEPTH };
	struct link link;
	int ret = link_new(a, &link, scheme_req_sqe(req)->uid);

	if (ret)
		return ret;
	ret = scheme_req_accept_ring(req, &link.ring);
	if (!ret)
		ret = link_serve(a, &link, &config);
	if (ret)
		link_close(a, &link);
	else
		a->links[a->nr_links++] = link;
	return ret;
}

static void drop(struct audiod *a, unsigned int index)
{
	link_close(a, &a->links[index]);
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

/* ---- from the other thread -------------------------------------------------------- */

static void tell_locked(struct audiod *a)
{
	atomic_store(&a->news, true);
	eventfd_write(a->wake_fd, 1);
}

/* The quota says that there is room, here and among the links. */
void serve_add(struct audiod *a, const struct link *link)
{
	pthread_mutex_lock(&a->lock);
	a->new_links[a->nr_new++] = *link;
	tell_locked(a);
	pthread_mutex_unlock(&a->lock);
}

void serve_hung_up(struct audiod *a)
{
	pthread_mutex_lock(&a->lock);
	a->hung_up = true;
	tell_locked(a);
	pthread_mutex_unlock(&a->lock);
}

void serve_stop(struct audiod *a)
{
	atomic_store(&a->stop, true);
	eventfd_write(a->wake_fd, 1);
}

/*
 * Which of them are there? Steps say so then. A client that was killed has left no
 * word in shared memory; where there is a module, that has.
 */
static void ask_for_life(struct audiod *a)
{
	for (unsigned int i = 0; i < a->nr_links; i++)
		scheme_ring_alive(a->links[i].ring);
}

static void take_news(struct audiod *a)
{
	bool hung_up;

	pthread_mutex_lock(&a->lock);
	atomic_store(&a->news, false);
	for (unsigned int i = 0; i < a->nr_new; i++)
		a->links[a->nr_links++] = a->new_links[i];
	a->nr_new = 0;
	hung_up = a->hung_up;
	a->hung_up = false;
	pthread_mutex_unlock(&a->lock);
	if (hung_up)
		ask_for_life(a);
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

/* One look at everything; 0, or an error of the queue's. */
static int look(struct audiod *a)
{
	bool some;
	uint64_t deadline, now;
	int ret;

	if (atomic_load_explicit(&a->news, memory_order_relaxed))
		take_news(a);
	ret = serve_queue(a);
	if (ret < 0)
		return ret;
	some = serve_rings(a) || ret;
	deadline = sink_deadline(&a->sink);
	now = mono_ns();
	if (now >= deadline)
		sink_tick(&a->sink, now);
	else if (!some && a->spins && deadline != UINT64_MAX)
		cpu_relax();
	else if (!some)
		wait_until(a, deadline);
	return 0;
}

int serve(struct audiod *a)
{
	int ret = 0;

	while (!ret && !atomic_load_explicit(&a->stop, memory_order_relaxed))
		ret = look(a);
	/* an end by name is a good one */
	return ret == -ENODEV ? 0 : ret;
}

void serve_end(struct audiod *a)
{
	take_news(a);
	while (a->nr_links)
		drop(a, a->nr_links - 1);
}
