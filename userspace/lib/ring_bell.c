// SPDX-License-Identifier: MIT
/*
 * Doorbells that are eventfds, and the end of the other side as the hang-up of a
 * socket. An eventfd counts, so a doorbell latches.
 */
#include "ring_int.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Does not wait: a count that is full has been rung often enough. */
static void ring_bell(int fd)
{
	const uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof(one));

	(void)ignored;
}

static void bell_doorbell(struct scheme_ring *r)
{
	ring_bell(r->fds.peer_bell);
}

static void bell_self(struct scheme_ring *r)
{
	ring_bell(r->fds.bell);
}

static void reset(int fd)
{
	uint64_t count;
	ssize_t ignored = read(fd, &count, sizeof(count));

	(void)ignored;
}

static int bell_wait(struct scheme_ring *r, bool ring, int64_t timeout_ns)
{
	struct pollfd fds[] = {
		{ .fd = r->fds.bell, .events = POLLIN },
		{ .fd = r->fds.life, .events = POLLRDHUP },
	};
	struct timespec ts = {
		.tv_sec = timeout_ns / 1000000000,
		.tv_nsec = timeout_ns % 1000000000,
	};
	int ret;

	if (ring)
		bell_doorbell(r);
	ret = ppoll(fds, 2, timeout_ns < 0 ? NULL : &ts, NULL);
	if (ret < 0)
		return -errno;
	if (fds[0].revents & POLLIN)
		reset(r->fds.bell);
	if (fds[1].revents)
		r->gone = true;
	return ret ? 0 : -ETIME;
}

/* Without a module, the owner's page has no owner but the two sides. */
static void bell_mark(struct scheme_ring *r, uint32_t state)
{
	__atomic_fetch_or(&r->kern->state, state, __ATOMIC_RELEASE);
}

/* ---- for other loops --------------------------------------------------------- */

static int watch(int poll_fd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	return epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int bell_poll_fd(struct scheme_ring *r)
{
	int fd, ret;

	if (r->poll_fd >= 0)
		return r->poll_fd;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = watch(fd, r->fds.bell, EPOLLIN);
	if (!ret)
		ret = watch(fd, r->fds.life, EPOLLRDHUP);
	if (ret) {
		close(fd);
		return ret;
	}
	r->poll_fd = fd;
	return fd;
}

const struct ring_bell_ops ring_eventfd_ops = {
	.doorbell = bell_doorbell,
	.self = bell_self,
	.wait = bell_wait,
	.mark = bell_mark,
	.poll_fd = bell_poll_fd,
};
