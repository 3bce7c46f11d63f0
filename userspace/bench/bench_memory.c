// SPDX-License-Identifier: MIT
/*
 * bench_memory: how long it takes to get memory that devices can reach, from the memory
 * scheme in one range and in a list, and beside that from the kernel's system heap and
 * from udmabuf where there are such; once with memory as it is, and once with all that
 * is free in pieces. Then, how fast a mapping of it is read, beside malloc's.
 *
 * The systems take turns, round by round; medians are printed as
 *
 *	case,system,bs,qd,ops_per_s,ns_per_op,syscalls_per_op
 *
 * What cannot be had has no line, and is told on the standard error output. As root.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include <scheme_memory.h>

#include "common/fragment.h"

#define MAX_ROUNDS	999
#define MIB(n)		((size_t)(n) << 20)
#define FRAGMENT_BLOCK	(256UL << 10)
#define READ_SIZE	MIB(64)

/* One of the things that are compared. */
struct contender {
	const char	*system;
	double		syscalls;	/* for one piece of memory */
	/* take size bytes, 0 or -errno; and give them back */
	int		(*take)(struct contender *c, size_t size);
	void		(*give)(struct contender *c);
	struct scheme_phys phys;
	int		fd;		/* of who gives memory */
	int		memory;		/* a memfd */
	int		dmabuf;
	int		error;		/* why it has no result */
	double		ns[MAX_ROUNDS];
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* ---- the memory scheme ----------------------------------------------------------- */

static int take_whole(struct contender *c, size_t size)
{
	return scheme_physalloc(c->fd, size, &c->phys);
}

static int take_list(struct contender *c, size_t size)
{
	uint32_t nr = SCHEME_PHYS_RANGES_MAX;

	return scheme_physalloc_list(c->fd, size, 1, 0, 0, NULL, &nr, &c->phys);
}

static void give_buffer(struct contender *c)
{
	scheme_physfree(c->fd, c->phys.offset, c->phys.size);
}

/* ---- the kernel's ---------------------------------------------------------------- */

static int take_heap(struct contender *c, size_t size)
{
	struct dma_heap_allocation_data data = {
		.len = size, .fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(c->fd, DMA_HEAP_IOCTL_ALLOC, &data))
		return -errno;
	c->dmabuf = (int)data.fd;
	return 0;
}

static void give_heap(struct contender *c)
{
	close(c->dmabuf);
}

/* Its memory is a memfd's, which it wants sealed, and which has pages when it asks. */
static int take_udmabuf(struct contender *c, size_t size)
{
	struct udmabuf_create create = { .size = size };
	int ret;

	c->memory = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->memory < 0)
		return -errno;
	create.memfd = (uint32_t)c->memory;
	if (!ftruncate(c->memory, (off_t)size) &&
	    !fcntl(c->memory, F_ADD_SEALS, F_SEAL_SHRINK) &&
	    !fallocate(c->memory, 0, 0, (off_t)size)) {
		c->dmabuf = ioctl(c->fd, UDMABUF_CREATE, &create);
		if (c->dmabuf >= 0)
			return 0;
	}
	ret = -errno;
	close(c->memory);
	return ret;
}

static void give_udmabuf(struct contender *c)
{
	close(c->dmabuf);
	close(c->memory);
}

/* By itself it has a limit of 64 MiB. */
static void udmabuf_limit(void)
{
	FILE *f = fopen("/sys/module/udmabuf/parameters/size_limit_mb", "we");

	if (f) {
		fputs("1024", f);
		fclose(f);
	}
}

/* ---- taking memory ---------------------------------------------------------------- */

static void take_once(struct contender *c, size_t size, double *ns)
{
	double begin = now_ns();
	int ret = c->take(c, size);

	*ns = now_ns() - begin;
	if (ret)
		c->error = ret;
	else
		c->give(c);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct contender *c, const char *name, size_t size,
		  unsigned int rounds)
{
	double ns;

	if (c->error) {
		fprintf(stderr, "# %s: %s has no %zu KiB: %s\n", name, c->system,
			size >> 10, strerror(-c->error));
		return;
	}
	qsort(c->ns, rounds, sizeof(c->ns[0]), compare);
	ns = c->ns[rounds / 2];
	printf("%s,%s,%zu,1,%.0f,%.0f,%.2f\n", name, c->system, size, 1e9 / ns, ns,
	       c->syscalls);
	fflush(stdout);
}

static void measure(struct contender *all, unsigned int nr, const char *name,
		    size_t size, unsigned int rounds)
{
	double warm_up;

	for (unsigned int i = 0; i < nr; i++) {
		all[i].error = all[i].fd < 0 ? all[i].fd : 0;
		if (!all[i].error)
			take_once(&all[i], size, &warm_up);
	}
	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int i = 0; i < nr; i++)
			if (!all[i].error)
				take_once(&all[i], size, &all[i].ns[round]);
	for (unsigned int i = 0; i < nr; i++)
		print(&all[i], name, size, rounds);
}

static int open_errno(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd;
}

/* How large, and how often: it takes the longer the larger it is. */
static void take_all_sizes(struct contender *all, unsigned int nr, const char *name,
			   unsigned int rounds)
{
	unsigned int few = rounds / 20 > 3 ? rounds / 20 : 3;

	measure(all, nr, name, 64UL << 10, rounds);
	measure(all, nr, name, MIB(4), few * 3 < rounds ? few * 3 : rounds);
	measure(all, nr, name, MIB(256), few);
}

static int bench_taking(unsigned int rounds)
{
	struct contender all[] = {
		{ .system = "scheme", .syscalls = 1, .take = take_whole,
		  .give = give_buffer, .fd = scheme_memory_open(O_CLOEXEC) },
		{ .system = "scheme-list", .syscalls = 1, .take = take_list,
		  .give = give_buffer, .fd = scheme_memory_open(O_CLOEXEC) },
		{ .system = "dma-heap", .syscalls = 1, .take = take_heap,
		  .give = give_heap, .fd = open_errno("/dev/dma_heap/system") },
		{ .system = "udmabuf", .syscalls = 5, .take = take_udmabuf,
		  .give = give_udmabuf, .fd = open_errno("/dev/udmabuf") },
	};
	unsigned int nr = sizeof(all) / sizeof(all[0]);
	struct fragment fragment;
	int ret;

	if (all[0].fd < 0 || all[1].fd < 0) {
		fprintf(stderr, "bench_memory: /dev/scheme/memory: %s\n",
			strerror(-all[0].fd));
		return -1;
	}
	udmabuf_limit();
	take_all_sizes(all, nr, "phys-alloc", rounds);
	ret = fragment_begin(&fragment, FRAGMENT_BLOCK);
	if (ret) {
		fprintf(stderr, "bench_memory: memory in pieces: %s\n", strerror(-ret));
	} else {
		fprintf(stderr, "# one page in %lu KiB is pinned: %zu pages\n",
			FRAGMENT_BLOCK >> 10, fragment.pinned);
		take_all_sizes(all, nr, "phys-alloc-frag", rounds);
		fragment_end(&fragment);
	}
	for (unsigned int i = 0; i < nr; i++)
		if (all[i].fd >= 0)
			close(all[i].fd);
	return ret;
}

/* ---- reading it -------------------------------------------------------------------- */

struct reader {
	const char	*system;
	const uint64_t	*mem;
	double		ns[MAX_ROUNDS];
};

/* The sum is used, so that nothing is left out. */
static uint64_t sum;

static double read_all(const struct reader *r)
{
	double begin = now_ns();
	uint64_t s = 0;

	for (size_t i = 0; i < READ_SIZE / sizeof(*r->mem); i += 4)
		s += r->mem[i] + r->mem[i + 1] + r->mem[i + 2] + r->mem[i + 3];
	sum += s;
	return now_ns() - begin;
}

/* Written once, as memory that is read has been. */
static void *buffer(int fd, bool list)
{
	struct scheme_phys phys;
	uint32_t nr = SCHEME_PHYS_RANGES_MAX;
	void *mem;
	int ret;

	ret = list ? scheme_physalloc_list(fd, READ_SIZE, 1, SCHEME_PHYS_GREEDY, 0,
					   NULL, &nr, &phys) :
		     scheme_physalloc(fd, READ_SIZE, &phys);
	if (!ret)
		ret = scheme_physmap(fd, phys.offset, READ_SIZE,
				     PROT_READ | PROT_WRITE, &mem);
	if (ret) {
		fprintf(stderr, "# phys-read: %s: %s\n", list ? "list" : "one range",
			strerror(-ret));
		return NULL;
	}
	return memset(mem, 1, READ_SIZE);
}

static void measure_reading(struct reader *all, int nr, unsigned int rounds)
{
	for (int i = 0; i < nr; i++)
		if (all[i].mem)
			read_all(&all[i]);
	for (unsigned int round = 0; round < rounds; round++)
		for (int i = 0; i < nr; i++)
			if (all[i].mem)
				all[i].ns[round] = read_all(&all[i]);
	for (int i = 0; i < nr; i++) {
		if (!all[i].mem)
			continue;
		qsort(all[i].ns, rounds, sizeof(double), compare);
		printf("phys-read,%s,%zu,1,%.0f,%.0f,0.00\n", all[i].system,
		       READ_SIZE, 1e9 / all[i].ns[rounds / 2],
		       all[i].ns[rounds / 2]);
	}
	fprintf(stderr, "# phys-read: sum %llx\n", (unsigned long long)sum);
}

static int bench_reading(unsigned int rounds)
{
	void *usual = malloc(READ_SIZE);
	int fd = scheme_memory_open(O_CLOEXEC);
	struct reader all[] = {
		{ .system = "malloc", .mem = usual },
		{ .system = "scheme", .mem = buffer(fd, false) },
		{ .system = "scheme-list", .mem = buffer(fd, true) },
	};
	int ret = usual && (all[1].mem || all[2].mem) ? 0 : -1;

	if (!ret) {
		memset(usual, 1, READ_SIZE);
		measure_reading(all, 3, rounds);
	}
	if (fd >= 0)
		close(fd);
	free(usual);
	return ret;
}

/* ---- options ----------------------------------------------------------------------- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
	unsigned int *rounds = state->input;

	switch (key) {
	case 'r':
		*rounds = (unsigned int)strtoul(arg, NULL, 0);
		if (!*rounds || *rounds > MAX_ROUNDS)
			argp_error(state, "a number is out of range");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "rounds", 'r', "N", 0, "rounds with 64 KiB, and fewer with more (100)", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		options, parse, NULL,
		"Measure how memory for devices is allocated, and read.",
		NULL, NULL, NULL,
	};
	unsigned int rounds = 100;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &rounds);
	/* reading first: afterwards memory is in pieces for some time */
	ret = bench_reading(rounds < 15 ? rounds : 15);
	if (!ret)
		ret = bench_taking(rounds);
	return ret ? 1 : 0;
}
