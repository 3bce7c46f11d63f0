// SPDX-License-Identifier: GPL-2.0
/* Queues that are not open yet, not open any more, or open again. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-reopen"

/* A scheme of two queues, none of which is open. */
FIXTURE(reopen) {
	struct provider p;
	struct job job;
	struct scheme_sqe sqe;
};

FIXTURE_SETUP(reopen)
{
	create_init(&self->p.create, NAME);
	self->p.create.queues = 2;
	self->p.create.depth = 8;
	self->p.create.slot_size = 4096;
	self->p.fd = scheme_fd_create(-1, &self->p.create);
	ASSERT_LE(0, self->p.fd);
	snprintf(self->p.node, sizeof(self->p.node), NODE_DIR "/" NAME);
	self->p.q[0].fd = self->p.q[1].fd = -1;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one CPU");
}

FIXTURE_TEARDOWN(reopen)
{
	queue_close(&self->p.q[0]);
	queue_close(&self->p.q[1]);
	close(self->p.fd);
}

/* Threads made from here on ask from this CPU, whose queue has its number. */
static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* An open in the job, from a CPU. */
#define OPEN_FROM(cpu)					\
do {							\
	pin(cpu);					\
	job_open(&self->job, self->p.node, O_RDWR);	\
} while (0)

#define EXPECT_OPEN_AT(queue)						\
do {									\
	ASSERT_EQ(0, queue_expect(&self->p.q[queue], &self->sqe,	\
				  SCHEME_OP_OPEN));			\
	EXPECT_EQ(0, queue_answer(&self->p.q[queue], &self->sqe, -EPERM));	\
	EXPECT_EQ(-EPERM, job_wait(&self->job));			\
} while (0)

#define QUEUE_OPEN(queue)						\
	ASSERT_EQ(0, queue_open(&self->p.q[queue], self->p.fd, queue))

TEST_F(reopen, S28_before_any_queue_is_open_requests_gather_on_the_first)
{
	OPEN_FROM(1);
	EXPECT_TRUE(job_stays(&self->job, 100));
	QUEUE_OPEN(1);
	QUEUE_OPEN(0);
	EXPECT_OPEN_AT(0);
	/* from now on each has its own */
	OPEN_FROM(1);
	EXPECT_OPEN_AT(1);
}

TEST_F(reopen, S28_a_queue_that_is_not_open_takes_nothing)
{
	QUEUE_OPEN(1);
	for (int i = 0; i < 4; i++) {
		OPEN_FROM(i % 2);
		EXPECT_OPEN_AT(1);
	}
}

TEST_F(reopen, S20_requests_of_a_queue_that_goes_end_with_ENODEV)
{
	QUEUE_OPEN(0);
	QUEUE_OPEN(1);
	OPEN_FROM(0);
	ASSERT_EQ(0, queue_expect(&self->p.q[0], &self->sqe, SCHEME_OP_OPEN));
	queue_close(&self->p.q[0]);
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	/* the other one serves on, and for all */
	OPEN_FROM(0);
	EXPECT_OPEN_AT(1);
	OPEN_FROM(1);
	EXPECT_OPEN_AT(1);
	EXPECT_EQ(0, access(self->p.node, F_OK));
}

TEST_F(reopen, S20_a_mapping_keeps_a_queue_open)
{
	QUEUE_OPEN(0);
	OPEN_FROM(0);
	ASSERT_EQ(0, queue_expect(&self->p.q[0], &self->sqe, SCHEME_OP_OPEN));
	close(self->p.q[0].fd);
	self->p.q[0].fd = -1;
	EXPECT_TRUE(job_stays(&self->job, 100));
	queue_close(&self->p.q[0]);
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
}

TEST_F(reopen, S20_with_all_queues_gone_requests_fail_until_one_is_back)
{
	QUEUE_OPEN(0);
	OPEN_FROM(0);
	EXPECT_OPEN_AT(0);
	queue_close(&self->p.q[0]);
	OPEN_FROM(0);
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	QUEUE_OPEN(0);
	OPEN_FROM(0);
	EXPECT_OPEN_AT(0);
}

TEST_F(reopen, S16_a_queue_that_is_opened_again_knows_nothing_of_before)
{
	struct job jobs[3];
	struct scheme_sqe old;

	QUEUE_OPEN(0);
	pin(0);
	for (int i = 0; i < 3; i++)
		job_open(&jobs[i], self->p.node, O_RDWR);
	ASSERT_EQ(3, queue_enter(&self->p.q[0], 3, PATIENCE_MS));
	ASSERT_TRUE(queue_pop(&self->p.q[0], &old));
	/* posted, but not handed over */
	queue_post_value(&self->p.q[0], old.user_data, 1);
	queue_close(&self->p.q[0]);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ENODEV, job_wait(&jobs[i]));
	QUEUE_OPEN(0);
	EXPECT_EQ(0, queue_enter(&self->p.q[0], 0, 0));
	EXPECT_FALSE(queue_pop(&self->p.q[0], &self->sqe));
	EXPECT_EQ(EBADF, queue_answer(&self->p.q[0], &old, 1));
	OPEN_FROM(0);
	EXPECT_OPEN_AT(0);
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
	EXPECT_EQ(0, scheme_attr(NAME, "broken"));
}

TEST_F(reopen, S20_a_queue_that_cannot_be_opened_twice_stays_open)
{
	struct rlimit none = { 3, 4096 };
	struct scheme_queue_info info = {};

	QUEUE_OPEN(0);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, do_ioctl(self->p.fd, SCHEME_IOC_QUEUE, &info));
	none.rlim_cur = 1024;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	OPEN_FROM(0);
	EXPECT_OPEN_AT(0);
}

TEST_F(reopen, S15_a_close_finds_a_queue_that_is_open)
{
	int fd;

	QUEUE_OPEN(0);
	QUEUE_OPEN(1);
	OPEN_FROM(0);
	ASSERT_EQ(0, queue_expect(&self->p.q[0], &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer(&self->p.q[0], &self->sqe, 5));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	queue_close(&self->p.q[0]);
	close(fd);
	ASSERT_EQ(0, queue_expect(&self->p.q[1], &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(5, self->sqe.handle);
}

TEST_F(reopen, S21_who_waits_for_a_slot_of_a_queue_that_goes_tries_another)
{
	struct job jobs[8];

	QUEUE_OPEN(0);
	QUEUE_OPEN(1);
	pin(0);
	for (int i = 0; i < 8; i++)
		job_open(&jobs[i], self->p.node, O_RDWR);
	ASSERT_EQ(8, queue_enter(&self->p.q[0], 8, PATIENCE_MS));
	OPEN_FROM(0);
	EXPECT_TRUE(job_stays(&self->job, 50));
	queue_close(&self->p.q[0]);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(-ENODEV, job_wait(&jobs[i]));
	EXPECT_OPEN_AT(1);
}

TEST_HARNESS_MAIN
