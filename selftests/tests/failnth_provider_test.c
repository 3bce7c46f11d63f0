// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in every call of a provider, and of who ends one. */
#include <sys/mman.h>

#include "failnth_file.h"

#define OTHER	"test-failnth-other"
/* Where the queue is mapped: page tables of every level are wanted. */
#define MAP_AT	((void *)0x100000000000)

/* ---- control node ----------------------------------------------------------- */

static long call_control_open(env_t *env)
{
	(void)env;
	return control_open();
}

static const struct failing control_opens = {
	.name = "open of the control node",
	.call = call_control_open, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static long call_query(env_t *env)
{
	struct scheme_query query;

	return do_ioctl(env->control, SCHEME_IOC_QUERY, &query);
}

static const struct failing query = {
	.name = "QUERY", .call = call_query,
	.memory = TAKES_NONE, .copies = true,
};

static bool exists(const char *dir)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" OTHER, dir);
	return !access(path, F_OK);
}

static long call_create(env_t *env)
{
	return scheme_fd_begin(env->control, OTHER);
}

/* The node is where it belongs, and goes with the scheme. */
static int tidy_create(env_t *env, long result)
{
	bool made = exists(NODE_DIR);

	(void)env;
	if (made != (result >= 0) || exists("/dev"))
		return -EBADMSG;
	if (result >= 0)
		close(result);
	return exists(NODE_DIR) || exists("/dev") ? -EBUSY : 0;
}

static const struct failing create = {
	.name = "CREATE", .call = call_create, .tidy = tidy_create,
	.memory = REFUSES, .copies = true,
};

static int prepare_other(env_t *env)
{
	env->fd = scheme_fd_begin(env->control, OTHER);
	return env->fd < 0 ? env->fd : 0;
}

/* Whatever went wrong: it ends with its descriptor. */
static int tidy_other(env_t *env, long result)
{
	bool there = exists(NODE_DIR);

	if (there != (result < 0))
		return -EBADMSG;
	close(env->fd);
	return exists(NODE_DIR) || exists("/dev") ? -EBUSY : 0;
}

static long call_kill(env_t *env)
{
	return scheme_fd_kill(env->control, OTHER);
}

static const struct failing kill_other = {
	.name = "KILL", .prepare = prepare_other, .call = call_kill,
	.tidy = tidy_other, .memory = COPES, .copies = true,
};

/* ---- scheme fd -------------------------------------------------------------- */

static long call_queue(env_t *env)
{
	struct scheme_queue_info info = {};

	return do_ioctl(env->own.fd, SCHEME_IOC_QUEUE, &info);
}

static const struct failing queue = {
	.name = "QUEUE", .call = call_queue, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static long call_adopt(env_t *env)
{
	return do_ioctl(env->own.fd, SCHEME_IOC_ADOPT, NULL);
}

static const struct failing adopt = {
	.name = "ADOPT", .call = call_adopt, .memory = TAKES_NONE,
};

static long call_stats(env_t *env)
{
	struct scheme_stats stats;

	return provider_stats(&env->own, &stats);
}

static const struct failing stats = {
	.name = "STATS", .call = call_stats,
	.memory = TAKES_NONE, .copies = true,
};

static long call_destroy(env_t *env)
{
	return do_ioctl(env->fd, SCHEME_IOC_DESTROY, NULL);
}

static const struct failing destroy = {
	.name = "DESTROY", .prepare = prepare_other, .call = call_destroy,
	.tidy = tidy_other, .memory = COPES,
};

static long call_close(env_t *env)
{
	return close(env->fd);
}

static int tidy_close_other(env_t *env, long result)
{
	(void)env;
	(void)result;
	return exists(NODE_DIR) || exists("/dev") ? -EBUSY : 0;
}

static const struct failing close_scheme = {
	.name = "close of a scheme fd", .prepare = prepare_other,
	.call = call_close, .tidy = tidy_close_other, .memory = COPES,
};

static long call_poll_scheme(env_t *env)
{
	return poll_fd(env->own.fd);
}

/* a few waits are on the caller's stack */
static const struct failing poll_scheme = {
	.name = "poll of a scheme fd", .call = call_poll_scheme,
	.memory = TAKES_NONE, .copies = true,
};

/* ---- queue fd --------------------------------------------------------------- */

static long call_mmap(env_t *env)
{
	const struct queue *q = &env->own.q[0];
	void *mem = mmap(MAP_AT, q->info.size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED_NOREPLACE, q->fd, 0);

	return mem == MAP_FAILED ? -errno : 0;
}

static int tidy_mmap(env_t *env, long result)
{
	/* of what was not mapped nothing is left */
	if (result)
		return msync(MAP_AT, SLOT, MS_ASYNC) ? 0 : -EBADMSG;
	return munmap(MAP_AT, env->own.q[0].info.size);
}

static const struct failing map = {
	.name = "mmap of a queue", .call = call_mmap, .tidy = tidy_mmap,
	.memory = REFUSES,
};

static long call_poll_queue(env_t *env)
{
	return poll_fd(env->own.q[0].fd);
}

static const struct failing poll_queue = {
	.name = "poll of a queue", .call = call_poll_queue,
	.memory = TAKES_NONE, .copies = true,
};

/* A client waits, and its answer is on the ring. */
static int prepare_answer(env_t *env)
{
	struct queue *q = &env->own.q[0];
	struct scheme_sqe sqe;
	int ret;

	job_pread(&env->job, env->own_file, env->buf, 8, 0);
	ret = queue_expect(q, &sqe, SCHEME_OP_READ);
	if (!ret)
		queue_post_value(q, sqe.user_data, 8);
	return ret;
}

/* The answer got there, at the second try if not at the first. */
static int tidy_answer(env_t *env, long result)
{
	if (result < 0 && queue_enter(&env->own.q[0], 0, 0))
		return -EBADMSG;
	return job_wait(&env->job) == 8 ? 0 : -EBADMSG;
}

static long call_enter(env_t *env)
{
	return queue_enter(&env->own.q[0], 0, 0);
}

static const struct failing enter = {
	.name = "ENTER with an answer", .prepare = prepare_answer,
	.call = call_enter, .tidy = tidy_answer,
	.memory = TAKES_NONE, .copies = true,
};

static long call_enter_wait(env_t *env)
{
	return queue_enter(&env->own.q[0], 1, 1);
}

static const struct failing enter_waits = {
	.name = "ENTER that waits", .call = call_enter_wait,
	.memory = TAKES_NONE, .copies = true,
};

/* ---- ENTER by io_uring ------------------------------------------------------ */

static int prepare_ring_answer(env_t *env)
{
	int ret = prepare_ring(env);

	if (ret)
		return ret;
	uring_prep_enter(&env->ring, &env->own.q[0], 0, 0, 1);
	return prepare_answer(env);
}

static int tidy_ring_answer(env_t *env, long result)
{
	tidy_ring(env, result);
	return tidy_answer(env, result);
}

/* EAGAIN is io_uring's word for no memory at submission. */
static const struct failing uring_enters = {
	.name = "ENTER by io_uring with an answer",
	.prepare = prepare_ring_answer, .call = submit, .result = result_ring,
	.tidy = tidy_ring_answer, .memory = REFUSES, .core = { EAGAIN },
};

static int prepare_ring_park(env_t *env)
{
	int ret = prepare_ring(env);

	if (!ret)
		uring_prep_enter(&env->ring, &env->own.q[0], 1, 0, 1);
	return ret;
}

/* A request completes what is parked. */
static long result_parked(env_t *env, long ret)
{
	struct queue *q = &env->own.q[0];
	struct scheme_sqe sqe;
	long result = ret;

	if (ret == 1 && !uring_silent(&env->ring, 1))
		return uring_wait(&env->ring, 1);
	job_pread(&env->job, env->own_file, env->buf, 8, 0);
	if (ret == 1)
		result = uring_wait(&env->ring, 1);
	if (queue_expect(q, &sqe, SCHEME_OP_READ) ||
	    queue_answer(q, &sqe, 8) || job_wait(&env->job) != 8)
		return -EBADMSG;
	return result;
}

static const struct failing uring_parks = {
	.name = "ENTER parked on io_uring", .prepare = prepare_ring_park,
	.call = submit, .result = result_parked, .tidy = tidy_ring,
	.memory = REFUSES, .wants = 1, .core = { EAGAIN },
};

/* ---- all of them ------------------------------------------------------------ */

FAIL_NTH(S4_failures_in_the_opening_of_the_control_node, control_opens)
FAIL_NTH(S4_failures_in_query, query)
FAIL_NTH(S1_failures_in_create, create)
FAIL_NTH(S3_failures_in_kill, kill_other)
FAIL_NTH(S3_failures_in_destroy, destroy)
FAIL_NTH(S3_failures_in_the_close_of_a_scheme, close_scheme)
FAIL_NTH(S28_failures_in_queue, queue)
FAIL_NTH(S20_failures_in_adopt, adopt)
FAIL_NTH(S16_failures_in_stats, stats)
FAIL_NTH(S20_failures_in_poll_of_a_scheme, poll_scheme)
FAIL_NTH(S28_failures_in_mmap_of_a_queue, map)
FAIL_NTH(S28_failures_in_poll_of_a_queue, poll_queue)
FAIL_NTH(S28_failures_in_enter_with_an_answer, enter)
FAIL_NTH(S28_failures_in_enter_that_waits, enter_waits)
FAIL_NTH(S28_failures_in_enter_by_uring, uring_enters)
FAIL_NTH(S28_failures_in_a_parked_enter, uring_parks)

TEST_HARNESS_MAIN
