// SPDX-License-Identifier: GPL-2.0
/* Files in flight: answers that are files, and who leaves meanwhile. */
#include <signal.h>
#include <sys/epoll.h>

#include "../uring.h"
#include "fd.h"

#define OTHER	"test-fd2"

/* ---- answers that are files ----------------------------------------------- */

TEST_F(fd, S26_provider_answers_with_a_file)
{
	struct scheme_openat at;
	int fd;

	START_OPENAT(at, O_RDWR);
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	EXPECT_NE(0, self->ticket);
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_held(&self->m));
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(marker_is(&self->m, fd));
	/* nothing of it is left with the provider, nor will a CLOSE come */
	close(fd);
	EXPECT_TRUE(marker_gone(&self->m));
	EXPECT_TRUE(queue_silent(self->q, 50));
	EXPECT_EQ(1, scheme_attr(NAME, "handles"));
}

TEST_F(fd, S26_a_dup_is_answered_with_a_file)
{
	struct scheme_dup dup = { .name = (uintptr_t)"d", .name_len = 1 };
	int fd;

	job_ioctl(&self->job, self->file, SCHEME_IOC_DUP, &dup);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_DUP));
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(marker_is(&self->m, fd));
	close(fd);
}

TEST_F(fd, S26_the_callers_flags_decide_about_exec)
{
	struct scheme_openat at;
	int fd;

	for (int cloexec = 0; cloexec < 2; cloexec++) {
		START_OPENAT(at, O_RDWR | (cloexec ? O_CLOEXEC : 0));
		ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data,
					  self->m.writer, &self->ticket));
		EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
		fd = job_wait(&self->job);
		ASSERT_LE(0, fd);
		EXPECT_EQ(cloexec ? FD_CLOEXEC : 0, fcntl(fd, F_GETFD));
		close(fd);
	}
}

TEST_F(fd, S26_open_cannot_become_another_file)
{
	job_open(&self->job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(-EOPNOTSUPP, queue_attach(self->q, self->sqe.user_data,
					    self->m.writer, &self->ticket));
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
	/* it may still be opened in the usual way */
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 9));
	EXPECT_LE(0, job_wait(&self->job));
	/* and if the provider insists */
	job_open(&self->job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(EOPNOTSUPP, queue_answer_fd(self->q, &self->sqe, 1));
	EXPECT_EQ(-EOPNOTSUPP, job_wait(&self->job));
}

TEST_F(fd, S26_a_ticket_is_of_one_request)
{
	struct scheme_openat at, at2 = {
		.path = (uintptr_t)"y", .path_len = 1, .flags = O_RDWR,
	};
	struct scheme_sqe sqe2;
	struct job job2;
	uint64_t ticket2;

	START_OPENAT(at, O_RDWR);
	job_ioctl(&job2, self->file, SCHEME_IOC_OPENAT, &at2);
	ASSERT_EQ(0, queue_expect(self->q, &sqe2, SCHEME_OP_OPEN));
	/* nothing attached: no ticket is right */
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, 0));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, 1));
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	ASSERT_EQ(0, queue_attach(self->q, sqe2.user_data, self->m.writer,
				  &ticket2));
	EXPECT_NE(self->ticket, ticket2);
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, 0));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, ~0ULL));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, self->ticket + 1));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, ticket2));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &sqe2, self->ticket));
	EXPECT_TRUE(job_stays(&self->job, 20));
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_LE(0, job_wait(&self->job));
	/* used up: neither for its own request nor for the next in the slot */
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, self->ticket));
	START_OPENAT(at, O_RDWR);
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EPERM));
	EXPECT_EQ(-EPERM, job_wait(&self->job));
	EXPECT_EQ(0, queue_answer_fd(self->q, &sqe2, ticket2));
	EXPECT_LE(0, job_wait(&job2));
}

TEST_F(fd, S26_a_ticket_is_of_one_scheme)
{
	struct scheme_openat at, at2 = {
		.path = (uintptr_t)"y", .path_len = 1, .flags = O_RDWR,
	};
	struct scheme_sqe sqe2;
	struct provider p2;
	struct job job2;
	uint64_t ticket2;
	int file2;

	ASSERT_EQ(0, provider_begin(&p2, OTHER));
	file2 = client_open(&p2, O_RDWR, 1, 0);
	START_OPENAT(at, O_RDWR);
	job_ioctl(&job2, file2, SCHEME_IOC_OPENAT, &at2);
	ASSERT_EQ(0, queue_expect(&p2.q[0], &sqe2, SCHEME_OP_OPEN));
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	ASSERT_EQ(0, queue_attach(&p2.q[0], sqe2.user_data, self->m.writer,
				  &ticket2));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, ticket2));
	EXPECT_EQ(EBADF, queue_answer_fd(&p2.q[0], &sqe2, self->ticket));
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_EQ(0, queue_answer_fd(&p2.q[0], &sqe2, ticket2));
	EXPECT_LE(0, job_wait(&self->job));
	EXPECT_LE(0, job_wait(&job2));
	close(file2);
	provider_end(&p2);
}

TEST_F(fd, S26_an_answer_with_a_file_has_nothing_else)
{
	struct scheme_cqe cqe = { .kind = SCHEME_CQE_NEW_FD };
	struct scheme_openat at;
	char byte;

	START_OPENAT(at, O_RDWR);
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	cqe.user_data = self->sqe.user_data;
	cqe.extra = self->ticket;
	cqe.result = 1;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.result = -EPERM;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.result = 0;
	cqe.flags = SCHEME_CQE_F_POSITIONED;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.flags = 0;
	cqe.status = 1;
	EXPECT_EQ(EINVAL, queue_push(self->q, &cqe));
	cqe.status = 0;
	EXPECT_EQ(0, queue_push(self->q, &cqe));
	EXPECT_LE(0, job_wait(&self->job));
	/* a read is not answered so */
	job_pread(&self->job, self->file, &byte, 1, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(EINVAL, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
}

TEST_F(fd, S26_another_answer_releases_the_file)
{
	struct scheme_openat at;
	int fd;

	START_OPENAT(at, O_RDWR);
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	marker_close_writer(&self->m);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EACCES));
	EXPECT_EQ(-EACCES, job_wait(&self->job));
	EXPECT_TRUE(marker_gone(&self->m));

	ASSERT_EQ(0, marker_begin(&self->m));
	START_OPENAT(at, O_RDWR);
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	marker_close_writer(&self->m);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 12));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(marker_gone(&self->m));
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(12, self->sqe.handle);
}

/* ---- ATTACH --------------------------------------------------------------- */

TEST_F(fd, S26_attach_checks_its_arguments)
{
	struct scheme_attach arg = {};
	struct scheme_openat at;
	uint64_t tag;
	char byte;

	START_OPENAT(at, O_RDWR);
	tag = self->sqe.user_data;
	for (unsigned int bit = 0; bit < 32; bit++) {
		arg = (struct scheme_attach){
			.tag = tag, .fd = self->m.writer, .flags = 1U << bit,
		};
		EXPECT_EQ(-EINVAL, do_ioctl(self->q->fd, SCHEME_IOC_ATTACH, &arg));
	}
	EXPECT_EQ(-EFAULT, do_ioctl(self->q->fd, SCHEME_IOC_ATTACH, NULL));
	EXPECT_EQ(-EBADF, queue_attach(self->q, tag, -1, &self->ticket));
	EXPECT_EQ(-EBADF, queue_attach(self->q, tag, 1000000, &self->ticket));
	EXPECT_EQ(-EBADF, queue_attach(self->q, 0, self->m.writer, &self->ticket));
	EXPECT_EQ(-EBADF, queue_attach(self->q, ~0ULL, self->m.writer,
				       &self->ticket));
	EXPECT_EQ(-EBADF, queue_attach(self->q, tag + (1ULL << 32),
				       self->m.writer, &self->ticket));
	EXPECT_EQ(-EBADF, queue_attach(self->q, tag + 1, self->m.writer,
				       &self->ticket));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EPERM));
	EXPECT_EQ(-EPERM, job_wait(&self->job));
	/* finished */
	EXPECT_EQ(-EBADF, queue_attach(self->q, tag, self->m.writer,
				       &self->ticket));
	job_pread(&self->job, self->file, &byte, 1, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(-EINVAL, queue_attach(self->q, self->sqe.user_data,
					self->m.writer, &self->ticket));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	/* none of all these took a reference */
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S26_a_request_carries_one_file)
{
	struct scheme_openat at;
	int fd;

	START_OPENAT(at, O_RDWR);
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	for (int i = 0; i < 10000; i++) {
		uint64_t other;

		ASSERT_EQ(-EBUSY, queue_attach(self->q, self->sqe.user_data,
					       self->m.reader, &other));
	}
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(marker_is(&self->m, fd));
	close(fd);
}

TEST_F(fd, S26_attach_of_a_dead_scheme)
{
	struct scheme_openat at;

	START_OPENAT(at, O_RDWR);
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	EXPECT_EQ(-ENODEV, queue_attach(self->q, self->sqe.user_data,
					self->m.writer, &self->ticket));
	EXPECT_EQ(-ENODEV, queue_fetch(self->q, self->sqe.user_data, 0));
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
}

/* Files of a provider keep memory and names; io_uring keeps any file. */
#define EXPECT_REFUSED(fd)						\
do {									\
	EXPECT_EQ(-EOPNOTSUPP, queue_attach(self->q, self->sqe.user_data,	\
					    fd, &self->ticket));		\
	EXPECT_EQ(-EOPNOTSUPP, client_sendfd(self->file, fd, "",		\
					     SCHEME_SENDFD_CLONE, 0));		\
} while (0)

TEST_F(fd, S26_files_that_must_not_travel)
{
	struct scheme_openat at;
	struct io_uring ring;

	ASSERT_EQ(0, uring_begin(&ring, 0));
	START_OPENAT(at, O_RDWR);
	EXPECT_REFUSED(self->p.fd);
	EXPECT_REFUSED(self->q->fd);
	EXPECT_REFUSED(ring.ring_fd);
	/* other anonymous files may, and a client's */
	EXPECT_EQ(0, queue_attach(self->q, self->sqe.user_data,
				  epoll_create1(EPOLL_CLOEXEC), &self->ticket));
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_LE(0, job_wait(&self->job));
	START_OPENAT(at, O_RDWR);
	EXPECT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->file,
				  &self->ticket));
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_LE(0, job_wait(&self->job));
	io_uring_queue_exit(&ring);
}

/* ---- somebody leaves ------------------------------------------------------- */

struct opener {
	int file;
	int op;			/* ioctl */
	int sent;
};

static int open_in_child(void *arg)
{
	struct opener *o = arg;

	if (o->op == (int)SCHEME_IOC_OPENAT)
		client_openat(o->file, "x", O_RDWR, 0);
	else if (o->op == (int)SCHEME_IOC_SENDFD)
		client_sendfd(o->file, o->sent, "", SCHEME_SENDFD_CLONE, 0);
	else
		client_recvfd(o->file, "", 0, 0);
	return 1;
}

TEST_F(fd, S26_a_killed_client_leaves_no_file)
{
	struct opener o = { .file = self->file, .op = (int)SCHEME_IOC_OPENAT };
	struct scheme_sqe cancel;
	uint64_t other;
	pid_t pid;

	pid = child_start(open_in_child, &o);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	ASSERT_LE(0, child_kill(pid));
	ASSERT_EQ(0, queue_expect(self->q, &cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(-ECANCELED, queue_attach(self->q, self->sqe.user_data,
					   self->m.writer, &other));
	/* at once, not with the answer */
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, self->ticket + 1));
	EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_EQ(EBADF, queue_answer_fd(self->q, &self->sqe, self->ticket));
	EXPECT_TRUE(queue_silent(self->q, 50));
}

TEST_F(fd, S27_a_killed_client_leaves_no_file)
{
	struct opener o = {
		.file = self->file,
		.op = (int)SCHEME_IOC_SENDFD,
		.sent = self->m.writer,
	};
	struct scheme_sqe cancel;
	pid_t pid;

	pid = child_start(open_in_child, &o);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_SENDFD));
	marker_close_writer(&self->m);
	ASSERT_LE(0, child_kill(pid));
	ASSERT_EQ(0, queue_expect(self->q, &cancel, SCHEME_OP_CANCEL));
	EXPECT_TRUE(marker_gone(&self->m));
	EXPECT_EQ(-ECANCELED, queue_fetch(self->q, self->sqe.user_data, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
}

/* A provider of its own that gets as far as ATTACH, and then waits to die. */
static int attach_and_wait(void *arg)
{
	struct marker *m = arg;
	struct scheme_sqe sqe;
	struct provider p;
	uint64_t ticket;

	if (provider_begin(&p, OTHER))
		return 1;
	while (!queue_next(&p.q[0], &sqe)) {
		if (sqe.opcode == SCHEME_OP_SENDFD ||
		    queue_attach(&p.q[0], sqe.user_data, m->writer, &ticket)) {
			if (sqe.opcode == SCHEME_OP_OPEN && sqe.handle == SCHEME_ROOT)
				queue_answer(&p.q[0], &sqe, 3);
			continue;
		}
		break;
	}
	marker_close_writer(m);
	pause();
	return 2;
}

TEST_F(fd, S26_a_provider_dies_between_attach_and_answer)
{
	struct scheme_recvfd arg = {};
	int file = -1;
	pid_t pid;

	pid = child_start(attach_and_wait, &self->m);
	ASSERT_TRUE(wait_until((file = open(NODE_DIR "/" OTHER, O_RDWR)) >= 0));
	marker_close_writer(&self->m);
	job_ioctl(&self->job, file, SCHEME_IOC_RECVFD, &arg);
	sleep_ms(100);
	EXPECT_TRUE(marker_held(&self->m));
	ASSERT_LE(0, child_kill(pid));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	EXPECT_TRUE(marker_gone(&self->m));
	close(file);
}

TEST_HARNESS_MAIN
