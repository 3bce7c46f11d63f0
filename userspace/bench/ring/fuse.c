// SPDX-License-Identifier: MIT
/*
 * Reads of a file of fuse_blocks. One at a time is a pread(2); more are those of as many
 * threads, or io_uring's, whichever is faster where this runs.
 */
#include "blocks.h"
#include "contender.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <liburing.h>

#define TRIES	5

struct fuse;

struct reader {
	struct fuse	*fuse;
	pthread_t	thread;
	unsigned int	nr;
	bool		runs;
};

struct fuse {
	const struct load *load;
	char		dir[32];
	bool		mounted;
	int		fd;		/* as direct_io serves it */
	int		direct;		/* with O_DIRECT: io_uring does not wait for it */
	uint8_t		*bufs;
	int		(*read)(struct fuse *f, unsigned int count);

	struct io_uring	uring;
	bool		has_uring;

	pthread_barrier_t gate;		/* all readers, and who gives them work */
	bool		has_gate;
	struct reader	*readers;
	unsigned int	each;		/* reads for each; 0: end */
	atomic_int	error;
};

static uint8_t *buf_of(const struct fuse *f, unsigned int i)
{
	return f->bufs + i * f->load->bs;
}

static int read_one(struct fuse *f, unsigned int i, uint64_t nr)
{
	size_t bs = f->load->bs;
	ssize_t got = pread(f->fd, buf_of(f, i), bs, (off_t)blocks_offset(nr, bs));

	if (got < 0)
		return -errno;
	return got == (ssize_t)bs && blocks_ok(buf_of(f, i), nr, bs, f->load->work) ? 0 : -EILSEQ;
}

static int read_each(struct fuse *f, unsigned int count)
{
	int ret = 0;

	for (unsigned int nr = 0; !ret && nr < count; nr++)
		ret = read_one(f, 0, nr);
	return ret;
}

/* ---- threads ------------------------------------------------------------------------ */

static void *reader(void *arg)
{
	struct reader *r = arg;
	struct fuse *f = r->fuse;

	for (;;) {
		pthread_barrier_wait(&f->gate);
		if (!f->each)
			return NULL;
		for (unsigned int i = 0; i < f->each; i++) {
			int ret = read_one(f, r->nr, i * f->load->qd + r->nr);

			if (ret)
				atomic_store(&f->error, ret);
		}
		pthread_barrier_wait(&f->gate);
	}
}

static int read_by_threads(struct fuse *f, unsigned int count)
{
	f->each = count / f->load->qd;
	pthread_barrier_wait(&f->gate);
	pthread_barrier_wait(&f->gate);
	return atomic_load(&f->error);
}

static int start_threads(struct fuse *f)
{
	unsigned int qd = f->load->qd;
	int ret = 0;

	f->readers = calloc(qd, sizeof(*f->readers));
	if (!f->readers)
		return -ENOMEM;
	f->has_gate = !pthread_barrier_init(&f->gate, NULL, qd + 1);
	for (unsigned int i = 0; !ret && i < qd; i++) {
		struct reader *r = &f->readers[i];

		r->fuse = f;
		r->nr = i;
		ret = -pthread_create(&r->thread, NULL, reader, r);
		r->runs = !ret;
	}
	return ret;	/* on an error the process ends, too: no need to wait for the others */
}

static void stop_threads(struct fuse *f)
{
	if (f->has_gate && f->readers[f->load->qd - 1].runs) {
		f->each = 0;
		pthread_barrier_wait(&f->gate);
		for (unsigned int i = 0; i < f->load->qd; i++)
			pthread_join(f->readers[i].thread, NULL);
		pthread_barrier_destroy(&f->gate);
	}
	free(f->readers);
}

/* ---- io_uring ------------------------------------------------------------------------ */

static void prepare(struct fuse *f, uint64_t *reading, unsigned int i, uint64_t nr)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&f->uring);
	size_t bs = f->load->bs;

	io_uring_prep_read(sqe, f->direct, buf_of(f, i), (unsigned int)bs,
			   blocks_offset(nr, bs));
	io_uring_sqe_set_data64(sqe, i);
	reading[i] = nr;
}

static int check(const struct fuse *f, const struct io_uring_cqe *cqe,
		 const uint64_t *reading)
{
	unsigned int i = (unsigned int)cqe->user_data;

	if (cqe->res < 0)
		return cqe->res;
	return cqe->res == (int)f->load->bs &&
	       blocks_ok(buf_of(f, i), reading[i], f->load->bs, f->load->work) ? 0 : -EILSEQ;
}

/* What has been answered is asked for anew, all that there is at once. */
static int read_by_uring(struct fuse *f, unsigned int count)
{
	unsigned int asked = 0, done = 0, nr;
	struct io_uring_cqe *cqes[DEPTH_MAX];
	uint64_t reading[DEPTH_MAX];
	int ret = 0;

	while (asked < count && asked < f->load->qd) {
		prepare(f, reading, asked, asked);
		asked++;
	}
	while (!ret && done < count) {
		ret = io_uring_submit_and_wait(&f->uring, 1);
		if (ret < 0)
			return ret;
		nr = io_uring_peek_batch_cqe(&f->uring, cqes, DEPTH_MAX);
		ret = 0;
		for (unsigned int i = 0; !ret && i < nr; i++) {
			ret = check(f, cqes[i], reading);
			if (!ret && asked < count)
				prepare(f, reading, (unsigned int)cqes[i]->user_data,
					asked++);
		}
		io_uring_cq_advance(&f->uring, nr);
		done += nr;
	}
	return ret;
}

/* ---- which --------------------------------------------------------------------------- */

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The best time of a few tries, of which the first only warms up. */
static int try_out(struct fuse *f, int (*read)(struct fuse *f, unsigned int count),
		   double *ns)
{
	unsigned int count = 8 * f->load->qd;
	int ret = read(f, count);

	*ns = 1e18;
	for (int i = 0; !ret && i < TRIES; i++) {
		double begin = now_ns(), took;

		ret = read(f, count);
		took = (now_ns() - begin) / count;
		if (took < *ns)
			*ns = took;
	}
	return ret;
}

static int choose(struct fuse *f)
{
	double threads, uring;
	int ret;

	f->read = read_each;
	if (f->load->qd == 1)
		return 0;
	ret = start_threads(f);
	if (!ret)
		ret = try_out(f, read_by_threads, &threads);
	if (ret)
		return ret;
	f->read = read_by_threads;
	if (io_uring_queue_init(f->load->qd, &f->uring, 0)) {
		fprintf(stderr, "# fuse: %u threads, there is no io_uring\n", f->load->qd);
		return 0;
	}
	f->has_uring = true;
	ret = try_out(f, read_by_uring, &uring);
	if (uring < threads)
		f->read = read_by_uring;
	fprintf(stderr, "# fuse at depth %u: by %s; a read by threads takes %.0f ns, by io_uring %.0f\n",
		f->load->qd, uring < threads ? "io_uring" : "threads", threads, uring);
	return ret;
}

/* ---- from begin to end ---------------------------------------------------------------- */

static void exec_peer(const char *dir, enum work work, int out)
{
	dup2(out, STDOUT_FILENO);
	execlp("fuse_blocks", "fuse_blocks", dir, work == MADE ? "made" : "had", (char *)NULL);
	_exit(127);
}

/* It is to run where it likes best, beside those who read or with them. */
static int start_peer(struct contender *c, struct fuse *f)
{
	char line[16];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	switch (contender_fork(c, false)) {
	case -1:
		close(fds[0]);
		close(fds[1]);
		return -errno;
	case 0:
		exec_peer(f->dir, f->load->work, fds[1]);
	}
	close(fds[1]);
	f->mounted = read(fds[0], line, sizeof(line)) > 0;
	close(fds[0]);
	return f->mounted ? 0 : -ENODEV;
}

static int open_file(struct fuse *f)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/blocks", f->dir);
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return -errno;
	f->direct = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
	if (f->direct < 0)
		return -errno;
	/* the kernel learns that no close need be told: one could wait for who is stopped */
	close(dup(f->fd));
	return 0;
}

static int fuse_start(struct contender *c)
{
	struct fuse *f = calloc(1, sizeof(*f));
	void *bufs;
	int ret;

	if (!f)
		return -ENOMEM;
	c->own = f;
	f->load = c->load;
	f->fd = f->direct = -1;
	if (posix_memalign(&bufs, 4096, c->load->qd * c->load->bs))
		return -ENOMEM;
	f->bufs = bufs;
	strcpy(f->dir, "/tmp/bench-fuse-XXXXXX");
	if (!mkdtemp(f->dir)) {
		f->dir[0] = '\0';
		return contender_fail(c, "directory", -errno);
	}
	ret = start_peer(c, f);
	if (ret)
		return contender_fail(c, "no fuse_blocks, or it cannot mount", ret);
	ret = open_file(f);
	if (!ret)
		ret = choose(f);
	return ret ? contender_fail(c, "read", ret) : 0;
}

static int fuse_run(struct contender *c, unsigned int count)
{
	struct fuse *f = c->own;

	return f->read(f, count);
}

static void fuse_stop(struct contender *c)
{
	struct fuse *f = c->own;

	stop_threads(f);
	if (f->has_uring)
		io_uring_queue_exit(&f->uring);
	if (f->fd >= 0)
		close(f->fd);
	if (f->direct >= 0)
		close(f->direct);
	if (f->mounted)
		umount2(f->dir, MNT_DETACH);
	if (f->dir[0])
		rmdir(f->dir);
	free(f->bufs);
	free(f);
	c->own = NULL;
}

const struct contender_ops fuse_ops = {
	.start = fuse_start,
	.run = fuse_run,
	.stop = fuse_stop,
};
