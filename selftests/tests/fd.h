/* SPDX-License-Identifier: GPL-2.0 */
/* Files in flight: the fixture and the words of their tests. */
#ifndef SELFTESTS_TESTS_FD_H
#define SELFTESTS_TESTS_FD_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../harness.h"
#include "../inflight.h"

#define NAME	"test-fd"

FIXTURE(fd) {
	struct provider p;
	struct queue *q;
	int file;		/* the client's */
	struct marker m;
	struct scheme_sqe sqe;
	struct job job;
	uint64_t ticket;
};

FIXTURE_SETUP(fd)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->file = client_open(&self->p, O_RDWR, 7, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, marker_begin(&self->m));
}

FIXTURE_TEARDOWN(fd)
{
	marker_end(&self->m);
	close(self->file);
	provider_end(&self->p);
}

/* A client that opens a path, up to where the provider has the request. */
#define START_OPENAT(at, open_flags)					\
do {									\
	(at) = (struct scheme_openat){					\
		.path = (uintptr_t)"x", .path_len = 1,			\
		.flags = (open_flags),					\
	};								\
	job_ioctl(&self->job, self->file, SCHEME_IOC_OPENAT, &(at));	\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));	\
} while (0)

/* One that sends the marker, or another file. */
#define START_SENDFD(arg, sent, send_flags)				\
do {									\
	(arg) = (struct scheme_sendfd){					\
		.name = (uintptr_t)"door", .name_len = 4,		\
		.fd = (sent), .flags = (send_flags),			\
		.word = 0x1234567890abcdefULL,				\
	};								\
	job_ioctl(&self->job, self->file, SCHEME_IOC_SENDFD, &(arg));	\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_SENDFD)); \
} while (0)

#define START_RECVFD(arg, recv_flags)					\
do {									\
	(arg) = (struct scheme_recvfd){					\
		.name = (uintptr_t)"door", .name_len = 4,		\
		.flags = (recv_flags), .word = 77,			\
	};								\
	job_ioctl(&self->job, self->file, SCHEME_IOC_RECVFD, &(arg));	\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RECVFD)); \
} while (0)

#endif /* SELFTESTS_TESTS_FD_H */
