/* SPDX-License-Identifier: GPL-2.0 */
/* Files, of which only the references count; see kshim.h. */
#ifndef KSHIM_FILE_H
#define KSHIM_FILE_H

#include <linux/magic.h>

struct super_block {
	unsigned long	s_magic;
};

struct dentry {
	struct {
		const char	*name;
	} d_name;
	struct super_block	*d_sb;
};

struct file {
	const struct cred	*f_cred;
	fmode_t			f_mode;
	void			*private_data;
	struct {
		struct dentry	*dentry;
	} f_path;
	refcount_t		count;
	struct dentry		dentry;
	struct super_block	sb;
};

struct file_operations {
	void *owner;
};

#define THIS_MODULE		NULL

static inline struct file *anon_inode_getfile(const char *name,
					      const struct file_operations *fops,
					      void *priv, int flags)
{
	struct file *file = kshim_alloc(1, sizeof(*file));

	(void)fops;
	(void)flags;
	refcount_set(&file->count, 1);
	file->private_data = priv;
	file->sb.s_magic = ANON_INODE_FS_MAGIC;
	file->dentry.d_name.name = name;
	file->dentry.d_sb = &file->sb;
	file->f_path.dentry = &file->dentry;
	return file;
}

static inline struct file *get_file(struct file *file)
{
	refcount_inc(&file->count);
	return file;
}

/* The module does this under no lock. */
static inline void fput(struct file *file)
{
	might_sleep();
	if (refcount_dec_and_test(&file->count))
		free(file);
}

#define file_count(file)	refcount_read(&(file)->count)
#define flush_delayed_fput()	might_sleep()
/* Not very random, but never the same. */
#define get_random_u64()	(kshim_random += 0x9e3779b97f4a7c15ULL)

extern u64 kshim_random;

#endif /* KSHIM_FILE_H */
