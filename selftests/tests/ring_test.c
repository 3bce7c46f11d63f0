// SPDX-License-Identifier: GPL-2.0
/* Direct rings: how they are made, in which states they are, and who may write what. */
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>

#include "ring.h"
#include "../uring.h"

/* ---- making one ---------------------------------------------------------------- */

static int create_raw(int file, struct scheme_ring_info info)
{
	return do_ioctl(file, SCHEME_IOC_RING_CREATE, &info);
}

TEST_F(ring, U6_bad_requests_are_refused)
{
	const struct scheme_ring_info good = { .sq_entries = SQ, .cq_entries = CQ };
	struct scheme_ring_info bad;
	int node;

	bad = good;
	bad.sq_entries = 3;
	EXPECT_EQ(-EINVAL, create_raw(self->file, bad));
	bad = good;
	bad.cq_entries = 12;
	EXPECT_EQ(-EINVAL, create_raw(self->file, bad));
	bad.cq_entries = 2 * SCHEME_RING_ENTRIES_MAX;
	EXPECT_EQ(-EINVAL, create_raw(self->file, bad));
	bad = good;
	bad.flags = 1;
	EXPECT_EQ(-EINVAL, create_raw(self->file, bad));
	bad = good;
	bad.side = 1;
	EXPECT_EQ(-EINVAL, create_raw(self->file, bad));
	bad = good;
	bad.reserved[1] = 1;
	EXPECT_EQ(-EINVAL, create_raw(self->file, bad));
	node = client_open_ioctl(&self->p);
	EXPECT_EQ(-EBADF, create_raw(node, good));
	close(node);
}

TEST_F(ring, U8_the_defaults_and_the_greatest)
{
	struct scheme_ring_info info;
	int fd = ring_create(self->file, 0, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(0, ring_info(fd, &info));
	EXPECT_EQ(256, info.sq_entries);
	EXPECT_EQ(512, info.cq_entries);
	EXPECT_EQ(SCHEME_RING_CREATED, info.state);
	EXPECT_EQ(SCHEME_RING_SIDE_CLIENT, info.side);
	EXPECT_EQ(info.cq_off + 512 * 32, info.size);
	EXPECT_EQ(info.sq_off + 256 * 64, info.cq_off);
	close(fd);
	fd = ring_create(self->file, SCHEME_RING_ENTRIES_MAX, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ring_info(fd, &info));
	EXPECT_EQ(SCHEME_RING_ENTRIES_MAX, info.cq_entries);
	close(fd);
}

TEST_F(ring, U6_the_provider_is_asked_and_told_who_asks)
{
	struct scheme_ring_attach arg = { .word = 0x1122334455667788ULL };
	struct ring_side client, prov;

	ASSERT_EQ(0, ring_side_map(&client, ring_create(self->file, SQ, CQ)));
	arg.ring = client.fd;
	job_ioctl(&self->job, self->file, SCHEME_IOC_RING_ATTACH, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RING_ATTACH));
	EXPECT_EQ(SQ | (uint64_t)CQ << 32, self->sqe.offset);
	EXPECT_EQ(arg.word, self->sqe.aux);
	EXPECT_EQ(7, self->sqe.handle);
	EXPECT_EQ(getpid(), self->sqe.pid);
	EXPECT_EQ(SCHEME_RING_ATTACHING, ring_state(client.fd));
	ASSERT_EQ(0, ring_side_map(&prov, queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC)));
	EXPECT_EQ(SCHEME_RING_SIDE_PROVIDER, prov.info.side);
	EXPECT_EQ(-ENOENT, queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(SCHEME_RING_ATTACHED, ring_state(client.fd));
	EXPECT_EQ(SCHEME_RING_ATTACHED, ring_state(prov.fd));
	ring_side_end(&client);
	ring_side_end(&prov);
}

/* ---- states -------------------------------------------------------------------- */

TEST_F(ring, U6_every_call_in_the_wrong_state_has_an_error)
{
	struct ring_side client;
	int fd = ring_create(self->file, SQ, CQ);

	ASSERT_LE(0, fd);
	/* created: not mapped yet */
	EXPECT_EQ(-EBADFD, ring_attach(self->file, fd, 0));
	EXPECT_EQ(-EBADFD, ring_notify(fd));
	EXPECT_EQ(-EBADFD, ring_wait_ms(fd, 0));
	ASSERT_EQ(0, ring_side_map(&client, fd));
	EXPECT_EQ(SCHEME_RING_MAPPED, ring_state(fd));
	EXPECT_EQ(-EBADFD, ring_notify(fd));
	ring_side_end(&client);
	/* attached: not again */
	BEGIN_PAIR();
	EXPECT_EQ(-EBADFD, ring_attach(self->file, self->pair.client.fd, 0));
	EXPECT_EQ(0, ring_notify(self->pair.client.fd));
	ring_side_end(&self->pair.prov);
	/* shut down */
	EXPECT_EQ(SCHEME_RING_SHUTDOWN, ring_state(self->pair.client.fd));
	EXPECT_EQ(-ESHUTDOWN, ring_attach(self->file, self->pair.client.fd, 0));
	EXPECT_EQ(-ESHUTDOWN, ring_notify(self->pair.client.fd));
	EXPECT_EQ(-ESHUTDOWN, ring_wait_ms(self->pair.client.fd, -1));
	EXPECT_EQ(-ESHUTDOWN, ring_file_add(self->pair.client.fd, self->file));
	ring_side_end(&self->pair.client);
}

TEST_F(ring, U6_what_cannot_be_attached)
{
	struct scheme_ring_attach arg = { };
	struct provider other;
	int file;

	BEGIN_PAIR();
	EXPECT_EQ(-EBADF, ring_attach(self->file, -1, 0));
	EXPECT_EQ(-EBADF, ring_attach(self->file, self->file, 0));
	EXPECT_EQ(-EBADF, ring_attach(self->file, self->pair.prov.fd, 0));
	arg.ring = self->pair.client.fd;
	arg.flags = 1;
	EXPECT_EQ(-EINVAL, do_ioctl(self->file, SCHEME_IOC_RING_ATTACH, &arg));
	arg.flags = 0;
	arg.reserved = 1;
	EXPECT_EQ(-EINVAL, do_ioctl(self->file, SCHEME_IOC_RING_ATTACH, &arg));
	ASSERT_EQ(0, provider_begin(&other, "test-ring2"));
	file = client_open(&other, O_RDWR, 1, 0);
	ASSERT_LE(0, file);
	EXPECT_EQ(-EXDEV, ring_attach(file, self->pair.client.fd, 0));
	EXPECT_EQ(-EXDEV, ring_file_add(self->pair.client.fd, file));
	close(file);
	provider_end(&other);
	ring_pair_end(&self->pair);
}

TEST_F(ring, U6_a_refused_ring_is_shut_down)
{
	struct scheme_ring_attach arg = { };
	struct ring_side client;

	ASSERT_EQ(0, ring_side_map(&client, ring_create(self->file, SQ, CQ)));
	arg.ring = client.fd;
	job_ioctl(&self->job, self->file, SCHEME_IOC_RING_ATTACH, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RING_ATTACH));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EOPNOTSUPP));
	EXPECT_EQ(-EOPNOTSUPP, job_wait(&self->job));
	EXPECT_EQ(SCHEME_RING_SHUTDOWN, ring_state(client.fd));
	EXPECT_EQ(SCHEME_RING_DEAD, client.kern->state);
	ring_side_end(&client);
}

TEST_F(ring, U6_an_answer_without_taking_the_end_is_no_ring)
{
	struct scheme_ring_attach arg = { };
	struct ring_side client;

	ASSERT_EQ(0, ring_side_map(&client, ring_create(self->file, SQ, CQ)));
	arg.ring = client.fd;
	job_ioctl(&self->job, self->file, SCHEME_IOC_RING_ATTACH, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RING_ATTACH));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(-ESHUTDOWN, job_wait(&self->job));
	ring_side_end(&client);
}

TEST_F(ring, S18_a_client_that_does_not_wait_for_the_answer_has_no_ring)
{
	struct scheme_ring_attach arg = { };
	struct ring_side client, prov;

	catch_usr1(0);
	ASSERT_EQ(0, ring_side_map(&client, ring_create(self->file, SQ, CQ)));
	arg.ring = client.fd;
	job_ioctl(&self->job, self->file, SCHEME_IOC_RING_ATTACH, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RING_ATTACH));
	ASSERT_EQ(0, ring_side_map(&prov, queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC)));
	pthread_kill(self->job.thread, SIGUSR1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CANCEL));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -ECANCELED));
	EXPECT_EQ(-EINTR, job_wait(&self->job));
	EXPECT_EQ(SCHEME_RING_SHUTDOWN, ring_state(prov.fd));
	EXPECT_EQ(SCHEME_RING_DEAD, prov.kern->state);
	ring_side_end(&client);
	ring_side_end(&prov);
}

TEST_F(ring, S20_a_provider_that_dies_before_its_answer_leaves_no_ring)
{
	struct scheme_ring_attach arg = { };
	struct ring_side client, prov;

	ASSERT_EQ(0, ring_side_map(&client, ring_create(self->file, SQ, CQ)));
	arg.ring = client.fd;
	job_ioctl(&self->job, self->file, SCHEME_IOC_RING_ATTACH, &arg);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RING_ATTACH));
	ASSERT_EQ(0, ring_side_map(&prov, queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC)));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	EXPECT_EQ(SCHEME_RING_SHUTDOWN, ring_state(client.fd));
	EXPECT_EQ(SCHEME_RING_DEAD, prov.kern->state);
	ring_side_end(&client);
	ring_side_end(&prov);
}

/* By an end of the parent's, which has no mapping of it after the fork. */
static int child_attaches(void *arg)
{
	const int *fd = arg;
	struct ring_side mine;

	return ring_side_map(&mine, fd[1]) ? 1 : ring_attach(fd[0], fd[1], 0);
}

TEST_F(ring, U29_a_client_that_is_killed_before_the_answer_has_no_ring)
{
	int fd[2] = { self->file, ring_create(self->file, SQ, CQ) };
	struct ring_side prov;
	pid_t pid;

	ASSERT_LE(0, fd[1]);
	pid = child_start(child_attaches, fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RING_ATTACH));
	ASSERT_EQ(0, ring_side_map(&prov, queue_fetch(self->q, self->sqe.user_data, O_CLOEXEC)));
	EXPECT_EQ(SCHEME_RING_ATTACHING, ring_state(fd[1]));
	child_kill(pid);
	/* the parent still has the client's end: it is the request that ended it */
	EXPECT_TRUE(wait_until(ring_state(prov.fd) == SCHEME_RING_SHUTDOWN));
	EXPECT_EQ(-ESHUTDOWN, ring_attach(self->file, fd[1], 0));
	/* and it still wants its one answer */
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	close(fd[1]);
	ring_side_end(&prov);
}

TEST_F(ring, S30_there_is_a_limit_for_each_user)
{
	int fd[300], nr = 0;

	while (nr < 300 && (fd[nr] = ring_create(self->file, 1, 1)) >= 0)
		nr++;
	EXPECT_EQ(256, nr);
	EXPECT_EQ(-EMFILE, fd[nr]);
	while (nr)
		close(fd[--nr]);
	/* what only a provider keeps does not count */
	for (nr = 0; nr < 300; nr++) {
		BEGIN_PAIR();
		ring_side_unmap(&self->pair.prov);
		ring_side_end(&self->pair.client);
		fd[nr] = self->pair.prov.fd;
	}
	while (nr)
		close(fd[--nr]);
}

TEST_F(ring, S26_an_end_does_not_travel_through_a_scheme)
{
	BEGIN_PAIR();
	EXPECT_EQ(-EOPNOTSUPP, client_sendfd(self->file, self->pair.client.fd, "", 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, client_sendfd(self->file, self->pair.prov.fd, "", 0, 0));
	ring_pair_end(&self->pair);
}

/* ---- rights -------------------------------------------------------------------- */

static sigjmp_buf fault_jump;

static void on_fault(int signal)
{
	siglongjmp(fault_jump, signal);
}

/* Does writing there kill? */
static bool write_faults(void *at)
{
	struct sigaction old, action = { .sa_handler = on_fault };
	bool faults = true;

	sigaction(SIGSEGV, &action, &old);
	if (!sigsetjmp(fault_jump, 1)) {
		*(volatile uint32_t *)at = 1;
		faults = false;
	}
	sigaction(SIGSEGV, &old, NULL);
	return faults;
}

static int map_errno(int fd, uint64_t offset, size_t size, int prot, int flags)
{
	void *at = mmap(NULL, size, prot, flags, fd, offset);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, size);
	return 0;
}

/* All that the side must not write to, and cannot make writable. */
static void guarded(struct __test_metadata *_metadata, const struct ring_side *s, void *part,
		    uint32_t offset)
{
	EXPECT_EQ(-EACCES, map_errno(s->fd, offset, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(-EACCES, map_errno(s->fd, offset, PAGE, PROT_WRITE, MAP_SHARED));
	EXPECT_NE(0, mprotect(part, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_TRUE(write_faults(part));
}

TEST_F(ring, U7_the_client_cannot_write_what_is_not_its_own)
{
	struct ring_side *c = &self->pair.client;

	BEGIN_PAIR();
	guarded(_metadata, c, c->prov, c->info.provider_off);
	guarded(_metadata, c, c->kern, c->info.kernel_off);
	guarded(_metadata, c, c->cq, c->info.cq_off);
	EXPECT_FALSE(write_faults(&c->client->cq_head));
	EXPECT_FALSE(write_faults(c->sq));
	ring_pair_end(&self->pair);
}

TEST_F(ring, U7_the_provider_cannot_write_what_is_not_its_own)
{
	struct ring_side *p = &self->pair.prov;

	BEGIN_PAIR();
	guarded(_metadata, p, p->client, p->info.client_off);
	guarded(_metadata, p, p->kern, p->info.kernel_off);
	guarded(_metadata, p, p->sq, p->info.sq_off);
	EXPECT_FALSE(write_faults(&p->prov->sq_head));
	EXPECT_FALSE(write_faults(p->cq));
	ring_pair_end(&self->pair);
}

TEST_F(ring, U7_mappings_that_cannot_be)
{
	struct ring_side *c = &self->pair.client;
	int fd, rw = PROT_READ | PROT_WRITE;
	void *at;

	BEGIN_PAIR();
	fd = c->fd;
	EXPECT_EQ(-EINVAL, map_errno(fd, 0, PAGE, PROT_READ, MAP_PRIVATE));
	EXPECT_EQ(-EPERM, map_errno(fd, 0, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED));
	EXPECT_EQ(-ENXIO, map_errno(fd, c->info.size, PAGE, PROT_READ, MAP_SHARED));
	EXPECT_EQ(-ENXIO, map_errno(fd, 0, c->info.size + PAGE, PROT_READ, MAP_SHARED));
	/* all of it, for reading; a part that is not ours makes the whole not writable */
	EXPECT_EQ(0, map_errno(fd, 0, c->info.size, PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EACCES, map_errno(fd, 0, c->info.size, rw, MAP_SHARED));
	EXPECT_EQ(-EACCES, map_errno(fd, c->info.client_off, 2 * PAGE, rw, MAP_SHARED));
	/* no growing into the next part */
	at = mremap(c->client, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, at);
	EXPECT_EQ(EFAULT, errno);
	/* nor making it executable */
	EXPECT_NE(0, mprotect(c->sq, PAGE, PROT_READ | PROT_EXEC));
	ring_pair_end(&self->pair);
}

static int child_looks(void *arg)
{
	struct ring_side *c = arg;

	/* not there: faults for reading, too */
	return msync(c->client, PAGE, MS_ASYNC) && errno == ENOMEM ? 0 : 1;
}

TEST_F(ring, U7_a_child_of_fork_has_no_mapping)
{
	BEGIN_PAIR();
	EXPECT_EQ(0, child_result(child_start(child_looks, &self->pair.client)));
	ring_pair_end(&self->pair);
}

/* ---- entries -------------------------------------------------------------------- */

TEST_F(ring, D2_the_submission_of_2020_through_the_kernels_pages)
{
	const struct scheme_sqe dummy = {
		.opcode = 1, .handle = 42, .user_data = 1337, .len = 8192,
		.addr = 0xDEADBEEF, .offset = 16384,
	};
	struct scheme_cqe answer = { .user_data = 1337, .result = -ENOSYS };
	struct ring_pair *r = &self->pair;
	struct scheme_sqe got;
	struct scheme_cqe cqe;

	BEGIN_PAIR();
	ring_submit(&r->client, &dummy);
	ASSERT_TRUE(ring_take(&r->prov, &got));
	EXPECT_EQ(0, memcmp(&dummy, &got, sizeof(got)));
	EXPECT_FALSE(ring_take(&r->prov, &got));
	ring_post(&r->prov, &answer);
	ASSERT_TRUE(ring_reap(&r->client, &cqe));
	EXPECT_EQ(0, memcmp(&answer, &cqe, sizeof(cqe)));
	ring_pair_end(r);
}

/* ---- the kinds of rings ------------------------------------------------------------ */

/* A provider's queue: takes the read and answers it with one byte. */
static void serve_read(struct __test_metadata *_metadata, struct queue *q, char byte)
{
	struct scheme_sqe sqe;

	ASSERT_EQ(0, queue_expect(q, &sqe, SCHEME_OP_READ));
	*(char *)queue_payload(q, &sqe) = byte;
	EXPECT_EQ(0, queue_answer(q, &sqe, 1));
}

TEST_F(ring, U5_one_uring_for_two_schemes_beside_a_direct_ring)
{
	struct provider other;
	struct io_uring uring;
	struct scheme_sqe sqe;
	int file;
	char got[2] = "";

	BEGIN_PAIR();
	ASSERT_EQ(0, provider_begin(&other, "test-ring2"));
	file = client_open(&other, O_RDWR, 1, 0);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, uring_begin(&uring, 0));
	/* the client's ring to the kernel, for both; the kernel's to each provider */
	io_uring_prep_read(io_uring_get_sqe(&uring), self->file, &got[0], 1, 0);
	io_uring_prep_read(io_uring_get_sqe(&uring), file, &got[1], 1, 0);
	ASSERT_EQ(2, io_uring_submit(&uring));
	/* and, in between, the one that both sides share */
	ring_submit(&self->pair.client, &(struct scheme_sqe){ .user_data = 9 });
	ASSERT_TRUE(ring_take(&self->pair.prov, &sqe));
	EXPECT_EQ(9, sqe.user_data);
	serve_read(_metadata, &other.q[0], 'o');
	serve_read(_metadata, self->q, 's');
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(1, uring_wait(&uring, 0));
	EXPECT_EQ('s', got[0]);
	EXPECT_EQ('o', got[1]);
	io_uring_queue_exit(&uring);
	close(file);
	provider_end(&other);
	ring_pair_end(&self->pair);
}

TEST_HARNESS_MAIN
