// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a ring's ends: mappings, the doorbell, sleep, and what a client
 * lends.
 */
#include "ring_file.h"

#include <linux/anon_inodes.h>
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>

#include "client.h"
#include "command.h"
#include "compat.h"
#include "dmabuf.h"
#include "handle.h"

/* How late a wake-up by time may be; as for other waits of this length. */
#define SLACK_NS	50000

#define POOL_PAGE	(SCHEME_RING_POOL >> PAGE_SHIFT)

/* ---- mmap ------------------------------------------------------------------- */

/* May this side write to the page? */
static bool page_is_mine(const struct schm_ring_end *e, unsigned long page)
{
	const struct scheme_ring_info *at = &e->ring->at;
	u64 pos = (u64)page << PAGE_SHIFT;

	if (e->side == SCHEME_RING_SIDE_CLIENT)
		return pos == at->client_off || (pos >= at->sq_off && pos < at->cq_off);
	return pos == at->provider_off || pos >= at->cq_off;
}

static bool pages_are_mine(const struct schm_ring_end *e, unsigned long first,
			   unsigned long nr)
{
	while (nr)
		if (!page_is_mine(e, first + --nr))
			return false;
	return true;
}

static int map_parts(struct schm_ring_end *e, struct vm_area_struct *vma)
{
	struct schm_ring *r = e->ring;
	unsigned long max = r->at.size >> PAGE_SHIFT, nr = vma_pages(vma);
	int ret;

	if (vma->vm_pgoff >= max || nr > max - vma->vm_pgoff)
		return -ENXIO;
	if (!pages_are_mine(e, vma->vm_pgoff, nr)) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		schm_vm_flags_clear(vma, VM_MAYWRITE);
	}
	schm_vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	schm_vm_flags_clear(vma, VM_MAYEXEC);
	ret = vm_insert_pages(vma, vma->vm_start, r->pages + vma->vm_pgoff, &nr);
	/* the size fits, so it had no memory for an upper page table */
	return ret == -EFAULT ? -ENOMEM : ret;
}

static int ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct schm_ring_end *e = file->private_data;
	int ret;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	/* newer kernels refuse that themselves */
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (vma->vm_pgoff >= POOL_PAGE)
		return schm_ring_map_region(e->ring, vma);
	ret = map_parts(e, vma);
	if (!ret && e->side == SCHEME_RING_SIDE_CLIENT)
		schm_ring_mapped(e->ring);
	return ret;
}

/* ---- ENTER -------------------------------------------------------------------- */

#define NOTIFY_FLAGS	(SCHEME_RING_NOTIFY | SCHEME_RING_NOTIFY_SELF | SCHEME_RING_BREAK)

static int enter_check(const struct schm_ring_end *e, const struct scheme_ring_enter *arg)
{
	u32 state = READ_ONCE(e->ring->state);

	if (!arg->flags || arg->flags & ~(NOTIFY_FLAGS | SCHEME_RING_WAIT) ||
	    arg->reserved || (arg->timeout_ns && !(arg->flags & SCHEME_RING_WAIT)))
		return -EINVAL;
	/* a provider may begin before the client has seen its answer */
	return state < SCHEME_RING_ATTACHING ? -EBADFD : 0;
}

static void enter_notify(struct schm_ring_end *e, u32 flags)
{
	if (flags & SCHEME_RING_BREAK)
		schm_ring_break(e->ring);
	if (flags & SCHEME_RING_NOTIFY)
		schm_ring_ring(schm_ring_other(e), flags & SCHEME_RING_WAIT);
	if (flags & SCHEME_RING_NOTIFY_SELF)
		schm_ring_ring(e, false);
}

/* A broken ring that ends is broken: what is on it cannot be believed. */
static int enter_result(const struct schm_ring_end *e)
{
	u32 state = READ_ONCE(e->ring->kern->state);

	if (state & SCHEME_RING_BROKEN)
		return -EIO;
	return state & SCHEME_RING_DEAD ? -ESHUTDOWN : 0;
}

/* Sleep until the doorbell. expires: when to stop, or NULL. */
static int enter_sleep(struct schm_ring_end *e, ktime_t *expires)
{
	DEFINE_WAIT(wait);
	bool rung;
	int ret = 0;

	for (;;) {
		prepare_to_wait(&e->bell, &wait, TASK_INTERRUPTIBLE);
		rung = schm_ring_take_bell(e);
		if (rung || ret)
			break;
		if (signal_pending(current))
			ret = -ERESTARTSYS;
		else if (!schedule_hrtimeout_range(expires, SLACK_NS, HRTIMER_MODE_ABS))
			ret = -ETIME;
	}
	finish_wait(&e->bell, &wait);
	return rung ? 0 : ret;
}

static int enter_wait(struct schm_ring_end *e, s64 timeout_ns)
{
	ktime_t expires;
	int ret;

	/* the common case of a peer that is faster, and of no time at all */
	if (schm_ring_take_bell(e))
		return 0;
	if (!timeout_ns)
		return -ETIME;
	expires = ktime_add_safe(ktime_get(), max_t(s64, timeout_ns, 0));
	ret = enter_sleep(e, timeout_ns < 0 ? NULL : &expires);
	if (ret != -ERESTARTSYS)
		return ret;
	/*
	 * Task work of io_uring interrupts as a signal does, but is none: run it
	 * and wait on, unless a handler comes to run after all.
	 */
	return task_sigpending(current) ? -EINTR : -ERESTARTNOHAND;
}

static long ring_enter(struct schm_ring_end *e, const struct scheme_ring_enter *arg)
{
	int ret = enter_check(e, arg);

	if (ret)
		return ret;
	enter_notify(e, arg->flags);
	if (arg->flags & SCHEME_RING_WAIT)
		ret = enter_wait(e, arg->timeout_ns);
	return enter_result(e) ?: ret;
}

static long ring_ioctl_enter(struct schm_ring_end *e, void __user *argp)
{
	struct scheme_ring_enter arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	return ring_enter(e, &arg);
}

static int ring_uring_enter(struct io_uring_cmd *cmd)
{
	struct scheme_ring_enter arg;

	/* 16 bytes: there in a small submission entry, too */
	BUILD_BUG_ON(sizeof(arg) > 16);
	memcpy(&arg, schm_cmd_payload(cmd), sizeof(arg));
	barrier();
	if (arg.flags & SCHEME_RING_WAIT)
		return -EOPNOTSUPP;
	return ring_enter(cmd->file->private_data, &arg);
}

/* ---- what a client lends ------------------------------------------------------ */

/*
 * Memory that nobody can take away while the other side looks at it. It may have
 * holes, which whoever touches them first fills and pays for: no seal forbids that.
 */
static int region_shmem(struct schm_ring_region *region, struct file *file, u64 offset)
{
	struct inode *inode = file_inode(file);
	u64 have;
	u32 seals;

	if (!S_ISREG(inode->i_mode) || !shmem_mapping(file->f_mapping))
		return -EOPNOTSUPP;
	if (~file->f_mode & (FMODE_READ | FMODE_WRITE))
		return -EACCES;
	seals = READ_ONCE(SHMEM_I(inode)->seals);
	if (!(seals & F_SEAL_SHRINK) || (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EINVAL;
	have = i_size_read(inode);
	if (offset > have || (u64)region->nr << PAGE_SHIFT > have - offset)
		return -EINVAL;
	region->memory.first = offset >> PAGE_SHIFT;
	region->memory.file = file;
	region->memory.nr = region->nr;
	region->memory.writable = true;
	return 0;
}

static int region_dmabuf(struct schm_ring_region *region, const struct scheme_ring_region *arg)
{
	region->dma_buf = schm_dmabuf_get(arg->fd);
	if (IS_ERR(region->dma_buf))
		return PTR_ERR(region->dma_buf);
	if (!arg->fd_offset && arg->size == region->dma_buf->size)
		return 0;
	dma_buf_put(region->dma_buf);
	return -EINVAL;
}

static int region_add(struct schm_ring *r, const struct scheme_ring_region *arg)
{
	struct schm_ring_region region = {
		.first = arg->offset >> PAGE_SHIFT,
		.nr = arg->size >> PAGE_SHIFT,
	};
	struct file *file = fget(arg->fd);
	int ret;

	if (!file)
		return -EBADF;
	ret = region_shmem(&region, file, arg->fd_offset);
	if (ret)
		fput(file);
	if (ret == -EOPNOTSUPP)
		ret = region_dmabuf(&region, arg);
	if (ret)
		return ret;
	ret = schm_ring_add_region(r, &region);
	if (ret && region.memory.file)
		fput(region.memory.file);
	else if (ret)
		dma_buf_put(region.dma_buf);
	return ret;
}

static bool region_ok(const struct scheme_ring_region *arg)
{
	return !arg->index && !arg->flags && !arg->reserved0 && !arg->reserved &&
	       arg->size && PAGE_ALIGNED(arg->size) && PAGE_ALIGNED(arg->offset) &&
	       PAGE_ALIGNED(arg->fd_offset) && arg->offset <= SCHEME_RING_POOL_MAX &&
	       arg->size <= SCHEME_RING_POOL_MAX - arg->offset;
}

static long ring_region_add(struct schm_ring_end *e, void __user *argp)
{
	struct scheme_ring_region arg;

	if (e->side != SCHEME_RING_SIDE_CLIENT)
		return -EACCES;
	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	return region_ok(&arg) ? region_add(e->ring, &arg) : -EINVAL;
}

static long ring_region(struct schm_ring_end *e, void __user *argp)
{
	struct scheme_ring_region arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.fd || arg.fd_offset || arg.offset || arg.size || arg.flags ||
	    arg.reserved0 || arg.reserved)
		return -EINVAL;
	ret = schm_ring_find_region(e->ring, arg.index, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int file_check(const struct schm_ring *r, const struct file *file)
{
	const struct schm_handle *h = schm_client_handle(file);

	if (!h || !h->open)
		return -EBADF;
	return h->scheme == r->scheme ? 0 : -EXDEV;
}

static long ring_file_add(struct schm_ring_end *e, void __user *argp)
{
	struct scheme_ring_file arg;
	struct file *file;
	int ret;

	if (e->side != SCHEME_RING_SIDE_CLIENT)
		return -EACCES;
	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.index || arg.handle || arg.flags || arg.events)
		return -EINVAL;
	file = fget(arg.fd);
	if (!file)
		return -EBADF;
	ret = file_check(e->ring, file);
	if (!ret)
		ret = schm_ring_add_file(e->ring, file);
	if (ret < 0)
		fput(file);
	return ret;
}

static void file_tell(const struct file *file, struct scheme_ring_file *arg)
{
	const struct schm_handle *h = file->private_data;
	fmode_t mode = file->f_mode & (FMODE_READ | FMODE_WRITE);

	arg->handle = h->number;
	if (mode == (FMODE_READ | FMODE_WRITE))
		arg->flags = O_RDWR;
	else
		arg->flags = mode == FMODE_WRITE ? O_WRONLY : O_RDONLY;
	arg->flags |= file->f_flags & O_APPEND;
	arg->events = READ_ONCE(h->events);
}

static long ring_file(struct schm_ring_end *e, void __user *argp)
{
	struct scheme_ring_file arg;
	struct file *file;

	if (e->side != SCHEME_RING_SIDE_PROVIDER)
		return -EACCES;
	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.fd || arg.handle || arg.flags || arg.events)
		return -EINVAL;
	file = schm_ring_find_file(e->ring, arg.index);
	if (!file)
		return -ENOENT;
	file_tell(file, &arg);
	fput(file);
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

/* ---- the file ------------------------------------------------------------------ */

void schm_ring_info(const struct schm_ring_end *e, struct scheme_ring_info *info)
{
	*info = e->ring->at;
	info->side = e->side;
	info->state = READ_ONCE(e->ring->state);
	info->nr_regions = READ_ONCE(e->ring->nr_regions);
}

static long ring_info(const struct schm_ring_end *e, void __user *argp)
{
	struct scheme_ring_info info;

	schm_ring_info(e, &info);
	return copy_to_user(argp, &info, sizeof(info)) ? -EFAULT : 0;
}

static long ring_command(struct file *file, unsigned int cmd, void __user *argp)
{
	struct schm_ring_end *e = file->private_data;

	switch (cmd) {
	case SCHEME_IOC_RING_INFO:
		return ring_info(e, argp);
	case SCHEME_IOC_RING_ENTER:
		return ring_ioctl_enter(e, argp);
	case SCHEME_IOC_RING_REGION_ADD:
		return ring_region_add(e, argp);
	case SCHEME_IOC_RING_REGION:
		return ring_region(e, argp);
	case SCHEME_IOC_RING_FILE_ADD:
		return ring_file_add(e, argp);
	case SCHEME_IOC_RING_FILE:
		return ring_file(e, argp);
	default:
		return -ENOTTY;
	}
}

static long ring_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ring_command(file, cmd, (void __user *)arg);
}

static int ring_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	if (cmd->cmd_op == SCHEME_IOC_RING_ENTER && !schm_cmd_is_cancel(issue_flags))
		return ring_uring_enter(cmd);
	return schm_command_uring(cmd, issue_flags, ring_command);
}

static __poll_t ring_poll(struct file *file, poll_table *wait)
{
	struct schm_ring_end *e = file->private_data;

	poll_wait(file, &e->wait, wait);
	return (__force __poll_t)schm_ring_poll(e, (__force u32)poll_requested_events(wait));
}

static void ring_show_fdinfo(struct seq_file *m, struct file *file)
{
	static const char *const states[] = {
		[SCHEME_RING_CREATED]	= "created",
		[SCHEME_RING_MAPPED]	= "mapped",
		[SCHEME_RING_ATTACHING]	= "attaching",
		[SCHEME_RING_ATTACHED]	= "attached",
		[SCHEME_RING_SHUTDOWN]	= "shutdown",
	};
	const struct schm_ring_end *e = file->private_data;

	seq_printf(m, "scheme-ring:\t%s %s\n",
		   e->side == SCHEME_RING_SIDE_CLIENT ? "client" : "provider",
		   states[READ_ONCE(e->ring->state)]);
}

static int ring_release(struct inode *inode, struct file *file)
{
	struct schm_ring_end *e = file->private_data;
	struct schm_ring *r = e->ring;

	schm_ring_shutdown(r);
	schm_ring_drop_files(r);
	if (e->side == SCHEME_RING_SIDE_CLIENT)
		schm_ring_unpay(r);
	schm_source_end(&e->source);
	schm_ring_put(r);
	return 0;
}

static const struct file_operations ring_fops = {
	.owner		= THIS_MODULE,
	.release	= ring_release,
	.mmap		= ring_mmap,
	.poll		= ring_poll,
	.unlocked_ioctl	= ring_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= ring_uring_cmd,
	.show_fdinfo	= ring_show_fdinfo,
	.llseek		= noop_llseek,
};

struct file *schm_ring_file(struct schm_ring *r, u32 side)
{
	return anon_inode_getfile("[scheme-ring]", &ring_fops, &r->end[side], O_RDWR);
}

struct schm_ring_end *schm_ring_end(const struct file *file)
{
	return file->f_op == &ring_fops ? file->private_data : NULL;
}
