// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in what makes and uses direct rings. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <scheme_ring.h>

#include "../harness.h"
#include "../inflight.h"
#include "../inject.h"
#include "../owner.h"
#include "../ring.h"
#include "../uring.h"

#define NAME	"test-failnth-ring"
#define PAGE	4096
/* Where rings are mapped: page tables of every level are wanted. */
#define MAP_AT	((char *)0x100000000000)
#define SQ	8
#define CQ	16

/* A provider that serves by itself, rings among the rest. */
struct keeper {
	struct scheme	*scheme;
	pthread_t	thread;
	int		stop;
};

FIXTURE(failnth) {
	struct inject inject;
	struct keeper k;
	int file;			/* of the keeper's */
	struct provider own;		/* served by the test, step by step */
	int own_file;
	struct ring_pair pair;		/* of the latter */
	int memory;
	int dma_buf;
	/* of one call */
	unsigned int before;		/* descriptors */
	int fd;
	struct ring_side side;
	struct scheme_sqe sqe;
	struct job job;
	struct scheme_ring_attach attach;
	struct io_uring ring;
};

#include "failnth.h"

/* ---- the keeper --------------------------------------------------------------- */

static void k_open(struct scheme_req *req, uint64_t dir, const char *path, int flags,
		   mode_t mode)
{
	(void)dir;
	(void)path;
	(void)flags;
	(void)mode;
	scheme_reply_open(req, 5, 0, 0);
}

static void k_close(struct scheme *s, uint64_t handle)
{
	(void)s;
	(void)handle;
}

static const struct scheme_ops ops = {
	.open = k_open, .close = k_close, .ring = scheme_serve_ring,
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
	int ret = scheme_create(&k->scheme, &config, &ops, sizeof(ops), k);

	return ret ?: -pthread_create(&k->thread, NULL, keep, k);
}

static void keeper_end(struct keeper *k)
{
	__atomic_store_n(&k->stop, 1, __ATOMIC_RELAXED);
	scheme_stop(k->scheme);
	pthread_join(k->thread, NULL);
	scheme_destroy(k->scheme);
}

/* ---- fixture ------------------------------------------------------------------- */

static bool settled(const char *name)
{
	return scheme_attr(name, "handles") == 1 && !scheme_attr(name, "in_flight") &&
	       !scheme_attr(name, "refused");
}

static bool usable(env_t *env)
{
	return wait_until(settled(NAME) && settled(NAME "-own")) &&
	       ring_state(env->pair.prov.fd) == SCHEME_RING_ATTACHED;
}

/* A page of the memory scheme's, as a dma-buf. */
static int new_dma_buf(void)
{
	struct scheme_physalloc pa = {
		.size = PAGE, .min = PAGE, .flags = SCHEME_PHYS_NO_ADDR,
	};
	int owner = owner_open();
	int ret = owner < 0 ? owner : owner_alloc(owner, &pa);

	ret = ret ?: owner_export(owner, pa.offset);
	close(owner);
	return ret;
}

/* From its first ring on, the keeper has one descriptor more. */
static int first_ring(int file)
{
	unsigned int before = descriptors();
	struct ring_side side;
	int fd = ring_create(file, SQ, CQ);
	int ret = fd < 0 ? fd : ring_side_map(&side, fd);

	ret = ret ?: ring_attach(file, fd, 0);
	if (ret)
		return ret;
	ring_side_end(&side);
	return wait_until(descriptors() == before + 1) ? 0 : -EBUSY;
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
	ASSERT_EQ(0, first_ring(self->file));
	ASSERT_EQ(0, provider_begin(&self->own, NAME "-own"));
	self->own_file = client_open(&self->own, O_RDWR, 7, 0);
	ASSERT_LE(0, self->own_file);
	ASSERT_EQ(0, ring_pair_begin(&self->pair, &self->own, self->own_file, SQ, CQ));
	self->memory = ring_memfd(PAGE, F_SEAL_SHRINK);
	ASSERT_LE(0, self->memory);
	self->dma_buf = new_dma_buf();
	ASSERT_LE(0, self->dma_buf);
	ASSERT_EQ(0, ring_region_add(self->pair.client.fd, self->memory, 0, PAGE));
	ASSERT_EQ(0, ring_region_add(self->pair.client.fd, self->dma_buf, PAGE, PAGE));
}

FIXTURE_TEARDOWN(failnth)
{
	close(self->dma_buf);
	close(self->memory);
	ring_pair_end(&self->pair);
	close(self->own_file);
	provider_end(&self->own);
	close(self->file);
	keeper_end(&self->k);
	inject_end(&self->inject);
}

/* ---- making one ------------------------------------------------------------------ */

static long call_create(env_t *env)
{
	return ring_create(env->file, 64, 128);
}

static const struct failing creates = {
	.name = "RING_CREATE", .call = call_create, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static int prepare_new(env_t *env)
{
	env->fd = ring_create(env->file, SQ, CQ);
	return env->fd < 0 ? env->fd : 0;
}

static long call_map(env_t *env)
{
	void *at = mmap(MAP_AT, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, env->fd, 0);

	return at == MAP_FAILED ? -errno : 0;
}

/* It is mapped, or it still waits for that. */
static int tidy_map(env_t *env, long result)
{
	uint32_t want = result ? SCHEME_RING_CREATED : SCHEME_RING_MAPPED;

	if (ring_state(env->fd) != want)
		return -EBADMSG;
	if (!result)
		munmap(MAP_AT, 4 * PAGE);
	return close(env->fd);
}

static const struct failing maps = {
	.name = "mmap of entries", .prepare = prepare_new, .call = call_map,
	.tidy = tidy_map, .memory = REFUSES,
};

static int prepare_attach(env_t *env)
{
	int ret;

	env->before = descriptors();
	ret = prepare_new(env);
	return ret ?: ring_side_map(&env->side, env->fd);
}

static long call_attach(env_t *env)
{
	return ring_attach(env->file, env->fd, 0);
}

/* One that has not asked the provider may try again. The provider's end is ours, too. */
static int tidy_attach(env_t *env, long result)
{
	uint32_t state = ring_state(env->fd);

	ring_side_end(&env->side);
	if (!wait_until(descriptors() == env->before))
		return -EBUSY;
	if (!result)
		return state == SCHEME_RING_ATTACHED ? 0 : -EBADMSG;
	return state == SCHEME_RING_MAPPED ? 0 : -EBADMSG;
}

static const struct failing attaches = {
	.name = "RING_ATTACH", .prepare = prepare_attach, .call = call_attach,
	.tidy = tidy_attach, .memory = REFUSES, .copies = true,
};

static int prepare_fetch(env_t *env)
{
	int ret;

	env->fd = ring_create(env->own_file, SQ, CQ);
	ret = env->fd < 0 ? env->fd : ring_side_map(&env->side, env->fd);
	if (ret)
		return ret;
	env->attach = (struct scheme_ring_attach){ .ring = env->fd };
	job_ioctl(&env->job, env->own_file, SCHEME_IOC_RING_ATTACH, &env->attach);
	return queue_expect(&env->own.q[0], &env->sqe, SCHEME_OP_RING_ATTACH);
}

static long call_fetch(env_t *env)
{
	return queue_fetch(&env->own.q[0], env->sqe.user_data, O_CLOEXEC);
}

/* What has not been fetched can be, still; and what has been, cannot. */
static int tidy_fetch(env_t *env, long result)
{
	long fd = call_fetch(env), ret;

	if ((result < 0) != (fd >= 0) || (result >= 0 && fd != -ENOENT))
		return -EBADMSG;
	if (queue_answer(&env->own.q[0], &env->sqe, 0))
		return -EBADMSG;
	ret = job_wait(&env->job);
	close(fd < 0 ? result : fd);
	ring_side_end(&env->side);
	return ret;
}

static const struct failing fetches = {
	.name = "FETCH of an end", .prepare = prepare_fetch, .call = call_fetch,
	.tidy = tidy_fetch, .memory = TAKES_NONE, .copies = true,
};

/* ---- what it is lent --------------------------------------------------------------- */

static long call_region(env_t *env)
{
	return ring_region_add(env->fd, env->memory, 0, PAGE);
}

/* It is there exactly if the call went well. */
static int tidy_region(env_t *env, long result)
{
	uint64_t offset, size;
	int there = ring_region(env->fd, 0, &offset, &size);

	close(env->fd);
	return there == (result ? -ENOENT : 0) ? 0 : -EBADMSG;
}

static const struct failing regions = {
	.name = "RING_REGION_ADD", .prepare = prepare_new, .call = call_region,
	.tidy = tidy_region, .memory = TAKES_NONE, .copies = true,
};

static long pool_begin(env_t *env, uint64_t offset)
{
	void *at = mmap(MAP_AT, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
			env->pair.prov.fd, SCHEME_RING_POOL + offset);

	return at == MAP_FAILED ? -errno : 0;
}

static long call_pool(env_t *env)
{
	return pool_begin(env, 0);
}

static long call_pool_dma_buf(env_t *env)
{
	return pool_begin(env, PAGE);
}

static int tidy_pool(env_t *env, long result)
{
	(void)env;
	if (result)
		return 0;
	MAP_AT[0] = 1;
	return munmap(MAP_AT, PAGE);
}

static const struct failing pools = {
	.name = "mmap of shmem in a pool", .call = call_pool, .tidy = tidy_pool,
	.memory = REFUSES,
};

static const struct failing pools_dma_buf = {
	.name = "mmap of a dma-buf in a pool", .call = call_pool_dma_buf,
	.tidy = tidy_pool, .memory = REFUSES,
};

static long call_file(env_t *env)
{
	return ring_file_add(env->fd, env->file);
}

static int tidy_file(env_t *env, long result)
{
	(void)result;
	return close(env->fd);
}

static const struct failing files = {
	.name = "RING_FILE_ADD", .prepare = prepare_new, .call = call_file,
	.tidy = tidy_file, .memory = REFUSES, .copies = true,
};

/* ---- the doorbell -------------------------------------------------------------------- */

static long call_bell(env_t *env)
{
	return ring_notify(env->pair.client.fd);
}

/* It was rung exactly if the call went well. */
static int tidy_bell(env_t *env, long result)
{
	return ring_wait_ms(env->pair.prov.fd, 0) == (result ? -ETIME : 0) ? 0 : -EBADMSG;
}

static const struct failing bells = {
	.name = "RING_ENTER", .call = call_bell, .tidy = tidy_bell,
	.memory = TAKES_NONE, .copies = true,
};

static long call_info(env_t *env)
{
	struct scheme_ring_info info;

	return ring_info(env->pair.client.fd, &info);
}

static const struct failing infos = {
	.name = "RING_INFO", .call = call_info, .memory = TAKES_NONE, .copies = true,
};

FAIL_NTH(U6_failures_in_ring_create, creates)
FAIL_NTH(U6_failures_in_mmap_of_entries, maps)
FAIL_NTH(U6_failures_in_ring_attach, attaches)
FAIL_NTH(U6_failures_in_fetch_of_an_end, fetches)
FAIL_NTH(U22_failures_in_ring_region_add, regions)
FAIL_NTH(U22_failures_in_mmap_of_shmem, pools)
FAIL_NTH(U22_failures_in_mmap_of_a_dma_buf, pools_dma_buf)
FAIL_NTH(U23_failures_in_ring_file_add, files)
FAIL_NTH(U14_failures_in_ring_enter, bells)
FAIL_NTH(U6_failures_in_ring_info, infos)

TEST_HARNESS_MAIN
