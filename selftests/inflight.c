// SPDX-License-Identifier: GPL-2.0
#include "inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

int queue_attach(struct queue *q, uint64_t tag, int fd, uint64_t *ticket)
{
	struct scheme_attach arg = { .tag = tag, .fd = fd };
	int ret = do_ioctl(q->fd, SCHEME_IOC_ATTACH, &arg);

	*ticket = arg.ticket;
	return ret;
}

int queue_attach_memory(struct queue *q, uint64_t tag, int fd, uint64_t offset,
			uint64_t size, uint32_t flags)
{
	struct scheme_attach_memory arg = {
		.tag = tag,
		.fd = fd,
		.flags = flags,
		.offset = offset,
		.size = size,
	};

	return do_ioctl(q->fd, SCHEME_IOC_ATTACH_MEMORY, &arg);
}

int queue_fetch(struct queue *q, uint64_t tag, uint32_t flags)
{
	struct scheme_fetch arg = { .tag = tag, .flags = flags };

	return do_ioctl(q->fd, SCHEME_IOC_FETCH, &arg);
}

int queue_answer_fd(struct queue *q, const struct scheme_sqe *sqe,
		    uint64_t ticket)
{
	const struct scheme_cqe cqe = {
		.user_data = sqe->user_data,
		.kind = SCHEME_CQE_NEW_FD,
		.extra = ticket,
	};

	return queue_push(q, &cqe);
}

int64_t client_sendfd(int fd, int sent, const char *name, uint32_t flags,
		      uint64_t word)
{
	struct scheme_sendfd arg = {
		.name = (uintptr_t)name,
		.name_len = strlen(name),
		.fd = sent,
		.flags = flags,
		.word = word,
	};
	int ret = do_ioctl(fd, SCHEME_IOC_SENDFD, &arg);

	return ret < 0 ? ret : arg.result;
}

int client_recvfd(int fd, const char *name, uint32_t flags, uint64_t word)
{
	struct scheme_recvfd arg = {
		.name = (uintptr_t)name,
		.name_len = strlen(name),
		.flags = flags,
		.word = word,
	};

	return do_ioctl(fd, SCHEME_IOC_RECVFD, &arg);
}

int marker_begin(struct marker *m)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	m->reader = fds[0];
	m->writer = fds[1];
	return 0;
}

void marker_close_writer(struct marker *m)
{
	close(m->writer);
	m->writer = -1;
}

bool marker_gone(const struct marker *m)
{
	char byte;

	return wait_until(read(m->reader, &byte, 1) == 0);
}

bool marker_held(const struct marker *m)
{
	char byte;

	return read(m->reader, &byte, 1) == -1 && errno == EAGAIN;
}

bool marker_is(const struct marker *m, int fd)
{
	char byte = 0;

	return write(fd, "m", 1) == 1 && read(m->reader, &byte, 1) == 1 &&
	       byte == 'm';
}

void marker_end(struct marker *m)
{
	close(m->reader);
	if (m->writer >= 0)
		close(m->writer);
}

long files_now(void)
{
	FILE *f = fopen("/proc/sys/fs/file-nr", "re");
	char line[64];
	long nr = -1;

	if (f && fgets(line, sizeof(line), f))
		nr = strtol(line, NULL, 10);
	if (f)
		fclose(f);
	return nr;
}
