/* SPDX-License-Identifier: MIT */
/* Changing what an object is, as far as the caller may. 0 or -errno. */
#ifndef RAMFSD_ATTR_H
#define RAMFSD_ATTR_H

#include <linux/redox_scheme.h>

#include "node.h"

int attr_chmod(struct node *n, struct caller c, mode_t mode);
/* An id of -1 stays. */
int attr_chown(struct node *n, struct caller c, uid_t uid, gid_t gid);
int attr_utimens(struct node *n, struct caller c, const struct scheme_times *t);
/* may: the right to write has been checked already. */
int attr_truncate(struct fs *fs, struct node *n, struct caller c, bool may,
		  uint64_t size);
void attr_stat(const struct node *n, struct scheme_stat *st);
void attr_statfs(const struct fs *fs, struct scheme_statfs *st);

#endif /* RAMFSD_ATTR_H */
