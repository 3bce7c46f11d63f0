// SPDX-License-Identifier: GPL-2.0
/* schemefs: open files and directories. What moves data is the client's. */
#include "schemefs.h"

#include <linux/dcache.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "client.h"
#include "handle.h"
#include "limits.h"

/*
 * Flags that the provider is told. The kernel has resolved links, creates in one
 * place and truncates by a request of its own.
 */
#define OPEN_FLAGS	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECTORY | \
			 O_NOFOLLOW | O_SYNC | O_DSYNC)

/* ---- opening -------------------------------------------------------------- */

struct schm_handle *schm_file_handle(struct dentry *dentry, struct file *file,
				     u32 flags, umode_t mode)
{
	const struct inode *inode = d_inode(dentry) ?: d_inode(dentry->d_parent);
	struct schm_op op = {
		.opcode = SCHEME_OP_OPEN,
		.op_flags = flags,
		.aux = mode & S_IALLUGO,
		.file = file,
	};
	struct schm_handle *h;
	s64 ret;

	h = schm_handle_alloc(schm_inode(inode)->scheme);
	if (IS_ERR(h))
		return h;
	if (file) {
		op.op_flags |= file->f_flags & OPEN_FLAGS;
		op.nowait = file->f_flags & O_NONBLOCK;
		h->may = file->f_mode & (FMODE_READ | FMODE_WRITE);
	}
	op.opens = h;
	ret = schm_path_open(dentry, &op, flags & O_CREAT);
	if (!ret)
		return h;
	schm_handle_put(h);
	return ERR_PTR(ret);
}

void schm_file_attach(struct inode *inode, struct file *file,
		      struct schm_handle *h)
{
	struct schm_inode *info = schm_inode(inode);

	file->private_data = h;
	if (!S_ISDIR(inode->i_mode)) {
		/* there is no cache to go by */
		file->f_mode |= FMODE_CAN_ODIRECT;
		if (!h->positioned)
			stream_open(inode, file);
	}
	spin_lock(&info->lock);
	list_add(&h->inode_node, &info->handles);
	spin_unlock(&info->lock);
}

/*
 * The path may have led to another object than the walk before. The size is as
 * it is now, for whoever looks at the inode and not at the file.
 */
static int open_check(struct inode *inode, struct schm_handle *h)
{
	struct scheme_stat st;
	struct schm_op op = {
		.opcode = SCHEME_OP_STAT,
		.handle = h,
		.bounded = true,
		.out = &st,
		.room = sizeof(st),
	};
	s64 ret;

	if (schm_inode(inode)->top)
		return 0;
	ret = schm_op_run(&op);
	return ret < 0 ? ret : schm_inode_update(inode, &st);
}

int schm_file_open(struct inode *inode, struct file *file)
{
	struct schm_handle *h;
	int ret;

	/* "for ioctl only" is the device's */
	if ((file->f_flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	h = schm_file_handle(file->f_path.dentry, file, 0, 0);
	if (IS_ERR(h))
		return PTR_ERR(h);
	ret = open_check(inode, h);
	if (ret) {
		schm_handle_put(h);
		return ret;
	}
	schm_file_attach(inode, file, h);
	return 0;
}

static int file_release(struct inode *inode, struct file *file)
{
	struct schm_inode *info = schm_inode(inode);
	struct schm_handle *h = file->private_data;

	spin_lock(&info->lock);
	list_del_init(&h->inode_node);
	spin_unlock(&info->lock);
	return schm_client_release(inode, file);
}

/* ---- files ---------------------------------------------------------------- */

/*
 * RLIMIT_FSIZE, as on any file system. Where an append lands is the provider's to
 * say, so it is asked how long the file is.
 */
static int write_limit(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	const struct schm_handle *h = file->private_data;
	u64 limit = rlimit(RLIMIT_FSIZE);
	loff_t pos = iocb->ki_pos;
	int ret;

	if (limit == RLIM_INFINITY || !h->positioned)
		return 0;
	if (iocb->ki_flags & IOCB_APPEND) {
		ret = schm_inode_refresh(file->f_path.dentry);
		if (ret)
			return ret;
		pos = i_size_read(file_inode(file));
	}
	if (pos >= limit) {
		send_sig(SIGXFSZ, current, 0);
		return -EFBIG;
	}
	iov_iter_truncate(from, limit - pos);
	return 0;
}

static ssize_t file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	const struct schm_handle *h = iocb->ki_filp->private_data;
	ssize_t ret = write_limit(iocb, from);

	if (!ret)
		ret = schm_client_write_iter(iocb, from);
	if (ret > 0)
		schm_inode_grown(file_inode(iocb->ki_filp),
				 h->positioned && !(iocb->ki_flags & IOCB_APPEND) ?
				 iocb->ki_pos : 0);
	return ret;
}

static loff_t file_llseek(struct file *file, loff_t offset, int whence)
{
	const struct schm_handle *h = file->private_data;
	struct inode *inode = file_inode(file);
	int ret;

	if (!h->positioned)
		return -ESPIPE;
	if (whence != SEEK_SET && whence != SEEK_CUR) {
		ret = schm_inode_refresh(file->f_path.dentry);
		if (ret)
			return ret;
	}
	return generic_file_llseek_size(file, offset, whence, MAX_LFS_FILESIZE,
					i_size_read(inode));
}

const struct file_operations schm_file_fops = {
	SCHM_CLIENT_FOPS,
	.open		= schm_file_open,
	.release	= file_release,
	.write_iter	= file_write_iter,
	.llseek		= file_llseek,
	.splice_read	= schm_splice_read,
	.splice_write	= iter_file_splice_write,
};

/* ---- directories ---------------------------------------------------------- */

/* Positions are the provider's, behind those of "." and "..". */
#define FIRST_POS	2

static bool dir_emit_all(struct dir_context *ctx, const void *buf, u32 len)
{
	const struct scheme_dirent *entry;

	for (; len; len -= SCHEME_DIRENT_SIZE(entry->namelen)) {
		entry = buf;
		if (!dir_emit(ctx, entry->name, entry->namelen, entry->ino,
			      entry->type))
			return false;
		ctx->pos = entry->next + FIRST_POS;
		buf += SCHEME_DIRENT_SIZE(entry->namelen);
	}
	return true;
}

/*
 * One request a call: getdents(2) is called again until there is nothing, and a
 * provider that has no end does not keep the directory locked.
 */
static int dir_iterate(struct file *file, struct dir_context *ctx)
{
	struct schm_handle *h = file->private_data;
	struct schm_op op = {
		.opcode = SCHEME_OP_GETDENTS,
		.handle = h,
		.file = file,
		.bounded = true,
		.room = min(h->scheme->config.slot_size, SCHM_ENTRIES_MAX),
	};
	s64 ret;

	if (!dir_emit_dots(file, ctx))
		return 0;
	op.offset = ctx->pos - FIRST_POS;
	op.out = kvmalloc(op.room, GFP_KERNEL_ACCOUNT);
	if (!op.out)
		return -ENOMEM;
	ret = schm_op_run(&op);
	if (ret > 0 && !schm_dirents_ok(op.out, ret))
		ret = -EIO;
	if (ret > 0) {
		dir_emit_all(ctx, op.out, ret);
		ret = 0;
	}
	kvfree(op.out);
	return ret;
}

const struct file_operations schm_dir_fops = {
	.owner		= THIS_MODULE,
	.open		= schm_file_open,
	.release	= file_release,
	.read		= generic_read_dir,
	.iterate_shared	= dir_iterate,
	.llseek		= generic_file_llseek,
	.fsync		= schm_client_fsync,
	.unlocked_ioctl	= schm_client_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.uring_cmd	= schm_client_uring_cmd,
};
