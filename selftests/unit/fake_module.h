/* SPDX-License-Identifier: MIT */
/*
 * The module's part of direct rings, for tests on this machine: ioctl(2) and close(2)
 * of libscheme come here. Both ends are descriptors of one memfd, so that mapping
 * them is real; whose page is whose only the module can enforce. A queue's thread
 * that polls an end finds it always readable.
 */
#ifndef UNIT_FAKE_MODULE_H
#define UNIT_FAKE_MODULE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../userspace/lib/int.h"
#include "../../userspace/lib/ring_int.h"

#define SCHEME_FD	7777	/* of the scheme, for RING_CREATE, RING_ATTACH and ADOPT */
#define PAGE		4096U

struct mod_file {
	uint64_t	number;
	uint32_t	flags, events;
};

/* One ring at a time. */
static struct {
	pthread_mutex_t		lock;
	pthread_cond_t		bell;
	struct scheme_ring_info	info;
	uint8_t			*mem;
	int			end[2];		/* by side; -1: closed */
	bool			rung[2];
	unsigned int		nr_regions;
	struct scheme_ring_region region[SCHEME_RING_REGIONS_MAX];
	unsigned int		nr_files;
	struct mod_file	file[SCHEME_RING_FILES_MAX];
	/* what was asked */
	uint64_t		word;
	unsigned int		enters, infos, asks, notifies;
	unsigned int		both;		/* NOTIFY and WAIT in one ENTER */
	int			attach_error;
	unsigned int		adopts;
	pid_t			pid;		/* whose descriptors they are */
	void			(*change_info)(struct scheme_ring_info *info);
} mod = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.bell = PTHREAD_COND_INITIALIZER,
	.end = { -1, -1 },
};

int __wrap_ioctl(int fd, unsigned long cmd, ...);
int __wrap_close(int fd);
int __real_close(int fd);
int __real_ioctl(int fd, unsigned long cmd, ...);

static struct scheme_ring_kernel *mod_kern(void)
{
	return (void *)(mod.mem + mod.info.kernel_off);
}

static void mod_layout(struct scheme_ring_info *i)
{
	i->sq_entries = i->sq_entries ? i->sq_entries : 256;
	i->cq_entries = i->cq_entries ? i->cq_entries : 2 * i->sq_entries;
	/* another order than that of plain shared memory: nobody may assume one */
	i->kernel_off = 0;
	i->cq_off = PAGE;
	i->sq_off = i->cq_off + (i->cq_entries * 32 + PAGE - 1) / PAGE * PAGE;
	i->provider_off = i->sq_off + (i->sq_entries * 64 + PAGE - 1) / PAGE * PAGE;
	i->client_off = i->provider_off + PAGE;
	i->size = i->client_off + PAGE;
}

static int mod_create(struct scheme_ring_info *info)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	assert_true(fd >= 0);
	mod_layout(info);
	assert_int_equal(ftruncate(fd, (off_t)(SCHEME_RING_POOL + (1ULL << 32))), 0);
	mod.mem = mmap(NULL, info->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mod.mem, MAP_FAILED);
	mod.info = *info;
	mod.pid = getpid();
	mod.end[SCHEME_RING_SIDE_CLIENT] = fd;
	mod.end[SCHEME_RING_SIDE_PROVIDER] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	mod.nr_regions = mod.nr_files = 0;
	mod.rung[0] = mod.rung[1] = false;
	if (mod.change_info)
		mod.change_info(info);
	return fd;
}

static void mod_ring_locked(unsigned int side)
{
	mod.rung[side] = true;
	pthread_cond_broadcast(&mod.bell);
}

static void mod_state_locked(uint32_t state)
{
	__atomic_fetch_or(&mod_kern()->state, state, __ATOMIC_SEQ_CST);
	mod_ring_locked(0);
	mod_ring_locked(1);
}

static int mod_wait_locked(unsigned int side, int64_t timeout_ns)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += timeout_ns % 1000000000;
	until.tv_sec += timeout_ns / 1000000000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!mod.rung[side] && !mod_kern()->state && !ret) {
		if (timeout_ns < 0)
			pthread_cond_wait(&mod.bell, &mod.lock);
		else
			ret = pthread_cond_timedwait(&mod.bell, &mod.lock, &until);
	}
	ret = mod.rung[side] || mod_kern()->state ? 0 : -ETIME;
	mod.rung[side] = false;
	return ret;
}

static int mod_enter(unsigned int side, const struct scheme_ring_enter *e)
{
	int ret = 0;

	mod.enters++;
	mod.both += e->flags == (SCHEME_RING_NOTIFY | SCHEME_RING_WAIT);
	mod.notifies += !!(e->flags & SCHEME_RING_NOTIFY);
	if (e->flags & SCHEME_RING_BREAK)
		mod_state_locked(SCHEME_RING_BROKEN);
	if (e->flags & SCHEME_RING_NOTIFY)
		mod_ring_locked(!side);
	if (e->flags & SCHEME_RING_NOTIFY_SELF)
		mod_ring_locked(side);
	if (e->flags & SCHEME_RING_WAIT)
		ret = mod_wait_locked(side, e->timeout_ns);
	return mod_kern()->state & SCHEME_RING_DEAD ? -ESHUTDOWN : ret;
}

static int mod_region(struct scheme_ring_region *r)
{
	if (r->index >= mod.nr_regions)
		return -ENOENT;
	r->offset = mod.region[r->index].offset;
	r->size = mod.region[r->index].size;
	return 0;
}

static int mod_file(struct scheme_ring_file *f)
{
	mod.asks++;
	if (f->index >= mod.nr_files)
		return -ENOENT;
	f->handle = mod.file[f->index].number;
	f->flags = mod.file[f->index].flags;
	f->events = mod.file[f->index].events;
	return 0;
}

static int mod_end_ioctl(unsigned int side, unsigned long cmd, void *arg)
{
	struct scheme_ring_info *info = arg;

	switch (cmd) {
	case SCHEME_IOC_RING_INFO:
		mod.infos++;
		*info = mod.info;
		info->side = side;
		info->nr_regions = mod.nr_regions;
		return 0;
	case SCHEME_IOC_RING_ENTER:
		return mod_enter(side, arg);
	case SCHEME_IOC_RING_REGION_ADD:
		if (side == SCHEME_RING_SIDE_PROVIDER)
			return -EACCES;
		mod.region[mod.nr_regions++] = *(struct scheme_ring_region *)arg;
		return 0;
	case SCHEME_IOC_RING_REGION:
		return mod_region(arg);
	case SCHEME_IOC_RING_FILE_ADD:
		return (int)mod.nr_files++;
	case SCHEME_IOC_RING_FILE:
		return mod_file(arg);
	default:
		return -ENOTTY;
	}
}

static int mod_dispatch(int fd, unsigned long cmd, void *arg)
{
	if (fd == SCHEME_FD && cmd == SCHEME_IOC_RING_CREATE)
		return mod_create(arg);
	if (fd == SCHEME_FD && cmd == SCHEME_IOC_RING_ATTACH) {
		mod.word = ((struct scheme_ring_attach *)arg)->word;
		return mod.attach_error;
	}
	if (fd == SCHEME_FD && cmd == SCHEME_IOC_ADOPT) {
		mod.adopts++;
		return 0;
	}
	for (unsigned int side = 0; side < 2; side++)
		if (fd >= 0 && fd == mod.end[side])
			return mod_end_ioctl(side, cmd, arg);
	return -ENOTTY;
}

int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	void *arg;
	va_list ap;
	int ret;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	pthread_mutex_lock(&mod.lock);
	ret = mod_dispatch(fd, cmd, arg);
	pthread_mutex_unlock(&mod.lock);
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/* An end that is closed ends the ring; in a child it is a copy. */
int __wrap_close(int fd)
{
	pthread_mutex_lock(&mod.lock);
	for (unsigned int side = 0; side < 2; side++) {
		if (fd < 0 || fd != mod.end[side])
			continue;
		mod.end[side] = -1;
		if (mod.pid == getpid())
			mod_state_locked(SCHEME_RING_DEAD);
	}
	pthread_mutex_unlock(&mod.lock);
	return __real_close(fd);
}

/* After both ends are closed. */
static void mod_forget(void)
{
	if (mod.end[SCHEME_RING_SIDE_PROVIDER] >= 0)
		__wrap_close(mod.end[SCHEME_RING_SIDE_PROVIDER]);
	assert_int_equal(mod.end[SCHEME_RING_SIDE_CLIENT], -1);
	munmap(mod.mem, mod.info.size);
	mod.change_info = NULL;
	mod.attach_error = 0;
	mod.enters = mod.infos = mod.asks = mod.notifies = mod.both = mod.adopts = 0;
}

#endif /* UNIT_FAKE_MODULE_H */
