/* SPDX-License-Identifier: GPL-2.0 */
/* mmap(2) of a client's file: the fixture and the words of its tests. */
#ifndef SELFTESTS_TESTS_MAP_H
#define SELFTESTS_TESTS_MAP_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../harness.h"
#include "../inflight.h"
#include "../touch.h"

#define NAME	"test-map"
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

static inline int memory_begin(void)
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

/* The same with memory as the answer. */
#define PREPARE_OF(memory, fd, prep_flags)				\
do {									\
	START_PREP(fd, prep_flags);					\
	ASSERT_EQ(0, queue_attach_memory(self->q, self->sqe.user_data,	\
					 memory, FIRST * PAGE, SIZE,	\
					 prep_flags));			\
	ASSERT_EQ(0, queue_answer(self->q, &self->sqe, 0));		\
	ASSERT_EQ(0, job_wait(&self->job));				\
} while (0)

#define PREPARE(fd, prep_flags)	PREPARE_OF(self->memfd, fd, prep_flags)

#define EXPECT_MUNMAP(times)						\
do {									\
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_MUNMAP)); \
	EXPECT_EQ(SCHEME_SQE_ONEWAY, self->sqe.flags);			\
	EXPECT_EQ(7, self->sqe.handle);					\
	EXPECT_EQ((times), self->sqe.aux);				\
} while (0)

/* mmap(2) that returns -errno. */
static inline long map_at(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *at = mmap(NULL, size, prot, flags, fd, offset);

	return at == MAP_FAILED ? -errno : (long)at;
}

static inline char *map_all(int fd, int prot, int flags)
{
	return mmap(NULL, SIZE, prot, flags, fd, 0);
}

#endif /* SELFTESTS_TESTS_MAP_H */
