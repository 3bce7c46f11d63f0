/* SPDX-License-Identifier: GPL-2.0 */
/* ENTER: the one command by which a provider serves a queue. */
#ifndef SCHM_ENTER_H
#define SCHM_ENTER_H

#include "schm.h"

struct io_uring_cmd;

long schm_enter_ioctl(struct schm_queue *q, void __user *argp);
int schm_enter_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* SCHM_ENTER_H */
