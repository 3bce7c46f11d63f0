/* SPDX-License-Identifier: MIT */
/*
 * What happens to names: walking along them, making, moving and removing them,
 * as far as the caller may. All of it returns 0 or -errno.
 */
#ifndef RAMFSD_NAME_H
#define RAMFSD_NAME_H

#include "node.h"

/* Where a path leads. */
struct place {
	struct node	*dir;	/* that has the last name; NULL: there is none, or dots */
	const char	*name;	/* the last one, in the path */
	size_t		len;
	struct entry	*entry;	/* it, in dir; NULL: there is nothing of that name */
	struct node	*node;	/* what it stands for, or NULL */
	bool		slash;	/* behind it: a directory is meant */
};

/*
 * Walk from a node. Links are not followed; one in the middle is not a directory.
 * What has no name is found only if all that comes before it is there.
 */
int name_walk(struct caller c, struct node *from, const char *path,
	      struct place *p);
/* The same, to what must be there. ino: it must have this number, or -ESTALE; 0: any. */
int name_find(struct caller c, struct node *from, const char *path,
	      uint64_t ino, struct place *p);

/* A new object of this mode, at a place where nothing is; NULL: *err says why. */
struct node *name_make(struct fs *fs, struct caller c, const struct place *p,
		       mode_t mode, int *err);
int name_symlink(struct fs *fs, struct caller c, const struct place *p,
		 const char *target);
int name_link(struct fs *fs, struct caller c, struct node *n,
	      const struct place *p);
int name_unlink(struct fs *fs, struct caller c, const struct place *p,
		bool is_dir);
/* flags: SCHEME_RENAME_* */
int name_rename(struct fs *fs, struct caller c, const struct place *from,
		const struct place *to, uint32_t flags);
/* The path from the root, at the end of buf; where it starts goes to *path. */
int name_path(const struct fs *fs, const struct node *n, char *buf, size_t size,
	      const char **path);

#endif /* RAMFSD_NAME_H */
