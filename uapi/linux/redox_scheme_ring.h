/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Direct rings: shared memory in which one client and one provider exchange the
 * entries of redox_scheme_entry.h without the kernel, which sets a ring up, wakes who
 * sleeps, and tells the end. Redox's io_uring of 2020, between two processes.
 *
 * A client makes a ring with RING_CREATE on a descriptor of the scheme, maps it
 * and asks for the other end to be served: RING_ATTACH. The provider gets an
 * entry SCHEME_OP_RING_ATTACH on its queue, takes its end with FETCH, maps that,
 * and answers 0; or it answers an error. Both ends are descriptors of their own,
 * which are refused in SENDFD and ATTACH. The client's closes on exec; so does the
 * provider's, if FETCH says so.
 *
 *   Created	[RING_CREATE]			the client may map it
 *   Mapped	[the client's first mmap(2)]	it may be attached
 *   Attaching	[RING_ATTACH]			the provider has been asked
 *   Attached	[the provider's answer]
 *   Shutdown	[a last close of either end: descriptors, and mappings of entries,
 *		 not of the pool; a refused RING_ATTACH, or one that nobody waited
 *		 for; the scheme's death]	SCHEME_RING_DEAD is set
 *
 * A command in the wrong state is EBADFD, after Shutdown ESHUTDOWN. What is on
 * the rings at the Shutdown can still be taken.
 *
 * Memory. mmap(2) with MAP_SHARED (else EINVAL) and without PROT_EXEC (EPERM); a
 * mapping is not inherited by fork(2) and cannot grow. From offset 0 on are five parts, each of
 * whole pages, of which a side may write two: EACCES for a writable mapping that
 * touches another one, and such a mapping cannot be made writable later.
 *
 *	client_off	struct scheme_ring_client	written by the client
 *	provider_off	struct scheme_ring_provider	written by the provider
 *	kernel_off	struct scheme_ring_kernel	written by the kernel
 *	sq_off		sq_entries struct scheme_sqe	written by the client
 *	cq_off		cq_entries struct scheme_cqe	written by the provider
 *
 * From SCHEME_RING_POOL on is the pool: what RING_REGION_ADD has put there, both
 * sides read and write it. ENXIO where nothing is, or past the end of a region.
 *
 * Sleeping. A side that is about to sleep writes what it waits for into its
 * flags (SCHEME_RING_NEED_WAKEUP entries, SCHEME_RING_NEED_ROOM room), makes a full
 * barrier, looks at the indices again, and sleeps: ENTER with WAIT. A side that
 * has moved an index makes a full barrier, reads the other's flags and that
 * side's word of scheme_ring_kernel.wants, in which the kernel keeps what a
 * poll(2) waits for, and rings the doorbell if one of them names what has
 * changed: ENTER with NOTIFY. A doorbell latches. There is one latch and one word of
 * flags to a side: one thread at a time waits with ENTER; any number may poll.
 *
 * poll(2), epoll(7), io_uring and the event scheme: EPOLLIN entries wait for
 * this side, EPOLLOUT there is room, EPOLLHUP with EPOLLRDHUP Shutdown, EPOLLERR
 * broken. No flag need be set for them. While an event queue watches an end, every
 * index that the other side moves costs it a doorbell.
 *
 * Changelog
 *
 *  1.3
 *   - all of it (SCHEME_F_RING)
 */
#ifndef _UAPI_LINUX_REDOX_SCHEME_RING_H
#define _UAPI_LINUX_REDOX_SCHEME_RING_H

#include <linux/redox_scheme.h>

/* Most entries of a ring. */
#define SCHEME_RING_ENTRIES_MAX	32768U
/* Regions of a pool, and where they may end. */
#define SCHEME_RING_REGIONS_MAX	16U
#define SCHEME_RING_POOL_MAX	(1ULL << 38)
/* Where in an end's file the pool begins. */
#define SCHEME_RING_POOL	(1ULL << 40)
/*
 * Files that a client can register. An entry names one by scheme_sqe.handle
 * SCHEME_RING_FIXED | index; without that bit it is what an OPEN on this ring
 * answered, or what provider and client have agreed on.
 */
#define SCHEME_RING_FILES_MAX	256U
#define SCHEME_RING_FIXED	(1ULL << 63)

/* scheme_ring_info.side, and indices of scheme_ring_kernel.wants */
#define SCHEME_RING_SIDE_CLIENT		0U
#define SCHEME_RING_SIDE_PROVIDER	1U

/* scheme_ring_info.state */
#define SCHEME_RING_CREATED	1U
#define SCHEME_RING_MAPPED	2U
#define SCHEME_RING_ATTACHING	3U
#define SCHEME_RING_ATTACHED	4U
#define SCHEME_RING_SHUTDOWN	5U

/**
 * struct scheme_ring_info - a ring
 * @sq_entries: RING_CREATE: in, a power of two up to SCHEME_RING_ENTRIES_MAX; 0 is
 *	256; out, entries of the submission ring
 * @cq_entries: RING_CREATE: in, likewise; 0 is twice @sq_entries, as far as that
 *	can be; out, entries of the completion ring
 * @flags: must be 0
 * @side: out, SCHEME_RING_SIDE_*: whose end this is
 * @state: out, one of the states above
 * @nr_regions: out, regions of the pool
 * @client_off: out, and so on: where the parts are, see above
 * @provider_off: out
 * @kernel_off: out
 * @sq_off: out
 * @cq_off: out
 * @reserved0: zero
 * @size: out, bytes of all parts together
 * @reserved: zero
 *
 * RING_CREATE returns the client's end. Errors: EINVAL; EBADF a descriptor of
 * access mode 3; ENODEV the scheme is dead; EMFILE this user has 256 rings open;
 * ENOMEM.
 */
struct scheme_ring_info {
	__u32	sq_entries;
	__u32	cq_entries;
	__u32	flags;
	__u32	side;
	__u32	state;
	__u32	nr_regions;
	__u32	client_off;
	__u32	provider_off;
	__u32	kernel_off;
	__u32	sq_off;
	__u32	cq_off;
	__u32	reserved0;
	__u64	size;
	__u64	reserved[2];
};

/**
 * struct scheme_ring_attach - ask the provider to serve a ring
 * @ring: descriptor of the client's end
 * @flags: must be 0
 * @word: a word for the provider
 * @reserved: zero
 *
 * Returns 0 when the provider has agreed, or its error; then the ring is shut
 * down. The entry has the numbers of entries as offset: sq_entries in the lower
 * half, cq_entries in the upper one; @word as aux; the access mode (O_ACCMODE) of
 * the descriptor that RING_ATTACH is a command of as op_flags; and who asks, as any
 * entry. What is opened on the ring must not exceed that access mode: the provider
 * sees to it, as OPENAT does. A provider without rings answers EOPNOTSUPP.
 *
 * Errors: EBADF @ring is no client's end; EXDEV of another scheme; EBADFD not
 * mapped, or asked before; EAGAIN and ENOMEM nobody has been asked, the ring is as
 * it was; EINTR a signal, ETIMEDOUT, ENODEV the scheme has died: it is shut down;
 * ESHUTDOWN it has been, or the provider has agreed and let go of its end.
 */
struct scheme_ring_attach {
	__s32	ring;
	__u32	flags;
	__u64	word;
	__u64	reserved;
};

#define SCHEME_IOC_RING_CREATE \
	_IOWR(SCHEME_IOC_MAGIC, 0x50, struct scheme_ring_info)
#define SCHEME_IOC_RING_ATTACH \
	_IOW(SCHEME_IOC_MAGIC, 0x51, struct scheme_ring_attach)

/* ---- ring fd: an end ------------------------------------------------------ */

/*
 * Every command of an end is an ioctl. Through io_uring: ENTER as below, the
 * others by struct scheme_command.
 */

/* The ring and its state, for either side. */
#define SCHEME_IOC_RING_INFO	_IOR(SCHEME_IOC_MAGIC, 0x52, struct scheme_ring_info)

/* Ring the other side's doorbell. */
#define SCHEME_RING_NOTIFY	(1U << 0)
/* Wait for this side's doorbell, or the end; take the latch back. */
#define SCHEME_RING_WAIT	(1U << 1)
/* The other side wrote what cannot be: set SCHEME_RING_BROKEN, wake both. */
#define SCHEME_RING_BREAK	(1U << 2)
/* Ring this side's own doorbell: ends a wait of another thread. */
#define SCHEME_RING_NOTIFY_SELF	(1U << 3)

/**
 * struct scheme_ring_enter - doorbell and sleep, in this order
 * @flags: SCHEME_RING_NOTIFY, _WAIT, _BREAK, _NOTIFY_SELF; at least one
 * @reserved: zero
 * @timeout_ns: WAIT: give up after this long; 0 does not wait, negative is never
 *
 * Returns 0. As an io_uring command this struct is the 16 bytes of command, and
 * WAIT is EOPNOTSUPP: poll the end instead. What io_uring has to do in the waiting
 * thread does not end the wait, but starts its timeout anew.
 *
 * Errors: ETIME the time is over; EINTR a signal; EBADFD not attached, nor about to
 * be; EIO broken; ESHUTDOWN; EINVAL. Doorbells have been rung and taken all the same.
 */
struct scheme_ring_enter {
	__u32	flags;
	__u32	reserved;
	__s64	timeout_ns;
};

#define SCHEME_IOC_RING_ENTER \
	_IOW(SCHEME_IOC_MAGIC, 0x53, struct scheme_ring_enter)

/**
 * struct scheme_ring_region - a part of the pool
 * @fd: RING_REGION_ADD, descriptor of the memory: a memfd that is sealed against
 *	shrinking (F_SEAL_SHRINK) and not against writing, open for reading and
 *	writing; or a dma-buf that the memory scheme has exported for both, whole
 * @index: RING_REGION: which, from 0
 * @fd_offset: RING_REGION_ADD, where in @fd the memory begins, at a page
 * @offset: where in the pool, at a page; RING_REGION: out
 * @size: bytes, whole pages; RING_REGION: out
 * @flags: must be 0
 * @reserved0: zero
 * @reserved: zero
 *
 * RING_REGION_ADD is for the client, before or after RING_ATTACH. There is no
 * command to take a region away: it goes with the ring. Errors: EACCES the
 * provider's end; EBADF; EOPNOTSUPP other memory than the above; EINVAL; EEXIST
 * something is there; ENOSPC too many; ESHUTDOWN. A memfd may have holes, and the
 * client can make some: who touches one pays for the page, as anywhere. A provider
 * in a tight memory cgroup bounds what it maps, or takes dma-bufs only.
 *
 * RING_REGION is for both sides. ENOENT there are not so many.
 */
struct scheme_ring_region {
	__s32	fd;
	__u32	index;
	__u64	fd_offset;
	__u64	offset;
	__u64	size;
	__u32	flags;
	__u32	reserved0;
	__u64	reserved;
};

#define SCHEME_IOC_RING_REGION_ADD \
	_IOW(SCHEME_IOC_MAGIC, 0x54, struct scheme_ring_region)
#define SCHEME_IOC_RING_REGION \
	_IOWR(SCHEME_IOC_MAGIC, 0x55, struct scheme_ring_region)

/**
 * struct scheme_ring_file - a client's open file, by number
 * @fd: RING_FILE_ADD: descriptor of the same scheme, not of access mode 3
 * @index: RING_FILE: in, which; RING_FILE_ADD: zero
 * @handle: RING_FILE: out, the provider's number of the file; else zero
 * @flags: RING_FILE: out, its access mode (O_ACCMODE) and O_APPEND; else zero
 * @events: RING_FILE: out, what it is ready for (EPOLL*) as the module knows it,
 *	which is every event that the provider has handed over by ENTER; else zero
 *
 * RING_FILE_ADD is for the client and returns the index, from 0 on. The ring
 * keeps the file open, whatever becomes of @fd, until one of its ends is closed.
 * Errors: EACCES the provider's end; EBADF; EXDEV of another scheme; EMFILE too many;
 * ENOMEM; ESHUTDOWN.
 *
 * RING_FILE is for the provider: which file of its own an index means. EACCES the
 * client's end; ENOENT.
 */
struct scheme_ring_file {
	__s32	fd;
	__u32	index;
	__u64	handle;
	__u32	flags;
	__u32	events;
};

#define SCHEME_IOC_RING_FILE_ADD \
	_IOW(SCHEME_IOC_MAGIC, 0x56, struct scheme_ring_file)
#define SCHEME_IOC_RING_FILE \
	_IOWR(SCHEME_IOC_MAGIC, 0x57, struct scheme_ring_file)

SCHEME_SIZE_IS(struct scheme_ring_info, 72);
SCHEME_SIZE_IS(struct scheme_ring_attach, 24);
SCHEME_SIZE_IS(struct scheme_ring_enter, 16);
SCHEME_SIZE_IS(struct scheme_ring_region, 48);
SCHEME_SIZE_IS(struct scheme_ring_file, 24);

#endif /* _UAPI_LINUX_REDOX_SCHEME_RING_H */
