// SPDX-License-Identifier: GPL-2.0
/* What buffers cost, and whose limits they meet. */
#include <sys/wait.h>

#include "../cgroup.h"
#include "phys.h"

#define MUST(cond)	do { if (!(cond)) return __LINE__ & 0xff ?: 1; } while (0)

/* ---- the user's limit ------------------------------------------------------------------ */

#define LIMIT_MIB	32

FIXTURE(limit) {
	int fd;
	long before;
};

FIXTURE_SETUP(limit)
{
	self->before = limit_get();
	ASSERT_LE(0, self->before);
	ASSERT_EQ(0, limit_set(LIMIT_MIB));
	self->fd = phys_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(limit)
{
	close(self->fd);
	EXPECT_EQ(0, limit_set(self->before));
}

/* How many buffers of a MiB there are to be had. */
static unsigned int mibs(int fd, uint32_t flags)
{
	struct scheme_physalloc a;
	unsigned int nr = 0;

	while (nr < 2 * LIMIT_MIB && !phys_get(fd, MIB(1), flags, &a))
		nr++;
	return nr;
}

TEST_F(limit, P11_at_the_limit_there_is_enomem)
{
	struct scheme_physalloc a, last;

	EXPECT_EQ(-ENOMEM, phys_get(self->fd, MIB(LIMIT_MIB + 1), SCHEME_PHYS_LIST,
				    &a));
	for (int i = 0; i < LIMIT_MIB; i++)
		ASSERT_EQ(0, phys_get(self->fd, MIB(1), SCHEME_PHYS_LIST, &last));
	EXPECT_EQ(-ENOMEM, phys_get(self->fd, PAGE, 0, &a));
	EXPECT_EQ(-ENOMEM, phys_get(self->fd, MIB(1), SCHEME_PHYS_LIST, &a));
	/* room for as much as goes */
	EXPECT_EQ(0, phys_free(self->fd, &last));
	EXPECT_EQ(0, phys_get(self->fd, MIB(1) - PAGE, SCHEME_PHYS_LIST, &a));
	EXPECT_EQ(0, phys_get(self->fd, PAGE, 0, &a));
	EXPECT_EQ(-ENOMEM, phys_get(self->fd, PAGE, 0, &a));
}

/* It is the user's, however many owners there are. */
TEST_F(limit, P11_owners_of_a_user_share_the_limit)
{
	struct scheme_physalloc a;
	int fd = phys_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, phys_get(self->fd, MIB(LIMIT_MIB - 4), SCHEME_PHYS_LIST, &a));
	EXPECT_EQ(4, mibs(fd, 0));
	EXPECT_EQ(0, mibs(self->fd, 0));
	close(fd);
	EXPECT_EQ(4, mibs(self->fd, 0));
}

TEST_F(limit, P11_all_that_is_freed_at_close_counts_no_more)
{
	for (int i = 0; i < 5; i++) {
		int fd = phys_open();

		ASSERT_LE(0, fd);
		EXPECT_EQ(LIMIT_MIB, mibs(fd, i % 2 ? SCHEME_PHYS_LIST : 0));
		close(fd);
	}
	EXPECT_EQ(LIMIT_MIB, mibs(self->fd, 0));
}

/* What is mapped is still there, and so still counts. */
TEST_F(limit, P11_a_freed_buffer_counts_while_it_is_mapped)
{
	struct scheme_physalloc a, b;
	char *mem;

	ASSERT_EQ(0, phys_get(self->fd, MIB(LIMIT_MIB), SCHEME_PHYS_LIST, &a));
	mem = phys_map(self->fd, &a);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, phys_free(self->fd, &a));
	EXPECT_EQ(-ENOMEM, phys_get(self->fd, PAGE, 0, &b));
	munmap(mem, a.size / 2);
	EXPECT_EQ(-ENOMEM, phys_get(self->fd, PAGE, 0, &b));
	munmap(mem + a.size / 2, a.size / 2);
	EXPECT_EQ(0, phys_get(self->fd, PAGE, 0, &b));
}

TEST_F(limit, P11_an_exported_buffer_counts_while_it_is_used)
{
	struct scheme_physalloc a, b;
	int dmabuf;

	ASSERT_EQ(0, phys_get(self->fd, MIB(LIMIT_MIB), SCHEME_PHYS_LIST, &a));
	dmabuf = phys_export(self->fd, a.offset, O_RDWR);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(0, phys_free(self->fd, &a));
	EXPECT_EQ(-ENOMEM, phys_get(self->fd, PAGE, 0, &b));
	close(dmabuf);
	/* the last reference may go a moment later */
	EXPECT_TRUE(wait_until(!phys_get(self->fd, PAGE, 0, &b)));
}

/* A part costs what it is, not what was wished for. */
TEST_F(limit, P11_a_failure_costs_nothing)
{
	struct scheme_physalloc a;

	/* all of the limit, if they cost anything */
	for (int i = 0; i < LIMIT_MIB; i++) {
		a = phys_wish(MIB(1), 0);
		a.addr_bits = 12;
		ASSERT_EQ(-ENOMEM, phys_alloc(self->fd, &a));
		a = phys_wish(MIB(1), 0);
		a.ranges = 1;
		a.max_ranges = 1;
		ASSERT_EQ(-EFAULT, phys_alloc(self->fd, &a));
	}
	EXPECT_EQ(LIMIT_MIB, mibs(self->fd, 0));
}

/* Buffers without end, of a page each, end before memory does. */
TEST_F(limit, P11_the_number_of_buffers_has_an_end)
{
	struct scheme_physalloc a;
	long nr = 0;
	int ret;

	ASSERT_EQ(0, limit_set(self->before));
	while (!(ret = phys_get(self->fd, PAGE, 0, &a)) && nr < 1 << 20)
		nr++;
	printf("# %ld buffers of a page, then %d\n", nr, ret);
	EXPECT_TRUE(ret == -ENOSPC || ret == -ENOMEM);
	EXPECT_LT(100, nr);
	EXPECT_EQ(0, phys_free(self->fd, &(struct scheme_physalloc){
			.offset = 1ULL << 32, .size = PAGE }));
	EXPECT_EQ(0, phys_get(self->fd, PAGE, 0, &a));
}

/* ---- the memory cgroup's limit ----------------------------------------------------------- */

#define CGROUP_MIB	16

FIXTURE(memcg) {
	struct cgroup cg;
};

FIXTURE_SETUP(memcg)
{
	int ret = cgroup_begin(&self->cg, MIB(CGROUP_MIB));

	if (ret)
		SKIP(return, "no memory cgroups here: %s", strerror(-ret));
}

FIXTURE_TEARDOWN(memcg)
{
	cgroup_end(&self->cg);
}

/* Single pages and blocks until there are no more; then all is well, and all goes. */
static int fills_its_cgroup(void *arg)
{
	struct scheme_physalloc a;
	unsigned int nr = 0;
	int fd, ret;

	MUST(!cgroup_enter(arg));
	fd = phys_open();
	MUST(fd >= 0);
	MUST(phys_get(fd, MIB(4 * CGROUP_MIB), SCHEME_PHYS_LIST, &a) == -ENOMEM);
	while (!(ret = phys_get(fd, KIB(256), nr % 2 ? SCHEME_PHYS_LIST : 0, &a)))
		MUST(++nr < 4 * CGROUP_MIB);
	MUST(ret == -ENOMEM);
	/* some was to be had */
	MUST(nr > CGROUP_MIB);
	close(fd);
	fd = phys_open();
	MUST(fd >= 0);
	MUST(!phys_get(fd, MIB(4), SCHEME_PHYS_LIST, &a));
	return 0;
}

TEST_F(memcg, P11_a_full_cgroup_is_enomem_and_kills_nobody)
{
	EXPECT_EQ(0, child_result(child_start(fills_its_cgroup, &self->cg)));
	EXPECT_EQ(0, cgroup_number(&self->cg, "memory.events", "oom_kill"));
	EXPECT_TRUE(wait_until(cgroup_number(&self->cg, "memory.current", NULL) <
			       (long long)MIB(2)));
}

static int takes_four(void *arg)
{
	long long before, after;
	struct scheme_physalloc a;
	int fd;

	MUST(!cgroup_enter(arg));
	fd = phys_open();
	before = cgroup_number(arg, "memory.current", NULL);
	MUST(!phys_get(fd, MIB(4), SCHEME_PHYS_LIST, &a));
	after = cgroup_number(arg, "memory.current", NULL);
	printf("# %lld KiB more in the cgroup for 4096 of a buffer\n",
	       (after - before) >> 10);
	/* the kernel charges in advance, and gives back in arrears, by some pages */
	MUST(after - before >= (long long)MIB(4) - (long long)KIB(512));
	MUST(!phys_free(fd, &a));
	MUST(cgroup_number(arg, "memory.current", NULL) - before < (long long)MIB(1));
	return 0;
}

TEST_F(memcg, P11_a_buffer_is_charged_to_the_cgroup)
{
	EXPECT_EQ(0, child_result(child_start(takes_four, &self->cg)));
}

/* ---- the machine's ------------------------------------------------------------------------ */

/* More than there is: refused, and nobody else has to go. */
TEST_F(phys, P11_more_than_the_machine_has_is_enomem)
{
	struct scheme_physalloc a;
	long before = limit_get();

	ASSERT_EQ(0, limit_set(1 << 20));
	for (int i = 0; i < 3; i++) {
		a = phys_wish(SCHEME_PHYS_SIZE_MAX, i ? SCHEME_PHYS_LIST : 0);
		if (meminfo("MemTotal") > SCHEME_PHYS_SIZE_MAX)
			SKIP(goto out, "there is as much memory");
		EXPECT_EQ(-ENOMEM, ALLOC(&a));
	}
out:
	EXPECT_EQ(0, limit_set(before));
	EXPECT_EQ(0, phys_get(self->fd, MIB(1), 0, &a));
}

TEST_HARNESS_MAIN
