// SPDX-License-Identifier: GPL-2.0
/* A handle: what a client's open file is to the module. */
#include "handle.h"

#include <linux/cred.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "answer.h"
#include "scheme.h"

/* ---- as a source of events ------------------------------------------------- */

static struct schm_handle *source_handle(struct schm_source *s)
{
	return container_of(s, struct schm_handle, source);
}

static u32 handle_state_locked(struct schm_source *s)
{
	const struct schm_handle *h = source_handle(s);

	lockdep_assert_held(&h->scheme->lock);
	return h->ended ? SCHM_EVENT_DEATH : h->events;
}

static void handle_source_get(struct schm_source *s)
{
	schm_handle_get(source_handle(s));
}

static void handle_source_put(struct schm_source *s)
{
	schm_handle_put(source_handle(s));
}

static const struct schm_source_ops handle_source_ops = {
	.state_locked	= handle_state_locked,
	.get		= handle_source_get,
	.put		= handle_source_put,
};

/* ---- its life ---------------------------------------------------------------- */

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
	schm_source_init(&h->source, &s->lock, &handle_source_ops);
	init_waitqueue_head(&h->wait);
	INIT_LIST_HEAD(&h->inode_node);
	INIT_LIST_HEAD(&h->close.node);
	h->close.kind = SCHM_ENTRY_CLOSE;
	schm_map_init(&h->map);

	spin_lock(&s->lock);
	hash_add(s->handles, &h->node, h->number);
	spin_unlock(&s->lock);
	return h;
}

void schm_handle_free(struct schm_handle *h)
{
	struct schm_scheme *s = h->scheme;

	schm_map_exit(&h->map);
	put_pid(h->opener);
	schm_user_put(h->user);
	kfree(h);
	schm_scheme_put(s);
}

/*
 * What is told of a handle goes where its OPEN was answered: in order, and so
 * that no queue gathers more of it than it has handles open, however slowly it
 * is served.
 */
static struct schm_queue *handle_home(const struct schm_handle *h)
{
	return schm_queue_usable(h->home) ? h->home : schm_scheme_pick(h->scheme);
}

bool schm_handle_send(struct schm_handle *h, struct schm_entry *entry,
		      struct schm_late *late)
{
	struct schm_scheme *s = h->scheme;
	struct schm_queue *q;
	bool sent = false, ours = true;
	struct schm_late mine = SCHM_LATE_INIT(mine);

	/* an entry that has to wait takes h, and h its scheme, from under us */
	schm_scheme_get(s);
	while (!sent && (q = handle_home(h))) {
		spin_lock(&q->lock);
		sent = schm_queue_usable(q);
		if (sent) {
			ours = schm_queue_submit_locked(q, entry, &mine);
			schm_queue_wake_locked(q, &mine);
		}
		spin_unlock(&q->lock);
	}
	schm_late_settle(&mine, late);
	schm_scheme_put(s);
	return ours;
}

/* Tell the provider; returns true if the handle still belongs to the caller. */
static bool handle_send_close(struct schm_handle *h, struct schm_late *late)
{
	h->close.sqe.opcode = SCHEME_OP_CLOSE;
	h->close.sqe.flags = SCHEME_SQE_ONEWAY;
	h->close.sqe.handle = h->number;
	return schm_handle_send(h, &h->close, late);
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

__poll_t schm_handle_poll(struct file *file, poll_table *wait)
{
	struct schm_handle *h = file->private_data;

	poll_wait(file, &h->wait, wait);
	if (!schm_scheme_alive(h->scheme))
		return EPOLLERR | EPOLLHUP;
	return (__force __poll_t)READ_ONCE(h->events);
}

/*
 * Every post is an edge, also one that leaves the mask as it was: a provider
 * that does not take readiness back when it is used up says so again. Nobody
 * waits for a file not to be ready. What ends for good, ends for all.
 */
static void handle_tell_locked(struct schm_handle *h, u32 events)
{
	lockdep_assert_held(&h->scheme->lock);
	if (!events)
		return;
	__wake_up(&h->wait, TASK_INTERRUPTIBLE,
		  events & SCHM_EVENT_ALWAYS ? 0 : 1,
		  poll_to_key((__force __poll_t)events));
	schm_source_post_locked(&h->source, events);
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
		handle_tell_locked(h, events);
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
	hash_for_each(s->handles, bucket, h, node) {
		h->ended = true;
		handle_tell_locked(h, SCHM_EVENT_DEATH);
	}
	spin_unlock(&s->lock);
}
