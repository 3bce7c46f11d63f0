// SPDX-License-Identifier: GPL-2.0
/* Mappings of buffers, addresses of what is mapped, and buffers as dma-bufs. */
#include <signal.h>
#include <stdlib.h>
#include <linux/dma-buf.h>
#include <sys/uio.h>

#include "../touch.h"
#include "phys.h"

#define RW	(PROT_READ | PROT_WRITE)
#define SIZE	(4 * PAGE)

/* A buffer of four pages that say which they are. */
static int letters(int fd, struct scheme_physalloc *a)
{
	int ret = phys_get(fd, SIZE, 0, a);
	char *mem = ret ? NULL : phys_map(fd, a);

	if (!mem)
		return ret ?: -ENOMEM;
	for (int i = 0; i < 4; i++)
		memset(mem + i * PAGE, 'a' + i, PAGE);
	return munmap(mem, SIZE);
}

/* ---- mmap(2) -------------------------------------------------------------------- */

FIXTURE(map) {
	int fd;
	struct scheme_physalloc a;
};

FIXTURE_SETUP(map)
{
	self->fd = phys_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, letters(self->fd, &self->a));
}

FIXTURE_TEARDOWN(map)
{
	if (self->fd >= 0)
		close(self->fd);
}

/* From a page of the buffer on. */
#define MAP(size, prot, flags, page) \
	map_at(self->fd, size, prot, flags, self->a.offset + (page) * PAGE)

TEST_F(map, P8_parts_are_mapped_from_their_page_on)
{
	for (unsigned long page = 0; page < 4; page++) {
		for (unsigned long nr = 1; nr <= 4 - page; nr++) {
			long mem = MAP(nr * PAGE, RW, MAP_SHARED, page);

			ASSERT_LT(0, mem);
			EXPECT_EQ('a' + page, *(char *)mem);
			EXPECT_EQ('a' + page + nr - 1,
				  ((char *)mem)[nr * PAGE - 1]);
			EXPECT_EQ(0, munmap((void *)mem, nr * PAGE));
		}
	}
}

TEST_F(map, P8_beyond_the_buffer_is_enxio)
{
	EXPECT_EQ(-ENXIO, MAP(SIZE + 1, RW, MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, MAP(SIZE + PAGE, RW, MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, MAP(SIZE, RW, MAP_SHARED, 1));
	EXPECT_EQ(-ENXIO, MAP(2 * PAGE, RW, MAP_SHARED, 3));
	EXPECT_EQ(-ENXIO, MAP(PAGE, RW, MAP_SHARED, 4));
	EXPECT_EQ(-ENXIO, MAP(PAGE, RW, MAP_SHARED, 1000));
	/* up to the next buffer's name, and over it */
	EXPECT_EQ(-ENXIO, MAP(1ULL << 32, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, MAP(1ULL << 33, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, MAP(2 * PAGE, PROT_READ, MAP_SHARED,
			      (1ULL << 32) / PAGE - 1));
}

TEST_F(map, P8_what_is_no_buffer_is_enxio)
{
	EXPECT_EQ(-ENXIO, map_at(self->fd, PAGE, RW, MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, map_at(self->fd, PAGE, RW, MAP_SHARED, PAGE));
	EXPECT_EQ(-ENXIO, map_at(self->fd, PAGE, RW, MAP_SHARED,
				 self->a.offset + (1ULL << 32)));
	EXPECT_EQ(-ENXIO, map_at(self->fd, PAGE, RW, MAP_SHARED, 1ULL << 62));
	/* physical memory is not to be mapped by its address */
	EXPECT_EQ(-ENXIO, map_at(self->fd, PAGE, RW, MAP_SHARED, self->a.addr));
}

TEST_F(map, P8_another_owners_buffer_is_enxio)
{
	struct scheme_physalloc b;
	int fd = phys_open();

	ASSERT_LE(0, fd);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, phys_get(fd, PAGE, 0, &b));
	EXPECT_NE(self->a.offset, b.offset);
	EXPECT_EQ(-ENXIO, map_at(self->fd, PAGE, RW, MAP_SHARED, b.offset));
	close(fd);
}

TEST_F(map, P8_private_is_einval_and_executable_eperm)
{
	long mem;

	EXPECT_EQ(-EINVAL, MAP(SIZE, RW, MAP_PRIVATE, 0));
	EXPECT_EQ(-EINVAL, MAP(SIZE, PROT_READ, MAP_PRIVATE, 0));
	EXPECT_EQ(-EPERM, MAP(SIZE, RW | PROT_EXEC, MAP_SHARED, 0));
	EXPECT_EQ(-EPERM, MAP(SIZE, PROT_EXEC, MAP_SHARED, 0));
	/* nor does it become so */
	mem = MAP(SIZE, RW, MAP_SHARED, 0);
	ASSERT_LT(0, mem);
	EXPECT_EQ(-1, mprotect((void *)mem, SIZE, RW | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(map, P8_who_may_not_write_reads)
{
	int fd = open(MEMORY_NODE, O_RDONLY | O_CLOEXEC);
	struct scheme_physalloc a;
	long mem;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, phys_get(fd, SIZE, 0, &a));
	EXPECT_EQ(-EACCES, map_at(fd, SIZE, RW, MAP_SHARED, a.offset));
	EXPECT_EQ(-EACCES, map_at(fd, SIZE, PROT_WRITE, MAP_SHARED, a.offset));
	mem = map_at(fd, SIZE, PROT_READ, MAP_SHARED, a.offset);
	ASSERT_LT(0, mem);
	EXPECT_TRUE(bytes_are((void *)mem, 0, SIZE));
	EXPECT_EQ(-1, mprotect((void *)mem, SIZE, RW));
	EXPECT_EQ(EACCES, errno);
	close(fd);
}

/* Each open(2) makes an owner of its own, that by way of /proc, too. */
TEST_F(map, P8_another_open_is_another_owner)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENXIO, map_at(fd, PAGE, RW, MAP_SHARED, self->a.offset));
	EXPECT_EQ(-EINVAL, phys_free(fd, &self->a));
	close(fd);
	EXPECT_EQ(0, phys_free(self->fd, &self->a));
}

TEST_F(map, P8_a_mapping_does_not_grow)
{
	long mem = MAP(2 * PAGE, RW, MAP_SHARED, 0);

	ASSERT_LT(0, mem);
	EXPECT_EQ(MAP_FAILED, mremap((void *)mem, 2 * PAGE, 3 * PAGE,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(0, touch((char *)mem + 2 * PAGE - 1));
}

TEST_F(map, P8_parts_of_a_mapping_can_go)
{
	char *mem = phys_map(self->fd, &self->a);

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, munmap(mem + PAGE, PAGE));
	EXPECT_EQ(SIGSEGV, touch(mem + PAGE));
	EXPECT_EQ('a', mem[0]);
	EXPECT_EQ('c', mem[2 * PAGE]);
	EXPECT_EQ(0, munmap(mem, SIZE));
	mem = phys_map(self->fd, &self->a);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ('b', mem[PAGE]);
}

/* Who throws the mapping's pages away finds them again. */
TEST_F(map, P8_advice_loses_no_memory)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_PAGEOUT, MADV_COLD, MADV_FREE, MADV_REMOVE,
	};
	struct scheme_virttophys v;
	char *mem;

	for (int i = 0; i < 5; i++) {
		mem = phys_map(self->fd, &self->a);
		ASSERT_NE(NULL, mem);
		madvise(mem, SIZE, advice[i]);
		EXPECT_EQ(0, touch(mem));
		EXPECT_EQ('a', mem[0]);
		EXPECT_EQ('d', mem[3 * PAGE]);
		munmap(mem, SIZE);
	}
	mem = phys_map(self->fd, &self->a);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ('d', mem[3 * PAGE]);
	EXPECT_EQ(0, phys_virt(self->fd, mem, &v));
	EXPECT_EQ(self->a.addr, v.addr);
}

static bool has_letters(const char *mem)
{
	for (int i = 0; i < 4; i++)
		if (!bytes_are(mem + i * PAGE, 'a' + i, PAGE))
			return false;
	return true;
}

TEST_F(map, P8_a_mapping_outlives_the_buffer)
{
	char *mem = phys_map(self->fd, &self->a);
	struct scheme_physalloc b;
	char *other;

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, phys_free(self->fd, &self->a));
	EXPECT_EQ(-ENXIO, MAP(SIZE, RW, MAP_SHARED, 0));
	/* nobody gets its memory meanwhile */
	for (int i = 0; i < 64; i++) {
		ASSERT_EQ(0, phys_get(self->fd, SIZE, 0, &b));
		EXPECT_TRUE(b.addr + SIZE <= self->a.addr ||
			    self->a.addr + SIZE <= b.addr);
		other = phys_map(self->fd, &b);
		ASSERT_NE(NULL, other);
		memset(other, 'x', SIZE);
	}
	EXPECT_TRUE(has_letters(mem));
}

TEST_F(map, P8_a_mapping_outlives_the_owner)
{
	char *mem = phys_map(self->fd, &self->a);

	ASSERT_NE(NULL, mem);
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(has_letters(mem));
	memset(mem, 'z', SIZE);
	EXPECT_TRUE(bytes_are(mem, 'z', SIZE));
	EXPECT_EQ(0, munmap(mem, SIZE));
}

TEST_F(map, P8_memory_goes_with_its_last_mapping)
{
	uint64_t before = meminfo("MemFree");
	struct scheme_physalloc a;
	char *mem;

	ASSERT_EQ(0, phys_get(self->fd, MUCH, SCHEME_PHYS_LIST, &a));
	mem = phys_map(self->fd, &a);
	ASSERT_NE(NULL, mem);
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(memory_is_taken(before));
	EXPECT_EQ(0, munmap(mem, MUCH));
	EXPECT_TRUE(memory_is_back(before));
}

static int sees_and_writes(void *arg)
{
	char *mem = arg;

	if (!has_letters(mem))
		return 1;
	mem[0] = 'w';
	return 0;
}

TEST_F(map, P8_a_mapping_is_shared_with_a_child)
{
	char *mem = phys_map(self->fd, &self->a);
	int result;

	ASSERT_NE(NULL, mem);
	result = child_result(child_start(sees_and_writes, mem));
	EXPECT_EQ(0, result);
	EXPECT_EQ('w', mem[0]);
}

/* ---- pins ------------------------------------------------------------------------- */

/* read(2) of the pages by way of a pipe that has nothing but references to them. */
static int spliced(const char *mem, char *out)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)mem, .iov_len = SIZE };
	int fds[2], ret = 0;

	if (pipe(fds))
		return -errno;
	if (vmsplice(fds[1], &iov, 1, 0) != (ssize_t)SIZE)
		ret = -errno;
	else if (read(fds[0], out, SIZE) != (ssize_t)SIZE)
		ret = -EBADMSG;
	close(fds[0]);
	close(fds[1]);
	return ret;
}

TEST_F(map, P8_its_pages_can_be_pinned)
{
	char *mem = phys_map(self->fd, &self->a), out[SIZE];

	ASSERT_NE(NULL, mem);
	ASSERT_EQ(0, spliced(mem, out));
	EXPECT_TRUE(has_letters(out));
}

/* As the module says: not on 6.1. */
TEST_F(map, U25_a_buffer_is_a_fixed_buffer_of_io_uring)
{
	char *mem = phys_map(self->fd, &self->a), path[] = "/tmp/physmap-XXXXXX";
	struct iovec iov = { .iov_base = mem, .iov_len = SIZE };
	struct scheme_query query = {};
	int control = control_open(), file = mkstemp(path), ret;
	struct io_uring ring;

	ASSERT_NE(NULL, mem);
	ASSERT_LE(0, file);
	unlink(path);
	ASSERT_EQ(0, do_ioctl(control, SCHEME_IOC_QUERY, &query));
	ASSERT_EQ(0, uring_begin(&ring, 0));
	ret = io_uring_register_buffers(&ring, &iov, 1);
	if (!(query.features & SCHEME_F_MEMORY_FIXED)) {
		EXPECT_EQ(-EOPNOTSUPP, ret);
	} else {
		ASSERT_EQ(0, ret);
		io_uring_prep_write_fixed(io_uring_get_sqe(&ring), file, mem,
					  SIZE, 0, 0);
		io_uring_submit(&ring);
		EXPECT_EQ((long)SIZE, uring_wait(&ring, 0));
		/* the pin outlives all the rest */
		munmap(mem, SIZE);
		EXPECT_EQ(0, phys_free(self->fd, &self->a));
		mem = malloc(SIZE);
		EXPECT_EQ((ssize_t)SIZE, pread(file, mem, SIZE, 0));
		EXPECT_TRUE(has_letters(mem));
	}
	io_uring_queue_exit(&ring);
	close(control);
	close(file);
}

/* ---- addresses --------------------------------------------------------------------- */

TEST_F(phys, P9_addresses_follow_the_mapping)
{
	struct scheme_virttophys v;
	struct scheme_physalloc a;
	long mem;

	ASSERT_EQ(0, phys_get(self->fd, SIZE, 0, &a));
	/* a part, from its third page on */
	mem = map_at(self->fd, 2 * PAGE, RW, MAP_SHARED, a.offset + 2 * PAGE);
	ASSERT_LT(0, mem);
	v = (struct scheme_virttophys){ .virt = mem + PAGE + 7 };
	ASSERT_EQ(0, COMMAND(SCHEME_IOC_VIRTTOPHYS, &v));
	EXPECT_EQ(a.addr + 3 * PAGE + 7, v.addr);
	EXPECT_EQ(PAGE - 7, v.len);
	/* no further than the mapping */
	mem = map_at(self->fd, PAGE, RW, MAP_SHARED, a.offset);
	ASSERT_LT(0, mem);
	v = (struct scheme_virttophys){ .virt = mem };
	ASSERT_EQ(0, COMMAND(SCHEME_IOC_VIRTTOPHYS, &v));
	EXPECT_EQ(a.addr, v.addr);
	EXPECT_EQ(PAGE, v.len);
}

static long virt(FIXTURE_DATA(phys) *self, uint64_t at)
{
	struct scheme_virttophys v = { .virt = at, .addr = 77, .len = 78 };
	long ret = COMMAND(SCHEME_IOC_VIRTTOPHYS, &v);

	return ret || (v.addr == 77 && v.len == 78) ? ret : -EBADMSG;
}

TEST_F(phys, P9_other_memory_is_efault)
{
	struct scheme_physalloc a, b;
	int other = phys_open();
	char *mem, *foreign, *anon = mmap(NULL, SIZE, RW, MAP_SHARED |
					  MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, phys_get(self->fd, SIZE, 0, &a));
	mem = phys_map(self->fd, &a);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(-EBADMSG, virt(self, (uintptr_t)mem));
	ASSERT_EQ(0, phys_get(other, SIZE, 0, &b));
	foreign = phys_map(other, &b);
	ASSERT_NE(NULL, foreign);
	EXPECT_EQ(-EFAULT, virt(self, (uintptr_t)foreign));
	EXPECT_EQ(-EFAULT, virt(self, (uintptr_t)anon));
	EXPECT_EQ(-EFAULT, virt(self, (uintptr_t)&a));
	EXPECT_EQ(-EFAULT, virt(self, (uintptr_t)virt));
	EXPECT_EQ(-EFAULT, virt(self, 0));
	EXPECT_EQ(-EFAULT, virt(self, PAGE));
	EXPECT_EQ(-EFAULT, virt(self, UINT64_MAX));
	EXPECT_EQ(-EFAULT, virt(self, 1ULL << 63));
	EXPECT_EQ(-EFAULT, virt(self, 0xffffffff81000000));
	EXPECT_EQ(-EFAULT, virt(self, a.offset));
	EXPECT_EQ(-EFAULT, virt(self, a.addr));
	/* not mapped any more */
	munmap(mem + PAGE, PAGE);
	EXPECT_EQ(-EFAULT, virt(self, (uintptr_t)mem + PAGE));
	EXPECT_EQ(-EBADMSG, virt(self, (uintptr_t)mem + 2 * PAGE));
	close(other);
}

/* A buffer that has been given back has no address for the device. */
TEST_F(phys, P9_a_freed_buffer_is_efault)
{
	struct scheme_physalloc a;
	char *mem;

	ASSERT_EQ(0, phys_get(self->fd, SIZE, 0, &a));
	mem = phys_map(self->fd, &a);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, phys_free(self->fd, &a));
	mem[0] = 1;
	EXPECT_EQ(-EFAULT, virt(self, (uintptr_t)mem));
}

/* ---- as a dma-buf ------------------------------------------------------------------- */

TEST_F(phys, P8_a_dma_buf_is_the_same_memory)
{
	struct dma_buf_sync sync = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct scheme_physalloc a;
	struct scheme_export e;
	char *mem, *mine;
	int dmabuf;

	ASSERT_EQ(0, letters(self->fd, &a));
	e = (struct scheme_export){ .offset = a.offset, .flags = O_RDWR | O_CLOEXEC };
	dmabuf = COMMAND(SCHEME_IOC_EXPORT, &e);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(FD_CLOEXEC, fcntl(dmabuf, F_GETFD));
	EXPECT_EQ((off_t)SIZE, lseek(dmabuf, 0, SEEK_END));
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, dmabuf, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, do_ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_TRUE(has_letters(mem));
	mine = phys_map(self->fd, &a);
	ASSERT_NE(NULL, mine);
	mem[5] = '5';
	EXPECT_EQ('5', mine[5]);
	EXPECT_EQ(phys_pagemap(mine), phys_pagemap(mem));
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	EXPECT_EQ(0, do_ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(-EINVAL, map_at(dmabuf, SIZE + PAGE, RW, MAP_SHARED, 0));
	EXPECT_EQ(-EPERM, map_at(dmabuf, SIZE, RW | PROT_EXEC, MAP_SHARED, 0));
	close(dmabuf);
	EXPECT_EQ('5', mem[5]);
}

TEST_F(phys, P8_a_dma_buf_outlives_buffer_and_owner)
{
	struct scheme_physalloc a;
	int dmabuf;
	char *mem;

	ASSERT_EQ(0, letters(self->fd, &a));
	dmabuf = phys_export(self->fd, a.offset, O_RDWR);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(0, phys_free(self->fd, &a));
	close(self->fd);
	self->fd = -1;
	mem = mmap(NULL, SIZE, RW, MAP_SHARED, dmabuf, 0);
	ASSERT_NE(MAP_FAILED, mem);
	close(dmabuf);
	EXPECT_TRUE(has_letters(mem));
}

TEST_F(phys, P8_a_dma_buf_to_read_is_not_written)
{
	struct scheme_physalloc a;
	int dmabuf;

	ASSERT_EQ(0, letters(self->fd, &a));
	dmabuf = phys_export(self->fd, a.offset, O_RDONLY);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(-EACCES, map_at(dmabuf, SIZE, RW, MAP_SHARED, 0));
	EXPECT_LT(0, map_at(dmabuf, SIZE, PROT_READ, MAP_SHARED, 0));
	close(dmabuf);
}

TEST_HARNESS_MAIN
