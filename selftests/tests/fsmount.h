/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of schemefs that mount it at MNT themselves. */
#ifndef SELFTESTS_FSMOUNT_H
#define SELFTESTS_FSMOUNT_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../harness.h"

#define EXPECT_ERRNO(err, call)			\
do {						\
	errno = 0;				\
	EXPECT_EQ(-1, call);			\
	EXPECT_EQ(err, errno);			\
} while (0)

static inline int mount_it(const char *options)
{
	mkdir(MNT, 0755);
	return mount("none", MNT, "schemefs", 0, options) ? -errno : 0;
}

static inline void job_stat(struct job *job, const char *path, struct stat *st)
{
	job_start(job, SYS_newfstatat, AT_FDCWD, (long)path, (long)st, 0);
}

/* The line of /proc/mounts that has where in it, or NULL. */
static inline const char *mounted(const char *where)
{
	static char line[512];
	FILE *f = fopen("/proc/mounts", "r");
	const char *found = NULL;

	while (f && !found && fgets(line, sizeof(line), f))
		if (strstr(line, where))
			found = line;
	if (f)
		fclose(f);
	return found;
}

#endif /* SELFTESTS_FSMOUNT_H */
