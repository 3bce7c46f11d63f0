/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A handle: what a client's open file is to the module. The provider chose its
 * number; the last reference to an open one sends the CLOSE.
 */
#ifndef SCHM_HANDLE_H
#define SCHM_HANDLE_H

#include <linux/fs.h>
#include <linux/refcount.h>
#include <linux/wait.h>

#include "map.h"
#include "queue.h"
#include "watch.h"

struct schm_handle {
	/* set at alloc, then constant */
	refcount_t		ref;		/* its file, requests, mappings */
	struct schm_scheme	*scheme;	/* one reference */
	struct schm_user	*user;		/* of the opener */
	struct pid		*opener;	/* thread group */
	fmode_t			may;		/* most that OPENAT may ask for */

	/* set by the OPEN's answer, under scheme->lock; then constant */
	bool			open;		/* number is valid, a CLOSE is due */
	bool			positioned;
	u64			number;		/* SCHEME_ROOT until open */
	struct schm_queue	*home;		/* where the OPEN was answered */

	u32			events;		/* EPOLL*; scheme->lock; read without */
	bool			ended;		/* scheme->lock; death has been told */
	struct schm_source	source;		/* for event queues */
	wait_queue_head_t	wait;		/* for events to change */
	struct hlist_node	node;		/* scheme->lock */
	struct schm_map		map;		/* scheme->lock */
	struct list_head	inode_node;	/* schemefs: its inode's lock */
	struct schm_entry	close;		/* the last reference's */
};

/* A handle that is not open yet, for the calling process, or an ERR_PTR. */
struct schm_handle *schm_handle_alloc(struct schm_scheme *s);
void schm_handle_put(struct schm_handle *h);
/* The same, leaving to late what the last reference entails. */
void schm_handle_unref(struct schm_handle *h, struct schm_late *late);
/* Free a handle whose CLOSE has gone, or is not due. */
void schm_handle_free(struct schm_handle *h);

static inline struct schm_handle *schm_handle_get(struct schm_handle *h)
{
	refcount_inc(&h->ref);
	return h;
}

/*
 * Submit a one-way entry of an open handle. True: it has gone, or nobody is
 * there to take it, and it is the caller's again; else late_entry() gets it.
 */
bool schm_handle_send(struct schm_handle *h, struct schm_entry *entry,
		      struct schm_late *late);

/* The provider has answered an OPEN or DUP, on queue home. */
void schm_handle_open(struct schm_handle *h, struct schm_queue *home,
		      const struct scheme_cqe *cqe);
/*
 * ->poll() of every file whose private_data is a handle; it is also how such a
 * file is known. Does not wait for the provider.
 */
__poll_t schm_handle_poll(struct file *file, struct poll_table_struct *wait);

/* Set the readiness of all handles with this number; false: there is none. */
bool schm_handles_event(struct schm_scheme *s, u64 number, u32 events);
/* The scheme has died: tell everybody who waits for one of its handles. */
void schm_handles_wake(struct schm_scheme *s);

#endif /* SCHM_HANDLE_H */
