// SPDX-License-Identifier: GPL-2.0
/*
 * REQUEST: the operations that have no system call on a device. What each of
 * them may say, and what it gets back, is in one table.
 */
#include "client.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "handle.h"
#include "limits.h"
#include "op.h"
#include "scheme.h"

/* What comes back at the caller's buf. */
enum gives {
	GIVES_NOTHING,
	GIVES_STAT,
	GIVES_STATFS,
	GIVES_TEXT,
	GIVES_ENTRIES,
};

struct rule {
	bool		known;
	bool		changes;	/* needs the right to write */
	bool		open;		/* on an open file only */
	bool		times;		/* takes a struct scheme_times */
	bool		aux;		/* the caller may set it */
	bool		offset;		/* likewise */
	u8		paths;
	enum gives	gives;
	u32		flags;
};

static const struct rule rules[] = {
	[SCHEME_OP_STAT]	= { .known = true, .paths = 1, .gives = GIVES_STAT },
	[SCHEME_OP_STATFS]	= { .known = true, .paths = 1, .gives = GIVES_STATFS },
	[SCHEME_OP_TRUNCATE]	= { .known = true, .paths = 1, .changes = true, .aux = true },
	[SCHEME_OP_UTIMENS]	= { .known = true, .paths = 1, .changes = true, .times = true },
	[SCHEME_OP_CHMOD]	= { .known = true, .paths = 1, .changes = true, .aux = true },
	[SCHEME_OP_CHOWN]	= { .known = true, .paths = 1, .changes = true, .aux = true },
	[SCHEME_OP_PATH]	= { .known = true, .paths = 1, .gives = GIVES_TEXT },
	[SCHEME_OP_RENAME]	= { .known = true, .paths = 2, .changes = true,
				    .flags = SCHEME_RENAME_NOREPLACE | SCHEME_RENAME_EXCHANGE },
	[SCHEME_OP_LINK]	= { .known = true, .paths = 2, .changes = true },
	[SCHEME_OP_UNLINK]	= { .known = true, .paths = 1, .changes = true,
				    .flags = SCHEME_UNLINK_DIR },
	[SCHEME_OP_GETDENTS]	= { .known = true, .open = true, .offset = true,
				    .gives = GIVES_ENTRIES },
	[SCHEME_OP_FCNTL]	= { .known = true, .open = true, .aux = true, .flags = ~0U },
	[SCHEME_OP_SYMLINK]	= { .known = true, .paths = 2, .changes = true },
	[SCHEME_OP_READLINK]	= { .known = true, .paths = 1, .gives = GIVES_TEXT },
	[SCHEME_OP_MKDIR]	= { .known = true, .paths = 1, .changes = true, .aux = true },
};

/* Is everything that this operation does not use zero? */
static bool request_well_formed(const struct scheme_request *arg,
				const struct rule *rule)
{
	bool fd2 = rule->paths == 2 && arg->opcode != SCHEME_OP_SYMLINK;
	bool buf = rule->gives || rule->times;

	return !memchr_inv(arg->reserved0, 0, sizeof(arg->reserved0)) &&
	       !arg->reserved && !(arg->op_flags & ~rule->flags) &&
	       (rule->offset || !arg->offset) && (rule->aux || !arg->aux) &&
	       (rule->paths || (!arg->path && !arg->path_len)) &&
	       (rule->paths == 2 || (!arg->path2 && !arg->path2_len)) &&
	       (fd2 || arg->fd2 == -1) && (buf || (!arg->buf && !arg->buf_len));
}

/* Values that could never be meant. */
static int request_check_values(const struct scheme_request *arg)
{
	switch (arg->opcode) {
	case SCHEME_OP_TRUNCATE:
		return arg->aux > MAX_LFS_FILESIZE ? -EFBIG : 0;
	case SCHEME_OP_CHMOD:
	case SCHEME_OP_MKDIR:
		return arg->aux & ~(u64)S_IALLUGO ? -EINVAL : 0;
	case SCHEME_OP_RENAME:
		return arg->op_flags == (SCHEME_RENAME_NOREPLACE |
					 SCHEME_RENAME_EXCHANGE) ? -EINVAL : 0;
	default:
		return 0;
	}
}

static int request_check(const struct schm_handle *h,
			 const struct scheme_request *arg,
			 const struct rule *rule)
{
	if (!request_well_formed(arg, rule))
		return -EINVAL;
	if (rule->changes && !(h->may & FMODE_WRITE))
		return -EACCES;
	if (rule->open && !h->open)
		return -EBADF;
	return request_check_values(arg);
}

/* ---- ids: the caller's names for them, and the creator's ------------------- */

static int ids_to_provider(const struct schm_scheme *s, u64 *ids)
{
	u32 uid = *ids, gid = *ids >> 32;

	if (uid != (u32)-1) {
		uid = from_kuid(s->user_ns, make_kuid(current_user_ns(), uid));
		if (uid == (u32)-1)
			return -EINVAL;
	}
	if (gid != (u32)-1) {
		gid = from_kgid(s->user_ns, make_kgid(current_user_ns(), gid));
		if (gid == (u32)-1)
			return -EINVAL;
	}
	*ids = (u64)gid << 32 | uid;
	return 0;
}

static void ids_to_caller(const struct schm_scheme *s, struct scheme_stat *st)
{
	st->uid = from_kuid_munged(current_user_ns(), make_kuid(s->user_ns, st->uid));
	st->gid = from_kgid_munged(current_user_ns(), make_kgid(s->user_ns, st->gid));
}

/* ---- in ------------------------------------------------------------------- */

static int times_in(struct scheme_times *times, const struct scheme_request *arg)
{
	const u32 now = SCHEME_TIME_NOW, omit = SCHEME_TIME_OMIT;

	if (arg->buf_len != sizeof(*times))
		return -EINVAL;
	if (copy_from_user(times, u64_to_user_ptr(arg->buf), sizeof(*times)))
		return -EFAULT;
	if ((times->atime_nsec >= NSEC_PER_SEC && times->atime_nsec != now &&
	     times->atime_nsec != omit) ||
	    (times->mtime_nsec >= NSEC_PER_SEC && times->mtime_nsec != now &&
	     times->mtime_nsec != omit))
		return -EINVAL;
	return 0;
}

static int room_in(struct schm_op *op, const struct scheme_request *arg,
		   const struct schm_scheme *s, enum gives gives)
{
	u32 room = 0;

	switch (gives) {
	case GIVES_NOTHING:
		return 0;
	case GIVES_STAT:
		room = sizeof(struct scheme_stat);
		break;
	case GIVES_STATFS:
		room = sizeof(struct scheme_statfs);
		break;
	case GIVES_TEXT:
		room = min_t(u32, arg->buf_len, SCHEME_PATH_MAX);
		break;
	case GIVES_ENTRIES:
		room = min3(arg->buf_len, s->config.slot_size, SCHM_ENTRIES_MAX);
		break;
	}
	if (!room || (gives < GIVES_TEXT && arg->buf_len != room))
		return -EINVAL;
	op->out = kvzalloc(room, GFP_KERNEL_ACCOUNT);
	op->room = room;
	return op->out ? 0 : -ENOMEM;
}

static int paths_in(struct schm_op *op, const struct scheme_request *arg,
		    unsigned int paths)
{
	if (paths) {
		op->path = schm_client_string(arg->path, arg->path_len);
		if (IS_ERR(op->path))
			return PTR_ERR(op->path);
		op->path_len = arg->path_len;
	}
	if (paths == 2) {
		op->path2 = schm_client_string(arg->path2, arg->path2_len);
		if (IS_ERR(op->path2))
			return PTR_ERR(op->path2);
		op->path2_len = arg->path2_len;
	}
	return 0;
}

static void op_free(struct schm_op *op)
{
	if (!IS_ERR(op->path))
		kfree(op->path);
	if (!IS_ERR(op->path2))
		kfree(op->path2);
	kvfree(op->out);
}

/* ---- out ------------------------------------------------------------------ */

static bool answer_ok(const struct schm_op *op, const struct schm_scheme *s,
		      u32 len, enum gives gives)
{
	const struct scheme_statfs *fs = op->out;

	switch (gives) {
	case GIVES_STAT:
		return schm_stat_ok(s, op->out);
	case GIVES_STATFS:
		return fs->bsize && !memchr_inv(fs->reserved, 0, sizeof(fs->reserved));
	case GIVES_TEXT:
		return !memchr(op->out, '\0', len);
	case GIVES_ENTRIES:
		return schm_dirents_ok(op->out, len);
	default:
		return true;
	}
}

static int answer_out(struct schm_op *op, const struct schm_scheme *s,
		      struct scheme_request *arg, s64 ret, enum gives gives)
{
	arg->result = ret;
	if (!gives)
		return 0;
	if (!answer_ok(op, s, ret, gives))
		return -EIO;
	if (gives == GIVES_STAT)
		ids_to_caller(s, op->out);
	return copy_to_user(u64_to_user_ptr(arg->buf), op->out, ret) ? -EFAULT : 0;
}

/* ---- all of it ------------------------------------------------------------ */

static int request_run(struct schm_op *op, struct scheme_request *arg,
		       const struct rule *rule)
{
	const struct schm_scheme *s = op->handle->scheme;
	struct scheme_times times;
	s64 ret;

	ret = paths_in(op, arg, rule->paths);
	if (!ret)
		ret = room_in(op, arg, s, rule->gives);
	if (!ret && rule->times) {
		ret = times_in(&times, arg);
		op->head = &times;
		op->head_len = sizeof(times);
	}
	if (!ret && arg->opcode == SCHEME_OP_CHOWN)
		ret = ids_to_provider(s, &op->aux);
	if (!ret)
		ret = schm_op_run(op);
	if (ret >= 0)
		ret = answer_out(op, s, arg, ret, rule->gives);
	op_free(op);
	return ret;
}

/* The other descriptor, for the time of the call; *fp is to be put. */
static int request_second(struct schm_op *op, const struct scheme_request *arg,
			  struct file **fp)
{
	struct schm_handle *h = op->handle;

	*fp = NULL;
	if (arg->fd2 != -1) {
		*fp = fget(arg->fd2);
		h = *fp ? schm_client_handle(*fp) : NULL;
		if (!h)
			return -EBADF;
		if (h->scheme != op->handle->scheme)
			return -EXDEV;
		if (!(h->may & FMODE_WRITE))
			return -EACCES;
	}
	op->handle2 = h;
	return 0;
}

long schm_client_request(struct file *file, void __user *argp)
{
	struct schm_op op = { .handle = file->private_data, .file = file };
	struct scheme_request arg;
	const struct rule *rule;
	struct file *file2 = NULL;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.opcode > SCHEME_OP_LAST)
		return -ENOSYS;
	if (arg.opcode >= ARRAY_SIZE(rules) || !rules[arg.opcode].known)
		return -EOPNOTSUPP;
	rule = &rules[array_index_nospec(arg.opcode, ARRAY_SIZE(rules))];
	ret = request_check(op.handle, &arg, rule);
	if (ret)
		return ret;
	op.opcode = arg.opcode;
	op.op_flags = arg.op_flags;
	op.offset = arg.offset;
	op.aux = arg.aux;
	op.nowait = file->f_flags & O_NONBLOCK;
	if (rule->paths == 2)
		ret = request_second(&op, &arg, &file2);
	if (!ret)
		ret = request_run(&op, &arg, rule);
	if (file2)
		fput(file2);
	if (!ret && put_user(arg.result, &((struct scheme_request __user *)argp)->result))
		ret = -EFAULT;
	return ret;
}
