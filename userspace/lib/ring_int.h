/* SPDX-License-Identifier: MIT */
/*
 * What the files of direct rings share.
 *
 *   ring_setup	memory and descriptors	ring_link	sleep, wake, end
 *   ring_module	ends of the module's	ring_pool	regions and buffers
 *   ring_bell	eventfds			ring_open	asking for a ring, accepting it
 *   ring_buddy	the allocator		ring_client	submit, reap
 *   ring_flight	what is in flight	ring_prep	entries
 *   ring_provider	pop, push		ring_serve	see ring_serve.h
 *
 * LIVE -> GONE [the other side is, ring_check() or the bell says so]: what it
 * has left can be taken, then ESHUTDOWN.   LIVE, GONE -> BROKEN [ring_break()]
 */
#ifndef LIBSCHEME_RING_INT_H
#define LIBSCHEME_RING_INT_H

#pragma GCC visibility push(default)
#include <scheme_ring.h>
#pragma GCC visibility pop

#include <stdatomic.h>

#include "ring.h"

#define RING_SPIN_MAX_US	1000000U
#define RING_BLOCK	64U	/* least buffer of a pool, a power of two */

/*
 * How a side wakes the other, and waits. A doorbell latches: one that nobody
 * waits for ends the next wait.
 */
struct ring_bell_ops {
	/* wake the other side; or, from another thread, our own */
	void (*doorbell)(struct scheme_ring *r);
	void (*self)(struct scheme_ring *r);
	/*
	 * Until the doorbell, which is then reset, the end of the other side,
	 * which sets r->gone, or a time. 0, -ETIME, -EINTR. ring: the other
	 * side's doorbell first.
	 */
	int (*wait)(struct scheme_ring *r, bool ring, int64_t timeout_ns);
	/* Put bits into the owner's page. The module does so by itself. */
	void (*mark)(struct scheme_ring *r, uint32_t state);
	/* A descriptor for other loops, see scheme_ring_fd(). */
	int (*poll_fd)(struct scheme_ring *r);
	/* It polls by itself for entries and room: nobody need arm it. */
	bool polls;
};

extern const struct ring_bell_ops ring_eventfd_ops;
extern const struct ring_bell_ops ring_module_ops;

struct ring_region {
	uint64_t	offset;		/* in the pool */
	uint64_t	size;
	uint8_t		*mem;
	/* client: */
	struct ring_buddy *buddy;
};

/* ---- allocator ---- */

/* Blocks of one region by number; nothing of it is in shared memory. */
struct ring_buddy;

/* For size bytes, which is a multiple of RING_BLOCK. */
struct ring_buddy *buddy_new(uint64_t size);
void buddy_delete(struct ring_buddy *b);
/* -ENOMEM: no room. */
int buddy_alloc(struct ring_buddy *b, uint64_t len, uint64_t *offset);
/* -EINVAL: there is no such block. */
int buddy_free(struct ring_buddy *b, uint64_t offset);
/* Hold the block around an offset; false: there is none. */
bool buddy_hold(struct ring_buddy *b, uint64_t offset, uint64_t *start);
/* Let go of the block at start. */
void buddy_drop(struct ring_buddy *b, uint64_t start);

/* ---- in flight ---- */

#define NO_FLIGHT	UINT32_MAX
#define NO_HOLD		UINT64_MAX

/* Requests that have the same user_data. */
struct ring_group {
	uint64_t	user_data;
	uint32_t	next;		/* in its chain, or free */
	uint32_t	live;		/* without their last answer */
	uint32_t	shots;		/* MULTISHOT among them */
	uint32_t	holds;		/* buffers held, a list */
	/* the most that answers to them can say */
	uint64_t	limit, extra;
};

struct ring_hold {
	uint64_t	block;		/* pool offset */
	uint32_t	next;
};

struct ring_flights {
	uint32_t	max;		/* of each of the following */
	uint32_t	live;
	uint32_t	mask;		/* chains - 1 */
	uint32_t	free_group, free_hold;
	uint32_t	spare_holds;
	uint32_t	*chains;
	struct ring_group *groups;
	struct ring_hold *holds;
};

int flights_init(struct ring_flights *f, uint32_t max);
void flights_uninit(struct ring_flights *f);
/* A request goes; hold: what it keeps, or NO_HOLD. There is room, max says. */
void flights_add(struct ring_flights *f, const struct scheme_sqe *sqe,
		 uint64_t hold);
/* Those that this answer can be for; NULL: nobody asked. */
struct ring_group *flights_find(const struct ring_flights *f,
				uint64_t user_data);
/* One of the group has its last answer. Drops buffers when it was the last. */
void flights_end(struct scheme_ring *r, struct ring_group *g);
/*
 * The last that was taken off the ring ends later: when the next has been submitted,
 * or somebody looks.
 */
void flights_end_later(struct scheme_ring *r, struct ring_group *g);
static inline void flights_settle(struct scheme_ring *r);

/* ---- an end ---- */

/* Provider, module's ring: who the client is, as the kernel says. */
struct ring_peer {
	uint32_t	pid, uid, gid;
	uint32_t	may;		/* access mode, O_ACCMODE */
};

struct scheme_ring {
	enum scheme_ring_side	side;
	bool			broken;
	bool			gone;		/* the other side is */
	struct ring_end		put, take;	/* client: SQ, CQ; provider: CQ, SQ */
	struct scheme_ring_kernel *kern;
	uint32_t		*flags;		/* ours: SCHEME_RING_NEED_* */
	const uint32_t		*peer_flags;
	const uint32_t		*peer_wants;	/* what the kernel waits on its behalf for */
	bool			owes_bell;	/* a wake-up that goes with the next wait */
	bool			owes_look;	/* whether the other side waits for room */
	struct scheme_sqe	*sqes;
	struct scheme_cqe	*cqes;
	uint64_t		spin_ns;

	const struct ring_bell_ops *bell;
	struct scheme_ring_fds	fds;
	int			end;		/* the module's descriptor, or -1 */
	int			poll_fd;	/* -1 until somebody wants it */
	void			*mem;		/* NULL: somebody else's */
	size_t			mem_size;

	unsigned int		nr_regions;
	struct ring_region	regions[SCHEME_RING_REGIONS_MAX];

	/* provider: who serves it, or NULL; the module's regions that are known */
	struct scheme_ring_server *server;
	unsigned int		nr_known;
	struct ring_peer	peer;
	/* while a loop polls: other threads wake it by self_fd, unless that is -1 */
	_Atomic bool		polled;
	int			self_fd;
	bool			in_loop;	/* that is the only way that it sleeps */

	/* client: what get_sqe gave, and what is in flight */
	struct scheme_sqe	*staged;	/* as many as the ring has entries */
	uint32_t		nr_staged;
	struct ring_flights	flights;
	struct scheme_cqe	cqe;		/* a copy: the one that was peeked */
	bool			peeked;
	struct ring_group	*cqe_group;
	struct ring_group	*ended;		/* one of it is answered; see flights_settle() */
	uint64_t		forged;
};

/* Where things are; page rights are per page. */
struct ring_layout {
	size_t	client, provider, kernel, sq, cq, size;
};

/* Zeros become what they stand for. -EINVAL: numbers that cannot be. */
int ring_config(struct scheme_ring_config *c);
struct ring_layout ring_layout(const struct scheme_ring_config *c);
/*
 * An end over memory that somebody else has mapped, with a doorbell of its own
 * kind. Pair with ring_uninit().
 */
int ring_init(struct scheme_ring *r, enum scheme_ring_side side,
	      const struct scheme_ring_config *c, void *mem,
	      const struct ring_layout *l, const struct ring_bell_ops *bell);
void ring_uninit(struct scheme_ring *r);

/*
 * An end that is the module's descriptor, which is the ring's from then on, and
 * closed also on an error. c: as the module has rounded it.
 */
int module_ring_new(struct scheme_ring **out, const struct scheme_ring_config *c,
		    const struct scheme_ring_info *info, int fd);
/* Give memory to the pool, client; map a region, either side. */
int module_add_region(struct scheme_ring *r, int fd, uint64_t offset, size_t size);
int module_map_region(struct scheme_ring *r, struct ring_region *g);

/* The owner's page says something: 0, or -EIO. */
int ring_learn_state(struct scheme_ring *r, uint32_t state);
/* Never trusted again. Returns -EIO. */
int ring_break(struct scheme_ring *r);
/* What ring_entries() and ring_space() say if there are none. */
int ring_no_entries(struct scheme_ring *r, int fill);
int ring_no_space(struct scheme_ring *r, int room);

/* 0, or -EIO; finds out whether the other side is gone. */
static inline int ring_check(struct scheme_ring *r)
{
	uint32_t state;

	if (r->broken)
		return -EIO;
	state = ring_load(&r->kern->state);
	return state ? ring_learn_state(r, state) : 0;
}

/*
 * Entries that wait: more than 0, or an error. The end first, then the index: what the
 * other side published before its end is in memory by the time that its end is seen.
 */
static inline int ring_entries(struct scheme_ring *r)
{
	int fill, ret = ring_check(r);

	if (ret)
		return ret;
	fill = ring_filled_seen(&r->take);
	return fill > 0 ? fill : ring_no_entries(r, fill);
}

/* Entries that have room, want or more if there are so many; or an error. */
static inline int ring_space(struct scheme_ring *r, uint32_t want)
{
	int room, ret = ring_check(r);

	if (ret)
		return ret;
	if (r->gone)
		return -ESHUTDOWN;
	room = ring_room_seen(&r->put, want);
	return room > 0 ? room : ring_no_space(r, room);
}

/* Answers for which there is room, as ring_space() has said; then ring_publish(). */
static inline void ring_put_cqes(struct scheme_ring *r, const struct scheme_cqe *cqes,
				 unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		r->cqes[ring_slot(&r->put)] = cqes[i];
		r->put.at++;
	}
	ring_store(&r->put);
}

/* Those two for ring_await(). */
int ring_look_entries(struct scheme_ring *r);
int ring_look_space(struct scheme_ring *r);

/*
 * The sleeper sets its flag and then looks at our index; we have moved the index
 * and then look at the flag. With a full barrier on both sides one of us sees the
 * other. For who polls the module's descriptor the kernel does so, in a word of
 * its own.
 */
static inline bool ring_peer_waits(const struct scheme_ring *r, uint32_t flag)
{
	atomic_thread_fence(memory_order_seq_cst);
	return (__atomic_load_n(r->peer_flags, __ATOMIC_RELAXED) |
		__atomic_load_n(r->peer_wants, __ATOMIC_RELAXED)) & flag;
}

/* An index has moved: who sleeps for that, as flag says, is woken. */
static inline void ring_publish(struct scheme_ring *r, uint32_t flag)
{
	if (r->owes_look) {
		r->owes_look = false;
		flag |= SCHEME_RING_NEED_ROOM;
	}
	if (ring_peer_waits(r, flag))
		r->bell->doorbell(r);
}

/*
 * Entries were taken, and that is published. Where half a ring waited, as far as we
 * have seen, the other side may sleep for room and is woken. Else that look comes with
 * the next one, but before we wait: the other side is not out of room unless we find
 * half a ring to take before there is nothing more.
 */
static inline void ring_made_room(struct scheme_ring *r, uint32_t filled)
{
	r->owes_look = true;
	if (filled >= r->take.entries / 2)
		ring_publish(r, 0);
}

static inline void ring_settle(struct scheme_ring *r)
{
	if (r->owes_look)
		ring_publish(r, 0);
}

/* Like ring_publish(), but who sleeps is woken with the next wait, or by ring_pay(). */
static inline void ring_publish_late(struct scheme_ring *r, uint32_t flag)
{
	if (r->owes_look)
		flag |= SCHEME_RING_NEED_ROOM;
	r->owes_look = false;
	r->owes_bell |= ring_peer_waits(r, flag);
}

static inline void ring_pay(struct scheme_ring *r)
{
	if (!r->owes_bell)
		return;
	r->owes_bell = false;
	r->bell->doorbell(r);
}

/*
 * Sleep for what wants says, SCHEME_RING_NEED_* bits, unless it is there. 0 for
 * a look at the ring, -ETIME, -EINTR.
 */
int ring_sleep(struct scheme_ring *r, uint32_t wants, int64_t timeout_ns);
/*
 * Look until it says something else than -EAGAIN; in between spin, then sleep for
 * what wants says.
 */
typedef int (*ring_look_fn)(struct scheme_ring *r);
int ring_await_more(struct scheme_ring *r, ring_look_fn look, uint32_t wants,
		    int64_t timeout_ns);
static inline int ring_await(struct scheme_ring *r, ring_look_fn look, uint32_t wants,
			     int64_t timeout_ns)
{
	int ret = look(r);

	if (ret == -EAGAIN)
		return ring_await_more(r, look, wants, timeout_ns);
	ring_pay(r);
	return ret;
}

/* Our side ends. */
void ring_end_side(struct scheme_ring *r);

static inline void flights_settle(struct scheme_ring *r)
{
	struct ring_group *g = r->ended;

	r->ended = NULL;
	if (g)
		flights_end(r, g);
}

/* Nearly always it is the first. */
static inline const struct ring_region *region_of(const struct scheme_ring *r,
						  uint64_t addr)
{
	for (unsigned int i = 0; i < r->nr_regions; i++) {
		const struct ring_region *g = &r->regions[i];

		if (addr - g->offset < g->size)		/* one that is below is far above */
			return g;
	}
	return NULL;
}

static inline void *ring_at(const struct scheme_ring *r, uint64_t addr, uint64_t len)
{
	const struct ring_region *g = region_of(r, addr);

	if (!g || len > g->size - (addr - g->offset))
		return NULL;
	return g->mem + (addr - g->offset);
}

/* Client, pool: hold the buffer around addr; its begin, or NO_HOLD. */
uint64_t pool_hold(struct scheme_ring *r, uint64_t addr);
void pool_drop(struct scheme_ring *r, uint64_t block);
void pool_uninit(struct scheme_ring *r);
/*
 * A sealed memfd; and does fd have that many bytes, which it cannot lose? -EOPNOTSUPP:
 * huge pages.
 */
int sealed_memory(const char *name, size_t size);
int check_sealed(int fd, uint64_t size);

#endif /* LIBSCHEME_RING_INT_H */
