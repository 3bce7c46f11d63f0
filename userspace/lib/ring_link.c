// SPDX-License-Identifier: MIT
/*
 * Direct rings: what is there, who sleeps, who is gone. selftests/model/ring.pml
 * is the proof that no wake-up is lost; whoever changes this changes it, too.
 */
#include "ring_int.h"
#include "clock.h"

#include <stdatomic.h>
#include <sys/epoll.h>

/* ---- state ------------------------------------------------------------------ */

int ring_learn_state(struct scheme_ring *r, uint32_t state)
{
	if (state & SCHEME_RING_DEAD)
		r->gone = true;
	if (state & SCHEME_RING_BROKEN)
		r->broken = true;
	return r->broken ? -EIO : 0;
}

int ring_break(struct scheme_ring *r)
{
	r->broken = true;
	r->bell->mark(r, SCHEME_RING_BROKEN);
	r->bell->doorbell(r);
	return -EIO;
}

int ring_no_entries(struct scheme_ring *r, int fill)
{
	if (fill < 0)
		return ring_break(r);
	return r->gone ? -ESHUTDOWN : -EAGAIN;
}

int ring_no_space(struct scheme_ring *r, int room)
{
	return room < 0 ? ring_break(r) : -EAGAIN;
}

int ring_look_entries(struct scheme_ring *r)
{
	return ring_entries(r);
}

int ring_look_space(struct scheme_ring *r)
{
	return ring_space(r, 1);
}

/* ---- sleep and wake --------------------------------------------------------- */

#define ENDED	(SCHEME_RING_DEAD | SCHEME_RING_BROKEN)

/* Is there anything to go on with? An index that cannot be is, too. */
static bool ready(const struct scheme_ring *r, uint32_t wants)
{
	if (r->broken || r->gone || ring_load(&r->kern->state) & ENDED)
		return true;
	if (wants & SCHEME_RING_NEED_WAKEUP && ring_filled(&r->take))
		return true;
	return wants & SCHEME_RING_NEED_ROOM && ring_room(&r->put);
}

/* Say what we sleep for, then look again. */
static bool declare(struct scheme_ring *r, uint32_t wants)
{
	__atomic_store_n(r->flags, wants, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
	return ready(r, wants);
}

static void undeclare(struct scheme_ring *r)
{
	__atomic_store_n(r->flags, 0, __ATOMIC_RELAXED);
}

int ring_sleep(struct scheme_ring *r, uint32_t wants, int64_t timeout_ns)
{
	bool ring = r->owes_bell;
	int ret = 0;

	if (!declare(r, wants)) {
		r->owes_bell = false;
		ret = r->bell->wait(r, ring, timeout_ns);
	}
	undeclare(r);
	return ret;
}

#define LOOKS		32
#define FIRST_LOOKS	256

static bool looks(const struct scheme_ring *r, uint32_t wants)
{
	for (int i = 0; i < LOOKS; i++) {
		if (ready(r, wants))
			return true;
		relax();
	}
	return false;
}

/* To pause takes longer than what comes at once. */
static bool looks_hastily(const struct scheme_ring *r, uint32_t wants)
{
	for (int i = 0; i < FIRST_LOOKS; i++)
		if (ready(r, wants))
			return true;
	return false;
}

/*
 * Look until the time is over. The clock costs more than a look, where it is no
 * good one even a system call: for what comes at once it is not read at all.
 */
static bool spin(const struct scheme_ring *r, uint32_t wants, uint64_t until)
{
	uint64_t now, end;

	if (looks_hastily(r, wants))
		return true;
	now = now_ns();
	end = now + r->spin_ns;
	if (until && until < end)
		end = until;
	for (; now < end; now = now_ns())
		if (looks(r, wants))
			return true;
	return false;
}

/* Spin, then sleep, until there is something to look at. until: 0 is for ever. */
static int spin_or_sleep(struct scheme_ring *r, uint32_t wants, uint64_t until)
{
	uint64_t now;

	if (until && until <= now_ns())
		return -ETIME;
	/* a look may have taken what nobody asked for */
	ring_settle(r);
	if (r->spin_ns) {
		ring_pay(r);
		if (spin(r, wants, until))
			return 0;
	}
	if (!until)
		return ring_sleep(r, wants, -1);
	now = now_ns();
	return until <= now ? 0 : ring_sleep(r, wants, (int64_t)(until - now));
}

static uint64_t deadline(int64_t timeout_ns)
{
	return timeout_ns < 0 ? 0 : now_ns() + (uint64_t)timeout_ns;
}

int ring_await_more(struct scheme_ring *r, ring_look_fn look, uint32_t wants,
		    int64_t timeout_ns)
{
	uint64_t until;
	int wait = 0, ret = -EAGAIN;

	ring_settle(r);
	if (!timeout_ns) {
		ring_pay(r);
		return ret;
	}
	/* A time that is over counts also for a peer that wakes us for nothing. */
	for (until = deadline(timeout_ns); ret == -EAGAIN && !wait; ret = look(r))
		wait = spin_or_sleep(r, wants, until);
	ring_pay(r);
	return ret == -EAGAIN ? wait : ret;
}

void ring_end_side(struct scheme_ring *r)
{
	r->bell->mark(r, SCHEME_RING_DEAD);
	r->bell->doorbell(r);
}

/* ---- for both sides --------------------------------------------------------- */

int scheme_ring_wait_room(struct scheme_ring *r, int64_t timeout_ns)
{
	int ret = ring_await(r, ring_look_space, SCHEME_RING_NEED_ROOM, timeout_ns);

	return ret < 0 ? ret : 0;
}

void scheme_ring_set_spin(struct scheme_ring *r, uint32_t spin_us)
{
	if (spin_us > RING_SPIN_MAX_US)
		spin_us = RING_SPIN_MAX_US;
	r->spin_ns = (uint64_t)spin_us * 1000;
}

int scheme_ring_arm(struct scheme_ring *r, uint32_t events)
{
	uint32_t wants = 0;

	if (!events || events & ~(uint32_t)(EPOLLIN | EPOLLOUT))
		return -EINVAL;
	if (events & EPOLLIN)
		wants |= SCHEME_RING_NEED_WAKEUP;
	if (events & EPOLLOUT)
		wants |= SCHEME_RING_NEED_ROOM;
	ring_settle(r);
	/* before the look at what other threads may bring */
	atomic_store(&r->polled, true);
	if (r->bell->polls ? !ready(r, wants) : !declare(r, wants))
		return 0;
	undeclare(r);
	atomic_store(&r->polled, false);
	return 1;
}

void scheme_ring_disarm(struct scheme_ring *r)
{
	atomic_store(&r->polled, false);
	if (r->bell->polls)
		return;
	undeclare(r);
	/* resets the doorbell, and learns of an end */
	r->bell->wait(r, false, 0);
}

int scheme_ring_fd(struct scheme_ring *r)
{
	return r->bell->poll_fd(r);
}

uint32_t scheme_ring_poll_events(const struct scheme_ring *r, uint32_t events)
{
	return r->bell->polls ? events & (uint32_t)(EPOLLIN | EPOLLOUT) : EPOLLIN;
}

int scheme_ring_alive(struct scheme_ring *r)
{
	int ret = ring_check(r);

	if (ret)
		return ret;
	if (!r->gone && !r->bell->polls)	/* the module says it in memory */
		r->bell->wait(r, false, 0);
	return r->gone ? -ESHUTDOWN : 0;
}
