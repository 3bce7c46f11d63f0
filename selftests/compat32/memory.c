// SPDX-License-Identifier: GPL-2.0
/* The memory scheme: a buffer's name does not fit 32 bits, nor may an address. */
#include "compat32.h"

#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/redox_scheme_memory.h>

#define BYTES	(3 * PAGE)

static char *map_buffer(int fd, const struct scheme_physalloc *a)
{
	return (char *)sys(__NR_mmap2, 0, a->size, PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, a->offset / PAGE);
}

static long command(int fd, uint32_t cmd, void *arg, uint32_t size)
{
	struct scheme_command command = { .arg = (uintptr_t)arg, .size = size };

	return ring_command(fd, cmd, &command);
}

static void test_addresses(int fd, const struct scheme_physalloc *a)
{
	struct scheme_range range = {};
	struct scheme_ranges ranges = {
		.offset = a->offset, .ranges = (uintptr_t)&range, .max_ranges = 1,
	};
	char *mem = map_buffer(fd, a);
	struct scheme_virttophys virt = { .virt = (uintptr_t)mem + PAGE + 1 };
	long ret = do_ioctl(fd, SCHEME_IOC_RANGES, &ranges);

	test("P9_ranges", !ret && ranges.nr_ranges == 1 && range.addr == a->addr &&
	     range.len == a->size, ret);
	test("P8_mmap", !failed(mem) && !mem[BYTES - 1], (long)mem);
	if (failed(mem))
		return;
	mem[PAGE] = 'm';
	ret = do_ioctl(fd, SCHEME_IOC_VIRTTOPHYS, &virt);
	test("P9_virttophys", !ret && virt.addr == a->addr + PAGE + 1 &&
	     virt.len == BYTES - PAGE - 1, ret);
	virt.virt = 1ULL << 32 | virt.virt;
	ret = do_ioctl(fd, SCHEME_IOC_VIRTTOPHYS, &virt);
	test("P9_no_address_beyond_32_bits", ret == -EFAULT, ret);
	sys(__NR_munmap, mem, BYTES);
}

static void test_buffer(int fd, const struct scheme_physalloc *a)
{
	struct scheme_memory_sync sync = {
		.offset = a->offset + PAGE, .len = PAGE,
		.flags = SCHEME_SYNC_START | SCHEME_SYNC_READ,
	};
	struct scheme_export export = { .offset = a->offset, .flags = O_RDWR };
	struct scheme_physfree free = { .offset = a->offset, .size = a->size };
	long ret = do_ioctl(fd, SCHEME_IOC_MEMORY_SYNC, &sync);

	test("P8_sync", !ret, ret);
	ret = do_ioctl(fd, SCHEME_IOC_EXPORT, &export);
	test("P8_export", ret >= 0, ret);
	sys(__NR_close, ret);
	ret = do_ioctl(fd, SCHEME_IOC_PHYSFREE, &free);
	test("P7_physfree", !ret, ret);
	ret = do_ioctl(fd, SCHEME_IOC_PHYSFREE, &free);
	test("P7_double_free", ret == -EINVAL, ret);
}

void test_memory(void)
{
	long fd = sys(__NR_open, "/dev/scheme/memory", O_RDWR, 0);
	struct scheme_physalloc a = { .size = BYTES - 5, .min = 1 };
	long ret;

	test("P1_open_of_the_memory_scheme", fd >= 0, fd);
	ret = do_ioctl(fd, SCHEME_IOC_PHYSALLOC, &a);
	test("P1_physalloc", !ret && a.size == BYTES && a.nr_ranges == 1, ret);
	test("P1_names_are_beyond_32_bits", a.offset > ~0U, 0);
	test_addresses(fd, &a);
	test_buffer(fd, &a);
	a = (struct scheme_physalloc){
		.size = BYTES, .min = 1, .flags = SCHEME_PHYS_LIST,
	};
	ret = command(fd, SCHEME_IOC_PHYSALLOC, &a, sizeof(a));
	test("P5_physalloc_by_uring", !ret && a.size == BYTES, ret);
	sys(__NR_close, fd);
}
