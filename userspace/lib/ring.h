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
	uint32_t	seen;		/* *peer as we last believed it */
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

/*
 * The same, but the other's index is read only when what it last was does not do, so
 * that its line need not come over for each entry. It must not have gone back.
 * ring_begin_put(), ring_begin_take(): nothing has been seen yet.
 */
static inline void ring_begin_put(struct ring_end *end)
{
	end->seen = end->at - end->entries;
}

static inline void ring_begin_take(struct ring_end *end)
{
	end->seen = end->at;
}

static inline int ring_filled_seen(struct ring_end *end)
{
	uint32_t now;

	if (end->seen != end->at)
		return (int)(end->seen - end->at);
	now = ring_load(end->peer);
	if (now - end->at > end->entries)
		return -EIO;
	end->seen = now;
	return (int)(now - end->at);
}

/* At least want, if there is so much. */
static inline int ring_room_seen(struct ring_end *end, uint32_t want)
{
	uint32_t now, room = end->entries - (end->at - end->seen);

	if (room >= want)
		return (int)room;
	now = ring_load(end->peer);
	if (now - end->seen > end->at - end->seen)
		return -EIO;
	end->seen = now;
	return (int)(end->entries - (end->at - now));
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
