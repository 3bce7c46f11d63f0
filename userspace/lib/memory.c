// SPDX-License-Identifier: MIT
/*
 * The memory scheme: buffers, their addresses and mappings.
 */
/* A buffer's offset does not fit 32 bits. */
#define _FILE_OFFSET_BITS 64

#include "int.h"

#pragma GCC visibility push(default)
#include <scheme_memory.h>
#pragma GCC visibility pop

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_NODE	"/dev/scheme/memory"

int scheme_memory_open(int flags)
{
	int fd;

	if (flags & ~O_CLOEXEC)
		return -EINVAL;
	fd = open(MEMORY_NODE, O_RDWR | flags);
	if (fd < 0)
		return -errno;
	return fd;
}

int scheme_memory_bind(int fd, const char *device, unsigned int addr_bits,
		       uint32_t *flags)
{
	struct scheme_bind args = { .addr_bits = addr_bits };
	size_t len = strlen(device);
	int ret;

	if (len >= sizeof(args.device))
		return -EINVAL;
	memcpy(args.device, device, len);
	ret = ioctl_errno(fd, SCHEME_IOC_BIND, &args);
	if (!ret && flags)
		*flags = args.flags;
	return ret;
}

/* ---- buffers ------------------------------------------------------------------- */

static int alloc(int fd, struct scheme_physalloc *args, struct scheme_phys *phys)
{
	int ret = ioctl_errno(fd, SCHEME_IOC_PHYSALLOC, args);

	if (ret)
		return ret;
	*phys = (struct scheme_phys){
		.offset = args->offset,
		.size = args->size,
		.addr = args->addr,
		.nr_ranges = args->nr_ranges,
		.cache = args->cache,
	};
	return 0;
}

int scheme_physalloc(int fd, uint64_t size, struct scheme_phys *phys)
{
	return scheme_physalloc2(fd, size, 0, phys);
}

int scheme_physalloc2(int fd, uint64_t size, uint32_t flags,
		      struct scheme_phys *phys)
{
	uint64_t min = 1;

	return scheme_physalloc3(fd, size, flags, &min, phys);
}

int scheme_physalloc3(int fd, uint64_t size, uint32_t flags, uint64_t *min,
		      struct scheme_phys *phys)
{
	struct scheme_physalloc args = {
		.size = size, .min = *min, .flags = flags,
	};
	int ret = alloc(fd, &args, phys);

	if (!ret)
		*min = args.size;
	return ret;
}

int scheme_physalloc_list(int fd, uint64_t size, uint64_t min, uint32_t flags,
			  unsigned int addr_bits, struct scheme_range *ranges,
			  uint32_t *nr, struct scheme_phys *phys)
{
	struct scheme_physalloc args = {
		.size = size,
		.min = min,
		.flags = flags | SCHEME_PHYS_LIST,
		.addr_bits = addr_bits,
		.ranges = (uintptr_t)ranges,
		.max_ranges = *nr,
	};
	int ret;

	/* which the module would take for any number */
	if (!*nr)
		return -EINVAL;
	ret = alloc(fd, &args, phys);
	if (!ret)
		*nr = args.nr_ranges;
	return ret;
}

int scheme_physfree(int fd, uint64_t offset, uint64_t size)
{
	struct scheme_physfree args = { .offset = offset, .size = size };

	return ioctl_errno(fd, SCHEME_IOC_PHYSFREE, &args);
}

/* ---- mappings ------------------------------------------------------------------ */

/* From a byte back to its page. */
static size_t within_page(uint64_t at)
{
	return at & (uint64_t)(sysconf(_SC_PAGESIZE) - 1);
}

static void *byte_at(void *page, size_t at)
{
	return (uint8_t *)page + at;
}

int scheme_physmap(int fd, uint64_t offset, size_t len, int prot, void **mem)
{
	size_t before = within_page(offset);
	void *page;

	if (!len || len > SIZE_MAX - before)
		return -EINVAL;
	page = mmap(NULL, before + len, prot, MAP_SHARED, fd,
		    (off_t)(offset - before));
	if (page == MAP_FAILED)
		return -errno;
	*mem = byte_at(page, before);
	return 0;
}

int scheme_physunmap(void *mem, size_t len)
{
	size_t before = within_page((uintptr_t)mem);

	if (!mem)
		return 0;
	if (!len || len > SIZE_MAX - before)
		return -EINVAL;
	return munmap((uint8_t *)mem - before, before + len) ? -errno : 0;
}

/* ---- addresses ----------------------------------------------------------------- */

int scheme_virttophys(int fd, const void *virt, uint64_t *addr, uint64_t *len)
{
	struct scheme_virttophys args = { .virt = (uintptr_t)virt };
	int ret = ioctl_errno(fd, SCHEME_IOC_VIRTTOPHYS, &args);

	if (ret)
		return ret;
	*addr = args.addr;
	if (len)
		*len = args.len;
	return 0;
}

int scheme_memory_ranges(int fd, uint64_t offset, struct scheme_range *ranges,
			 uint32_t *nr)
{
	struct scheme_ranges args = {
		.offset = offset,
		.ranges = (uintptr_t)ranges,
		.max_ranges = *nr,
	};
	int ret = ioctl_errno(fd, SCHEME_IOC_RANGES, &args);

	if (!ret)
		*nr = args.nr_ranges;
	return ret;
}

/* ---- the other side ------------------------------------------------------------ */

int scheme_memory_sync(int fd, uint64_t offset, uint64_t len, uint32_t flags)
{
	struct scheme_memory_sync args = {
		.offset = offset, .len = len, .flags = flags,
	};

	return ioctl_errno(fd, SCHEME_IOC_MEMORY_SYNC, &args);
}

int scheme_memory_export(int fd, uint64_t offset, int flags)
{
	struct scheme_export args = { .offset = offset, .flags = (uint32_t)flags };

	return ioctl_errno(fd, SCHEME_IOC_EXPORT, &args);
}
