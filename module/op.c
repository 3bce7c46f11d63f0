// SPDX-License-Identifier: GPL-2.0
/* An operation, from its parts to a checked answer. */
#include "op.h"

#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "handle.h"
#include "limits.h"
#include "request.h"
#include "scheme.h"

/* Bytes of payload. Two lengths and the header cannot overflow. */
static u32 op_payload(const struct schm_op *op)
{
	u32 len = op->head_len + op->path_len;

	if (op->path2)
		len += sizeof(struct scheme_paths) + 1 + op->path2_len;
	return len;
}

/* Nothing is at NULL. */
static void *put(void *at, const void *from, u32 len)
{
	if (len)
		memcpy(at, from, len);
	return at + len;
}

static void op_fill(const struct schm_op *op, void *slot)
{
	const struct scheme_paths paths = {
		.first_len = op->path_len,
		.second_len = op->path2_len,
	};

	slot = put(slot, op->head, op->head_len);
	if (op->path2)
		slot = put(slot, &paths, sizeof(paths));
	slot = put(slot, op->path, op->path_len);
	if (!op->path2)
		return;
	slot = put(slot, "", 1);
	put(slot, op->path2, op->path2_len);
}

/* Operations that say in aux how much room there is for bytes. */
static bool op_wants_bytes(const struct schm_op *op)
{
	return op->room && op->opcode != SCHEME_OP_GETDENTS;
}

static struct schm_req *op_request(const struct schm_op *op)
{
	struct schm_req *req;

	req = schm_req_alloc(op->handle, op->file, op->opcode);
	if (!req)
		return NULL;
	if (op->opens)
		req->opens = schm_handle_get(op->opens);
	req->entry.sqe.op_flags = op->op_flags;
	req->entry.sqe.offset = op->offset;
	req->entry.sqe.aux = op->aux;
	if (op_wants_bytes(op))
		req->entry.sqe.aux = op->room;
	if (op->handle2) {
		req->second = schm_handle_get(op->handle2);
		req->entry.sqe.aux = op->handle2->number;
	}
	if (op->bounded)
		req->deadline = schm_req_deadline(op->handle->scheme, true);
	return req;
}

s64 schm_op_run(struct schm_op *op)
{
	u32 slot_size = op->handle->scheme->config.slot_size;
	u32 len = op_payload(op);
	struct schm_req *req;
	s64 ret;

	/* the provider puts a NUL behind a path */
	if (len >= slot_size)
		return -ENAMETOOLONG;
	op->room = min(op->room, slot_size);
	req = op_request(op);
	if (!req)
		return -ENOMEM;
	ret = schm_req_reserve(req, op->nowait);
	if (!ret) {
		op_fill(op, req->slot);
		if (op->opcode == SCHEME_OP_GETDENTS)
			len = op->room;
		ret = schm_req_call(req, len);
	}
	/* from here on the copy: the provider may write to the slot */
	if (ret > 0 && op->room)
		memcpy(op->out, req->slot, min_t(u64, ret, op->room));
	schm_req_put(req);
	return ret;
}

/* ---- answers -------------------------------------------------------------- */

static bool stat_type_ok(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		return !(mode & ~(S_IFMT | S_IALLUGO));
	default:
		return false;
	}
}

/* Whoever could say that a file is root's could pass its own off for it. */
static void stat_own(const struct schm_scheme *s, struct scheme_stat *st)
{
	st->uid = from_kuid_munged(s->user_ns, s->creator);
	st->gid = from_kgid_munged(s->user_ns, s->creator_gid);
	st->mode &= ~(S_ISUID | S_ISGID);
}

bool schm_stat_ok(const struct schm_scheme *s, struct scheme_stat *st)
{
	if (!s->config.privileged)
		stat_own(s, st);
	return stat_type_ok(st->mode) && st->ino &&
	       st->size <= MAX_LFS_FILESIZE && st->blocks <= MAX_LFS_FILESIZE &&
	       st->atime_nsec < NSEC_PER_SEC && st->mtime_nsec < NSEC_PER_SEC &&
	       st->ctime_nsec < NSEC_PER_SEC && st->blksize <= SZ_1G &&
	       uid_valid(make_kuid(s->user_ns, st->uid)) &&
	       gid_valid(make_kgid(s->user_ns, st->gid)) &&
	       !memchr_inv(st->reserved, 0, sizeof(st->reserved));
}

static bool dirent_ok(const struct scheme_dirent *entry, u32 left)
{
	const u8 *name = entry->name;
	u32 len, size;

	if (left < sizeof(*entry))
		return false;
	len = entry->namelen;
	size = SCHEME_DIRENT_SIZE(len);
	if (!len || len > SCHEME_DIRENT_NAME_MAX || size > left)
		return false;
	if (memchr(name, '/', len) || memchr_inv(name + len, 0, size - sizeof(*entry) - len) ||
	    memchr(name, '\0', len))
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	return entry->ino && entry->next && entry->next <= S64_MAX - 2 &&
	       entry->type <= S_IFMT >> 12 && !entry->reserved;
}

bool schm_dirents_ok(const void *buf, u32 len)
{
	const struct scheme_dirent *entry;

	while (len) {
		entry = buf;
		if (!dirent_ok(entry, len))
			return false;
		len -= SCHEME_DIRENT_SIZE(entry->namelen);
		buf += SCHEME_DIRENT_SIZE(entry->namelen);
	}
	return true;
}
