// SPDX-License-Identifier: GPL-2.0
/* Accounts of users: there from the first file of a user's to the last. */
#include "account.h"

#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(accounts_lock);
static DEFINE_HASHTABLE(accounts, 5);		/* accounts_lock; by uid */

static struct schm_account *account_find_locked(kuid_t uid)
{
	struct schm_account *account;

	lockdep_assert_held(&accounts_lock);
	hash_for_each_possible(accounts, account, node, __kuid_val(uid))
		if (uid_eq(account->uid, uid))
			return account;
	return NULL;
}

struct schm_account *schm_account_get(void)
{
	struct schm_account *account, *fresh;
	kuid_t uid = current_euid();

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return NULL;
	fresh->uid = uid;
	spin_lock(&accounts_lock);
	account = account_find_locked(uid);
	if (!account) {
		account = fresh;
		fresh = NULL;
		hash_add(accounts, &account->node, __kuid_val(uid));
	}
	account->refs++;
	spin_unlock(&accounts_lock);
	kfree(fresh);
	return account;
}

struct schm_account *schm_account_hold(struct schm_account *account)
{
	spin_lock(&accounts_lock);
	account->refs++;
	spin_unlock(&accounts_lock);
	return account;
}

void schm_account_put(struct schm_account *account)
{
	bool last;

	spin_lock(&accounts_lock);
	last = !--account->refs;
	if (last)
		hash_del(&account->node);
	spin_unlock(&accounts_lock);
	if (!last)
		return;
	WARN_ON_ONCE(atomic_read(&account->watches));
	WARN_ON_ONCE(atomic64_read(&account->pages));
	WARN_ON_ONCE(atomic_read(&account->rings));
	kfree(account);
}
