// SPDX-License-Identifier: GPL-2.0
/* 6.19: task work of a command is given a request and a token. */
#ifdef __has_include
#if __has_include(<linux/io_uring/cmd.h>)
#include <linux/io_uring/cmd.h>
#endif
#endif
#include <linux/io_uring.h>

void probe(struct io_tw_req req, io_tw_token_t tw);
void probe(struct io_tw_req req, io_tw_token_t tw)
{
	io_uring_cmd_complete_in_task(io_uring_cmd_from_tw(req), probe);
}
