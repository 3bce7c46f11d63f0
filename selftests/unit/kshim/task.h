/* SPDX-License-Identifier: GPL-2.0 */
/* The calling process, its rights and its waiting; see kshim.h. */
#ifndef KSHIM_TASK_H
#define KSHIM_TASK_H

/* ---- the calling process ------------------------------------------------- */

typedef struct {
	u32 val;
} kuid_t, kgid_t;

typedef struct {
	u64 val;
} kernel_cap_t;

struct pid {
	int count;
};

struct pid_namespace {
	int count;
};

struct user_namespace {
	int count;
};

struct cred {
	kuid_t		euid;
	kgid_t		egid;
	kernel_cap_t	cap_effective;
};

struct signal_struct {
	unsigned int	flags;
	atomic_t	live;
};

struct task_struct {
	unsigned int		flags;
	struct pid		*tgid;
	struct signal_struct	*signal;
	const struct cred	*cred;
};

#define PF_EXITING		0x4
#define PF_IO_WORKER		0x10
#define PF_KTHREAD		0x200000
#define SIGNAL_GROUP_EXIT	0x4
#define PIDTYPE_TGID		0

extern struct task_struct kshim_task;
extern struct pid_namespace kshim_pid_ns;
extern struct user_namespace kshim_user_ns;

#define current			(&kshim_task)
#define current_cred()		(current->cred)
#define current_euid()		(current->cred->euid)
#define current_egid()		(current->cred->egid)
#define current_user_ns()	(&kshim_user_ns)
#define task_active_pid_ns(task) (&kshim_pid_ns)
#define task_tgid(task)		((task)->tgid)
#define pid_task(pid, type)	((pid) == current->tgid ? current : NULL)
#define pid_nr_ns(pid, ns)	((void)(ns), (pid) == current->tgid ? 1234 : 0)
#define pid_vnr(pid)		pid_nr_ns(pid, NULL)
#define raw_smp_processor_id()	0
#define test_bit(nr, mask)	(*(mask) >> (nr) & 1)
#define set_bit(nr, mask)	((void)(*(mask) |= 1UL << (nr)))

#define kshim_get(object)	((object)->count++, (object))
#define kshim_put(object)	KSHIM_CHECK((object)->count-- > 0)
#define get_pid(pid)		kshim_get(pid)
#define put_pid(pid)		kshim_put(pid)
#define get_pid_ns(ns)		kshim_get(ns)
#define put_pid_ns(ns)		kshim_put(ns)
#define get_user_ns(ns)		kshim_get(ns)
#define put_user_ns(ns)		kshim_put(ns)

/* The one user namespace knows all ids but the last. */
#define KUIDT_INIT(v)		((kuid_t){ v })
#define KGIDT_INIT(v)		((kgid_t){ v })
#define __kuid_val(id)		((id).val)
#define make_kuid(ns, v)	KUIDT_INIT(v)
#define make_kgid(ns, v)	KGIDT_INIT(v)
#define from_kuid_munged(ns, id) ((void)(ns), (id).val)
#define from_kgid_munged(ns, id) ((void)(ns), (id).val)
#define uid_eq(a, b)		((a).val == (b).val)
#define gid_eq(a, b)		((a).val == (b).val)
#define uid_valid(id)		((id).val != U32_MAX)
#define gid_valid(id)		((id).val != U32_MAX)
#define in_group_p(id)		gid_eq(id, current_egid())
#define capable(cap)		(current->cred->cap_effective.val >> (cap) & 1)
#define cap_clear(cap)		((cap).val = 0)

static inline struct cred *prepare_creds(void)
{
	struct cred *cred = malloc(sizeof(*cred));

	if (cred)
		*cred = *current->cred;
	return cred;
}

static inline const struct cred *override_creds(const struct cred *cred)
{
	swap(current->cred, cred);
	return cred;
}

#define revert_creds(old)	((void)(current->cred = (old)))
#define put_cred(cred)		free((void *)(cred))

/* ---- waiting ------------------------------------------------------------- */

struct wait_queue_entry;
typedef int (*wait_queue_func_t)(struct wait_queue_entry *entry,
				 unsigned int mode, int flags, void *key);

typedef struct wait_queue_entry {
	wait_queue_func_t	func;
	struct list_head	entry;
} wait_queue_entry_t;

typedef struct {
	struct list_head	head;
} wait_queue_head_t;

struct completion {
	bool done;
};

struct delayed_work {
	int unused;
};

#define init_waitqueue_head(wq)	INIT_LIST_HEAD(&(wq)->head)
#define wq_has_sleeper(wq)	(!list_empty(&(wq)->head))
#define init_waitqueue_func_entry(e, f) ((void)((e)->func = (f)))
#define add_wait_queue(wq, e)	list_add_tail(&(e)->entry, &(wq)->head)
#define remove_wait_queue(wq, e) list_del(&(e)->entry)
#define wake_up(wq)		kshim_wake(wq, 0)
#define wake_up_all(wq)		kshim_wake(wq, 0)
#define wake_up_interruptible(wq)	kshim_wake(wq, 0)
#define wake_up_sync(wq)	kshim_wake(wq, 0)
#define poll_to_key(mask)	(mask)
#define __wake_up(wq, mode, nr, key)	kshim_wake(wq, key)
#define wake_up_interruptible_poll(wq, key)	 kshim_wake(wq, key)
#define wake_up_interruptible_sync_poll(wq, key) kshim_wake(wq, key)
#define init_completion(c)	((void)((c)->done = false))

static inline void kshim_wake(wait_queue_head_t *wq, unsigned long key)
{
	wait_queue_entry_t *e, *next;

	list_for_each_entry_safe(e, next, &wq->head, entry)
		e->func(e, 0, 0, (void *)key);
}

#define HZ			250
#define MAX_SCHEDULE_TIMEOUT	LONG_MAX
#define TASK_INTERRUPTIBLE	1
#define TASK_KILLABLE		2
#define DEFAULT_POLLMASK	(EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM)

extern unsigned long jiffies;

#define msecs_to_jiffies(ms)	((unsigned long)(ms) * HZ / 1000)
#define need_resched()		false
#define signal_pending(task)	false
#define task_sigpending(task)	false
#define fatal_signal_pending(task) false

/* Nobody else is there to wake us: time passes, and for ever is a breach. */
static inline long schedule_timeout(long timeout)
{
	might_sleep();
	KSHIM_CHECK(timeout != MAX_SCHEDULE_TIMEOUT);
	jiffies += timeout;
	return 0;
}

static inline u64 ktime_get_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

#define ___wait_cond_timeout(condition)					\
({									\
	bool __cond = (condition);					\
	if (__cond && !__ret)						\
		__ret = 1;						\
	__cond || !__ret;						\
})

#define ___wait_event(wq, condition, state, exclusive, ret, cmd)	\
({									\
	long __ret = (ret);						\
	might_sleep();							\
	while (!(condition))						\
		cmd;							\
	__ret;								\
})

#endif /* KSHIM_TASK_H */
