// SPDX-License-Identifier: GPL-2.0
/* 7.0: create is not told whether it is exclusive: it always is. */
#include <linux/fs.h>

static int probe_create(struct mnt_idmap *idmap, struct inode *dir,
			struct dentry *dentry, umode_t mode)
{
	return 0;
}

extern const struct inode_operations probe_ops;
const struct inode_operations probe_ops = { .create = probe_create };
