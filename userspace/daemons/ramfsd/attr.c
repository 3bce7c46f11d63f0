// SPDX-License-Identifier: MIT
#include "attr.h"

#include <errno.h>
#include <sys/stat.h>

/* The root is as the scheme was created; schemefs takes it for that, too. */
static bool is_root(const struct node *n)
{
	return n->ino == SCHEME_INO_ROOT;
}

int attr_chmod(struct node *n, struct caller c, mode_t mode)
{
	if (!node_owned(n, c) || is_root(n))
		return -EPERM;
	if (S_ISLNK(n->mode))
		return -EOPNOTSUPP;
	if (c.uid && c.gid != n->gid)
		mode &= ~S_ISGID;
	n->mode = (n->mode & S_IFMT) | (mode & 07777);
	node_changed(n);
	return 0;
}

/* Only root gives things away; an owner may give them to his own group. */
static bool may_chown(const struct node *n, struct caller c, uid_t uid, gid_t gid)
{
	if (!c.uid)
		return true;
	return c.uid == n->uid && uid == n->uid &&
	       (gid == n->gid || gid == c.gid);
}

int attr_chown(struct node *n, struct caller c, uid_t uid, gid_t gid)
{
	if (uid == (uid_t)-1)
		uid = n->uid;
	if (gid == (gid_t)-1)
		gid = n->gid;
	if (!may_chown(n, c, uid, gid) || is_root(n))
		return -EPERM;
	n->uid = uid;
	n->gid = gid;
	/* root's, too: they would be the new owner's */
	if (S_ISREG(n->mode))
		n->mode &= n->mode & S_IXGRP ? ~(S_ISUID | S_ISGID) : ~S_ISUID;
	node_changed(n);
	return 0;
}

static bool nsec_ok(uint32_t nsec)
{
	return nsec < 1000000000 || nsec == SCHEME_TIME_NOW ||
	       nsec == SCHEME_TIME_OMIT;
}

static void set_time(struct timespec *ts, int64_t sec, uint32_t nsec)
{
	if (nsec == SCHEME_TIME_NOW)
		clock_gettime(CLOCK_REALTIME, ts);
	else if (nsec != SCHEME_TIME_OMIT)
		*ts = (struct timespec){ .tv_sec = sec, .tv_nsec = nsec };
}

int attr_utimens(struct node *n, struct caller c, const struct scheme_times *t)
{
	bool now = t->atime_nsec == SCHEME_TIME_NOW &&
		   t->mtime_nsec == SCHEME_TIME_NOW;

	if (!nsec_ok(t->atime_nsec) || !nsec_ok(t->mtime_nsec))
		return -EINVAL;
	/* what a write would do is for whoever may write */
	if (!node_owned(n, c) && !now)
		return -EPERM;
	if (!node_owned(n, c) && !node_may(n, c, MAY_WRITE))
		return -EACCES;
	set_time(&n->atime, t->atime, t->atime_nsec);
	set_time(&n->mtime, t->mtime, t->mtime_nsec);
	node_changed(n);
	return 0;
}

int attr_truncate(struct fs *fs, struct node *n, struct caller c, bool may,
		  uint64_t size)
{
	int ret;

	if (S_ISDIR(n->mode))
		return -EISDIR;
	if (!S_ISREG(n->mode))
		return -EINVAL;
	if (!may && !node_may(n, c, MAY_WRITE))
		return -EACCES;
	ret = node_resize(fs, n, size);
	if (ret)
		return ret;
	node_drop_ids(n, c);
	node_touch(n);
	return 0;
}

/* A directory's size is what its names need, about as elsewhere. */
static uint64_t size_of(const struct node *n)
{
	return S_ISDIR(n->mode) ? n->dir.nr * 32 : n->size;
}

void attr_stat(const struct node *n, struct scheme_stat *st)
{
	*st = (struct scheme_stat){
		.mode = n->mode,
		.nlink = n->nlink,
		.uid = n->uid,
		.gid = n->gid,
		.ino = n->ino,
		.generation = n->generation,
		.size = size_of(n),
		.blocks = node_blocks(n),
		.atime = n->atime.tv_sec,
		.mtime = n->mtime.tv_sec,
		.ctime = n->ctime.tv_sec,
		.atime_nsec = (uint32_t)n->atime.tv_nsec,
		.mtime_nsec = (uint32_t)n->mtime.tv_nsec,
		.ctime_nsec = (uint32_t)n->ctime.tv_nsec,
		.blksize = NODE_BLOCK,
	};
}

void attr_statfs(const struct fs *fs, struct scheme_statfs *st)
{
	*st = (struct scheme_statfs){
		.blocks = fs->limit / NODE_BLOCK,
		.bfree = (fs->limit - fs->used) / NODE_BLOCK,
		.bavail = (fs->limit - fs->used) / NODE_BLOCK,
		.files = fs->max_files,
		.ffree = fs->max_files - fs->files,
		.bsize = NODE_BLOCK,
		.namelen = NODE_NAME_MAX,
	};
}
