/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clients of a test: system calls in threads, and functions in processes.
 *
 * A thread that never comes back from its call does not hurt: it ends with the
 * test's process.
 */
#ifndef SELFTESTS_JOB_H
#define SELFTESTS_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"

/* ---- threads ------------------------------------------------------------- */

/* What the thread writes; not the test's, whose stack may be gone by then. */
struct job_call {
	long		nr;
	long		arg[6];
	char		path[128];
	int		done;		/* set last */
	long		result;
	int64_t		ended_ms;
};

/* One system call in a thread of its own. */
struct job {
	pthread_t	thread;
	struct job_call	*call;
	int64_t		ended_ms;	/* now_ms() at its end; by job_wait() */
};

/* What job_wait() returns for a call that has not come back. */
#define JOB_STUCK	(-100000L)

void job_syscall(struct job *job, long nr, const long arg[6]);
/* The same with the call's arguments, as numbers. */
#define job_start(job, nr, ...) \
	job_syscall(job, nr, (const long [6]) { __VA_ARGS__ })
void job_open(struct job *job, const char *path, int flags);
void job_read(struct job *job, int fd, void *buf, size_t len);
void job_pread(struct job *job, int fd, void *buf, size_t len, off_t offset);
void job_write(struct job *job, int fd, const void *buf, size_t len);
void job_pwrite(struct job *job, int fd, const void *buf, size_t len,
		off_t offset);
void job_lseek(struct job *job, int fd, off_t offset, int whence);
void job_fsync(struct job *job, int fd);
void job_ioctl(struct job *job, int fd, unsigned long cmd, void *arg);

/* Has it come back? */
bool job_done(const struct job *job);
/* Its result, or JOB_STUCK if it does not come back within ms. */
long job_wait_ms(struct job *job, unsigned int ms);
/* The same with all the patience of provider.h. */
long job_wait(struct job *job);
/* It is still in its call after ms. */
bool job_stays(const struct job *job, unsigned int ms);

/* ---- processes ----------------------------------------------------------- */

/* In a new child: do not outlive a test that fails. */
void child_set_up(void);
/* Run fn(arg) in a child, which exits with what it returns; the child's pid. */
pid_t child_start(int (*fn)(void *arg), void *arg);
/* The child's wait status, or -ETIMEDOUT; the child is then still there. */
int child_wait_ms(pid_t pid, unsigned int ms);
/* What the child returned; -1 if it ended in another way or not in time. */
int child_result(pid_t pid);
/* SIGKILL; milliseconds until it was gone, see took_ms(), or -ETIMEDOUT. */
int64_t child_kill(pid_t pid);
/* End a child that a test is done with. */
void child_reap(pid_t pid);
/* Become this user and nobody else; no way back. 0 or -errno. */
int become_user(uid_t uid, gid_t gid);

/* Zeroed memory that children share. */
void *shared_alloc(size_t size);

/* ---- signals ------------------------------------------------------------- */

/* Catch SIGUSR1 by a handler that does nothing; flags are sigaction(2)'s. */
void catch_usr1(int flags);

#endif /* SELFTESTS_JOB_H */
