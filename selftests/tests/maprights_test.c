// SPDX-License-Identifier: GPL-2.0
/* mmap(2) of a client's file: who may do what to the memory. */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "map.h"

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

TEST_HARNESS_MAIN
