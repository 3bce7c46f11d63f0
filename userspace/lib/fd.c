// SPDX-License-Identifier: MIT
/*
 * Files in flight and memory to map, on both sides. Descriptors are numbers of
 * the calling process, so each of these is a system call, not an entry of a ring.
 */
#include "int.h"

#include <string.h>

/* ---- provider -------------------------------------------------------------- */

/* What the client of a request gets when its file could not be attached. */
static int attach_error(int ret)
{
	/* an open(2), which cannot return a file; the client has left */
	if (ret == -EOPNOTSUPP || ret == -ECANCELED)
		return ret;
	return -EIO;
}

int scheme_reply_fd(struct scheme_req *req, int fd)
{
	struct scheme_queue *q = req->queue;
	struct scheme_attach args = {
		.tag = req->sqe.user_data,
		.fd = fd,
	};
	struct scheme_cqe cqe = { .kind = SCHEME_CQE_NEW_FD };
	int ret, posted;

	/* first, or another thread's answer would take the ticket's place */
	if (!req_claim(req))
		return -EALREADY;
	ret = q ? q->ioctl(q, SCHEME_IOC_ATTACH, &args) : -EOPNOTSUPP;
	if (ret < 0)
		cqe = (struct scheme_cqe){ .result = attach_error(ret) };
	else
		cqe.extra = args.ticket;
	posted = req_post(req, &cqe);
	return ret < 0 ? ret : posted;
}

int scheme_req_fetch_fd(struct scheme_req *req, int flags)
{
	struct scheme_queue *q = req->queue;
	struct scheme_fetch args = {
		.tag = req->sqe.user_data,
		.flags = (uint32_t)flags,
	};

	return q ? q->ioctl(q, SCHEME_IOC_FETCH, &args) : -EOPNOTSUPP;
}

int scheme_req_attach_memory(struct scheme_req *req, int fd, uint64_t offset,
			     uint64_t size, unsigned int flags)
{
	struct scheme_queue *q = req->queue;
	struct scheme_attach_memory args = {
		.tag = req->sqe.user_data,
		.fd = fd,
		.flags = flags,
		.offset = offset,
		.size = size,
	};

	return q ? q->ioctl(q, SCHEME_IOC_ATTACH_MEMORY, &args) : -EOPNOTSUPP;
}

/* ---- client ---------------------------------------------------------------- */

int scheme_sendfd(int fd, int sent, const char *name, uint64_t word,
		  unsigned int flags, int64_t *result)
{
	size_t len = strlen(name);
	struct scheme_sendfd args = {
		.name = (uint64_t)(uintptr_t)name,
		.name_len = (uint32_t)len,
		.fd = sent,
		.flags = flags,
		.word = word,
	};
	int ret;

	if (len > SCHEME_PATH_MAX)
		return -ENAMETOOLONG;
	ret = ioctl_errno(fd, SCHEME_IOC_SENDFD, &args);
	if (ret >= 0 && result)
		*result = args.result;
	return ret;
}

int scheme_recvfd(int fd, const char *name, uint64_t word, int flags)
{
	size_t len = strlen(name);
	struct scheme_recvfd args = {
		.name = (uint64_t)(uintptr_t)name,
		.name_len = (uint32_t)len,
		.flags = (uint32_t)flags,
		.word = word,
	};

	if (len > SCHEME_PATH_MAX)
		return -ENAMETOOLONG;
	return ioctl_errno(fd, SCHEME_IOC_RECVFD, &args);
}

int scheme_mmap_prep(int fd, uint64_t offset, uint64_t size,
		     unsigned int flags)
{
	struct scheme_mmap_prep args = {
		.offset = offset,
		.size = size,
		.flags = flags,
	};

	return ioctl_errno(fd, SCHEME_IOC_MMAP_PREP, &args);
}
