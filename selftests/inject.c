// SPDX-License-Identifier: GPL-2.0
/*
 * The n-th failure counts over all kinds. Which kind it was, the counters
 * "times" tell: each is lowered by a failure of its kind.
 */
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEBUGFS		"/sys/kernel/debug"
/* more than any test injects */
#define TIMES		"1000000000"

static const struct {
	const char	*name;
	enum injected	what;
} kinds[INJECT_KINDS] = {
	{ "failslab", INJECTED_MEMORY },
	{ "fail_page_alloc", INJECTED_MEMORY },
	{ "fail_usercopy", INJECTED_COPY },
};

static int attr_open(const char *kind, const char *attr)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", kind, attr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

/* Such a file can be read or written once for each time it is opened. */
static int attr_set(const char *kind, const char *attr, const char *text)
{
	ssize_t len = (ssize_t)strlen(text);
	int fd = attr_open(kind, attr);
	int ret;

	if (fd < 0)
		return fd;
	ret = write(fd, text, len) == len ? 0 : -errno;
	close(fd);
	return ret;
}

static long attr_get(const char *kind, const char *attr)
{
	char text[32] = "";
	int fd = attr_open(kind, attr);

	if (fd < 0)
		return fd;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = 0;
	close(fd);
	return strtol(text, NULL, 10);
}

static int kind_begin(const char *kind)
{
	int ret = attr_set(kind, "times", TIMES);

	/* nothing but the n-th of this thread, and without a word in the log */
	if (!ret)
		ret = attr_set(kind, "probability", "0");
	if (!ret)
		ret = attr_set(kind, "verbose", "0");
	return ret;
}

/* Allocations that may wait, and single pages, are spared by default. */
static int memory_begin(void)
{
	int ret;

	ret = attr_set("failslab", "ignore-gfp-wait", "N");
	if (!ret)
		ret = attr_set("fail_page_alloc", "ignore-gfp-wait", "N");
	if (!ret)
		ret = attr_set("fail_page_alloc", "ignore-gfp-highmem", "N");
	if (!ret)
		ret = attr_set("fail_page_alloc", "min-order", "0");
	return ret;
}

int inject_begin(struct inject *in)
{
	unsigned int i;
	int ret;

	memset(in, -1, sizeof(*in));
	in->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ret = in->nth < 0 ? -errno : 0;
	for (i = 0; i < INJECT_KINDS && !ret; i++)
		ret = kind_begin(kinds[i].name);
	if (!ret)
		ret = memory_begin();
	if (ret)
		inject_end(in);
	return ret;
}

void inject_end(struct inject *in)
{
	if (in->nth >= 0)
		close(in->nth);
	memset(in, -1, sizeof(*in));
}

void inject_arm(struct inject *in, unsigned int n)
{
	char text[16];
	unsigned int i;
	int len;

	for (i = 0; i < INJECT_KINDS; i++)
		in->left[i] = attr_get(kinds[i].name, "times");
	len = snprintf(text, sizeof(text), "%u", n);
	if (pwrite(in->nth, text, len, 0) != len) {
		perror("# fail-nth");
		abort();
	}
}

/* What is left of n; the failure may come as late as in this very read. */
static unsigned int nth_left(const struct inject *in)
{
	char text[16] = "";

	if (pread(in->nth, text, sizeof(text) - 1, 0) <= 0)
		return 1;
	return strtoul(text, NULL, 10);
}

enum injected inject_disarm(struct inject *in)
{
	unsigned int i, left = nth_left(in);

	in->unused = left;
	/* the first may be what fails */
	while (pwrite(in->nth, "0", 1, 0) != 1)
		;
	if (left)
		return INJECTED_NOTHING;
	for (i = 0; i < INJECT_KINDS; i++)
		if (attr_get(kinds[i].name, "times") != in->left[i])
			return kinds[i].what;
	return INJECTED_UNKNOWN;
}

void inject_say_where(bool yes)
{
	for (unsigned int i = 0; i < INJECT_KINDS; i++)
		if (attr_set(kinds[i].name, "verbose", yes ? "2" : "0"))
			abort();
}
