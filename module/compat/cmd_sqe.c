// SPDX-License-Identifier: GPL-2.0
/* 6.4: the command is reached through cmd->sqe, before through cmd->cmd. */
#ifdef __has_include
#if __has_include(<linux/io_uring/cmd.h>)
#include <linux/io_uring/cmd.h>
#endif
#endif
#include <linux/io_uring.h>

const void *probe(const struct io_uring_cmd *cmd);
const void *probe(const struct io_uring_cmd *cmd)
{
	return cmd->sqe;
}
