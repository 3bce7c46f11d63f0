// SPDX-License-Identifier: GPL-2.0
/* The event scheme: its node, and whose an event queue is. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../event.h"
#include "../harness.h"

#define NAME	"test-evowner"

FIXTURE(owner) {
	struct provider p;
	struct queue *q;
	int fd;			/* number 1, not ready at first */
	int eq;			/* non-blocking */
};

FIXTURE_SETUP(owner)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open_events(&self->p, O_RDWR, 1, SCHEME_CQE_F_EVENTS,
				      0);
	ASSERT_LE(0, self->fd);
	self->eq = event_open(O_NONBLOCK);
	ASSERT_LE(0, self->eq);
}

FIXTURE_TEARDOWN(owner)
{
	close(self->eq);
	close(self->fd);
	provider_end(&self->p);
}

/* ---- the node ------------------------------------------------------------- */

TEST_F(owner, E1_the_node_is_everybodys)
{
	struct stat st;

	ASSERT_EQ(0, stat(EVENT_NODE, &st));
	EXPECT_EQ(0666 | S_IFCHR, st.st_mode);
}

#define MNT	"/tmp/test-evowner"

TEST_F(owner, E1_schemefs_has_it_as_a_file)
{
	struct stat st;
	int eq;

	mkdir(MNT, 0755);
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, NULL));
	ASSERT_EQ(0, stat(MNT "/event", &st));
	EXPECT_EQ(0666 | S_IFIFO, st.st_mode);
	eq = open(MNT "/event", O_RDWR | O_TRUNC | O_NONBLOCK);
	EXPECT_LE(0, eq);
	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 7));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT(eq, self->fd, EPOLLIN, 7);
	EXPECT_EQ(-1, unlink(MNT "/event"));
	EXPECT_EQ(-1, chmod(MNT "/event", 0600));
	close(eq);
	EXPECT_EQ(0, umount(MNT));
	/* a mount limited to some schemes has this one when it is named */
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, "schemes=test-other"));
	EXPECT_EQ(-1, open(MNT "/event", O_RDONLY));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(0, umount(MNT));
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, "schemes=event"));
	EXPECT_EQ(0, access(MNT "/event", R_OK | W_OK));
	EXPECT_EQ(0, umount(MNT));
}

TEST_F(owner, E1_its_name_is_reserved)
{
	int control = control_open();

	EXPECT_EQ(-EEXIST, scheme_fd_begin(control, "event"));
	EXPECT_EQ(-ENOENT, scheme_fd_kill(control, "event"));
	close(control);
	EXPECT_EQ(0, access(EVENT_NODE, F_OK));
}

TEST_F(owner, E1_access_modes_count)
{
	int reader = open(EVENT_NODE, O_RDONLY);
	int writer = open(EVENT_NODE, O_WRONLY);
	struct scheme_event e;

	EXPECT_EQ(-EBADF, event_watch(reader, self->fd, EPOLLIN, 0));
	EXPECT_EQ(0, event_watch(writer, self->fd, EPOLLIN, 0));
	EXPECT_EQ(-EBADF, event_read(writer, &e, 1));
	EXPECT_EQ(-EBADF, event_wait(writer, &e, 1, 0));
	EXPECT_EQ(0, event_wait(reader, &e, 1, 0));
	EXPECT_EQ(-1, lseek(reader, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-ENOTTY, do_ioctl(reader, SCHEME_IOC_ENTER, NULL));
	close(reader);
	close(writer);
}

TEST_F(owner, E1_two_opens_are_two_queues)
{
	int other = event_open(O_NONBLOCK);

	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	EXPECT_EQ(0, event_watch(other, self->fd, EPOLLIN, 2));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 1);
	EXPECT_EVENT(other, self->fd, EPOLLIN, 2);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	close(other);
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 1);
}

/* ---- E1: whose queue it is ------------------------------------------------ */

struct registrar {
	int eq, fd, result, stop;
	pthread_t thread;
};

/* Registers, and then is somewhere else until the end. */
static void *watch_and_stay_away(void *arg)
{
	struct registrar *r = arg;

	__atomic_store_n(&r->result, event_watch(r->eq, r->fd, EPOLLIN, 7),
			 __ATOMIC_RELEASE);
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	return NULL;
}

/*
 * The bug of 2018: queues belonged to threads, so that nothing came where
 * another thread had registered.
 */
TEST_F(owner, E1_one_thread_registers_and_another_waits)
{
	struct registrar r = {
		.eq = event_open(0), .fd = self->fd, .result = 1,
	};
	struct scheme_event e = {};
	struct job job;

	job_read(&job, r.eq, &e, sizeof(e));
	EXPECT_TRUE(job_stays(&job, 50));
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, watch_and_stay_away, &r));
	EXPECT_TRUE(wait_until(__atomic_load_n(&r.result, __ATOMIC_ACQUIRE) != 1));
	EXPECT_EQ(0, r.result);
	EXPECT_TRUE(job_stays(&job, 50));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ((long)sizeof(e), job_wait(&job));
	EXPECT_EQ((__u64)self->fd, e.id);
	EXPECT_EQ(EPOLLIN, e.flags);
	EXPECT_EQ(7, e.data);
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELEASE);
	pthread_join(r.thread, NULL);
	close(r.eq);
}

static void *watch_and_exit(void *arg)
{
	struct registrar *r = arg;

	r->result = event_watch(r->eq, r->fd, EPOLLIN, 8);
	return NULL;
}

TEST_F(owner, E1_a_watch_outlives_the_thread_that_made_it)
{
	struct registrar r = { .eq = self->eq, .fd = self->fd, .result = 1 };

	ASSERT_EQ(0, pthread_create(&r.thread, NULL, watch_and_exit, &r));
	pthread_join(r.thread, NULL);
	EXPECT_EQ(0, r.result);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 8);
}

/* Waits for one event; says which data it had. */
static int wait_in_child(void *arg)
{
	struct scheme_event e = {};
	int eq = *(int *)arg;

	return event_wait(eq, &e, 1, PATIENCE_MS) == 1 ? (int)e.data : 100;
}

TEST_F(owner, E1_registered_before_fork_waited_for_in_the_child)
{
	pid_t pid;

	EXPECT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 9));
	pid = child_start(wait_in_child, &self->eq);
	sleep_ms(50);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(9, child_result(pid));
	EXPECT_NOTHING(self->eq);
}

static int register_in_child(void *arg)
{
	int *fds = arg;

	return -event_watch(fds[0], fds[1], EPOLLIN, 10);
}

TEST_F(owner, E1_registered_in_a_child_that_is_gone)
{
	int fds[2] = { self->eq, self->fd };

	EXPECT_EQ(0, child_result(child_start(register_in_child, fds)));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT(self->eq, self->fd, EPOLLIN, 10);
}

TEST_F(owner, E1_a_dup_is_the_same_queue)
{
	int copy = dup(self->eq);

	EXPECT_EQ(0, event_watch(copy, self->fd, EPOLLIN, 11));
	close(copy);
	copy = dup(self->eq);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EVENT(copy, self->fd, EPOLLIN, 11);
	EXPECT_NOTHING(self->eq);
	close(copy);
}

/* Gets the queue by SCM_RIGHTS and waits on it. */
static int receive_and_wait(void *arg)
{
	int eq = fd_receive(*(int *)arg);

	return eq < 0 ? 101 : wait_in_child(&eq);
}

TEST_F(owner, E1_a_queue_sent_to_another_process)
{
	int pair[2], eq = event_open(0);
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_EQ(0, event_watch(eq, self->fd, EPOLLIN, 12));
	ASSERT_EQ(0, fcntl(eq, F_SETFD, FD_CLOEXEC));
	ASSERT_EQ(0, fd_send(pair[0], eq));
	/* from here on it is in flight only */
	close(eq);
	pid = child_start(receive_and_wait, &pair[1]);
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
	EXPECT_EQ(12, child_result(pid));
	close(pair[0]);
	close(pair[1]);
}

TEST_HARNESS_MAIN
