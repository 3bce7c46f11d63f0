// SPDX-License-Identifier: GPL-2.0
/* Direct rings: what a client lends to them, regions of memory and open files. */
#include "ring.h"
#include "../owner.h"

#define RW	(PROT_READ | PROT_WRITE)
#define SIZE	(8 * PAGE)

static int map_errno(int fd, uint64_t offset, size_t size, int prot, int flags)
{
	void *at = mmap(NULL, size, prot, flags, fd, SCHEME_RING_POOL + offset);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, size);
	return 0;
}

/* ---- regions -------------------------------------------------------------------- */

TEST_F(ring, U22_both_sides_map_what_the_client_has_added)
{
	int memory = ring_memfd(SIZE, F_SEAL_SHRINK), client, prov;
	uint64_t offset, size;
	uint8_t *mine, *theirs;

	ASSERT_LE(0, memory);
	BEGIN_PAIR();
	client = self->pair.client.fd;
	prov = self->pair.prov.fd;
	EXPECT_EQ(-ENXIO, map_errno(prov, 0, PAGE, RW, MAP_SHARED));
	EXPECT_EQ(-ENOENT, ring_region(prov, 0, &offset, &size));
	ASSERT_EQ(0, ring_region_add(client, memory, 4 * PAGE, SIZE));
	close(memory);
	ASSERT_EQ(0, ring_region(prov, 0, &offset, &size));
	EXPECT_EQ(4 * PAGE, offset);
	EXPECT_EQ(SIZE, size);
	mine = ring_pool_map(client, offset, size, RW);
	theirs = ring_pool_map(prov, offset + PAGE, PAGE, RW);
	ASSERT_NE(MAP_FAILED, (void *)mine);
	ASSERT_NE(MAP_FAILED, (void *)theirs);
	mine[PAGE + 5] = 'a';
	EXPECT_EQ('a', theirs[5]);
	theirs[6] = 'b';
	EXPECT_EQ('b', mine[PAGE + 6]);
	/* outside of it nothing is mapped */
	EXPECT_EQ(-ENXIO, map_errno(prov, 0, PAGE, RW, MAP_SHARED));
	EXPECT_EQ(-ENXIO, map_errno(prov, offset, SIZE + PAGE, RW, MAP_SHARED));
	EXPECT_EQ(-ENXIO, map_errno(prov, offset + SIZE, PAGE, RW, MAP_SHARED));
	EXPECT_EQ(-EINVAL, map_errno(prov, offset, PAGE, RW, MAP_PRIVATE));
	EXPECT_EQ(-EPERM, map_errno(prov, offset, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED));
	/* the mapping stays when the ring has gone */
	ring_pair_end(&self->pair);
	EXPECT_EQ('b', mine[PAGE + 6]);
	munmap(mine, SIZE);
	munmap(theirs, PAGE);
}

TEST_F(ring, U22_a_mapping_reaches_no_further_than_its_region)
{
	int memory = ring_memfd(SIZE, F_SEAL_SHRINK), prov;
	struct scheme_ring_region arg = { .size = 2 * PAGE, .fd_offset = PAGE };
	uint8_t *all, *part;

	ASSERT_LE(0, memory);
	all = mmap(NULL, SIZE, RW, MAP_SHARED, memory, 0);
	ASSERT_NE(MAP_FAILED, (void *)all);
	all[0] = 's';
	BEGIN_PAIR();
	prov = self->pair.prov.fd;
	arg.fd = memory;
	ASSERT_EQ(0, do_ioctl(self->pair.client.fd, SCHEME_IOC_RING_REGION_ADD, &arg));
	part = ring_pool_map(prov, 0, PAGE, RW);
	ASSERT_NE(MAP_FAILED, (void *)part);
	all[PAGE] = 'x';
	EXPECT_EQ('x', part[0]);
	/* the memory before it, by the old call that moves a mapping in its file */
	EXPECT_NE(0, remap_file_pages(part, PAGE, 0, 0, 0));
	EXPECT_EQ('x', part[0]);
	EXPECT_EQ(MAP_FAILED, mremap(part, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	munmap(part, PAGE);
	munmap(all, SIZE);
	close(memory);
	ring_pair_end(&self->pair);
}

static int add_raw(int fd, struct scheme_ring_region arg)
{
	return do_ioctl(fd, SCHEME_IOC_RING_REGION_ADD, &arg);
}

TEST_F(ring, U22_memory_that_cannot_be_lent)
{
	int memory = ring_memfd(SIZE, F_SEAL_SHRINK), other, client;
	struct scheme_ring_region good = { .fd = memory, .size = SIZE }, bad;

	BEGIN_PAIR();
	client = self->pair.client.fd;
	EXPECT_EQ(-EACCES, add_raw(self->pair.prov.fd, good));
	bad = good;
	bad.size = SIZE - 1;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad.size = SIZE + PAGE;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad.size = 0;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad = good;
	bad.offset = 1;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad.offset = SCHEME_RING_POOL_MAX;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad = good;
	bad.fd_offset = PAGE;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad.fd_offset = -PAGE;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad = good;
	bad.flags = 1;
	EXPECT_EQ(-EINVAL, add_raw(client, bad));
	bad = good;
	bad.fd = -1;
	EXPECT_EQ(-EBADF, add_raw(client, bad));
	/* could shrink; cannot be written; is no memory; only to be read */
	other = ring_memfd(SIZE, 0);
	EXPECT_EQ(-EINVAL, ring_region_add(client, other, 0, SIZE));
	close(other);
	other = ring_memfd(SIZE, F_SEAL_SHRINK | F_SEAL_WRITE);
	EXPECT_EQ(-EINVAL, ring_region_add(client, other, 0, SIZE));
	close(other);
	EXPECT_EQ(-EOPNOTSUPP, ring_region_add(client, self->file, 0, SIZE));
	EXPECT_EQ(-EOPNOTSUPP, ring_region_add(client, client, 0, SIZE));
	ASSERT_EQ(0, ring_region_add(client, memory, 0, SIZE));
	EXPECT_EQ(-EEXIST, ring_region_add(client, memory, SIZE - PAGE, SIZE));
	for (int i = 1; i < SCHEME_RING_REGIONS_MAX; i++)
		EXPECT_EQ(0, ring_region_add(client, memory, i * SIZE, SIZE));
	EXPECT_EQ(-ENOSPC, ring_region_add(client, memory, 100 * SIZE, SIZE));
	close(memory);
	ring_pair_end(&self->pair);
}

TEST_F(ring, U22_memory_in_use_cannot_be_sealed_against_writing)
{
	int memory = ring_memfd(SIZE, F_SEAL_SHRINK);
	void *at;

	BEGIN_PAIR();
	ASSERT_EQ(0, ring_region_add(self->pair.client.fd, memory, 0, SIZE));
	at = ring_pool_map(self->pair.prov.fd, 0, SIZE, RW);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_NE(0, fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_NE(0, ftruncate(memory, 0));
	munmap(at, SIZE);
	close(memory);
	ring_pair_end(&self->pair);
}

TEST_F(ring, U25_a_buffer_of_the_memory_scheme_is_a_region)
{
	int owner = owner_open(), dma_buf, client, prov;
	struct buffer buffer;
	uint8_t *mine, *theirs;

	ASSERT_LE(0, owner);
	ASSERT_EQ(0, buffer_make(&buffer, owner, SIZE, SCHEME_PHYS_LIST, 0));
	dma_buf = owner_export(owner, buffer.offset);
	ASSERT_LE(0, dma_buf);
	BEGIN_PAIR();
	client = self->pair.client.fd;
	prov = self->pair.prov.fd;
	EXPECT_EQ(-EINVAL, ring_region_add(client, dma_buf, 0, SIZE - PAGE));
	EXPECT_EQ(-EINVAL, ring_region_add(client, dma_buf, 0, SIZE + PAGE));
	ASSERT_EQ(0, ring_region_add(client, dma_buf, PAGE, SIZE));
	close(dma_buf);
	mine = ring_pool_map(client, PAGE, SIZE, RW);
	theirs = ring_pool_map(prov, 2 * PAGE, SIZE - PAGE, RW);
	ASSERT_NE(MAP_FAILED, (void *)mine);
	ASSERT_NE(MAP_FAILED, (void *)theirs);
	/* client, provider and whoever has the buffer see the same memory */
	pattern_fill(mine, SIZE, 3);
	EXPECT_EQ(-1, pattern_differs(buffer.mem, SIZE, 3));
	EXPECT_EQ(0, memcmp(theirs, mine + PAGE, SIZE - PAGE));
	theirs[0] ^= 0xff;
	EXPECT_EQ(PAGE, pattern_differs(buffer.mem, SIZE, 3));
	EXPECT_EQ(-ENXIO, map_errno(prov, PAGE, SIZE + PAGE, RW, MAP_SHARED));
	EXPECT_EQ(0, buffer_end(&buffer));
	close(owner);
	/* the memory stays with those who use it */
	EXPECT_EQ(0, memcmp(theirs, mine + PAGE, SIZE - PAGE));
	ring_pair_end(&self->pair);
	munmap(mine, SIZE);
	munmap(theirs, SIZE - PAGE);
}

/* ---- files ------------------------------------------------------------------------ */

TEST_F(ring, U23_a_file_is_registered_once_and_named_by_its_index)
{
	struct scheme_ring_file out;
	int client, prov, read_only;

	BEGIN_PAIR();
	client = self->pair.client.fd;
	prov = self->pair.prov.fd;
	read_only = client_open(&self->p, O_RDONLY, 1ULL << 40, 0);
	EXPECT_EQ(-ENOENT, ring_file(prov, 0, &out));
	EXPECT_EQ(0, ring_file_add(client, self->file));
	EXPECT_EQ(1, ring_file_add(client, read_only));
	EXPECT_EQ(2, ring_file_add(client, self->file));
	ASSERT_EQ(0, ring_file(prov, 0, &out));
	EXPECT_EQ(7, out.handle);
	EXPECT_EQ(O_RDWR, out.flags);
	ASSERT_EQ(0, ring_file(prov, 1, &out));
	EXPECT_EQ(1ULL << 40, out.handle);
	EXPECT_EQ(O_RDONLY, out.flags);
	EXPECT_EQ(-ENOENT, ring_file(prov, 3, &out));
	EXPECT_EQ(-EACCES, ring_file(client, 0, &out));
	EXPECT_EQ(-EACCES, ring_file_add(prov, self->file));
	EXPECT_EQ(-EBADF, ring_file_add(client, -1));
	EXPECT_EQ(-EBADF, ring_file_add(client, client));
	/* closing the descriptor does not close the file, the ring's end does */
	close(read_only);
	EXPECT_TRUE(queue_silent(self->q, 30));
	EXPECT_EQ(0, ring_file(prov, 1, &out));
	ring_side_end(&self->pair.client);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(1ULL << 40, self->sqe.handle);
	EXPECT_EQ(-ENOENT, ring_file(prov, 0, &out));
	ring_side_end(&self->pair.prov);
}

TEST_F(ring, U23_there_is_a_limit)
{
	int client;

	BEGIN_PAIR();
	client = self->pair.client.fd;
	for (int i = 0; i < SCHEME_RING_FILES_MAX; i++)
		ASSERT_EQ(i, ring_file_add(client, self->file));
	EXPECT_EQ(-EMFILE, ring_file_add(client, self->file));
	ring_pair_end(&self->pair);
}

TEST_HARNESS_MAIN
