// SPDX-License-Identifier: GPL-2.0
/* mmap(2) of a client's file: memory that its provider has attached. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "../harness.h"
#include "../inflight.h"
#include "../uring.h"

#define NAME	"test-map"
#define OTHER	"test-map2"
#define PAGE	4096
#define PAGES	4		/* of the window, which is in the middle */
#define FIRST	2
#define SIZE	(PAGES * PAGE)
#define FILE_SIZE ((FIRST + PAGES + 2) * PAGE)

FIXTURE(map) {
	struct provider p;
	struct queue *q;
	int file;		/* the client's, number 7 */
	int memfd;
	char *memory;		/* the window, as the provider sees it */
	struct scheme_sqe sqe;
	struct job job;
	struct scheme_mmap_prep prep;
};

static int memory_begin(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, FILE_SIZE))
		return -errno;
	return fd;
}

FIXTURE_SETUP(map)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->file = client_open(&self->p, O_RDWR, 7, SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->file);
	self->memfd = memory_begin();
	ASSERT_LE(0, self->memfd);
	self->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->memfd, FIRST * PAGE);
	ASSERT_NE(MAP_FAILED, self->memory);
	for (int i = 0; i < PAGES; i++)
		memset(self->memory + i * PAGE, 'a' + i, PAGE);
}

FIXTURE_TEARDOWN(map)
{
	munmap(self->memory, SIZE);
	close(self->memfd);
	if (self->file >= 0)
		close(self->file);
	provider_end(&self->p);
}

/* A client that asks for memory, up to where the provider has the request. */
#define START_PREP(fd, prep_flags)					\
do {									\
	self->prep = (struct scheme_mmap_prep){				\
		.size = SIZE, .flags = (prep_flags),			\
	};								\
	job_ioctl(&self->job, fd, SCHEME_IOC_MMAP_PREP, &self->prep);	\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MMAP_PREP)); \
} while (0)

/* The same with the memory as the answer. */
#define PREPARE(fd, prep_flags)						\
do {									\
	START_PREP(fd, prep_flags);					\
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,	\
					 self->memfd, FIRST * PAGE, SIZE, \
					 prep_flags));			\
	ASSERT_EQ(0, queue_answer(self->q, &self->sqe, 0));		\
	ASSERT_EQ(0, job_wait(&self->job));				\
} while (0)

#define EXPECT_MUNMAP(times)						\
do {									\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MUNMAP)); \
	EXPECT_EQ(SCHEME_SQE_ONEWAY, self->sqe.flags);			\
	EXPECT_EQ(7, self->sqe.handle);					\
	EXPECT_EQ((times), self->sqe.aux);				\
} while (0)

/* mmap(2) that returns -errno. */
static long map_at(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *at = mmap(NULL, size, prot, flags, fd, offset);

	return at == MAP_FAILED ? -errno : (long)at;
}

static char *map_all(int fd, int prot, int flags)
{
	return mmap(NULL, SIZE, prot, flags, fd, 0);
}

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

/* ---- rights ----------------------------------------------------------------- */

TEST_F(map, S25_the_providers_leave_is_needed_to_write)
{
	char *at;

	PREPARE(self->file, 0);
	EXPECT_EQ(-EACCES, map_at(self->file, SIZE, PROT_READ | PROT_WRITE,
				  MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, map_at(self->file, SIZE, PROT_WRITE, MAP_SHARED, 0));
	at = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	EXPECT_EQ(-1, mprotect(at, SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(at, SIZE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
}

/*
 * Other doors than mprotect(2) to memory that may only be read: a debugger's
 * writes, pages put in by userfaultfd(2), holes punched through the mapping.
 */
TEST_F(map, S25_nothing_else_writes_what_may_only_be_read)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range.len = SIZE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	char *at;

	ASSERT_LE(0, mem);
	/* a small kernel may have none */
	ASSERT_TRUE(uffd >= 0 || errno == ENOSYS);
	PREPARE(self->file, 0);
	at = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(-1, pwrite(mem, "x", 1, (off_t)(uintptr_t)at));
	if (uffd >= 0) {
		EXPECT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
		/* as good as it is for the provider's own mapping */
		reg.range.start = (uintptr_t)self->memory;
		EXPECT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
		EXPECT_EQ(0, ioctl(uffd, UFFDIO_UNREGISTER, &reg.range));
		reg.range.start = (uintptr_t)at;
		EXPECT_EQ(-1, ioctl(uffd, UFFDIO_REGISTER, &reg)) {
			TH_LOG("pages could be put in");
		}
		EXPECT_TRUE(errno == EPERM || errno == EINVAL);
		close(uffd);
	}
	EXPECT_EQ(-1, madvise(at, SIZE, MADV_REMOVE));
	EXPECT_EQ(EACCES, errno);
	/* a second view of the same pages would be a growing one */
	EXPECT_EQ(MAP_FAILED, mremap(at, 0, SIZE, MREMAP_MAYMOVE));
	EXPECT_EQ('a', self->memory[0]);
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
	close(mem);
}

/* The right to write the window is not one to take pages out of the file. */
TEST_F(map, S25_a_hole_cannot_be_punched_through_a_mapping)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(-1, madvise(at, SIZE, MADV_REMOVE));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ('a', self->memory[0]);
	EXPECT_EQ(0, msync(at, SIZE, MS_SYNC));
	munmap(at, SIZE);
}

TEST_F(map, S25_what_may_be_written_may_be_upgraded_to)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, mprotect(at, SIZE, PROT_READ | PROT_WRITE));
	at[0] = 'w';
	EXPECT_EQ('w', self->memory[0]);
	munmap(at, SIZE);
}

TEST_F(map, S25_the_access_mode_of_the_descriptor_counts)
{
	int readonly = client_open(&self->p, O_RDONLY, 8, 0);
	int writeonly = client_open(&self->p, O_WRONLY, 9, 0);
	struct scheme_mmap_prep prep = { .size = SIZE };
	char *at;

	EXPECT_EQ(-EACCES, do_ioctl(writeonly, SCHEME_IOC_MMAP_PREP, &prep));
	EXPECT_EQ(-EACCES, map_at(writeonly, SIZE, PROT_WRITE, MAP_SHARED, 0));
	prep.flags = SCHEME_MAP_WRITE;
	EXPECT_EQ(-EACCES, do_ioctl(readonly, SCHEME_IOC_MMAP_PREP, &prep));
	START_PREP(readonly, 0);
	/* the provider may offer more than the descriptor can use */
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, FIRST * PAGE, SIZE,
					 SCHEME_MAP_WRITE));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	EXPECT_EQ(-EACCES, map_at(readonly, SIZE, PROT_READ | PROT_WRITE,
				  MAP_SHARED, 0));
	at = map_all(readonly, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	EXPECT_EQ(-1, mprotect(at, SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	munmap(at, SIZE);
	close(readonly);
	close(writeonly);
}

TEST_F(map, S25_nothing_is_executed)
{
	PREPARE(self->file, SCHEME_MAP_WRITE);
	EXPECT_EQ(-EPERM, map_at(self->file, SIZE, PROT_READ | PROT_EXEC,
				 MAP_SHARED, 0));
	EXPECT_EQ(-EPERM, map_at(self->file, SIZE, PROT_READ | PROT_EXEC,
				 MAP_PRIVATE, 0));
	EXPECT_TRUE(queue_silent(self->q, 20));
}

TEST_F(map, S25_seals_are_kept)
{
	int readonly = client_open(&self->p, O_RDONLY, 8, 0);
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	munmap(self->memory, SIZE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	/* somebody may write: not now */
	EXPECT_EQ(-1, fcntl(self->memfd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
	EXPECT_EQ(0, fcntl(self->memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	EXPECT_EQ(-EACCES, map_at(self->file, SIZE, PROT_READ | PROT_WRITE,
				  MAP_SHARED, 0));
	at = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(-1, mprotect(at, SIZE, PROT_READ | PROT_WRITE));
	munmap(at, SIZE);
	EXPECT_MUNMAP(2);
	EXPECT_EQ(0, fcntl(self->memfd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(-EPERM, map_at(self->file, SIZE, PROT_READ, MAP_SHARED, 0));
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	ASSERT_NE(MAP_FAILED, at);
	at[0] = 'p';
	munmap(at, SIZE);
	EXPECT_MUNMAP(3);
	START_PREP(readonly, 0);
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, FIRST * PAGE, SIZE, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
	at = map_all(readonly, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	munmap(at, SIZE);
	/* and still sealed after all that */
	EXPECT_EQ(-1, write(self->memfd, "x", 1));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
				   self->memfd, 0));
	close(readonly);
	self->memory = NULL;
}

static sigjmp_buf after_fault;

static void fault(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	siglongjmp(after_fault, sig);
}

/* The signal that touching it raises, or 0. */
static int touch(volatile char *at)
{
	struct sigaction act = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };
	int sig;

	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	sig = sigsetjmp(after_fault, 1);
	if (!sig)
		(void)*at;
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	return sig;
}

TEST_F(map, S25_a_shortened_file_is_sigbus)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(0, touch(at + 3 * PAGE));
	ASSERT_EQ(0, ftruncate(self->memfd, (FIRST + 1) * PAGE));
	EXPECT_EQ(0, touch(at));
	EXPECT_EQ(SIGBUS, touch(at + PAGE));
	EXPECT_EQ(SIGBUS, touch(at + 3 * PAGE));
	/* a client may not cut holes into its provider's memory */
	EXPECT_EQ(-1, madvise(at, PAGE, MADV_REMOVE));
	EXPECT_EQ('a', at[0]);
	ASSERT_EQ(0, ftruncate(self->memfd, FILE_SIZE));
	EXPECT_EQ(0, touch(at + 3 * PAGE));
	EXPECT_EQ(0, at[3 * PAGE]);
	munmap(at, SIZE);
}

/* ---- unmapping --------------------------------------------------------------- */

TEST_F(map, S25_the_last_piece_unmaps)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	munmap(at + PAGE, PAGE);
	munmap(at, PAGE);
	ASSERT_EQ(0, mprotect(at + 2 * PAGE, PAGE, PROT_READ));
	munmap(at + 3 * PAGE, PAGE);
	EXPECT_TRUE(queue_silent(self->q, 20));
	EXPECT_EQ('c', at[2 * PAGE]);
	munmap(at + 2 * PAGE, PAGE);
	EXPECT_MUNMAP(1);
	EXPECT_TRUE(queue_silent(self->q, 20));
	/* and again */
	at = map_all(self->file, PROT_READ, MAP_PRIVATE);
	ASSERT_NE(MAP_FAILED, at);
	munmap(at, SIZE);
	EXPECT_MUNMAP(2);
}

TEST_F(map, S25_children_and_exec)
{
	char *at;
	pid_t pid;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	pid = fork();
	if (!pid) {
		at[0] = 'f';
		kill(getpid(), SIGSTOP);
		execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	EXPECT_TRUE(wait_until(self->memory[0] == 'f'));
	munmap(at, SIZE);
	EXPECT_TRUE(queue_silent(self->q, 50));
	/* exec unmaps, though the process lives */
	wait_until(!kill(pid, SIGCONT));
	EXPECT_MUNMAP(1);
	child_reap(pid);
	EXPECT_TRUE(queue_silent(self->q, 20));
}

TEST_F(map, S25_a_killed_client_unmaps)
{
	pid_t pid;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	pid = fork();
	if (!pid) {
		char *at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);

		at[0] = 'k';
		pause();
		_exit(0);
	}
	EXPECT_TRUE(wait_until(self->memory[0] == 'k'));
	EXPECT_LE(0, child_kill(pid));
	EXPECT_MUNMAP(1);
}

TEST_F(map, S25_close_comes_after_munmap)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	close(self->file);
	self->file = -1;
	EXPECT_TRUE(queue_silent(self->q, 50));
	at[0] = 'c';
	EXPECT_EQ('c', self->memory[0]);
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(7, self->sqe.handle);
}

TEST_F(map, S25_unmaps_that_nobody_takes_become_one)
{
	struct scheme_stats stats;
	unsigned int room = self->q->info.sq_entries, extra = 3, closes = 0;
	unsigned int munmaps = 0;
	uint64_t last = 0;
	int fds[64];

	ASSERT_GT(ARRAY_SIZE(fds), room + extra);
	PREPARE(self->file, SCHEME_MAP_WRITE);
	for (unsigned int i = 0; i < room + extra; i++) {
		fds[i] = client_open(&self->p, O_RDONLY, 100 + i, 0);
		ASSERT_LE(0, fds[i]);
	}
	/* CLOSEs fill the ring, and some wait: MUNMAPs must wait behind them */
	for (unsigned int i = 0; i < room + extra; i++)
		close(fds[i]);
	for (int i = 0; i < 2000; i++) {
		char *at = map_all(self->file, PROT_READ, MAP_SHARED);

		ASSERT_NE(MAP_FAILED, at);
		ASSERT_EQ(0, munmap(at, SIZE));
	}
	while (queue_next(self->q, &self->sqe) >= 0 &&
	       (closes < room + extra || last < 2000)) {
		closes += self->sqe.opcode == SCHEME_OP_CLOSE;
		if (self->sqe.opcode != SCHEME_OP_MUNMAP)
			continue;
		munmaps++;
		EXPECT_LT(last, self->sqe.aux);
		last = self->sqe.aux;
		if (last == 2000 && closes == room + extra)
			break;
	}
	EXPECT_EQ(room + extra, closes);
	EXPECT_EQ(2000, last);
	EXPECT_LE(munmaps, 3);
	EXPECT_EQ(0, provider_stats(&self->p, &stats));
	EXPECT_EQ(0, stats.in_flight);
}

/* ---- death ------------------------------------------------------------------- */

TEST_F(map, S25_a_mapping_outlives_its_scheme)
{
	char *at;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(0, touch(at));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ('a', at[0]);
	/* also what has not been touched before */
	EXPECT_EQ('b', at[PAGE]);
	at[2 * PAGE] = 'X';
	EXPECT_EQ('X', self->memory[2 * PAGE]);
	EXPECT_EQ(-ENODEV, map_at(self->file, SIZE, PROT_READ, MAP_SHARED, 0));
	close(self->file);
	self->file = -1;
	EXPECT_EQ('d', at[3 * PAGE]);
	munmap(at, SIZE);
}

static int serve_memory(void *arg)
{
	struct scheme_sqe sqe;
	struct provider p;
	int memfd = memory_begin();

	(void)arg;
	if (provider_begin(&p, OTHER) || pwrite(memfd, "m", 1, PAGE) != 1)
		return 1;
	while (!queue_next(&p.q[0], &sqe)) {
		if (sqe.opcode != SCHEME_OP_OPEN)
			continue;
		if (queue_attach_memory(&p.q[0], sqe.user_data, memfd, PAGE,
					SIZE, SCHEME_MAP_WRITE))
			return 2;
		queue_answer(&p.q[0], &sqe, 1);
	}
	return 3;
}

TEST_F(map, S25_a_mapping_outlives_its_provider)
{
	pid_t pid = child_start(serve_memory, NULL);
	int file = -1;
	char *at;

	ASSERT_TRUE(wait_until((file = open(NODE_DIR "/" OTHER, O_RDWR)) >= 0));
	at = map_all(file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_LE(0, child_kill(pid));
	EXPECT_EQ('m', at[0]);
	at[PAGE] = 'n';
	EXPECT_EQ('n', at[PAGE]);
	EXPECT_TRUE(wait_until(map_at(file, SIZE, PROT_READ, MAP_SHARED, 0) ==
			       -ENODEV));
	close(file);
	munmap(at, SIZE);
}

TEST_F(map, S25_the_provider_dies_between_attach_and_answer)
{
	START_PREP(self->file, 0);
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, 0, PAGE, 0));
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
}

static int prep_in_child(void *arg)
{
	struct scheme_mmap_prep prep = { .size = SIZE };

	do_ioctl(*(int *)arg, SCHEME_IOC_MMAP_PREP, &prep);
	return 1;
}

TEST_F(map, S25_a_killed_client_attaches_nothing)
{
	struct scheme_sqe cancel;
	pid_t pid;

	pid = child_start(prep_in_child, &self->file);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MMAP_PREP));
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,
					 self->memfd, 0, PAGE, 0));
	ASSERT_LE(0, child_kill(pid));
	ASSERT_EQ(0, queue_expect(self->q, &cancel, SCHEME_OP_CANCEL));
	EXPECT_EQ(-ECANCELED, queue_attach_memory(self->q, self->sqe.user_data,
						  self->memfd, 0, PAGE, 0));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(-ENODEV, map_at(self->file, PAGE, PROT_READ, MAP_SHARED, 0));
}

TEST_F(map, S25_mmap_does_not_wait_for_a_stalled_provider)
{
	char *at, byte;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	/* all its slots are taken by requests that nobody answers */
	job_pread(&self->job, self->file, &byte, 1, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	at = map_all(self->file, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ('a', at[0]);
	munmap(at, SIZE);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_EQ(0, job_wait(&self->job));
}

TEST_F(map, S25_a_file_of_a_mounted_tmpfs_will_do)
{
	char *at;
	int fd;

	ASSERT_EQ(0, mkdir("t", 0700));
	ASSERT_EQ(0, mount("none", "t", "tmpfs", 0, NULL));
	fd = open("t/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, PAGE + 1));
	START_PREP(self->file, SCHEME_MAP_WRITE);
	/* the last page counts whole */
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data, fd, 0,
					 PAGE + 1, SCHEME_MAP_WRITE));
	close(fd);
	ASSERT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	ASSERT_EQ(0, job_wait(&self->job));
	at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file,
		  0);
	ASSERT_NE(MAP_FAILED, at);
	at[PAGE] = 't';
	ASSERT_EQ(0, unlink("t/file"));
	EXPECT_EQ('t', at[PAGE]);
	munmap(at, 2 * PAGE);
	EXPECT_MUNMAP(1);
	/* attached, it is held as an open file is */
	EXPECT_EQ(-1, umount("t"));
	EXPECT_EQ(EBUSY, errno);
	close(self->file);
	self->file = -1;
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_TRUE(wait_until(!umount("t")));
}

/* Open files of the whole machine. */
static long files_now(void)
{
	long nr = -1;
	FILE *f = fopen("/proc/sys/fs/file-nr", "r");

	if (f && fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	if (f)
		fclose(f);
	return nr;
}

TEST_F(map, S25_memory_goes_with_its_handle)
{
	long before = files_now();
	char *at;
	int fd;

	ASSERT_LT(0, before);
	for (int i = 0; i < 100; i++) {
		fd = client_open(&self->p, O_RDWR, 50, 0);
		ASSERT_LE(0, fd);
		/* twice: the second replaces the first */
		PREPARE(fd, 0);
		PREPARE(fd, SCHEME_MAP_WRITE);
		at = map_all(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
		ASSERT_NE(MAP_FAILED, at);
		close(fd);
		munmap(at, SIZE);
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MUNMAP));
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	}
	EXPECT_TRUE(wait_until(files_now() < before + 20));
}

/* ---- input and output into a mapping ------------------------------------------ */

TEST_F(map, S25_direct_reads_into_a_mapping)
{
	char *at, *page = NULL;
	int disk = open("direct", O_RDWR | O_CREAT, 0600), direct;

	ASSERT_EQ(0, posix_memalign((void **)&page, PAGE, PAGE));
	memset(page, 'D', PAGE);
	ASSERT_EQ(PAGE, write(disk, page, PAGE));
	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	direct = open("direct", O_RDONLY | O_DIRECT);
	if (direct < 0)		/* the file system of the tests knows none */
		direct = open("direct", O_RDONLY);
	ASSERT_EQ(PAGE, pread(direct, at + PAGE, PAGE, 0));
	EXPECT_EQ('D', self->memory[PAGE]);
	EXPECT_EQ('D', self->memory[2 * PAGE - 1]);
	/* through the scheme's own file, too: it is memory like any */
	job_pread(&self->job, self->file, at + 2 * PAGE, 3, 0);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_READ));
	memcpy(queue_payload(self->q, &self->sqe), "own", 3);
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 3));
	EXPECT_EQ(3, job_wait(&self->job));
	EXPECT_EQ(0, memcmp(self->memory + 2 * PAGE, "own", 3));
	munmap(at, SIZE);
	free(page);
	close(direct);
	close(disk);
}

TEST_F(map, S25_a_mapping_is_a_fixed_buffer_of_io_uring)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	struct iovec iov;
	int disk = open("fixed", O_RDWR | O_CREAT, 0600);
	char *at;

	ASSERT_EQ(5, write(disk, "fixed", 5));
	PREPARE(self->file, SCHEME_MAP_WRITE);
	at = map_all(self->file, PROT_READ | PROT_WRITE, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, uring_begin(&ring, 0));
	iov = (struct iovec){ .iov_base = at, .iov_len = SIZE };
	ASSERT_EQ(0, io_uring_register_buffers(&ring, &iov, 1));
	io_uring_prep_read_fixed(io_uring_get_sqe(&ring), disk, at, 5, 0, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_EQ(0, io_uring_wait_cqe(&ring, &cqe));
	EXPECT_EQ(5, cqe->res);
	io_uring_cqe_seen(&ring, cqe);
	EXPECT_EQ(0, memcmp(self->memory, "fixed", 5));
	/* its pages stay pinned when the mapping goes, and are let go at last */
	munmap(at, SIZE);
	EXPECT_MUNMAP(1);
	io_uring_queue_exit(&ring);
	close(disk);
}

/* ---- many at once --------------------------------------------------------------- */

static int map_and_unmap(void *arg)
{
	int file = *(int *)arg;
	unsigned int seed = getpid();

	for (int i = 0; i < 3000; i++) {
		size_t size = (1 + rand_r(&seed) % PAGES) * PAGE;
		char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
				rand_r(&seed) % 2 ? MAP_SHARED : MAP_PRIVATE,
				file, SIZE - size);

		if (at == MAP_FAILED)
			return 1;
		at[rand_r(&seed) % size] = 'r';
		if (!(rand_r(&seed) % 64) && !fork())
			_exit(0);
		munmap(at, size);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

TEST_F_TIMEOUT(map, S25_many_map_and_unmap_at_once, 90)
{
	pid_t pid[3];
	uint64_t last = 0;

	PREPARE(self->file, SCHEME_MAP_WRITE);
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = child_start(map_and_unmap, &self->file);
	while (last < 3000 * ARRAY_SIZE(pid)) {
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MUNMAP));
		ASSERT_LT(last, self->sqe.aux);
		last = self->sqe.aux;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(pid); i++)
		EXPECT_EQ(0, child_result(pid[i]));
	EXPECT_TRUE(queue_silent(self->q, 50));
	close(self->file);
	self->file = -1;
	EXPECT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
}

TEST_HARNESS_MAIN
