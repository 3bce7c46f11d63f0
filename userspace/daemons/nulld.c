// SPDX-License-Identifier: MIT
/*
 * nulld: a scheme that swallows writes and answers reads with zeros, for tests
 * and for measuring everything but the provider.
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
};

/* ---- the scheme ----------------------------------------------------------- */

static void reply_open(struct scheme_req *req)
{
	const struct nulld *n = scheme_user(scheme_req_scheme(req));

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
	memset(buf, 0, len);
	scheme_reply(req, len);
}

static void null_write(struct scheme_req *req, uint64_t handle, const void *buf,
		       uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)offset;
	scheme_reply(req, len);
}

/* The answer is as many zeros as there is room for. */
static void null_call(struct scheme_req *req, uint64_t handle,
		      const uint64_t word[3], const void *in, uint32_t in_len,
		      void *out, uint32_t out_len)
{
	(void)handle, (void)word, (void)in, (void)in_len;
	memset(out, 0, out_len);
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
	.ring = scheme_serve_ring,
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
		err = daemon_serve(&n.daemon);
	return daemon_end(&n.daemon, err);
}
