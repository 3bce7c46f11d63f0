// SPDX-License-Identifier: GPL-2.0
/* Memory that kernel and user space share: pages, and what of them a queue has. */
#include "memory.h"

#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "limits.h"

void schm_memory_layout(struct schm_layout *at, u32 depth, u32 slot_size)
{
	/*
	 * Every tag may have a request and a one-way entry (CANCEL) on the way
	 * at once, and as many answers as events.
	 */
	at->sq_entries = 2 * depth;
	at->cq_entries = 2 * depth;
	/*
	 * Close together: after each switch between client and provider every
	 * page touched costs a walk of the page tables.
	 */
	at->kernel_off = 0;
	at->client_off = at->kernel_off + sizeof(struct scheme_ring_kernel);
	at->provider_off = at->client_off + sizeof(struct scheme_ring_client);
	at->poller_off = at->provider_off + sizeof(struct scheme_ring_provider);
	at->cq_off = ALIGN(at->poller_off + depth, SMP_CACHE_BYTES);
	at->sq_off = ALIGN(at->cq_off +
			   at->cq_entries * sizeof(struct scheme_cqe),
			   SMP_CACHE_BYTES);
	at->slots_off = PAGE_ALIGN(at->sq_off +
				   at->sq_entries * sizeof(struct scheme_sqe));
	at->size = at->slots_off + (size_t)depth * slot_size;
}

void schm_memory_free_pages(struct page **pages, size_t nr)
{
	while (nr--)
		__free_page(pages[nr]);
	kvfree(pages);
}

struct page **schm_memory_pages(size_t nr)
{
	struct page **pages;
	size_t i;

	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return NULL;
	for (i = 0; i < nr; i++) {
		pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				      __GFP_NOWARN);
		if (!pages[i] || fatal_signal_pending(current))
			break;
	}
	if (i == nr)
		return pages;
	if (pages[i])
		__free_page(pages[i]);
	schm_memory_free_pages(pages, i);
	return NULL;
}

int schm_memory_alloc(struct schm_queue *q)
{
	size_t nr = q->at.size >> PAGE_SHIFT;

	q->pages = schm_memory_pages(nr);
	if (!q->pages)
		return -ENOMEM;
	q->mem = vmap(q->pages, nr, VM_MAP, PAGE_KERNEL);
	if (!q->mem) {
		schm_memory_free_pages(q->pages, nr);
		return -ENOMEM;
	}
	q->kern = q->mem + q->at.kernel_off;
	q->client = q->mem + q->at.client_off;
	q->prov = q->mem + q->at.provider_off;
	q->poller = q->mem + q->at.poller_off;
	q->sq = q->mem + q->at.sq_off;
	q->cq = q->mem + q->at.cq_off;
	return 0;
}

void schm_memory_free(struct schm_queue *q)
{
	vunmap(q->mem);
	schm_memory_free_pages(q->pages, q->at.size >> PAGE_SHIFT);
}

int schm_memory_mmap(struct schm_queue *q, struct vm_area_struct *vma)
{
	unsigned long nr = q->at.size >> PAGE_SHIFT;
	int ret;

	if (vma->vm_pgoff || vma_pages(vma) != nr)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	/*
	 * A child of fork must not serve the rings behind its parent's back:
	 * one that takes over maps them anew.
	 */
	schm_vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	schm_vm_flags_clear(vma, VM_MAYEXEC);
	ret = vm_insert_pages(vma, vma->vm_start, q->pages, &nr);
	/* the size fits, so it had no memory for an upper page table */
	return ret == -EFAULT ? -ENOMEM : ret;
}
