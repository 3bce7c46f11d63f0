/* SPDX-License-Identifier: GPL-2.0 */
/* A file of a provider that the test plays, and every command by ioctl and through io_uring. */
#ifndef SELFTESTS_REQUEST_H
#define SELFTESTS_REQUEST_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <scheme.h>

#include "../harness.h"
#include "../uring.h"

#define NAME	"test-request"
#define SLOT	4096

FIXTURE(request) {
	struct provider p;
	struct queue *q;
	int fd;				/* number 1 */
	struct io_uring ring;
	struct job job;
	struct scheme_sqe sqe;
	struct scheme_request r;
	char buf[SLOT];
};

FIXTURE_VARIANT(request) {
	bool uring;
};

FIXTURE_VARIANT_ADD(request, ioctl) {
	.uring = false,
};

FIXTURE_VARIANT_ADD(request, uring) {
	.uring = true,
};

FIXTURE_SETUP(request)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uring_begin(&self->ring, 0));
}

FIXTURE_TEARDOWN(request)
{
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	provider_end(&self->p);
}

/* Begin a command by the variant's route. */
static void begin(FIXTURE_DATA(request) *self, bool uring, int fd, uint32_t cmd,
		  void *arg)
{
	struct io_uring_sqe *sqe;

	if (!uring) {
		job_ioctl(&self->job, fd, cmd, arg);
		return;
	}
	sqe = io_uring_get_sqe(&self->ring);
	scheme_prep_command(sqe, fd, cmd, arg);
	sqe->user_data = 5;
	io_uring_submit(&self->ring);
}

static long end(FIXTURE_DATA(request) *self, bool uring)
{
	return uring ? uring_wait(&self->ring, 5) : job_wait(&self->job);
}

#define BEGIN(fd, cmd, arg)	begin(self, variant->uring, fd, cmd, arg)
#define END()			end(self, variant->uring)

/* What comes back without the provider being asked. */
#define EXPECT_REFUSED(err)						\
do {									\
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);			\
	EXPECT_EQ(-(err), END());					\
	EXPECT_TRUE(queue_silent(self->q, 1));				\
} while (0)

static struct scheme_request on_path(uint8_t opcode, const char *path)
{
	return (struct scheme_request){
		.opcode = opcode, .path = (uintptr_t)path,
		.path_len = strlen(path), .fd2 = -1,
	};
}

#endif /* SELFTESTS_REQUEST_H */
