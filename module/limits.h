/* SPDX-License-Identifier: GPL-2.0 */
/* Every bound of the module, with its reason. */
#ifndef SCHM_LIMITS_H
#define SCHM_LIMITS_H

#include <linux/build_bug.h>
#include <linux/sizes.h>
#include <linux/time64.h>

#include "schm.h"

/* Minor numbers reserved for schemes, hence schemes at a time. */
#define SCHM_SCHEMES_MAX	1024

/* live queues are kept in one 64-bit mask */
#define SCHM_QUEUES_MAX		64

#define SCHM_DEPTH_MAX		1024
#define SCHM_DEPTH_DEFAULT	32

#define SCHM_SLOT_MAX		SZ_1M
#define SCHM_SLOT_DEFAULT	SZ_128K

/*
 * Slots of one queue and of one scheme. The pages are charged to the memory
 * cgroup of the creator; the bounds keep a typing error from eating a machine.
 */
#define SCHM_QUEUE_BYTES_MAX	((u64)SZ_64M)
#define SCHM_SCHEME_BYTES_MAX	((u64)SZ_256M)

/* A creator without CAP_SYS_ADMIN gets less. */
#define SCHM_USER_SCHEMES_MAX	16
#define SCHM_USER_BYTES_MAX	((u64)SZ_32M)

/*
 * Slots that one large transfer keeps in flight. Eight of the default size
 * make 1 MiB, the largest block that common tools use.
 */
#define SCHM_PIPELINE		8

/* How often owners are looked at: a quarter of the 1 s promised for a death. */
#define SCHM_WATCH_MS		250

/* Deadline of what others wait behind and cannot interrupt (worker threads). */
#define SCHM_ASYNC_TIMEOUT_MS	30000U
#define SCHM_TIMEOUT_MAX_MS	(24U * 60 * 60 * 1000)

/*
 * Watches of one event queue, of one file, and of all queues of a user. A watch
 * is less than 200 bytes, charged to the memory cgroup of who adds it. One post
 * runs through the watches of a file with a spinlock held.
 */
#define SCHM_QUEUE_WATCHES_MAX	4096
#define SCHM_SOURCE_WATCHES_MAX	1024
#define SCHM_USER_WATCHES_MAX	16384

/* Event queues in a chain of queues that watch each other; epoll allows five. */
#define SCHM_NEST_MAX		4

/*
 * Direct rings of one user. A ring of the greatest size has 3 MiB, charged to the
 * memory cgroup of who makes it.
 */
#define SCHM_USER_RINGS_MAX	256

/* Buffers of one owner; with SCHM_BUF_SHIFT, what 32-bit processes can map. */
#define SCHM_BUFFERS_MAX	4095
/* Where in its owner's file a buffer is: its number times 4 GiB. */
#define SCHM_BUF_SHIFT		32

/* Blocks that are put by as too high for a device, while one is looked for. */
#define SCHM_BLOCKS_HIGH_MAX	32

/* Longer spinning is a waste that sleeping does better. */
#define SCHM_BUSY_POLL_MAX_US	10000

/* Directory entries that one call asks for; what getdents(2) usually has room for. */
#define SCHM_ENTRIES_MAX	((u32)SZ_32K)

/* How long a provider may let schemefs go by an answer. */
#define SCHM_LIFETIME_MAX_NS	(60ULL * 60 * NSEC_PER_SEC)

/* A mount's list of schemes: what mount(2) can carry. */
#define SCHM_FS_LIST_MAX	(SZ_4K - 64)

#define SCHM_IS_POWER_OF_2(n) ((n) && !((n) & ((n) - 1)))
static_assert(SCHM_IS_POWER_OF_2(SCHM_DEPTH_MAX));
static_assert(SCHM_IS_POWER_OF_2(SCHM_DEPTH_DEFAULT));
static_assert(SCHM_IS_POWER_OF_2(SCHM_SLOT_MAX));
#undef SCHM_IS_POWER_OF_2
static_assert((u64)SCHM_DEPTH_DEFAULT * SCHM_SLOT_DEFAULT <= SCHM_USER_BYTES_MAX);
static_assert(SCHEME_PATH_MAX < SZ_4K);
static_assert(sizeof(struct scheme_call_header) < SZ_4K);

#endif /* SCHM_LIMITS_H */
