// SPDX-License-Identifier: GPL-2.0
/* A queue: its rings, its tags and the entries that wait for room. */
#include "queue.h"

#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "memory.h"
#include "scheme.h"

static void queue_init_tags(struct schm_queue *q)
{
	u32 i;

	q->free = (u16 *)(q->tags + q->depth);
	for (i = 0; i < q->depth; i++) {
		/* tag 0 is what a forgetful provider answers: never valid */
		q->tags[i].gen = 1;
		/* low indices first: their slots stay in the cache */
		q->free[i] = q->depth - 1 - i;
	}
	q->nr_free = q->depth;
}

struct schm_queue *schm_queue_alloc(struct schm_scheme *s, unsigned int index)
{
	u32 depth = s->config.depth;
	struct schm_queue *q;
	int ret;

	q = kzalloc(struct_size(q, tags, depth) + depth * sizeof(*q->free),
		    GFP_KERNEL_ACCOUNT);
	if (!q)
		return ERR_PTR(-ENOMEM);
	q->scheme = s;
	q->index = index;
	q->depth = depth;
	q->slot_size = s->config.slot_size;
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->pending);
	init_waitqueue_head(&q->tag_wait);
	init_waitqueue_head(&q->sq_wait);
	schm_queue_park_init(q);
	queue_init_tags(q);
	schm_memory_layout(&q->at, q->depth, q->slot_size);
	ret = schm_memory_alloc(q);
	if (ret) {
		kfree(q);
		return ERR_PTR(ret);
	}
	return q;
}

void schm_queue_free(struct schm_queue *q)
{
	schm_queue_park_exit(q);
	WARN_ON_ONCE(q->nr_free != q->depth || !list_empty(&q->pending));
	schm_memory_free(q);
	kfree(q);
}

int schm_queue_take_tag(struct schm_queue *q, struct schm_req *req)
{
	int index = -EAGAIN;

	spin_lock(&q->lock);
	if (!schm_queue_usable(q)) {
		index = -ENODEV;
	} else if (q->nr_free) {
		index = q->free[--q->nr_free];
		q->tags[index].req = req;
	}
	spin_unlock(&q->lock);
	return index;
}

void schm_queue_drop_tag_locked(struct schm_queue *q, u32 index)
{
	struct schm_tag *tag = &q->tags[index];

	lockdep_assert_held(&q->lock);
	tag->req = NULL;
	if (!++tag->gen)
		tag->gen = 1;
	q->free[q->nr_free++] = index;
	if (wq_has_sleeper(&q->tag_wait))
		wake_up(&q->tag_wait);
}

u64 schm_queue_tag_locked(const struct schm_queue *q, u32 index)
{
	lockdep_assert_held(&q->lock);
	return (u64)q->tags[index].gen << 32 | index;
}

void schm_queue_set_state_locked(struct schm_queue *q, u32 state)
{
	lockdep_assert_held(&q->lock);
	if (state & SCHEME_RING_DEAD)
		WRITE_ONCE(q->dead, true);
	if (state & SCHEME_RING_BROKEN)
		WRITE_ONCE(q->broken, true);
	WRITE_ONCE(q->kern->state, (q->dead ? SCHEME_RING_DEAD : 0) |
				   (q->broken ? SCHEME_RING_BROKEN : 0));
}

/* The indices cannot be: never trust this ring again. */
static void queue_break_locked(struct schm_queue *q, struct schm_late *late)
{
	schm_queue_set_state_locked(q, SCHEME_RING_BROKEN);
	q->stats.broken++;
	late->broken = q;
}

u32 schm_queue_room_locked(struct schm_queue *q, struct schm_late *late)
{
	/* pairs with the provider's release after it has copied entries out */
	u32 used = q->sq_tail - smp_load_acquire(&q->prov->sq_head);

	lockdep_assert_held(&q->lock);
	if (q->broken)
		return 0;
	if (used > q->at.sq_entries) {
		queue_break_locked(q, late);
		return 0;
	}
	return q->at.sq_entries - used;
}

static void queue_push_locked(struct schm_queue *q, struct schm_entry *entry)
{
	switch (entry->kind) {
	case SCHM_ENTRY_REQ:
		q->stats.requests++;
		break;
	case SCHM_ENTRY_CANCEL:
		q->stats.cancels++;
		break;
	case SCHM_ENTRY_CLOSE:
		q->stats.closes++;
		break;
	case SCHM_ENTRY_MUNMAP:
		break;
	}
	q->sq[q->sq_tail & (q->at.sq_entries - 1)] = entry->sqe;
	WRITE_ONCE(q->sq_tail, q->sq_tail + 1);
	/* pairs with the provider's acquire: the entry is there before the tail */
	smp_store_release(&q->client->sq_tail, q->sq_tail);
}

bool schm_queue_submit_locked(struct schm_queue *q, struct schm_entry *entry,
			      struct schm_late *late)
{
	lockdep_assert_held(&q->lock);
	schm_queue_flush_locked(q, late);
	if (list_empty(&q->pending) && schm_queue_room_locked(q, late)) {
		queue_push_locked(q, entry);
		return true;
	}
	list_add_tail(&entry->node, &q->pending);
	WRITE_ONCE(q->client->flags, SCHEME_RING_OVERFLOW);
	/*
	 * The provider may have emptied the ring and looked at the flag before
	 * it was set. Pairs with its barrier between the two.
	 */
	smp_mb();
	schm_queue_flush_locked(q, late);
	return false;
}

void schm_queue_withdraw_locked(struct schm_queue *q, struct schm_entry *entry)
{
	lockdep_assert_held(&q->lock);
	list_del_init(&entry->node);
	if (list_empty(&q->pending))
		WRITE_ONCE(q->client->flags, 0);
}

void schm_queue_flush_slow_locked(struct schm_queue *q, struct schm_late *late)
{
	struct schm_entry *entry, *next;

	lockdep_assert_held(&q->lock);
	list_for_each_entry_safe(entry, next, &q->pending, node) {
		if (!schm_queue_room_locked(q, late))
			return;
		queue_push_locked(q, entry);
		if (entry->kind == SCHM_ENTRY_REQ)
			list_del_init(&entry->node);
		else
			list_move_tail(&entry->node, &late->entries);
	}
	WRITE_ONCE(q->client->flags, 0);
}

u32 schm_queue_posted_locked(struct schm_queue *q, struct schm_late *late)
{
	/* pairs with the provider's release after it has written answers */
	u32 posted = smp_load_acquire(&q->prov->cq_tail) - q->cq_head;

	lockdep_assert_held(&q->lock);
	if (!schm_queue_usable(q))
		return 0;
	if (posted > q->at.cq_entries) {
		queue_break_locked(q, late);
		return 0;
	}
	return posted;
}

void schm_queue_wake_locked(struct schm_queue *q, struct schm_late *late)
{
	u32 ready = schm_queue_ready(q);

	lockdep_assert_held(&q->lock);
	if (q->parked.cmd && ready >= q->parked.min_wait)
		schm_queue_unpark_locked(q, ready, late);
	/* pairs with the barrier of a sleeper that looks at sq_tail */
	if (wq_has_sleeper(&q->sq_wait))
		late->wake = q;
}
