/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * What a client of a scheme may ask of its files, /dev/scheme/NAME and those in a
 * schemefs, besides the system calls of any file. A part of redox_scheme.h, whose
 * changelog is for this as well.
 */
#ifndef _UAPI_LINUX_REDOX_SCHEME_CLIENT_H
#define _UAPI_LINUX_REDOX_SCHEME_CLIENT_H

#include <linux/redox_scheme.h>

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
 * do not fit a slot together; EOPNOTSUPP for other operations of redox_scheme_entry.h,
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

SCHEME_SIZE_IS(struct scheme_openat, 24);
SCHEME_SIZE_IS(struct scheme_dup, 16);
SCHEME_SIZE_IS(struct scheme_call, 64);
SCHEME_SIZE_IS(struct scheme_sendfd, 40);
SCHEME_SIZE_IS(struct scheme_recvfd, 32);
SCHEME_SIZE_IS(struct scheme_mmap_prep, 24);
SCHEME_SIZE_IS(struct scheme_request, 80);
SCHEME_SIZE_IS(struct scheme_command, 16);

#endif /* _UAPI_LINUX_REDOX_SCHEME_CLIENT_H */
