// SPDX-License-Identifier: GPL-2.0
/* 6.3: inode operations take a struct mnt_idmap, before a user_namespace. */
#include <linux/fs.h>

static int probe_permission(struct mnt_idmap *idmap, struct inode *inode, int mask)
{
	return 0;
}

extern const struct inode_operations probe_ops;
const struct inode_operations probe_ops = { .permission = probe_permission };
