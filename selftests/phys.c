// SPDX-License-Identifier: GPL-2.0
#include "phys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <scheme.h>

#include "provider.h"
#include "uring.h"

#define LIMIT	"/sys/module/redox_scheme/parameters/memory_user_mb"

int phys_open(void)
{
	return open_errno(MEMORY_NODE, O_RDWR | O_CLOEXEC);
}

struct scheme_physalloc phys_wish(uint64_t size, uint32_t flags)
{
	return (struct scheme_physalloc){ .size = size, .min = 1, .flags = flags };
}

int phys_alloc(int fd, struct scheme_physalloc *arg)
{
	return do_ioctl(fd, SCHEME_IOC_PHYSALLOC, arg);
}

int phys_get(int fd, uint64_t size, uint32_t flags, struct scheme_physalloc *out)
{
	int ret;

	*out = phys_wish(size, flags);
	ret = phys_alloc(fd, out);
	if (ret)
		return ret;
	return out->size == (size + PAGE - 1) / PAGE * PAGE && out->nr_ranges &&
	       out->offset ? 0 : -EBADMSG;
}

int phys_free(int fd, const struct scheme_physalloc *buffer)
{
	struct scheme_physfree arg = {
		.offset = buffer->offset, .size = buffer->size,
	};

	return do_ioctl(fd, SCHEME_IOC_PHYSFREE, &arg);
}

void *phys_map(int fd, const struct scheme_physalloc *buffer)
{
	void *mem = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, (off_t)buffer->offset);

	if (mem == MAP_FAILED)
		return NULL;
	return mem;
}

int phys_virt(int fd, const void *at, struct scheme_virttophys *out)
{
	*out = (struct scheme_virttophys){ .virt = (uintptr_t)at };
	return do_ioctl(fd, SCHEME_IOC_VIRTTOPHYS, out);
}

int phys_ranges(int fd, uint64_t offset, struct scheme_range *ranges,
		uint32_t room, uint32_t *nr)
{
	struct scheme_ranges arg = {
		.offset = offset, .ranges = (uintptr_t)ranges,
		.max_ranges = room,
	};
	int ret = do_ioctl(fd, SCHEME_IOC_RANGES, &arg);

	*nr = arg.nr_ranges;
	return ret;
}

int phys_export(int fd, uint64_t offset, uint32_t flags)
{
	struct scheme_export arg = { .offset = offset, .flags = flags };

	return do_ioctl(fd, SCHEME_IOC_EXPORT, &arg);
}

int phys_sync(int fd, uint64_t offset, uint64_t len, uint32_t flags)
{
	struct scheme_memory_sync arg = {
		.offset = offset, .len = len, .flags = flags,
	};

	return do_ioctl(fd, SCHEME_IOC_MEMORY_SYNC, &arg);
}

long phys_command(struct io_uring *ring, int fd, uint32_t cmd, void *arg)
{
	struct io_uring_sqe *sqe;

	if (!ring)
		return do_ioctl(fd, cmd, arg);
	sqe = io_uring_get_sqe(ring);
	if (!sqe)
		return -EBUSY;
	scheme_prep_command(sqe, fd, cmd, arg);
	sqe->user_data = cmd;
	io_uring_submit(ring);
	return uring_wait(ring, cmd);
}

/* ---- what can be seen from elsewhere ------------------------------------------- */

#define PRESENT	(1ULL << 63)
#define FRAME	((1ULL << 55) - 1)

bool phys_has_large_ranges(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	bool found = false;
	char line[256];

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " alloc_contig_range");
	if (f)
		fclose(f);
	return found;
}

/* Entries of the page map from where a page is mapped; how many were read. */
static size_t pagemap(const void *at, uint64_t *entry, size_t nr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return 0;
	got = pread(fd, entry, nr * sizeof(*entry),
		    (off_t)((uintptr_t)at / PAGE * sizeof(*entry)));
	close(fd);
	return got > 0 ? got / sizeof(*entry) : 0;
}

uint64_t phys_pagemap(const void *at)
{
	uint64_t entry;

	if (!pagemap(at, &entry, 1) || !(entry & PRESENT))
		return 0;
	return (entry & FRAME) * PAGE + (uintptr_t)at % PAGE;
}

/* Pages that are there, one after the other from addr on. */
static bool in_order(const uint64_t *entry, size_t nr, uint64_t addr)
{
	for (size_t i = 0; i < nr; i++)
		if (!(entry[i] & PRESENT) || (entry[i] & FRAME) != addr / PAGE + i)
			return false;
	return true;
}

bool phys_is_mapped(const void *at, uint64_t addr, uint64_t len)
{
	const char *virt = at;
	uint64_t entry[1024];
	size_t nr;

	for (uint64_t done = 0; done < len; done += nr * PAGE) {
		nr = (len - done + PAGE - 1) / PAGE;
		if (nr > 1024)
			nr = 1024;
		if (pagemap(virt + done, entry, nr) != nr ||
		    !in_order(entry, nr, addr + done))
			return false;
	}
	return true;
}

bool bytes_are(const void *mem, uint8_t byte, size_t len)
{
	const uint8_t *at = mem;

	return !len || (at[0] == byte && !memcmp(at, at + 1, len - 1));
}

uint64_t meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    line[strlen(name)] == ':')
			kib = strtoull(line + strlen(name) + 1, NULL, 10);
	if (f)
		fclose(f);
	return kib << 10;
}

/* ---- rights and limits --------------------------------------------------------- */

int drop_rawio(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[0].effective &= ~(1U << CAP_SYS_RAWIO);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

long limit_get(void)
{
	FILE *f = fopen(LIMIT, "re");
	char text[32];
	long mib = -EIO;

	if (!f)
		return -errno;
	if (fgets(text, sizeof(text), f))
		mib = strtol(text, NULL, 10);
	fclose(f);
	return mib;
}

int limit_set(long mib)
{
	char text[32];
	int fd = open_errno(LIMIT, O_WRONLY | O_CLOEXEC), len, ret = 0;

	if (fd < 0)
		return fd;
	len = snprintf(text, sizeof(text), "%ld", mib);
	if (write(fd, text, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}
