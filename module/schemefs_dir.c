// SPDX-License-Identifier: GPL-2.0
/* schemefs: names in directories of a scheme: finding, making, removing them. */
#include "schemefs.h"

#include <linux/dcache.h>
#include <linux/namei.h>

#include "client.h"
#include "handle.h"

/* ---- finding -------------------------------------------------------------- */

static struct dentry *dir_lookup(struct inode *dir, struct dentry *dentry,
				 unsigned int flags)
{
	struct inode *inode = NULL;
	struct scheme_stat st;
	int ret;

	if (dentry->d_name.len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	ret = schm_path_stat(dentry, &st);
	if (!ret)
		inode = schm_inode_new(dir->i_sb, schm_inode(dir)->scheme, &st);
	else if (ret != -ENOENT)
		inode = ERR_PTR(ret);
	return d_splice_alias(inode, dentry);
}

/* Is it still what the name stands for? Asks, unless that was just answered. */
static int revalidate_object(struct dentry *dentry, struct inode *inode,
			     unsigned int flags)
{
	struct scheme_stat st;
	int ret;

	if (!(flags & LOOKUP_REVAL) && schm_inode_fresh(inode))
		return 1;
	if (flags & LOOKUP_RCU)
		return -ECHILD;
	ret = schm_path_stat(dentry, &st);
	if (ret == -ENOENT || ret == -ENOTDIR || ret == -ESTALE)
		return 0;
	if (!ret)
		ret = schm_inode_update(inode, &st);
	if (ret == -ESTALE)
		return 0;
	return ret ?: 1;
}

/*
 * A name that stands for nothing is looked up every time. A scheme's directory
 * is good as long as the scheme lives, whatever its provider does; one that has
 * the same name later is another.
 */
static int dentry_revalidate(SCHM_REVALIDATE_ARGS)
{
	struct inode *inode = d_inode_rcu(dentry);
	const struct schm_inode *info;

	if (!inode)
		return 0;
	info = schm_inode(inode);
	if (!info->scheme)
		return 1;
	if (info->top)
		return schm_scheme_alive(info->scheme);
	/* where its name is out of bounds, the walk ends before anybody asks */
	if (!schm_client_may_enter(info->scheme))
		return -EACCES;
	return revalidate_object(dentry, inode, flags);
}

const struct dentry_operations schm_dentry_ops = {
	.d_revalidate	= dentry_revalidate,
};

/* ---- making --------------------------------------------------------------- */

/*
 * Whoever has looked meanwhile has found that the name stands for nothing, and
 * may have dropped it: put it back. The directory is locked, so that there is no
 * other dentry of this name.
 */
static void dir_instantiate(struct dentry *dentry, struct inode *inode)
{
	d_drop(dentry);
	d_add(dentry, inode);
}

/*
 * dentry stands for something new. If the provider does not tell what, the next
 * lookup will ask.
 */
static void dir_made(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = NULL;
	struct scheme_stat st;

	schm_inode_stale(dir);
	if (!schm_path_stat(dentry, &st))
		inode = schm_inode_new(dir->i_sb, schm_inode(dir)->scheme, &st);
	if (IS_ERR_OR_NULL(inode))
		d_drop(dentry);
	else
		dir_instantiate(dentry, inode);
}

static int dir_do_mkdir(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct schm_op op = {
		.opcode = SCHEME_OP_MKDIR,
		.aux = mode & S_IALLUGO,
	};
	s64 ret = schm_path_op_name(dentry, &op);

	if (!ret)
		dir_made(dir, dentry);
	return ret;
}

static SCHM_MKDIR_TYPE dir_mkdir(struct schm_idmap *idmap, struct inode *dir,
				 struct dentry *dentry, umode_t mode)
{
	return SCHM_MKDIR_RESULT(dir_do_mkdir(dir, dentry, mode));
}

static int dir_symlink(struct schm_idmap *idmap, struct inode *dir,
		       struct dentry *dentry, const char *target)
{
	struct schm_op op = { .opcode = SCHEME_OP_SYMLINK };
	s64 ret = schm_path_op_text(target, dentry, &op);

	if (!ret)
		dir_made(dir, dentry);
	return ret;
}

static int dir_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct schm_op op = { .opcode = SCHEME_OP_LINK };
	s64 ret = schm_path_op_two(old, dentry, &op);

	if (ret)
		return ret == -ENOENT ? -ESTALE : ret;
	schm_inode_stale(d_inode(old));
	dir_made(dir, dentry);
	return 0;
}

/* Make a file and open it; it must not have been there. */
static struct schm_handle *dir_create_handle(struct dentry *dentry,
					     struct file *file, umode_t mode)
{
	return schm_file_handle(dentry, file, O_CREAT | O_EXCL, mode);
}

/* Was made by h: what is it? The name may be another's already. */
static int created_inode(struct inode *dir, struct dentry *dentry,
			 struct schm_handle *h)
{
	struct scheme_stat st;
	struct schm_op op = {
		.opcode = SCHEME_OP_STAT,
		.handle = h,
		.bounded = true,
		.out = &st,
		.room = sizeof(st),
	};
	struct inode *inode;
	s64 ret = schm_op_run(&op);

	if (ret < 0)
		return ret;
	if (!schm_stat_ok(h->scheme, &st) ||
	    (!S_ISREG(st.mode) && !S_ISFIFO(st.mode)))
		return -EIO;
	inode = schm_inode_new(dir->i_sb, h->scheme, &st);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	schm_inode_stale(dir);
	dir_instantiate(dentry, inode);
	return 0;
}

/*
 * For mknod(2) and the like, which open nothing. Security modules look at the
 * inode of a file that is said to have been made, so there must be one.
 */
static int dir_create(SCHM_CREATE_ARGS)
{
	struct schm_handle *h = dir_create_handle(dentry, NULL, mode);
	int ret;

	if (IS_ERR(h))
		return PTR_ERR(h);
	ret = created_inode(dir, dentry, h);
	schm_handle_put(h);
	return ret;
}

/* The handle is the file's from the start: no second OPEN. */
static int open_created(struct inode *inode, struct file *file)
{
	schm_file_attach(inode, file, file->private_data);
	return 0;
}

/*
 * In one request, so that a file may be made that its maker could not open, and
 * with O_EXCL, so that it is known to be new: what has come in between is looked
 * up and opened as usual.
 */
static int dir_create_open(struct inode *dir, struct dentry *dentry,
			   struct file *file, umode_t mode)
{
	struct schm_handle *h;
	int ret;

	h = dir_create_handle(dentry, file, mode);
	if (IS_ERR(h))
		return PTR_ERR(h);
	ret = created_inode(dir, dentry, h);
	if (!ret) {
		file->f_mode |= FMODE_CREATED;
		file->private_data = h;
		ret = finish_open(file, dentry, open_created);
	}
	/* with the file opened, its release puts the handle */
	if (ret && !(file->f_mode & FMODE_OPENED))
		schm_handle_put(h);
	return ret;
}

static int dir_atomic_open(struct inode *dir, struct dentry *dentry,
			   struct file *file, unsigned int flags, umode_t mode)
{
	struct dentry *found = NULL;
	int ret;

	if (d_in_lookup(dentry)) {
		found = dir_lookup(dir, dentry, 0);
		if (IS_ERR(found))
			return PTR_ERR(found);
		if (found)
			dentry = found;
	}
	if (!(flags & O_CREAT) || d_really_is_positive(dentry))
		return finish_no_open(file, found);
	ret = dir_create_open(dir, dentry, file, mode);
	dput(found);
	/* the whole walk again, which will find it */
	return ret == -EEXIST && !(flags & O_EXCL) ? -ESTALE : ret;
}

/* ---- removing and moving -------------------------------------------------- */

static int dir_remove(struct inode *dir, struct dentry *dentry, u32 flags)
{
	struct inode *inode = d_inode(dentry);
	struct schm_op op = {
		.opcode = SCHEME_OP_UNLINK,
		.op_flags = flags,
		.offset = inode->i_ino,
	};
	s64 ret = schm_path_op(dentry, &op);

	if (ret)
		return ret;
	schm_inode_stale(inode);
	schm_inode_stale(dir);
	return 0;
}

static int dir_unlink(struct inode *dir, struct dentry *dentry)
{
	return dir_remove(dir, dentry, 0);
}

static int dir_rmdir(struct inode *dir, struct dentry *dentry)
{
	return dir_remove(dir, dentry, SCHEME_UNLINK_DIR);
}

static int dir_rename(struct schm_idmap *idmap, struct inode *old_dir,
		      struct dentry *old, struct inode *new_dir,
		      struct dentry *new, unsigned int flags)
{
	struct schm_op op = {
		.opcode = SCHEME_OP_RENAME,
		.op_flags = flags,
	};
	s64 ret;

	if (flags & ~(SCHEME_RENAME_NOREPLACE | SCHEME_RENAME_EXCHANGE))
		return -EINVAL;
	ret = schm_path_op_two(old, new, &op);
	if (ret)
		return ret == -ENOENT ? -ESTALE : ret;
	schm_inode_stale(old_dir);
	schm_inode_stale(new_dir);
	schm_inode_stale(d_inode(old));
	if (d_really_is_positive(new))
		schm_inode_stale(d_inode(new));
	return 0;
}

const struct inode_operations schm_dir_inode_ops = {
	.lookup		= dir_lookup,
	.atomic_open	= dir_atomic_open,
	.create		= dir_create,
	.link		= dir_link,
	.unlink		= dir_unlink,
	.symlink	= dir_symlink,
	.mkdir		= dir_mkdir,
	.rmdir		= dir_rmdir,
	.rename		= dir_rename,
	.permission	= schm_inode_permission,
	.getattr	= schm_inode_getattr,
	.setattr	= schm_inode_setattr,
};
