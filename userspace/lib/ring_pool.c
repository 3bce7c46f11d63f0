// SPDX-License-Identifier: MIT
/*
 * Direct rings: the pool, its regions and its buffers.
 */
#include "ring_int.h"

#include <sys/mman.h>
#include <unistd.h>

int scheme_ring_region_create(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!size || size % page || size > SCHEME_RING_REGION_MAX)
		return -EINVAL;
	return sealed_memory("scheme-pool", size);
}

static bool overlaps(const struct ring_region *g, uint64_t offset,
		     uint64_t size)
{
	return offset < g->offset + g->size && g->offset < offset + size;
}

static int check_region(const struct scheme_ring *r, uint64_t offset,
			uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (!size || size % page || offset % page ||
	    size > SCHEME_RING_REGION_MAX || offset > UINT64_MAX - size)
		return -EINVAL;
	if (r->nr_regions == SCHEME_RING_REGIONS_MAX)
		return -ENOSPC;
	for (unsigned int i = 0; i < r->nr_regions; i++)
		if (overlaps(&r->regions[i], offset, size))
			return -EEXIST;
	return 0;
}

static int map_memory(int fd, struct ring_region *g)
{
	void *mem;
	int ret = check_sealed(fd, g->size);

	if (ret)
		return ret;
	mem = mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	madvise(mem, g->size, MADV_DONTFORK);
	g->mem = mem;
	return 0;
}

/* What memory the module takes is for it to say. */
static int map_region(struct scheme_ring *r, int fd, struct ring_region *g)
{
	int ret;

	if (r->end < 0)
		return map_memory(fd, g);
	ret = module_add_region(r, fd, g->offset, g->size);
	return ret ? ret : module_map_region(r, g);
}

int scheme_ring_add_region(struct scheme_ring *r, int fd, uint64_t offset,
			   size_t size)
{
	struct ring_region region = { .offset = offset, .size = size };
	int ret = check_region(r, offset, size);

	if (ret)
		return ret;
	if (r->side == SCHEME_RING_CLIENT) {
		region.buddy = buddy_new(size);
		if (!region.buddy)
			return -ENOMEM;
	}
	ret = map_region(r, fd, &region);
	if (ret) {
		buddy_delete(region.buddy);
		return ret;
	}
	r->regions[r->nr_regions++] = region;
	return 0;
}

void pool_uninit(struct scheme_ring *r)
{
	for (unsigned int i = 0; i < r->nr_regions; i++) {
		munmap(r->regions[i].mem, r->regions[i].size);
		buddy_delete(r->regions[i].buddy);
	}
	r->nr_regions = 0;
}

void *scheme_ring_at(const struct scheme_ring *r, uint64_t addr, uint64_t len)
{
	return ring_at(r, addr, len);
}

/* ---- buffers ----------------------------------------------------------------- */

int scheme_ring_alloc(struct scheme_ring *r, size_t len, uint64_t *addr)
{
	uint64_t offset;

	if (r->side != SCHEME_RING_CLIENT || !len)
		return -EINVAL;
	flights_settle(r);
	for (unsigned int i = 0; i < r->nr_regions; i++) {
		if (buddy_alloc(r->regions[i].buddy, len, &offset))
			continue;
		*addr = r->regions[i].offset + offset;
		return 0;
	}
	return -ENOMEM;
}

int scheme_ring_free(struct scheme_ring *r, uint64_t addr)
{
	const struct ring_region *g = region_of(r, addr);

	if (r->side != SCHEME_RING_CLIENT || !g)
		return -EINVAL;
	flights_settle(r);
	return buddy_free(g->buddy, addr - g->offset);
}

uint64_t pool_hold(struct scheme_ring *r, uint64_t addr)
{
	const struct ring_region *g = region_of(r, addr);
	uint64_t start;

	if (!g || !buddy_hold(g->buddy, addr - g->offset, &start))
		return NO_HOLD;
	return g->offset + start;
}

void pool_drop(struct scheme_ring *r, uint64_t block)
{
	const struct ring_region *g = region_of(r, block);

	if (g)
		buddy_drop(g->buddy, block - g->offset);
}
