// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the memory scheme and a device that does DMA: QEMU's edu, of 28 and of 32
 * address bits, in a machine with memory above 4 GiB; once beside the IOMMU, where its
 * addresses are those of memory, and once behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../edu.h"
#include "../harness.h"
#include "../owner.h"

#define PAGE	4096UL
#define FOUR_GB	(1ULL << 32)

/* In pieces of EDU_BYTES the copy crosses pages, and ends with a small one. */
#define COPIED	(3 * PAGE)

FIXTURE(dma) {
	struct edu	edu;
	int		owner;
};

FIXTURE_VARIANT(dma) {
	unsigned int	which;
	int		translated;
};

FIXTURE_VARIANT_ADD(dma, of_28_bits) { EDU_28_BITS, EDU_BESIDE };
FIXTURE_VARIANT_ADD(dma, of_32_bits) { EDU_32_BITS, EDU_BESIDE };
FIXTURE_VARIANT_ADD(dma, of_28_bits_translated) { EDU_28_BITS, EDU_TRANSLATED };
FIXTURE_VARIANT_ADD(dma, of_32_bits_translated) { EDU_32_BITS, EDU_TRANSLATED };

FIXTURE_SETUP(dma)
{
	const char *lacks = edu_lacks(variant->which, variant->translated);

	if (lacks)
		SKIP(return, "%s", lacks);
	self->owner = edu_take(&self->edu, variant->which, variant->translated);
	ASSERT_LE(0, self->owner);
}

FIXTURE_TEARDOWN(dma)
{
	if (self->edu.address[0])
		edu_give_back(&self->edu, self->owner);
}

static bool below(const struct buffer *b, unsigned int bits)
{
	for (unsigned int i = 0; i < b->nr_ranges; i++)
		if (b->range[i].addr + b->range[i].len > 1ULL << bits)
			return false;
	return b->nr_ranges;
}

/* Where the kernel says that a mapped page is in memory; 0: it does not say. */
static uint64_t physical(const void *virt)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (pread(fd, &entry, 8, (uintptr_t)virt / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

/* ---- data ----------------------------------------------------------------- */

TEST_F(dma, P6_U25_device_copies_our_memory)
{
	struct buffer a, b;

	ASSERT_EQ(0, buffer_make(&a, self->owner, COPIED, 0, 0));
	ASSERT_EQ(0, buffer_make(&b, self->owner, COPIED, 0, 0));
	pattern_fill(a.mem, COPIED, 1);
	pattern_fill(b.mem, COPIED, 2);
	EXPECT_EQ(0, owner_sync(self->owner, a.offset, COPIED,
				SCHEME_SYNC_END | SCHEME_SYNC_WRITE));
	EXPECT_EQ(0, owner_sync(self->owner, b.offset, COPIED,
				SCHEME_SYNC_END | SCHEME_SYNC_WRITE));
	EXPECT_EQ(0, edu_copy(&self->edu, a.range, b.range, COPIED));
	EXPECT_EQ(0, owner_sync(self->owner, b.offset, COPIED,
				SCHEME_SYNC_START | SCHEME_SYNC_READ));
	EXPECT_EQ(-1, pattern_differs(b.mem, COPIED, 1));
	EXPECT_EQ(-1, pattern_differs(a.mem, COPIED, 1));
	EXPECT_EQ(0, buffer_end(&a));
	EXPECT_EQ(0, buffer_end(&b));
}

/* Both ends of a large one: nothing is reached by the wrong address in between. */
TEST_F(dma, P6_U25_device_reaches_the_ends_of_a_large_buffer)
{
	const uint64_t size = 4UL << 20;
	struct buffer b;
	uint64_t last;

	ASSERT_EQ(0, buffer_make(&b, self->owner, size, SCHEME_PHYS_LIST, 0));
	EXPECT_TRUE(below(&b, self->edu.bits));
	last = b.range[b.nr_ranges - 1].addr + b.range[b.nr_ranges - 1].len;
	pattern_fill(b.mem, 64, 3);
	EXPECT_EQ(0, edu_in(&self->edu, b.range[0].addr, 0, 64));
	EXPECT_EQ(0, edu_out(&self->edu, last - 64, 0, 64));
	EXPECT_EQ(-1, pattern_differs(b.mem + size - 64, 64, 3));
	EXPECT_EQ(0, b.mem[size - 65]);
	EXPECT_EQ(0, b.mem[64]);
	EXPECT_EQ(0, buffer_end(&b));
}

TEST_F(dma, P8_device_writes_at_the_right_byte)
{
	struct buffer b;

	ASSERT_EQ(0, buffer_make(&b, self->owner, 2 * PAGE, 0, 0));
	pattern_fill(b.mem, 100, 4);
	ASSERT_EQ(0, edu_in(&self->edu, b.range[0].addr, 1000, 100));
	EXPECT_EQ(0, edu_out(&self->edu, b.range[0].addr + PAGE - 7, 1000, 100));
	EXPECT_EQ(-1, pattern_differs(b.mem + PAGE - 7, 100, 4));
	EXPECT_EQ(0, b.mem[PAGE - 8]);
	EXPECT_EQ(0, b.mem[PAGE - 7 + 100]);
	EXPECT_EQ(0, buffer_end(&b));
}

/* ---- addresses ------------------------------------------------------------ */

TEST_F(dma, P6_addresses_obey_the_mask)
{
	static const uint64_t sizes[] = { 1, PAGE, 3 * PAGE, 1 << 16, 1 << 20 };
	struct buffer b[20];
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, buffer_make(&b[i], self->owner, sizes[i % 5],
					 SCHEME_PHYS_SPACE_64, 0));
		EXPECT_EQ(1, b[i].nr_ranges);
		EXPECT_TRUE(below(&b[i], self->edu.bits));
	}
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, buffer_end(&b[i]));
}

TEST_F(dma, P6_a_request_may_ask_for_fewer_bits_yet)
{
	struct buffer b;

	ASSERT_EQ(0, buffer_make(&b, self->owner, 4 * PAGE, 0, 25));
	EXPECT_TRUE(below(&b, 25));
	pattern_fill(b.mem, PAGE, 5);
	EXPECT_EQ(0, edu_in(&self->edu, b.range[0].addr, 0, 1000));
	EXPECT_EQ(0, edu_out(&self->edu, b.range[0].addr + 3 * PAGE, 0, 1000));
	EXPECT_EQ(-1, pattern_differs(b.mem + 3 * PAGE, 1000, 5));
	EXPECT_EQ(0, buffer_end(&b));
}

TEST_F(dma, P9_each_page_has_the_address_of_its_range)
{
	uint64_t addr, done = 0;
	unsigned int i = 0;
	struct buffer b;

	ASSERT_EQ(0, buffer_make(&b, self->owner, 64 * PAGE, SCHEME_PHYS_LIST, 0));
	for (uint64_t at = 0; at < b.size; at += PAGE) {
		while (at - done >= b.range[i].len)
			done += b.range[i++].len;
		ASSERT_GT(b.nr_ranges, i);
		ASSERT_EQ(0, owner_virttophys(self->owner, b.mem + at + 5, &addr));
		ASSERT_EQ(b.range[i].addr + at - done + 5, addr);
		/* Behind the IOMMU an address says nothing of the memory. */
		if (!variant->translated) {
			ASSERT_EQ(physical(b.mem + at) + 5, addr);
		}
	}
	EXPECT_EQ(0, buffer_end(&b));
}

/* ---- what the device reaches ---------------------------------------------- */

/*
 * The device writes to memory that is not its owner's and reads from there, by
 * the address that this has in memory. Behind the IOMMU it must not come through;
 * beside it, it does, which shows that the test would see it.
 */
TEST_F(dma, P10_behind_the_IOMMU_a_device_reaches_nothing_else)
{
	struct buffer mine, other;
	int owner = owner_open();

	if (self->edu.bits < 32 && !edu_has_low_memory())
		SKIP(return, "this kernel has no memory at such addresses");
	ASSERT_LE(0, owner);
	ASSERT_EQ(0, buffer_make(&other, owner, PAGE, 0, self->edu.bits));
	ASSERT_EQ(0, buffer_make(&mine, self->owner, PAGE, 0, 0));
	ASSERT_NE(mine.range[0].addr, other.range[0].addr);
	pattern_fill(mine.mem, PAGE, 1);
	pattern_fill(other.mem, PAGE, 2);
	ASSERT_EQ(0, edu_in(&self->edu, mine.range[0].addr, 0, 1000));
	EXPECT_EQ(0, edu_out(&self->edu, other.range[0].addr, 0, 1000));
	if (variant->translated) {
		EXPECT_EQ(-1, pattern_differs(other.mem, PAGE, 2));
	} else {
		EXPECT_EQ(-1, pattern_differs(other.mem, 1000, 1));
	}

	pattern_fill(other.mem, PAGE, 3);
	EXPECT_EQ(0, edu_in(&self->edu, other.range[0].addr, 0, 1000));
	EXPECT_EQ(0, edu_out(&self->edu, mine.range[0].addr, 0, 1000));
	if (variant->translated) {
		EXPECT_NE(0, memcmp(mine.mem, other.mem, 16));
	} else {
		EXPECT_EQ(-1, pattern_differs(mine.mem, 1000, 3));
	}
	EXPECT_EQ(0, buffer_end(&mine));
	EXPECT_EQ(0, buffer_end(&other));
	close(owner);
}

/* The memory lives on in a mapping; the device has lost it. */
TEST_F(dma, P7_a_freed_buffer_is_out_of_reach_at_once)
{
	struct buffer a, b;

	if (!variant->translated)
		SKIP(return, "without an IOMMU nothing holds a device back");
	ASSERT_EQ(0, buffer_make(&a, self->owner, PAGE, 0, 0));
	ASSERT_EQ(0, buffer_make(&b, self->owner, PAGE, 0, 0));
	pattern_fill(a.mem, PAGE, 1);
	pattern_fill(b.mem, PAGE, 2);
	ASSERT_EQ(0, edu_in(&self->edu, a.range[0].addr, 0, 1000));
	ASSERT_EQ(0, edu_out(&self->edu, b.range[0].addr, 0, 1));
	ASSERT_EQ(0, owner_free(self->owner, b.offset, b.size));
	pattern_fill(b.mem, PAGE, 2);
	EXPECT_EQ(0, edu_out(&self->edu, b.range[0].addr, 0, 1000));
	EXPECT_EQ(-1, pattern_differs(b.mem, PAGE, 2));
	munmap(b.mem, PAGE);
	EXPECT_EQ(0, buffer_end(&a));
}

/* ---- memory above 4 GiB --------------------------------------------------- */

static bool machine_is_large(void)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	unsigned long long start;
	char line[128];
	bool large = false;

	if (!iomem)
		return false;
	while (fgets(line, sizeof(line), iomem))
		if (sscanf(line, "%llx-", &start) == 1 && start >= FOUR_GB &&
		    strstr(line, "System RAM"))
			large = true;
	fclose(iomem);
	return large;
}

/* One that asks for nothing gets it from there; so all the others could have. */
TEST(P6_memory_above_4_GiB_is_given_where_it_may_be)
{
	unsigned int above = 0, i;
	struct buffer b[16];
	int owner;

	if (!machine_is_large())
		SKIP(return, "there is no memory above 4 GiB");
	owner = owner_open();
	ASSERT_LE(0, owner);
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, buffer_make(&b[i], owner, 1 << 20,
					 SCHEME_PHYS_SPACE_64, 0));
		above += b[i].range[0].addr >= FOUR_GB;
	}
	EXPECT_LT(0, above);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(0, buffer_end(&b[i]));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, buffer_make(&b[i], owner, 1 << 20,
					 SCHEME_PHYS_SPACE_32, 0));
		EXPECT_TRUE(below(&b[i], 32));
	}
	close(owner);
}

TEST_HARNESS_MAIN
