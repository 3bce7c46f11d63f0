// SPDX-License-Identifier: GPL-2.0
/* schemefs: mounting it, and forgetting schemes that are dead. */
#include "schemefs.h"

#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "config.h"
#include "life.h"
#include "limits.h"
#include "registry.h"

enum { OPT_SCHEMES, OPT_NONE };

static const struct fs_parameter_spec fs_params[] = {
	/* mount(8) may pass an empty list with or without the '=' */
	__fsparam(fs_param_is_string, "schemes", OPT_SCHEMES,
		  fs_param_can_be_empty, NULL),
	fsparam_flag("schemes", OPT_NONE),
	{}
};

bool schm_fs_shows(const struct super_block *sb, const char *name)
{
	const char *only = schm_fs(sb)->only, *at;
	size_t len = strlen(name);

	if (!only)
		return true;
	/* behind the first colon: the name may be anything, one with a colon, too */
	for (at = only + 1; (at = strstr(at, name)); at++)
		if (at[-1] == ':' && at[len] == ':')
			return true;
	return false;
}

/* ---- options -------------------------------------------------------------- */

/* "a:b" becomes ":a:b:", so that whole names are easy to find; "" becomes ":". */
static int parse_schemes(struct schm_fs *fs, const char *list)
{
	char *only, *at, *name;
	int ret = 0;

	if (strlen(list) > SCHM_FS_LIST_MAX)
		return -E2BIG;
	only = kasprintf(GFP_KERNEL_ACCOUNT, *list ? ":%s:" : ":%s", list);
	if (!only)
		return -ENOMEM;
	at = kstrdup(list, GFP_KERNEL);
	if (!at)
		ret = -ENOMEM;
	for (list = at; at && *list && (name = strsep(&at, ":"));)
		if (!schm_name_valid(name, SCHEME_NAME_MAX + 1))
			ret = -EINVAL;
	kfree(list);
	/* a list that was refused counts for nothing, whoever goes on after that */
	if (!ret)
		swap(fs->only, only);
	kfree(only);
	return ret;
}

static int parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct fs_parse_result result;
	int opt = fs_parse(fc, fs_params, param, &result);

	switch (opt) {
	case OPT_SCHEMES:
		return parse_schemes(fc->s_fs_info, param->string ?: "");
	case OPT_NONE:
		return parse_schemes(fc->s_fs_info, "");
	default:
		return opt;
	}
}

static int show_options(struct seq_file *seq, struct dentry *root)
{
	const char *only = schm_fs(root->d_sb)->only;

	if (only)
		seq_printf(seq, ",schemes=%.*s", max_t(int, strlen(only) - 2, 0),
			   only + 1);
	return 0;
}

/* ---- super ---------------------------------------------------------------- */

static int fs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct schm_scheme *s = schm_inode(d_inode(dentry))->scheme;
	struct schm_op op = { .opcode = SCHEME_OP_STATFS };
	struct scheme_statfs st;
	s64 ret;

	if (!s)
		return simple_statfs(dentry, buf);
	op.out = &st;
	op.room = sizeof(st);
	ret = schm_path_op(dentry, &op);
	if (ret < 0)
		return ret;
	if (!st.bsize || memchr_inv(st.reserved, 0, sizeof(st.reserved)))
		return -EIO;
	buf->f_type = SCHM_FS_MAGIC;
	buf->f_bsize = st.bsize;
	buf->f_frsize = st.bsize;
	buf->f_blocks = st.blocks;
	buf->f_bfree = st.bfree;
	buf->f_bavail = st.bavail;
	buf->f_files = st.files;
	buf->f_ffree = st.ffree;
	buf->f_namelen = st.namelen;
	buf->f_fsid = u64_to_fsid(new_encode_dev(schm_registry_dev(s)));
	return 0;
}

static const struct super_operations super_ops = {
	.alloc_inode	= schm_inode_alloc,
	.free_inode	= schm_inode_free,
	.evict_inode	= schm_inode_evict,
	.statfs		= fs_statfs,
	.show_options	= show_options,
};

static int fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct inode *root;

	sb->s_magic = SCHM_FS_MAGIC;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_time_gran = 1;
	sb->s_op = &super_ops;
	/* nothing is executed, whatever bits it has: that is nosuid as well */
	sb->s_iflags |= SB_I_NODEV | SB_I_NOEXEC;
	schm_set_d_op(sb, &schm_dentry_ops);
	root = schm_inode_root(sb);
	if (!root)
		return -ENOMEM;
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, fill_super);
}

/* What a mount shows is settled when it is made. */
static int reconfigure(struct fs_context *fc)
{
	const struct schm_fs *now = schm_fs(fc->root->d_sb);
	const struct schm_fs *wanted = fc->s_fs_info;

	if (!wanted->only)
		return 0;
	return now->only && !strcmp(now->only, wanted->only) ? 0 : -EINVAL;
}

static void fs_free(struct schm_fs *fs)
{
	if (fs)
		kfree(fs->only);
	kfree(fs);
}

static void free_context(struct fs_context *fc)
{
	fs_free(fc->s_fs_info);
}

static const struct fs_context_operations context_ops = {
	.free		= free_context,
	.parse_param	= parse_param,
	.get_tree	= get_tree,
	.reconfigure	= reconfigure,
};

static int init_context(struct fs_context *fc)
{
	fc->s_fs_info = kzalloc(sizeof(struct schm_fs), GFP_KERNEL_ACCOUNT);
	if (!fc->s_fs_info)
		return -ENOMEM;
	fc->ops = &context_ops;
	return 0;
}

static void kill_super(struct super_block *sb)
{
	struct schm_fs *fs = schm_fs(sb);

	kill_anon_super(sb);
	fs_free(fs);
}

static struct file_system_type fs_type = {
	.owner		= THIS_MODULE,
	.name		= "schemefs",
	.init_fs_context = init_context,
	.parameters	= fs_params,
	.kill_sb	= kill_super,
};
MODULE_ALIAS_FS("schemefs");

/* ---- the end of schemes --------------------------------------------------- */

static void prune(struct work_struct *work)
{
	schm_inodes_prune();
}

static DECLARE_WORK(pruner, prune);

/*
 * A dead scheme's directory goes at once, with what is mounted below, not only
 * when somebody looks: cached inodes would keep its memory.
 */
static void scheme_stopped(void)
{
	schedule_work(&pruner);
}

int schm_fs_init(void)
{
	int ret;

	ret = schm_inodes_init();
	if (ret)
		return ret;
	ret = register_filesystem(&fs_type);
	if (ret) {
		schm_inodes_exit();
		return ret;
	}
	schm_scheme_on_stop(scheme_stopped);
	return 0;
}

void schm_fs_exit(void)
{
	schm_scheme_on_stop(NULL);
	cancel_work_sync(&pruner);
	unregister_filesystem(&fs_type);
	schm_inodes_exit();
}
