/* SPDX-License-Identifier: GPL-2.0 */
/* The client's files: the scheme node and what is opened through it. */
#ifndef SCHM_CLIENT_H
#define SCHM_CLIENT_H

#include <linux/fs.h>
#include <linux/poll.h>

#include "schm.h"

struct io_uring_cmd;

/* Of the device node; its open() opens the root. */
extern const struct file_operations schm_client_fops;
/* Of files that OPENAT and DUP make; they have no open(). */
extern const struct file_operations schm_client_anon_fops;

/*
 * Send an OPEN or DUP on base with len bytes at payload, and let its answer
 * open h. file tells whose ids count. got, if not NULL: the answer may also be
 * a file of the provider's; the caller gets a reference and h stays closed.
 */
int schm_client_open_handle(struct schm_handle *base, struct schm_handle *h,
			    const struct file *file,
			    const struct scheme_sqe *op, const void *payload,
			    u32 len, struct file **got);
/* Fit file's mode to what the provider said of h. */
void schm_client_set_mode(struct file *file, const struct schm_handle *h);

/* A user's string without NUL inside; to be freed, or an ERR_PTR. */
char *schm_client_string(u64 ptr, u32 len);
/* A new descriptor for a provider's file, whose reference goes. flags: O_CLOEXEC. */
int schm_client_install(struct file *file, unsigned int flags);

int schm_client_mmap(struct file *file, struct vm_area_struct *vma);

/* The commands of files of their own. */
long schm_client_sendfd(struct file *file, void __user *argp);
long schm_client_recvfd(struct file *file, void __user *argp);
long schm_client_mmap_prep(struct file *file, void __user *argp);
long schm_client_ring_create(struct file *file, void __user *argp);
long schm_client_ring_attach(struct file *file, void __user *argp);

/* May the calling process use this scheme at all? */
bool schm_client_may_enter(const struct schm_scheme *s);

int schm_client_release(struct inode *inode, struct file *file);
ssize_t schm_client_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t schm_client_write_iter(struct kiocb *iocb, struct iov_iter *from);
loff_t schm_client_llseek(struct file *file, loff_t offset, int whence);
int schm_client_fsync(struct file *file, loff_t start, loff_t end, int datasync);

/* The commands, by ioctl and through io_uring: one table for both. */
long schm_client_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int schm_client_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
/* The one that needs most words. */
long schm_client_request(struct file *file, void __user *argp);

/* The file's handle, if it is a client's file, else NULL. */
struct schm_handle *schm_client_handle(const struct file *file);

/* What every client's file has, whatever opened it. */
#define SCHM_CLIENT_FOPS				\
	.owner		= THIS_MODULE,			\
	.read_iter	= schm_client_read_iter,	\
	.fsync		= schm_client_fsync,		\
	.poll		= schm_handle_poll,		\
	.mmap		= schm_client_mmap,		\
	.unlocked_ioctl	= schm_client_ioctl,		\
	.compat_ioctl	= compat_ptr_ioctl,		\
	.uring_cmd	= schm_client_uring_cmd

#endif /* SCHM_CLIENT_H */
