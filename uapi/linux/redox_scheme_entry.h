/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * What is in memory that provider and module, or provider and client, share: indices,
 * entries, and what requests carry. A part of redox_scheme.h, whose changelog is for
 * this as well.
 */
#ifndef _UAPI_LINUX_REDOX_SCHEME_ENTRY_H
#define _UAPI_LINUX_REDOX_SCHEME_ENTRY_H

#include <linux/redox_scheme.h>

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

SCHEME_SIZE_IS(struct scheme_ring_kernel, 64);
SCHEME_SIZE_IS(struct scheme_ring_client, 192);
SCHEME_SIZE_IS(struct scheme_ring_provider, 192);
SCHEME_SIZE_IS(struct scheme_sqe, 64);
SCHEME_SIZE_IS(struct scheme_cqe, 32);
SCHEME_SIZE_IS(struct scheme_call_header, 32);
SCHEME_SIZE_IS(struct scheme_stat, 128);
SCHEME_SIZE_IS(struct scheme_statfs, 64);
SCHEME_SIZE_IS(struct scheme_times, 24);
SCHEME_SIZE_IS(struct scheme_paths, 8);
SCHEME_SIZE_IS(struct scheme_dirent, 24);

#endif /* _UAPI_LINUX_REDOX_SCHEME_ENTRY_H */
