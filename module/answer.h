/* SPDX-License-Identifier: GPL-2.0 */
/* The provider's side of a request: answers, events, and the end of it all. */
#ifndef SCHM_ANSWER_H
#define SCHM_ANSWER_H

#include "queue.h"

/* Take all answers posted now, and move what waits to the ring. */
void schm_answers_take(struct schm_queue *q);
/* As above if there are any and nobody else is at it: for a spinning client. */
void schm_answers_poll(struct schm_queue *q);

/* Move a request to DONE and wake its client. */
void schm_req_end_locked(struct schm_req *req, s64 result);
/* Queue a CANCEL for a request on its way; once per request. */
void schm_req_cancel_locked(struct schm_req *req, struct schm_late *late);

/*
 * Mark the queue dead or broken (SCHEME_RING_*) and end every request on it
 * with ENODEV; one-way entries that wait are dropped.
 */
void schm_queue_fail(struct schm_queue *q, u32 state);

/* Do what was left to do; no lock is held. */
void schm_late_run(struct schm_late *late);

#endif /* SCHM_ANSWER_H */
