/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file in flight. It belongs to one request, and goes with it.
 *
 *   NONE -> SENT	[schm_ticket_send]	SENDFD: the client's; RING_ATTACH: an end
 *   SENT -> NONE	[schm_ticket_fetch]	the provider has it
 *   NONE -> OFFERED	[schm_ticket_attach]	the provider's, for the client
 *   OFFERED -> GRANTED	[schm_ticket_grant_locked] the answer named it
 *   GRANTED -> NONE	[schm_ticket_take]	the client has it
 *   NONE -> MEMORY	[schm_ticket_attach_memory]
 *   MEMORY -> NONE	[schm_ticket_commit_locked] the handle has it
 *
 * In every state the end of the request, or its client's leaving, releases the
 * file. The provider holds no file of a client that has gone, however long it
 * lets the request wait.
 *
 * There is one file to a request, so there are no more of them than requests,
 * which are bounded for each user and each queue.
 *
 * Why no cycle of files can keep itself alive, though a file in flight may be a
 * socket that carries others, or a client's file of this or another scheme: a
 * request ends at the latest with its scheme, and a scheme ends with its owner,
 * a process, no matter who holds files of it. So a chain that leads from a
 * request back to its own scheme breaks when the owner goes, and files of
 * providers, queues and io_uring are refused as the ends that would be none:
 * they keep memory, not only names. What waits in a socket is the business of
 * the collector of sockets, which counts our reference as one from outside.
 */
#ifndef SCHM_TICKET_H
#define SCHM_TICKET_H

#include "map.h"

enum schm_ticket_state {
	SCHM_TICKET_NONE,
	SCHM_TICKET_SENT,
	SCHM_TICKET_OFFERED,
	SCHM_TICKET_GRANTED,
	SCHM_TICKET_MEMORY,
};

/* The client's before SENT and in DONE, else queue->lock. */
struct schm_ticket {
	enum schm_ticket_state	state;
	struct schm_memory	memory;		/* its file, in every state */
	u64			id;		/* OFFERED; not 0 */
};

/* May it be in flight at all? 0 or -EOPNOTSUPP. */
int schm_ticket_check(const struct file *file);

/* ---- the provider's side ------------------------------------------------- */

/*
 * These find the request by its tag. -EBADF: there is none; -EALREADY: it has
 * been answered; -ECANCELED: its client has left; -EINVAL: not for this
 * operation; -ENODEV: the queue has ended.
 */

/*
 * Offer a file to the client, which takes over the caller's reference. -EBUSY:
 * the request has one; -EOPNOTSUPP: an open(2), which cannot return another
 * file.
 */
int schm_ticket_attach(struct schm_queue *q, u64 tag, struct file *file,
		       u64 *id);
/* Memory for the handle that the request opens or prepares. As above. */
int schm_ticket_attach_memory(struct schm_queue *q, u64 tag,
			      const struct schm_memory *memory);
/* Take the client's file; an ERR_PTR: -ENOENT it has been taken. */
struct file *schm_ticket_fetch(struct schm_queue *q, u64 tag);
/* Put back what could not be used. */
void schm_ticket_unfetch(struct schm_queue *q, u64 tag, struct file *file);

/* ---- the answer ---------------------------------------------------------- */

/* Can this operation be answered with a file? */
bool schm_ticket_possible(const struct schm_req *req);
/* The answer names a ticket; false: not this request's. */
bool schm_ticket_grant_locked(struct schm_req *req, u64 id);
/* The request has succeeded: its handle gets the memory. */
void schm_ticket_commit_locked(struct schm_req *req);

/* ---- the client's side --------------------------------------------------- */

/* Before submitting: send this file, whose reference the request takes over. */
void schm_ticket_send(struct schm_req *req, struct file *file);
/* After the answer: did the provider leave what was sent? */
bool schm_ticket_left(const struct schm_req *req);
/* After the answer: the provider's file, or NULL. The caller has a reference. */
struct file *schm_ticket_take(struct schm_req *req);
/* The client leaves: the file to release once the lock is not held, or NULL. */
struct file *schm_ticket_drop_locked(struct schm_req *req);
/* The request goes. */
void schm_ticket_release(struct schm_req *req);

#endif /* SCHM_TICKET_H */
