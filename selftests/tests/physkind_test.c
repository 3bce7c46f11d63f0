// SPDX-License-Identifier: GPL-2.0
/* Memory that the processor's caches treat otherwise: uncached, or writes gathered. */
#include <sys/uio.h>

#include "phys.h"

#define RW	(PROT_READ | PROT_WRITE)
#define SIZE	(8 * PAGE)

FIXTURE(kind) {
	int fd;
	struct scheme_physalloc a;
	char *mem;
};

FIXTURE_VARIANT(kind) {
	uint32_t flag;
	uint32_t cache;
};

FIXTURE_VARIANT_ADD(kind, write_combine) {
	.flag = SCHEME_PHYS_WRITE_COMBINE, .cache = SCHEME_CACHE_WRITE_COMBINE,
};
FIXTURE_VARIANT_ADD(kind, uncached) {
	.flag = SCHEME_PHYS_NO_CACHE, .cache = SCHEME_CACHE_NONE,
};

FIXTURE_SETUP(kind)
{
	int ret;

	self->fd = phys_open();
	ASSERT_LE(0, self->fd);
	ret = phys_get(self->fd, SIZE, variant->flag, &self->a);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "not this kind of memory on this processor");
	ASSERT_EQ(0, ret);
	self->mem = phys_map(self->fd, &self->a);
	ASSERT_NE(NULL, self->mem);
}

FIXTURE_TEARDOWN(kind)
{
	if (self->mem)
		munmap(self->mem, SIZE);
	close(self->fd);
}

TEST_F(kind, P8_the_answer_says_which_kind_it_is)
{
	struct scheme_physalloc usual;

	EXPECT_EQ(variant->cache, self->a.cache);
	ASSERT_EQ(0, phys_get(self->fd, SIZE, 0, &usual));
	EXPECT_EQ(SCHEME_CACHE_WRITE_BACK, usual.cache);
}

TEST_F(kind, P8_it_is_zeroed_memory_that_keeps_what_is_written)
{
	struct scheme_virttophys v;
	char *twice;

	EXPECT_TRUE(bytes_are(self->mem, 0, SIZE));
	for (unsigned long i = 0; i < SIZE; i++)
		self->mem[i] = (char)(i * 7);
	twice = phys_map(self->fd, &self->a);
	ASSERT_NE(NULL, twice);
	for (unsigned long i = 0; i < SIZE; i++)
		ASSERT_EQ((char)(i * 7), twice[i]);
	ASSERT_EQ(0, phys_virt(self->fd, self->mem + 5, &v));
	EXPECT_EQ(self->a.addr + 5, v.addr);
	munmap(twice, SIZE);
	/* a part */
	twice = (char *)map_at(self->fd, PAGE, RW, MAP_SHARED,
			       self->a.offset + 3 * PAGE);
	ASSERT_LT(0, (long)twice);
	EXPECT_EQ(self->mem[3 * PAGE + 1], twice[1]);
	munmap(twice, PAGE);
}

/* It has other pages than usual in a mapping: nobody may hold them. */
TEST_F(kind, P8_it_cannot_be_pinned)
{
	struct iovec iov = { .iov_base = self->mem, .iov_len = PAGE };
	char out[PAGE];
	struct iovec local = { .iov_base = out, .iov_len = PAGE };
	struct io_uring ring;
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-1, vmsplice(fds[1], &iov, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, process_vm_readv(getpid(), &local, 1, &iov, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, uring_begin(&ring, 0));
	EXPECT_EQ(-EFAULT, io_uring_register_buffers(&ring, &iov, 1));
	io_uring_queue_exit(&ring);
	/* but copied */
	self->mem[0] = 'k';
	EXPECT_EQ((ssize_t)PAGE, write(fds[1], self->mem, PAGE));
	EXPECT_EQ((ssize_t)PAGE, read(fds[0], out, PAGE));
	EXPECT_EQ('k', out[0]);
	close(fds[0]);
	close(fds[1]);
}

TEST_F(kind, P8_its_limits_are_the_usual_ones)
{
	EXPECT_EQ(-ENXIO, map_at(self->fd, SIZE + PAGE, RW, MAP_SHARED,
				 self->a.offset));
	EXPECT_EQ(-EINVAL, map_at(self->fd, SIZE, RW, MAP_PRIVATE, self->a.offset));
	EXPECT_EQ(-EPERM, map_at(self->fd, SIZE, RW | PROT_EXEC, MAP_SHARED,
				 self->a.offset));
}

TEST_F(kind, P8_its_mapping_outlives_it)
{
	self->mem[1] = 'm';
	EXPECT_EQ(0, phys_free(self->fd, &self->a));
	EXPECT_EQ('m', self->mem[1]);
	munmap(self->mem + PAGE, PAGE);
	EXPECT_EQ('m', self->mem[1]);
}

/* A child's page tables have the same kind, or the kernel's log would say so. */
static int writes(void *arg)
{
	char *mem = arg;

	mem[2] = 'c';
	return munmap(mem, SIZE);
}

TEST_F(kind, P8_a_child_inherits_the_mapping)
{
	EXPECT_EQ(0, child_result(child_start(writes, self->mem)));
	EXPECT_EQ('c', self->mem[2]);
}

/* The usual kind again, whoever gets it: round after round, in lists and in ranges. */
TEST_F(kind, P8_it_is_made_usual_before_it_is_freed)
{
	struct scheme_physalloc a, b;
	char *mem;

	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, phys_get(self->fd, MIB(1), variant->flag |
				      (i % 2 ? SCHEME_PHYS_LIST : 0), &a));
		mem = phys_map(self->fd, &a);
		ASSERT_NE(NULL, mem);
		memset(mem, 0x77, MIB(1));
		munmap(mem, MIB(1));
		ASSERT_EQ(0, phys_free(self->fd, &a));
		ASSERT_EQ(0, phys_get(self->fd, MIB(1), 0, &b));
		mem = phys_map(self->fd, &b);
		ASSERT_NE(NULL, mem);
		EXPECT_TRUE(bytes_are(mem, 0, MIB(1)));
		munmap(mem, MIB(1));
		ASSERT_EQ(0, phys_free(self->fd, &b));
	}
}

/* As a dma-buf it is what it is. */
TEST_F(kind, P8_exported_it_is_of_the_same_kind)
{
	int dmabuf = phys_export(self->fd, self->a.offset, O_RDWR);
	char *mem;

	if (dmabuf == -EOPNOTSUPP)
		SKIP(return, "only usual memory is exported");
	ASSERT_LE(0, dmabuf);
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, dmabuf, 0);
	ASSERT_NE(MAP_FAILED, mem);
	mem[9] = 'd';
	EXPECT_EQ('d', self->mem[9]);
	munmap(mem, SIZE);
	close(dmabuf);
}

TEST_HARNESS_MAIN
