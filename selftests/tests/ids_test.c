// SPDX-License-Identifier: GPL-2.0
/* Who calls: pid, uid and gid as the provider's namespaces tell them. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"user.test-ids"
#define NODE	NODE_DIR "/" NAME

FIXTURE(ids) {
	struct provider p;
	struct queue *q;
	int fd;			/* positioned, number 1 */
	struct scheme_sqe sqe;
};

FIXTURE_SETUP(ids)
{
	struct scheme_create create;

	create_init(&create, NAME);
	create.depth = 16;
	create.slot_size = 4096;
	create.mode = 0666;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(ids)
{
	close(self->fd);
	provider_end(&self->p);
}

/* The next request is a READ with these ids; answer it. */
#define EXPECT_IDS(pid_, uid_, gid_)					\
do {									\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));	\
	EXPECT_EQ(pid_, (pid_t)self->sqe.pid);				\
	EXPECT_EQ(uid_, self->sqe.uid);					\
	EXPECT_EQ(gid_, self->sqe.gid);					\
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1));		\
} while (0)

static int read_as_several(void *arg)
{
	int fd = *(int *)arg;
	char byte;

	if (read(fd, &byte, 1) != 1)
		return 1;
	if (setresgid(-1, 2000, -1) || setresuid(-1, 1000, 0) ||
	    read(fd, &byte, 1) != 1)
		return 2;
	if (setresuid(-1, 0, -1) || setresgid(-1, 0, -1) ||
	    read(fd, &byte, 1) != 1)
		return 3;
	if (become_user(65534, 65533) || read(fd, &byte, 1) != 1)
		return 4;
	return 0;
}

TEST_F(ids, S24_effective_ids_of_the_caller_at_each_call)
{
	pid_t pid = child_start(read_as_several, &self->fd);

	EXPECT_IDS(pid, 0, 0);
	EXPECT_IDS(pid, 1000, 2000);
	EXPECT_IDS(pid, 0, 0);
	EXPECT_IDS(pid, 65534, 65533);
	EXPECT_EQ(0, child_result(pid));
}

TEST_F(ids, S24_a_thread_has_the_pid_of_its_process)
{
	struct job job;
	char byte;

	job_read(&job, self->fd, &byte, 1);
	EXPECT_IDS(getpid(), 0, 0);
	EXPECT_EQ(1, job_wait(&job));
}

TEST_F(ids, S24_a_descriptor_that_was_passed_tells_who_uses_it)
{
	struct job job;
	char byte;

	/* opened by us, used by the child, as whom it opened nothing */
	job_read(&job, self->fd, &byte, 1);
	EXPECT_IDS(getpid(), 0, 0);
	EXPECT_EQ(1, job_wait(&job));
	EXPECT_NE(0, self->sqe.pid);
}

/* ---- io_uring ------------------------------------------------------------- */

static int uring_read(struct io_uring *ring, int fd, unsigned int flags,
		      unsigned short personality)
{
	static char byte;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int res;

	io_uring_prep_read(sqe, fd, &byte, 1, 0);
	sqe->flags |= flags;
	sqe->personality = personality;
	if (io_uring_submit(ring) != 1 || io_uring_wait_cqe(ring, &cqe))
		return -EBADMSG;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static int uring_reads(void *arg)
{
	int personality, fd = *(int *)arg;
	struct io_uring ring, polled;

	if (io_uring_queue_init(8, &ring, 0) ||
	    io_uring_queue_init(8, &polled, IORING_SETUP_SQPOLL))
		return 1;
	if (setresuid(-1, 3000, 0))
		return 2;
	personality = io_uring_register_personality(&ring);
	if (personality < 0 || setresuid(-1, 0, -1))
		return 2;
	if (setresgid(-1, 2000, -1) || setresuid(-1, 1000, 0))
		return 3;
	if (uring_read(&ring, fd, 0, 0) != 1 ||
	    uring_read(&ring, fd, IOSQE_ASYNC, 0) != 1)
		return 4;
	if (uring_read(&ring, fd, 0, personality) != 1 ||
	    uring_read(&ring, fd, IOSQE_ASYNC, personality) != 1)
		return 5;
	/* a polled ring submits as who made it */
	if (uring_read(&polled, fd, 0, 0) != 1)
		return 6;
	return 0;
}

TEST_F(ids, S24_io_uring_tells_the_submitter)
{
	pid_t pid = child_start(uring_reads, &self->fd);

	EXPECT_IDS(pid, 1000, 2000);
	EXPECT_IDS(pid, 1000, 2000);
	EXPECT_IDS(pid, 3000, 0);
	EXPECT_IDS(pid, 3000, 0);
	EXPECT_IDS(pid, 0, 0);
	EXPECT_EQ(0, child_result(pid));
}

/* ---- namespaces ----------------------------------------------------------- */

#define ALLOW_OTHER	"/sys/module/redox_scheme/parameters/allow_other"

static int write_file(const char *path, const char *text)
{
	int fd = open_errno(path, O_WRONLY), ret;

	if (fd < 0)
		return fd;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* What the provider in the namespaces has seen; shared. */
struct seen {
	int stage;		/* 1: in its user namespace, 2: mapped, 3: serves */
	int control;
	struct scheme_sqe sqe[8];
	unsigned int nr;
};

static struct seen *seen;

static void reach(int n)
{
	__atomic_store_n(&seen->stage, n, __ATOMIC_RELEASE);
}

static bool reached(int n)
{
	return wait_until(__atomic_load_n(&seen->stage, __ATOMIC_ACQUIRE) >= n);
}

static int serve_inside(void *arg)
{
	struct scheme_create create;
	struct provider p = {};
	struct scheme_sqe sqe;

	(void)arg;
	create_init(&create, NAME);
	create.depth = 16;
	create.mode = 0666;
	p.fd = scheme_fd_create(seen->control, &create);
	if (p.fd < 0 || queue_open(&p.q[0], p.fd, 0))
		return 1;
	reach(3);
	while (!queue_next(&p.q[0], &sqe)) {
		if (sqe.opcode == SCHEME_OP_OPEN)
			queue_answer(&p.q[0], &sqe, 1);
		if (sqe.opcode != SCHEME_OP_READ)
			continue;
		seen->sqe[seen->nr++ % 8] = sqe;
		queue_answer(&p.q[0], &sqe, 1);
	}
	return 0;
}

/* Into new namespaces; a child serves, another one of them is a client. */
static int go_inside(void *arg)
{
	pid_t server, client;
	char byte;
	int fd;

	(void)arg;
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
		return 1;
	reach(1);
	if (!reached(2))
		return 2;
	server = child_start(serve_inside, NULL);
	if (!reached(3))
		return 3;
	client = fork();
	if (!client) {
		fd = open_errno(NODE, O_RDWR);
		_exit(fd >= 0 && read(fd, &byte, 1) == 1 ? 0 : 1);
	}
	if (child_result(client) || seen->nr != 1)
		return 4;
	reach(4);
	reached(5);
	/* killing the first process of a pid namespace kills all of it */
	child_kill(server);
	return 0;
}

static int read_as(void *arg)
{
	uid_t uid = *(uid_t *)arg;
	char byte;
	int fd;

	if (become_user(uid, uid))
		return 1;
	fd = open_errno(NODE, O_RDWR);
	return fd >= 0 && read(fd, &byte, 1) == 1 ? 0 : 2;
}

static int read_result(uid_t uid)
{
	return child_result(child_start(read_as, &uid));
}

TEST(S24_ids_are_told_in_the_namespaces_of_the_provider)
{
	char path[64];
	pid_t pid;

	seen = shared_alloc(sizeof(*seen));
	seen->control = control_open();
	ASSERT_LE(0, seen->control);
	ASSERT_EQ(0, write_file(ALLOW_OTHER, "Y"));
	pid = child_start(go_inside, NULL);
	ASSERT_TRUE(reached(1));
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	ASSERT_EQ(0, write_file(path, "5000 0 1\n6000 1000 1\n"));
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	ASSERT_EQ(0, write_file(path, "7000 0 1\n8000 1000 1\n"));
	reach(2);
	ASSERT_TRUE(reached(4));
	/* one of theirs: the second process inside */
	EXPECT_EQ(2, seen->sqe[0].pid);
	EXPECT_EQ(5000, seen->sqe[0].uid);
	EXPECT_EQ(7000, seen->sqe[0].gid);
	/* from outside they know the ids, but no pid */
	EXPECT_EQ(0, read_result(1000));
	EXPECT_EQ(0, seen->sqe[1].pid);
	EXPECT_EQ(6000, seen->sqe[1].uid);
	EXPECT_EQ(8000, seen->sqe[1].gid);
	/* and who has no id inside is the overflow id */
	EXPECT_EQ(0, read_result(2000));
	EXPECT_EQ(0, seen->sqe[2].pid);
	EXPECT_EQ(65534, seen->sqe[2].uid);
	EXPECT_EQ(65534, seen->sqe[2].gid);
	EXPECT_EQ(3, seen->nr);
	reach(5);
	EXPECT_EQ(0, child_result(pid));
	EXPECT_EQ(0, write_file(ALLOW_OTHER, "N"));
	/* the death of an owner in another pid namespace is a death */
	EXPECT_TRUE(wait_until_ms(access(NODE, F_OK), 1000));
}

TEST_HARNESS_MAIN
