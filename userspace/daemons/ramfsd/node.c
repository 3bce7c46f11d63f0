// SPDX-License-Identifier: MIT
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memfd.h"

/* ---- how much there may be ------------------------------------------------ */

static uint64_t whole_blocks(uint64_t size)
{
	return (size + NODE_BLOCK - 1) / NODE_BLOCK * NODE_BLOCK;
}

/* A size becomes another one: what is used follows, if there is as much. */
static int fs_charge(struct fs *fs, uint64_t from, uint64_t to)
{
	from = whole_blocks(from);
	to = whole_blocks(to);
	if (to > from && to - from > fs->limit - fs->used)
		return -ENOSPC;
	fs->used += to - from;
	return 0;
}

int fs_take_file(struct fs *fs)
{
	if (fs->files == fs->max_files)
		return -ENOSPC;
	fs->files++;
	return 0;
}

void fs_give_file(struct fs *fs)
{
	fs->files--;
}

/* ---- coming and going ----------------------------------------------------- */

int fs_init(struct fs *fs, uint64_t limit, uint64_t max_files,
	    struct caller owner, mode_t mode)
{
	int err;

	*fs = (struct fs){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.limit = limit / NODE_BLOCK * NODE_BLOCK,
		.max_files = max_files,
	};
	fs->root = node_new(fs, owner, S_IFDIR | mode, &err);
	if (!fs->root)
		return err;
	fs->root->nlink = 2;
	return 0;
}

static void node_free(struct node *n)
{
	dir_free(&n->dir);
	if (n->memory >= 0)
		close(n->memory);
	free(n->target);
	free(n);
}

void fs_exit(struct fs *fs)
{
	struct node *n;

	/* names first: they hold on to what they stand for */
	for (uint64_t i = 1; i <= fs->nodes.nr; i++) {
		n = table_get(&fs->nodes, i);
		while (n && n->dir.nr)
			dir_del(dir_behind(n, 0));
	}
	for (uint64_t i = 1; i <= fs->nodes.nr; i++) {
		n = table_get(&fs->nodes, i);
		if (n)
			node_free(n);
	}
	for (uint64_t i = 1; i <= fs->handles.nr; i++)
		free(table_get(&fs->handles, i));
	table_free(&fs->nodes);
	table_free(&fs->handles);
}

struct node *node_new(struct fs *fs, struct caller c, mode_t mode, int *err)
{
	struct node *n;

	*err = fs_take_file(fs);
	if (*err)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (n)
		n->ino = table_add(&fs->nodes, n);
	if (!n || !n->ino) {
		free(n);
		fs_give_file(fs);
		*err = -ENOMEM;
		return NULL;
	}
	n->generation = ++fs->generation;
	n->mode = mode;
	n->uid = c.uid;
	n->gid = c.gid;
	n->memory = -1;
	node_touch(n);
	n->atime = n->mtime;
	return n;
}

void node_drop(struct fs *fs, struct node *n)
{
	if (n->nlink || n->opens)
		return;
	fs_charge(fs, n->size, 0);
	fs_give_file(fs);
	table_del(&fs->nodes, n->ino);
	node_free(n);
}

struct node *node_parent(struct node *n)
{
	return n->names ? n->names->dir : n;
}

/* ---- rights --------------------------------------------------------------- */

bool node_may(const struct node *n, struct caller c, unsigned int want)
{
	unsigned int may = n->mode & 7;

	if (!c.uid)
		return !(want & MAY_SEARCH) || S_ISDIR(n->mode) ||
		       n->mode & 0111;
	if (c.uid == n->uid)
		may = n->mode >> 6 & 7;
	else if (c.gid == n->gid)
		may = n->mode >> 3 & 7;
	return !(want & ~may);
}

bool node_owned(const struct node *n, struct caller c)
{
	return !c.uid || c.uid == n->uid;
}

void node_drop_ids(struct node *n, struct caller c)
{
	if (!c.uid || !S_ISREG(n->mode))
		return;
	n->mode &= ~S_ISUID;
	if (n->mode & S_IXGRP)
		n->mode &= ~S_ISGID;
}

/* ---- times ---------------------------------------------------------------- */

void node_changed(struct node *n)
{
	clock_gettime(CLOCK_REALTIME, &n->ctime);
}

void node_touch(struct node *n)
{
	node_changed(n);
	n->mtime = n->ctime;
}

static bool older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec <= b->tv_nsec);
}

/* As relatime: once after each change, and once a day. */
void node_accessed(struct node *n)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (older(&n->atime, &n->mtime) || older(&n->atime, &n->ctime) ||
	    now.tv_sec - n->atime.tv_sec >= 24L * 60 * 60)
		n->atime = now;
}

/* ---- bytes ---------------------------------------------------------------- */

int node_memory(struct node *n)
{
	int fd;

	if (n->memory >= 0)
		return n->memory;
	fd = memfd_new("ramfsd");
	/* our descriptors are no concern of the caller's */
	if (fd < 0)
		return fd == -EMFILE ? -ENOSPC : fd;
	n->memory = fd;
	return fd;
}

/*
 * Who maps the file may have written to its last page behind its end. Those
 * bytes must not show when it grows.
 */
static int clear_tail(const struct node *n)
{
	uint64_t end = whole_blocks(n->size);

	if (!n->shared || end == n->size)
		return 0;
	return fallocate(n->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)n->size, (off_t)(end - n->size)) ? -errno : 0;
}

static int set_size(struct node *n, uint64_t size)
{
	int ret;

	if (size == n->size)
		return 0;
	ret = node_memory(n);
	if (ret >= 0)
		ret = size > n->size ? clear_tail(n) : 0;
	if (!ret && ftruncate(n->memory, (off_t)size))
		ret = -errno;
	return ret;
}

int node_resize(struct fs *fs, struct node *n, uint64_t size)
{
	int ret;

	if (size > INT64_MAX)
		return -EFBIG;
	ret = fs_charge(fs, n->size, size);
	if (ret)
		return ret;
	ret = set_size(n, size);
	if (ret)
		fs_charge(fs, size, n->size);
	else
		n->size = size;
	return ret;
}

int64_t node_read(const struct node *n, void *buf, uint32_t len, uint64_t offset)
{
	ssize_t done;

	if (offset >= n->size || !len)
		return 0;
	if (len > n->size - offset)
		len = (uint32_t)(n->size - offset);
	done = pread(n->memory, buf, len, (off_t)offset);
	return done < 0 ? -errno : done;
}

/* As much of len as there is room for. */
static uint32_t fitting(const struct fs *fs, const struct node *n, uint32_t len,
			uint64_t offset)
{
	uint64_t end = whole_blocks(n->size) + fs->limit - fs->used;

	if (offset >= end)
		return 0;
	return len > end - offset ? (uint32_t)(end - offset) : len;
}

int64_t node_write(struct fs *fs, struct node *n, const void *buf, uint32_t len,
		   uint64_t offset)
{
	uint64_t before = n->size, end;
	ssize_t done;
	int ret;

	if (!len)
		return 0;
	if (offset > (uint64_t)INT64_MAX - len)
		return -EFBIG;
	len = fitting(fs, n, len, offset);
	if (!len)
		return -ENOSPC;
	if (offset + len > before) {
		ret = node_resize(fs, n, offset + len);
		if (ret)
			return ret;
	}
	done = pwrite(n->memory, buf, len, (off_t)offset);
	if (done < 0)
		done = -errno;
	/* the machine has no more memory */
	end = done > 0 ? offset + (uint64_t)done : 0;
	if (n->size > before && end < n->size)
		node_resize(fs, n, end > before ? end : before);
	return done;
}

int node_set_target(struct fs *fs, struct node *n, const char *target)
{
	uint64_t size = strlen(target);
	int ret = fs_charge(fs, 0, size);

	if (ret)
		return ret;
	n->target = strdup(target);
	if (!n->target) {
		fs_charge(fs, size, 0);
		return -ENOMEM;
	}
	n->size = size;
	return 0;
}

uint64_t node_blocks(const struct node *n)
{
	struct stat st;

	if (n->target)
		return whole_blocks(n->size) / 512;
	return n->memory >= 0 && !fstat(n->memory, &st) ? (uint64_t)st.st_blocks : 0;
}
