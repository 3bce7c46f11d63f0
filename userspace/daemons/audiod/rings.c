// SPDX-License-Identifier: MIT
/*
 * The thread at the door: waits for signals, and for rings over shared memory that
 * clients bring by a socket where there is no module.
 */
#include "audiod.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "handover.h"

/* ---- a ring comes ----------------------------------------------------------------- */

static int make_link(struct audiod *a, struct link *link, struct handover *h,
		     const struct ucred *who)
{
	const struct scheme_ring_server_config config = {
		.depth = RING_DEPTH,
		.pid = (uint32_t)who->pid,
		.uid = who->uid,
		.gid = who->gid,
	};
	int ret = scheme_ring_attach(&link->ring, SCHEME_RING_PROVIDER, &h->config,
				     &h->fds);

	if (!ret)
		ret = scheme_ring_add_region(link->ring, h->region, 0,
					     h->region_size);
	if (!ret)
		ret = link_init(a, link, &config);
	if (!ret)
		ret = serve_add(a, link);
	if (ret)
		link_close(link);
	return ret;
}

static int take_ring(struct audiod *a, int connection)
{
	struct link link = { NULL, NULL };
	struct ucred who;
	socklen_t size = sizeof(who);
	struct handover h;
	int ret;

	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &size))
		return -errno;
	ret = handover_receive(connection, &h);
	if (ret)
		return ret;
	ret = make_link(a, &link, &h, &who);
	handover_close(&h);
	return ret;
}

static void take_connection(struct audiod *a)
{
	struct sockaddr_un from;
	socklen_t size = sizeof(from);
	int connection = accept4(a->listen_fd, (struct sockaddr *)&from, &size,
				 SOCK_CLOEXEC);

	if (connection < 0)
		return;
	handover_answer(connection, take_ring(a, connection));
	close(connection);
}

/* ---- the thread ------------------------------------------------------------------- */

static void *keep_door(void *arg)
{
	struct audiod *a = arg;
	struct pollfd fds[] = {
		{ .fd = a->daemon.signal_fd, .events = POLLIN },
		{ .fd = a->ended_fd, .events = POLLIN },
		{ .fd = a->listen_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents || fds[1].revents)
			break;
		take_connection(a);
	}
	serve_stop(a);
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
	return 0;
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
