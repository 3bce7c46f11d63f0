// SPDX-License-Identifier: GPL-2.0
/* The client's transfers, and the program. */
#include "compat32.h"

#define SIGKILL	9
#define POLLIN	1
#define SEEK_END 2

/* ---- client ----------------------------------------------------------------- */

static int64_t seek_end(int fd)
{
	int64_t result = -1;
	long ret = sys(__NR__llseek, fd, 0, 0, &result, SEEK_END);

	return ret ? ret : result;
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
	test_requests(root);
	test_files(file);
	test_events(file);
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
	struct scheme_enter enter = {};
	struct queue q;
	long ret = queue_open(&q, scheme);

	test("S28_queue_and_mmap", !ret && q.info.depth == 4 &&
	     q.info.slot_size == SLOT && q.info.slots_off < q.info.size, ret);
	ret = queue_enter(&q, 0);
	test("S28_enter", !ret, ret);
	ret = ring_command(q.fd, SCHEME_IOC_ENTER, &enter);
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
	test_memory();
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
	sys(__NR_exit, !tests_end());
}

/* The stack is as the kernel left it. */
__attribute__((force_align_arg_pointer)) void _start(void)
{
	run();
}
