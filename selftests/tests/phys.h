/* SPDX-License-Identifier: GPL-2.0 */
/* Tests of the memory scheme: an owner, and each command by both of its routes. */
#ifndef SELFTESTS_TESTS_PHYS_H
#define SELFTESTS_TESTS_PHYS_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "../harness.h"
#include "../phys.h"
#include "../uring.h"

FIXTURE(phys) {
	int fd;
	struct io_uring ring, *route;	/* NULL: ioctl */
};

FIXTURE_VARIANT(phys) {
	bool uring;
};

FIXTURE_VARIANT_ADD(phys, ioctl) { .uring = false };
FIXTURE_VARIANT_ADD(phys, uring) { .uring = true };

FIXTURE_SETUP(phys)
{
	self->fd = phys_open();
	ASSERT_LE(0, self->fd);
	if (variant->uring) {
		ASSERT_EQ(0, uring_begin(&self->ring, 0));
		self->route = &self->ring;
	}
}

FIXTURE_TEARDOWN(phys)
{
	if (self->route)
		io_uring_queue_exit(&self->ring);
	if (self->fd >= 0)
		close(self->fd);
}

/* What takes long on one route is not done again on the other. */
#define ONE_ROUTE_WILL_DO()						\
do {									\
	if (self->route && brief_run())					\
		SKIP(return, "done by ioctl, and so by other kernels");	\
} while (0)

/* The variant's route. */
#define COMMAND(cmd, arg)	phys_command(self->route, self->fd, cmd, arg)
#define ALLOC(arg)		COMMAND(SCHEME_IOC_PHYSALLOC, arg)
#define FREE(offset_, size_)						\
	COMMAND(SCHEME_IOC_PHYSFREE,					\
		(&(struct scheme_physfree){ (offset_), (size_) }))

/* So much that it is seen, though each CPU keeps some tens of MiB of freed pages. */
#define MUCH	MIB(256)

/* Free memory is less by MUCH than it was, or as much as it was; roughly. */
static inline bool memory_is_taken(uint64_t before)
{
	return meminfo("MemFree") < before - MUCH * 3 / 4;
}

static inline bool memory_is_back(uint64_t before)
{
	return wait_until(meminfo("MemFree") > before - MUCH / 2);
}

/* mmap(2) that returns -errno. */
static inline long map_at(int fd, size_t size, int prot, int flags, uint64_t offset)
{
	void *at = mmap(NULL, size, prot, flags, fd, (off_t)offset);

	return at == MAP_FAILED ? -errno : (long)at;
}

#endif /* SELFTESTS_TESTS_PHYS_H */
