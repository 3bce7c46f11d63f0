// SPDX-License-Identifier: GPL-2.0
/*
 * Event queues as files among others: that watch each other, that are polled,
 * by epoll and io_uring too, and how much a user may have.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../event.h"
#include "../harness.h"
#include "../uring.h"

#define NAME	"test-nest"
#define LEVELS	4

FIXTURE(nest) {
	struct provider p;
	struct queue *q;
	int fd;			/* number 1, not ready at first */
	int eq[LEVELS + 1];	/* non-blocking */
};

FIXTURE_SETUP(nest)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open_events(&self->p, O_RDWR, 1, SCHEME_CQE_F_EVENTS,
				      0);
	ASSERT_LE(0, self->fd);
	for (int i = 0; i <= LEVELS; i++) {
		self->eq[i] = event_open(O_NONBLOCK);
		ASSERT_LE(0, self->eq[i]);
	}
}

FIXTURE_TEARDOWN(nest)
{
	for (int i = 0; i <= LEVELS; i++)
		close(self->eq[i]);
	close(self->fd);
	provider_end(&self->p);
}

/* One event, whatever its data. */
#define EXPECT_EVENT_OF(eq, id_, flags_)				\
do {									\
	struct scheme_event e_[2] = {};					\
									\
	EXPECT_EQ(1, event_read(eq, e_, 2));				\
	EXPECT_EQ((__u64)(id_), e_[0].id);				\
	EXPECT_EQ((__u64)(flags_), e_[0].flags);			\
} while (0)

/* Each of the first nr queues watches the one before, the first one fd. */
#define EXPECT_CHAIN(nr)						\
do {									\
	EXPECT_EQ(0, event_watch(self->eq[0], self->fd, EPOLLIN, 0));	\
	for (int n_ = 1; n_ < (nr); n_++)				\
		EXPECT_EQ(0, event_watch(self->eq[n_], self->eq[n_ - 1],\
					 EPOLLIN, n_));			\
} while (0)

/* ---- E7: queues that watch queues ----------------------------------------- */

TEST_F(nest, E7_an_event_goes_through_four_queues)
{
	EXPECT_CHAIN(LEVELS);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	/* the last one is told, while the others still have theirs */
	for (int i = LEVELS - 1; i > 0; i--) {
		EXPECT_EVENT_OF(self->eq[i], self->eq[i - 1], EPOLLIN);
		EXPECT_NOTHING(self->eq[i]);
	}
	EXPECT_EVENT_OF(self->eq[0], self->fd, EPOLLIN);
	/* and again */
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT_OF(self->eq[LEVELS - 1], self->eq[LEVELS - 2], EPOLLIN);
}

TEST_F(nest, E7_a_queue_that_was_not_emptied_is_no_edge)
{
	EXPECT_CHAIN(2);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT_OF(self->eq[1], self->eq[0], EPOLLIN);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_NOTHING(self->eq[1]);
	EXPECT_EVENT_OF(self->eq[0], self->fd, EPOLLIN);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT_OF(self->eq[1], self->eq[0], EPOLLIN);
}

TEST_F(nest, E7_registration_tells_what_is_in_the_queue)
{
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(0, event_watch(self->eq[1], self->eq[0], EPOLLIN | EPOLLOUT,
				 1));
	/* a write never waits */
	EXPECT_EVENT_OF(self->eq[1], self->eq[0], EPOLLOUT);
	EXPECT_EQ(0, event_watch(self->eq[2], self->eq[1], EPOLLIN, 1));
	EXPECT_NOTHING(self->eq[2]);
	/* what registration finds goes on to the others, too */
	EXPECT_EQ(0, event_watch(self->eq[0], self->fd, EPOLLIN, 1));
	EXPECT_EVENT_OF(self->eq[2], self->eq[1], EPOLLIN);
	EXPECT_EVENT_OF(self->eq[1], self->eq[0], EPOLLIN);
	EXPECT_EQ(0, event_watch(self->eq[3], self->eq[0], EPOLLIN, 1));
	EXPECT_EVENT_OF(self->eq[3], self->eq[0], EPOLLIN);
}

TEST_F(nest, E7_a_sleeper_on_the_last_queue_wakes)
{
	struct scheme_event e = {};
	struct job job;
	int eq = event_open(0);

	EXPECT_CHAIN(LEVELS - 1);
	EXPECT_EQ(0, event_watch(eq, self->eq[LEVELS - 2], EPOLLIN, 77));
	job_read(&job, eq, &e, sizeof(e));
	EXPECT_TRUE(job_stays(&job, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ((long)sizeof(e), job_wait(&job));
	EXPECT_EQ(77, e.data);
	close(eq);
}

TEST_F(nest, E7_a_fifth_queue_is_ELOOP)
{
	EXPECT_CHAIN(LEVELS);
	EXPECT_EQ(-ELOOP, event_watch(self->eq[LEVELS], self->eq[LEVELS - 1],
				      EPOLLIN, 0));
	/* at the lower end too, and in the middle */
	EXPECT_EQ(-ELOOP, event_watch(self->eq[0], self->eq[LEVELS], EPOLLIN,
				      0));
	EXPECT_EQ(0, event_watch(self->eq[1], self->eq[LEVELS], EPOLLIN, 0));
	EXPECT_EQ(0, event_watch(self->eq[1], self->eq[LEVELS], 0, 0));
	/* two chains that would become a long one */
	EXPECT_EQ(0, event_watch(self->eq[2], self->eq[1], 0, 0));
	EXPECT_EQ(0, event_watch(self->eq[LEVELS], self->eq[3], EPOLLIN, 0));
	EXPECT_EQ(-ELOOP, event_watch(self->eq[2], self->eq[1], EPOLLIN, 0));
	/* without one of its ends it fits */
	EXPECT_EQ(0, event_watch(self->eq[LEVELS], self->eq[3], 0, 0));
	EXPECT_EQ(0, event_watch(self->eq[2], self->eq[1], EPOLLIN, 0));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT_OF(self->eq[3], self->eq[2], EPOLLIN);
}

TEST_F(nest, E7_cycles_are_ELOOP)
{
	int copy = dup(self->eq[0]);

	EXPECT_EQ(-ELOOP, event_watch(self->eq[0], self->eq[0], EPOLLIN, 0));
	EXPECT_EQ(-ELOOP, event_watch(self->eq[0], copy, EPOLLIN, 0));
	EXPECT_EQ(-ELOOP, event_watch(copy, self->eq[0], EPOLLIN, 0));
	EXPECT_CHAIN(3);
	EXPECT_EQ(-ELOOP, event_watch(self->eq[0], self->eq[2], EPOLLIN, 0));
	EXPECT_EQ(-ELOOP, event_watch(self->eq[0], self->eq[1], EPOLLIN, 0));
	EXPECT_EQ(-ENOENT, event_watch(self->eq[0], self->eq[1], 0, 0));
	EXPECT_EQ(-ENOENT, event_watch(self->eq[0], self->eq[0], 0, 0));
	/* a diamond is none */
	EXPECT_EQ(0, event_watch(self->eq[2], self->eq[0], EPOLLIN, 0));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, event_watches(self->eq[1]));
	EXPECT_EQ(2, event_watches(self->eq[2]));
	close(copy);
}

TEST_F(nest, E7_queues_are_closed_in_any_order)
{
	static const int orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		EXPECT_CHAIN(3);
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		for (int n = 0; n < 3; n++) {
			close(self->eq[orders[i][n]]);
			EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		}
		for (int n = 0; n < 3; n++)
			self->eq[n] = event_open(O_NONBLOCK);
	}
	EXPECT_CHAIN(2);
	close(self->eq[0]);
	EXPECT_EQ(0, event_watches(self->eq[1]));
	self->eq[0] = event_open(O_NONBLOCK);
}

TEST_F(nest, E7_an_epoll_may_be_above_but_not_beneath)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 5 }, got;
	int ep = epoll_create1(0);

	EXPECT_CHAIN(2);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->eq[1], &event));
	EXPECT_EQ(-EOPNOTSUPP, event_watch(self->eq[0], ep, EPOLLIN, 0));
	EXPECT_EQ(0, epoll_wait(ep, &got, 1, 0));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, epoll_wait(ep, &got, 1, PATIENCE_MS));
	EXPECT_EQ(5, got.data.u32);
	close(ep);
}

/* ---- E6: a queue is polled like other files ------------------------------- */

static short ready(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };

	poll(&pfd, 1, 0);
	return pfd.revents;
}

TEST_F(nest, E6_a_queue_polls_readable_while_it_has_events)
{
	struct pollfd pfd = { .fd = self->eq[0], .events = POLLIN };
	struct job job;

	EXPECT_EQ(POLLOUT, ready(self->eq[0]));
	EXPECT_CHAIN(1);
	job_start(&job, SYS_poll, (long)&pfd, 1, -1);
	EXPECT_TRUE(job_stays(&job, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, job_wait(&job));
	EXPECT_EQ(POLLIN | POLLOUT, ready(self->eq[0]));
	EXPECT_EVENT_OF(self->eq[0], self->fd, EPOLLIN);
	EXPECT_EQ(POLLOUT, ready(self->eq[0]));
}

TEST_F(nest, E6_a_queue_in_an_epoll)
{
	struct epoll_event level = { .events = EPOLLIN, .data.u32 = 1 };
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET, .data.u32 = 2 };
	struct epoll_event got;
	int by_level = epoll_create1(0), by_edge = epoll_create1(0);

	EXPECT_CHAIN(1);
	ASSERT_EQ(0, epoll_ctl(by_level, EPOLL_CTL_ADD, self->eq[0], &level));
	ASSERT_EQ(0, epoll_ctl(by_edge, EPOLL_CTL_ADD, self->eq[0], &edge));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, epoll_wait(by_level, &got, 1, 0));
		EXPECT_EQ(0, epoll_wait(by_edge, &got, 1, 0));
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EQ(1, epoll_wait(by_level, &got, 1, 0));
		EXPECT_EQ(1, epoll_wait(by_level, &got, 1, 0));
		EXPECT_EQ(1, epoll_wait(by_edge, &got, 1, 0));
		EXPECT_EQ(0, epoll_wait(by_edge, &got, 1, 0));
		EXPECT_EVENT_OF(self->eq[0], self->fd, EPOLLIN);
	}
	close(by_level);
	close(by_edge);
}

/* Several readers: each event wakes one, and none is left behind. */
TEST_F(nest, E6_one_reader_for_each_event)
{
	enum { READERS = 4 };
	struct scheme_event e[READERS] = {};
	int eq = event_open(0), copies[READERS];
	struct job job[READERS];
	int done = 0;

	for (int i = 0; i < READERS; i++) {
		copies[i] = dup(self->fd);
		EXPECT_EQ(0, event_watch(eq, copies[i], EPOLLIN, 1 << i));
		job_read(&job[i], eq, &e[i], sizeof(e[i]));
	}
	EXPECT_TRUE(job_stays(&job[0], 50));
	/* all of them in one post */
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	for (int i = 0; i < READERS; i++) {
		EXPECT_EQ((long)sizeof(e[i]), job_wait(&job[i]));
		done |= e[i].data;
		close(copies[i]);
	}
	EXPECT_EQ((1 << READERS) - 1, done);
	close(eq);
}

/* ---- E6: io_uring --------------------------------------------------------- */

TEST_F(nest, E6_an_io_uring_read_waits_for_an_event)
{
	struct scheme_event e = {};
	struct io_uring ring;
	int eq = event_open(0);

	ASSERT_EQ(0, uring_begin(&ring, 0));
	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 3));
	io_uring_prep_read(io_uring_get_sqe(&ring), eq, &e, sizeof(e), 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	EXPECT_TRUE(uring_silent(&ring, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ((long)sizeof(e), uring_wait(&ring, 0));
	EXPECT_EQ(3, e.data);
	io_uring_queue_exit(&ring);
	close(eq);
}

TEST_F(nest, E6_an_io_uring_read_with_a_linked_timeout)
{
	struct __kernel_timespec ts = { .tv_nsec = 100 * 1000000 };
	struct scheme_event e = {};
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int eq = event_open(0);

	ASSERT_EQ(0, uring_begin(&ring, 0));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, eq, &e, sizeof(e), 0);
	sqe->flags |= IOSQE_IO_LINK;
	sqe->user_data = 1;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_link_timeout(sqe, &ts, 0);
	sqe->user_data = 2;
	ASSERT_EQ(2, io_uring_submit(&ring));
	EXPECT_TRUE(uring_silent(&ring, 30));
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;
		struct __kernel_timespec patience = {
			.tv_sec = PATIENCE_MS / 1000,
		};

		ASSERT_EQ(0, io_uring_wait_cqe_timeout(&ring, &cqe, &patience));
		EXPECT_EQ(cqe->user_data == 1 ? -ECANCELED : -ETIME, cqe->res);
		io_uring_cqe_seen(&ring, cqe);
	}
	/* and the queue works on */
	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 3));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, event_wait(eq, &e, 1, 0));
	io_uring_queue_exit(&ring);
	close(eq);
}

/* First io_uring gets something to do in the thread that waits, then an event comes. */
struct interruption {
	int pipe_fd;
	struct queue *q;
};

static void *write_then_post(void *arg)
{
	const struct interruption *i = arg;

	sleep_ms(100);
	if (write(i->pipe_fd, "x", 1) != 1)
		return NULL;
	sleep_ms(200);
	queue_event(i->q, 1, EPOLLIN);
	return NULL;
}

TEST_F(nest, E6_what_io_uring_does_in_the_thread_does_not_end_its_wait)
{
	struct interruption i = { .q = self->q };
	struct scheme_event e = {};
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	pthread_t thread;
	int pipe_fd[2];
	char byte;

	ASSERT_EQ(0, uring_begin(&ring, 0));
	ASSERT_EQ(0, pipe(pipe_fd));
	i.pipe_fd = pipe_fd[1];
	EXPECT_EQ(0, event_watch(self->eq[0], self->fd, EPOLLIN, 3));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, pipe_fd[0], &byte, 1, 0);
	sqe->user_data = 1;
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_then_post, &i));
	EXPECT_EQ(1, event_wait(self->eq[0], &e, 1, -1));
	EXPECT_EQ(3, e.data);
	/* it was done meanwhile */
	EXPECT_EQ(1, uring_wait_ms(&ring, 1, 0));
	pthread_join(thread, NULL);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	io_uring_queue_exit(&ring);
}

TEST_F(nest, E6_io_uring_watches_too)
{
	struct scheme_event w = { self->fd, EPOLLIN, 4 };
	struct io_uring ring;

	ASSERT_EQ(0, uring_begin(&ring, 0));
	io_uring_prep_write(io_uring_get_sqe(&ring), self->eq[0], &w, sizeof(w),
			    0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	EXPECT_EQ((long)sizeof(w), uring_wait(&ring, 0));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT_OF(self->eq[0], self->fd, EPOLLIN);
	io_uring_queue_exit(&ring);
}

/* ---- E4: bounds ----------------------------------------------------------- */

static int allow_files(int nr)
{
	const struct rlimit limit = { nr, nr };

	return setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_F(nest, E4_watches_of_a_file_have_a_bound)
{
	enum { NR = 1030 };
	int copies[NR], done = 0, ret = 0;

	ASSERT_EQ(0, allow_files(NR + 100));
	for (int i = 0; i < NR; i++)
		ASSERT_LE(0, copies[i] = dup(self->fd));
	for (; done < NR && !ret; done += !ret)
		ret = event_watch(self->eq[done % 2], copies[done], EPOLLIN,
				  done);
	EXPECT_EQ(-ENOSPC, ret);
	EXPECT_EQ(1024, done);
	/* to change one is possible, and to end one makes room */
	EXPECT_EQ(0, event_watch(self->eq[0], copies[0], EPOLLIN, 0));
	EXPECT_EQ(-ENOSPC, event_watch(self->eq[0], copies[done], EPOLLIN, 0));
	EXPECT_EQ(0, event_watch(self->eq[0], copies[0], 0, 0));
	EXPECT_EQ(0, event_watch(self->eq[0], copies[done], EPOLLIN, 0));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	for (int i = 0; i < NR; i++)
		close(copies[i]);
}

enum {
	FILES = 16,
	COPIES = 256,		/* of each */
	QUEUES = 4,
};

/* How many of the watches of all copies the queue takes. */
static int watch_all(int eq, const int *copies)
{
	for (int i = 0; i < FILES * COPIES; i++)
		if (event_watch(eq, copies[i], EPOLLIN, i))
			return i;
	return FILES * COPIES;
}

TEST_F_TIMEOUT(nest, E4_watches_of_a_queue_and_a_user_have_a_bound, 120)
{
	static int copies[FILES * COPIES];
	struct scheme_event e;
	int i, fds[FILES];

	ASSERT_EQ(0, allow_files(FILES * COPIES + 100));
	for (i = 0; i < FILES; i++) {
		fds[i] = client_open_events(&self->p, O_RDWR, 10 + i,
					    SCHEME_CQE_F_EVENTS, 0);
		ASSERT_LE(0, fds[i]);
	}
	for (i = 0; i < FILES * COPIES; i++)
		ASSERT_LE(0, copies[i] = dup(fds[i / COPIES]));
	/* 4096 of a queue */
	EXPECT_EQ(4096, watch_all(self->eq[0], copies));
	EXPECT_EQ(4096, event_watches(self->eq[0]));
	EXPECT_EQ(-ENOSPC, event_watch(self->eq[0], self->fd, EPOLLIN, 0));
	EXPECT_EQ(0, event_watch(self->eq[1], self->fd, EPOLLIN, 0));
	EXPECT_EQ(0, event_watch(self->eq[1], self->fd, 0, 0));
	/* 16384 of a user */
	for (i = 1; i < QUEUES; i++)
		EXPECT_EQ(4096, watch_all(self->eq[i], copies));
	EXPECT_EQ(-ENOSPC, event_watch(self->eq[QUEUES], self->fd, EPOLLIN, 0));
	/* what a user has no more, another queue may have */
	close(self->eq[0]);
	self->eq[0] = event_open(O_NONBLOCK);
	EXPECT_EQ(0, event_watch(self->eq[QUEUES], self->fd, EPOLLIN, 0));
	/* all at once, and each is told */
	for (i = 0; i < FILES; i++)
		EXPECT_EQ(0, queue_event(self->q, 10 + i, EPOLLIN));
	for (i = 0; event_read(self->eq[1], &e, 1) == 1; i++)
		EXPECT_EQ(i, e.data);
	EXPECT_EQ(FILES * COPIES, i);
}

TEST_HARNESS_MAIN
