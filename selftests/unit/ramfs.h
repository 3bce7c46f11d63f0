/* SPDX-License-Identifier: MIT */
/* A file system of ramfsd's and somebody who makes requests, for its tests. */
#ifndef UNIT_RAMFS_H
#define UNIT_RAMFS_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_scheme.h"
#include "../../userspace/daemons/ramfsd/ops.h"

#define BLOCKS	16
#define LIMIT	(BLOCKS * 4096)
#define FILES	200

static struct fs fs;
static struct scheme scheme = { .user = &fs };
static struct scheme_req req;
static struct caller who;		/* makes the requests */

static const struct caller root, user = { 1000, 100 }, mate = { 1001, 100 },
			   stranger = { 2000, 200 };

static int set_up(void **state)
{
	(void)state;
	who = root;
	return fs_init(&fs, LIMIT, FILES, root, 0777);
}

static int tear_down(void **state)
{
	(void)state;
	fs_exit(&fs);
	return 0;
}

/* A new request; its answer comes with a call. */
static struct scheme_req *ask(void)
{
	req = (struct scheme_req){
		.scheme = &scheme, .memory = -1, .room = 64,
		.sqe = { .uid = who.uid, .gid = who.gid },
	};
	return &req;
}

static inline int64_t answer(void)
{
	assert_int_equal(req.answers, 1);
	return req.result;
}

#define CALL(op, ...)	(ramfs_ops.op(ask(), __VA_ARGS__), answer())

static inline int64_t do_open(const char *path, int flags, mode_t mode)
{
	return CALL(open, SCHEME_ROOT, path, flags, mode);
}

/* A file of this size, closed again. */
static inline void make_file(const char *path, mode_t mode)
{
	int64_t h = do_open(path, O_CREAT | O_EXCL | O_WRONLY, mode);

	assert_true(h > 0);
	ramfs_ops.close(&scheme, (uint64_t)h);
}

static inline int64_t make_dir(const char *path, mode_t mode)
{
	return CALL(mkdir, SCHEME_ROOT, path, mode);
}

static inline int64_t move_name(const char *from, const char *to, uint32_t flags)
{
	return CALL(rename, SCHEME_ROOT, from, SCHEME_ROOT, to, flags);
}

static inline int64_t make_link(const char *from, const char *to)
{
	return CALL(link, SCHEME_ROOT, from, SCHEME_ROOT, to);
}

static inline int64_t gone(const char *path)
{
	return CALL(unlink, SCHEME_ROOT, path, 0);
}

static inline int64_t gone_dir(const char *path)
{
	return CALL(unlink, SCHEME_ROOT, path, SCHEME_UNLINK_DIR);
}

static inline int64_t stat_at(uint64_t handle, const char *path, struct scheme_stat *st)
{
	int64_t ret = CALL(stat, handle, path);

	if (ret > 0)
		memcpy(st, req.bytes, sizeof(*st));
	return ret < 0 ? ret : 0;
}

static inline struct scheme_stat stat_of(const char *path)
{
	struct scheme_stat st;

	assert_int_equal(stat_at(SCHEME_ROOT, path, &st), 0);
	return st;
}

static inline int64_t put(uint64_t h, const char *text, uint64_t offset)
{
	return CALL(write, h, text, (uint32_t)strlen(text), offset);
}

/* What a file has from there on, up to 63 bytes. */
static inline const char *get(uint64_t h, uint64_t offset)
{
	static char text[64];
	int64_t n = CALL(read, h, text, 63, offset);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

/* f0, f1 … */
static inline void make_files(unsigned int from, unsigned int to)
{
	char name[16];

	for (unsigned int i = from; i < to; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		make_file(name, 0644);
	}
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif /* UNIT_RAMFS_H */
