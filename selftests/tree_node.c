// SPDX-License-Identifier: GPL-2.0
#include "tree_node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void tree_touch(struct node *n)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	n->mtime = n->ctime = now.tv_sec;
	n->mtime_nsec = n->ctime_nsec = (uint32_t)now.tv_nsec;
}

int tree_node_resize(struct node *n, uint64_t size)
{
	char *data;

	if (size > 64 << 20)
		return -EFBIG;
	if (size > n->size) {
		data = realloc(n->data, size);
		if (!data)
			return -ENOSPC;
		memset(data + n->size, 0, size - n->size);
		n->data = data;
	}
	n->size = size;
	tree_touch(n);
	return 0;
}

int tree_node_new(struct server *s, struct scheme_req *req, mode_t mode)
{
	for (unsigned int i = ROOT + 1; i < TREE_NODES; i++) {
		struct node *n = &s->node[i];

		if (n->generation & 1)
			continue;
		*n = (struct node){
			.generation = n->generation + 1,
			.mode = mode,
			.uid = scheme_req_sqe(req)->uid,
			.gid = scheme_req_sqe(req)->gid,
		};
		tree_touch(n);
		n->atime = n->mtime;
		return (int)i;
	}
	return -ENOSPC;
}

void tree_node_drop(struct node *n)
{
	if (n->nlink || n->handles)
		return;
	free(n->data);
	n->data = NULL;
	n->generation++;
}

struct name *tree_name_find(struct server *s, unsigned int dir,
			      const char *text, size_t len)
{
	for (unsigned int i = 0; i < 2 * TREE_NODES; i++)
		if (s->name[i].to && s->name[i].dir == dir &&
		    strlen(s->name[i].text) == len &&
		    !memcmp(s->name[i].text, text, len))
			return &s->name[i];
	return NULL;
}

int tree_name_add(struct server *s, unsigned int dir, const char *text,
		    unsigned int to)
{
	for (unsigned int i = 0; i < 2 * TREE_NODES; i++) {
		if (s->name[i].to)
			continue;
		s->name[i] = (struct name){ .dir = dir, .to = to };
		snprintf(s->name[i].text, NAME_BYTES, "%s", text);
		s->node[to].nlink++;
		if (S_ISDIR(s->node[to].mode))
			s->node[to].parent = dir;
		tree_touch(&s->node[dir]);
		return 0;
	}
	return -ENOSPC;
}

void tree_name_del(struct server *s, struct name *name)
{
	struct node *n = &s->node[name->to];

	tree_touch(&s->node[name->dir]);
	name->to = 0;
	n->nlink--;
	tree_node_drop(n);
}

bool tree_dir_empty(struct server *s, unsigned int dir)
{
	for (unsigned int i = 0; i < 2 * TREE_NODES; i++)
		if (s->name[i].to && s->name[i].dir == dir)
			return false;
	return true;
}

int tree_walk(struct server *s, uint64_t handle, const char *path,
		char last[NAME_BYTES])
{
	unsigned int at = handle == SCHEME_ROOT ? ROOT : s->handle[handle];
	struct name *name;
	size_t len;

	last[0] = '\0';
	while (*path) {
		len = strcspn(path, "/");
		if (len >= NAME_BYTES)
			return -ENAMETOOLONG;
		if (!S_ISDIR(s->node[at].mode))
			return -ENOTDIR;
		if (!path[len]) {
			memcpy(last, path, len + 1);
			return (int)at;
		}
		name = tree_name_find(s, at, path, len);
		if (!name)
			return -ENOENT;
		at = name->to;
		path += len + strspn(path + len, "/");
	}
	return (int)at;
}

int tree_find(struct server *s, struct scheme_req *req, uint64_t handle,
		const char *path)
{
	uint64_t ino = scheme_req_ino(req);
	char last[NAME_BYTES];
	struct name *name;
	int at = tree_walk(s, handle, path, last);

	if (at >= 0 && last[0]) {
		name = tree_name_find(s, (unsigned int)at, last, strlen(last));
		at = name ? (int)name->to : -ENOENT;
	}
	if (at >= 0 && ino && ino != (uint64_t)at)
		return -ESTALE;
	return at;
}

int tree_unlink(struct server *s, struct scheme_req *req, uint64_t dir,
		const char *path, bool is_dir)
{
	char last[NAME_BYTES];
	struct name *name;
	int at = tree_walk(s, dir, path, last);

	if (at < 0)
		return at;
	name = tree_name_find(s, (unsigned int)at, last, strlen(last));
	if (!name)
		return -ENOENT;
	if (scheme_req_ino(req) && scheme_req_ino(req) != name->to)
		return -ESTALE;
	if (is_dir != S_ISDIR(s->node[name->to].mode))
		return is_dir ? -ENOTDIR : -EISDIR;
	if (is_dir && !tree_dir_empty(s, name->to))
		return -ENOTEMPTY;
	tree_name_del(s, name);
	return 0;
}

/* Is `dir` inside `node`, or that itself? */
static bool inside(struct server *s, unsigned int dir, unsigned int node)
{
	while (dir != ROOT && dir != node)
		dir = s->node[dir].parent;
	return dir == node;
}

int tree_rename(struct server *s, struct scheme_req *req, uint64_t dir,
		const char *path, uint64_t dir2, const char *path2,
		uint32_t flags)
{
	char last[NAME_BYTES], last2[NAME_BYTES];
	struct name *name, *name2;
	int at = tree_walk(s, dir, path, last), at2 = tree_walk(s, dir2, path2, last2);
	unsigned int node;

	if (at < 0 || at2 < 0)
		return at < 0 ? at : at2;
	name = tree_name_find(s, (unsigned int)at, last, strlen(last));
	name2 = tree_name_find(s, (unsigned int)at2, last2, strlen(last2));
	if (!name || (flags & SCHEME_RENAME_EXCHANGE && !name2))
		return -ENOENT;
	if (scheme_req_ino(req) && scheme_req_ino(req) != name->to)
		return -ESTALE;
	if (name2 && flags & SCHEME_RENAME_NOREPLACE)
		return -EEXIST;
	if (inside(s, (unsigned int)at2, name->to))
		return -EINVAL;
	node = name->to;
	if (flags & SCHEME_RENAME_EXCHANGE) {
		name->to = name2->to;
		name2->to = node;
		return 0;
	}
	if (name2 && name2->to == node)
		return 0;
	if (name2 && S_ISDIR(s->node[name2->to].mode) && !tree_dir_empty(s, name2->to))
		return -ENOTEMPTY;
	if (name2)
		tree_name_del(s, name2);
	s->node[node].nlink++;
	tree_name_del(s, name);
	s->node[node].nlink--;
	return tree_name_add(s, (unsigned int)at2, last2, node);
}
