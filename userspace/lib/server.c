// SPDX-License-Identifier: MIT
/*
 * Serving a queue: take entries, run callbacks, wait.
 */
#include "int.h"
#include "clock.h"
#include "op.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* How long scheme_run() may miss a signal that comes just before it sleeps. */
#define RUN_SLICE_MS	20

/* ---- one request ---------------------------------------------------------- */

/* The payload as a string. It has been checked that one byte more is ours. */
static char *payload_string(const struct scheme_req *req)
{
	char *text = (char *)req_in(req);

	text[req->sqe.len] = '\0';
	return text;
}

static bool path_fits(struct scheme_req *req)
{
	if (req->sqe.len <= SCHEME_PATH_MAX)
		return true;
	scheme_reply(req, -ENAMETOOLONG);
	return false;
}

static void run_nop(struct scheme_req *req)
{
	scheme_reply(req, 0);
}

static void run_open(struct scheme_req *req)
{
	const char *path;

	if (!req_ops(req)->open) {
		scheme_reply(req, -EOPNOTSUPP);
	} else if (path_fits(req)) {
		path = payload_string(req);
		req_ops(req)->open(req, req->sqe.handle,
				   path + strspn(path, "/"),
				   (int)req->sqe.op_flags,
				   (mode_t)req->sqe.aux);
	}
}

static void run_dup(struct scheme_req *req)
{
	if (!req_ops(req)->dup)
		scheme_reply(req, -EOPNOTSUPP);
	else if (path_fits(req))
		req_ops(req)->dup(req, req->sqe.handle, payload_string(req));
}

static void run_read(struct scheme_req *req)
{
	if (!req_ops(req)->read)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->read(req, req->sqe.handle, req_in(req),
				   req->sqe.len, req->sqe.offset);
}

static void run_write(struct scheme_req *req)
{
	if (!req_ops(req)->write)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->write(req, req->sqe.handle, req_in(req),
				    req->sqe.len, req->sqe.offset);
}

static void run_call(struct scheme_req *req)
{
	struct scheme_call_header *h = &req->call;

	if (!req_ops(req)->call) {
		scheme_reply(req, -EOPNOTSUPP);
		return;
	}
	if (req->sqe.len >= sizeof(*h))
		memcpy(h, req_in(req), sizeof(*h));
	if (req->sqe.len < sizeof(*h) || h->out_len > req_room(req) ||
	    h->in_len != req->sqe.len - sizeof(*h)) {
		scheme_reply(req, -EINVAL);
		return;
	}
	req_ops(req)->call(req, req->sqe.handle, (const uint64_t *)h->word,
			   req_in(req) + sizeof(*h), h->in_len,
			   req_out(req), h->out_len);
}

static void run_fsize(struct scheme_req *req)
{
	if (!req_ops(req)->fsize)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->fsize(req, req->sqe.handle);
}

static void run_fsync(struct scheme_req *req)
{
	if (!req_ops(req)->fsync)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->fsync(req, req->sqe.handle,
				    req->sqe.op_flags & SCHEME_FSYNC_DATA);
}

static void run_sendfd(struct scheme_req *req)
{
	if (!req_ops(req)->sendfd)
		scheme_reply(req, -EOPNOTSUPP);
	else if (path_fits(req))
		req_ops(req)->sendfd(req, req->sqe.handle, payload_string(req),
				     req->sqe.aux);
}

static void run_recvfd(struct scheme_req *req)
{
	if (!req_ops(req)->recvfd)
		scheme_reply(req, -EOPNOTSUPP);
	else if (path_fits(req))
		req_ops(req)->recvfd(req, req->sqe.handle, payload_string(req),
				     req->sqe.aux);
}

static void run_mmap_prep(struct scheme_req *req)
{
	if (!req_ops(req)->mmap_prep)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->mmap_prep(req, req->sqe.handle, req->sqe.offset,
					req->sqe.aux, req->sqe.op_flags);
}

static void run_ring(struct scheme_req *req)
{
	const struct scheme_sqe *sqe = &req->sqe;

	if (!req_ops(req)->ring)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->ring(req, (uint32_t)sqe->offset,
				   (uint32_t)(sqe->offset >> 32), sqe->aux);
}

/* The map of what the library serves. */
static void (*const run_table[])(struct scheme_req *req) = {
	[SCHEME_OP_NOP]		= run_nop,
	[SCHEME_OP_OPEN]	= run_open,
	[SCHEME_OP_DUP]		= run_dup,
	[SCHEME_OP_READ]	= run_read,
	[SCHEME_OP_WRITE]	= run_write,
	[SCHEME_OP_CALL]	= run_call,
	[SCHEME_OP_FSIZE]	= run_fsize,
	[SCHEME_OP_FSYNC]	= run_fsync,
	[SCHEME_OP_MMAP_PREP]	= run_mmap_prep,
	[SCHEME_OP_SENDFD]	= run_sendfd,
	[SCHEME_OP_RECVFD]	= run_recvfd,
	[SCHEME_OP_RING_ATTACH]	= run_ring,
	[SCHEME_OP_STAT]	= run_path,
	[SCHEME_OP_STATFS]	= run_path,
	[SCHEME_OP_TRUNCATE]	= run_path,
	[SCHEME_OP_UTIMENS]	= run_path,
	[SCHEME_OP_CHMOD]	= run_path,
	[SCHEME_OP_CHOWN]	= run_path,
	[SCHEME_OP_PATH]	= run_path,
	[SCHEME_OP_RENAME]	= run_paths,
	[SCHEME_OP_LINK]	= run_paths,
	[SCHEME_OP_UNLINK]	= run_path,
	[SCHEME_OP_GETDENTS]	= run_getdents,
	[SCHEME_OP_FCNTL]	= run_fcntl,
	[SCHEME_OP_SYMLINK]	= run_paths,
	[SCHEME_OP_READLINK]	= run_path,
	[SCHEME_OP_MKDIR]	= run_path,
};

_Static_assert(sizeof(run_table) / sizeof(run_table[0]) == SCHEME_OP_LAST + 1,
	       "an entry for every operation up to the last");

/* They come on direct rings only. */
static void run_own(struct scheme_req *req)
{
	req_ops(req)->own(req, req->sqe.opcode, req->sqe.handle, req_in(req),
			  req->sqe.len, req->sqe.offset);
}

void req_run(struct scheme_req *req)
{
	uint8_t opcode = req->sqe.opcode;

	if (opcode >= SCHEME_OP_PROVIDER && !req->queue && req_ops(req)->own)
		run_own(req);
	else if (opcode > SCHEME_OP_LAST)
		scheme_reply(req, -ENOSYS);
	else if (!run_table[opcode])
		scheme_reply(req, -EOPNOTSUPP);
	else
		run_table[opcode](req);
}

/* ---- entries -------------------------------------------------------------- */

static struct scheme_req *tag_req(struct scheme_queue *q, uint64_t tag)
{
	uint32_t index = (uint32_t)tag;

	return index < q->depth ? &q->reqs[index] : NULL;
}

/*
 * Between the look at the state and the callback another thread may answer; but
 * only this thread can give the slot to another request.
 */
static void serve_cancel(struct scheme_queue *q, const struct scheme_sqe *sqe)
{
	struct scheme_req *req = tag_req(q, sqe->user_data);

	if (req && q->scheme->ops.cancel &&
	    req->sqe.user_data == sqe->user_data &&
	    atomic_load_explicit(&req->state, memory_order_acquire) == REQ_PENDING)
		q->scheme->ops.cancel(req);
}

static void serve_oneway(struct scheme_queue *q, const struct scheme_sqe *sqe)
{
	if (sqe->opcode == SCHEME_OP_CANCEL)
		serve_cancel(q, sqe);
	else if (sqe->opcode == SCHEME_OP_CLOSE && q->scheme->ops.close)
		q->scheme->ops.close(q->scheme, sqe->handle);
	else if (sqe->opcode == SCHEME_OP_MUNMAP && q->scheme->ops.munmap)
		q->scheme->ops.munmap(q->scheme, sqe->handle);
}

/* All of the payload, and a NUL after a path, lie in the slots. */
static bool payload_ok(const struct scheme_queue *q,
		       const struct scheme_sqe *sqe)
{
	uint64_t end = (uint64_t)q->depth * q->slot_size;

	return sqe->addr <= end &&
	       sqe->len + (uint64_t)op_is(sqe->opcode, OP_TEXT) <= end - sqe->addr;
}

/* A request, in the place that belongs to its slot. -EIO: no such slot. */
static int serve_request(struct scheme_queue *q, const struct scheme_sqe *sqe)
{
	struct scheme_req *req = tag_req(q, sqe->user_data);

	if (!req)
		return -EIO;
	req->sqe = *sqe;
	req->user = NULL;
	atomic_store_explicit(&req->state, REQ_PENDING, memory_order_release);
	if (payload_ok(q, sqe))
		req_run(req);
	else
		scheme_reply(req, -EINVAL);
	return 0;
}

/* Copy the next entry out and give its place back. */
static void take(struct scheme_queue *q, struct scheme_sqe *sqe)
{
	memcpy(sqe, &q->sqes[ring_slot(&q->sq)], sizeof(*sqe));
	ring_advance(&q->sq);
}

static int serve_next(struct scheme_queue *q)
{
	struct scheme_sqe sqe;

	take(q, &sqe);
	if (!(sqe.flags & SCHEME_SQE_ONEWAY))
		return serve_request(q, &sqe);
	serve_oneway(q, &sqe);
	return 0;
}

int scheme_queue_dispatch(struct scheme_queue *q)
{
	int fill, done, ret = queue_state(q);

	if (ret)
		return ret;
	fill = ring_filled(&q->sq);
	if (fill <= 0)
		return fill;
	atomic_store_explicit(&q->server, this_thread(),
			      memory_order_relaxed);
	for (done = 0; done < fill && !ret; done++)
		ret = serve_next(q);
	atomic_store_explicit(&q->server, 0, memory_order_relaxed);
	return ret ? ret : done;
}

/* ---- waiting -------------------------------------------------------------- */

/* Look for entries, and for the end, until the time is over. */
static bool is_ready(const struct scheme_queue *q)
{
	return ring_filled(&q->sq) || queue_state(q) ||
	       (has_rings(q) && rings_ready(q));
}

static bool spin(const struct scheme_queue *q)
{
	uint64_t end = now_ns() + q->spin_ns;

	do {
		for (int i = 0; i < 32; i++) {
			if (is_ready(q))
				return true;
			relax();
		}
	} while (now_ns() < end);
	return false;
}

/*
 * Entries wait in the kernel because the ring was full: an ENTER brings them.
 * The kernel sets the flag and looks for room again; we have made room and then
 * look at the flag: with a full barrier on both sides one of us sees the other.
 */
static bool overflown(const struct scheme_queue *q)
{
	atomic_thread_fence(memory_order_seq_cst);
	return __atomic_load_n(&q->client->flags, __ATOMIC_RELAXED) &
	       SCHEME_RING_OVERFLOW;
}

/* Nobody waits for an ENTER and there is something to do without one. */
static bool can_go_on(const struct scheme_queue *q)
{
	if (atomic_load_explicit(&q->owed, memory_order_relaxed))
		return false;
	if (ring_filled(&q->sq))
		return true;
	return q->spin_ns && !overflown(q) && spin(q);
}

static int wait_entry(struct scheme_queue *q, int timeout_ms)
{
	uint64_t ns = timeout_ms < 0 ? 0 : (uint64_t)timeout_ms * 1000000;

	if (can_go_on(q))
		return 0;
	atomic_store_explicit(&q->owed, false, memory_order_relaxed);
	return q->enter(q, 1, ns);
}

/* The caller waits elsewhere: leave no answer behind. */
static int step_now(struct scheme_queue *q)
{
	int ret, done = scheme_queue_dispatch(q);

	if (done < 0)
		return done;
	ret = scheme_queue_flush(q);
	if (ret < 0)
		return ret;
	return has_rings(q) ? done + rings_round(q) : done;
}

/* ---- with direct rings ---------------------------------------------------- */

/* Without a system call, unless somebody waits for one. */
static int serve_all(struct scheme_queue *q)
{
	int ret, done = scheme_queue_dispatch(q);

	if (done < 0)
		return done;
	if (atomic_load_explicit(&q->owed, memory_order_relaxed) ||
	    overflown(q)) {
		ret = scheme_queue_flush(q);
		if (ret < 0)
			return ret;
	}
	return done + rings_round(q);
}

int scheme_queue_arm(struct scheme_queue *q, struct pollfd *fds,
		     unsigned int *nr)
{
	bool ready = false;

	fds[0] = (struct pollfd){ .fd = q->fd, .events = POLLIN };
	*nr = 1;
	if (has_rings(q))
		*nr += rings_arm(q, fds + 1, &ready);
	return ready;
}

void scheme_queue_disarm(struct scheme_queue *q)
{
	if (has_rings(q))
		rings_disarm(q);
}

static int poll_all(struct scheme_queue *q, int timeout_ms)
{
	struct pollfd fds[SCHEME_QUEUE_FDS];
	unsigned int nr;
	int ret, ready = scheme_queue_arm(q, fds, &nr);

	ret = poll(fds, nr, ready ? 0 : timeout_ms);
	if (ret < 0)
		ret = -errno;
	scheme_queue_disarm(q);
	return ret;
}

static int step_with_rings(struct scheme_queue *q, int timeout_ms)
{
	int ret = serve_all(q);

	if (ret)
		return ret;
	if (!q->spin_ns || !spin(q))
		ret = poll_all(q, timeout_ms);
	return ret < 0 ? ret : serve_all(q);
}

int scheme_queue_step(struct scheme_queue *q, int timeout_ms)
{
	int ret;

	if (!timeout_ms)
		return step_now(q);
	if (has_rings(q))
		return step_with_rings(q, timeout_ms);
	ret = wait_entry(q, timeout_ms);
	return ret < 0 ? ret : scheme_queue_dispatch(q);
}

/* ---- all queues in one thread --------------------------------------------- */

/* Behind the descriptors of the queues come those of their rings. */
static unsigned int arm_rings(struct scheme *s, struct pollfd *fds, bool *ready)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < s->nr_queues; i++)
		if (has_rings(&s->queues[i]))
			nr += rings_arm(&s->queues[i], fds + nr, ready);
	return nr;
}

static void disarm_rings(struct scheme *s)
{
	for (unsigned int i = 0; i < s->nr_queues; i++)
		if (has_rings(&s->queues[i]))
			rings_disarm(&s->queues[i]);
}

/*
 * Wait until a queue or a ring has entries. Signals are let in by ppoll alone,
 * after the look at *stop, so that none is missed.
 */
static int wait_queues(struct scheme *s, struct pollfd *fds,
		       const volatile int *stop)
{
	const struct timespec no_time = { 0 };
	sigset_t all, before;
	bool ready = false;
	unsigned int nr;
	int ret = 0;

	nr = s->nr_queues + arm_rings(s, fds + s->nr_queues, &ready);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!*stop && ppoll(fds, nr, ready ? &no_time : NULL, &before) < 0 &&
	    errno != EINTR)
		ret = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	disarm_rings(s);
	return ret;
}

static int step_ready(struct scheme *s, const struct pollfd *fds)
{
	int ret = 0;

	for (unsigned int i = 0; i < s->nr_queues && ret >= 0; i++) {
		struct scheme_queue *q = &s->queues[i];

		if (fds[i].revents)
			ret = scheme_queue_step(q, 0);
		else if (has_rings(q))
			ret = rings_round(q);
	}
	return ret;
}

/* One round: a queue alone is waited for in ENTER while it is busy. */
static int run_round(struct scheme *s, struct pollfd *fds,
		     const volatile int *stop)
{
	int ret;

	if (s->nr_queues == 1) {
		ret = scheme_queue_step(&s->queues[0], RUN_SLICE_MS);
		if (ret)
			return ret;
	}
	for (unsigned int i = 0; i < s->nr_queues; i++)
		fds[i].revents = 0;
	ret = wait_queues(s, fds, stop);
	return ret ? ret : step_ready(s, fds);
}

int scheme_run(struct scheme *s, const volatile int *stop)
{
	struct pollfd *fds = calloc(2 * s->nr_queues + RING_SEATS, sizeof(*fds));
	int ret = 0;

	if (!fds)
		return -ENOMEM;
	for (unsigned int i = 0; i < s->nr_queues; i++) {
		fds[i].fd = s->queues[i].fd;
		fds[i].events = POLLIN;
	}
	while (!*stop && (ret >= 0 || ret == -EINTR))
		ret = run_round(s, fds, stop);
	/* what the last callbacks answered must not be lost with the scheme */
	for (unsigned int i = 0; i < s->nr_queues; i++)
		scheme_queue_flush(&s->queues[i]);
	free(fds);
	return ret == -EINTR || ret > 0 ? 0 : ret;
}
