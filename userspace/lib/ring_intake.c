// SPDX-License-Identifier: MIT
/*
 * A ring's server: from an entry, which is the client's word, to a request. The
 * entry is the server's own copy; payloads that are text are copied, too, before
 * anybody looks at them.
 */
#include "ring_serve.h"
#include "op.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_SQE_FLAGS	(SCHEME_SQE_ONEWAY | SCHEME_SQE_DRAIN | SCHEME_SQE_CHAIN | \
			 SCHEME_SQE_CHAIN_SOFT | SCHEME_SQE_MULTISHOT)
#define CHAINS		(SCHEME_SQE_CHAIN | SCHEME_SQE_CHAIN_SOFT)
/* The longest payload that is text: two paths, their header and a NUL. */
#define TEXT_MAX	(sizeof(struct scheme_paths) + 2UL * SCHEME_PATH_MAX + 1)

/* ---- payload ----------------------------------------------------------------- */

/*
 * The client may have added regions since. To ask once for all entries that were
 * taken together is enough, since it adds them before it names them.
 */
static inline void *pool_at(struct scheme_ring_server *s, uint64_t addr, uint64_t len)
{
	void *mem = ring_at(s->ring, addr, len);

	if (mem || !s->may_learn)
		return mem;
	s->may_learn = false;
	return scheme_ring_learn_regions(s->ring) > 0 ? ring_at(s->ring, addr, len) : NULL;
}

static int take_text(struct ring_req *r)
{
	const struct scheme_sqe *sqe = &r->req.sqe;
	const void *from;

	if (sqe->len > TEXT_MAX)
		return -ENAMETOOLONG;
	from = sqe->len ? pool_at(r->server, sqe->addr, sqe->len) : NULL;
	if (sqe->len && !from)
		return -EFAULT;
	r->text = malloc((size_t)sqe->len + 1);	/* a NUL comes behind it */
	if (!r->text)
		return -ENOMEM;
	if (sqe->len)
		memcpy(r->text, from, sqe->len);
	r->req.in = r->text;
	return 0;
}

static int take_payload(struct ring_req *r)
{
	struct scheme_req *req = &r->req;
	uint64_t bytes = op_bytes(&req->sqe);

	/* without bytes there is nothing to point at, but no NULL either */
	req->in = req->out = (uint8_t *)&r->req.sqe;
	req->room = 0;
	if (bytes) {
		if (bytes > UINT32_MAX)
			return -EFAULT;
		req->out = pool_at(r->server, req->sqe.addr, bytes);
		if (!req->out)
			return -EFAULT;
		req->in = req->out;
		req->room = (uint32_t)bytes;
	}
	return op_is(req->sqe.opcode, OP_TEXT) ? take_text(r) : 0;
}

/* ---- files ------------------------------------------------------------------- */

static int take_files(struct ring_req *r)
{
	struct scheme_ring_server *s = r->server;
	struct scheme_sqe *sqe = &r->req.sqe;
	uint32_t flags = 0;
	int ret = files_take(r, &flags);

	if (ret || !op_is(sqe->opcode, OP_OPENS))
		return ret;
	r->opened_flags = sqe->opcode == SCHEME_OP_DUP ? flags :
		sqe->op_flags & (O_ACCMODE | O_APPEND);
	/* before it is opened: there is no taking that back */
	if (s->nr_files == s->config.files)
		return -EMFILE;
	s->nr_files++;
	return 0;
}

/* ---- order ------------------------------------------------------------------- */

void intake_order(struct ring_req *r)
{
	struct scheme_ring_server *s = r->server;

	r->older = s->newest;
	r->newer = NULL;
	if (s->newest)
		s->newest->newer = r;
	else
		s->oldest = r;
	s->newest = r;
	r->chained = NULL;
	r->before = s->last_result;
	r->after = r->req.sqe.flags & CHAINS ? s->last : NULL;
	if (r->after)
		r->after->chained = r;
	s->last = r;
}

/* Behind all that are as urgent; nearly always that is the end. */
static void add_waiting(struct scheme_ring_server *s, struct ring_req *r)
{
	uint16_t priority = r->req.sqe.priority;
	struct ring_req **link = &s->waiting;

	if (s->waiting && s->waiting_last->req.sqe.priority >= priority)
		link = &s->waiting_last->next;
	while (*link && (*link)->req.sqe.priority >= priority)
		link = &(*link)->next;
	r->next = *link;
	*link = r;
	if (!r->next)
		s->waiting_last = r;
	r->waiting = true;
}

/* ---- all of it --------------------------------------------------------------- */

static int check(const struct scheme_sqe *sqe)
{
	if (sqe->flags & ~KNOWN_SQE_FLAGS || (sqe->flags & CHAINS) == CHAINS)
		return -EINVAL;
	if (op_is(sqe->opcode, OP_KERNEL))
		return -EOPNOTSUPP;
	return op_is(sqe->opcode, OP_ONEWAY) ? -EINVAL : 0;
}

static struct ring_req *begin(struct scheme_ring_server *s)
{
	struct ring_req *r = s->free;

	s->free = r->next;
	s->pending++;
	s->all_cancelled = false;
	r->req.sqe.pid = s->config.pid;
	r->req.sqe.uid = s->config.uid;
	r->req.sqe.gid = s->config.gid;
	r->req.user = NULL;
	r->text = NULL;
	r->cancelled = r->watches = r->opening = false;
	r->file = r->file2 = NO_FILE;
	atomic_store_explicit(&r->req.state, REQ_PENDING, memory_order_release);
	return r;
}

static int prepare(struct ring_req *r)
{
	int ret = check(&r->req.sqe);

	if (!ret)
		ret = take_files(r);
	if (ret)
		return ret;
	r->opening = op_is(r->req.sqe.opcode, OP_OPENS);
	return take_payload(r);
}

void intake(struct scheme_ring_server *s)
{
	struct ring_req *r = begin(s);

	intake_order(r);
	add_waiting(s, r);
	r->error = prepare(r);
}

struct ring_req *intake_plain(struct scheme_ring_server *s)
{
	struct ring_req *r = begin(s);
	uint32_t flags;

	r->error = files_take(r, &flags);
	if (!r->error)
		r->error = take_payload(r);
	if (!r->error)
		return r;
	intake_order(r);
	add_waiting(s, r);
	return NULL;
}

void intake_undo(struct ring_req *r)
{
	if (r->text)
		free(r->text);
	r->text = NULL;
	files_release(r->server, r->file);
	files_release(r->server, r->file2);
	r->file = r->file2 = NO_FILE;
	if (r->opening)
		r->server->nr_files--;
	r->opening = false;
}

static bool is_victim(const struct ring_req *r, const struct scheme_sqe *sqe)
{
	if (sqe->op_flags & SCHEME_CANCEL_HANDLE)
		return r->file != NO_FILE &&
		       r->file == files_index(r->server, sqe->handle);
	return r->req.sqe.user_data == sqe->user_data;
}

void intake_oneway(struct scheme_ring_server *s, const struct scheme_sqe *sqe)
{
	struct ring_req *r;

	/* nobody answers it: it counts as answered */
	s->last = NULL;
	s->last_result = 0;
	if (sqe->opcode == SCHEME_OP_CLOSE)
		files_close(s, sqe->handle);
	if (sqe->opcode != SCHEME_OP_CANCEL ||
	    sqe->op_flags & ~SCHEME_CANCEL_HANDLE)
		return;
	for (r = s->oldest; r; r = r->newer)
		if (is_victim(r, sqe))
			server_cancel(r);
}
