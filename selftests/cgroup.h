/* SPDX-License-Identifier: GPL-2.0 */
/* A memory cgroup for a test, in a hierarchy mounted for it. 0 or -errno. */
#ifndef SELFTESTS_CGROUP_H
#define SELFTESTS_CGROUP_H

#include <stdbool.h>

struct cgroup {
	char	root[64];	/* where it is mounted */
	char	dir[96];
	bool	made;
};

/* -ENOENT or -ENODEV: the kernel has none. Pair with cgroup_end(). */
int cgroup_begin(struct cgroup *cg, long max_bytes);
/* The caller joins. */
int cgroup_enter(const struct cgroup *cg);
/* A number in one of its files, after a word where key is one; -errno. */
long long cgroup_number(const struct cgroup *cg, const char *file, const char *key);
void cgroup_end(struct cgroup *cg);

#endif /* SELFTESTS_CGROUP_H */
