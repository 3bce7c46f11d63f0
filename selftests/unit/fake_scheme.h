/* SPDX-License-Identifier: MIT */
/*
 * The part of libscheme that a provider's callbacks call, without a module: a
 * test makes a request, hands it to a callback and looks at the answer.
 */
#ifndef UNIT_FAKE_SCHEME_H
#define UNIT_FAKE_SCHEME_H

#include <stdlib.h>

#include <scheme.h>

struct scheme {
	void		*user;
};

struct scheme_req {
	struct scheme	*scheme;
	uint32_t	flags;
	void		*user;
	/* the answer */
	unsigned int	answers;
	int64_t		result;
	unsigned int	open_flags;
	uint32_t	out_len;
};

void *scheme_user(const struct scheme *s)
{
	return s->user;
}

struct scheme *scheme_req_scheme(const struct scheme_req *req)
{
	return req->scheme;
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

#endif /* UNIT_FAKE_SCHEME_H */
