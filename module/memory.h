/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that kernel and user space share: pages, and what of them a queue has. */
#ifndef SCHM_MEMORY_H
#define SCHM_MEMORY_H

#include "queue.h"

struct page;
struct vm_area_struct;

/* Zeroed pages, charged to the caller's memory cgroup, in an array; NULL. */
struct page **schm_memory_pages(size_t nr);
void schm_memory_free_pages(struct page **pages, size_t nr);

/* Lay out the memory of a queue of this shape. */
void schm_memory_layout(struct schm_layout *at, u32 depth, u32 slot_size);
/* Zeroed pages for q->at.size bytes, charged to the caller's memory cgroup. */
int schm_memory_alloc(struct schm_queue *q);
void schm_memory_free(struct schm_queue *q);
/* Map all of it. -EINVAL: not exactly all, not shared, or executable. */
int schm_memory_mmap(struct schm_queue *q, struct vm_area_struct *vma);

#endif /* SCHM_MEMORY_H */
