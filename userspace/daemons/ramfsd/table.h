/* SPDX-License-Identifier: MIT */
/* Things by number, from 1 on; the number of what has gone is used again. */
#ifndef RAMFSD_TABLE_H
#define RAMFSD_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_slot {
	void		*item;
	uint64_t	next_free;	/* a number; 0: none */
};

struct table {
	struct table_slot	*slot;	/* of number 1, 2, … */
	uint64_t		nr, max;
	uint64_t		first_free;
};

/* The item's number from now on; 0: no memory. */
uint64_t table_add(struct table *t, void *item);
/* NULL: nothing has this number. */
void *table_get(const struct table *t, uint64_t number);
/* The number of something in it. */
void table_del(struct table *t, uint64_t number);
void table_free(struct table *t);

#endif /* RAMFSD_TABLE_H */
