// SPDX-License-Identifier: MIT
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "attr.h"

/* ---- what all of them need ------------------------------------------------ */

struct fs *op_begin(struct scheme_req *req)
{
	struct fs *fs = scheme_user(scheme_req_scheme(req));

	pthread_mutex_lock(&fs->lock);
	return fs;
}

void op_end(struct fs *fs, struct scheme_req *req, int64_t ret)
{
	pthread_mutex_unlock(&fs->lock);
	scheme_reply(req, ret);
}

struct caller op_caller(const struct scheme_req *req)
{
	const struct scheme_sqe *sqe = scheme_req_sqe(req);

	return (struct caller){ .uid = sqe->uid, .gid = sqe->gid };
}

struct handle *op_handle(const struct fs *fs, uint64_t number)
{
	return table_get(&fs->handles, number);
}

struct node *op_start(const struct fs *fs, uint64_t number)
{
	struct handle *h;

	if (number == SCHEME_ROOT)
		return fs->root;
	h = op_handle(fs, number);
	return h ? h->node : NULL;
}

int op_find(const struct fs *fs, const struct scheme_req *req, uint64_t handle,
	    const char *path, struct place *p)
{
	struct node *start = op_start(fs, handle);

	if (!start)
		return -EBADF;
	return name_find(op_caller(req), start, path, scheme_req_ino(req), p);
}

/* Where a new name shall be. */
static int op_walk(const struct fs *fs, const struct scheme_req *req,
		   uint64_t handle, const char *path, struct place *p)
{
	struct node *start = op_start(fs, handle);

	return start ? name_walk(op_caller(req), start, path, p) : -EBADF;
}

/* ---- attributes ----------------------------------------------------------- */

static void on_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	struct fs *fs = op_begin(req);
	struct scheme_stat st;
	struct place p;
	int ret = op_find(fs, req, handle, path, &p);

	if (ret) {
		op_end(fs, req, ret);
		return;
	}
	attr_stat(p.node, &st);
	pthread_mutex_unlock(&fs->lock);
	scheme_reply_stat(req, &st);
}

static void on_statfs(struct scheme_req *req, uint64_t handle, const char *path)
{
	struct fs *fs = op_begin(req);
	struct scheme_statfs st;
	struct place p;
	int ret = op_find(fs, req, handle, path, &p);

	if (ret) {
		op_end(fs, req, ret);
		return;
	}
	attr_statfs(fs, &st);
	pthread_mutex_unlock(&fs->lock);
	scheme_reply_statfs(req, &st);
}

/* Is it an open file itself, which has been opened to write to it? */
static bool opened_to_write(const struct fs *fs, uint64_t handle, const char *path)
{
	const struct handle *h = op_handle(fs, handle);

	return h && !*path && (h->flags & O_ACCMODE) != O_RDONLY;
}

static void on_truncate(struct scheme_req *req, uint64_t handle,
			const char *path, uint64_t size)
{
	struct fs *fs = op_begin(req);
	struct place p;
	int ret = op_find(fs, req, handle, path, &p);

	if (!ret)
		ret = attr_truncate(fs, p.node, op_caller(req),
				    opened_to_write(fs, handle, path), size);
	op_end(fs, req, ret);
}

static void on_utimens(struct scheme_req *req, uint64_t handle,
		       const char *path, const struct scheme_times *times)
{
	struct fs *fs = op_begin(req);
	struct place p;
	int ret = op_find(fs, req, handle, path, &p);

	if (!ret)
		ret = attr_utimens(p.node, op_caller(req), times);
	op_end(fs, req, ret);
}

static void on_chmod(struct scheme_req *req, uint64_t handle, const char *path,
		     mode_t mode)
{
	struct fs *fs = op_begin(req);
	struct place p;
	int ret = op_find(fs, req, handle, path, &p);

	if (!ret)
		ret = attr_chmod(p.node, op_caller(req), mode);
	op_end(fs, req, ret);
}

static void on_chown(struct scheme_req *req, uint64_t handle, const char *path,
		     uid_t uid, gid_t gid)
{
	struct fs *fs = op_begin(req);
	struct place p;
	int ret = op_find(fs, req, handle, path, &p);

	if (!ret)
		ret = attr_chown(p.node, op_caller(req), uid, gid);
	op_end(fs, req, ret);
}

/* ---- names ---------------------------------------------------------------- */

static void on_fpath(struct scheme_req *req, uint64_t handle, const char *path)
{
	struct fs *fs = op_begin(req);
	char buf[SCHEME_PATH_MAX + 1];
	struct place p;
	int ret = op_find(fs, req, handle, path, &p);

	if (!ret)
		ret = name_path(fs, p.node, buf, sizeof(buf), &path);
	if (ret) {
		op_end(fs, req, ret);
		return;
	}
	pthread_mutex_unlock(&fs->lock);
	scheme_reply_bytes(req, path, strlen(path));
}

static void on_mkdir(struct scheme_req *req, uint64_t dir, const char *path,
		     mode_t mode)
{
	struct fs *fs = op_begin(req);
	struct place p;
	int ret = op_walk(fs, req, dir, path, &p);

	if (!ret)
		name_make(fs, op_caller(req), &p, S_IFDIR | (mode & 07777), &ret);
	op_end(fs, req, ret);
}

static void on_symlink(struct scheme_req *req, const char *target, uint64_t dir,
		       const char *path)
{
	struct fs *fs = op_begin(req);
	struct place p;
	int ret = op_walk(fs, req, dir, path, &p);

	if (!ret)
		ret = name_symlink(fs, op_caller(req), &p, target);
	op_end(fs, req, ret);
}

static void on_readlink(struct scheme_req *req, uint64_t handle,
			const char *path)
{
	struct fs *fs = op_begin(req);
	char target[SCHEME_PATH_MAX];
	struct place p;
	size_t len;
	int ret = op_find(fs, req, handle, path, &p);

	if (!ret && !S_ISLNK(p.node->mode))
		ret = -EINVAL;
	if (ret) {
		op_end(fs, req, ret);
		return;
	}
	len = p.node->size;
	memcpy(target, p.node->target, len);
	pthread_mutex_unlock(&fs->lock);
	scheme_reply_bytes(req, target, len);
}

static void on_link(struct scheme_req *req, uint64_t handle, const char *path,
		    uint64_t handle2, const char *path2)
{
	struct fs *fs = op_begin(req);
	struct place from, to;
	int ret = op_find(fs, req, handle, path, &from);

	if (!ret)
		ret = op_walk(fs, req, handle2, path2, &to);
	if (!ret)
		ret = name_link(fs, op_caller(req), from.node, &to);
	op_end(fs, req, ret);
}

static void on_unlink(struct scheme_req *req, uint64_t handle, const char *path,
		      uint32_t flags)
{
	struct fs *fs = op_begin(req);
	struct place p;
	int ret = flags & ~SCHEME_UNLINK_DIR ? -EINVAL :
		  op_find(fs, req, handle, path, &p);

	if (!ret)
		ret = name_unlink(fs, op_caller(req), &p,
				  flags & SCHEME_UNLINK_DIR);
	op_end(fs, req, ret);
}

static void on_rename(struct scheme_req *req, uint64_t handle, const char *path,
		      uint64_t handle2, const char *path2, uint32_t flags)
{
	struct fs *fs = op_begin(req);
	struct place from, to;
	int ret = op_find(fs, req, handle, path, &from);

	if (!ret)
		ret = op_walk(fs, req, handle2, path2, &to);
	if (!ret)
		ret = name_rename(fs, op_caller(req), &from, &to, flags);
	op_end(fs, req, ret);
}

const struct scheme_ops ramfs_ops = {
	.open		= on_open,
	.close		= on_close,
	.dup		= on_dup,
	.read		= on_read,
	.write		= on_write,
	.fsize		= on_fsize,
	.fsync		= on_fsync,
	.mmap_prep	= on_mmap_prep,
	.stat		= on_stat,
	.statfs		= on_statfs,
	.truncate	= on_truncate,
	.utimens	= on_utimens,
	.chmod		= on_chmod,
	.chown		= on_chown,
	.fpath		= on_fpath,
	.rename		= on_rename,
	.link		= on_link,
	.unlink		= on_unlink,
	.getdents	= on_getdents,
	.symlink	= on_symlink,
	.readlink	= on_readlink,
	.mkdir		= on_mkdir,
	.ring		= scheme_serve_ring,
};
