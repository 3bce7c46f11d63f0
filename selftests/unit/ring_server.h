/* SPDX-License-Identifier: MIT */
/* A ring in one process, served with callbacks that note what they see. */
#ifndef UNIT_RING_SERVER_H
#define UNIT_RING_SERVER_H

#include "ring_pair.h"

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
	/* what an open says of its file's readiness, and posts right after it */
	bool			tells_events;
	uint32_t		open_events, posts_at_open;
	/* what own opcodes do instead of what is theirs */
	void			(*callback)(struct scheme_req *req);
} seen;

static inline void note(struct scheme_req *req)
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
	scheme_reply_open(req, seen.next_number,
			  seen.tells_events ? SCHEME_CQE_F_EVENTS : 0,
			  seen.open_events);
	if (seen.posts_at_open)
		scheme_post_ready(scheme, seen.next_number, seen.posts_at_open);
	seen.next_number++;
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
	if (seen.callback) {
		seen.callback(req);
		return;
	}
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

static inline struct scheme_sqe *get(uint64_t user_data)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(pair.client);

	assert_non_null(sqe);
	sqe->user_data = user_data;
	return sqe;
}

static inline struct scheme_sqe *get_fsize(uint64_t user_data)
{
	struct scheme_sqe *sqe = get(user_data);

	scheme_ring_prep_fsize(sqe, 0);
	return sqe;
}

/* A request that the provider parks. */
static inline struct scheme_sqe *get_parked(uint64_t user_data)
{
	struct scheme_sqe *sqe = get(user_data);

	scheme_ring_prep_write(sqe, 0, AT, 1, 0);
	return sqe;
}

static inline int step(void)
{
	assert_true(scheme_ring_submit(pair.client) >= 0);
	return scheme_ring_server_step(server, 0);
}

static inline void answer_parked(unsigned int i, int64_t result)
{
	assert_int_equal(scheme_reply(seen.parked[i], result), 0);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
}

static inline void expect_nothing(void)
{
	struct scheme_cqe *cqe;

	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -EAGAIN);
}

static inline void expect_flags(uint64_t user_data, int64_t result, unsigned int flags)
{
	struct scheme_cqe *cqe;

	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), 0);
	assert_int_equal(cqe->flags, flags);
	expect_answer(pair.client, user_data, result);
}

static inline void put_text(uint64_t addr, const char *text)
{
	memcpy(scheme_ring_at(pair.client, addr, strlen(text)), text, strlen(text));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif /* UNIT_RING_SERVER_H */
