// SPDX-License-Identifier: GPL-2.0
/*
 * Files both ways, and memory. The provider's ATTACH, ATTACH_MEMORY and FETCH
 * are part of it; what they return comes back as the result where they fail.
 */
#include "compat32.h"

#include <linux/errno.h>

/* The provider writes to the pipe that it has been sent. */
static void test_sendfd(int file)
{
	struct scheme_sendfd arg = {
		.name = (uintptr_t)"door", .name_len = 4, .word = WORD,
	};
	char text[sizeof(SENT_TEXT)] = "";
	int ends[2];
	long ret;

	sys(__NR_pipe, ends);
	arg.fd = ends[1];
	ret = do_ioctl(file, SCHEME_IOC_SENDFD, &arg);
	test("S27_sendfd_and_fetch", !ret && arg.result == SENT_VALUE, ret);
	ret = sys(__NR_fcntl64, ends[1], F_GETFD);
	test("S27_a_file_that_was_sent_has_moved", ret == -EBADF, ret);
	/* and there is an end of it: nobody has the other side any more */
	ret = sys(__NR_read, ends[0], text, sizeof(text));
	test("S27_the_provider_has_it", ret == sizeof(text) &&
	     same(text, SENT_TEXT, sizeof(text)) &&
	     !sys(__NR_read, ends[0], text, 1), ret);
	sys(__NR_close, ends[0]);
}

static void test_recvfd(int file)
{
	struct scheme_recvfd arg = {
		.name = (uintptr_t)"door", .name_len = 4, .flags = O_CLOEXEC,
		.word = WORD,
	};
	char text[sizeof(FILE_TEXT)] = "";
	long fd = do_ioctl(file, SCHEME_IOC_RECVFD, &arg), ret;

	ret = read_at(fd, text, sizeof(text), 0);
	test("S27_recvfd_and_attach", fd >= 0 && ret == sizeof(text) &&
	     same(text, FILE_TEXT, sizeof(text)), fd);
	sys(__NR_close, fd);
}

static void test_map(int file)
{
	struct scheme_mmap_prep arg = {
		.offset = FAR / PAGE * PAGE, .size = PAGE,
		.flags = SCHEME_MAP_WRITE,
	};
	long ret = do_ioctl(file, SCHEME_IOC_MMAP_PREP, &arg);
	char *at;

	test("S25_mmap_prep_and_attach_memory", !ret, ret);
	at = map(file, PAGE, 0);
	test("S25_mmap", !failed(at) && same(at, FILE_TEXT, sizeof(FILE_TEXT)),
	     (long)at);
	sys(__NR_munmap, at, PAGE);
}

void test_files(int file)
{
	test_sendfd(file);
	test_recvfd(file);
	test_map(file);
}
