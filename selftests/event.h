/* SPDX-License-Identifier: GPL-2.0 */
/* The event scheme, for tests. Everything returns -errno. */
#ifndef SELFTESTS_EVENT_H
#define SELFTESTS_EVENT_H

#include <stdint.h>

#include <sys/epoll.h>

#include <linux/redox_scheme.h>

#define EVENT_NODE	"/dev/scheme/event"

/* What may be watched for. */
#define EVENT_MASK	(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | \
			 EPOLLRDNORM | EPOLLRDBAND | EPOLLWRNORM |	       \
			 EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP)

/* A new queue, for reading and writing. */
int event_open(int flags);
int event_watch(int eq, int fd, uint64_t flags, uint64_t data);
int event_watch_id(int eq, uint64_t id, uint64_t flags, uint64_t data);
/* read(2), counted in events. */
int event_read(int eq, struct scheme_event *events, unsigned int nr);
/* EVENT_WAIT; timeout_ms as for poll(2). */
int event_wait(int eq, struct scheme_event *events, unsigned int nr,
	       int timeout_ms);
/* How many watches there are; from /proc. */
int event_watches(int eq);

/* One descriptor through a socket. */
int fd_send(int socket, int fd);
int fd_receive(int socket);

/* For tests, after harness.h. */
#define EXPECT_NOTHING(eq)						\
do {									\
	struct scheme_event e_;						\
									\
	EXPECT_EQ(-EAGAIN, event_read(eq, &e_, 1));			\
} while (0)

/* One event is there, this one, and no more. */
#define EXPECT_EVENT(eq, id_, flags_, data_)				\
do {									\
	struct scheme_event e_[2] = {};					\
									\
	EXPECT_EQ(1, event_read(eq, e_, 2));				\
	EXPECT_EQ((__u64)(id_), e_[0].id);				\
	EXPECT_EQ((__u64)(flags_), e_[0].flags);			\
	EXPECT_EQ((__u64)(data_), e_[0].data);				\
} while (0)

#endif /* SELFTESTS_EVENT_H */
