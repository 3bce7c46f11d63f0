/* SPDX-License-Identifier: MIT */
/* Both ends of a direct ring over shared memory, in one process or two. */
#ifndef UNIT_RING_PAIR_H
#define UNIT_RING_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../userspace/lib/ring_int.h"

#define MS	1000000LL
#define SECOND	(1000 * MS)

struct pair {
	struct scheme_ring_config config;
	struct scheme_ring_fds	client_fds, provider_fds;
	struct scheme_ring	*client, *provider;
	int			region;
};

static inline struct pair pair_setup(uint32_t sq, uint32_t cq)
{
	struct pair p = {
		.config = { .sq_entries = sq, .cq_entries = cq },
		.region = -1,
	};

	assert_int_equal(scheme_ring_setup(&p.config, &p.client_fds,
					   &p.provider_fds), 0);
	return p;
}

/* Before the ends are attached: every index begins here. */
static inline void pair_start_at(struct pair *p, uint32_t index)
{
	struct scheme_ring_config c = p->config;
	struct ring_layout l;
	uint8_t *mem;
	struct scheme_ring_client *client;
	struct scheme_ring_provider *prov;

	assert_int_equal(ring_config(&c), 0);
	l = ring_layout(&c);
	mem = mmap(NULL, l.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   p->client_fds.memory, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	client = (void *)(mem + l.client);
	prov = (void *)(mem + l.provider);
	client->sq_tail = client->cq_head = index;
	prov->sq_head = prov->cq_tail = index;
	munmap(mem, l.size);
}

static inline void pair_attach_client(struct pair *p)
{
	assert_int_equal(scheme_ring_attach(&p->client, SCHEME_RING_CLIENT,
					    &p->config, &p->client_fds), 0);
}

static inline void pair_attach_provider(struct pair *p)
{
	assert_int_equal(scheme_ring_attach(&p->provider, SCHEME_RING_PROVIDER,
					    &p->config, &p->provider_fds), 0);
}

static inline struct pair pair_open(uint32_t sq, uint32_t cq)
{
	struct pair p = pair_setup(sq, cq);

	pair_attach_client(&p);
	pair_attach_provider(&p);
	return p;
}

/* A region at this offset, for the ends that are attached. */
static inline void pair_add_region(struct pair *p, uint64_t offset, size_t size)
{
	if (p->region < 0)
		p->region = scheme_ring_region_create(size);
	assert_true(p->region >= 0);
	if (p->client)
		assert_int_equal(scheme_ring_add_region(p->client, p->region,
							offset, size), 0);
	if (p->provider)
		assert_int_equal(scheme_ring_add_region(p->provider, p->region,
							offset, size), 0);
}

static inline void pair_close(struct pair *p)
{
	if (p->client)
		scheme_ring_close(p->client);
	if (p->provider)
		scheme_ring_close(p->provider);
	scheme_ring_close_fds(&p->client_fds);
	scheme_ring_close_fds(&p->provider_fds);
	if (p->region >= 0)
		close(p->region);
}

/* In a process that is the provider from now on. */
static inline void pair_be_provider(struct pair *p)
{
	scheme_ring_close_fds(&p->client_fds);
	pair_attach_provider(p);
}

static inline void pair_be_client(struct pair *p)
{
	scheme_ring_close_fds(&p->provider_fds);
	pair_attach_client(p);
}

/* The child ends without the test's end: 0 is well. */
static inline void expect_exit(pid_t pid, int status)
{
	int got;

	assert_int_equal(waitpid(pid, &got, 0), pid);
	assert_true(WIFEXITED(got));
	assert_int_equal(WEXITSTATUS(got), status);
}

static inline struct scheme_sqe *get_nop(struct scheme_ring *r,
					 uint64_t user_data)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(r);

	if (sqe) {
		scheme_ring_prep_nop(sqe);
		sqe->user_data = user_data;
	}
	return sqe;
}

static inline int push_one(struct scheme_ring *r, uint64_t user_data,
			   int64_t result)
{
	const struct scheme_cqe cqe = {
		.user_data = user_data,
		.result = result,
	};

	return scheme_ring_push(r, &cqe, 1);
}

/* The next answer is there, and is this one. */
static inline void expect_answer(struct scheme_ring *r, uint64_t user_data,
				 int64_t result)
{
	struct scheme_cqe *cqe;

	assert_int_equal(scheme_ring_peek_cqe(r, &cqe), 0);
	assert_int_equal(cqe->user_data, user_data);
	assert_int_equal(cqe->result, result);
	scheme_ring_cqe_seen(r, cqe);
}

#endif /* UNIT_RING_PAIR_H */
