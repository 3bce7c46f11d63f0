// SPDX-License-Identifier: MIT
#include "name.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/redox_scheme.h>

/* ---- walking -------------------------------------------------------------- */

static bool is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/* One name further, from a directory. */
static void step(struct place *p, struct node *at, const char *name, size_t len)
{
	*p = (struct place){ .name = name, .len = len };
	if (is_dots(name, len)) {
		p->node = len == 1 ? at : node_parent(at);
		return;
	}
	p->dir = at;
	p->entry = dir_find(at, name, len);
	p->node = p->entry ? p->entry->to : NULL;
}

static int may_step(const struct node *at, struct caller c, size_t len)
{
	if (!at)
		return -ENOENT;
	if (!S_ISDIR(at->mode))
		return -ENOTDIR;
	if (!node_may(at, c, MAY_SEARCH))
		return -EACCES;
	return len > NODE_NAME_MAX ? -ENAMETOOLONG : 0;
}

int name_walk(struct caller c, struct node *from, const char *path,
	      struct place *p)
{
	size_t len;
	int ret;

	path += strspn(path, "/");
	*p = (struct place){ .node = from };
	while (*path) {
		len = strcspn(path, "/");
		ret = may_step(p->node, c, len);
		if (ret)
			return ret;
		step(p, p->node, path, len);
		path += len;
		p->slash = *path;
		path += strspn(path, "/");
	}
	if (p->slash && p->node && !S_ISDIR(p->node->mode))
		return -ENOTDIR;
	return 0;
}

int name_find(struct caller c, struct node *from, const char *path,
	      uint64_t ino, struct place *p)
{
	int ret = name_walk(c, from, path, p);

	if (ret)
		return ret;
	if (!p->node)
		return -ENOENT;
	return ino && ino != p->node->ino ? -ESTALE : 0;
}

/* ---- making --------------------------------------------------------------- */

/* May a name be put here? */
static int may_add(const struct place *p, struct caller c, bool is_dir)
{
	if (p->node)
		return -EEXIST;
	/* a directory that has been removed */
	if (!p->dir->nlink || (p->slash && !is_dir))
		return -ENOENT;
	return node_may(p->dir, c, MAY_WRITE | MAY_SEARCH) ? 0 : -EACCES;
}

/* The name is n's from now on; one more for each but a directory's first. */
static int add(const struct place *p, struct node *n)
{
	int ret = dir_add(p->dir, p->name, p->len, n);

	if (ret)
		return ret;
	if (S_ISDIR(n->mode)) {
		n->nlink = 2;
		p->dir->nlink++;
	} else {
		n->nlink++;
	}
	node_touch(p->dir);
	return 0;
}

/* Group and set-group-id come from a directory that has the latter. */
static void inherit(struct node *n, const struct node *dir, struct caller c)
{
	if (dir->mode & S_ISGID) {
		n->gid = dir->gid;
		if (S_ISDIR(n->mode))
			n->mode |= S_ISGID;
	}
	if (!S_ISDIR(n->mode) && c.uid && c.gid != n->gid && n->mode & S_IXGRP)
		n->mode &= ~S_ISGID;
}

struct node *name_make(struct fs *fs, struct caller c, const struct place *p,
		       mode_t mode, int *err)
{
	struct node *n;

	*err = may_add(p, c, S_ISDIR(mode));
	if (!*err && S_ISDIR(mode) && p->dir->nlink >= NODE_LINK_MAX)
		*err = -EMLINK;
	if (*err)
		return NULL;
	n = node_new(fs, c, mode, err);
	if (!n)
		return NULL;
	inherit(n, p->dir, c);
	*err = add(p, n);
	if (!*err)
		return n;
	node_drop(fs, n);
	return NULL;
}

int name_symlink(struct fs *fs, struct caller c, const struct place *p,
		 const char *target)
{
	struct node *n;
	int ret;

	if (!*target)
		return -ENOENT;
	ret = may_add(p, c, false);
	if (ret)
		return ret;
	n = node_new(fs, c, S_IFLNK | 0777, &ret);
	if (!n)
		return ret;
	inherit(n, p->dir, c);
	ret = node_set_target(fs, n, target);
	if (!ret)
		ret = add(p, n);
	node_drop(fs, n);
	return ret;
}

int name_link(struct fs *fs, struct caller c, struct node *n,
	      const struct place *p)
{
	int ret = may_add(p, c, false);

	if (ret)
		return ret;
	if (S_ISDIR(n->mode))
		return -EPERM;
	/* whose last name has gone has gone for good */
	if (!n->nlink)
		return -ENOENT;
	if (n->nlink >= NODE_LINK_MAX)
		return -EMLINK;
	ret = fs_take_file(fs);
	if (ret)
		return ret;
	ret = add(p, n);
	if (ret)
		fs_give_file(fs);
	else
		node_changed(n);
	return ret;
}

/* ---- removing ------------------------------------------------------------- */

/* May the name at p be taken away? */
static int may_remove(const struct place *p, struct caller c)
{
	const struct node *dir = p->dir;

	/* the root, an open file itself, or dots */
	if (!dir)
		return p->name ? -EINVAL : -EBUSY;
	if (!node_may(dir, c, MAY_WRITE | MAY_SEARCH))
		return -EACCES;
	if (dir->mode & S_ISVTX && c.uid && c.uid != dir->uid &&
	    c.uid != p->node->uid)
		return -EPERM;
	return 0;
}

/* n has lost a name in dir, which has been given to another or is no more. */
static void lost(struct fs *fs, struct node *dir, struct node *n)
{
	if (S_ISDIR(n->mode)) {
		n->nlink = 0;
		dir->nlink--;
	} else if (--n->nlink) {
		fs_give_file(fs);
	}
	node_changed(n);
	node_touch(dir);
	node_drop(fs, n);
}

int name_unlink(struct fs *fs, struct caller c, const struct place *p,
		bool is_dir)
{
	struct node *n = p->node;
	int ret = may_remove(p, c);

	if (ret)
		return ret;
	if (is_dir != S_ISDIR(n->mode))
		return is_dir ? -ENOTDIR : -EISDIR;
	if (is_dir && n->dir.nr)
		return -ENOTEMPTY;
	dir_del(p->entry);
	lost(fs, p->dir, n);
	return 0;
}

/* ---- moving --------------------------------------------------------------- */

/* Is dir the node itself, or somewhere in it? */
static bool is_inside(struct node *dir, const struct node *n)
{
	while (dir != n && dir->names)
		dir = node_parent(dir);
	return dir == n;
}

/* May what is at p get another directory? Its ".." is changed by that. */
static int may_leave(const struct place *p, const struct node *to,
		     struct caller c)
{
	if (p->dir == to || !S_ISDIR(p->node->mode))
		return 0;
	if (is_inside((struct node *)to, p->node))
		return -EINVAL;
	if (!node_may(p->node, c, MAY_WRITE))
		return -EACCES;
	return to->nlink >= NODE_LINK_MAX ? -EMLINK : 0;
}

/* A directory's number of subdirectories changes, if n is one. */
static void count(struct node *dir, const struct node *n, int by)
{
	if (S_ISDIR(n->mode))
		dir->nlink += (unsigned int)by;
}

static int swap(struct caller c, const struct place *from,
		const struct place *to)
{
	struct node *a = from->node, *b = to->node;
	int ret = may_leave(to, from->dir, c);

	if (ret)
		return ret;
	dir_turn(from->entry, b);
	dir_turn(to->entry, a);
	count(from->dir, a, -1);
	count(from->dir, b, 1);
	count(to->dir, b, -1);
	count(to->dir, a, 1);
	node_changed(b);
	return 0;
}

static int may_replace(const struct node *a, const struct node *b)
{
	if (S_ISDIR(a->mode) && !S_ISDIR(b->mode))
		return -ENOTDIR;
	if (!S_ISDIR(a->mode) && S_ISDIR(b->mode))
		return -EISDIR;
	return S_ISDIR(b->mode) && b->dir.nr ? -ENOTEMPTY : 0;
}

/* The new name is there already: it changes hands, which cannot fail halfway. */
static int replace(struct fs *fs, const struct place *from,
		   const struct place *to)
{
	struct node *a = from->node, *b = to->node;
	int ret = may_replace(a, b);

	if (ret)
		return ret;
	dir_del(from->entry);
	dir_turn(to->entry, a);
	count(from->dir, a, -1);
	count(to->dir, a, 1);
	lost(fs, to->dir, b);
	return 0;
}

static int move(const struct place *from, const struct place *to)
{
	int ret = dir_add(to->dir, to->name, to->len, from->node);

	if (ret)
		return ret;
	dir_del(from->entry);
	count(from->dir, from->node, -1);
	count(to->dir, from->node, 1);
	return 0;
}

static int may_rename(struct caller c, const struct place *from,
		      const struct place *to, uint32_t flags)
{
	int ret = may_remove(from, c);

	if (ret)
		return ret;
	if (flags & SCHEME_RENAME_EXCHANGE && !to->node)
		return -ENOENT;
	if (flags & SCHEME_RENAME_NOREPLACE && to->node)
		return -EEXIST;
	ret = to->node ? may_remove(to, c) :
			 may_add(to, c, S_ISDIR(from->node->mode));
	return ret ? ret : may_leave(from, to->dir, c);
}

int name_rename(struct fs *fs, struct caller c, const struct place *from,
		const struct place *to, uint32_t flags)
{
	struct node *n = from->node;
	int ret;

	if (flags & ~(SCHEME_RENAME_NOREPLACE | SCHEME_RENAME_EXCHANGE) ||
	    flags == (SCHEME_RENAME_NOREPLACE | SCHEME_RENAME_EXCHANGE))
		return -EINVAL;
	ret = may_rename(c, from, to, flags);
	if (ret)
		return ret;
	/* two names of one file: nothing is to be done */
	if (to->node == n)
		return 0;
	if (flags & SCHEME_RENAME_EXCHANGE)
		ret = swap(c, from, to);
	else if (to->node)
		ret = replace(fs, from, to);
	else
		ret = move(from, to);
	if (ret)
		return ret;
	node_changed(n);
	node_touch(from->dir);
	node_touch(to->dir);
	return 0;
}

/* ---- the way back --------------------------------------------------------- */

int name_path(const struct fs *fs, const struct node *n, char *buf, size_t size,
	      const char **path)
{
	char *at = buf + size;
	size_t len;

	*--at = '\0';
	for (; n != fs->root; n = n->names->dir) {
		if (!n->names)
			return -ENOENT;
		len = strlen(n->names->text);
		if ((size_t)(at - buf) < len + 1)
			return -ENAMETOOLONG;
		at -= len;
		memcpy(at, n->names->text, len);
		*--at = '/';
	}
	*path = at + (*at == '/');
	return 0;
}
