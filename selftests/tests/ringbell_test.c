// SPDX-License-Identifier: GPL-2.0
/* Direct rings: doorbells, sleep, polls, and the end of either side. */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "ring.h"
#include "../event.h"
#include "../uring.h"

static const struct scheme_sqe nop;
static const struct scheme_cqe answer;

static short poll_now(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	return poll(&pfd, 1, 0) < 0 ? -1 : pfd.revents;
}

/* ---- ENTER ---------------------------------------------------------------------- */

TEST_F(ring, U13_bad_requests_are_refused)
{
	struct scheme_ring_enter arg = { .flags = SCHEME_RING_NOTIFY, .reserved = 1 };
	int fd;

	BEGIN_PAIR();
	fd = self->pair.client.fd;
	EXPECT_EQ(-EINVAL, ring_enter(fd, 0, 0));
	EXPECT_EQ(-EINVAL, ring_enter(fd, 1U << 4, 0));
	EXPECT_EQ(-EINVAL, ring_enter(fd, SCHEME_RING_NOTIFY, 1));
	EXPECT_EQ(-EINVAL, do_ioctl(fd, SCHEME_IOC_RING_ENTER, &arg));
	EXPECT_EQ(-ENOTTY, do_ioctl(fd, SCHEME_IOC_ENTER, &arg));
	EXPECT_EQ(-EFAULT, do_ioctl(fd, SCHEME_IOC_RING_ENTER, (void *)8));
	ring_pair_end(&self->pair);
}

TEST_F(ring, U13_a_wait_ends_with_its_time_and_with_a_signal)
{
	struct scheme_ring_enter forever = { .flags = SCHEME_RING_WAIT, .timeout_ns = -1 };
	int64_t begin;

	BEGIN_PAIR();
	begin = now_ms();
	EXPECT_EQ(-ETIME, ring_wait_ms(self->pair.client.fd, 50));
	EXPECT_LE(begin + 50, now_ms());
	EXPECT_EQ(-ETIME, ring_wait_ms(self->pair.client.fd, 0));
	catch_usr1(0);
	job_ioctl(&self->job, self->pair.client.fd, SCHEME_IOC_RING_ENTER, &forever);
	EXPECT_TRUE(job_stays(&self->job, 50));
	pthread_kill(self->job.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&self->job));
	ring_pair_end(&self->pair);
}

TEST_F(ring, U14_a_doorbell_latches_once)
{
	struct ring_pair *r = &self->pair;

	BEGIN_PAIR();
	/* nobody waits yet: it ends the next wait, however often it was rung */
	EXPECT_EQ(0, ring_notify(r->client.fd));
	EXPECT_EQ(0, ring_notify(r->client.fd));
	EXPECT_EQ(0, ring_wait_ms(r->prov.fd, -1));
	EXPECT_EQ(-ETIME, ring_wait_ms(r->prov.fd, 20));
	/* and not one's own */
	EXPECT_EQ(-ETIME, ring_wait_ms(r->client.fd, 20));
	EXPECT_EQ(0, ring_enter(r->client.fd, SCHEME_RING_NOTIFY_SELF, 0));
	EXPECT_EQ(0, ring_wait_ms(r->client.fd, -1));
	ring_pair_end(r);
}

TEST_F(ring, U14_a_doorbell_wakes_who_sleeps)
{
	struct scheme_ring_enter forever = { .flags = SCHEME_RING_WAIT, .timeout_ns = -1 };
	struct ring_pair *r = &self->pair;

	BEGIN_PAIR();
	job_ioctl(&self->job, r->prov.fd, SCHEME_IOC_RING_ENTER, &forever);
	EXPECT_TRUE(job_stays(&self->job, 50));
	EXPECT_EQ(0, ring_notify(r->client.fd));
	EXPECT_EQ(0, job_wait(&self->job));
	/* ring, then sleep, in one call: the other way round */
	forever.flags |= SCHEME_RING_NOTIFY;
	job_ioctl(&self->job, r->client.fd, SCHEME_IOC_RING_ENTER, &forever);
	EXPECT_EQ(0, ring_wait_ms(r->prov.fd, -1));
	EXPECT_TRUE(job_stays(&self->job, 20));
	EXPECT_EQ(0, ring_notify(r->prov.fd));
	EXPECT_EQ(0, job_wait(&self->job));
	ring_pair_end(r);
}

static void prep_bell(struct io_uring_sqe *sqe, int fd, uint32_t flags)
{
	struct scheme_ring_enter arg = { .flags = flags };

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = SCHEME_IOC_RING_ENTER;
	memcpy(sqe->cmd, &arg, sizeof(arg));
	sqe->user_data = 5;
}

TEST_F(ring, U14_a_doorbell_as_a_command_of_io_uring)
{
	struct ring_pair *r = &self->pair;
	struct io_uring uring;

	BEGIN_PAIR();
	ASSERT_EQ(0, uring_begin(&uring, 0));
	prep_bell(io_uring_get_sqe(&uring), r->client.fd, SCHEME_RING_NOTIFY);
	ASSERT_EQ(1, io_uring_submit(&uring));
	EXPECT_EQ(0, uring_wait(&uring, 5));
	EXPECT_EQ(0, ring_wait_ms(r->prov.fd, -1));
	/* to sleep there is the poll */
	prep_bell(io_uring_get_sqe(&uring), r->client.fd, SCHEME_RING_WAIT);
	ASSERT_EQ(1, io_uring_submit(&uring));
	EXPECT_EQ(-EOPNOTSUPP, uring_wait(&uring, 5));
	prep_bell(io_uring_get_sqe(&uring), r->client.fd, 1U << 9);
	ASSERT_EQ(1, io_uring_submit(&uring));
	EXPECT_EQ(-EINVAL, uring_wait(&uring, 5));
	io_uring_queue_exit(&uring);
	ring_pair_end(r);
}

/* ---- readiness --------------------------------------------------------------------- */

TEST_F(ring, U15_the_mask_is_what_the_rings_hold)
{
	struct ring_pair *r = &self->pair;
	struct scheme_sqe sqe;
	struct scheme_cqe cqe;

	BEGIN_PAIR();
	EXPECT_EQ(POLLOUT, poll_now(r->client.fd));
	EXPECT_EQ(POLLOUT, poll_now(r->prov.fd));
	for (unsigned int i = 0; i < SQ; i++)
		ring_submit(&r->client, &nop);
	EXPECT_EQ(0, poll_now(r->client.fd));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(r->prov.fd));
	ASSERT_TRUE(ring_take(&r->prov, &sqe));
	EXPECT_EQ(POLLOUT, poll_now(r->client.fd));
	for (unsigned int i = 0; i < CQ; i++)
		ring_post(&r->prov, &answer);
	EXPECT_EQ(POLLIN, poll_now(r->prov.fd));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(r->client.fd));
	ASSERT_TRUE(ring_reap(&r->client, &cqe));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(r->prov.fd));
	ring_pair_end(r);
}

/* What a side does that has moved an index: as redox_scheme_ring.h says. */
static int publish(const struct ring_side *s, uint32_t what)
{
	bool client = s->info.side == SCHEME_RING_SIDE_CLIENT;
	uint32_t flags;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = client ? s->prov->flags : s->client->flags;
	flags |= s->kern->wants[client ? SCHEME_RING_SIDE_PROVIDER : SCHEME_RING_SIDE_CLIENT];
	return flags & what ? ring_notify(s->fd) : 1;
}

TEST_F(ring, U15_epoll_is_woken_without_a_flag)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct ring_pair *r = &self->pair;
	struct scheme_sqe sqe;
	int epoll = epoll_create1(0);

	BEGIN_PAIR();
	/* before anybody polls nobody is rung for */
	EXPECT_EQ(0, r->client.kern->wants[SCHEME_RING_SIDE_PROVIDER]);
	ring_submit(&r->client, &nop);
	EXPECT_EQ(1, publish(&r->client, SCHEME_RING_NEED_WAKEUP));
	ASSERT_TRUE(ring_take(&r->prov, &sqe));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, r->prov.fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 20));
	for (int round = 0; round < 3; round++) {
		job_start(&self->job, SYS_epoll_wait, epoll, (long)&event, 1, -1);
		EXPECT_TRUE(job_stays(&self->job, 20));
		ring_submit(&r->client, &nop);
		EXPECT_EQ(0, publish(&r->client, SCHEME_RING_NEED_WAKEUP));
		EXPECT_EQ(1, job_wait(&self->job));
		EXPECT_EQ(EPOLLIN, event.events);
		ASSERT_TRUE(ring_take(&r->prov, &sqe));
	}
	close(epoll);
	ring_pair_end(r);
}

TEST_F(ring, U15_room_wakes_who_polls_for_it)
{
	struct pollfd pfd = { .events = POLLOUT };
	struct ring_pair *r = &self->pair;
	struct scheme_sqe sqe;

	BEGIN_PAIR();
	pfd.fd = r->client.fd;
	for (unsigned int i = 0; i < SQ; i++)
		ring_submit(&r->client, &nop);
	job_start(&self->job, SYS_poll, (long)&pfd, 1, -1);
	EXPECT_TRUE(job_stays(&self->job, 50));
	ASSERT_TRUE(ring_take(&r->prov, &sqe));
	EXPECT_EQ(0, publish(&r->prov, SCHEME_RING_NEED_ROOM));
	EXPECT_EQ(1, job_wait(&self->job));
	EXPECT_EQ(POLLOUT, pfd.revents);
	ring_pair_end(r);
}

TEST_F(ring, U15_one_io_uring_waits_for_two_rings)
{
	struct ring_pair other, *r = &self->pair;
	struct scheme_sqe sqe;
	struct io_uring uring;

	BEGIN_PAIR();
	ASSERT_EQ(0, ring_pair_begin(&other, &self->p, self->file, SQ, CQ));
	ASSERT_EQ(0, uring_begin(&uring, 0));
	io_uring_prep_poll_multishot(io_uring_get_sqe(&uring), r->prov.fd, POLLIN);
	io_uring_prep_poll_multishot(io_uring_get_sqe(&uring), other.prov.fd, POLLIN);
	ASSERT_EQ(2, io_uring_submit(&uring));
	EXPECT_TRUE(uring_silent(&uring, 20));
	for (int round = 0; round < 3; round++) {
		struct ring_pair *one = round % 2 ? r : &other;
		struct io_uring_cqe *cqe;

		ring_submit(&one->client, &nop);
		EXPECT_EQ(0, publish(&one->client, SCHEME_RING_NEED_WAKEUP));
		ASSERT_EQ(0, io_uring_wait_cqe(&uring, &cqe));
		EXPECT_EQ(POLLIN, cqe->res & POLLIN);
		io_uring_cqe_seen(&uring, cqe);
		ASSERT_TRUE(ring_take(&one->prov, &sqe));
	}
	io_uring_queue_exit(&uring);
	ring_pair_end(&other);
	ring_pair_end(r);
}

TEST_F(ring, U15_an_event_queue_watches_an_end)
{
	struct scheme_event event = { .flags = EPOLLIN, .data = 99 };
	struct scheme_event_wait wait = { .nr = 1, .timeout_ns = 0 };
	struct ring_pair *r = &self->pair;
	struct scheme_sqe sqe;
	int queue = open_errno(EVENT_NODE, O_RDWR);

	ASSERT_LE(0, queue);
	BEGIN_PAIR();
	event.id = r->prov.fd;
	wait.events = (uintptr_t)&event;
	ASSERT_EQ(sizeof(event), write(queue, &event, sizeof(event)));
	EXPECT_EQ(0, do_ioctl(queue, SCHEME_IOC_EVENT_WAIT, &wait));
	for (int round = 0; round < 3; round++) {
		/* every index that moves rings, since the queue does not ask again */
		ring_submit(&r->client, &nop);
		EXPECT_EQ(0, publish(&r->client, SCHEME_RING_NEED_WAKEUP));
		ASSERT_EQ(1, do_ioctl(queue, SCHEME_IOC_EVENT_WAIT, &wait));
		EXPECT_EQ(EPOLLIN, event.flags);
		EXPECT_EQ(99, event.data);
		ASSERT_TRUE(ring_take(&r->prov, &sqe));
	}
	/* the watch ends with the end */
	ring_side_end(&r->client);
	ASSERT_EQ(1, do_ioctl(queue, SCHEME_IOC_EVENT_WAIT, &wait));
	EXPECT_EQ(EPOLLHUP, event.flags & EPOLLHUP);
	ring_side_end(&r->prov);
	EXPECT_EQ(0, do_ioctl(queue, SCHEME_IOC_EVENT_WAIT, &wait));
	close(queue);
}

#define EXCLUSIVE	3

/* Each waits in an epoll of its own, exclusively, one of them for room. */
static void exclusive_begin(struct __test_metadata *_metadata, int fd, int *epoll,
			    struct epoll_event *event, struct job *job)
{
	for (int i = 0; i < EXCLUSIVE; i++) {
		struct epoll_event want = { .events = i ? EPOLLIN : EPOLLOUT };

		want.events |= EPOLLEXCLUSIVE;
		epoll[i] = epoll_create1(0);
		ASSERT_EQ(0, epoll_ctl(epoll[i], EPOLL_CTL_ADD, fd, &want));
		job_start(&job[i], SYS_epoll_wait, epoll[i], (long)&event[i], 1, -1);
		EXPECT_TRUE(job_stays(&job[i], 20));
	}
}

TEST_F(ring, U15_exclusive_waiters_all_hear_of_the_end_and_each_of_its_own)
{
	struct epoll_event event[EXCLUSIVE];
	struct ring_pair *r = &self->pair;
	struct job job[EXCLUSIVE];
	int epoll[EXCLUSIVE];
	struct scheme_sqe sqe;

	BEGIN_PAIR();
	for (unsigned int i = 0; i < SQ; i++)
		ring_submit(&r->client, &nop);
	exclusive_begin(_metadata, r->client.fd, epoll, event, job);
	/* room: not for those who wait for entries, however many of them are asleep */
	ASSERT_TRUE(ring_take(&r->prov, &sqe));
	EXPECT_EQ(0, publish(&r->prov, SCHEME_RING_NEED_ROOM));
	EXPECT_EQ(1, job_wait(&job[0]));
	EXPECT_EQ(EPOLLOUT, event[0].events);
	EXPECT_TRUE(job_stays(&job[1], 20));
	ring_side_end(&r->prov);
	for (int i = 1; i < EXCLUSIVE; i++) {
		EXPECT_EQ(1, job_wait(&job[i]));
		EXPECT_EQ(EPOLLHUP, event[i].events & EPOLLHUP);
	}
	for (int i = 0; i < EXCLUSIVE; i++)
		close(epoll[i]);
	ring_side_end(&r->client);
}

/* ---- broken ------------------------------------------------------------------------ */

TEST_F(ring, U10_indices_that_cannot_be_are_an_error_for_both)
{
	struct ring_pair *r = &self->pair;

	BEGIN_PAIR();
	r->client.client->sq_tail = SQ + 1;
	/* the side shall look, and find out */
	EXPECT_EQ(POLLIN, poll_now(r->prov.fd) & (POLLERR | POLLIN));
	EXPECT_EQ(-EIO, ring_enter(r->prov.fd, SCHEME_RING_BREAK, 0));
	EXPECT_EQ(SCHEME_RING_BROKEN, r->client.kern->state);
	EXPECT_EQ(SCHEME_RING_BROKEN, r->prov.kern->state);
	/* both are told, and nobody sleeps on it any more */
	EXPECT_EQ(-EIO, ring_wait_ms(r->client.fd, -1));
	EXPECT_EQ(-EIO, ring_wait_ms(r->client.fd, -1));
	EXPECT_EQ(-EIO, ring_wait_ms(r->prov.fd, -1));
	r->client.client->sq_tail = 0;
	EXPECT_EQ(POLLERR, poll_now(r->client.fd) & POLLERR);
	ring_pair_end(r);
}

TEST_F(ring, U10_the_kernel_believes_no_index)
{
	struct ring_pair *r = &self->pair;
	uint32_t seed = 1;

	BEGIN_PAIR();
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		r->client.client->sq_tail = seed;
		r->client.client->cq_head = seed >> 7;
		r->client.client->flags = seed >> 3;
		r->prov.prov->cq_tail = seed >> 5;
		r->prov.prov->sq_head = seed >> 11;
		if (i % 8)
			continue;
		EXPECT_LE(0, poll_now(r->client.fd));
		EXPECT_LE(0, poll_now(r->prov.fd));
		EXPECT_EQ(0, ring_notify(r->client.fd));
		EXPECT_EQ(0, ring_wait_ms(r->prov.fd, 0));
	}
	ring_pair_end(r);
}

/* ---- the end ------------------------------------------------------------------------ */

TEST_F(ring, U12_what_is_there_can_be_taken_after_the_end)
{
	struct ring_pair *r = &self->pair;
	struct scheme_sqe sqe;

	BEGIN_PAIR();
	ring_submit(&r->client, &nop);
	ring_submit(&r->client, &nop);
	ring_side_end(&r->client);
	EXPECT_EQ(SCHEME_RING_DEAD, r->prov.kern->state);
	EXPECT_EQ(POLLIN | POLLHUP | POLLRDHUP,
		  poll_now(r->prov.fd) & (POLLIN | POLLHUP | POLLRDHUP));
	EXPECT_TRUE(ring_take(&r->prov, &sqe));
	EXPECT_TRUE(ring_take(&r->prov, &sqe));
	EXPECT_FALSE(ring_take(&r->prov, &sqe));
	ring_side_end(&r->prov);
}

TEST_F(ring, U12_the_end_of_a_side_wakes_the_other)
{
	struct scheme_ring_enter forever = { .flags = SCHEME_RING_WAIT, .timeout_ns = -1 };
	struct ring_pair *r = &self->pair;

	for (int round = 0; round < 2; round++) {
		BEGIN_PAIR();
		job_ioctl(&self->job, round ? r->client.fd : r->prov.fd,
			  SCHEME_IOC_RING_ENTER, &forever);
		EXPECT_TRUE(job_stays(&self->job, 30));
		ring_side_end(round ? &r->prov : &r->client);
		EXPECT_EQ(-ESHUTDOWN, job_wait(&self->job));
		ring_side_end(round ? &r->client : &r->prov);
	}
}

TEST_F(ring, U12_a_mapping_keeps_an_end_open)
{
	struct ring_pair *r = &self->pair;

	BEGIN_PAIR();
	close(r->client.fd);
	EXPECT_EQ(SCHEME_RING_ATTACHED, ring_state(r->prov.fd));
	ring_side_unmap(&r->client);
	EXPECT_EQ(SCHEME_RING_SHUTDOWN, ring_state(r->prov.fd));
	ring_side_end(&r->prov);
}

TEST_F(ring, U12_the_schemes_death_is_the_rings)
{
	struct scheme_ring_enter forever = { .flags = SCHEME_RING_WAIT, .timeout_ns = -1 };
	struct ring_pair *r = &self->pair;

	BEGIN_PAIR();
	job_ioctl(&self->job, r->client.fd, SCHEME_IOC_RING_ENTER, &forever);
	EXPECT_TRUE(job_stays(&self->job, 30));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ESHUTDOWN, job_wait(&self->job));
	EXPECT_EQ(SCHEME_RING_DEAD, r->prov.kern->state);
	EXPECT_EQ(-ENODEV, ring_create(self->file, SQ, CQ));
	ring_pair_end(r);
}

static int client_sleeps(void *arg)
{
	struct ring_pair *r = arg;
	struct ring_side mine;

	/* a child has no mapping of its parent's: its own, by the same end */
	if (ring_side_map(&mine, r->client.fd))
		return 1;
	ring_submit(&mine, &nop);
	ring_notify(mine.fd);
	return ring_wait_ms(mine.fd, -1);
}

TEST_F(ring, U29_a_killed_side_is_the_end_for_the_other)
{
	struct ring_pair *r = &self->pair;
	struct scheme_sqe sqe;
	pid_t pid;

	for (int round = 0; round < 20; round++) {
		BEGIN_PAIR();
		pid = child_start(client_sleeps, r);
		ring_side_end(&r->client);
		EXPECT_EQ(0, ring_wait_ms(r->prov.fd, PATIENCE_MS));
		child_kill(pid);
		EXPECT_EQ(-ESHUTDOWN, ring_wait_ms(r->prov.fd, PATIENCE_MS));
		EXPECT_TRUE(ring_take(&r->prov, &sqe));
		ring_side_end(&r->prov);
	}
}

TEST_HARNESS_MAIN
