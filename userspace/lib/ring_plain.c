// SPDX-License-Identifier: MIT
/*
 * A ring's server, the short way. A request without flags that waits for nothing, and
 * that nothing waits for, is in no list while its callback runs; and if that answers it,
 * the answer goes to the ring by itself. Most are like that, and most of what a server
 * is would be on their way.
 */
#include "ring_serve.h"
#include "op.h"

bool plain_may(struct scheme_ring_server *s, const struct scheme_sqe *sqe)
{
	return !sqe->flags && op_is(sqe->opcode, OP_PLAIN) && !s->waiting && !s->drops &&
	       !server_has_answers(s) && ring_space(s->ring, 1) > 0;
}

/* By its callback, or by what that calls; what is tidied up comes later. */
void plain_answer(struct scheme_ring_server *s, const struct scheme_cqe *cqe)
{
	struct scheme_ring *ring = s->ring;

	ring->cqes[ring_slot(&ring->put)] = *cqe;
	ring->put.at++;
	s->nr_plain++;
	s->plain = NULL;
	s->last = NULL;
	s->last_result = cqe->result;
}

void plain_publish(struct scheme_ring_server *s)
{
	if (!s->nr_plain)
		return;
	s->nr_plain = 0;
	ring_store(&s->ring->put);
	ring_publish(s->ring, SCHEME_RING_NEED_WAKEUP);
}

void plain_run(struct scheme_ring_server *s)
{
	struct ring_req *r = intake_plain(s);

	if (!r)
		return;
	s->plain = r;
	req_run(&r->req);
	if (s->plain) {
		/* somebody will answer it, or has, behind others */
		s->plain = NULL;
		intake_order(r);
		return;
	}
	if (s->nr_plain >= RING_SOME)
		plain_publish(s);
	files_release(s, r->file);
	server_free(r);
}
