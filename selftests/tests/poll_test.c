// SPDX-License-Identifier: GPL-2.0
/* Readiness of a client's file: the mask that the provider last set. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"
#include "../uring.h"

#define NAME	"test-poll"

FIXTURE(poll) {
	struct provider p;
	struct queue *q;
	int fd;			/* number 1, not ready at first */
};

FIXTURE_SETUP(poll)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open_events(&self->p, O_RDWR, 1, SCHEME_CQE_F_EVENTS,
				      0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(poll)
{
	close(self->fd);
	provider_end(&self->p);
}

static short ready(int fd)
{
	struct pollfd pfd = {
		.fd = fd,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP,
	};

	poll(&pfd, 1, 0);
	return pfd.revents;
}

TEST_F(poll, E8_without_a_word_a_file_is_always_ready)
{
	int fd = client_open(&self->p, O_RDWR, 2, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(POLLIN | POLLOUT, ready(fd));
	close(fd);
}

TEST_F(poll, E8_the_open_answer_has_the_first_mask)
{
	int fd;

	EXPECT_EQ(0, ready(self->fd));
	fd = client_open_events(&self->p, O_RDWR, 2, SCHEME_CQE_F_EVENTS,
				EPOLLOUT | EPOLLPRI);
	ASSERT_LE(0, fd);
	EXPECT_EQ(POLLOUT | POLLPRI, ready(fd));
	close(fd);
}

TEST_F(poll, E8_an_event_replaces_the_mask)
{
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(POLLIN, ready(self->fd));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLOUT));
	EXPECT_EQ(POLLOUT, ready(self->fd));
	EXPECT_EQ(0, queue_event(self->q, 1, 0));
	EXPECT_EQ(0, ready(self->fd));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLHUP | EPOLLERR | EPOLLRDHUP));
	EXPECT_EQ(POLLHUP | POLLERR | POLLRDHUP, ready(self->fd));
	EXPECT_EQ(4, scheme_attr(NAME, "events"));
}

TEST_F(poll, E8_poll_does_not_ask_the_provider)
{
	for (int i = 0; i < 10; i++)
		ready(self->fd);
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(poll, E8_an_event_wakes_a_sleeping_poll)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	struct job job;

	job_start(&job, SYS_poll, (long)&pfd, 1, -1);
	EXPECT_TRUE(job_stays(&job, 50));
	/* not what it waits for */
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLOUT));
	EXPECT_TRUE(job_stays(&job, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(1, job_wait(&job));
	EXPECT_EQ(POLLIN, pfd.revents);
}

TEST_F(poll, E8_an_event_is_for_its_number_only)
{
	int same = client_open_events(&self->p, O_RDWR, 1, SCHEME_CQE_F_EVENTS, 0);
	int other = client_open_events(&self->p, O_RDWR, 1 << 20 | 1,
				       SCHEME_CQE_F_EVENTS, 0);

	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(POLLIN, ready(self->fd));
	EXPECT_EQ(POLLIN, ready(same));
	EXPECT_EQ(0, ready(other));
	close(same);
	close(other);
}

TEST_F(poll, E8_an_event_before_its_open_answer_in_a_batch_is_ENOENT)
{
	struct scheme_cqe event = {
		.user_data = 5, .result = EPOLLIN, .kind = SCHEME_CQE_EVENT,
	};
	struct scheme_cqe answer = {
		.result = 5, .flags = SCHEME_CQE_F_EVENTS,
	};
	struct scheme_sqe sqe;
	struct job job;

	job_open(&job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_OPEN));
	answer.user_data = sqe.user_data;
	queue_post(self->q, &event);
	queue_post(self->q, &answer);
	queue_post(self->q, &event);
	ASSERT_EQ(0, queue_enter(self->q, 0, 0));
	EXPECT_EQ(ENOENT, queue_status(self->q, 2));
	EXPECT_EQ(0, queue_status(self->q, 1));
	EXPECT_EQ(0, queue_status(self->q, 0));
	EXPECT_EQ(POLLIN, ready(job_wait(&job)));
}

TEST_F(poll, E8_epoll_works_by_level_and_by_edge)
{
	struct epoll_event level = { .events = EPOLLIN, .data.u32 = 1 };
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET, .data.u32 = 2 };
	struct epoll_event once = { .events = EPOLLIN | EPOLLONESHOT, .data.u32 = 3 };
	struct epoll_event got;
	int by_level = epoll_create1(0), by_edge = epoll_create1(0);
	int by_once = epoll_create1(0);

	ASSERT_EQ(0, epoll_ctl(by_level, EPOLL_CTL_ADD, self->fd, &level));
	ASSERT_EQ(0, epoll_ctl(by_edge, EPOLL_CTL_ADD, self->fd, &edge));
	ASSERT_EQ(0, epoll_ctl(by_once, EPOLL_CTL_ADD, self->fd, &once));
	EXPECT_EQ(0, epoll_wait(by_edge, &got, 1, 0));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EQ(1, epoll_wait(by_level, &got, 1, PATIENCE_MS));
		EXPECT_EQ(1, got.data.u32);
		EXPECT_EQ(1, epoll_wait(by_level, &got, 1, 0));
		EXPECT_EQ(1, epoll_wait(by_edge, &got, 1, PATIENCE_MS));
		EXPECT_EQ(2, got.data.u32);
		EXPECT_EQ(0, epoll_wait(by_edge, &got, 1, 0));
		EXPECT_EQ(round == 0, epoll_wait(by_once, &got, 1, 0));
		EXPECT_EQ(0, queue_event(self->q, 1, 0));
		EXPECT_EQ(0, epoll_wait(by_level, &got, 1, 0));
	}
	close(by_once);
	close(by_edge);
	close(by_level);
}

TEST_F(poll, E8_death_of_the_provider_is_ERR_and_HUP)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int ep = epoll_create1(0);
	struct job job;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	job_start(&job, SYS_poll, (long)&pfd, 1, -1);
	EXPECT_TRUE(job_stays(&job, 50));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(1, job_wait(&job));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents);
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, PATIENCE_MS));
	EXPECT_EQ(EPOLLERR | EPOLLHUP, event.events);
	close(ep);
}

TEST_F(poll, E8_each_post_is_an_edge_even_of_the_same_mask)
{
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET }, got;
	int ep = epoll_create1(0);

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &edge));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EQ(1, epoll_wait(ep, &got, 1, PATIENCE_MS));
		EXPECT_EQ(0, epoll_wait(ep, &got, 1, 0));
	}
	/* none of what it waits for, or nothing at all */
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLOUT));
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 20));
	EXPECT_EQ(0, queue_event(self->q, 1, 0));
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 20));
	close(ep);
}

TEST_F(poll, E8_a_oneshot_epoll_is_told_once_until_armed_again)
{
	struct epoll_event once = { .events = EPOLLIN | EPOLLONESHOT }, got;
	int ep = epoll_create1(0);

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &once));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, epoll_wait(ep, &got, 1, PATIENCE_MS));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 20));
	/* armed, it sees at once what is there */
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->fd, &once));
	EXPECT_EQ(1, epoll_wait(ep, &got, 1, 0));
	ASSERT_EQ(0, queue_event(self->q, 1, 0));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->fd, &once));
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 0));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, epoll_wait(ep, &got, 1, PATIENCE_MS));
	close(ep);
}

#define EPOLLS	4

/* How many of the jobs have come back, after some time. */
static int woken(struct job *jobs)
{
	int nr = 0;

	sleep_ms(100);
	for (int i = 0; i < EPOLLS; i++)
		nr += job_done(&jobs[i]);
	return nr;
}

TEST_F(poll, E8_an_edge_wakes_one_exclusive_epoll_and_death_all)
{
	struct epoll_event excl = { .events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE };
	struct epoll_event got[EPOLLS];
	struct job jobs[EPOLLS];
	int ep[EPOLLS];

	for (int i = 0; i < EPOLLS; i++) {
		ep[i] = epoll_create1(0);
		ASSERT_EQ(0, epoll_ctl(ep[i], EPOLL_CTL_ADD, self->fd, &excl));
		job_start(&jobs[i], SYS_epoll_wait, ep[i], (long)&got[i], 1, -1);
	}
	EXPECT_EQ(0, woken(jobs));
	for (int i = 1; i < EPOLLS - 1; i++) {
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EQ(i, woken(jobs));
	}
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	for (int i = 0; i < EPOLLS; i++) {
		EXPECT_EQ(1, job_wait(&jobs[i]));
		close(ep[i]);
	}
}

TEST_F(poll, E8_io_uring_polls_once)
{
	struct io_uring ring;

	ASSERT_EQ(0, uring_begin(&ring, 0));
	io_uring_prep_poll_add(io_uring_get_sqe(&ring), self->fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&ring));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLOUT));
	EXPECT_TRUE(uring_silent(&ring, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN | EPOLLOUT));
	EXPECT_EQ(POLLIN, uring_wait(&ring, 0));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_TRUE(uring_silent(&ring, 50));
	io_uring_queue_exit(&ring);
}

TEST_F(poll, E8_io_uring_polls_multishot)
{
	struct io_uring ring;

	ASSERT_EQ(0, uring_begin(&ring, 0));
	io_uring_prep_poll_multishot(io_uring_get_sqe(&ring), self->fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&ring));
	EXPECT_TRUE(uring_silent(&ring, 50));
	/* one completion for each edge, also where the mask stays the same */
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EQ(POLLIN, uring_wait(&ring, 0));
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EQ(POLLIN, uring_wait(&ring, 0));
		EXPECT_EQ(0, queue_event(self->q, 1, 0));
		EXPECT_TRUE(uring_silent(&ring, 20));
	}
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(POLLERR | POLLHUP, uring_wait(&ring, 0) & (POLLERR | POLLHUP));
	io_uring_queue_exit(&ring);
}

TEST_F(poll, E8_poll_after_death_is_ERR_and_HUP)
{
	ASSERT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(POLLERR | POLLHUP, ready(self->fd));
}

/* ---- no event is lost ----------------------------------------------------- */

#define EVENTS	2000

struct sleeper {
	int fd;
	unsigned int woken;		/* events that it has seen */
	unsigned int taken_back;	/* events that are over */
};

static unsigned int get(const unsigned int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void *sleep_for_events(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };

	while (s->woken < EVENTS && poll(&pfd, 1, PATIENCE_MS) == 1) {
		__atomic_add_fetch(&s->woken, 1, __ATOMIC_RELEASE);
		while (get(&s->taken_back) < s->woken)
			sched_yield();
	}
	return NULL;
}

TEST_F(poll, S29_no_event_is_lost_between_look_and_sleep)
{
	struct sleeper s = { .fd = self->fd };
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, sleep_for_events, &s));
	for (i = 0; i < EVENTS; i++) {
		ASSERT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		while (get(&s.woken) == i)
			sched_yield();
		ASSERT_EQ(0, queue_event(self->q, 1, 0));
		__atomic_store_n(&s.taken_back, i + 1, __ATOMIC_RELEASE);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(EVENTS, s.woken);
}

TEST_HARNESS_MAIN
