// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of windows of shmem files.
 *
 * A mapping has that file's operations and pages, so that sharing, copy-on-write,
 * swapping, pinning and SIGBUS beyond a shortened file are what they are anywhere.
 * But its vm_file is a file made for it alone, on the inode of the memory: the
 * kernel counts it through fork, mremap and partial unmapping, and its release
 * tells that all of it has gone. It also holds the module, and the handle, whose
 * CLOSE comes after the MUNMAP.
 */
#include "window.h"

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/shmem_fs.h>

#include "compat.h"
#include "handle.h"
#include "map.h"

/* ---- the file of a mapping ----------------------------------------------- */

static int window_release(struct inode *inode, struct file *file)
{
	struct schm_handle *h = file->private_data;

	if (file->f_mode & FMODE_WRITE)
		mapping_unmap_writable(file->f_mapping);
	if (h)
		schm_map_close(h);
	return 0;
}

/* No mmap: remap_file_pages() must not reach beyond the window. */
static const struct file_operations window_fops = {
	.owner		= THIS_MODULE,
	.release	= window_release,
	.fsync		= noop_fsync,
	.llseek		= noop_llseek,
};

/*
 * Under the address-space lock: this makes a file without opening anything, so
 * nobody can be asked. A shared mapping counts as one that may write, from now
 * to the release, or seals against writing could be set over it.
 */
static struct file *window_file(const struct schm_memory *memory, bool shared)
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
				 shared ? O_RDWR : O_RDONLY, &window_fops);
	if (!IS_ERR(file))
		return file;
	iput(inode);
	module_put(THIS_MODULE);
	if (shared)
		mapping_unmap_writable(inode->i_mapping);
	return file;
}

/* ---- mmap ---------------------------------------------------------------- */

static bool window_sealed(const struct schm_memory *memory)
{
	return READ_ONCE(SHMEM_I(file_inode(memory->file))->seals) &
	       (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

/* Fit the mapping into the window and the rights, or say why it does not. */
static int window_fit(const struct schm_memory *memory, struct vm_area_struct *vma)
{
	bool shared = vma->vm_flags & VM_SHARED;
	bool may_write = memory->writable && !window_sealed(memory);

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

int schm_window_map(const struct schm_memory *memory, struct schm_handle *h,
		    struct vm_area_struct *vma)
{
	struct file *file;
	int ret;

	ret = window_fit(memory, vma);
	if (ret)
		return ret;
	file = window_file(memory, vma->vm_flags & VM_SHARED);
	if (IS_ERR(file))
		return PTR_ERR(file);
	vma->vm_pgoff += memory->first;
	ret = schm_vfs_mmap(memory->file, vma);
	if (!ret && h) {
		schm_map_open(h);
		file->private_data = h;
	}
	if (!ret)
		vma_set_file(vma, file);
	/* the mapping has its own reference */
	fput(file);
	return ret;
}
