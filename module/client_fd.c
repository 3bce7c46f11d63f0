// SPDX-License-Identifier: GPL-2.0
/* SENDFD and RECVFD: a client's files for its provider, and back. */
#include "client.h"

#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "handle.h"
#include "request.h"

#define SENDFD_FLAGS	(SCHEME_SENDFD_EXCLUSIVE | SCHEME_SENDFD_CLONE)

int schm_client_install(struct file *file, unsigned int flags)
{
	int fd = schm_receive_fd(file, flags & O_CLOEXEC);

	fput(file);
	return fd;
}

/* sent has two references: its descriptor's and the caller's. */
static int sendfd_check(const struct file *file, struct file *sent,
			u32 flags)
{
	/* nobody closes a descriptor in the middle of a command on it */
	if (sent == file && !(flags & SCHEME_SENDFD_CLONE))
		return -EINVAL;
	if ((flags & SCHEME_SENDFD_EXCLUSIVE) && file_count(sent) > 2)
		return -EBUSY;
	return schm_ticket_check(sent);
}

/*
 * The provider has agreed: the sender's descriptor goes, unless another thread
 * has been faster and the number means something else by now.
 */
static void sendfd_close(int fd, const struct file *sent)
{
	struct file *now = fget_raw(fd);

	if (!now)
		return;
	fput(now);
	if (now == sent)
		close_fd(fd);
}

/* What the provider cannot see for itself. */
static u32 told_flags(const struct file *file, const struct file *sent)
{
	const struct schm_handle *own = file->private_data;
	const struct schm_handle *other = sent ? schm_client_handle(sent) : NULL;
	u32 flags = 0;

	if (other && other->scheme == own->scheme)
		flags |= SCHEME_SENDFD_OWN;
	if (file->f_flags & O_NONBLOCK)
		flags |= SCHEME_FD_NONBLOCK;
	return flags;
}

static s64 sendfd_send(struct file *file, const struct scheme_sendfd *arg,
		       struct file *sent, const char *name)
{
	struct schm_req *req;
	s64 ret;

	req = schm_req_alloc(file->private_data, file, SCHEME_OP_SENDFD);
	if (!req)
		return -ENOMEM;
	req->entry.sqe.op_flags = arg->flags | told_flags(file, sent);
	req->entry.sqe.aux = arg->word;
	ret = schm_req_reserve(req, file->f_flags & O_NONBLOCK);
	if (!ret) {
		memcpy(req->slot, name, arg->name_len);
		schm_ticket_send(req, get_file(sent));
		ret = schm_req_call(req, arg->name_len);
	}
	schm_req_put(req);
	return ret;
}

static s64 sendfd_named(struct file *file, const struct scheme_sendfd *arg,
			const char *name)
{
	struct file *sent = fget_raw(arg->fd);
	s64 ret;

	if (!sent)
		return -EBADF;
	ret = sendfd_check(file, sent, arg->flags);
	if (!ret)
		ret = sendfd_send(file, arg, sent, name);
	if (ret >= 0 && !(arg->flags & SCHEME_SENDFD_CLONE))
		sendfd_close(arg->fd, sent);
	fput(sent);
	return ret;
}

long schm_client_sendfd(struct file *file, void __user *argp)
{
	struct scheme_sendfd arg;
	char *name;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags & ~SENDFD_FLAGS || arg.reserved ||
	    (arg.flags & SENDFD_FLAGS) == SENDFD_FLAGS)
		return -EINVAL;
	name = schm_client_string(arg.name, arg.name_len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	arg.result = sendfd_named(file, &arg, name);
	kfree(name);
	if (arg.result < 0)
		return arg.result;
	return put_user(arg.result, &((struct scheme_sendfd __user *)argp)->result);
}

static int recvfd_named(struct file *file, const struct scheme_recvfd *arg,
			const char *name)
{
	struct file *got = NULL;
	struct schm_req *req;
	s64 ret;

	req = schm_req_alloc(file->private_data, file, SCHEME_OP_RECVFD);
	if (!req)
		return -ENOMEM;
	req->takes_file = true;
	req->entry.sqe.op_flags = told_flags(file, NULL);
	req->entry.sqe.aux = arg->word;
	ret = schm_req_reserve(req, file->f_flags & O_NONBLOCK);
	if (!ret) {
		memcpy(req->slot, name, arg->name_len);
		ret = schm_req_call(req, arg->name_len);
	}
	if (!ret)
		got = schm_ticket_take(req);
	schm_req_put(req);
	return got ? schm_client_install(got, arg->flags) : ret;
}

long schm_client_recvfd(struct file *file, void __user *argp)
{
	struct scheme_recvfd arg;
	char *name;
	int fd;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags & ~O_CLOEXEC || arg.reserved)
		return -EINVAL;
	/* better now than when the provider has given its file away */
	fd = get_unused_fd_flags(0);
	if (fd < 0)
		return fd;
	put_unused_fd(fd);
	name = schm_client_string(arg.name, arg.name_len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	fd = recvfd_named(file, &arg, name);
	kfree(name);
	return fd;
}
