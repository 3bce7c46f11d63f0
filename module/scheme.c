// SPDX-License-Identifier: GPL-2.0
/* A scheme: a name, its owner, its queues, its handles and its users. */
#include "scheme.h"

#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "queue.h"

static DEFINE_SPINLOCK(all_lock);
static LIST_HEAD(all);		/* all_lock; from alloc to the last reference */

/*
 * Dead schemes count until their memory is free, or a creator could gather
 * them by keeping descriptors.
 */
static int scheme_enlist(struct schm_scheme *s)
{
	struct schm_scheme *other;
	unsigned int nr = 0;

	spin_lock(&all_lock);
	list_for_each_entry(other, &all, all_node)
		nr += !other->config.privileged &&
		      uid_eq(other->creator, s->creator);
	if (s->config.privileged || nr < SCHM_USER_SCHEMES_MAX) {
		list_add(&s->all_node, &all);
		nr = 0;
	}
	spin_unlock(&all_lock);
	return nr ? -ENOSPC : 0;
}

static void scheme_delist(struct schm_scheme *s)
{
	spin_lock(&all_lock);
	list_del(&s->all_node);
	spin_unlock(&all_lock);
}

static void scheme_free_queues(struct schm_scheme *s, unsigned int nr)
{
	while (nr--)
		schm_queue_free(s->queues[nr]);
	kfree(s->queues);
}

static int scheme_alloc_queues(struct schm_scheme *s)
{
	struct schm_queue *q;
	unsigned int i;

	s->queues = kcalloc(s->config.queues, sizeof(*s->queues),
			    GFP_KERNEL_ACCOUNT);
	if (!s->queues)
		return -ENOMEM;
	for (i = 0; i < s->config.queues; i++) {
		q = schm_queue_alloc(s, i);
		if (IS_ERR(q)) {
			scheme_free_queues(s, i);
			return PTR_ERR(q);
		}
		s->queues[i] = q;
	}
	return 0;
}

struct schm_scheme *schm_scheme_alloc(const struct schm_config *config)
{
	struct schm_scheme *s;
	int ret;

	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return ERR_PTR(-ENOMEM);
	kref_init(&s->ref);
	s->config = *config;
	s->creator = current_euid();
	s->creator_gid = current_egid();
	spin_lock_init(&s->lock);
	hash_init(s->handles);
	hash_init(s->users);
	INIT_LIST_HEAD(&s->rings);
	init_completion(&s->gone);
	INIT_LIST_HEAD(&s->name_node);
	ret = scheme_enlist(s);
	if (ret)
		goto err_free;
	ret = scheme_alloc_queues(s);
	if (ret)
		goto err_delist;
	s->pid_ns = get_pid_ns(task_active_pid_ns(current));
	s->user_ns = get_user_ns(current_user_ns());
	s->owner = get_pid(task_tgid(current));
	return s;

err_delist:
	scheme_delist(s);
err_free:
	kfree(s);
	return ERR_PTR(ret);
}

static void scheme_release(struct kref *ref)
{
	struct schm_scheme *s = container_of(ref, struct schm_scheme, ref);

	WARN_ON_ONCE(!hash_empty(s->handles) || !hash_empty(s->users) ||
		     !list_empty(&s->rings));
	put_pid(s->owner);
	put_user_ns(s->user_ns);
	put_pid_ns(s->pid_ns);
	scheme_free_queues(s, s->config.queues);
	scheme_delist(s);
	kfree_rcu(s, rcu);
}

void schm_scheme_put(struct schm_scheme *s)
{
	kref_put(&s->ref, scheme_release);
}

int schm_scheme_adopt(struct schm_scheme *s)
{
	struct pid *owner = get_pid(task_tgid(current));
	int ret = -ENODEV;

	spin_lock(&s->lock);
	if (s->state == SCHM_ALIVE) {
		swap(s->owner, owner);
		ret = 0;
	}
	spin_unlock(&s->lock);
	put_pid(owner);
	return ret;
}

bool schm_scheme_owner_dying(struct schm_scheme *s)
{
	struct task_struct *task;
	bool dying = true;

	spin_lock(&s->lock);
	rcu_read_lock();
	task = pid_task(s->owner, PIDTYPE_TGID);
	/*
	 * GROUP_EXIT comes first in every death by signal, core dumps and
	 * exit_group(); live falls when single threads leave one by one.
	 */
	if (task)
		dying = (READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT) ||
			!atomic_read(&task->signal->live);
	rcu_read_unlock();
	spin_unlock(&s->lock);
	return dying;
}

bool schm_scheme_owner_leaves(struct schm_scheme *s)
{
	bool owner;

	if (!(current->flags & PF_EXITING))
		return false;
	spin_lock(&s->lock);
	owner = s->owner == task_tgid(current);
	spin_unlock(&s->lock);
	return owner && schm_scheme_owner_dying(s);
}

pid_t schm_scheme_owner_nr(struct schm_scheme *s)
{
	pid_t nr;

	spin_lock(&s->lock);
	nr = pid_vnr(s->owner);
	spin_unlock(&s->lock);
	return nr;
}

struct schm_queue *schm_scheme_pick(struct schm_scheme *s)
{
	unsigned int nr = s->config.queues;
	unsigned int i, at = raw_smp_processor_id() % nr;
	struct schm_queue *q;

	/* before its provider has opened a queue, requests gather on the first */
	if (!READ_ONCE(s->live))
		return schm_queue_usable(s->queues[0]) ? s->queues[0] : NULL;
	for (i = 0; i < nr; i++, at = (at + 1) % nr) {
		q = s->queues[at];
		if (test_bit(at, &s->live) && schm_queue_usable(q))
			return q;
	}
	return NULL;
}

void schm_scheme_stats(struct schm_scheme *s, struct scheme_stats *stats)
{
	const u64 *from;
	u64 *to = (u64 *)stats;
	unsigned int i, k;

	memset(stats, 0, sizeof(*stats));
	for (i = 0; i < s->config.queues; i++) {
		struct schm_queue *q = s->queues[i];

		from = (const u64 *)&q->stats;
		spin_lock(&q->lock);
		for (k = 0; k < sizeof(*stats) / sizeof(*to); k++)
			to[k] += from[k];
		stats->in_flight += q->depth - q->nr_free;
		spin_unlock(&q->lock);
	}
	stats->handles = atomic_read(&s->nr_handles);
}

static struct schm_user *user_find_locked(struct schm_scheme *s, kuid_t uid)
{
	struct schm_user *user;

	lockdep_assert_held(&s->lock);
	hash_for_each_possible(s->users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

struct schm_user *schm_user_get(struct schm_scheme *s, kuid_t uid)
{
	struct schm_user *user, *fresh;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return NULL;
	fresh->scheme = s;
	fresh->uid = uid;
	init_waitqueue_head(&fresh->wait);

	spin_lock(&s->lock);
	user = user_find_locked(s, uid);
	if (!user) {
		user = fresh;
		fresh = NULL;
		hash_add(s->users, &user->node, __kuid_val(uid));
	}
	user->refs++;
	spin_unlock(&s->lock);
	kfree(fresh);
	return user;
}

void schm_user_put(struct schm_user *user)
{
	struct schm_scheme *s = user->scheme;
	bool last;

	spin_lock(&s->lock);
	last = !--user->refs;
	if (last)
		hash_del(&user->node);
	spin_unlock(&s->lock);
	if (last)
		kfree(user);
}

bool schm_user_may_enter(const struct schm_user *user)
{
	return atomic_read(&user->in_flight) < user->scheme->config.user_limit;
}

bool schm_user_try_enter(struct schm_user *user)
{
	int limit = user->scheme->config.user_limit;
	int now = atomic_read(&user->in_flight);

	do {
		if (now >= limit)
			return false;
	} while (!atomic_try_cmpxchg(&user->in_flight, &now, now + 1));
	return true;
}

void schm_user_leave(struct schm_user *user)
{
	atomic_dec(&user->in_flight);
	if (wq_has_sleeper(&user->wait))
		wake_up(&user->wait);
}
