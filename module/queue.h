/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A queue: rings and slots between the kernel and one provider thread.
 *
 * The module is the client side of the ring. Entries go straight to the
 * submission ring, or, when that is full, to the list `pending`, in order.
 */
#ifndef SCHM_QUEUE_H
#define SCHM_QUEUE_H

#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "schm.h"

struct io_uring_cmd;

enum schm_entry_kind {
	SCHM_ENTRY_REQ,		/* in a request */
	SCHM_ENTRY_CANCEL,	/* in a request; one reference */
	SCHM_ENTRY_CLOSE,	/* in a handle; the last of it */
	SCHM_ENTRY_MUNMAP,	/* in a handle; one reference */
};

/* Something to submit, embedded in its owner so that it cannot be refused. */
struct schm_entry {
	struct list_head	node;		/* queue->lock; on ->pending, or empty */
	enum schm_entry_kind	kind;
	struct scheme_sqe	sqe;
};

/* One slot. */
struct schm_tag {
	struct schm_req		*req;		/* NULL: free; one reference */
	u32			gen;		/* of the present or next use */
};

/* Where the parts of a queue's memory are; bytes from its start. */
struct schm_layout {
	u32			sq_entries;
	u32			cq_entries;
	u32			kernel_off;
	u32			client_off;
	u32			provider_off;
	u32			poller_off;
	u32			sq_off;
	u32			cq_off;
	size_t			slots_off;
	size_t			size;
};

struct schm_queue {
	/* set at create, then constant */
	struct schm_scheme	*scheme;
	unsigned int		index;
	u32			depth;
	u32			slot_size;
	struct schm_layout	at;
	struct page		**pages;
	void			*mem;		/* all of it, mapped */

	/* shared with the provider: never trusted */
	struct scheme_ring_kernel	*kern;
	struct scheme_ring_client	*client;
	struct scheme_ring_provider	*prov;
	u8				*poller;
	struct scheme_sqe		*sq;
	struct scheme_cqe		*cq;

	/* queue->lock */
	spinlock_t		lock;
	u32			sq_tail;	/* ours; may be read without */
	u32			cq_head;	/* ours; may be read without */
	bool			dead;		/* may be read without */
	bool			broken;		/* may be read without */
	bool			closed;		/* may be read without */
	unsigned int		opened;		/* queue files */
	struct list_head	pending;	/* entries that found the ring full */
	u16			*free;		/* stack of free tags, behind them */
	u32			nr_free;	/* may be read without */
	struct scheme_stats	stats;

	/* one parked ENTER command; valid while ->cmd is set; queue->lock */
	struct {
		struct io_uring_cmd	*cmd;
		struct pid		*pid;	/* thread that issued it */
		struct pid		*tgid;	/* and its process */
		u32			min_wait;
		unsigned long		until;	/* jiffies; 0: for ever */
		struct delayed_work	timeout;
	} parked;

	wait_queue_head_t	tag_wait;	/* clients: a tag is free */
	wait_queue_head_t	sq_wait;	/* provider: entries, or death */

	struct schm_tag		tags[];		/* queue->lock; depth of them */
};

/*
 * What a holder of queue->lock leaves to be done after unlocking. Declare with
 * SCHM_LATE_INIT, fill under the lock, hand to schm_late_run() without it.
 */
struct schm_late {
	struct list_head	ended;		/* wake who waits for them; one reference */
	struct list_head	reqs;		/* nobody waits: free them */
	struct list_head	entries;	/* one-way entries that have gone */
	struct io_uring_cmd	*cmd;		/* claimed command: complete it */
	struct schm_queue	*broken;	/* found broken: end its requests */
	struct schm_queue	*wake;		/* its provider has entries to take */
	bool			will_sleep;	/* see schm_answers_enter() */
};

#define SCHM_LATE_INIT(name) { \
		.ended = LIST_HEAD_INIT((name).ended), \
		.reqs = LIST_HEAD_INIT((name).reqs), \
		.entries = LIST_HEAD_INIT((name).entries), \
	}

struct schm_queue *schm_queue_alloc(struct schm_scheme *s, unsigned int index);
void schm_queue_free(struct schm_queue *q);

/* Can it still carry requests? */
static inline bool schm_queue_usable(const struct schm_queue *q)
{
	return !READ_ONCE(q->dead) && !READ_ONCE(q->broken) &&
	       !READ_ONCE(q->closed);
}

/* Give a free tag to req; its index, or -EAGAIN: none is free; -ENODEV. */
int schm_queue_take_tag(struct schm_queue *q, struct schm_req *req);
void schm_queue_drop_tag_locked(struct schm_queue *q, u32 index);
/* The tag as it travels: index, and generation above it. */
u64 schm_queue_tag_locked(const struct schm_queue *q, u32 index);

/*
 * Put an entry on the ring, or behind those that wait for room. Returns true
 * if it is on the ring, in which case the caller still owns a one-way entry.
 */
bool schm_queue_submit_locked(struct schm_queue *q, struct schm_entry *entry,
			      struct schm_late *late);
/* Take back an entry that has not reached the ring. */
void schm_queue_withdraw_locked(struct schm_queue *q, struct schm_entry *entry);
/* Free places on the submission ring; finds a broken one. */
u32 schm_queue_room_locked(struct schm_queue *q, struct schm_late *late);
/* Answers posted and not yet taken; finds a broken ring. */
u32 schm_queue_posted_locked(struct schm_queue *q, struct schm_late *late);
void schm_queue_flush_slow_locked(struct schm_queue *q, struct schm_late *late);

/* Move pending entries to the ring as far as it has room. */
static inline void schm_queue_flush_locked(struct schm_queue *q,
					   struct schm_late *late)
{
	if (!list_empty(&q->pending))
		schm_queue_flush_slow_locked(q, late);
}

/* Entries that wait for the provider on the ring. */
static inline u32 schm_queue_ready(const struct schm_queue *q)
{
	u32 ready = READ_ONCE(q->sq_tail) - READ_ONCE(q->prov->sq_head);

	return min(ready, q->at.sq_entries);
}

/*
 * Have the provider woken: sleepers in ENTER and poll, and the parked command,
 * which moves to late. Call after submitting.
 */
void schm_queue_wake_locked(struct schm_queue *q, struct schm_late *late);
/* Tell both sides of the shared memory that this is the end. */
void schm_queue_set_state_locked(struct schm_queue *q, u32 state);

/* Claim the parked command for completion with res, or do nothing. */
void schm_queue_unpark_locked(struct schm_queue *q, int res,
			      struct schm_late *late);
/*
 * Park a command until min_wait entries are ready. Returns -EIOCBQUEUED, or
 * what to complete the command with at once.
 */
int schm_queue_park(struct schm_queue *q, struct io_uring_cmd *cmd,
		    u32 min_wait, u64 timeout_ns);
/* A claimed command's turn has come: complete it from its own task. */
void schm_parked_complete(struct io_uring_cmd *cmd);
void schm_queue_park_init(struct schm_queue *q);
void schm_queue_park_exit(struct schm_queue *q);
/* End the parked command if tgid issued it, or its thread is going away. */
void schm_queue_unpark_process(struct schm_queue *q, struct pid *tgid);
void schm_queue_unpark_dying(struct schm_queue *q);
/* If cmd is the one that is parked, it is the caller's again. */
bool schm_queue_take_parked(struct schm_queue *q, struct io_uring_cmd *cmd);

static inline void *schm_queue_slot(struct schm_queue *q, u32 index)
{
	return q->mem + q->at.slots_off + (size_t)index * q->slot_size;
}

#endif /* SCHM_QUEUE_H */
