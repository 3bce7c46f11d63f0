/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The differences between kernels, and nothing else. What a kernel has is
 * found out by the probes in compat/, whose answers are in compat_conf.h.
 */
#ifndef SCHM_COMPAT_H
#define SCHM_COMPAT_H

#include <linux/dcache.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io_uring.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#ifdef SCHM_HAVE_CMD_HEADER
#include <linux/io_uring/cmd.h>
#endif

static inline const void *schm_cmd_payload(const struct io_uring_cmd *cmd)
{
#ifdef SCHM_HAVE_CMD_SQE
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

static inline void schm_cmd_done(struct io_uring_cmd *cmd, int res,
				 unsigned int issue_flags)
{
#ifdef SCHM_HAVE_CMD_DONE32
	io_uring_cmd_done(cmd, res, issue_flags);
#else
	io_uring_cmd_done(cmd, res, 0, issue_flags);
#endif
}

/* Defines @call, task work of a command that runs @fn(cmd, issue_flags). */
#ifdef SCHM_HAVE_CMD_TW
#define SCHM_CMD_TASK_WORK(call, fn)					\
	static void call(struct io_tw_req req, io_tw_token_t tw)	\
	{								\
		fn(io_uring_cmd_from_tw(req),				\
		   IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);			\
	}
#else
#define SCHM_CMD_TASK_WORK(call, fn)					\
	static void call(struct io_uring_cmd *cmd,			\
			 unsigned int issue_flags)			\
	{								\
		fn(cmd, issue_flags);					\
	}
#endif

#ifdef SCHM_HAVE_CMD_CANCEL
#define SCHM_CMD_CANCEL true

static inline void schm_cmd_mark_cancelable(struct io_uring_cmd *cmd,
					    unsigned int issue_flags)
{
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
}

static inline bool schm_cmd_is_cancel(unsigned int issue_flags)
{
	return issue_flags & IO_URING_F_CANCEL;
}

static inline bool schm_task_execs(const struct task_struct *task)
{
	return false;	/* exec cancels what is parked by itself */
}
#else
#define SCHM_CMD_CANCEL false

static inline void schm_cmd_mark_cancelable(struct io_uring_cmd *cmd,
					    unsigned int issue_flags)
{
}

static inline bool schm_cmd_is_cancel(unsigned int issue_flags)
{
	return false;
}

static inline bool schm_task_execs(const struct task_struct *task)
{
	return task->in_execve;
}
#endif

#ifdef SCHM_HAVE_CONST_DEVNODE
#define SCHM_DEVNODE_CONST const
#else
#define SCHM_DEVNODE_CONST
#endif

static inline struct class *schm_class_create(const char *name)
{
#ifdef SCHM_HAVE_CLASS_NO_OWNER
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

static inline void schm_vm_flags_set(struct vm_area_struct *vma,
				     unsigned long flags)
{
#ifdef SCHM_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

static inline void schm_vm_flags_clear(struct vm_area_struct *vma,
				       unsigned long flags)
{
#ifdef SCHM_HAVE_VM_FLAGS_SET
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

/* A new descriptor of the calling process, which takes a reference of its own. */
static inline int schm_receive_fd(struct file *file, unsigned int flags)
{
#ifdef SCHM_HAVE_RECEIVE_FD_UFD
	return receive_fd(file, NULL, flags);
#else
	return receive_fd(file, flags);
#endif
}

/* Have file, which need not be vma's, make a mapping of it. */
static inline int schm_vfs_mmap(struct file *file, struct vm_area_struct *vma)
{
#ifdef SCHM_HAVE_VFS_MMAP
	return vfs_mmap(file, vma);
#else
	return call_mmap(file, vma);
#endif
}

/*
 * Is it the calling thread that holds the mutex? Kernels up to now have no
 * function for it that a module may call. The low bits of an owner are flags.
 */
static inline bool schm_mutex_is_mine(struct mutex *mutex)
{
#ifdef CONFIG_PREEMPT_RT
	unsigned long owner = (unsigned long)READ_ONCE(mutex->rtmutex.owner);
#else
	unsigned long owner = atomic_long_read(&mutex->owner);
#endif

	return (owner & ~7UL) == (unsigned long)current;
}

/* ---- memory ---- */

/* The page allocator's largest block. */
#ifdef SCHM_HAVE_MAX_PAGE_ORDER
#define SCHM_MAX_ORDER	MAX_PAGE_ORDER
#else
#define SCHM_MAX_ORDER	(MAX_ORDER - 1)
#endif

#ifdef CONFIG_CONTIG_ALLOC
/* Empty a range of page frames, and take it: pages with one reference each. */
static inline int schm_alloc_contig(unsigned long first, unsigned long end,
				    gfp_t gfp)
{
#ifdef SCHM_HAVE_ACR_FLAGS
	return alloc_contig_range(first, end, ACR_FLAGS_NONE, gfp);
#else
	return alloc_contig_range(first, end, MIGRATE_MOVABLE, gfp);
#endif
}
#endif

/* Kernels since then let mappings of any file be fixed buffers of io_uring. */
#ifdef SCHM_HAVE_PIN_NO_VMAS
#define SCHM_FIXED_BUFFERS true
#else
#define SCHM_FIXED_BUFFERS false
#endif

/* ---- file systems ---- */

#ifdef SCHM_HAVE_IDMAP
#define schm_idmap mnt_idmap
#else
#define schm_idmap user_namespace
#endif

/* The parameters of d_revalidate(). */
#ifdef SCHM_HAVE_REVALIDATE_DIR
#define SCHM_REVALIDATE_ARGS struct inode *dir, const struct qstr *name, \
			     struct dentry *dentry, unsigned int flags
#else
#define SCHM_REVALIDATE_ARGS struct dentry *dentry, unsigned int flags
#endif

/* What mkdir() returns. */
#ifdef SCHM_HAVE_MKDIR_DENTRY
#define SCHM_MKDIR_TYPE		struct dentry *
#define SCHM_MKDIR_RESULT(err)	ERR_PTR(err)
#else
#define SCHM_MKDIR_TYPE		int
#define SCHM_MKDIR_RESULT(err)	(err)
#endif

/* The parameters of create(). */
#ifdef SCHM_HAVE_CREATE_NO_EXCL
#define SCHM_CREATE_ARGS struct schm_idmap *idmap, struct inode *dir, \
			 struct dentry *dentry, umode_t mode
#else
#define SCHM_CREATE_ARGS struct schm_idmap *idmap, struct inode *dir, \
			 struct dentry *dentry, umode_t mode, bool excl
#endif

static inline void schm_fillattr(struct schm_idmap *idmap, u32 mask,
				 struct inode *inode, struct kstat *stat)
{
#ifdef SCHM_HAVE_FILLATTR_MASK
	generic_fillattr(idmap, mask, inode, stat);
#else
	generic_fillattr(idmap, inode, stat);
#endif
}

static inline void schm_set_times(struct inode *inode, struct timespec64 atime,
				  struct timespec64 mtime,
				  struct timespec64 ctime)
{
#ifdef SCHM_HAVE_INODE_TIMES
	inode_set_atime_to_ts(inode, atime);
	inode_set_mtime_to_ts(inode, mtime);
	inode_set_ctime_to_ts(inode, ctime);
#else
	inode->i_atime = atime;
	inode->i_mtime = mtime;
	inode->i_ctime = ctime;
#endif
}

#ifdef SCHM_HAVE_COPY_SPLICE_READ
#define schm_splice_read copy_splice_read
#else
#define schm_splice_read generic_file_splice_read
#endif

static inline void schm_set_d_op(struct super_block *sb,
				 const struct dentry_operations *ops)
{
#ifdef SCHM_HAVE_DEFAULT_D_OP
	set_default_d_op(sb, ops);
#else
	sb->s_d_op = ops;
#endif
}

#endif /* SCHM_COMPAT_H */
