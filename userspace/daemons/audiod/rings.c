// SPDX-License-Identifier: MIT
/*
 * The thread at the door: waits for signals, and, where there is no module, for rings
 * over shared memory that clients bring by a socket, and for the ends of those clients.
 *
 * A client: visitor [it has connected] -> link [it has brought a ring, in time], or
 * sent away.
 */
#include "audiod.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "handover.h"
#include "realtime.h"

/* For a visitor's ring. */
#define PATIENCE_NS	1000000000ULL
/* Before the next try, when nobody could be let in. */
#define REST_NS		100000000ULL

struct visitor {
	int		fd;
	struct ucred	who;
	uint64_t	until_ns;
};

struct door {
	struct audiod	*audiod;
	struct visitor	visitors[VISITORS_MAX];
	unsigned int	nr;
	uint64_t	rest_until_ns;	/* let nobody in before */
};

/* ---- a ring comes ----------------------------------------------------------------- */

/* Told once: it stays with the link, but must not keep us awake. */
static int watch_life(struct audiod *a, struct link *link, int fd)
{
	struct epoll_event event = { .events = EPOLLRDHUP | EPOLLONESHOT };

	link->life = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (link->life < 0)
		return -errno;
	return epoll_ctl(a->lives_fd, EPOLL_CTL_ADD, link->life, &event) ? -errno : 0;
}

static int make_link(struct audiod *a, struct link *link, struct handover *h,
		     const struct ucred *who)
{
	const struct scheme_ring_server_config config = {
		.depth = RING_DEPTH,
		.pid = (uint32_t)who->pid,
		.uid = who->uid,
		.gid = who->gid,
	};
	int ret = watch_life(a, link, h->fds.life);

	if (!ret)
		ret = scheme_ring_attach(&link->ring, SCHEME_RING_PROVIDER, &h->config,
					 &h->fds);
	if (!ret)
		ret = scheme_ring_add_region(link->ring, h->region, 0,
					     h->region_size);
	return ret ? ret : link_serve(a, link, &config);
}

static int take_ring(struct audiod *a, const struct visitor *v)
{
	struct handover h;
	struct link link;
	int ret = handover_receive(v->fd, &h);

	if (ret)
		return ret;
	ret = link_new(a, &link, v->who.uid);
	if (!ret) {
		ret = make_link(a, &link, &h, &v->who);
		if (ret)
			link_close(a, &link);
		else
			serve_add(a, &link);
	}
	handover_close(&h);
	return ret;
}

/* ---- visitors --------------------------------------------------------------------- */

static void send_away(struct door *d, unsigned int i, int answer)
{
	struct visitor *v = &d->visitors[i];

	handover_answer(v->fd, answer);
	close(v->fd);
	quota_give(&d->audiod->quota, v->who.uid, QUOTA_VISITORS, 1);
	*v = d->visitors[--d->nr];
}

static int let_in(struct door *d, int fd)
{
	struct visitor v = { .fd = fd, .until_ns = mono_ns() + PATIENCE_NS };
	socklen_t size = sizeof(v.who);
	int ret;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &v.who, &size))
		return -errno;
	ret = quota_take(&d->audiod->quota, v.who.uid, QUOTA_VISITORS, 1);
	if (!ret)
		d->visitors[d->nr++] = v;
	return ret;
}

/* Who cannot be let in for want of descriptors waits outside, and we must not spin. */
static void open_door(struct door *d)
{
	struct sockaddr_un from;
	socklen_t size = sizeof(from);
	int fd = accept4(d->audiod->listen_fd, (struct sockaddr *)&from, &size,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	int ret;

	if (fd < 0) {
		d->rest_until_ns = mono_ns() + REST_NS;
		return;
	}
	ret = let_in(d, fd);
	if (ret) {
		handover_answer(fd, ret);
		close(fd);
	}
}

/* From the last one on: who is sent away leaves his place to it. */
static void see_visitors(struct door *d, const struct pollfd *fds)
{
	uint64_t now = mono_ns();

	for (unsigned int i = d->nr; i--; ) {
		if (fds[i].revents)
			send_away(d, i, take_ring(d->audiod, &d->visitors[i]));
		else if (now >= d->visitors[i].until_ns)
			send_away(d, i, -ETIMEDOUT);
	}
}

/* ---- the thread ------------------------------------------------------------------- */

enum { SIGNAL, ENDED, LIVES, LISTEN, FIRST_VISITOR };

static int wait_ms(const struct door *d)
{
	uint64_t now = mono_ns(), until = UINT64_MAX;

	if (d->rest_until_ns > now)
		until = d->rest_until_ns;
	for (unsigned int i = 0; i < d->nr; i++)
		if (d->visitors[i].until_ns < until)
			until = d->visitors[i].until_ns;
	if (until == UINT64_MAX)
		return -1;
	return until > now ? (int)((until - now) / 1000000) + 1 : 0;
}

static int wait_for_some(const struct door *d, struct pollfd *fds)
{
	const struct audiod *a = d->audiod;
	bool rests = d->rest_until_ns > mono_ns();

	fds[SIGNAL].fd = a->daemon.signal_fd;
	fds[ENDED].fd = a->ended_fd;
	fds[LIVES].fd = a->lives_fd;
	fds[LISTEN].fd = rests ? -1 : a->listen_fd;
	for (unsigned int i = 0; i < d->nr; i++)
		fds[FIRST_VISITOR + i].fd = d->visitors[i].fd;
	for (unsigned int i = 0; i < FIRST_VISITOR + d->nr; i++)
		fds[i].events = POLLIN;
	return poll(fds, FIRST_VISITOR + d->nr, wait_ms(d));
}

static void take_ends(struct audiod *a)
{
	struct epoll_event events[RINGS_MAX];

	if (epoll_wait(a->lives_fd, events, RINGS_MAX, 0) > 0)
		serve_hung_up(a);
}

static void *keep_door(void *arg)
{
	struct door d = { .audiod = arg };
	struct pollfd fds[FIRST_VISITOR + VISITORS_MAX];

	for (;;) {
		if (wait_for_some(&d, fds) < 0)
			continue;
		if (fds[SIGNAL].revents || fds[ENDED].revents)
			break;
		if (fds[LIVES].revents)
			take_ends(d.audiod);
		see_visitors(&d, fds + FIRST_VISITOR);
		if (fds[LISTEN].revents)
			open_door(&d);
	}
	while (d.nr)
		send_away(&d, d.nr - 1, -ESHUTDOWN);
	serve_stop(d.audiod);
	return NULL;
}

int rings_listen(struct audiod *a)
{
	unsigned int mode = a->daemon.config.mode ? a->daemon.config.mode : 0600;
	int ret = handover_listen(a->socket, mode);

	if (ret < 0) {
		daemon_say(ret, "cannot listen at %s", a->socket);
		return ret;
	}
	a->listen_fd = ret;
	a->lives_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->lives_fd >= 0)
		return 0;
	ret = -errno;
	daemon_say(ret, "cannot begin");
	return ret;
}

int rings_start(struct audiod *a)
{
	int ret = -pthread_create(&a->door, NULL, keep_door, a);

	if (ret)
		daemon_say(ret, "cannot start a thread");
	return ret;
}

void rings_stop(struct audiod *a)
{
	eventfd_write(a->ended_fd, 1);
	pthread_join(a->door, NULL);
}
