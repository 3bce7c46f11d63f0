/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Owners of buffers: what an open of the memory scheme is. An owner knows its
 * buffers by number, and their addresses, which are physical, or those of the
 * device that the owner is bound to:
 *
 *   UNBOUND -> BOUND  [schm_owner_bound]	before it has buffers
 *   BOUND   -> GONE   [schm_owner_revoke]	the device, or the owner, ends
 *
 * A buffer that has been given back keeps its memory while others use it, but no
 * address.
 */
#ifndef SCHM_OWNER_H
#define SCHM_OWNER_H

#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/redox_scheme_memory.h>
#include <linux/xarray.h>

#include "schm.h"

struct schm_account;
struct schm_buf;
struct schm_pcidev;

enum schm_owner_state { SCHM_OWNER_UNBOUND, SCHM_OWNER_BOUND, SCHM_OWNER_GONE };

struct schm_owner {
	struct schm_account	*account;	/* constant; one reference */
	struct schm_pcidev	*pcidev;	/* devices_lock */

	/* lock */
	struct mutex		lock;
	enum schm_owner_state	state;
	struct device		*dev;		/* BOUND */
	unsigned int		addr_bits;	/* of dev */
	bool			translated;	/* an IOMMU is between */
	struct xarray		bufs;		/* struct schm_owned, by number */
	u32			next;		/* a number is not used again at once */
};

struct schm_owner *schm_owner_alloc(void);
/* Nobody uses it any more, and it is not bound. */
void schm_owner_free(struct schm_owner *owner);
/* How many buffers it has, and of how many pages. */
void schm_owner_count(struct schm_owner *owner, unsigned int *nr, u64 *pages);

/* Has it addresses that anybody may know who has the file? -ENODEV: GONE. */
int schm_owner_is_bound(struct schm_owner *owner);
/* -EALREADY: it is bound, or has buffers. */
int schm_owner_bound(struct schm_owner *owner, struct device *dev,
		     unsigned int addr_bits, bool translated);
/* The device must not reach the buffers any more; it has been stopped. */
void schm_owner_revoke(struct schm_owner *owner);

/* PHYSALLOC, with arg checked; fills in its answer but for the array. */
int schm_owner_add(struct schm_owner *owner, struct scheme_physalloc *arg);
/* -EINVAL: no such buffer, or not of this size. */
int schm_owner_remove(struct schm_owner *owner, u64 offset, u64 size);
/* The buffer at pos, a reference, and the page within; NULL. */
struct schm_buf *schm_owner_find(struct schm_owner *owner, u64 pos, u64 *first);
/*
 * The first max ranges of a buffer, in an array for kvfree(), or an ERR_PTR; *nr:
 * how many there are. Hidden ones have a length only.
 */
struct scheme_range *schm_owner_ranges(struct schm_owner *owner, u64 offset, u32 max,
				       bool hidden, u32 *nr);
/* The address of a byte of buf; -EFAULT: not a buffer of ours; -ENODEV. */
int schm_owner_locate(struct schm_owner *owner, const struct schm_buf *buf, u64 pos,
		      struct scheme_range *range);
int schm_owner_sync(struct schm_owner *owner, u64 pos, u64 len, u32 flags);

#endif /* SCHM_OWNER_H */
