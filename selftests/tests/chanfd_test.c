// SPDX-License-Identifier: GPL-2.0
/* chand: open files, bounds and the end. The daemon is the installed one. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <scheme.h>

#include "../chan.h"
#include "../harness.h"
#include "../program.h"

/* How many connections a user may have at a time; see chand(8). */
#define USER_CONNECTIONS 1024

FIXTURE(chanfd) {
	pid_t daemon;
	int listener;
};

FIXTURE_SETUP(chanfd)
{
	self->daemon = chan_begin(NULL, &self->listener);
	ASSERT_LT(0, self->daemon);
}

FIXTURE_TEARDOWN(chanfd)
{
	close(self->listener);
	if (self->daemon > 0)
		EXPECT_EQ(0, program_stop(self->daemon));
}

/* ---- open files ------------------------------------------------------------ */

/* All write ends of the pipe have gone. */
static bool pipe_ends(int reader)
{
	struct pollfd p = { .fd = reader };

	return poll(&p, 1, PATIENCE_MS) == 1 && (p.revents & POLLHUP);
}

TEST_F(chanfd, S27_an_open_file_goes_through)
{
	int fd[2], pipe_fd[2], got;
	char byte = 0;

	ASSERT_EQ(0, pipe(pipe_fd));
	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	EXPECT_EQ(0, scheme_sendfd(fd[0], pipe_fd[1], "", 0, 0, NULL));
	EXPECT_EQ(-1, fcntl(pipe_fd[1], F_GETFD));
	EXPECT_TRUE(chan_polls(fd[1], POLLPRI | POLLOUT));
	got = scheme_recvfd(fd[1], "", 0, O_CLOEXEC);
	ASSERT_LE(0, got);
	EXPECT_EQ(POLLOUT, chan_poll(fd[1]));
	EXPECT_EQ(1, write(got, "z", 1));
	EXPECT_EQ(1, read(pipe_fd[0], &byte, 1));
	EXPECT_EQ('z', byte);
	close(got);
	EXPECT_TRUE(pipe_ends(pipe_fd[0]));
	close(pipe_fd[0]);
	chan_close(fd);
}

TEST_F(chanfd, S27_a_file_that_nobody_receives_is_closed)
{
	int fd[2], pipe_fd[2], before = program_fds(self->daemon);

	for (int side = 0; side < 2; side++) {
		ASSERT_EQ(0, pipe(pipe_fd));
		ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
		EXPECT_EQ(0, scheme_sendfd(fd[side], pipe_fd[1], "", 0, 0, NULL));
		/* who has sent it goes first, or last */
		close(fd[side]);
		close(fd[!side]);
		EXPECT_TRUE(pipe_ends(pipe_fd[0]));
		close(pipe_fd[0]);
	}
	EXPECT_TRUE(wait_until(program_fds(self->daemon) == before));
}

TEST_F(chanfd, S27_receive_waits_and_ends_with_the_peer)
{
	struct scheme_recvfd arg = { .flags = O_CLOEXEC };
	int fd[2], got;
	struct job job;

	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	job_ioctl(&job, fd[1], SCHEME_IOC_RECVFD, &arg);
	EXPECT_TRUE(job_stays(&job, 100));
	EXPECT_EQ(0, scheme_sendfd(fd[0], 0, "", 0, SCHEME_SENDFD_CLONE, NULL));
	got = job_wait(&job);
	EXPECT_LE(0, got);
	close(got);
	job_ioctl(&job, fd[1], SCHEME_IOC_RECVFD, &arg);
	EXPECT_TRUE(job_stays(&job, 100));
	close(fd[0]);
	EXPECT_EQ(-EPIPE, job_wait(&job));
	EXPECT_EQ(-EPIPE, scheme_sendfd(fd[1], 0, "", 0, SCHEME_SENDFD_CLONE, NULL));
	close(fd[1]);
}

TEST_F(chanfd, S27_files_on_their_way_are_bounded)
{
	struct scheme_sendfd arg = { .fd = 0, .flags = SCHEME_SENDFD_CLONE };
	int fd[2], got, i;
	struct job job;

	ASSERT_EQ(0, chan_pair(self->listener, fd, O_NONBLOCK));
	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, scheme_sendfd(fd[0], 0, "", 0, SCHEME_SENDFD_CLONE,
					   NULL));
	EXPECT_EQ(-EAGAIN, scheme_sendfd(fd[0], 0, "", 0, SCHEME_SENDFD_CLONE,
					 NULL));
	fcntl(fd[0], F_SETFL, 0);
	job_ioctl(&job, fd[0], SCHEME_IOC_SENDFD, &arg);
	EXPECT_TRUE(job_stays(&job, 100));
	for (i = 0; i < 17; i++) {
		got = scheme_recvfd(fd[1], "", 0, 0);
		EXPECT_LE(0, got);
		close(got);
		if (!i)
			EXPECT_EQ(0, job_wait(&job));
	}
	EXPECT_EQ(-EAGAIN, scheme_recvfd(fd[1], "", 0, 0));
	chan_close(fd);
}

/* It would keep itself open. */
TEST_F(chanfd, S27_an_end_cannot_travel_through_chand)
{
	int fd[2];

	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	EXPECT_EQ(-ELOOP, scheme_sendfd(fd[1], fd[0], "", 0, 0, NULL));
	EXPECT_EQ(-ELOOP, scheme_sendfd(fd[1], self->listener, "", 0,
					SCHEME_SENDFD_CLONE, NULL));
	EXPECT_EQ(-EINVAL, scheme_sendfd(fd[1], 0, "name", 0,
					 SCHEME_SENDFD_CLONE, NULL));
	/* it is still the sender's */
	EXPECT_EQ(1, write(fd[0], "x", 1));
	chan_close(fd);
}

/* ---- bounds ---------------------------------------------------------------- */

TEST_F(chanfd, E16_connections_leave_nothing_behind)
{
	int before = program_fds(self->daemon), fd[2];

	for (int i = 0; i < USER_CONNECTIONS + 200; i++) {
		ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
		ASSERT_EQ(1, write(fd[0], "x", 1));
		if (!(i % 64))
			EXPECT_EQ(0, scheme_sendfd(fd[0], 0, "", 0,
						   SCHEME_SENDFD_CLONE, NULL));
		chan_close(fd);
	}
	EXPECT_TRUE(wait_until(scheme_attr(CHAN_NAME, "handles") == 1));
	EXPECT_TRUE(wait_until(program_fds(self->daemon) == before));
}

static int jobs_done(const struct job *job, int nr)
{
	int done = 0;

	while (nr--)
		done += job_done(&job[nr]);
	return done;
}

/* Who never reads makes its writers wait, and after some time refuses them. */
TEST(S21_clients_that_wait_do_not_stop_others)
{
	static char big[4096];
	int listener, stuck[2], fd[2], refused = 0, i;
	struct job job[40];
	const int nr = ARRAY_SIZE(job);
	pid_t daemon;
	char byte = 0;

	/* so few slots that a few clients could take them all */
	daemon = chan_begin("32", &listener);
	ASSERT_LT(0, daemon);
	ASSERT_EQ(0, chan_pair(listener, stuck, O_NONBLOCK));
	ASSERT_EQ(0, chan_pair(listener, fd, 0));
	EXPECT_EQ(CHAN_BUFFER, chan_fill(stuck[0]));
	fcntl(stuck[0], F_SETFL, 0);
	for (i = 0; i < nr; i++)
		job_write(&job[i], stuck[0], big, sizeof(big));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(1, write(fd[0], "q", 1));
		EXPECT_EQ(1, read(fd[1], &byte, 1));
	}
	/* (32 - 4) / 2 may wait */
	EXPECT_TRUE(wait_until(jobs_done(job, nr) == nr - 14));
	close(stuck[1]);
	for (i = 0; i < nr; i++) {
		long ret = job_wait(&job[i]);

		EXPECT_TRUE(ret == -EPIPE || ret == -ENOBUFS);
		refused += ret == -ENOBUFS;
	}
	EXPECT_EQ(nr - 14, refused);
	close(stuck[0]);
	chan_close(fd);
	close(listener);
	EXPECT_EQ(0, program_stop(daemon));
}

TEST_F(chanfd, S20_death_of_the_daemon_ends_every_wait)
{
	struct scheme_dup dup_arg = { .name = (uintptr_t)"listen", .name_len = 6 };
	struct scheme_recvfd recv_arg = {};
	struct job job[4];
	int fd[2], i;
	char buf[8];

	ASSERT_EQ(0, chan_pair(self->listener, fd, O_NONBLOCK));
	EXPECT_EQ(CHAN_BUFFER, chan_fill(fd[0]));
	fcntl(fd[0], F_SETFL, 0);
	job_read(&job[0], fd[0], buf, sizeof(buf));
	job_write(&job[1], fd[0], buf, sizeof(buf));
	job_ioctl(&job[2], self->listener, SCHEME_IOC_DUP, &dup_arg);
	job_ioctl(&job[3], fd[0], SCHEME_IOC_RECVFD, &recv_arg);
	for (i = 0; i < 4; i++)
		EXPECT_TRUE(job_stays(&job[i], 50));
	EXPECT_LE(0, child_kill(self->daemon));
	self->daemon = -1;
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-ENODEV, job_wait(&job[i]));
	EXPECT_TRUE(chan_poll(fd[0]) & POLLHUP);
	chan_close(fd);
}

TEST_HARNESS_MAIN
