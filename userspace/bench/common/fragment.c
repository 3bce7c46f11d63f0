// SPDX-License-Identifier: MIT
#include "fragment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>

#define PAGE		4096UL
/* What one ring can register. */
#define PINS_A_RING	16384U
#define RINGS_MAX	64

/* The sum of the numbers that follow a name in a file of such lines. */
static uint64_t sum_in(const char *path, const char *name)
{
	uint64_t sum = 0;
	char line[128];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		const char *at = line + strspn(line, " ");

		if (!strncmp(at, name, strlen(name)))
			sum += strtoull(at + strlen(name), NULL, 10);
	}
	if (f)
		fclose(f);
	return sum;
}

/*
 * What can be taken without the kernel looking for a victim: what is free above the
 * marks of all zones, less some for the page tables and for whoever else runs.
 */
static size_t can_take(uint64_t *untouched)
{
	uint64_t spare = (48 << 20) + sum_in("/proc/zoneinfo", "low ") * PAGE;
	uint64_t bytes = sum_in("/proc/meminfo", "MemFree:") << 10;

	*untouched = spare;
	return bytes > spare ? bytes - spare : 0;
}

/* Where memory goes to pieces the kernel raises its marks, up to half of all memory. */
#define BOOST	"/proc/sys/vm/watermark_boost_factor"

static void boost_set(unsigned int factor)
{
	FILE *f = fopen(BOOST, "we");

	if (f) {
		fprintf(f, "%u", factor);
		fclose(f);
	}
}

/* ---- which pages ---------------------------------------------------------------- */

/* By physical address; a byte for each block, grown as they come. */
struct blocks {
	uint8_t	*seen;
	size_t	nr;
};

/* The first page of its block? */
static bool block_is_new(struct blocks *b, size_t nr)
{
	if (nr >= b->nr) {
		size_t want = nr + 4096;
		uint8_t *seen = realloc(b->seen, want);

		if (!seen)
			return false;
		memset(seen + b->nr, 0, want - b->nr);
		b->seen = seen;
		b->nr = want;
	}
	if (b->seen[nr])
		return false;
	b->seen[nr] = 1;
	return true;
}

#define PRESENT	(1ULL << 63)
#define FRAME	((1ULL << 55) - 1)

/* Pages of mem, one a block, as pieces of a page; how many, or -errno. */
static ssize_t choose(uint8_t *mem, size_t size, size_t block, struct iovec *pins)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct blocks blocks = { 0 };
	uint64_t entry[512];
	size_t nr = 0;

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < size; at += sizeof(entry) / 8 * PAGE) {
		ssize_t got = pread(fd, entry, sizeof(entry),
				    (off_t)(((uintptr_t)mem + at) / PAGE * 8));

		for (ssize_t i = 0; i < got / 8 && at + i * PAGE < size; i++)
			if (entry[i] & PRESENT &&
			    block_is_new(&blocks, (entry[i] & FRAME) * PAGE / block))
				pins[nr++] = (struct iovec){ mem + at + i * PAGE, PAGE };
	}
	close(fd);
	free(blocks.seen);
	return nr ? (ssize_t)nr : -EPERM;
}

/* ---- pins ------------------------------------------------------------------------ */

static int pin(struct fragment *f, const struct iovec *pins, size_t nr)
{
	int ret = 0;

	for (; !ret && nr && f->nr_rings < RINGS_MAX; f->nr_rings++) {
		unsigned int some = nr < PINS_A_RING ? nr : PINS_A_RING;

		ret = io_uring_queue_init(1, &f->rings[f->nr_rings], 0);
		if (ret)
			return ret;
		ret = io_uring_register_buffers(&f->rings[f->nr_rings], pins, some);
		f->pinned += ret ? 0 : some;
		pins += some;
		nr -= some;
	}
	return ret;
}

/* All at once, where the kernel can: a fault for each page takes four times as long. */
static int touch_all(uint8_t *mem, size_t size)
{
	if (!madvise(mem, size, MADV_POPULATE_WRITE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	for (size_t at = 0; at < size; at += PAGE)
		mem[at] = 1;
	return 0;
}

int fragment_begin(struct fragment *f, size_t block)
{
	struct iovec *pins = NULL;
	uint8_t *mem;
	ssize_t nr;
	size_t size;
	int ret;

	memset(f, 0, sizeof(*f));
	f->boost = (unsigned int)sum_in(BOOST, "");
	boost_set(0);
	size = can_take(&f->untouched);
	if (!size) {
		boost_set(f->boost);
		return -ENOMEM;
	}
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED) {
		ret = -errno;
		boost_set(f->boost);
		return ret;
	}
	madvise(mem, size, MADV_NOHUGEPAGE);
	/* pages of one block need not be together: at most every one is a new block's */
	pins = mmap(NULL, size / PAGE * sizeof(*pins), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	f->rings = calloc(RINGS_MAX, sizeof(*f->rings));
	ret = -ENOMEM;
	if (pins == MAP_FAILED || !f->rings)
		goto out;
	ret = touch_all(mem, size);
	if (ret)
		goto out;
	nr = choose(mem, size, block, pins);
	ret = nr < 0 ? (int)nr : pin(f, pins, nr);
out:
	if (pins != MAP_FAILED)
		munmap(pins, size / PAGE * sizeof(*pins));
	munmap(mem, size);
	if (ret)
		fragment_end(f);
	return ret;
}

void fragment_end(struct fragment *f)
{
	while (f->nr_rings)
		io_uring_queue_exit(&f->rings[--f->nr_rings]);
	free(f->rings);
	f->rings = NULL;
	boost_set(f->boost);
}
