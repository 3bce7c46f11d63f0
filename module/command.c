// SPDX-License-Identifier: GPL-2.0
#include "command.h"

#include <linux/redox_scheme.h>

/*
 * A command waits, for its provider or for memory, so that the first, non-blocking
 * attempt is refused, and a worker thread makes the second: it has the
 * submitter's memory, files and rights, so that the decoder need not know of it.
 */
int schm_command_uring(struct io_uring_cmd *cmd, unsigned int issue_flags,
		       schm_command_fn run)
{
	struct scheme_command arg;
	long ret;

	if (schm_cmd_is_cancel(issue_flags))
		return 0;
	/* 16 bytes: there in a small submission entry, too */
	BUILD_BUG_ON(sizeof(arg) > 16);
	memcpy(&arg, schm_cmd_payload(cmd), sizeof(arg));
	barrier();
	if (_IOC_TYPE(cmd->cmd_op) != SCHEME_IOC_MAGIC)
		return -ENOTTY;
	if (arg.reserved || arg.size != _IOC_SIZE(cmd->cmd_op))
		return -EINVAL;
	if (issue_flags & IO_URING_F_NONBLOCK)
		return -EAGAIN;
	ret = run(cmd->file, cmd->cmd_op, u64_to_user_ptr(arg.arg));
	/* nobody restarts it */
	if (ret == -ERESTARTSYS)
		return -EINTR;
	if (ret <= 0)
		return ret;
	/* 6.1 forgets a command whose worker gets more than 0 back */
	schm_cmd_done(cmd, ret, issue_flags);
	return -EIOCBQUEUED;
}
