// SPDX-License-Identifier: GPL-2.0
/* 6.7: a parked command can be cancelled. */
#ifdef __has_include
#if __has_include(<linux/io_uring/cmd.h>)
#include <linux/io_uring/cmd.h>
#endif
#endif
#include <linux/io_uring.h>

void probe(struct io_uring_cmd *cmd);
void probe(struct io_uring_cmd *cmd)
{
	io_uring_cmd_mark_cancelable(cmd, IO_URING_F_CANCEL);
}
