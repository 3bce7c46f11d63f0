// SPDX-License-Identifier: MIT
/*
 * A queue over its memory: where things are, handing over, posting.
 */
#include "int.h"

#include <stdlib.h>
#include <string.h>

#include <linux/io_uring.h>

static bool fits(const struct scheme_queue_info *info, uint64_t off,
		 uint64_t bytes, uint64_t align)
{
	return off % align == 0 && off <= info->size &&
	       bytes <= info->size - off;
}

static bool layout_ok(const struct scheme_queue_info *i)
{
	if (!ring_size_ok(i->sq_entries) || !ring_size_ok(i->cq_entries) ||
	    !ring_size_ok(i->depth) || !ring_size_ok(i->slot_size))
		return false;
	return i->slot_size > SCHEME_PATH_MAX &&
	       fits(i, i->kernel_off, sizeof(struct scheme_ring_kernel), 64) &&
	       fits(i, i->client_off, sizeof(struct scheme_ring_client), 64) &&
	       fits(i, i->provider_off, sizeof(struct scheme_ring_provider), 64) &&
	       fits(i, i->poller_off, i->depth, 1) &&
	       fits(i, i->sq_off, (uint64_t)i->sq_entries * sizeof(struct scheme_sqe), 64) &&
	       fits(i, i->cq_off, (uint64_t)i->cq_entries * sizeof(struct scheme_cqe), 32) &&
	       fits(i, i->slots_off, (uint64_t)i->depth * i->slot_size, 64);
}

static int queue_ioctl(struct scheme_queue *q, unsigned long cmd, void *arg)
{
	return ioctl_errno(q->fd, cmd, arg);
}

static int post_answer(struct scheme_req *req, const struct scheme_cqe *cqe)
{
	return queue_post(req->queue, cqe, req_index(req));
}

int queue_init(struct scheme_queue *q, struct scheme *s,
	       const struct scheme_queue_info *info, queue_enter_fn enter)
{
	memset(q, 0, sizeof(*q));
	if (!layout_ok(info))
		return -EINVAL;
	q->scheme = s;
	q->fd = -1;
	q->info = *info;
	q->depth = info->depth;
	q->slot_size = info->slot_size;
	q->enter = enter;
	q->ioctl = queue_ioctl;
	q->reqs = calloc(q->depth, sizeof(*q->reqs));
	if (!q->reqs)
		return -ENOMEM;
	for (uint32_t i = 0; i < q->depth; i++) {
		q->reqs[i].scheme = s;
		q->reqs[i].queue = q;
		q->reqs[i].post = post_answer;
	}
	pthread_mutex_init(&q->post_lock, NULL);
	return 0;
}

void queue_attach(struct scheme_queue *q, void *mem)
{
	const struct scheme_queue_info *i = &q->info;
	uint8_t *base = mem;
	struct scheme_ring_client *client = (void *)(base + i->client_off);
	struct scheme_ring_provider *prov = (void *)(base + i->provider_off);

	q->mem = mem;
	q->client = client;
	q->kern = (const void *)(base + i->kernel_off);
	q->sqes = (const void *)(base + i->sq_off);
	q->cqes = (void *)(base + i->cq_off);
	q->poller = base + i->poller_off;
	q->slots = base + i->slots_off;
	q->sq = (struct ring_end){ &prov->sq_head, &client->sq_tail,
				   ring_load(&prov->sq_head), i->sq_entries, 0 };
	q->cq = (struct ring_end){ &prov->cq_tail, &client->cq_head,
				   ring_load(&prov->cq_tail), i->cq_entries, 0 };
}

void queue_uninit(struct scheme_queue *q)
{
	pthread_mutex_destroy(&q->post_lock);
	free(q->reqs);
}

int queue_state(const struct scheme_queue *q)
{
	uint32_t state = ring_load(&q->kern->state);

	if (!state)
		return 0;
	return state & SCHEME_RING_BROKEN ? -EIO : -ENODEV;
}

int queue_flush(struct scheme_queue *q)
{
	int ret;

	do {
		ret = q->enter(q, 0, 0);
	} while (ret == -EINTR);
	return ret;
}

/* Write the entry if there is room. -EAGAIN: there is none. */
static int try_push(struct scheme_queue *q, const struct scheme_cqe *cqe)
{
	int room;

	pthread_mutex_lock(&q->post_lock);
	room = ring_room(&q->cq);
	if (room > 0) {
		q->cqes[ring_slot(&q->cq)] = *cqe;
		ring_advance(&q->cq);
	}
	pthread_mutex_unlock(&q->post_lock);
	if (room > 0)
		return 0;
	return room ? room : -EAGAIN;
}

static int push(struct scheme_queue *q, const struct scheme_cqe *cqe)
{
	int ret;

	while ((ret = try_push(q, cqe)) == -EAGAIN) {
		ret = queue_flush(q);
		if (ret < 0)
			break;
	}
	return ret;
}

/* Will the client of this tag take its answer by itself? */
static bool client_spins(const struct scheme_queue *q, uint32_t tag)
{
	if (tag == NO_TAG)
		return false;
	/*
	 * The client clears its byte and then looks at the ring for the last
	 * time; we have put the answer on the ring and then look at the byte.
	 * With a full barrier on both sides one of us sees the other.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	return __atomic_load_n(&q->poller[tag], __ATOMIC_RELAXED) ==
	       SCHEME_POLLER_SPINS;
}

static bool in_dispatch(const struct scheme_queue *q)
{
	return atomic_load_explicit(&q->server, memory_order_relaxed) ==
	       this_thread();
}

int queue_post(struct scheme_queue *q, const struct scheme_cqe *cqe,
	       uint32_t tag)
{
	int ret = push(q, cqe);

	if (ret)
		return ret;
	if (in_dispatch(q)) {
		/* The barrier is worth it only where somebody may spin. */
		if (!q->spin_ns || !client_spins(q, tag))
			atomic_store_explicit(&q->owed, true,
					      memory_order_relaxed);
		return 0;
	}
	if (client_spins(q, tag))
		return 0;
	ret = queue_flush(q);
	return ret < 0 ? ret : 0;
}

int scheme_queue_flush(struct scheme_queue *q)
{
	int ret;

	atomic_store_explicit(&q->owed, false, memory_order_relaxed);
	ret = queue_flush(q);
	return ret < 0 ? ret : 0;
}

int scheme_queue_fd(const struct scheme_queue *q)
{
	return q->fd;
}

unsigned int scheme_queue_index(const struct scheme_queue *q)
{
	return q->info.index;
}

unsigned int scheme_queue_depth(const struct scheme_queue *q)
{
	return q->depth;
}

unsigned int scheme_queue_slot_size(const struct scheme_queue *q)
{
	return q->slot_size;
}

void scheme_queue_prep_enter(struct scheme_queue *q, struct io_uring_sqe *sqe,
			     unsigned int min_wait, uint64_t timeout_ns)
{
	const struct scheme_enter enter = {
		.min_wait = min_wait,
		.timeout_ns = timeout_ns,
	};
	uint64_t user_data = sqe->user_data;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = q->fd;
	sqe->cmd_op = SCHEME_IOC_ENTER;
	sqe->user_data = user_data;
	/* The command's 16 bytes are the last of the entry. */
	memcpy((uint8_t *)sqe + offsetof(struct io_uring_sqe, addr3), &enter,
	       sizeof(enter));
}

_Static_assert(offsetof(struct io_uring_sqe, addr3) == 48 &&
	       sizeof(struct io_uring_sqe) == 64 &&
	       sizeof(struct scheme_enter) == 16,
	       "ENTER must fill the command of a 64-byte entry");
