// SPDX-License-Identifier: MIT
/*
 * The operations of files and directories beyond open, read and write: from an
 * entry to its callback, and the answers that have a form of their own.
 */
#include "int.h"

#include <stddef.h>
#include <string.h>

/* ---- payloads ------------------------------------------------------------- */

/*
 * The path behind head bytes of payload, without leading slashes; it has been
 * checked that one byte more is ours. NULL: the payload is too short.
 */
static const char *path_behind(struct scheme_req *req, size_t head)
{
	char *text = (char *)req_in(req);

	if (req->sqe.len < head)
		return NULL;
	text[req->sqe.len] = '\0';
	return text + head + strspn(text + head, "/");
}

/* Two paths behind their header; false if the payload is not that. */
static bool two_paths(struct scheme_req *req, const char **first,
		      const char **second)
{
	char *text = (char *)req_in(req);
	struct scheme_paths head;

	if (req->sqe.len < sizeof(head))
		return false;
	memcpy(&head, text, sizeof(head));
	if ((uint64_t)sizeof(head) + head.first_len + 1 + head.second_len !=
	    req->sqe.len)
		return false;
	text[req->sqe.len] = '\0';
	*first = text + sizeof(head);
	*second = *first + head.first_len + 1;
	if ((*second)[-1])
		return false;
	*second += strspn(*second, "/");
	return true;
}

/* ---- one operation each --------------------------------------------------- */

typedef void (*run_fn)(struct scheme_req *req, const char *path);

static void run_stat(struct scheme_req *req, const char *path)
{
	req_ops(req)->stat(req, req->sqe.handle, path);
}

static void run_statfs(struct scheme_req *req, const char *path)
{
	req_ops(req)->statfs(req, req->sqe.handle, path);
}

static void run_truncate(struct scheme_req *req, const char *path)
{
	req_ops(req)->truncate(req, req->sqe.handle, path, req->sqe.aux);
}

static void run_utimens(struct scheme_req *req, const char *path)
{
	struct scheme_times times;

	memcpy(&times, req_in(req), sizeof(times));
	req_ops(req)->utimens(req, req->sqe.handle, path, &times);
}

static void run_chmod(struct scheme_req *req, const char *path)
{
	req_ops(req)->chmod(req, req->sqe.handle, path, (mode_t)req->sqe.aux);
}

static void run_chown(struct scheme_req *req, const char *path)
{
	req_ops(req)->chown(req, req->sqe.handle, path, (uid_t)req->sqe.aux,
			    (gid_t)(req->sqe.aux >> 32));
}

static void run_fpath(struct scheme_req *req, const char *path)
{
	req_ops(req)->fpath(req, req->sqe.handle, path);
}

static void run_unlink(struct scheme_req *req, const char *path)
{
	req_ops(req)->unlink(req, req->sqe.handle, path, req->sqe.op_flags);
}

static void run_readlink(struct scheme_req *req, const char *path)
{
	req_ops(req)->readlink(req, req->sqe.handle, path);
}

static void run_mkdir(struct scheme_req *req, const char *path)
{
	req_ops(req)->mkdir(req, req->sqe.handle, path, (mode_t)req->sqe.aux);
}

/* Has the provider the callback at this place in its operations? */
static bool has_callback(const struct scheme_req *req, size_t place)
{
	void (*callback)(void);

	memcpy(&callback, (const uint8_t *)req_ops(req) + place,
	       sizeof(callback));
	return callback;
}

#define CALLBACK(name)	offsetof(struct scheme_ops, name)

/* What takes one path: its callback, and how many bytes come before the path. */
static const struct {
	run_fn	run;
	size_t	callback;
	size_t	head;
} with_path[] = {
	[SCHEME_OP_STAT]	= { run_stat, CALLBACK(stat), 0 },
	[SCHEME_OP_STATFS]	= { run_statfs, CALLBACK(statfs), 0 },
	[SCHEME_OP_TRUNCATE]	= { run_truncate, CALLBACK(truncate), 0 },
	[SCHEME_OP_UTIMENS]	= { run_utimens, CALLBACK(utimens),
				    sizeof(struct scheme_times) },
	[SCHEME_OP_CHMOD]	= { run_chmod, CALLBACK(chmod), 0 },
	[SCHEME_OP_CHOWN]	= { run_chown, CALLBACK(chown), 0 },
	[SCHEME_OP_PATH]	= { run_fpath, CALLBACK(fpath), 0 },
	[SCHEME_OP_UNLINK]	= { run_unlink, CALLBACK(unlink), 0 },
	[SCHEME_OP_READLINK]	= { run_readlink, CALLBACK(readlink), 0 },
	[SCHEME_OP_MKDIR]	= { run_mkdir, CALLBACK(mkdir), 0 },
};

void run_path(struct scheme_req *req)
{
	uint8_t op = req->sqe.opcode;
	const char *path;

	if (!has_callback(req, with_path[op].callback)) {
		scheme_reply(req, -EOPNOTSUPP);
		return;
	}
	path = path_behind(req, with_path[op].head);
	if (!path)
		scheme_reply(req, -EINVAL);
	else if (strlen(path) > SCHEME_PATH_MAX)
		scheme_reply(req, -ENAMETOOLONG);
	else
		with_path[op].run(req, path);
}

static void run_rename(struct scheme_req *req, const char *first,
		       const char *second)
{
	req_ops(req)->rename(req, req->sqe.handle, first + strspn(first, "/"),
			     req->sqe.aux, second, req->sqe.op_flags);
}

static void run_link(struct scheme_req *req, const char *first,
		     const char *second)
{
	req_ops(req)->link(req, req->sqe.handle, first + strspn(first, "/"),
			   req->sqe.aux, second);
}

static void run_symlink(struct scheme_req *req, const char *first,
			const char *second)
{
	req_ops(req)->symlink(req, first, req->sqe.aux, second);
}

/* What takes two. */
static const struct {
	void	(*run)(struct scheme_req *req, const char *first,
		       const char *second);
	size_t	callback;
} with_paths[] = {
	[SCHEME_OP_RENAME]	= { run_rename, CALLBACK(rename) },
	[SCHEME_OP_LINK]	= { run_link, CALLBACK(link) },
	[SCHEME_OP_SYMLINK]	= { run_symlink, CALLBACK(symlink) },
};

void run_paths(struct scheme_req *req)
{
	uint8_t op = req->sqe.opcode;
	const char *first, *second;

	if (!has_callback(req, with_paths[op].callback))
		scheme_reply(req, -EOPNOTSUPP);
	else if (!two_paths(req, &first, &second))
		scheme_reply(req, -EINVAL);
	else if (strlen(first) > SCHEME_PATH_MAX ||
		 strlen(second) > SCHEME_PATH_MAX)
		scheme_reply(req, -ENAMETOOLONG);
	else
		with_paths[op].run(req, first, second);
}

void run_getdents(struct scheme_req *req)
{
	req->fill = 0;
	req->full = false;
	if (!req_ops(req)->getdents)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->getdents(req, req->sqe.handle, req->sqe.offset);
}

void run_fcntl(struct scheme_req *req)
{
	if (!req_ops(req)->fcntl)
		scheme_reply(req, -EOPNOTSUPP);
	else
		req_ops(req)->fcntl(req, req->sqe.handle, req->sqe.op_flags,
				    req->sqe.aux);
}

/* ---- answers -------------------------------------------------------------- */

int scheme_reply_bytes(struct scheme_req *req, const void *data, size_t len)
{
	if (len > req->sqe.aux || len > req_room(req)) {
		scheme_reply(req, -ENAMETOOLONG);
		return -EINVAL;
	}
	memcpy(req_out(req), data, len);
	return scheme_reply(req, (int64_t)len);
}

int scheme_reply_stat(struct scheme_req *req, const struct scheme_stat *st)
{
	return scheme_reply_bytes(req, st, sizeof(*st));
}

int scheme_reply_statfs(struct scheme_req *req, const struct scheme_statfs *st)
{
	return scheme_reply_bytes(req, st, sizeof(*st));
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

int scheme_dirent_add(struct scheme_req *req, uint64_t ino, uint64_t next,
		      mode_t mode, const char *name)
{
	size_t len = strlen(name);
	uint32_t size = SCHEME_DIRENT_SIZE((uint32_t)len);
	struct scheme_dirent entry = {
		.ino = ino,
		.next = next,
		.type = (uint16_t)(mode >> 12 & 15),
		.namelen = (uint16_t)len,
	};
	uint8_t *at = req_out(req) + req->fill;

	if (!len || len > SCHEME_DIRENT_NAME_MAX || strchr(name, '/') ||
	    !next || next > INT64_MAX - 2)
		return -EINVAL;
	if (is_dots(name))
		return 0;
	if (size > req->sqe.len - req->fill) {
		req->full = true;
		return -ENOSPC;
	}
	memset(at, 0, size);
	memcpy(at, &entry, sizeof(entry));
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): has its length before it */
	memcpy(at + sizeof(entry), name, len);
	req->fill += size;
	return 0;
}

int scheme_reply_dirents(struct scheme_req *req)
{
	/* nothing would say that this is the end */
	if (!req->fill && req->full)
		return scheme_reply(req, -EINVAL);
	return scheme_reply(req, req->fill);
}
