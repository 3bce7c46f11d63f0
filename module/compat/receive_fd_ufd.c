// SPDX-License-Identifier: GPL-2.0
/* 6.8: receive_fd() can also store the number. */
#include <linux/file.h>

int probe(struct file *file);
int probe(struct file *file)
{
	return receive_fd(file, NULL, 0);
}
