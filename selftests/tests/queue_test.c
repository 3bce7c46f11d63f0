// SPDX-License-Identifier: GPL-2.0
/* Queues: their memory, ENTER as ioctl, poll, batches, and broken rings. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-queue"

FIXTURE(queue) {
	struct provider p;
	struct queue *q;
	int client;		/* positioned, number 1 */
};

FIXTURE_SETUP(queue)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->client = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->client);
}

FIXTURE_TEARDOWN(queue)
{
	close(self->client);
	provider_end(&self->p);
}

/* ---- memory --------------------------------------------------------------- */

static int try_mmap(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *mem = mmap(NULL, size, prot, flags, fd, offset);

	if (mem == MAP_FAILED)
		return -errno;
	munmap(mem, size);
	return 0;
}

TEST_F(queue, S22_all_of_a_queue_is_mapped_or_nothing)
{
	const int rw = PROT_READ | PROT_WRITE, page = getpagesize();
	size_t size = self->q->info.size;
	int fd = self->q->fd, ret;

	EXPECT_EQ(0, try_mmap(fd, size, rw, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_mmap(fd, size - page, rw, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_mmap(fd, size + page, rw, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_mmap(fd, page, rw, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_mmap(fd, size, rw, MAP_SHARED, page));
	EXPECT_EQ(-EINVAL, try_mmap(fd, size - page, rw, MAP_SHARED, page));
	EXPECT_EQ(-EINVAL, try_mmap(fd, size, rw, MAP_SHARED, 1LL << 40));
	EXPECT_EQ(-EINVAL, try_mmap(fd, size, rw, MAP_PRIVATE, 0));
	/* newer kernels execute nothing of such files, and do not ask us */
	ret = try_mmap(fd, size, rw | PROT_EXEC, MAP_SHARED, 0);
	EXPECT_TRUE(ret == -EINVAL || ret == -EPERM);
}

TEST_F(queue, S22_a_mapping_cannot_grow)
{
	void *mem = mremap(self->q->mem, self->q->info.size,
			   self->q->info.size + 4096, MREMAP_MAYMOVE);

	EXPECT_EQ(MAP_FAILED, mem);
}

TEST_F(queue, S22_a_new_queue_holds_nothing_of_the_kernel)
{
	struct provider fresh;
	size_t i, dirty = 0;

	ASSERT_EQ(0, provider_begin(&fresh, NAME "-fresh"));
	for (i = 0; i < fresh.q[0].info.size; i++)
		dirty += fresh.q[0].mem[i] != 0;
	EXPECT_EQ(0, dirty);
	provider_end(&fresh);
}

static int is_mapped_in_child(void *arg)
{
	const struct queue *q = arg;
	unsigned char vec[16];

	/* what is not mapped at all is ENOMEM */
	return !mincore(q->mem, 4096, vec);
}

TEST_F(queue, S20_a_child_of_fork_has_no_rings)
{
	ASSERT_EQ(1, is_mapped_in_child(self->q));
	EXPECT_EQ(0, child_result(child_start(is_mapped_in_child, self->q)));
}

TEST_F(queue, S20_rings_outlive_their_descriptors)
{
	struct queue *q = self->q;

	close(q->fd);
	close(self->p.fd);
	self->p.fd = q->fd = -1;
	EXPECT_EQ(SCHEME_RING_DEAD, q->kern->state);
	memset(q->slots, 1, q->info.slot_size);
}

/* ---- ENTER ---------------------------------------------------------------- */

TEST_F(queue, S28_enter_without_a_wait_returns_at_once)
{
	EXPECT_EQ(0, queue_enter(self->q, 0, 0));
}

TEST_F(queue, S28_enter_gives_up_after_its_timeout)
{
	int64_t start = now_ms();

	EXPECT_EQ(0, queue_enter(self->q, 1, 100));
	/* half: the ticks of an emulated CPU come late and then all at once */
	EXPECT_LE(50, now_ms() - start);
	EXPECT_GT(PATIENCE_MS, took_ms(start));
}

static void job_enter(struct job *job, struct queue *q,
		      struct scheme_enter *enter)
{
	job_ioctl(job, q->fd, SCHEME_IOC_ENTER, enter);
}

TEST_F(queue, S28_enter_waits_for_as_many_as_it_says)
{
	struct scheme_enter enter = { .min_wait = 2 };
	struct job waiter, one, two;
	char bytes[2];

	job_enter(&waiter, self->q, &enter);
	job_pread(&one, self->client, &bytes[0], 1, 0);
	EXPECT_TRUE(job_stays(&waiter, 100));
	job_pread(&two, self->client, &bytes[1], 1, 1);
	EXPECT_EQ(2, job_wait(&waiter));
	/* they are still there, and counted */
	EXPECT_EQ(2, queue_enter(self->q, 0, 0));
	EXPECT_EQ(2, queue_enter(self->q, 1, 0));
}

TEST_F(queue, S28_enter_that_times_out_tells_what_there_is)
{
	struct job job;
	char byte;

	job_pread(&job, self->client, &byte, 1, 0);
	EXPECT_EQ(1, queue_enter(self->q, 2, 300));
}

TEST_F(queue, S28_a_signal_ends_enter_and_loses_nothing)
{
	struct scheme_enter enter = { .min_wait = 1 };
	struct scheme_sqe sqe;
	struct job waiter, job;
	char byte = 0;

	catch_usr1(0);
	job_enter(&waiter, self->q, &enter);
	EXPECT_TRUE(job_stays(&waiter, 100));
	pthread_kill(waiter.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&waiter));
	job_pread(&job, self->client, &byte, 1, 5);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_READ));
	EXPECT_EQ(5, sqe.offset);
	EXPECT_EQ(0, queue_answer(self->q, &sqe, 1));
	EXPECT_EQ(1, job_wait(&job));
}

TEST_F(queue, S28_enters_are_counted)
{
	struct scheme_stats before, after;

	ASSERT_EQ(0, provider_stats(&self->p, &before));
	for (int i = 0; i < 5; i++)
		queue_enter(self->q, 0, 0);
	ASSERT_EQ(0, provider_stats(&self->p, &after));
	EXPECT_EQ(before.enters + 5, after.enters);
}

/* ---- poll ----------------------------------------------------------------- */

static short poll_fd(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };

	poll(&pfd, 1, timeout_ms);
	return pfd.revents;
}

TEST_F(queue, S28_a_queue_polls_readable_while_requests_wait)
{
	struct scheme_sqe sqe;
	struct job job;
	char byte;

	EXPECT_EQ(0, poll_fd(self->q->fd, 0));
	job_pread(&job, self->client, &byte, 1, 0);
	EXPECT_EQ(POLLIN, poll_fd(self->q->fd, PATIENCE_MS));
	EXPECT_EQ(POLLIN, poll_fd(self->q->fd, 0));
	ASSERT_TRUE(queue_pop(self->q, &sqe));
	EXPECT_EQ(0, poll_fd(self->q->fd, 0));
	EXPECT_EQ(0, queue_answer(self->q, &sqe, 0));
	EXPECT_EQ(0, job_wait(&job));
}

TEST_F(queue, S28_an_epoll_on_a_queue_wakes)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct scheme_sqe sqe;
	struct job job;
	char byte;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->q->fd, &event));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
		job_pread(&job, self->client, &byte, 1, i);
		ASSERT_EQ(1, epoll_wait(ep, &event, 1, PATIENCE_MS));
		EXPECT_EQ(EPOLLIN, event.events);
		ASSERT_TRUE(queue_pop(self->q, &sqe));
		EXPECT_EQ(0, queue_answer(self->q, &sqe, 1));
		EXPECT_EQ(1, job_wait(&job));
	}
	close(ep);
}

TEST_F(queue, S28_death_wakes_enter_and_poll)
{
	struct scheme_enter enter = { .min_wait = 1 };
	struct pollfd pfd = { .fd = self->q->fd, .events = POLLIN };
	struct job entered, polled;

	job_enter(&entered, self->q, &enter);
	job_start(&polled, SYS_poll, (long)&pfd, 1, -1);
	EXPECT_TRUE(job_stays(&polled, 100));
	EXPECT_EQ(0, poll_fd(self->p.fd, 0));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&entered));
	EXPECT_EQ(1, job_wait(&polled));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents);
	EXPECT_EQ(POLLERR | POLLHUP, poll_fd(self->p.fd, 0));
}

/* ---- batches -------------------------------------------------------------- */

#define BATCH	8

struct batch {
	struct job job[BATCH];
	struct scheme_sqe sqe[BATCH];
	char byte[BATCH];
};

/* BATCH preads under way, all of them taken by one ENTER; false: not so. */
static bool batch_begin(struct batch *b, struct queue *q, int client)
{
	int i;

	for (i = 0; i < BATCH; i++)
		job_pread(&b->job[i], client, &b->byte[i], 1, 100 + i);
	if (queue_enter(q, BATCH, PATIENCE_MS) != BATCH)
		return false;
	for (i = 0; i < BATCH; i++)
		if (!queue_pop(q, &b->sqe[i]))
			return false;
	return true;
}

/* The job that made the request in sqe[i]. */
static struct job *batch_job(struct batch *b, int i)
{
	return &b->job[b->sqe[i].offset - 100];
}

TEST_F(queue, S28_one_enter_takes_and_answers_many_requests)
{
	struct scheme_stats before, after;
	struct batch b;

	ASSERT_EQ(0, provider_stats(&self->p, &before));
	ASSERT_TRUE(batch_begin(&b, self->q, self->client));
	for (int i = 0; i < BATCH; i++)
		queue_post_value(self->q, b.sqe[i].user_data, i % 2);
	ASSERT_EQ(0, queue_enter(self->q, 0, 0));
	for (int i = 0; i < BATCH; i++) {
		EXPECT_EQ(0, queue_status(self->q, i));
		EXPECT_EQ(i % 2, job_wait(batch_job(&b, i)));
	}
	ASSERT_EQ(0, provider_stats(&self->p, &after));
	EXPECT_EQ(before.enters + 2, after.enters);
	EXPECT_EQ(before.requests + BATCH, after.requests);
	EXPECT_EQ(before.answers + BATCH, after.answers);
}

TEST_F(queue, S28_a_bad_answer_in_a_batch_does_not_swallow_the_others)
{
	struct scheme_cqe bad[] = {
		{ .user_data = 0xdead00000001 },
		{ .user_data = ~0ULL },
		{ .kind = 77 },
		{ .flags = 0x8000 },
		{ .status = 5 },
	};
	const uint32_t want[] = { EBADF, EBADF, EINVAL, EINVAL, EINVAL };
	struct scheme_stats before, after;
	struct batch b;
	int i;

	ASSERT_EQ(0, provider_stats(&self->p, &before));
	ASSERT_TRUE(batch_begin(&b, self->q, self->client));
	bad[2].user_data = bad[3].user_data = bad[4].user_data =
		b.sqe[BATCH - 1].user_data;
	for (i = 0; i < BATCH; i++) {
		if (i < (int)ARRAY_SIZE(bad))
			queue_post(self->q, &bad[i]);
		queue_post_value(self->q, b.sqe[i].user_data, 1);
	}
	ASSERT_EQ(0, queue_enter(self->q, 0, 0));
	for (i = 0; i < BATCH; i++)
		EXPECT_EQ(1, job_wait(batch_job(&b, i)));
	for (i = 0; i < (int)ARRAY_SIZE(bad); i++)
		EXPECT_EQ(want[i], queue_status(self->q, BATCH +
				ARRAY_SIZE(bad) - 1 - 2 * i));
	ASSERT_EQ(0, provider_stats(&self->p, &after));
	EXPECT_EQ(before.refused + ARRAY_SIZE(bad), after.refused);
	EXPECT_EQ(before.answers + BATCH, after.answers);
}

TEST_F(queue, S28_a_full_completion_ring_is_taken_whole)
{
	uint32_t n = self->q->info.cq_entries;

	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < n; i++)
			queue_post_value(self->q, ~0ULL, 0);
		ASSERT_EQ(0, queue_enter(self->q, 0, 0));
		EXPECT_EQ(self->q->cq_tail, self->q->client->cq_head);
		for (uint32_t i = 0; i < n; i++)
			EXPECT_EQ(EBADF, queue_status(self->q, i));
	}
}

TEST_F(queue, S28_what_finds_the_ring_full_comes_later_and_in_order)
{
	uint32_t i, seen, n = self->q->info.sq_entries + 10;
	struct scheme_sqe sqe;
	int fd[n];

	for (i = 0; i < n; i++) {
		fd[i] = client_open(&self->p, O_RDONLY, 1000 + i, 0);
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_EQ(0, self->q->client->flags);
	for (i = 0; i < n; i++)
		close(fd[i]);
	EXPECT_EQ(SCHEME_RING_OVERFLOW, self->q->client->flags);
	EXPECT_EQ(self->q->info.sq_entries, queue_enter(self->q, 0, 0));
	for (seen = 0; seen < n; seen++) {
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CLOSE));
		EXPECT_EQ(1000 + seen, sqe.handle);
		EXPECT_EQ(SCHEME_SQE_ONEWAY, sqe.flags);
	}
	EXPECT_EQ(0, self->q->client->flags);
	EXPECT_TRUE(queue_silent(self->q, 50));
}

/* ---- broken rings --------------------------------------------------------- */

/* Two queues; clients of CPU n use queue n while that serves. */
FIXTURE(broken) {
	struct provider p;
	int client;
};

FIXTURE_SETUP(broken)
{
	struct scheme_create create;

	create_init(&create, NAME);
	create.queues = 2;
	create.depth = 8;
	create.slot_size = 4096;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->client = client_open_ioctl(&self->p);
	ASSERT_LE(0, self->client);
}

FIXTURE_TEARDOWN(broken)
{
	close(self->client);
	provider_end(&self->p);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* An OPENAT that arrives at this queue, under way. */
static int openat_begin(struct provider *p, int client, unsigned int queue,
			struct job *job, struct scheme_sqe *sqe)
{
	static struct scheme_openat arg;

	/* the thread inherits it */
	pin(queue);
	job_ioctl(job, client, SCHEME_IOC_OPENAT, &arg);
	return queue_expect(&p->q[queue], sqe, SCHEME_OP_OPEN);
}

TEST_F(broken, S28_clients_use_the_queue_of_their_cpu)
{
	struct scheme_sqe sqe;
	struct job job;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one CPU");
	for (unsigned int queue = 0; queue < 2; queue++) {
		ASSERT_EQ(0, openat_begin(&self->p, self->client, queue, &job,
					  &sqe));
		EXPECT_EQ(0, queue_answer(&self->p.q[queue], &sqe, -EPERM));
		EXPECT_EQ(-EPERM, job_wait(&job));
	}
}

/* What is left of a scheme whose queue 0 has been broken. */
static void check_broken(struct __test_metadata *_metadata, struct provider *p,
			 int client)
{
	struct scheme_stats stats;
	struct scheme_sqe sqe;
	struct job job;

	EXPECT_EQ(SCHEME_RING_BROKEN, p->q[0].kern->state);
	EXPECT_EQ(0, p->q[1].kern->state);
	EXPECT_EQ(-EIO, queue_enter(&p->q[0], 0, 0));
	EXPECT_EQ(-EIO, queue_enter(&p->q[0], 1, 0));
	EXPECT_EQ(POLLERR | POLLHUP, poll_fd(p->q[0].fd, 0));
	ASSERT_EQ(0, provider_stats(p, &stats));
	EXPECT_EQ(1, stats.broken);
	/* those who would have used it go to the other one */
	pin(0);
	job_ioctl(&job, client, SCHEME_IOC_OPENAT, &(struct scheme_openat){});
	ASSERT_EQ(0, queue_expect(&p->q[1], &sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer(&p->q[1], &sqe, -EPERM));
	EXPECT_EQ(-EPERM, job_wait(&job));
}

TEST_F(broken, S28_an_impossible_cq_tail_breaks_that_queue_only)
{
	struct queue *q = &self->p.q[0];
	struct scheme_sqe sqe;
	struct job job;

	ASSERT_EQ(0, openat_begin(&self->p, self->client, 0, &job, &sqe));
	q->prov->cq_tail += q->info.cq_entries + 1;
	EXPECT_EQ(-EIO, queue_enter(q, 0, 0));
	EXPECT_EQ(-ENODEV, job_wait(&job));
	/* for good */
	q->prov->cq_tail = q->cq_tail;
	check_broken(_metadata, &self->p, self->client);
}

TEST_F(broken, S28_a_cq_tail_that_goes_back_breaks_that_queue_only)
{
	struct queue *q = &self->p.q[0];
	struct scheme_sqe sqe;
	struct job job;

	ASSERT_EQ(0, openat_begin(&self->p, self->client, 0, &job, &sqe));
	q->prov->cq_tail--;
	EXPECT_EQ(-EIO, queue_enter(q, 0, 0));
	EXPECT_EQ(-ENODEV, job_wait(&job));
	check_broken(_metadata, &self->p, self->client);
}

TEST_F(broken, S28_an_impossible_sq_head_breaks_that_queue_only)
{
	struct queue *q = &self->p.q[0];
	struct scheme_sqe sqe;
	struct job job;

	ASSERT_EQ(0, openat_begin(&self->p, self->client, 0, &job, &sqe));
	/* takes what was never there */
	q->prov->sq_head++;
	EXPECT_EQ(-EIO, queue_enter(q, 0, 0));
	EXPECT_EQ(-ENODEV, job_wait(&job));
	q->prov->sq_head = q->sq_head;
	check_broken(_metadata, &self->p, self->client);
}

TEST_F(broken, S28_an_impossible_sq_head_is_found_by_the_next_request)
{
	struct queue *q = &self->p.q[0];
	struct scheme_sqe sqe;
	struct job job, next;

	ASSERT_EQ(0, openat_begin(&self->p, self->client, 0, &job, &sqe));
	q->prov->sq_head -= q->info.sq_entries + 1;
	job_ioctl(&next, self->client, SCHEME_IOC_OPENAT,
		  &(struct scheme_openat){});
	EXPECT_EQ(-ENODEV, job_wait(&next));
	EXPECT_EQ(-ENODEV, job_wait(&job));
	q->prov->sq_head = q->sq_head;
	check_broken(_metadata, &self->p, self->client);
}

TEST_F(broken, S28_when_every_queue_is_broken_requests_fail_with_ENODEV)
{
	for (int i = 0; i < 2; i++) {
		self->p.q[i].prov->cq_tail--;
		EXPECT_EQ(-EIO, queue_enter(&self->p.q[i], 0, 0));
	}
	EXPECT_EQ(-ENODEV, client_openat(self->client, "a", O_RDONLY, 0));
	/* the scheme itself is there until somebody ends it */
	EXPECT_EQ(0, access(self->p.node, F_OK));
}

TEST_F(broken, S28_scribbling_over_the_kernels_side_breaks_nothing)
{
	struct queue *q = &self->p.q[0];
	struct scheme_sqe sqe;
	struct job job;

	memset(q->kern, 0xff, sizeof(*q->kern));
	memset(q->client, 0xff, sizeof(*q->client));
	memset(q->poller, 0xff, q->info.depth);
	memset(q->sq, 0xff, q->info.sq_entries * sizeof(*q->sq));
	for (int i = 0; i < 20; i++) {
		pin(0);
		job_ioctl(&job, self->client, SCHEME_IOC_OPENAT,
			  &(struct scheme_openat){});
		ASSERT_EQ(1, queue_enter(q, 1, PATIENCE_MS));
		ASSERT_TRUE(queue_pop(q, &sqe));
		EXPECT_EQ(SCHEME_OP_OPEN, sqe.opcode);
		q->client->sq_tail = 0xdeadbeef;
		q->client->cq_head = 0xdeadbeef;
		EXPECT_EQ(0, queue_answer(q, &sqe, -EPERM));
		EXPECT_EQ(-EPERM, job_wait(&job));
	}
}

TEST_HARNESS_MAIN
