// SPDX-License-Identifier: GPL-2.0
/* A handle: what a client's open file is to the module. */
#include "handle.h"

#include <linux/cred.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "answer.h"
#include "scheme.h"

struct schm_handle *schm_handle_alloc(struct schm_scheme *s)
{
	struct schm_handle *h;

	h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);
	if (!h)
		return ERR_PTR(-ENOMEM);
	h->user = schm_user_get(s, current_euid());
	if (!h->user) {
		kfree(h);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&h->ref, 1);
	h->scheme = schm_scheme_get(s);
	h->opener = get_pid(task_tgid(current));
	h->number = SCHEME_ROOT;
	h->events = (__force u32)DEFAULT_POLLMASK;
	init_waitqueue_head(&h->wait);
	INIT_LIST_HEAD(&h->inode_node);
	INIT_LIST_HEAD(&h->close.node);
	h->close.kind = SCHM_ENTRY_CLOSE;

	spin_lock(&s->lock);
	hash_add(s->handles, &h->node, h->number);
	spin_unlock(&s->lock);
	return h;
}

void schm_handle_free(struct schm_handle *h)
{
	struct schm_scheme *s = h->scheme;

	put_pid(h->opener);
	schm_user_put(h->user);
	kfree(h);
	schm_scheme_put(s);
}

/*
 * The CLOSE goes where the OPEN was answered, so that no queue gathers more of
 * them than it has handles open, however slowly it is served.
 */
static struct schm_queue *handle_close_queue(const struct schm_handle *h)
{
	return schm_queue_usable(h->home) ? h->home : schm_scheme_pick(h->scheme);
}

/* Tell the provider; returns true if the handle still belongs to the caller. */
static bool handle_send_close(struct schm_handle *h, struct schm_late *late)
{
	struct schm_scheme *s = h->scheme;
	struct schm_queue *q;
	bool sent = false, ours = true;
	struct schm_late mine = SCHM_LATE_INIT(mine);

	h->close.sqe.opcode = SCHEME_OP_CLOSE;
	h->close.sqe.flags = SCHEME_SQE_ONEWAY;
	h->close.sqe.handle = h->number;
	/* an entry that has to wait takes h, and h its scheme, from under us */
	schm_scheme_get(s);
	while (!sent && (q = handle_close_queue(h))) {
		spin_lock(&q->lock);
		sent = schm_queue_usable(q);
		if (sent) {
			ours = schm_queue_submit_locked(q, &h->close, &mine);
			schm_queue_wake_locked(q, &mine);
		}
		spin_unlock(&q->lock);
	}
	schm_late_settle(&mine, late);
	schm_scheme_put(s);
	return ours;
}

void schm_handle_unref(struct schm_handle *h, struct schm_late *late)
{
	struct schm_scheme *s = h->scheme;

	if (!refcount_dec_and_test(&h->ref))
		return;
	spin_lock(&s->lock);
	hash_del(&h->node);
	spin_unlock(&s->lock);
	if (h->open) {
		atomic_dec(&s->nr_handles);
		if (!handle_send_close(h, late))
			return;
	}
	schm_handle_free(h);
}

void schm_handle_put(struct schm_handle *h)
{
	struct schm_late late = SCHM_LATE_INIT(late);

	schm_handle_unref(h, &late);
	schm_late_run(&late);
}

void schm_handle_open(struct schm_handle *h, struct schm_queue *home,
		      const struct scheme_cqe *cqe)
{
	struct schm_scheme *s = h->scheme;

	spin_lock(&s->lock);
	hash_del(&h->node);
	h->number = cqe->result;
	h->open = true;
	h->home = home;
	h->positioned = cqe->flags & SCHEME_CQE_F_POSITIONED;
	if (cqe->flags & SCHEME_CQE_F_EVENTS)
		WRITE_ONCE(h->events, cqe->extra);
	hash_add(s->handles, &h->node, h->number);
	spin_unlock(&s->lock);
	atomic_inc(&s->nr_handles);
}

bool schm_handles_event(struct schm_scheme *s, u64 number, u32 events)
{
	struct schm_handle *h;
	bool found = false;

	spin_lock(&s->lock);
	hash_for_each_possible(s->handles, h, node, number) {
		if (!h->open || h->number != number)
			continue;
		WRITE_ONCE(h->events, events);
		wake_up_interruptible_poll(&h->wait, (__force __poll_t)events);
		found = true;
	}
	spin_unlock(&s->lock);
	return found;
}

void schm_handles_wake(struct schm_scheme *s)
{
	struct schm_handle *h;
	int bucket;

	spin_lock(&s->lock);
	hash_for_each(s->handles, bucket, h, node)
		wake_up_interruptible_poll(&h->wait, EPOLLERR | EPOLLHUP);
	spin_unlock(&s->lock);
}
