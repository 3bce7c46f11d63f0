// SPDX-License-Identifier: MIT
#include "table.h"

#include <stdlib.h>

static int table_grow(struct table *t)
{
	uint64_t max = t->max ? 2 * t->max : 64;
	struct table_slot *slot = realloc(t->slot, max * sizeof(*slot));

	if (!slot)
		return -1;
	t->slot = slot;
	t->max = max;
	return 0;
}

uint64_t table_add(struct table *t, void *item)
{
	uint64_t number = t->first_free;

	if (number) {
		t->first_free = t->slot[number - 1].next_free;
	} else {
		if (t->nr == t->max && table_grow(t))
			return 0;
		number = ++t->nr;
	}
	t->slot[number - 1] = (struct table_slot){ .item = item };
	return number;
}

void *table_get(const struct table *t, uint64_t number)
{
	return number && number <= t->nr ? t->slot[number - 1].item : NULL;
}

void table_del(struct table *t, uint64_t number)
{
	t->slot[number - 1] = (struct table_slot){ .next_free = t->first_free };
	t->first_free = number;
}

void table_free(struct table *t)
{
	free(t->slot);
	*t = (struct table){ 0 };
}
