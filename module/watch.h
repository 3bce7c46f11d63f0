/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watches: who is told when a file becomes ready.
 *
 * A source is what can be watched: a handle, an end of a direct ring, or an event
 * queue. A watch joins one source to one event queue under an id; the source's
 * file being closed ends it, and so does the queue's. Neither keeps the other open.
 *
 *   IDLE -> READY  [schm_source_post_locked]	it has something to tell
 *   READY -> IDLE  [schm_equeue_take]		it has been read
 *   READY -> READY [schm_source_post_locked]	masks are or-ed: one event
 *
 * READY watches are on their queue's list, first come first served.
 */
#ifndef SCHM_WATCH_H
#define SCHM_WATCH_H

#include <linux/list.h>
#include <linux/poll.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "schm.h"

struct schm_account;

/* The readiness that a provider may set and a queue be asked for. */
#define SCHM_EVENT_MASK	((__force u32)(EPOLLIN | EPOLLPRI | EPOLLOUT |	     \
				       EPOLLERR | EPOLLHUP | EPOLLRDNORM |   \
				       EPOLLRDBAND | EPOLLWRNORM |	     \
				       EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP))
/* Told to every watch. */
#define SCHM_EVENT_ALWAYS ((__force u32)(EPOLLERR | EPOLLHUP))
#define SCHM_EVENT_DEATH  SCHM_EVENT_ALWAYS
/* Of an event queue that has events. */
#define SCHM_EQUEUE_READY ((__force u32)(EPOLLIN | EPOLLRDNORM))

/* What a source is a part of. Those of event queues have none of these. */
struct schm_source_ops {
	/* What it is ready for now. A watch of it begins. */
	u32 (*state_locked)(struct schm_source *s);
	/* A reference that keeps it, and back. */
	void (*get)(struct schm_source *s);
	void (*put)(struct schm_source *s);
};

struct schm_source {
	spinlock_t		*lock;		/* constant */
	const struct schm_source_ops *ops;	/* constant; NULL: of an event queue */
	struct list_head	watches;	/* *lock; and nest_lock if it nests */
	unsigned int		nr;		/* *lock */
};

struct schm_watch {
	/* constant */
	struct schm_source	*source;
	struct schm_equeue	*queue;
	u64			id;
	u64			serial;		/* never twice in its queue */

	struct list_head	by_source;	/* source->lock */
	struct list_head	inner;		/* nest_lock; if source nests */

	/* queue->lock */
	struct rb_node		node;		/* in queue->set */
	struct list_head	ready;		/* on queue->ready, or empty */
	u32			interest;
	u32			pending;	/* 0: IDLE */
	u64			data;
};

/* An event queue: what an open of the event scheme is. */
struct schm_equeue {
	struct schm_source	source;		/* its lock is ours */
	struct schm_account	*account;	/* constant; one reference */
	wait_queue_head_t	wait;		/* for ready to fill */

	spinlock_t		lock;
	struct rb_root		set;		/* by source and id */
	unsigned int		nr;		/* in set */
	u64			serial;
	struct list_head	ready;		/* may be looked at without */

	/* nest_lock */
	struct list_head	inner;		/* our watches of event queues */
	u64			walk;		/* see equeue.c */
	unsigned int		chain;
};

static inline void schm_source_init(struct schm_source *s, spinlock_t *lock,
				    const struct schm_source_ops *ops)
{
	s->lock = lock;
	s->ops = ops;
	INIT_LIST_HEAD(&s->watches);
}

/* An event queue in an event queue. */
static inline bool schm_source_nests(const struct schm_source *s)
{
	return !s->ops;
}

static inline struct schm_equeue *schm_source_equeue(struct schm_source *s)
{
	return container_of(s, struct schm_equeue, source);
}

/* An edge: the source is now ready for mask. Takes locks of event queues. */
void schm_source_post_locked(struct schm_source *s, u32 mask);
/* The file is gone: end all watches of it. Not of an event queue. */
void schm_source_end(struct schm_source *s);

/* A queue of the calling user's, or NULL: no memory. */
struct schm_equeue *schm_equeue_alloc(void);
/* End all watches of the queue and on it, and free it. */
void schm_equeue_free(struct schm_equeue *q);

/*
 * Watch s for event->flags under event->id, or change a watch, or, without
 * flags, end it. What is ready now is told at once. The caller holds the file
 * of s. -ENOENT: nothing to end; -ELOOP; -ENOSPC: too many watches; -ENOMEM.
 */
int schm_equeue_watch(struct schm_equeue *q, struct schm_source *s,
		      const struct scheme_event *event);

/* An event that has been taken, and what it takes to put it back. */
struct schm_taken {
	struct scheme_event	event;
	struct schm_source	*source;
	u64			serial;
};

/* Take at most nr events off the queue, the oldest first; how many. */
unsigned int schm_equeue_take(struct schm_equeue *q, struct schm_taken *taken,
			      unsigned int nr);
/* They could not be given to the reader: back to where they were. */
void schm_equeue_untake(struct schm_equeue *q, const struct schm_taken *taken,
			unsigned int nr);

static inline bool schm_equeue_ready(const struct schm_equeue *q)
{
	return !list_empty_careful(&q->ready);
}

/* Its readiness: a write never waits. */
static inline u32 schm_equeue_mask(const struct schm_equeue *q)
{
	return (__force u32)(EPOLLOUT | EPOLLWRNORM) |
	       (schm_equeue_ready(q) ? SCHM_EQUEUE_READY : 0);
}

/* Wake all who poll it and one who sleeps in a read. */
static inline void schm_equeue_wake(struct schm_equeue *q)
{
	wake_up_interruptible_poll(&q->wait, EPOLLIN | EPOLLRDNORM);
}

/* ---- between watch.c and equeue.c ----------------------------------------- */

struct schm_watch *schm_watch_find_locked(struct schm_equeue *q,
					  const struct schm_source *s, u64 id);
/* Under both locks; the caller frees it. */
void schm_watch_unlink_locked(struct schm_watch *w);
/* Under both locks: place a new one, whose constant fields are set. */
void schm_watch_link_locked(struct schm_watch *w);
/* Under both locks: what it is told from now on, beginning with now. */
void schm_watch_set_locked(struct schm_watch *w, u32 interest, u64 data);
/* Lock source and queue, and unlock. */
void schm_watch_lock(struct schm_source *s, struct schm_equeue *q);
void schm_watch_unlock(struct schm_source *s, struct schm_equeue *q);

#endif /* SCHM_WATCH_H */
