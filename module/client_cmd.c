// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of a client's file: OPENAT, DUP and CALL, and which there are.
 */
#include "client.h"

#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/redox_scheme_ring.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "command.h"
#include "handle.h"
#include "request.h"
#include "scheme.h"

#define OPENAT_FLAGS							     \
	(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK |   \
	 O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_SYNC | O_DSYNC | O_NOCTTY | \
	 O_LARGEFILE)
#define DUP_FLAGS	(O_CLOEXEC | O_NONBLOCK)
/* those that the file keeps, for F_GETFL and the transfers */
#define KEPT_FLAGS	(O_APPEND | O_SYNC | O_DSYNC)

char *schm_client_string(u64 ptr, u32 len)
{
	char *string;

	if (len > SCHEME_PATH_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	string = memdup_user_nul(u64_to_user_ptr(ptr), len);
	if (!IS_ERR(string) && strlen(string) != len) {
		kfree(string);
		return ERR_PTR(-EINVAL);
	}
	return string;
}

/*
 * Open what op and string say below base, as a new descriptor. The file is
 * made first, so that nothing can fail once the provider has opened the object;
 * it goes again when the provider answers with a file of its own.
 */
static int open_fd(struct file *base, const struct scheme_sqe *op,
		   const char *string, u32 len, int flags)
{
	struct schm_handle *from = base->private_data;
	struct file *file, *got = NULL;
	struct schm_handle *h;
	int fd, ret;

	h = schm_handle_alloc(from->scheme);
	if (IS_ERR(h))
		return PTR_ERR(h);
	fd = get_unused_fd_flags(flags & O_CLOEXEC);
	if (fd < 0) {
		schm_handle_put(h);
		return fd;
	}
	file = anon_inode_getfile("[scheme]", &schm_client_anon_fops, h, flags);
	if (IS_ERR(file)) {
		schm_handle_put(h);
		ret = PTR_ERR(file);
		goto out_put_fd;
	}
	/* from here on the file owns h */
	file->f_flags |= flags & KEPT_FLAGS;
	file->f_iocb_flags = iocb_flags(file);
	h->may = file->f_mode & (FMODE_READ | FMODE_WRITE);
	ret = schm_client_open_handle(from, h, file, op, string, len, &got);
	if (ret || got)
		goto out_put_file;
	schm_client_set_mode(file, h);
	fd_install(fd, file);
	return fd;

out_put_file:
	fput(file);
out_put_fd:
	put_unused_fd(fd);
	return got ? schm_client_install(got, flags) : ret;
}

/* What these flags need must not exceed what the descriptor may. */
static int openat_check_access(const struct schm_handle *h, u32 flags)
{
	fmode_t need = OPEN_FMODE(flags) & (FMODE_READ | FMODE_WRITE);

	if (flags & (O_CREAT | O_TRUNC))
		need |= FMODE_WRITE;
	return need & ~h->may ? -EACCES : 0;
}

static long client_openat(struct file *file, void __user *argp)
{
	struct scheme_sqe op = { .opcode = SCHEME_OP_OPEN };
	struct scheme_openat arg;
	char *path;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.reserved || arg.flags & ~OPENAT_FLAGS || arg.mode & ~S_IALLUGO)
		return -EINVAL;
	if ((arg.flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	ret = openat_check_access(file->private_data, arg.flags);
	if (ret)
		return ret;
	path = schm_client_string(arg.path, arg.path_len);
	if (IS_ERR(path))
		return PTR_ERR(path);
	op.op_flags = arg.flags & ~(O_CLOEXEC | O_LARGEFILE);
	op.aux = arg.mode;
	ret = open_fd(file, &op, path, arg.path_len, arg.flags);
	kfree(path);
	return ret;
}

static long client_dup(struct file *file, void __user *argp)
{
	struct scheme_sqe op = { .opcode = SCHEME_OP_DUP };
	struct scheme_dup arg;
	char *name;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags & ~DUP_FLAGS)
		return -EINVAL;
	name = schm_client_string(arg.name, arg.name_len);
	if (IS_ERR(name))
		return PTR_ERR(name);
	arg.flags |= file->f_flags & O_ACCMODE;
	op.op_flags = arg.flags & ~O_CLOEXEC;
	ret = open_fd(file, &op, name, arg.name_len, arg.flags);
	kfree(name);
	return ret;
}

static int call_fill(struct schm_req *req, const struct scheme_call *arg)
{
	struct scheme_call_header *header = req->slot;

	memcpy(header->word, arg->word, sizeof(header->word));
	header->in_len = arg->in_len;
	header->out_len = arg->out_len;
	req->entry.sqe.aux = arg->out_len;
	if (copy_from_user(header + 1, u64_to_user_ptr(arg->in), arg->in_len))
		return -EFAULT;
	return 0;
}

static int call_finish(struct schm_req *req, struct scheme_call *arg)
{
	arg->out_len = req->extra;
	if (copy_to_user(u64_to_user_ptr(arg->out), req->slot, arg->out_len))
		return -EFAULT;
	return 0;
}

static int call_send(struct file *file, struct scheme_call *arg)
{
	struct schm_req *req;
	s64 ret;

	req = schm_req_alloc(file->private_data, file, SCHEME_OP_CALL);
	if (!req)
		return -ENOMEM;
	ret = schm_req_reserve(req, file->f_flags & O_NONBLOCK);
	if (!ret)
		ret = call_fill(req, arg);
	if (!ret)
		ret = schm_req_call(req, sizeof(struct scheme_call_header) +
					 arg->in_len);
	if (ret >= 0) {
		arg->result = ret;
		ret = call_finish(req, arg);
	}
	schm_req_put(req);
	return ret;
}

static long client_call(struct file *file, void __user *argp)
{
	const struct schm_handle *h = file->private_data;
	u32 slot = h->scheme->config.slot_size;
	struct scheme_call arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || arg.reserved)
		return -EINVAL;
	if (arg.in_len > slot - sizeof(struct scheme_call_header) ||
	    arg.out_len > slot)
		return -EMSGSIZE;
	ret = call_send(file, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long client_command(struct file *file, unsigned int cmd, void __user *argp)
{
	const struct schm_handle *h = file->private_data;

	switch (cmd) {
	case SCHEME_IOC_OPENAT:
		return client_openat(file, argp);
	case SCHEME_IOC_DUP:
		return h->open ? client_dup(file, argp) : -EBADF;
	case SCHEME_IOC_CALL:
		return h->open ? client_call(file, argp) : -EBADF;
	case SCHEME_IOC_SENDFD:
		return h->open ? schm_client_sendfd(file, argp) : -EBADF;
	case SCHEME_IOC_RECVFD:
		return h->open ? schm_client_recvfd(file, argp) : -EBADF;
	case SCHEME_IOC_MMAP_PREP:
		return h->open ? schm_client_mmap_prep(file, argp) : -EBADF;
	case SCHEME_IOC_RING_CREATE:
		return h->open ? schm_client_ring_create(file, argp) : -EBADF;
	case SCHEME_IOC_RING_ATTACH:
		return h->open ? schm_client_ring_attach(file, argp) : -EBADF;
	case SCHEME_IOC_REQUEST:
		return schm_client_request(file, argp);
	default:
		return -ENOTTY;
	}
}

long schm_client_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return client_command(file, cmd, (void __user *)arg);
}

int schm_client_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	return schm_command_uring(cmd, issue_flags, client_command);
}

struct schm_handle *schm_client_handle(const struct file *file)
{
	return file->f_op->unlocked_ioctl == schm_client_ioctl ?
	       file->private_data : NULL;
}
