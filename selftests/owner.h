/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Owners of memory, for tests: the commands of the memory scheme on the raw
 * interface. Everything returns 0, a number or a descriptor, or -errno.
 */
#ifndef SELFTESTS_OWNER_H
#define SELFTESTS_OWNER_H

#include <stdint.h>

#include <linux/redox_scheme_memory.h>

#define MEMORY_NODE	"/dev/scheme/memory"
#define OWNER_DRIVER	"redox_scheme"

int owner_open(void);
/* SCHEME_BIND_* */
int owner_bind(int owner, const char *device, unsigned int addr_bits);
/* What the command wrote is in *pa. */
int owner_alloc(int owner, struct scheme_physalloc *pa);
int owner_free(int owner, uint64_t offset, uint64_t size);
/* How many ranges there are. */
int owner_ranges(int owner, uint64_t offset, struct scheme_range *ranges,
		 unsigned int max);
int owner_virttophys(int owner, const void *virt, uint64_t *addr);
int owner_sync(int owner, uint64_t offset, uint64_t len, unsigned int flags);
/* A dma-buf, to read and write. */
int owner_export(int owner, uint64_t offset);
/* MAP_FAILED as mmap(2). */
void *owner_map(int owner, uint64_t offset, uint64_t size);

/* A buffer that is mapped, with its list. */
#define BUFFER_RANGES	256

struct buffer {
	int			owner;
	uint64_t		offset;
	uint64_t		size;
	unsigned int		nr_ranges;
	struct scheme_range	range[BUFFER_RANGES];
	uint8_t			*mem;
};

/* flags and addr_bits are physalloc's; min is a page with LIST, else all. */
int buffer_make(struct buffer *b, int owner, uint64_t size, unsigned int flags,
		unsigned int addr_bits);
/* Unmap and free it. */
int buffer_end(struct buffer *b);
/* Bytes that depend on seed and place. */
void pattern_fill(uint8_t *mem, uint64_t len, unsigned int seed);
/* The first byte that is another one, or -1. */
int64_t pattern_differs(const uint8_t *mem, uint64_t len, unsigned int seed);

#endif /* SELFTESTS_OWNER_H */
