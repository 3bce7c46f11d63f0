/* SPDX-License-Identifier: GPL-2.0 */
/* Mappings of windows of shmem files: of nothing but the window. */
#ifndef SCHM_WINDOW_H
#define SCHM_WINDOW_H

#include "schm.h"

struct schm_memory;
struct vm_area_struct;

/*
 * Map the memory, from vma's offset on in the window. h: counts the mapping, and is
 * told of its end; or NULL. -ENXIO: not in the window; -EPERM: executable; -EACCES:
 * shared and writable, and it must not be; or as the memory's own mmap says.
 */
int schm_window_map(const struct schm_memory *memory, struct schm_handle *h,
		    struct vm_area_struct *vma);

#endif /* SCHM_WINDOW_H */
