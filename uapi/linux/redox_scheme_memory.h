/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The memory scheme: memory that devices, processes and other drivers share.
 *
 * An open file of /dev/scheme/memory (or of "memory" in a schemefs) is an owner
 * of buffers. PHYSALLOC makes a buffer of one range of addresses, or of a list of
 * them; the owner maps it, asks for its addresses, gives it back. When the last
 * descriptor and mapping of the owner have gone, all its buffers go: first the
 * device loses its access, then the memory is freed.
 *
 * The names and their meaning are those of Redox's physalloc3 as it was written
 * down in 2020, not as it worked; Redox took the call out again in 2023.
 *
 * Every command is an ioctl, and a command of io_uring as well, see struct
 * scheme_command. All sizes and offsets are bytes.
 *
 * Changelog
 *
 *  1.2
 *   - all of it (SCHEME_F_MEMORY)
 */
#ifndef _UAPI_LINUX_REDOX_SCHEME_MEMORY_H
#define _UAPI_LINUX_REDOX_SCHEME_MEMORY_H

#include <linux/redox_scheme.h>

/* scheme_physalloc.flags; the numbers of the first three and of the strategies are Redox's */

/* The whole of it ends below 4 GiB. */
#define SCHEME_PHYS_SPACE_32		(1U << 0)
/* It may be anywhere; so it is without, too. */
#define SCHEME_PHYS_SPACE_64		(1U << 1)
/* One range that is smaller than size will do, but not smaller than min. */
#define SCHEME_PHYS_PARTIAL_ALLOC	(1U << 2)
/* Several ranges will do, none smaller than min, together all of size. */
#define SCHEME_PHYS_LIST		(1U << 3)
/* The caller does not want to know addresses, and needs no right to. */
#define SCHEME_PHYS_NO_ADDR		(1U << 4)
/* Mappings and device alike: not cached, writes gathered; not cached at all. */
#define SCHEME_PHYS_WRITE_COMBINE	(1U << 5)
#define SCHEME_PHYS_NO_CACHE		(1U << 6)

/*
 * Which range, if there is none of the whole size. Without PARTIAL_ALLOC and LIST
 * these bits mean nothing. With LIST, none of them is OPTIMAL.
 *
 * OPTIMAL	   the greatest that can be had without moving other memory
 * GREATEST_RANGE  the greatest that can be had
 * GREEDY	   the first that holds min
 */
#define SCHEME_PHYS_STRATEGY		(3U << 16)
#define SCHEME_PHYS_OPTIMAL		(1U << 16)
#define SCHEME_PHYS_GREATEST_RANGE	(2U << 16)
#define SCHEME_PHYS_GREEDY		(3U << 16)

/* What the processor's caches do with a buffer. */
#define SCHEME_CACHE_WRITE_BACK		0U
#define SCHEME_CACHE_WRITE_COMBINE	1U
#define SCHEME_CACHE_NONE		2U

/* Most ranges of one buffer. */
#define SCHEME_PHYS_RANGES_MAX		65536U
/* Largest buffer. */
#define SCHEME_PHYS_SIZE_MAX		(1ULL << 31)
/* No address: not to be told. */
#define SCHEME_PHYS_HIDDEN		(~0ULL)

/**
 * struct scheme_range - a piece of a buffer that is contiguous for the device
 * @addr: the address by which the device reaches it
 * @len: bytes
 */
struct scheme_range {
	__u64	addr;
	__u64	len;
};

/**
 * struct scheme_physalloc - make a buffer
 * @size: in, bytes wanted; out, bytes given, whole pages
 * @min: in, least bytes of a range, 1..size
 * @flags: in, SCHEME_PHYS_*
 * @addr_bits: in, 12..64: every address is below 2^addr_bits; 0 is 64
 * @ranges: in, pointer to room for struct scheme_range, or 0
 * @max_ranges: in, most ranges of a list, which is the room at @ranges unless
 *	that is 0; 0 is SCHEME_PHYS_RANGES_MAX. Without LIST 0 or 1
 * @nr_ranges: out, ranges in order of the buffer; their lengths add up to @size
 * @offset: out, where in the owner's file the buffer is; its name
 * @addr: out, address of the first range, or SCHEME_PHYS_HIDDEN
 * @cache: out, SCHEME_CACHE_*
 * @reserved0: zero
 * @reserved: zero
 *
 * The memory is zeroed and charged to the caller's memory cgroup and user; ranges
 * above the page allocator's 4 MiB, and some below an addr_bits under 32, to the user
 * only, since the kernel lets no module charge them. Without LIST, if a range of the
 * whole size is to be had, that is given. An owner that is bound to a device gets
 * addresses of that device; else they are physical ones. Memory of another kind than
 * write-back cannot be pinned: not for O_DIRECT, io_uring or VFIO.
 *
 * Returns 0. Errors: EINVAL size 0 or above SCHEME_PHYS_SIZE_MAX, min 0 or above
 * size, both SPACE flags, both of the cache's, PARTIAL_ALLOC without a strategy or
 * with LIST, addr_bits outside of 12..64, max_ranges above the limit, unknown
 * bits, non-zero reserved fields; EPERM an owner that is not bound, and no
 * CAP_SYS_RAWIO (but see NO_ADDR); ENOMEM nothing that fits, none left
 * for others, or a limit is reached; ENOSPC too many buffers; EOPNOTSUPP not this kind of cache, or the
 * memory would have to be copied for the device; ENODEV the device has gone;
 * EFAULT (there is no buffer then); EINTR.
 */
struct scheme_physalloc {
	__u64	size;
	__u64	min;
	__u32	flags;
	__u32	addr_bits;
	__u64	ranges;
	__u32	max_ranges;
	__u32	nr_ranges;
	__u64	offset;
	__u64	addr;
	__u32	cache;
	__u32	reserved0;
	__u64	reserved[2];
};

/**
 * struct scheme_physfree - give a buffer back
 * @offset: the buffer
 * @size: all of it
 *
 * Behind an IOMMU the device loses its access at once; without one, have it finished
 * first. The memory itself is there until nobody maps it or uses it as a dma-buf any
 * more; single pages, as long as somebody pins them, but those do not count against
 * the user's limit then. A list goes as a whole.
 *
 * Errors: EINVAL no such buffer (any more), another size, not its beginning; EFAULT.
 */
struct scheme_physfree {
	__u64	offset;
	__u64	size;
};

/**
 * struct scheme_ranges - the addresses of a buffer again
 * @offset: in, the buffer
 * @ranges: in, pointer to room for struct scheme_range
 * @max_ranges: in, how many there is room for
 * @nr_ranges: out, how many there are; no more than @max_ranges are stored
 *
 * Errors: EINVAL no such buffer; EPERM; ENODEV the device has gone; EFAULT.
 */
struct scheme_ranges {
	__u64	offset;
	__u64	ranges;
	__u32	max_ranges;
	__u32	nr_ranges;
};

/**
 * struct scheme_virttophys - which address a mapped byte has
 * @virt: in, address in the caller's memory
 * @addr: out, its address for the device
 * @len: out, bytes from there on that are contiguous, in memory and for the device
 *
 * Errors: EFAULT the caller maps none of this owner's buffers there; EPERM; ENODEV
 * the device has gone.
 */
struct scheme_virttophys {
	__u64	virt;
	__u64	addr;
	__u64	len;
};

/**
 * struct scheme_memory_sync - hand a part of a buffer from one side to the other
 * @offset: the buffer, and where in it
 * @len: bytes, not 0
 * @flags: one of SCHEME_SYNC_START (before the processor looks at it) and
 *	SCHEME_SYNC_END (before the device does), with at least one of
 *	SCHEME_SYNC_READ and SCHEME_SYNC_WRITE: what the processor does with it
 * @reserved: zero
 *
 * The meaning is that of DMA_BUF_IOCTL_SYNC. Where device and caches are coherent,
 * as on x86, it orders nothing that a barrier would not, and costs next to nothing;
 * portable programs call it all the same. An owner that is not bound has nothing to
 * hand over.
 *
 * Errors: EINVAL not within a buffer, or bad flags; ENODEV the device has gone;
 * EFAULT.
 */
struct scheme_memory_sync {
	__u64	offset;
	__u64	len;
	__u32	flags;
	__u32	reserved;
};

#define SCHEME_SYNC_READ	(1U << 0)
#define SCHEME_SYNC_WRITE	(1U << 1)
#define SCHEME_SYNC_START	(1U << 2)
#define SCHEME_SYNC_END		(1U << 3)

/**
 * struct scheme_export - a dma-buf of a buffer
 * @offset: the buffer
 * @flags: O_CLOEXEC, and O_RDWR or O_RDONLY
 * @reserved: zero
 *
 * Returns a descriptor that any driver which takes dma-bufs can import. It keeps
 * the memory, not the owner's right to reach it; other devices map it by
 * themselves.
 *
 * Errors: EINVAL no such buffer, or bad flags; EACCES O_RDWR of an owner that is open
 * for reading only; EMFILE; ENOMEM; EFAULT.
 */
struct scheme_export {
	__u64	offset;
	__u32	flags;
	__u32	reserved;
};

/**
 * struct scheme_bind - bind the owner to a function of a PCI device
 * @device: in, its address, such as "0000:00:04.0", NUL-terminated
 * @addr_bits: in, address bits that the device has, 12..64
 * @flags: out, SCHEME_BIND_*
 * @reserved: zero
 *
 * The function's driver must be redox_scheme, by driver_override. From now on
 * addresses are the function's: right under an IOMMU, and never above its mask. It
 * becomes a bus master. One owner at a time has it. When the owner ends, the
 * function is stopped (no bus master), reset where it can be, and loses the
 * addresses, before any memory is freed; likewise when the function goes away or
 * gets another driver, after which the owner sees ENODEV. What the function knew is
 * not kept while the machine is suspended.
 *
 * Errors: EPERM no CAP_SYS_RAWIO; EINVAL bad addr_bits or reserved fields, or
 * not a device's address; ENODEV no such function, or of another driver; EBUSY
 * it has an owner; EALREADY the owner is bound or has buffers; EIO the mask is
 * not possible there; EOPNOTSUPP the kernel would copy for it: a device from outside
 * ("untrusted"), or a machine whose memory is encrypted.
 */
struct scheme_bind {
	char	device[32];
	__u32	addr_bits;
	__u32	flags;
	__u64	reserved[3];
};

/* Between device and memory is an IOMMU: its addresses reach this memory only. */
#define SCHEME_BIND_IOMMU	(1U << 0)
/* The function can be reset on its own. */
#define SCHEME_BIND_RESET	(1U << 1)

#define SCHEME_IOC_PHYSALLOC	_IOWR(SCHEME_IOC_MAGIC, 0x60, struct scheme_physalloc)
#define SCHEME_IOC_PHYSFREE	_IOW(SCHEME_IOC_MAGIC, 0x61, struct scheme_physfree)
#define SCHEME_IOC_RANGES	_IOWR(SCHEME_IOC_MAGIC, 0x62, struct scheme_ranges)
#define SCHEME_IOC_VIRTTOPHYS	_IOWR(SCHEME_IOC_MAGIC, 0x63, struct scheme_virttophys)
#define SCHEME_IOC_MEMORY_SYNC	_IOW(SCHEME_IOC_MAGIC, 0x64, struct scheme_memory_sync)
#define SCHEME_IOC_EXPORT	_IOW(SCHEME_IOC_MAGIC, 0x65, struct scheme_export)
#define SCHEME_IOC_BIND		_IOWR(SCHEME_IOC_MAGIC, 0x66, struct scheme_bind)

/*
 * mmap(2) of the owner's file at a buffer's offset, or at a page within the buffer:
 * MAP_SHARED (else EINVAL), not executable (EPERM), within the buffer (ENXIO). The
 * descriptor must be open for writing to map it so.
 */

SCHEME_SIZE_IS(struct scheme_range, 16);
SCHEME_SIZE_IS(struct scheme_physalloc, 80);
SCHEME_SIZE_IS(struct scheme_physfree, 16);
SCHEME_SIZE_IS(struct scheme_ranges, 24);
SCHEME_SIZE_IS(struct scheme_virttophys, 24);
SCHEME_SIZE_IS(struct scheme_memory_sync, 24);
SCHEME_SIZE_IS(struct scheme_export, 16);
SCHEME_SIZE_IS(struct scheme_bind, 64);

#endif /* _UAPI_LINUX_REDOX_SCHEME_MEMORY_H */
