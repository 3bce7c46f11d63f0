// SPDX-License-Identifier: MIT
/*
 * chand - connections between processes: bytes and open files
 *
 *	chand NAME [--buffer SIZE]
 *
 * A handle is a struct node: the root as a directory, a listener, or an end of
 * a connection. chan.h tells the parts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "chan.h"

/*
 * Requests that wait keep their slots, so these are more and smaller than usual.
 * A slot for each is left for those that would end the waiting.
 */
#define DEPTH		512
#define SLOT_SIZE	(16U << 10)

/* Of all users; each may have a quarter. */
#define THINGS_MAX	4096
#define FILES_MAX	4096

#define BUFFER		(64U << 10)
#define BUFFER_MAX	(16U << 20)

struct scheme_queue *chand_queue(const struct chand *c)
{
	return scheme_queue(c->daemon.scheme, 0);
}

static struct chand *chand_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

static struct node *node_of(uint64_t handle)
{
	return (struct node *)(uintptr_t)handle;
}

static struct end *end_of(struct node *node)
{
	return (struct end *)((char *)node - offsetof(struct end, node));
}

/* The end that a handle is, or NULL, and the request has been answered. */
static struct end *want_end(struct scheme_req *req, uint64_t handle)
{
	struct node *node = node_of(handle);

	if (node->kind == NODE_END)
		return end_of(node);
	scheme_reply(req, node->kind == NODE_ROOT ? -EISDIR : -ENOTCONN);
	return NULL;
}

static bool is_root(uint64_t dir)
{
	return dir == SCHEME_ROOT || node_of(dir)->kind == NODE_ROOT;
}

/* ---- opening --------------------------------------------------------------- */

static void open_connect(struct scheme_req *req, struct listener *l, int flags)
{
	int ret = flat_may_open(&listener_node(l)->flat, req, flags);

	if (ret)
		scheme_reply(req, ret);
	else
		listener_connect(l, req, flags & O_NONBLOCK);
}

static void open_name(struct scheme_req *req, const char *name, int flags,
		      mode_t mode)
{
	struct chand *c = chand_of(req);
	struct listener *l = listener_find(c, name);
	int ret = flat_check_name(name);

	if (ret)
		scheme_reply(req, ret == -EINVAL ? -ENOENT : ret);
	else if (!l && !(flags & O_CREAT))
		scheme_reply(req, -ENOENT);
	else if (flags & O_DIRECTORY)
		scheme_reply(req, -ENOTDIR);
	else if (!l)
		listener_open(c, req, name, flags, mode);
	else if (flags & O_CREAT)
		scheme_reply(req, flags & O_EXCL ? -EEXIST : -EADDRINUSE);
	else
		open_connect(req, l, flags);
}

static void chan_open(struct scheme_req *req, uint64_t dir, const char *path,
		      int flags, mode_t mode)
{
	if (!is_root(dir))
		scheme_reply(req, -ENOTDIR);
	else if (*path)
		open_name(req, path, flags, mode);
	else if (flags & O_DIRECTORY)
		scheme_reply_open(req, (uintptr_t)&chand_of(req)->root,
				  SCHEME_CQE_F_POSITIONED, 0);
	else
		listener_open(chand_of(req), req, "", flags, 0600);
}

static void chan_dup(struct scheme_req *req, uint64_t handle, const char *name)
{
	struct node *node = node_of(handle);
	bool nonblock = scheme_req_flags(req) & O_NONBLOCK;

	if (node->kind == NODE_LISTENER && !strcmp(name, "listen"))
		listener_accept(listener_of(node), req, nonblock);
	else if (node->kind == NODE_LISTENER && !strcmp(name, "connect"))
		listener_connect(listener_of(node), req, nonblock);
	else
		scheme_reply(req, -EINVAL);
}

static void chan_close(struct scheme *s, uint64_t handle)
{
	struct node *node = node_of(handle);

	(void)s;
	if (node->kind == NODE_LISTENER)
		listener_close(listener_of(node));
	else if (node->kind == NODE_END)
		end_close(end_of(node));
}

/* ---- bytes and files ------------------------------------------------------- */

static void chan_read(struct scheme_req *req, uint64_t handle, void *buf,
		      uint32_t len, uint64_t offset)
{
	struct end *e = want_end(req, handle);

	(void)offset;
	if (e)
		end_read(e, req, buf, len);
}

static void chan_write(struct scheme_req *req, uint64_t handle, const void *buf,
		       uint32_t len, uint64_t offset)
{
	struct end *e = want_end(req, handle);

	(void)offset;
	if (e)
		end_write(e, req, buf, len);
}

static void chan_sendfd(struct scheme_req *req, uint64_t handle,
			const char *name, uint64_t word)
{
	struct end *e = want_end(req, handle);

	if (e && (*name || word))
		scheme_reply(req, -EINVAL);
	else if (e)
		end_send(e, req);
}

static void chan_recvfd(struct scheme_req *req, uint64_t handle,
			const char *name, uint64_t word)
{
	struct end *e = want_end(req, handle);

	if (e && (*name || word))
		scheme_reply(req, -EINVAL);
	else if (e)
		end_receive(e, req);
}

/* Who waits behind it on its list may be able to go on. */
static void chan_cancel(struct scheme_req *req)
{
	struct waits ended = TAILQ_HEAD_INITIALIZER(ended);
	const struct scheme_sqe *sqe = scheme_req_sqe(req);

	wait_cancel(scheme_req_user(req), &ended);
	if (sqe->handle != SCHEME_ROOT && node_of(sqe->handle)->kind == NODE_END)
		end_go_on(end_of(node_of(sqe->handle)), &ended);
	waits_answer(&ended);
}

/* ---- names ----------------------------------------------------------------- */

/* What a path means; NULL: the root. 0 or -errno. */
static int resolve(struct chand *c, uint64_t handle, const char *path,
		   struct node **node)
{
	struct listener *l;

	*node = NULL;
	if (!is_root(handle)) {
		*node = node_of(handle);
		return *path ? -ENOTDIR : 0;
	}
	if (!*path)
		return 0;
	l = listener_find(c, path);
	if (!l)
		return -ENOENT;
	*node = listener_node(l);
	return 0;
}

/* The name may be another listener's by now. */
static bool is_meant(const struct scheme_req *req, const struct node *node)
{
	return !scheme_req_ino(req) || scheme_req_ino(req) == node->flat.ino;
}

static void chan_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	struct node *node;
	int ret = resolve(chand_of(req), handle, path, &node);

	if (ret)
		scheme_reply(req, ret);
	else if (!node)
		flat_reply_root(req);
	else
		flat_reply_stat(req, &node->flat);
}

static void chan_chmod(struct scheme_req *req, uint64_t handle,
		       const char *path, mode_t mode)
{
	struct node *node;
	int ret = resolve(chand_of(req), handle, path, &node);

	if (!ret && (!node || node->kind != NODE_LISTENER))
		ret = -EPERM;
	if (!ret && !is_meant(req, node))
		ret = -ESTALE;
	if (!ret)
		ret = flat_may_change(&node->flat, req);
	if (!ret)
		node->flat.mode = S_IFIFO | (mode & 0777);
	scheme_reply(req, ret);
}

static void chan_unlink(struct scheme_req *req, uint64_t handle,
			const char *path, uint32_t flags)
{
	struct node *node;
	int ret = resolve(chand_of(req), handle, path, &node);

	if (!ret && !*path)
		ret = -EBUSY;
	else if (!ret && (flags & SCHEME_UNLINK_DIR))
		ret = -ENOTDIR;
	if (!ret && !is_meant(req, node))
		ret = -ESTALE;
	if (!ret)
		ret = flat_may_change(&node->flat, req);
	if (!ret)
		listener_unlink(listener_of(node));
	scheme_reply(req, ret);
}

static void chan_getdents(struct scheme_req *req, uint64_t handle,
			  uint64_t offset)
{
	struct listener *l;

	if (!is_root(handle) && node_of(handle)->kind == NODE_END) {
		scheme_reply(req, -ENOTDIR);
		return;
	}
	while ((l = listener_next(chand_of(req), offset))) {
		offset = listener_node(l)->flat.ino;
		if (scheme_dirent_add(req, offset, offset, S_IFIFO,
				      listener_name(l)))
			break;
	}
	scheme_reply_dirents(req);
}

static const struct scheme_ops chan_ops = {
	.open = chan_open,
	.close = chan_close,
	.dup = chan_dup,
	.read = chan_read,
	.write = chan_write,
	.cancel = chan_cancel,
	.sendfd = chan_sendfd,
	.recvfd = chan_recvfd,
	.stat = chan_stat,
	.chmod = chan_chmod,
	.unlink = chan_unlink,
	.getdents = chan_getdents,
};

/* ---- the program ----------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "buffer", 'b', "SIZE", 0,
	  "bytes that wait in each direction of a connection (64K)", 0 },
	{ 0 }
};

static void set_sizes(struct chand *c)
{
	if (!c->daemon.config.depth)
		c->daemon.config.depth = DEPTH;
	if (!c->daemon.config.slot_size)
		c->daemon.config.slot_size = SLOT_SIZE;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct chand *c = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &c->daemon;
		return 0;
	case 'b':
		if (daemon_parse_size(arg, &c->buffer) || !c->buffer ||
		    c->buffer > BUFFER_MAX)
			argp_error(state, "--buffer: not a size up to 16M: %s", arg);
		return 0;
	case ARGP_KEY_END:
		set_sizes(c);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void set_limits(struct chand *c, unsigned int files)
{
	unsigned int depth = scheme_queue_depth(chand_queue(c));
	unsigned int limit = c->daemon.config.user_limit;

	if (!limit || limit > depth)
		limit = depth - depth / 8;
	c->quota.all[CHAN_WAITS] = depth * 3 / 4;
	c->quota.each[CHAN_WAITS] = limit / 2;
	c->quota.all[CHAN_THINGS] = THINGS_MAX;
	c->quota.each[CHAN_THINGS] = THINGS_MAX / 4;
	/* the other half is for those that a receiver gets just now */
	c->quota.all[CHAN_FILES] = files / 2 < FILES_MAX ? files / 2 : FILES_MAX;
	c->quota.each[CHAN_FILES] = c->quota.all[CHAN_FILES] / 4;
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { &daemon_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME",
		.doc = "Serve a scheme of connections between processes.",
		.children = children,
	};
	/* static: files may still be closing when this ends */
	static struct chand c = {
		.daemon = DAEMON_INIT, .buffer = BUFFER, .quota = QUOTA_INIT,
		.root = { .kind = NODE_ROOT },
	};
	unsigned int files;
	int err;

	c.daemon.one_queue = true;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	files = daemon_raise_files();
	if (daemon_begin(&c.daemon))
		return EXIT_FAILURE;
	err = daemon_create(&c.daemon, &chan_ops, sizeof(chan_ops), &c);
	if (!err) {
		set_limits(&c, files);
		err = daemon_serve(&c.daemon);
	}
	return daemon_end(&c.daemon, err);
}
