// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in every call of the event scheme. */
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#include "../event.h"
#include "../harness.h"
#include "../inject.h"
#include "../uring.h"

#define NAME	"test-failnth-event"

FIXTURE(failnth) {
	struct inject inject;
	struct provider p;
	struct queue *q;
	int file;			/* number 1, not ready at first */
	int eq;				/* non-blocking */
	int outer;			/* another one */
	/* of one call */
	int fd;
	struct scheme_event event[2];
	struct io_uring ring;
};

#include "failnth.h"

/* Nothing is watched, and a watch works. */
static bool usable(env_t *env)
{
	struct scheme_event e = {};

	return !event_watches(env->eq) && !event_watches(env->outer) &&
	       !event_watch(env->eq, env->file, EPOLLIN, 5) &&
	       !queue_event(env->q, 1, EPOLLIN) &&
	       event_read(env->eq, &e, 1) == 1 && e.data == 5 &&
	       !event_watch(env->eq, env->file, 0, 0) &&
	       !queue_event(env->q, 1, 0) &&
	       scheme_attr(NAME, "handles") == 1;
}

FIXTURE_SETUP(failnth)
{
	int ret = inject_begin(&self->inject);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->file = client_open_events(&self->p, O_RDWR, 1,
					SCHEME_CQE_F_EVENTS, 0);
	ASSERT_LE(0, self->file);
	self->eq = event_open(O_NONBLOCK);
	ASSERT_LE(0, self->eq);
	self->outer = event_open(O_NONBLOCK);
	ASSERT_LE(0, self->outer);
}

FIXTURE_TEARDOWN(failnth)
{
	close(self->outer);
	close(self->eq);
	close(self->file);
	provider_end(&self->p);
	inject_end(&self->inject);
}

/* ---- queues --------------------------------------------------------------------- */

static long call_open(env_t *env)
{
	(void)env;
	return event_open(0);
}

static const struct failing opens = {
	.name = "open of the event scheme", .call = call_open, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static long call_close(env_t *env)
{
	return errno_of(close(env->fd));
}

/* A queue that watches, and is watched. */
static int prepare_close_queue(env_t *env)
{
	env->fd = event_open(0);
	if (env->fd < 0)
		return env->fd;
	return event_watch(env->fd, env->file, EPOLLIN, 1) ?:
	       event_watch(env->fd, env->eq, EPOLLIN, 2) ?:
	       event_watch(env->outer, env->fd, EPOLLIN, 3);
}

/* KASAN needs memory to free a file. */
static const struct failing close_queue = {
	.name = "close of a queue with watches", .prepare = prepare_close_queue,
	.call = call_close, .memory = COPES,
};

static int prepare_close_file(env_t *env)
{
	env->fd = client_openat_as(&env->p, env->file, "x", O_RDWR | O_CLOEXEC,
				   2, 0);
	if (env->fd < 0)
		return env->fd;
	return event_watch(env->eq, env->fd, EPOLLIN, 1) ?:
	       event_watch(env->outer, env->fd, EPOLLIN, 2);
}

/* Its watches have gone, and what they had to tell. */
static int tidy_close_file(env_t *env, long result)
{
	struct scheme_sqe sqe;
	struct scheme_event e;

	(void)result;
	if (event_watches(env->eq) || event_read(env->eq, &e, 1) != -EAGAIN)
		return -EBADMSG;
	return queue_expect(env->q, &sqe, SCHEME_OP_CLOSE);
}

static const struct failing close_file = {
	.name = "close of a watched file", .prepare = prepare_close_file,
	.call = call_close, .tidy = tidy_close_file, .memory = COPES,
};

/* ---- watching ------------------------------------------------------------------- */

static long call_watch(env_t *env)
{
	return event_watch(env->eq, env->file, EPOLLIN, 1);
}

static int tidy_watch(env_t *env, long result)
{
	if (event_watches(env->eq) != (result >= 0))
		return -EBADMSG;
	return result < 0 ? 0 : event_watch(env->eq, env->file, 0, 0);
}

static const struct failing watches = {
	.name = "watch", .call = call_watch, .tidy = tidy_watch,
	.memory = REFUSES, .copies = true,
};

static int prepare_watch(env_t *env)
{
	return call_watch(env);
}

static long call_watch_again(env_t *env)
{
	return event_watch(env->eq, env->file, EPOLLOUT, 2);
}

/* The watch is as it was, or as it was to become. */
static int tidy_watch_again(env_t *env, long result)
{
	struct scheme_event e = {};

	if (queue_event(env->q, 1, EPOLLIN | EPOLLOUT) ||
	    event_read(env->eq, &e, 1) != 1)
		return -EBADMSG;
	if (e.flags != (result < 0 ? EPOLLIN : EPOLLOUT) ||
	    e.data != (result < 0 ? 1 : 2) || queue_event(env->q, 1, 0))
		return -EBADMSG;
	return event_watch(env->eq, env->file, 0, 0);
}

static const struct failing watches_again = {
	.name = "change of a watch", .prepare = prepare_watch,
	.call = call_watch_again, .tidy = tidy_watch_again,
	.memory = TAKES_NONE, .copies = true,
};

static long call_unwatch(env_t *env)
{
	return event_watch(env->eq, env->file, 0, 0);
}

static int tidy_unwatch(env_t *env, long result)
{
	if (event_watches(env->eq) != (result < 0))
		return -EBADMSG;
	return result < 0 ? call_unwatch(env) : 0;
}

static const struct failing unwatches = {
	.name = "end of a watch", .prepare = prepare_watch,
	.call = call_unwatch, .tidy = tidy_unwatch,
	.memory = TAKES_NONE, .copies = true,
};

static long call_watch_queue(env_t *env)
{
	return event_watch(env->outer, env->eq, EPOLLIN, 1);
}

static int tidy_watch_queue(env_t *env, long result)
{
	if (event_watches(env->outer) != (result >= 0))
		return -EBADMSG;
	return result < 0 ? 0 : event_watch(env->outer, env->eq, 0, 0);
}

static const struct failing watches_queue = {
	.name = "watch of a queue", .call = call_watch_queue,
	.tidy = tidy_watch_queue, .memory = REFUSES, .copies = true,
};

/* Two in one write, which is short if the second one fails. */
static int prepare_watch_two(env_t *env)
{
	env->event[0] = (struct scheme_event){ env->file, EPOLLIN, 1 };
	env->event[1] = (struct scheme_event){ env->eq, EPOLLIN, 2 };
	return 0;
}

static long call_watch_two(env_t *env)
{
	return errno_of(write(env->outer, env->event, sizeof(env->event)));
}

static int tidy_watch_two(env_t *env, long result)
{
	int nr = result < 0 ? 0 : result / (long)sizeof(env->event[0]);

	if (event_watches(env->outer) != nr)
		return -EBADMSG;
	while (nr--)
		if (event_watch(env->outer, env->event[nr].id, 0, 0))
			return -EBADMSG;
	return 0;
}

static const struct failing watches_two = {
	.name = "two watches in one write", .prepare = prepare_watch_two,
	.call = call_watch_two, .tidy = tidy_watch_two, .memory = REFUSES,
	.copies = true, .wants = sizeof(((env_t *)0)->event),
};

/* ---- reading -------------------------------------------------------------------- */

static int prepare_event(env_t *env)
{
	return event_watch(env->eq, env->file, EPOLLIN, 1) ?:
	       queue_event(env->q, 1, EPOLLIN);
}

/* What has not been read is still there, and nothing comes twice. */
static int tidy_event(env_t *env, long result)
{
	if (result < 0 && event_read(env->eq, env->event, 1) != 1)
		return -EBADMSG;
	if (env->event[0].flags != EPOLLIN || env->event[0].data != 1 ||
	    event_read(env->eq, env->event, 1) != -EAGAIN)
		return -EBADMSG;
	return queue_event(env->q, 1, 0) ?: call_unwatch(env);
}

static long call_read(env_t *env)
{
	return event_read(env->eq, env->event, 2);
}

static const struct failing reads = {
	.name = "read of an event", .prepare = prepare_event,
	.call = call_read, .tidy = tidy_event,
	.memory = TAKES_NONE, .copies = true, .wants = 1,
};

static long call_wait(env_t *env)
{
	return event_wait(env->eq, env->event, 2, -1);
}

static const struct failing waits = {
	.name = "EVENT_WAIT for an event", .prepare = prepare_event,
	.call = call_wait, .tidy = tidy_event,
	.memory = TAKES_NONE, .copies = true, .wants = 1,
};

static long call_wait_in_vain(env_t *env)
{
	return event_wait(env->eq, env->event, 2, 1);
}

static const struct failing waits_in_vain = {
	.name = "EVENT_WAIT for a millisecond", .call = call_wait_in_vain,
	.memory = TAKES_NONE, .copies = true,
};

static long call_poll(env_t *env)
{
	return poll_fd(env->eq);
}

/* It takes nothing away. */
static int tidy_poll(env_t *env, long result)
{
	(void)result;
	return tidy_event(env, -EAGAIN);
}

/* a few waits are on the caller's stack */
static const struct failing polls = {
	.name = "poll of a queue", .prepare = prepare_event, .call = call_poll,
	.tidy = tidy_poll, .memory = TAKES_NONE, .copies = true, .wants = 1,
};

/* An event is there, so that the submitter's own context reads it. */
static int prepare_ring_read(env_t *env)
{
	struct io_uring_sqe *sqe;
	int ret = prepare_event(env) ?: prepare_ring(env);

	if (ret)
		return ret;
	sqe = io_uring_get_sqe(&env->ring);
	io_uring_prep_read(sqe, env->eq, env->event, sizeof(env->event), 0);
	sqe->user_data = 1;
	return 0;
}

static int tidy_ring_read(env_t *env, long result)
{
	tidy_ring(env, result);
	return tidy_event(env, result);
}

/* EAGAIN is io_uring's word for no memory at submission. */
static const struct failing uring_reads = {
	.name = "READ of an event by io_uring", .prepare = prepare_ring_read,
	.call = submit, .result = result_ring, .tidy = tidy_ring_read,
	.memory = REFUSES, .copies = true, .core = { EAGAIN },
	.wants = sizeof(struct scheme_event),
};

/* ---- posting -------------------------------------------------------------------- */

/* A provider's event to a queue, and on to the one that watches it. */
static int prepare_post(env_t *env)
{
	const struct scheme_cqe cqe = {
		.user_data = 1, .result = EPOLLIN, .kind = SCHEME_CQE_EVENT,
	};
	int ret = event_watch(env->eq, env->file, EPOLLIN, 1) ?:
		  event_watch(env->outer, env->eq, EPOLLIN, 2);

	queue_post(env->q, &cqe);
	return ret;
}

static long call_post(env_t *env)
{
	return queue_enter(env->q, 0, 0);
}

static int tidy_post(env_t *env, long result)
{
	struct scheme_event e = {};

	if (result < 0 && queue_enter(env->q, 0, 0))
		return -EBADMSG;
	if (event_read(env->outer, &e, 1) != 1 || e.data != 2 ||
	    event_watch(env->outer, env->eq, 0, 0))
		return -EBADMSG;
	return tidy_event(env, -EAGAIN);
}

static const struct failing posts = {
	.name = "ENTER with an event", .prepare = prepare_post,
	.call = call_post, .tidy = tidy_post,
	.memory = TAKES_NONE, .copies = true,
};

/* ---- all of them ---------------------------------------------------------------- */

FAIL_NTH(E1_failures_in_open_of_a_queue, opens)
FAIL_NTH(E1_failures_in_close_of_a_queue_with_watches, close_queue)
FAIL_NTH(E1_failures_in_close_of_a_watched_file, close_file)
FAIL_NTH(E2_failures_in_watch, watches)
FAIL_NTH(E2_failures_in_two_watches_of_one_write, watches_two)
FAIL_NTH(E5_failures_in_change_of_a_watch, watches_again)
FAIL_NTH(E5_failures_in_end_of_a_watch, unwatches)
FAIL_NTH(E7_failures_in_watch_of_a_queue, watches_queue)
FAIL_NTH(E2_failures_in_read_of_an_event, reads)
FAIL_NTH(E6_failures_in_event_wait, waits)
FAIL_NTH(E6_failures_in_event_wait_that_ends_by_time, waits_in_vain)
FAIL_NTH(E8_failures_in_poll_of_a_queue, polls)
FAIL_NTH(E6_failures_in_read_of_an_event_by_uring, uring_reads)
FAIL_NTH(E3_failures_in_enter_with_an_event, posts)

TEST_HARNESS_MAIN
