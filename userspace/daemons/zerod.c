// SPDX-License-Identifier: MIT
/*
 * zerod - zeros without end, as /dev/zero has them
 *
 *	zerod NAME [--map SIZE]
 *
 * The file is the scheme's node, and "zero" in its directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "flat.h"
#include "memfd.h"

/* Pages that are only read cost memory, too: all mappings share these. */
#define MAP_SIZE	(16U << 20)

struct zerod {
	struct daemon		daemon;
	struct flat_single	file;
	uint64_t		map_size;
	int			memory;		/* zeros to map; -1: none */
};

static struct zerod *zerod_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

/* ---- the scheme ------------------------------------------------------------ */

static void zero_open(struct scheme_req *req, uint64_t dir, const char *path,
		      int flags, mode_t mode)
{
	const struct zerod *z = zerod_of(req);
	int ret = flat_single_find(&z->file, dir == FLAT_FILE, path, flags);

	(void)mode;
	if (ret == FLAT_FILE && z->memory >= 0)
		if (scheme_req_attach_memory(req, z->memory, 0, z->map_size, 0))
			ret = -EIO;
	if (ret < 0)
		scheme_reply(req, ret);
	else
		scheme_reply_open(req, ret, SCHEME_CQE_F_POSITIONED, 0);
}

static void zero_read(struct scheme_req *req, uint64_t handle, void *buf,
		      uint32_t len, uint64_t offset)
{
	(void)offset;
	if (handle == FLAT_ROOT) {
		scheme_reply(req, -EISDIR);
		return;
	}
	memset(buf, 0, len);
	scheme_reply(req, len);
}

static void zero_write(struct scheme_req *req, uint64_t handle, const void *buf,
		       uint32_t len, uint64_t offset)
{
	(void)buf, (void)offset;
	scheme_reply(req, handle == FLAT_ROOT ? -EISDIR : (int64_t)len);
}

/* Memory came with the open. Only private mappings may write. */
static void zero_mmap_prep(struct scheme_req *req, uint64_t handle,
			   uint64_t offset, uint64_t size, unsigned int flags)
{
	const struct zerod *z = zerod_of(req);

	if (handle == FLAT_ROOT || z->memory < 0)
		scheme_reply(req, -ENODEV);
	else if (flags & SCHEME_MAP_WRITE)
		scheme_reply(req, -EACCES);
	else if (size > z->map_size || offset > z->map_size - size)
		scheme_reply(req, -ERANGE);
	else
		scheme_reply(req, 0);
}

static void zero_fsize(struct scheme_req *req, uint64_t handle)
{
	(void)handle;
	scheme_reply(req, 0);
}

static void zero_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	(void)handle, (void)data_only;
	scheme_reply(req, 0);
}

static void zero_truncate(struct scheme_req *req, uint64_t handle,
			  const char *path, uint64_t size)
{
	int ret = flat_single_find(&zerod_of(req)->file, handle == FLAT_FILE,
				   path, O_WRONLY);

	(void)size;
	scheme_reply(req, ret < 0 ? ret : 0);
}

static void zero_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	flat_single_stat(req, &zerod_of(req)->file, handle == FLAT_FILE, path);
}

static void zero_getdents(struct scheme_req *req, uint64_t handle,
			  uint64_t offset)
{
	(void)handle;
	flat_single_getdents(req, &zerod_of(req)->file, offset);
}

static const struct scheme_ops zero_ops = {
	.open = zero_open,
	.read = zero_read,
	.write = zero_write,
	.fsize = zero_fsize,
	.fsync = zero_fsync,
	.mmap_prep = zero_mmap_prep,
	.stat = zero_stat,
	.truncate = zero_truncate,
	.getdents = zero_getdents,
	.ring = scheme_serve_ring,
};

/* ---- the program ----------------------------------------------------------- */

static int make_memory(struct zerod *z)
{
	int err = 0;

	z->memory = -1;
	if (!z->map_size)
		return 0;
	z->memory = memfd_new("zeros");
	if (z->memory < 0)
		err = z->memory;
	else if (ftruncate(z->memory, (off_t)z->map_size))
		err = errno;
	if (!err)
		return 0;
	daemon_say(err, "no memory for --map: lower it");
	return -ENOMEM;
}

static const struct argp_option options[] = {
	{ "map", 'm', "SIZE", 0, "zeros that can be mapped (16M); 0: none", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct zerod *z = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &z->daemon;
		return 0;
	case 'm':
		if (daemon_parse_size(arg, &z->map_size) ||
		    z->map_size > INT64_MAX)
			argp_error(state, "--map: not a size: %s", arg);
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
		.doc = "Serve a scheme of zeros.",
		.children = children,
	};
	struct zerod z = {
		.daemon = DAEMON_INIT,
		.file = { .name = "zero" },
		.map_size = MAP_SIZE,
	};
	int err;

	argp_parse(&argp, argc, argv, 0, NULL, &z);
	flat_fixed(&z.file.flat, z.daemon.config.mode);
	if (daemon_begin(&z.daemon) || make_memory(&z))
		return EXIT_FAILURE;
	err = daemon_create(&z.daemon, &zero_ops, sizeof(zero_ops), &z);
	if (!err)
		err = daemon_serve(&z.daemon);
	return daemon_end(&z.daemon, err);
}
