/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A provider that runs scheme_run() in a thread and serves direct rings of the module,
 * and a client with one of them.
 */
#ifndef TESTS_RING_LIB_H
#define TESTS_RING_LIB_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <scheme_ring.h>

#include "../harness.h"

#define NAME	"test-ringlib"
#define NODE	"/dev/scheme/" NAME
#define POOL	(64 * 4096U)
#define FILE_NR	7U		/* every open has this number */
#define REFUSE	13U		/* a word */
#define TIME	(10000000000LL * slowness())

/* ---- a provider -------------------------------------------------------------- */

#define PARKED_MAX	64

/* What the callbacks leave behind. */
struct record {
	struct scheme		*scheme;
	pthread_t		thread;
	volatile int		stop;
	int			ret;
	struct scheme_req	*parked[PARKED_MAX];
	unsigned int		nr_parked;
	unsigned int		closes, cancels;
	struct scheme_sqe	sqe;		/* the last one */
	uint8_t			first, last;	/* bytes of the last write */
	uint32_t		order[PARKED_MAX];
	unsigned int		nr_order;
};

static struct record *record_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

static void note(struct scheme_req *req)
{
	struct record *r = record_of(req);

	r->sqe = *scheme_req_sqe(req);
	r->order[r->nr_order++ % PARKED_MAX] = (uint32_t)r->sqe.user_data;
}

static void t_open(struct scheme_req *req, uint64_t dir, const char *path,
		   int flags, mode_t mode)
{
	note(req);
	if (!strcmp(path, "no"))
		scheme_reply(req, -ENOENT);
	else
		scheme_reply_open(req, FILE_NR, SCHEME_CQE_F_POSITIONED |
				  SCHEME_CQE_F_EVENTS, EPOLLOUT);
}

static void t_close(struct scheme *s, uint64_t handle)
{
	struct record *r = scheme_user(s);

	__atomic_add_fetch(&r->closes, 1, __ATOMIC_SEQ_CST);
}

/* Bytes that tell their offset. */
static void t_read(struct scheme_req *req, uint64_t handle, void *buf,
		   uint32_t len, uint64_t offset)
{
	note(req);
	memset(buf, (int)offset, len);
	scheme_reply(req, len);
}

/* Parked until somebody answers. */
static void t_write(struct scheme_req *req, uint64_t handle, const void *buf,
		    uint32_t len, uint64_t offset)
{
	struct record *r = record_of(req);

	note(req);
	if (len) {
		r->first = *(const uint8_t *)buf;
		r->last = ((const uint8_t *)buf)[len - 1];
	}
	r->parked[r->nr_parked] = req;
	__atomic_add_fetch(&r->nr_parked, 1, __ATOMIC_SEQ_CST);
}

static void t_fsize(struct scheme_req *req, uint64_t handle)
{
	note(req);
	scheme_reply(req, -ENXIO);
}

static void t_cancel(struct scheme_req *req)
{
	struct record *r = record_of(req);

	r->cancels++;
	scheme_reply(req, -ECANCELED);
}

static void t_own(struct scheme_req *req, uint8_t opcode, uint64_t handle,
		  void *buf, uint32_t len, uint64_t offset)
{
	note(req);
	scheme_reply(req, opcode);
}

static void t_ring(struct scheme_req *req, uint32_t sq_entries,
		   uint32_t cq_entries, uint64_t word)
{
	const struct scheme_ring_server_config config = {
		.depth = 16, .files = 8, .uid = 4711, .pid = 4711, .gid = 4711,
	};

	if (word == REFUSE)
		scheme_reply(req, -ECONNREFUSED);
	else
		scheme_req_serve_ring(req, &config);
}

static const struct scheme_ops ops = {
	.open = t_open, .close = t_close, .read = t_read, .write = t_write,
	.fsize = t_fsize, .cancel = t_cancel, .own = t_own, .ring = t_ring,
};

static void *run(void *arg)
{
	struct record *r = arg;

	r->ret = scheme_run(r->scheme, &r->stop);
	return NULL;
}

FIXTURE(ring) {
	struct record record;
	struct scheme_ring *ring;
	int fd;
};

FIXTURE_VARIANT(ring) {
	unsigned int queues, busy_poll_us;
};

FIXTURE_VARIANT_ADD(ring, sleeping) { .queues = 1 };
FIXTURE_VARIANT_ADD(ring, spinning) { .queues = 1, .busy_poll_us = 200 };
FIXTURE_VARIANT_ADD(ring, two_queues) { .queues = 2 };

FIXTURE_SETUP(ring)
{
	const struct scheme_config config = {
		.name = NAME, .mode = 0666, .queues = variant->queues,
		.busy_poll_us = variant->busy_poll_us,
	};

	ASSERT_EQ(0, scheme_create(&self->record.scheme, &config, &ops, sizeof(ops),
				   &self->record));
	ASSERT_EQ(0, pthread_create(&self->record.thread, NULL, run, &self->record));
	self->fd = scheme_open(NAME ":file", O_RDWR | O_CLOEXEC, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, scheme_ring_open(&self->ring, self->fd, NULL, POOL, 0));
}

FIXTURE_TEARDOWN(ring)
{
	if (self->ring)
		scheme_ring_close(self->ring);
	close(self->fd);
	scheme_stop(self->record.scheme);
	pthread_join(self->record.thread, NULL);
	EXPECT_EQ(-ENODEV, self->record.ret);
	scheme_destroy(self->record.scheme);
}

/* ---- helpers ------------------------------------------------------------------ */

static struct scheme_sqe *get(struct scheme_ring *r, uint64_t user_data)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(r);

	if (!sqe)
		abort();
	sqe->user_data = user_data;
	return sqe;
}

/* Submit, and the next answer. */
static struct scheme_cqe answer(struct scheme_ring *r)
{
	struct scheme_cqe *cqe, copy = { .result = INT64_MIN };
	int ret = scheme_ring_submit_and_wait(r, &cqe, TIME);

	if (ret)
		copy.extra = (uint64_t)-ret;
	else
		copy = *cqe;
	if (!ret)
		scheme_ring_cqe_seen(r, cqe);
	return copy;
}

static int64_t result(struct scheme_ring *r)
{
	return answer(r).result;
}

static inline int64_t open_file(struct scheme_ring *r, const char *path, int flags)
{
	uint32_t len = (uint32_t)strlen(path);

	memcpy(scheme_ring_at(r, 0, len), path, len);
	scheme_ring_prep_open(get(r, 1), SCHEME_ROOT, 0, len, flags, 0);
	return result(r);
}

static inline int64_t read_byte(struct scheme_ring *r, uint64_t handle, uint64_t at)
{
	scheme_ring_prep_read(get(r, 1), handle, at, 1, 0x55);
	return result(r);
}

static inline bool parked(struct record *r, unsigned int nr)
{
	return wait_until_ms(__atomic_load_n(&r->nr_parked, __ATOMIC_SEQ_CST) >= nr,
			     PATIENCE_MS);
}

#endif /* TESTS_RING_LIB_H */
