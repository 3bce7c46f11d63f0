// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in what sends and receives files, and maps memory. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <scheme.h>

#include "../harness.h"
#include "../inflight.h"
#include "../inject.h"
#include "../uring.h"

#define NAME	"test-failnth-fd"
#define PAGE	4096
#define PAGES	3
/* Where files are mapped: page tables of every level are wanted. */
#define MAP_AT	((char *)0x100000000000)

/*
 * A provider that serves by itself: it looks at the files that it is sent, and
 * gives away its own memory.
 */
struct keeper {
	struct scheme	*scheme;
	pthread_t	thread;
	int		stop;
	int		memfd;
	unsigned int	fetched, unmaps;	/* atomic */
};

FIXTURE(failnth) {
	struct inject inject;
	struct keeper k;
	int file;			/* of the keeper's */
	int mapped;			/* the same with memory */
	struct provider own;		/* served by the test, step by step */
	int own_file;
	/* of one call */
	unsigned int before;		/* a counter of the keeper's */
	int fd;
	struct scheme_sqe sqe;
	struct job job;
	uint64_t ticket;
	union {
		struct scheme_openat at;
		struct scheme_mmap_prep prep;
		struct scheme_sendfd send;
	} arg;
	struct io_uring ring;
};

#include "failnth.h"

/* ---- the keeper --------------------------------------------------------------- */

static struct keeper *keeper_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

static void k_open(struct scheme_req *req, uint64_t dir, const char *path,
		   int flags, mode_t mode)
{
	(void)dir;
	(void)flags;
	(void)mode;
	if (!strcmp(path, "another"))
		scheme_reply_fd(req, keeper_of(req)->memfd);
	else
		scheme_reply_open(req, 5, SCHEME_CQE_F_POSITIONED, 0);
}

static void k_sendfd(struct scheme_req *req, uint64_t handle, const char *name,
		     uint64_t word)
{
	struct keeper *k = keeper_of(req);
	int fd = scheme_req_fetch_fd(req, O_CLOEXEC);

	(void)handle;
	(void)name;
	(void)word;
	if (fd >= 0)
		close(fd);
	__atomic_add_fetch(&k->fetched, fd >= 0, __ATOMIC_RELEASE);
	scheme_reply(req, fd < 0 ? fd : 11);
}

static void k_recvfd(struct scheme_req *req, uint64_t handle, const char *name,
		     uint64_t word)
{
	(void)handle;
	(void)name;
	(void)word;
	scheme_reply_fd(req, keeper_of(req)->memfd);
}

static void k_mmap_prep(struct scheme_req *req, uint64_t handle,
			uint64_t offset, uint64_t size, unsigned int flags)
{
	(void)handle;
	(void)offset;
	scheme_reply(req, scheme_req_attach_memory(req, keeper_of(req)->memfd,
						   0, size, flags));
}

static void k_munmap(struct scheme *s, uint64_t handle)
{
	struct keeper *k = scheme_user(s);

	(void)handle;
	__atomic_add_fetch(&k->unmaps, 1, __ATOMIC_RELEASE);
}

static const struct scheme_ops ops = {
	.open = k_open, .sendfd = k_sendfd, .recvfd = k_recvfd,
	.mmap_prep = k_mmap_prep, .munmap = k_munmap,
};

static void *keep(void *arg)
{
	struct keeper *k = arg;

	scheme_run(k->scheme, &k->stop);
	return NULL;
}

static int keeper_begin(struct keeper *k)
{
	const struct scheme_config config = { .name = NAME };
	int ret;

	k->memfd = memfd_create("keeper", MFD_CLOEXEC);
	if (k->memfd < 0 || ftruncate(k->memfd, PAGES * PAGE))
		return -errno;
	ret = scheme_create(&k->scheme, &config, &ops, sizeof(ops), k);
	return ret ?: -pthread_create(&k->thread, NULL, keep, k);
}

static void keeper_end(struct keeper *k)
{
	__atomic_store_n(&k->stop, 1, __ATOMIC_RELAXED);
	scheme_stop(k->scheme);
	pthread_join(k->thread, NULL);
	scheme_destroy(k->scheme);
	close(k->memfd);
}

/* ---- fixture ------------------------------------------------------------------- */

static bool settled(const char *name, int handles)
{
	return scheme_attr(name, "handles") == handles &&
	       !scheme_attr(name, "in_flight") && !scheme_attr(name, "refused");
}

static bool usable(env_t *env)
{
	return !scheme_sendfd(env->file, env->k.memfd, "", 0,
			      SCHEME_SENDFD_CLONE, NULL) &&
	       wait_until(settled(NAME, 2) && settled(NAME "-own", 1));
}

FIXTURE_SETUP(failnth)
{
	int ret = inject_begin(&self->inject);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, keeper_begin(&self->k));
	self->file = scheme_open(NAME ":file", O_RDWR | O_CLOEXEC, 0);
	ASSERT_LE(0, self->file);
	self->mapped = scheme_open(NAME ":mapped", O_RDWR | O_CLOEXEC, 0);
	ASSERT_LE(0, self->mapped);
	ASSERT_EQ(0, scheme_mmap_prep(self->mapped, 0, PAGES * PAGE,
				      SCHEME_MAP_WRITE));
	ASSERT_EQ(0, provider_begin(&self->own, NAME "-own"));
	self->own_file = client_open(&self->own, O_RDWR, 7,
				     SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->own_file);
}

FIXTURE_TEARDOWN(failnth)
{
	close(self->own_file);
	provider_end(&self->own);
	close(self->mapped);
	close(self->file);
	keeper_end(&self->k);
	inject_end(&self->inject);
}

/* ---- sending ------------------------------------------------------------------- */

static unsigned int fetched(const env_t *env)
{
	return __atomic_load_n(&env->k.fetched, __ATOMIC_ACQUIRE);
}

static int prepare_send(env_t *env)
{
	env->before = fetched(env);
	env->fd = fcntl(env->k.memfd, F_DUPFD_CLOEXEC, 0);
	return env->fd < 0 ? -errno : 0;
}

static long call_send(env_t *env)
{
	return scheme_sendfd(env->file, env->fd, "door", 1,
			     SCHEME_SENDFD_CLONE, NULL);
}

/* The provider has had the file exactly if the call went well. */
static int tidy_send(env_t *env, long result)
{
	if (fetched(env) - env->before != (result >= 0))
		return -EBADMSG;
	return close(env->fd);
}

static const struct failing sends = {
	.name = "SENDFD of a copy", .prepare = prepare_send, .call = call_send,
	.tidy = tidy_send, .memory = REFUSES, .copies = true,
};

static long call_move(env_t *env)
{
	return scheme_sendfd(env->file, env->fd, "door", 1, 0, NULL);
}

/* As is the sender's descriptor, the other way round. */
static int tidy_move(env_t *env, long result)
{
	bool open = fcntl(env->fd, F_GETFD) >= 0;

	if (fetched(env) - env->before != (result >= 0) ||
	    open != (result < 0))
		return -EBADMSG;
	return open ? close(env->fd) : 0;
}

static const struct failing moves = {
	.name = "SENDFD", .prepare = prepare_send, .call = call_move,
	.tidy = tidy_move, .memory = REFUSES, .copies = true,
};

/*
 * The command is a worker's, which no failure meets; but the worker has to be
 * made, and without one io_uring cancels. EAGAIN is its word for no memory.
 */
static int prepare_send_ring(env_t *env)
{
	struct io_uring_sqe *sqe;
	int ret = prepare_ring(env);

	if (ret)
		return ret;
	env->before = fetched(env);
	env->arg.send = (struct scheme_sendfd){ .fd = env->k.memfd };
	env->arg.send.flags = SCHEME_SENDFD_CLONE;
	sqe = io_uring_get_sqe(&env->ring);
	scheme_prep_command(sqe, env->file, SCHEME_IOC_SENDFD, &env->arg.send);
	sqe->user_data = 1;
	return 0;
}

static int tidy_send_ring(env_t *env, long result)
{
	tidy_ring(env, result);
	return fetched(env) - env->before == (result >= 0) ? 0 : -EBADMSG;
}

static const struct failing uring_sends = {
	.name = "SENDFD by io_uring", .prepare = prepare_send_ring,
	.call = submit, .result = result_ring, .tidy = tidy_send_ring,
	.memory = REFUSES, .core = { EAGAIN, ECANCELED },
};

/* ---- receiving ------------------------------------------------------------------ */

static long call_receive(env_t *env)
{
	return scheme_recvfd(env->file, "door", 1, O_CLOEXEC);
}

static const struct failing receives = {
	.name = "RECVFD", .call = call_receive, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static long call_open_another(env_t *env)
{
	return scheme_openat(env->file, "another", O_RDWR | O_CLOEXEC, 0);
}

static const struct failing opens_another = {
	.name = "OPENAT that returns another file", .call = call_open_another,
	.tidy = tidy_fd, .memory = REFUSES, .copies = true,
};

/* ---- memory --------------------------------------------------------------------- */

static long call_prep(env_t *env)
{
	return scheme_mmap_prep(env->file, 0, PAGE, 0);
}

static const struct failing preps = {
	.name = "MMAP_PREP", .call = call_prep,
	.memory = REFUSES, .copies = true,
};

static unsigned int unmaps(const env_t *env)
{
	return __atomic_load_n(&env->k.unmaps, __ATOMIC_ACQUIRE);
}

static long map_begin(env_t *env, int flags)
{
	void *at = mmap(MAP_AT, PAGES * PAGE, PROT_READ | PROT_WRITE,
			flags | MAP_FIXED_NOREPLACE, env->mapped, 0);

	return at == MAP_FAILED ? -errno : 0;
}

/* The provider hears of the end of what has been mapped, and of no other. */
static int map_end(env_t *env, long mapped)
{
	if (!mapped)
		return msync(MAP_AT, PAGE, MS_ASYNC) &&
		       unmaps(env) == env->before ? 0 : -EBADMSG;
	if (munmap(MAP_AT, PAGES * PAGE))
		return -errno;
	return wait_until(unmaps(env) == env->before + 1) ? 0 : -ETIMEDOUT;
}

static int prepare_map(env_t *env)
{
	env->before = unmaps(env);
	return 0;
}

static long call_map(env_t *env)
{
	return map_begin(env, MAP_SHARED);
}

static int tidy_map(env_t *env, long result)
{
	if (!result)
		MAP_AT[PAGE] = 1;
	return map_end(env, !result);
}

static const struct failing maps = {
	.name = "mmap", .prepare = prepare_map, .call = call_map,
	.tidy = tidy_map, .memory = REFUSES,
};

static long call_map_private(env_t *env)
{
	return map_begin(env, MAP_PRIVATE);
}

static const struct failing maps_private = {
	.name = "mmap, private", .prepare = prepare_map,
	.call = call_map_private, .tidy = tidy_map, .memory = REFUSES,
};

static int prepare_unmap(env_t *env)
{
	env->before = unmaps(env);
	return map_begin(env, MAP_SHARED);
}

static long call_unmap(env_t *env)
{
	(void)env;
	return errno_of(munmap(MAP_AT, PAGES * PAGE));
}

static int tidy_unmap(env_t *env, long result)
{
	if (result < 0)
		return map_end(env, true);
	return wait_until(unmaps(env) == env->before + 1) ? 0 : -ETIMEDOUT;
}

static const struct failing unmap = {
	.name = "munmap", .prepare = prepare_unmap, .call = call_unmap,
	.tidy = tidy_unmap, .memory = COPES,
};

/* Two mappings are left of one, or it is as it was. */
static long call_unmap_part(env_t *env)
{
	(void)env;
	return errno_of(munmap(MAP_AT + PAGE, PAGE));
}

static int tidy_unmap_part(env_t *env, long result)
{
	(void)result;
	MAP_AT[0] = 1;
	MAP_AT[2 * PAGE] = 1;
	if (unmaps(env) != env->before)
		return -EBADMSG;
	return map_end(env, true);
}

static const struct failing unmap_part = {
	.name = "munmap of the middle", .prepare = prepare_unmap,
	.call = call_unmap_part, .tidy = tidy_unmap_part, .memory = REFUSES,
};

/* ---- the provider's files --------------------------------------------------------- */

static int prepare_attach(env_t *env)
{
	env->arg.at = (struct scheme_openat){
		.path = (uintptr_t)"x", .path_len = 1,
		.flags = O_RDWR | O_CLOEXEC,
	};
	job_ioctl(&env->job, env->own_file, SCHEME_IOC_OPENAT, &env->arg.at);
	return queue_expect(&env->own.q[0], &env->sqe, SCHEME_OP_OPEN);
}

static long call_attach(env_t *env)
{
	return queue_attach(&env->own.q[0], env->sqe.user_data, env->k.memfd,
			    &env->ticket);
}

/* If it failed late the file is there, and goes with the request. */
static int tidy_attach(env_t *env, long result)
{
	struct queue *q = &env->own.q[0];
	long fd;

	if (result < 0) {
		if (queue_answer(q, &env->sqe, -EPERM))
			return -EBADMSG;
		return job_wait(&env->job) == -EPERM ? 0 : -EBADMSG;
	}
	if (queue_answer_fd(q, &env->sqe, env->ticket))
		return -EBADMSG;
	fd = job_wait(&env->job);
	return fd < 0 ? fd : close(fd);
}

static const struct failing attaches = {
	.name = "ATTACH", .prepare = prepare_attach, .call = call_attach,
	.tidy = tidy_attach, .memory = TAKES_NONE, .copies = true,
};

static int prepare_attach_memory(env_t *env)
{
	env->arg.prep = (struct scheme_mmap_prep){ .size = PAGE };
	job_ioctl(&env->job, env->own_file, SCHEME_IOC_MMAP_PREP,
		  &env->arg.prep);
	return queue_expect(&env->own.q[0], &env->sqe, SCHEME_OP_MMAP_PREP);
}

static long call_attach_memory(env_t *env)
{
	return queue_attach_memory(&env->own.q[0], env->sqe.user_data,
				   env->k.memfd, 0, PAGE, 0);
}

static int tidy_attach_memory(env_t *env, long result)
{
	if (queue_answer(&env->own.q[0], &env->sqe, result))
		return -EBADMSG;
	return job_wait(&env->job) == result ? 0 : -EBADMSG;
}

static const struct failing attaches_memory = {
	.name = "ATTACH_MEMORY", .prepare = prepare_attach_memory,
	.call = call_attach_memory, .tidy = tidy_attach_memory,
	.memory = TAKES_NONE, .copies = true,
};

static int prepare_fetch(env_t *env)
{
	env->arg.send = (struct scheme_sendfd){
		.fd = env->k.memfd, .flags = SCHEME_SENDFD_CLONE,
	};
	job_ioctl(&env->job, env->own_file, SCHEME_IOC_SENDFD, &env->arg.send);
	return queue_expect(&env->own.q[0], &env->sqe, SCHEME_OP_SENDFD);
}

static long call_fetch(env_t *env)
{
	return queue_fetch(&env->own.q[0], env->sqe.user_data, O_CLOEXEC);
}

/* What has not been fetched can be, still; and what has been, cannot. */
static int tidy_fetch(env_t *env, long result)
{
	long fd = call_fetch(env);

	if ((result < 0) != (fd >= 0) || (result >= 0 && fd != -ENOENT))
		return -EBADMSG;
	close(fd < 0 ? result : fd);
	if (queue_answer(&env->own.q[0], &env->sqe, 0))
		return -EBADMSG;
	return job_wait(&env->job);
}

static const struct failing fetches = {
	.name = "FETCH", .prepare = prepare_fetch, .call = call_fetch,
	.tidy = tidy_fetch, .memory = TAKES_NONE, .copies = true,
};

/* ---- all of them ------------------------------------------------------------------- */

FAIL_NTH(S27_failures_in_sendfd, moves)
FAIL_NTH(S27_failures_in_sendfd_of_a_copy, sends)
FAIL_NTH(S27_failures_in_sendfd_by_uring, uring_sends)
FAIL_NTH(S27_failures_in_recvfd, receives)
FAIL_NTH(S26_failures_in_openat_that_returns_another_file, opens_another)
FAIL_NTH(S25_failures_in_mmap_prep, preps)
FAIL_NTH(S25_failures_in_mmap, maps)
FAIL_NTH(S25_failures_in_private_mmap, maps_private)
FAIL_NTH(S25_failures_in_munmap, unmap)
FAIL_NTH(S25_failures_in_munmap_of_the_middle, unmap_part)
FAIL_NTH(S26_failures_in_attach, attaches)
FAIL_NTH(S25_failures_in_attach_memory, attaches_memory)
FAIL_NTH(S27_failures_in_fetch, fetches)

TEST_HARNESS_MAIN
