// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in every call of a client. */
#include <sys/eventfd.h>
#include <sys/uio.h>

#include "failnth_file.h"

#define PATH	"another"

/* ---- open and close --------------------------------------------------------- */

static long call_open(env_t *env)
{
	return open_errno(env->s.p.node, O_RDWR);
}

static const struct failing opens = {
	.name = "open of the node", .call = call_open, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static long call_open_ioctl(env_t *env)
{
	return client_open_ioctl(&env->s.p);
}

static const struct failing opens_for_ioctl = {
	.name = "open of the node for ioctl", .call = call_open_ioctl,
	.tidy = tidy_fd, .memory = REFUSES, .copies = true,
};

static long call_openat(env_t *env)
{
	return client_openat(env->root, PATH, O_RDWR | O_CLOEXEC, 0);
}

static const struct failing openat_path = {
	.name = "OPENAT", .call = call_openat, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static long call_dup(env_t *env)
{
	struct scheme_dup arg = {
		.name = (uintptr_t)PATH,
		.name_len = strlen(PATH),
		.flags = O_CLOEXEC,
	};

	return do_ioctl(env->file, SCHEME_IOC_DUP, &arg);
}

static const struct failing dup_string = {
	.name = "DUP", .call = call_dup, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static int prepare_close(env_t *env)
{
	env->fd = call_openat(env);
	return env->fd < 0 ? env->fd : 0;
}

static long call_close(env_t *env)
{
	return close(env->fd);
}

/* KASAN needs memory to free a file */
static const struct failing close_file = {
	.name = "close", .prepare = prepare_close, .call = call_close,
	.memory = COPES,
};

static int prepare_close_event(env_t *env)
{
	env->fd = eventfd(0, EFD_CLOEXEC);
	return env->fd < 0 ? -errno : 0;
}

static const struct failing close_event = {
	.name = "close of an eventfd", .prepare = prepare_close_event,
	.call = call_close, .memory = COPES,
};

/* How much memory the call takes, when nobody else takes some. */
static unsigned int least_memory(env_t *env, const struct failing *f)
{
	struct tally tally;
	unsigned int i, least = N_MAX;

	for (i = 0; i < 5; i++)
		if (every_nth(env, f, &tally) && tally.memory < least)
			least = tally.memory;
	return least;
}

/* ---- transfers -------------------------------------------------------------- */

static int prepare_start(env_t *env)
{
	return lseek(env->file, 0, SEEK_SET);
}

static long call_read(env_t *env)
{
	return errno_of(read(env->file, env->buf, BYTES));
}

static const struct failing reads = {
	.name = "read", .prepare = prepare_start, .call = call_read,
	.memory = REFUSES, .copies = true, .wants = BYTES,
};

static long call_write(env_t *env)
{
	return errno_of(write(env->file, env->buf, BYTES));
}

static const struct failing writes = {
	.name = "write", .prepare = prepare_start, .call = call_write,
	.memory = REFUSES, .copies = true, .wants = BYTES,
};

static long call_pread(env_t *env)
{
	return errno_of(pread(env->file, env->buf, SLOT, SLOT));
}

static const struct failing preads = {
	.name = "pread", .call = call_pread,
	.memory = REFUSES, .copies = true, .wants = SLOT,
};

static long call_pwrite(env_t *env)
{
	return errno_of(pwrite(env->file, env->buf, SLOT, SLOT));
}

static const struct failing pwrites = {
	.name = "pwrite", .call = call_pwrite,
	.memory = REFUSES, .copies = true, .wants = SLOT,
};

static long call_readv(env_t *env)
{
	const struct iovec iov[] = {
		{ env->buf, SLOT + 1 },
		{ env->buf + 2 * SLOT, SLOT - 1 },
	};

	return errno_of(readv(env->file, iov, 2));
}

static const struct failing readvs = {
	.name = "readv", .prepare = prepare_start, .call = call_readv,
	.memory = REFUSES, .copies = true, .wants = 2 * SLOT,
};

/* ---- the rest --------------------------------------------------------------- */

static long call_seek_end(env_t *env)
{
	return errno_of(lseek(env->file, 0, SEEK_END));
}

static const struct failing seek_end = {
	.name = "lseek to the end", .call = call_seek_end,
	.memory = REFUSES, .wants = SERVE_BYTES,
};

static long call_fsync(env_t *env)
{
	return errno_of(fsync(env->file));
}

static const struct failing fsyncs = {
	.name = "fsync", .call = call_fsync, .memory = REFUSES,
};

static long call_poll(env_t *env)
{
	return poll_fd(env->file);
}

static const struct failing polls = {
	.name = "poll", .call = call_poll,
	.memory = TAKES_NONE, .copies = true, .wants = 1,
};

static long call_call(env_t *env)
{
	struct scheme_call arg = {
		.in = (uintptr_t)env->buf,
		.in_len = 100,
		.out = (uintptr_t)env->buf,
		.out_len = 100,
	};

	return client_call(env->file, &arg);
}

static const struct failing calls = {
	.name = "CALL", .call = call_call,
	.memory = REFUSES, .copies = true,
};

/* ---- io_uring --------------------------------------------------------------- */

/* Its result is user_data 1. */
static int prepare_ring_rw(env_t *env, int fd, bool out)
{
	struct io_uring_sqe *sqe;
	int ret = prepare_ring(env);

	if (ret)
		return ret;
	sqe = io_uring_get_sqe(&env->ring);
	if (out)
		io_uring_prep_write(sqe, fd, env->buf, BYTES, 0);
	else
		io_uring_prep_read(sqe, fd, env->buf, BYTES, 0);
	sqe->user_data = 1;
	return 0;
}

static int prepare_ring_read(env_t *env)
{
	return prepare_ring_rw(env, env->nonblock, false);
}

/*
 * In the submitter's own context; EAGAIN is io_uring's word for no memory at
 * submission.
 */
static const struct failing uring_reads = {
	.name = "READ by io_uring", .prepare = prepare_ring_read,
	.call = submit, .result = result_ring, .tidy = tidy_ring,
	.memory = REFUSES, .copies = true, .wants = BYTES, .core = { EAGAIN },
};

static int prepare_ring_write(env_t *env)
{
	return prepare_ring_rw(env, env->nonblock, true);
}

static const struct failing uring_writes = {
	.name = "WRITE by io_uring", .prepare = prepare_ring_write,
	.call = submit, .result = result_ring, .tidy = tidy_ring,
	.memory = REFUSES, .copies = true, .wants = BYTES, .core = { EAGAIN },
};

static int prepare_ring_worker(env_t *env)
{
	return prepare_ring_rw(env, env->file, false);
}

/*
 * The transfer is a worker's, which no failure meets; but the worker has to be
 * made, and without one io_uring cancels.
 */
static const struct failing uring_workers = {
	.name = "READ by a worker of io_uring", .prepare = prepare_ring_worker,
	.call = submit, .result = result_ring, .tidy = tidy_ring,
	.memory = REFUSES, .wants = BYTES, .core = { EAGAIN, ECANCELED },
};

/* ---- all of them ------------------------------------------------------------ */

FAIL_NTH(S7_failures_in_open, opens)
FAIL_NTH(S7_failures_in_open_for_ioctl, opens_for_ioctl)
FAIL_NTH(S7_failures_in_openat, openat_path)
FAIL_NTH(S13_failures_in_dup, dup_string)
FAIL_NTH(S15_failures_in_close, close_file)

/* the CLOSE is part of the handle */
TEST_F_TIMEOUT(failnth, S15_close_takes_no_memory_of_ours, 250)
{
	unsigned int event = least_memory(self, &close_event);

	EXPECT_GT(N_MAX, event);
	EXPECT_EQ(event, least_memory(self, &close_file));
}

FAIL_NTH(S8_failures_in_read, reads)
FAIL_NTH(S8_failures_in_write, writes)
FAIL_NTH(S8_failures_in_pread, preads)
FAIL_NTH(S8_failures_in_pwrite, pwrites)
FAIL_NTH(S8_failures_in_readv, readvs)
FAIL_NTH(S9_failures_in_lseek_to_the_end, seek_end)
FAIL_NTH(S10_failures_in_fsync, fsyncs)
FAIL_NTH(S29_failures_in_poll, polls)
FAIL_NTH(S14_failures_in_call, calls)
FAIL_NTH(U1_failures_in_uring_read, uring_reads)
FAIL_NTH(U1_failures_in_uring_write, uring_writes)
FAIL_NTH(U1_failures_in_uring_read_by_a_worker, uring_workers)

TEST_HARNESS_MAIN
