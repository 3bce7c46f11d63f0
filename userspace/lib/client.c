// SPDX-License-Identifier: MIT
/*
 * The client's side, where open(2), read(2) and write(2) are not enough.
 */
#include "int.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NODE_PREFIX	"/dev/scheme/"

static uint64_t to_u64(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

int scheme_query(const char *control, struct scheme_query *query)
{
	int fd = control_open(control);
	int ret;

	if (fd < 0)
		return fd;
	memset(query, 0, sizeof(*query));
	ret = ioctl_errno(fd, SCHEME_IOC_QUERY, query);
	close(fd);
	return ret;
}

int scheme_kill(const char *control, const char *name)
{
	struct scheme_kill args = { .flags = 0 };
	size_t len = strlen(name);
	int fd, ret;

	if (!len || len > SCHEME_NAME_MAX)
		return -EINVAL;
	memcpy(args.name, name, len);
	fd = control_open(control);
	if (fd < 0)
		return fd;
	ret = ioctl_errno(fd, SCHEME_IOC_KILL, &args);
	close(fd);
	return ret;
}

static int open_errno(const char *node, int flags)
{
	int fd = open(node, flags | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd;
}

/*
 * A descriptor to open a path from. Access mode 3 asks nothing of the provider,
 * but needs both rights to the node; without them its root will do, if the
 * provider lets us open that and opens names below it.
 */
static int open_base(const char *node, int flags)
{
	int fd = open_errno(node, O_WRONLY | O_RDWR);

	return fd == -EACCES ? open_errno(node, flags & O_ACCMODE) : fd;
}

static int open_below(const char *node, const char *path, int flags,
		      mode_t mode)
{
	int base = open_base(node, flags);
	int fd;

	if (base < 0)
		return base;
	fd = scheme_openat(base, path, flags, mode);
	close(base);
	return fd;
}

int scheme_open(const char *url, int flags, mode_t mode)
{
	char node[sizeof(NODE_PREFIX) + SCHEME_NAME_MAX] = NODE_PREFIX;
	char path[SCHEME_PATH_MAX + 1];
	const char *rest;
	int fd, ret = url_split(url, node + sizeof(NODE_PREFIX) - 1, &rest);

	if (ret)
		return ret;
	if (strlen(rest) > SCHEME_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, rest, strlen(rest) + 1);
	url_normalise(path);
	/* open(2) takes no device for a directory: only the provider knows. */
	if (*path || flags & O_DIRECTORY)
		return open_below(node, path, flags, mode);
	fd = open(node, flags, mode);
	if (fd < 0)
		return -errno;
	return fd;
}

int scheme_openat(int fd, const char *path, int flags, mode_t mode)
{
	size_t len = strlen(path);
	struct scheme_openat args = {
		.path = to_u64(path),
		.path_len = (uint32_t)len,
		.flags = (uint32_t)flags,
		.mode = mode,
	};

	if (len > SCHEME_PATH_MAX)
		return -ENAMETOOLONG;
	return ioctl_errno(fd, SCHEME_IOC_OPENAT, &args);
}

int scheme_dup(int fd, const char *name, int flags)
{
	size_t len = strlen(name);
	struct scheme_dup args = {
		.name = to_u64(name),
		.name_len = (uint32_t)len,
		.flags = (uint32_t)flags,
	};

	if (len > SCHEME_PATH_MAX)
		return -ENAMETOOLONG;
	return ioctl_errno(fd, SCHEME_IOC_DUP, &args);
}

int scheme_call(int fd, const uint64_t word[3], const void *in, uint32_t in_len,
		void *out, uint32_t *out_len, int64_t *result)
{
	struct scheme_call args = {
		.in = to_u64(in),
		.out = to_u64(out),
		.in_len = in_len,
		.out_len = out_len ? *out_len : 0,
	};
	int ret;

	if (word)
		memcpy(args.word, word, sizeof(args.word));
	ret = ioctl_errno(fd, SCHEME_IOC_CALL, &args);
	if (ret < 0)
		return ret;
	if (out_len)
		*out_len = args.out_len;
	if (result)
		*result = args.result;
	return 0;
}
