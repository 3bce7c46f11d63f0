/* SPDX-License-Identifier: MIT */
/*
 * libscheme: memory that devices, processes and other drivers share, from the
 * memory scheme (see scheme(7) and Documentation/physalloc.md).
 *
 * An owner of buffers is a file descriptor; closing the last one of it gives all
 * its buffers back. A buffer is named by its offset in the owner's file. As in
 * scheme.h, what can fail returns a negative errno, and there is no state but the
 * caller's. <linux/redox_scheme_memory.h> has the flags and what they mean.
 *
 * Every command can also be put on an io_uring: scheme_prep_command() of scheme.h
 * takes SCHEME_IOC_PHYSALLOC and the others with their structs.
 */
#ifndef SCHEME_MEMORY_H
#define SCHEME_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <linux/redox_scheme_memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A buffer as it was given. */
struct scheme_phys {
	uint64_t	offset;		/* in the owner's file: its name */
	uint64_t	size;		/* bytes, whole pages */
	uint64_t	addr;		/* of its first byte, or SCHEME_PHYS_HIDDEN */
	uint32_t	nr_ranges;
	uint32_t	cache;		/* SCHEME_CACHE_* */
};

/*
 * A new owner, a descriptor; flags: O_CLOEXEC.
 * ENOENT: no module loaded; EACCES: no right to the node.
 */
int scheme_memory_open(int flags);
/*
 * Bind the owner, which has no buffers yet, to the PCI function at this address
 * ("0000:00:04.0"), which has addr_bits address bits. From now on addresses are
 * the function's. *flags (may be NULL): SCHEME_BIND_*.
 * EINVAL: also a name that is too long. Others: see struct scheme_bind.
 */
int scheme_memory_bind(int fd, const char *device, unsigned int addr_bits,
		       uint32_t *flags);

/*
 * A buffer of size bytes in one range, zeroed. The second form takes
 * SCHEME_PHYS_* flags. Both are the third one with a *min of 1.
 * Errors of all four: see struct scheme_physalloc.
 */
int scheme_physalloc(int fd, uint64_t size, struct scheme_phys *phys);
int scheme_physalloc2(int fd, uint64_t size, uint32_t flags,
		      struct scheme_phys *phys);
/*
 * With SCHEME_PHYS_PARTIAL_ALLOC and a strategy in flags, a range that is smaller
 * than size will do. *min: in, the least that will; out, what was given. An error
 * leaves it as it is.
 */
int scheme_physalloc3(int fd, uint64_t size, uint32_t flags, uint64_t *min,
		      struct scheme_phys *phys);
/*
 * A buffer of size bytes in several ranges if need be, none smaller than min, all
 * of them below 2^addr_bits (0: anywhere). *nr: in, how many ranges there is room
 * for, at least 1, which is also the most that are given; out, how many there are.
 * ranges may be NULL: then only their number is told. SCHEME_PHYS_LIST need not be
 * in flags.
 */
int scheme_physalloc_list(int fd, uint64_t size, uint64_t min, uint32_t flags,
			  unsigned int addr_bits, struct scheme_range *ranges,
			  uint32_t *nr, struct scheme_phys *phys);
/*
 * Give a buffer back, all of it. The device loses its access now; the memory goes
 * when nobody maps it or uses it as a dma-buf any more. EINVAL: not a buffer of
 * this owner's (any more), or not its size.
 */
int scheme_physfree(int fd, uint64_t offset, uint64_t size);

/*
 * Map len bytes of a buffer from offset on; *mem is the first of them. They need
 * not begin or end at a page. prot: PROT_READ and PROT_WRITE.
 * EINVAL: len 0; ENXIO: not within a buffer; EPERM: PROT_EXEC; else as mmap(2).
 */
int scheme_physmap(int fd, uint64_t offset, size_t len, int prot, void **mem);
/* Undo it, with what it gave and the same len. Of NULL it does nothing. */
int scheme_physunmap(void *mem, size_t len);
/*
 * The address of the byte at virt, in a mapping of this owner's, and how many are
 * contiguous from there on (len may be NULL). EFAULT: no such mapping; EPERM.
 */
int scheme_virttophys(int fd, const void *virt, uint64_t *addr, uint64_t *len);
/*
 * The ranges of the buffer at offset. *nr: in, how many there is room for; out, how
 * many there are, which may be more.
 */
int scheme_memory_ranges(int fd, uint64_t offset, struct scheme_range *ranges,
			 uint32_t *nr);
/*
 * Hand bytes of a buffer from one side to the other. flags: SCHEME_SYNC_START
 * before the processor uses them or SCHEME_SYNC_END before the device does, with
 * SCHEME_SYNC_READ or SCHEME_SYNC_WRITE or both: what the processor does.
 */
int scheme_memory_sync(int fd, uint64_t offset, uint64_t len, uint32_t flags);
/*
 * A dma-buf of the buffer at offset, a descriptor; flags: O_CLOEXEC, and O_RDWR for
 * one that can be mapped for writing.
 */
int scheme_memory_export(int fd, uint64_t offset, int flags);

#ifdef __cplusplus
}
#endif

#endif /* SCHEME_MEMORY_H */
