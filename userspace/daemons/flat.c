// SPDX-License-Identifier: MIT
#include "flat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void flat_new(struct flat *f, const struct scheme_req *req, mode_t mode)
{
	static uint64_t last_ino = SCHEME_INO_ROOT;
	const struct scheme_sqe *sqe = scheme_req_sqe(req);

	*f = (struct flat){
		.mode = mode,
		.uid = sqe->uid,
		.gid = sqe->gid,
		.ino = __atomic_add_fetch(&last_ino, 1, __ATOMIC_RELAXED),
		.born = time(NULL),
	};
}

void flat_fixed(struct flat *f, mode_t node_mode)
{
	*f = (struct flat){
		.mode = S_IFIFO | (node_mode ? node_mode : 0600),
		.uid = geteuid(),
		.gid = getegid(),
		.ino = SCHEME_INO_ROOT + 1,
		.born = time(NULL),
	};
}

/* The three bits of the mode that count for the caller. */
static mode_t bits_for(const struct flat *f, const struct scheme_sqe *sqe)
{
	if (sqe->uid == f->uid)
		return f->mode >> 6;
	return sqe->gid == f->gid ? f->mode >> 3 : f->mode;
}

int flat_may_open(const struct flat *f, const struct scheme_req *req, int flags)
{
	const struct scheme_sqe *sqe = scheme_req_sqe(req);
	mode_t need = 0;

	if (!sqe->uid)
		return 0;
	if ((flags & O_ACCMODE) != O_WRONLY)
		need |= 4;
	if ((flags & O_ACCMODE) != O_RDONLY)
		need |= 2;
	return need & ~bits_for(f, sqe) ? -EACCES : 0;
}

int flat_may_change(const struct flat *f, const struct scheme_req *req)
{
	uid_t uid = scheme_req_sqe(req)->uid;

	return !uid || uid == f->uid ? 0 : -EPERM;
}

int flat_check_name(const char *name)
{
	if (!*name || strchr(name, '/') || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return -EINVAL;
	return strlen(name) > SCHEME_DIRENT_NAME_MAX ? -ENAMETOOLONG : 0;
}

void flat_reply_stat(struct scheme_req *req, const struct flat *f)
{
	const struct scheme_stat st = {
		.mode = f->mode,
		.nlink = 1,
		.uid = f->uid,
		.gid = f->gid,
		.ino = f->ino,
		.size = f->size,
		.atime = f->born,
		.mtime = f->born,
		.ctime = f->born,
	};

	scheme_reply_stat(req, &st);
}

void flat_reply_root(struct scheme_req *req)
{
	const struct scheme_stat st = {
		.mode = S_IFDIR | 0555,
		.nlink = 2,
		.ino = SCHEME_INO_ROOT,
	};

	scheme_reply_stat(req, &st);
}

/* ---- schemes of one file --------------------------------------------------- */

static bool named(const struct flat_single *s, const char *path)
{
	return s->name ? !strcmp(s->name, path) : !flat_check_name(path);
}

int flat_single_find(const struct flat_single *s, bool is_file, const char *path,
		     int flags)
{
	if (!*path && !is_file)
		return flags & O_DIRECTORY ? FLAT_ROOT : FLAT_FILE;
	if (*path && is_file)
		return -ENOTDIR;
	if (*path && !named(s, path))
		return flags & O_CREAT ? -EACCES : -ENOENT;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	return (flags & O_CREAT) && (flags & O_EXCL) ? -EEXIST : FLAT_FILE;
}

void flat_single_stat(struct scheme_req *req, const struct flat_single *s,
		      bool is_file, const char *path)
{
	if (*path && is_file)
		scheme_reply(req, -ENOTDIR);
	else if (!*path && !is_file)
		flat_reply_root(req);
	else if (*path && !named(s, path))
		scheme_reply(req, -ENOENT);
	else
		flat_reply_stat(req, &s->flat);
}

void flat_single_getdents(struct scheme_req *req, const struct flat_single *s,
			  uint64_t offset)
{
	if (s->name && !offset)
		scheme_dirent_add(req, s->flat.ino, 1, s->flat.mode, s->name);
	scheme_reply_dirents(req);
}
