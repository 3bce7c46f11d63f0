// SPDX-License-Identifier: GPL-2.0
/* schemefs: its root, the directory of schemes. */
#include "schemefs.h"

#include <linux/dcache.h>

#include "event.h"
#include "phys.h"
#include "registry.h"

static const struct schm_fs_own own_schemes[] = {
	{ SCHM_EVENT_NAME, 2, 0666, &schm_event_fops },
	{ SCHM_PHYS_NAME, 3, 0600, &schm_phys_fops },
};

/* The positions of ".", ".." and the module's own schemes come first. */
#define OWN_POS		2
#define FIRST_POS	(OWN_POS + ARRAY_SIZE(own_schemes))

static const struct schm_fs_own *own_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(own_schemes); i++)
		if (!strcmp(name, own_schemes[i].name))
			return &own_schemes[i];
	return NULL;
}

static struct dentry *own_lookup(struct inode *dir, struct dentry *dentry,
				 const struct schm_fs_own *own)
{
	struct inode *inode = NULL;

	if (schm_fs_shows(dir->i_sb, own->name))
		inode = schm_inode_own(dir->i_sb, own);
	return d_splice_alias(inode, dentry);
}

/* False: there is no room for more. */
static bool own_iterate(struct super_block *sb, struct dir_context *ctx)
{
	const struct schm_fs_own *own;

	for (; ctx->pos < FIRST_POS; ctx->pos++) {
		own = &own_schemes[ctx->pos - OWN_POS];
		if (schm_fs_shows(sb, own->name) &&
		    !dir_emit(ctx, own->name, strlen(own->name), own->ino, DT_FIFO))
			return false;
	}
	return true;
}

static struct dentry *root_lookup(struct inode *dir, struct dentry *dentry,
				  unsigned int flags)
{
	const char *name = dentry->d_name.name;
	const struct schm_fs_own *own;
	struct schm_scheme *s = NULL;
	struct inode *inode = NULL;
	struct dentry *found;

	own = own_find(name);
	if (own)
		return own_lookup(dir, dentry, own);
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
	if (!own_iterate(sb, ctx))
		return 0;
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
