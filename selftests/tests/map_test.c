// SPDX-License-Identifier: GPL-2.0
/* mmap(2) of a client's file: asking for memory, attaching and mapping it. */
#include <sys/syscall.h>

#include "map.h"

/* ---- asking ---------------------------------------------------------------- */

TEST_F(map, S25_a_file_without_memory_cannot_be_mapped)
{
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_PRIVATE, 0));
	/* nor was anybody asked */
	EXPECT_TRUE(queue_silent(self->q, 50));
	/* the provider agrees, but has attached nothing */
	START_PREP(self->file, 0);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
	/* or attaches something and does not agree */
	START_PREP(self->file, 0);
	EXPECT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, 0, PAGE, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EACCES));
	EXPECT_EQ(-EACCES, job_wait(&self->job));
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
}

TEST_F(map, S25_the_request_says_what_will_be_mapped)
{
	self->prep = (struct scheme_mmap_prep){
		.offset = 3 * PAGE, .size = 12345, .flags = SCHEME_MAP_WRITE,
	};
	job_ioctl(&self->job, self->file, SCHEME_IOC_MMAP_PREP, &self->prep);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MMAP_PREP));
	EXPECT_EQ(7, self->sqe.handle);
	EXPECT_EQ(3 * PAGE, self->sqe.offset);
	EXPECT_EQ(12345, self->sqe.aux);
	EXPECT_EQ(SCHEME_MAP_WRITE, self->sqe.op_flags);
	EXPECT_EQ(0, self->sqe.len);
	/* 0 is the only success */
	EXPECT_EQ(EPROTO, queue_answer(self->q, &self->sqe, 1));
	EXPECT_EQ(-EIO, job_wait(&self->job));
}

TEST_F(map, S25_crooked_questions_are_einval)
{
	static const struct scheme_mmap_prep bad[] = {
		{ .size = 0 },
		{ .size = PAGE, .offset = 1 },
		{ .size = PAGE, .offset = PAGE - 1 },
		{ .size = PAGE, .flags = 2 },
		{ .size = PAGE, .flags = 1U << 31 },
		{ .size = PAGE, .reserved = 1 },
		{ .size = ~0ULL },
		{ .size = PAGE, .offset = 1ULL << 63 },
		{ .size = PAGE, .offset = ~0ULL - PAGE + 1 },
		{ .size = 1ULL << 62, .offset = 1ULL << 62 },
	};
	struct scheme_mmap_prep prep;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		prep = bad[i];
		EXPECT_EQ(-EINVAL, do_ioctl(self->file, SCHEME_IOC_MMAP_PREP, &prep));
	}
	EXPECT_EQ(-EFAULT, do_ioctl(self->file, SCHEME_IOC_MMAP_PREP, NULL));
	EXPECT_TRUE(queue_silent(self->q, 20));
}

TEST_F(map, S25_memory_comes_with_the_open)
{
	char *at;
	int fd;

	job_open(&self->job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, FIRST * PAGE, SIZE,
					 SCHEME_MAP_WRITE));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 8));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	at = map_all(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	/* the other file has none of it */
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
	munmap(at, SIZE);
	close(fd);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MUNMAP));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	/* an open that fails attaches nothing, and leaks nothing */
	job_open(&self->job, self->p.node, O_RDWR);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, 0, PAGE, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, -EPERM));
	EXPECT_EQ(-EPERM, job_wait(&self->job));
}

/* ---- ATTACH_MEMORY ---------------------------------------------------------- */

TEST_F(map, S25_attach_memory_checks_its_arguments)
{
	int readonly, writeonly, tmp, null = open("/dev/null", O_RDWR);
	int huge = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	char path[64];
	uint64_t tag;
	char byte;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->memfd);
	readonly = open(path, O_RDONLY);
	writeonly = open(path, O_WRONLY);
	tmp = open(".", O_RDONLY);
	START_PREP(self->file, 0);
	tag = self->sqe.user_data;
#define ATTACH(fd, offset, size, flags) \
	queue_attach_memory(self->q, tag, fd, offset, size, flags)
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, 1, PAGE, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, 0, FILE_SIZE + 1, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, PAGE, FILE_SIZE, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, FILE_SIZE, 1, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, FILE_SIZE + PAGE, 1, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, PAGE, ~0ULL, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, 1ULL << 63, 1ULL << 63, 0));
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, ~0xfffULL, PAGE, 0));
	for (unsigned int bit = 1; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, ATTACH(self->memfd, 0, PAGE, 1U << bit));
	EXPECT_EQ(-EBADF, ATTACH(-1, 0, PAGE, 0));
	EXPECT_EQ(-EOPNOTSUPP, ATTACH(null, 0, PAGE, 0));
	EXPECT_EQ(-EOPNOTSUPP, ATTACH(tmp, 0, PAGE, 0));
	/* where the kernel has such pages; no size, but that is looked at later */
	if (huge >= 0)
		EXPECT_EQ(-EOPNOTSUPP, ATTACH(huge, 0, PAGE, 0));
	EXPECT_EQ(-EOPNOTSUPP, ATTACH(self->q->fd, 0, PAGE, 0));
	EXPECT_EQ(-EOPNOTSUPP, ATTACH(self->file, 0, PAGE, 0));
	EXPECT_EQ(-EACCES, ATTACH(writeonly, 0, PAGE, 0));
	EXPECT_EQ(-EACCES, ATTACH(readonly, 0, PAGE, SCHEME_MAP_WRITE));
	EXPECT_EQ(-EFAULT, do_ioctl(self->q->fd, SCHEME_IOC_ATTACH_MEMORY, NULL));
	EXPECT_EQ(0, ATTACH(readonly, 0, PAGE, 0));
	EXPECT_EQ(-EBUSY, ATTACH(self->memfd, 0, PAGE, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(-EBADF, ATTACH(self->memfd, 0, PAGE, 0));
	job_pread(&self->job, self->file, &byte, 1, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	tag = self->sqe.user_data;
	EXPECT_EQ(-EINVAL, ATTACH(self->memfd, 0, PAGE, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
#undef ATTACH
	close(huge);
	close(readonly);
	close(writeonly);
	close(null);
	close(tmp);
}

TEST_F(map, S25_other_memory_leaves_mappings_as_they_are)
{
	int other = memory_begin();
	char *before, *after;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	before = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, before);
	START_PREP(self->file, 0);
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data, other,
					 0, SIZE, 0));
	EXPECT_EQ('a', before[0]);
	ASSERT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	ASSERT_EQ(0, job_wait(&self->job));
	after = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, after);
	EXPECT_EQ('a', before[0]);
	EXPECT_EQ(0, after[0]);
	EXPECT_EQ(1, pwrite(other, "z", 1, 0));
	EXPECT_EQ('z', after[0]);
	close(other);
	munmap(before, SIZE);
	EXPECT_TRUE(queue_silent(self->q, 20));
	munmap(after, SIZE);
	EXPECT_MUNMAP(2);
}

/* ---- mapping ---------------------------------------------------------------- */

TEST_F(map, S25_shared_writes_are_seen_on_both_sides)
{
	char *at, *second;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	second = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_NE(MAP_FAILED, second);
	for (int i = 0; i < PAGES; i++)
		EXPECT_EQ('a' + i, at[i * PAGE]);
	at[0] = 'X';
	EXPECT_EQ('X', self->memory[0]);
	EXPECT_EQ('X', second[0]);
	self->memory[PAGE] = 'Y';
	EXPECT_EQ('Y', at[PAGE]);
	EXPECT_EQ(0, msync(at, SIZE, MS_SYNC));
	EXPECT_EQ(0, madvise(at, SIZE, MADV_DONTNEED));
	EXPECT_EQ('X', at[0]);
	EXPECT_EQ(1, pwrite(self->memfd, "Z", 1, (FIRST + 3) * PAGE));
	EXPECT_EQ('Z', at[3 * PAGE]);
	munmap(second, SIZE);
	EXPECT_TRUE(queue_silent(self->q, 20));
	munmap(at, SIZE);
	EXPECT_MUNMAP(2);
}

TEST_F(map, S25_two_clients_share_what_they_map)
{
	char *at;
	pid_t pid;
	int fd;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	fd = client_open(&self->p, O_RDWR, 8, 0);
	ASSERT_LE(0, fd);
	PREPARE(fd, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	pid = fork();
	if (!pid) {
		char *mine = map_all(fd, PROT_READ | PROT_WRITE, MAP_SHARED);

		if (mine == MAP_FAILED)
			_exit(1);
		mine[5] = '!';
		_exit(mine[0] == 'a' ? 0 : 2);
	}
	EXPECT_EQ(0, child_result(pid));
	EXPECT_EQ('!', at[5]);
	EXPECT_EQ('!', self->memory[5]);
	munmap(at, SIZE);
	close(fd);
}

TEST_F(map, S25_private_is_copy_on_write)
{
	char *at;

	/* not even the provider's leave to write is needed */
	PREPARE(self->file, 0);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	self->memory[0] = 'b';
	EXPECT_EQ('b', at[0]);
	at[0] = 'c';
	EXPECT_EQ('b', self->memory[0]);
	self->memory[0] = 'd';
	EXPECT_EQ('c', at[0]);
	EXPECT_EQ('b', at[PAGE]);
	EXPECT_EQ(0, madvise(at, PAGE, MADV_DONTNEED));
	EXPECT_EQ('d', at[0]);
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
}

TEST_F(map, S25_a_mapping_stays_in_its_window)
{
	char *at, *last;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	EXPECT_EQ(-EINVAL, map_at(self->file, 0, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 1));
	EXPECT_EQ(-ENXIO, map_at(self->file, SIZE + PAGE, PROT_READ,
				 MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, map_at(self->file, SIZE, PROT_READ, MAP_SHARED, PAGE));
	EXPECT_EQ(-ENXIO, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, SIZE));
	EXPECT_EQ(-ENXIO, map_at(self->file, PAGE, PROT_READ, MAP_SHARED,
				 1LL << 40));
	EXPECT_TRUE(queue_silent(self->q, 20));
	last = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->file, SIZE - PAGE);
	ASSERT_NE(MAP_FAILED, last);
	EXPECT_EQ('a' + PAGES - 1, last[0]);
	/* it can move and shrink, not grow, and not be turned to other pages */
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(MAP_FAILED, mremap(at, SIZE, SIZE + PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(MAP_FAILED, mremap(last, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(-1, syscall(SYS_remap_file_pages, at, PAGE, 0, FIRST + PAGES, 0));
	EXPECT_EQ('a', at[0]);
	at = mremap(at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, last + 64 * PAGE);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	at = mremap(at, SIZE, PAGE, 0);
	ASSERT_NE(MAP_FAILED, at);
	at[1] = '1';
	EXPECT_EQ('1', self->memory[1]);
	munmap(at, PAGE);
	EXPECT_TRUE(queue_silent(self->q, 20));
	munmap(last, PAGE);
	EXPECT_MUNMAP(2);
}

TEST_HARNESS_MAIN
