// SPDX-License-Identifier: GPL-2.0
/* The memory scheme and everything that it must refuse, and survive. */
#include <stdlib.h>
#include <sys/ioctl.h>

#include <scheme.h>

#include "phys.h"

#define RW	(PROT_READ | PROT_WRITE)

/* ---- PHYSALLOC, one condition after the other --------------------------------------- */

static struct scheme_physalloc good(void)
{
	struct scheme_physalloc a = phys_wish(4 * PAGE, 0);

	a.min = PAGE;
	return a;
}

/* A good wish with some of its fields changed is refused, and nothing is given. */
#define REFUSED(error, ...)						\
do {									\
	struct scheme_physalloc a = good();				\
									\
	__VA_ARGS__;							\
	EXPECT_EQ(-(error), ALLOC(&a)) {				\
		TH_LOG("%s", #__VA_ARGS__);				\
	}								\
	EXPECT_EQ(0, a.offset);						\
} while (0)

#define GIVEN(...)							\
do {									\
	struct scheme_physalloc a = good();				\
									\
	__VA_ARGS__;							\
	EXPECT_EQ(0, ALLOC(&a)) {					\
		TH_LOG("%s", #__VA_ARGS__);				\
	}								\
	EXPECT_EQ(0, FREE(a.offset, a.size));				\
} while (0)

TEST_F(phys, P1_sizes_that_cannot_be_are_einval)
{
	REFUSED(EINVAL, a.size = 0, a.min = 0);
	REFUSED(EINVAL, a.size = 0);
	REFUSED(EINVAL, a.size = SCHEME_PHYS_SIZE_MAX + 1);
	REFUSED(EINVAL, a.size = SCHEME_PHYS_SIZE_MAX + 1,
		a.flags = SCHEME_PHYS_LIST);
	REFUSED(EINVAL, a.size = 1ULL << 32);
	REFUSED(EINVAL, a.size = 1ULL << 63);
	REFUSED(EINVAL, a.size = UINT64_MAX);
	REFUSED(EINVAL, a.size = UINT64_MAX - PAGE + 2);
	REFUSED(EINVAL, a.size = UINT64_MAX, a.min = UINT64_MAX);
}

TEST_F(phys, P3_min_outside_of_its_bounds_is_einval)
{
	const uint32_t partial = SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_GREEDY;

	REFUSED(EINVAL, a.min = 0);
	REFUSED(EINVAL, a.min = 0, a.flags = partial);
	REFUSED(EINVAL, a.min = 0, a.flags = SCHEME_PHYS_LIST);
	REFUSED(EINVAL, a.min = 4 * PAGE + 1);
	REFUSED(EINVAL, a.min = 4 * PAGE + 1, a.flags = partial);
	REFUSED(EINVAL, a.min = UINT64_MAX, a.flags = SCHEME_PHYS_LIST);
	/* within the same page is above, too */
	REFUSED(EINVAL, a.size = 1, a.min = 2);
	GIVEN(a.min = 4 * PAGE, a.flags = partial);
	GIVEN(a.size = 3, a.min = 3);
	GIVEN(a.min = 1, a.flags = SCHEME_PHYS_LIST);
}

TEST_F(phys, P2_flags_that_contradict_are_einval)
{
	REFUSED(EINVAL, a.flags = SCHEME_PHYS_SPACE_32 | SCHEME_PHYS_SPACE_64);
	REFUSED(EINVAL, a.flags = SCHEME_PHYS_WRITE_COMBINE | SCHEME_PHYS_NO_CACHE);
	REFUSED(EINVAL, a.flags = SCHEME_PHYS_PARTIAL_ALLOC);
	REFUSED(EINVAL, a.flags = SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_LIST);
	REFUSED(EINVAL, a.flags = SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_LIST |
		SCHEME_PHYS_GREEDY);
	GIVEN(a.flags = SCHEME_PHYS_SPACE_32);
	GIVEN(a.flags = SCHEME_PHYS_SPACE_64);
	GIVEN(a.flags = SCHEME_PHYS_LIST);
	GIVEN(a.flags = SCHEME_PHYS_LIST | SCHEME_PHYS_GREEDY);
	/* strategies without what they are for mean nothing */
	GIVEN(a.flags = SCHEME_PHYS_OPTIMAL);
	GIVEN(a.flags = SCHEME_PHYS_GREEDY | SCHEME_PHYS_SPACE_32);
}

TEST_F(phys, P2_unknown_flags_are_einval)
{
	const uint32_t known = 0x7f | SCHEME_PHYS_STRATEGY;

	for (int bit = 0; bit < 32; bit++)
		if (!(known & 1U << bit))
			REFUSED(EINVAL, a.flags = 1U << bit);
	REFUSED(EINVAL, a.flags = UINT32_MAX);
}

TEST_F(phys, P6_address_bits_outside_of_12_to_64_are_einval)
{
	for (uint32_t bits = 1; bits < 12; bits++)
		REFUSED(EINVAL, a.addr_bits = bits);
	REFUSED(EINVAL, a.addr_bits = 65);
	REFUSED(EINVAL, a.addr_bits = 128);
	REFUSED(EINVAL, a.addr_bits = UINT32_MAX);
	GIVEN(a.addr_bits = 0);
	GIVEN(a.addr_bits = 32);
	GIVEN(a.addr_bits = 63);
	GIVEN(a.addr_bits = 64);
}

TEST_F(phys, P5_too_many_ranges_are_einval)
{
	REFUSED(EINVAL, a.max_ranges = 2);
	REFUSED(EINVAL, a.max_ranges = SCHEME_PHYS_RANGES_MAX);
	REFUSED(EINVAL, a.max_ranges = 2, a.flags = SCHEME_PHYS_PARTIAL_ALLOC |
		SCHEME_PHYS_OPTIMAL);
	REFUSED(EINVAL, a.max_ranges = SCHEME_PHYS_RANGES_MAX + 1,
		a.flags = SCHEME_PHYS_LIST);
	REFUSED(EINVAL, a.max_ranges = UINT32_MAX, a.flags = SCHEME_PHYS_LIST);
	GIVEN(a.max_ranges = 1);
	GIVEN(a.max_ranges = SCHEME_PHYS_RANGES_MAX, a.flags = SCHEME_PHYS_LIST);
}

TEST_F(phys, P2_reserved_fields_are_einval)
{
	REFUSED(EINVAL, a.reserved0 = 1);
	REFUSED(EINVAL, a.reserved[0] = 1);
	REFUSED(EINVAL, a.reserved[1] = 1ULL << 63);
}

/* What is in fields of the answer does not matter. */
TEST_F(phys, P2_old_answers_are_overwritten)
{
	struct scheme_physalloc a = phys_wish(PAGE, 0);

	a.nr_ranges = UINT32_MAX;
	a.offset = UINT64_MAX;
	a.addr = 3;
	a.cache = UINT32_MAX;
	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_EQ(1, a.nr_ranges);
	EXPECT_NE(UINT64_MAX, a.offset);
	EXPECT_EQ(0, a.addr % PAGE);
	EXPECT_EQ(SCHEME_CACHE_WRITE_BACK, a.cache);
}

/* ---- pointers ------------------------------------------------------------------------ */

/*
 * The answer cannot be told, so that there must be no buffer: all of a row
 * would be seen to be missing.
 */
TEST_F(phys, P1_no_buffer_without_an_answer)
{
	struct scheme_physalloc *a = mmap(NULL, PAGE, RW, MAP_PRIVATE |
					  MAP_ANONYMOUS, -1, 0);
	struct scheme_physalloc b;
	const unsigned int times = MUCH / MIB(16);
	uint64_t before = meminfo("MemFree");

	ONE_ROUTE_WILL_DO();
	ASSERT_NE(MAP_FAILED, a);
	*a = phys_wish(MIB(16), SCHEME_PHYS_LIST);
	ASSERT_EQ(0, mprotect(a, PAGE, PROT_READ));
	for (unsigned int i = 0; i < times; i++)
		ASSERT_EQ(-EFAULT, ALLOC(a));
	EXPECT_TRUE(memory_is_back(before));
	for (unsigned int i = 0; i < times; i++) {
		b = phys_wish(MIB(16), SCHEME_PHYS_LIST);
		b.ranges = (uintptr_t)a;
		b.max_ranges = SCHEME_PHYS_RANGES_MAX;
		ASSERT_EQ(-EFAULT, ALLOC(&b));
	}
	EXPECT_TRUE(memory_is_back(before));
	ASSERT_EQ(0, mprotect(a, PAGE, RW));
	EXPECT_EQ(0, ALLOC(a));
}

static const uint64_t bad_pointers[] = {
	1, PAGE, 1ULL << 47, 1ULL << 63, 0xffffffff81000000, UINT64_MAX - 7,
	UINT64_MAX,
};

TEST_F(phys, P9_bad_pointers_are_efault)
{
	static const uint32_t cmds[] = {
		SCHEME_IOC_PHYSALLOC, SCHEME_IOC_PHYSFREE, SCHEME_IOC_RANGES,
		SCHEME_IOC_VIRTTOPHYS, SCHEME_IOC_MEMORY_SYNC, SCHEME_IOC_EXPORT,
		SCHEME_IOC_BIND,
	};
	struct scheme_physalloc a, mine;
	struct scheme_ranges r;

	ASSERT_EQ(0, phys_get(self->fd, PAGE, 0, &mine));
	for (unsigned int i = 0; i < sizeof(bad_pointers) / 8; i++) {
		for (int c = 0; c < 7; c++)
			EXPECT_EQ(-EFAULT, COMMAND(cmds[c],
						   (void *)bad_pointers[i]));
		a = phys_wish(PAGE, 0);
		a.ranges = bad_pointers[i];
		a.max_ranges = 1;
		EXPECT_EQ(-EFAULT, ALLOC(&a));
		r = (struct scheme_ranges){
			.offset = mine.offset, .ranges = bad_pointers[i],
			.max_ranges = 1,
		};
		EXPECT_EQ(-EFAULT, COMMAND(SCHEME_IOC_RANGES, &r));
	}
	/* the room may be less than what is said of it, as long as it does */
	r = (struct scheme_ranges){
		.offset = mine.offset, .ranges = (uintptr_t)&a,
		.max_ranges = UINT32_MAX,
	};
	EXPECT_EQ(0, COMMAND(SCHEME_IOC_RANGES, &r));
	EXPECT_EQ(1, r.nr_ranges);
}

/* ---- the other commands ---------------------------------------------------------------- */

TEST_F(phys, P9_ranges_of_no_buffer_are_einval)
{
	struct scheme_physalloc a;
	struct scheme_ranges r = {};

	ASSERT_EQ(0, phys_get(self->fd, 2 * PAGE, 0, &a));
	EXPECT_EQ(-EINVAL, COMMAND(SCHEME_IOC_RANGES, &r));
	r.offset = a.offset + PAGE;
	EXPECT_EQ(-EINVAL, COMMAND(SCHEME_IOC_RANGES, &r));
	r.offset = a.offset + (1ULL << 32);
	EXPECT_EQ(-EINVAL, COMMAND(SCHEME_IOC_RANGES, &r));
	r.offset = UINT64_MAX;
	EXPECT_EQ(-EINVAL, COMMAND(SCHEME_IOC_RANGES, &r));
	ASSERT_EQ(0, phys_free(self->fd, &a));
	r.offset = a.offset;
	EXPECT_EQ(-EINVAL, COMMAND(SCHEME_IOC_RANGES, &r));
}

static long sync_by(FIXTURE_DATA(phys) *self, uint64_t offset, uint64_t len,
		    uint32_t flags)
{
	struct scheme_memory_sync s = {
		.offset = offset, .len = len, .flags = flags,
	};

	return COMMAND(SCHEME_IOC_MEMORY_SYNC, &s);
}

TEST_F(phys, P8_sync_is_within_a_buffer_and_says_what)
{
	const uint32_t read = SCHEME_SYNC_START | SCHEME_SYNC_READ;
	const uint32_t write = SCHEME_SYNC_END | SCHEME_SYNC_WRITE;
	struct scheme_memory_sync s;
	struct scheme_physalloc a;

	ASSERT_EQ(0, phys_get(self->fd, 2 * PAGE, 0, &a));
	EXPECT_EQ(0, sync_by(self, a.offset, 2 * PAGE, read));
	EXPECT_EQ(0, sync_by(self, a.offset, 2 * PAGE, write));
	EXPECT_EQ(0, sync_by(self, a.offset + 1, 1, read | SCHEME_SYNC_WRITE));
	EXPECT_EQ(0, sync_by(self, a.offset + 2 * PAGE - 1, 1, write));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset, 0, read));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset, 2 * PAGE + 1, read));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset + 2 * PAGE, 1, read));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset + 1, 2 * PAGE, read));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset + 1, UINT64_MAX, read));
	EXPECT_EQ(-EINVAL, sync_by(self, UINT64_MAX, 1, read));
	EXPECT_EQ(-EINVAL, sync_by(self, 0, PAGE, read));
	/* one of two, and one or two of two */
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset, PAGE, 0));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset, PAGE, SCHEME_SYNC_START));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset, PAGE, SCHEME_SYNC_READ));
	EXPECT_EQ(-EINVAL, sync_by(self, a.offset, PAGE, read | write));
	for (int bit = 4; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, sync_by(self, a.offset, PAGE,
					   read | 1U << bit));
	s = (struct scheme_memory_sync){
		.offset = a.offset, .len = PAGE, .flags = read, .reserved = 1,
	};
	EXPECT_EQ(-EINVAL, COMMAND(SCHEME_IOC_MEMORY_SYNC, &s));
}

static long export_by(FIXTURE_DATA(phys) *self, uint64_t offset, uint32_t flags,
		      uint32_t reserved)
{
	struct scheme_export e = { offset, flags, reserved };

	return COMMAND(SCHEME_IOC_EXPORT, &e);
}

TEST_F(phys, P8_exports_of_what_is_not_there_are_einval)
{
	struct scheme_physalloc a;

	ASSERT_EQ(0, phys_get(self->fd, 2 * PAGE, 0, &a));
	EXPECT_EQ(-EINVAL, export_by(self, 0, O_RDWR, 0));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset + PAGE, O_RDWR, 0));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset + (1ULL << 32), O_RDWR, 0));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset, O_RDWR, 1));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset, O_WRONLY, 0));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset, O_ACCMODE, 0));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset, O_RDWR | O_NONBLOCK, 0));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset, UINT32_MAX, 0));
	ASSERT_EQ(0, phys_free(self->fd, &a));
	EXPECT_EQ(-EINVAL, export_by(self, a.offset, O_RDWR, 0));
}

static long bind_by(FIXTURE_DATA(phys) *self, const char *device, uint32_t bits,
		    uint64_t reserved)
{
	struct scheme_bind b = { .addr_bits = bits, .reserved = { [2] = reserved } };

	/* as much of it as there is room for, with a NUL or without */
	for (size_t i = 0; i < sizeof(b.device) && device[i]; i++)
		b.device[i] = device[i];
	return COMMAND(SCHEME_IOC_BIND, &b);
}

TEST_F(phys, P6_binds_to_what_is_no_device_of_ours)
{
	EXPECT_EQ(-EINVAL, bind_by(self, "0000:00:00.0", 11, 0));
	EXPECT_EQ(-EINVAL, bind_by(self, "0000:00:00.0", 0, 0));
	EXPECT_EQ(-EINVAL, bind_by(self, "0000:00:00.0", 65, 0));
	EXPECT_EQ(-EINVAL, bind_by(self, "0000:00:00.0", 32, 1));
	EXPECT_EQ(-EINVAL, bind_by(self, "", 32, 0));
	EXPECT_EQ(-EINVAL, bind_by(self, "rubbish", 32, 0));
	EXPECT_EQ(-EINVAL, bind_by(self, "0000:00:00", 32, 0));
	EXPECT_EQ(-EINVAL, bind_by(self, "0000:00:00.0g", 32, 0));
	EXPECT_EQ(-EINVAL, bind_by(self, "0000:00:00.00000000000000000000000000",
				   32, 0));
	/* there is none; it is another driver's, or nobody's */
	EXPECT_EQ(-ENODEV, bind_by(self, "ffff:ff:1f.7", 32, 0));
	EXPECT_EQ(-ENODEV, bind_by(self, "0000:00:00.0", 32, 0));
}

/* ---- commands that are none ------------------------------------------------------------ */

TEST_F(phys, P2_other_commands_are_enotty)
{
	uint64_t arg[32] = {};

	for (unsigned int nr = 0; nr < 256; nr++) {
		if (nr >= 0x60 && nr <= 0x66)
			continue;
		EXPECT_EQ(-ENOTTY, COMMAND(_IOWR(SCHEME_IOC_MAGIC, nr,
						 struct scheme_physalloc), arg));
	}
	EXPECT_EQ(-ENOTTY, COMMAND(_IOWR(SCHEME_IOC_MAGIC, 0x60, char[72]), arg));
	EXPECT_EQ(-ENOTTY, COMMAND(_IOW(SCHEME_IOC_MAGIC, 0x60,
					struct scheme_physalloc), arg));
	EXPECT_EQ(-ENOTTY, COMMAND(SCHEME_IOC_OPENAT, arg));
	EXPECT_EQ(-ENOTTY, COMMAND(SCHEME_IOC_CREATE, arg));
}

TEST(P2_wrong_sizes_of_a_command_are_einval)
{
	struct scheme_physalloc a = phys_wish(PAGE, 0);
	struct scheme_command c = { .arg = (uintptr_t)&a };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int fd = phys_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, uring_begin(&ring, 0));
	for (c.size = 0; c.size <= 200; c.size++) {
		c.reserved = c.size == sizeof(a);
		sqe = io_uring_get_sqe(&ring);
		scheme_prep_command(sqe, fd, SCHEME_IOC_PHYSALLOC, &a);
		memcpy(&sqe->addr3, &c, sizeof(c));
		io_uring_submit(&ring);
		EXPECT_EQ(-EINVAL, uring_wait(&ring, sqe->user_data));
	}
	EXPECT_EQ(0, a.offset);
	io_uring_queue_exit(&ring);
	close(fd);
}

TEST_F(phys, P8_it_is_no_file_to_read)
{
	char byte = 0;

	EXPECT_GT(0, read(self->fd, &byte, 1));
	EXPECT_GT(0, write(self->fd, &byte, 1));
	EXPECT_GT(0, pread(self->fd, &byte, 1, 1LL << 32));
	EXPECT_GT(0, ftruncate(self->fd, 1LL << 33));
}

/* ---- rubbish ---------------------------------------------------------------------------- */

#define RUBBISH	(checked_kernel() ? 400 : 1000)

static uint64_t state = 88172645463325252ULL;

static uint64_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A number as it may come: small, at a limit, or anything. */
static uint64_t number(void)
{
	static const uint64_t limits[] = {
		0, 1, PAGE - 1, PAGE, PAGE + 1, 12, 64, 1ULL << 31, 1ULL << 32,
		UINT32_MAX, 1ULL << 63, UINT64_MAX, SCHEME_PHYS_RANGES_MAX,
	};
	uint64_t r = any();

	switch (r % 3) {
	case 0:
		return any() % (64 * PAGE);
	case 1:
		return limits[any() % (sizeof(limits) / 8)];
	default:
		return any() >> any() % 64;
	}
}

static void rubbish(struct scheme_physalloc *a)
{
	a->size = number();
	a->min = number();
	a->flags = any() & any();
	a->addr_bits = number();
	a->ranges = any() % 2 ? 0 : any() % 4 * PAGE;
	a->max_ranges = number();
	memset(a->reserved, 0, sizeof(a->reserved));
	a->reserved0 = any() % 16 ? 0 : any();
	/* else nearly all would end at the first check */
	if (any() % 4) {
		a->size = any() % MIB(1);
		a->min = any() % 4 ? 1 : number();
		a->flags &= 0x7f | SCHEME_PHYS_STRATEGY;
		a->addr_bits = any() % 2 ? 0 : 12 + any() % 54;
		a->max_ranges = any() % 3;
	}
}

static bool may_be(long ret)
{
	switch (-ret) {
	case 0:
	case EINVAL:
	case EFAULT:
	case ENOMEM:
	case ENOSPC:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

TEST_F(phys, P11_rubbish_is_refused_or_harmless)
{
	struct scheme_physalloc a;
	unsigned int given = 0, refused = 0;
	union {
		struct scheme_physfree free;
		struct scheme_ranges ranges;
		struct scheme_memory_sync sync;
		uint64_t word[10];
	} u;
	long ret;

	ONE_ROUTE_WILL_DO();
	state += getpid();
	for (int i = 0; i < RUBBISH; i++) {
		rubbish(&a);
		ret = ALLOC(&a);
		EXPECT_TRUE(may_be(ret)) {
			TH_LOG("%ld: size %llx min %llx flags %x bits %u ranges %llx %u",
			       ret, a.size, a.min, a.flags, a.addr_bits, a.ranges,
			       a.max_ranges);
		}
		given += !ret;
		refused += ret < 0;
		if (!ret && (a.size > MIB(1) || any() % 8))
			EXPECT_EQ(0, FREE(a.offset, a.size));
		for (int k = 0; k < 3; k++)
			u.word[k] = any() % 2 ? number() :
				    (any() % (given + 2)) << 32;
		if (any() % 2)
			u.ranges.max_ranges = any() % 3;
		EXPECT_TRUE(may_be(COMMAND(SCHEME_IOC_RANGES, &u.ranges)));
		EXPECT_TRUE(may_be(COMMAND(SCHEME_IOC_MEMORY_SYNC, &u.sync)));
		EXPECT_TRUE(may_be(COMMAND(SCHEME_IOC_PHYSFREE, &u.free)));
	}
	printf("# %u given, %u refused\n", given, refused);
	EXPECT_LT(RUBBISH / 10, given);
	EXPECT_LT(RUBBISH / 10, refused);
}

/* ---- at once ------------------------------------------------------------------------------ */

struct mob {
	int fd;
	int stop;
	unsigned int wrong;
	uint64_t newest;	/* a name that has been given */
};

/* One of what the names that all know allow. */
static long some_command(struct mob *mob, struct scheme_physalloc *mine, uint64_t r)
{
	uint64_t name = __atomic_load_n(&mob->newest, __ATOMIC_RELAXED) -
			((r >> 8) % 4 << 32);
	struct scheme_physalloc theirs = { .offset = name, .size = 4 * PAGE };
	uint32_t nr;
	long ret;

	switch (r % 5) {
	case 0:
		ret = phys_get(mob->fd, 4 * PAGE, r & 1 << 6 ? SCHEME_PHYS_LIST : 0,
			       mine);
		if (!ret)
			__atomic_store_n(&mob->newest, mine->offset,
					 __ATOMIC_RELAXED);
		return ret;
	case 1:
		return phys_free(mob->fd, &theirs);
	case 2:
		return phys_ranges(mob->fd, name, NULL, 0, &nr);
	case 3:
		return phys_sync(mob->fd, name, PAGE,
				 SCHEME_SYNC_START | SCHEME_SYNC_READ);
	default:
		ret = phys_export(mob->fd, name, O_RDWR);
		return ret < 0 ? ret : close(ret);
	}
}

/* All that is there is mapped while others free it. */
static void map_some(struct mob *mob, uint64_t r)
{
	struct scheme_physalloc theirs = {
		.offset = __atomic_load_n(&mob->newest, __ATOMIC_RELAXED),
		.size = 4 * PAGE,
	};
	char *mem = phys_map(mob->fd, &theirs);
	struct scheme_virttophys v;
	long ret;

	if (!mem)
		return;
	mem[r % (4 * PAGE)] = 1;
	ret = phys_virt(mob->fd, mem, &v);
	if (ret && ret != -EFAULT)
		__atomic_fetch_add(&mob->wrong, 1, __ATOMIC_RELAXED);
	munmap(mem, 4 * PAGE);
}

static void *mobster(void *arg)
{
	struct mob *mob = arg;
	uint64_t r = (uintptr_t)&mob * 2654435761U | 1;
	struct scheme_physalloc mine;

	while (!__atomic_load_n(&mob->stop, __ATOMIC_RELAXED)) {
		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		if (!may_be(some_command(mob, &mine, r >> 16)))
			__atomic_fetch_add(&mob->wrong, 1, __ATOMIC_RELAXED);
		map_some(mob, r >> 24);
	}
	return NULL;
}

TEST(P7_all_commands_at_once_on_one_owner)
{
	struct mob mob = { .fd = phys_open() };
	pthread_t threads[6];

	ASSERT_LE(0, mob.fd);
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, mobster, &mob));
	sleep_ms(3000);
	__atomic_store_n(&mob.stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, mob.wrong);
	printf("# %llu buffers\n", (unsigned long long)mob.newest >> 32);
	EXPECT_LT(checked_kernel() ? 10 : 100, mob.newest >> 32);
	close(mob.fd);
}

TEST_HARNESS_MAIN
