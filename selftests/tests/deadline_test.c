// SPDX-License-Identifier: GPL-2.0
/*
 * Deadlines that nobody has asked for: 30 s for what a signal cannot end, none
 * for other calls; one minute for a parked ENTER that its kernel cannot
 * cancel. All of them wait at the same time.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../harness.h"
#include "../uring.h"

#define NAME	"test-deadline"

/* early enough not to be over, late enough to be over, on a slow machine */
#define BEFORE_MS	2000
#define AFTER_MS	8000
#define ASYNC_MS	30000
#define PARK_MS		60000

FIXTURE(deadline) {
	struct provider p;		/* does not answer */
	struct provider idle;		/* has nothing to do */
	int client;
	bool cancels;			/* the kernel, what is parked */
	struct io_uring read, fsync, enter;
	struct job job;
	int64_t start;
	char byte;
};

FIXTURE_SETUP(deadline)
{
	struct io_uring_sqe *sqe;
	struct scheme_sqe seen;

	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	ASSERT_EQ(0, provider_begin(&self->idle, NAME "-idle"));
	self->client = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->client);
	self->cancels = self->p.create.features & SCHEME_F_URING_CANCEL;
	ASSERT_EQ(0, uring_begin(&self->read, 0));
	ASSERT_EQ(0, uring_begin(&self->fsync, 0));
	ASSERT_EQ(0, uring_begin(&self->enter, 0));

	sqe = io_uring_get_sqe(&self->read);
	io_uring_prep_read(sqe, self->client, &self->byte, 1, 0);
	sqe->user_data = 1;
	sqe = io_uring_get_sqe(&self->fsync);
	io_uring_prep_fsync(sqe, self->client, 0);
	sqe->user_data = 2;
	self->start = now_ms();
	ASSERT_EQ(1, uring_enter(&self->enter, &self->idle.q[0], 1, 0, 3));
	ASSERT_EQ(1, io_uring_submit(&self->read));
	ASSERT_EQ(1, io_uring_submit(&self->fsync));
	job_pread(&self->job, self->client, &self->byte, 1, 0);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, queue_next(&self->p.q[0], &seen));
}

FIXTURE_TEARDOWN(deadline)
{
	close(self->client);
	provider_end(&self->p);
	provider_end(&self->idle);
	io_uring_queue_exit(&self->read);
	io_uring_queue_exit(&self->fsync);
	io_uring_queue_exit(&self->enter);
}

static void sleep_until(int64_t ms)
{
	if (now_ms() < ms)
		sleep_ms(ms - now_ms());
}

TEST_F_TIMEOUT(deadline, S17_deadlines_that_nobody_asked_for, 100)
{
	struct queue *q = &self->p.q[0];
	struct scheme_stats stats;
	struct scheme_sqe seen;

	sleep_until(self->start + ASYNC_MS - BEFORE_MS);
	EXPECT_TRUE(uring_silent(&self->read, 0));
	EXPECT_TRUE(uring_silent(&self->fsync, 0));
	EXPECT_TRUE(queue_silent(q, 1));
	EXPECT_EQ(-ETIMEDOUT, uring_wait_ms(&self->read, 1, AFTER_MS));
	EXPECT_EQ(-ETIMEDOUT, uring_wait_ms(&self->fsync, 2, AFTER_MS));
	/* the provider is told of both */
	EXPECT_EQ(0, queue_expect(q, &seen, SCHEME_OP_CANCEL));
	EXPECT_EQ(0, queue_expect(q, &seen, SCHEME_OP_CANCEL));
	EXPECT_EQ(0, queue_enter(q, 1, 1));
	ASSERT_EQ(0, provider_stats(&self->p, &stats));
	EXPECT_EQ(2, stats.timeouts);

	/* the system call waits on; ENTER as long as it may */
	if (!self->cancels) {
		sleep_until(self->start + PARK_MS - BEFORE_MS);
		EXPECT_TRUE(uring_silent(&self->enter, 0));
		EXPECT_EQ(0, uring_wait_ms(&self->enter, 3, AFTER_MS));
	} else {
		EXPECT_TRUE(uring_silent(&self->enter, 0));
	}
	EXPECT_FALSE(job_done(&self->job));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
}

TEST_HARNESS_MAIN
