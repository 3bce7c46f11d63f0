// SPDX-License-Identifier: GPL-2.0
/* The event scheme: watches, and the events that come of them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <scheme.h>

#include "../event.h"
#include "../harness.h"

#define NAME	"test-event"

FIXTURE(event) {
	struct provider p;
	struct queue *q;
	int fd;			/* number 1, not ready at first */
	int eq;			/* non-blocking */
};

FIXTURE_SETUP(event)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open_events(&self->p, O_RDWR, 1, SCHEME_CQE_F_EVENTS,
				      0);
	ASSERT_LE(0, self->fd);
	self->eq = event_open(O_NONBLOCK);
	ASSERT_LE(0, self->eq);
}

FIXTURE_TEARDOWN(event)
{
	close(self->eq);
	close(self->fd);
	provider_end(&self->p);
}

/* ---- E2: the struct ------------------------------------------------------- */

TEST_F(event, E2_what_was_written_comes_back)
{
	const __u64 data = 0xfedcba9876543210;

	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN | EPOLLPRI, data));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN | EPOLLOUT));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, data);
}

TEST_F(event, E2_reads_give_whole_events_only)
{
	struct scheme_event e[3] = {};

	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	for (size_t len = 0; len < sizeof(e[0]); len++) {
		EXPECT_EQ(-1, read(self->eq, e, len));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ((long)sizeof(e[0]), read(self->eq, e, 2 * sizeof(e[0]) - 1));
	EXPECT_EQ(1, e[0].data);
	EXPECT_EQ(0, e[1].data);
	/* and the length is checked first */
	EXPECT_EQ(-1, read(self->eq, e, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(event, E2_a_read_that_faults_loses_nothing)
{
	struct scheme_event e = {};
	struct scheme_event_wait wait = { .events = 8, .nr = 4, .timeout_ns = 0 };

	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(-1, syscall(SYS_read, self->eq, 8UL, sizeof(e)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-EFAULT, do_ioctl(self->eq, SCHEME_IOC_EVENT_WAIT, &wait));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 1);
}

TEST_F(event, E2_writes_take_whole_events_only)
{
	struct scheme_event e[2] = { { self->fd, EPOLLIN, 1 } };

	for (size_t len = 0; len < sizeof(e); len++) {
		if (len == sizeof(e[0]))
			continue;
		EXPECT_EQ(-1, write(self->eq, e, len));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, syscall(SYS_write, self->eq, 8UL, sizeof(e)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_NOTHING(self->eq);
}

TEST_F(event, E2_several_events_in_one_write_are_taken_in_order)
{
	int other = client_open_events(&self->p, O_RDWR, 2, SCHEME_CQE_F_EVENTS,
				       EPOLLIN);
	struct scheme_event e[] = {
		{ self->fd, EPOLLIN, 1 },
		{ other, EPOLLIN, 2 },
		{ self->fd, EPOLLIN, 3 },
		{ 9999, EPOLLIN, 4 },
		{ self->fd, EPOLLIN, 5 },
	};

	/* a short count, and the bad one is told when it is first */
	EXPECT_EQ(3 * (long)sizeof(e[0]), write(self->eq, e, sizeof(e)));
	EXPECT_EQ(-1, write(self->eq, e + 3, 2 * sizeof(e[0])));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EVENT(self->eq, other, EPOLLIN, 2);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 3);
	close(other);
}

TEST_F(event, E2_bad_watches_are_refused)
{
	int pipefd[2], path, ioctl_only = client_open_ioctl(&self->p);
	int ep = epoll_create1(0), efd = eventfd(0, 0), control = control_open();

	ASSERT_EQ(0, pipe(pipefd));
	path = open("/", O_PATH);
	for (int bit = 0; bit < 64; bit++) {
		__u64 flag = 1ULL << bit;
		int ret = event_watch(self->eq, self->fd, flag, 0);

		EXPECT_EQ(flag & EVENT_MASK ? 0 : -EINVAL, ret) {
			TH_LOG("bit %d", bit);
		}
	}
	EXPECT_EQ(-EBADF, event_watch(self->eq, -1, EPOLLIN, 0));
	EXPECT_EQ(-EBADF, event_watch(self->eq, 9999, EPOLLIN, 0));
	EXPECT_EQ(-EBADF, event_watch_id(self->eq, 1ULL << 32 | self->fd,
					 EPOLLIN, 0));
	EXPECT_EQ(-EBADF, event_watch(self->eq, path, EPOLLIN, 0));
	EXPECT_EQ(-EBADF, event_watch(self->eq, ioctl_only, EPOLLIN, 0));
	EXPECT_EQ(-EOPNOTSUPP, event_watch(self->eq, pipefd[0], EPOLLIN, 0));
	EXPECT_EQ(-EOPNOTSUPP, event_watch(self->eq, ep, EPOLLIN, 0));
	EXPECT_EQ(-EOPNOTSUPP, event_watch(self->eq, efd, EPOLLIN, 0));
	EXPECT_EQ(-EOPNOTSUPP, event_watch(self->eq, self->p.fd, EPOLLIN, 0));
	EXPECT_EQ(-EOPNOTSUPP, event_watch(self->eq, self->q->fd, EPOLLIN, 0));
	EXPECT_EQ(-EOPNOTSUPP, event_watch(self->eq, control, EPOLLIN, 0));
	close(control);
	close(ioctl_only);
	close(path);
	close(pipefd[0]);
	close(pipefd[1]);
	close(ep);
	close(efd);
}

/* ---- E3: edges ------------------------------------------------------------ */

TEST_F(event, E3_one_event_for_each_change)
{
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN | EPOLLOUT, 0));
	EXPECT_NOTHING(self->eq);
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 0);
		/* it is ready still, and nobody has read it: no storm */
		EXPECT_NOTHING(self->eq);
		EXPECT_EQ(0, queue_event(self->q, 1, 0));
		EXPECT_NOTHING(self->eq);
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLPRI));
		EXPECT_NOTHING(self->eq);
	}
}

TEST_F(event, E3_a_provider_that_never_takes_back_is_heard_each_time)
{
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 0));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 0);
		EXPECT_NOTHING(self->eq);
	}
}

TEST_F(event, E3_registration_tells_what_is_ready_at_once)
{
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN | EPOLLRDHUP));
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN | EPOLLOUT, 1));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 1);
	EXPECT_NOTHING(self->eq);
	/* changed, it begins anew */
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLRDHUP, 2));
	EXPECT_EVENT(self->eq, self->fd, EPOLLRDHUP, 2);
	EXPECT_NOTHING(self->eq);
}

TEST_F(event, E3_ERR_and_HUP_are_told_to_all)
{
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLOUT, 1));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLHUP | EPOLLERR | EPOLLIN));
	EXPECT_EVENT(self->eq, self->fd, EPOLLHUP | EPOLLERR, 1);
}

TEST_F(event, E3_death_is_told_once)
{
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 1);
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EVENT(self->eq, self->fd, EPOLLERR | EPOLLHUP, 1);
	EXPECT_NOTHING(self->eq);
	/* who asks, is told again */
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 2));
	EXPECT_EVENT(self->eq, self->fd, EPOLLERR | EPOLLHUP, 2);
	EXPECT_NOTHING(self->eq);
}

TEST_F(event, E3_death_wakes_a_reader)
{
	int eq = event_open(0);
	struct scheme_event e = {};
	struct job job;

	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 1));
	job_read(&job, eq, &e, sizeof(e));
	EXPECT_TRUE(job_stays(&job, 50));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ((long)sizeof(e), job_wait(&job));
	EXPECT_EQ(EPOLLERR | EPOLLHUP, e.flags);
	close(eq);
}

TEST_F(event, E3_every_handle_of_the_number_has_its_edge)
{
	int same = client_open_events(&self->p, O_RDWR, 1, SCHEME_CQE_F_EVENTS, 0);
	struct scheme_event e[3] = {};

	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, event_watch(self->eq, same, EPOLLIN, 2));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(2, event_read(self->eq, e, 3));
	EXPECT_EQ(3, e[0].data + e[1].data);
	close(same);
}

/* ---- E4: coalescing and bounds -------------------------------------------- */

TEST_F(event, E4_events_of_a_watch_become_one)
{
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN | EPOLLOUT | EPOLLPRI,
				 5));
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(0, queue_event(self->q, 1, i % 2 ? EPOLLIN : EPOLLOUT));
	EXPECT_EQ(0, queue_event(self->q, 1, 0));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN | EPOLLOUT, 5);
	EXPECT_NOTHING(self->eq);
}

TEST_F(event, E4_first_come_first_served)
{
	struct scheme_event e[8];
	int fds[8];

	for (int i = 0; i < 8; i++) {
		fds[i] = client_open_events(&self->p, O_RDWR, 10 + i,
					    SCHEME_CQE_F_EVENTS, 0);
		ASSERT_EQ(0, event_watch(self->eq, fds[i], EPOLLIN, i));
	}
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(0, queue_event(self->q, 10 + (i * 3) % 8, EPOLLIN));
	/* one that is noisy does not come before the others */
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(0, queue_event(self->q, 10 + 7, EPOLLIN));
	EXPECT_EQ(3, event_read(self->eq, e, 3));
	EXPECT_EQ(5, event_read(self->eq, e + 3, 5));
	for (int i = 0; i < 8; i++) {
		EXPECT_EQ((i * 3) % 8, e[i].data);
		close(fds[i]);
	}
	EXPECT_NOTHING(self->eq);
}

TEST_F(event, E4_more_events_than_travel_at_once)
{
	enum { NR = 100 };
	struct scheme_event e[NR + 1];
	int fds[NR];

	for (int i = 0; i < NR; i++) {
		fds[i] = dup(self->fd);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, event_watch(self->eq, fds[i], EPOLLIN, i));
	}
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
		EXPECT_EQ(NR, event_read(self->eq, e, NR + 1));
		for (int i = 0; i < NR; i++)
			EXPECT_EQ(i, e[i].data);
	}
	for (int i = 0; i < NR; i++)
		close(fds[i]);
}

/* ---- E5: modify, remove, close -------------------------------------------- */

TEST_F(event, E5_new_data_and_flags_replace_the_old)
{
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLOUT, 2));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_NOTHING(self->eq);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLOUT));
	/* an event that waits to be read changes with its watch */
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLOUT, 3));
	EXPECT_EVENT(self->eq, self->fd, EPOLLOUT, 3);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLOUT));
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLPRI, 4));
	EXPECT_NOTHING(self->eq);
}

TEST_F(event, E5_no_flags_end_a_watch)
{
	EXPECT_EQ(-ENOENT, event_watch(self->eq, self->fd, 0, 0));
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(0, event_watch(self->eq, self->fd, 0, 0));
	/* with what it had to tell */
	EXPECT_NOTHING(self->eq);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_NOTHING(self->eq);
	EXPECT_EQ(-ENOENT, event_watch(self->eq, self->fd, 0, 0));
	EXPECT_EQ(0, event_watches(self->eq));
}

TEST_F(event, E5_closing_the_file_ends_its_watches)
{
	int fd = client_open_events(&self->p, O_RDWR, 2, SCHEME_CQE_F_EVENTS, 0);
	int copy = dup(fd), again;
	struct scheme_sqe sqe;

	EXPECT_EQ(0, event_watch(self->eq, fd, EPOLLIN, 1));
	EXPECT_EQ(0, event_watch(self->eq, copy, EPOLLIN, 2));
	EXPECT_EQ(2, event_watches(self->eq));
	close(copy);
	EXPECT_EQ(2, event_watches(self->eq));
	EXPECT_EQ(0, queue_event(self->q, 2, EPOLLIN));
	close(fd);
	EXPECT_EQ(0, event_watches(self->eq));
	EXPECT_NOTHING(self->eq);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CLOSE));
	/* another file of the same number, and of the same handle */
	again = client_open_events(&self->p, O_RDWR, 2, SCHEME_CQE_F_EVENTS, 0);
	EXPECT_EQ(fd, again);
	EXPECT_EQ(0, queue_event(self->q, 2, EPOLLIN));
	EXPECT_NOTHING(self->eq);
	EXPECT_EQ(-ENOENT, event_watch(self->eq, again, 0, 0));
	close(again);
}

TEST_F(event, E5_a_watch_does_not_keep_the_file_open)
{
	struct scheme_sqe sqe;
	int fd = client_open(&self->p, O_RDWR, 2, 0);

	EXPECT_EQ(0, event_watch(self->eq, fd, EPOLLIN, 1));
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(2, sqe.handle);
}

TEST_F(event, E5_closing_the_queue_ends_its_watches)
{
	struct scheme_sqe sqe;
	int fd = client_open(&self->p, O_RDWR, 2, 0);
	int eq = event_open(0);

	EXPECT_EQ(0, event_watch(eq, fd, EPOLLIN, 1));
	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 1));
	close(eq);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(0, queue_event(self->q, 2, EPOLLIN));
	close(fd);
	EXPECT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CLOSE));
}

/* ---- E6: waiting ---------------------------------------------------------- */

TEST_F(event, E6_an_empty_queue_is_EAGAIN_or_waits)
{
	int eq = event_open(0);
	struct scheme_event e;
	struct job job;

	EXPECT_NOTHING(self->eq);
	job_read(&job, eq, &e, sizeof(e));
	EXPECT_TRUE(job_stays(&job, 100));
	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 1));
	EXPECT_TRUE(job_stays(&job, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ((long)sizeof(e), job_wait(&job));
	close(eq);
}

TEST_F(event, E6_a_wait_has_a_limit_of_time)
{
	struct scheme_event e;
	int64_t begun = now_ms();

	EXPECT_EQ(0, event_wait(self->eq, &e, 1, 100));
	EXPECT_LE(100, now_ms() - begun);
	begun = now_ms();
	EXPECT_EQ(0, event_wait(self->eq, &e, 1, 0));
	EXPECT_GT(1000, took_ms(begun));
	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, event_wait(self->eq, &e, 1, -1));
}

TEST_F(event, E6_an_event_ends_a_wait_for_ever)
{
	struct scheme_event e = {};
	struct scheme_event_wait wait = {
		.events = (uintptr_t)&e, .nr = 1, .timeout_ns = -1,
	};
	struct job job;

	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	job_ioctl(&job, self->eq, SCHEME_IOC_EVENT_WAIT, &wait);
	EXPECT_TRUE(job_stays(&job, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, job_wait(&job));
	EXPECT_EQ(1, e.data);
}

TEST_F(event, E6_bad_waits_are_EINVAL)
{
	struct scheme_event e;
	struct scheme_event_wait good = {
		.events = (uintptr_t)&e, .nr = 1, .timeout_ns = 0,
	};
	struct scheme_event_wait wait = good;

	EXPECT_EQ(0, do_ioctl(self->eq, SCHEME_IOC_EVENT_WAIT, &wait));
	wait.nr = 0;
	EXPECT_EQ(-EINVAL, do_ioctl(self->eq, SCHEME_IOC_EVENT_WAIT, &wait));
	wait.nr = ~0U;
	EXPECT_EQ(-EINVAL, do_ioctl(self->eq, SCHEME_IOC_EVENT_WAIT, &wait));
	for (int bit = 0; bit < 32; bit++) {
		wait = good;
		wait.flags = 1U << bit;
		EXPECT_EQ(-EINVAL, do_ioctl(self->eq, SCHEME_IOC_EVENT_WAIT,
					    &wait));
	}
	EXPECT_EQ(-EFAULT, do_ioctl(self->eq, SCHEME_IOC_EVENT_WAIT, NULL));
}

TEST_F(event, E6_a_signal_is_EINTR)
{
	struct scheme_event e = {};
	struct scheme_event_wait wait = {
		.events = (uintptr_t)&e, .nr = 1, .timeout_ns = -1,
	};
	int eq = event_open(0);
	struct job job;

	catch_usr1(0);
	job_read(&job, eq, &e, sizeof(e));
	EXPECT_TRUE(job_stays(&job, 50));
	pthread_kill(job.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&job));
	job_ioctl(&job, eq, SCHEME_IOC_EVENT_WAIT, &wait);
	EXPECT_TRUE(job_stays(&job, 50));
	pthread_kill(job.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&job));

	/* a read goes on by itself if the handler says so */
	catch_usr1(SA_RESTART);
	job_read(&job, eq, &e, sizeof(e));
	EXPECT_TRUE(job_stays(&job, 50));
	pthread_kill(job.thread, SIGUSR1);
	EXPECT_TRUE(job_stays(&job, 50));
	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ((long)sizeof(e), job_wait(&job));
	close(eq);
}

/* ---- the library ---------------------------------------------------------- */

TEST_F(event, E6_the_library_watches_and_waits)
{
	int eq = scheme_event_open(O_CLOEXEC);
	struct scheme_event e = {};

	ASSERT_LE(0, eq);
	EXPECT_EQ(FD_CLOEXEC, fcntl(eq, F_GETFD));
	EXPECT_EQ(-EINVAL, scheme_event_open(O_TRUNC));
	EXPECT_EQ(0, scheme_event_watch(self->fd, eq, EPOLLIN, 6));
	EXPECT_EQ(-EOPNOTSUPP, scheme_event_watch(0, eq, EPOLLIN, 6));
	EXPECT_EQ(-EBADF, scheme_event_watch(-1, eq, EPOLLIN, 6));
	EXPECT_EQ(-EBADF, scheme_event_watch(self->fd, -1, EPOLLIN, 6));
	EXPECT_EQ(0, scheme_event_wait(eq, &e, 1, 20));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(1, scheme_event_wait(eq, &e, 1, -1));
	EXPECT_EQ((__u64)self->fd, e.id);
	EXPECT_EQ(6, e.data);
	EXPECT_EQ(0, scheme_event_watch(self->fd, eq, 0, 0));
	EXPECT_EQ(-ENOENT, scheme_event_watch(self->fd, eq, 0, 0));
	close(eq);
}

TEST_HARNESS_MAIN
