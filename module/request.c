// SPDX-License-Identifier: GPL-2.0
/* The client's side of a request: make it, hand it over, wait, leave. */
#include "request.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "answer.h"
#include "handle.h"
#include "scheme.h"

static struct kmem_cache *req_cache;

int schm_req_init(void)
{
	req_cache = KMEM_CACHE(schm_req, SLAB_ACCOUNT);
	return req_cache ? 0 : -ENOMEM;
}

void schm_req_exit(void)
{
	kmem_cache_destroy(req_cache);
}

/*
 * Whose ids count: the caller's, but the opener's when a kernel thread (a loop
 * device, nfsd) calls on somebody's behalf. io_uring's workers are threads of
 * their process and carry the submitter's credentials.
 */
static void req_set_caller(struct schm_req *req, const struct file *file)
{
	struct schm_handle *h = req->handle;
	struct schm_scheme *s = h->scheme;
	const struct cred *cred = current_cred();
	struct pid *pid = task_tgid(current);

	if (file && (current->flags & PF_KTHREAD)) {
		cred = file->f_cred;
		pid = h->opener;
	}
	req->entry.sqe.pid = pid_nr_ns(pid, s->pid_ns);
	req->entry.sqe.uid = from_kuid_munged(s->user_ns, cred->euid);
	req->entry.sqe.gid = from_kgid_munged(s->user_ns, cred->egid);
}

unsigned long schm_req_deadline(const struct schm_scheme *s, bool async)
{
	u32 ms = s->config.timeout_ms;
	bool others = async || (current->flags & (PF_KTHREAD | PF_IO_WORKER));

	/* how long others wait is not for just anybody to say */
	if (others && (!ms || !s->config.privileged))
		ms = min(ms ?: SCHM_ASYNC_TIMEOUT_MS, SCHM_ASYNC_TIMEOUT_MS);
	if (!ms)
		return 0;
	return (jiffies + msecs_to_jiffies(ms)) ?: 1;
}

/* How long it may still wait. */
static long req_left(const struct schm_req *req)
{
	if (!req->deadline)
		return MAX_SCHEDULE_TIMEOUT;
	return max_t(long, req->deadline - jiffies, 0);
}

struct schm_req *schm_req_alloc(struct schm_handle *h, const struct file *file,
				u8 opcode)
{
	struct schm_req *req;

	req = kmem_cache_zalloc(req_cache, GFP_KERNEL);
	if (!req)
		return NULL;
	refcount_set(&req->ref, 1);
	req->handle = schm_handle_get(h);
	req->deadline = schm_req_deadline(h->scheme, false);
	INIT_LIST_HEAD(&req->entry.node);
	INIT_LIST_HEAD(&req->cancel.node);
	init_waitqueue_head(&req->wait);
	req->entry.kind = SCHM_ENTRY_REQ;
	req->entry.sqe.opcode = opcode;
	req->entry.sqe.handle = h->number;
	req_set_caller(req, file);
	return req;
}

static void req_drop_refs(struct schm_req *req, struct schm_late *late)
{
	schm_ticket_release(req);
	if (req->opens)
		schm_handle_unref(req->opens, late);
	if (req->second)
		schm_handle_unref(req->second, late);
	if (req->handle)
		schm_handle_unref(req->handle, late);
	req->opens = NULL;
	req->second = NULL;
	req->handle = NULL;
}

void schm_req_unref(struct schm_req *req, struct schm_late *late)
{
	if (!refcount_dec_and_test(&req->ref))
		return;
	req_drop_refs(req, late);
	kmem_cache_free(req_cache, req);
}

void schm_req_drop_tag_locked(struct schm_req *req)
{
	req->has_tag = false;
	WRITE_ONCE(req->queue->poller[req->index], 0);
	schm_queue_drop_tag_locked(req->queue, req->index);
	schm_user_leave(req->handle->user);
}

void schm_req_put(struct schm_req *req)
{
	struct schm_queue *q = req->queue;
	bool abandoned = false, had_tag = false;
	struct schm_late late = SCHM_LATE_INIT(late);

	if (q) {
		spin_lock(&q->lock);
		abandoned = req->state == SCHM_REQ_ABANDONED;
		had_tag = req->has_tag && !abandoned;
		if (had_tag)
			schm_req_drop_tag_locked(req);
		spin_unlock(&q->lock);
	}
	/*
	 * Now, not with the last reference: that may be the waker's, which has
	 * yet to come back from waking us, and a CLOSE of ours must not come
	 * after what we do next.
	 */
	if (!abandoned)
		req_drop_refs(req, &late);
	if (had_tag)
		schm_req_unref(req, &late);
	schm_req_unref(req, &late);
	schm_late_run(&late);
}

/*
 * Signals interrupt a wait; task work of io_uring does not, except in its
 * workers, where it is how a cancellation comes.
 */
static unsigned int req_notify_off(void)
{
	return current->flags & PF_IO_WORKER ? 0 : no_notify_signal_save();
}

static void req_notify_on(unsigned int flags)
{
	if (!(current->flags & PF_IO_WORKER))
		no_notify_signal_restore(flags);
}

/* Wait for cond in a state; as wait_event_interruptible_timeout(). */
#define req_wait_event(req, wq, cond, state)				\
({									\
	unsigned int notify = req_notify_off();				\
	long woken = ___wait_event(wq, ___wait_cond_timeout(cond),	\
				   state, 0, req_left(req),		\
				   __ret = schedule_timeout(__ret));	\
									\
	req_notify_on(notify);						\
	woken;								\
})

/*
 * Wait for cond, one of many; 0 when it holds, else why not. A wake-up may have
 * reached us awake: between our turn and leaving the queue, or as the time was
 * over. So, once off the queue, pass it on if there is more.
 */
#define req_wait_turn(req, wq, cond, more, nowait)			\
({									\
	unsigned int notify;						\
	long turn = (cond);						\
									\
	if (!turn && (nowait)) {					\
		turn = -EAGAIN;						\
	} else if (!turn) {						\
		notify = req_notify_off();				\
		turn = ___wait_event(wq, ___wait_cond_timeout(cond),	\
				     TASK_INTERRUPTIBLE, 1,		\
				     req_left(req),			\
				     __ret = schedule_timeout(__ret));	\
		req_notify_on(notify);					\
		if (more)						\
			wake_up(&(wq));					\
	}								\
	turn > 0 ? 0 : turn ? (int)turn : -ETIMEDOUT;			\
})

static int req_take_tag(struct schm_req *req, struct schm_queue *q, bool nowait)
{
	int index, ret;

	ret = req_wait_turn(req, q->tag_wait,
			   (index = schm_queue_take_tag(q, req)) != -EAGAIN,
			   READ_ONCE(q->nr_free), nowait);
	if (ret)
		return ret;
	if (index < 0)
		return index;
	/* the tag's own reference */
	refcount_inc(&req->ref);
	req->queue = q;
	req->index = index;
	req->slot = schm_queue_slot(q, index);
	req->has_tag = true;
	req->state = SCHM_REQ_RESERVED;
	return 0;
}

int schm_req_reserve(struct schm_req *req, bool nowait)
{
	struct schm_scheme *s = req->handle->scheme;
	struct schm_user *user = req->handle->user;
	struct schm_queue *q;
	bool entered = false;
	int ret;

	ret = req_wait_turn(req, user->wait,
			   !schm_scheme_alive(s) ||
			   (entered = schm_user_try_enter(user)),
			   schm_user_may_enter(user), nowait);
	if (ret)
		return ret;
	if (!entered)
		return -ENODEV;
	/* a queue may end while we wait for its tag; others may go on */
	do {
		q = schm_scheme_pick(s);
		ret = q ? req_take_tag(req, q, nowait) : -ENODEV;
	} while (ret == -ENODEV && q && schm_scheme_alive(s));
	if (ret)
		schm_user_leave(user);
	return ret;
}

static void req_fill_sqe_locked(struct schm_req *req, u32 len)
{
	struct scheme_sqe *sqe = &req->entry.sqe;

	sqe->user_data = schm_queue_tag_locked(req->queue, req->index);
	sqe->addr = (u64)req->index * req->queue->slot_size;
	sqe->len = len;
}

void schm_req_submit(struct schm_req *req, u32 len)
{
	struct schm_queue *q = req->queue;
	struct schm_late late = SCHM_LATE_INIT(late);

	spin_lock(&q->lock);
	if (schm_queue_usable(q)) {
		req_fill_sqe_locked(req, len);
		if (req->handle->scheme->config.busy_poll_us)
			WRITE_ONCE(q->poller[req->index], SCHEME_POLLER_SPINS);
		req->state = SCHM_REQ_SENT;
		schm_queue_submit_locked(q, &req->entry, &late);
		schm_queue_wake_locked(q, &late);
	} else {
		schm_req_end_locked(req, -ENODEV, &late);
	}
	spin_unlock(&q->lock);
	schm_late_run(&late);
}

/*
 * From now on the provider has to ENTER for this tag. Look once more: it may
 * have posted the answer before it could see the change.
 */
static void req_stop_polling(struct schm_req *req)
{
	struct schm_queue *q = req->queue;

	if (!req->handle->scheme->config.busy_poll_us)
		return;
	WRITE_ONCE(q->poller[req->index], 0);
	/* pairs with the provider's barrier between posting and looking */
	smp_mb();
	schm_answers_take(q);
}

/*
 * Spin for the answer, and take it from the ring without the provider's help.
 */
static bool req_spin(struct schm_req *req)
{
	u64 us = req->handle->scheme->config.busy_poll_us;
	u64 end;

	if (!us)
		return false;
	end = ktime_get_ns() + us * NSEC_PER_USEC;
	while (!schm_req_done(req)) {
		schm_answers_poll(req->queue);
		if (need_resched() || signal_pending(current) ||
		    ktime_get_ns() >= end) {
			req_stop_polling(req);
			return schm_req_done(req);
		}
		cpu_relax();
	}
	return true;
}

/*
 * Stop waiting. Returns 0 if the request has ended meanwhile, else why. A
 * provider that has seen it is told, and keeps the slot until it answers.
 */
static int req_leave(struct schm_req *req, int why)
{
	struct schm_queue *q = req->queue;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct file *file = NULL;

	req_stop_polling(req);
	spin_lock(&q->lock);
	if (req->state != SCHM_REQ_SENT) {
		why = 0;
	} else if (!list_empty(&req->entry.node)) {
		schm_queue_withdraw_locked(q, &req->entry);
		schm_req_end_locked(req, why, &late);
	} else {
		schm_req_cancel_locked(req, &late);
		req->state = SCHM_REQ_ABANDONED;
		q->stats.abandoned++;
		file = schm_ticket_drop_locked(req);
	}
	if (why == -ETIMEDOUT)
		q->stats.timeouts++;
	spin_unlock(&q->lock);
	if (file)
		fput(file);
	schm_late_run(&late);
	return why;
}

void schm_req_abandon(struct schm_req *req)
{
	req_leave(req, -EINTR);
	schm_req_put(req);
}

/* Ask the provider to give up. True: it never saw the request, it has ended. */
static bool req_cancel(struct schm_req *req)
{
	struct schm_queue *q = req->queue;
	struct schm_late late = SCHM_LATE_INIT(late);
	bool unseen;

	spin_lock(&q->lock);
	unseen = req->state == SCHM_REQ_SENT && !list_empty(&req->entry.node);
	if (unseen) {
		schm_queue_withdraw_locked(q, &req->entry);
		schm_req_end_locked(req, -ERESTARTSYS, &late);
	} else if (req->state == SCHM_REQ_SENT) {
		schm_req_cancel_locked(req, &late);
	}
	spin_unlock(&q->lock);
	schm_late_run(&late);
	return unseen;
}

static int req_wait_interrupted(struct schm_req *req)
{
	long left;

	if (fatal_signal_pending(current))
		return req_leave(req, -EINTR);
	if (req_cancel(req))
		return 0;
	left = req_wait_event(req, req->wait, schm_req_done(req), TASK_KILLABLE);
	if (left > 0)
		return 0;
	return req_leave(req, left ? -EINTR : -ETIMEDOUT);
}

static int req_wait(struct schm_req *req)
{
	long left;

	if (req_spin(req))
		return 0;
	left = req_wait_event(req, req->wait, schm_req_done(req),
			      TASK_INTERRUPTIBLE);
	if (left > 0)
		return 0;
	if (!left)
		return req_leave(req, -ETIMEDOUT);
	return req_wait_interrupted(req);
}

s64 schm_req_wait(struct schm_req *req)
{
	int ret = req_wait(req);

	if (ret)
		return ret;
	if (req->canceling &&
	    (req->result == -EINTR || req->result == -ECANCELED))
		return -ERESTARTSYS;
	/* nobody asked the provider to give up */
	if (req->result == -EINTR)
		return -EIO;
	return req->result;
}

s64 schm_req_call(struct schm_req *req, u32 len)
{
	schm_req_submit(req, len);
	return schm_req_wait(req);
}
