// SPDX-License-Identifier: MIT
/*
 * The memory scheme's calls: what they ask of the module, and what they make of its
 * answer. The module is here: an ioctl(2) that keeps what it is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <liburing.h>
#include <scheme.h>
#include <scheme_memory.h>

#define FD	77
#define PAGE	4096

/* What was asked last, and what is answered. */
static struct {
	unsigned int	calls;
	int		fd;
	unsigned long	cmd;
	union {
		struct scheme_physalloc		alloc;
		struct scheme_physfree		free;
		struct scheme_ranges		ranges;
		struct scheme_virttophys	virt;
		struct scheme_memory_sync	sync;
		struct scheme_export		export;
		struct scheme_bind		bind;
	} in, out;
	int		result;
	int		error;
} module;

int __wrap_ioctl(int fd, unsigned long cmd, ...);

int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	module.calls++;
	module.fd = fd;
	module.cmd = cmd;
	memcpy(&module.in, arg, _IOC_SIZE(cmd));
	if (module.error) {
		errno = module.error;
		return -1;
	}
	if (_IOC_DIR(cmd) & _IOC_READ)
		memcpy(arg, &module.out, _IOC_SIZE(cmd));
	return module.result;
}

static int setup(void **state)
{
	(void)state;
	memset(&module, 0, sizeof(module));
	module.out.alloc = (struct scheme_physalloc){
		.size = 3 * PAGE, .nr_ranges = 2, .offset = 5ULL << 32,
		.addr = 0x123456789000, .cache = SCHEME_CACHE_WRITE_COMBINE,
	};
	return 0;
}

/* One command with exactly this argument has been sent. */
static void expect_asked(unsigned long cmd, const void *in)
{
	assert_int_equal(module.calls, 1);
	assert_int_equal(module.fd, FD);
	assert_int_equal(module.cmd, cmd);
	assert_memory_equal(&module.in, in, _IOC_SIZE(cmd));
}

/* ---- buffers ------------------------------------------------------------------ */

static void expect_given(const struct scheme_phys *phys)
{
	assert_int_equal(phys->size, 3 * PAGE);
	assert_int_equal(phys->offset, 5ULL << 32);
	assert_int_equal(phys->addr, 0x123456789000);
	assert_int_equal(phys->nr_ranges, 2);
	assert_int_equal(phys->cache, SCHEME_CACHE_WRITE_COMBINE);
}

static void P1_physalloc_asks_for_a_size(void **state)
{
	const struct scheme_physalloc asked = { .size = 10000, .min = 1 };
	struct scheme_phys phys;

	(void)state;
	assert_int_equal(scheme_physalloc(FD, 10000, &phys), 0);
	expect_asked(SCHEME_IOC_PHYSALLOC, &asked);
	expect_given(&phys);
}

static void P2_physalloc2_asks_with_flags(void **state)
{
	const struct scheme_physalloc asked = {
		.size = 1ULL << 40, .min = 1, .flags = 0x80000001,
	};
	struct scheme_phys phys;

	(void)state;
	assert_int_equal(scheme_physalloc2(FD, 1ULL << 40, 0x80000001, &phys), 0);
	expect_asked(SCHEME_IOC_PHYSALLOC, &asked);
	expect_given(&phys);
}

static void P3_min_becomes_what_was_given(void **state)
{
	const uint32_t flags = SCHEME_PHYS_PARTIAL_ALLOC | SCHEME_PHYS_GREEDY;
	const struct scheme_physalloc asked = {
		.size = 5 * PAGE, .min = 2 * PAGE, .flags = flags,
	};
	struct scheme_phys phys;
	uint64_t min = 2 * PAGE;

	(void)state;
	assert_int_equal(scheme_physalloc3(FD, 5 * PAGE, flags, &min, &phys), 0);
	expect_asked(SCHEME_IOC_PHYSALLOC, &asked);
	expect_given(&phys);
	assert_int_equal(min, 3 * PAGE);
}

static void P3_an_error_leaves_min_and_buffer(void **state)
{
	struct scheme_phys phys, before;
	uint64_t min = 0;

	(void)state;
	memset(&phys, 0x5a, sizeof(phys));
	before = phys;
	module.error = EINVAL;
	assert_int_equal(scheme_physalloc3(FD, PAGE, 0, &min, &phys), -EINVAL);
	assert_int_equal(min, 0);
	assert_memory_equal(&phys, &before, sizeof(phys));
}

static void P5_a_list_asks_for_ranges(void **state)
{
	struct scheme_range ranges[4];
	const struct scheme_physalloc asked = {
		.size = 3 * PAGE, .min = PAGE, .addr_bits = 28,
		.flags = SCHEME_PHYS_LIST | SCHEME_PHYS_NO_CACHE,
		.ranges = (uintptr_t)ranges, .max_ranges = 4,
	};
	struct scheme_phys phys;
	uint32_t nr = 4;

	(void)state;
	assert_int_equal(scheme_physalloc_list(FD, 3 * PAGE, PAGE,
					       SCHEME_PHYS_NO_CACHE, 28, ranges,
					       &nr, &phys), 0);
	expect_asked(SCHEME_IOC_PHYSALLOC, &asked);
	expect_given(&phys);
	assert_int_equal(nr, 2);
}

/* To the module 0 is any number, and it would write past the caller's room. */
static void P5_a_list_without_room_is_einval(void **state)
{
	struct scheme_range range;
	struct scheme_phys phys;
	uint32_t nr = 0;

	(void)state;
	assert_int_equal(scheme_physalloc_list(FD, PAGE, 1, 0, 0, &range, &nr,
					       &phys), -EINVAL);
	assert_int_equal(module.calls, 0);
}

static void P5_an_error_leaves_the_number_of_ranges(void **state)
{
	struct scheme_phys phys;
	uint32_t nr = 9;

	(void)state;
	module.error = ENOMEM;
	assert_int_equal(scheme_physalloc_list(FD, PAGE, 1, 0, 0, NULL, &nr,
					       &phys), -ENOMEM);
	assert_int_equal(nr, 9);
}

static void P7_physfree_names_all_of_a_buffer(void **state)
{
	const struct scheme_physfree asked = { .offset = 5ULL << 32, .size = PAGE };

	(void)state;
	assert_int_equal(scheme_physfree(FD, 5ULL << 32, PAGE), 0);
	expect_asked(SCHEME_IOC_PHYSFREE, &asked);
	module.error = EINVAL;
	assert_int_equal(scheme_physfree(FD, 5ULL << 32, PAGE), -EINVAL);
}

/* ---- mappings: of a memfd, whose offsets are as large ---------------------------- */

#define BUFFER	(3ULL << 32)

static int owner(void)
{
	int fd = memfd_create("owner", MFD_CLOEXEC);
	char page[2 * PAGE];

	assert_true(fd >= 0);
	memset(page, 'a', PAGE);
	memset(page + PAGE, 'b', PAGE);
	assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)BUFFER),
			 sizeof(page));
	return fd;
}

static void P8_physmap_maps_from_any_byte(void **state)
{
	int fd = owner();
	void *mem = NULL;

	(void)state;
	assert_int_equal(scheme_physmap(fd, BUFFER + PAGE - 1, 2,
					PROT_READ | PROT_WRITE, &mem), 0);
	assert_int_equal((uintptr_t)mem % PAGE, PAGE - 1);
	assert_memory_equal(mem, "ab", 2);
	/* it is the memory itself */
	assert_int_equal(pwrite(fd, "xy", 2, (off_t)(BUFFER + PAGE - 1)), 2);
	assert_memory_equal(mem, "xy", 2);
	assert_int_equal(scheme_physunmap(mem, 2), 0);
	/* both pages have gone */
	assert_int_equal(msync((char *)mem - (PAGE - 1), PAGE, MS_ASYNC), -1);
	assert_int_equal(msync((char *)mem + 1, PAGE, MS_ASYNC), -1);
	close(fd);
}

static void P8_physmap_refuses(void **state)
{
	int fd = owner();
	void *mem = fd ? &fd : NULL, *before = mem;

	(void)state;
	assert_int_equal(scheme_physmap(fd, BUFFER, 0, PROT_READ, &mem), -EINVAL);
	assert_int_equal(scheme_physmap(fd, BUFFER + 1, SIZE_MAX, PROT_READ,
					&mem), -EINVAL);
	assert_int_equal(scheme_physmap(-1, BUFFER, PAGE, PROT_READ, &mem),
			 -EBADF);
	assert_true(scheme_physmap(fd, UINT64_MAX, 1, PROT_READ, &mem) < 0);
	assert_ptr_equal(mem, before);
	close(fd);
}

static void P8_physunmap_of_nothing(void **state)
{
	int fd = owner();
	void *mem = NULL;

	(void)state;
	assert_int_equal(scheme_physunmap(NULL, PAGE), 0);
	assert_int_equal(scheme_physmap(fd, BUFFER + 1, 1, PROT_READ, &mem), 0);
	assert_int_equal(scheme_physunmap(mem, 0), -EINVAL);
	assert_int_equal(scheme_physunmap(mem, SIZE_MAX), -EINVAL);
	assert_memory_equal(mem, "a", 1);
	assert_int_equal(scheme_physunmap(mem, 1), 0);
	close(fd);
}

/* ---- addresses and the other side ------------------------------------------------ */

static void P9_virttophys_tells_address_and_length(void **state)
{
	const struct scheme_virttophys asked = { .virt = 0x7000 };
	uint64_t addr = 0, len = 0;

	(void)state;
	module.out.virt = (struct scheme_virttophys){
		.virt = 0x7000, .addr = 1ULL << 45, .len = 99,
	};
	assert_int_equal(scheme_virttophys(FD, (void *)0x7000, &addr, &len), 0);
	expect_asked(SCHEME_IOC_VIRTTOPHYS, &asked);
	assert_int_equal(addr, 1ULL << 45);
	assert_int_equal(len, 99);
	assert_int_equal(scheme_virttophys(FD, (void *)0x7000, &addr, NULL), 0);
	module.error = EFAULT;
	addr = 1;
	assert_int_equal(scheme_virttophys(FD, (void *)0x7000, &addr, &len),
			 -EFAULT);
	assert_int_equal(addr, 1);
}

static void P9_ranges_tells_how_many_there_are(void **state)
{
	struct scheme_range ranges[2];
	const struct scheme_ranges asked = {
		.offset = 1ULL << 32, .ranges = (uintptr_t)ranges,
		.max_ranges = 2,
	};
	uint32_t nr = 2;

	(void)state;
	module.out.ranges = (struct scheme_ranges){ .nr_ranges = 70 };
	assert_int_equal(scheme_memory_ranges(FD, 1ULL << 32, ranges, &nr), 0);
	expect_asked(SCHEME_IOC_RANGES, &asked);
	assert_int_equal(nr, 70);
	module.error = EPERM;
	assert_int_equal(scheme_memory_ranges(FD, 1ULL << 32, ranges, &nr), -EPERM);
	assert_int_equal(nr, 70);
}

static void P8_sync_and_export_ask_as_they_are_asked(void **state)
{
	const struct scheme_memory_sync sync = {
		.offset = BUFFER + 1, .len = 1ULL << 33,
		.flags = SCHEME_SYNC_START | SCHEME_SYNC_READ,
	};
	const struct scheme_export export = {
		.offset = BUFFER, .flags = O_CLOEXEC | O_RDWR,
	};

	(void)state;
	assert_int_equal(scheme_memory_sync(FD, sync.offset, sync.len,
					    sync.flags), 0);
	expect_asked(SCHEME_IOC_MEMORY_SYNC, &sync);
	setup(NULL);
	module.result = 12;
	assert_int_equal(scheme_memory_export(FD, BUFFER, O_CLOEXEC | O_RDWR), 12);
	expect_asked(SCHEME_IOC_EXPORT, &export);
	module.error = EMFILE;
	assert_int_equal(scheme_memory_export(FD, BUFFER, 0), -EMFILE);
}

static void P6_bind_names_a_function(void **state)
{
	const struct scheme_bind asked = {
		.device = "0000:00:04.0", .addr_bits = 28,
	};
	uint32_t flags = 0;

	(void)state;
	module.out.bind = (struct scheme_bind){ .flags = SCHEME_BIND_IOMMU };
	assert_int_equal(scheme_memory_bind(FD, "0000:00:04.0", 28, &flags), 0);
	expect_asked(SCHEME_IOC_BIND, &asked);
	assert_int_equal(flags, SCHEME_BIND_IOMMU);
	assert_int_equal(scheme_memory_bind(FD, "0000:00:04.0", 28, NULL), 0);
	module.error = EBUSY;
	flags = 7;
	assert_int_equal(scheme_memory_bind(FD, "0000:00:04.0", 28, &flags),
			 -EBUSY);
	assert_int_equal(flags, 7);
}

/* The struct has room for 31 bytes and a NUL. */
static void P6_bind_takes_31_bytes_and_no_more(void **state)
{
	char name[33] = "";

	(void)state;
	memset(name, 'x', 31);
	assert_int_equal(scheme_memory_bind(FD, name, 28, NULL), 0);
	assert_memory_equal(module.in.bind.device, name, 32);
	name[31] = 'x';
	assert_int_equal(scheme_memory_bind(FD, name, 28, NULL), -EINVAL);
	assert_int_equal(module.calls, 1);
}

static void P1_open_takes_no_other_flags(void **state)
{
	(void)state;
	assert_int_equal(scheme_memory_open(O_NONBLOCK), -EINVAL);
	assert_int_equal(scheme_memory_open(O_CREAT | O_CLOEXEC), -EINVAL);
	assert_int_equal(scheme_memory_open(-1), -EINVAL);
}

/* ---- io_uring ------------------------------------------------------------------ */

static void P1_every_command_has_an_io_uring_form(void **state)
{
	static const uint32_t cmds[] = {
		SCHEME_IOC_PHYSALLOC, SCHEME_IOC_PHYSFREE, SCHEME_IOC_RANGES,
		SCHEME_IOC_VIRTTOPHYS, SCHEME_IOC_MEMORY_SYNC, SCHEME_IOC_EXPORT,
		SCHEME_IOC_BIND,
	};
	static const uint32_t sizes[] = { 80, 16, 24, 24, 24, 16, 64 };
	struct scheme_command command;
	struct io_uring_sqe sqe;

	(void)state;
	for (int i = 0; i < 7; i++) {
		memset(&sqe, 0xff, sizeof(sqe));
		sqe.user_data = 42;
		scheme_prep_command(&sqe, FD, cmds[i], &module.in);
		memcpy(&command, &sqe.addr3, sizeof(command));
		assert_int_equal(sqe.opcode, IORING_OP_URING_CMD);
		assert_int_equal(sqe.fd, FD);
		assert_int_equal(sqe.cmd_op, cmds[i]);
		assert_int_equal(sqe.user_data, 42);
		assert_int_equal(sqe.flags, 0);
		assert_int_equal(command.arg, (uintptr_t)&module.in);
		assert_int_equal(command.size, sizes[i]);
		assert_int_equal(command.reserved, 0);
	}
}

#define TEST(name)	cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(P1_physalloc_asks_for_a_size),
		TEST(P1_open_takes_no_other_flags),
		TEST(P1_every_command_has_an_io_uring_form),
		TEST(P2_physalloc2_asks_with_flags),
		TEST(P3_min_becomes_what_was_given),
		TEST(P3_an_error_leaves_min_and_buffer),
		TEST(P5_a_list_asks_for_ranges),
		TEST(P5_a_list_without_room_is_einval),
		TEST(P5_an_error_leaves_the_number_of_ranges),
		TEST(P6_bind_names_a_function),
		TEST(P6_bind_takes_31_bytes_and_no_more),
		TEST(P7_physfree_names_all_of_a_buffer),
		TEST(P8_physmap_maps_from_any_byte),
		TEST(P8_physmap_refuses),
		TEST(P8_physunmap_of_nothing),
		TEST(P8_sync_and_export_ask_as_they_are_asked),
		TEST(P9_virttophys_tells_address_and_length),
		TEST(P9_ranges_tells_how_many_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
