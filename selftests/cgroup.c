// SPDX-License-Identifier: GPL-2.0
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job.h"
#include "provider.h"

static int put(const char *dir, const char *file, const char *text)
{
	char path[192];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open_errno(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fd;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int cgroup_begin(struct cgroup *cg, long max_bytes)
{
	char text[32];
	int ret;

	memset(cg, 0, sizeof(*cg));
	strcpy(cg->root, "/tmp/cgroup-XXXXXX");
	if (!mkdtemp(cg->root))
		return -errno;
	if (mount("none", cg->root, "cgroup2", 0, NULL)) {
		ret = -errno;
		rmdir(cg->root);
		return ret;
	}
	cg->made = true;
	snprintf(cg->dir, sizeof(cg->dir), "%s/test", cg->root);
	snprintf(text, sizeof(text), "%ld", max_bytes);
	ret = put(cg->root, "cgroup.subtree_control", "+memory");
	if (!ret && mkdir(cg->dir, 0755))
		ret = -errno;
	if (!ret)
		ret = put(cg->dir, "memory.max", text);
	if (ret)
		cgroup_end(cg);
	return ret;
}

int cgroup_enter(const struct cgroup *cg)
{
	return put(cg->dir, "cgroup.procs", "0");
}

long long cgroup_number(const struct cgroup *cg, const char *file, const char *key)
{
	size_t len = key ? strlen(key) : 0;
	char path[192], line[128];
	long long found = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", cg->dir, file);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (!key || (!strncmp(line, key, len) && line[len] == ' '))
			found = strtoll(line + len, NULL, 10);
	fclose(f);
	return found;
}

void cgroup_end(struct cgroup *cg)
{
	if (!cg->made)
		return;
	/* the last process may not have left yet */
	wait_until(!rmdir(cg->dir) || errno != EBUSY);
	put(cg->root, "cgroup.subtree_control", "-memory");
	umount(cg->root);
	rmdir(cg->root);
	cg->made = false;
}
