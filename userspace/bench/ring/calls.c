// SPDX-License-Identifier: MIT
/*
 * A child traces both processes. The calling thread makes a system call that nobody else
 * makes where counting begins and where it ends; the child sees it as it sees the others.
 *
 * In the child: WAITING -> COUNTING [the mark] -> done [the mark again]
 */
#include "calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

/* No process has this number: fails, and does nothing. */
#define MARK	0x7ffffff1

static void mark(void)
{
	syscall(SYS_getpgid, MARK);
}

/* ---- the child -------------------------------------------------------------------- */

/* Workers of io_uring are listed as well; they make no system calls. */
static int seize(pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACESYSGOOD))
		return errno == EPERM || errno == ESRCH ? 0 : -errno;
	return ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) ? -errno : 1;
}

/* How many threads, or -errno. */
static int seize_all(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int ret = 0, nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (ret >= 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			ret = seize((pid_t)strtol(entry->d_name, NULL, 10));
			nr += ret > 0;
		}
	closedir(dir);
	if (ret < 0)
		return ret;
	return nr ? nr : -EPERM;
}

struct count {
	bool		counting, done;
	uint64_t	calls;
};

static void see_call(struct count *c, pid_t tid)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (info.entry.nr == SYS_getpgid && info.entry.args[0] == MARK) {
		c->done = c->counting;
		c->counting = true;
	} else {
		c->calls += c->counting;
	}
}

/* The signal to go on with. */
static int see_stop(struct count *c, pid_t tid, int status)
{
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		see_call(c, tid);
		return 0;
	}
	return status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
}

/* Tells ready_fd when all threads have stopped once, and then every call is seen. */
static int follow(struct count *c, int to_stop, int ready_fd)
{
	int status, sig;
	pid_t tid;

	while (!c->done) {
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0)
			return -errno;
		if (!WIFSTOPPED(status))
			return -ESRCH;
		sig = see_stop(c, tid, status);
		if (ptrace(PTRACE_SYSCALL, tid, NULL, sig) && errno != ESRCH)
			return -errno;
		if (to_stop && !--to_stop && write(ready_fd, "", 1) != 1)
			return -EPIPE;
	}
	return 0;
}

static void trace(pid_t peer, int out)
{
	struct count c = { 0 };
	int ours = seize_all(getppid());
	int theirs = ours > 0 ? seize_all(peer) : 0;
	int ret = ours < 0 ? ours : theirs;

	if (ret > 0)
		ret = follow(&c, ours + theirs, out);
	if (!ret && write(out, &c.calls, sizeof(c.calls)) != sizeof(c.calls))
		ret = -EPIPE;
	_exit(-ret);	/* lets go of all */
}

/* ---- the caller ------------------------------------------------------------------- */

int calls_count(pid_t peer, int (*run)(void *arg), void *arg, uint64_t *calls)
{
	int fds[2], status, ret = 0;
	bool got = false;
	char ready;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);	/* where Yama asks for it */
	pid = fork();
	if (pid < 0) {
		ret = -errno;
		close(fds[0]);
		close(fds[1]);
		return ret;
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		trace(peer, fds[1]);
	}
	close(fds[1]);
	if (read(fds[0], &ready, 1) == 1) {
		mark();
		ret = run(arg);
		mark();
		got = read(fds[0], calls, sizeof(*calls)) == sizeof(*calls);
	}
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (ret || got)
		return ret;
	return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -EIO;
}
