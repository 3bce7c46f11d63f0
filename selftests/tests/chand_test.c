// SPDX-License-Identifier: GPL-2.0
/* chand: names, bytes and readiness. The daemon is the installed one. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <scheme.h>

#include "../chan.h"
#include "../harness.h"
#include "../program.h"

FIXTURE(chand) {
	pid_t daemon;
	int listener;
};

FIXTURE_SETUP(chand)
{
	self->daemon = chan_begin(NULL, &self->listener);
	ASSERT_LT(0, self->daemon);
}

FIXTURE_TEARDOWN(chand)
{
	close(self->listener);
	if (self->daemon > 0)
		EXPECT_EQ(0, program_stop(self->daemon));
}

/* ---- names ----------------------------------------------------------------- */

TEST_F(chand, E16_a_name_is_there_while_somebody_listens)
{
	int flags = O_RDWR | O_CREAT, fd;

	EXPECT_EQ(-ENOENT, scheme_open(CHAN_NAME ":other", O_RDWR, 0));
	fd = scheme_open(CHAN_NAME ":other", flags, 0600);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EADDRINUSE, scheme_open(CHAN_NAME ":other", flags, 0600));
	EXPECT_EQ(-EEXIST, scheme_open(CHAN_NAME ":other", flags | O_EXCL, 0600));
	EXPECT_EQ(-ENOENT, scheme_open(CHAN_NAME ":a/b", flags, 0600));
	close(fd);
	EXPECT_TRUE(wait_until(scheme_open(CHAN_NAME ":other", O_RDWR, 0) == -ENOENT));
}

TEST_F(chand, E16_a_listener_without_a_name_connects_by_dup)
{
	int listener = open(NODE_DIR "/" CHAN_NAME, O_RDWR), fd[2];
	char byte;

	ASSERT_LE(0, listener);
	fd[0] = scheme_dup(listener, "connect", 0);
	ASSERT_LE(0, fd[0]);
	fd[1] = scheme_dup(listener, "listen", 0);
	ASSERT_LE(0, fd[1]);
	EXPECT_EQ(1, write(fd[1], "x", 1));
	EXPECT_EQ(1, read(fd[0], &byte, 1));
	EXPECT_EQ('x', byte);
	chan_close(fd);
	close(listener);
}

TEST_F(chand, S13_other_strings_and_other_things_are_EINVAL)
{
	int fd[2];

	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	EXPECT_EQ(-EINVAL, scheme_dup(self->listener, "", 0));
	EXPECT_EQ(-EINVAL, scheme_dup(self->listener, "listening", 0));
	EXPECT_EQ(-EINVAL, scheme_dup(fd[0], "listen", 0));
	EXPECT_EQ(-ENOTCONN, write_errno(self->listener, "x", 1));
	chan_close(fd);
}

struct asker {
	uid_t uid;
	const char *url;
};

static int open_as(void *arg)
{
	const struct asker *asker = arg;
	int ret = become_user(asker->uid, asker->uid);

	if (!ret)
		ret = scheme_open(asker->url, O_RDWR, 0);
	return ret < 0 ? -ret : 0;
}

TEST_F(chand, S30_a_listener_has_an_owner_and_a_mode)
{
	struct asker asker = { .uid = 1000, .url = CHAN_NAME ":here" };

	EXPECT_EQ(EACCES, child_result(child_start(open_as, &asker)));
	EXPECT_EQ(0, scheme_chmodat(self->listener, "", 0666));
	EXPECT_EQ(0, child_result(child_start(open_as, &asker)));
}

TEST_F(chand, S5_names_in_a_mounted_directory)
{
	char dir[] = "/tmp/schemefs.XXXXXX", path[64];
	struct stat st;
	int fd;

	mkdir("/tmp", 0777);
	ASSERT_NE(NULL, mkdtemp(dir));
	ASSERT_EQ(0, mount("none", dir, "schemefs", 0, NULL));
	snprintf(path, sizeof(path), "%s/" CHAN_NAME "/here", dir);
	EXPECT_EQ(0, stat(path, &st));
	EXPECT_TRUE(S_ISFIFO(st.st_mode));
	fd = open(path, O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, unlink(path));
	EXPECT_EQ(-1, open(path, O_RDWR));
	EXPECT_EQ(ENOENT, errno);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, umount(dir));
	rmdir(dir);
}

/* ---- accepting ------------------------------------------------------------- */

TEST_F(chand, S13_accept_waits_for_a_connection)
{
	struct scheme_dup arg = { .name = (uintptr_t)"listen", .name_len = 6 };
	struct job job;
	int fd[2];
	char byte;

	job_ioctl(&job, self->listener, SCHEME_IOC_DUP, &arg);
	EXPECT_TRUE(job_stays(&job, 100));
	fd[0] = chan_connect(0);
	ASSERT_LE(0, fd[0]);
	fd[1] = job_wait(&job);
	ASSERT_LE(0, fd[1]);
	EXPECT_EQ(1, write(fd[0], "y", 1));
	EXPECT_EQ(1, read(fd[1], &byte, 1));
	EXPECT_EQ('y', byte);
	chan_close(fd);
}

TEST_F(chand, E11_nothing_to_do_is_EAGAIN)
{
	int fd[2];
	char byte;

	EXPECT_EQ(-EAGAIN, scheme_dup(self->listener, "listen", O_NONBLOCK));
	ASSERT_EQ(0, chan_pair(self->listener, fd, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, read_errno(fd[0], &byte, 1));
	EXPECT_EQ(-EAGAIN, scheme_recvfd(fd[0], "", 0, 0));
	EXPECT_EQ(CHAN_BUFFER, chan_fill(fd[0]));
	EXPECT_EQ(-EAGAIN, write_errno(fd[0], &byte, 1));
	chan_close(fd);
}

TEST_F(chand, E11_a_full_backlog_is_EAGAIN_or_a_wait)
{
	struct scheme_openat arg = {
		.path = (uintptr_t)"here", .path_len = 4, .flags = O_RDWR,
	};
	int base = open(NODE_DIR "/" CHAN_NAME, O_ACCMODE), i, fd[64], got;
	struct job job;

	ASSERT_LE(0, base);
	for (i = 0; i < 64; i++) {
		fd[i] = chan_connect(0);
		ASSERT_LE(0, fd[i]);
	}
	EXPECT_EQ(-EAGAIN, chan_connect(O_NONBLOCK));
	job_ioctl(&job, base, SCHEME_IOC_OPENAT, &arg);
	EXPECT_TRUE(job_stays(&job, 100));
	got = scheme_dup(self->listener, "listen", 0);
	EXPECT_LE(0, got);
	EXPECT_LE(0, job_wait(&job));
	close(got);
	for (i = 0; i < 64; i++)
		close(fd[i]);
	close(base);
}

TEST_F(chand, E16_nobody_accepts_any_more)
{
	char byte;
	int fd = chan_connect(0);

	ASSERT_LE(0, fd);
	close(self->listener);
	EXPECT_EQ(0, read_errno(fd, &byte, 1));
	EXPECT_EQ(-EPIPE, write_errno(fd, "x", 1));
	close(fd);
	self->listener = -1;
}

/* ---- bytes ----------------------------------------------------------------- */

#define STREAM	(1 << 20)

struct stream {
	int fd;
	bool writes;
	uint32_t sum, len;
};

static void *stream(void *arg)
{
	struct stream *s = arg;
	uint8_t buf[7001];
	uint32_t next = (uint32_t)s->fd;

	while (s->len < STREAM) {
		size_t want = STREAM - s->len < sizeof(buf) ? STREAM - s->len :
			      sizeof(buf);
		ssize_t n;

		for (size_t i = 0; s->writes && i < want; i++) {
			next = next * 1664525 + 1013904223;
			buf[i] = next >> 24;
		}
		n = s->writes ? write(s->fd, buf, want) : read(s->fd, buf, want);
		/* all of a write goes in, however long that takes */
		if (n <= 0 || (s->writes && (size_t)n != want))
			break;
		for (ssize_t i = 0; i < n; i++)
			s->sum = s->sum * 31 + buf[i];
		s->len += n;
	}
	return NULL;
}

TEST_F(chand, E16_a_megabyte_each_way_at_once)
{
	struct stream s[4];
	pthread_t thread[4];
	int fd[2], i;

	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	for (i = 0; i < 4; i++) {
		s[i] = (struct stream){ .fd = fd[i / 2], .writes = i % 2 };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, stream, &s[i]));
	}
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(STREAM, s[i].len);
	EXPECT_EQ(s[1].sum, s[2].sum);
	EXPECT_EQ(s[3].sum, s[0].sum);
	EXPECT_NE(s[0].sum, s[2].sum);
	chan_close(fd);
}

TEST_F(chand, E16_end_comes_after_the_last_byte_and_stays)
{
	struct job job;
	char buf[8];
	int fd[2];

	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	EXPECT_EQ(3, write(fd[0], "abc", 3));
	close(fd[0]);
	EXPECT_EQ(2, read_errno(fd[1], buf, 2));
	EXPECT_EQ(1, read_errno(fd[1], buf, sizeof(buf)));
	EXPECT_EQ('c', buf[0]);
	EXPECT_EQ(0, read_errno(fd[1], buf, sizeof(buf)));
	EXPECT_EQ(0, read_errno(fd[1], buf, sizeof(buf)));
	close(fd[1]);

	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	job_read(&job, fd[1], buf, sizeof(buf));
	EXPECT_TRUE(job_stays(&job, 100));
	close(fd[0]);
	EXPECT_EQ(0, job_wait(&job));
	close(fd[1]);
}

TEST_F(chand, E16_nobody_reads_any_more_is_EPIPE)
{
	static char big[2 * CHAN_BUFFER];
	struct job job;
	int fd[2];

	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	close(fd[1]);
	EXPECT_TRUE(wait_until(write_errno(fd[0], "x", 1) == -EPIPE));
	close(fd[0]);

	ASSERT_EQ(0, chan_pair(self->listener, fd, O_NONBLOCK));
	EXPECT_EQ(CHAN_BUFFER, chan_fill(fd[0]));
	fcntl(fd[0], F_SETFL, 0);
	job_write(&job, fd[0], big, 1);
	EXPECT_TRUE(job_stays(&job, 100));
	close(fd[1]);
	EXPECT_EQ(-EPIPE, job_wait(&job));
	close(fd[0]);
}

TEST_F(chand, S18_a_signal_ends_a_wait_and_takes_nothing)
{
	struct job job;
	char buf[8];
	int fd[2];

	catch_usr1(0);
	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	job_read(&job, fd[1], buf, sizeof(buf));
	EXPECT_TRUE(job_stays(&job, 100));
	pthread_kill(job.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&job));
	EXPECT_EQ(2, write(fd[0], "ab", 2));
	EXPECT_EQ(2, read_errno(fd[1], buf, sizeof(buf)));
	chan_close(fd);
}

/* ---- readiness ------------------------------------------------------------- */

static int epoll_one(int ep)
{
	struct epoll_event e = {};
	int n = epoll_wait(ep, &e, 1, 0);

	return n < 0 ? -errno : n ? (int)e.events : 0;
}

TEST_F(chand, E8_poll_tells_what_a_call_would_do)
{
	char buf[CHAN_BUFFER];
	int fd[2];

	ASSERT_EQ(0, chan_pair(self->listener, fd, O_NONBLOCK));
	EXPECT_EQ(0, chan_poll(self->listener));
	EXPECT_EQ(POLLOUT, chan_poll(fd[0]));
	EXPECT_EQ(CHAN_BUFFER, chan_fill(fd[0]));
	EXPECT_EQ(0, chan_poll(fd[0]));
	EXPECT_TRUE(chan_polls(fd[1], POLLIN | POLLOUT));
	while (read_errno(fd[1], buf, sizeof(buf)) > 0)
		;
	/* what a read has taken is not there for a poll that comes after it */
	EXPECT_EQ(POLLOUT, chan_poll(fd[1]));
	EXPECT_TRUE(chan_polls(fd[0], POLLOUT));
	close(fd[0]);
	EXPECT_TRUE(chan_polls(fd[1], POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
	close(fd[1]);

	fd[0] = chan_connect(0);
	EXPECT_EQ(POLLIN, chan_poll(self->listener));
	fd[1] = scheme_dup(self->listener, "listen", 0);
	EXPECT_EQ(0, chan_poll(self->listener));
	chan_close(fd);
}

TEST_F(chand, E8_epoll_edges)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int fd[2], ep = epoll_create1(0);
	char byte;

	ASSERT_EQ(0, chan_pair(self->listener, fd, O_NONBLOCK));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fd[1], &e));
	EXPECT_EQ(0, epoll_one(ep));
	EXPECT_EQ(1, write(fd[0], "1", 1));
	EXPECT_TRUE(wait_until(epoll_one(ep) == EPOLLIN));
	EXPECT_EQ(0, epoll_one(ep));
	EXPECT_EQ(1, read(fd[1], &byte, 1));
	EXPECT_EQ(-EAGAIN, read_errno(fd[1], &byte, 1));
	EXPECT_EQ(0, epoll_one(ep));
	EXPECT_EQ(1, write(fd[0], "2", 1));
	EXPECT_TRUE(wait_until(epoll_one(ep) == EPOLLIN));
	close(fd[0]);
	EXPECT_TRUE(wait_until(epoll_one(ep) & EPOLLRDHUP));
	close(fd[1]);
	close(ep);
}

TEST_F(chand, S29_an_event_queue_begins_with_what_is_ready)
{
	int queue = scheme_event_open(O_CLOEXEC), fd[2];
	struct scheme_event e = {};

	ASSERT_LE(0, queue);
	ASSERT_EQ(0, chan_pair(self->listener, fd, 0));
	EXPECT_EQ(1, write(fd[0], "1", 1));
	EXPECT_TRUE(chan_polls(fd[1], POLLIN | POLLOUT));
	ASSERT_EQ(0, scheme_event_watch(fd[1], queue, EPOLLIN, 77));
	EXPECT_EQ(1, scheme_event_wait(queue, &e, 1, PATIENCE_MS));
	EXPECT_EQ(77, e.data);
	EXPECT_EQ(EPOLLIN, e.flags);
	ASSERT_EQ(0, scheme_event_watch(self->listener, queue, EPOLLIN, 78));
	EXPECT_EQ(0, scheme_event_wait(queue, &e, 1, 50));
	chan_close(fd);
	fd[0] = chan_connect(0);
	do {
		ASSERT_EQ(1, scheme_event_wait(queue, &e, 1, PATIENCE_MS));
	} while (e.data != 78);
	EXPECT_EQ(EPOLLIN, e.flags);
	close(fd[0]);
	close(queue);
}

TEST_HARNESS_MAIN
