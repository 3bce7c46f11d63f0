// SPDX-License-Identifier: GPL-2.0
/* The client's files: the scheme node and what is opened through it. */
#include "client.h"

#include <linux/cred.h>
#include <linux/module.h>

#include "handle.h"
#include "registry.h"
#include "request.h"
#include "scheme.h"
#include "transfer.h"

static bool allow_other;
module_param(allow_other, bool, 0644);
MODULE_PARM_DESC(allow_other,
		 "let schemes of unprivileged providers serve other users");

/*
 * By all ids, not only the effective ones: a program that runs set-user-id, or
 * a daemon that acts for a user, has rights that the user has not.
 */
static bool client_is_creator(const struct schm_scheme *s)
{
	const struct cred *cred = current_cred();

	return uid_eq(cred->uid, s->creator) && uid_eq(cred->euid, s->creator) &&
	       uid_eq(cred->suid, s->creator) &&
	       gid_eq(cred->gid, s->creator_gid) &&
	       gid_eq(cred->egid, s->creator_gid) &&
	       gid_eq(cred->sgid, s->creator_gid);
}

/*
 * Who serves others can stall and fool them, so an unprivileged provider
 * serves its own user only, as with FUSE.
 */
bool schm_client_may_enter(const struct schm_scheme *s)
{
	return s->config.privileged || READ_ONCE(allow_other) ||
	       client_is_creator(s);
}

int schm_client_open_handle(struct schm_handle *base, struct schm_handle *h,
			    const struct file *file,
			    const struct scheme_sqe *op, const void *payload,
			    u32 len, struct file **got)
{
	bool nowait = file->f_flags & O_NONBLOCK;
	struct schm_req *req;
	s64 ret;

	req = schm_req_alloc(base, file, op->opcode);
	if (!req)
		return -ENOMEM;
	req->opens = schm_handle_get(h);
	req->takes_file = got;
	req->entry.sqe.op_flags = op->op_flags;
	req->entry.sqe.aux = op->aux;
	ret = schm_req_reserve(req, nowait);
	if (!ret) {
		memcpy(req->slot, payload, len);
		ret = schm_req_call(req, len);
	}
	if (ret >= 0 && got)
		*got = schm_ticket_take(req);
	schm_req_put(req);
	return ret < 0 ? ret : 0;
}

void schm_client_set_mode(struct file *file, const struct schm_handle *h)
{
	if (h->open && h->positioned)
		file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	else
		stream_open(file_inode(file), file);
}

/* Access mode 3 is for ioctl only: OPENAT without opening anything before. */
static bool ioctl_only(const struct file *file)
{
	return (file->f_flags & O_ACCMODE) == O_ACCMODE;
}

static int client_open_root(struct schm_handle *h, const struct file *file)
{
	const struct scheme_sqe op = {
		.opcode = SCHEME_OP_OPEN,
		.op_flags = file->f_flags & ~(O_CLOEXEC | O_LARGEFILE),
	};

	return schm_client_open_handle(h, h, file, &op, "", 0, NULL);
}

static int client_open(struct inode *inode, struct file *file)
{
	struct schm_scheme *s = schm_registry_find_minor(iminor(inode));
	struct schm_handle *h;
	int ret = 0;

	if (!s)
		return -ENODEV;
	if (!schm_scheme_alive(s))
		ret = -ENODEV;
	else if (!schm_client_may_enter(s))
		ret = -EACCES;
	if (ret)
		goto out_put_scheme;

	h = schm_handle_alloc(s);
	if (IS_ERR(h)) {
		ret = PTR_ERR(h);
		goto out_put_scheme;
	}
	if (ioctl_only(file)) {
		h->may = FMODE_READ | FMODE_WRITE;
	} else {
		h->may = file->f_mode & (FMODE_READ | FMODE_WRITE);
		ret = client_open_root(h, file);
	}
	if (ret) {
		schm_handle_put(h);
		goto out_put_scheme;
	}
	schm_client_set_mode(file, h);
	file->private_data = h;

out_put_scheme:
	schm_scheme_put(s);
	return ret;
}

int schm_client_release(struct inode *inode, struct file *file)
{
	struct schm_handle *h = file->private_data;

	schm_source_end(&h->source);
	schm_handle_put(h);
	return 0;
}

/*
 * io_uring may call in place, with the lock of its ring held, when the file
 * polls ready. Our caller would sleep there until the provider answers, who
 * may need that very ring. Refuse, and a worker thread comes instead. A file
 * with O_NONBLOCK has no worker: its provider does not keep it waiting.
 */
static bool client_would_block(struct kiocb *iocb)
{
	return !is_sync_kiocb(iocb) && (iocb->ki_flags & IOCB_NOWAIT) &&
	       !(iocb->ki_filp->f_flags & O_NONBLOCK);
}

ssize_t schm_client_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	if (client_would_block(iocb))
		return -EAGAIN;
	return schm_transfer(iocb->ki_filp->private_data, iocb, to,
			     SCHEME_OP_READ);
}

ssize_t schm_client_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	if (client_would_block(iocb))
		return -EAGAIN;
	return schm_transfer(iocb->ki_filp->private_data, iocb, from,
			     SCHEME_OP_WRITE);
}

/* A request without payload. */
static s64 client_simple(struct file *file, u8 opcode, u32 op_flags)
{
	struct schm_req *req;
	s64 ret;

	req = schm_req_alloc(file->private_data, file, opcode);
	if (!req)
		return -ENOMEM;
	req->entry.sqe.op_flags = op_flags;
	ret = schm_req_reserve(req, false);
	if (!ret)
		ret = schm_req_call(req, 0);
	schm_req_put(req);
	return ret;
}

loff_t schm_client_llseek(struct file *file, loff_t offset, int whence)
{
	const struct schm_handle *h = file->private_data;
	loff_t size = 0;

	if (!h->positioned)
		return -ESPIPE;
	if (whence != SEEK_SET && whence != SEEK_CUR) {
		size = client_simple(file, SCHEME_OP_FSIZE, 0);
		if (size < 0)
			return size;
	}
	return generic_file_llseek_size(file, offset, whence, MAX_LFS_FILESIZE,
					size);
}

int schm_client_fsync(struct file *file, loff_t start, loff_t end,
			int datasync)
{
	const struct schm_handle *h = file->private_data;

	if (!h->open)
		return -EBADF;
	return client_simple(file, SCHEME_OP_FSYNC,
			     datasync ? SCHEME_FSYNC_DATA : 0);
}

const struct file_operations schm_client_fops = {
	SCHM_CLIENT_FOPS,
	.open		= client_open,
	.release	= schm_client_release,
	.write_iter	= schm_client_write_iter,
	.llseek		= schm_client_llseek,
};

const struct file_operations schm_client_anon_fops = {
	SCHM_CLIENT_FOPS,
	.release	= schm_client_release,
	.write_iter	= schm_client_write_iter,
	.llseek		= schm_client_llseek,
};
