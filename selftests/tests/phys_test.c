// SPDX-License-Identifier: GPL-2.0
/* Buffers of one range: what they are, whose they are, and how they go. */
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <scheme_memory.h>

#include "../event.h"
#include "phys.h"

/* ---- what they are ------------------------------------------------------------- */

TEST_F(phys, P1_sizes_are_rounded_up_to_pages)
{
	static const struct { uint64_t wish, size; } sizes[] = {
		{ 1, PAGE }, { PAGE - 1, PAGE }, { PAGE, PAGE },
		{ PAGE + 1, 2 * PAGE }, { 3 * PAGE, 3 * PAGE },
		{ 40961, 11 * PAGE }, { MIB(1) + 1, MIB(1) + PAGE },
	};
	struct scheme_physalloc a;
	uint64_t last = 0;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		a = phys_wish(sizes[i].wish, 0);
		ASSERT_EQ(0, ALLOC(&a));
		EXPECT_EQ(sizes[i].size, a.size);
		EXPECT_EQ(1, a.nr_ranges);
		EXPECT_EQ(SCHEME_CACHE_WRITE_BACK, a.cache);
		EXPECT_EQ(0, a.addr % PAGE);
		/* names are not zero, not used again, and 4 GiB apart */
		EXPECT_LT(last, a.offset);
		EXPECT_EQ(0, a.offset & 0xffffffff);
		last = a.offset;
	}
}

/* The input comes back as it was. */
TEST_F(phys, P1_answers_leave_the_question)
{
	struct scheme_physalloc a = phys_wish(PAGE, SCHEME_PHYS_SPACE_64);

	a.min = 17;
	a.addr_bits = 64;
	a.max_ranges = 1;
	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_EQ(17, a.min);
	EXPECT_EQ(SCHEME_PHYS_SPACE_64, a.flags);
	EXPECT_EQ(64, a.addr_bits);
	EXPECT_EQ(0, a.ranges);
	EXPECT_EQ(1, a.max_ranges);
	EXPECT_EQ(0, a.reserved0);
}

/* All that others left in it is gone; each kind of memory in turn. */
static bool zeroed_after(int fd, uint64_t size, uint32_t flags)
{
	struct scheme_physalloc a[4];
	bool zero = true;
	char *mem;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			if (phys_get(fd, size, flags, &a[i]))
				return false;
			mem = phys_map(fd, &a[i]);
			if (!mem)
				return false;
			zero = zero && bytes_are(mem, 0, a[i].size);
			memset(mem, 0xa5, a[i].size);
			munmap(mem, a[i].size);
		}
		for (int i = 0; i < 4; i++)
			if (phys_free(fd, &a[i]))
				return false;
	}
	return zero;
}

TEST_F(phys, P1_memory_is_zeroed)
{
	char *dirt = mmap(NULL, MIB(64), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ONE_ROUTE_WILL_DO();
	ASSERT_NE(MAP_FAILED, dirt);
	memset(dirt, 0x5a, MIB(64));
	munmap(dirt, MIB(64));
	EXPECT_TRUE(zeroed_after(self->fd, PAGE, 0));
	EXPECT_TRUE(zeroed_after(self->fd, MIB(1), 0));
	EXPECT_TRUE(zeroed_after(self->fd, 3 * PAGE, SCHEME_PHYS_SPACE_32));
	EXPECT_TRUE(zeroed_after(self->fd, MIB(8), SCHEME_PHYS_LIST));
	/* larger than the page allocator's pieces */
	EXPECT_EQ(phys_has_large_ranges(), zeroed_after(self->fd, MIB(6), 0));
}

TEST_F(phys, P1_one_range_is_contiguous)
{
	static const uint64_t sizes[] = { 1, KIB(64), 5 * PAGE, MIB(4), MIB(5) };
	struct scheme_virttophys v;
	struct scheme_physalloc a;
	char *mem;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i] > MIB(4) && !phys_has_large_ranges()) {
			EXPECT_EQ(-ENOMEM, phys_get(self->fd, sizes[i], 0, &a));
			continue;
		}
		ASSERT_EQ(0, phys_get(self->fd, sizes[i], 0, &a));
		mem = phys_map(self->fd, &a);
		ASSERT_NE(NULL, mem);
		memset(mem, 1, a.size);
		EXPECT_TRUE(phys_is_mapped(mem, a.addr, a.size));
		for (uint64_t at = 0; at < a.size; at += a.size / 4 + 1) {
			v = (struct scheme_virttophys){
				.virt = (uintptr_t)mem + at,
			};
			ASSERT_EQ(0, COMMAND(SCHEME_IOC_VIRTTOPHYS, &v));
			EXPECT_EQ(a.addr + at, v.addr);
			EXPECT_EQ(a.size - at, v.len);
		}
		munmap(mem, a.size);
	}
}

TEST_F(phys, P1_a_range_of_its_own_each)
{
	struct scheme_physalloc a[32];

	for (int i = 0; i < 32; i++) {
		ASSERT_EQ(0, phys_get(self->fd, (i % 5 + 1) * PAGE, 0, &a[i]));
		for (int k = 0; k < i; k++)
			EXPECT_TRUE(a[i].addr + a[i].size <= a[k].addr ||
				    a[k].addr + a[k].size <= a[i].addr);
	}
}

TEST_F(phys, P1_ranges_are_told_with_the_answer_and_again)
{
	struct scheme_range r[2] = { { 5, 5 }, { 5, 5 } };
	struct scheme_physalloc a = phys_wish(KIB(64), 0);
	struct scheme_ranges again;

	a.ranges = (uintptr_t)r;
	a.max_ranges = 1;
	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_EQ(1, a.nr_ranges);
	EXPECT_EQ(a.addr, r[0].addr);
	EXPECT_EQ(a.size, r[0].len);
	EXPECT_EQ(5, r[1].addr);
	memset(r, 0, sizeof(r));
	again = (struct scheme_ranges){
		.offset = a.offset, .ranges = (uintptr_t)r, .max_ranges = 2,
	};
	ASSERT_EQ(0, COMMAND(SCHEME_IOC_RANGES, &again));
	EXPECT_EQ(1, again.nr_ranges);
	EXPECT_EQ(a.addr, r[0].addr);
	EXPECT_EQ(a.size, r[0].len);
	EXPECT_EQ(0, r[1].len);
	/* only how many */
	again.ranges = 0;
	again.max_ranges = 0;
	ASSERT_EQ(0, COMMAND(SCHEME_IOC_RANGES, &again));
	EXPECT_EQ(1, again.nr_ranges);
}

TEST_F(phys, P6_addresses_have_the_bits_asked_for)
{
	struct scheme_physalloc a;

	for (unsigned int bits = 36; bits >= 26; bits--) {
		a = phys_wish(KIB(64), 0);
		a.addr_bits = bits;
		ASSERT_EQ(0, ALLOC(&a));
		EXPECT_GE(1ULL << bits, a.addr + a.size);
	}
	a = phys_wish(KIB(64), SCHEME_PHYS_SPACE_32);
	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_GE(1ULL << 32, a.addr + a.size);
	/* both bound it */
	a = phys_wish(KIB(64), SCHEME_PHYS_SPACE_32);
	a.addr_bits = 28;
	ASSERT_EQ(0, ALLOC(&a));
	EXPECT_GE(1ULL << 28, a.addr + a.size);
	/* nobody has memory there: the first pages are the firmware's */
	a = phys_wish(PAGE, 0);
	a.addr_bits = 12;
	EXPECT_EQ(-ENOMEM, ALLOC(&a));
}

/* ---- rights --------------------------------------------------------------------- */

struct asked {
	struct io_uring *ring;
	int fd;
	struct scheme_physalloc mine;	/* of who has the right */
};

/* 0, or the line that is wrong. */
#define MUST(cond)	do { if (!(cond)) return __LINE__ & 0xff ?: 1; } while (0)

/* Without CAP_SYS_RAWIO: no address, by any way. */
static int without_rawio(void *arg)
{
	struct asked *asked = arg;
	struct scheme_range r = { 1, 1 };
	struct scheme_ranges ranges = {
		.offset = asked->mine.offset, .ranges = (uintptr_t)&r,
		.max_ranges = 1,
	};
	struct io_uring ring, *route = asked->ring ? &ring : NULL;
	struct scheme_virttophys v = {};
	struct scheme_physalloc a;
	char *mem = phys_map(asked->fd, &asked->mine);

	MUST(mem);
	MUST(!drop_rawio());
	MUST(!route || !uring_begin(route, 0));
	a = phys_wish(PAGE, 0);
	MUST(phys_command(route, asked->fd, SCHEME_IOC_PHYSALLOC, &a) == -EPERM);
	MUST(phys_command(route, asked->fd, SCHEME_IOC_RANGES, &ranges) == -EPERM);
	MUST(r.addr == 1 && r.len == 1);
	v.virt = (uintptr_t)mem;
	MUST(phys_command(route, asked->fd, SCHEME_IOC_VIRTTOPHYS, &v) == -EPERM);
	MUST(!v.addr);
	/* but memory */
	a = phys_wish(PAGE, SCHEME_PHYS_NO_ADDR);
	a.ranges = (uintptr_t)&r;
	a.max_ranges = 1;
	MUST(!phys_command(route, asked->fd, SCHEME_IOC_PHYSALLOC, &a));
	MUST(a.addr == SCHEME_PHYS_HIDDEN && a.nr_ranges == 1);
	MUST(r.addr == SCHEME_PHYS_HIDDEN && r.len == PAGE);
	mem = phys_map(asked->fd, &a);
	MUST(mem && bytes_are(mem, 0, PAGE));
	mem[1] = 1;
	v.virt = (uintptr_t)mem;
	MUST(phys_command(route, asked->fd, SCHEME_IOC_VIRTTOPHYS, &v) == -EPERM);
	MUST(!phys_free(asked->fd, &a));
	return 0;
}

TEST_F(phys, P1_without_the_right_there_are_no_addresses)
{
	struct asked asked = { .ring = self->route, .fd = self->fd };

	ASSERT_EQ(0, phys_get(self->fd, PAGE, 0, &asked.mine));
	EXPECT_EQ(0, child_result(child_start(without_rawio, &asked)));
}

/* The same by a user who has the descriptor and nothing else. */
static int as_nobody(void *arg)
{
	struct asked *asked = arg;
	struct scheme_physalloc a = phys_wish(PAGE, 0);

	MUST(!become_user(65534, 65534));
	MUST(phys_open() == -EACCES);
	MUST(phys_alloc(asked->fd, &a) == -EPERM);
	a = phys_wish(PAGE, SCHEME_PHYS_NO_ADDR);
	MUST(!phys_alloc(asked->fd, &a));
	MUST(a.addr == SCHEME_PHYS_HIDDEN);
	MUST(phys_map(asked->fd, &a));
	return 0;
}

TEST_F(phys, P1_a_user_gets_memory_by_a_descriptor_only)
{
	struct asked asked = { .ring = self->route, .fd = self->fd };

	EXPECT_EQ(0, child_result(child_start(as_nobody, &asked)));
}

/* ---- whose they are -------------------------------------------------------------- */

static int in_child(void *arg)
{
	struct asked *asked = arg;
	struct scheme_physalloc own;
	char *mem = phys_map(asked->fd, &asked->mine);

	MUST(mem && mem[0] == 'p');
	mem[1] = 'c';
	MUST(!phys_get(asked->fd, PAGE, 0, &own));
	MUST(!phys_free(asked->fd, &own));
	return 0;
}

TEST_F(phys, P8_a_child_has_the_same_buffers)
{
	struct asked asked = { .fd = self->fd };
	char *mem;

	ASSERT_EQ(0, phys_get(self->fd, PAGE, 0, &asked.mine));
	mem = phys_map(self->fd, &asked.mine);
	ASSERT_NE(NULL, mem);
	mem[0] = 'p';
	EXPECT_EQ(0, child_result(child_start(in_child, &asked)));
	EXPECT_EQ('c', mem[1]);
	EXPECT_EQ(0, phys_free(self->fd, &asked.mine));
}

TEST_F(phys, P8_an_owner_can_be_sent_to_others)
{
	struct scheme_physalloc a;
	int pair[2], fd;
	char *mem;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ASSERT_EQ(0, phys_get(self->fd, PAGE, 0, &a));
	mem = phys_map(self->fd, &a);
	ASSERT_NE(NULL, mem);
	mem[0] = 's';
	munmap(mem, PAGE);
	ASSERT_EQ(0, fd_send(pair[0], self->fd));
	close(self->fd);
	self->fd = -1;
	/* in flight it is nobody's, and keeps its buffers */
	fd = fd_receive(pair[1]);
	ASSERT_LE(0, fd);
	mem = phys_map(fd, &a);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ('s', mem[0]);
	EXPECT_EQ(0, phys_free(fd, &a));
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

/* ---- how they go ----------------------------------------------------------------- */

TEST_F(phys, P1_all_is_freed_at_close)
{
	uint64_t before = meminfo("MemFree");
	struct scheme_physalloc a;

	ONE_ROUTE_WILL_DO();
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, phys_get(self->fd, MUCH / 4, SCHEME_PHYS_LIST, &a));
	EXPECT_TRUE(memory_is_taken(before));
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(memory_is_back(before));
}

static int takes_and_waits(void *arg)
{
	struct scheme_physalloc a;
	int *ready = arg, fd = phys_open();

	if (phys_get(fd, MUCH, SCHEME_PHYS_LIST, &a) || !phys_map(fd, &a))
		return 1;
	__atomic_store_n(ready, 1, __ATOMIC_SEQ_CST);
	pause();
	return 2;
}

TEST_F(phys, P10_a_killed_owners_memory_is_freed)
{
	int *ready = shared_alloc(sizeof(*ready));
	uint64_t before = meminfo("MemFree");
	pid_t pid;

	ONE_ROUTE_WILL_DO();
	pid = child_start(takes_and_waits, ready);
	ASSERT_TRUE(wait_until(__atomic_load_n(ready, __ATOMIC_SEQ_CST)));
	EXPECT_TRUE(memory_is_taken(before));
	EXPECT_LE(0, child_kill(pid));
	EXPECT_TRUE(memory_is_back(before));
}

TEST_F(phys, P7_free_gives_memory_back)
{
	uint64_t before = meminfo("MemFree");
	struct scheme_physalloc a;

	ONE_ROUTE_WILL_DO();
	ASSERT_EQ(0, phys_get(self->fd, MUCH, SCHEME_PHYS_LIST, &a));
	EXPECT_EQ(0, FREE(a.offset, a.size));
	EXPECT_TRUE(memory_is_back(before));
}

TEST_F(phys, P7_double_foreign_and_partial_frees_are_einval)
{
	struct scheme_physalloc a, other;
	int fd = phys_open();
	char *mem;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, phys_get(self->fd, 4 * PAGE, 0, &a));
	mem = phys_map(self->fd, &a);
	ASSERT_NE(NULL, mem);
	memset(mem, 'm', a.size);
	/* as many of the other's, so that names alone decide nothing */
	ASSERT_EQ(0, phys_get(fd, PAGE, 0, &other));
	ASSERT_EQ(0, phys_get(fd, PAGE, 0, &other));
	EXPECT_EQ(-EINVAL, FREE(other.offset, other.size));
	EXPECT_EQ(-EINVAL, FREE(a.offset, PAGE));
	EXPECT_EQ(-EINVAL, FREE(a.offset, a.size - 1));
	EXPECT_EQ(-EINVAL, FREE(a.offset, a.size + PAGE));
	EXPECT_EQ(-EINVAL, FREE(a.offset, 0));
	EXPECT_EQ(-EINVAL, FREE(a.offset, UINT64_MAX));
	EXPECT_EQ(-EINVAL, FREE(a.offset + PAGE, a.size));
	EXPECT_EQ(-EINVAL, FREE(a.offset + PAGE, a.size - PAGE));
	EXPECT_EQ(-EINVAL, FREE(a.offset + (1ULL << 32), a.size));
	EXPECT_EQ(-EINVAL, FREE(a.offset | 1ULL << 63, a.size));
	EXPECT_EQ(-EINVAL, FREE(0, a.size));
	EXPECT_EQ(-EINVAL, FREE(UINT64_MAX, a.size));
	/* the physical address is no name */
	EXPECT_EQ(-EINVAL, FREE(a.addr, a.size));
	/* it is all there */
	EXPECT_TRUE(bytes_are(mem, 'm', a.size));
	EXPECT_EQ(0, FREE(a.offset, a.size));
	EXPECT_EQ(-EINVAL, FREE(a.offset, a.size));
	/* the other owner has lost nothing */
	EXPECT_EQ(0, phys_free(fd, &other));
	EXPECT_EQ(-EINVAL, phys_free(fd, &other));
	close(fd);
}

/* A name is not given to the next buffer. */
TEST_F(phys, P7_a_freed_name_does_not_come_again)
{
	struct scheme_physalloc first, next;

	ASSERT_EQ(0, phys_get(self->fd, PAGE, 0, &first));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, phys_free(self->fd, i ? &next : &first));
		ASSERT_EQ(0, phys_get(self->fd, PAGE, 0, &next));
		ASSERT_NE(first.offset, next.offset);
	}
	EXPECT_EQ(-EINVAL, phys_free(self->fd, &first));
}

/* ---- where it is --------------------------------------------------------------- */

#define MNT	"/tmp/test-phys"

TEST_F(phys, P1_the_node_is_roots)
{
	int control = control_open();
	struct stat st;

	ASSERT_EQ(0, stat(MEMORY_NODE, &st));
	EXPECT_EQ(0600 | S_IFCHR, st.st_mode);
	EXPECT_EQ(0, st.st_uid);
	/* and its name is nobody else's */
	EXPECT_EQ(-EEXIST, scheme_fd_begin(control, "memory"));
	EXPECT_EQ(-ENOENT, scheme_fd_kill(control, "memory"));
	close(control);
}

/* A worker of io_uring posts its answer first and puts the file afterwards. */
static int umount_soon(const char *dir)
{
	int64_t end = now_ms() + 1000 * slowness();
	int ret;

	while ((ret = umount(dir)) && errno == EBUSY && now_ms() < end)
		usleep(1000);
	return ret;
}

TEST_F(phys, P1_schemefs_has_it_as_a_file)
{
	struct scheme_physalloc a = phys_wish(2 * PAGE, 0);
	struct stat st;
	char *mem;

	mkdir(MNT, 0755);
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, NULL));
	EXPECT_EQ(0, stat(MNT "/memory", &st));
	EXPECT_EQ(0600 | S_IFIFO, st.st_mode);
	close(self->fd);
	self->fd = open(MNT "/memory", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, ALLOC(&a));
	mem = phys_map(self->fd, &a);
	EXPECT_NE(NULL, mem);
	if (mem) {
		mem[PAGE] = 'f';
		EXPECT_EQ(a.addr, phys_pagemap(mem));
		munmap(mem, a.size);
	}
	EXPECT_EQ(0, FREE(a.offset, a.size));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(-1, unlink(MNT "/memory"));
	EXPECT_EQ(0, umount_soon(MNT));
	rmdir(MNT);
}

/* ---- libscheme ------------------------------------------------------------------- */

TEST_F(phys, P1_the_librarys_calls_work)
{
	struct scheme_phys phys;
	uint64_t addr, len, min = 1;
	struct scheme_range r[8];
	void *mem, *part;
	uint32_t nr = 8;
	int fd = scheme_memory_open(O_CLOEXEC), dmabuf;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, scheme_physalloc(fd, 5000, &phys));
	EXPECT_EQ(2 * PAGE, phys.size);
	EXPECT_EQ(0, scheme_physmap(fd, phys.offset, phys.size,
				    PROT_READ | PROT_WRITE, &mem));
	EXPECT_EQ(0, scheme_virttophys(fd, (char *)mem + 5, &addr, &len));
	EXPECT_EQ(phys.addr + 5, addr);
	EXPECT_EQ(phys.size - 5, len);
	EXPECT_EQ(0, scheme_physmap(fd, phys.offset + 4097, 10, PROT_READ, &part));
	((char *)mem)[4097] = 'x';
	EXPECT_EQ('x', *(char *)part);
	EXPECT_EQ(0, scheme_physunmap(part, 10));
	EXPECT_EQ(0, scheme_memory_sync(fd, phys.offset + 4097, 10,
					SCHEME_SYNC_START | SCHEME_SYNC_READ));
	dmabuf = scheme_memory_export(fd, phys.offset, O_CLOEXEC | O_RDWR);
	EXPECT_LE(0, dmabuf);
	close(dmabuf);
	EXPECT_EQ(0, scheme_physunmap(mem, phys.size));
	EXPECT_EQ(0, scheme_physfree(fd, phys.offset, phys.size));
	EXPECT_EQ(-EINVAL, scheme_physfree(fd, phys.offset, phys.size));
	EXPECT_EQ(-EINVAL, scheme_physalloc2(fd, PAGE, 1 << 31, &phys));
	EXPECT_EQ(0, scheme_physalloc3(fd, 100, SCHEME_PHYS_PARTIAL_ALLOC |
				       SCHEME_PHYS_GREEDY, &min, &phys));
	EXPECT_EQ(PAGE, min);
	EXPECT_EQ(0, scheme_physalloc_list(fd, MIB(1), PAGE, 0, 32, r, &nr,
					   &phys));
	EXPECT_EQ(phys.nr_ranges, nr);
	EXPECT_EQ(phys.addr, r[0].addr);
	nr = 0;
	EXPECT_EQ(0, scheme_memory_ranges(fd, phys.offset, NULL, &nr));
	EXPECT_EQ(phys.nr_ranges, nr);
	/* it has buffers, or there is no such function; either way, not */
	EXPECT_GT(0, scheme_memory_bind(fd, "ffff:00:1f.7", 32, NULL));
	close(fd);
}

TEST_HARNESS_MAIN
