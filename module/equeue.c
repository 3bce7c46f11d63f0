// SPDX-License-Identifier: GPL-2.0
/* Event queues: which watches they have, and how many a user may have. */
#include <linux/mutex.h>
#include <linux/slab.h>

#include "account.h"
#include "limits.h"
#include "watch.h"

/* Held while the graph of queues that watch queues is looked at or changed. */
static DEFINE_MUTEX(nest_lock);
static u64 walk_nr;				/* nest_lock */

/* ---- watches --------------------------------------------------------------- */

/* A watch that is nowhere yet, paid for, or an ERR_PTR. */
static struct schm_watch *watch_alloc(struct schm_equeue *q,
				      struct schm_source *s, u64 id)
{
	struct schm_watch *w;

	if (atomic_inc_return(&q->account->watches) > SCHM_USER_WATCHES_MAX) {
		atomic_dec(&q->account->watches);
		return ERR_PTR(-ENOSPC);
	}
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w) {
		atomic_dec(&q->account->watches);
		return ERR_PTR(-ENOMEM);
	}
	w->queue = q;
	w->source = s;
	w->id = id;
	INIT_LIST_HEAD(&w->ready);
	return w;
}

/* Unlinked, or never linked. The queue is there as long as its watches are. */
static void watch_free(struct schm_watch *w, struct schm_account *account)
{
	atomic_dec(&account->watches);
	kfree(w);
}

/* Change the watch if it is there; *fresh becomes the watch if it is not. */
static int watch_apply(struct schm_equeue *q, struct schm_source *s,
		       const struct scheme_event *event,
		       struct schm_watch **fresh)
{
	struct schm_watch *w;
	int ret = 0;

	schm_watch_lock(s, q);
	w = schm_watch_find_locked(q, s, event->id);
	if (!w && !*fresh) {
		ret = -ENOENT;
	} else if (!w && (q->nr >= SCHM_QUEUE_WATCHES_MAX ||
			  s->nr >= SCHM_SOURCE_WATCHES_MAX)) {
		ret = -ENOSPC;
	} else {
		if (!w) {
			w = *fresh;
			*fresh = NULL;
			schm_watch_link_locked(w);
		}
		schm_watch_set_locked(w, event->flags, event->data);
	}
	schm_watch_unlock(s, q);
	return ret;
}

static int watch_set(struct schm_equeue *q, struct schm_source *s,
		     const struct scheme_event *event)
{
	struct schm_watch *fresh = NULL;
	int ret;

	ret = watch_apply(q, s, event, &fresh);
	if (ret != -ENOENT)
		return ret;
	fresh = watch_alloc(q, s, event->id);
	if (IS_ERR(fresh))
		return PTR_ERR(fresh);
	ret = watch_apply(q, s, event, &fresh);
	if (fresh)
		watch_free(fresh, q->account);
	return ret;
}

/* False: there is no such watch (any more). */
static bool watch_end(struct schm_equeue *q, struct schm_source *s, u64 id)
{
	struct schm_watch *w;

	schm_watch_lock(s, q);
	w = schm_watch_find_locked(q, s, id);
	if (w)
		schm_watch_unlink_locked(w);
	schm_watch_unlock(s, q);
	if (w)
		watch_free(w, q->account);
	return w;
}

static bool watch_exists(struct schm_equeue *q, struct schm_source *s, u64 id)
{
	bool exists;

	spin_lock(&q->lock);
	exists = schm_watch_find_locked(q, s, id);
	spin_unlock(&q->lock);
	return exists;
}

static void source_end(struct schm_source *s)
{
	struct schm_watch *w;
	struct schm_equeue *q;

	spin_lock(s->lock);
	while ((w = list_first_entry_or_null(&s->watches, struct schm_watch,
					     by_source))) {
		q = w->queue;
		spin_lock_nested(&q->lock, schm_source_nests(s) ? 1 : 0);
		schm_watch_unlink_locked(w);
		/* once unlocked, q may go as soon as its last watch has gone */
		watch_free(w, q->account);
		spin_unlock(&q->lock);
	}
	spin_unlock(s->lock);
}

/*
 * Nobody else begins a watch of it, since that takes its file. Those who end
 * one have a reference to the source.
 */
void schm_source_end(struct schm_source *s)
{
	if (!list_empty(&s->watches))
		source_end(s);
}

/* ---- queues that watch queues ---------------------------------------------- */

/*
 * How many queues the longest chain from q downwards has; more than may be, if
 * it comes to outer. What it finds is kept for this walk, so that each queue
 * is looked at once. The graph as it is has no cycle and is not too deep.
 */
static unsigned int nest_below(struct schm_equeue *q,
			       const struct schm_equeue *outer)
{
	struct schm_watch *w;

	if (q == outer)
		return SCHM_NEST_MAX + 1;
	if (q->walk == walk_nr)
		return q->chain;
	q->walk = walk_nr;
	q->chain = 1;
	list_for_each_entry(w, &q->inner, inner)
		q->chain = max(q->chain,
			       1 + nest_below(schm_source_equeue(w->source),
					      outer));
	return q->chain;
}

/* The same upwards. */
static unsigned int nest_above(struct schm_equeue *q)
{
	struct schm_watch *w;

	if (q->walk == walk_nr)
		return q->chain;
	q->walk = walk_nr;
	q->chain = 1;
	list_for_each_entry(w, &q->source.watches, by_source)
		q->chain = max(q->chain, 1 + nest_above(w->queue));
	return q->chain;
}

/* May q watch inner? */
static bool nest_allowed(struct schm_equeue *q, struct schm_equeue *inner)
{
	unsigned int below, above;

	lockdep_assert_held(&nest_lock);
	walk_nr++;
	below = nest_below(inner, q);
	walk_nr++;
	above = nest_above(q);
	return below + above <= SCHM_NEST_MAX;
}

/*
 * The locks of two queues have an order only where one watches the other, or
 * may.
 */
static int nest_watch_locked(struct schm_equeue *q, struct schm_source *s,
			     const struct scheme_event *event)
{
	if (event->flags) {
		if (!nest_allowed(q, schm_source_equeue(s)))
			return -ELOOP;
		return watch_set(q, s, event);
	}
	if (!watch_exists(q, s, event->id))
		return -ENOENT;
	watch_end(q, s, event->id);
	return 0;
}

int schm_equeue_watch(struct schm_equeue *q, struct schm_source *s,
		      const struct scheme_event *event)
{
	int ret;

	if (schm_source_nests(s)) {
		mutex_lock(&nest_lock);
		ret = nest_watch_locked(q, s, event);
		mutex_unlock(&nest_lock);
		return ret;
	}
	if (event->flags)
		return watch_set(q, s, event);
	return watch_end(q, s, event->id) ? 0 : -ENOENT;
}

/* ---- a queue's life -------------------------------------------------------- */

struct schm_equeue *schm_equeue_alloc(void)
{
	struct schm_equeue *q;

	q = kzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);
	if (!q)
		return NULL;
	q->account = schm_account_get();
	if (!q->account) {
		kfree(q);
		return NULL;
	}
	spin_lock_init(&q->lock);
	schm_source_init(&q->source, &q->lock, NULL);
	init_waitqueue_head(&q->wait);
	q->set = RB_ROOT;
	INIT_LIST_HEAD(&q->ready);
	INIT_LIST_HEAD(&q->inner);
	return q;
}

/*
 * A watch of the queue's, with its source kept. While the watch is there, the
 * source's file has not ended it, and so has its reference still.
 */
static struct schm_source *equeue_first(struct schm_equeue *q, u64 *id)
{
	struct schm_source *s = NULL;
	struct schm_watch *w;

	spin_lock(&q->lock);
	if (q->set.rb_node) {
		w = rb_entry(q->set.rb_node, struct schm_watch, node);
		s = w->source;
		s->ops->get(s);
		*id = w->id;
	}
	spin_unlock(&q->lock);
	return s;
}

/* End the queue's watches of queues and theirs of it. */
static void nest_end(struct schm_equeue *q)
{
	struct schm_watch *w, *next;

	mutex_lock(&nest_lock);
	source_end(&q->source);
	list_for_each_entry_safe(w, next, &q->inner, inner)
		watch_end(q, w->source, w->id);
	mutex_unlock(&nest_lock);
}

/*
 * Most queues have nothing to do with others: closing them does not wait for
 * nest_lock, which all users share. Nobody begins a watch any more, since that
 * takes our file. Who ends one, and so empties a list before our eyes, holds
 * q->lock until it is done with q; equeue_first() takes it at least once.
 */
void schm_equeue_free(struct schm_equeue *q)
{
	struct schm_source *s;
	u64 id;

	if (!list_empty(&q->source.watches) || !list_empty(&q->inner))
		nest_end(q);
	while ((s = equeue_first(q, &id))) {
		watch_end(q, s, id);
		s->ops->put(s);
		cond_resched();
	}
	schm_account_put(q->account);
	kfree(q);
}
