// SPDX-License-Identifier: GPL-2.0
/* What a client lends to a ring: regions of memory, and open files. */
#include "ring.h"

#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "window.h"

#define POOL_PAGE	(SCHEME_RING_POOL >> PAGE_SHIFT)

/* ---- regions ---------------------------------------------------------------- */

static bool overlaps(const struct schm_ring_region *a, const struct schm_ring_region *b)
{
	return a->first < b->first + b->nr && b->first < a->first + a->nr;
}

static int region_check_locked(const struct schm_ring *r,
			       const struct schm_ring_region *region)
{
	unsigned int i;

	lockdep_assert_held(&r->lock);
	if (r->state == SCHEME_RING_SHUTDOWN)
		return -ESHUTDOWN;
	for (i = 0; i < r->nr_regions; i++)
		if (overlaps(&r->region[i], region))
			return -EEXIST;
	return r->nr_regions < ARRAY_SIZE(r->region) ? 0 : -ENOSPC;
}

int schm_ring_add_region(struct schm_ring *r, const struct schm_ring_region *region)
{
	int ret;

	spin_lock(&r->lock);
	ret = region_check_locked(r, region);
	if (!ret)
		r->region[r->nr_regions++] = *region;
	spin_unlock(&r->lock);
	return ret;
}

int schm_ring_find_region(struct schm_ring *r, u32 index, struct scheme_ring_region *out)
{
	int ret = -ENOENT;

	spin_lock(&r->lock);
	if (index < r->nr_regions) {
		out->offset = (u64)r->region[index].first << PAGE_SHIFT;
		out->size = (u64)r->region[index].nr << PAGE_SHIFT;
		ret = 0;
	}
	spin_unlock(&r->lock);
	return ret;
}

static void region_get(const struct schm_ring_region *region)
{
	if (region->memory.file)
		get_file(region->memory.file);
	else
		get_dma_buf(region->dma_buf);
}

static void region_put(const struct schm_ring_region *region)
{
	if (region->memory.file)
		fput(region->memory.file);
	else
		dma_buf_put(region->dma_buf);
}

/* The region in which all of these pages are, with a reference on its memory. */
static int region_at(struct schm_ring *r, unsigned long first, unsigned long nr,
		     struct schm_ring_region *out)
{
	const struct schm_ring_region *region;
	int ret = -ENXIO;
	unsigned int i;

	spin_lock(&r->lock);
	for (i = 0; i < r->nr_regions; i++) {
		region = &r->region[i];
		if (first < region->first || first - region->first >= region->nr ||
		    nr > region->nr - (first - region->first))
			continue;
		*out = *region;
		region_get(out);
		ret = 0;
	}
	spin_unlock(&r->lock);
	return ret;
}

int schm_ring_map_region(struct schm_ring *r, struct vm_area_struct *vma)
{
	struct schm_ring_region region;
	unsigned long first = vma->vm_pgoff - POOL_PAGE;
	int ret;

	ret = region_at(r, first, vma_pages(vma), &region);
	if (ret)
		return ret;
	/* which the mapping gets however it is made */
	schm_vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND);
	schm_vm_flags_clear(vma, VM_MAYEXEC);
	if (region.memory.file) {
		vma->vm_pgoff = first - region.first;
		ret = schm_window_map(&region.memory, NULL, vma);
	} else {
		ret = dma_buf_mmap(region.dma_buf, vma, first - region.first);
	}
	region_put(&region);
	return ret;
}

void schm_ring_drop_regions(struct schm_ring *r)
{
	while (r->nr_regions)
		region_put(&r->region[--r->nr_regions]);
}

/* ---- files -------------------------------------------------------------------- */

static int file_add_locked(struct schm_ring *r, struct file *file,
			   struct schm_ring_files **fresh)
{
	lockdep_assert_held(&r->lock);
	if (r->state == SCHEME_RING_SHUTDOWN)
		return -ESHUTDOWN;
	/* they go with the ring only, which is seen above */
	if (!r->files) {
		WRITE_ONCE(r->files, *fresh);
		*fresh = NULL;
	}
	if (r->files->nr == ARRAY_SIZE(r->files->file))
		return -EMFILE;
	r->files->file[r->files->nr] = file;
	return r->files->nr++;
}

int schm_ring_add_file(struct schm_ring *r, struct file *file)
{
	struct schm_ring_files *fresh = NULL;
	int ret;

	/* for the first file; if another is faster, it goes again */
	if (!READ_ONCE(r->files)) {
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
		if (!fresh)
			return -ENOMEM;
	}
	spin_lock(&r->lock);
	ret = file_add_locked(r, file, &fresh);
	spin_unlock(&r->lock);
	kfree(fresh);
	return ret;
}

struct file *schm_ring_find_file(struct schm_ring *r, u32 index)
{
	struct file *file = NULL;

	spin_lock(&r->lock);
	if (r->files && index < r->files->nr)
		file = get_file(r->files->file[index]);
	spin_unlock(&r->lock);
	return file;
}

void schm_ring_drop_files(struct schm_ring *r)
{
	struct schm_ring_files *files;

	spin_lock(&r->lock);
	files = r->files;
	WRITE_ONCE(r->files, NULL);
	spin_unlock(&r->lock);
	while (files && files->nr)
		fput(files->file[--files->nr]);
	kfree(files);
}
