// SPDX-License-Identifier: GPL-2.0
/*
 * The memory scheme: every open is an owner of buffers, which belongs to the open
 * file, whoever has it.
 */
#include "phys.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "buf.h"
#include "command.h"
#include "dmabuf.h"
#include "limits.h"
#include "owner.h"
#include "pcidev.h"

#define PHYS_FLAGS	(SCHEME_PHYS_SPACE_32 | SCHEME_PHYS_SPACE_64 |		\
			 SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_LIST |		\
			 SCHEME_PHYS_NO_ADDR | SCHEME_PHYS_WRITE_COMBINE |	\
			 SCHEME_PHYS_NO_CACHE | SCHEME_PHYS_STRATEGY)
#define ADDR_BITS_MIN	12
#define ADDR_BITS_MAX	64

static int phys_open(struct inode *inode, struct file *file)
{
	struct schm_owner *owner = schm_owner_alloc();

	if (!owner)
		return -ENOMEM;
	file->private_data = owner;
	return nonseekable_open(inode, file);
}

/* The device first, then the memory. */
static int phys_release(struct inode *inode, struct file *file)
{
	schm_pcidev_unbind(file->private_data);
	schm_owner_free(file->private_data);
	return 0;
}

static int phys_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct schm_buf *buf;
	u64 first;
	int ret;

	buf = schm_owner_find(file->private_data, (u64)vma->vm_pgoff << PAGE_SHIFT, &first);
	if (!buf)
		return -ENXIO;
	ret = schm_buf_mmap(buf, vma, first);
	schm_buf_put(buf);
	return ret;
}

/* Addresses of a device are for who has the owner's file; physical ones are not. */
static int may_know_addresses(struct schm_owner *owner)
{
	int bound = schm_owner_is_bound(owner);

	if (bound)
		return min(bound, 0);
	return capable(CAP_SYS_RAWIO) ? 0 : -EPERM;
}

/* ---- PHYSALLOC, RANGES --------------------------------------------------- */

static bool both(u32 flags, u32 mask)
{
	return (flags & mask) == mask;
}

static int alloc_check_flags(u32 flags)
{
	if (flags & ~PHYS_FLAGS ||
	    both(flags, SCHEME_PHYS_SPACE_32 | SCHEME_PHYS_SPACE_64) ||
	    both(flags, SCHEME_PHYS_WRITE_COMBINE | SCHEME_PHYS_NO_CACHE) ||
	    both(flags, SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_LIST))
		return -EINVAL;
	if ((flags & SCHEME_PHYS_PARTIAL_ALLOC) && !(flags & SCHEME_PHYS_STRATEGY))
		return -EINVAL;
	return 0;
}

static int alloc_check(struct scheme_physalloc *arg)
{
	bool list = arg->flags & SCHEME_PHYS_LIST;

	if (!arg->size || arg->size > SCHEME_PHYS_SIZE_MAX || !arg->min ||
	    arg->min > arg->size)
		return -EINVAL;
	if (arg->addr_bits &&
	    (arg->addr_bits < ADDR_BITS_MIN || arg->addr_bits > ADDR_BITS_MAX))
		return -EINVAL;
	if (arg->reserved0 || memchr_inv(arg->reserved, 0, sizeof(arg->reserved)))
		return -EINVAL;
	if (arg->max_ranges > (list ? SCHEME_PHYS_RANGES_MAX : 1))
		return -EINVAL;
	if (!arg->max_ranges)
		arg->max_ranges = list ? SCHEME_PHYS_RANGES_MAX : 1;
	return alloc_check_flags(arg->flags);
}

/* Store the buffer's ranges where there is room for them; the first and their number. */
static int tell_ranges(struct schm_owner *owner, u64 offset, u64 ptr, u32 max,
		       bool hidden, struct scheme_range *first, u32 *nr)
{
	struct scheme_range *ranges;
	u32 room = ptr ? max : 1;
	int ret = 0;

	ranges = schm_owner_ranges(owner, offset, room, hidden, nr);
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	if (room)
		*first = ranges[0];
	room = min(room, *nr);
	if (ptr && copy_to_user(u64_to_user_ptr(ptr), ranges, room * sizeof(*ranges)))
		ret = -EFAULT;
	kvfree(ranges);
	return ret;
}

static long phys_alloc(struct file *file, void __user *argp)
{
	struct schm_owner *owner = file->private_data;
	struct scheme_physalloc arg;
	struct scheme_range first;
	bool hidden;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = alloc_check(&arg);
	if (ret)
		return ret;
	hidden = arg.flags & SCHEME_PHYS_NO_ADDR;
	ret = hidden ? 0 : may_know_addresses(owner);
	if (!ret)
		ret = schm_owner_add(owner, &arg);
	if (ret)
		return ret;
	ret = tell_ranges(owner, arg.offset, arg.ranges, arg.max_ranges, hidden, &first,
			  &arg.nr_ranges);
	if (!ret) {
		arg.addr = first.addr;
		if (copy_to_user(argp, &arg, sizeof(arg)))
			ret = -EFAULT;
	}
	/* nobody has been told of it */
	if (ret)
		schm_owner_remove(owner, arg.offset, arg.size);
	return ret;
}

static long phys_ranges(struct file *file, void __user *argp)
{
	struct schm_owner *owner = file->private_data;
	struct scheme_range first;
	struct scheme_ranges arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = may_know_addresses(owner);
	if (!ret)
		ret = tell_ranges(owner, arg.offset, arg.ranges, arg.max_ranges, false,
				  &first, &arg.nr_ranges);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

/* ---- the other commands -------------------------------------------------- */

static long phys_free(struct file *file, void __user *argp)
{
	struct scheme_physfree arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	return schm_owner_remove(file->private_data, arg.offset, arg.size);
}

/* The buffer that the caller maps at virt, a reference, where, and how much more. */
static struct schm_buf *mapped_buf(struct file *file, u64 virt, u64 *pos, u64 *len)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	struct schm_buf *buf = NULL;

	if (mmap_read_lock_killable(mm))
		return NULL;
	vma = find_vma(mm, virt);
	if (vma && vma->vm_start <= virt && virt < vma->vm_end &&
	    vma->vm_file == file) {
		buf = schm_buf_get(vma->vm_private_data);
		*pos = ((u64)vma->vm_pgoff << PAGE_SHIFT) + virt - vma->vm_start;
		*len = vma->vm_end - virt;
	}
	mmap_read_unlock(mm);
	return buf;
}

static long phys_virttophys(struct file *file, void __user *argp)
{
	struct schm_owner *owner = file->private_data;
	struct scheme_virttophys arg;
	struct scheme_range range;
	struct schm_buf *buf;
	u64 pos, len;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = may_know_addresses(owner);
	if (ret)
		return ret;
	buf = mapped_buf(file, arg.virt, &pos, &len);
	if (!buf)
		return -EFAULT;
	ret = schm_owner_locate(owner, buf, pos, &range);
	schm_buf_put(buf);
	if (ret)
		return ret;
	arg.addr = range.addr;
	arg.len = min(range.len, len);
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int sync_check(const struct scheme_memory_sync *arg)
{
	u32 what = arg->flags & (SCHEME_SYNC_READ | SCHEME_SYNC_WRITE);
	u32 when = arg->flags & (SCHEME_SYNC_START | SCHEME_SYNC_END);

	if (arg->flags != (what | when) || !what || arg->reserved || !arg->len)
		return -EINVAL;
	return when == SCHEME_SYNC_START || when == SCHEME_SYNC_END ? 0 : -EINVAL;
}

static long phys_sync(struct file *file, void __user *argp)
{
	struct scheme_memory_sync arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = sync_check(&arg);
	if (ret)
		return ret;
	return schm_owner_sync(file->private_data, arg.offset, arg.len, arg.flags);
}

static long phys_export(struct file *file, void __user *argp)
{
	struct scheme_export arg;
	struct schm_buf *buf;
	u64 first;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved || arg.flags & ~(O_CLOEXEC | O_RDWR) || arg.offset & ~PAGE_MASK)
		return -EINVAL;
	/* no more than the owner's descriptor may */
	if ((arg.flags & O_RDWR) && !(file->f_mode & FMODE_WRITE))
		return -EACCES;
	buf = schm_owner_find(file->private_data, arg.offset, &first);
	if (!buf)
		return -EINVAL;
	ret = first ? -EINVAL : schm_dmabuf_export(buf, arg.flags);
	schm_buf_put(buf);
	return ret;
}

static long phys_bind(struct file *file, void __user *argp)
{
	struct scheme_bind arg;
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || memchr_inv(arg.reserved, 0, sizeof(arg.reserved)) ||
	    arg.addr_bits < ADDR_BITS_MIN || arg.addr_bits > ADDR_BITS_MAX ||
	    strnlen(arg.device, sizeof(arg.device)) == sizeof(arg.device))
		return -EINVAL;
	ret = schm_pcidev_bind(file->private_data, &arg);
	if (ret)
		return ret;
	/* bound all the same: it can be seen by EALREADY */
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long phys_command(struct file *file, unsigned int cmd, void __user *argp)
{
	switch (cmd) {
	case SCHEME_IOC_PHYSALLOC:
		return phys_alloc(file, argp);
	case SCHEME_IOC_PHYSFREE:
		return phys_free(file, argp);
	case SCHEME_IOC_RANGES:
		return phys_ranges(file, argp);
	case SCHEME_IOC_VIRTTOPHYS:
		return phys_virttophys(file, argp);
	case SCHEME_IOC_MEMORY_SYNC:
		return phys_sync(file, argp);
	case SCHEME_IOC_EXPORT:
		return phys_export(file, argp);
	case SCHEME_IOC_BIND:
		return phys_bind(file, argp);
	default:
		return -ENOTTY;
	}
}

static long phys_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return phys_command(file, cmd, (void __user *)arg);
}

static int phys_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	return schm_command_uring(cmd, issue_flags, phys_command);
}

static void phys_show_fdinfo(struct seq_file *m, struct file *file)
{
	unsigned int nr;
	u64 pages;

	schm_owner_count(file->private_data, &nr, &pages);
	seq_printf(m, "scheme-buffers:\t%u\nscheme-pages:\t%llu\n", nr, pages);
}

const struct file_operations schm_phys_fops = {
	.owner		= THIS_MODULE,
	.open		= phys_open,
	.release	= phys_release,
	.mmap		= phys_mmap,
	.unlocked_ioctl	= phys_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= phys_uring_cmd,
	.show_fdinfo	= phys_show_fdinfo,
};

/* Not of the class, as the event scheme. What is contiguous is too scarce for everybody. */
static struct miscdevice phys_dev = {
	.minor		= MISC_DYNAMIC_MINOR,
	.name		= "scheme-memory",
	.nodename	= "scheme/" SCHM_PHYS_NAME,
	.fops		= &schm_phys_fops,
	.mode		= 0600,
};

int schm_phys_init(void)
{
	int ret;

	ret = schm_pcidev_init();
	if (ret)
		return ret;
	ret = misc_register(&phys_dev);
	if (ret)
		schm_pcidev_exit();
	return ret;
}

void schm_phys_exit(void)
{
	misc_deregister(&phys_dev);
	schm_pcidev_exit();
}
