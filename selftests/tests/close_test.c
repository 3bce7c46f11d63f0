// SPDX-License-Identifier: GPL-2.0
/* CLOSE: it never waits, comes exactly once per number, and comes last. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../fault.h"
#include "../harness.h"

#define NAME	"test-close"

/* A scheme whose requests have a deadline, so that clients can leave. */
FIXTURE(close) {
	struct provider p;
	struct queue *q;
	struct scheme_sqe sqe;
	struct job job;
};

FIXTURE_SETUP(close)
{
	struct scheme_create create;

	create_init(&create, NAME);
	create.depth = 16;
	create.slot_size = 4096;
	create.timeout_ms = 400;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
}

FIXTURE_TEARDOWN(close)
{
	provider_end(&self->p);
}

TEST_F(close, S15_the_last_descriptor_sends_one_close)
{
	int fd, copy;
	pid_t pid;

	fd = client_open(&self->p, O_RDWR, 7, 0);
	ASSERT_LE(0, fd);
	copy = dup(fd);
	pid = fork();
	if (!pid)
		_exit(0);
	ASSERT_EQ(0, child_wait_ms(pid, PATIENCE_MS));
	close(fd);
	EXPECT_TRUE(queue_silent(self->q, 50));
	close(copy);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(7, self->sqe.handle);
	EXPECT_EQ(SCHEME_SQE_ONEWAY, self->sqe.flags);
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(0, scheme_attr(NAME, "handles"));
	EXPECT_EQ(1, scheme_attr(NAME, "closes"));
}

TEST_F(close, S15_close_comes_after_the_requests_on_the_number)
{
	struct scheme_sqe read_sqe;
	char byte;
	int fd;

	fd = client_open(&self->p, O_RDWR, 7, 0);
	ASSERT_LE(0, fd);
	job_read(&self->job, fd, &byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &read_sqe, SCHEME_OP_READ));
	/* the caller gives up, but the provider is still at it */
	EXPECT_EQ(-ETIMEDOUT, job_wait(&self->job));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CANCEL));
	EXPECT_EQ(read_sqe.user_data, self->sqe.user_data);
	close(fd);
	EXPECT_TRUE(queue_silent(self->q, 100));
	EXPECT_EQ(0, queue_answer(self->q, &read_sqe, 1));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(7, self->sqe.handle);
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(close, S15_close_while_another_thread_reads_waits_for_nobody)
{
	struct scheme_sqe read_sqe;
	int64_t start;
	char byte;
	int fd;

	fd = client_open(&self->p, O_RDWR, 7, 0);
	ASSERT_LE(0, fd);
	job_read(&self->job, fd, &byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &read_sqe, SCHEME_OP_READ));
	start = now_ms();
	close(fd);
	EXPECT_GT(1000, took_ms(start));
	EXPECT_EQ(0, queue_answer(self->q, &read_sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
}

TEST_F(close, S19_a_late_open_answer_leads_to_a_close)
{
	struct scheme_sqe open_sqe;

	job_open(&self->job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &open_sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(-ETIMEDOUT, job_wait(&self->job));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CANCEL));
	EXPECT_EQ(open_sqe.user_data, self->sqe.user_data);
	EXPECT_EQ(0, queue_answer(self->q, &open_sqe, 77));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(77, self->sqe.handle);
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(0, scheme_attr(NAME, "handles"));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(close, S19_late_openat_and_dup_answers_lead_to_a_close)
{
	static const unsigned long cmds[] = {
		SCHEME_IOC_OPENAT, SCHEME_IOC_DUP,
	};
	struct scheme_sqe sqe;
	union {
		struct scheme_openat openat;
		struct scheme_dup dup;
	} arg = {};
	int fd;

	fd = client_open(&self->p, O_RDWR, 7, 0);
	ASSERT_LE(0, fd);
	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		job_ioctl(&self->job, fd, cmds[i], &arg);
		ASSERT_EQ(0, queue_next(self->q, &sqe));
		EXPECT_EQ(-ETIMEDOUT, job_wait(&self->job));
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,
					  SCHEME_OP_CANCEL));
		EXPECT_EQ(0, queue_answer(self->q, &sqe, 80 + i));
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,
					  SCHEME_OP_CLOSE));
		EXPECT_EQ(80 + i, self->sqe.handle);
	}
	EXPECT_EQ(1, scheme_attr(NAME, "handles"));
	close(fd);
}

TEST_F(close, S19_a_late_refusal_of_an_open_leads_to_nothing)
{
	struct scheme_sqe open_sqe;

	job_open(&self->job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &open_sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(-ETIMEDOUT, job_wait(&self->job));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CANCEL));
	EXPECT_EQ(0, queue_answer(self->q, &open_sqe, -ENOENT));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(close, S15_an_open_that_nobody_gets_is_closed)
{
	struct scheme_sqe sqe;
	struct scheme_cqe bad = { .result = -10000 };

	/* the answer cannot be: no number, so no CLOSE */
	job_open(&self->job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_OPEN));
	bad.user_data = sqe.user_data;
	EXPECT_EQ(EPROTO, queue_push(self->q, &bad));
	EXPECT_EQ(-EIO, job_wait(&self->job));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

/* ---- a stopped provider --------------------------------------------------- */

TEST(S15_close_never_waits_for_a_stopped_provider)
{
	struct scheme_create create;
	struct server server;
	int fd[100];
	int64_t start;

	server_create_init(&create, NAME);
	ASSERT_EQ(0, server_start_process(&server, &create, NULL));
	for (unsigned int i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = open_errno(server.p.node, O_RDWR);
		ASSERT_LE(0, fd[i]);
	}
	kill(server.pid, SIGSTOP);
	start = now_ms();
	/* more than the ring has entries */
	for (unsigned int i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
	EXPECT_GT(1000, took_ms(start));
	kill(server.pid, SIGCONT);
	EXPECT_TRUE(wait_until(server.served->closes == ARRAY_SIZE(fd)));
	sleep_ms(100);
	EXPECT_EQ(ARRAY_SIZE(fd), server.served->closes);
	EXPECT_EQ(0, server.served->wrong);
	EXPECT_EQ(0, scheme_attr(NAME, "handles"));
	server_stop(&server);
}

TEST(S15_a_close_is_seen_before_the_opens_that_come_after_it)
{
	struct scheme_create create;
	struct server server;
	int fd;

	server_create_init(&create, NAME);
	ASSERT_EQ(0, server_start_process(&server, &create, NULL));
	for (int i = 0; i < 1000; i++) {
		fd = open_errno(server.p.node, O_RDWR);
		ASSERT_LE(0, fd) {
			TH_LOG("in round %d: %s", i, strerror(-fd));
		}
		close(fd);
	}
	EXPECT_EQ(1, server.served->most_open);
	server_stop(&server);
}

static int open_many_and_die(void *arg)
{
	const char *node = arg;

	for (int i = 0; i < 50; i++)
		if (open_errno(node, O_RDWR) < 0)
			return 1;
	kill(getpid(), SIGKILL);
	return 2;
}

TEST(S15_a_killed_client_closes_what_it_had)
{
	struct scheme_create create;
	struct server server;

	server_create_init(&create, NAME);
	ASSERT_EQ(0, server_start_process(&server, &create, NULL));
	EXPECT_EQ(-1, child_result(child_start(open_many_and_die,
					       server.p.node)));
	EXPECT_TRUE(wait_until(server.served->closes == 50));
	EXPECT_EQ(50, server.served->opens);
	EXPECT_EQ(0, server.served->wrong);
	server_stop(&server);
}

TEST_HARNESS_MAIN
