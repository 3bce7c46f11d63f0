// SPDX-License-Identifier: MIT
/*
 * Direct rings of the module: a client asks a scheme for one, its provider accepts.
 */
#include "int.h"
#include "ring_int.h"

#include <fcntl.h>
#include <unistd.h>

/* The numbers that the module has made of them. */
static void take_info(struct scheme_ring_config *c,
		      const struct scheme_ring_info *info)
{
	c->sq_entries = info->sq_entries;
	c->cq_entries = info->cq_entries;
}

/* ---- client -------------------------------------------------------------------- */

static int create(struct scheme_ring **out, int fd, struct scheme_ring_config *c)
{
	struct scheme_ring_info info = {
		.sq_entries = c->sq_entries,
		.cq_entries = c->cq_entries,
	};
	int ret = ring_config(c), end;

	if (ret)
		return ret;
	end = ioctl_errno(fd, SCHEME_IOC_RING_CREATE, &info);
	if (end < 0)
		return end;
	take_info(c, &info);
	ret = ring_config(c);
	if (ret || info.side != SCHEME_RING_SIDE_CLIENT) {
		close(end);
		return ret ? ret : -EINVAL;
	}
	return module_ring_new(out, c, &info, end);
}

static int add_pool(struct scheme_ring *r, size_t bytes)
{
	int ret, fd = scheme_ring_region_create(bytes);

	if (fd < 0)
		return fd;
	ret = scheme_ring_add_region(r, fd, 0, bytes);
	close(fd);
	return ret;
}

static int attach(const struct scheme_ring *r, int fd, uint64_t word)
{
	struct scheme_ring_attach args = { .ring = r->end, .word = word };
	int ret = ioctl_errno(fd, SCHEME_IOC_RING_ATTACH, &args);

	return ret < 0 ? ret : 0;
}

int scheme_ring_open(struct scheme_ring **out, int fd,
		     const struct scheme_ring_config *config, size_t pool_bytes,
		     uint64_t word)
{
	struct scheme_ring_config c = { 0 };
	struct scheme_ring *r;
	int ret;

	if (config)
		c = *config;
	ret = create(&r, fd, &c);
	if (ret)
		return ret;
	if (pool_bytes)
		ret = add_pool(r, pool_bytes);
	if (!ret)
		ret = attach(r, fd, word);
	if (ret)
		scheme_ring_close(r);
	else
		*out = r;
	return ret;
}

int scheme_ring_add_file(struct scheme_ring *r, int fd)
{
	struct scheme_ring_file args = { .fd = fd };

	if (r->end < 0)
		return -EOPNOTSUPP;
	return ioctl_errno(r->end, SCHEME_IOC_RING_FILE_ADD, &args);
}

/* ---- provider ------------------------------------------------------------------ */

static int map_accepted(struct scheme_ring **out, int end)
{
	struct scheme_ring_info info = { 0 };
	struct scheme_ring_config c = { 0 };
	int ret = ioctl_errno(end, SCHEME_IOC_RING_INFO, &info);

	if (ret >= 0) {
		take_info(&c, &info);
		ret = ring_config(&c);
		if (!ret && info.side != SCHEME_RING_SIDE_PROVIDER)
			ret = -EINVAL;
	}
	if (ret < 0) {
		close(end);
		return ret;
	}
	return module_ring_new(out, &c, &info, end);
}

int scheme_req_accept_ring(struct scheme_req *req, struct scheme_ring **out)
{
	const struct scheme_sqe *sqe = &req->sqe;
	struct scheme_ring *r;
	int ret, end;

	if (sqe->opcode != SCHEME_OP_RING_ATTACH)
		return -EINVAL;
	end = scheme_req_fetch_fd(req, O_CLOEXEC);
	if (end < 0)
		return end;
	ret = map_accepted(&r, end);
	if (ret)
		return ret;
	r->peer = (struct ring_peer){
		.pid = sqe->pid,
		.uid = sqe->uid,
		.gid = sqe->gid,
		.may = sqe->op_flags & O_ACCMODE,
	};
	/* nearly always all there will be; what fails is EFAULT when it is named */
	scheme_ring_learn_regions(r);
	*out = r;
	return 0;
}
