// SPDX-License-Identifier: MIT
/* Answers from many threads: each request gets exactly one. */
#include "fake_kernel.h"

#define THREADS	4
#define ROUNDS	5000

static struct fake *fake;
static struct scheme_req *_Atomic parked[FAKE_DEPTH];

static void park(struct scheme_req *req, uint64_t handle, void *buf,
		 uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)len, (void)offset;
	parked[req_index(req)] = req;
}

static void *answer_all(void *arg)
{
	atomic_uint *won = arg;

	for (uint32_t i = 0; i < FAKE_DEPTH; i++)
		if (!scheme_reply(parked[i], i))
			atomic_fetch_add(won, 1);
	return NULL;
}

/* Every thread answers every request. */
static void contested_round(uint32_t round, atomic_uint *won)
{
	pthread_t threads[THREADS];
	struct scheme_sqe sqe;

	for (uint32_t i = 0; i < FAKE_DEPTH; i++) {
		sqe = fake_request(fake, SCHEME_OP_READ, i, round, NULL, 8);
		fake_submit(fake, &sqe);
	}
	assert_int_equal(scheme_queue_dispatch(&fake->queue), FAKE_DEPTH);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, answer_all, won);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void of_racing_answers_one_is_sent(void **state)
{
	const struct scheme_ops ops = { .read = park };
	bool seen[FAKE_DEPTH] = { false };
	atomic_uint won = 0;

	(void)state;
	fake = fake_new(&ops, UINT32_MAX - 100);
	for (uint32_t round = 0; round < 100; round++) {
		fake->nr = 0;
		contested_round(round, &won);
		assert_int_equal(won, (round + 1) * FAKE_DEPTH);
		assert_int_equal(fake->nr, FAKE_DEPTH);
	}
	for (uint32_t i = 0; i < FAKE_DEPTH; i++)
		seen[fake->answers[i].result] = true;
	for (uint32_t i = 0; i < FAKE_DEPTH; i++)
		assert_true(seen[i]);
	fake_free(fake);
}

/* ---- a stream of requests, served by one thread, answered by others -------- */

static atomic_bool over;
static atomic_uint errors;

static void *answer_parked(void *arg)
{
	struct scheme_req *req;

	(void)arg;
	while (!over)
		for (uint32_t i = 0; i < FAKE_DEPTH; i++) {
			req = atomic_exchange(&parked[i], NULL);
			if (req && scheme_reply(req, 0))
				errors++;	/* only the main thread asserts */
		}
	return NULL;
}

/* The kernel: a slot is used again as soon as its answer has been taken. */
static void pump(void)
{
	uint32_t generation[FAKE_DEPTH] = { 0 };
	uint32_t busy = 0, taken = 0, sent = 0;
	struct scheme_sqe sqe;

	while (taken < ROUNDS) {
		for (uint32_t i = 0; i < FAKE_DEPTH && sent < ROUNDS; i++) {
			if (busy & 1U << i)
				continue;
			sqe = fake_request(fake, SCHEME_OP_READ, i,
					   ++generation[i], NULL, 8);
			fake_submit(fake, &sqe);
			busy |= 1U << i;
			sent++;
		}
		assert_true(scheme_queue_dispatch(&fake->queue) >= 0);
		pthread_mutex_lock(&fake->lock);
		for (; taken < fake->nr; taken++) {
			uint64_t tag = fake->answers[taken % FAKE_ANSWERS].user_data;

			assert_int_equal(tag >> 32, generation[(uint32_t)tag]);
			assert_true(busy & 1U << (uint32_t)tag);
			busy &= ~(1U << (uint32_t)tag);
		}
		pthread_mutex_unlock(&fake->lock);
	}
}

static void answers_of_many_threads_all_arrive(void **state)
{
	const struct scheme_ops ops = { .read = park };
	pthread_t threads[THREADS];

	(void)state;
	fake = fake_new(&ops, 0);
	memset(parked, 0, sizeof(parked));
	over = false;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, answer_parked, NULL);
	pump();
	over = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(errors, 0);
	assert_int_equal(fake->nr, ROUNDS);
	fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_racing_answers_one_is_sent),
		cmocka_unit_test(answers_of_many_threads_all_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
