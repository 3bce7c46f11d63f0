// SPDX-License-Identifier: GPL-2.0
/* A direct ring: its memory, its states, its doorbells. */
#include "ring.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "account.h"
#include "limits.h"
#include "memory.h"
#include "scheme.h"

#define NEED_ALL	(SCHEME_RING_NEED_WAKEUP | SCHEME_RING_NEED_ROOM)
#define READY_IN	((__force u32)(EPOLLIN | EPOLLRDNORM))
#define READY_OUT	((__force u32)(EPOLLOUT | EPOLLWRNORM))
#define READY_END	((__force u32)(EPOLLHUP | EPOLLRDHUP))
#define READY_BROKEN	((__force u32)EPOLLERR)

/* ---- readiness -------------------------------------------------------------- */

/* Entries between two indices, which user space writes: may be anything. */
static u32 between(const u32 *tail, const u32 *head)
{
	u32 at = READ_ONCE(*head);

	return READ_ONCE(*tail) - at;
}

/*
 * More than there can be: both have moved meanwhile, or somebody wrote rubbish.
 * Let the side look, which knows its own index and finds out.
 */
static u32 indices_mask(u32 taken, u32 take_max, u32 put, u32 put_max)
{
	u32 mask = 0;

	if (taken)
		mask |= READY_IN;
	if (put < put_max || put > put_max || taken > take_max)
		mask |= READY_OUT;
	return mask;
}

static u32 ring_mask(const struct schm_ring *r, u32 side)
{
	u32 sq = between(&r->client->sq_tail, &r->prov->sq_head);
	u32 cq = between(&r->prov->cq_tail, &r->client->cq_head);
	u32 state = READ_ONCE(r->kern->state), mask;

	if (side == SCHEME_RING_SIDE_CLIENT)
		mask = indices_mask(cq, r->at.cq_entries, sq, r->at.sq_entries);
	else
		mask = indices_mask(sq, r->at.sq_entries, cq, r->at.cq_entries);
	if (state & SCHEME_RING_DEAD)
		mask |= READY_END;
	if (state & SCHEME_RING_BROKEN)
		mask |= READY_BROKEN;
	return mask;
}

/*
 * Have changes ring the doorbell, then look. Pairs with the barrier of a side
 * between the index that it moves and the words that it reads.
 */
static u32 want_locked(struct schm_ring_end *e, u32 wants)
{
	struct schm_ring *r = e->ring;

	lockdep_assert_held(&r->lock);
	WRITE_ONCE(r->kern->wants[e->side], READ_ONCE(r->kern->wants[e->side]) | wants);
	/* pairs with the other side's, which moves an index and then looks here */
	smp_mb();
	return ring_mask(r, e->side);
}

/* Who waits for entries shall not cost the other side a doorbell for room. */
u32 schm_ring_poll(struct schm_ring_end *e, u32 asked)
{
	u32 mask, wants = 0;

	if (asked & READY_IN)
		wants |= SCHEME_RING_NEED_WAKEUP;
	if (asked & READY_OUT)
		wants |= SCHEME_RING_NEED_ROOM;
	spin_lock(&e->ring->lock);
	mask = want_locked(e, wants);
	spin_unlock(&e->ring->lock);
	return mask;
}

/* ---- as a source of events -------------------------------------------------- */

static struct schm_ring_end *source_end(struct schm_source *s)
{
	return container_of(s, struct schm_ring_end, source);
}

static u32 end_state_locked(struct schm_source *s)
{
	return want_locked(source_end(s), NEED_ALL);
}

static void end_source_get(struct schm_source *s)
{
	schm_ring_get(source_end(s)->ring);
}

static void end_source_put(struct schm_source *s)
{
	schm_ring_put(source_end(s)->ring);
}

static const struct schm_source_ops end_source_ops = {
	.state_locked	= end_state_locked,
	.get		= end_source_get,
	.put		= end_source_put,
};

/* ---- doorbells -------------------------------------------------------------- */

/*
 * Who polls asks again, and so wants the next one again; an event queue does not
 * ask, so as long as one watches, every change rings.
 */
static void ring_locked(struct schm_ring_end *e, bool sync)
{
	struct schm_ring *r = e->ring;

	lockdep_assert_held(&r->lock);
	WRITE_ONCE(e->rung, true);
	WRITE_ONCE(r->kern->wants[e->side], e->source.nr ? NEED_ALL : 0);
	/* pairs with the other side's: it asks again, or we see its index */
	smp_mb();
	schm_source_post_locked(&e->source, ring_mask(r, e->side));
	if (sync)
		wake_up_interruptible_sync_poll(&e->bell, 0);
	else
		wake_up_interruptible(&e->bell);
	/*
	 * All who poll, for whatever, and exclusive ones, too: they must look
	 * again, since nothing is wanted on their behalf any more.
	 */
	__wake_up(&e->wait, TASK_INTERRUPTIBLE, 0, poll_to_key(0));
}

void schm_ring_ring(struct schm_ring_end *e, bool sync)
{
	spin_lock(&e->ring->lock);
	ring_locked(e, sync);
	spin_unlock(&e->ring->lock);
}

bool schm_ring_take_bell(struct schm_ring_end *e)
{
	struct schm_ring *r = e->ring;
	bool rung;

	spin_lock(&r->lock);
	rung = e->rung || r->kern->state;
	e->rung = false;
	spin_unlock(&r->lock);
	return rung;
}

/* ---- states ------------------------------------------------------------------- */

static void ring_set_state_locked(struct schm_ring *r, u32 state)
{
	lockdep_assert_held(&r->lock);
	WRITE_ONCE(r->state, state);
}

void schm_ring_mapped(struct schm_ring *r)
{
	spin_lock(&r->lock);
	if (r->state == SCHEME_RING_CREATED)
		ring_set_state_locked(r, SCHEME_RING_MAPPED);
	spin_unlock(&r->lock);
}

/* Move on from a state; else say what is wrong with the one there is. */
static int ring_move(struct schm_ring *r, u32 from, u32 to)
{
	int ret = 0;

	spin_lock(&r->lock);
	if (r->state == from)
		ring_set_state_locked(r, to);
	else
		ret = r->state == SCHEME_RING_SHUTDOWN ? -ESHUTDOWN : -EBADFD;
	spin_unlock(&r->lock);
	return ret;
}

int schm_ring_attach_begin(struct schm_ring *r)
{
	return ring_move(r, SCHEME_RING_MAPPED, SCHEME_RING_ATTACHING);
}

void schm_ring_attach_undo(struct schm_ring *r)
{
	/* unless it has been shut down meanwhile, which is as well */
	ring_move(r, SCHEME_RING_ATTACHING, SCHEME_RING_MAPPED);
}

int schm_ring_attach_end(struct schm_ring *r)
{
	return ring_move(r, SCHEME_RING_ATTACHING, SCHEME_RING_ATTACHED);
}

static void ring_tell_locked(struct schm_ring *r, u32 state)
{
	unsigned int side;

	lockdep_assert_held(&r->lock);
	/* what was published before the end is in memory before it is seen */
	smp_store_release(&r->kern->state, READ_ONCE(r->kern->state) | state);
	for (side = 0; side < ARRAY_SIZE(r->end); side++)
		ring_locked(&r->end[side], false);
}

void schm_ring_shutdown(struct schm_ring *r)
{
	spin_lock(&r->lock);
	if (r->state != SCHEME_RING_SHUTDOWN) {
		ring_set_state_locked(r, SCHEME_RING_SHUTDOWN);
		ring_tell_locked(r, SCHEME_RING_DEAD);
	}
	spin_unlock(&r->lock);
}

void schm_ring_break(struct schm_ring *r)
{
	spin_lock(&r->lock);
	if (!(r->kern->state & SCHEME_RING_BROKEN))
		ring_tell_locked(r, SCHEME_RING_BROKEN);
	spin_unlock(&r->lock);
}

/* Not all in one go under the lock: a user may have many, and many who watch. */
void schm_rings_end(struct schm_scheme *s)
{
	struct schm_ring *r;
	LIST_HEAD(left);

	spin_lock(&s->lock);
	list_splice_tail_init(&s->rings, &left);
	while ((r = list_first_entry_or_null(&left, struct schm_ring, scheme_node))) {
		list_move(&r->scheme_node, &s->rings);
		/* one that is on its way out tells nobody */
		if (!refcount_inc_not_zero(&r->ref))
			continue;
		spin_unlock(&s->lock);
		schm_ring_shutdown(r);
		schm_ring_put(r);
		spin_lock(&s->lock);
	}
	spin_unlock(&s->lock);
}

/* ---- memory and life ---------------------------------------------------------- */

static void ring_layout(struct scheme_ring_info *at, u32 sq_entries, u32 cq_entries)
{
	at->sq_entries = sq_entries;
	at->cq_entries = cq_entries;
	/* rights are per page */
	at->client_off = 0;
	at->provider_off = at->client_off + PAGE_SIZE;
	at->kernel_off = at->provider_off + PAGE_SIZE;
	at->sq_off = at->kernel_off + PAGE_SIZE;
	at->cq_off = at->sq_off + PAGE_ALIGN(sq_entries * sizeof(struct scheme_sqe));
	at->size = at->cq_off + PAGE_ALIGN(cq_entries * sizeof(struct scheme_cqe));
}

/* The kernel looks at the first three pages only. */
#define MAPPED_PAGES	3

static int ring_alloc_memory(struct schm_ring *r)
{
	size_t nr = r->at.size >> PAGE_SHIFT;

	r->pages = schm_memory_pages(nr);
	if (!r->pages)
		return -ENOMEM;
	r->mem = vmap(r->pages, MAPPED_PAGES, VM_MAP, PAGE_KERNEL);
	if (!r->mem) {
		schm_memory_free_pages(r->pages, nr);
		return -ENOMEM;
	}
	r->client = r->mem + r->at.client_off;
	r->prov = r->mem + r->at.provider_off;
	r->kern = r->mem + r->at.kernel_off;
	return 0;
}

static void ring_free_memory(struct schm_ring *r)
{
	vunmap(r->mem);
	schm_memory_free_pages(r->pages, r->at.size >> PAGE_SHIFT);
}

void schm_ring_unpay(struct schm_ring *r)
{
	struct schm_account *account;

	spin_lock(&r->lock);
	account = r->account;
	r->account = NULL;
	spin_unlock(&r->lock);
	if (!account)
		return;
	atomic_dec(&account->rings);
	schm_account_put(account);
}

static int ring_pay(struct schm_ring *r)
{
	r->account = schm_account_get();
	if (!r->account)
		return -ENOMEM;
	if (atomic_inc_return(&r->account->rings) <= SCHM_USER_RINGS_MAX)
		return 0;
	schm_ring_unpay(r);
	return -EMFILE;
}

/* From now on it ends with its scheme. */
static int ring_enlist(struct schm_ring *r, struct schm_scheme *s)
{
	int ret = -ENODEV;

	spin_lock(&s->lock);
	if (s->state == SCHM_ALIVE) {
		list_add(&r->scheme_node, &s->rings);
		r->scheme = schm_scheme_get(s);
		ret = 0;
	}
	spin_unlock(&s->lock);
	return ret;
}

static void ring_init_end(struct schm_ring *r, u32 side)
{
	struct schm_ring_end *e = &r->end[side];

	e->ring = r;
	e->side = side;
	schm_source_init(&e->source, &r->lock, &end_source_ops);
	init_waitqueue_head(&e->bell);
	init_waitqueue_head(&e->wait);
}

struct schm_ring *schm_ring_alloc(struct schm_scheme *s, u32 sq_entries,
				  u32 cq_entries)
{
	struct schm_ring *r;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return ERR_PTR(-ENOMEM);
	refcount_set(&r->ref, 1);
	spin_lock_init(&r->lock);
	r->state = SCHEME_RING_CREATED;
	ring_init_end(r, SCHEME_RING_SIDE_CLIENT);
	ring_init_end(r, SCHEME_RING_SIDE_PROVIDER);
	ring_layout(&r->at, sq_entries, cq_entries);
	ret = ring_pay(r);
	if (ret)
		goto err_free;
	ret = ring_alloc_memory(r);
	if (ret)
		goto err_unpay;
	ret = ring_enlist(r, s);
	if (ret)
		goto err_free_memory;
	return r;

err_free_memory:
	ring_free_memory(r);
err_unpay:
	schm_ring_unpay(r);
err_free:
	kfree(r);
	return ERR_PTR(ret);
}

void schm_ring_put(struct schm_ring *r)
{
	struct schm_scheme *s = r->scheme;

	if (!refcount_dec_and_test(&r->ref))
		return;
	spin_lock(&s->lock);
	list_del(&r->scheme_node);
	spin_unlock(&s->lock);
	schm_ring_drop_regions(r);
	schm_ring_drop_files(r);
	ring_free_memory(r);
	schm_ring_unpay(r);
	kfree(r);
	schm_scheme_put(s);
}
