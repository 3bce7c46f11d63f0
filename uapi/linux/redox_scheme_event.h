/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The event scheme, /dev/scheme/event. A part of redox_scheme.h, whose changelog is
 * for this as well.
 */
#ifndef _UAPI_LINUX_REDOX_SCHEME_EVENT_H
#define _UAPI_LINUX_REDOX_SCHEME_EVENT_H

#include <linux/redox_scheme.h>

/*
 * Every open(2) of the event scheme makes an event queue, which belongs to the
 * open file: threads, children and whoever gets the descriptor share it. The
 * name `event` is the module's: creating a scheme of that name is EEXIST.
 *
 * A write of one or more struct scheme_event watches files, in order. It never
 * waits. If one is refused, those before it count: the write is short, or, if
 * it is the first, fails with
 *	EINVAL	length not a multiple of 24, or a flag that is not below
 *	EBADF	id is no descriptor of the caller's, or one for ioctl only
 *	EOPNOTSUPP  not a file of a scheme: use epoll(7), which takes any file,
 *		event queues among them
 *	ENOENT	flags 0, and no such watch
 *	ELOOP	an event queue that watches itself, over others or not, or a
 *		chain of more than four
 *	ENOSPC	4096 watches on this queue, 1024 of that file, or 16384 in all
 *		queues that this user has opened
 *	ENOMEM
 *
 * A read returns whole events, the oldest first, as many as there are and fit.
 * It waits for the first one, or fails with EAGAIN if O_NONBLOCK is set; EINVAL
 * if there is no room for one; EINTR on a signal. Through io_uring, a read with
 * a linked timeout waits for so long. The queue polls readable while it has
 * events, and can be watched by another one.
 *
 * Each readiness that a provider posts (SCHEME_CQE_EVENT) is an edge. A watch
 * for one of its bits becomes an event; until that is read, further edges are
 * or-ed to it. A new or changed watch begins with what is ready now. After the
 * provider's death comes EPOLLERR | EPOLLHUP, once. A watched event queue posts
 * EPOLLIN when it has been empty.
 */

/**
 * struct scheme_event - a watch (written), or an event (read)
 * @id: the watched descriptor. It names the open file that it stands for at
 *	the write; the watch ends when that file is closed for good, and not
 *	when the number comes to stand for another one
 * @flags: written, the EPOLL* bits to be told of, of EPOLLIN, PRI, OUT, ERR,
 *	HUP, RDNORM, RDBAND, WRNORM, WRBAND, MSG and RDHUP; ERR and HUP are
 *	told to all. Zero ends the watch. Read, those of them that became ready
 * @data: the caller's; comes back with each event
 *
 * A second write with the same id, of the same file, changes flags and data.
 */
struct scheme_event {
	__u64	id;
	__u64	flags;
	__u64	data;
};

/**
 * struct scheme_event_wait - read with a limit of time
 * @events: pointer to room for events
 * @nr: how many fit, at least 1
 * @flags: must be 0
 * @timeout_ns: give up after this long; 0 does not wait, negative is never
 *
 * Returns the number of events; 0 after the timeout. O_NONBLOCK changes
 * nothing. What io_uring has to do in the waiting thread does not end the wait,
 * but starts its timeout anew. Errors: EBADF not open for reading; EINVAL;
 * EINTR a signal.
 */
struct scheme_event_wait {
	__u64	events;
	__u32	nr;
	__u32	flags;
	__s64	timeout_ns;
};

#define SCHEME_IOC_EVENT_WAIT	_IOW(SCHEME_IOC_MAGIC, 0x40, struct scheme_event_wait)

SCHEME_SIZE_IS(struct scheme_event, 24);
SCHEME_SIZE_IS(struct scheme_event_wait, 24);

#endif /* _UAPI_LINUX_REDOX_SCHEME_EVENT_H */
