// SPDX-License-Identifier: GPL-2.0
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "provider.h"

/* ---- threads ------------------------------------------------------------- */

static void *job_run(void *arg)
{
	struct job_call *call = arg;
	long ret;

	ret = syscall(call->nr, call->arg[0], call->arg[1], call->arg[2],
		      call->arg[3], call->arg[4], call->arg[5]);
	call->result = ret < 0 ? -errno : ret;
	call->ended_ms = now_ms();
	__atomic_store_n(&call->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* path, if there is one, takes the place of the second argument. */
static void job_begin(struct job *job, long nr, const long arg[6],
		      const char *path)
{
	struct job_call *call = calloc(1, sizeof(*call));
	int err;

	if (!call)
		abort();
	job->call = call;
	call->nr = nr;
	memcpy(call->arg, arg, sizeof(call->arg));
	if (path) {
		snprintf(call->path, sizeof(call->path), "%s", path);
		call->arg[1] = (long)call->path;
	}
	err = pthread_create(&job->thread, NULL, job_run, call);
	if (err) {
		fprintf(stderr, "# no thread: %s\n", strerror(err));
		abort();
	}
}

void job_syscall(struct job *job, long nr, const long arg[6])
{
	job_begin(job, nr, arg, NULL);
}

void job_open(struct job *job, const char *path, int flags)
{
	const long arg[6] = { AT_FDCWD, 0, flags | O_CLOEXEC };

	job_begin(job, SYS_openat, arg, path);
}

void job_read(struct job *job, int fd, void *buf, size_t len)
{
	job_start(job, SYS_read, fd, (long)buf, len);
}

void job_pread(struct job *job, int fd, void *buf, size_t len, off_t offset)
{
	job_start(job, SYS_pread64, fd, (long)buf, len, offset);
}

void job_write(struct job *job, int fd, const void *buf, size_t len)
{
	job_start(job, SYS_write, fd, (long)buf, len);
}

void job_pwrite(struct job *job, int fd, const void *buf, size_t len,
		off_t offset)
{
	job_start(job, SYS_pwrite64, fd, (long)buf, len, offset);
}

void job_lseek(struct job *job, int fd, off_t offset, int whence)
{
	job_start(job, SYS_lseek, fd, offset, whence);
}

void job_fsync(struct job *job, int fd)
{
	job_start(job, SYS_fsync, fd);
}

void job_ioctl(struct job *job, int fd, unsigned long cmd, void *arg)
{
	job_start(job, SYS_ioctl, fd, cmd, (long)arg);
}

bool job_done(const struct job *job)
{
	return __atomic_load_n(&job->call->done, __ATOMIC_ACQUIRE);
}

long job_wait_ms(struct job *job, unsigned int ms)
{
	if (!wait_until_ms(job_done(job), ms))
		return JOB_STUCK;
	pthread_join(job->thread, NULL);
	job->ended_ms = job->call->ended_ms;
	return job->call->result;
}

long job_wait(struct job *job)
{
	return job_wait_ms(job, PATIENCE_MS);
}

bool job_stays(const struct job *job, unsigned int ms)
{
	return !wait_until_ms(job_done(job), ms);
}

/* ---- processes ----------------------------------------------------------- */

void child_set_up(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

pid_t child_start(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (!pid) {
		child_set_up();
		_exit(fn(arg));
	}
	if (pid < 0) {
		perror("# fork");
		abort();
	}
	return pid;
}

int child_wait_ms(pid_t pid, unsigned int ms)
{
	int status = 0;

	if (!wait_until_ms(waitpid(pid, &status, WNOHANG) == pid, ms))
		return -ETIMEDOUT;
	return status;
}

int child_result(pid_t pid)
{
	int status = child_wait_ms(pid, 2 * PATIENCE_MS);

	return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int64_t child_kill(pid_t pid)
{
	int64_t start = now_ms();

	kill(pid, SIGKILL);
	if (child_wait_ms(pid, PATIENCE_MS) < 0)
		return -ETIMEDOUT;
	return took_ms(start);
}

void child_reap(pid_t pid)
{
	kill(pid, SIGCONT);
	child_kill(pid);
}

int become_user(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
	    setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

void *shared_alloc(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED) {
		perror("# mmap");
		abort();
	}
	return mem;
}

/* ---- signals ------------------------------------------------------------- */

static void on_usr1(int sig)
{
	(void)sig;
}

void catch_usr1(int flags)
{
	struct sigaction action = {
		.sa_handler = on_usr1,
		.sa_flags = flags,
	};

	sigaction(SIGUSR1, &action, NULL);
}
