// SPDX-License-Identifier: GPL-2.0
/*
 * Watches: from a change of readiness to the event queues that are told.
 *
 * A post goes from a source to its watches, from there to their queues, and if
 * one of those was empty on to the queues that watch it: its own source's lock
 * is the queue's lock, which is held. Queues watch each other without a cycle
 * and at most SCHM_NEST_MAX deep, so the locks have an order, and no queue
 * passes on what it has passed on before it was read: one post does not do more
 * than one thing for each watch there is.
 */
#include "watch.h"

#include <linux/poll.h>

#include "limits.h"

/*
 * The lockdep subclass of a queue's lock is the number of queues' locks that
 * are held already.
 */
#define DEPTH_OF_WATCHER(s)	(schm_source_nests(s) ? 1 : 0)

static_assert(SCHM_NEST_MAX <= MAX_LOCKDEP_SUBCLASSES);

void schm_watch_lock(struct schm_source *s, struct schm_equeue *q)
	__acquires(s->lock) __acquires(&q->lock)
{
	spin_lock(s->lock);
	spin_lock_nested(&q->lock, DEPTH_OF_WATCHER(s));
}

void schm_watch_unlock(struct schm_source *s, struct schm_equeue *q)
	__releases(&q->lock) __releases(s->lock)
{
	spin_unlock(&q->lock);
	spin_unlock(s->lock);
}

/* ---- the set --------------------------------------------------------------- */

static int watch_compare(const struct schm_watch *w,
			 const struct schm_source *s, u64 id)
{
	if (w->source != s)
		return w->source < s ? -1 : 1;
	if (w->id != id)
		return w->id < id ? -1 : 1;
	return 0;
}

struct schm_watch *schm_watch_find_locked(struct schm_equeue *q,
					  const struct schm_source *s, u64 id)
{
	struct rb_node *node = q->set.rb_node;
	struct schm_watch *w;
	int way;

	lockdep_assert_held(&q->lock);
	while (node) {
		w = rb_entry(node, struct schm_watch, node);
		way = watch_compare(w, s, id);
		if (!way)
			return w;
		node = way > 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

static void set_insert_locked(struct schm_equeue *q, struct schm_watch *new)
{
	struct rb_node **link = &q->set.rb_node, *parent = NULL;
	struct schm_watch *w;

	while (*link) {
		parent = *link;
		w = rb_entry(parent, struct schm_watch, node);
		if (watch_compare(w, new->source, new->id) > 0)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, &q->set);
}

void schm_watch_link_locked(struct schm_watch *w)
{
	struct schm_equeue *q = w->queue;

	lockdep_assert_held(w->source->lock);
	lockdep_assert_held(&q->lock);
	w->serial = ++q->serial;
	set_insert_locked(q, w);
	q->nr++;
	list_add_tail(&w->by_source, &w->source->watches);
	w->source->nr++;
	if (schm_source_nests(w->source))
		list_add_tail(&w->inner, &q->inner);
}

void schm_watch_unlink_locked(struct schm_watch *w)
{
	struct schm_equeue *q = w->queue;

	lockdep_assert_held(w->source->lock);
	lockdep_assert_held(&q->lock);
	list_del_init(&w->ready);
	rb_erase(&w->node, &q->set);
	q->nr--;
	list_del(&w->by_source);
	w->source->nr--;
	if (schm_source_nests(w->source))
		list_del(&w->inner);
}

/* ---- posting --------------------------------------------------------------- */

static void post_locked(struct schm_source *s, u32 mask, unsigned int depth);

/* depth: of the queue, whose lock is held, as lockdep sees it. */
static void tell_locked(struct schm_watch *w, u32 mask, unsigned int depth)
{
	struct schm_equeue *q = w->queue;
	bool first = list_empty(&q->ready);

	lockdep_assert_held(&q->lock);
	mask &= w->interest;
	if (!mask)
		return;
	w->pending |= mask;
	if (!list_empty(&w->ready))
		return;
	list_add_tail(&w->ready, &q->ready);
	schm_equeue_wake(q);
	if (first)
		post_locked(&q->source, SCHM_EQUEUE_READY, depth + 1);
}

static void post_locked(struct schm_source *s, u32 mask, unsigned int depth)
{
	struct schm_watch *w;

	lockdep_assert_held(s->lock);
	list_for_each_entry(w, &s->watches, by_source) {
		spin_lock_nested(&w->queue->lock, depth);
		tell_locked(w, mask, depth);
		spin_unlock(&w->queue->lock);
	}
}

void schm_source_post_locked(struct schm_source *s, u32 mask)
{
	if (!list_empty(&s->watches))
		post_locked(s, mask, DEPTH_OF_WATCHER(s));
}

static u32 source_state_locked(struct schm_source *s)
{
	lockdep_assert_held(s->lock);
	if (schm_source_nests(s))
		return schm_equeue_mask(schm_source_equeue(s));
	return s->ops->state_locked(s);
}

void schm_watch_set_locked(struct schm_watch *w, u32 interest, u64 data)
{
	struct schm_equeue *q = w->queue;

	lockdep_assert_held(&q->lock);
	w->interest = interest | SCHM_EVENT_ALWAYS;
	w->data = data;
	w->pending = 0;
	list_del_init(&w->ready);
	tell_locked(w, source_state_locked(w->source),
		    DEPTH_OF_WATCHER(w->source));
}

/* ---- reading --------------------------------------------------------------- */

unsigned int schm_equeue_take(struct schm_equeue *q, struct schm_taken *taken,
			      unsigned int nr)
{
	struct schm_watch *w;
	unsigned int i;
	bool more;

	spin_lock(&q->lock);
	for (i = 0; i < nr && !list_empty(&q->ready); i++) {
		w = list_first_entry(&q->ready, struct schm_watch, ready);
		list_del_init(&w->ready);
		taken[i].event.id = w->id;
		taken[i].event.flags = w->pending;
		taken[i].event.data = w->data;
		taken[i].source = w->source;
		taken[i].serial = w->serial;
		w->pending = 0;
	}
	more = !list_empty(&q->ready);
	spin_unlock(&q->lock);
	/* the wake-up of what is left may have been ours: pass it on */
	if (i && more)
		schm_equeue_wake(q);
	return i;
}

void schm_equeue_untake(struct schm_equeue *q, const struct schm_taken *taken,
			unsigned int nr)
{
	struct schm_watch *w;
	bool first;

	spin_lock(&q->lock);
	first = list_empty(&q->ready);
	while (nr--) {
		/* it may have gone; source is compared, never followed */
		w = schm_watch_find_locked(q, taken[nr].source,
					   taken[nr].event.id);
		if (!w || w->serial != taken[nr].serial)
			continue;
		w->pending |= taken[nr].event.flags & w->interest;
		if (w->pending)
			list_move(&w->ready, &q->ready);
	}
	if (first && !list_empty(&q->ready))
		schm_source_post_locked(&q->source, SCHM_EQUEUE_READY);
	spin_unlock(&q->lock);
	schm_equeue_wake(q);
}
