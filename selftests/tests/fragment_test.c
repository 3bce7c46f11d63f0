// SPDX-License-Identifier: GPL-2.0
/*
 * P5: memory in pieces. The memory below 16 MiB, of which there is little and which
 * nobody else needs, is taken page by page, and every other page is given back: then
 * no range of more than a page is to be had there, but a list of many.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../edu.h"
#include "../harness.h"
#include "../owner.h"

#define PAGE	4096UL
/* Below 16 MiB. */
#define BITS	24
#define PAGES	4096U
#define WANTED	(12 * PAGE)

#define OWNERS	64

struct page {
	int		owner;
	uint64_t	offset;
	uint64_t	addr;
};

/* Who has taken memory: all tests find it as the first one leaves it, each adds its own. */
struct takers {
	struct page	*page;
	unsigned int	nr;
	int		owner[OWNERS];
	unsigned int	owners;
};

static int next_owner(struct takers *f)
{
	int fd = f->owners < OWNERS ? owner_open() : -EMFILE;

	if (fd >= 0)
		f->owner[f->owners++] = fd;
	return fd;
}

/* Buffers of this size until there are no more; the last owner's error. */
static int take_all(struct takers *f, uint64_t size)
{
	struct scheme_physalloc pa;
	int ret, owner = next_owner(f);

	if (owner < 0)
		return owner;
	while (f->nr < 2 * PAGES) {
		pa = (struct scheme_physalloc){
			.size = size,
			.min = size,
			.addr_bits = BITS,
		};
		ret = owner_alloc(owner, &pa);
		if (ret == -ENOSPC) {
			owner = next_owner(f);
			if (owner < 0)
				return owner;
			continue;
		}
		if (ret)
			return ret;
		f->page[f->nr++] = (struct page){ owner, pa.offset, pa.addr };
	}
	return -E2BIG;
}

/* Of single pages, those with an odd number. */
static int free_odd(struct takers *f)
{
	unsigned int kept = 0;
	int ret = 0;

	for (unsigned int i = 0; i < f->nr && !ret; i++)
		if (f->page[i].addr / PAGE % 2)
			ret = owner_free(f->page[i].owner, f->page[i].offset, PAGE);
		else
			f->page[kept++] = f->page[i];
	f->nr = kept;
	return ret;
}

static struct takers first;
static int broken;

__attribute__((constructor))
static void break_memory(void)
{
	if (!edu_has_low_memory())
		return;
	first.page = calloc(2 * PAGES, sizeof(*first.page));
	broken = first.page ? take_all(&first, PAGE) : -1;
	if (broken == -ENOMEM && first.nr > 500)
		broken = free_odd(&first);
}

FIXTURE(fragment) {
	struct takers own;
};

FIXTURE_SETUP(fragment)
{
	if (!edu_has_low_memory())
		SKIP(return, "this kernel has no zone below 16 MiB");
	ASSERT_EQ(0, broken);
	self->own.page = calloc(2 * PAGES, sizeof(*self->own.page));
	ASSERT_NE(NULL, self->own.page);
	/* the kernel's reserve has been left, in one piece perhaps; others free a page */
	ASSERT_EQ(-ENOMEM, take_all(&self->own, WANTED));
	ASSERT_EQ(-ENOMEM, take_all(&self->own, 2 * PAGE));
}

FIXTURE_TEARDOWN(fragment)
{
	for (unsigned int i = 0; i < self->own.owners; i++)
		close(self->own.owner[i]);
	free(self->own.page);
}

static bool is_list(const struct buffer *b, uint64_t min)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < b->nr_ranges; i++) {
		if (b->range[i].len < min || b->range[i].len % PAGE ||
		    b->range[i].addr + b->range[i].len > 1ULL << BITS)
			return false;
		sum += b->range[i].len;
	}
	return sum == b->size;
}

TEST_F(fragment, P5_a_list_is_to_be_had_where_a_range_is_not)
{
	int owner = owner_open();
	struct buffer b;

	ASSERT_LE(0, owner);
	EXPECT_EQ(-ENOMEM, buffer_make(&b, owner, WANTED, 0, BITS));
	ASSERT_EQ(0, buffer_make(&b, owner, WANTED, SCHEME_PHYS_LIST, BITS));
	EXPECT_EQ(WANTED, b.size);
	/* a neighbour may have been freed since */
	EXPECT_LE(WANTED / PAGE * 3 / 4, b.nr_ranges);
	EXPECT_TRUE(is_list(&b, PAGE));
	for (uint64_t i = 0; i < b.size; i++)
		ASSERT_EQ(0, b.mem[i]);
	/* one memory for the processor */
	pattern_fill(b.mem, b.size, 1);
	EXPECT_EQ(-1, pattern_differs(b.mem, b.size, 1));
	EXPECT_EQ(0, buffer_end(&b));
	close(owner);
}

TEST_F(fragment, P5_a_list_of_larger_pieces_is_not_to_be_had)
{
	struct scheme_physalloc pa = {
		.size = WANTED,
		.min = 2 * PAGE,
		.flags = SCHEME_PHYS_LIST,
		.addr_bits = BITS,
	};
	int owner = owner_open();

	ASSERT_LE(0, owner);
	EXPECT_EQ(-ENOMEM, owner_alloc(owner, &pa));
	pa.min = PAGE;
	pa.max_ranges = WANTED / PAGE / 2;
	EXPECT_EQ(-ENOMEM, owner_alloc(owner, &pa));
	close(owner);
}

TEST_F(fragment, P3_a_part_is_a_page)
{
	struct scheme_physalloc pa = {
		.size = WANTED,
		.min = 1,
		.flags = SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_GREATEST_RANGE,
		.addr_bits = BITS,
	};
	int owner = owner_open();

	ASSERT_LE(0, owner);
	ASSERT_EQ(0, owner_alloc(owner, &pa));
	EXPECT_EQ(PAGE, pa.size);
	EXPECT_EQ(1, pa.nr_ranges);
	pa.flags = SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_GREATEST_RANGE;
	pa = (struct scheme_physalloc){
		.size = WANTED,
		.min = PAGE + 1,
		.flags = pa.flags,
		.addr_bits = BITS,
	};
	EXPECT_EQ(-ENOMEM, owner_alloc(owner, &pa));
	close(owner);
}

/*
 * Below 16 MiB there is nothing, and what there is above goes far beyond what 28 bits
 * reach: some of what is in between is free all the same.
 */
TEST_F(fragment, P6_odd_masks_do_not_depend_on_the_lowest_memory)
{
	int owner = owner_open();
	struct buffer b[8];

	ASSERT_LE(0, owner);
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, buffer_make(&b[i], owner, 1UL << 20, 0, 28));
		EXPECT_GE(1UL << 28, b[i].range[0].addr + b[i].size);
		pattern_fill(b[i].mem, b[i].size, i);
	}
	for (int i = 0; i < 8; i++) {
		EXPECT_EQ(-1, pattern_differs(b[i].mem, b[i].size, i));
		EXPECT_EQ(0, buffer_end(&b[i]));
	}
	close(owner);
}

/* ---- with a device -------------------------------------------------------- */

/* From one list to another, by the device, through the addresses of both. */
static void copy_by_device(struct __test_metadata *_metadata, struct edu *e,
			   int owner)
{
	struct buffer a, b;

	ASSERT_EQ(0, buffer_make(&a, owner, WANTED, SCHEME_PHYS_LIST, BITS));
	ASSERT_EQ(0, buffer_make(&b, owner, WANTED, SCHEME_PHYS_LIST, BITS));
	EXPECT_TRUE(is_list(&a, PAGE));
	EXPECT_TRUE(is_list(&b, PAGE));
	pattern_fill(a.mem, WANTED, 1);
	pattern_fill(b.mem, WANTED, 2);
	EXPECT_EQ(0, edu_copy(e, a.range, b.range, WANTED));
	EXPECT_EQ(-1, pattern_differs(b.mem, WANTED, 1));
	EXPECT_EQ(-1, pattern_differs(a.mem, WANTED, 1));
	EXPECT_EQ(0, buffer_end(&a));
	EXPECT_EQ(0, buffer_end(&b));
}

TEST_F(fragment, P5_U25_a_device_copies_lists)
{
	const char *lacks = edu_lacks(EDU_28_BITS, EDU_BESIDE);
	struct buffer b;
	struct edu e;
	int owner;

	if (lacks)
		SKIP(return, "%s", lacks);
	owner = edu_take(&e, EDU_28_BITS, EDU_BESIDE);
	ASSERT_LE(0, owner);
	EXPECT_EQ(-ENOMEM, buffer_make(&b, owner, WANTED, 0, BITS));
	copy_by_device(_metadata, &e, owner);
	edu_give_back(&e, owner);
}

/* There its addresses are another matter: what is in pieces may be one range for it. */
TEST_F(fragment, P5_U25_a_device_behind_an_IOMMU_copies_lists)
{
	const char *lacks = edu_lacks(EDU_28_BITS, EDU_TRANSLATED);
	struct edu e;
	int owner;

	if (lacks)
		SKIP(return, "%s", lacks);
	owner = edu_take(&e, EDU_28_BITS, EDU_TRANSLATED);
	ASSERT_LE(0, owner);
	copy_by_device(_metadata, &e, owner);
	edu_give_back(&e, owner);
}

TEST_HARNESS_MAIN
