// SPDX-License-Identifier: GPL-2.0
/* 6.8: the driver side of uring_cmd has a header of its own. */
#include <linux/io_uring/cmd.h>
