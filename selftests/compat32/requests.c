// SPDX-License-Identifier: GPL-2.0
/* REQUEST, by ioctl and through io_uring. */
#include "compat32.h"

#include <linux/stat.h>

static struct scheme_request on_path(uint8_t opcode, const char *path)
{
	return (struct scheme_request){
		.opcode = opcode, .path = (uintptr_t)path, .path_len = 3,
		.fd2 = -1,
	};
}

static bool stat_right(const struct scheme_stat *st)
{
	return st->mode == (S_IFREG | 0640) && st->nlink == 3 &&
	       st->ino == INO && st->size == SIZE && st->mtime == -1 &&
	       st->mtime_nsec == 999999999;
}

static void test_stat(int root)
{
	struct scheme_request arg = on_path(SCHEME_OP_STAT, "abc");
	struct scheme_stat st = {};
	struct scheme_command command = {
		.arg = (uintptr_t)&arg, .size = sizeof(arg),
	};
	long ret;

	arg.buf = (uintptr_t)&st;
	arg.buf_len = sizeof(st);
	ret = do_ioctl(root, SCHEME_IOC_REQUEST, &arg);
	test("S10_request_to_stat", !ret && arg.result == sizeof(st) &&
	     stat_right(&st), ret);
	memset(&st, 0, sizeof(st));
	arg.result = 0;
	ret = ring_command(root, SCHEME_IOC_REQUEST, &command);
	test("U1_request_by_uring", !ret && arg.result == sizeof(st) &&
	     stat_right(&st), ret);
}

static void test_entries(int root)
{
	struct scheme_request arg = {
		.opcode = SCHEME_OP_GETDENTS, .offset = FAR, .fd2 = -1,
	};
	union {
		struct scheme_dirent entry;
		char bytes[SLOT];
	} buf;
	long ret;

	arg.buf = (uintptr_t)&buf;
	arg.buf_len = sizeof(buf);
	ret = do_ioctl(root, SCHEME_IOC_REQUEST, &arg);
	test("S11_request_for_entries", !ret &&
	     arg.result == SCHEME_DIRENT_SIZE(sizeof(ENTRY) - 1) &&
	     buf.entry.ino == INO && buf.entry.next == FAR + 1 &&
	     buf.entry.namelen == sizeof(ENTRY) - 1 &&
	     same(buf.entry.name, ENTRY, sizeof(ENTRY)), ret);
}

static void test_changes(int root)
{
	struct scheme_request arg = on_path(SCHEME_OP_TRUNCATE, "abc");
	long ret;

	arg.aux = SIZE;
	ret = do_ioctl(root, SCHEME_IOC_REQUEST, &arg);
	test("S10_request_to_truncate", !ret, ret);
	arg = on_path(SCHEME_OP_RENAME, "abc");
	arg.path2 = (uintptr_t)"other";
	arg.path2_len = 5;
	arg.fd2 = root;
	ret = do_ioctl(root, SCHEME_IOC_REQUEST, &arg);
	test("S11_request_to_rename", !ret, ret);
}

void test_requests(int root)
{
	test_stat(root);
	test_entries(root);
	test_changes(root);
}
