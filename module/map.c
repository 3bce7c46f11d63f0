// SPDX-License-Identifier: GPL-2.0
/* The memory that a provider has attached to a handle, and who maps it. */
#include "map.h"

#include <linux/file.h>
#include <linux/fs.h>

#include "answer.h"
#include "handle.h"
#include "scheme.h"

void schm_map_init(struct schm_map *map)
{
	INIT_LIST_HEAD(&map->entry.node);
	map->entry.kind = SCHM_ENTRY_MUNMAP;
	map->entry.sqe.opcode = SCHEME_OP_MUNMAP;
	map->entry.sqe.flags = SCHEME_SQE_ONEWAY;
}

void schm_map_exit(struct schm_map *map)
{
	WARN_ON_ONCE(map->mappings || map->busy);
	if (map->memory.file)
		fput(map->memory.file);
}

void schm_map_swap(struct schm_handle *h, struct schm_memory *memory)
{
	spin_lock(&h->scheme->lock);
	swap(h->map.memory, *memory);
	spin_unlock(&h->scheme->lock);
}

int schm_map_get(struct schm_handle *h, struct schm_memory *memory)
{
	spin_lock(&h->scheme->lock);
	*memory = h->map.memory;
	if (memory->file)
		get_file(memory->file);
	spin_unlock(&h->scheme->lock);
	return memory->file ? 0 : -ENODEV;
}

void schm_map_open(struct schm_handle *h)
{
	schm_handle_get(h);
	spin_lock(&h->scheme->lock);
	h->map.mappings++;
	h->map.made++;
	spin_unlock(&h->scheme->lock);
}

/* May the entry be sent now? If not, it will be when it comes back. */
static bool map_claim_locked(struct schm_handle *h)
{
	struct schm_map *map = &h->map;

	lockdep_assert_held(&h->scheme->lock);
	map->due = map->busy;
	if (map->busy)
		return false;
	map->busy = true;
	map->entry.sqe.handle = h->number;
	map->entry.sqe.aux = map->made;
	return true;
}

void schm_map_close(struct schm_handle *h)
{
	struct schm_late late = SCHM_LATE_INIT(late);
	bool send;

	spin_lock(&h->scheme->lock);
	send = !--h->map.mappings && map_claim_locked(h);
	spin_unlock(&h->scheme->lock);
	if (send) {
		schm_handle_get(h);
		if (schm_handle_send(h, &h->map.entry, &late))
			schm_map_gone(h, &late);
	}
	schm_handle_unref(h, &late);
	schm_late_run(&late);
}

/* The entry is back: true if it has to go again. */
static bool map_again(struct schm_handle *h)
{
	bool again;

	spin_lock(&h->scheme->lock);
	h->map.busy = false;
	again = h->map.due && !h->map.mappings;
	h->map.due = false;
	again = again && map_claim_locked(h);
	spin_unlock(&h->scheme->lock);
	return again;
}

void schm_map_gone(struct schm_handle *h, struct schm_late *late)
{
	bool ours = true;

	while (ours && map_again(h))
		ours = schm_handle_send(h, &h->map.entry, late);
	if (ours)
		schm_handle_unref(h, late);
}
