/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of those whose calls are on schemefs, and on the same objects by
 * descriptor. What a call that fails was to change is as before, but for one
 * thing: a file may have been made that could not be opened.
 */
#ifndef SELFTESTS_FAILNTH_FS_H
#define SELFTESTS_FAILNTH_FS_H

#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <scheme.h>

#include "../harness.h"
#include "../inject.h"
#include "../tree.h"
#include "../uring.h"

#define NAME	"test-failnth-fs"
#define NODE	NODE_DIR "/" NAME
#define MNT	"/tmp/failnth_fs.mnt"
#define MNT2	"/tmp/failnth_fs.mnt2"
#define TOP	MNT "/" NAME
#define BYTES	12345

FIXTURE(failnth) {
	struct inject inject;
	struct tree t;
	int file;			/* TOP/file, of BYTES bytes */
	int dir;			/* TOP */
	int node;			/* for ioctl only: paths from the root */
	int node_dir;			/* its root directory */
	char buf[2 * BYTES];
	unsigned int nr;		/* the last name nobody has looked up */
	/* of one call */
	char path[128];
	struct stat st;
	struct scheme_request r;
	struct io_uring ring;
};

#include "failnth.h"

/* Open all the time: a file, and two directories. */
#define OPEN	3

/* The provider has no handle and no request more than before, nor has the kernel. */
static bool usable(env_t *env)
{
	return pread(env->file, env->buf, 1, 0) == 1 &&
	       wait_until(__atomic_load_n(&env->t.state->open,
					  __ATOMIC_RELAXED) == OPEN) &&
	       wait_until(scheme_attr(NAME, "handles") == OPEN) &&
	       !scheme_attr(NAME, "in_flight") && !scheme_attr(NAME, "refused") &&
	       !scheme_attr(NAME, "bad_results");
}

FIXTURE_SETUP(failnth)
{
	int ret = inject_begin(&self->inject);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	umask(022);
	ASSERT_EQ(0, tree_start_thread(&self->t, NAME));
	mkdir(MNT, 0755);
	mkdir(MNT2, 0755);
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, NULL));
	self->file = open(TOP "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(BYTES, write(self->file, self->buf, BYTES));
	ASSERT_EQ(0, symlink("file", TOP "/symlink"));
	self->dir = open(TOP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->dir);
	self->node = open(NODE, O_ACCMODE | O_CLOEXEC);
	ASSERT_LE(0, self->node);
	self->node_dir = scheme_openat(self->node, "", O_RDONLY | O_CLOEXEC, 0);
	ASSERT_LE(0, self->node_dir);
}

FIXTURE_TEARDOWN(failnth)
{
	close(self->node_dir);
	close(self->node);
	close(self->dir);
	close(self->file);
	EXPECT_EQ(0, umount(MNT));
	tree_stop(&self->t);
	inject_end(&self->inject);
}

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

/* Something is there exactly if the call went well; then no more. */
static inline int tidy_made(const char *path, long result)
{
	if (exists(path) != (result >= 0))
		return -EBADMSG;
	return result < 0 ? 0 : remove(path);
}

/* The contrary: it has gone if the call went well. */
static inline int tidy_removed(const char *path, long result)
{
	if (exists(path) != (result < 0))
		return -EBADMSG;
	return result < 0 ? remove(path) : 0;
}

static int make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : close(fd);
}

/* Of TOP/old, to TOP/made. */
static inline int tidy_rename(env_t *env, long result)
{
	int ret = tidy_made(TOP "/made", result);

	(void)env;
	return ret ?: tidy_removed(TOP "/old", result);
}

#endif /* SELFTESTS_FAILNTH_FS_H */
