// SPDX-License-Identifier: MIT
/*
 * Reads over a direct ring, served by libscheme with a scheme's callbacks.
 */
#include "blocks.h"
#include "contender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <scheme_ring.h>

/* As long as can be: the other side does nothing else. */
#define SPIN_US	1000000U
/* So many shares of what is asked for at a time are on their way to and fro. */
#define SHARES	8U

struct direct {
	struct scheme_ring *ring;
	uint64_t	handle;			/* what OPEN answered */
	uint64_t	addr[DEPTH_MAX];	/* of the buffers, in the pool */
	const void	*buf[DEPTH_MAX];	/* and here */
	uint64_t	reading[DEPTH_MAX];	/* the number of the read into each */
	unsigned int	spare[DEPTH_MAX];	/* buffers that nobody reads into */
	unsigned int	nr_spare;
};

/* ---- the provider ------------------------------------------------------------------ */

static void on_open(struct scheme_req *req, uint64_t dir, const char *path, int flags,
		    mode_t mode)
{
	(void)dir, (void)flags, (void)mode;
	if (*path)
		scheme_reply(req, -ENOENT);
	else
		scheme_reply_open(req, 0, SCHEME_CQE_F_POSITIONED, 0);
}

/* For the provider's process, set before it is made. */
static enum work work;

static void on_read(struct scheme_req *req, uint64_t handle, void *buf, uint32_t len,
		    uint64_t offset)
{
	(void)handle;
	scheme_reply(req, blocks_read(buf, offset, len, work) ? (int64_t)len : -EINVAL);
}

/* The one ring that is asked for; its thread does nothing else from then on. */
static struct scheme_ring *accepted;

static void on_ring(struct scheme_req *req, uint32_t sq_entries, uint32_t cq_entries,
		    uint64_t word)
{
	(void)sq_entries, (void)cq_entries, (void)word;
	scheme_reply(req, accepted ? -EBUSY : scheme_req_accept_ring(req, &accepted));
}

static const struct scheme_ops ops = {
	.open = on_open, .read = on_read, .ring = on_ring,
};

/* Until the client is gone. */
static int serve_ring(struct scheme *s, struct scheme_ring *ring)
{
	const struct scheme_ring_server_config config = { 0 };
	struct scheme_ring_server *server;
	int ret = scheme_ring_server_create(&server, s, ring, &config);

	if (ret)
		return ret;
	do {
		ret = scheme_ring_server_step(server, -1);
	} while (ret >= 0 || ret == -EINTR);
	scheme_ring_server_destroy(server);
	return ret == -ESHUTDOWN ? 0 : ret;
}

/* Says that it is there, waits for a ring, and serves that. */
static int serve_scheme(const char *name, uint32_t spin_us, int ready_fd)
{
	const struct scheme_config config = { .name = name };
	struct scheme *s;
	int ret = scheme_create(&s, &config, &ops, sizeof(ops), NULL);

	if (!ret && write(ready_fd, "", 1) != 1)
		ret = -EPIPE;
	close(ready_fd);
	while (!accepted && (ret >= 0 || ret == -EINTR))
		ret = scheme_queue_step(scheme_queue(s, 0), -1);
	if (accepted)
		ret = scheme_queue_flush(scheme_queue(s, 0));
	if (ret < 0)
		return ret;
	scheme_ring_set_spin(accepted, spin_us);
	return serve_ring(s, accepted);
}

static int serve_native(const struct scheme_ring_config *config,
			struct scheme_ring_fds *fds, int pool, size_t pool_size)
{
	struct scheme_ring *ring;
	struct scheme *s;
	int ret = scheme_create_local(&s, &ops, sizeof(ops), NULL);

	if (!ret)
		ret = scheme_ring_attach(&ring, SCHEME_RING_PROVIDER, config, fds);
	if (!ret)
		ret = scheme_ring_add_region(ring, pool, 0, pool_size);
	if (!ret)
		ret = serve_ring(s, ring);
	return ret;
}

/* ---- set-up over plain shared memory ------------------------------------------------ */

static int attach_native(struct contender *c, const struct scheme_ring_config *config,
			 struct scheme_ring_fds fds[2], int pool, size_t pool_size)
{
	struct direct *d = c->own;
	int ret;

	switch (contender_fork(c, true)) {
	case -1:
		return -errno;
	case 0:
		scheme_ring_close_fds(&fds[0]);
		ret = serve_native(config, &fds[1], pool, pool_size);
		if (ret)
			contender_fail(c, "provider", ret);
		_exit(ret ? 1 : 0);
	}
	scheme_ring_close_fds(&fds[1]);
	ret = scheme_ring_attach(&d->ring, SCHEME_RING_CLIENT, config, &fds[0]);
	return ret ? ret : scheme_ring_add_region(d->ring, pool, 0, pool_size);
}

static int open_native(struct contender *c, const struct scheme_ring_config *config,
		       size_t pool_size)
{
	struct scheme_ring_fds fds[2];
	int ret, pool = scheme_ring_region_create(pool_size);

	if (pool < 0)
		return pool;
	ret = scheme_ring_setup(config, &fds[0], &fds[1]);
	if (!ret)
		ret = attach_native(c, config, fds, pool, pool_size);
	close(pool);
	return ret;
}

/* ---- set-up by the module ------------------------------------------------------------ */

static int start_provider(struct contender *c, const char *name, uint32_t spin_us)
{
	int fds[2], ret;
	char ready;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	if (!contender_fork(c, true)) {
		close(fds[0]);
		ret = serve_scheme(name, spin_us, fds[1]);
		if (ret)
			contender_fail(c, "provider", ret);
		_exit(ret ? 1 : 0);
	}
	close(fds[1]);
	ret = c->pid > 0 && read(fds[0], &ready, 1) == 1 ? 0 : -ECHILD;
	close(fds[0]);
	return ret;
}

static int open_module(struct contender *c, const struct scheme_ring_config *config,
		       size_t pool_size)
{
	struct direct *d = c->own;
	char path[64], *name = path + strlen("/dev/scheme/");
	int fd, ret;

	snprintf(path, sizeof(path), "/dev/scheme/user.%s-%u", c->system, c->load->qd);
	ret = start_provider(c, name, config->spin_us);
	if (ret)
		return ret;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = scheme_ring_open(&d->ring, fd, config, pool_size, 0);
	close(fd);
	return ret;
}

/* ---- the client --------------------------------------------------------------------- */

static int open_file(struct direct *d)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(d->ring);
	struct scheme_cqe *cqe;
	int ret;

	scheme_ring_prep_open(sqe, SCHEME_ROOT, d->addr[0], 0, O_RDONLY, 0);
	ret = scheme_ring_submit(d->ring);
	if (ret >= 0)
		ret = scheme_ring_wait_cqe(d->ring, &cqe, -1);
	if (ret < 0)
		return ret;
	d->handle = (uint64_t)cqe->result;
	ret = cqe->result < 0 ? (int)cqe->result : 0;
	scheme_ring_cqe_seen(d->ring, cqe);
	return ret;
}

static int make_buffers(struct direct *d, const struct load *load)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < load->qd; i++) {
		ret = scheme_ring_alloc(d->ring, load->bs, &d->addr[i]);
		d->buf[i] = ret ? NULL : scheme_ring_at(d->ring, d->addr[i], load->bs);
		d->spare[d->nr_spare++] = i;
	}
	return ret;
}

static int direct_start(struct contender *c)
{
	const struct scheme_ring_config config = {
		.sq_entries = DEPTH_MAX,
		.cq_entries = DEPTH_MAX,
		.spin_us = c->sleeps ? 0 : SPIN_US,
	};
	struct direct *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return -ENOMEM;
	c->own = d;
	work = c->load->work;
	ret = (c->load->native ? open_native : open_module)
		(c, &config, (c->load->qd * c->load->bs + 4095) & ~4095UL);
	if (!ret)
		ret = make_buffers(d, c->load);
	if (!ret)
		ret = open_file(d);
	return ret ? contender_fail(c, "set up", ret) : 0;
}

static void direct_stop(struct contender *c)
{
	struct direct *d = c->own;

	if (d->ring)
		scheme_ring_close(d->ring);
	free(d);
	c->own = NULL;
}

static void submit_read(struct direct *d, const struct load *load, uint64_t nr)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(d->ring);
	unsigned int i = d->spare[--d->nr_spare];

	scheme_ring_prep_read(sqe, d->handle, d->addr[i], (uint32_t)load->bs,
			      blocks_offset(nr, load->bs));
	sqe->user_data = i;
	d->reading[i] = nr;
}

static int take_answer(struct direct *d, const struct load *load,
		       struct scheme_cqe *cqe)
{
	unsigned int i = (unsigned int)cqe->user_data;
	int ret = 0;

	if (cqe->result != (int64_t)load->bs)
		ret = cqe->result < 0 ? (int)cqe->result : -EIO;
	else if (!blocks_ok(d->buf[i], d->reading[i], load->bs, load->work))
		ret = -EILSEQ;
	d->spare[d->nr_spare++] = i;
	scheme_ring_cqe_seen(d->ring, cqe);
	return ret;
}

/*
 * Submit, wait for an answer, and take what else is there, but not so many that the
 * provider runs out of entries meanwhile. How many, or -errno.
 */
static int take_answers(struct direct *d, const struct load *load)
{
	unsigned int nr = 0, most = load->qd > SHARES ? load->qd / SHARES : 1;
	struct scheme_cqe *cqe;
	int ret;

	do {
		ret = scheme_ring_submit_and_wait(d->ring, &cqe, -1);
	} while (ret == -EINTR);
	while (!ret) {
		ret = take_answer(d, load, cqe);
		nr++;
		if (!ret && (nr == most || d->nr_spare == load->qd))
			return (int)nr;
		if (!ret)
			ret = scheme_ring_peek_cqe(d->ring, &cqe);
	}
	return ret == -EAGAIN ? (int)nr : ret;
}

static int direct_run(struct contender *c, unsigned int count)
{
	struct direct *d = c->own;
	unsigned int asked = 0, done = 0;
	int ret;

	while (done < count) {
		while (asked < count && d->nr_spare)
			submit_read(d, c->load, asked++);
		ret = take_answers(d, c->load);
		if (ret < 0)
			return ret;
		done += (unsigned int)ret;
	}
	return 0;
}

const struct contender_ops direct_ops = {
	.start = direct_start,
	.run = direct_run,
	.stop = direct_stop,
};
