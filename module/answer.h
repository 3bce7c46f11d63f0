/* SPDX-License-Identifier: GPL-2.0 */
/* The provider's side of a request: answers, events, and the end of it all. */
#ifndef SCHM_ANSWER_H
#define SCHM_ANSWER_H

#include "queue.h"

/*
 * For ENTER: take all answers posted now, and move what waits to the ring.
 * will_sleep: the caller has nothing else to do, so that a client that it wakes
 * may well run on its CPU.
 */
void schm_answers_enter(struct schm_queue *q, bool will_sleep);
/* For a client that stops spinning: take all answers posted now. */
void schm_answers_take(struct schm_queue *q);
/* For a spinning client: the same, if there are any and nobody else is at it. */
void schm_answers_poll(struct schm_queue *q);

/* The unanswered request with this tag: -EBADF there is none; -EALREADY. */
struct schm_req *schm_answer_find_locked(struct schm_queue *q, u64 tag);

/* Move a request to DONE and wake its client. */
void schm_req_end_locked(struct schm_req *req, s64 result,
			 struct schm_late *late);
/* Queue a CANCEL for a request on its way; once per request. */
void schm_req_cancel_locked(struct schm_req *req, struct schm_late *late);

/*
 * Mark the queue dead or broken (SCHEME_RING_*) and end every request on it
 * with ENODEV; one-way entries that wait are dropped.
 */
void schm_queue_fail(struct schm_queue *q, u32 state);

void schm_late_run_slow(struct schm_late *late);

/*
 * Do what is due at once (wake, complete, end a broken queue) and hand the rest
 * to another late, whose owner will run it. Does not nest.
 */
void schm_late_settle(struct schm_late *mine, struct schm_late *late);

/*
 * A file of the queue comes or goes. Without any nobody can serve it: its
 * requests end with ENODEV and new ones go to other queues.
 */
void schm_queue_open(struct schm_queue *q);
void schm_queue_close(struct schm_queue *q);

/* Do what was left to do; no lock is held. */
static inline void schm_late_run(struct schm_late *late)
{
	if (late->cmd || late->broken || late->wake ||
	    !list_empty(&late->ended) || !list_empty(&late->reqs) ||
	    !list_empty(&late->entries))
		schm_late_run_slow(late);
}

#endif /* SCHM_ANSWER_H */
