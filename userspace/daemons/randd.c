// SPDX-License-Identifier: MIT
/*
 * randd - random bytes from the kernel
 *
 *	randd NAME
 *
 * The file is the scheme's node, and "rand" in its directory. What is written
 * to it is mixed into the kernel's pool, and counts for nothing there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "daemon.h"
#include "flat.h"

struct randd {
	struct daemon		daemon;
	struct flat_single	file;
	int			pool;		/* /dev/urandom, to write to */
};

static struct randd *randd_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

/* All of buf; the pool is ready, so this does not wait. */
static int64_t fill(uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = getrandom(buf + done, len - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return (int64_t)len;
}

static int64_t mix(const struct randd *r, const void *buf, size_t len)
{
	ssize_t n;

	do {
		n = write(r->pool, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* ---- the scheme ------------------------------------------------------------ */

static void rand_open(struct scheme_req *req, uint64_t dir, const char *path,
		      int flags, mode_t mode)
{
	int ret = flat_single_find(&randd_of(req)->file, dir == FLAT_FILE, path,
				   flags);

	(void)mode;
	if (ret < 0)
		scheme_reply(req, ret);
	else
		scheme_reply_open(req, ret, ret == FLAT_ROOT ?
				  SCHEME_CQE_F_POSITIONED : 0, 0);
}

static void rand_read(struct scheme_req *req, uint64_t handle, void *buf,
		      uint32_t len, uint64_t offset)
{
	(void)offset;
	scheme_reply(req, handle == FLAT_ROOT ? -EISDIR : fill(buf, len));
}

static void rand_write(struct scheme_req *req, uint64_t handle, const void *buf,
		       uint32_t len, uint64_t offset)
{
	(void)offset;
	scheme_reply(req, handle == FLAT_ROOT ? -EISDIR :
		     mix(randd_of(req), buf, len));
}

static void rand_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	flat_single_stat(req, &randd_of(req)->file, handle == FLAT_FILE, path);
}

static void rand_getdents(struct scheme_req *req, uint64_t handle,
			  uint64_t offset)
{
	(void)handle;
	flat_single_getdents(req, &randd_of(req)->file, offset);
}

static const struct scheme_ops rand_ops = {
	.open = rand_open,
	.read = rand_read,
	.write = rand_write,
	.stat = rand_stat,
	.getdents = rand_getdents,
	.ring = scheme_serve_ring,
};

/* ---- the program ----------------------------------------------------------- */

/* Wait here, and not in a request, until the kernel has gathered enough. */
static int open_pool(struct randd *r)
{
	uint8_t byte;
	int64_t ret = fill(&byte, 1);

	r->pool = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (ret > 0 && r->pool >= 0)
		return 0;
	daemon_say(ret > 0 ? errno : (int)ret, "cannot use the kernel's random bytes");
	return -EIO;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct randd *r = state->input;

	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = &r->daemon;
	return 0;
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { &daemon_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = {
		.parser = parse,
		.args_doc = "NAME",
		.doc = "Serve a scheme of random bytes.",
		.children = children,
	};
	struct randd r = { .daemon = DAEMON_INIT, .file = { .name = "rand" } };
	int err;

	argp_parse(&argp, argc, argv, 0, NULL, &r);
	flat_fixed(&r.file.flat, r.daemon.config.mode);
	if (daemon_begin(&r.daemon) || open_pool(&r))
		return EXIT_FAILURE;
	err = daemon_create(&r.daemon, &rand_ops, sizeof(rand_ops), &r);
	if (!err)
		err = daemon_serve(&r.daemon);
	return daemon_end(&r.daemon, err);
}
