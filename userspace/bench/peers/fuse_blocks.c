// SPDX-License-Identifier: MIT
/*
 * fuse_blocks: the other side of bench_ring's reads through FUSE: a file system by libfuse,
 * of one thread, with one file, "blocks", that is read past the page cache.
 *
 * usage: fuse_blocks DIRECTORY made|had; says "ready" when it is mounted there.
 */
#define FUSE_USE_VERSION 34

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <fuse_lowlevel.h>

#include "../ring/blocks.h"

#define FILE_INO	2
#define FILE_NAME	"blocks"

/* Reads without a waiting thread count as background; by itself twelve are let through. */
#define BACKGROUND	256

static bool attributes(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_nlink = 1;
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0700 : S_IFREG | 0600;
	st->st_size = ino == FUSE_ROOT_ID ? 0 : BLOCKS_SIZE;
	return ino == FUSE_ROOT_ID || ino == FILE_INO;
}

static void on_init(void *user, struct fuse_conn_info *conn)
{
	(void)user;
	conn->max_background = BACKGROUND;
	conn->congestion_threshold = BACKGROUND;
}

static void on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct fuse_entry_param entry = {
		.ino = FILE_INO, .attr_timeout = 3600, .entry_timeout = 3600,
	};

	if (dir != FUSE_ROOT_ID || strcmp(name, FILE_NAME) != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	attributes(FILE_INO, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (attributes(ino, &st))
		fuse_reply_attr(req, &st, 3600);
	else
		fuse_reply_err(req, ENOENT);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1;
	fuse_reply_open(req, fi);
}

static bool makes;

/* Made anew, in the buffer of the one thread; or what it has, of which it makes no copy. */
static const void *answer(uint64_t offset, size_t size)
{
	static uint64_t made[BLOCKS_SIZE / sizeof(uint64_t)];

	if (!makes)
		return blocks_at(offset, size);
	return size <= sizeof(made) && blocks_read(made, offset, size, MADE) ? made : NULL;
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	const char *from = answer((uint64_t)off, size);

	(void)ino;
	(void)fi;
	if (from)
		fuse_reply_buf(req, from, size);
	else
		fuse_reply_err(req, EINVAL);
}

static const struct fuse_lowlevel_ops ops = {
	.init = on_init,
	.lookup = on_lookup,
	.getattr = on_getattr,
	.open = on_open,
	.read = on_read,
};

static int serve(struct fuse_session *se, const char *dir)
{
	int ret;

	if (fuse_session_mount(se, dir))
		return -1;
	puts("ready");
	fflush(stdout);
	ret = fuse_session_loop(se);
	fuse_session_unmount(se);
	return ret;
}

int main(int argc, char **argv)
{
	char *words[] = { argv[0], NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, words);
	struct fuse_session *se;
	int ret;

	makes = argc == 3 && !strcmp(argv[2], "made");
	if (argc != 3 || (!makes && strcmp(argv[2], "had") != 0)) {
		fprintf(stderr, "usage: fuse_blocks DIRECTORY made|had\n");
		return 2;
	}
	blocks_init();
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!se)
		return 1;
	ret = serve(se, argv[1]);
	fuse_session_destroy(se);
	return ret ? 1 : 0;
}
