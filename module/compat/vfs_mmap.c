// SPDX-License-Identifier: GPL-2.0
/* 6.16: mmap may be mmap_prepare, and there is one function for both. */
#include <linux/fs.h>
#include <linux/mm.h>

int probe(struct file *file, struct vm_area_struct *vma);
int probe(struct file *file, struct vm_area_struct *vma)
{
	return vfs_mmap(file, vma);
}
