// SPDX-License-Identifier: GPL-2.0
/* How schemes end, and what that does to whoever uses them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-end"
#define NODE	NODE_DIR "/" NAME
#define USER	1000
#define OTHER	65534

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

FIXTURE(registry) {
	int control;
};

FIXTURE_SETUP(registry)
{
	self->control = control_open();
	ASSERT_LE(0, self->control);
}

FIXTURE_TEARDOWN(registry)
{
	close(self->control);
}

/* ---- S3: how names go ----------------------------------------------------- */

TEST_F(registry, S3_the_last_close_ends_the_scheme)
{
	int fd = scheme_fd_begin(self->control, NAME);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	ASSERT_LE(0, copy);
	close(fd);
	EXPECT_TRUE(exists(NODE));
	close(copy);
	EXPECT_FALSE(exists(NODE));
	EXPECT_EQ(-ENOENT, open_errno(NODE, O_RDWR));
}

TEST_F(registry, S3_destroy_ends_the_scheme_at_once)
{
	struct scheme_queue_info info = {};
	struct scheme_stats stats;
	int fd = scheme_fd_begin(self->control, NAME);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, do_ioctl(fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_FALSE(exists(NODE));
	EXPECT_EQ(0, do_ioctl(fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, do_ioctl(fd, SCHEME_IOC_QUEUE, &info));
	EXPECT_EQ(-ENODEV, do_ioctl(fd, SCHEME_IOC_ADOPT, NULL));
	EXPECT_EQ(0, do_ioctl(fd, SCHEME_IOC_STATS, &stats));
	close(fd);
}

TEST_F(registry, S3_kill_ends_the_scheme_by_name)
{
	int fd = scheme_fd_begin(self->control, NAME);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOENT, scheme_fd_kill(self->control, NAME "-other"));
	EXPECT_EQ(-EINVAL, scheme_fd_kill(self->control, ""));
	EXPECT_EQ(-EINVAL, scheme_fd_kill(self->control, "A"));
	EXPECT_TRUE(exists(NODE));
	EXPECT_EQ(0, scheme_fd_kill(self->control, NAME));
	EXPECT_FALSE(exists(NODE));
	EXPECT_EQ(-ENOENT, scheme_fd_kill(self->control, NAME));
	close(fd);
}

static int kill_as_other(void *arg)
{
	int control = *(int *)arg;

	if (become_user(OTHER, OTHER))
		return 1;
	return scheme_fd_kill(control, NAME) == -EPERM ? 0 : 2;
}

static int kill_as_creator(void *arg)
{
	int control = *(int *)arg;

	if (become_user(USER, USER) || scheme_fd_begin(control, "user.test") < 0)
		return 1;
	if (scheme_fd_kill(control, NAME) != -EPERM)
		return 2;
	return scheme_fd_kill(control, "user.test");
}

TEST_F(registry, S3_kill_is_for_root_and_the_creator)
{
	int fd = scheme_fd_begin(self->control, NAME);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, child_result(child_start(kill_as_other, &self->control)));
	EXPECT_EQ(0, child_result(child_start(kill_as_creator, &self->control)));
	EXPECT_TRUE(exists(NODE));
	close(fd);
}

TEST_F(registry, S3_a_node_that_somebody_kept_opens_nothing)
{
	int fd = scheme_fd_begin(self->control, NAME);
	struct stat st;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, stat(NODE, &st));
	ASSERT_EQ(0, mknod("kept", S_IFCHR | 0600, st.st_rdev));
	close(fd);
	EXPECT_EQ(-ENODEV, open_errno("kept", O_RDWR));
	EXPECT_EQ(-ENODEV, open_errno("kept", O_ACCMODE));
	unlink("kept");
}

/* Three ways to end a scheme, each with a request under way. */
FIXTURE(ending) {
	struct provider p;
	int client;
};

FIXTURE_VARIANT(ending) {
	int (*end)(struct provider *p);
};

static int end_by_close(struct provider *p)
{
	provider_end(p);
	return 0;
}

static int end_by_destroy(struct provider *p)
{
	return do_ioctl(p->fd, SCHEME_IOC_DESTROY, NULL);
}

static int end_by_kill(struct provider *p)
{
	int control = control_open(), ret = scheme_fd_kill(control, NAME);

	(void)p;
	close(control);
	return ret;
}

FIXTURE_VARIANT_ADD(ending, close) { .end = end_by_close };
FIXTURE_VARIANT_ADD(ending, destroy) { .end = end_by_destroy };
FIXTURE_VARIANT_ADD(ending, kill) { .end = end_by_kill };

FIXTURE_SETUP(ending)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->client = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->client);
}

FIXTURE_TEARDOWN(ending)
{
	close(self->client);
	provider_end(&self->p);
}

TEST_F(ending, S3_pending_requests_fail_with_ENODEV)
{
	struct scheme_sqe sqe;
	struct job job, unseen;
	char byte;

	job_read(&job, self->client, &byte, 1);
	ASSERT_EQ(0, queue_expect(&self->p.q[0], &sqe, SCHEME_OP_READ));
	job_read(&unseen, self->client, &byte, 1);
	EXPECT_TRUE(job_stays(&job, 50));
	ASSERT_EQ(0, variant->end(&self->p));
	EXPECT_EQ(-ENODEV, job_wait(&job));
	EXPECT_EQ(-ENODEV, job_wait(&unseen));
}

TEST_F(ending, S3_a_pending_open_fails_with_ENODEV)
{
	struct scheme_sqe sqe;
	struct job job;

	job_open(&job, NODE, O_RDWR);
	ASSERT_EQ(0, queue_expect(&self->p.q[0], &sqe, SCHEME_OP_OPEN));
	ASSERT_EQ(0, variant->end(&self->p));
	EXPECT_EQ(-ENODEV, job_wait(&job));
}

TEST_F(ending, S3_old_descriptors_stay_dead_when_the_name_comes_back)
{
	struct scheme_sqe sqe;
	struct provider next;
	struct job job;
	char byte;
	int fd;

	ASSERT_EQ(0, variant->end(&self->p));
	ASSERT_EQ(0, provider_begin(&next, NAME));
	fd = client_open(&next, O_RDWR, 1, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, read(self->client, &byte, 1));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENODEV, client_openat(self->client, "a", O_RDONLY, 0));
	job_read(&job, fd, &byte, 1);
	ASSERT_EQ(0, queue_expect(&next.q[0], &sqe, SCHEME_OP_READ));
	EXPECT_EQ(0, queue_answer(&next.q[0], &sqe, 1));
	EXPECT_EQ(1, job_wait(&job));
	close(fd);
	provider_end(&next);
}

TEST_F(ending, S3_queues_say_that_the_scheme_is_dead)
{
	struct queue *q = &self->p.q[0];
	struct queue kept = *q;

	/* the close must not be the last one for this queue */
	kept.fd = fcntl(q->fd, F_DUPFD_CLOEXEC, 0);
	ASSERT_LE(0, kept.fd);
	ASSERT_EQ(0, variant->end(&self->p));
	EXPECT_EQ(-ENODEV, queue_enter(&kept, 0, 0));
	EXPECT_EQ(-ENODEV, queue_enter(&kept, 1, 0));
	EXPECT_TRUE(!q->mem || q->kern->state == SCHEME_RING_DEAD);
	close(kept.fd);
}

TEST_HARNESS_MAIN
