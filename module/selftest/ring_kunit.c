// SPDX-License-Identifier: GPL-2.0
/* Direct rings: their states, what a poll is told, doorbells, limits. */
#include "../ring.c"

#include "suites.h"

/* These rings have been lent nothing. */
void schm_ring_drop_regions(struct schm_ring *r)
{
}

void schm_ring_drop_files(struct schm_ring *r)
{
}

#define SQ	4U
#define CQ	8U
#define CLIENT	SCHEME_RING_SIDE_CLIENT
#define PROV	SCHEME_RING_SIDE_PROVIDER

static struct schm_ring *new_ring(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_ring *r = schm_ring_alloc(w->s, SQ, CQ);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r);
	return r;
}

/* What the sides write. */
static void set_indices(struct schm_ring *r, u32 sq_tail, u32 sq_head, u32 cq_tail, u32 cq_head)
{
	struct scheme_ring_client *client = (void *)r->client;
	struct scheme_ring_provider *prov = (void *)r->prov;

	client->sq_tail = sq_tail;
	client->cq_head = cq_head;
	prov->cq_tail = cq_tail;
	prov->sq_head = sq_head;
}

/* ---- states ----------------------------------------------------------------- */

static void U6_the_way_to_an_attached_ring(struct kunit *test)
{
	struct schm_ring *r = new_ring(test);

	KUNIT_EXPECT_EQ(test, schm_ring_attach_begin(r), -EBADFD);
	schm_ring_mapped(r);
	KUNIT_EXPECT_EQ(test, r->state, SCHEME_RING_MAPPED);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_end(r), -EBADFD);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_begin(r), 0);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_begin(r), -EBADFD);
	schm_ring_attach_undo(r);
	KUNIT_EXPECT_EQ(test, r->state, SCHEME_RING_MAPPED);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_begin(r), 0);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_end(r), 0);
	KUNIT_EXPECT_EQ(test, r->state, SCHEME_RING_ATTACHED);
	/* mapping it again changes nothing */
	schm_ring_mapped(r);
	KUNIT_EXPECT_EQ(test, r->state, SCHEME_RING_ATTACHED);
	schm_ring_put(r);
}

static void U6_a_shutdown_is_for_good(struct kunit *test)
{
	struct schm_ring *r = new_ring(test);

	schm_ring_mapped(r);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_begin(r), 0);
	schm_ring_shutdown(r);
	KUNIT_EXPECT_EQ(test, r->kern->state, SCHEME_RING_DEAD);
	schm_ring_attach_undo(r);
	schm_ring_mapped(r);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_end(r), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, schm_ring_attach_begin(r), -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, r->state, SCHEME_RING_SHUTDOWN);
	/* nobody waits for a bell any more */
	KUNIT_EXPECT_TRUE(test, schm_ring_take_bell(&r->end[CLIENT]));
	KUNIT_EXPECT_TRUE(test, schm_ring_take_bell(&r->end[CLIENT]));
	schm_ring_put(r);
}

static void U12_the_end_of_a_scheme_is_that_of_its_rings(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_ring *r = new_ring(test), *other = new_ring(test);

	schm_rings_end(w->s);
	KUNIT_EXPECT_EQ(test, r->state, SCHEME_RING_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, other->state, SCHEME_RING_SHUTDOWN);
	schm_ring_put(r);
	KUNIT_EXPECT_FALSE(test, list_empty(&w->s->rings));
	schm_ring_put(other);
	KUNIT_EXPECT_TRUE(test, list_empty(&w->s->rings));
}

static void U12_a_dead_scheme_has_no_new_rings(struct kunit *test)
{
	struct schm_world *w = test->priv;

	w->s->state = SCHM_DYING;
	KUNIT_EXPECT_PTR_EQ(test, schm_ring_alloc(w->s, SQ, CQ), ERR_PTR(-ENODEV));
	w->s->state = SCHM_ALIVE;
}

/* ---- readiness ---------------------------------------------------------------- */

static void U15_the_mask_of_each_side(struct kunit *test)
{
	struct schm_ring *r = new_ring(test);

	set_indices(r, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, ring_mask(r, CLIENT), READY_OUT);
	KUNIT_EXPECT_EQ(test, ring_mask(r, PROV), READY_OUT);
	/* a full submission ring, across the wrap of the indices */
	set_indices(r, 2, 2 - SQ, 0, 0);
	KUNIT_EXPECT_EQ(test, ring_mask(r, CLIENT), 0U);
	KUNIT_EXPECT_EQ(test, ring_mask(r, PROV), READY_IN | READY_OUT);
	/* and a full completion ring */
	set_indices(r, 2, 2 - SQ, 1, 1 - CQ);
	KUNIT_EXPECT_EQ(test, ring_mask(r, CLIENT), READY_IN);
	KUNIT_EXPECT_EQ(test, ring_mask(r, PROV), READY_IN);
	schm_ring_put(r);
}

static void U10_indices_that_cannot_be_wake_who_finds_out(struct kunit *test)
{
	struct schm_ring *r = new_ring(test);

	set_indices(r, SQ + 1, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, ring_mask(r, PROV), READY_IN | READY_OUT);
	KUNIT_EXPECT_EQ(test, ring_mask(r, CLIENT), READY_OUT);
	set_indices(r, 0, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, ring_mask(r, CLIENT), READY_IN | READY_OUT);
	set_indices(r, 0, 0, 0, 0);
	schm_ring_break(r);
	KUNIT_EXPECT_EQ(test, ring_mask(r, PROV), READY_OUT | READY_BROKEN);
	schm_ring_put(r);
}

/* ---- doorbells ------------------------------------------------------------------ */

static void U14_a_doorbell_latches(struct kunit *test)
{
	struct schm_ring *r = new_ring(test);
	struct schm_ring_end *e = &r->end[PROV];

	KUNIT_EXPECT_PTR_EQ(test, schm_ring_other(&r->end[CLIENT]), e);
	KUNIT_EXPECT_FALSE(test, schm_ring_take_bell(e));
	schm_ring_ring(e, false);
	schm_ring_ring(e, false);
	KUNIT_EXPECT_FALSE(test, schm_ring_take_bell(&r->end[CLIENT]));
	KUNIT_EXPECT_TRUE(test, schm_ring_take_bell(e));
	KUNIT_EXPECT_FALSE(test, schm_ring_take_bell(e));
	schm_ring_put(r);
}

static void U15_an_end_that_is_watched_wants_every_change(struct kunit *test)
{
	struct schm_ring *r = new_ring(test);
	struct schm_ring_end *e = &r->end[PROV];
	struct scheme_event event = { .id = 3, .flags = READY_IN };
	struct schm_equeue *q = schm_equeue_alloc();
	struct schm_taken taken;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, q);
	KUNIT_EXPECT_EQ(test, schm_equeue_watch(q, &e->source, &event), 0);
	KUNIT_EXPECT_EQ(test, r->kern->wants[PROV], NEED_ALL);
	KUNIT_EXPECT_EQ(test, r->kern->wants[CLIENT], 0U);
	set_indices(r, 1, 0, 0, 0);
	schm_ring_ring(e, false);
	KUNIT_EXPECT_EQ(test, r->kern->wants[PROV], NEED_ALL);
	KUNIT_ASSERT_EQ(test, schm_equeue_take(q, &taken, 1), 1U);
	KUNIT_EXPECT_EQ(test, taken.event.flags, READY_IN);
	/* the queue goes first: it lets go of the ring */
	schm_equeue_free(q);
	schm_ring_ring(e, false);
	KUNIT_EXPECT_EQ(test, r->kern->wants[PROV], 0U);
	KUNIT_EXPECT_EQ(test, refcount_read(&r->ref), 1U);
	schm_ring_put(r);
}

/* ---- limits ---------------------------------------------------------------------- */

static void S30_a_user_has_so_many_rings(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_ring *r = new_ring(test);

	atomic_add(SCHM_USER_RINGS_MAX - 1, &r->account->rings);
	KUNIT_EXPECT_PTR_EQ(test, schm_ring_alloc(w->s, SQ, CQ), ERR_PTR(-EMFILE));
	atomic_sub(SCHM_USER_RINGS_MAX - 1, &r->account->rings);
	/* and no more pays for one that only its provider keeps */
	schm_ring_unpay(r);
	KUNIT_EXPECT_NULL(test, r->account);
	schm_ring_put(r);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(U6_the_way_to_an_attached_ring),
	KUNIT_CASE(U6_a_shutdown_is_for_good),
	KUNIT_CASE(U12_the_end_of_a_scheme_is_that_of_its_rings),
	KUNIT_CASE(U12_a_dead_scheme_has_no_new_rings),
	KUNIT_CASE(U15_the_mask_of_each_side),
	KUNIT_CASE(U10_indices_that_cannot_be_wake_who_finds_out),
	KUNIT_CASE(U14_a_doorbell_latches),
	KUNIT_CASE(U15_an_end_that_is_watched_wants_every_change),
	KUNIT_CASE(S30_a_user_has_so_many_rings),
	{}
};

struct kunit_suite schm_ring_suite = {
	.name = "schm_ring",
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = cases,
};
