/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every system call and io_uring command of ours with the n-th allocation or
 * copy failing, for n = 1, 2, 3 and so on until the call goes through without
 * a failure. Each time the call says what was wrong, leaves no descriptor, no
 * handle and no request behind, and works when it is done again. That no
 * memory is lost is looked at when all tests are over.
 *
 * To add a call: its function, its struct failing, and a line with FAIL_NTH at
 * the end of failnth_provider_test.c or failnth_client_test.c.
 */
#ifndef SELFTESTS_FAILNTH_H
#define SELFTESTS_FAILNTH_H

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../fault.h"
#include "../harness.h"
#include "../inject.h"
#include "../uring.h"

#define NAME	"test-failnth"
#define SLOT	4096
/* more slots than a transfer keeps in flight */
#define BYTES	(10 * SLOT)
#define N_MAX	20000

FIXTURE(failnth) {
	struct inject inject;
	struct server s;		/* serves the clients below */
	int control;
	int root;
	int file;			/* positioned */
	int nonblock;			/* the same with O_NONBLOCK */
	struct provider own;		/* served by the test, step by step */
	int own_file;
	char *buf;
	/* of one call */
	int fd;
	struct job job;
	struct io_uring ring;
};

typedef FIXTURE_DATA(failnth) env_t;

/* What becomes of a call whose memory fails. */
enum memory {
	TAKES_NONE,		/* it has no need of any */
	COPES,			/* the kernel takes some, but can do without */
	REFUSES,		/* -ENOMEM */
};

struct failing {
	const char	*name;
	int		(*prepare)(env_t *env);
	/* the call; nothing else may be in it */
	long		(*call)(env_t *env);
	/* what it came to, for a call that ends later; failures are over */
	long		(*result)(env_t *env, long ret);
	/* undo prepare and call; 0, or something is wrong */
	int		(*tidy)(env_t *env, long result);
	enum memory	memory;
	bool		copies;		/* -EFAULT */
	long		wants;		/* the least result without a failure */
	int		core[3];	/* errors in which the kernel puts it */
};

/* Failures met. */
struct tally {
	unsigned int	memory;
	unsigned int	refused;	/* of those, the call failed */
	unsigned int	copies;
};

/* ---- what a call must not change ------------------------------------------ */

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (dir && readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static bool settled(const struct provider *p, uint64_t handles)
{
	struct scheme_stats stats;

	return !provider_stats(p, &stats) && !stats.in_flight &&
	       stats.handles == handles && !stats.broken && !stats.refused;
}

/* The scheme serves as before, and nothing is left on either. */
static bool usable(env_t *env)
{
	char bytes[16];

	return pread(env->file, bytes, sizeof(bytes), 0) == sizeof(bytes) &&
	       wait_until(settled(&env->s.p, 3) && settled(&env->own, 1)) &&
	       !env->s.served->wrong;
}

/* ---- one call -------------------------------------------------------------- */

static bool result_fits(const struct failing *f, enum injected what, long result)
{
	unsigned int i;

	if (what == INJECTED_NOTHING)
		return result >= f->wants;
	/* no kind that is counted: what comes after it would not be tried */
	if (what == INJECTED_UNKNOWN)
		return false;
	if (result >= 0)
		return true;
	for (i = 0; i < 3; i++)
		if (f->core[i] && result == -f->core[i])
			return true;
	if (what == INJECTED_MEMORY)
		return f->memory == REFUSES && result == -ENOMEM;
	return what == INJECTED_COPY && f->copies && result == -EFAULT;
}

/* Once with the n-th failure, or none with n = 0; false if all is not well. */
static bool once(env_t *env, const struct failing *f, unsigned int n,
		 struct tally *tally)
{
	enum injected what = INJECTED_NOTHING;
	unsigned int fds = descriptors();
	long result;
	int ret = 0;

	if (f->prepare && (ret = f->prepare(env))) {
		fprintf(stderr, "# %s, n = %u: prepare: %d\n", f->name, n, ret);
		return false;
	}
	if (n)
		inject_arm(&env->inject, n);
	result = f->call(env);
	if (n)
		what = inject_disarm(&env->inject);
	if (f->result)
		result = f->result(env, result);
	if (f->tidy)
		ret = f->tidy(env, result);
	tally->memory += what == INJECTED_MEMORY;
	tally->refused += what == INJECTED_MEMORY && result < 0;
	tally->copies += what == INJECTED_COPY;
	if (result_fits(f, what, result) && !ret && descriptors() == fds)
		return true;
	fprintf(stderr, "# %s, n = %u: failure %d, result %ld, tidy %d, descriptors %u -> %u\n",
	       f->name, n, what, result, ret, fds, descriptors());
	return false;
}

static unsigned int failures(const struct tally *tally)
{
	return tally->memory + tally->copies;
}

static bool every_nth(env_t *env, const struct failing *f, struct tally *tally)
{
	struct tally none = {};
	unsigned int n;

	memset(tally, 0, sizeof(*tally));
	for (n = 1; n < N_MAX; n++) {
		if (!once(env, f, n, tally))
			return false;
		if (failures(tally) < n)
			return true;
		if (!once(env, f, 0, &none) || !usable(env)) {
			fprintf(stderr, "# %s does not work after n = %u\n", f->name, n);
			return false;
		}
	}
	fprintf(stderr, "# %s: no end of failures\n", f->name);
	return false;
}

static bool as_expected(const struct failing *f, const struct tally *tally)
{
	return (f->memory != TAKES_NONE) == (tally->memory > 0) &&
	       (f->memory == REFUSES) == (tally->refused > 0) &&
	       f->copies == (tally->copies > 0);
}

/*
 * The checkers of a debug kernel take memory of their own, now and then, and
 * then a count is one too high, or a failure is passed over.
 */
static void drive(struct __test_metadata *_metadata, env_t *env,
		  const struct failing *f)
{
	struct tally tally = {};
	int tries = 0;

	/* so that memory of ours and all code are there */
	ASSERT_TRUE(once(env, f, 0, &tally));
	ASSERT_TRUE(usable(env));
	do {
		ASSERT_TRUE(every_nth(env, f, &tally));
	} while (!as_expected(f, &tally) && ++tries < 5);
	fprintf(stderr, "# %s: %u failures of memory (%u refused), %u of copies\n",
		f->name, tally.memory, tally.refused, tally.copies);
	EXPECT_TRUE(as_expected(f, &tally));
}

/* ---- fixture --------------------------------------------------------------- */

FIXTURE_SETUP(failnth)
{
	struct scheme_create create;
	int ret = inject_begin(&self->inject);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	self->control = control_open();
	ASSERT_LE(0, self->control);
	server_create_init(&create, NAME);
	ASSERT_EQ(0, server_start_thread(&self->s, &create, NULL));
	self->root = open_errno(self->s.p.node, O_RDWR);
	ASSERT_LE(0, self->root);
	self->file = client_openat(self->root, "a", O_RDWR | O_CLOEXEC, 0);
	ASSERT_LE(0, self->file);
	self->nonblock = client_openat(self->root, "a",
				       O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
	ASSERT_LE(0, self->nonblock);
	ASSERT_EQ(0, provider_begin(&self->own, NAME "-own"));
	self->own_file = client_open(&self->own, O_RDWR, 7,
				     SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->own_file);
	self->buf = calloc(1, BYTES);
	ASSERT_NE(NULL, self->buf);
}

FIXTURE_TEARDOWN(failnth)
{
	free(self->buf);
	close(self->own_file);
	provider_end(&self->own);
	close(self->nonblock);
	close(self->file);
	close(self->root);
	server_stop(&self->s);
	close(self->control);
	inject_end(&self->inject);
}

static int tidy_fd(env_t *env, long result)
{
	(void)env;
	return result >= 0 ? close(result) : 0;
}

static long poll_fd(int fd)
{
	struct pollfd poll = { .fd = fd, .events = POLLIN };
	int ret = syscall(SYS_poll, &poll, 1, 0);

	return ret < 0 ? -errno : ret;
}

/* ---- io_uring --------------------------------------------------------------- */

/* A new ring each time: one that has worked has memory in reserve. */
static int prepare_ring(env_t *env)
{
	return uring_begin(&env->ring, 0);
}

static long submit(env_t *env)
{
	return io_uring_submit(&env->ring);
}

/* Not submitted, or what the command came to. */
static long result_ring(env_t *env, long ret)
{
	return ret == 1 ? uring_wait(&env->ring, 1) : ret;
}

static int tidy_ring(env_t *env, long result)
{
	(void)result;
	io_uring_queue_exit(&env->ring);
	return 0;
}

#define FAIL_NTH(name, failing)						\
TEST_F_TIMEOUT(failnth, name, 250)					\
{									\
	drive(_metadata, self, &(failing));				\
}

#endif /* SELFTESTS_FAILNTH_H */
