/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A request: one operation in flight. Clients make it, providers answer it;
 * the two meet nowhere else.
 *
 *   NEW -> RESERVED	  [schm_req_reserve]	it has a tag and a slot
 *   RESERVED -> SENT	  [schm_req_submit]
 *   RESERVED -> DONE	  [schm_req_submit]	the queue has ended meanwhile
 *   SENT -> DONE	  [req_answer_locked]
 *   SENT -> ABANDONED	  [req_leave]	signal, deadline
 *   SENT -> DONE	  [req_leave, req_cancel] the provider never saw it
 *   ABANDONED -> DONE	  [req_answer_locked]
 *   SENT, ABANDONED -> DONE [schm_queue_fail]	the scheme or ring died
 *
 * A SENT request whose entry is still on the queue's pending list has not
 * reached the ring. result and extra are valid in DONE. The tag is the
 * request's from RESERVED until the client puts it, but one that the client
 * has abandoned keeps it until the answer.
 */
#ifndef SCHM_REQUEST_H
#define SCHM_REQUEST_H

#include <linux/refcount.h>
#include <linux/wait.h>

#include "answer.h"
#include "queue.h"
#include "ticket.h"

struct file;

enum schm_req_state {
	SCHM_REQ_NEW,
	SCHM_REQ_RESERVED,
	SCHM_REQ_SENT,
	SCHM_REQ_ABANDONED,
	SCHM_REQ_DONE,
};

struct schm_req {
	/* set at alloc or reserve, then constant */
	refcount_t		ref;
	struct schm_handle	*handle;	/* one reference */
	struct schm_handle	*opens;		/* OPEN, DUP: one reference */
	struct schm_handle	*second;	/* of a second path; one reference */
	struct schm_queue	*queue;
	u32			index;		/* of tag and slot */
	void			*slot;
	unsigned long		deadline;	/* jiffies; 0 is none */
	bool			takes_file;	/* the client can install one */

	/* queue->lock */
	enum schm_req_state	state;		/* DONE may be read without */
	bool			has_tag;
	bool			canceling;	/* CANCEL has been submitted */
	struct list_head	late;		/* on a struct schm_late */
	struct schm_entry	entry;
	struct schm_entry	cancel;
	struct schm_ticket	ticket;

	/* valid in DONE */
	s64			result;
	u64			extra;
	wait_queue_head_t	wait;		/* for DONE */
};

/* Has it ended? Orders the reading of result and of the slot after it. */
static inline bool schm_req_done(const struct schm_req *req)
{
	/* pairs with the release in schm_req_end_locked() */
	return smp_load_acquire(&req->state) == SCHM_REQ_DONE;
}

/*
 * When a request that begins now must have ended, in jiffies; 0 is never.
 * async: others wait behind it in ways that no signal ends.
 */
unsigned long schm_req_deadline(const struct schm_scheme *s, bool async);

int schm_req_init(void);
void schm_req_exit(void);

/*
 * A request of the calling process on h, with handle and ids filled in. file
 * tells who counts when a kernel thread calls; without one, the thread's own
 * credentials do. NULL: no memory.
 */
struct schm_req *schm_req_alloc(struct schm_handle *h, const struct file *file,
				u8 opcode);
/* The client is done with the request; its slot is free, unless abandoned. */
void schm_req_put(struct schm_req *req);
/* Drop a reference that is not the client's. */
void schm_req_unref(struct schm_req *req, struct schm_late *late);
void schm_req_drop_tag_locked(struct schm_req *req);

/*
 * Get a tag and a slot. Waits for one unless nowait. -EAGAIN; -ERESTARTSYS on
 * a signal; -ENODEV when the scheme is dead; -ETIMEDOUT.
 */
int schm_req_reserve(struct schm_req *req, bool nowait);
/* Hand the reserved request, with len bytes of payload, to the provider. */
void schm_req_submit(struct schm_req *req, u32 len);
/*
 * Wait for the end. Returns the result, or why the caller left: -ERESTARTSYS
 * (the provider agreed to give up), -EINTR, -ETIMEDOUT.
 */
s64 schm_req_wait(struct schm_req *req);
/* Submit and wait; returns the result, or a negative errno. */
s64 schm_req_call(struct schm_req *req, u32 len);
/* Leave without waiting: for a transfer that has failed before. */
void schm_req_abandon(struct schm_req *req);

#endif /* SCHM_REQUEST_H */
