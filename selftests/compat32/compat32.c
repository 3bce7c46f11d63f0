// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit process on a 64-bit kernel: all of the interface with the layouts,
 * pointers and system calls of i386, on both sides of a scheme.
 *
 * No C library: a compiler that knows -m32 is all that is needed to build it.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/errno.h>
#include <asm/unistd_32.h>
#include <linux/fcntl.h>
#include <linux/io_uring.h>
#include <linux/mman.h>
#include <linux/redox_scheme.h>

#define NAME	"test-compat32"
#define NODE	"/dev/scheme/" NAME
#define SLOT	4096
#define SIZE	0x123456789abcULL	/* of every file */
#define FAR	0x1122334455ULL		/* an offset of more than 32 bits */
#define SIGKILL	9
#define POLLIN	1
#define SEEK_END 2
#define PAGES(bytes) (((bytes) + 4095) / 4096 * 4096)

_Static_assert(sizeof(void *) == 4, "compile with -m32");

/* ---- system calls ----------------------------------------------------------- */

/* The sixth argument is in a register that compilers keep for themselves. */
long syscall6(long nr, long a, long b, long c, long d, long e, long f);
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

#define sys(nr, ...)	sys_(nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define sys_(nr, a, b, c, d, e, f, ...) \
	syscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
		 (long)(f))

static long do_ioctl(int fd, unsigned long cmd, void *arg)
{
	return sys(__NR_ioctl, fd, cmd, arg);
}

static void *map(int fd, unsigned long size, unsigned long offset)
{
	return (void *)sys(__NR_mmap2, 0, size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd,
			   offset / 4096);
}

static bool failed(const void *mem)
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

/* ---- results ---------------------------------------------------------------- */

static int tests, bad;

static void say(const char *text)
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

static void test(const char *name, bool ok, long result)
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

/* ---- provider --------------------------------------------------------------- */

struct queue {
	int				fd;
	struct scheme_queue_info	info;
	uint8_t				*mem;
	uint32_t			sq_head, cq_tail;
};

static long queue_open(struct queue *q, int scheme)
{
	memset(q, 0, sizeof(*q));
	q->fd = do_ioctl(scheme, SCHEME_IOC_QUEUE, &q->info);
	if (q->fd < 0)
		return q->fd;
	q->mem = map(q->fd, q->info.size, 0);
	return failed(q->mem) ? (long)q->mem : 0;
}

static long queue_enter(const struct queue *q, uint32_t min_wait)
{
	struct scheme_enter enter = { .min_wait = min_wait };

	return do_ioctl(q->fd, SCHEME_IOC_ENTER, &enter);
}

static bool queue_pop(struct queue *q, struct scheme_sqe *sqe)
{
	struct scheme_ring_client *client = (void *)(q->mem + q->info.client_off);
	struct scheme_ring_provider *prov = (void *)(q->mem + q->info.provider_off);
	struct scheme_sqe *sq = (void *)(q->mem + q->info.sq_off);

	if (__atomic_load_n(&client->sq_tail, __ATOMIC_ACQUIRE) == q->sq_head)
		return false;
	*sqe = sq[q->sq_head & (q->info.sq_entries - 1)];
	__atomic_store_n(&prov->sq_head, ++q->sq_head, __ATOMIC_RELEASE);
	return true;
}

static void queue_post(struct queue *q, const struct scheme_cqe *cqe)
{
	struct scheme_ring_provider *prov = (void *)(q->mem + q->info.provider_off);
	struct scheme_cqe *cq = (void *)(q->mem + q->info.cq_off);

	cq[q->cq_tail & (q->info.cq_entries - 1)] = *cqe;
	__atomic_store_n(&prov->cq_tail, ++q->cq_tail, __ATOMIC_RELEASE);
}

/* What was asked comes back in what is answered, for the client to look at. */
static void answer(struct queue *q, const struct scheme_sqe *sqe)
{
	struct scheme_cqe cqe = { .user_data = sqe->user_data };
	uint8_t *payload = q->mem + q->info.slots_off + sqe->addr;
	struct scheme_call_header header;

	switch (sqe->opcode) {
	case SCHEME_OP_CLOSE:
	case SCHEME_OP_CANCEL:
		return;
	case SCHEME_OP_OPEN:
	case SCHEME_OP_DUP:
		/* of "abc", its bytes as a number */
		for (uint32_t i = 0; i < sqe->len; i++)
			cqe.result = cqe.result << 8 | payload[i];
		cqe.flags = SCHEME_CQE_F_POSITIONED;
		break;
	case SCHEME_OP_READ:
		memcpy(payload, sqe, sizeof(*sqe));
		cqe.result = sizeof(*sqe);
		break;
	case SCHEME_OP_CALL:
		memcpy(&header, payload, sizeof(header));
		cqe.result = header.word[2];
		cqe.extra = header.in_len;
		for (uint32_t i = 0; i < header.in_len; i++)
			payload[i] = payload[sizeof(header) + i] + 1;
		break;
	case SCHEME_OP_WRITE:
		cqe.result = sqe->offset == FAR ? (int64_t)sqe->len : -EINVAL;
		break;
	case SCHEME_OP_FSIZE:
		cqe.result = SIZE;
		break;
	}
	queue_post(q, &cqe);
}

/* In a child, until the scheme ends; a byte to ready when requests may come. */
static void serve(int scheme, int ready)
{
	struct scheme_sqe sqe;
	struct queue q;

	if (do_ioctl(scheme, SCHEME_IOC_ADOPT, NULL) || queue_open(&q, scheme))
		sys(__NR_exit, 1);
	sys(__NR_write, ready, "", 1);
	while (queue_enter(&q, 1) > 0)
		while (queue_pop(&q, &sqe))
			answer(&q, &sqe);
	sys(__NR_exit, 0);
}

/* ---- ENTER by io_uring ------------------------------------------------------ */

/* One ENTER that waits for nothing; its result, or why there is none. */
static long ring_enter(int queue_fd)
{
	struct scheme_enter enter = {};
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
	sqe->fd = queue_fd;
	sqe->cmd_op = SCHEME_IOC_ENTER;
	memcpy(&sqe->addr3, &enter, sizeof(enter));
	/* the array says entry 0 everywhere */
	__atomic_store_n((uint32_t *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	ret = sys(__NR_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS);
	if (ret != 1)
		return ret;
	ret = ((struct io_uring_cqe *)(ring + p.cq_off.cqes))->res;
	sys(__NR_close, fd);
	return ret;
}

/* ---- client ----------------------------------------------------------------- */

static int64_t seek_end(int fd)
{
	int64_t result = -1;
	long ret = sys(__NR__llseek, fd, 0, 0, &result, SEEK_END);

	return ret ? ret : result;
}

/* The 64-bit offset is two arguments. */
static long read_at(int fd, void *buf, uint32_t len, uint64_t offset)
{
	return sys(__NR_pread64, fd, buf, len, (uint32_t)offset,
		   (uint32_t)(offset >> 32));
}

static long write_at(int fd, const void *buf, uint32_t len, uint64_t offset)
{
	return sys(__NR_pwrite64, fd, buf, len, (uint32_t)offset,
		   (uint32_t)(offset >> 32));
}

static void test_transfers(int fd)
{
	struct scheme_sqe seen = {};
	char bytes[SLOT] = "";
	long ret;

	ret = read_at(fd, &seen, sizeof(seen), FAR);
	test("S8_read_far_away", ret == sizeof(seen) &&
	     seen.opcode == SCHEME_OP_READ && seen.offset == FAR &&
	     seen.handle == 0x616263 && seen.len == sizeof(seen), ret);
	ret = write_at(fd, bytes, sizeof(bytes), FAR);
	test("S8_write_far_away", ret == sizeof(bytes), ret);
	test("S9_lseek_to_an_end_far_away", seek_end(fd) == (int64_t)SIZE, 0);
	ret = sys(__NR_fsync, fd);
	test("S10_fsync", !ret, ret);
}

static void test_poll(int fd)
{
	struct { int fd; short events, revents; } poll = { fd, POLLIN, 0 };
	long ret = sys(__NR_poll, &poll, 1, 0);

	test("S29_poll", ret == 1 && poll.revents == POLLIN, ret);
}

static void test_call(int fd)
{
	uint8_t in[5] = "abcd", out[8] = "";
	struct scheme_call call = {
		.in = (uintptr_t)in,
		.out = (uintptr_t)out,
		.in_len = sizeof(in),
		.out_len = sizeof(out),
		.word = { 1, 2, 0x123456789abcdefULL },
	};
	long ret = do_ioctl(fd, SCHEME_IOC_CALL, &call);

	test("S14_call", !ret && call.result == 0x123456789abcdefLL &&
	     call.out_len == sizeof(in) && out[0] == 'b' && out[3] == 'e' &&
	     out[4] == 1 && !out[5], ret);
}

static long open_below(int fd, const char *path, uint32_t len)
{
	struct scheme_openat arg = {
		.path = (uintptr_t)path,
		.path_len = len,
		.flags = O_RDWR,
	};

	return do_ioctl(fd, SCHEME_IOC_OPENAT, &arg);
}

static long dup_of(int fd, const char *name, uint32_t len)
{
	struct scheme_dup arg = { .name = (uintptr_t)name, .name_len = len };

	return do_ioctl(fd, SCHEME_IOC_DUP, &arg);
}

static void test_client(void)
{
	long root = sys(__NR_open, NODE, O_RDWR, 0);
	struct scheme_sqe seen = {};
	long file, twin;

	test("S7_open", root >= 0, root);
	file = open_below(root, "abc", 3);
	test("S7_openat", file >= 0, file);
	test_transfers(file);
	test_poll(file);
	test_call(file);
	twin = dup_of(file, "de", 2);
	read_at(twin, &seen, sizeof(seen), 0);
	test("S13_dup", twin >= 0 && seen.handle == 0x6465, twin);
	sys(__NR_close, twin);
	sys(__NR_close, file);
	sys(__NR_close, root);
}

/* ---- all of it -------------------------------------------------------------- */

static long create(int control)
{
	struct scheme_create arg = {
		.abi = SCHEME_ABI,
		.name = NAME,
		.mode = 0600,
		.uid = ~0U,
		.gid = ~0U,
		.depth = 4,
		.slot_size = SLOT,
	};
	long fd = do_ioctl(control, SCHEME_IOC_CREATE, &arg);

	test("S1_create", fd >= 0 && arg.features & SCHEME_F_URING_ENTER, fd);
	return fd;
}

static void test_query(int control)
{
	struct scheme_query query = {};
	long ret = do_ioctl(control, SCHEME_IOC_QUERY, &query);

	test("S4_query", !ret && query.abi >> 16 == SCHEME_ABI_MAJOR &&
	     query.name_max == SCHEME_NAME_MAX && query.queue_bytes_max, ret);
}

static void test_queue(int scheme)
{
	struct queue q;
	long ret = queue_open(&q, scheme);

	test("S28_queue_and_mmap", !ret && q.info.depth == 4 &&
	     q.info.slot_size == SLOT && q.info.slots_off < q.info.size, ret);
	ret = queue_enter(&q, 0);
	test("S28_enter", !ret, ret);
	ret = ring_enter(q.fd);
	test("S28_enter_by_uring", !ret, ret);
	sys(__NR_munmap, q.mem, q.info.size);
	sys(__NR_close, q.fd);
}

static void test_stats(int scheme)
{
	struct scheme_stats stats = {};
	long ret = do_ioctl(scheme, SCHEME_IOC_STATS, &stats);

	test("S16_stats", !ret && stats.requests >= 9 && !stats.in_flight &&
	     stats.requests == stats.answers && stats.closes == 3 &&
	     !stats.refused && !stats.bad_results, ret);
}

static void test_end(int control, int scheme)
{
	struct scheme_kill arg = { .name = NAME };
	long ret = do_ioctl(control, SCHEME_IOC_KILL, &arg);

	test("S3_kill", !ret, ret);
	ret = do_ioctl(scheme, SCHEME_IOC_DESTROY, NULL);
	test("S3_destroy_once_more", !ret, ret);
}

static void run(void)
{
	long control = sys(__NR_open, "/dev/scheme-control", O_RDWR, 0);
	long scheme, child;
	int ready[2], status = -1;
	char byte;

	test("S4_open_of_the_control_node", control >= 0, control);
	test_query(control);
	scheme = create(control);
	test_queue(scheme);
	sys(__NR_pipe, ready);
	child = sys(__NR_fork);
	if (!child)
		serve(scheme, ready[1]);
	sys(__NR_close, ready[1]);
	test("S20_adopt", sys(__NR_read, ready[0], &byte, 1) == 1, child);
	test_client();
	test_stats(scheme);
	test_end(control, scheme);
	/* served to the end, and as its owner */
	if (sys(__NR_waitpid, child, &status, 0) != child)
		sys(__NR_kill, child, SIGKILL);
	test("S3_the_provider_learns_of_the_end", !status, status);
	say("1..");
	say_number(tests);
	say("\n");
	sys(__NR_exit, bad != 0);
}

/* The stack is as the kernel left it. */
__attribute__((force_align_arg_pointer)) void _start(void)
{
	run();
}
