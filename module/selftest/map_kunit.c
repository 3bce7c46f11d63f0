// SPDX-License-Identifier: GPL-2.0
/* Who maps a handle's memory, and the MUNMAP when nobody does any more. */
#include "../map.c"

#include "suites.h"

static void expect_munmap(struct kunit *test, u64 made)
{
	struct schm_world *w = test->priv;
	struct scheme_sqe sqe = {};

	KUNIT_ASSERT_TRUE(test, schm_prov_take(w->q, &sqe));
	KUNIT_EXPECT_EQ(test, sqe.opcode, SCHEME_OP_MUNMAP);
	KUNIT_EXPECT_EQ(test, sqe.flags, SCHEME_SQE_ONEWAY);
	KUNIT_EXPECT_EQ(test, sqe.handle, 7);
	KUNIT_EXPECT_EQ(test, sqe.aux, made);
}

static void expect_nothing(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct scheme_sqe sqe;

	KUNIT_EXPECT_FALSE(test, schm_prov_take(w->q, &sqe));
}

static void S25_last_mapping_sends_one_munmap(struct kunit *test)
{
	struct schm_world *w = test->priv;
	int i;

	for (i = 0; i < 3; i++)
		schm_map_open(w->h);
	for (i = 0; i < 2; i++)
		schm_map_close(w->h);
	expect_nothing(test);
	schm_map_close(w->h);
	expect_munmap(test, 3);
	expect_nothing(test);
	KUNIT_EXPECT_EQ(test, refcount_read(&w->h->ref), 1);
	/* they count on */
	schm_map_open(w->h);
	schm_map_close(w->h);
	expect_munmap(test, 4);
}

/* On a full ring the entry waits, and is used again when it has gone. */
static void S25_munmaps_that_wait_become_one(struct kunit *test)
{
	struct schm_world *w = test->priv;
	int i;

	schm_world_fill(test);
	for (i = 0; i < 5; i++) {
		schm_map_open(w->h);
		schm_map_close(w->h);
	}
	KUNIT_EXPECT_TRUE(test, w->h->map.busy && w->h->map.due);
	KUNIT_EXPECT_EQ(test, refcount_read(&w->h->ref), 2);
	KUNIT_EXPECT_EQ(test, schm_prov_drain(w->q), WORLD_ENTRIES);
	schm_answers_enter(w->q, false);
	/* the one that waited, and one for all that came then */
	expect_munmap(test, 1);
	expect_munmap(test, 5);
	expect_nothing(test);
	KUNIT_EXPECT_FALSE(test, w->h->map.busy || w->h->map.due);
	KUNIT_EXPECT_EQ(test, refcount_read(&w->h->ref), 1);
}

static void S25_memory_that_is_mapped_again_is_not_told_gone(struct kunit *test)
{
	struct schm_world *w = test->priv;

	schm_world_fill(test);
	schm_map_open(w->h);
	schm_map_close(w->h);
	schm_map_open(w->h);
	schm_map_close(w->h);
	schm_map_open(w->h);
	schm_prov_drain(w->q);
	schm_answers_enter(w->q, false);
	expect_munmap(test, 1);
	expect_nothing(test);
	schm_map_close(w->h);
	expect_munmap(test, 3);
	expect_nothing(test);
}

static void S25_close_comes_behind_the_munmap(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct scheme_sqe sqe = {};

	schm_map_open(w->h);
	/* its file is closed while it is mapped */
	schm_handle_put(w->h);
	expect_nothing(test);
	schm_map_close(w->h);
	w->h = NULL;
	expect_munmap(test, 1);
	KUNIT_EXPECT_TRUE(test, schm_prov_take(w->q, &sqe));
	KUNIT_EXPECT_EQ(test, sqe.opcode, SCHEME_OP_CLOSE);
	KUNIT_EXPECT_EQ(test, kref_read(&w->s->ref), 1);
}

static void S25_close_comes_behind_a_munmap_that_waits(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct scheme_sqe sqe = {};

	schm_world_fill(test);
	schm_map_open(w->h);
	schm_handle_put(w->h);
	schm_map_close(w->h);
	w->h = NULL;
	schm_prov_drain(w->q);
	schm_answers_enter(w->q, false);
	expect_munmap(test, 1);
	KUNIT_EXPECT_TRUE(test, schm_prov_take(w->q, &sqe));
	KUNIT_EXPECT_EQ(test, sqe.opcode, SCHEME_OP_CLOSE);
	KUNIT_EXPECT_EQ(test, kref_read(&w->s->ref), 1);
}

static void S20_mapping_outlives_the_scheme(struct kunit *test)
{
	struct schm_world *w = test->priv;

	schm_map_open(w->h);
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	schm_queue_fail(w->other, SCHEME_RING_DEAD);
	schm_handle_put(w->h);
	/* and nobody is there to be told */
	schm_map_close(w->h);
	w->h = NULL;
	KUNIT_EXPECT_EQ(test, kref_read(&w->s->ref), 1);
}

static void S20_munmap_that_waits_goes_with_the_queue(struct kunit *test)
{
	struct schm_world *w = test->priv;

	schm_world_fill(test);
	schm_map_open(w->h);
	schm_map_close(w->h);
	schm_map_open(w->h);
	schm_map_close(w->h);
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	schm_queue_fail(w->other, SCHEME_RING_DEAD);
	KUNIT_EXPECT_FALSE(test, w->h->map.busy || w->h->map.due);
	KUNIT_EXPECT_EQ(test, refcount_read(&w->h->ref), 1);
}

static void S25_memory_has_a_reference_for_each_who_asks(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = get_file(schm_world_file(test, "[file]"));
	struct schm_memory memory = { .file = file, .first = 1, .nr = 2 };
	struct schm_memory got;

	KUNIT_EXPECT_EQ(test, schm_map_get(w->h, &got), -ENODEV);
	KUNIT_EXPECT_NULL(test, got.file);
	schm_map_swap(w->h, &memory);
	KUNIT_EXPECT_NULL(test, memory.file);
	KUNIT_EXPECT_EQ(test, schm_map_get(w->h, &got), 0);
	KUNIT_EXPECT_EQ(test, (int)file_count(file), 3);
	schm_map_swap(w->h, &memory);
	KUNIT_EXPECT_PTR_EQ(test, memory.file, file);
	KUNIT_EXPECT_EQ(test, memory.first, 1);
	KUNIT_EXPECT_EQ(test, memory.nr, 2);
	KUNIT_EXPECT_EQ(test, schm_map_get(w->h, &memory), -ENODEV);
	fput(file);
	fput(file);
	fput(file);
}

static struct kunit_case map_cases[] = {
	KUNIT_CASE(S25_last_mapping_sends_one_munmap),
	KUNIT_CASE(S25_munmaps_that_wait_become_one),
	KUNIT_CASE(S25_memory_that_is_mapped_again_is_not_told_gone),
	KUNIT_CASE(S25_close_comes_behind_the_munmap),
	KUNIT_CASE(S25_close_comes_behind_a_munmap_that_waits),
	KUNIT_CASE(S20_mapping_outlives_the_scheme),
	KUNIT_CASE(S20_munmap_that_waits_goes_with_the_queue),
	KUNIT_CASE(S25_memory_has_a_reference_for_each_who_asks),
	{}
};

struct kunit_suite schm_map_suite = {
	.name = "schm_map",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = map_cases,
};
