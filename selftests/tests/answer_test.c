// SPDX-License-Identifier: GPL-2.0
/* Answers: any order, and all that are wrong. None reaches the wrong caller. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-answer"

/* Greatest errno of Linux that user space knows. */
#define ERRNO_LAST	EHWPOISON

FIXTURE(answer) {
	struct provider p;
	struct queue *q;
	int client;		/* positioned, number 1 */
	/* a pread of 8 bytes under way, and its entry */
	struct job job;
	struct scheme_sqe sqe;
	char buf[8];
	struct scheme_stats before;
};

FIXTURE_SETUP(answer)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->client = client_open(&self->p, O_RDWR, 1, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->client);
	job_pread(&self->job, self->client, self->buf, sizeof(self->buf), 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	ASSERT_EQ(0, provider_stats(&self->p, &self->before));
}

FIXTURE_TEARDOWN(answer)
{
	close(self->client);
	provider_end(&self->p);
}

/* What the counter has grown by since setup. */
#define GROWN(counter)							\
({									\
	struct scheme_stats now_ = {};					\
									\
	provider_stats(&self->p, &now_);				\
	(long)(now_.counter - self->before.counter);			\
})

/* The request is still under way, and its right answer is taken. */
#define EXPECT_STILL_ANSWERABLE()					\
do {									\
	EXPECT_FALSE(job_done(&self->job));				\
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 3));		\
	EXPECT_EQ(3, job_wait(&self->job));				\
	EXPECT_EQ(1, GROWN(answers));					\
} while (0)

/* ---- order ---------------------------------------------------------------- */

TEST_F(answer, S16_answers_come_in_any_order)
{
	static const int order[] = { 3, 0, 7, 5, 1, 6, 2, 4 };
	struct scheme_sqe sqe[8];
	struct job job[8];
	char buf[8][8];

	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	for (int i = 0; i < 8; i++) {
		job_pread(&job[i], self->client, buf[i], 8, 1000 + i);
		ASSERT_EQ(0, queue_next(self->q, &sqe[i]));
		EXPECT_EQ(1000 + i, sqe[i].offset);
	}
	for (int i = 0; i < 8; i++) {
		memset(queue_payload(self->q, &sqe[order[i]]), order[i], 8);
		EXPECT_EQ(0, queue_answer(self->q, &sqe[order[i]],
					  order[i] + 1));
		EXPECT_EQ(order[i] + 1, job_wait(&job[order[i]]));
		EXPECT_EQ(order[i], buf[order[i]][0]);
	}
	EXPECT_EQ(0, GROWN(refused));
}

TEST_F(answer, S16_tags_in_flight_are_all_different)
{
	struct scheme_sqe sqe[15];
	struct job job[ARRAY_SIZE(sqe)];
	char buf[8];
	unsigned int i, k;

	/* the default leaves an eighth of 16 to other users; one is under way */
	for (i = 0; i < 13; i++) {
		job_pread(&job[i], self->client, buf, 8, 0);
		ASSERT_EQ(0, queue_next(self->q, &sqe[i]));
		EXPECT_NE(0, sqe[i].user_data);
		EXPECT_GT(self->q->info.depth, (uint32_t)sqe[i].user_data);
		EXPECT_EQ((uint32_t)sqe[i].user_data * 4096, sqe[i].addr);
		for (k = 0; k < i; k++)
			EXPECT_NE(sqe[k].user_data, sqe[i].user_data);
		EXPECT_NE(self->sqe.user_data, sqe[i].user_data);
	}
}

/* ---- tags ----------------------------------------------------------------- */

TEST_F(answer, S16_unknown_tags_are_EBADF)
{
	const uint64_t tag = self->sqe.user_data;
	const uint64_t tags[] = {
		0, ~0ULL, tag ^ 1ULL << 32, tag ^ 1ULL << 63, tag + (1ULL << 32),
		tag - (1ULL << 32), tag ^ 1, tag ^ 8, tag + self->q->info.depth,
		tag | 1ULL << 31, (uint32_t)tag, 1ULL << 32 | 1,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(tags); i++) {
		struct scheme_cqe cqe = { .user_data = tags[i], .result = 1 };

		EXPECT_EQ(EBADF, queue_push(self->q, &cqe));
	}
	EXPECT_EQ(ARRAY_SIZE(tags), GROWN(refused));
	EXPECT_EQ(0, GROWN(answers));
	EXPECT_STILL_ANSWERABLE();
}

TEST_F(answer, S16_second_answer_in_a_batch_is_EALREADY)
{
	queue_post_value(self->q, self->sqe.user_data, 2);
	queue_post_value(self->q, self->sqe.user_data, -EPERM);
	queue_post_value(self->q, self->sqe.user_data, 5);
	ASSERT_EQ(0, queue_enter(self->q, 0, 0));
	EXPECT_EQ(0, queue_status(self->q, 2));
	EXPECT_EQ(EALREADY, queue_status(self->q, 1));
	EXPECT_EQ(EALREADY, queue_status(self->q, 0));
	EXPECT_EQ(2, job_wait(&self->job));
	EXPECT_EQ(2, GROWN(refused));
	EXPECT_EQ(1, GROWN(answers));
}

TEST_F(answer, S16_late_second_answer_is_EBADF)
{
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 2));
	EXPECT_EQ(2, job_wait(&self->job));
	EXPECT_EQ(EBADF, queue_answer(self->q, &self->sqe, 2));
	EXPECT_EQ(1, GROWN(refused));
}

TEST_F(answer, S16_reused_tag_never_reaches_the_next_caller)
{
	struct scheme_sqe old = self->sqe, sqe;
	struct job job;

	EXPECT_EQ(0, queue_answer(self->q, &old, 2));
	EXPECT_EQ(2, job_wait(&self->job));
	for (int i = 0; i < 20; i++) {
		job_pread(&job, self->client, self->buf, 8, i);
		ASSERT_EQ(0, queue_next(self->q, &sqe));
		/* the slot is the same, the tag is not */
		EXPECT_NE(old.user_data, sqe.user_data);
		EXPECT_EQ(EBADF, queue_answer(self->q, &old, 7));
		EXPECT_FALSE(job_done(&job));
		EXPECT_EQ(0, queue_answer(self->q, &sqe, 1));
		EXPECT_EQ(1, job_wait(&job));
		old = sqe;
	}
	EXPECT_EQ(20, GROWN(refused));
}

TEST_F(answer, S16_oneway_entries_want_no_answer)
{
	struct scheme_sqe sqe;
	int fd;

	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	fd = client_open(&self->p, O_RDONLY, 2, 0);
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(SCHEME_SQE_ONEWAY, sqe.flags);
	EXPECT_EQ(2, sqe.handle);
	EXPECT_EQ(EBADF, queue_answer(self->q, &sqe, 0));
}

/* ---- form ----------------------------------------------------------------- */

TEST_F(answer, S16_malformed_answers_are_EINVAL_and_change_nothing)
{
	const struct scheme_cqe bad[] = {
		{ .kind = 1 }, { .kind = 2 }, { .kind = 4 }, { .kind = 0xffff },
		{ .flags = SCHEME_CQE_F_POSITIONED },
		{ .flags = SCHEME_CQE_F_EVENTS }, { .flags = 0x8000 },
		{ .status = 1 }, { .status = ~0U }, { .extra = 1 },
		{ .extra = 1ULL << 63 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct scheme_cqe cqe = bad[i];

		cqe.user_data = self->sqe.user_data;
		EXPECT_EQ(EINVAL, queue_push(self->q, &cqe)) {
			TH_LOG("with entry %u", i);
		}
	}
	EXPECT_EQ(ARRAY_SIZE(bad), GROWN(refused));
	EXPECT_STILL_ANSWERABLE();
}

TEST_F(answer, S16_malformed_open_answers_are_EINVAL)
{
	struct scheme_cqe cqe = { .result = 2, .flags = 4 };
	struct scheme_sqe sqe;
	struct job job;

	job_open(&job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_OPEN));
	cqe.user_data = sqe.user_data;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	/* extra counts with the flag only, and has readiness in it alone */
	cqe.flags = 0;
	cqe.extra = EPOLLIN;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.flags = SCHEME_CQE_F_EVENTS;
	cqe.extra = 1ULL << 32 | EPOLLIN;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.extra = EPOLLONESHOT | EPOLLIN;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.extra = EPOLLIN;
	EXPECT_EQ(0, queue_push(self->q, &cqe));
	EXPECT_LE(0, job_wait(&job));
}

TEST_F(answer, S16_malformed_events_are_EINVAL_and_unknown_ones_ENOENT)
{
	struct scheme_cqe cqe = { .kind = SCHEME_CQE_EVENT, .user_data = 1 };

	cqe.flags = 1;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.flags = 0;
	cqe.extra = 1;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.extra = 0;
	cqe.status = 1;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	EXPECT_EQ(EINVAL, queue_event(self->q, 1, -1));
	EXPECT_EQ(EINVAL, queue_event(self->q, 1, EPOLLET));
	EXPECT_EQ(EINVAL, queue_event(self->q, 1, 1ULL << 32));
	EXPECT_EQ(ENOENT, queue_event(self->q, 2, EPOLLIN));
	EXPECT_EQ(ENOENT, queue_event(self->q, SCHEME_ROOT, EPOLLIN));
	EXPECT_EQ(0, queue_event(self->q, 1, EPOLLIN));
}

/* ---- values --------------------------------------------------------------- */

TEST_F(answer, S16_a_read_of_more_than_asked_is_EPROTO_and_EIO)
{
	EXPECT_EQ(EPROTO, queue_answer(self->q, &self->sqe, 9));
	EXPECT_EQ(-EIO, job_wait(&self->job));
	EXPECT_EQ(1, GROWN(bad_results));
	EXPECT_EQ(0, GROWN(refused));
}

TEST_F(answer, S16_impossible_values_are_EPROTO_and_EIO)
{
	static const int64_t values[] = {
		9, 4096, 1LL << 32, INT64_MAX, INT64_MIN, -(ERRNO_LAST + 1),
		-512, -513, -516, -529, -4095, -4096, -(1LL << 32) - EPERM,
	};
	struct scheme_sqe sqe;
	struct job job;

	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		job_pread(&job, self->client, self->buf, 8, 0);
		ASSERT_EQ(0, queue_next(self->q, &sqe));
		EXPECT_EQ(EPROTO, queue_answer(self->q, &sqe, values[i]));
		EXPECT_EQ(-EIO, job_wait(&job));

		job_pwrite(&job, self->client, self->buf, 8, 0);
		ASSERT_EQ(0, queue_next(self->q, &sqe));
		EXPECT_EQ(EPROTO, queue_answer(self->q, &sqe, values[i]));
		EXPECT_EQ(-EIO, job_wait(&job));
	}
	EXPECT_EQ(2 * ARRAY_SIZE(values), GROWN(bad_results));
}

TEST_F(answer, S16_a_positive_fsync_is_EPROTO_and_EIO)
{
	struct scheme_sqe sqe;
	struct job job;

	job_fsync(&job, self->client);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_FSYNC));
	EXPECT_EQ(EPROTO, queue_answer(self->q, &sqe, 1));
	EXPECT_EQ(-EIO, job_wait(&job));
}

TEST_F(answer, S16_a_negative_size_of_no_errno_is_EPROTO_and_EIO)
{
	struct scheme_sqe sqe;
	struct job job;

	job_lseek(&job, self->client, 0, SEEK_END);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_FSIZE));
	EXPECT_EQ(EPROTO, queue_answer(self->q, &sqe, INT64_MIN));
	EXPECT_EQ(-EIO, job_wait(&job));
}

TEST_F(answer, S16_a_call_that_gives_more_than_its_room_is_EPROTO_and_EIO)
{
	char out[16] = "unchanged";
	struct scheme_call call = { .out = (uintptr_t)out, .out_len = 8 };
	struct scheme_cqe cqe = { .extra = 9 };
	struct scheme_sqe sqe;
	struct job job;

	job_ioctl(&job, self->client, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CALL));
	cqe.user_data = sqe.user_data;
	EXPECT_EQ(EPROTO, queue_push(self->q, &cqe));
	EXPECT_EQ(-EIO, job_wait(&job));
	EXPECT_STREQ("unchanged", out);
}

TEST_F(answer, S7_every_errno_reaches_the_caller_unchanged)
{
	struct scheme_sqe sqe;
	struct job job;
	int want;

	for (int err = 1; err <= ERRNO_LAST; err++) {
		/* numbers that Linux does not have are no errors */
		bool none = err == 41 || err == 58;

		/* nobody has asked it to stop */
		want = none || err == EINTR ? EIO : err;
		job_pread(&job, self->client, self->buf, 8, 0);
		ASSERT_EQ(0, queue_next(self->q, &sqe));
		EXPECT_EQ(none ? EPROTO : 0, queue_answer(self->q, &sqe, -err));
		EXPECT_EQ(-want, job_wait(&job));
	}
}

/* ---- ownership ------------------------------------------------------------ */

TEST_F(answer, S16_an_answer_on_another_queue_is_EBADF)
{
	struct scheme_create create;
	struct scheme_sqe sqe;
	struct provider p;
	struct queue *from, *other;
	struct job job;

	create_init(&create, NAME "-two");
	create.queues = 2;
	create.depth = 8;
	ASSERT_EQ(0, provider_create(&p, &create));
	job_open(&job, p.node, O_RDWR);
	ASSERT_TRUE(wait_until(queue_enter(&p.q[0], 0, 0) > 0 ||
			       queue_enter(&p.q[1], 0, 0) > 0));
	from = queue_pop(&p.q[0], &sqe) ? &p.q[0] : &p.q[1];
	ASSERT_TRUE(from == &p.q[0] || queue_pop(from, &sqe));
	other = from == &p.q[0] ? &p.q[1] : &p.q[0];
	EXPECT_EQ(EBADF, queue_answer(other, &sqe, 1));
	EXPECT_FALSE(job_done(&job));
	EXPECT_EQ(0, queue_answer(from, &sqe, -EPERM));
	EXPECT_EQ(-EPERM, job_wait(&job));
	provider_end(&p);
}

TEST_F(answer, S16_an_answer_to_what_is_not_on_the_ring_yet_is_EBADF)
{
	uint32_t i, n = self->q->info.sq_entries;
	struct scheme_cqe cqe = {};
	struct scheme_sqe sqe;
	struct job job;
	int fd[n];

	/* fill the ring, so that the next request waits for room */
	for (i = 0; i < n; i++) {
		fd[i] = client_open(&self->p, O_RDONLY, 1000 + i, 0);
		ASSERT_LE(0, fd[i]);
	}
	for (i = 0; i < n; i++)
		close(fd[i]);
	job_pread(&job, self->client, self->buf, 8, 0);
	EXPECT_TRUE(job_stays(&job, 100));
	/* guess its tag: all generations that may be */
	for (uint64_t gen = 1; gen < 200; gen++) {
		for (i = 0; i < 3; i++) {
			cqe.user_data = gen << 32 | i;
			if (cqe.user_data == self->sqe.user_data)
				continue;
			EXPECT_EQ(EBADF, queue_push(self->q, &cqe));
		}
	}
	EXPECT_FALSE(job_done(&job));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_CLOSE));
	ASSERT_EQ(0, queue_expect(self->q, &sqe, SCHEME_OP_READ));
	EXPECT_EQ(0, queue_answer(self->q, &sqe, 4));
	EXPECT_EQ(4, job_wait(&job));
}

TEST_F(answer, S16_an_answer_changed_after_posting_counts_once)
{
	struct scheme_cqe *shared;

	queue_post_value(self->q, self->sqe.user_data, 5);
	ASSERT_EQ(0, queue_enter(self->q, 0, 0));
	shared = &self->q->cq[(self->q->cq_tail - 1) &
			      (self->q->info.cq_entries - 1)];
	shared->result = 6;
	shared->status = 0;
	ASSERT_EQ(0, queue_enter(self->q, 0, 0));
	EXPECT_EQ(5, job_wait(&self->job));
	EXPECT_EQ(1, GROWN(answers));
	EXPECT_EQ(0, GROWN(refused));
}

TEST_HARNESS_MAIN
