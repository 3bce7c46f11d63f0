// SPDX-License-Identifier: GPL-2.0
#include "owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	4096UL

static int command(int owner, unsigned long cmd, void *arg)
{
	int ret = ioctl(owner, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int owner_open(void)
{
	int fd = open(MEMORY_NODE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd;
}

int owner_bind(int owner, const char *device, unsigned int addr_bits)
{
	struct scheme_bind bind = { .addr_bits = addr_bits };
	int ret;

	snprintf(bind.device, sizeof(bind.device), "%s", device);
	ret = command(owner, SCHEME_IOC_BIND, &bind);
	return ret < 0 ? ret : (int)bind.flags;
}

int owner_alloc(int owner, struct scheme_physalloc *pa)
{
	return command(owner, SCHEME_IOC_PHYSALLOC, pa);
}

int owner_free(int owner, uint64_t offset, uint64_t size)
{
	struct scheme_physfree pf = { .offset = offset, .size = size };

	return command(owner, SCHEME_IOC_PHYSFREE, &pf);
}

int owner_ranges(int owner, uint64_t offset, struct scheme_range *ranges,
		 unsigned int max)
{
	struct scheme_ranges sr = {
		.offset = offset,
		.ranges = (uintptr_t)ranges,
		.max_ranges = max,
	};
	int ret = command(owner, SCHEME_IOC_RANGES, &sr);

	return ret < 0 ? ret : (int)sr.nr_ranges;
}

int owner_virttophys(int owner, const void *virt, uint64_t *addr)
{
	struct scheme_virttophys vp = { .virt = (uintptr_t)virt };
	int ret = command(owner, SCHEME_IOC_VIRTTOPHYS, &vp);

	*addr = vp.addr;
	return ret;
}

int owner_sync(int owner, uint64_t offset, uint64_t len, unsigned int flags)
{
	struct scheme_memory_sync sync = {
		.offset = offset,
		.len = len,
		.flags = flags,
	};

	return command(owner, SCHEME_IOC_MEMORY_SYNC, &sync);
}

int owner_export(int owner, uint64_t offset)
{
	struct scheme_export ex = {
		.offset = offset,
		.flags = O_CLOEXEC | O_RDWR,
	};

	return command(owner, SCHEME_IOC_EXPORT, &ex);
}

void *owner_map(int owner, uint64_t offset, uint64_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, owner,
		    (off_t)offset);
}

/* ---- buffers -------------------------------------------------------------- */

int buffer_make(struct buffer *b, int owner, uint64_t size, unsigned int flags,
		unsigned int addr_bits)
{
	struct scheme_physalloc pa = {
		.size = size,
		.min = flags & SCHEME_PHYS_LIST ? PAGE : size,
		.flags = flags,
		.addr_bits = addr_bits,
		.ranges = (uintptr_t)b->range,
		.max_ranges = flags & SCHEME_PHYS_LIST ? BUFFER_RANGES : 1,
	};
	int ret = owner_alloc(owner, &pa);

	if (ret)
		return ret;
	b->owner = owner;
	b->offset = pa.offset;
	b->size = pa.size;
	b->nr_ranges = pa.nr_ranges;
	b->mem = owner_map(owner, pa.offset, pa.size);
	if (b->mem != MAP_FAILED)
		return 0;
	ret = -errno;
	owner_free(owner, pa.offset, pa.size);
	return ret;
}

int buffer_end(struct buffer *b)
{
	munmap(b->mem, b->size);
	return owner_free(b->owner, b->offset, b->size);
}

static uint8_t pattern(uint64_t at, unsigned int seed)
{
	uint32_t x = (uint32_t)at * 2654435761U + seed * 40503U;

	return (x ^ x >> 15) >> 7;
}

void pattern_fill(uint8_t *mem, uint64_t len, unsigned int seed)
{
	for (uint64_t i = 0; i < len; i++)
		mem[i] = pattern(i, seed);
}

int64_t pattern_differs(const uint8_t *mem, uint64_t len, unsigned int seed)
{
	for (uint64_t i = 0; i < len; i++)
		if (mem[i] != pattern(i, seed))
			return (int64_t)i;
	return -1;
}
