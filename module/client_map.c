// SPDX-License-Identifier: GPL-2.0
/*
 * MMAP_PREP, and mmap(2) of a client's file.
 *
 * Asking the provider is a command of its own, so mmap(2) finds memory attached
 * or none and never waits for anybody while it holds the address space.
 *
 * A mapping is one of the attached shmem file, with that file's operations and
 * pages, so that sharing, copy-on-write, swapping, pinning and SIGBUS beyond a
 * shortened file are what they are anywhere. But its vm_file is a file made for
 * it alone, on the inode of the memory: the kernel counts it through fork,
 * mremap and partial unmapping, and its release tells that all of it has gone.
 * It also holds the module, and the handle, whose CLOSE comes after the MUNMAP.
 */
#include "client.h"

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "handle.h"
#include "map.h"
#include "request.h"
#include "scheme.h"

/* ---- the file of a mapping ----------------------------------------------- */

static int map_release(struct inode *inode, struct file *file)
{
	struct schm_handle *h = file->private_data;

	if (file->f_mode & FMODE_WRITE)
		mapping_unmap_writable(file->f_mapping);
	if (h)
		schm_map_close(h);
	return 0;
}

/* No mmap: remap_file_pages() must not reach beyond the window. */
static const struct file_operations map_fops = {
	.owner		= THIS_MODULE,
	.release	= map_release,
	.fsync		= noop_fsync,
	.llseek		= noop_llseek,
};

/*
 * Under the address-space lock: this makes a file without opening anything, so
 * nobody can be asked. A shared mapping counts as one that may write, from now
 * to the release, or seals against writing could be set over it.
 */
static struct file *map_file(const struct schm_memory *memory, bool shared)
{
	struct inode *inode = file_inode(memory->file);
	struct file *file;
	int ret;

	if (shared) {
		ret = mapping_map_writable(inode->i_mapping);
		if (ret)
			return ERR_PTR(ret);
	}
	__module_get(THIS_MODULE);
	ihold(inode);
	file = alloc_file_pseudo(inode, memory->file->f_path.mnt, "scheme-map",
				 shared ? O_RDWR : O_RDONLY, &map_fops);
	if (!IS_ERR(file))
		return file;
	iput(inode);
	module_put(THIS_MODULE);
	if (shared)
		mapping_unmap_writable(inode->i_mapping);
	return file;
}

/* ---- mmap ---------------------------------------------------------------- */

static bool memory_sealed(const struct schm_memory *memory)
{
	return READ_ONCE(SHMEM_I(file_inode(memory->file))->seals) &
	       (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

/* Fit the mapping into the window and the rights, or say why it does not. */
static int map_fit(const struct schm_memory *memory, struct vm_area_struct *vma)
{
	bool shared = vma->vm_flags & VM_SHARED;
	bool may_write = memory->writable && !memory_sealed(memory);

	if (vma->vm_pgoff >= memory->nr ||
	    vma_pages(vma) > memory->nr - vma->vm_pgoff)
		return -ENXIO;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (shared && !may_write && (vma->vm_flags & VM_WRITE))
		return -EACCES;
	schm_vm_flags_set(vma, VM_DONTEXPAND);
	schm_vm_flags_clear(vma, VM_MAYEXEC);
	if (shared && !may_write)
		schm_vm_flags_clear(vma, VM_MAYWRITE);
	return 0;
}

static int map_memory(struct schm_handle *h, const struct schm_memory *memory,
		      struct vm_area_struct *vma)
{
	struct file *file;
	int ret;

	ret = map_fit(memory, vma);
	if (ret)
		return ret;
	file = map_file(memory, vma->vm_flags & VM_SHARED);
	if (IS_ERR(file))
		return PTR_ERR(file);
	vma->vm_pgoff += memory->first;
	ret = schm_vfs_mmap(memory->file, vma);
	if (!ret) {
		schm_map_open(h);
		file->private_data = h;
		vma_set_file(vma, file);
	}
	/* the mapping has its own reference */
	fput(file);
	return ret;
}

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
	ret = map_memory(h, &memory, vma);
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
