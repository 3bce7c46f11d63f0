// SPDX-License-Identifier: MIT
/*
 * Requests and their answers: exactly one each.
 */
#include "int.h"

bool req_claim(struct scheme_req *req)
{
	int pending = REQ_PENDING;

	return atomic_compare_exchange_strong(&req->state, &pending,
					      REQ_ANSWERED);
}

int req_post(struct scheme_req *req, struct scheme_cqe *cqe)
{
	cqe->user_data = req->sqe.user_data;
	return req->post(req, cqe);
}

static int answer(struct scheme_req *req, struct scheme_cqe *cqe)
{
	return req_claim(req) ? req_post(req, cqe) : -EALREADY;
}

int scheme_reply(struct scheme_req *req, int64_t result)
{
	struct scheme_cqe cqe = { .result = result };

	return answer(req, &cqe);
}

int scheme_reply_open(struct scheme_req *req, uint64_t handle,
		      unsigned int flags, uint32_t events)
{
	struct scheme_cqe cqe = {
		.result = (int64_t)handle,
		.flags = (uint16_t)flags,
		.extra = flags & SCHEME_CQE_F_EVENTS ? events : 0,
	};

	/* the client must not hang for our mistake */
	if (handle > INT64_MAX || flags > UINT16_MAX) {
		scheme_reply(req, -EIO);
		return -EINVAL;
	}
	return answer(req, &cqe);
}

int scheme_reply_call(struct scheme_req *req, int64_t result, uint32_t out_len)
{
	struct scheme_cqe cqe = { .result = result, .extra = out_len };

	return answer(req, &cqe);
}

/* Without a queue it is not known of which scheme; see scheme_post_ready(). */
int scheme_post_event(struct scheme_queue *q, uint64_t handle, uint32_t events)
{
	const struct scheme_cqe cqe = {
		.user_data = handle,
		.result = events,
		.kind = SCHEME_CQE_EVENT,
	};

	int ret;

	if (!q)
		return 0;
	ret = queue_post(q, &cqe, NO_TAG);
	rings_post(q->scheme, handle, events);
	return ret;
}

struct scheme *scheme_req_scheme(const struct scheme_req *req)
{
	return req->scheme;
}

struct scheme_queue *scheme_req_queue(const struct scheme_req *req)
{
	return req->queue ? req->queue : scheme_queue(req->scheme, 0);
}

const struct scheme_sqe *scheme_req_sqe(const struct scheme_req *req)
{
	return &req->sqe;
}

uint32_t scheme_req_flags(const struct scheme_req *req)
{
	return req->sqe.op_flags;
}

uint64_t scheme_req_ino(const struct scheme_req *req)
{
	switch (req->sqe.opcode) {
	case SCHEME_OP_TRUNCATE:
	case SCHEME_OP_UTIMENS:
	case SCHEME_OP_CHMOD:
	case SCHEME_OP_CHOWN:
	case SCHEME_OP_RENAME:
	case SCHEME_OP_LINK:
	case SCHEME_OP_UNLINK:
		return req->sqe.offset;
	default:
		return 0;
	}
}

void scheme_req_set_user(struct scheme_req *req, void *user)
{
	req->user = user;
}

void *scheme_req_user(const struct scheme_req *req)
{
	return req->user;
}
