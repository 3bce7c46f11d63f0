// SPDX-License-Identifier: GPL-2.0
#include "syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define THREADS_MAX	16U
/* What the stop at the beginning interrupts is begun again: that does not count. */
#define SETTLE_MS	200

struct traced {
	pid_t		tid;
	unsigned int	process;	/* which of them */
};

struct trace {
	struct traced	threads[THREADS_MAX];
	unsigned int	nr;
	struct syscalls	*counts;
	bool		counting;
};

static int seize(struct trace *t, pid_t tid, unsigned int process)
{
	if (t->nr == THREADS_MAX)
		return -E2BIG;
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD))
		return -errno;
	t->threads[t->nr++] = (struct traced){ .tid = tid, .process = process };
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return -errno;
	return 0;
}

static int numbers_only(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int seize_threads(struct trace *t, pid_t pid, unsigned int process)
{
	struct dirent **entries;
	char path[64];
	int nr, ret = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	nr = scandir(path, &entries, numbers_only, alphasort);
	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		if (!ret)
			ret = seize(t, (pid_t)strtol(entries[i]->d_name, NULL, 10),
				    process);
		free(entries[i]);
	}
	free(entries);
	return ret;
}

static struct syscalls *counts_of(struct trace *t, pid_t tid)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->threads[i].tid == tid)
			return &t->counts[t->threads[i].process];
	return NULL;
}

static void note(struct trace *t, pid_t tid)
{
	struct __ptrace_syscall_info info;
	struct syscalls *c = counts_of(t, tid);

	if (!c || !t->counting ||
	    ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	c->nr++;
	if (info.entry.nr == SYS_clock_gettime)
		c->clock++;
	else if (!c->some)
		c->some = info.entry.nr;
}

/* The signal that a stop is for and that the thread shall get, or 0. */
static long signal_of(int status)
{
	int sig = WSTOPSIG(status);

	return sig == (SIGTRAP | 0x80) || status >> 16 ? 0 : sig;
}

/* Let everybody run until then. -ESRCH: one of them has ended. */
static int watch(struct trace *t, int64_t until)
{
	int status;
	pid_t tid;

	while (now_ms() < until) {
		tid = waitpid(-1, &status, __WALL | WNOHANG);
		if (tid <= 0) {
			sleep_ms(1);
			continue;
		}
		if (!WIFSTOPPED(status))
			return -ESRCH;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			note(t, tid);
		ptrace(PTRACE_SYSCALL, tid, NULL, (void *)signal_of(status));
	}
	return 0;
}

static void release_one(pid_t tid)
{
	int status;

	/* it may be at a stop that nobody has looked at */
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ||
	    waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		return;
	ptrace(PTRACE_DETACH, tid, NULL, (void *)signal_of(status));
}

int syscalls_count(const pid_t *pids, unsigned int nr, unsigned int ms,
		   struct syscalls *counts)
{
	struct trace t = { .counts = counts };
	int ret = 0;

	memset(counts, 0, nr * sizeof(*counts));
	for (unsigned int i = 0; i < nr && !ret; i++)
		ret = seize_threads(&t, pids[i], i);
	if (!ret)
		ret = watch(&t, now_ms() + SETTLE_MS);
	t.counting = true;
	if (!ret)
		ret = watch(&t, now_ms() + ms);
	for (unsigned int i = 0; i < t.nr; i++)
		release_one(t.threads[i].tid);
	return ret;
}
