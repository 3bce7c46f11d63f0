// SPDX-License-Identifier: GPL-2.0
/* The rest of kshim.h, and a program that runs suites of KUnit. */
#include "kshim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kunit/test.h>

struct kunit_memory {
	struct kunit_memory	*next;
	max_align_t		bytes[];
};

static struct pid tgid;
static struct signal_struct signals = { .live = { 1 } };
static const struct cred root = { .cap_effective = { ~0ULL } };

/* A kernel thread, as KUnit's. */
struct task_struct kshim_task = {
	.flags = PF_KTHREAD, .tgid = &tgid, .signal = &signals, .cred = &root,
};
struct pid_namespace kshim_pid_ns;
struct user_namespace kshim_user_ns;
unsigned long jiffies = 1000;
int kshim_atomic;
u64 kshim_random;

static const char *running = "";
static jmp_buf leave;

void kshim_breach(const char *file, int line, const char *what)
{
	printf("# %s: %s:%d: %s does not hold\n", running, file, line, what);
	fflush(stdout);
	abort();
}

/* ---- xarray -------------------------------------------------------------- */

int xa_alloc_cyclic(struct xarray *xa, u32 *id, void *entry,
		    struct xa_limit limit, u32 *next, gfp_t gfp)
{
	u32 nr = limit.max - limit.min + 1;
	u32 at = *next < limit.min || *next > limit.max ? limit.min : *next;

	(void)gfp;
	might_sleep();
	KSHIM_CHECK(limit.max < KSHIM_XA_SIZE);
	for (u32 i = 0; i < nr; i++) {
		u32 index = limit.min + (at - limit.min + i) % nr;

		if (xa->used[index])
			continue;
		xa->used[index] = true;
		xa->entry[index] = entry;
		*id = index;
		*next = index + 1;
		return index < at;
	}
	return -EBUSY;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	void *old = xa_erase(xa, index);

	(void)gfp;
	might_sleep();
	xa->used[index] = true;
	xa->entry[index] = entry;
	return old;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	void *old = xa_load(xa, index);

	KSHIM_CHECK(index < KSHIM_XA_SIZE);
	xa->used[index] = false;
	xa->entry[index] = NULL;
	return old;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	return index < KSHIM_XA_SIZE ? xa->entry[index] : NULL;
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      int filter)
{
	(void)filter;
	for (unsigned long i = *index; i <= max && i < KSHIM_XA_SIZE; i++) {
		if (!xa->entry[i])
			continue;
		*index = i;
		return xa->entry[i];
	}
	return NULL;
}

bool xa_empty(const struct xarray *xa)
{
	return !memchr_inv(xa->used, 0, sizeof(xa->used));
}

/* ---- KUnit --------------------------------------------------------------- */

void *kunit_kzalloc(struct kunit *test, size_t size, gfp_t gfp)
{
	struct kunit_memory *m = calloc(1, sizeof(*m) + size);

	(void)gfp;
	if (!m)
		return NULL;
	m->next = test->memory;
	test->memory = m;
	return m->bytes;
}

void kunit_fail(struct kunit *test, bool abort, const char *file, int line,
		const char *format, ...)
{
	va_list args;

	test->failed = true;
	printf("# %s: %s:%d: ", running, file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (abort)
		longjmp(leave, 1);
}

/*
 * After a failure the suite's exit might find what the module would not leave;
 * it is not called.
 */
static bool passes(struct kunit_suite *suite, struct kunit_case *c)
{
	static struct kunit test;
	struct kunit_memory *m;

	if (setjmp(leave))
		return false;
	if (suite->suite_init && suite->suite_init(suite))
		kunit_fail(&test, true, suite->name, 0, "suite_init fails");
	if (suite->init && suite->init(&test))
		kunit_fail(&test, true, suite->name, 0, "init fails");
	c->run_case(&test);
	if (test.failed)
		return false;
	if (suite->exit)
		suite->exit(&test);
	if (suite->suite_exit)
		suite->suite_exit(suite);
	while ((m = test.memory)) {
		test.memory = m->next;
		free(m);
	}
	KSHIM_CHECK(!kshim_atomic);
	KSHIM_CHECK(!tgid.count && !kshim_pid_ns.count && !kshim_user_ns.count);
	return !test.failed;
}

/* In a process of its own, which a breach or a sanitizer may end; or a leak. */
static bool child_passes(struct kunit_suite *suite, struct kunit_case *c)
{
	int status;
	pid_t pid;

	running = c->name;
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit(passes(suite, c) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

int main(void)
{
	struct kunit_suite *const *suite;
	struct kunit_case *c;
	int nr = 0, failed = 0;
	bool ok;

	for (suite = kunit_suites; *suite; suite++) {
		for (c = (*suite)->test_cases; c->run_case; c++) {
			ok = child_passes(*suite, c);
			failed += !ok;
			printf("%sok %d - %s.%s\n", ok ? "" : "not ", ++nr,
			       (*suite)->name, c->name);
		}
	}
	printf("1..%d\n", nr);
	return failed ? 1 : 0;
}
