/* SPDX-License-Identifier: GPL-2.0 */
/*
 * schemefs: schemes as directories. Its root lists them; below, every name is
 * the provider's.
 *
 * Inodes and dentries remember what a provider said, and are asked about again
 * whenever they are used, so that nothing here has to be told of changes. An
 * inode belongs to one dentry: what two names have in common, the provider
 * knows. Requests name an object by its path from the root of the scheme, which
 * is put together from dentries; where a file is open, by its handle.
 *
 * A path may lead to another object by the time it arrives. What can be checked
 * is: an inode keeps number, generation and type, and an answer with others
 * makes the kernel walk the path again (ESTALE).
 */
#ifndef SCHM_SCHEMEFS_H
#define SCHM_SCHEMEFS_H

#include <linux/fs.h>
#include <linux/list.h>

#include "compat.h"
#include "op.h"
#include "scheme.h"

/* "schm" */
#define SCHM_FS_MAGIC		0x7363686d

/* A scheme of the module's own: one file in the root, as its node is one. */
struct schm_fs_own {
	const char			*name;
	unsigned long			ino;	/* beside the root's SCHEME_INO_ROOT */
	umode_t				mode;	/* permissions */
	const struct file_operations	*fops;
};

/* One mount's worth. */
struct schm_fs {
	char			*only;		/* ":a:b:", the schemes that it shows; or NULL */
};

struct schm_inode {
	struct inode		vfs;

	/* set at alloc, then constant */
	struct schm_scheme	*scheme;	/* one reference; NULL: the root of all */
	bool			top;		/* the root of its scheme */
	u64			generation;
	struct list_head	top_node;	/* tops_lock; a scheme's root only */
	bool			pruned;		/* tops_lock */

	/* lock */
	spinlock_t		lock;
	struct list_head	handles;	/* of open files */
	bool			fresh;		/* attributes count until ... */
	unsigned long		fresh_until;	/* jiffies */
};

static inline struct schm_inode *schm_inode(const struct inode *inode)
{
	return container_of(inode, struct schm_inode, vfs);
}

static inline struct schm_fs *schm_fs(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* ---- super ---------------------------------------------------------------- */

int schm_fs_init(void);
void schm_fs_exit(void);
/* Does this mount show a scheme of this name? */
bool schm_fs_shows(const struct super_block *sb, const char *name);

/* ---- inodes --------------------------------------------------------------- */

int schm_inodes_init(void);
void schm_inodes_exit(void);
/* Make the kernel forget what it knows of schemes that are dead. */
void schm_inodes_prune(void);

struct inode *schm_inode_alloc(struct super_block *sb);
void schm_inode_free(struct inode *inode);
void schm_inode_evict(struct inode *inode);

struct inode *schm_inode_root(struct super_block *sb);
struct inode *schm_inode_own(struct super_block *sb, const struct schm_fs_own *own);
/* The root of a scheme; takes a reference of its own. */
struct inode *schm_inode_top(struct super_block *sb, struct schm_scheme *s);
/* An object that the provider has described; -EIO: not one that can be shown. */
struct inode *schm_inode_new(struct super_block *sb, struct schm_scheme *s,
			     struct scheme_stat *st);
/* Is it the object that was described before? */
bool schm_inode_is(const struct inode *inode, const struct scheme_stat *st);
/* Take over a description of the same object; -ESTALE: it is another; -EIO. */
int schm_inode_update(struct inode *inode, struct scheme_stat *st);
/* What a change of ours means for the size, until the provider is asked again. */
void schm_inode_resize(struct inode *inode, loff_t size);
void schm_inode_grown(struct inode *inode, loff_t end);
/* The attributes may have changed: ask next time. */
void schm_inode_stale(struct inode *inode);
/* May they be used without asking? */
bool schm_inode_fresh(struct inode *inode);

/*
 * The open handle to reach dentry's object by, a reference; NULL: its path. One
 * that somebody else has opened only where there is no path any more, since its
 * opener's requests in flight are counted.
 */
struct schm_handle *schm_inode_handle(struct dentry *dentry);
/* Ask for the attributes of what dentry stands for. */
int schm_inode_refresh(struct dentry *dentry);

extern const struct inode_operations schm_file_inode_ops;
extern const struct inode_operations schm_link_inode_ops;

int schm_inode_permission(struct schm_idmap *idmap, struct inode *inode, int mask);
int schm_inode_getattr(struct schm_idmap *idmap, const struct path *path,
		       struct kstat *stat, u32 mask, unsigned int flags);
int schm_inode_setattr(struct schm_idmap *idmap, struct dentry *dentry,
		       struct iattr *attr);

/* ---- requests by path ----------------------------------------------------- */

/*
 * Does the dentry's place still exist? One that has been unlinked, or is below
 * a directory that has been invalidated, may have a successor of the same name.
 */
bool schm_path_in_place(struct dentry *dentry);
/*
 * Send op about what dentry stands for, and give it a deadline. An object that
 * was there and is no more is -ESTALE.
 */
s64 schm_path_op(struct dentry *dentry, struct schm_op *op);
/* The same about a name that need not be anything yet. */
s64 schm_path_op_name(struct dentry *dentry, struct schm_op *op);
/* The same with a second name, or with bytes in place of the first. */
s64 schm_path_op_two(struct dentry *dentry, struct dentry *second,
		     struct schm_op *op);
s64 schm_path_op_text(const char *text, struct dentry *second, struct schm_op *op);
/*
 * OPEN; 0 or a negative errno. One that creates is made with the directory
 * locked and has a deadline; others may wait as long as it takes.
 */
s64 schm_path_open(struct dentry *dentry, struct schm_op *op, bool creates);
/* STAT; st is checked. */
int schm_path_stat(struct dentry *dentry, struct scheme_stat *st);

/* ---- directories and files ------------------------------------------------ */

extern const struct dentry_operations schm_dentry_ops;
extern const struct inode_operations schm_root_inode_ops;
extern const struct file_operations schm_root_fops;
extern const struct inode_operations schm_dir_inode_ops;
extern const struct file_operations schm_dir_fops;
extern const struct file_operations schm_file_fops;

int schm_file_open(struct inode *inode, struct file *file);
/* Open dentry's object as a new handle, with these flags; -errno. */
struct schm_handle *schm_file_handle(struct dentry *dentry, struct file *file,
				     u32 flags, umode_t mode);
/* Let file be the handle's. */
void schm_file_attach(struct inode *inode, struct file *file,
		      struct schm_handle *h);

#endif /* SCHM_SCHEMEFS_H */
