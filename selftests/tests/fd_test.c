// SPDX-License-Identifier: GPL-2.0
/* Files in flight: answers that are files, files sent, files received. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"
#include "../inflight.h"
#include "../uring.h"

#define NAME	"test-fd"
#define OTHER	"test-fd2"

FIXTURE(fd) {
	struct provider p;
	struct queue *q;
	int file;		/* the client's */
	struct marker m;
	struct scheme_sqe sqe;
	struct job job;
	uint64_t ticket;
};

FIXTURE_SETUP(fd)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->file = client_open(&self->p, O_RDWR, 7, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, marker_begin(&self->m));
}

FIXTURE_TEARDOWN(fd)
{
	marker_end(&self->m);
	close(self->file);
	provider_end(&self->p);
}

/* A client that opens a path, up to where the provider has the request. */
#define START_OPENAT(at, open_flags)					\
do {									\
	(at) = (struct scheme_openat){					\
		.path = (uintptr_t)"x", .path_len = 1,			\
		.flags = (open_flags),					\
	};								\
	job_ioctl(&self->job, self->file, SCHEME_IOC_OPENAT, &(at));	\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));	\
} while (0)

/* One that sends the marker, or another file. */
#define START_SENDFD(arg, sent, send_flags)				\
do {									\
	(arg) = (struct scheme_sendfd){					\
		.name = (uintptr_t)"door", .name_len = 4,		\
		.fd = (sent), .flags = (send_flags),			\
		.word = 0x1234567890abcdefULL,				\
	};								\
	job_ioctl(&self->job, self->file, SCHEME_IOC_SENDFD, &(arg));	\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_SENDFD)); \
} while (0)

#define START_RECVFD(arg, recv_flags)					\
do {									\
	(arg) = (struct scheme_recvfd){					\
		.name = (uintptr_t)"door", .name_len = 4,		\
		.flags = (recv_flags), .word = 77,			\
	};								\
	job_ioctl(&self->job, self->file, SCHEME_IOC_RECVFD, &(arg));	\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RECVFD)); \
} while (0)

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

/* ---- files sent ------------------------------------------------------------ */

TEST_F(fd, S27_a_file_moves_to_the_provider)
{
	struct scheme_sendfd arg;
	int sent = self->m.writer, fd;

	START_SENDFD(arg, sent, 0);
	EXPECT_EQ(7, self->sqe.handle);
	EXPECT_EQ(4, self->sqe.len);
	EXPECT_EQ(0, memcmp(queue_payload(self->q, &self->sqe), "door", 4));
	EXPECT_EQ(0, self->sqe.op_flags);
	EXPECT_EQ(0x1234567890abcdefULL, self->sqe.aux);
	EXPECT_EQ(getpid(), self->sqe.pid);
	fd = queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_NE(sent, fd);
	/* the sender's goes when the provider agrees, not before */
	EXPECT_LE(0, fcntl(sent, F_GETFD));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 5));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(5, arg.result);
	EXPECT_EQ(-1, fcntl(sent, F_GETFD));
	self->m.writer = -1;
	EXPECT_TRUE(marker_is(&self->m, fd));
	EXPECT_TRUE(marker_held(&self->m));
	close(fd);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_a_clone_leaves_the_sender_its_own)
{
	struct scheme_sendfd arg;
	int fd;

	START_SENDFD(arg, self->m.writer, SCHEME_SENDFD_CLONE);
	EXPECT_EQ(SCHEME_SENDFD_CLONE, self->sqe.op_flags);
	fd = queue_fetch(self->q, self->sqe.user_data, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fcntl(fd, F_GETFD));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 1LL << 40));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(1LL << 40, arg.result);
	EXPECT_TRUE(marker_is(&self->m, self->m.writer));
	EXPECT_TRUE(marker_is(&self->m, fd));
	close(fd);
	EXPECT_TRUE(marker_held(&self->m));
}

TEST_F(fd, S27_exclusive_wants_the_only_reference)
{
	struct scheme_sendfd arg;
	int other = dup(self->m.writer);
	int fd;

	EXPECT_EQ(-EBUSY, client_sendfd(self->file, self->m.writer, "",
					SCHEME_SENDFD_EXCLUSIVE, 0));
	EXPECT_TRUE(queue_silent(self->q, 20));
	EXPECT_LE(0, fcntl(self->m.writer, F_GETFD));
	close(other);
	EXPECT_EQ(-EINVAL, client_sendfd(self->file, self->m.writer, "",
					 SCHEME_SENDFD_EXCLUSIVE |
					 SCHEME_SENDFD_CLONE, 0));
	START_SENDFD(arg, self->m.writer, SCHEME_SENDFD_EXCLUSIVE);
	fd = queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	self->m.writer = -1;
	close(fd);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_a_child_that_has_the_file_makes_it_not_exclusive)
{
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(-EBUSY, client_sendfd(self->file, self->m.writer, "",
					SCHEME_SENDFD_EXCLUSIVE, 0));
	child_reap(pid);
}

TEST_F(fd, S27_a_file_that_is_not_fetched_is_closed)
{
	struct scheme_sendfd arg;

	START_SENDFD(arg, self->m.writer, 0);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_TRUE(marker_gone(&self->m));
	EXPECT_EQ(-1, fcntl(self->m.writer, F_GETFD));
	self->m.writer = -1;
}

TEST_F(fd, S27_a_refused_file_stays_with_the_sender)
{
	struct scheme_sendfd arg;

	START_SENDFD(arg, self->m.writer, 0);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EACCES));
	EXPECT_EQ(-EACCES, job_wait(&self->job));
	EXPECT_TRUE(marker_is(&self->m, self->m.writer));
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_fetch_checks_its_arguments)
{
	struct scheme_fetch fetch = {};
	struct scheme_sendfd arg;
	uint64_t tag;
	char byte;
	int fd;

	START_SENDFD(arg, self->m.writer, SCHEME_SENDFD_CLONE);
	tag = self->sqe.user_data;
	for (unsigned int bit = 0; bit < 32; bit++)
		if (1U << bit != O_CLOEXEC)
			EXPECT_EQ(-EINVAL, queue_fetch(self->q, tag, 1U << bit));
	fetch.tag = tag;
	fetch.reserved = 1;
	EXPECT_EQ(-EINVAL, do_ioctl(self->q->fd, SCHEME_IOC_FETCH, &fetch));
	EXPECT_EQ(-EFAULT, do_ioctl(self->q->fd, SCHEME_IOC_FETCH, NULL));
	EXPECT_EQ(-EBADF, queue_fetch(self->q, 0, 0));
	EXPECT_EQ(-EBADF, queue_fetch(self->q, ~0ULL, 0));
	EXPECT_EQ(-EBADF, queue_fetch(self->q, tag + (1ULL << 32), 0));
	EXPECT_EQ(-EINVAL, queue_attach(self->q, tag, self->m.reader,
					&self->ticket));
	fd = queue_fetch(self->q, tag, 0);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(-ENOENT, queue_fetch(self->q, tag, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(-EBADF, queue_fetch(self->q, tag, 0));
	job_pread(&self->job, self->file, &byte, 1, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	EXPECT_EQ(-EINVAL, queue_fetch(self->q, self->sqe.user_data, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
}

TEST_F(fd, S27_a_provider_without_room_may_fetch_again)
{
	struct rlimit limit, none;
	struct scheme_sendfd arg;
	int fd;

	START_SENDFD(arg, self->m.writer, 0);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, queue_fetch(self->q, self->sqe.user_data, 0));
	EXPECT_EQ(-EMFILE, client_recvfd(self->file, "", 0, 0));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_TRUE(queue_silent(self->q, 20));
	fd = queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	self->m.writer = -1;
	EXPECT_TRUE(marker_is(&self->m, fd));
	close(fd);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_sendfd_checks_its_arguments)
{
	char long_name[SCHEME_PATH_MAX + 1] = {};
	struct scheme_sendfd arg;
	int closed = dup(0);

	close(closed);
	for (unsigned int bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, client_sendfd(self->file, self->m.writer, "",
						 1U << bit, 0));
	arg = (struct scheme_sendfd){ .fd = self->m.writer, .reserved = 1 };
	EXPECT_EQ(-EINVAL, do_ioctl(self->file, SCHEME_IOC_SENDFD, &arg));
	EXPECT_EQ(-EFAULT, do_ioctl(self->file, SCHEME_IOC_SENDFD, NULL));
	EXPECT_EQ(-EBADF, client_sendfd(self->file, -1, "", 0, 0));
	EXPECT_EQ(-EBADF, client_sendfd(self->file, closed, "", 0, 0));
	memset(long_name, 'n', sizeof(long_name));
	arg = (struct scheme_sendfd){
		.fd = self->m.writer,
		.name = (uintptr_t)long_name, .name_len = sizeof(long_name),
	};
	EXPECT_EQ(-ENAMETOOLONG, do_ioctl(self->file, SCHEME_IOC_SENDFD, &arg));
	arg.name = (uintptr_t)"a\0b";
	arg.name_len = 3;
	EXPECT_EQ(-EINVAL, do_ioctl(self->file, SCHEME_IOC_SENDFD, &arg));
	arg.name = 1;
	EXPECT_EQ(-EFAULT, do_ioctl(self->file, SCHEME_IOC_SENDFD, &arg));
	/* the channel itself cannot move, but be cloned */
	EXPECT_EQ(-EINVAL, client_sendfd(self->file, self->file, "", 0, 0));
	EXPECT_TRUE(queue_silent(self->q, 20));
	START_SENDFD(arg, self->file, SCHEME_SENDFD_CLONE);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
}

TEST_F(fd, S27_a_descriptor_for_ioctl_only_sends_nothing)
{
	int file = client_open_ioctl(&self->p);

	EXPECT_EQ(-EBADF, client_sendfd(file, self->m.writer, "", 0, 0));
	EXPECT_EQ(-EBADF, client_recvfd(file, "", 0, 0));
	close(file);
}

TEST_F(fd, S27_a_signal_leaves_the_file_with_the_sender)
{
	struct scheme_sqe cancel;
	struct scheme_sendfd arg;

	catch_usr1(0);
	START_SENDFD(arg, self->m.writer, 0);
	pthread_kill(self->job.thread, SIGUSR1);
	ASSERT_EQ(0, queue_expect(self->q, &cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ECANCELED));
	EXPECT_EQ(-EINTR, job_wait(&self->job));
	EXPECT_TRUE(marker_is(&self->m, self->m.writer));
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_a_dead_provider_leaves_the_file_with_the_sender)
{
	struct scheme_sendfd arg;

	START_SENDFD(arg, self->m.writer, 0);
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	EXPECT_TRUE(marker_is(&self->m, self->m.writer));
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_a_number_that_means_another_file_by_now_is_not_closed)
{
	struct scheme_sendfd arg;
	int number = self->m.writer;

	START_SENDFD(arg, number, 0);
	ASSERT_EQ(number, dup2(self->m.reader, number));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_LE(0, fcntl(number, F_GETFD));
	EXPECT_TRUE(marker_gone(&self->m));
}

/* ---- files received -------------------------------------------------------- */

TEST_F(fd, S27_recvfd_is_the_mirror_image)
{
	struct scheme_recvfd arg;
	int fd;

	for (int cloexec = 0; cloexec < 2; cloexec++) {
		START_RECVFD(arg, cloexec ? O_CLOEXEC : 0);
		EXPECT_EQ(7, self->sqe.handle);
		EXPECT_EQ(4, self->sqe.len);
		EXPECT_EQ(0, memcmp(queue_payload(self->q, &self->sqe), "door", 4));
		EXPECT_EQ(77, self->sqe.aux);
		EXPECT_EQ(0, self->sqe.op_flags);
		ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data,
					  self->m.writer, &self->ticket));
		EXPECT_EQ(0, queue_answer_fd(self->q, &self->sqe, self->ticket));
		fd = job_wait(&self->job);
		ASSERT_LE(0, fd);
		EXPECT_EQ(cloexec ? FD_CLOEXEC : 0, fcntl(fd, F_GETFD));
		EXPECT_TRUE(marker_is(&self->m, fd));
		close(fd);
	}
	marker_close_writer(&self->m);
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_recvfd_without_a_file_is_no_success)
{
	struct scheme_recvfd arg;

	START_RECVFD(arg, 0);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EWOULDBLOCK));
	EXPECT_EQ(-EWOULDBLOCK, job_wait(&self->job));
	START_RECVFD(arg, 0);
	ASSERT_EQ(0, queue_attach(self->q, self->sqe.user_data, self->m.writer,
				  &self->ticket));
	marker_close_writer(&self->m);
	EXPECT_EQ(EPROTO, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(-EIO, job_wait(&self->job));
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_F(fd, S27_recvfd_checks_its_arguments)
{
	struct scheme_recvfd arg = { .reserved = 1 };

	EXPECT_EQ(-EINVAL, do_ioctl(self->file, SCHEME_IOC_RECVFD, &arg));
	for (unsigned int bit = 0; bit < 32; bit++)
		if (1U << bit != O_CLOEXEC)
			EXPECT_EQ(-EINVAL, client_recvfd(self->file, "", 1U << bit, 0));
	EXPECT_EQ(-EFAULT, do_ioctl(self->file, SCHEME_IOC_RECVFD, NULL));
	arg = (struct scheme_recvfd){ .name_len = SCHEME_PATH_MAX + 1 };
	EXPECT_EQ(-ENAMETOOLONG, do_ioctl(self->file, SCHEME_IOC_RECVFD, &arg));
	EXPECT_TRUE(queue_silent(self->q, 20));
}

/* ---- cycles ---------------------------------------------------------------- */

/* Put a file into a socket, where it waits to be received. */
static int put_into_socket(int sock, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { .iov_base = "f", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

/*
 * A provider that is its own client, and has its files and a marker in a socket
 * that is in flight in a request of its own.
 */
static int tie_a_knot(void *arg)
{
	struct marker *m = arg;
	struct scheme_sqe sqe;
	struct provider p;
	int pair[2], file;
	pid_t pid;

	if (provider_begin(&p, OTHER) || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return 1;
	file = client_open(&p, O_RDWR, 1, 0);
	if (file < 0 || put_into_socket(pair[0], p.fd) ||
	    put_into_socket(pair[0], p.q[0].fd) ||
	    put_into_socket(pair[0], file) || put_into_socket(pair[0], m->writer) ||
	    put_into_socket(pair[0], pair[1]))
		return 2;
	pid = fork();
	if (!pid) {
		close(m->writer);
		client_sendfd(file, pair[1], "", SCHEME_SENDFD_CLONE, 0);
		_exit(0);
	}
	if (queue_expect(&p.q[0], &sqe, SCHEME_OP_SENDFD))
		return 3;
	return 0;
}

TEST_F(fd, S27_no_cycle_outlives_its_owner)
{
	struct provider p;
	int pair[2];

	ASSERT_EQ(0, child_result(child_start(tie_a_knot, &self->m)));
	marker_close_writer(&self->m);
	/* the name is free again, and nobody has the files */
	ASSERT_TRUE(wait_until(!provider_begin(&p, OTHER)));
	provider_end(&p);
	/* what waits in sockets is collected when one is closed */
	ASSERT_TRUE(wait_until(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) &&
			       !close(pair[0]) && !close(pair[1]) &&
			       !marker_held(&self->m)));
	EXPECT_TRUE(marker_gone(&self->m));
}

TEST_HARNESS_MAIN
