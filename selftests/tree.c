// SPDX-License-Identifier: GPL-2.0
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "job.h"
#include "provider.h"
#include "tree_node.h"

static struct server *server_of(struct scheme_req *req)
{
	struct server *s = scheme_user(scheme_req_scheme(req));
	const struct scheme_sqe *sqe = scheme_req_sqe(req);

	s->state->uid = sqe->uid;
	return s;
}

/* Counts the request; true: it has been dealt with, by a fault. */
static bool faulty(struct server *s, struct scheme_req *req)
{
	uint8_t op = scheme_req_sqe(req)->opcode;

	__atomic_fetch_add(&s->state->seen[op], 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&s->state->parks, __ATOMIC_RELAXED) >> op & 1)
		return true;
	if (s->state->fails_op != op || !s->state->fails_with)
		return false;
	scheme_reply(req, -s->state->fails_with);
	return true;
}

/* ---- open files ----------------------------------------------------------- */

static int make(struct server *s, struct scheme_req *req, uint64_t dir,
		const char *path, mode_t mode)
{
	char last[NAME_BYTES];
	int ret, node, at = tree_walk(s, dir, path, last);

	if (at < 0)
		return at;
	if (!last[0] || tree_name_find(s, (unsigned int)at, last, strlen(last)))
		return -EEXIST;
	node = tree_node_new(s, req, mode);
	if (node < 0)
		return node;
	ret = tree_name_add(s, (unsigned int)at, last, (unsigned int)node);
	return ret ? ret : node;
}

static int open_node(struct server *s, struct scheme_req *req, uint64_t dir,
		     const char *path, int flags, mode_t mode)
{
	int node = tree_find(s, req, dir, path);

	if (node == -ENOENT && flags & O_CREAT)
		return make(s, req, dir, path, S_IFREG | (mode & 07777));
	if (node < 0)
		return node;
	if (flags & O_EXCL && flags & O_CREAT)
		return -EEXIST;
	if (S_ISLNK(s->node[node].mode))
		return -ELOOP;
	if (flags & O_DIRECTORY && !S_ISDIR(s->node[node].mode))
		return -ENOTDIR;
	if (S_ISDIR(s->node[node].mode) && flags & O_ACCMODE)
		return -EISDIR;
	if (flags & O_TRUNC)
		s->node[node].size = 0;
	return node;
}

static void on_open(struct scheme_req *req, uint64_t dir, const char *path,
		    int flags, mode_t mode)
{
	struct server *s = server_of(req);
	unsigned int h;
	int node;

	snprintf(s->state->path, sizeof(s->state->path), "%s", path);
	s->state->flags = (uint32_t)flags;
	if (faulty(s, req))
		return;
	for (h = 1; h < TREE_HANDLES && s->handle[h]; h++)
		;
	if (h == TREE_HANDLES) {
		scheme_reply(req, -ENFILE);
		return;
	}
	node = open_node(s, req, dir, path, flags, mode);
	if (node < 0) {
		scheme_reply(req, node);
		return;
	}
	s->handle[h] = (unsigned int)node;
	s->node[node].handles++;
	s->state->open++;
	scheme_reply_open(req, h, S_ISFIFO(s->node[node].mode) ? 0 :
			  SCHEME_CQE_F_POSITIONED, 0);
}

static void on_close(struct scheme *scheme, uint64_t handle)
{
	struct server *s = scheme_user(scheme);
	struct node *n = &s->node[s->handle[handle]];

	n->handles--;
	tree_node_drop(n);
	s->handle[handle] = 0;
	s->state->open--;
}

static void on_read(struct scheme_req *req, uint64_t handle, void *buf,
		    uint32_t len, uint64_t offset)
{
	struct server *s = server_of(req);
	struct node *n = &s->node[s->handle[handle]];

	if (faulty(s, req))
		return;
	if (offset == SCHEME_NO_OFFSET || offset >= n->size)
		len = 0;
	else if (len > n->size - offset)
		len = (uint32_t)(n->size - offset);
	if (len)
		memcpy(buf, n->data + offset, len);
	scheme_reply(req, len);
}

static void on_write(struct scheme_req *req, uint64_t handle, const void *buf,
		     uint32_t len, uint64_t offset)
{
	struct server *s = server_of(req);
	struct node *n = &s->node[s->handle[handle]];
	int ret = 0;

	if (faulty(s, req))
		return;
	if (scheme_req_flags(req) & SCHEME_RW_APPEND)
		offset = n->size;
	if (offset == SCHEME_NO_OFFSET) {
		scheme_reply(req, len);
		return;
	}
	if (offset + len > n->size)
		ret = tree_node_resize(n, offset + len);
	if (!ret) {
		memcpy(n->data + offset, buf, len);
		tree_touch(n);
	}
	scheme_reply(req, ret ? ret : (int64_t)len);
}

static void on_fsize(struct scheme_req *req, uint64_t handle)
{
	struct server *s = server_of(req);

	if (!faulty(s, req))
		scheme_reply(req, (int64_t)s->node[s->handle[handle]].size);
}

static void on_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	(void)handle;
	(void)data_only;
	if (!faulty(server_of(req), req))
		scheme_reply(req, 0);
}

/* ---- attributes ----------------------------------------------------------- */

static void on_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	struct server *s = server_of(req);
	int node = tree_find(s, req, handle, path);
	struct scheme_stat st = { .lifetime_ns = s->state->lifetime_ns };
	struct node *n = &s->node[node < 0 ? 0 : node];

	if (faulty(s, req))
		return;
	if (node < 0) {
		scheme_reply(req, node);
		return;
	}
	st.mode = n->mode;
	st.nlink = S_ISDIR(n->mode) ? 2 : n->nlink;
	st.uid = s->state->lies_uid ? 0 : n->uid;
	st.gid = s->state->lies_uid ? 0 : n->gid;
	st.ino = (uint64_t)node;
	st.generation = n->generation;
	st.size = n->size;
	st.blocks = (n->size + 511) / 512;
	st.blksize = 65536;
	st.atime = n->atime;
	st.mtime = n->mtime;
	st.ctime = n->ctime;
	st.atime_nsec = n->atime_nsec;
	st.mtime_nsec = n->mtime_nsec;
	st.ctime_nsec = n->ctime_nsec;
	scheme_reply_stat(req, &st);
}

static void on_statfs(struct scheme_req *req, uint64_t handle, const char *path)
{
	const struct scheme_statfs st = {
		.blocks = 1000, .bfree = 500, .bavail = 400,
		.files = TREE_NODES, .ffree = 10, .bsize = 4096, .namelen = 255,
	};
	struct server *s = server_of(req);
	int node = tree_find(s, req, handle, path);

	if (faulty(s, req))
		return;
	if (node < 0)
		scheme_reply(req, node);
	else
		scheme_reply_statfs(req, &st);
}

static void on_truncate(struct scheme_req *req, uint64_t handle,
			const char *path, uint64_t size)
{
	struct server *s = server_of(req);
	int node = tree_find(s, req, handle, path);

	if (faulty(s, req))
		return;
	if (node >= 0 && S_ISDIR(s->node[node].mode))
		node = -EISDIR;
	scheme_reply(req, node < 0 ? node : tree_node_resize(&s->node[node], size));
}

static void set_time(int64_t *sec, uint32_t *nsec, int64_t to, uint32_t to_nsec)
{
	struct timespec now;

	if (to_nsec == SCHEME_TIME_OMIT)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	*sec = to_nsec == SCHEME_TIME_NOW ? now.tv_sec : to;
	*nsec = to_nsec == SCHEME_TIME_NOW ? (uint32_t)now.tv_nsec : to_nsec;
}

static void on_utimens(struct scheme_req *req, uint64_t handle,
		       const char *path, const struct scheme_times *t)
{
	struct server *s = server_of(req);
	int node = tree_find(s, req, handle, path);
	struct node *n = &s->node[node < 0 ? 0 : node];

	if (faulty(s, req))
		return;
	if (node >= 0) {
		set_time(&n->atime, &n->atime_nsec, t->atime, t->atime_nsec);
		set_time(&n->mtime, &n->mtime_nsec, t->mtime, t->mtime_nsec);
	}
	scheme_reply(req, node < 0 ? node : 0);
}

static void on_chmod(struct scheme_req *req, uint64_t handle, const char *path,
		     mode_t mode)
{
	struct server *s = server_of(req);
	int node = tree_find(s, req, handle, path);

	if (faulty(s, req))
		return;
	if (node >= 0)
		s->node[node].mode = (s->node[node].mode & S_IFMT) | mode;
	scheme_reply(req, node < 0 ? node : 0);
}

static void on_chown(struct scheme_req *req, uint64_t handle, const char *path,
		     uid_t uid, gid_t gid)
{
	struct server *s = server_of(req);
	int node = tree_find(s, req, handle, path);

	if (faulty(s, req))
		return;
	if (node >= 0 && uid != (uid_t)-1)
		s->node[node].uid = uid;
	if (node >= 0 && gid != (gid_t)-1)
		s->node[node].gid = gid;
	scheme_reply(req, node < 0 ? node : 0);
}

static void on_fcntl(struct scheme_req *req, uint64_t handle, uint32_t cmd,
		     uint64_t arg)
{
	struct server *s = server_of(req);

	(void)handle;
	if (!faulty(s, req))
		scheme_reply(req, cmd == 7 ? (int64_t)arg + 1 : -EINVAL);
}

/* ---- names ---------------------------------------------------------------- */

/* The name's own path: by the names that lead to it. */
static void on_fpath(struct scheme_req *req, uint64_t handle, const char *path)
{
	struct server *s = server_of(req);
	char text[4096], *at = text + sizeof(text);
	int node = tree_find(s, req, handle, path);
	unsigned int i;

	if (faulty(s, req))
		return;
	while (node > ROOT) {
		for (i = 0; i < 2 * TREE_NODES; i++)
			if (s->name[i].to == (unsigned int)node)
				break;
		if (i == 2 * TREE_NODES) {
			node = -ENOENT;
			break;
		}
		at -= strlen(s->name[i].text) + 1;
		*at = '/';
		memcpy(at + 1, s->name[i].text, strlen(s->name[i].text));
		node = (int)s->name[i].dir;
	}
	if (node < 0)
		scheme_reply(req, node);
	else if (at == text + sizeof(text))
		scheme_reply(req, 0);
	else
		scheme_reply_bytes(req, at + 1,
				   (size_t)(text + sizeof(text) - at - 1));
}

static void on_mkdir(struct scheme_req *req, uint64_t dir, const char *path,
		     mode_t mode)
{
	struct server *s = server_of(req);
	int node;

	if (faulty(s, req))
		return;
	node = make(s, req, dir, path, S_IFDIR | mode);
	scheme_reply(req, node < 0 ? node : 0);
}

static void on_symlink(struct scheme_req *req, const char *target, uint64_t dir,
		       const char *path)
{
	struct server *s = server_of(req);
	int node;

	if (faulty(s, req))
		return;
	node = make(s, req, dir, path, S_IFLNK | 0777);
	if (node >= 0) {
		s->node[node].data = strdup(target);
		s->node[node].size = strlen(target);
	}
	scheme_reply(req, node < 0 ? node : 0);
}

static void on_readlink(struct scheme_req *req, uint64_t handle,
			const char *path)
{
	struct server *s = server_of(req);
	int node = tree_find(s, req, handle, path);

	if (faulty(s, req))
		return;
	if (node >= 0 && !S_ISLNK(s->node[node].mode))
		node = -EINVAL;
	if (node < 0)
		scheme_reply(req, node);
	else
		scheme_reply_bytes(req, s->node[node].data, s->node[node].size);
}

static void on_unlink(struct scheme_req *req, uint64_t dir, const char *path,
		      uint32_t flags)
{
	struct server *s = server_of(req);

	if (!faulty(s, req))
		scheme_reply(req, tree_unlink(s, req, dir, path,
					      flags & SCHEME_UNLINK_DIR));
}

static void on_rename(struct scheme_req *req, uint64_t dir, const char *path,
		      uint64_t dir2, const char *path2, uint32_t flags)
{
	struct server *s = server_of(req);

	if (!faulty(s, req))
		scheme_reply(req, tree_rename(s, req, dir, path, dir2, path2,
					      flags));
}

static void on_link(struct scheme_req *req, uint64_t dir, const char *path,
		    uint64_t dir2, const char *path2)
{
	struct server *s = server_of(req);
	int node = tree_find(s, req, dir, path), at;
	char last[NAME_BYTES];

	if (faulty(s, req))
		return;
	at = tree_walk(s, dir2, path2, last);
	if (node >= 0 && at >= 0 &&
	    tree_name_find(s, (unsigned int)at, last, strlen(last)))
		at = -EEXIST;
	if (node < 0 || at < 0)
		scheme_reply(req, node < 0 ? node : at);
	else
		scheme_reply(req, tree_name_add(s, (unsigned int)at, last,
					   (unsigned int)node));
}

static void on_getdents(struct scheme_req *req, uint64_t handle, uint64_t offset)
{
	struct server *s = server_of(req);
	unsigned int nr = 0;
	int ret = 0;

	if (faulty(s, req))
		return;
	for (uint64_t i = offset; i < 2UL * TREE_NODES && !ret; i++) {
		const struct name *name = &s->name[i];

		if (!name->to || name->dir != s->handle[handle])
			continue;
		if (s->state->entries && nr++ == s->state->entries)
			break;
		ret = scheme_dirent_add(req, name->to, i + 1,
					s->node[name->to].mode, name->text);
	}
	scheme_reply_dirents(req);
}

static const struct scheme_ops ops = {
	.open = on_open, .close = on_close, .read = on_read, .write = on_write,
	.fsize = on_fsize, .fsync = on_fsync, .stat = on_stat,
	.statfs = on_statfs, .truncate = on_truncate, .utimens = on_utimens,
	.chmod = on_chmod, .chown = on_chown, .fpath = on_fpath,
	.rename = on_rename, .link = on_link, .unlink = on_unlink,
	.getdents = on_getdents, .fcntl = on_fcntl, .symlink = on_symlink,
	.readlink = on_readlink, .mkdir = on_mkdir,
};

/* ---- serving -------------------------------------------------------------- */

static int server_create(struct scheme **scheme, struct tree_state *state,
			 const char *name)
{
	const struct scheme_config config = {
		.name = name, .mode = 0666, .depth = 64, .slot_size = 64 * 1024,
	};
	struct server *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->state = state;
	s->node[ROOT] = (struct node){
		.generation = 1, .mode = S_IFDIR | 0755, .nlink = 1,
		.uid = geteuid(), .gid = getegid(), .parent = ROOT,
	};
	ret = scheme_create(scheme, &config, &ops, sizeof(ops), s);
	if (ret)
		free(s);
	return ret;
}

static void server_free(struct scheme *scheme)
{
	struct server *s = scheme_user(scheme);

	scheme_destroy(scheme);
	for (unsigned int i = 0; i < TREE_NODES; i++)
		free(s->node[i].data);
	free(s);
}

static void *serve(void *arg)
{
	struct tree *t = arg;

	scheme_run(t->scheme, &t->stop);
	return NULL;
}

int tree_start_thread(struct tree *t, const char *name)
{
	int ret;

	memset(t, 0, sizeof(*t));
	t->state = shared_alloc(sizeof(*t->state));
	ret = server_create(&t->scheme, t->state, name);
	if (ret)
		return ret;
	return -pthread_create(&t->thread, NULL, serve, t);
}

int tree_start_process(struct tree *t, const char *name, uid_t uid)
{
	int ret = 0;

	memset(t, 0, sizeof(*t));
	t->state = shared_alloc(sizeof(*t->state));
	fflush(stdout);
	t->pid = fork();
	if (t->pid < 0)
		return -errno;
	if (!t->pid) {
		child_set_up();
		if (uid)
			ret = become_user(uid, uid);
		if (!ret)
			ret = server_create(&t->scheme, t->state, name);
		__atomic_store_n(&t->state->ready, ret ? ret : 1,
				 __ATOMIC_RELEASE);
		if (!ret)
			scheme_run(t->scheme, &t->stop);
		_exit(0);
	}
	wait_until(__atomic_load_n(&t->state->ready, __ATOMIC_ACQUIRE));
	return t->state->ready == 1 ? 0 : t->state->ready ? t->state->ready :
							    -ETIMEDOUT;
}

void tree_stop(struct tree *t)
{
	if (t->pid) {
		child_reap(t->pid);
		return;
	}
	__atomic_store_n(&t->stop, 1, __ATOMIC_RELAXED);
	scheme_stop(t->scheme);
	pthread_join(t->thread, NULL);
	server_free(t->scheme);
}
