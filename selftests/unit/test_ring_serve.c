// SPDX-License-Identifier: MIT
/* A ring served with a scheme's callbacks: order, cancel, files, payloads. */
#include "ring_pair.h"

#include <pthread.h>
#include <sys/epoll.h>

#define DEPTH	8U
#define FILES	4U
#define AT	65536ULL
#define SIZE	(16 * 4096U)
#define OWN	SCHEME_OP_PROVIDER

static struct pair pair;
static struct scheme *scheme;
static struct scheme_ring_server *server;

/* What the callbacks have seen. */
static struct {
	struct scheme_req	*parked[64];
	unsigned int		nr_parked;
	uint64_t		started[64];	/* user_data */
	unsigned int		nr_started;
	uint64_t		closed[64];
	unsigned int		nr_closed;
	unsigned int		cancels;
	char			path[64];
	uint64_t		handle;
	struct scheme_sqe	sqe;
	uint64_t		next_number;
} seen;

static void note(struct scheme_req *req)
{
	seen.sqe = *scheme_req_sqe(req);
	seen.started[seen.nr_started++ % 64] = seen.sqe.user_data;
}

static void on_open(struct scheme_req *req, uint64_t dir, const char *path,
		    int flags, mode_t mode)
{
	(void)flags, (void)mode;
	note(req);
	seen.handle = dir;
	strncpy(seen.path, path, sizeof(seen.path) - 1);
	scheme_reply_open(req, seen.next_number++, 0, 0);
}

static void on_close(struct scheme *s, uint64_t handle)
{
	assert_ptr_equal(s, scheme);
	seen.closed[seen.nr_closed++] = handle;
}

static void on_read(struct scheme_req *req, uint64_t handle, void *buf,
		    uint32_t len, uint64_t offset)
{
	note(req);
	seen.handle = handle;
	memset(buf, (int)offset, len);
	scheme_reply(req, len);
}

/* Parked until the test answers. */
static void on_write(struct scheme_req *req, uint64_t handle, const void *buf,
		     uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)len, (void)offset;
	note(req);
	seen.parked[seen.nr_parked++] = req;
}

static void on_call(struct scheme_req *req, uint64_t handle,
		    const uint64_t word[3], const void *in, uint32_t in_len,
		    void *out, uint32_t out_len)
{
	uint8_t copy[64];

	(void)handle;
	memcpy(copy, in, in_len);
	for (uint32_t i = 0; i < in_len && i < out_len; i++)
		((uint8_t *)out)[i] = (uint8_t)(copy[i] + word[0]);
	scheme_reply_call(req, (int64_t)word[1], in_len < out_len ? in_len : out_len);
}

static void on_fsize(struct scheme_req *req, uint64_t handle)
{
	note(req);
	scheme_reply(req, handle == 3 ? -ENXIO : 100);
}

static void on_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	const struct scheme_stat st = { .size = strlen(path), .ino = handle };

	scheme_reply_stat(req, &st);
}

static void on_rename(struct scheme_req *req, uint64_t handle, const char *path,
		      uint64_t handle2, const char *path2, uint32_t flags)
{
	(void)path, (void)flags;
	strncpy(seen.path, path2, sizeof(seen.path) - 1);
	scheme_reply(req, (int64_t)(handle * 100 + handle2));
}

static void on_cancel(struct scheme_req *req)
{
	seen.cancels++;
	scheme_reply(req, -ECANCELED);
}

/* Three answers, if it may, and the last. */
static void on_own(struct scheme_req *req, uint8_t opcode, uint64_t handle,
		   void *buf, uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)len, (void)offset;
	note(req);
	for (int i = 0; opcode == OWN && i < 3; i++)
		assert_int_equal(scheme_reply_more(req, i, 0),
				 seen.sqe.flags & SCHEME_SQE_MULTISHOT ? 0 : -EINVAL);
	scheme_reply(req, opcode);
}

static const struct scheme_ops ops = {
	.open = on_open, .close = on_close, .read = on_read, .write = on_write,
	.call = on_call, .fsize = on_fsize, .stat = on_stat, .rename = on_rename,
	.cancel = on_cancel, .own = on_own,
};

static int setup(void **state)
{
	const struct scheme_ring_server_config c = {
		.depth = DEPTH, .files = FILES, .pid = 11, .uid = 22, .gid = 33,
	};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.next_number = 1000;
	pair = pair_open(16, 16);
	pair_add_region(&pair, AT, SIZE);
	assert_int_equal(scheme_create_local(&scheme, &ops, sizeof(ops), NULL), 0);
	assert_int_equal(scheme_ring_server_create(&server, scheme, pair.provider,
						   &c), 0);
	assert_int_equal(scheme_ring_server_add_file(server, 7), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (server)
		assert_int_equal(scheme_ring_server_destroy(server), 0);
	server = NULL;
	pair_close(&pair);
	scheme_destroy(scheme);
	return 0;
}

/* ---- helpers ------------------------------------------------------------------- */

static struct scheme_sqe *get(uint64_t user_data)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(pair.client);

	assert_non_null(sqe);
	sqe->user_data = user_data;
	return sqe;
}

static struct scheme_sqe *get_fsize(uint64_t user_data)
{
	struct scheme_sqe *sqe = get(user_data);

	scheme_ring_prep_fsize(sqe, 0);
	return sqe;
}

/* A request that the provider parks. */
static struct scheme_sqe *get_parked(uint64_t user_data)
{
	struct scheme_sqe *sqe = get(user_data);

	scheme_ring_prep_write(sqe, 0, AT, 1, 0);
	return sqe;
}

static int step(void)
{
	assert_true(scheme_ring_submit(pair.client) >= 0);
	return scheme_ring_server_step(server, 0);
}

static void answer_parked(unsigned int i, int64_t result)
{
	assert_int_equal(scheme_reply(seen.parked[i], result), 0);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
}

static void expect_nothing(void)
{
	struct scheme_cqe *cqe;

	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -EAGAIN);
}

static void expect_flags(uint64_t user_data, int64_t result, unsigned int flags)
{
	struct scheme_cqe *cqe;

	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), 0);
	assert_int_equal(cqe->flags, flags);
	expect_answer(pair.client, user_data, result);
}

static void put_text(uint64_t addr, const char *text)
{
	memcpy(scheme_ring_at(pair.client, addr, strlen(text)), text, strlen(text));
}

/* ---- one request ----------------------------------------------------------------- */

static void U27_read_uses_the_memory_of_the_pool(void **state)
{
	(void)state;
	scheme_ring_prep_read(get(1), 0, AT + 100, 50, 0x77);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, 50);
	assert_int_equal(seen.handle, 7);
	assert_int_equal(*(uint8_t *)scheme_ring_at(pair.client, AT + 149, 1), 0x77);
	assert_int_equal(*(uint8_t *)scheme_ring_at(pair.client, AT + 150, 1), 0);
}

static void U27_who_the_client_is_does_not_come_from_the_client(void **state)
{
	struct scheme_sqe *sqe = get_fsize(1);

	(void)state;
	sqe->pid = sqe->uid = sqe->gid = 0;
	assert_int_equal(step(), 1);
	assert_int_equal(seen.sqe.pid, 11);
	assert_int_equal(seen.sqe.uid, 22);
	assert_int_equal(seen.sqe.gid, 33);
}

static void U27_call_goes_there_and_back(void **state)
{
	const uint64_t word[3] = { 1, 4242, 0 };
	struct scheme_cqe *cqe;

	(void)state;
	put_text(SCHEME_RING_CALL_IN(AT), "HAL");
	assert_int_equal(scheme_ring_prep_call(pair.client, get(1), 0, word, AT, 3,
					       16), 0);
	assert_int_equal(step(), 1);
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), 0);
	assert_int_equal(cqe->extra, 3);
	expect_answer(pair.client, 1, 4242);
	assert_memory_equal(scheme_ring_at(pair.client, AT, 3), "IBM", 3);
}

static void U27_paths_and_their_answers(void **state)
{
	struct scheme_sqe *sqe = get(1);
	struct scheme_stat st;

	(void)state;
	put_text(AT, "/some/path");
	sqe->opcode = SCHEME_OP_STAT;
	sqe->handle = 0;
	sqe->addr = AT;
	sqe->len = 10;
	sqe->aux = sizeof(st);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, sizeof(st));
	memcpy(&st, scheme_ring_at(pair.client, AT, sizeof(st)), sizeof(st));
	assert_int_equal(st.size, 9);	/* without the slash */
	assert_int_equal(st.ino, 7);
}

static void U27_two_paths_have_a_handle_each(void **state)
{
	const struct scheme_paths head = { 3, 4 };
	struct scheme_sqe *sqe = get(1);
	uint8_t *at = scheme_ring_at(pair.client, AT, 16);

	(void)state;
	assert_int_equal(scheme_ring_server_add_file(server, 8), 1);
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), "old\0newx", 8);
	sqe->opcode = SCHEME_OP_RENAME;
	sqe->addr = AT;
	sqe->len = 16;
	sqe->handle = 0;
	sqe->aux = 1;
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, 708);
	assert_string_equal(seen.path, "newx");
}

static void expect_error(int error)
{
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, error);
	assert_int_equal(scheme_ring_server_pending(server), 0);
}

static void U22_payload_outside_the_pool_is_EFAULT(void **state)
{
	struct scheme_sqe *sqe;

	(void)state;
	scheme_ring_prep_read(get(1), 0, AT + SIZE - 1, 2, 0);
	expect_error(-EFAULT);
	scheme_ring_prep_read(get(1), 0, 0xDEADBEEF, 8192, 16384);
	expect_error(-EFAULT);
	scheme_ring_prep_write(get(1), 0, UINT64_MAX, UINT32_MAX, 0);
	expect_error(-EFAULT);
	scheme_ring_prep_open(get(1), 0, AT - 1, 2, 0, 0);
	expect_error(-EFAULT);
	scheme_ring_prep_own(get(1), OWN, 0, AT + SIZE, 1, 0);
	expect_error(-EFAULT);
	sqe = get(1);
	scheme_ring_prep_fsize(sqe, 0);
	sqe->opcode = SCHEME_OP_STAT;	/* room for the answer counts, too */
	sqe->addr = AT;
	sqe->aux = SIZE + 1ULL;
	expect_error(-EFAULT);
	assert_int_equal(seen.nr_started, 0);
}

static void U28_own_opcodes_and_unknown_ones(void **state)
{
	(void)state;
	scheme_ring_prep_own(get(1), OWN + 5, 0, AT, 10, 0);
	expect_error(OWN + 5);
	scheme_ring_prep_own(get(1), SCHEME_OP_LAST + 1, 0, AT, 10, 0);
	expect_error(-ENOSYS);
	scheme_ring_prep_own(get(1), SCHEME_OP_LOCK, 0, AT, 10, 0);
	expect_error(-EOPNOTSUPP);
	scheme_ring_prep_own(get(1), SCHEME_OP_SENDFD, 0, AT, 10, 0);
	expect_error(-EOPNOTSUPP);
	scheme_ring_prep_own(get(1), SCHEME_OP_FSYNC, 0, 0, 0, 0);
	expect_error(-EOPNOTSUPP);	/* no callback */
	scheme_ring_prep_own(get(1), SCHEME_OP_CLOSE, 0, 0, 0, 0);
	expect_error(-EINVAL);		/* with an answer */
}

static void U8_unknown_flags_are_EINVAL(void **state)
{
	(void)state;
	get_fsize(1)->flags = 0x80;
	expect_error(-EINVAL);
	get_fsize(1)->flags = SCHEME_SQE_CHAIN | SCHEME_SQE_CHAIN_SOFT;
	expect_error(-EINVAL);
}

/* As the post had it: nobody has opened anything with the number 42. */
static void D2_a_server_answers_the_dummy_submission(void **state)
{
	const struct scheme_sqe dummy = {
		.opcode = 1, .handle = 42, .user_data = 1337,
		.len = 8192, .addr = 0xDEADBEEF, .offset = 16384,
	};

	(void)state;
	*get(0) = dummy;
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1337, -EBADF);
}

/* ---- files ----------------------------------------------------------------------- */

static void open_one(uint64_t user_data, int64_t result)
{
	put_text(AT, "x");
	scheme_ring_prep_open(get(user_data), SCHEME_ROOT, AT, 1, 0, 0);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, user_data, result);
}

static void U23_only_what_was_opened_here_can_be_named(void **state)
{
	(void)state;
	open_one(1, 1);
	assert_int_equal(seen.handle, SCHEME_ROOT);
	assert_string_equal(seen.path, "x");
	scheme_ring_prep_read(get(2), 1, AT, 1, 0);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 2, 1);
	assert_int_equal(seen.handle, 1000);
	/* not the provider's number, not what is not open, nothing out of bounds */
	for (uint64_t bad = 2; bad < 6; bad++) {
		scheme_ring_prep_fsize(get(1), bad == 5 ? 1000 : bad);
		expect_error(-EBADF);
	}
}

static void U23_a_full_table_opens_nothing(void **state)
{
	(void)state;
	open_one(1, 1);
	open_one(2, 2);
	open_one(3, 3);
	open_one(4, -EMFILE);
	assert_int_equal(seen.next_number, 1003);
	assert_int_equal(scheme_ring_server_add_file(server, 9), -EMFILE);
	scheme_ring_prep_close(get(0), 2);
	assert_int_equal(step(), 1);
	open_one(5, 2);
}

static void U23_close_comes_after_the_last_answer(void **state)
{
	(void)state;
	open_one(1, 1);
	scheme_ring_prep_write(get(2), 1, AT, 1, 0);
	scheme_ring_prep_close(get(0), 1);
	scheme_ring_prep_fsize(get(3), 1);
	assert_int_equal(step(), 3);
	expect_answer(pair.client, 3, -EBADF);
	assert_int_equal(seen.nr_closed, 0);
	answer_parked(0, 1);
	expect_answer(pair.client, 2, 1);
	assert_int_equal(seen.nr_closed, 1);
	assert_int_equal(seen.closed[0], 1000);
}

static void U29_what_a_dead_client_had_open_is_closed(void **state)
{
	(void)state;
	open_one(1, 1);
	scheme_ring_prep_write(get(2), 1, AT, 1, 0);
	get_fsize(3);
	scheme_ring_submit(pair.client);
	scheme_ring_close(pair.client);
	pair.client = NULL;
	assert_int_equal(scheme_ring_server_step(server, -1), 2);
	assert_int_equal(scheme_ring_server_step(server, -1), -ESHUTDOWN);
	assert_int_equal(seen.cancels, 1);
	assert_int_equal(scheme_ring_server_pending(server), 0);
	assert_int_equal(seen.nr_closed, 1);	/* file 0 was only lent */
	assert_int_equal(seen.closed[0], 1000);
}

/* ---- order ----------------------------------------------------------------------- */

static void U17_without_flags_nobody_waits(void **state)
{
	(void)state;
	get_parked(1);
	get_fsize(2);
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 2, 100);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
}

static void U17_drain_waits_for_all_before_it(void **state)
{
	(void)state;
	get_parked(1);
	get_parked(2);
	get_fsize(3)->flags = SCHEME_SQE_DRAIN;
	get_fsize(4);
	assert_int_equal(step(), 4);
	expect_answer(pair.client, 4, 100);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
	expect_nothing();
	answer_parked(1, 1);
	expect_answer(pair.client, 2, 1);
	expect_answer(pair.client, 3, 100);
}

static void U17_chain_waits_for_the_one_before(void **state)
{
	(void)state;
	get_parked(1);
	get_parked(2);
	get_fsize(3)->flags = SCHEME_SQE_CHAIN;
	get_fsize(4)->flags = SCHEME_SQE_CHAIN;
	assert_int_equal(step(), 4);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
	expect_nothing();
	answer_parked(1, -EIO);		/* whatever the answer */
	expect_answer(pair.client, 2, -EIO);
	expect_answer(pair.client, 3, 100);
	expect_answer(pair.client, 4, 100);
}

static void U17_soft_chain_ends_with_an_error(void **state)
{
	(void)state;
	get_parked(1);
	get_fsize(2)->flags = SCHEME_SQE_CHAIN_SOFT;
	get_fsize(3)->flags = SCHEME_SQE_CHAIN_SOFT;
	get_fsize(4)->flags = SCHEME_SQE_CHAIN;
	assert_int_equal(step(), 4);
	answer_parked(0, -EIO);
	expect_answer(pair.client, 1, -EIO);
	expect_answer(pair.client, 2, -ECANCELED);
	expect_answer(pair.client, 3, -ECANCELED);
	expect_answer(pair.client, 4, 100);
	assert_int_equal(seen.nr_started, 2);
	/* the one before has been answered long ago */
	scheme_ring_prep_read(get(5), 9, AT, 1, 0);
	assert_int_equal(step(), 1);
	get_fsize(6)->flags = SCHEME_SQE_CHAIN_SOFT;
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 5, -EBADF);
	expect_answer(pair.client, 6, -ECANCELED);
	get_fsize(7)->flags = 0;
	get_fsize(8)->flags = SCHEME_SQE_CHAIN_SOFT;
	assert_int_equal(step(), 2);
	expect_answer(pair.client, 7, 100);
	expect_answer(pair.client, 8, 100);
}

static void U21_more_urgent_ones_start_first(void **state)
{
	static const uint16_t priority[] = { 0, 5, 1, 5, 0, 9 };
	static const uint64_t order[] = { 5, 1, 3, 2, 0, 4 };

	(void)state;
	for (uint64_t i = 0; i < 6; i++)
		get_fsize(i)->priority = priority[i];
	assert_int_equal(step(), 6);
	for (int i = 0; i < 6; i++)
		expect_answer(pair.client, order[i], 100);
}

/* ---- multishot, cancel ------------------------------------------------------------ */

static void U18_multishot_answers_until_the_last(void **state)
{
	struct scheme_sqe *sqe = get(1);

	(void)state;
	scheme_ring_prep_own(sqe, OWN, 0, 0, 0, 0);
	sqe->flags |= SCHEME_SQE_MULTISHOT;
	assert_int_equal(step(), 1);
	for (int i = 0; i < 3; i++)
		expect_flags(1, i, SCHEME_CQE_F_MORE);
	assert_int_equal(scheme_ring_in_flight(pair.client), 1);
	expect_flags(1, OWN, SCHEME_CQE_F_LAST);
	assert_int_equal(scheme_ring_in_flight(pair.client), 0);
	scheme_ring_prep_own(get(1), OWN, 0, 0, 0, 0);
	assert_int_equal(step(), 1);
	expect_flags(1, OWN, 0);
}

static void U18_too_many_answers_are_refused_not_lost(void **state)
{
	unsigned int taken = 0;

	(void)state;
	get_parked(1)->flags = SCHEME_SQE_MULTISHOT;
	assert_int_equal(step(), 1);
	while (!scheme_reply_more(seen.parked[0], 1, 0))
		taken++;
	assert_int_equal(taken, DEPTH);
	assert_int_equal(scheme_reply_more(seen.parked[0], 0, 0), -EAGAIN);
	answer_parked(0, 0);
	for (unsigned int i = 0; i < taken; i++)
		expect_flags(1, 1, SCHEME_CQE_F_MORE);
	expect_flags(1, 0, SCHEME_CQE_F_LAST);
}

static void U20_each_victim_is_answered_once(void **state)
{
	(void)state;
	get_parked(1);				/* started */
	get_fsize(1)->flags = SCHEME_SQE_DRAIN;	/* waiting */
	get_fsize(2)->flags = SCHEME_SQE_CHAIN;	/* behind it */
	get_parked(3);
	assert_int_equal(step(), 4);
	scheme_ring_prep_cancel(get(0), 1);
	scheme_ring_prep_cancel(get(0), 1);	/* again */
	scheme_ring_prep_cancel(get(0), 99);	/* nobody */
	assert_int_equal(scheme_ring_submit(pair.client), 3);
	assert_int_equal(scheme_ring_server_step(server, 0), 3);
	expect_answer(pair.client, 1, -ECANCELED);
	expect_answer(pair.client, 1, -ECANCELED);
	expect_answer(pair.client, 2, 100);
	expect_nothing();
	assert_int_equal(seen.cancels, 1);
	answer_parked(1, 1);
	expect_answer(pair.client, 3, 1);
	/* it has been answered: nobody is told */
	scheme_ring_prep_cancel(get(0), 3);
	assert_int_equal(step(), 1);
	assert_int_equal(seen.cancels, 1);
}

static void U20_all_of_a_handle_can_be_cancelled(void **state)
{
	(void)state;
	assert_int_equal(scheme_ring_server_add_file(server, 8), 1);
	get_parked(1);
	get_parked(2)->handle = 1;
	get_parked(3);
	assert_int_equal(step(), 3);
	scheme_ring_prep_cancel_handle(get(0), 0);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 1, -ECANCELED);
	expect_answer(pair.client, 3, -ECANCELED);
	expect_nothing();
	answer_parked(1, 1);
	expect_answer(pair.client, 2, 1);
}

/* The one that waited for it does not wait for its place's next user. */
static void U20_cancelled_link_of_a_chain(void **state)
{
	(void)state;
	get_parked(1);
	get_fsize(2)->flags = SCHEME_SQE_CHAIN;
	get_fsize(3)->flags = SCHEME_SQE_CHAIN_SOFT;
	assert_int_equal(step(), 3);
	scheme_ring_prep_cancel(get(0), 2);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 2, -ECANCELED);
	expect_answer(pair.client, 3, -ECANCELED);
	get_parked(4);
	get_fsize(5)->flags = SCHEME_SQE_CHAIN;
	assert_int_equal(step(), 2);
	answer_parked(0, 1);
	expect_answer(pair.client, 1, 1);
	expect_nothing();
	answer_parked(1, 1);
	expect_answer(pair.client, 4, 1);
	expect_answer(pair.client, 5, 100);
}

/* ---- room ------------------------------------------------------------------------ */

static void U26_intake_stops_at_capacity_but_for_cancel(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < DEPTH; i++)
		get_parked(i);
	scheme_ring_prep_cancel(get(0), 3);
	assert_int_equal(step(), DEPTH);
	assert_int_equal(step(), 1);
	expect_answer(pair.client, 3, -ECANCELED);
	get_parked(100);
	get_fsize(101);
	get_fsize(102);
	scheme_ring_submit(pair.client);
	scheme_ring_server_step(server, 0);
	assert_int_equal(scheme_ring_server_pending(server), DEPTH);
	expect_nothing();
	assert_int_equal(scheme_reply(seen.parked[0], 1), 0);
	scheme_ring_server_step(server, 0);
	expect_answer(pair.client, 0, 1);
	scheme_ring_server_step(server, 0);
	scheme_ring_server_step(server, 0);
	expect_answer(pair.client, 101, 100);
	expect_answer(pair.client, 102, 100);
	scheme_ring_prep_cancel_handle(get(0), 0);
	step();
	assert_int_equal(scheme_ring_server_pending(server), 0);
	for (unsigned int i = 0; i < DEPTH - 1; i++) {
		struct scheme_cqe *cqe;

		assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), 0);
		assert_int_equal(cqe->result, -ECANCELED);
		scheme_ring_cqe_seen(pair.client, cqe);
	}
	expect_nothing();
}

static void U11_answers_wait_for_room_and_nothing_new_is_taken(void **state)
{
	unsigned int sent = 0, heard;

	(void)state;
	for (int i = 0; i < 4; i++) {
		for (; sent < 8U * (unsigned int)(i + 1); sent++)
			if (!get_fsize(sent))
				break;
		assert_true(scheme_ring_submit(pair.client) >= 0);
		assert_true(scheme_ring_server_step(server, 0) >= 0);
	}
	/* 16 are on the ring; what was taken besides waits in requests */
	assert_true(scheme_ring_server_pending(server) > 0);
	for (heard = 0; heard < sent; heard++) {
		expect_answer(pair.client, heard, 100);
		assert_true(scheme_ring_server_step(server, 0) >= 0);
	}
	expect_nothing();
	assert_int_equal(scheme_ring_server_pending(server), 0);
}

/* ---- other threads ---------------------------------------------------------------- */

static void *answer_later(void *arg)
{
	usleep(30000);
	assert_int_equal(scheme_reply(arg, 1), 0);
	assert_int_equal(scheme_reply(arg, 1), -EALREADY);
	return NULL;
}

static void U26_answer_from_another_thread_wakes_the_server(void **state)
{
	pthread_t thread;

	(void)state;
	get_parked(1);
	assert_int_equal(step(), 1);
	pthread_create(&thread, NULL, answer_later, seen.parked[0]);
	assert_int_equal(scheme_ring_server_step(server, -1), 0);
	pthread_join(thread, NULL);
	expect_answer(pair.client, 1, 1);
}

static void U26_destroy_is_busy_while_a_reply_is_owed(void **state)
{
	(void)state;
	open_one(1, 1);
	get_parked(2);
	assert_int_equal(step(), 1);
	assert_int_equal(scheme_ring_server_arm(server), 0);
	scheme_ring_disarm(pair.provider);
	/* this callback answers at once when it is cancelled */
	assert_int_equal(scheme_ring_server_destroy(server), 0);
	server = NULL;
	assert_int_equal(seen.cancels, 1);
	assert_int_equal(seen.nr_closed, 1);
	expect_answer(pair.client, 2, -ECANCELED);
}

static void U27_calls_for_the_kernel_say_so(void **state)
{
	(void)state;
	get_parked(1);
	assert_int_equal(step(), 1);
	assert_null(scheme_req_queue(seen.parked[0]));
	assert_int_equal(scheme_post_event(scheme_req_queue(seen.parked[0]), 7, 1), 0);
	assert_int_equal(scheme_req_fetch_fd(seen.parked[0], 0), -EOPNOTSUPP);
	assert_int_equal(scheme_req_attach_memory(seen.parked[0], 0, 0, 1, 0),
			 -EOPNOTSUPP);
	assert_int_equal(scheme_reply_fd(seen.parked[0], 0), -EOPNOTSUPP);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
	expect_answer(pair.client, 1, -EOPNOTSUPP);
}

static void servers_that_cannot_be_are_refused(void **state)
{
	struct scheme_ring_server_config c = { 0 };
	struct scheme_ring_server *other;

	(void)state;
	assert_int_equal(scheme_ring_server_create(&other, scheme, pair.client, &c),
			 -EINVAL);
	assert_int_equal(scheme_ring_server_create(&other, scheme, pair.provider, &c),
			 -EBUSY);
	c.depth = 4097;
	assert_int_equal(scheme_ring_server_create(&other, scheme, pair.provider, &c),
			 -EINVAL);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U27_read_uses_the_memory_of_the_pool),
		TEST(U27_who_the_client_is_does_not_come_from_the_client),
		TEST(U27_call_goes_there_and_back),
		TEST(U27_paths_and_their_answers),
		TEST(U27_two_paths_have_a_handle_each),
		TEST(U27_calls_for_the_kernel_say_so),
		TEST(U22_payload_outside_the_pool_is_EFAULT),
		TEST(U28_own_opcodes_and_unknown_ones),
		TEST(U8_unknown_flags_are_EINVAL),
		TEST(D2_a_server_answers_the_dummy_submission),
		TEST(U23_only_what_was_opened_here_can_be_named),
		TEST(U23_a_full_table_opens_nothing),
		TEST(U23_close_comes_after_the_last_answer),
		TEST(U29_what_a_dead_client_had_open_is_closed),
		TEST(U17_without_flags_nobody_waits),
		TEST(U17_drain_waits_for_all_before_it),
		TEST(U17_chain_waits_for_the_one_before),
		TEST(U17_soft_chain_ends_with_an_error),
		TEST(U21_more_urgent_ones_start_first),
		TEST(U18_multishot_answers_until_the_last),
		TEST(U18_too_many_answers_are_refused_not_lost),
		TEST(U20_each_victim_is_answered_once),
		TEST(U20_all_of_a_handle_can_be_cancelled),
		TEST(U20_cancelled_link_of_a_chain),
		TEST(U26_intake_stops_at_capacity_but_for_cancel),
		TEST(U11_answers_wait_for_room_and_nothing_new_is_taken),
		TEST(U26_answer_from_another_thread_wakes_the_server),
		TEST(U26_destroy_is_busy_while_a_reply_is_owed),
		TEST(servers_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
