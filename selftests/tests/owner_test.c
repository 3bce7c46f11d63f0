// SPDX-License-Identifier: GPL-2.0
/* Whose death ends a scheme: every way of dying, and handing over. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-owner"
#define NODE	NODE_DIR "/" NAME
/* What is promised for every kind of death. */
#define AT_ONCE_MS	1000

/* ---- ways to die ---------------------------------------------------------- */

static int *stage;

static void reach(int n)
{
	__atomic_store_n(stage, n, __ATOMIC_RELEASE);
}

static bool reached(int n)
{
	return wait_until(__atomic_load_n(stage, __ATOMIC_ACQUIRE) >= n);
}

static struct provider ours;

static int create_and_pause(void *arg)
{
	struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };
	size_t big = 128 << 20;
	char *mem;

	(void)arg;
	setrlimit(RLIMIT_CORE, &no_limit);
	mem = mmap(NULL, big, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED || provider_begin(&ours, NAME))
		return 1;
	reach(1);
	pause();
	return 2;
}

/* A job that waits for the provider of NAME, which parks it. */
static bool wait_begins(struct job *job, int *fd)
{
	*fd = open_errno(NODE, O_ACCMODE);
	if (*fd < 0)
		return false;
	job_ioctl(job, *fd, SCHEME_IOC_OPENAT,
		  memset(shared_alloc(64), 0, 64));
	return job_stays(job, 100);
}

static void write_file(const char *path, const char *text)
{
	int fd = open_errno(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

TEST(S20_a_long_dump_of_core_holds_nobody)
{
	static const int signals[] = { SIGSEGV, SIGABRT };
	int64_t start;
	struct job job;
	pid_t pid;
	int fd, status;

	stage = shared_alloc(sizeof(*stage));
	/* takes the dump, but not in a hurry */
	write_file("/proc/sys/kernel/core_pattern", "|/bin/busybox sleep 2");
	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++) {
		reach(0);
		pid = child_start(create_and_pause, NULL);
		ASSERT_TRUE(reached(1));
		ASSERT_TRUE(wait_begins(&job, &fd));
		start = now_ms();
		kill(pid, signals[i]);
		EXPECT_EQ(-ENODEV, job_wait(&job));
		EXPECT_GT(AT_ONCE_MS, fair_ms(start, job.ended_ms));
		/* else this has shown nothing */
		EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
		EXPECT_TRUE(wait_until_ms(access(NODE, F_OK), AT_ONCE_MS));
		status = child_wait_ms(pid, PATIENCE_MS);
		EXPECT_TRUE(WIFSIGNALED(status) && WCOREDUMP(status));
		close(fd);
	}
	write_file("/proc/sys/kernel/core_pattern", "core");
}

/* Creates the scheme and forks a child that holds all descriptors. */
static int create_and_fork(void *arg)
{
	(void)arg;
	if (provider_begin(&ours, NAME))
		return 1;
	if (!fork()) {
		reach(1);
		pause();
		_exit(0);
	}
	pause();
	return 2;
}

TEST(S20_a_child_that_inherited_everything_keeps_nothing_alive)
{
	int64_t start;
	struct job job;
	pid_t pid;
	int fd;

	stage = shared_alloc(sizeof(*stage));
	pid = child_start(create_and_fork, NULL);
	ASSERT_TRUE(reached(1));
	ASSERT_TRUE(wait_begins(&job, &fd));
	start = now_ms();
	kill(pid, SIGKILL);
	EXPECT_EQ(-ENODEV, job_wait(&job));
	EXPECT_GT(AT_ONCE_MS, fair_ms(start, job.ended_ms));
	EXPECT_TRUE(wait_until_ms(access(NODE, F_OK), AT_ONCE_MS));
	child_wait_ms(pid, PATIENCE_MS);
	close(fd);
	/* the grandchild is in our process group, as nobody else is */
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
}

static int create_and_exit(void *arg)
{
	if (provider_begin(&ours, NAME))
		return 1;
	reach(1);
	wait_until(__atomic_load_n(stage, __ATOMIC_ACQUIRE) == 2);
	if (arg)
		execl("/bin/busybox", "sleep", "100", NULL);
	return 0;
}

TEST(S20_exit_and_exec_end_the_scheme)
{
	struct job job;
	pid_t pid;
	int fd;

	stage = shared_alloc(sizeof(*stage));
	for (int exec = 0; exec < 2; exec++) {
		reach(0);
		pid = child_start(create_and_exit, exec ? &fd : NULL);
		ASSERT_TRUE(reached(1));
		ASSERT_TRUE(wait_begins(&job, &fd));
		reach(2);
		EXPECT_EQ(-ENODEV, job_wait(&job));
		close(fd);
		child_reap(pid);
	}
}

static void *serve_on(void *arg)
{
	struct scheme_sqe sqe;

	(void)arg;
	sleep_ms(600);
	while (!queue_next(&ours.q[0], &sqe))
		queue_answer(&ours.q[0], &sqe, -EXDEV);
	return NULL;
}

static int leave_it_to_a_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	if (provider_begin(&ours, NAME) ||
	    pthread_create(&thread, NULL, serve_on, NULL))
		return 1;
	reach(1);
	/* this thread alone */
	syscall(SYS_exit, 0);
	return 2;
}

TEST(S20_the_end_of_the_first_thread_is_not_the_end)
{
	pid_t pid;
	int fd;

	stage = shared_alloc(sizeof(*stage));
	pid = child_start(leave_it_to_a_thread, NULL);
	ASSERT_TRUE(reached(1));
	sleep_ms(600);
	fd = open_errno(NODE, O_ACCMODE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EXDEV, client_openat(fd, "a", O_RDONLY, 0));
	EXPECT_GT(AT_ONCE_MS, child_kill(pid));
	EXPECT_EQ(-ENODEV, client_openat(fd, "a", O_RDONLY, 0));
	close(fd);
}

/* ---- handing over --------------------------------------------------------- */

/* Creates, forks; the child takes over (or does not) and serves. */
static int hand_over(void *arg)
{
	bool adopts = arg;
	struct scheme_sqe sqe;

	if (provider_begin(&ours, NAME))
		return 1;
	if (fork()) {
		wait_until(__atomic_load_n(stage, __ATOMIC_ACQUIRE) == 1);
		_exit(0);
	}
	if (adopts && do_ioctl(ours.fd, SCHEME_IOC_ADOPT, NULL))
		_exit(1);
	if (queue_open(&ours.q[0], ours.fd, 0))
		_exit(1);
	stage[1] = getpid();
	reach(1);
	while (!queue_next(&ours.q[0], &sqe))
		queue_answer(&ours.q[0], &sqe, -EXDEV);
	_exit(0);
}

TEST(S20_a_child_that_adopts_is_the_owner)
{
	pid_t parent;
	int fd;

	stage = shared_alloc(2 * sizeof(*stage));
	parent = child_start(hand_over, &fd);
	EXPECT_EQ(0, child_result(parent));
	ASSERT_TRUE(reached(1));
	EXPECT_EQ(stage[1], scheme_attr(NAME, "owner"));
	/* longer than it takes to look after owners */
	sleep_ms(600);
	fd = open_errno(NODE, O_ACCMODE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EXDEV, client_openat(fd, "a", O_RDONLY, 0));
	kill(stage[1], SIGKILL);
	EXPECT_TRUE(wait_until_ms(access(NODE, F_OK), AT_ONCE_MS));
	EXPECT_EQ(-ENODEV, client_openat(fd, "a", O_RDONLY, 0));
	close(fd);
}

TEST(S20_a_child_that_does_not_adopt_goes_with_its_parent)
{
	pid_t parent;

	stage = shared_alloc(2 * sizeof(*stage));
	parent = child_start(hand_over, NULL);
	EXPECT_EQ(0, child_result(parent));
	EXPECT_TRUE(wait_until_ms(access(NODE, F_OK), AT_ONCE_MS));
}

TEST_HARNESS_MAIN
