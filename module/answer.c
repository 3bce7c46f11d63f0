// SPDX-License-Identifier: GPL-2.0
/* The provider's side of a request: answers, events, and the end of it all. */
#include "answer.h"

#include "handle.h"
#include "request.h"
#include "scheme.h"
#include "ticket.h"

/* Answers taken in one go under the lock. */
#define TAKE_BATCH	32

static void queue_fail(struct schm_queue *q, u32 state, struct schm_late *late);

/* Not under the queue's lock, which is the first thing that the woken want. */
static void late_wake(struct schm_late *late)
{
	struct schm_req *req;

	list_for_each_entry(req, &late->ended, late) {
		if (late->will_sleep)
			wake_up_sync(&req->wait);
		else
			wake_up(&req->wait);
	}
	list_splice_tail_init(&late->ended, &late->reqs);
	if (late->wake)
		wake_up_interruptible_sync_poll(&late->wake->sq_wait,
						EPOLLIN | EPOLLRDNORM);
}

void schm_late_settle(struct schm_late *mine, struct schm_late *late)
{
	late_wake(mine);
	if (mine->cmd)
		schm_parked_complete(mine->cmd);
	if (unlikely(mine->broken))
		queue_fail(mine->broken, SCHEME_RING_BROKEN, late);
	list_splice_tail(&mine->reqs, &late->reqs);
	list_splice_tail(&mine->entries, &late->entries);
}

static void late_entry(struct schm_entry *entry, struct schm_late *late)
{
	if (entry->kind == SCHM_ENTRY_CANCEL)
		schm_req_unref(container_of(entry, struct schm_req, cancel),
			       late);
	else if (entry->kind == SCHM_ENTRY_MUNMAP)
		schm_map_gone(container_of(entry, struct schm_handle, map.entry),
			      late);
	else
		schm_handle_free(container_of(entry, struct schm_handle, close));
}

/*
 * Dropping references makes more to do, for instance CLOSEs that push other
 * entries on. All of it ends up on the one list here: however a provider
 * arranges its rings, the stack does not grow.
 */
void schm_late_run_slow(struct schm_late *mine)
{
	struct schm_entry *entry;
	struct schm_req *req;
	struct schm_late late = SCHM_LATE_INIT(late);

	schm_late_settle(mine, &late);
	for (;;) {
		req = list_first_entry_or_null(&late.reqs, struct schm_req, late);
		entry = list_first_entry_or_null(&late.entries,
						 struct schm_entry, node);
		if (req) {
			list_del(&req->late);
			schm_req_unref(req, &late);
		} else if (entry) {
			list_del(&entry->node);
			late_entry(entry, &late);
		} else {
			break;
		}
		cond_resched();
	}
}

void schm_req_end_locked(struct schm_req *req, s64 result,
			 struct schm_late *late)
{
	lockdep_assert_held(&req->queue->lock);
	req->result = result;
	/* pairs with the acquire in schm_req_done() */
	smp_store_release(&req->state, SCHM_REQ_DONE);
	/* pairs with the barrier of a sleeper that looks at the state */
	if (wq_has_sleeper(&req->wait)) {
		refcount_inc(&req->ref);
		list_add_tail(&req->late, &late->ended);
	}
}

/* The client has left: give the tag back, free the request outside. */
static void req_end_abandoned_locked(struct schm_req *req,
				     struct schm_late *late)
{
	/* as above, though nobody waits */
	smp_store_release(&req->state, SCHM_REQ_DONE);
	schm_req_drop_tag_locked(req);
	list_add_tail(&req->late, &late->reqs);
}

void schm_req_cancel_locked(struct schm_req *req, struct schm_late *late)
{
	struct scheme_sqe *sqe = &req->cancel.sqe;

	lockdep_assert_held(&req->queue->lock);
	if (req->canceling || !schm_queue_usable(req->queue))
		return;
	req->canceling = true;
	req->cancel.kind = SCHM_ENTRY_CANCEL;
	sqe->opcode = SCHEME_OP_CANCEL;
	sqe->flags = SCHEME_SQE_ONEWAY;
	sqe->handle = req->entry.sqe.handle;
	sqe->user_data = req->entry.sqe.user_data;
	refcount_inc(&req->ref);
	if (schm_queue_submit_locked(req->queue, &req->cancel, late))
		list_add_tail(&req->cancel.node, &late->entries);
	schm_queue_wake_locked(req->queue, late);
}

static bool opens(const struct schm_req *req)
{
	return req->entry.sqe.opcode == SCHEME_OP_OPEN ||
	       req->entry.sqe.opcode == SCHEME_OP_DUP;
}

/* Are the parts of the answer that this operation does not use zero? */
static bool answer_well_formed(const struct schm_req *req,
			       const struct scheme_cqe *cqe)
{
	u16 flags = 0;
	u64 extra = 0;

	if (opens(req)) {
		flags = SCHEME_CQE_F_POSITIONED | SCHEME_CQE_F_EVENTS;
		if (cqe->flags & SCHEME_CQE_F_EVENTS)
			extra = SCHM_EVENT_MASK;
	} else if (req->entry.sqe.opcode == SCHEME_OP_CALL) {
		extra = U64_MAX;
	}
	return !(cqe->flags & ~flags) && !(cqe->extra & ~extra);
}

/*
 * Is it a Linux errno? The common numbering has two holes; one of them is
 * Redox's EWOULDBLOCK, which a ported provider may have left in.
 */
static bool errno_exists(s64 err)
{
	if (EHWPOISON == 133 && (err == 41 || err == 58))
		return false;
	return err > 0 && err <= EHWPOISON;
}

/* Can the operation have had this result? */
static bool answer_possible(const struct schm_req *req,
			    const struct scheme_cqe *cqe)
{
	const struct scheme_sqe *sqe = &req->entry.sqe;

	if (cqe->result < 0)
		return cqe->result >= -EHWPOISON && errno_exists(-cqe->result);
	switch (sqe->opcode) {
	case SCHEME_OP_READ:
	case SCHEME_OP_WRITE:
		return cqe->result <= sqe->len;
	case SCHEME_OP_CALL:
		return cqe->extra <= sqe->aux;
	case SCHEME_OP_STAT:
		return cqe->result == sizeof(struct scheme_stat);
	case SCHEME_OP_STATFS:
		return cqe->result == sizeof(struct scheme_statfs);
	case SCHEME_OP_PATH:
	case SCHEME_OP_READLINK:
		return cqe->result <= sqe->aux;
	case SCHEME_OP_GETDENTS:
		return cqe->result <= sqe->len;
	case SCHEME_OP_TRUNCATE:
	case SCHEME_OP_UTIMENS:
	case SCHEME_OP_CHMOD:
	case SCHEME_OP_CHOWN:
	case SCHEME_OP_RENAME:
	case SCHEME_OP_LINK:
	case SCHEME_OP_SYMLINK:
	case SCHEME_OP_UNLINK:
	case SCHEME_OP_MKDIR:
	case SCHEME_OP_FSYNC:
	case SCHEME_OP_MMAP_PREP:
	case SCHEME_OP_RING_ATTACH:
		return !cqe->result;
	case SCHEME_OP_RECVFD:
		/* only a file will do */
		return false;
	default:
		return true;
	}
}

static void req_finish_locked(struct schm_req *req, s64 result,
			      struct schm_late *late)
{
	if (req->state == SCHM_REQ_ABANDONED)
		req_end_abandoned_locked(req, late);
	else
		schm_req_end_locked(req, result, late);
}

static void req_answer_locked(struct schm_req *req, const struct scheme_cqe *cqe,
			      bool possible, struct schm_late *late)
{
	req->extra = cqe->extra;
	if (possible && opens(req) && cqe->result >= 0)
		schm_handle_open(req->opens, req->queue, cqe);
	if (possible && cqe->result >= 0)
		schm_ticket_commit_locked(req);
	req_finish_locked(req, possible ? cqe->result : -EIO, late);
}

struct schm_req *schm_answer_find_locked(struct schm_queue *q, u64 tag)
{
	struct schm_req *req;
	u32 index = (u32)tag;

	if (index >= q->depth || tag != schm_queue_tag_locked(q, index))
		return ERR_PTR(-EBADF);
	req = q->tags[index].req;
	if (!req || !list_empty(&req->entry.node))
		return ERR_PTR(-EBADF);
	switch (req->state) {
	case SCHM_REQ_SENT:
	case SCHM_REQ_ABANDONED:
		return req;
	case SCHM_REQ_DONE:
		return ERR_PTR(-EALREADY);
	default:
		return ERR_PTR(-EBADF);
	}
}

static int take_value_locked(struct schm_queue *q, const struct scheme_cqe *cqe,
			     struct schm_late *late)
{
	struct schm_req *req = schm_answer_find_locked(q, cqe->user_data);
	bool possible;

	if (IS_ERR(req))
		return PTR_ERR(req);
	if (!answer_well_formed(req, cqe))
		return -EINVAL;
	possible = answer_possible(req, cqe);
	q->stats.answers++;
	q->stats.bad_results += !possible;
	req_answer_locked(req, cqe, possible, late);
	return possible ? 0 : -EPROTO;
}

/* The answer is a file of the provider's, which the ticket stands for. */
static int take_file_locked(struct schm_queue *q, const struct scheme_cqe *cqe,
			    struct schm_late *late)
{
	struct schm_req *req = schm_answer_find_locked(q, cqe->user_data);
	int result = 0;

	if (IS_ERR(req))
		return PTR_ERR(req);
	if (!schm_ticket_possible(req) || cqe->flags || cqe->result)
		return -EINVAL;
	if (!req->takes_file)
		result = -EOPNOTSUPP;
	else if (!schm_ticket_grant_locked(req, cqe->extra))
		return -EBADF;
	q->stats.answers++;
	q->stats.bad_results += !!result;
	req_finish_locked(req, result, late);
	return result;
}

static int take_event_locked(struct schm_queue *q, const struct scheme_cqe *cqe)
{
	if (cqe->flags || cqe->extra || (u64)cqe->result & ~(u64)SCHM_EVENT_MASK)
		return -EINVAL;
	q->stats.events++;
	if (!schm_handles_event(q->scheme, cqe->user_data, cqe->result))
		return -ENOENT;
	return 0;
}

static int take_locked(struct schm_queue *q, const struct scheme_cqe *cqe,
		       struct schm_late *late)
{
	int status;

	if (cqe->status)
		status = -EINVAL;
	else if (cqe->kind == SCHEME_CQE_EVENT)
		return take_event_locked(q, cqe);
	else if (cqe->kind == SCHEME_CQE_VALUE)
		status = take_value_locked(q, cqe, late);
	else if (cqe->kind == SCHEME_CQE_NEW_FD)
		status = take_file_locked(q, cqe, late);
	else
		status = -EINVAL;
	/* with these two the request has ended */
	if (status && status != -EPROTO && status != -EOPNOTSUPP)
		q->stats.refused++;
	return status;
}

/*
 * Take answers, a few at a time: an event may have many handles to look for,
 * and the queue's lock is held. Returns how many of nr are left.
 */
static u32 take_some_locked(struct schm_queue *q, u32 nr, struct schm_late *late)
{
	u32 begin = q->cq_head;
	struct scheme_cqe *shared, cqe;
	int status;

	nr = min(nr, schm_queue_posted_locked(q, late));
	if (!nr)
		return 0;
	do {
		shared = &q->cq[q->cq_head & (q->at.cq_entries - 1)];
		cqe = *shared;
		/* from here on only the copy: the provider may write on */
		barrier();
		status = take_locked(q, &cqe, late);
		WRITE_ONCE(shared->status, -status);
		WRITE_ONCE(q->cq_head, q->cq_head + 1);
	} while (--nr && q->cq_head - begin < TAKE_BATCH &&
		 cqe.kind != SCHEME_CQE_EVENT);
	/* pairs with the provider's acquire: the entries may be used again */
	smp_store_release(&q->client->cq_head, q->cq_head);
	return nr;
}

static void take_all(struct schm_queue *q, bool enter, bool will_sleep)
{
	u32 left = q->at.cq_entries;

	do {
		struct schm_late late = SCHM_LATE_INIT(late);

		late.will_sleep = will_sleep;
		spin_lock(&q->lock);
		if (enter)
			q->stats.enters++;
		enter = false;
		left = take_some_locked(q, left, &late);
		if (!left) {
			schm_queue_room_locked(q, &late);
			schm_queue_flush_locked(q, &late);
		}
		spin_unlock(&q->lock);
		schm_late_run(&late);
		if (left)
			cond_resched();
	} while (left);
}

void schm_answers_enter(struct schm_queue *q, bool will_sleep)
{
	take_all(q, true, will_sleep);
}

void schm_answers_take(struct schm_queue *q)
{
	take_all(q, false, false);
}

void schm_answers_poll(struct schm_queue *q)
{
	struct schm_late late = SCHM_LATE_INIT(late);

	if (READ_ONCE(q->prov->cq_tail) == READ_ONCE(q->cq_head) ||
	    !spin_trylock(&q->lock))
		return;
	take_some_locked(q, q->at.cq_entries, &late);
	spin_unlock(&q->lock);
	schm_late_run(&late);
}

static void fail_reqs_locked(struct schm_queue *q, struct schm_late *late)
{
	struct schm_req *req;
	u32 i;

	for (i = 0; i < q->depth; i++) {
		req = q->tags[i].req;
		if (!req)
			continue;
		if (req->state == SCHM_REQ_ABANDONED)
			req_end_abandoned_locked(req, late);
		else if (req->state == SCHM_REQ_SENT)
			schm_req_end_locked(req, -ENODEV, late);
	}
}

static void fail_pending_locked(struct schm_queue *q, struct schm_late *late)
{
	struct schm_entry *entry, *next;

	list_for_each_entry_safe(entry, next, &q->pending, node) {
		if (entry->kind == SCHM_ENTRY_REQ)
			list_del_init(&entry->node);
		else
			list_move_tail(&entry->node, &late->entries);
	}
	WRITE_ONCE(q->client->flags, 0);
}

static void queue_end_all_locked(struct schm_queue *q, int err,
				 struct schm_late *late)
{
	fail_pending_locked(q, late);
	fail_reqs_locked(q, late);
	schm_queue_unpark_locked(q, err, late);
	wake_up_all(&q->tag_wait);
	wake_up_interruptible_poll(&q->sq_wait, EPOLLERR | EPOLLHUP);
}

static void queue_fail(struct schm_queue *q, u32 state, struct schm_late *late)
{
	struct schm_late mine = SCHM_LATE_INIT(mine);

	spin_lock(&q->lock);
	schm_queue_set_state_locked(q, state);
	queue_end_all_locked(q, state & SCHEME_RING_DEAD ? -ENODEV : -EIO,
			     &mine);
	spin_unlock(&q->lock);
	schm_late_settle(&mine, late);
}

void schm_queue_fail(struct schm_queue *q, u32 state)
{
	struct schm_late late = SCHM_LATE_INIT(late);

	queue_fail(q, state, &late);
	schm_late_run(&late);
}

void schm_queue_open(struct schm_queue *q)
{
	spin_lock(&q->lock);
	q->opened++;
	WRITE_ONCE(q->closed, false);
	spin_unlock(&q->lock);
}

void schm_queue_close(struct schm_queue *q)
{
	struct schm_late late = SCHM_LATE_INIT(late);

	spin_lock(&q->lock);
	if (!--q->opened) {
		WRITE_ONCE(q->closed, true);
		queue_end_all_locked(q, -ENODEV, &late);
		/* nobody maps it: entries left there name slots that are free */
		WRITE_ONCE(q->prov->sq_head, q->sq_tail);
		WRITE_ONCE(q->prov->cq_tail, q->cq_head);
	}
	spin_unlock(&q->lock);
	schm_late_run(&late);
}
