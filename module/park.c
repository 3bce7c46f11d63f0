// SPDX-License-Identifier: GPL-2.0
/*
 * The parked ENTER command of a queue: an io_uring command that waits for
 * entries. Whoever takes it out of q->parked under queue->lock owns its
 * completion, which happens in its own task (see rule in enter.c), or inside
 * its cancel call.
 */
#include <linux/jiffies.h>
#include <linux/pid.h>

#include "compat.h"
#include "queue.h"

#define PARK_MAX_NS	(60ULL * NSEC_PER_SEC)

struct parked_result {
	int	res;
};

static struct parked_result *parked_result(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct parked_result) > sizeof(cmd->pdu));
	return (struct parked_result *)cmd->pdu;
}

/*
 * In the command's own task, or, when that is dying, in a worker: touch
 * neither files nor user memory here.
 */
static void parked_done(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	schm_cmd_done(cmd, parked_result(cmd)->res, issue_flags);
}

SCHM_CMD_TASK_WORK(parked_task_work, parked_done)

void schm_parked_complete(struct io_uring_cmd *cmd)
{
	io_uring_cmd_complete_in_task(cmd, parked_task_work);
}

static void parked_clear_locked(struct schm_queue *q)
{
	lockdep_assert_held(&q->lock);
	q->parked.cmd = NULL;
	put_pid(q->parked.pid);
	put_pid(q->parked.tgid);
	cancel_delayed_work(&q->parked.timeout);
}

void schm_queue_unpark_locked(struct schm_queue *q, int res,
			      struct schm_late *late)
{
	struct io_uring_cmd *cmd = q->parked.cmd;

	lockdep_assert_held(&q->lock);
	if (!cmd)
		return;
	parked_clear_locked(q);
	parked_result(cmd)->res = res;
	late->cmd = cmd;
}

bool schm_queue_take_parked(struct schm_queue *q, struct io_uring_cmd *cmd)
{
	bool ours;

	spin_lock(&q->lock);
	ours = q->parked.cmd == cmd;
	if (ours)
		parked_clear_locked(q);
	spin_unlock(&q->lock);
	return ours;
}

int schm_queue_park(struct schm_queue *q, struct io_uring_cmd *cmd,
		    u32 min_wait, u64 timeout_ns)
{
	int ret = -EIOCBQUEUED;
	unsigned long timeout;

	/*
	 * Nobody tells of the end of a ring, and io_uring complains of one that
	 * has not ended after five minutes: let no command stay so long.
	 */
	if (!SCHM_CMD_CANCEL)
		timeout_ns = min_not_zero(timeout_ns, PARK_MAX_NS);
	spin_lock(&q->lock);
	if (q->dead) {
		ret = -ENODEV;
	} else if (q->broken) {
		ret = -EIO;
	} else if (schm_queue_ready(q) >= min_wait) {
		ret = schm_queue_ready(q);
	} else if (q->parked.cmd) {
		ret = -EBUSY;
	} else {
		q->parked.cmd = cmd;
		q->parked.pid = get_task_pid(current, PIDTYPE_PID);
		q->parked.tgid = get_pid(task_tgid(current));
		q->parked.min_wait = min_wait;
		q->parked.until = 0;
		if (timeout_ns) {
			timeout = min_t(u64, nsecs_to_jiffies64(timeout_ns),
					MAX_JIFFY_OFFSET / 2) + 1;
			q->parked.until = (jiffies + timeout) ?: 1;
			mod_delayed_work(system_power_efficient_wq, &q->parked.timeout, timeout);
		}
	}
	spin_unlock(&q->lock);
	return ret;
}

static void park_timeout(struct work_struct *work)
{
	struct schm_queue *q = container_of(to_delayed_work(work),
					    struct schm_queue, parked.timeout);
	struct schm_late late = SCHM_LATE_INIT(late);

	spin_lock(&q->lock);
	/*
	 * Too early: the wheel has an end, or this was queued for a command
	 * that has gone.
	 */
	if (!q->parked.cmd || !q->parked.until)
		;
	else if (time_before(jiffies, q->parked.until))
		mod_delayed_work(system_power_efficient_wq, &q->parked.timeout,
				 q->parked.until - jiffies);
	else
		schm_queue_unpark_locked(q, schm_queue_ready(q), &late);
	spin_unlock(&q->lock);
	if (late.cmd)
		schm_parked_complete(late.cmd);
}

void schm_queue_park_init(struct schm_queue *q)
{
	INIT_DELAYED_WORK(&q->parked.timeout, park_timeout);
}

void schm_queue_park_exit(struct schm_queue *q)
{
	WARN_ON_ONCE(q->parked.cmd);
	cancel_delayed_work_sync(&q->parked.timeout);
}

static bool thread_goes(struct pid *pid)
{
	struct task_struct *task, *thread;
	bool goes = true;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task) {
		goes = (task->flags & PF_EXITING) || fatal_signal_pending(task);
		for_each_thread(task, thread)
			goes |= schm_task_execs(thread);
	}
	rcu_read_unlock();
	return goes;
}

void schm_queue_unpark_dying(struct schm_queue *q)
{
	struct schm_late late = SCHM_LATE_INIT(late);

	spin_lock(&q->lock);
	if (q->parked.cmd && thread_goes(q->parked.pid))
		schm_queue_unpark_locked(q, -ECANCELED, &late);
	spin_unlock(&q->lock);
	if (late.cmd)
		schm_parked_complete(late.cmd);
}

void schm_queue_unpark_process(struct schm_queue *q, struct pid *tgid)
{
	struct schm_late late = SCHM_LATE_INIT(late);

	spin_lock(&q->lock);
	if (q->parked.cmd && q->parked.tgid == tgid)
		schm_queue_unpark_locked(q, -ECANCELED, &late);
	spin_unlock(&q->lock);
	if (late.cmd)
		schm_parked_complete(late.cmd);
}
