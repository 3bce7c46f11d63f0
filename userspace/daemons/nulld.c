// SPDX-License-Identifier: MIT
/*
 * nulld: a scheme that swallows writes and answers reads with zeros, for tests
 * and for measuring everything but the provider.
 *
 * A slot is zeroed once, by the module. What a client then puts there, by a
 * write, a path or a call, makes its beginning dirty, and a read wipes only
 * that. So a read that follows reads touches no memory.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon.h"

enum {
	OPT_STREAM = 's',
};

struct nulld {
	struct daemon	daemon;
	bool		stream;
	unsigned int	queues;
	uint32_t	**dirty;	/* [queue][slot]: bytes; the queue's thread */
};

/* ---- dirty slots ---------------------------------------------------------- */

static uint32_t *dirty_of(const struct scheme_req *req)
{
	const struct nulld *n = scheme_user(scheme_req_scheme(req));
	const struct scheme_sqe *sqe = scheme_req_sqe(req);

	return &n->dirty[scheme_queue_index(scheme_req_queue(req))]
			[(uint32_t)sqe->user_data];
}

/* The request brought a payload, which the library may have ended with a NUL. */
static void soil(const struct scheme_req *req)
{
	uint32_t *dirty = dirty_of(req);

	if (scheme_req_sqe(req)->len > *dirty)
		*dirty = scheme_req_sqe(req)->len;
}

static void wipe(const struct scheme_req *req, void *buf, uint32_t len)
{
	uint32_t *dirty = dirty_of(req);

	if (!*dirty)
		return;
	if (len < *dirty) {
		memset(buf, 0, len);
	} else {
		memset(buf, 0, *dirty);
		*dirty = 0;
	}
}

static bool alloc_dirty(struct nulld *n)
{
	struct scheme *s = n->daemon.scheme;

	n->queues = scheme_queues(s);
	n->dirty = calloc(n->queues, sizeof(*n->dirty));
	for (unsigned int i = 0; n->dirty && i < n->queues; i++) {
		n->dirty[i] = calloc(scheme_queue_depth(scheme_queue(s, i)),
				     sizeof(**n->dirty));
		if (!n->dirty[i])
			return false;
	}
	return n->dirty;
}

static void free_dirty(struct nulld *n)
{
	for (unsigned int i = 0; n->dirty && i < n->queues; i++)
		free(n->dirty[i]);
	free(n->dirty);
}

/* ---- the scheme ----------------------------------------------------------- */

static void reply_open(struct scheme_req *req)
{
	const struct nulld *n = scheme_user(scheme_req_scheme(req));

	soil(req);
	scheme_reply_open(req, 0, n->stream ? 0 : SCHEME_CQE_F_POSITIONED, 0);
}

static void null_open(struct scheme_req *req, uint64_t dir, const char *path,
		      int flags, mode_t mode)
{
	(void)dir, (void)path, (void)flags, (void)mode;
	reply_open(req);
}

static void null_dup(struct scheme_req *req, uint64_t handle, const char *name)
{
	(void)handle, (void)name;
	reply_open(req);
}

static void null_read(struct scheme_req *req, uint64_t handle, void *buf,
		      uint32_t len, uint64_t offset)
{
	(void)handle, (void)offset;
	wipe(req, buf, len);
	scheme_reply(req, len);
}

static void null_write(struct scheme_req *req, uint64_t handle, const void *buf,
		       uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)offset;
	soil(req);
	scheme_reply(req, len);
}

/* The answer is as many zeros as there is room for. */
static void null_call(struct scheme_req *req, uint64_t handle,
		      const uint64_t word[3], const void *in, uint32_t in_len,
		      void *out, uint32_t out_len)
{
	(void)handle, (void)word, (void)in, (void)in_len;
	soil(req);
	wipe(req, out, out_len);
	scheme_reply_call(req, 0, out_len);
}

static void null_fsize(struct scheme_req *req, uint64_t handle)
{
	(void)handle;
	scheme_reply(req, 0);
}

static void null_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	(void)handle, (void)data_only;
	scheme_reply(req, 0);
}

/* Every operation that brings a payload is here, so that none goes unseen. */
static const struct scheme_ops null_ops = {
	.open = null_open,
	.dup = null_dup,
	.read = null_read,
	.write = null_write,
	.call = null_call,
	.fsize = null_fsize,
	.fsync = null_fsync,
};

/* ---- the program ---------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "stream", OPT_STREAM, NULL, 0, "files without a position", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct nulld *n = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &n->daemon;
		return 0;
	case OPT_STREAM:
		n->stream = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int run(struct nulld *n)
{
	if (alloc_dirty(n))
		return daemon_serve(&n->daemon);
	daemon_say(0, "not enough memory");
	return -1;
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { &daemon_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME",
		.doc = "Serve a scheme that swallows writes and reads as zeros.",
		.children = children,
	};
	struct nulld n = { .daemon = DAEMON_INIT };
	int err;

	argp_parse(&argp, argc, argv, 0, NULL, &n);
	if (daemon_begin(&n.daemon))
		return EXIT_FAILURE;
	err = daemon_create(&n.daemon, &null_ops, sizeof(null_ops), &n);
	if (!err)
		err = run(&n);
	err = daemon_end(&n.daemon, err);
	free_dirty(&n);
	return err;
}
