// SPDX-License-Identifier: MIT
/*
 * What clients see: the root with two files, "play" and "status". The node itself
 * is the one for who writes, the other for who reads, and for who does both it is
 * only there to ask for a ring.
 */
#include "audiod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "realtime.h"

enum { PLAY = 1, ROOT, STATUS };	/* and STATUS_MAX numbers more */

static struct audiod *audiod_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

static bool is_status(uint64_t handle)
{
	return handle >= STATUS && handle < STATUS + STATUS_MAX;
}

static bool is_directory(uint64_t handle)
{
	return handle == SCHEME_ROOT || handle == ROOT;
}

/* ---- names ---------------------------------------------------------------------- */

/* What a path below dir is; -ENOENT, -ENOTDIR. "" is what dir is. */
static int find(uint64_t dir, const char *path)
{
	if (!is_directory(dir)) {
		if (*path)
			return -ENOTDIR;
		return dir == PLAY ? PLAY : STATUS;
	}
	if (!*path)
		return ROOT;
	if (!strcmp(path, "play"))
		return PLAY;
	return strcmp(path, "status") ? -ENOENT : STATUS;
}

/* ---- open ----------------------------------------------------------------------- */

static int open_play(struct scheme_req *req, int flags)
{
	struct audiod *a = audiod_of(req);
	int ret = flat_may_open(&a->play, req, flags);

	if (!ret)
		ret = sink_open(&a->sink);
	return ret ? ret : PLAY;
}

/* It says for as long as it is open what was so when it was opened. */
static int open_status(struct scheme_req *req, int flags)
{
	struct audiod *a = audiod_of(req);
	struct status new = { .uid = scheme_req_sqe(req)->uid };
	int ret = flat_may_open(&a->status, req, flags);
	unsigned int i = 0;

	if (!ret)
		ret = quota_take(&a->quota, new.uid, QUOTA_STATUSES, 1);
	if (ret)
		return ret;
	new.text = status_text(a, STATUS_MISSES);
	if (!new.text) {
		quota_give(&a->quota, new.uid, QUOTA_STATUSES, 1);
		return -ENOMEM;
	}
	/* the quota says that there is a place */
	while (a->statuses[i].text)
		i++;
	a->statuses[i] = new;
	return (int)(STATUS + i);
}

static void close_status(struct audiod *a, struct status *s)
{
	quota_give(&a->quota, s->uid, QUOTA_STATUSES, 1);
	free(s->text);
	s->text = NULL;
}

static int open_both(struct scheme_req *req)
{
	const struct audiod *a = audiod_of(req);
	int ret = flat_may_open(&a->play, req, O_WRONLY);

	if (!ret)
		ret = flat_may_open(&a->status, req, O_RDONLY);
	return ret ? ret : ROOT;
}

static int open_one(struct scheme_req *req, int what, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;

	if (what == ROOT && flags & O_DIRECTORY)
		return ROOT;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (what == ROOT && (flags & O_ACCMODE) == O_RDWR)
		return open_both(req);
	if (what == ROOT)
		what = writes ? PLAY : STATUS;
	if (writes != (what == PLAY))
		return -EACCES;
	return what == PLAY ? open_play(req, flags) : open_status(req, flags);
}

static void audio_open(struct scheme_req *req, uint64_t dir, const char *path,
		       int flags, mode_t mode)
{
	int ret = find(dir, path);

	(void)mode;
	if (ret == -ENOENT && flags & O_CREAT)
		ret = -EACCES;
	if (ret > 0)
		ret = open_one(req, ret, flags);
	if (ret < 0)
		scheme_reply(req, ret);
	else
		scheme_reply_open(req, (uint64_t)ret, ret == PLAY ? 0 :
				  SCHEME_CQE_F_POSITIONED, 0);
}

static void audio_close(struct scheme *scheme, uint64_t handle)
{
	struct audiod *a = scheme_user(scheme);

	if (handle == PLAY)
		sink_close(&a->sink, mono_ns());
	else if (is_status(handle))
		close_status(a, &a->statuses[handle - STATUS]);
}

/* ---- play ----------------------------------------------------------------------- */

static void audio_write(struct scheme_req *req, uint64_t handle, const void *buf,
			uint32_t len, uint64_t offset)
{
	(void)offset;
	if (handle != PLAY)
		scheme_reply(req, is_directory(handle) ? -EISDIR : -EBADF);
	else if (!len)
		scheme_reply(req, 0);
	else
		sink_write(&audiod_of(req)->sink, req, buf, len, mono_ns());
}

/* When all that was written before it has been played. */
static void audio_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	(void)data_only;
	if (handle == PLAY)
		sink_drain(&audiod_of(req)->sink, req, mono_ns());
	else
		scheme_reply(req, 0);
}

static void audio_cancel(struct scheme_req *req)
{
	sink_cancel(&audiod_of(req)->sink, req, mono_ns());
}

/* ---- look ----------------------------------------------------------------------- */

static void audio_read(struct scheme_req *req, uint64_t handle, void *buf,
		       uint32_t len, uint64_t offset)
{
	const char *text;
	size_t size, n;

	if (!is_status(handle)) {
		scheme_reply(req, is_directory(handle) ? -EISDIR : -EBADF);
		return;
	}
	text = audiod_of(req)->statuses[handle - STATUS].text;
	size = strlen(text);
	n = offset >= size ? 0 : size - offset;
	if (n > len)
		n = len;
	if (n)
		memcpy(buf, text + offset, n);
	scheme_reply(req, (int64_t)n);
}

static void audio_fsize(struct scheme_req *req, uint64_t handle)
{
	const struct audiod *a = audiod_of(req);

	scheme_reply(req, is_status(handle) ?
		     (int64_t)strlen(a->statuses[handle - STATUS].text) : 0);
}

static void audio_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	const struct audiod *a = audiod_of(req);
	int what = find(handle, path);

	if (what < 0)
		scheme_reply(req, what);
	else if (what == ROOT)
		flat_reply_root(req);
	else
		flat_reply_stat(req, what == PLAY ? &a->play : &a->status);
}

static void audio_getdents(struct scheme_req *req, uint64_t handle,
			   uint64_t offset)
{
	const struct audiod *a = audiod_of(req);
	int ret = 0;

	if (!is_directory(handle)) {
		scheme_reply(req, -ENOTDIR);
		return;
	}
	if (offset < 1)
		ret = scheme_dirent_add(req, a->play.ino, 1, a->play.mode, "play");
	if (offset < 2 && !ret)
		scheme_dirent_add(req, a->status.ino, 2, a->status.mode, "status");
	scheme_reply_dirents(req);
}

/* O_TRUNC, as a shell's ">" has it, does nothing. */
static void audio_truncate(struct scheme_req *req, uint64_t handle,
			   const char *path, uint64_t size)
{
	int what = find(handle, path);

	(void)size;
	scheme_reply(req, what < 0 ? what : what == PLAY ? 0 : -EACCES);
}

/* By way of the module: one more ring for this thread. */
static void audio_ring(struct scheme_req *req, uint32_t sq_entries,
		       uint32_t cq_entries, uint64_t word)
{
	(void)sq_entries, (void)cq_entries, (void)word;
	scheme_reply(req, serve_accept(audiod_of(req), req));
}

const struct scheme_ops audio_ops = {
	.open = audio_open,
	.close = audio_close,
	.read = audio_read,
	.write = audio_write,
	.fsize = audio_fsize,
	.fsync = audio_fsync,
	.cancel = audio_cancel,
	.stat = audio_stat,
	.truncate = audio_truncate,
	.getdents = audio_getdents,
	.ring = audio_ring,
};

/* ---- begin and end ---------------------------------------------------------------- */

/* Those who may write to the node may play, those who may read it may look. */
void files_init(struct audiod *a)
{
	flat_fixed(&a->play, a->daemon.config.mode);
	flat_fixed(&a->status, a->daemon.config.mode);
	a->play.mode &= S_IFMT | 0222;
	a->status.mode = S_IFREG | (a->status.mode & 0444);
	a->status.ino++;
}

void files_uninit(struct audiod *a)
{
	for (unsigned int i = 0; i < STATUS_MAX; i++)
		if (a->statuses[i].text)
			close_status(a, &a->statuses[i]);
}
