/* SPDX-License-Identifier: MIT */
/*
 * What schemes without directories share: a root that lists names, and things
 * with an owner and a mode.
 *
 * The path "" is the root where O_DIRECTORY asks for one, or schemefs for what
 * it is; otherwise it is the daemon's to say what that opens.
 */
#ifndef FLAT_H
#define FLAT_H

#include <stdbool.h>

#include <scheme.h>

/* A thing, as STAT tells of it. */
struct flat {
	mode_t		mode;		/* type too */
	uid_t		uid;
	gid_t		gid;
	uint64_t	ino;		/* above SCHEME_INO_ROOT */
	uint64_t	size;
	int64_t		born;		/* seconds */
};

/* A thing of the caller's, made now, with a number of its own. */
void flat_new(struct flat *f, const struct scheme_req *req, mode_t mode);
/*
 * The daemon's own stream, with the first number; for schemes that make none. It
 * has the mode of the scheme's node, 0 is 0600: who may not open that for reading
 * may not read by way of schemefs either.
 */
void flat_fixed(struct flat *f, mode_t node_mode);
/*
 * May the caller open it with these flags of open(2)? 0 or -EACCES. Of groups
 * a request tells the effective one only.
 */
int flat_may_open(const struct flat *f, const struct scheme_req *req, int flags);
/* May the caller remove it, or change its mode? 0 or -EPERM. */
int flat_may_change(const struct flat *f, const struct scheme_req *req);
/* 0 for one name without a slash; -EINVAL, -ENAMETOOLONG. */
int flat_check_name(const char *name);

void flat_reply_stat(struct scheme_req *req, const struct flat *f);
/* The root: everybody may look. */
void flat_reply_root(struct scheme_req *req);

/* ---- schemes of one file --------------------------------------------------- */

/* It can be opened as "" and by a name; NULL is any name. */
struct flat_single {
	const char	*name;
	struct flat	flat;
};

/* Handles of such a scheme, unless the daemon has others for the file. */
enum { FLAT_FILE = 1, FLAT_ROOT = 2 };

/* The one of them that an open opens, or -errno. is_file: what dir is. */
int flat_single_find(const struct flat_single *s, bool is_file, const char *path,
		     int flags);
void flat_single_stat(struct scheme_req *req, const struct flat_single *s,
		      bool is_file, const char *path);
void flat_single_getdents(struct scheme_req *req, const struct flat_single *s,
			  uint64_t offset);

#endif /* FLAT_H */
