/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Redox-style schemes on Linux: the interface between user space and the
 * redox_scheme module. What belongs to one kind of descriptor is in files of
 * its own, of which the last lines include those that every program needs.
 *
 * A provider creates a scheme on /dev/scheme-control, opens its queues and
 * answers requests; the module makes the scheme the character device
 * /dev/scheme/NAME, on which clients do their file operations.
 *
 * Changelog
 *
 *  1.0
 *   - control node: QUERY, CREATE, KILL
 *   - scheme fd: QUEUE, ADOPT, DESTROY, STATS
 *   - queue fd: mmap, poll, ENTER (ioctl and uring_cmd)
 *   - client fd: file operations, OPENAT, DUP, CALL
 *  1.1
 *   - files in flight: ATTACH, FETCH; SENDFD, RECVFD; SCHEME_CQE_NEW_FD
 *   - memory of a file: ATTACH_MEMORY; MMAP_PREP, mmap(2); MUNMAP entries
 *   - the event scheme: struct scheme_event, EVENT_WAIT, SCHEME_F_EVENTS
 *   - operations STAT to FCNTL have their formats; SYMLINK, READLINK, MKDIR
 *   - client fd: REQUEST, and every command through io_uring as well
 *   - the file system schemefs (SCHEME_F_SCHEMEFS)
 *  1.2
 *   - the memory scheme, see redox_scheme_memory.h (SCHEME_F_MEMORY)
 *  1.3
 *   - direct rings, see redox_scheme_ring.h (SCHEME_F_RING), and what their
 *     entries have besides; scheme_ring_kernel.wants; FETCH takes the end of one
 *
 * Negotiation
 *
 *  A provider states SCHEME_ABI, the version it was compiled for, at CREATE.
 *  Another major number is refused with ENOSYS. A greater minor number is
 *  accepted: what the module does not know is refused where it is used, since
 *  unknown flags and non-zero reserved fields are EINVAL everywhere. CREATE and
 *  QUERY return the feature mask; never guess a feature from a kernel version.
 *
 * All integers are in native byte order. Pointers travel as __u64.
 */
#ifndef _UAPI_LINUX_REDOX_SCHEME_H
#define _UAPI_LINUX_REDOX_SCHEME_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SCHEME_ABI_MAJOR	1
#define SCHEME_ABI_MINOR	3
#define SCHEME_ABI		((SCHEME_ABI_MAJOR << 16) | SCHEME_ABI_MINOR)

/* Longest scheme name in bytes, without the terminating NUL. */
#define SCHEME_NAME_MAX		64
/* Longest path or DUP string in bytes, without the terminating NUL. */
#define SCHEME_PATH_MAX		4095
/* Names that start so may be created without CAP_SYS_ADMIN. */
#define SCHEME_USER_PREFIX	"user."

/* For these files: no holes, the same on every architecture. Where the language can check it. */
#if defined(__KERNEL__) || defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define SCHEME_SIZE_IS(type, size) \
	_Static_assert(sizeof(type) == (size), #type " must have " #size " bytes")
#else
#define SCHEME_SIZE_IS(type, ...)	type
#endif

/* ---- feature mask -------------------------------------------------------- */

/* ENTER exists as an io_uring command. */
#define SCHEME_F_URING_ENTER	(1ULL << 0)
/*
 * The kernel tells the module when the ring or the process of a parked ENTER
 * command ends. Without it (6.1) the module looks itself, a few times a second,
 * whether the thread that parked it exits, is killed or execs. With or without,
 * closing the queue fd ends it. IORING_OP_ASYNC_CANCEL knows no such commands.
 */
#define SCHEME_F_URING_CANCEL	(1ULL << 1)
/* scheme_create.busy_poll_us is honoured. */
#define SCHEME_F_BUSY_POLL	(1ULL << 2)
/* There is a file system of type schemefs. */
#define SCHEME_F_SCHEMEFS	(1ULL << 3)
/* Client fds take REQUEST, and their commands through io_uring. */
#define SCHEME_F_REQUEST	(1ULL << 4)

/* The event scheme is there: /dev/scheme/event. */
#define SCHEME_F_EVENTS		(1ULL << 8)
/* The memory scheme is there: /dev/scheme/memory, see redox_scheme_memory.h. */
#define SCHEME_F_MEMORY		(1ULL << 9)
/* Mappings of its buffers can be fixed buffers of io_uring (not on 6.1). */
#define SCHEME_F_MEMORY_FIXED	(1ULL << 10)
/* Direct rings, see redox_scheme_ring.h. */
#define SCHEME_F_RING		(1ULL << 11)

/* ---- control node: /dev/scheme-control ----------------------------------- */

#define SCHEME_IOC_MAGIC	0xDE

/**
 * struct scheme_query - what this module can do
 * @abi: SCHEME_ABI of the module
 * @name_max: SCHEME_NAME_MAX of the module
 * @features: mask of SCHEME_F_*
 * @queues_max: most queues of one scheme
 * @depth_max: greatest depth of a queue, in requests
 * @slot_size_max: greatest payload slot, in bytes
 * @schemes_max: most schemes at a time
 * @queue_bytes_max: most slot memory of one queue (depth * slot_size), bytes
 * @reserved: zero
 */
struct scheme_query {
	__u32	abi;
	__u32	name_max;
	__u64	features;
	__u32	queues_max;
	__u32	depth_max;
	__u32	slot_size_max;
	__u32	schemes_max;
	__u64	queue_bytes_max;
	__u64	reserved[3];
};

/**
 * struct scheme_create - register a scheme
 * @abi: in, SCHEME_ABI of the caller
 * @flags: in, must be 0
 * @name: in, NUL-terminated, [a-z][a-z0-9._+-]*, at most SCHEME_NAME_MAX bytes
 * @mode: in, permission bits of the node (0777 at most)
 * @uid: in, owner of the node; ~0 is the caller's
 * @gid: in, group of the node; ~0 is the caller's
 * @queues: in, 1..queues_max; 0 is 1
 * @depth: in, requests in flight per queue, a power of two; 0 is 32
 * @slot_size: in, bytes of payload per request, a power of two of at least
 *	the page size; 0 is 128 KiB
 * @user_limit: in, most requests in flight for one client uid; 0 lets the
 *	module choose (all but an eighth of them)
 * @timeout_ms: in, deadline of every request; 0 is none for synchronous ones
 *	and 30 s for those that others wait behind: asynchronous ones, and most
 *	of schemefs. For the latter 30 s is the most where the creator has no
 *	CAP_SYS_ADMIN
 * @busy_poll_us: in, how long a waiting client spins before it sleeps; 0 is
 *	not at all
 * @reserved0: zero
 * @features: out, mask of SCHEME_F_*
 * @reserved: zero
 *
 * The ioctl returns a scheme fd (close-on-exec). The calling thread group
 * becomes the owner. The scheme ends when the owner starts to exit, or the
 * last reference to this fd is closed, or by DESTROY or KILL.
 *
 * Errors: EINVAL bad name, flag, size or reserved field; ENOSYS unknown major
 * ABI; EEXIST name taken; EPERM privileged name, or a node mode, uid or gid
 * that the caller may not give; ENOSPC too many schemes; ENOMEM.
 */
struct scheme_create {
	__u32	abi;
	__u32	flags;
	char	name[72];
	__u32	mode;
	__u32	uid;
	__u32	gid;
	__u32	queues;
	__u32	depth;
	__u32	slot_size;
	__u32	user_limit;
	__u32	timeout_ms;
	__u32	busy_poll_us;
	__u32	reserved0;
	__u64	features;
	__u64	reserved[4];
};

/**
 * struct scheme_kill - end a scheme by name
 * @name: as in struct scheme_create
 * @flags: must be 0
 * @reserved: zero
 *
 * For CAP_SYS_ADMIN and for the user who created the scheme, else EPERM.
 * ENOENT when there is no such scheme.
 */
struct scheme_kill {
	char	name[72];
	__u32	flags;
	__u32	reserved;
};

#define SCHEME_IOC_QUERY	_IOR(SCHEME_IOC_MAGIC, 0x00, struct scheme_query)
#define SCHEME_IOC_CREATE	_IOWR(SCHEME_IOC_MAGIC, 0x01, struct scheme_create)
#define SCHEME_IOC_KILL		_IOW(SCHEME_IOC_MAGIC, 0x02, struct scheme_kill)

/* ---- scheme fd ----------------------------------------------------------- */

/**
 * struct scheme_queue_info - open a queue and learn its layout
 * @index: in, 0..queues-1
 * @flags: in, must be 0
 * @sq_entries: out, entries of the submission ring, a power of two
 * @cq_entries: out, entries of the completion ring, a power of two
 * @depth: out, slots, and greatest number of unanswered requests
 * @slot_size: out, bytes of a slot
 * @kernel_off: out, offset of struct scheme_ring_kernel
 * @client_off: out, offset of struct scheme_ring_client
 * @provider_off: out, offset of struct scheme_ring_provider
 * @poller_off: out, offset of @depth bytes, see SCHEME_POLLER_SPINS
 * @sq_off: out, offset of the struct scheme_sqe array
 * @cq_off: out, offset of the struct scheme_cqe array
 * @slots_off: out, offset of the payload slots
 * @size: out, bytes to mmap, at offset 0, MAP_SHARED
 * @reserved: zero
 *
 * The ioctl returns a queue fd (close-on-exec). A queue takes requests from
 * its first QUEUE on; before any has been opened they gather on queue 0. When
 * the last descriptor and mapping of a queue are gone its requests end with
 * ENODEV, what is on its rings is lost, and it takes none until it is opened
 * again. One thread at a time
 * serves a queue.
 *
 * Errors: EINVAL no such queue; ENODEV the scheme is dead.
 */
struct scheme_queue_info {
	__u32	index;
	__u32	flags;
	__u32	sq_entries;
	__u32	cq_entries;
	__u32	depth;
	__u32	slot_size;
	__u32	kernel_off;
	__u32	client_off;
	__u32	provider_off;
	__u32	poller_off;
	__u32	sq_off;
	__u32	cq_off;
	__u64	slots_off;
	__u64	size;
	__u64	reserved[2];
};

/**
 * struct scheme_stats - counters of a scheme since its creation
 * @requests: requests handed to the provider's rings
 * @answers: answers accepted
 * @refused: answers refused: unknown, reused or already answered tag, unknown
 *	kind or flag, non-zero reserved field
 * @bad_results: answers whose value could not be (the caller got EIO)
 * @cancels: CANCEL entries sent
 * @abandoned: requests whose caller left before the answer
 * @timeouts: requests that met their deadline
 * @closes: CLOSE entries sent
 * @events: readiness changes posted by the provider
 * @enters: ENTER calls
 * @in_flight: requests unanswered now
 * @handles: open handles now
 * @broken: queues broken by impossible ring indices
 * @reserved: zero
 */
struct scheme_stats {
	__u64	requests;
	__u64	answers;
	__u64	refused;
	__u64	bad_results;
	__u64	cancels;
	__u64	abandoned;
	__u64	timeouts;
	__u64	closes;
	__u64	events;
	__u64	enters;
	__u64	in_flight;
	__u64	handles;
	__u64	broken;
	__u64	reserved[3];
};

/* Open a queue; returns its fd. */
#define SCHEME_IOC_QUEUE	_IOWR(SCHEME_IOC_MAGIC, 0x10, struct scheme_queue_info)
/* Make the caller's thread group the owner: for a daemon that has forked. */
#define SCHEME_IOC_ADOPT	_IO(SCHEME_IOC_MAGIC, 0x11)
/* End the scheme now; every request in flight ends with ENODEV. */
#define SCHEME_IOC_DESTROY	_IO(SCHEME_IOC_MAGIC, 0x12)
#define SCHEME_IOC_STATS	_IOR(SCHEME_IOC_MAGIC, 0x13, struct scheme_stats)

/* ---- queue fd ------------------------------------------------------------ */

/**
 * struct scheme_enter - hand over answers, wait for requests
 * @min_wait: return when so many entries wait in the submission ring; 0 does
 *	not wait; at most sq_entries
 * @flags: must be 0
 * @timeout_ns: give up after this long and return what there is; 0 is never
 *
 * Takes every entry posted on the completion ring, then waits. Returns the
 * number of entries that wait in the submission ring; fewer than min_wait after
 * the timeout, or, for a command without SCHEME_F_URING_CANCEL, after a minute.
 * What io_uring has to do in the waiting thread does not end the wait, but starts
 * its timeout anew.
 * As an io_uring command cmd_op is SCHEME_IOC_ENTER and this struct is the 16
 * bytes of command.
 *
 * Errors: ENODEV the scheme is dead; EIO the ring is broken; EINTR a signal;
 * EBUSY another command is parked on this queue; EINVAL bad argument;
 * ECANCELED (io_uring) its ring, its process or the queue fd goes away;
 * EOPNOTSUPP (io_uring) on a ring with IOPOLL where the kernel does not run it
 * unpolled there, or, without SCHEME_F_URING_CANCEL, from a worker thread.
 */
struct scheme_enter {
	__u32	min_wait;
	__u32	flags;
	__u64	timeout_ns;
};

#define SCHEME_IOC_ENTER	_IOW(SCHEME_IOC_MAGIC, 0x20, struct scheme_enter)

/*
 * Files of the provider's for its requests. They are commands of their own
 * because a descriptor is a number of the calling process. All three find the
 * request by its tag: EBADF no such request on this queue; EALREADY it has been
 * answered; ECANCELED its caller has left (it still wants its answer); EINVAL
 * bad argument, or not for this operation; ENODEV the scheme is dead.
 */

/**
 * struct scheme_attach - offer a file to the caller of a request
 * @tag: user_data of the request: an OPEN or DUP that a command made, or RECVFD
 * @fd: descriptor of the file, which the provider may close then
 * @flags: must be 0
 * @ticket: out, what an answer of kind SCHEME_CQE_NEW_FD says
 *
 * The file stays with the request. An answer of another kind, or the end of the
 * request in any other way, releases it.
 *
 * Errors: EBADF also no such descriptor; EBUSY the request has a file or memory;
 * EOPNOTSUPP the request comes from an open(2), which cannot return another
 * file, or the file is one of a provider, a queue or io_uring, which must not
 * travel; EFAULT (the file stays with the request).
 */
struct scheme_attach {
	__u64	tag;
	__s32	fd;
	__u32	flags;
	__u64	ticket;
};

/**
 * struct scheme_attach_memory - give memory to a handle, for mmap(2)
 * @tag: user_data of the request: an OPEN, DUP or MMAP_PREP
 * @fd: descriptor of a memfd or another file of a tmpfs, open for reading
 * @flags: SCHEME_MAP_WRITE: clients that may write may share it writable; the
 *	descriptor must be open for writing, too
 * @offset: where in the file the window begins, at a page
 * @size: bytes of the window, not 0; the last page counts whole
 *
 * The handle that the request opens or prepares has the memory when the request
 * has been answered with success, instead of what it had before; mappings of
 * that stay. Offset 0 of the client's file is the window's begin. The file is
 * held until the handle gets other memory or its CLOSE.
 *
 * Errors: EBUSY the request has a file or memory; EOPNOTSUPP not a file of
 * tmpfs; EACCES not open for what it shall serve; EINVAL also a window that
 * reaches beyond the end of the file.
 */
struct scheme_attach_memory {
	__u64	tag;
	__s32	fd;
	__u32	flags;
	__u64	offset;
	__u64	size;
};

/* ATTACH_MEMORY, MMAP_PREP: mappings that are shared and writable. */
#define SCHEME_MAP_WRITE	(1U << 0)

/**
 * struct scheme_fetch - take the file that a SENDFD request carries, or the
 *	provider's end of the ring that a RING_ATTACH is for
 * @tag: user_data of the request, which is not answered yet
 * @flags: O_CLOEXEC
 * @reserved: zero
 *
 * Returns a new fd. A file that is not fetched goes with its request.
 *
 * Errors: ENOENT it has been fetched; EMFILE (try again).
 */
struct scheme_fetch {
	__u64	tag;
	__u32	flags;
	__u32	reserved;
};

#define SCHEME_IOC_ATTACH	_IOWR(SCHEME_IOC_MAGIC, 0x21, struct scheme_attach)
#define SCHEME_IOC_ATTACH_MEMORY \
	_IOW(SCHEME_IOC_MAGIC, 0x22, struct scheme_attach_memory)
#define SCHEME_IOC_FETCH	_IOW(SCHEME_IOC_MAGIC, 0x23, struct scheme_fetch)

SCHEME_SIZE_IS(struct scheme_query, 64);
SCHEME_SIZE_IS(struct scheme_create, 160);
SCHEME_SIZE_IS(struct scheme_kill, 80);
SCHEME_SIZE_IS(struct scheme_queue_info, 80);
SCHEME_SIZE_IS(struct scheme_stats, 128);
SCHEME_SIZE_IS(struct scheme_enter, 16);
SCHEME_SIZE_IS(struct scheme_attach, 24);
SCHEME_SIZE_IS(struct scheme_attach_memory, 32);
SCHEME_SIZE_IS(struct scheme_fetch, 16);

#include <linux/redox_scheme_entry.h>
#include <linux/redox_scheme_client.h>
#include <linux/redox_scheme_event.h>

#endif /* _UAPI_LINUX_REDOX_SCHEME_H */
