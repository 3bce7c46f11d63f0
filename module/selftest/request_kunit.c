// SPDX-License-Identifier: GPL-2.0
/* The states of a request: what moves it from each, and what does not. */
#include "../request.c"

#include "suites.h"

/* Not schm_req_init(): the real module may be there, with a cache of that name. */
int schm_requests_init(struct kunit_suite *suite)
{
	req_cache = kmem_cache_create("schm_kunit_req", sizeof(struct schm_req),
				      0, 0, NULL);
	return req_cache ? 0 : -ENOMEM;
}

void schm_requests_exit(struct kunit_suite *suite)
{
	schm_req_exit();
}

/* The next entry is a CANCEL for this tag, and there is no other. */
static void expect_cancel(struct kunit *test, u64 tag)
{
	struct schm_world *w = test->priv;
	struct scheme_sqe sqe = {};

	KUNIT_EXPECT_TRUE(test, schm_prov_take(w->q, &sqe));
	KUNIT_EXPECT_EQ(test, sqe.opcode, SCHEME_OP_CANCEL);
	KUNIT_EXPECT_EQ(test, sqe.flags, SCHEME_SQE_ONEWAY);
	KUNIT_EXPECT_EQ(test, sqe.user_data, tag);
	KUNIT_EXPECT_EQ(test, sqe.handle, 7);
	KUNIT_EXPECT_FALSE(test, schm_prov_take(w->q, &sqe));
}

static int answer(struct kunit *test, u64 tag, s64 result)
{
	struct schm_world *w = test->priv;

	return schm_prov_answer(w->q, (struct scheme_cqe){
		.user_data = tag, .result = result,
	});
}

/* ---- the whole table ----------------------------------------------------- */

/* A SENT request is of two kinds: on the ring, or still waiting for room. */
enum from { RESERVED, WAITING, SENT, ABANDONED, DONE, NR_FROM };
enum event { ANSWER, LEAVE, CANCEL, FAIL, NR_EVENT };

struct step {
	enum schm_req_state	to;
	int			says;	/* the answer's status, or what it returns */
	s64			result;	/* in DONE */
};

static const struct step steps[NR_FROM][NR_EVENT] = {
	[RESERVED] = {
		[ANSWER] = { SCHM_REQ_RESERVED, EBADF },
		[LEAVE]	 = { SCHM_REQ_RESERVED, 0 },
		[CANCEL] = { SCHM_REQ_RESERVED, false },
		[FAIL]	 = { SCHM_REQ_RESERVED },
	},
	[WAITING] = {
		[ANSWER] = { SCHM_REQ_SENT, EBADF },
		[LEAVE]	 = { SCHM_REQ_DONE, -EINTR, -EINTR },
		[CANCEL] = { SCHM_REQ_DONE, true, -ERESTARTSYS },
		[FAIL]	 = { SCHM_REQ_DONE, 0, -ENODEV },
	},
	[SENT] = {
		[ANSWER] = { SCHM_REQ_DONE, 0, 42 },
		[LEAVE]	 = { SCHM_REQ_ABANDONED, -EINTR },
		[CANCEL] = { SCHM_REQ_SENT, false },
		[FAIL]	 = { SCHM_REQ_DONE, 0, -ENODEV },
	},
	[ABANDONED] = {
		[ANSWER] = { SCHM_REQ_DONE, 0, 0 },
		[LEAVE]	 = { SCHM_REQ_ABANDONED, 0 },
		[CANCEL] = { SCHM_REQ_ABANDONED, false },
		[FAIL]	 = { SCHM_REQ_DONE, 0, 0 },
	},
	[DONE] = {
		[ANSWER] = { SCHM_REQ_DONE, EALREADY, 5 },
		[LEAVE]	 = { SCHM_REQ_DONE, 0, 5 },
		[CANCEL] = { SCHM_REQ_DONE, false, 5 },
		[FAIL]	 = { SCHM_REQ_DONE, 0, 5 },
	},
};

static struct schm_req *bring_to(struct kunit *test, enum from from)
{
	struct schm_req *req;

	if (from == WAITING)
		schm_world_fill(test);
	req = schm_world_reserved(test, SCHEME_OP_READ);
	if (from != RESERVED)
		schm_req_submit(req, 100);
	if (from == ABANDONED)
		KUNIT_EXPECT_EQ(test, req_leave(req, -ETIMEDOUT), -ETIMEDOUT);
	if (from == DONE)
		KUNIT_EXPECT_EQ(test, answer(test, schm_world_tag(req), 5), 0);
	return req;
}

static int happen(struct kunit *test, enum event event, struct schm_req *req, u64 tag)
{
	switch (event) {
	case ANSWER:
		return answer(test, tag, 42);
	case LEAVE:
		return req_leave(req, -EINTR);
	case CANCEL:
		return req_cancel(req);
	default:
		schm_queue_fail(req->queue, SCHEME_RING_DEAD);
		return 0;
	}
}

static void try_step(struct kunit *test, enum from from, enum event event)
{
	const struct step *step = &steps[from][event];
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_req *req = bring_to(test, from);
	u64 cancels = w->q->stats.cancels;
	u64 tag = (u64)w->q->tags[req->index].gen << 32 | req->index;

	/* to look at it whatever happens */
	refcount_inc(&req->ref);
	KUNIT_EXPECT_EQ(test, happen(test, event, req, tag), step->says);
	KUNIT_EXPECT_EQ(test, (int)req->state, (int)step->to);
	if (step->to == SCHM_REQ_DONE)
		KUNIT_EXPECT_EQ(test, req->result, step->result);
	/* the provider is told of one that it has seen, and once */
	KUNIT_EXPECT_EQ(test, w->q->stats.cancels - cancels,
			from == SENT && (event == LEAVE || event == CANCEL));
	/* its client still has the tag, or else nobody */
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), req->has_tag);
	KUNIT_EXPECT_EQ(test, req->has_tag,
			!(from == ABANDONED && req->state == SCHM_REQ_DONE));
	schm_req_put(req);
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&req->ref), 1);
	schm_req_unref(req, &late);
	schm_late_run(&late);
}

/* Each in a world of its own: most of them end the queue. */
static void try_all_from(struct kunit *test, enum from from)
{
	int event;

	for (event = 0; event < NR_EVENT; event++) {
		if (event) {
			schm_world_exit(test);
			schm_world_init(test);
		}
		try_step(test, from, event);
	}
}

static void S16_nothing_but_submit_moves_a_reserved_request(struct kunit *test)
{
	try_all_from(test, RESERVED);
}

static void S18_request_that_waits_for_room_ends_at_once(struct kunit *test)
{
	try_all_from(test, WAITING);
}

static void S18_sent_request_ends_by_answer_or_is_abandoned(struct kunit *test)
{
	try_all_from(test, SENT);
}

static void S19_abandoned_request_ends_by_answer_or_death(struct kunit *test)
{
	try_all_from(test, ABANDONED);
}

static void S16_nothing_moves_a_request_that_is_done(struct kunit *test)
{
	try_all_from(test, DONE);
}

/* ---- one by one ---------------------------------------------------------- */

static void S8_entry_tells_tag_slot_length_and_handle(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *first = schm_world_reserved(test, SCHEME_OP_FSYNC);
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_WRITE);
	struct scheme_sqe sqe;

	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_RESERVED);
	KUNIT_EXPECT_FALSE(test, schm_prov_take(w->q, &sqe));
	schm_req_submit(req, 321);
	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_SENT);
	KUNIT_ASSERT_TRUE(test, schm_prov_take(w->q, &sqe));
	KUNIT_EXPECT_EQ(test, sqe.opcode, SCHEME_OP_WRITE);
	KUNIT_EXPECT_EQ(test, sqe.handle, 7);
	KUNIT_EXPECT_EQ(test, sqe.len, 321);
	KUNIT_EXPECT_EQ(test, sqe.user_data, 1ULL << 32 | 1);
	KUNIT_EXPECT_EQ(test, sqe.addr, PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, req->slot,
			    w->q->mem + w->q->at.slots_off + sqe.addr);
	KUNIT_EXPECT_EQ(test, answer(test, sqe.user_data, 321), 0);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), 321);
	schm_req_put(req);
	schm_req_put(first);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
}

/* A kernel thread, such as KUnit's, calls for the opener of the file. */
static void S24_kernel_thread_counts_as_the_opener(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct cred *cred = prepare_creds();
	struct schm_req *req;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cred);
	cred->euid = KUIDT_INIT(1000);
	cred->egid = KGIDT_INIT(1001);
	w->file->f_cred = cred;
	req = schm_world_new(test, SCHEME_OP_READ);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.uid, 1000);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.gid, 1001);
	KUNIT_EXPECT_EQ(test, req->entry.sqe.pid,
			(u32)pid_nr_ns(w->h->opener, w->s->pid_ns));
	schm_req_put(req);
	put_cred(cred);
}

static void S20_submit_to_a_queue_that_has_ended_is_enodev(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_READ);

	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_RESERVED);
	KUNIT_EXPECT_EQ(test, schm_req_call(req, 10), -ENODEV);
	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_DONE);
	KUNIT_EXPECT_EQ(test, w->q->stats.requests, 0);
	schm_req_put(req);
}

static void S16_reserved_request_may_be_given_back(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_READ);

	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 1);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
	KUNIT_EXPECT_EQ(test, w->q->tags[0].gen, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->h->user->in_flight), 0);
	/* and so may one that has no tag */
	schm_req_put(schm_world_new(test, SCHEME_OP_READ));
}

/* ---- what the caller gets ------------------------------------------------ */

static s64 wait_for(struct kunit *test, bool cancel, s64 result)
{
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ);
	s64 ret;

	if (cancel)
		KUNIT_EXPECT_FALSE(test, req_cancel(req));
	KUNIT_EXPECT_EQ(test, answer(test, schm_world_tag(req), result), 0);
	ret = schm_req_wait(req);
	schm_req_put(req);
	return ret;
}

static void S18_provider_that_gives_up_restarts_the_call(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, wait_for(test, true, -EINTR), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, wait_for(test, true, -ECANCELED), -ERESTARTSYS);
	KUNIT_EXPECT_EQ(test, wait_for(test, true, 33), 33);
	KUNIT_EXPECT_EQ(test, wait_for(test, true, -ENOSPC), -ENOSPC);
}

static void S18_provider_that_was_not_asked_cannot_interrupt(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, wait_for(test, false, -EINTR), -EIO);
	KUNIT_EXPECT_EQ(test, wait_for(test, false, -ECANCELED), -ECANCELED);
	KUNIT_EXPECT_EQ(test, wait_for(test, false, -EAGAIN), -EAGAIN);
}

static void S18_two_signals_send_one_cancel(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ);
	u64 tag = schm_world_tag(req);

	KUNIT_EXPECT_EQ(test, schm_prov_drain(w->q), 1);
	KUNIT_EXPECT_FALSE(test, req_cancel(req));
	KUNIT_EXPECT_FALSE(test, req_cancel(req));
	expect_cancel(test, tag);
	/* killed now: it is left, and that needs no other one */
	KUNIT_EXPECT_EQ(test, req_leave(req, -EINTR), -EINTR);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, w->q->stats.cancels, 1);
	KUNIT_EXPECT_EQ(test, w->q->stats.abandoned, 1);
	KUNIT_EXPECT_EQ(test, answer(test, tag, 1), 0);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
}

static void S19_abandoned_tag_counts_until_its_answer(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ);
	u64 tag = schm_world_tag(req);

	KUNIT_EXPECT_EQ(test, schm_prov_drain(w->q), 1);
	schm_req_abandon(req);
	expect_cancel(test, tag);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->h->user->in_flight), 1);
	KUNIT_EXPECT_EQ(test, answer(test, tag, -ECANCELED), 0);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->h->user->in_flight), 0);
	KUNIT_EXPECT_EQ(test, answer(test, tag, 0), EBADF);
}

static void S21_deadline_ends_the_wait(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ);
	u64 tag = schm_world_tag(req);

	KUNIT_EXPECT_EQ(test, schm_prov_drain(w->q), 1);
	req->deadline = (jiffies + 2) ?: 1;
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_ABANDONED);
	KUNIT_EXPECT_EQ(test, w->q->stats.timeouts, 1);
	expect_cancel(test, tag);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, answer(test, tag, 0), 0);
}

static void S21_threads_that_cannot_be_interrupted_have_a_deadline(struct kunit *test)
{
	struct schm_world *w = test->priv;
	unsigned long limit = msecs_to_jiffies(SCHM_ASYNC_TIMEOUT_MS);

	/* KUnit's thread is one */
	KUNIT_EXPECT_LE(test, schm_req_deadline(w->s, false) - jiffies, limit);
	KUNIT_EXPECT_LT(test, limit / 2, schm_req_deadline(w->s, true) - jiffies);
	w->s->config.timeout_ms = 100;
	KUNIT_EXPECT_LE(test, schm_req_deadline(w->s, true) - jiffies,
			msecs_to_jiffies(100));
}

/* ---- places -------------------------------------------------------------- */

static void reserve_all(struct kunit *test, struct schm_req **req)
{
	unsigned int i;

	for (i = 0; i < WORLD_DEPTH; i++)
		req[i] = schm_world_reserved(test, SCHEME_OP_READ);
}

static void put_all(struct schm_req **req)
{
	unsigned int i;

	for (i = 0; i < WORLD_DEPTH; i++)
		schm_req_put(req[i]);
}

static void S21_no_free_tag_is_eagain_or_a_wait(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req[WORLD_DEPTH], *more;

	w->s->config.user_limit = WORLD_DEPTH + 1;
	reserve_all(test, req);
	more = schm_world_new(test, SCHEME_OP_READ);
	KUNIT_EXPECT_EQ(test, schm_req_reserve(more, true), -EAGAIN);
	more->deadline = (jiffies + 2) ?: 1;
	KUNIT_EXPECT_EQ(test, schm_req_reserve(more, false), -ETIMEDOUT);
	/* the user's place has been given back */
	KUNIT_EXPECT_EQ(test, atomic_read(&w->h->user->in_flight), WORLD_DEPTH);
	KUNIT_EXPECT_EQ(test, (int)more->state, SCHM_REQ_NEW);
	schm_req_put(more);
	put_all(req);
}

static void S21_user_at_the_limit_gets_eagain_or_waits(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req, *more;

	w->s->config.user_limit = 1;
	req = schm_world_reserved(test, SCHEME_OP_READ);
	more = schm_world_new(test, SCHEME_OP_READ);
	KUNIT_EXPECT_EQ(test, schm_req_reserve(more, true), -EAGAIN);
	more->deadline = (jiffies + 2) ?: 1;
	KUNIT_EXPECT_EQ(test, schm_req_reserve(more, false), -ETIMEDOUT);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, schm_req_reserve(more, true), 0);
	schm_req_put(more);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->h->user->in_flight), 0);
}

static void S20_reserve_on_a_dead_scheme_is_enodev(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_new(test, SCHEME_OP_READ);

	schm_queue_fail(w->q, SCHEME_RING_BROKEN);
	/* no queue that serves, though the scheme lives */
	KUNIT_EXPECT_EQ(test, schm_req_reserve(req, false), -ENODEV);
	w->s->state = SCHM_DYING;
	KUNIT_EXPECT_EQ(test, schm_req_reserve(req, false), -ENODEV);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->h->user->in_flight), 0);
	schm_req_put(req);
}

/* ---- spinning ------------------------------------------------------------ */

static void U16_spinning_client_takes_its_answer_itself(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req;

	w->s->config.busy_poll_us = SCHM_BUSY_POLL_MAX_US;
	req = schm_world_sent(test, SCHEME_OP_READ);
	KUNIT_EXPECT_EQ(test, w->q->poller[req->index], SCHEME_POLLER_SPINS);
	schm_prov_post(w->q, (struct scheme_cqe){
		.user_data = schm_world_tag(req), .result = 9,
	});
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), 9);
	KUNIT_EXPECT_EQ(test, w->q->stats.enters, 0);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, w->q->poller[0], 0);
}

static void U16_client_that_sleeps_does_not_promise_to_spin(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req;

	w->s->config.busy_poll_us = 1;
	req = schm_world_sent(test, SCHEME_OP_READ);
	req->deadline = (jiffies + 2) ?: 1;
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, w->q->poller[req->index], 0);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, answer(test, 1ULL << 32, 0), 0);
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(S16_nothing_but_submit_moves_a_reserved_request),
	KUNIT_CASE(S18_request_that_waits_for_room_ends_at_once),
	KUNIT_CASE(S18_sent_request_ends_by_answer_or_is_abandoned),
	KUNIT_CASE(S19_abandoned_request_ends_by_answer_or_death),
	KUNIT_CASE(S16_nothing_moves_a_request_that_is_done),
	KUNIT_CASE(S8_entry_tells_tag_slot_length_and_handle),
	KUNIT_CASE(S24_kernel_thread_counts_as_the_opener),
	KUNIT_CASE(S20_submit_to_a_queue_that_has_ended_is_enodev),
	KUNIT_CASE(S16_reserved_request_may_be_given_back),
	KUNIT_CASE(S18_provider_that_gives_up_restarts_the_call),
	KUNIT_CASE(S18_provider_that_was_not_asked_cannot_interrupt),
	KUNIT_CASE(S18_two_signals_send_one_cancel),
	KUNIT_CASE(S19_abandoned_tag_counts_until_its_answer),
	KUNIT_CASE(S21_deadline_ends_the_wait),
	KUNIT_CASE(S21_threads_that_cannot_be_interrupted_have_a_deadline),
	KUNIT_CASE(S21_no_free_tag_is_eagain_or_a_wait),
	KUNIT_CASE(S21_user_at_the_limit_gets_eagain_or_waits),
	KUNIT_CASE(S20_reserve_on_a_dead_scheme_is_enodev),
	KUNIT_CASE(U16_spinning_client_takes_its_answer_itself),
	KUNIT_CASE(U16_client_that_sleeps_does_not_promise_to_spin),
	{}
};

struct kunit_suite schm_request_suite = {
	.name = "schm_request",
	.suite_init = schm_requests_init,
	.suite_exit = schm_requests_exit,
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = request_cases,
};
