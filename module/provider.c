// SPDX-License-Identifier: GPL-2.0
/* The provider's files: the scheme fd and the queue fds. */
#include "provider.h"

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "answer.h"
#include "attach.h"
#include "enter.h"
#include "life.h"
#include "memory.h"
#include "queue.h"
#include "scheme.h"

/* ---- queue fd ------------------------------------------------------------ */

static int queue_release(struct inode *inode, struct file *file)
{
	struct schm_queue *q = file->private_data;

	schm_queue_close(q);
	schm_scheme_put(q->scheme);
	return 0;
}

/*
 * Comes for every close() of a descriptor, by every process that has one. A
 * command parked by this process holds the file itself: without this, the
 * release would never come.
 */
static int queue_flush(struct file *file, fl_owner_t id)
{
	schm_queue_unpark_process(file->private_data, task_tgid(current));
	return 0;
}

static int queue_mmap(struct file *file, struct vm_area_struct *vma)
{
	return schm_memory_mmap(file->private_data, vma);
}

static __poll_t queue_poll(struct file *file, poll_table *wait)
{
	struct schm_queue *q = file->private_data;

	poll_wait(file, &q->sq_wait, wait);
	if (!schm_queue_usable(q))
		return EPOLLERR | EPOLLHUP;
	return schm_queue_ready(q) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long queue_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd == SCHEME_IOC_ENTER)
		return schm_enter_ioctl(file->private_data, (void __user *)arg);
	return schm_attach_ioctl(file->private_data, cmd, (void __user *)arg);
}

static int queue_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	return schm_enter_cmd(cmd, issue_flags);
}

static const struct file_operations queue_fops = {
	.owner		= THIS_MODULE,
	.release	= queue_release,
	.flush		= queue_flush,
	.mmap		= queue_mmap,
	.poll		= queue_poll,
	.unlocked_ioctl	= queue_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= queue_uring_cmd,
	.llseek		= noop_llseek,
};

static void queue_fill_info(const struct schm_queue *q,
			    struct scheme_queue_info *info)
{
	info->sq_entries = q->at.sq_entries;
	info->cq_entries = q->at.cq_entries;
	info->depth = q->depth;
	info->slot_size = q->slot_size;
	info->kernel_off = q->at.kernel_off;
	info->client_off = q->at.client_off;
	info->provider_off = q->at.provider_off;
	info->poller_off = q->at.poller_off;
	info->sq_off = q->at.sq_off;
	info->cq_off = q->at.cq_off;
	info->slots_off = q->at.slots_off;
	info->size = q->at.size;
}

/* ---- scheme fd ----------------------------------------------------------- */

/* The file first: a queue that has been open and is not takes no requests. */
static int queue_fd(struct schm_scheme *s, struct schm_queue *q)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[scheme-queue]", &queue_fops, q, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	schm_scheme_get(s);
	schm_queue_open(q);
	set_bit(q->index, &s->live);
	fd_install(fd, file);
	return fd;
}

static long scheme_open_queue(struct schm_scheme *s, void __user *argp)
{
	struct scheme_queue_info info;
	struct schm_queue *q;

	if (copy_from_user(&info, argp, sizeof(info)))
		return -EFAULT;
	if (info.flags || info.reserved[0] || info.reserved[1] ||
	    info.index >= s->config.queues)
		return -EINVAL;
	q = s->queues[info.index];
	if (!schm_scheme_alive(s))
		return -ENODEV;
	queue_fill_info(q, &info);
	if (copy_to_user(argp, &info, sizeof(info)))
		return -EFAULT;

	return queue_fd(s, q);
}

static long scheme_copy_stats(struct schm_scheme *s, void __user *argp)
{
	struct scheme_stats stats;

	schm_scheme_stats(s, &stats);
	return copy_to_user(argp, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long scheme_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct schm_scheme *s = file->private_data;
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case SCHEME_IOC_QUEUE:
		return scheme_open_queue(s, argp);
	case SCHEME_IOC_ADOPT:
		return schm_scheme_adopt(s);
	case SCHEME_IOC_DESTROY:
		schm_scheme_kill(s);
		return 0;
	case SCHEME_IOC_STATS:
		return scheme_copy_stats(s, argp);
	default:
		return -ENOTTY;
	}
}

/*
 * The owner closes its files as it exits; children that inherited one keep the
 * release away, but do not keep the scheme alive.
 */
static int scheme_flush(struct file *file, fl_owner_t id)
{
	struct schm_scheme *s = file->private_data;

	if (schm_scheme_owner_leaves(s))
		schm_scheme_kill(s);
	return 0;
}

static int scheme_release_file(struct inode *inode, struct file *file)
{
	struct schm_scheme *s = file->private_data;

	schm_scheme_kill(s);
	schm_scheme_put(s);
	return 0;
}

static __poll_t scheme_poll(struct file *file, poll_table *wait)
{
	struct schm_scheme *s = file->private_data;

	/* every queue's sleepers are woken at death: the first will do */
	poll_wait(file, &s->queues[0]->sq_wait, wait);
	return schm_scheme_alive(s) ? 0 : EPOLLERR | EPOLLHUP;
}

static const struct file_operations scheme_fops = {
	.owner		= THIS_MODULE,
	.release	= scheme_release_file,
	.flush		= scheme_flush,
	.poll		= scheme_poll,
	.unlocked_ioctl	= scheme_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

int schm_provider_fd(struct schm_scheme *s)
{
	return anon_inode_getfd("[scheme-provider]", &scheme_fops, s,
				O_RDWR | O_CLOEXEC);
}
