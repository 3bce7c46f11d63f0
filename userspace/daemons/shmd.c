// SPDX-License-Identifier: MIT
/*
 * shmd - memory that processes share by a name
 *
 *	shmd NAME [--max SIZE] [--user-max SIZE] [--total SIZE]
 *
 * An object gets its size once: by the first truncate, or by what the first
 * client that may write wants to map. It goes with its last handle, and mappings
 * count as one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "flat.h"
#include "memfd.h"
#include "quota.h"

/* What users have a bounded number of. */
enum { SHM_HANDLES, SHM_BYTES };

#define HANDLES_MAX	16384

struct object {
	LIST_ENTRY(object)	link;
	char			name[SCHEME_DIRENT_NAME_MAX + 1];
	struct flat		flat;		/* size 0: not settled yet */
	int			memory;
	unsigned int		handles;
};

/* A handle; without an object it is the root as a directory. */
struct file {
	struct object	*object;
	uid_t		uid;		/* whose it counts as */
	bool		can_write;
	bool		attached;	/* mmap(2) has the memory */
};

struct shmd {
	struct daemon		daemon;
	struct quota		quota;
	uint64_t		max;		/* bytes of an object */
	LIST_HEAD(objects, object) objects;
};

static struct shmd *shmd_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

static struct file *file_of(uint64_t handle)
{
	return (struct file *)(uintptr_t)handle;
}

static uint64_t page_up(uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

/* ---- objects --------------------------------------------------------------- */

static struct object *object_find(struct shmd *s, const char *name)
{
	struct object *o;

	LIST_FOREACH(o, &s->objects, link)
		if (*name && !strcmp(o->name, name))
			return o;
	return NULL;
}

/* The next one with a name and a number above ino, or NULL. */
static struct object *object_next(struct shmd *s, uint64_t ino)
{
	struct object *o, *best = NULL;

	LIST_FOREACH(o, &s->objects, link)
		if (*o->name && o->flat.ino > ino &&
		    (!best || o->flat.ino < best->flat.ino))
			best = o;
	return best;
}

static int object_new(struct shmd *s, const struct scheme_req *req,
		      const char *name, mode_t mode, struct object **out)
{
	struct object *o = calloc(1, sizeof(*o));
	int ret;

	if (!o)
		return -ENOMEM;
	o->memory = memfd_new("shm");
	if (o->memory < 0) {
		ret = o->memory == -EMFILE ? -ENFILE : o->memory;
		free(o);
		return ret;
	}
	snprintf(o->name, sizeof(o->name), "%s", name);
	flat_new(&o->flat, req, S_IFREG | (mode & 0777));
	LIST_INSERT_HEAD(&s->objects, o, link);
	*out = o;
	return 0;
}

static void object_put(struct shmd *s, struct object *o)
{
	if (o->handles)
		return;
	LIST_REMOVE(o, link);
	close(o->memory);
	quota_give(&s->quota, o->flat.uid, SHM_BYTES, o->flat.size);
	free(o);
}

/* Its size from now on, whole pages. It counts as the creator's. */
static int object_settle(struct shmd *s, struct object *o, uint64_t size)
{
	int ret;

	if (size > s->max)
		return -EFBIG;
	size = page_up(size);
	ret = quota_take(&s->quota, o->flat.uid, SHM_BYTES, size);
	if (ret)
		return ret == -ENOBUFS ? -ENOSPC : ret;
	if (ftruncate(o->memory, (off_t)size)) {
		ret = -errno;
		quota_give(&s->quota, o->flat.uid, SHM_BYTES, size);
		return ret;
	}
	o->flat.size = size;
	return 0;
}

static int file_attach(struct scheme_req *req, struct file *f)
{
	int ret;

	if (f->attached)
		return 0;
	ret = scheme_req_attach_memory(req, f->object->memory, 0,
				       f->object->flat.size, SCHEME_MAP_WRITE);
	f->attached = !ret;
	return ret;
}

/* ---- opening --------------------------------------------------------------- */

/* A handle of the caller's on an object, or on none. Answers. */
static void file_open(struct scheme_req *req, struct object *o, int flags)
{
	uid_t uid = scheme_req_sqe(req)->uid;
	struct shmd *s = shmd_of(req);
	int ret = quota_take(&s->quota, uid, SHM_HANDLES, 1);
	struct file *f = ret ? NULL : calloc(1, sizeof(*f));

	if (f) {
		*f = (struct file){
			.object = o,
			.uid = uid,
			.can_write = (flags & O_ACCMODE) != O_RDONLY,
		};
		ret = o && o->flat.size ? file_attach(req, f) : 0;
	} else if (!ret) {
		ret = -ENOMEM;
		quota_give(&s->quota, uid, SHM_HANDLES, 1);
	}
	if (f && ret) {
		quota_give(&s->quota, uid, SHM_HANDLES, 1);
		free(f);
	}
	if (ret) {
		scheme_reply(req, ret);
		return;
	}
	if (o)
		o->handles++;
	scheme_reply_open(req, (uintptr_t)f, SCHEME_CQE_F_POSITIONED, 0);
}

static void open_new(struct scheme_req *req, const char *name, int flags,
		     mode_t mode)
{
	struct shmd *s = shmd_of(req);
	struct object *o;
	int ret = object_new(s, req, name, mode, &o);

	if (ret) {
		scheme_reply(req, ret);
		return;
	}
	file_open(req, o, flags);
	object_put(s, o);
}

static int check_open(struct scheme_req *req, const struct object *o,
		      const char *name, int flags)
{
	int ret = flat_check_name(name);

	if (ret)
		return ret == -EINVAL ? -ENOENT : ret;
	if (!o && !(flags & O_CREAT))
		return -ENOENT;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (!o)
		return 0;
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	return flat_may_open(&o->flat, req, flags);
}

static void open_name(struct scheme_req *req, const char *name, int flags,
		      mode_t mode)
{
	struct object *o = object_find(shmd_of(req), name);
	int ret = check_open(req, o, name, flags);

	if (ret)
		scheme_reply(req, ret);
	else if (o)
		file_open(req, o, flags);
	else
		open_new(req, name, flags, mode);
}

static void shm_open_path(struct scheme_req *req, uint64_t dir,
			  const char *path, int flags, mode_t mode)
{
	if (dir != SCHEME_ROOT && file_of(dir)->object)
		scheme_reply(req, -ENOTDIR);
	else if (*path)
		open_name(req, path, flags, mode);
	else if (flags & O_DIRECTORY)
		file_open(req, NULL, flags);
	else
		open_new(req, "", flags, 0600);
}

static void shm_close(struct scheme *scheme, uint64_t handle)
{
	struct shmd *s = scheme_user(scheme);
	struct file *f = file_of(handle);

	if (f->object) {
		f->object->handles--;
		object_put(s, f->object);
	}
	quota_give(&s->quota, f->uid, SHM_HANDLES, 1);
	free(f);
}

/* ---- memory ---------------------------------------------------------------- */

static void shm_mmap_prep(struct scheme_req *req, uint64_t handle,
			  uint64_t offset, uint64_t size, unsigned int flags)
{
	struct file *f = file_of(handle);
	uint64_t most = f->object && f->object->flat.size ?
			f->object->flat.size : INT64_MAX;
	int ret = 0;

	(void)flags;
	if (!f->object)
		ret = -EISDIR;
	else if (offset > most || size > most - offset)
		ret = -ERANGE;
	/* a size is for good, and counts as the creator's: no matter for readers */
	else if (!f->object->flat.size && !f->can_write)
		ret = -EACCES;
	else if (!f->object->flat.size)
		ret = object_settle(shmd_of(req), f->object, offset + size);
	scheme_reply(req, ret ? ret : file_attach(req, f));
}

/* Bytes of a transfer that lie in the object. */
static uint32_t within(const struct object *o, uint64_t offset, uint32_t len)
{
	if (offset >= o->flat.size)
		return 0;
	return len < o->flat.size - offset ? len :
		(uint32_t)(o->flat.size - offset);
}

static void shm_read(struct scheme_req *req, uint64_t handle, void *buf,
		     uint32_t len, uint64_t offset)
{
	const struct object *o = file_of(handle)->object;
	ssize_t n;

	if (!o) {
		scheme_reply(req, -EISDIR);
		return;
	}
	n = pread(o->memory, buf, within(o, offset, len), (off_t)offset);
	scheme_reply(req, n < 0 ? -errno : n);
}

static void shm_write(struct scheme_req *req, uint64_t handle, const void *buf,
		      uint32_t len, uint64_t offset)
{
	const struct object *o = file_of(handle)->object;
	/* behind the end there is never any */
	bool append = scheme_req_flags(req) & SCHEME_RW_APPEND;
	uint32_t room = o && !append ? within(o, offset, len) : 0;
	ssize_t n;

	if (!o || (len && !room)) {
		scheme_reply(req, o ? -ENOSPC : -EISDIR);
		return;
	}
	n = pwrite(o->memory, buf, room, (off_t)offset);
	scheme_reply(req, n < 0 ? -errno : n);
}

static void shm_fsize(struct scheme_req *req, uint64_t handle)
{
	const struct object *o = file_of(handle)->object;

	scheme_reply(req, o ? (int64_t)o->flat.size : 0);
}

/* ---- names ----------------------------------------------------------------- */

/* What a path means; NULL: the root. 0 or -errno. */
static int resolve(struct shmd *s, uint64_t handle, const char *path,
		   struct object **o)
{
	*o = handle == SCHEME_ROOT ? NULL : file_of(handle)->object;
	if (!*path)
		return 0;
	if (*o)
		return -ENOTDIR;
	*o = object_find(s, path);
	return *o ? 0 : -ENOENT;
}

/* The same for what changes it, which its owner may, or who has it open. */
static int resolve_change(struct scheme_req *req, uint64_t handle,
			  const char *path, struct object **o)
{
	int ret = resolve(shmd_of(req), handle, path, o);

	if (ret)
		return ret;
	if (!*o)
		return -EPERM;
	if (scheme_req_ino(req) && scheme_req_ino(req) != (*o)->flat.ino)
		return -ESTALE;
	return 0;
}

static void shm_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	struct object *o;
	int ret = resolve(shmd_of(req), handle, path, &o);

	if (ret)
		scheme_reply(req, ret);
	else if (!o)
		flat_reply_root(req);
	else
		flat_reply_stat(req, &o->flat);
}

/* Nothing, where it changes nothing: as for an open with O_TRUNC. */
static void shm_truncate(struct scheme_req *req, uint64_t handle,
			 const char *path, uint64_t size)
{
	struct object *o;
	int ret = resolve_change(req, handle, path, &o);

	if (!ret && *path)
		ret = flat_may_open(&o->flat, req, O_WRONLY);
	if (!ret && size > INT64_MAX / 2)
		ret = -EFBIG;
	else if (!ret && o->flat.size && page_up(size) != o->flat.size)
		ret = -ERANGE;
	else if (!ret && size && !o->flat.size)
		ret = object_settle(shmd_of(req), o, size);
	scheme_reply(req, ret);
}

static void shm_chmod(struct scheme_req *req, uint64_t handle, const char *path,
		      mode_t mode)
{
	struct object *o;
	int ret = resolve_change(req, handle, path, &o);

	if (!ret)
		ret = flat_may_change(&o->flat, req);
	if (!ret)
		o->flat.mode = S_IFREG | (mode & 0777);
	scheme_reply(req, ret);
}

static void shm_unlink_path(struct scheme_req *req, uint64_t handle,
			    const char *path, uint32_t flags)
{
	struct object *o;
	int ret = resolve_change(req, handle, path, &o);

	if (!ret && !*path)
		ret = -EBUSY;
	else if (!ret && (flags & SCHEME_UNLINK_DIR))
		ret = -ENOTDIR;
	if (!ret)
		ret = flat_may_change(&o->flat, req);
	if (!ret)
		o->name[0] = '\0';
	scheme_reply(req, ret);
}

static void shm_getdents(struct scheme_req *req, uint64_t handle,
			 uint64_t offset)
{
	struct object *o;

	(void)handle;
	while ((o = object_next(shmd_of(req), offset))) {
		offset = o->flat.ino;
		if (scheme_dirent_add(req, offset, offset, S_IFREG, o->name))
			break;
	}
	scheme_reply_dirents(req);
}

static const struct scheme_ops shm_ops = {
	.open = shm_open_path,
	.close = shm_close,
	.read = shm_read,
	.write = shm_write,
	.fsize = shm_fsize,
	.mmap_prep = shm_mmap_prep,
	.stat = shm_stat,
	.truncate = shm_truncate,
	.chmod = shm_chmod,
	.unlink = shm_unlink_path,
	.getdents = shm_getdents,
};

/* ---- the program ----------------------------------------------------------- */

enum { OPT_USER_MAX = 0x2000, OPT_TOTAL };

static const struct argp_option options[] = {
	{ "max", 'm', "SIZE", 0, "most bytes of an object (64M)", 0 },
	{ "user-max", OPT_USER_MAX, "SIZE", 0,
	  "most bytes of one user's objects (128M)", 0 },
	{ "total", OPT_TOTAL, "SIZE", 0, "most bytes of all objects (512M)", 0 },
	{ 0 }
};

static error_t option_size(struct argp_state *state, const char *text,
			   uint64_t *size)
{
	if (daemon_parse_size(text, size) || *size > INT64_MAX / 2)
		argp_error(state, "\"%s\" is not a size; write one such as 64M", text);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct shmd *s = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &s->daemon;
		return 0;
	case 'm':
		return option_size(state, arg, &s->max);
	case OPT_USER_MAX:
		return option_size(state, arg, &s->quota.each[SHM_BYTES]);
	case OPT_TOTAL:
		return option_size(state, arg, &s->quota.all[SHM_BYTES]);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Each object has a descriptor, and at least one handle. */
static void set_handles(struct shmd *s, unsigned int files)
{
	uint64_t all = files * 3ULL / 4;

	s->quota.all[SHM_HANDLES] = all < HANDLES_MAX ? all : HANDLES_MAX;
	s->quota.each[SHM_HANDLES] = s->quota.all[SHM_HANDLES] / 4;
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { &daemon_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME",
		.doc = "Serve a scheme of memory that processes share.",
		.children = children,
	};
	struct shmd s = {
		.daemon = DAEMON_INIT, .quota = QUOTA_INIT, .max = 64U << 20,
	};
	int err;

	s.daemon.one_queue = true;
	s.quota.each[SHM_BYTES] = 128U << 20;
	s.quota.all[SHM_BYTES] = 512U << 20;
	argp_parse(&argp, argc, argv, 0, NULL, &s);
	set_handles(&s, daemon_raise_files());
	if (daemon_begin(&s.daemon))
		return EXIT_FAILURE;
	err = daemon_create(&s.daemon, &shm_ops, sizeof(shm_ops), &s);
	if (!err)
		err = daemon_serve(&s.daemon);
	return daemon_end(&s.daemon, err);
}
