// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in every call of the memory scheme. */
#include <string.h>
#include <sys/mman.h>

#include "../harness.h"
#include "../inject.h"
#include "../phys.h"
#include "../uring.h"

#define LIST_SIZE	MIB(2)
#define ROOM		64

FIXTURE(failnth) {
	struct inject inject;
	int owner;
	struct scheme_range ranges[ROOM];
	/* of one call */
	int fd;
	struct scheme_physalloc a;
	struct scheme_ranges again;
	struct scheme_virttophys virt;
	char *mem;
	struct io_uring ring;		/* that of failnth.h, unused */
};

#include "failnth.h"

/* How many buffers the owner has; from /proc. */
static int buffers(int fd)
{
	char path[64], line[128];
	int nr = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		sscanf(line, "scheme-buffers: %d", &nr);
	fclose(f);
	return nr;
}

/* The owner has nothing, and gets something. */
static bool usable(env_t *env)
{
	struct scheme_physalloc a;
	char *mem;
	bool good;

	if (buffers(env->owner) || phys_get(env->owner, 2 * PAGE, 0, &a))
		return false;
	mem = phys_map(env->owner, &a);
	good = mem && bytes_are(mem, 0, a.size);
	if (mem)
		munmap(mem, a.size);
	return good && !phys_free(env->owner, &a);
}

FIXTURE_SETUP(failnth)
{
	int ret = inject_begin(&self->inject);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	self->owner = phys_open();
	ASSERT_LE(0, self->owner);
}

FIXTURE_TEARDOWN(failnth)
{
	close(self->owner);
	inject_end(&self->inject);
}

/* ---- owners ----------------------------------------------------------------------- */

static long call_open(env_t *env)
{
	(void)env;
	return phys_open();
}

static const struct failing opens = {
	.name = "open of the memory scheme", .call = call_open, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

/* With a range, a list, and one that is not of the usual kind. */
static int prepare_close(env_t *env)
{
	struct scheme_physalloc a;
	int ret;

	env->fd = phys_open();
	if (env->fd < 0)
		return env->fd;
	ret = phys_get(env->fd, PAGE, SCHEME_PHYS_WRITE_COMBINE, &a);
	if (ret && ret != -EOPNOTSUPP)
		return ret;
	return phys_get(env->fd, 2 * PAGE, 0, &a) ?:
	       phys_get(env->fd, LIST_SIZE, SCHEME_PHYS_LIST, &a);
}

static long call_close(env_t *env)
{
	return errno_of(close(env->fd));
}

/* KASAN needs memory to free a file. */
static const struct failing closes = {
	.name = "close of an owner with buffers", .prepare = prepare_close,
	.call = call_close, .memory = COPES,
};

/* ---- PHYSALLOC ---------------------------------------------------------------------- */

static int prepare_one(env_t *env)
{
	env->a = phys_wish(3 * PAGE, 0);
	env->a.ranges = (uintptr_t)env->ranges;
	env->a.max_ranges = 1;
	return 0;
}

static int prepare_list(env_t *env)
{
	env->a = phys_wish(LIST_SIZE, SCHEME_PHYS_LIST);
	env->a.ranges = (uintptr_t)env->ranges;
	env->a.max_ranges = ROOM;
	return 0;
}

static int prepare_partial(env_t *env)
{
	env->a = phys_wish(LIST_SIZE, SCHEME_PHYS_PARTIAL_ALLOC |
			   SCHEME_PHYS_GREATEST_RANGE);
	env->a.min = KIB(64);
	return 0;
}

/* Where addresses have few bits, blocks that are too high are put by. */
static int prepare_low(env_t *env)
{
	env->a = phys_wish(KIB(64), 0);
	env->a.addr_bits = 28;
	return 0;
}

static int prepare_kind(env_t *env)
{
	env->a = phys_wish(3 * PAGE, SCHEME_PHYS_WRITE_COMBINE);
	return 0;
}

static long call_alloc(env_t *env)
{
	return phys_alloc(env->owner, &env->a);
}

/* The kernel's list of a process's pages has none of memory of another kind; we have. */
static bool is_where_told(env_t *env, void *mem)
{
	if (!(env->a.flags & SCHEME_PHYS_WRITE_COMBINE))
		return phys_pagemap(mem) == env->a.addr;
	return !phys_virt(env->owner, mem, &env->virt) && env->virt.addr == env->a.addr;
}

/* All of it or nothing; what there is is whole, zeroed, and as it was told. */
static int tidy_alloc(env_t *env, long result)
{
	char *mem;
	int ret = 0;

	if (buffers(env->owner) != (result >= 0))
		return -EBADMSG;
	if (result < 0)
		return 0;
	mem = phys_map(env->owner, &env->a);
	if (!mem)
		return -ENOMEM;
	if (!bytes_are(mem, 0, env->a.size) || !is_where_told(env, mem))
		ret = -EBADMSG;
	memset(mem, 0xff, env->a.size);
	munmap(mem, env->a.size);
	return ret ?: phys_free(env->owner, &env->a);
}

static const struct failing one = {
	.name = "PHYSALLOC of one range", .prepare = prepare_one,
	.call = call_alloc, .tidy = tidy_alloc, .memory = REFUSES, .copies = true,
};

static const struct failing list = {
	.name = "PHYSALLOC of a list", .prepare = prepare_list,
	.call = call_alloc, .tidy = tidy_alloc, .memory = REFUSES, .copies = true,
};

static const struct failing partial = {
	.name = "PHYSALLOC of a part", .prepare = prepare_partial,
	.call = call_alloc, .tidy = tidy_alloc, .memory = REFUSES, .copies = true,
};

static const struct failing low = {
	.name = "PHYSALLOC below 2^28", .prepare = prepare_low,
	.call = call_alloc, .tidy = tidy_alloc, .memory = REFUSES, .copies = true,
};

static const struct failing kind = {
	.name = "PHYSALLOC of memory with gathered writes", .prepare = prepare_kind,
	.call = call_alloc, .tidy = tidy_alloc, .memory = REFUSES, .copies = true,
};

/* ---- commands on a buffer --------------------------------------------------------------- */

static int prepare_buffer(env_t *env)
{
	return phys_get(env->owner, LIST_SIZE, SCHEME_PHYS_LIST, &env->a);
}

static int tidy_buffer(env_t *env, long result)
{
	(void)result;
	return buffers(env->owner) != 1 ? -EBADMSG : phys_free(env->owner, &env->a);
}

static long call_ranges(env_t *env)
{
	env->again = (struct scheme_ranges){
		.offset = env->a.offset, .ranges = (uintptr_t)env->ranges,
		.max_ranges = ROOM,
	};
	return do_ioctl(env->owner, SCHEME_IOC_RANGES, &env->again);
}

static const struct failing ranges = {
	.name = "RANGES", .prepare = prepare_buffer, .call = call_ranges,
	.tidy = tidy_buffer, .memory = REFUSES, .copies = true,
};

static long call_sync(env_t *env)
{
	return phys_sync(env->owner, env->a.offset, PAGE,
			 SCHEME_SYNC_START | SCHEME_SYNC_READ);
}

static const struct failing syncs = {
	.name = "MEMORY_SYNC", .prepare = prepare_buffer, .call = call_sync,
	.tidy = tidy_buffer, .memory = TAKES_NONE, .copies = true,
};

static long call_export(env_t *env)
{
	return phys_export(env->owner, env->a.offset, O_RDWR | O_CLOEXEC);
}

static int tidy_export(env_t *env, long result)
{
	if (result >= 0)
		close(result);
	return tidy_buffer(env, result);
}

static const struct failing exports = {
	.name = "EXPORT", .prepare = prepare_buffer, .call = call_export,
	.tidy = tidy_export, .memory = REFUSES, .copies = true,
};

static long call_free(env_t *env)
{
	return phys_free(env->owner, &env->a);
}

/* It has gone, or is all there. */
static int tidy_free(env_t *env, long result)
{
	if (buffers(env->owner) != (result < 0))
		return -EBADMSG;
	return result < 0 ? phys_free(env->owner, &env->a) : 0;
}

static const struct failing frees = {
	.name = "PHYSFREE", .prepare = prepare_buffer, .call = call_free,
	.tidy = tidy_free, .memory = TAKES_NONE, .copies = true,
};

/* ---- mappings ---------------------------------------------------------------------------- */

static long call_map(env_t *env)
{
	env->mem = mmap(NULL, env->a.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			env->owner, (off_t)env->a.offset);
	return env->mem == MAP_FAILED ? -errno : 0;
}

static int tidy_map(env_t *env, long result)
{
	if (result >= 0) {
		if (!bytes_are(env->mem, 0, env->a.size))
			return -EBADMSG;
		munmap(env->mem, env->a.size);
	}
	return tidy_buffer(env, result);
}

static const struct failing maps = {
	.name = "mmap", .prepare = prepare_buffer, .call = call_map,
	.tidy = tidy_map, .memory = REFUSES,
};

static int prepare_kind_buffer(env_t *env)
{
	return phys_get(env->owner, LIST_SIZE, SCHEME_PHYS_LIST |
			SCHEME_PHYS_WRITE_COMBINE, &env->a);
}

static const struct failing maps_kind = {
	.name = "mmap of memory with gathered writes",
	.prepare = prepare_kind_buffer, .call = call_map, .tidy = tidy_map,
	.memory = REFUSES,
};

static int prepare_mapped(env_t *env)
{
	int ret = prepare_buffer(env);

	return ret ?: call_map(env);
}

static long call_virt(env_t *env)
{
	return phys_virt(env->owner, env->mem, &env->virt);
}

static int tidy_virt(env_t *env, long result)
{
	if (result >= 0 && env->virt.addr != env->a.addr)
		return -EBADMSG;
	munmap(env->mem, env->a.size);
	return tidy_buffer(env, result);
}

static const struct failing virts = {
	.name = "VIRTTOPHYS", .prepare = prepare_mapped, .call = call_virt,
	.tidy = tidy_virt, .memory = TAKES_NONE, .copies = true,
};

/* Not every kernel has it. */
static bool kind_is_there(env_t *env)
{
	struct scheme_physalloc a;

	return !phys_get(env->owner, PAGE, SCHEME_PHYS_WRITE_COMBINE, &a) &&
	       !phys_free(env->owner, &a);
}

#define FAIL_NTH_OF_KIND(name, failing)					\
TEST_F_TIMEOUT(failnth, name, 250)					\
{									\
	if (!kind_is_there(self))					\
		SKIP(return, "this kernel has no other kinds of memory"); \
	drive(_metadata, self, &(failing));				\
}

/* ---- all of them --------------------------------------------------------------------------- */

FAIL_NTH(P1_failures_in_open_of_an_owner, opens)
FAIL_NTH(P10_failures_in_close_of_an_owner_with_buffers, closes)
FAIL_NTH(P1_failures_in_physalloc_of_one_range, one)
FAIL_NTH(P5_failures_in_physalloc_of_a_list, list)
FAIL_NTH(P3_failures_in_physalloc_of_a_part, partial)
FAIL_NTH(P6_failures_in_physalloc_below_a_limit, low)
FAIL_NTH(P9_failures_in_ranges, ranges)
FAIL_NTH(P9_failures_in_virttophys, virts)
FAIL_NTH(P8_failures_in_sync, syncs)
FAIL_NTH(P8_failures_in_export, exports)
FAIL_NTH(P7_failures_in_physfree, frees)
FAIL_NTH(P8_failures_in_mmap, maps)
FAIL_NTH_OF_KIND(P8_failures_in_physalloc_of_another_kind, kind)
FAIL_NTH_OF_KIND(P8_failures_in_mmap_of_another_kind, maps_kind)

TEST_HARNESS_MAIN
