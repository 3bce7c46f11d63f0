// SPDX-License-Identifier: GPL-2.0
#include "chan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <scheme.h>

#include "job.h"
#include "program.h"
#include "provider.h"

pid_t chan_begin(const char *depth, int *listener)
{
	const char *const argv[] = {
		"chand", CHAN_NAME, "--mode", "0666", depth ? "--depth" : NULL,
		depth, NULL
	};
	pid_t pid = program_start(argv);

	if (pid < 0)
		return pid;
	*listener = scheme_open(CHAN_NAME ":here", O_RDWR | O_CREAT | O_EXCL,
				0600);
	if (*listener >= 0)
		return pid;
	child_reap(pid);
	return *listener;
}

int chan_connect(int flags)
{
	return scheme_open(CHAN_NAME ":here", O_RDWR | flags, 0);
}

int chan_pair(int listener, int fd[2], int flags)
{
	fd[0] = chan_connect(flags);
	if (fd[0] < 0)
		return fd[0];
	fd[1] = scheme_dup(listener, "listen", flags);
	return fd[1] < 0 ? fd[1] : 0;
}

void chan_close(const int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

long read_errno(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	return n < 0 ? -errno : n;
}

long write_errno(int fd, const void *buf, size_t len)
{
	ssize_t n = write(fd, buf, len);

	return n < 0 ? -errno : n;
}

long chan_fill(int fd)
{
	static const char bytes[4096];
	long n, all = 0;

	while ((n = write_errno(fd, bytes, sizeof(bytes))) > 0)
		all += n;
	return n == -EAGAIN ? all : n;
}

int chan_poll(int fd)
{
	struct pollfd p = {
		.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP,
	};

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

bool chan_polls(int fd, int events)
{
	return wait_until(chan_poll(fd) == events);
}
