// SPDX-License-Identifier: MIT
/* The pool of a direct ring: regions, buffers, and who still uses them. */
#include "ring_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>

#define PAGE	4096ULL
#define SIZE	(16 * PAGE)
#define AT	(1ULL << 32)

static struct pair pair;

static int setup(void **state)
{
	(void)state;
	pair = pair_open(8, 8);
	pair_add_region(&pair, AT, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_close(&pair);
	return 0;
}

/* ---- regions ------------------------------------------------------------------- */

static void U22_addresses_outside_the_regions_lead_nowhere(void **state)
{
	const struct scheme_ring *r = pair.provider;

	(void)state;
	assert_non_null(scheme_ring_at(r, AT, SIZE));
	assert_non_null(scheme_ring_at(r, AT + SIZE - 1, 1));
	assert_null(scheme_ring_at(r, AT, SIZE + 1));
	assert_null(scheme_ring_at(r, AT + SIZE - 1, 2));
	assert_null(scheme_ring_at(r, AT + SIZE, 0));
	assert_null(scheme_ring_at(r, AT - 1, 1));
	assert_null(scheme_ring_at(r, 0, 1));
	assert_null(scheme_ring_at(r, AT + 1, UINT64_MAX));
	assert_null(scheme_ring_at(r, UINT64_MAX, 1));
	assert_null(scheme_ring_at(r, UINT64_MAX - 1, 2));
}

static void U22_what_one_side_writes_the_other_reads(void **state)
{
	uint64_t addr;

	(void)state;
	assert_int_equal(scheme_ring_alloc(pair.client, 100, &addr), 0);
	memset(scheme_ring_at(pair.client, addr, 100), 0x42, 100);
	assert_int_equal(*(uint8_t *)scheme_ring_at(pair.provider, addr + 99, 1), 0x42);
}

static int add(uint64_t offset, size_t size)
{
	return scheme_ring_add_region(pair.client, pair.region, offset, size);
}

static void U22_regions_that_cannot_be_are_refused(void **state)
{
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(add(AT, SIZE), -EEXIST);
	assert_int_equal(add(AT + SIZE - PAGE, PAGE), -EEXIST);
	assert_int_equal(add(AT - PAGE, 2 * PAGE), -EEXIST);
	assert_int_equal(add(AT + SIZE + 1, PAGE), -EINVAL);
	assert_int_equal(add(AT + SIZE, PAGE - 1), -EINVAL);
	assert_int_equal(add(AT + SIZE, 0), -EINVAL);
	assert_int_equal(add(AT + SIZE, SIZE + PAGE), -EINVAL);
	assert_int_equal(add(0, SCHEME_RING_REGION_MAX + PAGE), -EINVAL);
	assert_int_equal(add(UINT64_MAX - PAGE + 1, 2 * PAGE), -EINVAL);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(scheme_ring_add_region(pair.client, fd, 0, SIZE), -EINVAL);
	close(fd);
	assert_int_equal(scheme_ring_add_region(pair.client, -1, 0, SIZE), -EBADF);
	for (uint64_t i = 1; i < SCHEME_RING_REGIONS_MAX; i++)
		assert_int_equal(add(AT + i * SIZE, SIZE), 0);
	assert_int_equal(add(0, PAGE), -ENOSPC);
	assert_int_equal(scheme_ring_region_create(0), -EINVAL);
	assert_int_equal(scheme_ring_region_create(100), -EINVAL);
	assert_int_equal(scheme_ring_region_create(SCHEME_RING_REGION_MAX + PAGE),
			 -EINVAL);
}

/*
 * A hole in it could not be filled by who looks there next. They need not be there, nor
 * does the size have to be right: that is not what is wrong.
 */
static void U22_huge_pages_are_no_region(void **state)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	struct statfs fs;
	off_t huge;

	(void)state;
	if (fd < 0 && (errno == ENOSYS || errno == ENODEV || errno == EINVAL))
		skip();		/* a kernel without them */
	assert_true(fd >= 0);
	assert_int_equal(fstatfs(fd, &fs), 0);
	huge = (off_t)fs.f_bsize;
	assert_true((uint64_t)huge > PAGE);
	assert_int_equal(ftruncate(fd, huge), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(scheme_ring_add_region(pair.client, fd, 0, PAGE), -EOPNOTSUPP);
	assert_int_equal(scheme_ring_add_region(pair.provider, fd, 0, PAGE), -EOPNOTSUPP);
	assert_int_equal(scheme_ring_add_region(pair.client, fd, AT + SIZE, (size_t)huge),
			 -EOPNOTSUPP);
	assert_int_equal(check_sealed(fd, 2 * (uint64_t)huge), -EOPNOTSUPP);
	/* nothing of it is left, and the place is free */
	assert_null(scheme_ring_at(pair.client, 0, 1));
	assert_int_equal(add(0, PAGE), 0);
	close(fd);
}

/* Neighbours in the pool are not one piece of memory. */
static void U22_no_buffer_spans_two_regions(void **state)
{
	uint64_t addr;

	(void)state;
	assert_int_equal(add(AT + SIZE, SIZE), 0);
	assert_int_equal(scheme_ring_alloc(pair.client, 2 * SIZE, &addr), -ENOMEM);
	assert_null(scheme_ring_at(pair.client, AT + SIZE - 1, 2));
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE, &addr), 0);
	assert_int_equal(addr, AT);
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE, &addr), 0);
	assert_int_equal(addr, AT + SIZE);
	assert_int_equal(scheme_ring_alloc(pair.client, 1, &addr), -ENOMEM);
	/* the provider has not been told of the second one */
	assert_null(scheme_ring_at(pair.provider, AT + SIZE, 1));
}

/* ---- the allocator against a model ---------------------------------------------- */

#define MODEL_BLOCKS	200		/* no power of two */
#define MODEL_SIZE	(MODEL_BLOCKS * (uint64_t)RING_BLOCK)

struct used {
	uint64_t	start, blocks;	/* blocks 0: not used */
};

struct model {
	struct ring_buddy *buddy;
	struct used	used[MODEL_BLOCKS];
	bool		taken[MODEL_BLOCKS];
	unsigned int	seed;
};

static uint64_t rounded(uint64_t len)
{
	uint64_t n = 1;

	while (n * RING_BLOCK < len)
		n *= 2;
	return n;
}

static bool is_free(const struct model *m, uint64_t start, uint64_t blocks)
{
	if (start + blocks > MODEL_BLOCKS)
		return false;
	for (uint64_t i = start; i < start + blocks; i++)
		if (m->taken[i])
			return false;
	return true;
}

static bool any_free(const struct model *m, uint64_t blocks)
{
	for (uint64_t i = 0; i < MODEL_BLOCKS; i += blocks)
		if (is_free(m, i, blocks))
			return true;
	return false;
}

static void set_taken(struct model *m, const struct used *u, bool taken)
{
	for (uint64_t i = u->start; i < u->start + u->blocks; i++)
		m->taken[i] = taken;
}

static void model_alloc(struct model *m, struct used *u)
{
	uint64_t offset, len = 1 + (uint64_t)rand_r(&m->seed) % (MODEL_SIZE / 4);
	uint64_t blocks;

	len >>= rand_r(&m->seed) % 10;	/* mostly small ones */
	len += !len;
	blocks = rounded(len);
	if (buddy_alloc(m->buddy, len, &offset)) {
		assert_false(any_free(m, blocks));
		return;
	}
	assert_int_equal(offset % (blocks * RING_BLOCK), 0);
	*u = (struct used){ offset / RING_BLOCK, blocks };
	assert_true(is_free(m, u->start, blocks));
	set_taken(m, u, true);
}

static void model_free(struct model *m, struct used *u)
{
	uint64_t start, at = u->start * RING_BLOCK;

	/* any place in it leads to it; only its begin gives it back */
	assert_true(buddy_hold(m->buddy, at + u->blocks * RING_BLOCK - 1, &start));
	assert_int_equal(start, at);
	buddy_drop(m->buddy, start);
	if (u->blocks > 1)
		assert_int_equal(buddy_free(m->buddy, at + RING_BLOCK), -EINVAL);
	assert_int_equal(buddy_free(m->buddy, at + 1), -EINVAL);
	assert_int_equal(buddy_free(m->buddy, at), 0);
	assert_int_equal(buddy_free(m->buddy, at), -EINVAL);
	set_taken(m, u, false);
	u->blocks = 0;
}

static void U22_allocator_does_what_a_model_does(void **state)
{
	struct model m = { .buddy = buddy_new(MODEL_SIZE), .seed = 20200624 };
	uint64_t offset;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct used *u = &m.used[rand_r(&m.seed) % MODEL_BLOCKS];

		if (u->blocks)
			model_free(&m, u);
		else if (rand_r(&m.seed) % 3)
			model_alloc(&m, u);
	}
	for (int i = 0; i < MODEL_BLOCKS; i++)
		if (m.used[i].blocks)
			model_free(&m, &m.used[i]);
	/* all of it has come together again: 200 are 128 and 64 and 8 */
	assert_int_equal(buddy_alloc(m.buddy, 128ULL * RING_BLOCK, &offset), 0);
	assert_int_equal(buddy_alloc(m.buddy, 64ULL * RING_BLOCK, &offset), 0);
	assert_int_equal(buddy_alloc(m.buddy, 8ULL * RING_BLOCK, &offset), 0);
	assert_int_equal(buddy_alloc(m.buddy, 1, &offset), -ENOMEM);
	buddy_delete(m.buddy);
}

static void U22_one_block_is_enough_for_a_region(void **state)
{
	struct ring_buddy *b = buddy_new(RING_BLOCK);
	uint64_t offset;

	(void)state;
	assert_int_equal(buddy_alloc(b, RING_BLOCK + 1, &offset), -ENOMEM);
	assert_int_equal(buddy_free(b, 0), -EINVAL);
	assert_int_equal(buddy_alloc(b, RING_BLOCK, &offset), 0);
	assert_int_equal(offset, 0);
	assert_int_equal(buddy_alloc(b, 1, &offset), -ENOMEM);
	assert_int_equal(buddy_free(b, RING_BLOCK), -EINVAL);
	assert_int_equal(buddy_free(b, 0), 0);
	buddy_delete(b);
}

/* ---- in use ---------------------------------------------------------------------- */

static void send_read(uint64_t user_data, uint64_t addr)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(pair.client);

	assert_non_null(sqe);
	scheme_ring_prep_read(sqe, 1, addr, 64, 0);
	sqe->user_data = user_data;
	assert_int_equal(scheme_ring_submit(pair.client), 1);
}

static bool is_given_out(uint64_t addr)
{
	uint64_t other;

	/* all of the region is this buffer, or it is another's */
	if (scheme_ring_alloc(pair.client, SIZE, &other))
		return true;
	assert_int_equal(other, addr);
	assert_int_equal(scheme_ring_free(pair.client, other), 0);
	return false;
}

static void U22_buffer_in_use_is_not_reused_before_its_answer(void **state)
{
	struct scheme_cqe *cqe;
	uint64_t addr;

	(void)state;
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE, &addr), 0);
	send_read(1, addr);
	send_read(2, addr + 128);	/* somewhere in it */
	assert_int_equal(scheme_ring_free(pair.client, addr), 0);
	assert_int_equal(scheme_ring_free(pair.client, addr), -EINVAL);
	assert_true(is_given_out(addr));
	assert_int_equal(push_one(pair.provider, 1, 64), 1);
	assert_int_equal(push_one(pair.provider, 2, 64), 1);
	expect_answer(pair.client, 1, 64);
	assert_true(is_given_out(addr));
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), 0);
	assert_true(is_given_out(addr));	/* not before it is seen */
	scheme_ring_cqe_seen(pair.client, cqe);
	assert_false(is_given_out(addr));
}

static void U22_answered_buffer_stays_until_it_is_freed(void **state)
{
	uint64_t addr;

	(void)state;
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE, &addr), 0);
	send_read(1, addr);
	assert_int_equal(push_one(pair.provider, 1, 64), 1);
	expect_answer(pair.client, 1, 64);
	assert_true(is_given_out(addr));
	assert_int_equal(scheme_ring_free(pair.client, addr), 0);
	assert_false(is_given_out(addr));
}

/* A false answer, or one to another request, gives nothing back. */
static void U24_false_answer_gives_no_buffer_back(void **state)
{
	struct scheme_cqe *cqe;
	uint64_t addr;

	(void)state;
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE, &addr), 0);
	send_read(1, addr);
	assert_int_equal(scheme_ring_free(pair.client, addr), 0);
	assert_int_equal(push_one(pair.provider, 2, 64), 1);
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -EAGAIN);
	assert_true(is_given_out(addr));
}

/* Of two with the same name nobody knows which one has been answered. */
static void U22_requests_of_one_name_keep_all_their_buffers(void **state)
{
	uint64_t a, b, c;

	(void)state;
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE / 2, &a), 0);
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE / 2, &b), 0);
	send_read(7, a);
	send_read(7, b);
	assert_int_equal(scheme_ring_free(pair.client, a), 0);
	assert_int_equal(scheme_ring_free(pair.client, b), 0);
	assert_int_equal(push_one(pair.provider, 7, 64), 1);
	expect_answer(pair.client, 7, 64);
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE / 2, &c), -ENOMEM);
	assert_int_equal(push_one(pair.provider, 7, 64), 1);
	expect_answer(pair.client, 7, 64);
	assert_int_equal(scheme_ring_alloc(pair.client, SIZE, &c), 0);
}

/* The same in flight and out again, with names that collide and names that do not. */
static void U24_many_requests_find_their_answers(void **state)
{
	unsigned int seed = 7;
	uint64_t live[8];
	uint32_t n = 0;

	(void)state;
	for (uint64_t round = 0; round < 20000; round++) {
		if (n < 8 && rand_r(&seed) % 2) {
			live[n] = rand_r(&seed) % 2 ? round << 40 : round % 3;
			send_read(live[n++], AT);
			continue;
		}
		if (!n)
			continue;
		uint32_t i = (uint32_t)rand_r(&seed) % n;
		struct scheme_sqe sqes[8];

		scheme_ring_pop(pair.provider, sqes, 8);
		assert_int_equal(push_one(pair.provider, live[i], 1), 1);
		expect_answer(pair.client, live[i], 1);
		live[i] = live[--n];
		assert_int_equal(scheme_ring_in_flight(pair.client), n);
	}
	assert_int_equal(scheme_ring_forged(pair.client), 0);
}

static void U22_call_needs_a_buffer_for_both_ways(void **state)
{
	const uint64_t word[3] = { 1, 2, 3 };
	struct scheme_call_header head;
	struct scheme_sqe *sqe = scheme_ring_get_sqe(pair.client);

	(void)state;
	assert_int_equal(scheme_ring_prep_call(pair.client, sqe, 1, word,
					       AT + SIZE - 64, 64, 0), -EFAULT);
	assert_int_equal(scheme_ring_prep_call(pair.client, sqe, 1, word,
					       AT + SIZE - 64, 0, 65), -EFAULT);
	assert_int_equal(scheme_ring_prep_call(pair.client, sqe, 1, word, AT,
					       UINT32_MAX, 0), -EFAULT);
	assert_int_equal(scheme_ring_prep_call(pair.client, sqe, 1, word,
					       AT + SIZE - 64, 32, 64), 0);
	assert_int_equal(sqe->len, 64);
	assert_int_equal(sqe->aux, 64);
	memcpy(&head, scheme_ring_at(pair.provider, sqe->addr, sizeof(head)),
	       sizeof(head));
	assert_memory_equal(head.word, word, sizeof(word));
	assert_int_equal(head.in_len, 32);
	assert_int_equal(head.out_len, 64);
}

static void only_the_client_hands_out(void **state)
{
	uint64_t addr;

	(void)state;
	assert_int_equal(scheme_ring_alloc(pair.provider, 64, &addr), -EINVAL);
	assert_int_equal(scheme_ring_free(pair.provider, AT), -EINVAL);
	assert_int_equal(scheme_ring_alloc(pair.client, 0, &addr), -EINVAL);
	assert_int_equal(scheme_ring_free(pair.client, AT), -EINVAL);
	assert_int_equal(scheme_ring_free(pair.client, 5), -EINVAL);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U22_addresses_outside_the_regions_lead_nowhere),
		TEST(U22_what_one_side_writes_the_other_reads),
		TEST(U22_regions_that_cannot_be_are_refused),
		TEST(U22_huge_pages_are_no_region),
		TEST(U22_no_buffer_spans_two_regions),
		TEST(U22_allocator_does_what_a_model_does),
		TEST(U22_one_block_is_enough_for_a_region),
		TEST(U22_buffer_in_use_is_not_reused_before_its_answer),
		TEST(U22_answered_buffer_stays_until_it_is_freed),
		TEST(U22_requests_of_one_name_keep_all_their_buffers),
		TEST(U22_call_needs_a_buffer_for_both_ways),
		TEST(U24_false_answer_gives_no_buffer_back),
		TEST(U24_many_requests_find_their_answers),
		TEST(only_the_client_hands_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
