/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Redox-style schemes on Linux: the whole interface between user space and the
 * redox_scheme module.
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

/* ---- client fd: /dev/scheme/NAME ----------------------------------------- */

/*
 * open(2) of the node opens the root of the scheme: an OPEN request with an
 * empty path. With access mode 3 (O_WRONLY | O_RDWR: "for ioctl only"; asks
 * for the right to read and to write) no object of the scheme is opened and
 * the provider is not asked: such a descriptor serves OPENAT, and REQUEST with
 * a path, which then starts at the root.
 *
 * Every command here is an ioctl, and a command of io_uring as well: see
 * struct scheme_command.
 */

/**
 * struct scheme_openat - open a path below an open descriptor
 * @path: pointer to the path, no NUL inside
 * @path_len: bytes, 0..SCHEME_PATH_MAX
 * @flags: O_* flags; the access mode may not exceed the descriptor's (EACCES)
 * @mode: permission bits for O_CREAT
 * @reserved: zero
 *
 * Returns a new fd. ENAMETOOLONG above the limit; else the provider's error.
 */
struct scheme_openat {
	__u64	path;
	__u32	path_len;
	__u32	flags;
	__u32	mode;
	__u32	reserved;
};

/**
 * struct scheme_dup - open the sub-object that a string names
 * @name: pointer to the string, no NUL inside
 * @name_len: bytes, 0..SCHEME_PATH_MAX
 * @flags: O_CLOEXEC, O_NONBLOCK
 *
 * Returns a new fd with the access mode of this one.
 */
struct scheme_dup {
	__u64	name;
	__u32	name_len;
	__u32	flags;
};

/**
 * struct scheme_call - one round trip with payload both ways
 * @in: pointer to the bytes to send
 * @out: pointer to room for the bytes that come back
 * @in_len: bytes at @in
 * @out_len: in: room at @out; out: bytes that came back
 * @word: three words for the provider
 * @result: out, the provider's result
 * @flags: must be 0
 * @reserved: zero
 *
 * The ioctl returns 0, or -1 with the provider's error. EMSGSIZE when in_len
 * plus struct scheme_call_header, or out_len, is more than a slot.
 */
struct scheme_call {
	__u64	in;
	__u64	out;
	__u32	in_len;
	__u32	out_len;
	__u64	word[3];
	__s64	result;
	__u32	flags;
	__u32	reserved;
};

/**
 * struct scheme_request - an operation without a system call of its own
 * @opcode: SCHEME_OP_STAT to SCHEME_OP_FCNTL, _SYMLINK, _READLINK, _MKDIR
 * @reserved0: zero
 * @op_flags: as in the entry of that operation; else 0
 * @offset: GETDENTS: where to go on; else 0
 * @aux: as in the entry of that operation; 0 where the module fills it in
 * @path: pointer to the path, or a LINK's or RENAME's old one, or a SYMLINK's
 *	target; no NUL inside; starts at the descriptor, or at the root for one
 *	of access mode 3
 * @path2: RENAME, LINK: pointer to the new path; SYMLINK: to the link's path
 * @path_len: bytes, 0..SCHEME_PATH_MAX; 0 is the descriptor's file itself
 * @path2_len: likewise
 * @buf: UTIMENS: pointer to a struct scheme_times; operations that answer with
 *	bytes: pointer to room for them
 * @buf_len: in: bytes at @buf; a STAT, STATFS or UTIMENS needs the size of its
 *	struct, exactly
 * @fd2: RENAME, LINK: descriptor of the same scheme that @path2 starts at; -1
 *	is this one; else -1
 * @result: out, the provider's value: bytes at @buf, a FCNTL's value, or 0
 * @reserved: zero
 *
 * Returns 0, or -1 with the provider's error. EACCES when the operation changes
 * something and the descriptor has no right to write; EXDEV when @fd2 is of
 * another scheme, EBADF when it is of none; EBADF for a GETDENTS or FCNTL on a
 * descriptor of access mode 3; ENAMETOOLONG above the limit, or when the paths
 * do not fit a slot together; EOPNOTSUPP for other operations of this header,
 * ENOSYS for those that it does not have; EIO for an answer that cannot be.
 */
struct scheme_request {
	__u8	opcode;
	__u8	reserved0[3];
	__u32	op_flags;
	__u64	offset;
	__u64	aux;
	__u64	path;
	__u64	path2;
	__u32	path_len;
	__u32	path2_len;
	__u64	buf;
	__u32	buf_len;
	__s32	fd2;
	__s64	result;
	__u64	reserved;
};

/**
 * struct scheme_command - a client's command in an io_uring entry
 * @arg: pointer to the ioctl's struct
 * @size: its size; anything else is EINVAL
 * @reserved: zero
 *
 * These are the 16 bytes of command; cmd_op is the ioctl's number. The result
 * of the completion is what the ioctl would return, or a negative errno. A
 * command runs in a worker thread of io_uring, with the submitter's rights and
 * a deadline of 30 s unless the scheme has another. The struct must stay where
 * it is until the completion. Kernels before 7.1 answer EOPNOTSUPP on a ring
 * with IOPOLL.
 */
struct scheme_command {
	__u64	arg;
	__u32	size;
	__u32	reserved;
};

#define SCHEME_IOC_OPENAT	_IOW(SCHEME_IOC_MAGIC, 0x30, struct scheme_openat)
#define SCHEME_IOC_DUP		_IOW(SCHEME_IOC_MAGIC, 0x31, struct scheme_dup)
#define SCHEME_IOC_CALL		_IOWR(SCHEME_IOC_MAGIC, 0x32, struct scheme_call)
#define SCHEME_IOC_REQUEST	_IOWR(SCHEME_IOC_MAGIC, 0x33, struct scheme_request)

/**
 * struct scheme_sendfd - send an open file to the provider
 * @name: pointer to a string for the provider, no NUL inside
 * @name_len: bytes, 0..SCHEME_PATH_MAX
 * @fd: descriptor of the file
 * @flags: SCHEME_SENDFD_*; without any the file moves: the descriptor is closed
 *	when the provider has agreed
 * @reserved: zero
 * @word: a word for the provider
 * @result: out, the provider's result
 *
 * The ioctl returns 0, or -1 with the provider's error, in which case the
 * descriptor stays. Nobody else may close a descriptor on the move.
 *
 * Errors: EBADF no such descriptor; EBUSY not exclusive; EINVAL bad argument, or
 * the descriptor to be moved is the one of this command; EOPNOTSUPP a file of a
 * provider, a queue or io_uring, which must not travel.
 */
struct scheme_sendfd {
	__u64	name;
	__u32	name_len;
	__s32	fd;
	__u32	flags;
	__u32	reserved;
	__u64	word;
	__s64	result;
};

/*
 * Fail with EBUSY if anything but this one descriptor refers to the file as the
 * command begins. Until its end the sender's other threads can still copy the
 * descriptor: a provider must not take the flag for a promise.
 */
#define SCHEME_SENDFD_EXCLUSIVE	(1U << 0)
/* The sender keeps its descriptor. Not with EXCLUSIVE. */
#define SCHEME_SENDFD_CLONE	(1U << 1)
/*
 * These two the module sets, for the provider: the file is one of this scheme. A
 * provider that keeps it keeps itself waiting for a CLOSE that may never come.
 */
#define SCHEME_SENDFD_OWN	(1U << 2)
/* SENDFD, RECVFD: answer EAGAIN rather than park the request. */
#define SCHEME_FD_NONBLOCK	(1U << 3)

/**
 * struct scheme_recvfd - receive an open file from the provider
 * @name: pointer to a string for the provider, no NUL inside
 * @name_len: bytes, 0..SCHEME_PATH_MAX
 * @flags: O_CLOEXEC
 * @word: a word for the provider
 * @reserved: zero
 *
 * Returns a new fd. EMFILE before the provider is asked; else its error.
 */
struct scheme_recvfd {
	__u64	name;
	__u32	name_len;
	__u32	flags;
	__u64	word;
	__u64	reserved;
};

/**
 * struct scheme_mmap_prep - ask the provider for memory to map
 * @offset: of the part that will be mapped, at a page
 * @size: of it, not 0
 * @flags: SCHEME_MAP_WRITE: it will be mapped shared and writable
 * @reserved: zero
 *
 * Returns 0; the file can be mapped then. Not needed where the provider attaches
 * memory when it opens.
 *
 * mmap(2) itself never asks. ENODEV without memory, or when the scheme is dead;
 * ENXIO beyond the window that the provider has attached; EPERM for PROT_EXEC,
 * and for MAP_SHARED of memory that is sealed against writing by a descriptor
 * that may write; EACCES for a shared writable mapping that provider, seal or
 * access mode do not allow. A mapping cannot grow, is not held in memory by
 * mlock(2), and takes no MADV_REMOVE. It stays valid when the scheme dies. Where
 * the provider shortens the file behind it, touching it is SIGBUS, as it is with
 * any file.
 *
 * Errors: EACCES the descriptor's access mode; EINVAL; else the provider's.
 */
struct scheme_mmap_prep {
	__u64	offset;
	__u64	size;
	__u32	flags;
	__u32	reserved;
};

#define SCHEME_IOC_SENDFD	_IOWR(SCHEME_IOC_MAGIC, 0x38, struct scheme_sendfd)
#define SCHEME_IOC_RECVFD	_IOW(SCHEME_IOC_MAGIC, 0x39, struct scheme_recvfd)
#define SCHEME_IOC_MMAP_PREP	_IOW(SCHEME_IOC_MAGIC, 0x3a, struct scheme_mmap_prep)

/* ---- event queue: /dev/scheme/event --------------------------------------- */

/*
 * Every open(2) of the event scheme makes an event queue, which belongs to the
 * open file: threads, children and whoever gets the descriptor share it. The
 * name `event` is the module's: creating a scheme of that name is EEXIST.
 *
 * A write of one or more struct scheme_event watches files, in order. It never
 * waits. If one is refused, those before it count: the write is short, or, if
 * it is the first, fails with
 *	EINVAL	length not a multiple of 24, or a flag that is not below
 *	EBADF	id is no descriptor of the caller's, or one for ioctl only
 *	EOPNOTSUPP  not a file of a scheme: use epoll(7), which takes any file,
 *		event queues among them
 *	ENOENT	flags 0, and no such watch
 *	ELOOP	an event queue that watches itself, over others or not, or a
 *		chain of more than four
 *	ENOSPC	4096 watches on this queue, 1024 of that file, or 16384 in all
 *		queues that this user has opened
 *	ENOMEM
 *
 * A read returns whole events, the oldest first, as many as there are and fit.
 * It waits for the first one, or fails with EAGAIN if O_NONBLOCK is set; EINVAL
 * if there is no room for one; EINTR on a signal. Through io_uring, a read with
 * a linked timeout waits for so long. The queue polls readable while it has
 * events, and can be watched by another one.
 *
 * Each readiness that a provider posts (SCHEME_CQE_EVENT) is an edge. A watch
 * for one of its bits becomes an event; until that is read, further edges are
 * or-ed to it. A new or changed watch begins with what is ready now. After the
 * provider's death comes EPOLLERR | EPOLLHUP, once. A watched event queue posts
 * EPOLLIN when it has been empty.
 */

/**
 * struct scheme_event - a watch (written), or an event (read)
 * @id: the watched descriptor. It names the open file that it stands for at
 *	the write; the watch ends when that file is closed for good, and not
 *	when the number comes to stand for another one
 * @flags: written, the EPOLL* bits to be told of, of EPOLLIN, PRI, OUT, ERR,
 *	HUP, RDNORM, RDBAND, WRNORM, WRBAND, MSG and RDHUP; ERR and HUP are
 *	told to all. Zero ends the watch. Read, those of them that became ready
 * @data: the caller's; comes back with each event
 *
 * A second write with the same id, of the same file, changes flags and data.
 */
struct scheme_event {
	__u64	id;
	__u64	flags;
	__u64	data;
};

/**
 * struct scheme_event_wait - read with a limit of time
 * @events: pointer to room for events
 * @nr: how many fit, at least 1
 * @flags: must be 0
 * @timeout_ns: give up after this long; 0 does not wait, negative is never
 *
 * Returns the number of events; 0 after the timeout. O_NONBLOCK changes
 * nothing. What io_uring has to do in the waiting thread does not end the wait,
 * but starts its timeout anew. Errors: EBADF not open for reading; EINVAL;
 * EINTR a signal.
 */
struct scheme_event_wait {
	__u64	events;
	__u32	nr;
	__u32	flags;
	__s64	timeout_ns;
};

#define SCHEME_IOC_EVENT_WAIT	_IOW(SCHEME_IOC_MAGIC, 0x40, struct scheme_event_wait)

/* ---- rings --------------------------------------------------------------- */

/*
 * Head and tail run free modulo 2^32; entry i lives at i & (entries - 1).
 * Whoever writes an index publishes it with a store-release after the entry is
 * written (tail) or copied out (head), and reads the peer's with a
 * load-acquire. An index that cannot be (more than `entries` apart) makes the
 * queue broken for good: its requests end with ENODEV, its ENTER with EIO;
 * other queues are not touched.
 */

/* Written by the kernel. */
struct scheme_ring_kernel {
	__u32	state;			/* SCHEME_RING_* bits, 0 while all is well */
	__u32	reserved0;
	/*
	 * Direct ring, of the client and of the provider: SCHEME_RING_NEED_* bits
	 * for what the kernel waits on that side's behalf.
	 */
	__u32	wants[2];
	__u32	reserved[12];
};

#define SCHEME_RING_DEAD	(1U << 0)
#define SCHEME_RING_BROKEN	(1U << 1)

/* Written by the client side; on a kernel queue that is the kernel. */
struct scheme_ring_client {
	__u32	sq_tail;		/* entries ever submitted */
	__u32	pad0[15];
	__u32	cq_head;		/* entries ever taken */
	__u32	pad1[15];
	__u32	flags;			/* SCHEME_RING_NEED_WAKEUP, _OVERFLOW */
	__u32	pad2[15];
};

/* Written by the provider. */
struct scheme_ring_provider {
	__u32	sq_head;		/* entries ever taken */
	__u32	pad0[15];
	__u32	cq_tail;		/* entries ever posted */
	__u32	pad1[15];
	__u32	flags;			/* SCHEME_RING_NEED_WAKEUP */
	__u32	pad2[15];
};

/*
 * The side sleeps and wants a doorbell. A kernel queue does not need it: the
 * kernel knows who sleeps in it.
 */
#define SCHEME_RING_NEED_WAKEUP	(1U << 0)
/*
 * Kernel queue, client flags: entries wait because the submission ring was
 * full. A provider that does not sleep in ENTER looks at it after taking
 * entries and a full barrier, and calls ENTER; one that sleeps needs nothing.
 */
#define SCHEME_RING_OVERFLOW	(1U << 1)
/* Direct ring: the side sleeps until its own entries have room again. */
#define SCHEME_RING_NEED_ROOM	(1U << 2)

/*
 * In the poller byte of a tag's index: its client spins on the completion
 * ring and will take this answer itself, so that after posting it (and a full
 * barrier) a provider needs no ENTER for its sake.
 */
#define SCHEME_POLLER_SPINS	1

/**
 * struct scheme_sqe - one request
 * @opcode: SCHEME_OP_*
 * @flags: SCHEME_SQE_*
 * @priority: hint, greater is more urgent; 0 on kernel queues
 * @op_flags: per opcode
 * @handle: the provider's number of the file; SCHEME_ROOT for the root
 * @user_data: to be copied into the answer; on a kernel queue, the tag, whose
 *	low 32 bits are the slot's index
 * @offset: per opcode
 * @addr: payload, in bytes from the start of the slots; on a kernel queue the
 *	start of the tag's slot
 * @len: bytes of payload
 * @pid: thread group of the caller, in the pid namespace of the creator
 * @uid: effective uid of the caller, in the user namespace of the creator
 * @gid: effective gid, likewise
 * @aux: per opcode
 */
struct scheme_sqe {
	__u8	opcode;
	__u8	flags;
	__u16	priority;
	__u32	op_flags;
	__u64	handle;
	__u64	user_data;
	__u64	offset;
	__u64	addr;
	__u32	len;
	__u32	pid;
	__u32	uid;
	__u32	gid;
	__u64	aux;
};

/* No answer is expected, and one would be refused. */
#define SCHEME_SQE_ONEWAY	(1U << 0)
/*
 * Direct rings only. DRAIN: start when all earlier entries have been answered.
 * CHAIN: start when the entry before this one has been answered, whatever the
 * answer. CHAIN_SOFT: likewise, but after an error do not start, answer
 * ECANCELED. Not both. MULTISHOT: answers come until the one with
 * SCHEME_CQE_F_LAST.
 */
#define SCHEME_SQE_DRAIN	(1U << 1)
#define SCHEME_SQE_CHAIN	(1U << 2)
#define SCHEME_SQE_CHAIN_SOFT	(1U << 3)
#define SCHEME_SQE_MULTISHOT	(1U << 4)

#define SCHEME_ROOT		(~0ULL)

/**
 * struct scheme_cqe - one answer, or an event
 * @user_data: the request's; for SCHEME_CQE_EVENT the handle
 * @result: value, or -errno with Linux numbers; for an event, the EPOLL* mask
 * @kind: SCHEME_CQE_*
 * @flags: SCHEME_CQE_F_*
 * @status: post 0. The kernel stores, before it moves cq_head past the entry,
 *	0 if it took the answer, else a positive errno: EBADF no such tag or
 *	ticket, EALREADY already answered, EINVAL unknown kind, flag or non-zero status,
 *	EPROTO a value that cannot be (the caller got EIO), ENOENT an event for a
 *	handle that is not open, EOPNOTSUPP a file as the answer to an open(2)
 *	(the caller got EOPNOTSUPP)
 * @extra: second result, per opcode
 */
struct scheme_cqe {
	__u64	user_data;
	__s64	result;
	__u16	kind;
	__u16	flags;
	__u32	status;
	__u64	extra;
};

#define SCHEME_CQE_VALUE	0
/*
 * OPEN, DUP, RECVFD: the caller gets the file that an ATTACH has left with the
 * request. extra: its ticket; result, flags: 0. There is no handle, and no CLOSE
 * will come.
 */
#define SCHEME_CQE_NEW_FD	2
/*
 * The file is ready for result from now on, and for nothing else. Post one for
 * each change, at least for each from not ready to ready. Every one is an edge
 * for the bits it has, even where the mask stays the same; too many do no harm.
 */
#define SCHEME_CQE_EVENT	3

/* OPEN, DUP: the file has a position; the module keeps the cursor. */
#define SCHEME_CQE_F_POSITIONED	(1U << 0)
/*
 * OPEN, DUP: the low 32 bits of extra are the first readiness mask. Without it
 * the file always polls readable and writable until an event says otherwise.
 */
#define SCHEME_CQE_F_EVENTS	(1U << 1)
/* Direct rings, MULTISHOT: more answers come; this was the last. */
#define SCHEME_CQE_F_MORE	(1U << 2)
#define SCHEME_CQE_F_LAST	(1U << 3)

/*
 * Operations. "->" is the answer's result. Every one may be answered with a
 * negative errno. Numbers below SCHEME_OP_PROVIDER belong to this header; a
 * provider answers ENOSYS to one it has never heard of and EOPNOTSUPP to one
 * it does not serve.
 *
 * OPEN	   payload path; handle: directory or SCHEME_ROOT; op_flags: O_*;
 *	   aux: mode -> number; flags, extra: SCHEME_CQE_F_*
 * CLOSE   one-way; comes exactly once per number that an OPEN or DUP answer
 *	   gave, after all other requests on it have been answered
 * DUP	   payload string; op_flags: O_* -> as OPEN
 * READ	   len: room in the slot; offset, or SCHEME_NO_OFFSET for a stream;
 *	   op_flags: SCHEME_RW_* -> bytes, 0 at the end
 * WRITE   payload; as READ -> bytes taken
 * CALL	   payload: struct scheme_call_header and in_len bytes; the answer's
 *	   payload starts at the start of the slot; aux: room
 *	   -> value; extra: bytes of answer's payload
 * FSIZE   -> size in bytes
 * FSYNC   op_flags: 1 for data only -> 0
 * EVENT   on a direct ring only. op_flags: EPOLL* bits; ERR and HUP are told to
 *	   all. SCHEME_SQE_MULTISHOT: an answer for what is set now and for each
 *	   edge of one of them, until a CANCEL or the file's CLOSE ends it with
 *	   ECANCELED; without, one answer, at once if one of them is set now
 *	   -> the bits that became set. On a kernel queue nobody is asked: the module has
 *	   the mask that SCHEME_CQE_EVENT or the OPEN set last, and whoever begins
 *	   to wait sees it under the lock that the next one takes, so that no edge
 *	   is lost and a poll never waits for a provider
 * MMAP_PREP  offset, aux: part of the file that will be mapped, and its size;
 *	   op_flags: SCHEME_MAP_WRITE; ATTACH_MEMORY first -> 0
 * MUNMAP  one-way; nobody maps the handle any more; aux: how often it has been
 *	   mapped until then. Several may become one
 * SENDFD  payload string; op_flags: SCHEME_SENDFD_*, SCHEME_FD_NONBLOCK; aux:
 *	   word; FETCH first -> value
 * RECVFD  payload string; op_flags: SCHEME_FD_NONBLOCK; aux: word; ATTACH first
 *	   -> SCHEME_CQE_NEW_FD
 * RING_ATTACH  serve a direct ring, see redox_scheme_ring.h; offset: sq_entries,
 *	   and cq_entries << 32; op_flags: access mode; aux: word; FETCH first -> 0
 *
 * All of the following but GETDENTS and FCNTL name their object by handle and
 * path: handle is SCHEME_ROOT or an open file, the path starts there, and an
 * empty one is that file itself. A link at the end of a path is not followed.
 * "ino" is the number of the object that the caller has seen, 0 if it has not:
 * a provider whose path now leads to another one answers ESTALE, and the path
 * is walked again. Bytes of an answer start at the start of the slot.
 *
 * STAT	   payload path; aux: room -> sizeof(struct scheme_stat), which is there
 * STATFS  likewise, with struct scheme_statfs
 * TRUNCATE payload path; aux: size; offset: ino -> 0
 * UTIMENS payload struct scheme_times and path; offset: ino -> 0
 * CHMOD   payload path; aux: permission bits; offset: ino -> 0
 * CHOWN   payload path; aux: uid, and gid << 32, ~0 to leave it; ids are those
 *	   of the creator's user namespace; offset: ino -> 0
 * PATH	   payload path; aux: room -> bytes of the object's own path, which
 *	   starts at the root
 * RENAME  payload struct scheme_paths, path, NUL, new path; aux: handle of the
 *	   new path; op_flags: SCHEME_RENAME_*; offset: ino -> 0
 * LINK	   likewise, a second name; op_flags: 0 -> 0
 * UNLINK  payload path; op_flags: SCHEME_UNLINK_*; offset: ino -> 0
 * GETDENTS handle: a directory; len: room in the slot; offset: 0, or an entry's
 *	   next -> bytes of struct scheme_dirent, 0 at the end
 * FCNTL   op_flags: command; aux: argument -> value
 * SYMLINK payload struct scheme_paths, target, NUL, path; aux: handle of the
 *	   path -> 0
 * READLINK payload path; aux: room -> bytes of the target
 * MKDIR   payload path; aux: permission bits -> 0; EEXIST if there is anything
 * CANCEL  one-way; user_data: the tag of a request whose caller wants to stop
 *	   waiting. Answer that request as usual: ECANCELED or its real result
 */
#define SCHEME_OP_NOP		0
#define SCHEME_OP_OPEN		1
#define SCHEME_OP_CLOSE		2
#define SCHEME_OP_DUP		3
#define SCHEME_OP_READ		4
#define SCHEME_OP_WRITE		5
#define SCHEME_OP_CALL		6
#define SCHEME_OP_FSIZE		7
#define SCHEME_OP_STAT		8
#define SCHEME_OP_STATFS	9
#define SCHEME_OP_FSYNC		10
#define SCHEME_OP_TRUNCATE	11
#define SCHEME_OP_UTIMENS	12
#define SCHEME_OP_CHMOD		13
#define SCHEME_OP_CHOWN		14
#define SCHEME_OP_PATH		15
#define SCHEME_OP_RENAME	16
#define SCHEME_OP_LINK		17
#define SCHEME_OP_UNLINK	18
#define SCHEME_OP_GETDENTS	19
#define SCHEME_OP_FCNTL		20
#define SCHEME_OP_EVENT		21
#define SCHEME_OP_MMAP_PREP	22
#define SCHEME_OP_MUNMAP	23
#define SCHEME_OP_SENDFD	24
#define SCHEME_OP_RECVFD	25
#define SCHEME_OP_LOCK		26
#define SCHEME_OP_UNLOCK	27
#define SCHEME_OP_RING_ATTACH	28
#define SCHEME_OP_CANCEL	29
#define SCHEME_OP_DETACH	30
#define SCHEME_OP_SYMLINK	31
#define SCHEME_OP_READLINK	32
#define SCHEME_OP_MKDIR		33
#define SCHEME_OP_LAST		33
/* From here on a provider may define its own (direct rings only). */
#define SCHEME_OP_PROVIDER	128

#define SCHEME_NO_OFFSET	(~0ULL)

/* READ, WRITE: answer EAGAIN rather than park the request. */
#define SCHEME_RW_NONBLOCK	(1U << 0)
/* WRITE: at the end, whatever the offset says. */
#define SCHEME_RW_APPEND	(1U << 1)
/* WRITE: durable before the answer (O_DSYNC, O_SYNC, RWF_DSYNC). */
#define SCHEME_RW_DSYNC		(1U << 2)

/* FSYNC: fdatasync(2). */
#define SCHEME_FSYNC_DATA	(1U << 0)

/*
 * CANCEL on a direct ring: all requests on handle; without it, all that have
 * this user_data.
 */
#define SCHEME_CANCEL_HANDLE	(1U << 0)

/* UNLINK: a directory, which must be empty; without it, anything else. */
#define SCHEME_UNLINK_DIR	(1U << 9)	/* AT_REMOVEDIR */

/* RENAME, as renameat2(2): EEXIST if the new name is taken; swap the two. */
#define SCHEME_RENAME_NOREPLACE	(1U << 0)
#define SCHEME_RENAME_EXCHANGE	(1U << 1)

/* UTIMENS, nanoseconds: now, or leave it; as utimensat(2). */
#define SCHEME_TIME_NOW		0x3fffffffU
#define SCHEME_TIME_OMIT	0x3ffffffeU

/* Longest name of a directory entry. */
#define SCHEME_DIRENT_NAME_MAX	255
/* The number of a scheme's root; 0 is none; neither is another object's. */
#define SCHEME_INO_ROOT		1ULL

/**
 * struct scheme_stat - an answer to STAT
 * @mode: type and permission bits, Linux numbers; schemefs takes S_IFREG,
 *	S_IFDIR, S_IFLNK and, for a stream, S_IFIFO
 * @nlink: names
 * @uid: owner, in the user namespace of the creator; from a provider without
 *	CAP_SYS_ADMIN its own uid and gid count, whatever these say
 * @gid: likewise
 * @ino: the object's number, above SCHEME_INO_ROOT
 * @generation: of the number, if that is used again
 * @size: bytes
 * @blocks: of 512 bytes, used
 * @atime: seconds since 1970
 * @mtime: likewise
 * @ctime: likewise
 * @atime_nsec: nanoseconds, below 1,000,000,000
 * @mtime_nsec: likewise
 * @ctime_nsec: likewise
 * @blksize: good size of a transfer; 0 lets the module choose
 * @lifetime_ns: how long schemefs may go by this answer without asking again
 * @reserved: zero
 */
struct scheme_stat {
	__u32	mode;
	__u32	nlink;
	__u32	uid;
	__u32	gid;
	__u64	ino;
	__u64	generation;
	__u64	size;
	__u64	blocks;
	__s64	atime;
	__s64	mtime;
	__s64	ctime;
	__u32	atime_nsec;
	__u32	mtime_nsec;
	__u32	ctime_nsec;
	__u32	blksize;
	__u64	lifetime_ns;
	__u64	reserved[4];
};

/**
 * struct scheme_statfs - an answer to STATFS
 * @blocks: in all, of @bsize bytes
 * @bfree: free
 * @bavail: free for everybody
 * @files: objects there can be
 * @ffree: of them not in use
 * @bsize: bytes of a block, not 0
 * @namelen: longest name
 * @reserved: zero
 */
struct scheme_statfs {
	__u64	blocks;
	__u64	bfree;
	__u64	bavail;
	__u64	files;
	__u64	ffree;
	__u32	bsize;
	__u32	namelen;
	__u64	reserved[2];
};

/**
 * struct scheme_times - what UTIMENS sets
 * @atime: seconds since 1970
 * @mtime: likewise
 * @atime_nsec: nanoseconds, SCHEME_TIME_NOW or SCHEME_TIME_OMIT
 * @mtime_nsec: likewise
 */
struct scheme_times {
	__s64	atime;
	__s64	mtime;
	__u32	atime_nsec;
	__u32	mtime_nsec;
};

/**
 * struct scheme_paths - first bytes of a payload of two paths
 * @first_len: bytes of the first path, which follows; a NUL comes behind it
 * @second_len: bytes of the second path, which comes behind the NUL
 */
struct scheme_paths {
	__u32	first_len;
	__u32	second_len;
};

/**
 * struct scheme_dirent - an entry of a directory
 * @ino: the object's number, as STAT would say
 * @next: the offset that goes on behind this entry: 1 to 2^63 - 3, whatever
 *	serves the provider; must stay good while the directory is open
 * @type: the object's type: (mode & S_IFMT) >> 12, or 0
 * @namelen: bytes of @name, 1..SCHEME_DIRENT_NAME_MAX
 * @reserved: zero
 * @name: no NUL, no '/', neither "." nor ".."; zeros up to a multiple of 8
 */
struct scheme_dirent {
	__u64	ino;
	__u64	next;
	__u16	type;
	__u16	namelen;
	__u32	reserved;
	__u8	name[];
};

/* Bytes of an entry with a name of so many bytes. */
#define SCHEME_DIRENT_SIZE(namelen) \
	(((__u32)sizeof(struct scheme_dirent) + (namelen) + 7U) & ~7U)

/**
 * struct scheme_call_header - first bytes of a CALL's payload
 * @word: the caller's three words
 * @in_len: bytes that follow
 * @out_len: room for the answer
 */
struct scheme_call_header {
	__u64	word[3];
	__u32	in_len;
	__u32	out_len;
};

/* No holes, the same on every architecture. */
#if defined(__KERNEL__) || defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define SCHEME_SIZE_IS(type, size) \
	_Static_assert(sizeof(type) == (size), #type " must have " #size " bytes")
SCHEME_SIZE_IS(struct scheme_query, 64);
SCHEME_SIZE_IS(struct scheme_create, 160);
SCHEME_SIZE_IS(struct scheme_kill, 80);
SCHEME_SIZE_IS(struct scheme_queue_info, 80);
SCHEME_SIZE_IS(struct scheme_stats, 128);
SCHEME_SIZE_IS(struct scheme_enter, 16);
SCHEME_SIZE_IS(struct scheme_attach, 24);
SCHEME_SIZE_IS(struct scheme_attach_memory, 32);
SCHEME_SIZE_IS(struct scheme_fetch, 16);
SCHEME_SIZE_IS(struct scheme_openat, 24);
SCHEME_SIZE_IS(struct scheme_dup, 16);
SCHEME_SIZE_IS(struct scheme_call, 64);
SCHEME_SIZE_IS(struct scheme_sendfd, 40);
SCHEME_SIZE_IS(struct scheme_recvfd, 32);
SCHEME_SIZE_IS(struct scheme_mmap_prep, 24);
SCHEME_SIZE_IS(struct scheme_event, 24);
SCHEME_SIZE_IS(struct scheme_event_wait, 24);
SCHEME_SIZE_IS(struct scheme_ring_kernel, 64);
SCHEME_SIZE_IS(struct scheme_ring_client, 192);
SCHEME_SIZE_IS(struct scheme_ring_provider, 192);
SCHEME_SIZE_IS(struct scheme_sqe, 64);
SCHEME_SIZE_IS(struct scheme_cqe, 32);
SCHEME_SIZE_IS(struct scheme_call_header, 32);
SCHEME_SIZE_IS(struct scheme_request, 80);
SCHEME_SIZE_IS(struct scheme_command, 16);
SCHEME_SIZE_IS(struct scheme_stat, 128);
SCHEME_SIZE_IS(struct scheme_statfs, 64);
SCHEME_SIZE_IS(struct scheme_times, 24);
SCHEME_SIZE_IS(struct scheme_paths, 8);
SCHEME_SIZE_IS(struct scheme_dirent, 24);
#undef SCHEME_SIZE_IS
#endif

#endif /* _UAPI_LINUX_REDOX_SCHEME_H */
