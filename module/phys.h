/* SPDX-License-Identifier: GPL-2.0 */
/* The memory scheme, built into the module. */
#ifndef SCHM_PHYS_H
#define SCHM_PHYS_H

#include <linux/fs.h>

#include "schm.h"

/* The name of the scheme, which no provider may take. */
#define SCHM_PHYS_NAME		"memory"

/* Of a file that is an owner of buffers: fit to any inode, by open(). */
extern const struct file_operations schm_phys_fops;

/* Make /dev/scheme/memory, and take it away. */
int schm_phys_init(void);
void schm_phys_exit(void);

#endif /* SCHM_PHYS_H */
