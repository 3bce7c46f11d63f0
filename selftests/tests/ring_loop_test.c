// SPDX-License-Identifier: GPL-2.0
/*
 * A provider with a loop of its own: one epoll for its queue and for a direct ring of the
 * module, which it serves itself.
 */
#include "ring_lib.h"

#define ENTRIES	16U

/* ---- a provider -------------------------------------------------------------- */

struct loop {
	struct record		record;		/* first: callbacks look for it */
	struct scheme_ring	*ring;
	struct scheme_ring_server *server;
	int			epoll;
	unsigned int		wakes;		/* from sleep, for the ring */
	unsigned int		served, ended;
	int			error;
};

static int watch(struct loop *l, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void on_ring(struct scheme_req *req, uint32_t sq_entries, uint32_t cq_entries,
		    uint64_t word)
{
	const struct scheme_ring_server_config config = { .depth = ENTRIES, .files = 8 };
	struct loop *l = (struct loop *)record_of(req);
	struct scheme *s = scheme_req_scheme(req);
	int ret = l->ring ? -EBUSY : scheme_req_accept_ring(req, &l->ring);

	if (!ret)
		ret = scheme_ring_server_create(&l->server, s, l->ring, &config);
	if (!ret)
		ret = scheme_ring_server_fd(l->server);
	if (ret >= 0)
		ret = watch(l, ret);
	scheme_reply(req, ret);
}

static int end_ring(struct loop *l)
{
	int ret = scheme_ring_server_destroy(l->server);

	if (ret)
		return ret;	/* what is cancelled is answered at once */
	scheme_ring_close(l->ring);
	l->server = NULL;
	l->ring = NULL;
	__atomic_add_fetch(&l->ended, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* 1: look again; 0: sleep. */
static int serve_ring(struct loop *l)
{
	int ret;

	if (!l->server)
		return 0;
	ret = scheme_ring_server_step(l->server, 0);
	if (ret == -ESHUTDOWN)
		return end_ring(l);
	if (ret > 0)
		__atomic_add_fetch(&l->served, ret, __ATOMIC_SEQ_CST);
	return ret < 0 ? ret : scheme_ring_server_arm(l->server);
}

static void nap(struct loop *l, bool armed)
{
	struct epoll_event events[2];
	int nr = epoll_wait(l->epoll, events, 2, -1);

	if (!armed)
		return;
	for (int i = 0; i < nr; i++)
		if (events[i].data.fd == scheme_ring_server_fd(l->server))
			__atomic_add_fetch(&l->wakes, 1, __ATOMIC_SEQ_CST);
	scheme_ring_disarm(l->ring);
}

static void *serve_loop(void *arg)
{
	struct loop *l = arg;
	struct scheme_queue *q = scheme_queue(l->record.scheme, 0);
	int ret;

	while ((ret = scheme_queue_step(q, 0)) >= 0) {
		ret = serve_ring(l);
		if (ret < 0)
			break;
		if (!ret)
			nap(l, l->server);
	}
	if (l->server && ret == -ENODEV)
		end_ring(l);
	l->error = ret;
	return NULL;
}

FIXTURE(loop) {
	struct loop loop;
	struct scheme_ring *ring;
	int fd;
};

FIXTURE_SETUP(loop)
{
	const struct scheme_config config = { .name = NAME };
	const struct scheme_ring_config small = {
		.sq_entries = 4 * ENTRIES, .cq_entries = ENTRIES, .in_flight = 4 * ENTRIES,
	};
	struct scheme_ops own = ops;
	struct loop *l = &self->loop;

	own.ring = on_ring;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, l->epoll);
	ASSERT_EQ(0, scheme_create(&l->record.scheme, &config, &own, sizeof(own), l));
	ASSERT_EQ(0, watch(l, scheme_queue_fd(scheme_queue(l->record.scheme, 0))));
	ASSERT_EQ(0, pthread_create(&l->record.thread, NULL, serve_loop, l));
	self->fd = scheme_open(NAME ":file", O_RDWR | O_CLOEXEC, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, scheme_ring_open(&self->ring, self->fd, &small, POOL, 0));
	ASSERT_EQ(0, scheme_ring_add_file(self->ring, self->fd));
}

FIXTURE_TEARDOWN(loop)
{
	struct loop *l = &self->loop;

	if (self->ring)
		scheme_ring_close(self->ring);
	close(self->fd);
	scheme_stop(l->record.scheme);
	pthread_join(l->record.thread, NULL);
	EXPECT_EQ(-ENODEV, l->error);
	EXPECT_EQ(1, l->ended);
	EXPECT_EQ(NULL, l->server);
	close(l->epoll);
	scheme_destroy(l->record.scheme);
}

static unsigned int count(const unsigned int *what)
{
	return __atomic_load_n(what, __ATOMIC_SEQ_CST);
}

/* ---- what wakes it -------------------------------------------------------------- */

/* Sleeping or not: each entry is found, and the queue's requests between them. */
TEST_F(loop, U15_entries_and_requests)
{
	char byte;

	for (unsigned int i = 0; i < 300; i++) {
		if (i % 30 == 0)
			usleep(3000);
		ASSERT_EQ(1, read_byte(self->ring, SCHEME_RING_FIXED, i));
		if (i % 3)
			continue;
		ASSERT_EQ(1, pread(self->fd, &byte, 1, (off_t)i));
		ASSERT_EQ((char)i, byte);
	}
	/* the answer is there before it is counted */
	EXPECT_TRUE(wait_until_ms(count(&self->loop.served) == 300, PATIENCE_MS));
	EXPECT_LT(0, count(&self->loop.wakes));
}

TEST_F(loop, U15_answers_of_another_thread)
{
	struct record *r = &self->loop.record;

	for (unsigned int i = 0; i < PARKED_MAX; i++) {
		scheme_ring_prep_write(get(self->ring, i), SCHEME_RING_FIXED, 0, 1, 0);
		ASSERT_EQ(1, scheme_ring_submit(self->ring));
		ASSERT_TRUE(parked(r, i + 1));
		if (i % 8 == 0)
			usleep(3000);	/* it is asleep, nearly always */
		ASSERT_EQ(0, scheme_reply(r->parked[i], 1));
		ASSERT_EQ(i, answer(self->ring).user_data);
	}
}

/* Answers fill their ring, nobody takes them; then it is room that it waits for. */
TEST_F(loop, U15_room)
{
	struct scheme_cqe *cqe;

	for (uint64_t i = 0; i < 4 * ENTRIES; i++)
		scheme_ring_prep_read(get(self->ring, i), SCHEME_RING_FIXED, 0, 1, i);
	ASSERT_EQ((int)(4 * ENTRIES), scheme_ring_submit(self->ring));
	usleep(20000 * slowness());
	for (uint64_t i = 0; i < 4 * ENTRIES; i++) {
		ASSERT_EQ(0, scheme_ring_wait_cqe(self->ring, &cqe, TIME));
		ASSERT_EQ(i, cqe->user_data);
		ASSERT_EQ(1, cqe->result);
		scheme_ring_cqe_seen(self->ring, cqe);
	}
	EXPECT_EQ(0, scheme_ring_in_flight(self->ring));
}

TEST_F(loop, U12_the_clients_end)
{
	struct record *r = &self->loop.record;

	scheme_ring_prep_write(get(self->ring, 1), SCHEME_RING_FIXED, 0, 1, 0);
	ASSERT_EQ(1, scheme_ring_submit(self->ring));
	ASSERT_TRUE(parked(r, 1));
	scheme_ring_close(self->ring);
	self->ring = NULL;
	/* it is told, cancels what is parked, and that is the end of the ring */
	EXPECT_TRUE(wait_until_ms(count(&self->loop.ended) == 1, PATIENCE_MS));
	EXPECT_EQ(1, r->cancels);
	/* the next one is as the first */
	ASSERT_EQ(0, scheme_ring_open(&self->ring, self->fd, NULL, POOL, 0));
	ASSERT_EQ(0, scheme_ring_add_file(self->ring, self->fd));
	EXPECT_EQ(1, read_byte(self->ring, SCHEME_RING_FIXED, 0));
	self->loop.ended = 0;
}

TEST_HARNESS_MAIN
