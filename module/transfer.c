// SPDX-License-Identifier: GPL-2.0
/*
 * READ and WRITE: any length of client memory through slots.
 *
 * On a positioned handle a long transfer is cut into pieces of a slot, several
 * of which are in flight together. The pieces end in order, and the first that
 * falls short ends the transfer: the result is a contiguous prefix. A stream
 * moves one slot at most and answers short.
 *
 * Only the first piece waits for a slot; the others take one if there is one,
 * so that no client holds slots while it waits for more.
 */
#include "transfer.h"

#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "handle.h"
#include "limits.h"
#include "request.h"
#include "scheme.h"

struct transfer {
	struct schm_handle	*handle;
	struct kiocb		*iocb;
	struct iov_iter		*iter;
	u8			opcode;
	u32			op_flags;
	unsigned long		deadline;	/* of all pieces */
	u64			pos;		/* of the next piece */
	size_t			left;		/* not yet in a piece */
	size_t			done;		/* the contiguous prefix */
	int			error;		/* what ended it */
	bool			last;		/* make no more pieces */
	bool			settled;	/* done will not grow */

	/* in flight, oldest first, in a ring */
	struct {
		struct schm_req	*req;
		u32		len;
	} piece[SCHM_PIPELINE];
	unsigned int		first;
	unsigned int		nr;
};

static u32 transfer_flags(const struct kiocb *iocb, u8 opcode)
{
	u32 flags = 0;

	if ((iocb->ki_flags & IOCB_NOWAIT) ||
	    (iocb->ki_filp->f_flags & O_NONBLOCK))
		flags |= SCHEME_RW_NONBLOCK;
	if (opcode == SCHEME_OP_READ)
		return flags;
	if (iocb->ki_flags & IOCB_APPEND)
		flags |= SCHEME_RW_APPEND;
	if (iocb->ki_flags & IOCB_DSYNC)
		flags |= SCHEME_RW_DSYNC;
	return flags;
}

static void transfer_fail(struct transfer *t, int error)
{
	if (!t->error)
		t->error = error;
	t->last = true;
}

static struct schm_req *piece_prepare(struct transfer *t)
{
	struct schm_req *req;
	int ret;

	req = schm_req_alloc(t->handle, t->iocb->ki_filp, t->opcode);
	if (!req)
		return ERR_PTR(-ENOMEM);
	req->deadline = t->deadline;
	ret = schm_req_reserve(req, t->nr || (t->op_flags & SCHEME_RW_NONBLOCK));
	if (ret) {
		schm_req_put(req);
		return ERR_PTR(ret);
	}
	req->entry.sqe.op_flags = t->op_flags;
	req->entry.sqe.offset = t->handle->positioned ? t->pos : SCHEME_NO_OFFSET;
	return req;
}

/* Copy a WRITE's payload; a fault in the middle makes the last piece short. */
static u32 piece_fill(struct transfer *t, struct schm_req *req, u32 len)
{
	u32 copied;

	if (t->opcode == SCHEME_OP_READ)
		return len;
	copied = copy_from_iter(req->slot, len, t->iter);
	if (copied < len)
		transfer_fail(t, -EFAULT);
	return copied;
}

/* Put one more piece in flight; false if that cannot be now. */
static bool transfer_push(struct transfer *t)
{
	unsigned int at = (t->first + t->nr) % SCHM_PIPELINE;
	struct schm_req *req;
	u32 len;

	req = piece_prepare(t);
	if (IS_ERR(req)) {
		/* no slot: the pieces in flight will give one back */
		if (!t->nr || PTR_ERR(req) != -EAGAIN)
			transfer_fail(t, PTR_ERR(req));
		return false;
	}
	len = min_t(size_t, t->left, req->queue->slot_size);
	len = piece_fill(t, req, len);
	if (!len && t->left) {
		schm_req_put(req);
		return false;
	}
	schm_req_submit(req, len);
	t->piece[at].req = req;
	t->piece[at].len = len;
	t->nr++;
	t->pos += len;
	t->left -= len;
	if (!t->left)
		t->last = true;
	return true;
}

/* Wait for the oldest piece and add it to the prefix. */
static void transfer_pop(struct transfer *t)
{
	struct schm_req *req = t->piece[t->first].req;
	u32 len = t->piece[t->first].len;
	s64 got = schm_req_wait(req);

	t->first = (t->first + 1) % SCHM_PIPELINE;
	t->nr--;
	if (got < 0) {
		transfer_fail(t, got);
	} else if (!t->settled) {
		if (t->opcode == SCHEME_OP_READ &&
		    copy_to_iter(req->slot, got, t->iter) < got) {
			transfer_fail(t, -EFAULT);
			got = 0;
		}
		t->done += got;
		/* short: what lies behind it is no part of the result */
		if (got < len)
			t->last = true;
	}
	schm_req_put(req);
}

/*
 * The result is settled; what lies behind it in flight is of no interest. But
 * the rest of a write must not land after the caller's next one: wait for it,
 * unless the caller is leaving anyway.
 */
static void transfer_settle(struct transfer *t)
{
	t->settled = true;
	t->last = true;
	if (t->opcode == SCHEME_OP_WRITE && !t->error)
		return;
	for (; t->nr; t->nr--, t->first = (t->first + 1) % SCHM_PIPELINE)
		schm_req_abandon(t->piece[t->first].req);
}

/* A piece fell short of its end: the prefix stops there. */
static bool transfer_settled(const struct transfer *t, size_t total)
{
	size_t in_flight = 0;
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		in_flight += t->piece[(t->first + i) % SCHM_PIPELINE].len;
	return t->done + in_flight + t->left < total;
}

/* Somebody wants the caller: what is done is the result. */
static bool transfer_interrupted(const struct transfer *t)
{
	if (!t->nr && !t->done)
		return false;
	return task_sigpending(current) ||
	       ((current->flags & PF_IO_WORKER) && signal_pending(current));
}

static bool transfer_may_split(const struct transfer *t)
{
	return t->handle->positioned && !(t->op_flags & SCHEME_RW_APPEND);
}

ssize_t schm_transfer(struct schm_handle *h, struct kiocb *iocb,
		      struct iov_iter *iter, u8 opcode)
{
	size_t total = iov_iter_count(iter);
	struct transfer t = {
		.handle = h,
		.iocb = iocb,
		.iter = iter,
		.opcode = opcode,
		.op_flags = transfer_flags(iocb, opcode),
		.deadline = schm_req_deadline(h->scheme, !is_sync_kiocb(iocb)),
		.pos = iocb->ki_pos,
		.left = total,
	};
	unsigned int window = transfer_may_split(&t) ? SCHM_PIPELINE : 1;

	do {
		t.last |= transfer_interrupted(&t);
		while (!t.last && t.nr < window && transfer_push(&t))
			t.last |= window == 1;
		if (t.nr)
			transfer_pop(&t);
		if (transfer_settled(&t, total))
			transfer_settle(&t);
	} while (t.nr || !t.last);

	iov_iter_revert(iter, total - iov_iter_count(iter) - t.done);
	if (!t.done && t.error)
		return t.error;
	if (h->positioned)
		iocb->ki_pos += t.done;
	return t.done;
}
