/* SPDX-License-Identifier: GPL-2.0 */
/* The memory scheme, for tests. Functions return 0 or a number, or -errno. */
#ifndef SELFTESTS_PHYS_H
#define SELFTESTS_PHYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <liburing.h>
#include <linux/redox_scheme_memory.h>

#define MEMORY_NODE	"/dev/scheme/memory"
#define PAGE		4096UL
#define KIB(n)		((uint64_t)(n) << 10)
#define MIB(n)		((uint64_t)(n) << 20)

/* ---- the scheme ---------------------------------------------------------------- */

/* An owner, for reading and writing. */
int phys_open(void);
/* What to ask for: min 1. */
struct scheme_physalloc phys_wish(uint64_t size, uint32_t flags);
int phys_alloc(int fd, struct scheme_physalloc *arg);
/* The same for a buffer that is what was wished for, or else -EBADMSG. */
int phys_get(int fd, uint64_t size, uint32_t flags, struct scheme_physalloc *out);
int phys_free(int fd, const struct scheme_physalloc *buffer);
/* All of a buffer, for reading and writing; NULL: not. */
void *phys_map(int fd, const struct scheme_physalloc *buffer);
int phys_virt(int fd, const void *at, struct scheme_virttophys *out);
int phys_ranges(int fd, uint64_t offset, struct scheme_range *ranges,
		uint32_t room, uint32_t *nr);
int phys_export(int fd, uint64_t offset, uint32_t flags);
int phys_sync(int fd, uint64_t offset, uint64_t len, uint32_t flags);
/* A command by ioctl, or on the ring where there is one. */
long phys_command(struct io_uring *ring, int fd, uint32_t cmd, void *arg);

/* ---- what can be seen from elsewhere ------------------------------------------- */

/* The physical address of a byte that is mapped, by the kernel's page map; 0: none. */
uint64_t phys_pagemap(const void *at);
/* The same page for page: len bytes of memory are mapped there, in order. */
bool phys_is_mapped(const void *at, uint64_t addr, uint64_t len);
/*
 * Has the kernel ranges above its page allocator's 4 MiB? One without CONTIG_ALLOC cannot
 * empty a part of memory.
 */
bool phys_has_large_ranges(void);
/* Every byte of it is this one. */
bool bytes_are(const void *mem, uint8_t byte, size_t len);
/* A number out of /proc/meminfo, in bytes; 0 if it is not there. */
uint64_t meminfo(const char *name);

/* ---- rights and limits --------------------------------------------------------- */

/* No CAP_SYS_RAWIO for this thread any more. */
int drop_rawio(void);
/* The user's limit in MiB, a parameter of the module's; -errno. */
long limit_get(void);
int limit_set(long mib);

#endif /* SELFTESTS_PHYS_H */
