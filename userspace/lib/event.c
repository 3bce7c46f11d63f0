// SPDX-License-Identifier: MIT
/*
 * Event queues: to wait for many files of schemes at once.
 */
#include "int.h"

#include <fcntl.h>
#include <unistd.h>

#define EVENT_NODE	"/dev/scheme/event"

int scheme_event_open(int flags)
{
	int fd;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	fd = open(EVENT_NODE, O_RDWR | flags);
	if (fd < 0)
		return -errno;
	return fd;
}

int scheme_event_watch(int fd, int queue, uint32_t flags, uint64_t data)
{
	const struct scheme_event event = {
		.id = (uint64_t)(int64_t)fd,
		.flags = flags,
		.data = data,
	};

	return write(queue, &event, sizeof(event)) < 0 ? -errno : 0;
}

int scheme_event_wait(int queue, struct scheme_event *events, unsigned int nr,
		      int timeout_ms)
{
	struct scheme_event_wait args = {
		.events = (uint64_t)(uintptr_t)events,
		.nr = nr,
		.timeout_ns = timeout_ms < 0 ? -1 : timeout_ms * (int64_t)1000000,
	};

	return ioctl_errno(queue, SCHEME_IOC_EVENT_WAIT, &args);
}
