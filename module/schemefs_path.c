// SPDX-License-Identifier: GPL-2.0
/* schemefs: requests that name an object by its path. */
#include "schemefs.h"

#include <linux/dcache.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "client.h"
#include "handle.h"
#include "limits.h"

/* A slash, the scheme's name, a slash, the path in it, and a NUL. */
#define BUF_SIZE	(SCHEME_NAME_MAX + SCHEME_PATH_MAX + 3)

struct path_buf {
	char		*buf;
	const char	*path;		/* from the root of the scheme */
};

bool schm_path_in_place(struct dentry *dentry)
{
	bool in_place = true;

	/* a name that is being looked up is on no list yet */
	if (d_is_negative(dentry))
		dentry = READ_ONCE(dentry->d_parent);
	rcu_read_lock();
	while (in_place && !IS_ROOT(dentry)) {
		in_place = !d_unhashed(dentry);
		dentry = READ_ONCE(dentry->d_parent);
	}
	rcu_read_unlock();
	return in_place;
}

static int inner_get(struct path_buf *pb, struct dentry *dentry)
{
	char *path;

	if (!schm_path_in_place(dentry))
		return -ESTALE;
	pb->buf = kmalloc(BUF_SIZE, GFP_KERNEL);
	if (!pb->buf)
		return -ENOMEM;
	path = dentry_path_raw(dentry, pb->buf, BUF_SIZE);
	if (IS_ERR(path))
		return PTR_ERR(path);
	path = strchrnul(path + 1, '/');
	pb->path = *path ? path + 1 : path;
	return strlen(pb->path) > SCHEME_PATH_MAX ? -ENAMETOOLONG : 0;
}

static void inner_put(struct path_buf *pb)
{
	kfree(pb->buf);
}

/* The scheme that a dentry belongs to; NULL: none, it is in the root. */
static struct schm_scheme *dentry_scheme(struct dentry *dentry)
{
	const struct inode *inode = d_inode(dentry) ?: d_inode(dentry->d_parent);

	return schm_inode(inode)->scheme;
}

/*
 * A rename from one directory to another locks all others out of such renames
 * in this mount, and locks both directories, one of which may be the root of all
 * or belong to another scheme. So much must not wait for a provider that anybody
 * can be; such schemes have renames within a directory only.
 */
static bool keeps_others_waiting(struct dentry *dentry,
				 const struct schm_scheme *s)
{
	return !s->config.privileged &&
	       schm_mutex_is_mine(&dentry->d_sb->s_vfs_rename_mutex);
}

/* First of all, and before a name is found to have gone with its scheme. */
static int may_ask(struct dentry *dentry)
{
	const struct schm_scheme *s = dentry_scheme(dentry);

	if (!schm_client_may_enter(s))
		return -EACCES;
	if (keeps_others_waiting(dentry, s))
		return -EXDEV;
	return schm_scheme_alive(s) ? 0 : -ENODEV;
}

/* With everything but the handle in place. */
static s64 op_run(struct schm_scheme *s, struct schm_op *op, bool bounded)
{
	struct schm_handle *h;
	s64 ret;

	/* of the caller, whose requests in flight are counted */
	h = schm_handle_alloc(s);
	if (IS_ERR(h))
		return PTR_ERR(h);
	op->handle = h;
	op->bounded = bounded;
	if (op->path2)
		op->handle2 = h;
	ret = schm_op_run(op);
	schm_handle_put(h);
	return ret;
}

static s64 op_by_name(struct dentry *dentry, struct schm_op *op, bool bounded)
{
	struct path_buf pb = {};
	s64 ret;

	ret = may_ask(dentry);
	if (!ret)
		ret = inner_get(&pb, dentry);
	if (!ret) {
		op->path = pb.path;
		op->path_len = strlen(pb.path);
		ret = op_run(dentry_scheme(dentry), op, bounded);
	}
	inner_put(&pb);
	return ret;
}

s64 schm_path_op_name(struct dentry *dentry, struct schm_op *op)
{
	return op_by_name(dentry, op, true);
}

s64 schm_path_op(struct dentry *dentry, struct schm_op *op)
{
	s64 ret = schm_path_op_name(dentry, op);

	return ret == -ENOENT ? -ESTALE : ret;
}

s64 schm_path_open(struct dentry *dentry, struct schm_op *op, bool creates)
{
	s64 ret = op_by_name(dentry, op, creates);

	if (ret > 0)
		ret = 0;
	return ret == -ENOENT && !creates ? -ESTALE : ret;
}

s64 schm_path_op_text(const char *text, struct dentry *second, struct schm_op *op)
{
	struct path_buf pb = {};
	s64 ret;

	ret = may_ask(second);
	if (!ret)
		ret = inner_get(&pb, second);
	if (!ret) {
		op->path = text;
		op->path_len = strlen(text);
		op->path2 = pb.path;
		op->path2_len = strlen(pb.path);
		ret = op_run(dentry_scheme(second), op, true);
	}
	inner_put(&pb);
	return ret;
}

s64 schm_path_op_two(struct dentry *dentry, struct dentry *second,
		     struct schm_op *op)
{
	struct path_buf pb = {};
	s64 ret;

	/* the directories of two mounts of one scheme have one scheme */
	if (dentry_scheme(dentry) != dentry_scheme(second))
		return -EXDEV;
	op->offset = d_inode(dentry)->i_ino;
	ret = may_ask(dentry);
	if (!ret)
		ret = inner_get(&pb, dentry);
	if (!ret)
		ret = schm_path_op_text(pb.path, second, op);
	inner_put(&pb);
	return ret;
}

int schm_path_stat(struct dentry *dentry, struct scheme_stat *st)
{
	struct schm_op op = {
		.opcode = SCHEME_OP_STAT,
		.out = st,
		.room = sizeof(*st),
	};
	s64 ret = schm_path_op_name(dentry, &op);

	if (ret < 0)
		return ret;
	return schm_stat_ok(dentry_scheme(dentry), st) ? 0 : -EIO;
}
