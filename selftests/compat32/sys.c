// SPDX-License-Identifier: GPL-2.0
/* System calls and results without a C library. */
#include "compat32.h"

#include <linux/io_uring.h>
#include <linux/mman.h>

/* ---- system calls ----------------------------------------------------------- */

asm(".globl syscall6\n"
    "syscall6:\n"
    "	push %ebp\n"
    "	push %ebx\n"
    "	push %esi\n"
    "	push %edi\n"
    "	mov 20(%esp), %eax\n"
    "	mov 24(%esp), %ebx\n"
    "	mov 28(%esp), %ecx\n"
    "	mov 32(%esp), %edx\n"
    "	mov 36(%esp), %esi\n"
    "	mov 40(%esp), %edi\n"
    "	mov 44(%esp), %ebp\n"
    "	int $0x80\n"
    "	pop %edi\n"
    "	pop %esi\n"
    "	pop %ebx\n"
    "	pop %ebp\n"
    "	ret\n");

long do_ioctl(int fd, unsigned long cmd, void *arg)
{
	return sys(__NR_ioctl, fd, cmd, arg);
}

void *map(int fd, unsigned long size, unsigned long offset)
{
	return (void *)sys(__NR_mmap2, 0, size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd,
			   offset / PAGE);
}

bool failed(const void *mem)
{
	return (unsigned long)mem > -4096UL;
}

/* The compiler may ask for these. */
void *memcpy(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	volatile char *t = to;

	while (n--)
		*t++ = byte;
	return to;
}

bool same(const void *a, const void *b, size_t n)
{
	const char *p = a, *q = b;

	while (n && *p++ == *q++)
		n--;
	return !n;
}

long read_at(int fd, void *buf, uint32_t len, uint64_t offset)
{
	return sys(__NR_pread64, fd, buf, len, (uint32_t)offset,
		   (uint32_t)(offset >> 32));
}

long write_at(int fd, const void *buf, uint32_t len, uint64_t offset)
{
	return sys(__NR_pwrite64, fd, buf, len, (uint32_t)offset,
		   (uint32_t)(offset >> 32));
}

long ring_command(int cmd_fd, uint32_t cmd_op, const void *arg16)
{
	struct io_uring_params p = {};
	struct io_uring_sqe *sqe;
	long ret, fd = sys(__NR_io_uring_setup, 1, &p);
	uint8_t *ring;

	if (fd < 0)
		return fd;
	ring = map(fd, PAGES(p.cq_off.cqes + p.cq_entries * 16), IORING_OFF_SQ_RING);
	sqe = map(fd, PAGES(sizeof(*sqe)), IORING_OFF_SQES);
	if (failed(ring) || failed(sqe))
		return -1;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = cmd_fd;
	sqe->cmd_op = cmd_op;
	memcpy(&sqe->addr3, arg16, 16);
	/* the array says entry 0 everywhere */
	__atomic_store_n((uint32_t *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	ret = sys(__NR_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS);
	if (ret != 1)
		return ret;
	ret = ((struct io_uring_cqe *)(ring + p.cq_off.cqes))->res;
	sys(__NR_close, fd);
	return ret;
}

/* ---- results ---------------------------------------------------------------- */

static int tests, bad;

void say(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	sys(__NR_write, 1, text, len);
}

static void say_number(long number)
{
	char text[16], *at = text + sizeof(text) - 1;
	unsigned long n = number < 0 ? -number : number;

	*at = 0;
	do
		*--at = '0' + n % 10;
	while (n /= 10);
	if (number < 0)
		*--at = '-';
	say(at);
}

void test(const char *name, bool ok, long result)
{
	tests++;
	bad += !ok;
	say(ok ? "ok " : "not ok ");
	say_number(tests);
	say(" compat32.");
	say(name);
	say("\n");
	if (ok)
		return;
	say("# result ");
	say_number(result);
	say("\n");
}

bool tests_end(void)
{
	say("1..");
	say_number(tests);
	say("\n");
	return !bad;
}
