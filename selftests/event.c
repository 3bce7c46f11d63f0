// SPDX-License-Identifier: GPL-2.0
#include "event.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "provider.h"

int event_open(int flags)
{
	return open_errno(EVENT_NODE, O_RDWR | O_CLOEXEC | flags);
}

int event_watch_id(int eq, uint64_t id, uint64_t flags, uint64_t data)
{
	const struct scheme_event event = {
		.id = id, .flags = flags, .data = data,
	};
	ssize_t ret = write(eq, &event, sizeof(event));

	if (ret < 0)
		return -errno;
	return ret == sizeof(event) ? 0 : -EBADMSG;
}

int event_watch(int eq, int fd, uint64_t flags, uint64_t data)
{
	return event_watch_id(eq, (uint64_t)(int64_t)fd, flags, data);
}

int event_read(int eq, struct scheme_event *events, unsigned int nr)
{
	ssize_t ret = read(eq, events, nr * sizeof(*events));

	if (ret < 0)
		return -errno;
	return ret % sizeof(*events) ? -EBADMSG : (int)(ret / sizeof(*events));
}

int event_wait(int eq, struct scheme_event *events, unsigned int nr,
	       int timeout_ms)
{
	struct scheme_event_wait wait = {
		.events = (uintptr_t)events,
		.nr = nr,
		.timeout_ns = timeout_ms < 0 ? -1 : timeout_ms * 1000000LL,
	};

	return do_ioctl(eq, SCHEME_IOC_EVENT_WAIT, &wait);
}

#define WATCHES	"scheme-watches:"

int event_watches(int eq)
{
	char path[64], line[128];
	int nr = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", eq);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, WATCHES, strlen(WATCHES)))
			nr = (int)strtol(line + strlen(WATCHES), NULL, 10);
	fclose(f);
	return nr;
}

int fd_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

int fd_receive(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &msg, 0) != 1)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}
