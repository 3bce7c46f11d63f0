// SPDX-License-Identifier: GPL-2.0
/*
 * ATTACH, ATTACH_MEMORY and FETCH: a provider's files for its requests.
 *
 * Descriptors are numbers of the calling process, so these are commands of the
 * provider and not fields of its answers, which anybody may take off the ring.
 */
#include "attach.h"

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "ticket.h"

static long attach_file(struct schm_queue *q, void __user *argp)
{
	struct scheme_attach arg;
	struct file *file;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags)
		return -EINVAL;
	file = fget_raw(arg.fd);
	if (!file)
		return -EBADF;
	ret = schm_ticket_check(file);
	if (!ret)
		ret = schm_ticket_attach(q, arg.tag, file, &arg.ticket);
	if (ret) {
		fput(file);
		return ret;
	}
	/* if this fails the file goes with the request */
	return put_user(arg.ticket, &((struct scheme_attach __user *)argp)->ticket);
}

/*
 * Only shmem: its pages are ordinary ones, and a mapping of them needs nobody
 * to answer its faults.
 */
static int memory_check(const struct file *file,
			const struct scheme_attach_memory *arg)
{
	const struct inode *inode = file_inode(file);
	u64 size;

	if (!S_ISREG(inode->i_mode) || !shmem_mapping(file->f_mapping))
		return -EOPNOTSUPP;
	if (!(file->f_mode & FMODE_READ) ||
	    ((arg->flags & SCHEME_MAP_WRITE) && !(file->f_mode & FMODE_WRITE)))
		return -EACCES;
	size = PAGE_ALIGN(i_size_read(inode));
	if (arg->offset > size || arg->size > size - arg->offset)
		return -EINVAL;
	return 0;
}

static long attach_memory(struct schm_queue *q, void __user *argp)
{
	struct scheme_attach_memory arg;
	struct schm_memory memory;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags & ~SCHEME_MAP_WRITE || !arg.size ||
	    !PAGE_ALIGNED(arg.offset))
		return -EINVAL;
	memory.file = fget(arg.fd);
	if (!memory.file)
		return -EBADF;
	ret = memory_check(memory.file, &arg);
	if (!ret) {
		memory.first = arg.offset >> PAGE_SHIFT;
		memory.nr = PAGE_ALIGN(arg.size) >> PAGE_SHIFT;
		memory.writable = arg.flags & SCHEME_MAP_WRITE;
		ret = schm_ticket_attach_memory(q, arg.tag, &memory);
	}
	if (ret)
		fput(memory.file);
	return ret;
}

static long fetch(struct schm_queue *q, void __user *argp)
{
	struct scheme_fetch arg;
	struct file *file;
	int fd;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags & ~O_CLOEXEC || arg.reserved)
		return -EINVAL;
	file = schm_ticket_fetch(q, arg.tag);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = schm_receive_fd(file, arg.flags);
	if (fd < 0)
		schm_ticket_unfetch(q, arg.tag, file);
	else
		fput(file);
	return fd;
}

long schm_attach_ioctl(struct schm_queue *q, unsigned int cmd,
		       void __user *argp)
{
	switch (cmd) {
	case SCHEME_IOC_ATTACH:
		return attach_file(q, argp);
	case SCHEME_IOC_ATTACH_MEMORY:
		return attach_memory(q, argp);
	case SCHEME_IOC_FETCH:
		return fetch(q, argp);
	default:
		return -ENOTTY;
	}
}
