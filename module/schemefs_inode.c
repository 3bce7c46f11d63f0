// SPDX-License-Identifier: GPL-2.0
/* schemefs: inodes, and what the provider says of them. */
#include "schemefs.h"

#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/user_namespace.h>

#include "client.h"
#include "handle.h"
#include "limits.h"
#include "registry.h"

static struct kmem_cache *inode_cache;
static DEFINE_SPINLOCK(tops_lock);
static LIST_HEAD(tops);			/* tops_lock; the roots of schemes */

/* ---- coming and going ----------------------------------------------------- */

static void inode_init_once_ours(void *memory)
{
	struct schm_inode *inode = memory;

	inode_init_once(&inode->vfs);
}

int schm_inodes_init(void)
{
	inode_cache = kmem_cache_create("schm_inode", sizeof(struct schm_inode), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					inode_init_once_ours);
	return inode_cache ? 0 : -ENOMEM;
}

void schm_inodes_exit(void)
{
	/* inodes are freed by RCU */
	rcu_barrier();
	kmem_cache_destroy(inode_cache);
}

struct inode *schm_inode_alloc(struct super_block *sb)
{
	struct schm_inode *inode;

	inode = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);
	if (!inode)
		return NULL;
	inode->scheme = NULL;
	inode->top = false;
	inode->generation = 0;
	inode->pruned = false;
	inode->fresh = false;
	inode->fresh_until = 0;
	INIT_LIST_HEAD(&inode->top_node);
	INIT_LIST_HEAD(&inode->handles);
	spin_lock_init(&inode->lock);
	return &inode->vfs;
}

void schm_inode_free(struct inode *inode)
{
	kmem_cache_free(inode_cache, schm_inode(inode));
}

void schm_inode_evict(struct inode *inode)
{
	struct schm_inode *info = schm_inode(inode);

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	spin_lock(&tops_lock);
	list_del_init(&info->top_node);
	spin_unlock(&tops_lock);
	if (info->scheme)
		schm_scheme_put(info->scheme);
}

/*
 * The root of a dead scheme whose turn it is, NULL if it is going away already,
 * and its mount; references to both. False: there is none.
 */
static bool prune_next(struct inode **inode, struct super_block **sb)
{
	struct schm_inode *info;

	spin_lock(&tops_lock);
	list_for_each_entry(info, &tops, top_node) {
		if (info->pruned || schm_scheme_alive(info->scheme))
			continue;
		/* one that is being unmounted goes by itself */
		if (!atomic_inc_not_zero(&info->vfs.i_sb->s_active))
			continue;
		info->pruned = true;
		*sb = info->vfs.i_sb;
		*inode = igrab(&info->vfs);
		spin_unlock(&tops_lock);
		return true;
	}
	spin_unlock(&tops_lock);
	return false;
}

void schm_inodes_prune(void)
{
	struct super_block *sb;
	struct dentry *dentry;
	struct inode *inode;

	while (prune_next(&inode, &sb)) {
		dentry = inode ? d_find_alias(inode) : NULL;
		if (dentry)
			d_invalidate(dentry);
		dput(dentry);
		iput(inode);
		deactivate_super(sb);
	}
}

/* ---- making --------------------------------------------------------------- */

static struct timespec64 time_at(s64 sec, u32 nsec)
{
	return (struct timespec64){ .tv_sec = sec, .tv_nsec = nsec };
}

/* One that is no scheme's, but the module's own. */
static struct inode *inode_own(struct super_block *sb, unsigned long ino,
			       umode_t mode)
{
	struct inode *inode = new_inode(sb);
	struct timespec64 now;

	if (!inode)
		return NULL;
	now = current_time(inode);
	inode->i_ino = ino;
	inode->i_mode = mode;
	schm_set_times(inode, now, now, now);
	return inode;
}

struct inode *schm_inode_own(struct super_block *sb, const struct schm_fs_own *own)
{
	struct inode *inode = inode_own(sb, own->ino, S_IFIFO | own->mode);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	/* a fifo has no size that O_TRUNC could change; it is none of the kernel's */
	inode->i_op = &schm_file_inode_ops;
	inode->i_fop = own->fops;
	return inode;
}

struct inode *schm_inode_root(struct super_block *sb)
{
	struct inode *inode = inode_own(sb, SCHEME_INO_ROOT, S_IFDIR | 0555);

	if (!inode)
		return NULL;
	set_nlink(inode, 2);
	inode->i_op = &schm_root_inode_ops;
	inode->i_fop = &schm_root_fops;
	return inode;
}

/* Who may open the node may search the directory, and who may not, not. */
static umode_t top_mode(const struct schm_scheme *s)
{
	umode_t mode = s->config.mode;

	return S_IFDIR | mode | (mode & 0444) >> 2 | (mode & 0222) >> 1;
}

struct inode *schm_inode_top(struct super_block *sb, struct schm_scheme *s)
{
	struct inode *inode = new_inode(sb);
	struct schm_inode *info;
	struct timespec64 now;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	info = schm_inode(inode);
	info->scheme = schm_scheme_get(s);
	info->top = true;
	inode->i_flags |= S_NOATIME | S_NOCMTIME;
	now = current_time(inode);
	inode->i_ino = SCHEME_INO_ROOT;
	inode->i_mode = top_mode(s);
	inode->i_uid = s->config.uid;
	inode->i_gid = s->config.gid;
	schm_set_times(inode, now, now, now);
	set_nlink(inode, 2);
	inode->i_op = &schm_dir_inode_ops;
	inode->i_fop = &schm_dir_fops;
	spin_lock(&tops_lock);
	list_add(&info->top_node, &tops);
	spin_unlock(&tops_lock);
	return inode;
}

static bool set_ops(struct inode *inode)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFDIR:
		inode->i_op = &schm_dir_inode_ops;
		inode->i_fop = &schm_dir_fops;
		return true;
	case S_IFLNK:
		inode->i_op = &schm_link_inode_ops;
		return true;
	case S_IFREG:
	case S_IFIFO:	/* a stream, but the provider's, not a pipe */
		inode->i_op = &schm_file_inode_ops;
		inode->i_fop = &schm_file_fops;
		return true;
	default:
		/* devices would be somebody else's driver, sockets are bound here */
		return false;
	}
}

static void set_attributes_locked(struct inode *inode, const struct scheme_stat *st)
{
	struct schm_inode *info = schm_inode(inode);
	const struct user_namespace *ns = info->scheme->user_ns;
	u64 life = min_t(u64, st->lifetime_ns, SCHM_LIFETIME_MAX_NS);

	lockdep_assert_held(&info->lock);
	inode->i_mode = st->mode;
	inode->i_uid = make_kuid((struct user_namespace *)ns, st->uid);
	inode->i_gid = make_kgid((struct user_namespace *)ns, st->gid);
	set_nlink(inode, st->nlink);
	i_size_write(inode, st->size);
	inode->i_blocks = st->blocks;
	inode->i_blkbits = st->blksize ? clamp(ilog2(st->blksize), 9, 20) : PAGE_SHIFT;
	schm_set_times(inode, time_at(st->atime, st->atime_nsec),
		       time_at(st->mtime, st->mtime_nsec),
		       time_at(st->ctime, st->ctime_nsec));
	info->fresh = life;
	info->fresh_until = jiffies + nsecs_to_jiffies(life);
}

struct inode *schm_inode_new(struct super_block *sb, struct schm_scheme *s,
			     struct scheme_stat *st)
{
	struct schm_inode *info;
	struct inode *inode;

	/* the root's number would make programs see a loop */
	if (st->ino == SCHEME_INO_ROOT)
		return ERR_PTR(-EIO);
	inode = new_inode(sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	info = schm_inode(inode);
	info->scheme = schm_scheme_get(s);
	info->generation = st->generation;
	/* times are the provider's to tell */
	inode->i_flags |= S_NOATIME | S_NOCMTIME;
	inode->i_ino = st->ino;
	spin_lock(&info->lock);
	set_attributes_locked(inode, st);
	spin_unlock(&info->lock);
	if (!set_ops(inode)) {
		iput(inode);
		return ERR_PTR(-EIO);
	}
	return inode;
}

/* ---- keeping up ----------------------------------------------------------- */

bool schm_inode_is(const struct inode *inode, const struct scheme_stat *st)
{
	return inode->i_ino == st->ino &&
	       schm_inode(inode)->generation == st->generation &&
	       !((inode->i_mode ^ st->mode) & S_IFMT);
}

int schm_inode_update(struct inode *inode, struct scheme_stat *st)
{
	struct schm_inode *info = schm_inode(inode);

	if (!schm_stat_ok(info->scheme, st))
		return -EIO;
	if (!schm_inode_is(inode, st))
		return -ESTALE;
	spin_lock(&info->lock);
	set_attributes_locked(inode, st);
	spin_unlock(&info->lock);
	return 0;
}

void schm_inode_resize(struct inode *inode, loff_t size)
{
	struct schm_inode *info = schm_inode(inode);

	spin_lock(&info->lock);
	i_size_write(inode, size);
	spin_unlock(&info->lock);
}

void schm_inode_grown(struct inode *inode, loff_t end)
{
	struct schm_inode *info = schm_inode(inode);

	spin_lock(&info->lock);
	if (end > i_size_read(inode))
		i_size_write(inode, end);
	info->fresh = false;
	spin_unlock(&info->lock);
}

void schm_inode_stale(struct inode *inode)
{
	WRITE_ONCE(schm_inode(inode)->fresh, false);
}

bool schm_inode_fresh(struct inode *inode)
{
	const struct schm_inode *info = schm_inode(inode);

	/* the root of a scheme has what the scheme was created with */
	return info->top || !info->scheme ||
	       (READ_ONCE(info->fresh) &&
		time_before(jiffies, READ_ONCE(info->fresh_until)));
}

struct schm_handle *schm_inode_handle(struct dentry *dentry)
{
	struct schm_inode *info = schm_inode(d_inode(dentry));
	struct schm_handle *h, *found = NULL;
	bool any = !schm_path_in_place(dentry);

	spin_lock(&info->lock);
	list_for_each_entry(h, &info->handles, inode_node) {
		if (any || uid_eq(h->user->uid, current_euid())) {
			found = schm_handle_get(h);
			break;
		}
	}
	spin_unlock(&info->lock);
	return found;
}

/* By the handle of an open file: it is this object, whatever became of its name. */
static int refresh_open(struct schm_handle *h, struct scheme_stat *st)
{
	struct schm_op op = {
		.opcode = SCHEME_OP_STAT,
		.handle = h,
		.bounded = true,
		.out = st,
		.room = sizeof(*st),
	};
	s64 ret;

	ret = schm_client_may_enter(h->scheme) ? schm_op_run(&op) : -EACCES;
	return ret < 0 ? ret : 0;
}

int schm_inode_refresh(struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct schm_op op = { .opcode = SCHEME_OP_STAT };
	struct schm_handle *h;
	struct scheme_stat st;
	s64 ret;

	h = schm_inode_handle(dentry);
	if (h) {
		ret = refresh_open(h, &st);
		schm_handle_put(h);
	} else {
		op.out = &st;
		op.room = sizeof(st);
		ret = schm_path_op(dentry, &op);
	}
	return ret < 0 ? ret : schm_inode_update(inode, &st);
}

/* ---- inode operations ----------------------------------------------------- */

/*
 * The provider decides for itself, too, when it is asked. Nobody but its own
 * user gets so far as to ask an unprivileged one.
 */
int schm_inode_permission(struct schm_idmap *idmap, struct inode *inode, int mask)
{
	const struct schm_scheme *s = schm_inode(inode)->scheme;

	if (s && !schm_client_may_enter(s))
		return -EACCES;
	return generic_permission(idmap, inode, mask);
}

int schm_inode_getattr(struct schm_idmap *idmap, const struct path *path,
		       struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	const struct schm_scheme *s = schm_inode(inode)->scheme;
	bool must = (flags & AT_STATX_SYNC_TYPE) == AT_STATX_FORCE_SYNC;
	bool may = (flags & AT_STATX_SYNC_TYPE) != AT_STATX_DONT_SYNC;
	int ret;

	if (s && !schm_inode(inode)->top && may &&
	    (must || !schm_inode_fresh(inode))) {
		ret = schm_inode_refresh(path->dentry);
		if (ret)
			return ret;
	}
	schm_fillattr(idmap, mask, inode, stat);
	/* numbers are unique within a scheme only */
	if (s)
		stat->dev = schm_registry_dev(s);
	return 0;
}

/* The part of a change that handle or path gets, whichever there is. */
static s64 setattr_send(struct dentry *dentry, struct schm_handle *h,
			struct schm_op *op)
{
	op->offset = d_inode(dentry)->i_ino;
	if (!h)
		return schm_path_op(dentry, op);
	if (!schm_client_may_enter(h->scheme))
		return -EACCES;
	op->handle = h;
	op->bounded = true;
	return schm_op_run(op);
}

static s64 setattr_owner(struct dentry *dentry, struct schm_handle *h,
			 const struct iattr *attr)
{
	struct user_namespace *ns = schm_inode(d_inode(dentry))->scheme->user_ns;
	struct schm_op op = { .opcode = SCHEME_OP_CHOWN };
	u32 uid = -1, gid = -1;

	if (attr->ia_valid & ATTR_UID) {
		uid = from_kuid(ns, attr->ia_uid);
		if (uid == (u32)-1)
			return -EINVAL;
	}
	if (attr->ia_valid & ATTR_GID) {
		gid = from_kgid(ns, attr->ia_gid);
		if (gid == (u32)-1)
			return -EINVAL;
	}
	op.aux = (u64)gid << 32 | uid;
	return setattr_send(dentry, h, &op);
}

static s64 setattr_mode(struct dentry *dentry, struct schm_handle *h,
			const struct iattr *attr)
{
	struct schm_op op = {
		.opcode = SCHEME_OP_CHMOD,
		.aux = attr->ia_mode & S_IALLUGO,
	};

	return setattr_send(dentry, h, &op);
}

/* By the very file that was opened for writing, if it was. */
static s64 setattr_size(struct dentry *dentry, const struct iattr *attr)
{
	struct schm_op op = {
		.opcode = SCHEME_OP_TRUNCATE,
		.aux = attr->ia_size,
	};

	return setattr_send(dentry, attr->ia_valid & ATTR_FILE ?
			    attr->ia_file->private_data : NULL, &op);
}

static u32 time_nsec(const struct iattr *attr, unsigned int set,
		     unsigned int to, const struct timespec64 *ts)
{
	if (!(attr->ia_valid & set))
		return SCHEME_TIME_OMIT;
	return attr->ia_valid & to ? ts->tv_nsec : SCHEME_TIME_NOW;
}

static s64 setattr_times(struct dentry *dentry, struct schm_handle *h,
			 const struct iattr *attr)
{
	const struct scheme_times times = {
		.atime = attr->ia_atime.tv_sec,
		.mtime = attr->ia_mtime.tv_sec,
		.atime_nsec = time_nsec(attr, ATTR_ATIME, ATTR_ATIME_SET,
					&attr->ia_atime),
		.mtime_nsec = time_nsec(attr, ATTR_MTIME, ATTR_MTIME_SET,
					&attr->ia_mtime),
	};
	struct schm_op op = {
		.opcode = SCHEME_OP_UTIMENS,
		.head = &times,
		.head_len = sizeof(times),
	};

	return setattr_send(dentry, h, &op);
}

static s64 setattr_all(struct dentry *dentry, struct schm_handle *h,
		       const struct iattr *attr)
{
	unsigned int times = ATTR_ATIME | ATTR_MTIME;
	unsigned int kill = ATTR_KILL_SUID | ATTR_KILL_SGID;
	s64 ret = 0;

	if (attr->ia_valid & (ATTR_UID | ATTR_GID))
		ret = setattr_owner(dentry, h, attr);
	/*
	 * That set-id bits go with a new owner or size is the provider's to know, as it
	 * is with a write: whoever may truncate need not be allowed to chmod.
	 */
	if (!ret && attr->ia_valid & ATTR_MODE && !(attr->ia_valid & kill))
		ret = setattr_mode(dentry, h, attr);
	if (!ret && attr->ia_valid & ATTR_SIZE)
		ret = setattr_size(dentry, attr);
	/* that a new size brings a new time is the provider's to know */
	else if (!ret && attr->ia_valid & times)
		ret = setattr_times(dentry, h, attr);
	return ret;
}

int schm_inode_setattr(struct schm_idmap *idmap, struct dentry *dentry,
		       struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct schm_handle *h;
	s64 ret;

	/* it is as the scheme was created */
	if (schm_inode(inode)->top || !schm_inode(inode)->scheme)
		return -EPERM;
	ret = setattr_prepare(idmap, dentry, attr);
	if (ret)
		return ret;
	h = schm_inode_handle(dentry);
	ret = setattr_all(dentry, h, attr);
	if (h)
		schm_handle_put(h);
	schm_inode_stale(inode);
	if (!ret && attr->ia_valid & ATTR_SIZE)
		schm_inode_resize(inode, attr->ia_size);
	return ret;
}

/* ---- symbolic links ------------------------------------------------------- */

static const char *link_get(struct dentry *dentry, struct inode *inode,
			    struct delayed_call *done)
{
	struct schm_op op = { .opcode = SCHEME_OP_READLINK };
	char *target;
	s64 ret;

	if (!dentry)
		return ERR_PTR(-ECHILD);
	target = kmalloc(SCHEME_PATH_MAX + 1, GFP_KERNEL);
	if (!target)
		return ERR_PTR(-ENOMEM);
	op.out = target;
	op.room = SCHEME_PATH_MAX;
	ret = schm_path_op(dentry, &op);
	if (ret >= 0 && (!ret || memchr(target, '\0', ret)))
		ret = -EIO;
	if (ret < 0) {
		kfree(target);
		return ERR_PTR(ret);
	}
	target[ret] = '\0';
	set_delayed_call(done, kfree_link, target);
	return target;
}

const struct inode_operations schm_link_inode_ops = {
	.get_link	= link_get,
	.permission	= schm_inode_permission,
	.getattr	= schm_inode_getattr,
	.setattr	= schm_inode_setattr,
};

const struct inode_operations schm_file_inode_ops = {
	.permission	= schm_inode_permission,
	.getattr	= schm_inode_getattr,
	.setattr	= schm_inode_setattr,
};
