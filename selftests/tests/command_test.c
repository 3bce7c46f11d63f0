// SPDX-License-Identifier: GPL-2.0
/* The other commands of a client by both routes, and what is io_uring's own. */
#include "request.h"

/* ---- the commands that there were before ----------------------------------- */

TEST_F(request, S7_S13_S14_openat_dup_and_call)
{
	struct scheme_openat at = { .path = (uintptr_t)"p", .path_len = 1,
				    .flags = O_RDONLY | O_CLOEXEC };
	struct scheme_dup dup = { .name = (uintptr_t)"n", .name_len = 1,
				  .flags = O_CLOEXEC };
	struct scheme_call call = { .in = (uintptr_t)"abc", .in_len = 3,
				    .out = (uintptr_t)self->buf, .out_len = 8,
				    .word = { 1, 2, 3 } };
	struct scheme_cqe cqe = { .result = 42, .extra = 2 };
	int fd;

	BEGIN(self->fd, SCHEME_IOC_OPENAT, &at);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 9, 0, 0));
	fd = END();
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(9, self->sqe.handle);

	BEGIN(self->fd, SCHEME_IOC_DUP, &dup);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_DUP));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 10, 0, 0));
	fd = END();
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));

	BEGIN(self->fd, SCHEME_IOC_CALL, &call);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CALL));
	memcpy(queue_payload(self->q, &self->sqe), "ok", 2);
	cqe.user_data = self->sqe.user_data;
	EXPECT_EQ(0, queue_push(self->q, &cqe));
	EXPECT_EQ(0, END());
	EXPECT_EQ(42, call.result);
	EXPECT_EQ(2, call.out_len);
	EXPECT_EQ(0, memcmp("ok", self->buf, 2));
}

TEST_F(request, S20_the_provider_dies_under_a_command)
{
	self->r = on_path(SCHEME_OP_UNLINK, "x");
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_UNLINK));
	EXPECT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, END());
	BEGIN(self->fd, SCHEME_IOC_REQUEST, &self->r);
	EXPECT_EQ(-ENODEV, END());
}

/* ---- io_uring's own --------------------------------------------------------- */

FIXTURE(uring) {
	struct provider p;
	struct queue *q;
	int fd;
	struct scheme_sqe sqe;
	struct io_uring ring;
};

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open(&self->p, O_RDWR, 1, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, uring_begin(&self->ring, 0));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	close(self->fd);
	provider_end(&self->p);
}

static long command(struct io_uring *ring, int fd, uint32_t cmd_op,
		    const struct scheme_command *command)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	scheme_prep_command(sqe, fd, cmd_op, NULL);
	sqe->user_data = 1;
	memcpy(&sqe->addr3, command, sizeof(*command));
	io_uring_submit(ring);
	return uring_wait(ring, 1);
}

TEST_F(uring, U1_a_wrong_size_is_einval)
{
	struct scheme_request r = on_path(SCHEME_OP_UNLINK, "x");
	struct scheme_command c = { .arg = (uintptr_t)&r };

	for (c.size = 0; c.size < 100; c.size++)
		if (c.size != sizeof(r))
			EXPECT_EQ(-EINVAL, command(&self->ring, self->fd,
						   SCHEME_IOC_REQUEST, &c));
	c.size = sizeof(r);
	c.reserved = 1;
	EXPECT_EQ(-EINVAL, command(&self->ring, self->fd, SCHEME_IOC_REQUEST,
				   &c));
	c.reserved = 0;
	EXPECT_EQ(-ENOTTY, command(&self->ring, self->fd, 0, &c));
	c.size = _IOC_SIZE(SCHEME_IOC_QUERY);
	EXPECT_EQ(-ENOTTY, command(&self->ring, self->fd, SCHEME_IOC_QUERY, &c));
	EXPECT_TRUE(queue_silent(self->q, 1));
}

TEST_F(uring, U1_many_commands_are_in_flight_at_once)
{
	struct scheme_request r[8];
	struct scheme_sqe sqes[8];
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;

	for (int i = 0; i < 8; i++) {
		r[i] = on_path(SCHEME_OP_FCNTL, "");
		r[i].path = 0;
		r[i].aux = i;
		sqe = io_uring_get_sqe(&self->ring);
		scheme_prep_command(sqe, self->fd, SCHEME_IOC_REQUEST, &r[i]);
		sqe->user_data = i;
	}
	/* nothing has been answered when submit returns */
	ASSERT_EQ(8, io_uring_submit(&self->ring));
	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, queue_expect(self->q, &sqes[i], SCHEME_OP_FCNTL));
	EXPECT_TRUE(uring_silent(&self->ring, 50));
	for (int i = 7; i >= 0; i--)
		EXPECT_EQ(0, queue_answer(self->q, &sqes[i],
					  sqes[i].aux + 100));
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(0, cqe->res);
		EXPECT_EQ(cqe->user_data + 100, r[cqe->user_data].result);
		io_uring_cqe_seen(&self->ring, cqe);
	}
}

TEST_F(uring, U20_a_command_can_be_cancelled)
{
	struct scheme_request r = on_path(SCHEME_OP_FCNTL, "");
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	struct io_uring_cqe *cqe;
	uint64_t tag;

	r.path = 0;
	scheme_prep_command(sqe, self->fd, SCHEME_IOC_REQUEST, &r);
	sqe->user_data = 1;
	io_uring_submit(&self->ring);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_FCNTL));
	tag = self->sqe.user_data;
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->user_data = 2;
	io_uring_submit(&self->ring);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CANCEL));
	EXPECT_EQ(tag, self->sqe.user_data);
	queue_post_value(self->q, tag, -ECANCELED);
	ASSERT_LE(0, queue_enter(self->q, 0, 0));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		if (cqe->user_data == 1)
			EXPECT_EQ(-EINTR, cqe->res);
		io_uring_cqe_seen(&self->ring, cqe);
	}
}

TEST_HARNESS_MAIN
