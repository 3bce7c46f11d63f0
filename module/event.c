// SPDX-License-Identifier: GPL-2.0
/*
 * The event scheme: every open is an event queue, which belongs to the open
 * file, whoever has it. A write watches files, a read takes events.
 */
#include "event.h"

#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "handle.h"
#include "ring_file.h"
#include "watch.h"

#define EVENT_SIZE	sizeof(struct scheme_event)

/* Events that travel together; on the stack. */
#define BATCH		8

/* How late a wake-up by time may be; as for other waits of this length. */
#define SLACK_NS	50000

int schm_event_open(struct inode *inode, struct file *file)
{
	struct schm_equeue *q = schm_equeue_alloc();

	if (!q)
		return -ENOMEM;
	file->private_data = q;
	stream_open(inode, file);
	/* a read looks without waiting if io_uring says so, and it then polls */
	file->f_mode |= FMODE_NOWAIT;
	return 0;
}

static int event_release(struct inode *inode, struct file *file)
{
	schm_equeue_free(file->private_data);
	return 0;
}

static __poll_t event_poll(struct file *file, poll_table *wait)
{
	struct schm_equeue *q = file->private_data;

	poll_wait(file, &q->wait, wait);
	return (__force __poll_t)schm_equeue_mask(q);
}

/* ---- watching -------------------------------------------------------------- */

/* What of the file can be watched, or an ERR_PTR. */
static struct schm_source *event_source(struct file *file)
{
	if (file->f_op->poll == schm_handle_poll) {
		struct schm_handle *h = file->private_data;

		return h->open ? &h->source : ERR_PTR(-EBADF);
	}
	if (schm_ring_end(file))
		return &schm_ring_end(file)->source;
	if (file->f_op->poll == event_poll) {
		struct schm_equeue *q = file->private_data;

		return &q->source;
	}
	return ERR_PTR(-EOPNOTSUPP);
}

static int event_watch(struct schm_equeue *q, const struct scheme_event *event)
{
	struct schm_source *source;
	struct file *file;
	int ret;

	if (event->flags & ~(u64)SCHM_EVENT_MASK)
		return -EINVAL;
	if (event->id > INT_MAX)
		return -EBADF;
	file = fget(event->id);
	if (!file)
		return -EBADF;
	source = event_source(file);
	if (IS_ERR(source))
		ret = PTR_ERR(source);
	else
		ret = schm_equeue_watch(q, source, event);
	fput(file);
	return ret;
}

static ssize_t event_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct schm_equeue *q = iocb->ki_filp->private_data;
	struct scheme_event event;
	ssize_t done = 0;
	int ret = 0;

	if (!iov_iter_count(from) || iov_iter_count(from) % EVENT_SIZE)
		return -EINVAL;
	while (!ret && iov_iter_count(from)) {
		if (!copy_from_iter_full(&event, sizeof(event), from))
			ret = -EFAULT;
		else if (done && signal_pending(current))
			ret = -EINTR;
		else
			ret = event_watch(q, &event);
		if (!ret)
			done += sizeof(event);
		cond_resched();
	}
	return done ?: ret;
}

/* ---- reading --------------------------------------------------------------- */

static unsigned int event_copy(const struct schm_taken *taken, unsigned int nr,
			       struct iov_iter *to)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (copy_to_iter(&taken[i].event, EVENT_SIZE, to) != EVENT_SIZE)
			break;
	return i;
}

/* Give what there is, as far as there is room. Number of events, or -EFAULT. */
static ssize_t event_take(struct schm_equeue *q, struct iov_iter *to)
{
	struct schm_taken taken[BATCH];
	unsigned int nr, copied;
	ssize_t done = 0;
	size_t room;

	while ((room = iov_iter_count(to) / EVENT_SIZE)) {
		nr = schm_equeue_take(q, taken, min_t(size_t, room, BATCH));
		copied = event_copy(taken, nr, to);
		done += copied;
		if (copied < nr) {
			schm_equeue_untake(q, taken + copied, nr - copied);
			return done ?: -EFAULT;
		}
		/* others may post as fast as we read: let a signal end it */
		if (nr < BATCH || signal_pending(current))
			break;
		cond_resched();
	}
	return done;
}

/*
 * Sleep until there are events. expires: when to stop, or NULL. 0; -ETIME;
 * -ERESTARTSYS.
 */
static int event_wait(struct schm_equeue *q, ktime_t *expires)
{
	DEFINE_WAIT(wait);
	int ret = 0;

	for (;;) {
		prepare_to_wait_exclusive(&q->wait, &wait, TASK_INTERRUPTIBLE);
		if (schm_equeue_ready(q) || ret)
			break;
		if (signal_pending(current))
			ret = -ERESTARTSYS;
		else if (!schedule_hrtimeout_range(expires, SLACK_NS,
						   HRTIMER_MODE_ABS))
			ret = -ETIME;
	}
	finish_wait(&q->wait, &wait);
	return schm_equeue_ready(q) ? 0 : ret;
}

static ssize_t event_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct schm_equeue *q = iocb->ki_filp->private_data;
	bool nowait = (iocb->ki_flags & IOCB_NOWAIT) ||
		      (iocb->ki_filp->f_flags & O_NONBLOCK);
	ssize_t ret;

	if (iov_iter_count(to) < EVENT_SIZE)
		return -EINVAL;
	while (!(ret = event_take(q, to))) {
		if (nowait)
			return -EAGAIN;
		ret = event_wait(q, NULL);
		if (ret)
			return ret;
	}
	return ret < 0 ? ret : ret * EVENT_SIZE;
}

/* ---- reading with a limit of time ------------------------------------------ */

static ssize_t event_wait_until(struct schm_equeue *q, struct iov_iter *to,
				s64 timeout_ns)
{
	ktime_t expires = ktime_add_safe(ktime_get(), max_t(s64, timeout_ns, 0));
	ssize_t ret;

	while (!(ret = event_take(q, to)) && timeout_ns) {
		ret = event_wait(q, timeout_ns < 0 ? NULL : &expires);
		if (ret)
			break;
	}
	if (ret == -ETIME)
		return 0;
	/*
	 * Task work of io_uring interrupts as a signal does, but is none: run it
	 * and wait on, unless a handler comes to run after all.
	 */
	if (ret == -ERESTARTSYS)
		return task_sigpending(current) ? -EINTR : -ERESTARTNOHAND;
	return ret;
}

static long event_ioctl_wait(struct file *file, void __user *argp)
{
	struct scheme_event_wait arg;
	struct iov_iter iter;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || !arg.nr || arg.nr > MAX_RW_COUNT / EVENT_SIZE)
		return -EINVAL;
	iov_iter_ubuf(&iter, READ, u64_to_user_ptr(arg.events),
		      arg.nr * EVENT_SIZE);
	return event_wait_until(file->private_data, &iter, arg.timeout_ns);
}

static long event_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd != SCHEME_IOC_EVENT_WAIT)
		return -ENOTTY;
	return event_ioctl_wait(file, (void __user *)arg);
}

static void event_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct schm_equeue *q = file->private_data;

	seq_printf(m, "scheme-watches:\t%u\n", READ_ONCE(q->nr));
}

const struct file_operations schm_event_fops = {
	.owner		= THIS_MODULE,
	.open		= schm_event_open,
	.release	= event_release,
	.read_iter	= event_read_iter,
	.write_iter	= event_write_iter,
	.poll		= event_poll,
	.unlocked_ioctl	= event_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= event_show_fdinfo,
};

/* Not of the class: it has no owner, no queues and no counters. */
static struct miscdevice event_dev = {
	.minor		= MISC_DYNAMIC_MINOR,
	.name		= "scheme-event",
	.nodename	= "scheme/" SCHM_EVENT_NAME,
	.fops		= &schm_event_fops,
	.mode		= 0666,
};

int schm_event_init(void)
{
	return misc_register(&event_dev);
}

void schm_event_exit(void)
{
	misc_deregister(&event_dev);
}
