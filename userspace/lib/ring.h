/* SPDX-License-Identifier: MIT */
/*
 * Ring arithmetic, and nothing else: no system call, no allocation.
 *
 * A ring has two indices that run free modulo 2^32. Each end owns one of them,
 * keeps a private copy of it, publishes it, and never reads it back. What it
 * reads is the other's, and that may be anything.
 */
#ifndef LIBSCHEME_RING_H
#define LIBSCHEME_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct ring_end {
	uint32_t	*mine;		/* shared: the index that we publish */
	const uint32_t	*peer;		/* shared: the index that we read */
	uint32_t	at;		/* our own copy of *mine */
	uint32_t	entries;	/* a power of two, at most 2^30 */
};

static inline bool ring_size_ok(uint32_t entries)
{
	return entries && entries <= 1U << 30 && !(entries & (entries - 1));
}

static inline uint32_t ring_load(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* For the end that takes: entries that wait, or -EIO if that cannot be. */
static inline int ring_filled(const struct ring_end *end)
{
	uint32_t fill = ring_load(end->peer) - end->at;

	return fill > end->entries ? -EIO : (int)fill;
}

/* For the end that puts: entries that have room, or -EIO if that cannot be. */
static inline int ring_room(const struct ring_end *end)
{
	uint32_t fill = end->at - ring_load(end->peer);

	return fill > end->entries ? -EIO : (int)(end->entries - fill);
}

/* Where the next entry lives that this end takes or puts. */
static inline uint32_t ring_slot(const struct ring_end *end)
{
	return end->at & (end->entries - 1);
}

/* All entries before end->at are copied out, or written: the peer may have them. */
static inline void ring_store(const struct ring_end *end)
{
	__atomic_store_n(end->mine, end->at, __ATOMIC_RELEASE);
}

/* The next entry is copied out, or written: the peer may have it. */
static inline void ring_advance(struct ring_end *end)
{
	end->at++;
	ring_store(end);
}

#endif /* LIBSCHEME_RING_H */
