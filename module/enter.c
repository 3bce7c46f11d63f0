// SPDX-License-Identifier: GPL-2.0
/*
 * ENTER: hand over answers, wait for requests. As ioctl the thread sleeps; as
 * io_uring command it is parked on the queue.
 *
 * A command is completed inside its own issue or cancel call, or by task work
 * of its own task, never inline by another task: completing takes the mutex of
 * the ring it belongs to, and two tasks whose rings wait for each other would
 * deadlock.
 */
#include "enter.h"

#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "answer.h"
#include "compat.h"
#include "queue.h"

static int enter_check(const struct schm_queue *q, const struct scheme_enter *arg)
{
	if (arg->flags || arg->min_wait > q->at.sq_entries)
		return -EINVAL;
	return 0;
}

/* The entries that wait, or why there will be none. */
static int enter_result(const struct schm_queue *q)
{
	if (READ_ONCE(q->dead))
		return -ENODEV;
	if (READ_ONCE(q->broken))
		return -EIO;
	return schm_queue_ready(q);
}

static int enter_take(struct schm_queue *q, u32 min_wait)
{
	schm_answers_enter(q, schm_queue_ready(q) < min_wait);
	return enter_result(q);
}

static int enter_wait(struct schm_queue *q, const struct scheme_enter *arg)
{
	long left = MAX_SCHEDULE_TIMEOUT;

	if (arg->timeout_ns)
		left = min_t(u64, nsecs_to_jiffies64(arg->timeout_ns),
			     MAX_JIFFY_OFFSET) + 1;
	left = wait_event_interruptible_timeout(q->sq_wait,
				schm_queue_ready(q) >= arg->min_wait ||
				!schm_queue_usable(q), left);
	if (left >= 0)
		return enter_result(q);
	/*
	 * Nothing is lost: the entries stay on the ring. Task work of io_uring
	 * interrupts as a signal does, but is none: run it and wait on, unless a
	 * handler comes to run after all.
	 */
	return task_sigpending(current) ? -EINTR : -ERESTARTNOHAND;
}

long schm_enter_ioctl(struct schm_queue *q, void __user *argp)
{
	struct scheme_enter arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = enter_check(q, &arg);
	if (ret)
		return ret;
	ret = enter_take(q, arg.min_wait);
	if (ret >= 0 && ret < arg.min_wait)
		ret = enter_wait(q, &arg);
	return ret;
}

static int enter_park(struct schm_queue *q, struct io_uring_cmd *cmd,
		      const struct scheme_enter *arg, unsigned int issue_flags)
{
	int ret;

	/*
	 * Without cancellation a worker's command would outlive what the
	 * watcher can see.
	 */
	if (!SCHM_CMD_CANCEL && (issue_flags & IO_URING_F_UNLOCKED))
		return -EOPNOTSUPP;
	/* before it can be found, so that a cancel never misses it */
	schm_cmd_mark_cancelable(cmd, issue_flags);
	ret = schm_queue_park(q, cmd, arg->min_wait, arg->timeout_ns);
	if (ret != -EIOCBQUEUED)
		schm_cmd_done(cmd, ret, issue_flags);
	return -EIOCBQUEUED;
}

static int enter_cancel(struct schm_queue *q, struct io_uring_cmd *cmd,
			unsigned int issue_flags)
{
	if (schm_queue_take_parked(q, cmd))
		schm_cmd_done(cmd, -ECANCELED, issue_flags);
	return 0;
}

int schm_enter_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct schm_queue *q = cmd->file->private_data;
	struct scheme_enter arg;
	int ret;

	if (schm_cmd_is_cancel(issue_flags))
		return enter_cancel(q, cmd, issue_flags);
	if (cmd->cmd_op != SCHEME_IOC_ENTER)
		return -ENOTTY;
	/* 16 bytes: there in a small submission entry, too */
	BUILD_BUG_ON(sizeof(arg) > 16);
	memcpy(&arg, schm_cmd_payload(cmd), sizeof(arg));
	barrier();
	ret = enter_check(q, &arg);
	if (ret)
		return ret;
	ret = enter_take(q, arg.min_wait);
	if (ret < 0 || ret >= arg.min_wait)
		return ret;
	return enter_park(q, cmd, &arg, issue_flags);
}
