/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A 32-bit process on a 64-bit kernel: all of the interface with the layouts,
 * pointers and system calls of i386, on both sides of a scheme.
 *
 * No C library: a compiler that knows -m32 is all that is needed to build it.
 */
#ifndef SELFTESTS_COMPAT32_H
#define SELFTESTS_COMPAT32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/unistd_32.h>
#include <linux/fcntl.h>
#include <linux/redox_scheme.h>

#define NAME	"test-compat32"
#define NODE	"/dev/scheme/" NAME
#define SLOT	4096
#define PAGE	4096
#define SIZE	0x123456789abcULL	/* of every file */
#define FAR	0x1122334455ULL		/* an offset that 32 bits do not hold */
#define PAGES(bytes) (((bytes) + PAGE - 1) / PAGE * PAGE)

_Static_assert(sizeof(void *) == 4, "compile with -m32");

/* ---- system calls: sys.c ---------------------------------------------------- */

/* The sixth argument is in a register that compilers keep for themselves. */
long syscall6(long nr, long a, long b, long c, long d, long e, long f);

#define sys(nr, ...)	sys_(nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define sys_(nr, a, b, c, d, e, f, ...) \
	syscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
		 (long)(f))

long do_ioctl(int fd, unsigned long cmd, void *arg);
/* Shared, for reading and writing; fd -1 is memory of no file. */
void *map(int fd, unsigned long size, unsigned long offset);
bool failed(const void *mem);
/* The 64-bit offset is two arguments. */
long read_at(int fd, void *buf, uint32_t len, uint64_t offset);
long write_at(int fd, const void *buf, uint32_t len, uint64_t offset);
/* A command on a ring of its own; its result, or why there is none. */
long ring_command(int fd, uint32_t cmd_op, const void *arg16);

/* The compiler may ask for the first two. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
bool same(const void *a, const void *b, size_t n);

/* ---- results: sys.c --------------------------------------------------------- */

void say(const char *text);
void test(const char *name, bool ok, long result);
/* After the last one: how many there were, and whether all were good. */
bool tests_end(void);

/* ---- provider: serve.c ------------------------------------------------------ */

struct queue {
	int				fd;
	struct scheme_queue_info	info;
	uint8_t				*mem;
	uint32_t			sq_head, cq_tail;
};

long queue_open(struct queue *q, int scheme);
long queue_enter(const struct queue *q, uint32_t min_wait);
/* In a child, until the scheme ends; a byte to ready when requests may come. */
void serve(int scheme, int ready);

/* What the provider attaches, and sends: FILE_PAGES pages, each begins so. */
#define FILE_PAGES	2
#define FILE_TEXT	"page of the provider's"
/* SENDFD: what it answers, and writes to the file. */
#define SENT_VALUE	0x1234567890LL
#define SENT_TEXT	"got it"
/* What it says of everything. */
#define INO		0x123456789aULL
#define WORD		0xfedcba9876543210ULL
#define ENTRY		"entry"

/* ---- client: parts of it, with an open file of the scheme's ------------------ */

void test_requests(int root);		/* requests.c */
void test_files(int file);		/* files.c */
void test_events(int file);		/* events.c */
/* The memory scheme, which needs no provider: memory.c */
void test_memory(void);

#endif /* SELFTESTS_COMPAT32_H */
