// SPDX-License-Identifier: GPL-2.0
/*
 * MMAP_PREP, and mmap(2) of a client's file.
 *
 * Asking the provider is a command of its own, so mmap(2) finds memory attached
 * or none and never waits for anybody while it holds the address space.
 */
#include "client.h"

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "handle.h"
#include "map.h"
#include "request.h"
#include "scheme.h"
#include "window.h"

/* ---- mmap ---------------------------------------------------------------- */

int schm_client_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct schm_handle *h = file->private_data;
	struct schm_memory memory;
	int ret;

	if (!schm_scheme_alive(h->scheme))
		return -ENODEV;
	ret = schm_map_get(h, &memory);
	if (ret)
		return ret;
	ret = schm_window_map(&memory, h, vma);
	fput(memory.file);
	return ret;
}

/* ---- MMAP_PREP ----------------------------------------------------------- */

static int prep_check(const struct file *file, const struct scheme_mmap_prep *arg)
{
	if (arg->flags & ~SCHEME_MAP_WRITE || arg->reserved)
		return -EINVAL;
	if (!arg->size || !PAGE_ALIGNED(arg->offset) ||
	    arg->offset > MAX_LFS_FILESIZE ||
	    arg->size > MAX_LFS_FILESIZE - arg->offset)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ) ||
	    ((arg->flags & SCHEME_MAP_WRITE) && !(file->f_mode & FMODE_WRITE)))
		return -EACCES;
	return 0;
}

long schm_client_mmap_prep(struct file *file, void __user *argp)
{
	struct scheme_mmap_prep arg;
	struct schm_req *req;
	s64 ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = prep_check(file, &arg);
	if (ret)
		return ret;
	req = schm_req_alloc(file->private_data, file, SCHEME_OP_MMAP_PREP);
	if (!req)
		return -ENOMEM;
	req->entry.sqe.op_flags = arg.flags;
	req->entry.sqe.offset = arg.offset;
	req->entry.sqe.aux = arg.size;
	ret = schm_req_reserve(req, file->f_flags & O_NONBLOCK);
	if (!ret)
		ret = schm_req_call(req, 0);
	schm_req_put(req);
	return ret;
}
