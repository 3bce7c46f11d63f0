/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A direct ring: memory that one client and one provider share, a doorbell for
 * each of them, and the end of both.
 *
 *   CREATED -> MAPPED		[schm_ring_mapped]
 *   MAPPED -> ATTACHING	[schm_ring_attach_begin]
 *   ATTACHING -> MAPPED	[schm_ring_attach_undo]	nobody has been asked
 *   ATTACHING -> ATTACHED	[schm_ring_attach_end]
 *   any -> SHUTDOWN		[schm_ring_shutdown, schm_rings_end]
 *
 * The kernel writes no index and believes none: it reads them to tell a poll what
 * there may be, and the sides check what they find for themselves.
 *
 * Who sleeps in here, and who is woken. A waiter publishes what it waits for (a
 * side's own flags for ENTER; scheme_ring_kernel.wants for a poll), makes a full
 * barrier and looks at the indices; the other side moves an index, makes a full
 * barrier and looks at both words. The doorbell clears the poll's as it wakes all
 * who then look again, and ask again. selftests/model/ring.pml has the proof.
 */
#ifndef SCHM_RING_H
#define SCHM_RING_H

#include <linux/redox_scheme_ring.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "map.h"
#include "watch.h"

struct dma_buf;
struct file;
struct page;
struct vm_area_struct;
struct schm_ring;

/* A file of either side's. */
struct schm_ring_end {
	struct schm_ring	*ring;		/* constant */
	u32			side;		/* constant; SCHEME_RING_SIDE_* */
	bool			rung;		/* ring->lock; latches */
	struct schm_source	source;		/* for event queues; ring->lock */
	wait_queue_head_t	bell;		/* for rung, by ENTER */
	wait_queue_head_t	wait;		/* for readiness, by polls */
};

/* A part of the pool: a window of shmem, or a dma-buf. */
struct schm_ring_region {
	unsigned long		first, nr;	/* pages of the pool */
	struct schm_memory	memory;		/* file: NULL is a dma-buf */
	struct dma_buf		*dma_buf;
};

struct schm_ring_files {
	unsigned int		nr;
	struct file		*file[SCHEME_RING_FILES_MAX];
};

struct schm_ring {
	/* set at alloc, then constant */
	refcount_t		ref;		/* files of ends; watches in passing */
	struct schm_scheme	*scheme;	/* one reference */
	struct scheme_ring_info	at;		/* entries and offsets */
	struct page		**pages;
	void			*mem;
	struct scheme_ring_kernel *kern;
	const struct scheme_ring_client	*client;
	const struct scheme_ring_provider *prov;

	struct list_head	scheme_node;	/* scheme->lock */

	spinlock_t		lock;
	struct schm_account	*account;	/* one reference; NULL: not paid for any more */
	u32			state;		/* SCHEME_RING_CREATED...; read without */
	struct schm_ring_end	end[2];		/* by side */
	unsigned int		nr_regions;
	struct schm_ring_region	region[SCHEME_RING_REGIONS_MAX];
	struct schm_ring_files	*files;		/* once there are any */
};

/*
 * A ring of the calling user's with this many entries, checked; one reference, or
 * an ERR_PTR: -ENODEV the scheme is dead; -EMFILE; -ENOMEM.
 */
struct schm_ring *schm_ring_alloc(struct schm_scheme *s, u32 sq_entries,
				  u32 cq_entries);
void schm_ring_put(struct schm_ring *r);
/* The client has let go: it does not pay for what its provider keeps. */
void schm_ring_unpay(struct schm_ring *r);

static inline struct schm_ring *schm_ring_get(struct schm_ring *r)
{
	refcount_inc(&r->ref);
	return r;
}

static inline struct schm_ring_end *schm_ring_other(struct schm_ring_end *e)
{
	return &e->ring->end[!e->side];
}

/* ---- states --------------------------------------------------------------- */

void schm_ring_mapped(struct schm_ring *r);
/* -EBADFD, -ESHUTDOWN. */
int schm_ring_attach_begin(struct schm_ring *r);
void schm_ring_attach_undo(struct schm_ring *r);
/* The provider has agreed. -ESHUTDOWN: and gone. */
int schm_ring_attach_end(struct schm_ring *r);
/* For good, and both sides are told. */
void schm_ring_shutdown(struct schm_ring *r);
/* All rings of a scheme. */
void schm_rings_end(struct schm_scheme *s);
/* The other side wrote what cannot be. */
void schm_ring_break(struct schm_ring *r);

/* ---- doorbells ------------------------------------------------------------ */

/* Wake whoever waits at this end. sync: the caller is about to sleep. */
void schm_ring_ring(struct schm_ring_end *e, bool sync);
/* Was it rung, or is nothing to be waited for? Takes the latch back. */
bool schm_ring_take_bell(struct schm_ring_end *e);
/*
 * What the end is ready for, EPOLL*; from now on what becomes ready of what is
 * asked for rings its doorbell.
 */
u32 schm_ring_poll(struct schm_ring_end *e, u32 asked);

/* ---- pool and files (ring_pool.c) ------------------------------------------ */

/*
 * A region; on success the ring has the caller's reference on its memory. -EEXIST,
 * -ENOSPC, -ESHUTDOWN.
 */
int schm_ring_add_region(struct schm_ring *r, const struct schm_ring_region *region);
/* By number; only where it is. -ENOENT. */
int schm_ring_find_region(struct schm_ring *r, u32 index, struct scheme_ring_region *out);
/* Map what is at vma's offset in the pool. */
int schm_ring_map_region(struct schm_ring *r, struct vm_area_struct *vma);
/* Index of a client's file, whose reference the ring takes over. */
int schm_ring_add_file(struct schm_ring *r, struct file *file);
/* With a reference; NULL: there is none. */
struct file *schm_ring_find_file(struct schm_ring *r, u32 index);
/* Close the files. */
void schm_ring_drop_files(struct schm_ring *r);
/* Nobody uses the ring any more. */
void schm_ring_drop_regions(struct schm_ring *r);

#endif /* SCHM_RING_H */
