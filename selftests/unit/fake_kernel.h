/* SPDX-License-Identifier: MIT */
/*
 * A queue of libscheme over plain memory, with the test as the kernel: it puts
 * requests on the ring, plays ENTER, and looks at the answers.
 */
#ifndef UNIT_FAKE_KERNEL_H
#define UNIT_FAKE_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../userspace/lib/int.h"

#define FAKE_SQ		8
#define FAKE_CQ		4	/* fewer than requests: it runs full */
#define FAKE_DEPTH	8
#define FAKE_SLOT	4096
#define FAKE_ANSWERS	64

struct fake_memory {
	struct scheme_ring_kernel	kern;
	struct scheme_ring_client	client;
	struct scheme_ring_provider	prov;
	struct scheme_sqe		sqes[FAKE_SQ];
	struct scheme_cqe		cqes[FAKE_CQ];
	uint8_t				poller[64];
	uint8_t				slots[FAKE_DEPTH][FAKE_SLOT];
};

struct fake {
	struct scheme		scheme;
	struct scheme_queue	queue;
	struct fake_memory	*mem;
	pthread_mutex_t		lock;		/* of ENTER */
	/* what ENTER was told, and what it shall say */
	unsigned int		enters;
	uint32_t		min_wait;
	uint64_t		timeout_ns;
	int			fail;		/* -errno of the next ones */
	unsigned int		fails;		/* so many */
	/* what a command of the queue fd was given, and what it shall say */
	unsigned int		ioctls;
	unsigned long		cmd;
	union {
		struct scheme_attach	attach;
		struct scheme_attach_memory memory;
		struct scheme_fetch	fetch;
	} arg;
	int			ioctl_ret;
	/* what ENTER took */
	unsigned int		nr;
	struct scheme_cqe	answers[FAKE_ANSWERS];
};

static struct fake *fake_of(struct scheme_queue *q)
{
	return (struct fake *)((char *)q - offsetof(struct fake, queue));
}

static void fake_reap_locked(struct fake *f)
{
	struct fake_memory *m = f->mem;
	uint32_t tail = ring_load(&m->prov.cq_tail);

	while (m->client.cq_head != tail) {
		f->answers[f->nr++ % FAKE_ANSWERS] =
			m->cqes[m->client.cq_head % FAKE_CQ];
		__atomic_store_n(&m->client.cq_head, m->client.cq_head + 1,
				 __ATOMIC_RELEASE);
	}
}

static int fake_enter(struct scheme_queue *q, uint32_t min_wait,
		      uint64_t timeout_ns)
{
	struct fake *f = fake_of(q);
	uint32_t head;
	int ret;

	pthread_mutex_lock(&f->lock);
	f->enters++;
	f->min_wait = min_wait;
	f->timeout_ns = timeout_ns;
	if (f->fails) {
		f->fails--;
		ret = f->fail;
	} else {
		fake_reap_locked(f);
		/* head first: the test may submit and serve in between */
		head = ring_load(&f->mem->prov.sq_head);
		ret = (int)(ring_load(&f->mem->client.sq_tail) - head);
	}
	pthread_mutex_unlock(&f->lock);
	return ret;
}

static size_t fake_ioctl_size(unsigned long cmd)
{
	return (cmd >> 16) & 0x3fff;
}

/* Every ticket is 99. */
static int fake_ioctl(struct scheme_queue *q, unsigned long cmd, void *arg)
{
	struct fake *f = fake_of(q);

	f->ioctls++;
	f->cmd = cmd;
	assert_true(fake_ioctl_size(cmd) <= sizeof(f->arg));
	memcpy(&f->arg, arg, fake_ioctl_size(cmd));
	if (cmd == SCHEME_IOC_ATTACH && f->ioctl_ret >= 0)
		((struct scheme_attach *)arg)->ticket = 99;
	return f->ioctl_ret;
}

static struct scheme_queue_info fake_info(void)
{
	return (struct scheme_queue_info){
		.sq_entries = FAKE_SQ,
		.cq_entries = FAKE_CQ,
		.depth = FAKE_DEPTH,
		.slot_size = FAKE_SLOT,
		.kernel_off = offsetof(struct fake_memory, kern),
		.client_off = offsetof(struct fake_memory, client),
		.provider_off = offsetof(struct fake_memory, prov),
		.poller_off = offsetof(struct fake_memory, poller),
		.sq_off = offsetof(struct fake_memory, sqes),
		.cq_off = offsetof(struct fake_memory, cqes),
		.slots_off = offsetof(struct fake_memory, slots),
		.size = sizeof(struct fake_memory),
	};
}

/* Both rings begin at `start`. */
static struct fake *fake_new(const struct scheme_ops *ops, uint32_t start)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct scheme_queue_info info = fake_info();

	f->mem = aligned_alloc(4096, (sizeof(*f->mem) + 4095) & ~4095UL);
	memset(f->mem, 0, sizeof(*f->mem));
	f->mem->client.sq_tail = f->mem->client.cq_head = start;
	f->mem->prov.sq_head = f->mem->prov.cq_tail = start;
	pthread_mutex_init(&f->lock, NULL);
	if (ops)
		f->scheme.ops = *ops;
	f->scheme.user = f;
	f->scheme.queues = &f->queue;
	f->scheme.nr_queues = 1;
	assert_int_equal(queue_init(&f->queue, &f->scheme, &info, fake_enter), 0);
	f->queue.ioctl = fake_ioctl;
	queue_attach(&f->queue, f->mem);
	return f;
}

static void fake_free(struct fake *f)
{
	queue_uninit(&f->queue);
	pthread_mutex_destroy(&f->lock);
	free(f->mem);
	free(f);
}

static void fake_submit(struct fake *f, const struct scheme_sqe *sqe)
{
	struct fake_memory *m = f->mem;

	assert_true(m->client.sq_tail - ring_load(&m->prov.sq_head) < FAKE_SQ);
	m->sqes[m->client.sq_tail % FAKE_SQ] = *sqe;
	__atomic_store_n(&m->client.sq_tail, m->client.sq_tail + 1,
			 __ATOMIC_RELEASE);
}

/* A request in a slot, with a payload; the generation is in the tag. */
static struct scheme_sqe fake_request(struct fake *f, uint8_t opcode,
				      uint32_t index, uint32_t generation,
				      const void *data, uint32_t len)
{
	if (data)
		memcpy(f->mem->slots[index], data, len);
	return (struct scheme_sqe){
		.opcode = opcode,
		.user_data = (uint64_t)generation << 32 | index,
		.addr = (uint64_t)index * FAKE_SLOT,
		.len = len,
	};
}

#endif /* UNIT_FAKE_KERNEL_H */
