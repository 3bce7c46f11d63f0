/* SPDX-License-Identifier: MIT */
/*
 * The objects of the file system: who owns them, what they hold, how much of
 * all that there may be. Everything here is called with the lock held.
 *
 * A file's bytes are in a memfd of its own, whose size is the file's, so that
 * clients can map it. It is made when it is needed first.
 */
#ifndef RAMFSD_NODE_H
#define RAMFSD_NODE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "dir.h"
#include "table.h"

#define NODE_NAME_MAX	255
#define NODE_LINK_MAX	65000
/* What is used is counted in these. */
#define NODE_BLOCK	4096U

enum { MAY_SEARCH = 1, MAY_WRITE = 2, MAY_READ = 4 };

/* On whose behalf. */
struct caller {
	uid_t		uid;
	gid_t		gid;
};

struct node {
	uint64_t	ino, generation;
	mode_t		mode;
	uid_t		uid;
	gid_t		gid;
	unsigned int	nlink;		/* 0: gone, but open */
	unsigned int	opens;
	struct timespec	atime, mtime, ctime;
	struct entry	*names;		/* one, of a directory; the root has none */
	uint64_t	size;		/* of a file, or of a link's target */
	int		memory;		/* a file's memfd; -1: none yet */
	bool		shared;		/* a client may have mapped it writable */
	char		*target;	/* of a link */
	struct dir	dir;
};

struct fs {
	pthread_mutex_t	lock;
	uint64_t	limit, used;	/* bytes, whole blocks */
	/* as many names as objects may be had; an object without one counts */
	uint64_t	max_files, files;
	uint64_t	generation;	/* given last */
	struct table	nodes, handles;
	struct node	*root;
};

/*
 * A new file system with a root of this owner and mode; 0 or -errno. limit and
 * max_files: not 0.
 */
int fs_init(struct fs *fs, uint64_t limit, uint64_t max_files,
	    struct caller owner, mode_t mode);
void fs_exit(struct fs *fs);
/* One more name or object; -ENOSPC: there are enough. */
int fs_take_file(struct fs *fs);
void fs_give_file(struct fs *fs);

/* A new object of the caller's, without a name; NULL: *err says why. */
struct node *node_new(struct fs *fs, struct caller c, mode_t mode, int *err);
/* Free it, unless it has a name or is open. */
void node_drop(struct fs *fs, struct node *n);
/* May the caller? want: MAY_* bits, all of them. */
bool node_may(const struct node *n, struct caller c, unsigned int want);
/* Is it the caller's to change? */
bool node_owned(const struct node *n, struct caller c);
/* The directory that a directory is in; the root's, and that of one that is gone: itself. */
struct node *node_parent(struct node *n);

/* Bytes or names have changed. */
void node_touch(struct node *n);
/* The object has changed, not what it holds. */
void node_changed(struct node *n);
void node_accessed(struct node *n);
/* Whoever writes to a file takes its set-id bits away. */
void node_drop_ids(struct node *n, struct caller c);

/* 0 or -errno: -ENOSPC, -EFBIG. */
int node_resize(struct fs *fs, struct node *n, uint64_t size);
/* Bytes or -errno. */
int64_t node_read(const struct node *n, void *buf, uint32_t len, uint64_t offset);
int64_t node_write(struct fs *fs, struct node *n, const void *buf, uint32_t len,
		   uint64_t offset);
/* Set a link's target. */
int node_set_target(struct fs *fs, struct node *n, const char *target);
/* The file's memory, which is made if there is none; fd or -errno. */
int node_memory(struct node *n);
/* Blocks of 512 bytes that are there. */
uint64_t node_blocks(const struct node *n);

#endif /* RAMFSD_NODE_H */
