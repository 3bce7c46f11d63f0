// SPDX-License-Identifier: GPL-2.0
/* 6.14: d_revalidate is told the directory and the name. */
#include <linux/dcache.h>
#include <linux/fs.h>

static int probe_revalidate(struct inode *dir, const struct qstr *name,
			    struct dentry *dentry, unsigned int flags)
{
	return 0;
}

extern const struct dentry_operations probe_ops;
const struct dentry_operations probe_ops = { .d_revalidate = probe_revalidate };
