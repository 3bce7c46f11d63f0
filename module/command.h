/* SPDX-License-Identifier: GPL-2.0 */
/* Commands of a file, by ioctl or through io_uring: one decoder for both. */
#ifndef SCHM_COMMAND_H
#define SCHM_COMMAND_H

#include <linux/fs.h>

#include "compat.h"

/* Runs one command; argp: its struct. May sleep. */
typedef long (*schm_command_fn)(struct file *file, unsigned int cmd,
				void __user *argp);

/* ->uring_cmd() of a file whose ->unlocked_ioctl() is run. */
int schm_command_uring(struct io_uring_cmd *cmd, unsigned int issue_flags,
		       schm_command_fn run);

#endif /* SCHM_COMMAND_H */
