// SPDX-License-Identifier: GPL-2.0
/* A client makes a direct ring, and has its provider serve the other end. */
#include "client.h"

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/uaccess.h>

#include "handle.h"
#include "request.h"
#include "ring_file.h"

#define SQ_DEFAULT	256U

/* ---- RING_CREATE ------------------------------------------------------------ */

/* Zeros become what they stand for. */
static int create_check(struct scheme_ring_info *arg)
{
	struct scheme_ring_info rest = *arg;

	rest.sq_entries = 0;
	rest.cq_entries = 0;
	if (memchr_inv(&rest, 0, sizeof(rest)))
		return -EINVAL;
	if (arg->sq_entries > SCHEME_RING_ENTRIES_MAX ||
	    arg->cq_entries > SCHEME_RING_ENTRIES_MAX)
		return -EINVAL;
	arg->sq_entries = arg->sq_entries ?: SQ_DEFAULT;
	arg->cq_entries = arg->cq_entries ?: min(2 * arg->sq_entries,
						 SCHEME_RING_ENTRIES_MAX);
	return is_power_of_2(arg->sq_entries) && is_power_of_2(arg->cq_entries) ? 0 : -EINVAL;
}

/* The descriptor is there before its answer can fail, and goes with it. */
static int create_fd(struct schm_ring *r, struct scheme_ring_info __user *argp)
{
	struct scheme_ring_info info;
	struct file *file;
	int fd, ret;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		schm_ring_put(r);
		return fd;
	}
	file = schm_ring_file(r, SCHEME_RING_SIDE_CLIENT);
	if (IS_ERR(file)) {
		schm_ring_put(r);
		ret = PTR_ERR(file);
		goto out_put_fd;
	}
	/* from here on the file owns r */
	schm_ring_info(schm_ring_end(file), &info);
	ret = -EFAULT;
	if (copy_to_user(argp, &info, sizeof(info)))
		goto out_put_file;
	fd_install(fd, file);
	return fd;

out_put_file:
	fput(file);
out_put_fd:
	put_unused_fd(fd);
	return ret;
}

long schm_client_ring_create(struct file *file, void __user *argp)
{
	struct schm_handle *h = file->private_data;
	struct scheme_ring_info arg;
	struct schm_ring *r;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = create_check(&arg);
	if (ret)
		return ret;
	r = schm_ring_alloc(h->scheme, arg.sq_entries, arg.cq_entries);
	if (IS_ERR(r))
		return PTR_ERR(r);
	return create_fd(r, argp);
}

/* ---- RING_ATTACH ------------------------------------------------------------ */

/* Send the provider its end. Until that is made, nobody knows of the attempt. */
static int attach_send(struct schm_ring *r, struct schm_req *req)
{
	struct file *end;
	s64 ret;

	end = schm_ring_file(schm_ring_get(r), SCHEME_RING_SIDE_PROVIDER);
	if (IS_ERR(end)) {
		schm_ring_put(r);
		schm_ring_attach_undo(r);
		return PTR_ERR(end);
	}
	schm_ticket_send(req, end);
	ret = schm_req_call(req, 0);
	/* an end that nobody has taken is none */
	if (!ret && schm_ticket_left(req))
		ret = -ESHUTDOWN;
	if (!ret)
		ret = schm_ring_attach_end(r);
	if (ret)
		schm_ring_shutdown(r);
	/* not again: the ring has been used up */
	return ret == -ERESTARTSYS ? -EINTR : ret;
}

static int attach_request(struct file *file, struct schm_ring *r, u64 word)
{
	struct schm_req *req;
	int ret;

	req = schm_req_alloc(file->private_data, file, SCHEME_OP_RING_ATTACH);
	if (!req) {
		schm_ring_attach_undo(r);
		return -ENOMEM;
	}
	req->entry.sqe.offset = r->at.sq_entries | (u64)r->at.cq_entries << 32;
	req->entry.sqe.op_flags = file->f_flags & O_ACCMODE;
	req->entry.sqe.aux = word;
	ret = schm_req_reserve(req, file->f_flags & O_NONBLOCK);
	if (ret)
		schm_ring_attach_undo(r);
	else
		ret = attach_send(r, req);
	schm_req_put(req);
	return ret;
}

static int attach_ring(struct file *file, const struct file *end_file, u64 word)
{
	const struct schm_handle *h = file->private_data;
	struct schm_ring_end *e = schm_ring_end(end_file);
	int ret;

	if (!e || e->side != SCHEME_RING_SIDE_CLIENT)
		return -EBADF;
	if (e->ring->scheme != h->scheme)
		return -EXDEV;
	ret = schm_ring_attach_begin(e->ring);
	return ret ?: attach_request(file, e->ring, word);
}

long schm_client_ring_attach(struct file *file, void __user *argp)
{
	struct scheme_ring_attach arg;
	struct file *end_file;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || arg.reserved)
		return -EINVAL;
	end_file = fget(arg.ring);
	if (!end_file)
		return -EBADF;
	ret = attach_ring(file, end_file, arg.word);
	fput(end_file);
	return ret;
}
