// SPDX-License-Identifier: GPL-2.0
#include "calls.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"
#include "provider.h"

struct calls {
	pid_t		pid;		/* who is traced */
	pid_t		tracer;
	unsigned long	stops;		/* at the begin of a call and at its end */
	int		ready, failed;
};

#define SYSCALL_STOP	(SIGTRAP | 0x80)

static int seize(pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACESYSGOOD))
		return -1;
	return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ? -1 : 0;
}

/* All threads that there are. */
static int seize_all(pid_t pid)
{
	char path[64];
	struct dirent *d;
	DIR *dir;
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (!ret && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			ret = seize((pid_t)strtol(d->d_name, NULL, 10));
	closedir(dir);
	return ret;
}

/* A signal on its way to the thread, if that is what it has stopped for. */
static int signal_of(int status)
{
	int sig = WSTOPSIG(status);

	if (sig == SYSCALL_STOP || status >> 16 == PTRACE_EVENT_STOP)
		return 0;
	return sig;
}

static int trace(void *arg)
{
	struct calls *c = arg;
	int status;
	pid_t tid;

	if (seize_all(c->pid))
		__atomic_store_n(&c->failed, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->ready, 1, __ATOMIC_SEQ_CST);
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == SYSCALL_STOP)
			__atomic_add_fetch(&c->stops, 1, __ATOMIC_SEQ_CST);
		ptrace(PTRACE_SYSCALL, tid, NULL, (long)signal_of(status));
	}
	return 0;
}

struct calls *calls_begin(pid_t pid)
{
	struct calls *c = shared_alloc(sizeof(*c));

	c->pid = pid;
	c->tracer = child_start(trace, c);
	if (wait_until_ms(__atomic_load_n(&c->ready, __ATOMIC_SEQ_CST), PATIENCE_MS) &&
	    !c->failed)
		return c;
	calls_end(c);
	return NULL;
}

unsigned long calls_so_far(const struct calls *c)
{
	return __atomic_load_n(&c->stops, __ATOMIC_SEQ_CST) / 2;
}

/* Who is traced by one that has gone goes on. */
void calls_end(struct calls *c)
{
	child_kill(c->tracer);
	munmap(c, sizeof(*c));
}
