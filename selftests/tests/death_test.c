// SPDX-License-Identifier: GPL-2.0
/* Death of clients and providers, at any moment and in every way. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../fault.h"
#include "../harness.h"

#define NAME	"test-death"
#define NODE	NODE_DIR "/" NAME
#define WAITERS	32
/* What is promised for every kind of death. */
#define AT_ONCE_MS	1000

/* ---- clients -------------------------------------------------------------- */

/* A provider that parks everything but opens, and may be stopped. */
FIXTURE(client) {
	struct server server;
	int fd;			/* "stream" */
	int positioned;
};

FIXTURE_VARIANT(client) {
	bool stopped;		/* by SIGSTOP, before the client dies */
	bool ignores;		/* cancels */
};

FIXTURE_VARIANT_ADD(client, of_a_stopped_provider) { .stopped = true };
FIXTURE_VARIANT_ADD(client, of_a_provider_that_ignores_cancels) {
	.ignores = true,
};

FIXTURE_SETUP(client)
{
	struct faults faults = {
		.parks = ~(1U << SCHEME_OP_OPEN),
		.ignores_cancels = variant->ignores,
	};
	struct scheme_create create;
	int root;

	server_create_init(&create, NAME);
	ASSERT_EQ(0, server_start_process(&self->server, &create, &faults));
	root = client_open_ioctl(&self->server.p);
	ASSERT_LE(0, root);
	self->fd = client_openat(root, "stream", O_RDWR, 0);
	ASSERT_LE(0, self->fd);
	self->positioned = client_openat(root, "a", O_RDWR, 0);
	ASSERT_LE(0, self->positioned);
	close(root);
}

FIXTURE_TEARDOWN(client)
{
	close(self->fd);
	close(self->positioned);
	server_stop(&self->server);
}

/* What a client waits in when it is killed. */
struct waiter {
	int op;
	int fd;
	int positioned;
};

#define WAITER_OPS	7

static int wait_for_ever(void *arg)
{
	const struct waiter *w = arg;
	static char buf[16 * 4096];
	struct scheme_openat openat = { .path_len = 0, .flags = O_RDWR };
	struct scheme_call call = {};

	switch (w->op) {
	case 0:
		return read(w->fd, buf, 1);
	case 1:
		return write(w->fd, buf, 1);
	case 2:
		return fsync(w->fd);
	case 3:
		return client_call(w->fd, &call);
	case 4:
		return lseek(w->positioned, 0, SEEK_END);
	case 5:		/* many pieces */
		return pwrite(w->positioned, buf, sizeof(buf), 0);
	default:	/* a stopped provider does not open either */
		do_ioctl(w->fd, SCHEME_IOC_OPENAT, &openat);
		return read(w->fd, buf, 1);
	}
}

/* Kill a client of each kind; it must be gone at once. */
static void kill_waiters(struct __test_metadata *_metadata,
			 struct server *server, int fd, int positioned,
			 bool stopped)
{
	struct waiter w = { .fd = fd, .positioned = positioned };
	unsigned int before;
	int64_t ms;
	pid_t pid;

	for (w.op = 0; w.op < WAITER_OPS; w.op++) {
		before = server->served->requests;
		if (stopped)
			kill(server->pid, SIGSTOP);
		pid = child_start(wait_for_ever, &w);
		if (stopped)
			sleep_ms(100);
		else
			EXPECT_TRUE(wait_until(server->served->requests >
					       before));
		ms = child_kill(pid);
		EXPECT_LE(0, ms);
		EXPECT_GT(AT_ONCE_MS, ms) {
			TH_LOG("with operation %d", w.op);
		}
		kill(server->pid, SIGCONT);
		/* no room would be left for the next */
		if (!stopped && scheme_attr(NAME, "in_flight") > 7)
			break;
	}
}

TEST_F(client, S18_kill_ends_it_at_once)
{
	kill_waiters(_metadata, &self->server, self->fd, self->positioned,
		     variant->stopped);
	EXPECT_EQ(0, self->server.served->wrong);
}

TEST_F(client, S18_kill_ends_one_that_waits_for_a_slot)
{
	struct waiter w = { .op = 0, .fd = self->fd };
	pid_t pid[17];
	int64_t ms;

	if (variant->stopped)
		kill(self->server.pid, SIGSTOP);
	/* one more than there are slots */
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = child_start(wait_for_ever, &w);
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "in_flight") == 16));
	sleep_ms(100);
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++) {
		ms = child_kill(pid[i]);
		EXPECT_LE(0, ms);
		EXPECT_GT(AT_ONCE_MS, ms);
	}
	kill(self->server.pid, SIGCONT);
	EXPECT_EQ(0, self->server.served->wrong);
}

/* The same with a provider played by the test. */
FIXTURE(late) {
	struct provider p;
	struct queue *q;
	int fd;
	struct scheme_sqe sqe, cancel;
};

FIXTURE_SETUP(late)
{
	struct scheme_create create;

	server_create_init(&create, NAME);
	create.depth = 2;
	create.user_limit = 1;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(late)
{
	close(self->fd);
	provider_end(&self->p);
}

TEST_F(late, S19_a_late_answer_harms_nobody)
{
	struct waiter w = { .op = 0, .fd = self->fd };
	struct job job;
	char byte = 'u';
	pid_t pid;

	pid = child_start(wait_for_ever, &w);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(pid, self->sqe.pid);
	EXPECT_GT(AT_ONCE_MS, child_kill(pid));
	ASSERT_EQ(0, queue_expect(self->q, &self->cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(self->sqe.user_data, self->cancel.user_data);
	EXPECT_EQ(1, scheme_attr(NAME, "abandoned"));
	/* the slot stays taken, and counts against that user */
	EXPECT_EQ(1, scheme_attr(NAME, "in_flight"));
	job_read(&job, self->fd, &byte, 1);
	EXPECT_TRUE(job_stays(&job, 100));
	/* the provider may still write to it */
	memset(queue_payload(self->q, &self->sqe), 'x', 4096);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(EBADF, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ('u', byte);
	/* now it is the next one's turn */
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(1, job_wait(&job));
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
}

static int open_for_ever(void *arg)
{
	return open_errno(arg, O_RDWR);
}

TEST_F(late, S19_a_killed_open_that_is_answered_is_closed)
{
	pid_t pid = child_start(open_for_ever, self->p.node);

	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_GT(AT_ONCE_MS, child_kill(pid));
	ASSERT_EQ(0, queue_expect(self->q, &self->cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 99));
	ASSERT_EQ(0, queue_expect(self->q, &self->cancel, SCHEME_OP_CLOSE));
	EXPECT_EQ(99, self->cancel.handle);
	EXPECT_EQ(1, scheme_attr(NAME, "handles"));
}

TEST_F(late, S19_what_was_abandoned_goes_with_the_scheme)
{
	struct waiter w = { .op = 0, .fd = self->fd };
	pid_t pid = child_start(wait_for_ever, &w);

	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_GT(AT_ONCE_MS, child_kill(pid));
	EXPECT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, queue_enter(self->q, 0, 0));
}

/* ---- providers ------------------------------------------------------------ */

/* WAITERS threads that wait for a provider in another process. */
FIXTURE(provider) {
	struct server server;
	int fd;
	struct job jobs[WAITERS];
	char bytes[WAITERS];
	struct pollfd pfd;
	struct job poller;
};

FIXTURE_VARIANT(provider) {
	unsigned int depth;
};

/* all of them asked; most of them wait for a slot */
FIXTURE_VARIANT_ADD(provider, deep) { .depth = 64 };
FIXTURE_VARIANT_ADD(provider, shallow) { .depth = 4 };

FIXTURE_SETUP(provider)
{
	const struct faults faults = { .parks = 1U << SCHEME_OP_READ };
	struct scheme_create create;

	server_create_init(&create, NAME);
	create.depth = variant->depth;
	create.user_limit = 0;
	ASSERT_EQ(0, server_start_process(&self->server, &create, &faults));
	self->fd = open_errno(NODE, O_RDWR);
	ASSERT_LE(0, self->fd);
	for (int i = 0; i < WAITERS; i++)
		job_pread(&self->jobs[i], self->fd, &self->bytes[i], 1, i);
	self->pfd = (struct pollfd){ .fd = self->fd, .events = POLLPRI };
	job_start(&self->poller, SYS_poll, (long)&self->pfd, 1, -1);
	EXPECT_TRUE(wait_until(self->server.served->in_flight >= 4 &&
			       self->server.served->in_flight <= 56 &&
			       scheme_attr(NAME, "in_flight") >= 4));
	sleep_ms(100);
}

FIXTURE_TEARDOWN(provider)
{
	close(self->fd);
	server_stop(&self->server);
}

TEST_F(provider, S20_every_caller_wakes_with_ENODEV_at_once)
{
	int64_t start = now_ms();
	char byte;

	kill(self->server.pid, SIGKILL);
	for (int i = 0; i < WAITERS; i++) {
		EXPECT_EQ(-ENODEV, job_wait(&self->jobs[i]));
		EXPECT_GT(AT_ONCE_MS, fair_ms(start, self->jobs[i].ended_ms));
	}
	EXPECT_EQ(1, job_wait(&self->poller));
	EXPECT_GT(AT_ONCE_MS, fair_ms(start, self->poller.ended_ms));
	EXPECT_EQ(POLLERR | POLLHUP, self->pfd.revents);
	EXPECT_TRUE(wait_until_ms(access(NODE, F_OK), AT_ONCE_MS));
	/* and stays so */
	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENODEV, client_call(self->fd, &(struct scheme_call){}));
	EXPECT_EQ(-ENODEV, client_openat(self->fd, "a", O_RDONLY, 0));
}

TEST_F(provider, S20_a_stopped_provider_can_be_killed)
{
	int64_t start;

	kill(self->server.pid, SIGSTOP);
	sleep_ms(50);
	start = now_ms();
	kill(self->server.pid, SIGKILL);
	for (int i = 0; i < WAITERS; i++) {
		EXPECT_EQ(-ENODEV, job_wait(&self->jobs[i]));
		EXPECT_GT(AT_ONCE_MS, fair_ms(start, self->jobs[i].ended_ms));
	}
}

TEST_F(provider, S20_a_restarted_provider_has_the_name_at_once)
{
	struct scheme_create create;
	struct server next;
	char byte;
	int fd;

	server_create_init(&create, NAME);
	for (int i = 0; i < 5; i++) {
		kill(i ? next.pid : self->server.pid, SIGKILL);
		/* not even waited for */
		ASSERT_EQ(0, server_start_process(&next, &create, NULL));
		fd = open_errno(NODE, O_RDWR);
		ASSERT_LE(0, fd);
		EXPECT_EQ(1, pread(fd, &byte, 1, 0));
		EXPECT_EQ(-1, pread(self->fd, &byte, 1, 0));
		EXPECT_EQ(ENODEV, errno);
		close(fd);
	}
	server_stop(&next);
}

TEST_HARNESS_MAIN
