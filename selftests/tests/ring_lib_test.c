// SPDX-License-Identifier: GPL-2.0
/*
 * libscheme and direct rings of the module: how a client gets one, who it is, order.
 * What needs no module is in unit/.
 */
#include "ring_lib.h"

/* ---- a ring and its provider ---------------------------------------------------- */

TEST_F(ring, U6_a_client_opens_a_ring_and_reads_through_it)
{
	uint8_t *mem = scheme_ring_at(self->ring, 4096, 100);
	int64_t h = open_file(self->ring, "file", O_RDWR);

	ASSERT_LE(0, h);
	scheme_ring_prep_read(get(self->ring, 2), (uint64_t)h, 4096, 100, 0x41);
	EXPECT_EQ(100, result(self->ring));
	EXPECT_EQ(0x41, mem[0]);
	EXPECT_EQ(0x41, mem[99]);
	EXPECT_EQ(-ENOENT, open_file(self->ring, "no", O_RDWR));
	EXPECT_EQ(0, scheme_ring_alive(self->ring));
}

TEST_F(ring, U6_a_refusal_is_the_providers_error)
{
	struct scheme_ring *ring;

	EXPECT_EQ(-ECONNREFUSED, scheme_ring_open(&ring, self->fd, NULL, POOL,
						  REFUSE));
}

/* The ring goes with its client, and the file that was opened there. */
TEST_F(ring, U12_a_closed_ring_is_forgotten)
{
	unsigned int before = self->record.closes;

	ASSERT_LE(0, open_file(self->ring, "file", O_RDWR));
	scheme_ring_close(self->ring);
	self->ring = NULL;
	EXPECT_TRUE(wait_until_ms(__atomic_load_n(&self->record.closes,
						  __ATOMIC_SEQ_CST) == before + 1,
				  PATIENCE_MS));
}

TEST_F(ring, U12_the_schemes_end_wakes_the_client)
{
	struct scheme_cqe *cqe;

	ASSERT_EQ(0, scheme_stop(self->record.scheme));
	EXPECT_EQ(-ESHUTDOWN, scheme_ring_wait_cqe(self->ring, &cqe, TIME));
	EXPECT_EQ(-ESHUTDOWN, scheme_ring_alive(self->ring));
}

TEST_F(ring, U29_a_user_has_so_many_rings_and_gets_them_again)
{
	struct scheme_ring *rings[16];
	int nr, ret = 0;

	for (int round = 0; round < 3; round++) {
		for (nr = 0; nr < 16; nr++) {
			ret = scheme_ring_open(&rings[nr], self->fd, NULL, 0, 0);
			if (ret)
				break;
		}
		EXPECT_EQ(15, nr);	/* one is the fixture's */
		EXPECT_EQ(-EMFILE, ret);
		while (nr)
			scheme_ring_close(rings[--nr]);
		/* until the provider has seen it */
		EXPECT_TRUE(wait_until_ms(!scheme_ring_open(&rings[0], self->fd,
							    NULL, 0, 0),
					  PATIENCE_MS));
		scheme_ring_close(rings[0]);
		usleep(100000 * slowness());
	}
}

/* ---- who asks -------------------------------------------------------------------- */

static int ask_as_user(void *arg)
{
	struct scheme_ring *ring;
	struct scheme_sqe *sqe;
	int fd;

	if (become_user(1000, 1001))
		return 1;
	fd = scheme_open(NAME ":file", O_RDWR, 0);
	if (fd < 0 || scheme_ring_open(&ring, fd, NULL, POOL, 0))
		return 2;
	sqe = get(ring, 1);
	scheme_ring_prep_own(sqe, SCHEME_OP_PROVIDER, SCHEME_ROOT, 0, 0, 0);
	sqe->uid = sqe->gid = sqe->pid = 1;
	return result(ring) != SCHEME_OP_PROVIDER;
}

TEST_F(ring, U24_the_kernel_says_who_the_client_is)
{
	pid_t pid = child_start(ask_as_user, NULL);

	EXPECT_EQ(0, child_result(pid));
	EXPECT_EQ(1000, self->record.sqe.uid);
	EXPECT_EQ(1001, self->record.sqe.gid);
	EXPECT_EQ(pid, self->record.sqe.pid);
}

TEST_F(ring, U24_a_ring_can_no_more_than_its_descriptor)
{
	int fd = scheme_open(NAME ":file", O_RDONLY | O_CLOEXEC, 0);
	struct scheme_ring *ring;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, scheme_ring_open(&ring, fd, NULL, POOL, 0));
	EXPECT_EQ(-EACCES, open_file(ring, "file", O_RDWR));
	EXPECT_EQ(-EACCES, open_file(ring, "file", O_WRONLY));
	EXPECT_EQ(-EACCES, open_file(ring, "file", O_RDONLY | O_CREAT));
	EXPECT_EQ(-EINVAL, open_file(ring, "file", O_ACCMODE));
	EXPECT_EQ(0, open_file(ring, "file", O_RDONLY));
	scheme_ring_prep_write(get(ring, 1), 0, 0, 1, 0);
	EXPECT_EQ(-EBADF, result(ring));
	EXPECT_EQ(1, read_byte(ring, 0, 0));
	scheme_ring_close(ring);
	close(fd);
}

/* ---- order, cancel, own operations ------------------------------------------------- */

TEST_F(ring, U17_drain_and_chain)
{
	struct record *r = &self->record;
	int64_t h = open_file(self->ring, "file", O_RDWR);
	struct scheme_sqe *sqe;

	ASSERT_LE(0, h);
	r->nr_order = 0;
	scheme_ring_prep_write(get(self->ring, 10), (uint64_t)h, 0, 1, 0);
	sqe = get(self->ring, 11);
	scheme_ring_prep_fsize(sqe, (uint64_t)h);
	sqe->flags = SCHEME_SQE_CHAIN;
	sqe = get(self->ring, 12);	/* after an error: not at all */
	scheme_ring_prep_read(sqe, (uint64_t)h, 0, 1, 0);
	sqe->flags = SCHEME_SQE_CHAIN_SOFT;
	scheme_ring_prep_read(get(self->ring, 13), (uint64_t)h, 0, 1, 0);
	sqe = get(self->ring, 14);
	scheme_ring_prep_read(sqe, (uint64_t)h, 0, 1, 0);
	sqe->flags = SCHEME_SQE_DRAIN;
	EXPECT_EQ(13, answer(self->ring).user_data);	/* nothing holds it */
	ASSERT_TRUE(parked(r, 1));
	EXPECT_EQ(0, scheme_reply(r->parked[0], 1));
	EXPECT_EQ(10, answer(self->ring).user_data);
	EXPECT_EQ(11, answer(self->ring).user_data);
	EXPECT_EQ(-ECANCELED, result(self->ring));
	EXPECT_EQ(14, answer(self->ring).user_data);
	EXPECT_EQ(4, r->nr_order);
	EXPECT_EQ(14, r->order[3]);
}

TEST_F(ring, U20_cancel_by_user_data_and_by_file)
{
	struct record *r = &self->record;
	int index = scheme_ring_add_file(self->ring, self->fd);
	uint64_t fixed = SCHEME_RING_FIXED | (unsigned int)index;

	ASSERT_EQ(0, index);
	scheme_ring_prep_write(get(self->ring, 10), fixed, 0, 1, 0);
	scheme_ring_prep_write(get(self->ring, 11), fixed, 0, 1, 0);
	scheme_ring_prep_write(get(self->ring, 12), fixed, 0, 1, 0);
	ASSERT_EQ(3, scheme_ring_submit(self->ring));
	ASSERT_TRUE(parked(r, 3));
	scheme_ring_prep_cancel(get(self->ring, 0), 11);
	EXPECT_EQ(11, answer(self->ring).user_data);
	EXPECT_EQ(2, scheme_ring_in_flight(self->ring));
	scheme_ring_prep_cancel_handle(get(self->ring, 0), fixed);
	EXPECT_EQ(-ECANCELED, result(self->ring));
	EXPECT_EQ(-ECANCELED, result(self->ring));
	EXPECT_EQ(3, r->cancels);
	EXPECT_EQ(0, scheme_ring_in_flight(self->ring));
}

TEST_F(ring, U28_own_operations_and_unknown_ones)
{
	scheme_ring_prep_own(get(self->ring, 1), SCHEME_OP_PROVIDER + 9, SCHEME_ROOT,
			     0, 10, 0);
	EXPECT_EQ(SCHEME_OP_PROVIDER + 9, result(self->ring));
	scheme_ring_prep_own(get(self->ring, 1), SCHEME_OP_LAST + 1, SCHEME_ROOT, 0,
			     10, 0);
	EXPECT_EQ(-ENOSYS, result(self->ring));
	scheme_ring_prep_own(get(self->ring, 1), SCHEME_OP_RING_ATTACH, SCHEME_ROOT,
			     0, 0, 0);
	EXPECT_EQ(-EOPNOTSUPP, result(self->ring));
}

/* Started in one order, answered in another by a thread that does not serve. */
TEST_F(ring, U26_answers_in_any_order_from_any_thread)
{
	struct record *r = &self->record;
	int64_t h = open_file(self->ring, "file", O_RDWR);

	ASSERT_LE(0, h);
	for (uint64_t i = 0; i < 16; i++)
		scheme_ring_prep_write(get(self->ring, 100 + i), (uint64_t)h, 0, 1, 0);
	ASSERT_EQ(16, scheme_ring_submit(self->ring));
	ASSERT_TRUE(parked(r, 16));
	for (unsigned int i = 16; i--; ) {
		ASSERT_EQ(0, scheme_reply(r->parked[i], 1));
		EXPECT_EQ(r->order[(r->nr_order - 16 + i) % PARKED_MAX],
			  answer(self->ring).user_data);
	}
	/* all 16 were in use: what came behind them was not lost */
	EXPECT_EQ(1, read_byte(self->ring, (uint64_t)h, 0));
}

/* ---- a provider without rings ------------------------------------------------------------ */

TEST(U6_a_provider_without_rings_says_so)
{
	const struct scheme_config config = { .name = NAME };
	const struct scheme_ops plain = { .open = t_open };
	struct scheme_ring *ring;
	struct record r = { 0 };
	int fd;

	ASSERT_EQ(0, scheme_create(&r.scheme, &config, &plain, sizeof(plain), &r));
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, run, &r));
	fd = scheme_open(NAME ":file", O_RDWR | O_CLOEXEC, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, scheme_ring_open(&ring, fd, NULL, POOL, 0));
	EXPECT_EQ(-EINVAL, scheme_ring_open(&ring, fd, NULL, 1000, 0));
	close(fd);
	fd = open(NODE, O_ACCMODE | O_CLOEXEC);
	EXPECT_EQ(-EBADF, scheme_ring_open(&ring, fd, NULL, POOL, 0));
	close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-ENOTTY, scheme_ring_open(&ring, fd, NULL, POOL, 0));
	close(fd);
	scheme_stop(r.scheme);
	pthread_join(r.thread, NULL);
	scheme_destroy(r.scheme);
}

TEST_HARNESS_MAIN
