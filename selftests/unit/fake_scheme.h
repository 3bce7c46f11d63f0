/* SPDX-License-Identifier: MIT */
/*
 * The part of libscheme that a provider's callbacks call, without a module: a
 * test makes a request, hands it to a callback and looks at the answer.
 */
#ifndef UNIT_FAKE_SCHEME_H
#define UNIT_FAKE_SCHEME_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <scheme.h>

struct scheme {
	void		*user;
};

struct scheme_req {
	struct scheme	*scheme;
	struct scheme_sqe sqe;
	uint32_t	flags;
	uint64_t	ino;		/* that the caller has seen */
	void		*user;
	unsigned int	room;		/* directory entries that fit */
	/* the answer */
	unsigned int	answers;
	int64_t		result;
	unsigned int	open_flags;
	uint32_t	out_len;
	char		bytes[4096];
	unsigned int	entries;
	uint64_t	next[64];	/* of the entries */
	char		name[64][256];
	/* memory that was attached: what it was, and how large then */
	int		memory;
	uint64_t	window;
	unsigned int	map_flags;
};

void *scheme_user(const struct scheme *s)
{
	return s->user;
}

struct scheme *scheme_req_scheme(const struct scheme_req *req)
{
	return req->scheme;
}

const struct scheme_sqe *scheme_req_sqe(const struct scheme_req *req)
{
	return &req->sqe;
}

uint64_t scheme_req_ino(const struct scheme_req *req)
{
	return req->ino;
}

uint32_t scheme_req_flags(const struct scheme_req *req)
{
	return req->flags;
}

void scheme_req_set_user(struct scheme_req *req, void *user)
{
	req->user = user;
}

void *scheme_req_user(const struct scheme_req *req)
{
	return req->user;
}

int scheme_reply(struct scheme_req *req, int64_t result)
{
	req->answers++;
	req->result = result;
	return 0;
}

int scheme_reply_open(struct scheme_req *req, uint64_t handle,
		      unsigned int flags, uint32_t events)
{
	(void)events;
	req->open_flags = flags;
	return scheme_reply(req, handle);
}

int scheme_reply_call(struct scheme_req *req, int64_t result, uint32_t out_len)
{
	req->out_len = out_len;
	return scheme_reply(req, result);
}

int scheme_reply_bytes(struct scheme_req *req, const void *data, size_t len)
{
	if (len > sizeof(req->bytes))
		return scheme_reply(req, -ENAMETOOLONG);
	memcpy(req->bytes, data, len);
	return scheme_reply(req, (int64_t)len);
}

int scheme_reply_stat(struct scheme_req *req, const struct scheme_stat *st)
{
	return scheme_reply_bytes(req, st, sizeof(*st));
}

int scheme_reply_statfs(struct scheme_req *req, const struct scheme_statfs *st)
{
	return scheme_reply_bytes(req, st, sizeof(*st));
}

int scheme_dirent_add(struct scheme_req *req, uint64_t ino, uint64_t next,
		      mode_t mode, const char *name)
{
	(void)ino;
	(void)mode;
	if (req->entries == req->room)
		return -ENOSPC;
	req->next[req->entries] = next;
	strcpy(req->name[req->entries++], name);
	return 0;
}

int scheme_reply_dirents(struct scheme_req *req)
{
	return scheme_reply(req, req->entries);
}

void scheme_serve_ring(struct scheme_req *req, uint32_t sq_entries,
		       uint32_t cq_entries, uint64_t word)
{
	(void)sq_entries, (void)cq_entries, (void)word;
	scheme_reply(req, -EOPNOTSUPP);
}

int scheme_req_attach_memory(struct scheme_req *req, int fd, uint64_t offset,
			     uint64_t size, unsigned int flags)
{
	req->memory = fd;
	req->window = offset + size;
	req->map_flags = flags;
	return 0;
}

#endif /* UNIT_FAKE_SCHEME_H */
