/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every system call and io_uring command of ours with the n-th allocation or
 * copy failing, for n = 1, 2, 3 and so on until the call goes through without
 * a failure. Each time the call says what was wrong, leaves no descriptor, no
 * handle and no request behind, and works when it is done again. That no
 * memory is lost is looked at when all tests are over.
 *
 * To add a call: its function, its struct failing, and a line with FAIL_NTH at
 * the end of a failnth_*_test.c. Such a program has one fixture, failnth, with
 * an inject and a ring in it, before it includes this, and says in usable() what
 * must be as it was.
 */
#ifndef SELFTESTS_FAILNTH_H
#define SELFTESTS_FAILNTH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"
#include "../inject.h"
#include "../uring.h"

#define N_MAX	20000
#define TRIES	20

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

/* The program's: all is as it was and works, and nothing is left anywhere. */
static bool usable(env_t *env);

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
	unsigned int n, look_after = brief_run() ? 5 : 1;
	struct tally none = {};

	memset(tally, 0, sizeof(*tally));
	for (n = 1; n < N_MAX; n++) {
		if (!once(env, f, n, tally))
			return false;
		if (failures(tally) < n)
			return usable(env);
		if (n % look_after)
			continue;
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
 * then a count is one too high, or a failure is passed over: a single copy at
 * the end of many allocations, up to every other time.
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
	} while (!as_expected(f, &tally) && ++tries < TRIES);
	fprintf(stderr, "# %s: %u failures of memory (%u refused), %u of copies\n",
		f->name, tally.memory, tally.refused, tally.copies);
	EXPECT_TRUE(as_expected(f, &tally));
}

/* ---- for calls of many kinds ----------------------------------------------- */

/* system calls that return -errno */
static inline long errno_of(long ret)
{
	return ret < 0 ? -errno : ret;
}

static inline int tidy_fd(env_t *env, long result)
{
	(void)env;
	return result >= 0 ? close(result) : 0;
}

static inline long poll_fd(int fd)
{
	struct pollfd poll = { .fd = fd, .events = POLLIN };
	int ret = syscall(SYS_poll, &poll, 1, 0);

	return ret < 0 ? -errno : ret;
}

/* ---- io_uring --------------------------------------------------------------- */

/* A new ring each time: one that has worked has memory in reserve. */
static inline int prepare_ring(env_t *env)
{
	return uring_begin(&env->ring, 0);
}

static inline long submit(env_t *env)
{
	return io_uring_submit(&env->ring);
}

/* Not submitted, or what the command came to. */
static inline long result_ring(env_t *env, long ret)
{
	return ret == 1 ? uring_wait(&env->ring, 1) : ret;
}

static inline int tidy_ring(env_t *env, long result)
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
