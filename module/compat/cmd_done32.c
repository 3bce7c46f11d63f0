// SPDX-License-Identifier: GPL-2.0
/* 6.18: only io_uring_cmd_done32() takes a second result. */
#ifdef __has_include
#if __has_include(<linux/io_uring/cmd.h>)
#include <linux/io_uring/cmd.h>
#endif
#endif
#include <linux/io_uring.h>

void probe(struct io_uring_cmd *cmd, unsigned int issue_flags);
void probe(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	io_uring_cmd_done32(cmd, 0, 0, issue_flags);
}
