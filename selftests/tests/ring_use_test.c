// SPDX-License-Identifier: GPL-2.0
/* libscheme and direct rings of the module: pool, registered files, readiness, polls. */
#include "ring_lib.h"

#include <sys/mman.h>

#include "../phys.h"

/* ---- the pool ---------------------------------------------------------------------- */

TEST_F(ring, U22_the_provider_learns_of_regions_when_they_are_named)
{
	const uint64_t at = 1U << 30;
	int fd = scheme_ring_region_create(4 * 4096);
	int64_t h = open_file(self->ring, "file", O_RDWR);

	ASSERT_LE(0, fd);
	ASSERT_LE(0, h);
	EXPECT_EQ(-EFAULT, read_byte(self->ring, (uint64_t)h, at));
	EXPECT_EQ(-EFAULT, read_byte(self->ring, (uint64_t)h, POOL));
	EXPECT_EQ(-EEXIST, scheme_ring_add_region(self->ring, fd, POOL - 4096, 4 * 4096));
	ASSERT_EQ(0, scheme_ring_add_region(self->ring, fd, at, 4 * 4096));
	EXPECT_EQ(1, read_byte(self->ring, (uint64_t)h, at + 4 * 4096 - 1));
	EXPECT_EQ(0x55, *(uint8_t *)scheme_ring_at(self->ring, at + 4 * 4096 - 1, 1));
	EXPECT_EQ(-EFAULT, read_byte(self->ring, (uint64_t)h, at + 4 * 4096));
	close(fd);
}

TEST_F(ring, U22_memory_that_can_shrink_is_no_region)
{
	int fd = memfd_create("shrinks", MFD_ALLOW_SEALING);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 4096));
	EXPECT_EQ(-EINVAL, scheme_ring_add_region(self->ring, fd, 1U << 30, 4096));
	close(fd);
}

#define BUFFER_AT	(1ULL << 31)
#define BUFFER		(8 * PAGE)

/* A buffer of the memory scheme for the fixture's ring; its dma-buf, which keeps it. */
static int lend_buffer(struct scheme_ring *ring, int owner, struct scheme_physalloc *buffer)
{
	int ret = phys_get(owner, BUFFER, 0, buffer), fd;

	if (ret)
		return ret;
	fd = phys_export(owner, buffer->offset, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = scheme_ring_add_region(ring, fd, BUFFER_AT, BUFFER);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* What the provider writes there the owner of the buffer sees, and the other way round. */
TEST_F(ring, U22_a_buffer_of_the_memory_scheme_is_a_region)
{
	const uint64_t last = BUFFER_AT + BUFFER - PAGE;
	int64_t h = open_file(self->ring, "file", O_RDWR);
	int owner = phys_open(), dmabuf;
	struct record *r = &self->record;
	struct scheme_physalloc buffer;
	uint8_t *mem;

	ASSERT_LE(0, h);
	ASSERT_LE(0, owner);
	EXPECT_EQ(-EFAULT, read_byte(self->ring, (uint64_t)h, BUFFER_AT));
	dmabuf = lend_buffer(self->ring, owner, &buffer);
	ASSERT_LE(0, dmabuf);
	mem = phys_map(owner, &buffer);
	ASSERT_NE(NULL, mem);
	memset(mem, 0xee, BUFFER);

	scheme_ring_prep_read(get(self->ring, 2), (uint64_t)h, last, PAGE, 0x41);
	EXPECT_EQ(PAGE, result(self->ring));
	EXPECT_TRUE(bytes_are(mem + BUFFER - PAGE, 0x41, PAGE));
	EXPECT_TRUE(bytes_are(mem, 0xee, BUFFER - PAGE));
	EXPECT_TRUE(bytes_are(scheme_ring_at(self->ring, last, PAGE), 0x41, PAGE));

	mem[0] = 0x42;
	mem[BUFFER - 1] = 0x43;
	scheme_ring_prep_write(get(self->ring, 3), (uint64_t)h, BUFFER_AT, BUFFER, 0);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	ASSERT_TRUE(parked(r, 1));
	EXPECT_EQ(0x42, r->first);
	EXPECT_EQ(0x43, r->last);
	ASSERT_EQ(0, scheme_reply(r->parked[0], BUFFER));
	EXPECT_EQ(BUFFER, result(self->ring));

	/* the end of the buffer is the end of the region */
	scheme_ring_prep_read(get(self->ring, 4), (uint64_t)h, last, PAGE + 1, 0);
	EXPECT_EQ(-EFAULT, result(self->ring));
	munmap(mem, BUFFER);
	close(dmabuf);
	close(owner);
}

/* The ring is the last that holds it. */
TEST_F(ring, U22_a_lent_buffer_outlives_its_owner)
{
	int64_t h = open_file(self->ring, "file", O_RDWR);
	int owner = phys_open(), dmabuf;
	struct scheme_physalloc buffer;
	uint64_t all, part;

	ASSERT_LE(0, h);
	ASSERT_LE(0, owner);
	dmabuf = lend_buffer(self->ring, owner, &buffer);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(-EEXIST, scheme_ring_add_region(self->ring, dmabuf, BUFFER_AT, BUFFER));
	/* whole, or not at all */
	EXPECT_EQ(-EINVAL, scheme_ring_add_region(self->ring, dmabuf, 0x100000000, PAGE));
	close(dmabuf);
	dmabuf = phys_export(owner, buffer.offset, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(-EACCES, scheme_ring_add_region(self->ring, dmabuf, 0x100000000, BUFFER));
	close(dmabuf);
	close(owner);
	EXPECT_EQ(1, read_byte(self->ring, (uint64_t)h, BUFFER_AT + BUFFER - 1));
	EXPECT_EQ(0x55, *(uint8_t *)scheme_ring_at(self->ring, BUFFER_AT + BUFFER - 1, 1));
	/* buffers come out of it as out of any other */
	ASSERT_EQ(0, scheme_ring_alloc(self->ring, POOL, &all));
	ASSERT_EQ(0, scheme_ring_alloc(self->ring, BUFFER, &part));
	EXPECT_EQ(BUFFER_AT, part);
	EXPECT_EQ(0, scheme_ring_free(self->ring, part));
	EXPECT_EQ(0, scheme_ring_free(self->ring, all));
}

TEST_F(ring, U22_a_buffer_in_use_is_not_handed_out)
{
	struct record *r = &self->record;
	int64_t h = open_file(self->ring, "file", O_RDWR);
	uint64_t buf, other, all[POOL / 4096];
	unsigned int nr = 0;

	ASSERT_LE(0, h);
	ASSERT_EQ(0, scheme_ring_alloc(self->ring, 4096, &buf));
	scheme_ring_prep_write(get(self->ring, 10), (uint64_t)h, buf, 4096, 0);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	ASSERT_EQ(0, scheme_ring_free(self->ring, buf));
	while (!scheme_ring_alloc(self->ring, 4096, &other)) {
		EXPECT_NE(buf, other);
		all[nr++] = other;
	}
	EXPECT_EQ(POOL / 4096 - 1, nr);
	ASSERT_TRUE(parked(r, 1));
	ASSERT_EQ(0, scheme_reply(r->parked[0], 4096));
	EXPECT_EQ(4096, result(self->ring));
	EXPECT_EQ(0, scheme_ring_alloc(self->ring, 4096, &other));
	EXPECT_EQ(buf, other);
	while (nr)
		EXPECT_EQ(0, scheme_ring_free(self->ring, all[--nr]));
}

/* ---- registered files --------------------------------------------------------------- */

TEST_F(ring, U23_a_registered_file_outlives_its_descriptor)
{
	int fd = scheme_open(NAME ":other", O_RDWR | O_CLOEXEC, 0);
	unsigned int closes;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, scheme_ring_add_file(self->ring, fd));
	closes = self->record.closes;
	close(fd);
	EXPECT_EQ(1, read_byte(self->ring, SCHEME_RING_FIXED, 0));
	EXPECT_EQ(FILE_NR, self->record.sqe.handle);
	EXPECT_EQ(-EBADF, read_byte(self->ring, SCHEME_RING_FIXED | 1, 0));
	EXPECT_EQ(-EBADF, read_byte(self->ring, SCHEME_RING_FIXED | 256, 0));
	EXPECT_EQ(-EBADF, read_byte(self->ring, 0, 0));
	EXPECT_EQ(closes, self->record.closes);
	/* one that comes later has the number that was bad before */
	EXPECT_EQ(1, scheme_ring_add_file(self->ring, self->fd));
	EXPECT_EQ(1, read_byte(self->ring, SCHEME_RING_FIXED | 1, 0));
	scheme_ring_close(self->ring);
	self->ring = NULL;
	EXPECT_TRUE(wait_until_ms(__atomic_load_n(&self->record.closes,
						  __ATOMIC_SEQ_CST) == closes + 1,
				  PATIENCE_MS));
}

TEST_F(ring, U23_its_access_mode_counts)
{
	int in = scheme_open(NAME ":in", O_RDONLY | O_CLOEXEC, 0);
	int out = scheme_open(NAME ":out", O_WRONLY | O_APPEND | O_CLOEXEC, 0);

	ASSERT_LE(0, in);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, scheme_ring_add_file(self->ring, in));
	ASSERT_EQ(1, scheme_ring_add_file(self->ring, out));
	scheme_ring_prep_write(get(self->ring, 1), SCHEME_RING_FIXED, 0, 1, 0);
	EXPECT_EQ(-EBADF, result(self->ring));
	EXPECT_EQ(-EBADF, read_byte(self->ring, SCHEME_RING_FIXED | 1, 0));
	scheme_ring_prep_write(get(self->ring, 1), SCHEME_RING_FIXED | 1, 0, 1, 0);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	ASSERT_TRUE(parked(&self->record, 1));
	EXPECT_EQ(SCHEME_RW_APPEND, self->record.sqe.op_flags);
	ASSERT_EQ(0, scheme_reply(self->record.parked[0], 1));
	EXPECT_EQ(1, result(self->ring));
	close(in);
	close(out);
}

TEST_F(ring, U23_what_cannot_be_registered)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	EXPECT_EQ(-EBADF, scheme_ring_add_file(self->ring, null));
	EXPECT_EQ(-EBADF, scheme_ring_add_file(self->ring, -1));
	EXPECT_EQ(-EBADF, scheme_ring_add_file(self->ring, scheme_ring_fd(self->ring)));
	close(null);
}

/* ---- readiness ------------------------------------------------------------------------ */

static void ask_events(struct scheme_ring *r, uint64_t user_data, uint64_t handle,
		       uint32_t mask, uint8_t flags)
{
	struct scheme_sqe *sqe = get(r, user_data);

	sqe->opcode = SCHEME_OP_EVENT;
	sqe->handle = handle;
	sqe->op_flags = mask;
	sqe->flags = flags;
}

static int post(struct record *r, uint32_t events)
{
	return scheme_post_event(scheme_queue(r->scheme, 0), FILE_NR, events);
}

TEST_F(ring, U19_events_of_a_file_that_the_ring_has_opened)
{
	int64_t h = open_file(self->ring, "file", O_RDWR);

	ASSERT_LE(0, h);
	ask_events(self->ring, 1, (uint64_t)h, EPOLLOUT | EPOLLIN, 0);
	EXPECT_EQ(EPOLLOUT, result(self->ring));
	ask_events(self->ring, 2, (uint64_t)h, EPOLLIN, 0);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	ASSERT_EQ(0, post(&self->record, EPOLLIN | EPOLLPRI));
	EXPECT_EQ(EPOLLIN, result(self->ring));
}

/* What was posted before the ring was there, the module knows. */
TEST_F(ring, U19_events_of_a_registered_file)
{
	ASSERT_EQ(0, post(&self->record, EPOLLIN | EPOLLPRI));
	ASSERT_EQ(0, scheme_ring_add_file(self->ring, self->fd));
	ask_events(self->ring, 1, SCHEME_RING_FIXED, EPOLLIN | EPOLLOUT, 0);
	EXPECT_EQ(EPOLLIN, result(self->ring));
	ask_events(self->ring, 2, SCHEME_RING_FIXED, EPOLLOUT, 0);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	ASSERT_EQ(0, post(&self->record, EPOLLOUT));
	EXPECT_EQ(EPOLLOUT, result(self->ring));
}

TEST_F(ring, U18_each_edge_until_the_last)
{
	struct scheme_cqe cqe;

	ASSERT_EQ(0, scheme_ring_add_file(self->ring, self->fd));
	ask_events(self->ring, 1, SCHEME_RING_FIXED, EPOLLIN, SCHEME_SQE_MULTISHOT);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, post(&self->record, EPOLLIN));
		cqe = answer(self->ring);
		ASSERT_EQ(EPOLLIN, cqe.result);
		ASSERT_EQ(SCHEME_CQE_F_MORE, cqe.flags);
		ASSERT_EQ(0, post(&self->record, 0));
	}
	scheme_ring_prep_cancel(get(self->ring, 0), 1);
	cqe = answer(self->ring);
	EXPECT_EQ(-ECANCELED, cqe.result);
	EXPECT_EQ(SCHEME_CQE_F_LAST, cqe.flags);
	EXPECT_EQ(0, scheme_ring_in_flight(self->ring));
}

/* ---- after a fork ------------------------------------------------------------------- */

static void *post_on(void *arg)
{
	struct record *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		post(r, EPOLLIN);
	return NULL;
}

static int destroy_copy(void *scheme)
{
	alarm(20 * slowness());
	scheme_destroy(scheme);
	return 0;
}

/* Whatever its threads hold at that moment: a child gets rid of its copy. */
TEST_F(ring, S3_a_child_waits_for_no_thread_of_its_parent)
{
	struct record poster = { .scheme = self->record.scheme };
	pid_t pid;

	ASSERT_LE(0, open_file(self->ring, "file", O_RDWR));
	ASSERT_EQ(0, pthread_create(&poster.thread, NULL, post_on, &poster));
	for (int i = 0; i < 50; i++) {
		pid = child_start(destroy_copy, self->record.scheme);
		EXPECT_EQ(0, child_result(pid));
	}
	__atomic_store_n(&poster.stop, 1, __ATOMIC_RELAXED);
	pthread_join(poster.thread, NULL);
	EXPECT_EQ(1, read_byte(self->ring, 0, 0));
}

/* ---- waiting elsewhere ------------------------------------------------------------------ */

static int poll_ms(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) < 0 ? -errno : p.revents;
}

TEST_F(ring, U15_the_end_polls_for_answers_and_room)
{
	struct record *r = &self->record;
	int64_t h = open_file(self->ring, "file", O_RDWR);
	int fd = scheme_ring_fd(self->ring);

	ASSERT_LE(0, h);
	EXPECT_EQ(EPOLLIN, scheme_ring_poll_events(self->ring, EPOLLIN));
	EXPECT_EQ(EPOLLOUT, scheme_ring_poll_events(self->ring, EPOLLOUT));
	EXPECT_EQ(POLLOUT, poll_ms(fd, POLLIN | POLLOUT, 0));
	scheme_ring_prep_write(get(self->ring, 1), (uint64_t)h, 0, 1, 0);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	ASSERT_TRUE(parked(r, 1));
	EXPECT_EQ(0, scheme_ring_arm(self->ring, EPOLLIN));
	EXPECT_EQ(0, poll_ms(fd, POLLIN, 50));
	ASSERT_EQ(0, scheme_reply(r->parked[0], 1));
	EXPECT_EQ(POLLIN, poll_ms(fd, POLLIN, (int)PATIENCE_MS));
	scheme_ring_disarm(self->ring);
	EXPECT_EQ(1, result(self->ring));
	EXPECT_EQ(0, poll_ms(fd, POLLIN, 0));
}

/* One thread, two rings and a pipe, by epoll and by an event queue. */
TEST_F(ring, U15_one_thread_sleeps_on_rings_and_others)
{
	struct record *r = &self->record;
	struct epoll_event event = { .events = EPOLLIN };
	struct scheme_ring *other;
	struct scheme_event got;
	int pipes[2], ep = epoll_create1(EPOLL_CLOEXEC);
	int queue = scheme_event_open(O_CLOEXEC);

	ASSERT_LE(0, queue);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, scheme_ring_open(&other, self->fd, NULL, POOL, 0));
	event.data.u32 = 1;
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, scheme_ring_fd(self->ring), &event));
	event.data.u32 = 2;
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, scheme_ring_fd(other), &event));
	event.data.u32 = 3;
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event));
	ASSERT_EQ(0, scheme_event_watch(scheme_ring_fd(other), queue, EPOLLIN, 22));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 20));

	ASSERT_EQ(0, scheme_ring_add_file(other, self->fd));
	scheme_ring_prep_write(get(other, 9), SCHEME_RING_FIXED, 0, 1, 0);
	ASSERT_EQ(1, scheme_ring_submit(other));
	ASSERT_TRUE(parked(r, 1));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 20));
	ASSERT_EQ(0, scheme_reply(r->parked[0], 1));
	ASSERT_EQ(1, epoll_wait(ep, &event, 1, (int)PATIENCE_MS));
	EXPECT_EQ(2, event.data.u32);
	ASSERT_EQ(1, scheme_event_wait(queue, &got, 1, (int)PATIENCE_MS));
	EXPECT_EQ(22, got.data);
	EXPECT_EQ(1, result(other));
	EXPECT_EQ(0, epoll_wait(ep, &event, 1, 0));
	ASSERT_EQ(1, write(pipes[1], "x", 1));
	ASSERT_EQ(1, epoll_wait(ep, &event, 1, (int)PATIENCE_MS));
	EXPECT_EQ(3, event.data.u32);
	close(pipes[0]);
	close(pipes[1]);
	scheme_ring_close(other);
	close(queue);
	close(ep);
}

/* While the ring is served its queue is as well, and the other way round. */
TEST_F(ring, U27_one_thread_serves_queue_and_rings)
{
	char byte;

	for (int i = 0; i < 300; i++) {
		ASSERT_EQ(0, open_file(self->ring, "file", O_RDWR));
		ASSERT_EQ(1, read_byte(self->ring, 0, 0));
		ASSERT_EQ(1, pread(self->fd, &byte, 1, i));
		ASSERT_EQ((char)i, byte);
		scheme_ring_prep_close(get(self->ring, 0), 0);
		ASSERT_EQ(1, scheme_ring_submit(self->ring));
	}
}

TEST_HARNESS_MAIN
