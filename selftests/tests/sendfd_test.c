// SPDX-License-Identifier: GPL-2.0
/* Files in flight: files sent and received. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "fd.h"

#define OTHER	"test-fd2"

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
