// SPDX-License-Identifier: GPL-2.0
/* Waiting: parked requests, signals, deadlines, and full queues. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../fault.h"
#include "../harness.h"

#define NAME	"test-wait"
#define DEPTH	8

FIXTURE(wait) {
	struct provider p;
	struct queue *q;
	int fd;			/* stream, number 1 */
	struct job job;
	struct scheme_sqe sqe, cancel;
	char byte;
};

FIXTURE_VARIANT(wait) {
	unsigned int timeout_ms;
};

FIXTURE_VARIANT_ADD(wait, for_ever) { .timeout_ms = 0 };
FIXTURE_VARIANT_ADD(wait, with_a_deadline) { .timeout_ms = 60000 };

FIXTURE_SETUP(wait)
{
	struct scheme_create create;

	server_create_init(&create, NAME);
	create.depth = DEPTH;
	create.user_limit = DEPTH;
	create.timeout_ms = variant->timeout_ms;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->fd);
	catch_usr1(0);
}

FIXTURE_TEARDOWN(wait)
{
	close(self->fd);
	provider_end(&self->p);
}

/* A read of one byte in the job, taken by the provider. */
#define READ_BEGINS()							\
do {									\
	job_read(&self->job, self->fd, &self->byte, 1);			\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ)); \
	/* asleep, so that a signal finds it waiting */			\
	EXPECT_TRUE(job_stays(&self->job, 50));				\
} while (0)

/* A signal to the job makes the provider see a CANCEL of self->sqe. */
#define SIGNAL_CANCELS()						\
do {									\
	pthread_kill(self->job.thread, SIGUSR1);			\
	ASSERT_EQ(0, queue_expect(self->q, &self->cancel,		\
				  SCHEME_OP_CANCEL));			\
	EXPECT_EQ(SCHEME_SQE_ONEWAY, self->cancel.flags);		\
	EXPECT_EQ(self->sqe.user_data, self->cancel.user_data);		\
	EXPECT_EQ(self->sqe.handle, self->cancel.handle);		\
} while (0)

/* Fill every slot with a parked read in a thread. */
#define FILL(jobs)							\
do {									\
	static char byte_;						\
									\
	for (int i_ = 0; i_ < DEPTH; i_++) {				\
		job_read(&(jobs)[i_], self->fd, &byte_, 1);		\
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,		\
					  SCHEME_OP_READ));		\
	}								\
} while (0)

/* ---- S17 ------------------------------------------------------------------ */

TEST_F(wait, S17_a_request_may_be_parked)
{
	READ_BEGINS();
	EXPECT_TRUE(job_stays(&self->job, 500));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
}

TEST_F(wait, S17_a_nonblocking_caller_is_told_and_gets_EAGAIN)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	job_read(&self->job, self->fd, &self->byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(SCHEME_RW_NONBLOCK, self->sqe.op_flags);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EAGAIN));
	EXPECT_EQ(-EAGAIN, job_wait(&self->job));
	job_write(&self->job, self->fd, &self->byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_WRITE));
	EXPECT_EQ(SCHEME_RW_NONBLOCK, self->sqe.op_flags);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	READ_BEGINS();
	EXPECT_EQ(0, self->sqe.op_flags);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
}

TEST_F(wait, S17_a_nonblocking_caller_gets_EAGAIN_when_the_queue_is_full)
{
	struct scheme_call call = {};
	struct job jobs[DEPTH];

	FILL(jobs);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(self->fd, &self->byte, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, write(self->fd, &self->byte, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-EAGAIN, client_call(self->fd, &call));
	EXPECT_EQ(-EAGAIN, open_errno(self->p.node, O_RDWR | O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, client_openat(self->fd, "a", O_NONBLOCK, 0));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

/* ---- S18 ------------------------------------------------------------------ */

TEST_F(wait, S18_a_signal_is_a_cancel_and_EINTR_if_the_provider_agrees)
{
	READ_BEGINS();
	SIGNAL_CANCELS();
	/* it is for the provider to say */
	EXPECT_TRUE(job_stays(&self->job, 100));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ECANCELED));
	EXPECT_EQ(-EINTR, job_wait(&self->job));

	READ_BEGINS();
	SIGNAL_CANCELS();
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EINTR));
	EXPECT_EQ(-EINTR, job_wait(&self->job));
	EXPECT_EQ(2, scheme_attr(NAME, "cancels"));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(wait, S18_a_result_that_was_faster_is_the_result)
{
	static const int64_t results[] = { 1, 0, -EIO, -EAGAIN };

	for (unsigned int i = 0; i < ARRAY_SIZE(results); i++) {
		READ_BEGINS();
		SIGNAL_CANCELS();
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, results[i]));
		EXPECT_EQ(results[i], job_wait(&self->job));
	}
}

TEST_F(wait, S18_many_signals_are_one_cancel)
{
	READ_BEGINS();
	SIGNAL_CANCELS();
	for (int i = 0; i < 20; i++) {
		pthread_kill(self->job.thread, SIGUSR1);
		sleep_ms(5);
	}
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ECANCELED));
	EXPECT_EQ(-EINTR, job_wait(&self->job));
}

TEST_F(wait, S18_restarting_handlers_ask_the_provider_again)
{
	uint64_t first;

	catch_usr1(SA_RESTART);
	READ_BEGINS();
	SIGNAL_CANCELS();
	first = self->sqe.user_data;
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ECANCELED));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_NE(first, self->sqe.user_data);
	EXPECT_FALSE(job_done(&self->job));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
}

TEST_F(wait, S18_signals_that_are_ignored_cancel_nothing)
{
	signal(SIGUSR1, SIG_IGN);
	READ_BEGINS();
	pthread_kill(self->job.thread, SIGUSR1);
	EXPECT_TRUE(queue_silent(self->q, 100));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
}

TEST_F(wait, S18_a_stop_and_a_continue_lose_nothing)
{
	pid_t pid = fork();

	if (!pid)
		_exit(read(self->fd, &self->byte, 1) == 1 ? 0 : 1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	kill(pid, SIGSTOP);
	sleep_ms(50);
	kill(pid, SIGCONT);
	/* what a stop interrupts may be asked for again */
	while (!queue_silent(self->q, 200)) {
		ASSERT_EQ(0, queue_next(self->q, &self->cancel));
		if (self->cancel.opcode == SCHEME_OP_CANCEL) {
			EXPECT_EQ(0, queue_answer(self->q, &self->sqe,
						  -ECANCELED));
		} else {
			self->sqe = self->cancel;
		}
	}
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(0, child_result(pid));
}

TEST_F(wait, S18_every_operation_can_be_cancelled)
{
	struct scheme_openat openat = {};
	struct scheme_call call = {};
	struct scheme_dup dup = {};
	int positioned = client_open(&self->p, O_RDWR, 2,
				     SCHEME_CQE_F_POSITIONED);

	for (int op = 0; op < 7; op++) {
		switch (op) {
		case 0:
			job_open(&self->job, self->p.node, O_RDWR);
			break;
		case 1:
			job_ioctl(&self->job, self->fd, SCHEME_IOC_OPENAT,
				  &openat);
			break;
		case 2:
			job_ioctl(&self->job, self->fd, SCHEME_IOC_DUP, &dup);
			break;
		case 3:
			job_ioctl(&self->job, self->fd, SCHEME_IOC_CALL, &call);
			break;
		case 4:
			job_write(&self->job, self->fd, &self->byte, 1);
			break;
		case 5:
			job_fsync(&self->job, self->fd);
			break;
		case 6:
			job_lseek(&self->job, positioned, 0, SEEK_END);
			break;
		}
		ASSERT_EQ(0, queue_next(self->q, &self->sqe));
		EXPECT_TRUE(job_stays(&self->job, 50));
		SIGNAL_CANCELS();
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ECANCELED));
		EXPECT_EQ(-EINTR, job_wait(&self->job)) {
			TH_LOG("with operation %d", op);
		}
	}
	close(positioned);
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(wait, S18_what_the_provider_cannot_see_yet_ends_without_it)
{
	uint32_t i, n = self->q->info.sq_entries;
	int fd[n];

	/* fill the ring with CLOSEs: the read waits for room */
	for (i = 0; i < n; i++)
		fd[i] = client_open(&self->p, O_RDONLY, 100 + i, 0);
	for (i = 0; i < n; i++)
		close(fd[i]);
	job_read(&self->job, self->fd, &self->byte, 1);
	EXPECT_TRUE(job_stays(&self->job, 100));
	pthread_kill(self->job.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&self->job));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,
					  SCHEME_OP_CLOSE));
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(wait, S18_a_signal_ends_the_wait_for_a_slot)
{
	struct job jobs[DEPTH];

	FILL(jobs);
	job_read(&self->job, self->fd, &self->byte, 1);
	EXPECT_TRUE(job_stays(&self->job, 100));
	pthread_kill(self->job.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&self->job));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(wait, S18_a_signal_in_a_long_transfer_gives_what_was_moved)
{
	int fd = client_open(&self->p, O_RDWR, 2, SCHEME_CQE_F_POSITIONED);
	static char buf[4 * 4096];
	struct scheme_sqe sqe[4], entry;
	int cancels = 0;

	ASSERT_LE(0, fd);
	job_read(&self->job, fd, buf, sizeof(buf));
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, queue_expect(self->q, &sqe[i], SCHEME_OP_READ));
	EXPECT_EQ(0, queue_answer(self->q, &sqe[0], 4096));
	EXPECT_TRUE(job_stays(&self->job, 50));
	pthread_kill(self->job.thread, SIGUSR1);
	/* the piece that is waited for first, then those behind it */
	while (cancels < 3) {
		ASSERT_EQ(0, queue_expect(self->q, &entry, SCHEME_OP_CANCEL));
		cancels++;
		for (int i = 1; i < 4; i++) {
			if (sqe[i].user_data == entry.user_data) {
				EXPECT_EQ(0, queue_answer(self->q, &sqe[i],
							  -ECANCELED));
			}
		}
	}
	EXPECT_EQ(4096, job_wait(&self->job));
	EXPECT_EQ(4096, lseek(fd, 0, SEEK_CUR));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
	close(fd);
}

/* ---- S21 ------------------------------------------------------------------ */

TEST_F(wait, S21_callers_beyond_the_depth_wait_and_none_is_lost)
{
	struct job jobs[3 * DEPTH];
	int answered = 0;
	char bytes[3 * DEPTH];

	for (int i = 0; i < 3 * DEPTH; i++)
		job_read(&jobs[i], self->fd, &bytes[i], 1);
	ASSERT_EQ(DEPTH, queue_enter(self->q, DEPTH, PATIENCE_MS));
	sleep_ms(100);
	EXPECT_EQ(DEPTH, queue_enter(self->q, 0, 0));
	EXPECT_EQ(DEPTH, scheme_attr(NAME, "in_flight"));
	while (answered < 3 * DEPTH) {
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
		EXPECT_GE(DEPTH, scheme_attr(NAME, "in_flight"));
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
		answered++;
	}
	for (int i = 0; i < 3 * DEPTH; i++)
		EXPECT_EQ(1, job_wait(&jobs[i]));
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

/* ---- deadlines ------------------------------------------------------------ */

FIXTURE(deadline) {
	struct provider p;
	struct queue *q;
	int fd;
	struct job job;
	struct scheme_sqe sqe, cancel;
	char byte;
};

FIXTURE_SETUP(deadline)
{
	struct scheme_create create;

	server_create_init(&create, NAME);
	create.depth = DEPTH;
	create.user_limit = DEPTH;
	create.timeout_ms = 300;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(deadline)
{
	close(self->fd);
	provider_end(&self->p);
}

TEST_F(deadline, S18_a_deadline_is_ETIMEDOUT_and_a_cancel)
{
	int64_t start = now_ms();

	job_read(&self->job, self->fd, &self->byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(-ETIMEDOUT, job_wait(&self->job));
	/* half: the ticks of an emulated CPU come late and then all at once */
	EXPECT_LE(150, self->job.ended_ms - start);
	EXPECT_GT(3000, fair_ms(start, self->job.ended_ms));
	ASSERT_EQ(0, queue_expect(self->q, &self->cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(self->sqe.user_data, self->cancel.user_data);
	EXPECT_EQ(1, scheme_attr(NAME, "timeouts"));
	EXPECT_EQ(1, scheme_attr(NAME, "abandoned"));
	EXPECT_EQ(1, scheme_attr(NAME, "in_flight"));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

TEST_F(deadline, S21_the_wait_for_a_slot_has_the_deadline_too)
{
	struct job jobs[DEPTH];

	/* what the callers abandon stays taken until it is answered */
	FILL(jobs);
	for (int i = 0; i < DEPTH; i++)
		EXPECT_EQ(-ETIMEDOUT, job_wait(&jobs[i]));
	EXPECT_EQ(DEPTH, scheme_attr(NAME, "in_flight"));
	job_read(&self->job, self->fd, &self->byte, 1);
	EXPECT_EQ(-ETIMEDOUT, job_wait(&self->job));
	/* one slot comes back, and that is enough */
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	for (int i = 0; i < DEPTH; i++)
		ASSERT_EQ(0, queue_expect(self->q, &self->cancel,
					  SCHEME_OP_CANCEL));
	job_read(&self->job, self->fd, &self->byte, 1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&self->job));
}

TEST_F(deadline, S18_an_answer_in_time_is_the_result)
{
	for (int i = 0; i < 5; i++) {
		job_read(&self->job, self->fd, &self->byte, 1);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe,
					  SCHEME_OP_READ));
		sleep_ms(100);
		EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
		EXPECT_EQ(1, job_wait(&self->job));
	}
	EXPECT_EQ(0, scheme_attr(NAME, "timeouts"));
}

/* ---- users ---------------------------------------------------------------- */

static int read_for_ever(void *arg)
{
	static char bytes[2 * DEPTH];
	struct job jobs[2 * DEPTH];
	int fd = *(int *)arg;

	if (become_user(1000, 1000))
		return 1;
	/* opened anew: who opens is who counts */
	fd = client_openat(fd, "a", O_RDONLY, 0);
	if (fd < 0)
		return 2;
	for (int i = 0; i < 2 * DEPTH; i++)
		job_read(&jobs[i], fd, &bytes[i], 1);
	pause();
	return 3;
}

TEST(S21_one_user_cannot_take_the_slots_of_all)
{
	const struct faults parks = { .parks = 1U << SCHEME_OP_READ };
	struct scheme_create create;
	struct server server;
	struct scheme_call call = {};
	pid_t pid;
	int fd;

	server_create_init(&create, NAME);
	create.depth = DEPTH;
	create.user_limit = 0;
	create.mode = 0666;
	ASSERT_EQ(0, server_start_process(&server, &create, &parks));
	fd = open_errno(server.p.node, O_RDWR);
	ASSERT_LE(0, fd);
	/* all but an eighth */
	EXPECT_EQ(DEPTH - DEPTH / 8, scheme_attr(NAME, "user_limit"));
	pid = child_start(read_for_ever, &fd);
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "in_flight") ==
			       DEPTH - DEPTH / 8));
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(0, client_call(fd, &call));
	EXPECT_EQ(DEPTH - DEPTH / 8, scheme_attr(NAME, "in_flight"));
	EXPECT_GT(1000, child_kill(pid));
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "in_flight") == 0));
	close(fd);
	server_stop(&server);
}

TEST_HARNESS_MAIN
