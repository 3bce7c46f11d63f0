// SPDX-License-Identifier: GPL-2.0
/* What an answer may be, what is said of one that may not, and the end of all. */
#include "../answer.c"

#include "suites.h"

/* Post an answer to req that is right but for what is given; its status. */
#define ANSWER(req, ...)						\
	schm_prov_answer((req)->queue, (struct scheme_cqe){		\
		.user_data = schm_world_tag(req), __VA_ARGS__		\
	})

/* Status of an answer to a fresh request, which the caller has no more need of. */
#define ANSWER_TO(test, op, ...)					\
({									\
	struct schm_req *fresh = schm_world_sent(test, op);		\
	int status;							\
									\
	if ((op) == SCHEME_OP_OPEN || (op) == SCHEME_OP_DUP)		\
		fresh->opens = new_handle(test);			\
	status = ANSWER(fresh, __VA_ARGS__);			\
	finish(test, fresh, status);					\
	status;								\
})

static struct schm_handle *new_handle(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_handle *h = schm_handle_alloc(w->s);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, h);
	return h;
}

/* A refused answer leaves the request as it is; one that cannot be is EIO. */
static void finish(struct kunit *test, struct schm_req *req, int status)
{
	struct schm_world *w = test->priv;

	KUNIT_EXPECT_EQ(test, (int)req->state, status && status != EPROTO ?
			SCHM_REQ_SENT : SCHM_REQ_DONE);
	if (status == EPROTO)
		KUNIT_EXPECT_EQ(test, schm_req_wait(req), -EIO);
	else if (status)
		KUNIT_EXPECT_EQ(test, ANSWER(req, .result = -EAGAIN), 0);
	schm_req_put(req);
	schm_prov_drain(w->q);
}

/* ---- accepted ------------------------------------------------------------ */

static void S16_answers_come_in_any_order(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req[WORLD_DEPTH];
	static const int order[WORLD_DEPTH] = { 2, 0, 3, 1 };
	int i;

	for (i = 0; i < (int)WORLD_DEPTH; i++)
		req[i] = schm_world_sent(test, SCHEME_OP_READ);
	for (i = 0; i < (int)WORLD_DEPTH; i++)
		KUNIT_EXPECT_EQ(test, ANSWER(req[order[i]], .result = order[i]), 0);
	for (i = 0; i < (int)WORLD_DEPTH; i++) {
		KUNIT_EXPECT_EQ(test, schm_req_wait(req[i]), i);
		schm_req_put(req[i]);
	}
	KUNIT_EXPECT_EQ(test, w->q->stats.answers, WORLD_DEPTH);
	KUNIT_EXPECT_EQ(test, w->q->stats.refused, 0);
}

static void S28_each_answer_of_a_batch_has_its_status(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *a = schm_world_sent(test, SCHEME_OP_READ);
	struct schm_req *b = schm_world_sent(test, SCHEME_OP_READ);
	struct scheme_cqe cqe = { .user_data = schm_world_tag(a) };

	schm_prov_restart(w->q, U32_MAX - 1);
	schm_prov_post(w->q, cqe);
	schm_prov_post(w->q, cqe);
	schm_prov_post(w->q, (struct scheme_cqe){});
	cqe.user_data = schm_world_tag(b);
	cqe.kind = 99;
	schm_prov_post(w->q, cqe);
	cqe.kind = SCHEME_CQE_EVENT;
	schm_prov_post(w->q, cqe);
	cqe.kind = SCHEME_CQE_VALUE;
	schm_prov_post(w->q, cqe);
	schm_answers_enter(w->q, false);
	KUNIT_EXPECT_EQ(test, w->q->cq[6].status, 0);
	KUNIT_EXPECT_EQ(test, w->q->cq[7].status, EALREADY);
	KUNIT_EXPECT_EQ(test, w->q->cq[0].status, EBADF);
	KUNIT_EXPECT_EQ(test, w->q->cq[1].status, EINVAL);
	KUNIT_EXPECT_EQ(test, w->q->cq[2].status, ENOENT);
	KUNIT_EXPECT_EQ(test, w->q->cq[3].status, 0);
	KUNIT_EXPECT_EQ(test, w->q->client->cq_head, 4);
	KUNIT_EXPECT_EQ(test, w->q->stats.answers, 2);
	KUNIT_EXPECT_EQ(test, w->q->stats.refused, 3);
	KUNIT_EXPECT_EQ(test, w->q->stats.enters, 1);
	schm_req_put(a);
	schm_req_put(b);
}

static void S14_call_has_two_results(struct kunit *test)
{
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_CALL);

	req->entry.sqe.aux = 64;
	schm_req_submit(req, 32);
	KUNIT_EXPECT_EQ(test, ANSWER(req, .result = S64_MAX, .extra = 64), 0);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), S64_MAX);
	KUNIT_EXPECT_EQ(test, req->extra, 64);
	schm_req_put(req);
}

static void S7_answer_opens_the_handle(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_OPEN);
	struct schm_handle *h = new_handle(test);

	req->opens = schm_handle_get(h);
	schm_req_submit(req, 0);
	KUNIT_EXPECT_EQ(test, ANSWER(req, .result = 12,
				     .flags = SCHEME_CQE_F_POSITIONED), 0);
	schm_req_put(req);
	KUNIT_EXPECT_TRUE(test, h->open && h->positioned);
	KUNIT_EXPECT_EQ(test, h->number, 12);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->s->nr_handles), 2);
	schm_handle_put(h);
}

static void S7_refused_open_leaves_the_handle_closed(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_OPEN);
	struct schm_handle *h = new_handle(test);

	req->opens = schm_handle_get(h);
	schm_req_submit(req, 0);
	KUNIT_EXPECT_EQ(test, ANSWER(req, .result = -EACCES), 0);
	schm_req_put(req);
	KUNIT_EXPECT_FALSE(test, h->open);
	schm_handle_put(h);
	KUNIT_EXPECT_EQ(test, w->q->stats.closes, 0);
}

static void S19_late_open_is_closed_at_once(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_OPEN);
	struct scheme_sqe sqe;
	u64 tag;

	req->opens = new_handle(test);
	schm_req_submit(req, 0);
	tag = schm_world_tag(req);
	schm_req_abandon(req);
	/* the OPEN and its CANCEL */
	KUNIT_EXPECT_EQ(test, schm_prov_drain(w->q), 2);
	KUNIT_EXPECT_EQ(test, schm_prov_answer(w->q, (struct scheme_cqe){
		.user_data = tag, .result = 13 }), 0);
	KUNIT_ASSERT_TRUE(test, schm_prov_take(w->q, &sqe));
	KUNIT_EXPECT_EQ(test, sqe.opcode, SCHEME_OP_CLOSE);
	KUNIT_EXPECT_EQ(test, sqe.handle, 13);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
}

static void U14_end_wakes_the_client_outside_the_lock(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ);
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_sleeper sleeper;

	schm_sleep_on(&req->wait, &sleeper);
	spin_lock(&w->q->lock);
	schm_req_end_locked(req, 3, &late);
	KUNIT_EXPECT_TRUE(test, schm_req_done(req));
	KUNIT_EXPECT_EQ(test, sleeper.woken, 0);
	/* the waker's, since the client may put it meanwhile */
	KUNIT_EXPECT_EQ(test, refcount_read(&req->ref), 3);
	spin_unlock(&w->q->lock);
	schm_late_run(&late);
	KUNIT_EXPECT_EQ(test, sleeper.woken, 1);
	KUNIT_EXPECT_EQ(test, refcount_read(&req->ref), 2);
	remove_wait_queue(&req->wait, &sleeper.entry);
	schm_req_put(req);
}

/* ---- refused ------------------------------------------------------------- */

static int answer_tag(struct kunit *test, u64 tag)
{
	struct schm_world *w = test->priv;

	return schm_prov_answer(w->q, (struct scheme_cqe){ .user_data = tag });
}

static void S16_tag_that_is_not_in_use_is_ebadf(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ);
	u64 tag = schm_world_tag(req), i;

	KUNIT_EXPECT_EQ(test, tag, 1ULL << 32);
	KUNIT_EXPECT_EQ(test, answer_tag(test, 0), EBADF);
	KUNIT_EXPECT_EQ(test, answer_tag(test, 2ULL << 32), EBADF);
	KUNIT_EXPECT_EQ(test, answer_tag(test, U64_MAX), EBADF);
	for (i = 1; i < 2 * WORLD_DEPTH; i++)
		KUNIT_EXPECT_EQ(test, answer_tag(test, tag + i), EBADF);
	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_SENT);
	KUNIT_EXPECT_EQ(test, w->q->stats.refused, 2 * WORLD_DEPTH + 2);
	KUNIT_EXPECT_EQ(test, w->q->stats.answers, 0);
	KUNIT_EXPECT_EQ(test, answer_tag(test, tag), 0);
	schm_req_put(req);
}

static void S16_tag_of_an_earlier_use_is_ebadf(struct kunit *test)
{
	struct schm_req *old = schm_world_sent(test, SCHEME_OP_READ), *req;
	u64 tag = schm_world_tag(old);

	KUNIT_EXPECT_EQ(test, answer_tag(test, tag), 0);
	KUNIT_EXPECT_EQ(test, answer_tag(test, tag), EALREADY);
	schm_req_put(old);
	KUNIT_EXPECT_EQ(test, answer_tag(test, tag), EBADF);
	/* the same slot, for somebody else */
	req = schm_world_sent(test, SCHEME_OP_READ);
	KUNIT_EXPECT_EQ(test, (u32)schm_world_tag(req), (u32)tag);
	KUNIT_EXPECT_EQ(test, answer_tag(test, tag), EBADF);
	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_SENT);
	schm_req_abandon(req);
	KUNIT_EXPECT_EQ(test, answer_tag(test, tag), EBADF);
	KUNIT_EXPECT_EQ(test, answer_tag(test, tag + (1ULL << 32)), 0);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
}

static void S16_unknown_kind_or_status_is_einval(struct kunit *test)
{
	unsigned int kind;

	for (kind = 1; kind < 8; kind++)
		if (kind != SCHEME_CQE_EVENT)
			KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .kind = kind),
					EINVAL);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .kind = 0xffff), EINVAL);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .status = 1), EINVAL);
}

static void S16_unused_parts_of_an_answer_must_be_zero(struct kunit *test)
{
	static const u8 plain[] = { SCHEME_OP_READ, SCHEME_OP_WRITE,
				    SCHEME_OP_FSYNC, SCHEME_OP_FSIZE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(plain); i++) {
		KUNIT_EXPECT_EQ(test, ANSWER_TO(test, plain[i], .extra = 1), EINVAL);
		KUNIT_EXPECT_EQ(test, ANSWER_TO(test, plain[i],
						.flags = SCHEME_CQE_F_POSITIONED), EINVAL);
		/* an error is no excuse */
		KUNIT_EXPECT_EQ(test, ANSWER_TO(test, plain[i], .result = -EIO,
						.extra = 1ULL << 63), EINVAL);
	}
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_CALL,
					.flags = SCHEME_CQE_F_EVENTS), EINVAL);
}

static void S29_answer_to_open_has_known_flags_and_events(struct kunit *test)
{
	const u64 in = (__force u32)EPOLLIN, et = (__force u32)EPOLLET;
	const u16 both = SCHEME_CQE_F_EVENTS | SCHEME_CQE_F_POSITIONED;

	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_OPEN, .flags = 4), EINVAL);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_OPEN, .extra = in), EINVAL);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_OPEN, .flags = both, .extra = et),
			EINVAL);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_DUP, .flags = both,
					.extra = in | 1ULL << 32), EINVAL);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_DUP, .flags = both, .extra = in), 0);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_OPEN, .flags = both, .extra = in), 0);
}

/* The world's requests have 100 bytes, and its CALLs no room. */
static void S16_value_that_cannot_be_is_eproto_and_eio(struct kunit *test)
{
	struct schm_world *w = test->priv;

	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .result = 100), 0);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .result = 101), EPROTO);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_WRITE, .result = 100), 0);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_WRITE, .result = 1LL << 32), EPROTO);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_FSYNC, .result = 1), EPROTO);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_CALL, .extra = 1), EPROTO);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_FSIZE, .result = S64_MAX), 0);
	KUNIT_EXPECT_EQ(test, w->q->stats.bad_results, 4);
	KUNIT_EXPECT_EQ(test, w->q->stats.answers, 7);
	KUNIT_EXPECT_EQ(test, w->q->stats.refused, 0);
}

/* Numbers beyond the greatest errno, such as ERESTARTSYS, mean things to the kernel. */
static void S16_error_that_is_no_errno_is_eproto_and_eio(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .result = -EHWPOISON), 0);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .result = -EHWPOISON - 1), EPROTO);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_READ, .result = -ERESTARTSYS), EPROTO);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_OPEN, .result = -EIOCBQUEUED), EPROTO);
	KUNIT_EXPECT_EQ(test, ANSWER_TO(test, SCHEME_OP_FSIZE, .result = S64_MIN), EPROTO);
}

static int event(struct kunit *test, u64 handle, struct scheme_cqe cqe)
{
	struct schm_world *w = test->priv;

	cqe.kind = SCHEME_CQE_EVENT;
	cqe.user_data = handle;
	return schm_prov_answer(w->q, cqe);
}

static void S29_event_is_for_an_open_handle_or_enoent(struct kunit *test)
{
	struct schm_world *w = test->priv;
	const u64 in = (__force u32)EPOLLIN;

	KUNIT_EXPECT_EQ(test, event(test, 7, (struct scheme_cqe){ .result = in }), 0);
	KUNIT_EXPECT_EQ(test, w->h->events, in);
	KUNIT_EXPECT_EQ(test, event(test, 8, (struct scheme_cqe){ .result = in }), ENOENT);
	KUNIT_EXPECT_EQ(test, event(test, SCHEME_ROOT, (struct scheme_cqe){}), ENOENT);
	KUNIT_EXPECT_EQ(test, w->q->stats.events, 3);
	KUNIT_EXPECT_EQ(test, w->q->stats.refused, 0);
}

static void S29_malformed_event_is_einval(struct kunit *test)
{
	struct schm_world *w = test->priv;

	KUNIT_EXPECT_EQ(test, event(test, 7, (struct scheme_cqe){ .flags = 1 }), EINVAL);
	KUNIT_EXPECT_EQ(test, event(test, 7, (struct scheme_cqe){ .extra = 1 }), EINVAL);
	KUNIT_EXPECT_EQ(test, event(test, 7, (struct scheme_cqe){ .result = -1 }), EINVAL);
	KUNIT_EXPECT_EQ(test, event(test, 7, (struct scheme_cqe){ .result = 1LL << 32 }), EINVAL);
	KUNIT_EXPECT_EQ(test, event(test, 7, (struct scheme_cqe){ .status = EIO }), EINVAL);
	KUNIT_EXPECT_EQ(test, w->q->stats.events, 0);
	KUNIT_EXPECT_EQ(test, w->h->events, (__force u32)DEFAULT_POLLMASK);
}

/* ---- the end ------------------------------------------------------------- */

static void U10_broken_ring_ends_its_requests_and_no_others(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ), *elsewhere;

	w->s->live = 2;
	elsewhere = schm_world_sent(test, SCHEME_OP_READ);
	KUNIT_EXPECT_PTR_EQ(test, elsewhere->queue, w->other);
	w->q->parked.cmd = SCHM_WORLD_CMD;
	w->q->prov->cq_tail = WORLD_ENTRIES + 1;
	schm_answers_enter(w->q, false);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -ENODEV);
	KUNIT_EXPECT_EQ(test, schm_world_unparked, -EIO);
	KUNIT_EXPECT_EQ(test, schm_world_completed, 1);
	KUNIT_EXPECT_EQ(test, (int)elsewhere->state, SCHM_REQ_SENT);
	KUNIT_EXPECT_EQ(test, ANSWER(elsewhere, .result = 1), 0);
	schm_req_put(req);
	schm_req_put(elsewhere);
}

static void S20_death_wakes_all_and_ends_the_parked_command(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_world_sent(test, SCHEME_OP_READ);
	struct schm_sleeper client, waiter, provider;

	schm_sleep_on(&req->wait, &client);
	schm_sleep_on(&w->q->tag_wait, &waiter);
	schm_sleep_on(&w->q->sq_wait, &provider);
	w->q->parked.cmd = SCHM_WORLD_CMD;
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	KUNIT_EXPECT_EQ(test, client.woken, 1);
	KUNIT_EXPECT_EQ(test, waiter.woken, 1);
	KUNIT_EXPECT_EQ(test, provider.woken, 1);
	KUNIT_EXPECT_EQ(test, schm_world_unparked, -ENODEV);
	KUNIT_EXPECT_EQ(test, schm_world_completed, 1);
	remove_wait_queue(&req->wait, &client.entry);
	remove_wait_queue(&w->q->tag_wait, &waiter.entry);
	remove_wait_queue(&w->q->sq_wait, &provider.entry);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -ENODEV);
	schm_req_put(req);
}

/* A request, its CANCEL and a CLOSE wait for room as the scheme dies. */
static void S20_death_frees_what_waits_for_room(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *seen = schm_world_sent(test, SCHEME_OP_READ), *req;

	schm_world_fill(test);
	req = schm_world_sent(test, SCHEME_OP_READ);
	schm_req_abandon(seen);
	KUNIT_EXPECT_EQ(test, w->q->client->flags, SCHEME_RING_OVERFLOW);
	schm_handle_put(w->h);
	w->h = NULL;
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -ENODEV);
	schm_req_put(req);
	KUNIT_EXPECT_TRUE(test, list_empty(&w->q->pending));
	KUNIT_EXPECT_EQ(test, w->q->client->flags, 0);
	KUNIT_EXPECT_EQ(test, w->q->stats.cancels + w->q->stats.closes, 0);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&w->s->ref), 1);
}

static void U29_queue_without_files_starts_anew(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_req *req;

	schm_queue_open(w->q);
	schm_queue_open(w->q);
	req = schm_world_sent(test, SCHEME_OP_READ);
	schm_queue_close(w->q);
	KUNIT_EXPECT_EQ(test, (int)req->state, SCHM_REQ_SENT);
	/* left behind by a provider that goes: an entry, and half an answer */
	w->q->prov->cq_tail = 3;
	schm_queue_close(w->q);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -ENODEV);
	schm_req_put(req);
	KUNIT_EXPECT_FALSE(test, schm_queue_usable(w->q));
	schm_queue_open(w->q);
	KUNIT_EXPECT_TRUE(test, schm_queue_usable(w->q));
	KUNIT_EXPECT_EQ(test, schm_queue_ready(w->q), 0);
	req = schm_world_sent(test, SCHEME_OP_READ);
	KUNIT_EXPECT_EQ(test, schm_queue_ready(w->q), 1);
	KUNIT_EXPECT_EQ(test, ANSWER(req, .result = 2), 0);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), 2);
	schm_req_put(req);
	schm_queue_close(w->q);
}

static struct kunit_case answer_cases[] = {
	KUNIT_CASE(S16_answers_come_in_any_order),
	KUNIT_CASE(S28_each_answer_of_a_batch_has_its_status),
	KUNIT_CASE(S14_call_has_two_results),
	KUNIT_CASE(S7_answer_opens_the_handle),
	KUNIT_CASE(S7_refused_open_leaves_the_handle_closed),
	KUNIT_CASE(S19_late_open_is_closed_at_once),
	KUNIT_CASE(U14_end_wakes_the_client_outside_the_lock),
	KUNIT_CASE(S16_tag_that_is_not_in_use_is_ebadf),
	KUNIT_CASE(S16_tag_of_an_earlier_use_is_ebadf),
	KUNIT_CASE(S16_unknown_kind_or_status_is_einval),
	KUNIT_CASE(S16_unused_parts_of_an_answer_must_be_zero),
	KUNIT_CASE(S29_answer_to_open_has_known_flags_and_events),
	KUNIT_CASE(S16_value_that_cannot_be_is_eproto_and_eio),
	KUNIT_CASE(S16_error_that_is_no_errno_is_eproto_and_eio),
	KUNIT_CASE(S29_event_is_for_an_open_handle_or_enoent),
	KUNIT_CASE(S29_malformed_event_is_einval),
	KUNIT_CASE(U10_broken_ring_ends_its_requests_and_no_others),
	KUNIT_CASE(S20_death_wakes_all_and_ends_the_parked_command),
	KUNIT_CASE(S20_death_frees_what_waits_for_room),
	KUNIT_CASE(U29_queue_without_files_starts_anew),
	{}
};

struct kunit_suite schm_answer_suite = {
	.name = "schm_answer",
	.suite_init = schm_requests_init,
	.suite_exit = schm_requests_exit,
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = answer_cases,
};
