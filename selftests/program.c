// SPDX-License-Identifier: GPL-2.0
#include "program.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "provider.h"

static void run(const char *const argv[], int out)
{
	child_set_up();
	dup2(out, STDOUT_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/* One line, byte by byte: what comes behind it is somebody else's. */
static int await_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char line[128];
	size_t len = 0;

	while (len < sizeof(line) - 1) {
		if (poll(&p, 1, PATIENCE_MS) != 1)
			return -ETIMEDOUT;
		if (read(fd, &line[len], 1) != 1)
			return -EIO;
		if (line[len++] == '\n')
			break;
	}
	return strncmp(line, "ready:", 6) ? -EIO : 0;
}

pid_t program_start(const char *const argv[])
{
	int fds[2], ret;
	pid_t pid;

	if (pipe(fds))
		return -errno;
	pid = fork();
	if (!pid)
		run(argv, fds[1]);
	close(fds[1]);
	ret = pid < 0 ? -errno : await_ready(fds[0]);
	close(fds[0]);
	if (ret && pid > 0)
		child_reap(pid);
	return ret ? ret : pid;
}

int program_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	return child_result(pid);
}

static int any(const struct dirent *entry)
{
	(void)entry;
	return 1;
}

int program_fds(pid_t pid)
{
	struct dirent **list;
	char path[64];
	int nr;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	nr = scandir(path, &list, any, alphasort);
	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++)
		free(list[i]);
	free(list);
	/* without "." and ".." */
	return nr - 2;
}
