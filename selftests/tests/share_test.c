// SPDX-License-Identifier: GPL-2.0
/*
 * U25, P8: memory of the memory scheme that others use at the same time, none of them
 * by a copy: a disk by O_DIRECT, io_uring by fixed buffers, and a device by DMA. For other
 * drivers see import_test and vfio_test.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <liburing.h>
#include <scheme.h>

#include "../edu.h"
#include "../harness.h"
#include "../owner.h"

#define PAGE	4096UL
#define SECTOR	512
#define SHARED	(10 * PAGE)

/* ---- a disk --------------------------------------------------------------- */

/*
 * The first stick has the number of each sector in it, see vm/sticks.sh; where a test
 * before has let go of it, it may have another name.
 */
#define NUMBERED	34816

static int open_stick(int flags)
{
	char path[32], text[16], want[16];
	int fd;

	snprintf(want, sizeof(want), "%015d", 0);
	for (char letter = 'a'; letter <= 'z'; letter++) {
		snprintf(path, sizeof(path), "/dev/sd%c", letter);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (pread(fd, text, 15, NUMBERED * SECTOR) == 15 &&
		    !memcmp(text, want, 15)) {
			close(fd);
			return open(path, O_RDONLY | O_CLOEXEC | flags);
		}
		close(fd);
	}
	return -1;
}

static bool sectors_are_numbered(const uint8_t *mem, unsigned int nr)
{
	char want[SECTOR + 1];

	for (unsigned int i = 0; i < nr; i++) {
		snprintf(want, sizeof(want), "%0511d\n", NUMBERED + i);
		if (memcmp(mem + i * SECTOR, want, SECTOR))
			return false;
	}
	return true;
}

/* Where DMA is looked at by the kernel, memory that two devices have is a mistake to it. */
#define DMA_DEBUG	"/sys/kernel/debug/dma-api"

TEST(P8_U25_a_disk_writes_into_it_and_a_device_reads)
{
	const char *lacks = edu_lacks(EDU_32_BITS, EDU_BESIDE);
	int owner, disk = open_stick(O_DIRECT);
	struct buffer a, b;
	struct edu e;

	if (lacks)
		SKIP(return, "%s", lacks);
	if (disk < 0)
		SKIP(return, "there is no stick");
	if (!access(DMA_DEBUG, F_OK))
		SKIP(return, "this kernel's DMA debugging allows a page one device");
	owner = edu_take(&e, EDU_32_BITS, EDU_BESIDE);
	ASSERT_LE(0, owner);
	ASSERT_EQ(0, buffer_make(&a, owner, SHARED, SCHEME_PHYS_LIST, 0));
	ASSERT_EQ(0, buffer_make(&b, owner, SHARED, SCHEME_PHYS_LIST, 0));
	ASSERT_EQ(SHARED, pread(disk, a.mem, SHARED, NUMBERED * SECTOR));
	EXPECT_TRUE(sectors_are_numbered(a.mem, SHARED / SECTOR));
	EXPECT_EQ(0, owner_sync(owner, a.offset, SHARED,
				SCHEME_SYNC_END | SCHEME_SYNC_WRITE));
	ASSERT_EQ(0, edu_copy(&e, a.range, b.range, SHARED));
	EXPECT_TRUE(sectors_are_numbered(b.mem, SHARED / SECTOR));
	EXPECT_EQ(0, buffer_end(&a));
	EXPECT_EQ(0, buffer_end(&b));
	close(disk);
	edu_give_back(&e, owner);
}

/* At a page in the middle, not at the beginning. */
TEST(P8_a_disk_writes_into_a_part)
{
	int owner = owner_open(), disk = open_stick(O_DIRECT);
	struct buffer b;

	if (disk < 0)
		SKIP(return, "there is no stick");
	ASSERT_LE(0, owner);
	ASSERT_EQ(0, buffer_make(&b, owner, 4 * PAGE, 0, 0));
	memset(b.mem, 0x55, b.size);
	ASSERT_EQ(3 * SECTOR, pread(disk, b.mem + PAGE + SECTOR, 3 * SECTOR,
				    NUMBERED * SECTOR));
	EXPECT_TRUE(sectors_are_numbered(b.mem + PAGE + SECTOR, 3));
	EXPECT_EQ(0x55, b.mem[PAGE + SECTOR - 1]);
	EXPECT_EQ(0x55, b.mem[PAGE + 4 * SECTOR]);
	EXPECT_EQ(0, buffer_end(&b));
	close(disk);
	close(owner);
}

/* ---- io_uring ------------------------------------------------------------- */

static long run(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	long res;

	io_uring_submit(ring);
	if (io_uring_wait_cqe(ring, &cqe))
		return -EIO;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static long write_fixed(struct io_uring *ring, int fd, void *mem, unsigned int len)
{
	io_uring_prep_write_fixed(io_uring_get_sqe(ring), fd, mem, len, 0, 0);
	return run(ring);
}

static long read_fixed(struct io_uring *ring, int fd, void *mem, unsigned int len)
{
	io_uring_prep_read_fixed(io_uring_get_sqe(ring), fd, mem, len, 0, 0);
	return run(ring);
}

TEST(P8_U25_fixed_buffer_of_io_uring)
{
	int owner = owner_open(), file = memfd_create("copy", MFD_CLOEXEC), ret;
	struct scheme_query query;
	struct io_uring ring;
	struct buffer a, b;
	struct iovec iov;

	ASSERT_LE(0, owner);
	ASSERT_EQ(0, scheme_query(NULL, &query));
	ASSERT_TRUE(query.features & SCHEME_F_MEMORY);
	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	ASSERT_EQ(0, buffer_make(&a, owner, SHARED, SCHEME_PHYS_LIST, 0));
	ASSERT_EQ(0, buffer_make(&b, owner, SHARED, 0, 0));
	pattern_fill(a.mem, SHARED, 1);
	iov = (struct iovec){ a.mem, SHARED };
	ret = io_uring_register_buffers(&ring, &iov, 1);
	if (!(query.features & SCHEME_F_MEMORY_FIXED)) {
		EXPECT_EQ(-EOPNOTSUPP, ret);
	} else {
		ASSERT_EQ(0, ret);
		EXPECT_EQ(SHARED, write_fixed(&ring, file, a.mem, SHARED));
		EXPECT_EQ(SHARED, pread(file, b.mem, SHARED, 0));
		EXPECT_EQ(-1, pattern_differs(b.mem, SHARED, 1));
		memset(a.mem, 0, SHARED);
		EXPECT_EQ(SHARED - 100, read_fixed(&ring, file, a.mem, SHARED - 100));
		EXPECT_EQ(-1, pattern_differs(a.mem, SHARED - 100, 1));
		EXPECT_EQ(0, a.mem[SHARED - 100]);
	}
	io_uring_queue_exit(&ring);
	EXPECT_EQ(0, buffer_end(&a));
	EXPECT_EQ(0, buffer_end(&b));
	close(owner);
}

/* Whoever has pinned it keeps it: its memory is nobody else's yet. */
TEST(P10_a_fixed_buffer_outlives_its_owner)
{
	int owner = owner_open(), file = memfd_create("copy", MFD_CLOEXEC);
	uint8_t *got = calloc(1, SHARED);
	struct scheme_query query;
	struct io_uring ring;
	struct iovec iov;
	struct buffer b;
	void *mem;

	ASSERT_LE(0, owner);
	ASSERT_EQ(0, scheme_query(NULL, &query));
	if (!(query.features & SCHEME_F_MEMORY_FIXED))
		SKIP(return, "this kernel has no fixed buffers of such memory");
	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	ASSERT_EQ(0, buffer_make(&b, owner, SHARED, SCHEME_PHYS_LIST, 0));
	pattern_fill(b.mem, SHARED, 1);
	mem = b.mem;
	iov = (struct iovec){ mem, SHARED };
	ASSERT_EQ(0, io_uring_register_buffers(&ring, &iov, 1));
	EXPECT_EQ(0, buffer_end(&b));
	close(owner);
	/* somebody else's, if it were free */
	owner = owner_open();
	for (int i = 0; i < 64; i++) {
		ASSERT_EQ(0, buffer_make(&b, owner, SHARED, SCHEME_PHYS_LIST, 0));
		pattern_fill(b.mem, SHARED, 2);
	}
	EXPECT_EQ(SHARED, write_fixed(&ring, file, mem, SHARED));
	EXPECT_EQ(SHARED, pread(file, got, SHARED, 0));
	EXPECT_EQ(-1, pattern_differs(got, SHARED, 1));
	io_uring_queue_exit(&ring);
	close(owner);
	free(got);
}

TEST_HARNESS_MAIN
