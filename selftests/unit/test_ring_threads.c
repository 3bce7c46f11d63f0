// SPDX-License-Identifier: MIT
/*
 * Two threads over one mapping of a ring, so that ThreadSanitizer sees both sides:
 * order and content of ten million entries. In two mappings a race is none to it.
 */
#include "ring_pair.h"

#include <pthread.h>
#include <stdlib.h>

/* Each an entry there, and one back; or what RING_REQUESTS in the environment says. */
#define REQUESTS	5000000U
#define PROGRESS	1000000U
#define WATCHDOG	600		/* for so many, on a machine that has much else to do */
#define SQ		256U
#define CQ		128U

static uint64_t requests = REQUESTS;

struct sides {
	struct scheme_ring	client, provider;
	struct scheme_ring_fds	client_fds, provider_fds;
	void			*mem;
	size_t			size;
};

static void open_sides(struct sides *s)
{
	struct scheme_ring_config c = {
		.sq_entries = SQ, .cq_entries = CQ, .spin_us = 5,
	};
	struct ring_layout l;

	assert_int_equal(scheme_ring_setup(&c, &s->client_fds, &s->provider_fds), 0);
	assert_int_equal(ring_config(&c), 0);
	l = ring_layout(&c);
	s->size = l.size;
	s->mem = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      s->client_fds.memory, 0);
	assert_ptr_not_equal(s->mem, MAP_FAILED);
	assert_int_equal(ring_init(&s->client, SCHEME_RING_CLIENT, &c, s->mem,
				   &l, &ring_eventfd_ops), 0);
	assert_int_equal(ring_init(&s->provider, SCHEME_RING_PROVIDER, &c, s->mem,
				   &l, &ring_eventfd_ops), 0);
	s->client.fds = s->client_fds;
	s->provider.fds = s->provider_fds;
}

static void close_sides(struct sides *s)
{
	ring_uninit(&s->client);
	ring_uninit(&s->provider);
	munmap(s->mem, s->size);
	scheme_ring_close_fds(&s->client_fds);
	scheme_ring_close_fds(&s->provider_fds);
}

static struct scheme_sqe nth_sqe(uint64_t n)
{
	return (struct scheme_sqe){
		.opcode = SCHEME_OP_PROVIDER,
		.priority = (uint16_t)n,
		.op_flags = (uint32_t)(n * 3),
		.handle = ~n,
		.user_data = n,
		.offset = n << 32 | n,
		.addr = n * 5,
		.len = (uint32_t)n,
		.aux = n * 7,
	};
}

static struct scheme_cqe nth_cqe(uint64_t n)
{
	return (struct scheme_cqe){
		.user_data = n,
		.result = (int64_t)n,
		.extra = ~n,
	};
}

/* Answers in order, in lots of any size. Returns how many, or an error. */
static void *serve(void *arg)
{
	struct scheme_ring *r = arg;
	struct scheme_sqe sqes[SQ], want;
	struct scheme_cqe cqes[SQ];
	uint64_t n = 0;
	int got, put;

	for (;;) {
		if (scheme_ring_wait_sqe(r, -1))
			break;
		got = scheme_ring_pop(r, sqes, 1 + (unsigned int)(n % SQ));
		for (int i = 0; i < got; i++) {
			want = nth_sqe(n);
			if (memcmp(&sqes[i], &want, sizeof(want)))
				return (void *)(uintptr_t)n;
			cqes[i] = nth_cqe(n++);
		}
		for (int done = 0; done < got; done += put) {
			put = scheme_ring_push(r, cqes + done,
					       (unsigned int)(got - done));
			if (put == -EAGAIN)
				put = scheme_ring_wait_room(r, -1);
			if (put < 0)
				return NULL;
		}
	}
	return (void *)(uintptr_t)n;
}

static uint64_t submit_some(struct scheme_ring *r, uint64_t n)
{
	struct scheme_sqe *sqe;
	uint64_t last = n + n % 61 + 1;

	while (n < last && n < requests && (sqe = scheme_ring_get_sqe(r)))
		*sqe = nth_sqe(n++);
	assert_true(scheme_ring_submit(r) >= 0);
	return n;
}

static uint64_t reap_all(struct scheme_ring *r, uint64_t heard)
{
	struct scheme_cqe *cqe, want;

	while (!scheme_ring_peek_cqe(r, &cqe)) {
		want = nth_cqe(heard++);
		assert_false(memcmp(cqe, &want, sizeof(want)));
		scheme_ring_cqe_seen(r, cqe);
	}
	return heard;
}

static void U9_ten_million_entries_come_in_order_and_whole(void **state)
{
	uint64_t sent = 0, before, heard = 0, told = 1;
	struct scheme_cqe *cqe;
	struct sides s;
	pthread_t server;
	void *served;

	(void)state;
	open_sides(&s);
	assert_int_equal(pthread_create(&server, NULL, serve, &s.provider), 0);
	while (heard < requests) {
		if (heard / PROGRESS != told)
			alarm(WATCHDOG);
		told = heard / PROGRESS;
		before = sent;
		sent = submit_some(&s.client, sent);
		heard = reap_all(&s.client, heard);
		if (sent == before && heard < sent)
			assert_int_equal(scheme_ring_wait_cqe(&s.client, &cqe, -1), 0);
	}
	ring_end_side(&s.client);
	pthread_join(server, &served);
	assert_int_equal((uintptr_t)served, requests);
	assert_int_equal(heard, requests);
	close_sides(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(U9_ten_million_entries_come_in_order_and_whole),
	};

	if (getenv("RING_REQUESTS"))
		requests = strtoull(getenv("RING_REQUESTS"), NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
