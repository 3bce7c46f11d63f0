// SPDX-License-Identifier: GPL-2.0
/* schemefs: its root, the directory of schemes. */
#include "schemefs.h"

#include <linux/dcache.h>

#include "event.h"
#include "registry.h"

/* The numbers of ".", ".." and the module's own scheme come first. */
#define EVENT_POS	2
#define FIRST_POS	3

/* The event scheme: one file, as its node is one. */
static struct dentry *event_lookup(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = NULL;

	if (schm_fs_shows(dir->i_sb, SCHM_EVENT_NAME))
		inode = schm_inode_event(dir->i_sb);
	return d_splice_alias(inode, dentry);
}

static struct dentry *root_lookup(struct inode *dir, struct dentry *dentry,
				  unsigned int flags)
{
	const char *name = dentry->d_name.name;
	struct schm_scheme *s = NULL;
	struct inode *inode = NULL;
	struct dentry *found;

	if (!strcmp(name, SCHM_EVENT_NAME))
		return event_lookup(dir, dentry);
	if (dentry->d_name.len <= SCHEME_NAME_MAX && schm_fs_shows(dir->i_sb, name))
		s = schm_registry_find_name(name);
	if (s && schm_scheme_alive(s))
		inode = schm_inode_top(dir->i_sb, s);
	found = d_splice_alias(inode, dentry);
	/* if it has died just now, nobody may have seen this dentry to remove it */
	if (s && !IS_ERR(found) && !schm_scheme_alive(s))
		d_drop(found ?: dentry);
	if (s)
		schm_scheme_put(s);
	return found;
}

/* One position for each device number, so that it stays good in between. */
static int root_iterate(struct file *file, struct dir_context *ctx)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct schm_scheme *s;
	unsigned long minor;
	bool more = true;

	if (!dir_emit_dots(file, ctx))
		return 0;
	if (ctx->pos == EVENT_POS) {
		if (schm_fs_shows(sb, SCHM_EVENT_NAME) &&
		    !dir_emit(ctx, SCHM_EVENT_NAME, strlen(SCHM_EVENT_NAME),
			      SCHM_INO_EVENT, DT_FIFO))
			return 0;
		ctx->pos = FIRST_POS;
	}
	minor = ctx->pos - FIRST_POS;
	while (more && (s = schm_registry_next(&minor))) {
		ctx->pos = minor + FIRST_POS;
		if (schm_scheme_alive(s) && schm_fs_shows(sb, s->config.name))
			more = dir_emit(ctx, s->config.name,
					strlen(s->config.name),
					SCHEME_INO_ROOT, DT_DIR);
		if (more)
			ctx->pos = ++minor + FIRST_POS;
		schm_scheme_put(s);
	}
	return 0;
}

const struct inode_operations schm_root_inode_ops = {
	.lookup		= root_lookup,
	.permission	= schm_inode_permission,
	.getattr	= schm_inode_getattr,
	.setattr	= schm_inode_setattr,
};

const struct file_operations schm_root_fops = {
	.owner		= THIS_MODULE,
	.read		= generic_read_dir,
	.iterate_shared	= root_iterate,
	.llseek		= generic_file_llseek,
	.fsync		= noop_fsync,
};
