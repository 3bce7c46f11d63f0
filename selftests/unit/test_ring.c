// SPDX-License-Identifier: MIT
/* Ring arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../userspace/lib/ring.h"

#define ENTRIES	8U

/* Both ends of one ring: put publishes tail, take publishes head. */
struct ring {
	uint32_t	head, tail;
	struct ring_end	put, take;
	uint32_t	entry[ENTRIES];
};

static void init(struct ring *r, uint32_t start)
{
	r->head = r->tail = start;
	r->put = (struct ring_end){ &r->tail, &r->head, start, ENTRIES, 0 };
	r->take = (struct ring_end){ &r->head, &r->tail, start, ENTRIES, 0 };
}

static void put(struct ring *r, uint32_t value)
{
	assert_true(ring_room(&r->put) > 0);
	r->entry[ring_slot(&r->put)] = value;
	ring_advance(&r->put);
}

static uint32_t take(struct ring *r)
{
	uint32_t value;

	assert_true(ring_filled(&r->take) > 0);
	value = r->entry[ring_slot(&r->take)];
	ring_advance(&r->take);
	return value;
}

static void all_n_slots_are_usable(void **state)
{
	struct ring r;

	(void)state;
	init(&r, 0);
	assert_int_equal(ring_filled(&r.take), 0);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		assert_int_equal(ring_room(&r.put), (int)(ENTRIES - i));
		put(&r, i);
	}
	assert_int_equal(ring_room(&r.put), 0);
	assert_int_equal(ring_filled(&r.take), (int)ENTRIES);
	for (uint32_t i = 0; i < ENTRIES; i++)
		assert_int_equal(take(&r), i);
	assert_int_equal(ring_filled(&r.take), 0);
}

static void indices_wrap_at_2_to_the_32(void **state)
{
	struct ring r;

	(void)state;
	init(&r, UINT32_MAX - 3);
	for (uint32_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < ENTRIES; i++)
			put(&r, round * 100 + i);
		assert_int_equal(ring_room(&r.put), 0);
		for (uint32_t i = 0; i < ENTRIES; i++)
			assert_int_equal(take(&r), round * 100 + i);
	}
	assert_int_equal(r.tail, 4 * ENTRIES - 4);
	assert_int_equal(r.head, r.tail);
}

static void tail_too_far_ahead_is_broken(void **state)
{
	struct ring r;

	(void)state;
	init(&r, 5);
	r.tail = 5 + ENTRIES;
	assert_int_equal(ring_filled(&r.take), (int)ENTRIES);
	r.tail++;
	assert_int_equal(ring_filled(&r.take), -EIO);
	r.tail = 5 + 0x80000000U;
	assert_int_equal(ring_filled(&r.take), -EIO);
}

static void tail_that_goes_back_is_broken(void **state)
{
	struct ring r;

	(void)state;
	init(&r, 5);
	r.tail = 4;
	assert_int_equal(ring_filled(&r.take), -EIO);
	init(&r, 0);
	r.tail = UINT32_MAX;
	assert_int_equal(ring_filled(&r.take), -EIO);
}

static void head_that_passes_the_tail_is_broken(void **state)
{
	struct ring r;

	(void)state;
	init(&r, UINT32_MAX);
	put(&r, 1);
	r.head = 1;		/* one more than there was */
	assert_int_equal(ring_room(&r.put), -EIO);
	r.head = UINT32_MAX - ENTRIES;
	assert_int_equal(ring_room(&r.put), -EIO);
}

/* What the peer writes over our index changes nothing for us. */
static void own_index_is_never_read_back(void **state)
{
	struct ring r;

	(void)state;
	init(&r, 0);
	put(&r, 1);
	r.tail = 77;
	put(&r, 2);
	assert_int_equal(r.tail, 2);
	assert_int_equal(take(&r), 1);
	r.head = 99;
	assert_int_equal(take(&r), 2);
	assert_int_equal(r.head, 2);
}

static void sizes_are_powers_of_two(void **state)
{
	(void)state;
	assert_true(ring_size_ok(1));
	assert_true(ring_size_ok(1U << 30));
	assert_false(ring_size_ok(0));
	assert_false(ring_size_ok(12));
	assert_false(ring_size_ok(1U << 31));
}

static void one_entry_is_enough_for_a_ring(void **state)
{
	struct ring r;

	(void)state;
	init(&r, UINT32_MAX);
	r.put.entries = r.take.entries = 1;
	for (uint32_t i = 0; i < 3; i++) {
		put(&r, i);
		assert_int_equal(ring_room(&r.put), 0);
		assert_int_equal(take(&r), i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_n_slots_are_usable),
		cmocka_unit_test(indices_wrap_at_2_to_the_32),
		cmocka_unit_test(tail_too_far_ahead_is_broken),
		cmocka_unit_test(tail_that_goes_back_is_broken),
		cmocka_unit_test(head_that_passes_the_tail_is_broken),
		cmocka_unit_test(own_index_is_never_read_back),
		cmocka_unit_test(sizes_are_powers_of_two),
		cmocka_unit_test(one_entry_is_enough_for_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
