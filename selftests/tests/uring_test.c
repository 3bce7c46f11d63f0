// SPDX-License-Identifier: GPL-2.0
/* ENTER as a command of io_uring: parked, completed, cancelled, outlived. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "../uring.h"

#define NAME	"test-uring"
#define NODE	NODE_DIR "/" NAME

FIXTURE(uring) {
	struct provider p;
	struct queue *q;
	int client;
	struct io_uring ring;
};

FIXTURE_VARIANT(uring) {
	unsigned int setup;
};

FIXTURE_VARIANT_ADD(uring, plain) { .setup = 0 };
FIXTURE_VARIANT_ADD(uring, coop) { .setup = IORING_SETUP_COOP_TASKRUN };
FIXTURE_VARIANT_ADD(uring, defer) {
	.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
};
FIXTURE_VARIANT_ADD(uring, sqpoll) { .setup = IORING_SETUP_SQPOLL };
FIXTURE_VARIANT_ADD(uring, large_entries) {
	.setup = IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->client = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->client);
	ASSERT_EQ(0, uring_begin(&self->ring, variant->setup));
}

FIXTURE_TEARDOWN(uring)
{
	close(self->client);
	provider_end(&self->p);
	io_uring_queue_exit(&self->ring);
}

TEST_F(uring, S28_enter_without_a_wait_completes_at_once)
{
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 0, 0, 7));
	EXPECT_EQ(0, uring_wait(&self->ring, 7));
}

TEST_F(uring, S28_parked_enter_completes_when_a_request_comes)
{
	struct scheme_sqe sqe;
	struct job job;
	char byte;

	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 100 + i));
		EXPECT_TRUE(uring_silent(&self->ring, 20));
		job_pread(&job, self->client, &byte, 1, i);
		EXPECT_EQ(1, uring_wait(&self->ring, 100 + i));
		ASSERT_TRUE(queue_pop(self->q, &sqe));
		EXPECT_EQ(i, sqe.offset);
		/* the next ENTER takes the answer along */
		queue_post_value(self->q, sqe.user_data, 1);
		ASSERT_EQ(1, uring_enter(&self->ring, self->q, 0, 0, 200));
		EXPECT_EQ(0, uring_wait(&self->ring, 200));
		EXPECT_EQ(1, job_wait(&job));
	}
}

TEST_F(uring, S28_enter_waits_for_as_many_as_it_says)
{
	struct job one, two;
	char bytes[2];

	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 2, 0, 1));
	job_pread(&one, self->client, &bytes[0], 1, 0);
	EXPECT_TRUE(uring_silent(&self->ring, 50));
	job_pread(&two, self->client, &bytes[1], 1, 1);
	EXPECT_EQ(2, uring_wait(&self->ring, 1));
}

TEST_F(uring, S28_enter_gives_up_after_its_timeout)
{
	int64_t start = now_ms();

	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 100, 1));
	EXPECT_EQ(0, uring_wait(&self->ring, 1));
	/* half: the ticks of an emulated CPU come late and then all at once */
	EXPECT_LE(50, now_ms() - start);
	/* the next one has a time of its own */
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 2));
	EXPECT_TRUE(uring_silent(&self->ring, 300));
}

TEST_F(uring, S28_second_park_is_EBUSY)
{
	struct scheme_sqe sqe;
	struct job job;
	char byte;

	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 1));
	EXPECT_TRUE(uring_silent(&self->ring, 20));
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 2));
	EXPECT_EQ(-EBUSY, uring_wait(&self->ring, 2));
	/* one that need not park is no trouble */
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 0, 0, 3));
	EXPECT_EQ(0, uring_wait(&self->ring, 3));
	job_pread(&job, self->client, &byte, 1, 0);
	EXPECT_EQ(1, uring_wait(&self->ring, 1));
	ASSERT_TRUE(queue_pop(self->q, &sqe));
	EXPECT_EQ(0, queue_answer(self->q, &sqe, 1));
	EXPECT_EQ(1, job_wait(&job));
}

TEST_F(uring, S28_bad_commands_are_refused)
{
	struct io_uring_sqe *sqe;

	sqe = uring_prep_enter(&self->ring, self->q, 1, 0, 1);
	sqe->cmd_op = SCHEME_IOC_ENTER + 1;
	io_uring_submit(&self->ring);
	EXPECT_EQ(-ENOTTY, uring_wait(&self->ring, 1));

	sqe = uring_prep_enter(&self->ring, self->q, 1, 0, 2);
	sqe->cmd_op = 0;
	io_uring_submit(&self->ring);
	EXPECT_EQ(-ENOTTY, uring_wait(&self->ring, 2));

	sqe = uring_prep_enter(&self->ring, self->q, 1, 0, 3);
	((struct scheme_enter *)&sqe->addr3)->flags = 1;
	io_uring_submit(&self->ring);
	EXPECT_EQ(-EINVAL, uring_wait(&self->ring, 3));

	uring_enter(&self->ring, self->q, self->q->info.sq_entries + 1, 0, 4);
	EXPECT_EQ(-EINVAL, uring_wait(&self->ring, 4));
}

/* Kernels differ in what an ASYNC_CANCEL finds: nothing, until now. */
TEST_F(uring, S28_an_async_cancel_ends_a_parked_enter_or_leaves_it_alone)
{
	struct io_uring_sqe *sqe;
	struct job job;
	char byte;
	long found;

	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 1));
	EXPECT_TRUE(uring_silent(&self->ring, 20));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->user_data = 2;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	found = uring_wait(&self->ring, 2);
	if (found == -ENOENT) {
		EXPECT_TRUE(uring_silent(&self->ring, 20));
		job_pread(&job, self->client, &byte, 1, 0);
		EXPECT_EQ(1, uring_wait(&self->ring, 1));
	} else {
		EXPECT_EQ(0, found);
		EXPECT_EQ(-ECANCELED, uring_wait(&self->ring, 1));
	}
}

TEST_F(uring, S28_death_of_the_scheme_ends_a_parked_enter)
{
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 1));
	EXPECT_TRUE(uring_silent(&self->ring, 20));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, uring_wait(&self->ring, 1));
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 2));
	EXPECT_EQ(-ENODEV, uring_wait(&self->ring, 2));
}

TEST_F(uring, S28_a_broken_ring_ends_a_parked_enter)
{
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 1));
	EXPECT_TRUE(uring_silent(&self->ring, 20));
	self->q->prov->cq_tail--;
	EXPECT_EQ(-EIO, queue_enter(self->q, 0, 0));
	EXPECT_EQ(-EIO, uring_wait(&self->ring, 1));
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 2));
	EXPECT_EQ(-EIO, uring_wait(&self->ring, 2));
}

TEST_F(uring, S28_closing_the_queue_ends_a_parked_enter)
{
	struct queue *q = self->q;

	ASSERT_EQ(1, uring_enter(&self->ring, q, 1, 0, 1));
	EXPECT_TRUE(uring_silent(&self->ring, 20));
	queue_close(q);
	EXPECT_EQ(-ECANCELED, uring_wait(&self->ring, 1));
	/* and the queue can be opened and served again */
	ASSERT_EQ(0, queue_open(q, self->p.fd, 0));
	ASSERT_EQ(1, uring_enter(&self->ring, q, 1, 50, 2));
	EXPECT_EQ(0, uring_wait(&self->ring, 2));
}

TEST_F(uring, S28_closing_the_ring_cancels_what_it_has_parked)
{
	if (!(self->p.create.features & SCHEME_F_URING_CANCEL))
		SKIP(return, "parked commands cannot be cancelled here");
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 1));
		EXPECT_TRUE(uring_silent(&self->ring, 20));
		io_uring_queue_exit(&self->ring);
		ASSERT_EQ(0, uring_begin(&self->ring, variant->setup));
		/* rings end in the background */
		sleep_ms(200);
		ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 50, 2));
		EXPECT_EQ(0, uring_wait(&self->ring, 2));
	}
}

TEST_F(uring, S28_closing_the_ring_leaves_the_queue_usable)
{
	struct scheme_sqe sqe;
	struct job job;
	char byte;

	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 0, 1));
	EXPECT_TRUE(uring_silent(&self->ring, 20));
	io_uring_queue_exit(&self->ring);
	job_pread(&job, self->client, &byte, 1, 0);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_READ));
	EXPECT_EQ(0, queue_answer(self->q, &sqe, 1));
	EXPECT_EQ(1, job_wait(&job));
	ASSERT_EQ(0, uring_begin(&self->ring, variant->setup));
	/* where it could not be cancelled, the request has ended it */
	ASSERT_EQ(1, uring_enter(&self->ring, self->q, 1, 50, 2));
	EXPECT_EQ(0, uring_wait(&self->ring, 2));
}

TEST_F(uring, S28_a_fixed_file_will_do)
{
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, io_uring_register_files(&self->ring, &self->q->fd, 1));
	sqe = uring_prep_enter(&self->ring, self->q, 1, 50, 1);
	sqe->fd = 0;
	sqe->flags |= IOSQE_FIXED_FILE;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(0, uring_wait(&self->ring, 1));
}

/* ---- where commands cannot be parked -------------------------------------- */

TEST_F(uring, S28_enter_from_a_worker_parks_or_is_EOPNOTSUPP)
{
	struct io_uring_sqe *sqe;
	long want = -EOPNOTSUPP;

	if (self->p.create.features & SCHEME_F_URING_CANCEL)
		want = -ENODEV;
	sqe = uring_prep_enter(&self->ring, self->q, 1, 0, 1);
	sqe->flags |= IOSQE_ASYNC;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	if (want == -ENODEV) {
		EXPECT_TRUE(uring_silent(&self->ring, 50));
		ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	}
	EXPECT_EQ(want, uring_wait(&self->ring, 1));
}

/* The result of an ENTER once no other is parked: a ring ends behind its close(). */
static long enter_when_free(struct io_uring *ring, struct queue *q)
{
	int64_t until = now_ms() + PATIENCE_MS;
	long res;

	do {
		if (uring_enter(ring, q, 1, 50, 1) != 1)
			return -EIO;
		res = uring_wait(ring, 1);
	} while (res == -EBUSY && now_ms() < until && !usleep(1000));
	return res;
}

/* Older kernels refuse it; newer ones run it there as they do elsewhere. */
TEST(S28_enter_on_a_polled_ring_is_EOPNOTSUPP_or_parks)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	struct provider p;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	ASSERT_EQ(0, uring_begin(&ring, IORING_SETUP_IOPOLL));
	ASSERT_EQ(1, uring_enter(&ring, &p.q[0], 0, 0, 1));
	ASSERT_EQ(0, io_uring_peek_cqe(&ring, &cqe));
	if (cqe->res != -EOPNOTSUPP) {
		EXPECT_EQ(0, cqe->res);
		io_uring_cqe_seen(&ring, cqe);
		ASSERT_EQ(1, uring_enter(&ring, &p.q[0], 1, 0, 2));
		/* the end of the ring ends it, and another may be parked */
		io_uring_queue_exit(&ring);
		ASSERT_EQ(0, uring_begin(&ring, IORING_SETUP_IOPOLL));
		EXPECT_EQ(0, enter_when_free(&ring, &p.q[0]));
	}
	io_uring_queue_exit(&ring);
	provider_end(&p);
}

/* ---- the end of who parked it --------------------------------------------- */

static void *park_and_exit(void *arg)
{
	struct { struct io_uring *ring; struct queue *q; } *a = arg;

	uring_enter(a->ring, a->q, 1, 0, 1);
	return NULL;
}

/* Kernels differ: the command ends with its thread or lives on in its ring. */
TEST(S28_the_end_of_the_thread_that_parked_leaves_the_queue_usable)
{
	struct { struct io_uring *ring; struct queue *q; } arg;
	struct io_uring ring;
	struct scheme_sqe sqe;
	struct provider p;
	pthread_t thread;
	struct job job;
	long res;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	ASSERT_EQ(0, uring_begin(&ring, 0));
	arg.ring = &ring;
	arg.q = &p.q[0];
	ASSERT_EQ(0, pthread_create(&thread, NULL, park_and_exit, &arg));
	pthread_join(thread, NULL);
	uring_silent(&ring, 500);
	job_open(&job, p.node, O_RDWR);
	res = uring_wait(&ring, 1);
	EXPECT_TRUE(res == -ECANCELED || res == 1);
	ASSERT_EQ(0, queue_expect(&p.q[0], &sqe, SCHEME_OP_OPEN));
	ASSERT_EQ(1, uring_enter(&ring, &p.q[0], 1, 50, 2));
	EXPECT_EQ(0, uring_wait(&ring, 2));
	EXPECT_EQ(0, queue_answer(&p.q[0], &sqe, -EPERM));
	EXPECT_EQ(-EPERM, job_wait(&job));
	io_uring_queue_exit(&ring);
	provider_end(&p);
}

static int *stage;

/* A provider that parks a command, says so, and stays. */
static int park_and_stay(void *arg)
{
	const bool execs = arg;
	struct io_uring ring;
	struct provider p;

	if (provider_begin(&p, NAME) || uring_begin(&ring, 0) ||
	    uring_enter(&ring, &p.q[0], 1, 0, 1) != 1)
		return 1;
	__atomic_store_n(stage, 1, __ATOMIC_RELEASE);
	if (!execs)
		pause();
	wait_until(__atomic_load_n(stage, __ATOMIC_ACQUIRE) == 2);
	/* rings and queues close on exec */
	fcntl(ring.ring_fd, F_SETFD, FD_CLOEXEC);
	execl("/bin/busybox", "sleep", "100", NULL);
	return 2;
}

TEST(S20_kill_of_a_provider_with_a_parked_enter_ends_it_at_once)
{
	struct job job;
	pid_t pid;
	int fd;

	stage = shared_alloc(sizeof(*stage));
	for (int i = 0; i < 3; i++) {
		*stage = 0;
		pid = child_start(park_and_stay, NULL);
		ASSERT_TRUE(wait_until(*stage == 1));
		fd = open_errno(NODE, O_ACCMODE);
		ASSERT_LE(0, fd);
		job_ioctl(&job, fd, SCHEME_IOC_OPENAT,
			  &(struct scheme_openat){});
		EXPECT_TRUE(job_stays(&job, 50));
		kill(pid, SIGKILL);
		EXPECT_EQ(-ENODEV, job_wait_ms(&job, 1000));
		/* the process itself is not held either */
		EXPECT_LE(0, child_wait_ms(pid, PATIENCE_MS));
		close(fd);
	}
}

TEST(S20_exec_of_a_provider_with_a_parked_enter_ends_the_scheme)
{
	char comm[32] = "", path[64];
	pid_t pid;
	int fd;

	stage = shared_alloc(sizeof(*stage));
	pid = child_start(park_and_stay, (void *)1);
	ASSERT_TRUE(wait_until(*stage == 1));
	fd = open_errno(NODE, O_ACCMODE);
	ASSERT_LE(0, fd);
	__atomic_store_n(stage, 2, __ATOMIC_RELEASE);
	EXPECT_TRUE(wait_until(access(NODE, F_OK)));
	EXPECT_EQ(-ENODEV, client_openat(fd, "a", O_RDONLY, 0));
	/* the new program runs */
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	close(fd);
	fd = open_errno(path, O_RDONLY);
	EXPECT_TRUE(wait_until(pread(fd, comm, sizeof(comm) - 1, 0) > 0 &&
			       !strncmp(comm, "busybox", 7)));
	close(fd);
	child_reap(pid);
}

/* First io_uring gets something to do in the thread that waits, then a request comes. */
static int write_then_open(void *arg)
{
	const int *pipe_fd = arg;

	sleep_ms(100);
	if (write(*pipe_fd, "x", 1) != 1)
		return 1;
	sleep_ms(200);
	return open_errno(NODE, O_RDWR) == -EACCES ? 0 : 2;
}

TEST(S28_what_io_uring_does_in_the_thread_does_not_end_its_wait)
{
	struct io_uring_sqe *entry;
	struct io_uring ring;
	struct scheme_sqe sqe;
	struct provider p;
	int pipe_fd[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	ASSERT_EQ(0, uring_begin(&ring, 0));
	ASSERT_EQ(0, pipe(pipe_fd));
	entry = io_uring_get_sqe(&ring);
	io_uring_prep_read(entry, pipe_fd[0], &byte, 1, 0);
	entry->user_data = 1;
	ASSERT_EQ(1, io_uring_submit(&ring));
	pid = child_start(write_then_open, &pipe_fd[1]);
	ASSERT_EQ(1, queue_enter(&p.q[0], 1, 0));
	/* it was done meanwhile */
	EXPECT_EQ(1, uring_wait_ms(&ring, 1, 0));
	ASSERT_TRUE(queue_pop(&p.q[0], &sqe));
	queue_post_value(&p.q[0], sqe.user_data, -EACCES);
	EXPECT_EQ(0, queue_enter(&p.q[0], 0, 0));
	EXPECT_EQ(0, child_result(pid));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	io_uring_queue_exit(&ring);
	provider_end(&p);
}

TEST(S28_an_inherited_descriptor_does_not_end_the_parents_enter)
{
	struct io_uring ring;
	struct provider p;
	pid_t pid;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	ASSERT_EQ(0, uring_begin(&ring, 0));
	ASSERT_EQ(1, uring_enter(&ring, &p.q[0], 1, 0, 1));
	/* a child that exits closes the queue, too */
	pid = fork();
	if (!pid)
		_exit(0);
	ASSERT_EQ(0, child_wait_ms(pid, PATIENCE_MS));
	EXPECT_TRUE(uring_silent(&ring, 400));
	ASSERT_EQ(0, do_ioctl(p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, uring_wait(&ring, 1));
	io_uring_queue_exit(&ring);
	provider_end(&p);
}

TEST_HARNESS_MAIN
