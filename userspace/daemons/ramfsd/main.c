// SPDX-License-Identifier: MIT
/*
 * ramfsd - serve a file system that lives in memory
 *
 *	ramfsd NAME [--size 64M] [--files 100000]
 *	mount -t schemefs none /scheme; ls /scheme/NAME
 *
 * What it holds is gone when it ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "ops.h"

/* Names and objects, unless --files says otherwise. */
#define FILES_DEFAULT	65536
/* Descriptors that are not files' memory. */
#define FDS_OTHER	64

struct ramfsd {
	struct daemon	daemon;
	uint64_t	size, files;
	struct fs	fs;
};

/* ---- options -------------------------------------------------------------- */

static const struct argp_option ramfsd_options[] = {
	{ "size", 's', "BYTES", 0,
	  "Most that all files hold, such as 64M (half of the memory)", 1 },
	{ "files", 'n', "N", 0,
	  "Most files, directories and further names (64K)", 1 },
	{ 0 }
};

static void option_number(const char *text, uint64_t least, uint64_t *value,
			  struct argp_state *state)
{
	if (daemon_parse_size(text, value) || *value < least || *value > INT64_MAX)
		argp_error(state, "\"%s\" is not a number of at least %" PRIu64,
			   text, least);
}

static error_t ramfsd_parse(int key, char *arg, struct argp_state *state)
{
	struct ramfsd *r = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &r->daemon;
		return 0;
	case 's':
		option_number(arg, NODE_BLOCK, &r->size, state);
		return 0;
	case 'n':
		option_number(arg, 1, &r->files, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child ramfsd_children[] = {
	{ &daemon_argp, 0, NULL, 2 },
	{ 0 }
};

static const struct argp ramfsd_argp = {
	.options	= ramfsd_options,
	.parser		= ramfsd_parse,
	.doc		= "Serve a file system that lives in memory as the scheme NAME.",
	.children	= ramfsd_children,
};

/* ---- limits --------------------------------------------------------------- */

static uint64_t half_of_memory(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) / 2 *
	       (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Every file that holds something has a descriptor: more than the soft limit, and
 * as root more than the hard one, which may then reach the kernel's.
 */
static int raise_descriptors(uint64_t files)
{
	struct rlimit limit, more;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur >= files + FDS_OTHER)
		return 0;
	more.rlim_cur = more.rlim_max = files + FDS_OTHER;
	if (limit.rlim_max > more.rlim_max)
		more.rlim_max = limit.rlim_max;
	if (!setrlimit(RLIMIT_NOFILE, &more))
		return 0;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

/* ---- main ----------------------------------------------------------------- */

/* The root is as its node, with the right to search where there is another. */
static mode_t root_mode(mode_t node)
{
	if (!node)
		node = 0600;
	return node | (node & 0444) >> 2 | (node & 0222) >> 1;
}

static int ramfsd_serve(struct ramfsd *r)
{
	struct caller owner = { .uid = geteuid(), .gid = getegid() };
	int ret = raise_descriptors(r->files);

	if (!ret)
		ret = fs_init(&r->fs, r->size, r->files, owner,
			      root_mode(r->daemon.config.mode));
	if (ret) {
		daemon_say(ret, "cannot make a file system: lower --files");
		return daemon_end(&r->daemon, ret);
	}
	ret = daemon_create(&r->daemon, &ramfs_ops, sizeof(ramfs_ops), &r->fs);
	if (!ret)
		ret = daemon_serve(&r->daemon);
	ret = daemon_end(&r->daemon, ret);
	fs_exit(&r->fs);
	return ret;
}

int main(int argc, char **argv)
{
	struct ramfsd r = {
		.daemon = DAEMON_INIT,
		.size = half_of_memory(),
		.files = FILES_DEFAULT,
	};

	argp_parse(&ramfsd_argp, argc, argv, 0, NULL, &r);
	if (daemon_begin(&r.daemon))
		return 1;
	return ramfsd_serve(&r);
}
