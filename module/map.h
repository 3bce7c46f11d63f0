/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that a provider has attached to a handle, and who maps it.
 *
 * Each mmap(2) has a file of its own, which counts here until the last piece of
 * that mapping has gone, in whatever process. When none is left the provider
 * gets a MUNMAP. Its entry is embedded, so it cannot be refused; while one is on
 * its way, others become one that follows it:
 *
 *   idle -> busy	[schm_map_close]	the entry is on a queue
 *   busy -> busy, due	[schm_map_close]	mapped and unmapped meanwhile
 *   busy, due -> busy	[schm_map_gone]		sent again
 *   busy -> idle	[schm_map_gone]
 */
#ifndef SCHM_MAP_H
#define SCHM_MAP_H

#include "queue.h"

struct file;

/* A window of a shmem file. */
struct schm_memory {
	struct file		*file;		/* one reference; NULL is none */
	unsigned long		first;		/* page of the file */
	unsigned long		nr;		/* pages */
	bool			writable;	/* by those who share it */
};

/* scheme->lock */
struct schm_map {
	struct schm_memory	memory;
	unsigned int		mappings;	/* their files */
	u64			made;		/* ever */
	bool			busy;
	bool			due;
	struct schm_entry	entry;		/* while busy; one reference on the handle */
};

void schm_map_init(struct schm_map *map);
/* Let the handle go: nobody maps it any more. */
void schm_map_exit(struct schm_map *map);

/* Give the handle other memory; what it had comes back. Mappings stay. */
void schm_map_swap(struct schm_handle *h, struct schm_memory *memory);
/* The memory, with a reference on its file. -ENODEV: there is none. */
int schm_map_get(struct schm_handle *h, struct schm_memory *memory);

/* One mapping more; holds h. */
void schm_map_open(struct schm_handle *h);
/* One less; sends the MUNMAP when it was the last. */
void schm_map_close(struct schm_handle *h);
/* The MUNMAP has left the queue. */
void schm_map_gone(struct schm_handle *h, struct schm_late *late);

#endif /* SCHM_MAP_H */
