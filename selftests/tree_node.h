/* SPDX-License-Identifier: GPL-2.0 */
/* The objects and names of a tree, for its operations in tree.c. */
#ifndef SELFTESTS_TREE_NODE_H
#define SELFTESTS_TREE_NODE_H

#include "tree.h"

#define NAME_BYTES	256
#define ROOT		1

/* By number; 1 is the root. */
struct node {
	uint64_t	generation;	/* odd: in use */
	mode_t		mode;
	uid_t		uid;
	gid_t		gid;
	unsigned int	nlink, handles;
	int64_t		atime, mtime, ctime;
	uint32_t	atime_nsec, mtime_nsec, ctime_nsec;
	size_t		size;
	char		*data;
	unsigned int	parent;		/* of a directory */
};

/* A name; free while to is 0. An entry's place is its offset, less one. */
struct name {
	unsigned int	dir, to;
	char		text[NAME_BYTES];
};

struct server {
	struct tree_state	*state;
	struct node		node[TREE_NODES];
	struct name		name[2 * TREE_NODES];
	unsigned int		handle[TREE_HANDLES];	/* node; 0: free */
};

void tree_touch(struct node *n);
/* A new object of the request's caller, without a name; its number or -errno. */
int tree_node_new(struct server *s, struct scheme_req *req, mode_t mode);
/* New bytes are zeros; 0 or -errno. */
int tree_node_resize(struct node *n, uint64_t size);
/* Free an object that nobody names or has open. */
void tree_node_drop(struct node *n);
struct name *tree_name_find(struct server *s, unsigned int dir,
			    const char *text, size_t len);
int tree_name_add(struct server *s, unsigned int dir, const char *text,
		  unsigned int to);
void tree_name_del(struct server *s, struct name *name);
bool tree_dir_empty(struct server *s, unsigned int dir);
/*
 * Walk to the directory of the last component, which goes to *last (empty: the
 * directory itself); its number, or -errno.
 */
int tree_walk(struct server *s, uint64_t handle, const char *path,
	      char last[NAME_BYTES]);
/* The object that handle and path name, or -errno. */
int tree_find(struct server *s, struct scheme_req *req, uint64_t handle,
	      const char *path);
int tree_unlink(struct server *s, struct scheme_req *req, uint64_t dir,
		const char *path, bool is_dir);
int tree_rename(struct server *s, struct scheme_req *req, uint64_t dir,
		const char *path, uint64_t dir2, const char *path2,
		uint32_t flags);

#endif /* SELFTESTS_TREE_NODE_H */
