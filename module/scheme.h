/* SPDX-License-Identifier: GPL-2.0 */
/* A scheme: a name, its owner, its queues, its handles and its users. */
#ifndef SCHM_SCHEME_H
#define SCHM_SCHEME_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>

#include "limits.h"

/*
 * ALIVE -> DYING [schm_scheme_kill]: opens fail, requests end, wakes are sent
 * DYING -> DEAD  [schm_scheme_kill]: the name is free again
 */
enum schm_scheme_state {
	SCHM_ALIVE,
	SCHM_DYING,
	SCHM_DEAD,
};

/* What a provider asked for, checked and with defaults filled in. */
struct schm_config {
	char		name[SCHEME_NAME_MAX + 1];
	umode_t		mode;
	kuid_t		uid;
	kgid_t		gid;
	u32		queues;
	u32		depth;
	u32		slot_size;
	u32		user_limit;
	u32		timeout_ms;
	u32		busy_poll_us;
	bool		privileged;	/* creator had CAP_SYS_ADMIN */
};

/* One client uid of one scheme: bounds what it has in flight. */
struct schm_user {
	struct schm_scheme	*scheme;
	struct hlist_node	node;		/* scheme->lock */
	unsigned int		refs;		/* scheme->lock; handles */
	kuid_t			uid;		/* constant */
	atomic_t		in_flight;
	wait_queue_head_t	wait;		/* for in_flight to fall */
};

struct schm_scheme {
	/* set at create, then constant */
	struct kref		ref;
	struct schm_config	config;
	kuid_t			creator;
	kgid_t			creator_gid;
	struct pid_namespace	*pid_ns;	/* ids in entries are told in these */
	struct user_namespace	*user_ns;
	struct schm_queue	**queues;
	int			minor;

	/* scheme->lock */
	spinlock_t		lock;
	enum schm_scheme_state	state;		/* may be read without */
	struct pid		*owner;		/* thread group */
	DECLARE_HASHTABLE(handles, 8);		/* by number */
	DECLARE_HASHTABLE(users, 4);		/* by uid */
	struct list_head	rings;

	/* atomic */
	unsigned long		live;		/* queues that have been opened */
	atomic_t		nr_handles;
	struct completion	gone;		/* the name is free */

	/* names_lock */
	struct list_head	name_node;
	struct schm_node	*node;

	struct list_head	all_node;	/* all_lock in scheme.c */
	struct rcu_head		rcu;
};

/*
 * Make a scheme that nobody sees yet, owned by the calling thread group.
 * Returns a reference or an ERR_PTR.
 */
struct schm_scheme *schm_scheme_alloc(const struct schm_config *config);
void schm_scheme_put(struct schm_scheme *s);

static inline struct schm_scheme *schm_scheme_get(struct schm_scheme *s)
{
	kref_get(&s->ref);
	return s;
}

static inline bool schm_scheme_alive(const struct schm_scheme *s)
{
	return READ_ONCE(s->state) == SCHM_ALIVE;
}

/* Make the calling thread group the owner. -ENODEV if the scheme is dead. */
int schm_scheme_adopt(struct schm_scheme *s);
/* The owner's thread group is gone, or has begun to exit. */
bool schm_scheme_owner_dying(struct schm_scheme *s);
/* Is the calling process the owner, and on its way out? */
bool schm_scheme_owner_leaves(struct schm_scheme *s);
/* The owner's thread group id as the calling process sees it; 0 is none. */
pid_t schm_scheme_owner_nr(struct schm_scheme *s);

/*
 * The queue for a request of this CPU, one that serves if there is one; NULL
 * when every queue is broken.
 */
struct schm_queue *schm_scheme_pick(struct schm_scheme *s);

/* Sum up the counters of all queues. */
void schm_scheme_stats(struct schm_scheme *s, struct scheme_stats *stats);

/* The uid's record; a reference for a handle. NULL: no memory. */
struct schm_user *schm_user_get(struct schm_scheme *s, kuid_t uid);
void schm_user_put(struct schm_user *user);
/* Has the user a place left? A hint: others may take it. */
bool schm_user_may_enter(const struct schm_user *user);
/* Take one of the user's places; false when all are taken. */
bool schm_user_try_enter(struct schm_user *user);
void schm_user_leave(struct schm_user *user);

#endif /* SCHM_SCHEME_H */
