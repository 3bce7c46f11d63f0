// SPDX-License-Identifier: GPL-2.0
/*
 * Schemes whose clients spin before they sleep: an answer may need no system
 * call of the provider, and none may be missed between spinning and sleeping.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-busy"
#define ROUNDS	200

FIXTURE(busy) {
	struct provider p;
	struct queue *q;
	int fd;
};

FIXTURE_VARIANT(busy) {
	unsigned int spin_us;
};

/* the longest there is; so short that most clients go to sleep; not at all */
FIXTURE_VARIANT_ADD(busy, long) { .spin_us = 10000 };
FIXTURE_VARIANT_ADD(busy, short) { .spin_us = 20 };
FIXTURE_VARIANT_ADD(busy, off) { .spin_us = 0 };

FIXTURE_SETUP(busy)
{
	struct scheme_create create;

	create_init(&create, NAME);
	create.depth = 16;
	create.slot_size = 4096;
	create.busy_poll_us = variant->spin_us;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->fd);
	catch_usr1(0);
}

FIXTURE_TEARDOWN(busy)
{
	close(self->fd);
	provider_end(&self->p);
}

/* Take an entry without any system call; false if none comes. */
static bool spin_pop(struct queue *q, struct scheme_sqe *sqe)
{
	int64_t until = now_ms() + PATIENCE_MS;

	while (!queue_pop(q, sqe))
		if (now_ms() > until)
			return false;
	return true;
}

/*
 * As a provider that spins: post, look whether the client takes it by itself,
 * ENTER if not. Returns whether it had to.
 */
static bool answer_lazily(struct queue *q, const struct scheme_sqe *sqe,
			  int64_t result)
{
	queue_post_value(q, sqe->user_data, result);
	/* pairs with the barrier of a client that stops spinning */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&q->poller[(uint32_t)sqe->user_data],
			    __ATOMIC_RELAXED) == SCHEME_POLLER_SPINS)
		return false;
	queue_enter(q, 0, 0);
	return true;
}

struct reader {
	int fd;
	unsigned int rounds;
	unsigned int wrong;
};

static void *read_numbers(void *arg)
{
	struct reader *r = arg;
	uint64_t number;

	for (uint64_t i = 0; i < r->rounds; i++)
		if (pread(r->fd, &number, 8, i * 8) != 8 || number != i)
			r->wrong++;
	return NULL;
}

static bool answer_number(struct queue *q, const struct scheme_sqe *sqe)
{
	uint64_t number = sqe->offset / 8;

	memcpy(queue_payload(q, sqe), &number, 8);
	return answer_lazily(q, sqe, 8);
}

TEST_F(busy, U16_no_answer_is_missed_and_few_need_a_system_call)
{
	struct reader r = { .fd = self->fd, .rounds = ROUNDS };
	struct scheme_sqe sqe;
	unsigned int enters = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, read_numbers, &r));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_TRUE(spin_pop(self->q, &sqe));
		enters += answer_number(self->q, &sqe);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.wrong);
	EXPECT_EQ(0, scheme_attr(NAME, "in_flight"));
	EXPECT_TRUE(variant->spin_us || enters == ROUNDS);
	EXPECT_TRUE(variant->spin_us < 10000 || enters < ROUNDS);
}

TEST_F(busy, U16_several_clients_spin_at_once)
{
	struct reader r[4];
	pthread_t thread[4];
	struct scheme_sqe sqe;
	int i;

	for (i = 0; i < 4; i++) {
		r[i] = (struct reader){ .fd = self->fd, .rounds = ROUNDS / 4 };
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, read_numbers,
					    &r[i]));
	}
	for (i = 0; i < ROUNDS / 4 * 4; i++) {
		ASSERT_TRUE(spin_pop(self->q, &sqe));
		answer_number(self->q, &sqe);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, r[i].wrong);
	}
}

TEST_F(busy, U16_a_provider_that_sleeps_is_served_as_well)
{
	struct reader r = { .fd = self->fd, .rounds = ROUNDS };
	struct scheme_sqe sqe;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, read_numbers, &r));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_READ));
		answer_number(self->q, &sqe);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.wrong);
}

TEST_F(busy, U16_a_client_that_slept_long_ago_needs_an_enter)
{
	struct scheme_sqe sqe;
	struct job job;
	char buf[8];

	for (int i = 0; i < 5; i++) {
		job_pread(&job, self->fd, buf, 8, 0);
		ASSERT_TRUE(spin_pop(self->q, &sqe));
		EXPECT_TRUE(job_stays(&job, 50));
		EXPECT_TRUE(answer_lazily(self->q, &sqe, 8));
		EXPECT_EQ(8, job_wait(&job));
	}
}

TEST_F(busy, U16_signals_and_death_reach_a_spinning_client)
{
	struct scheme_sqe sqe, cancel;
	struct job job;
	char buf[8];

	job_pread(&job, self->fd, buf, 8, 0);
	ASSERT_TRUE(spin_pop(self->q, &sqe));
	pthread_kill(job.thread, SIGUSR1);
	ASSERT_EQ(0, queue_expect(self->q, &cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(sqe.user_data, cancel.user_data);
	answer_lazily(self->q, &sqe, -ECANCELED);
	EXPECT_EQ(-EINTR, job_wait(&job));

	job_pread(&job, self->fd, buf, 8, 0);
	ASSERT_TRUE(spin_pop(self->q, &sqe));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&job));
}

TEST_F(busy, U16_a_ring_broken_under_a_spinning_client_is_ENODEV)
{
	struct scheme_sqe sqe;
	struct job job;
	char buf[8];

	job_pread(&job, self->fd, buf, 8, 0);
	ASSERT_TRUE(spin_pop(self->q, &sqe));
	self->q->prov->cq_tail--;
	/* who finds it is the client, or we */
	queue_enter(self->q, 0, 0);
	EXPECT_EQ(-ENODEV, job_wait(&job));
	EXPECT_EQ(SCHEME_RING_BROKEN, self->q->kern->state);
	EXPECT_EQ(1, scheme_attr(NAME, "broken"));
}

TEST_HARNESS_MAIN
