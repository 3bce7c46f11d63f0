/* SPDX-License-Identifier: GPL-2.0 */
/* What one uid has of built-in schemes and of rings: bounds all its files together. */
#ifndef SCHM_ACCOUNT_H
#define SCHM_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/uidgid.h>

#include "schm.h"

struct schm_account {
	struct hlist_node	node;		/* accounts_lock */
	unsigned int		refs;		/* accounts_lock; files, buffers, rings */
	kuid_t			uid;		/* constant */
	atomic_t		watches;	/* of event queues */
	atomic64_t		pages;		/* of buffers */
	atomic_t		rings;		/* that it has made */
};

/* The calling user's, a reference; or NULL: no memory. */
struct schm_account *schm_account_get(void);
/* One more reference. */
struct schm_account *schm_account_hold(struct schm_account *account);
void schm_account_put(struct schm_account *account);

#endif /* SCHM_ACCOUNT_H */
