// SPDX-License-Identifier: MIT
/* Open files and directories: opening, bytes, memory to map, listings. */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attr.h"

/* ---- memory --------------------------------------------------------------- */

/*
 * Let the file be mapped, and whatever it grows to while it is open: the window
 * is as long as the longest file. For a moment the memory has to be so, too; then
 * touching what is behind the file's end is SIGBUS, as it should be.
 */
static int give_memory(const struct fs *fs, struct scheme_req *req,
		       struct node *n, bool writable)
{
	int ret = node_memory(n);

	if (ret < 0)
		return ret;
	if (ftruncate(n->memory, (off_t)fs->limit))
		return -errno;
	ret = scheme_req_attach_memory(req, n->memory, 0, fs->limit,
				       writable ? SCHEME_MAP_WRITE : 0);
	if (ftruncate(n->memory, (off_t)n->size) && !ret)
		ret = -errno;
	if (!ret && writable)
		n->shared = true;
	return ret;
}

static bool can_write(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

void on_mmap_prep(struct scheme_req *req, uint64_t handle, uint64_t offset,
		  uint64_t size, unsigned int flags)
{
	struct fs *fs = op_begin(req);
	struct handle *h = op_handle(fs, handle);
	int ret;

	(void)flags;
	if (!h)
		ret = -EBADF;
	else if (!S_ISREG(h->node->mode))
		ret = -ENODEV;
	else if (offset > fs->limit || size > fs->limit - offset)
		ret = -ENXIO;
	else
		ret = give_memory(fs, req, h->node, can_write(h->flags));
	op_end(fs, req, ret);
}

/* ---- opening -------------------------------------------------------------- */

static unsigned int rights_for(int flags)
{
	unsigned int want = 0;

	if ((flags & O_ACCMODE) != O_WRONLY)
		want |= MAY_READ;
	if (can_write(flags) || flags & O_TRUNC)
		want |= MAY_WRITE;
	return want;
}

static int may_open(const struct node *n, struct caller c, int flags)
{
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (S_ISLNK(n->mode))
		return -ELOOP;
	if (flags & O_DIRECTORY && !S_ISDIR(n->mode))
		return -ENOTDIR;
	if (S_ISDIR(n->mode) && (can_write(flags) || flags & (O_CREAT | O_TRUNC)))
		return -EISDIR;
	return node_may(n, c, rights_for(flags)) ? 0 : -EACCES;
}

static struct node *create(struct fs *fs, struct caller c,
			   const struct place *p, int flags, mode_t mode,
			   int *err)
{
	*err = -ENOENT;
	if (!(flags & O_CREAT))
		return NULL;
	*err = flags & O_DIRECTORY ? -EINVAL : -EISDIR;
	if (flags & O_DIRECTORY || p->slash)
		return NULL;
	return name_make(fs, c, p, S_IFREG | (mode & 07777), err);
}

/* The object that is opened, which may be new; NULL: *err says why. */
static struct node *open_node(struct fs *fs, struct caller c,
			      const struct place *p, int flags, mode_t mode,
			      int *err)
{
	if (!p->node)
		return create(fs, c, p, flags, mode, err);
	*err = may_open(p->node, c, flags);
	if (!*err && flags & O_TRUNC)
		*err = attr_truncate(fs, p->node, c, true, 0);
	return *err ? NULL : p->node;
}

/* A new handle of n; 0: no memory. */
static uint64_t handle_new(struct fs *fs, struct node *n, int flags)
{
	struct handle *h = malloc(sizeof(*h));
	uint64_t number;

	if (!h)
		return 0;
	*h = (struct handle){ .node = n, .flags = flags };
	number = table_add(&fs->handles, h);
	if (number)
		n->opens++;
	else
		free(h);
	return number;
}

/* Unlocks. */
static void reply_handle(struct fs *fs, struct scheme_req *req, struct node *n,
			 int flags)
{
	uint64_t number = handle_new(fs, n, flags);

	if (!number) {
		op_end(fs, req, -ENFILE);
		return;
	}
	/* a file that cannot be mapped now is open all the same; MMAP_PREP tells why */
	if (S_ISREG(n->mode) && (flags & O_ACCMODE) != O_WRONLY)
		give_memory(fs, req, n, can_write(flags));
	pthread_mutex_unlock(&fs->lock);
	scheme_reply_open(req, number, SCHEME_CQE_F_POSITIONED, 0);
}

void on_open(struct scheme_req *req, uint64_t dir, const char *path, int flags,
	     mode_t mode)
{
	struct fs *fs = op_begin(req);
	struct node *n, *start = op_start(fs, dir);
	struct caller c = op_caller(req);
	struct place p;
	int ret = start ? name_walk(c, start, path, &p) : -EBADF;

	if (!ret && (flags & O_ACCMODE) == O_ACCMODE)
		ret = -EINVAL;
	n = ret ? NULL : open_node(fs, c, &p, flags, mode, &ret);
	if (n)
		reply_handle(fs, req, n, flags);
	else
		op_end(fs, req, ret);
}

/* The same file once more, with a position of its own; it has no parts to name. */
void on_dup(struct scheme_req *req, uint64_t handle, const char *name)
{
	struct fs *fs = op_begin(req);
	struct handle *h = op_handle(fs, handle);

	if (h && !*name)
		reply_handle(fs, req, h->node, h->flags);
	else
		op_end(fs, req, h ? -ENOENT : -EBADF);
}

void on_close(struct scheme *scheme, uint64_t handle)
{
	struct fs *fs = scheme_user(scheme);
	struct handle *h;

	pthread_mutex_lock(&fs->lock);
	h = op_handle(fs, handle);
	if (h) {
		table_del(&fs->handles, handle);
		h->node->opens--;
		node_drop(fs, h->node);
		free(h);
	}
	pthread_mutex_unlock(&fs->lock);
}

/* ---- bytes ---------------------------------------------------------------- */

/* The file of a handle, or NULL and *err. */
static struct node *file_of(const struct fs *fs, uint64_t handle, int64_t *err)
{
	const struct handle *h = op_handle(fs, handle);

	*err = h ? -EISDIR : -EBADF;
	return h && S_ISREG(h->node->mode) ? h->node : NULL;
}

void on_read(struct scheme_req *req, uint64_t handle, void *buf, uint32_t len,
	     uint64_t offset)
{
	struct fs *fs = op_begin(req);
	int64_t ret;
	struct node *n = file_of(fs, handle, &ret);

	if (n) {
		ret = node_read(n, buf, len, offset);
		node_accessed(n);
	}
	op_end(fs, req, ret);
}

void on_write(struct scheme_req *req, uint64_t handle, const void *buf,
	      uint32_t len, uint64_t offset)
{
	struct fs *fs = op_begin(req);
	int64_t ret;
	struct node *n = file_of(fs, handle, &ret);

	if (n) {
		if (scheme_req_flags(req) & SCHEME_RW_APPEND)
			offset = n->size;
		ret = node_write(fs, n, buf, len, offset);
	}
	if (ret > 0) {
		node_drop_ids(n, op_caller(req));
		node_touch(n);
	}
	op_end(fs, req, ret);
}

void on_fsize(struct scheme_req *req, uint64_t handle)
{
	struct fs *fs = op_begin(req);
	const struct handle *h = op_handle(fs, handle);

	op_end(fs, req, h ? (int64_t)h->node->size : -EBADF);
}

/* Memory is as durable as it gets. */
void on_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	struct fs *fs = op_begin(req);

	(void)data_only;
	op_end(fs, req, op_handle(fs, handle) ? 0 : -EBADF);
}

/* ---- listings ------------------------------------------------------------- */

static int list(struct handle *h, struct scheme_req *req, uint64_t offset)
{
	const struct node *dir = h->node;
	const struct entry *e;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	/* what comes while somebody lists is not shown, or he might never end */
	if (!offset)
		h->end = dir->dir.last;
	for (e = dir_behind(dir, offset); e; e = dir_behind(dir, e->place)) {
		if (h->end && e->place > h->end)
			break;
		if (scheme_dirent_add(req, e->to->ino, e->place, e->to->mode,
				      e->text))
			break;
	}
	return 0;
}

void on_getdents(struct scheme_req *req, uint64_t handle, uint64_t offset)
{
	struct fs *fs = op_begin(req);
	struct handle *h = op_handle(fs, handle);
	int ret = h ? list(h, req, offset) : -EBADF;

	if (ret) {
		op_end(fs, req, ret);
		return;
	}
	pthread_mutex_unlock(&fs->lock);
	scheme_reply_dirents(req);
}
