// SPDX-License-Identifier: MIT
/*
 * Doing something with schemes.
 */
#include "schemectl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <scheme.h>

#include "explain.h"

#define CONTROL_NODE	"/dev/scheme-control"
#define CHUNK		(128UL * 1024)

/* More than any slot: the module says what is too much. */
#define IN_MAX		(64U << 20)

bool ctl_have_module(const struct ctl *ctl)
{
	return !access(ctl->control ? ctl->control : CONTROL_NODE, F_OK);
}

/* Why something with a file in a scheme failed. */
static int fail_use(const struct ctl *ctl, int err)
{
	const char *why = explain_open(err);

	if (err == -ENOENT && !ctl_have_module(ctl))
		why = explain_control(err);
	return ctl_fail(ctl, ctl->args[1], why);
}

int ctl_kill(const struct ctl *ctl)
{
	const char *name = ctl->args[1];
	int ret = scheme_kill(ctl->control, name);

	if (ret == -ENOENT && ctl_have_module(ctl))
		return ctl_fail(ctl, name, explain_open(ret));
	if (ret == -EINVAL)
		return ctl_fail(ctl, name, "not the name of a scheme");
	if (ret)
		return ctl_fail(ctl, name, explain_control(ret));
	return 0;
}

/* For reading and writing, or as much of it as we may. */
static int open_most(const char *url)
{
	int fd = scheme_open(url, O_RDWR | O_CLOEXEC, 0);

	if (fd == -EACCES || fd == -EROFS || fd == -EISDIR || fd == -EPERM)
		fd = scheme_open(url, O_RDONLY | O_CLOEXEC, 0);
	return fd;
}

int ctl_open(const struct ctl *ctl)
{
	int fd = open_most(ctl->args[1]);

	if (fd < 0)
		return fail_use(ctl, fd);
	close(fd);
	return 0;
}

/* ---- copying -------------------------------------------------------------- */

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int copy_out(const struct ctl *ctl, int fd)
{
	char *buf = malloc(CHUNK);
	ssize_t n = 0;
	int ret = buf ? 0 : -ENOMEM;

	while (!ret && (n = read(fd, buf, CHUNK)) > 0) {
		ret = write_all(STDOUT_FILENO, buf, (size_t)n);
		if (ret)
			ctl_fail(ctl, "standard output", strerror(-ret));
	}
	if (n < 0)
		ret = fail_use(ctl, -errno);
	free(buf);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

int ctl_cat(const struct ctl *ctl)
{
	int ret, fd = scheme_open(ctl->args[1], O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return fail_use(ctl, fd);
	ret = copy_out(ctl, fd);
	close(fd);
	return ret;
}

/* ---- listing -------------------------------------------------------------- */

/* A name a line; the offset behind the last one. */
static uint64_t print_entries(const char *buf, size_t len)
{
	const struct scheme_dirent *entry;
	uint64_t next = 0;

	for (size_t at = 0; at < len; at += SCHEME_DIRENT_SIZE(entry->namelen)) {
		entry = (const struct scheme_dirent *)(buf + at);
		printf("%.*s\n", entry->namelen, (const char *)entry->name);
		next = entry->next;
	}
	return next;
}

/* -EOPNOTSUPP or -ENOSYS: the provider has no entries, but perhaps a text. */
static int list_entries(int fd)
{
	char *buf = malloc(CHUNK);
	uint64_t at = 0;
	ssize_t n = buf ? 1 : -ENOMEM;

	while (n > 0) {
		n = scheme_getdents(fd, at, buf, CHUNK);
		if (n > 0)
			at = print_entries(buf, (size_t)n);
	}
	free(buf);
	return (int)n;
}

int ctl_ls(const struct ctl *ctl)
{
	int ret, fd = scheme_open(ctl->args[1],
				  O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0);

	if (fd < 0)
		return fail_use(ctl, fd);
	ret = list_entries(fd);
	if (ret == -EOPNOTSUPP || ret == -ENOSYS)
		ret = copy_out(ctl, fd);
	else if (ret)
		ret = fail_use(ctl, ret);
	close(fd);
	return ret;
}

int ctl_dup(const struct ctl *ctl)
{
	int ret, sub, fd = open_most(ctl->args[1]);

	if (fd < 0)
		return fail_use(ctl, fd);
	sub = scheme_dup(fd, ctl->args[2], O_CLOEXEC);
	close(fd);
	if (sub < 0)
		return fail_use(ctl, sub);
	ret = copy_out(ctl, sub);
	close(sub);
	return ret;
}

/* ---- call ----------------------------------------------------------------- */

struct call {
	uint64_t	word[3];
	char		*in;
	size_t		in_len;
	char		*out;
	uint32_t	out_len;
	int64_t		result;
};

static bool parse_words(const struct ctl *ctl, struct call *c)
{
	char *end;

	for (int i = 2; i < ctl->nr_args; i++) {
		errno = 0;
		c->word[i - 2] = strtoull(ctl->args[i], &end, 0);
		if (!errno && end != ctl->args[i] && !*end)
			continue;
		ctl_fail(ctl, ctl->args[i], "not a number of 64 bits");
		return false;
	}
	return true;
}

/* What is on standard input, unless that is a terminal. */
static int read_in(struct call *c)
{
	size_t room = 0;
	ssize_t n = 1;
	char *more;

	if (isatty(STDIN_FILENO))
		return 0;
	while (n > 0 && c->in_len < IN_MAX) {
		if (c->in_len == room) {
			room = room ? 2 * room : CHUNK;
			more = realloc(c->in, room);
			if (!more)
				return -ENOMEM;
			c->in = more;
		}
		n = read(STDIN_FILENO, c->in + c->in_len, room - c->in_len);
		if (n > 0)
			c->in_len += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

/* A slot of the scheme that the URL is of. */
static uint32_t slot_size(const struct ctl *ctl)
{
	char name[SCHEME_NAME_MAX + 1];
	const char *url = ctl->args[1];

	if (!strncmp(url, "/dev", 4))
		url += 4;
	if (!strncmp(url, "/scheme/", 8))
		url += 8;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(url, ":/"), url);
	return (uint32_t)ctl_attr_number(ctl, name, "slot_size", 4096);
}

static int do_call(const struct ctl *ctl, struct call *c, int fd)
{
	int ret;

	c->out_len = ctl->room ? ctl->room : slot_size(ctl);
	c->out = malloc(c->out_len);
	if (!c->out)
		return -ENOMEM;
	ret = scheme_call(fd, c->word, c->in, (uint32_t)c->in_len, c->out,
			  &c->out_len, &c->result);
	if (ret)
		return ret;
	fprintf(stderr, "result %" PRId64 "\n", c->result);
	return write_all(STDOUT_FILENO, c->out, c->out_len);
}

int ctl_call(const struct ctl *ctl)
{
	struct call c = { .in = NULL };
	int fd, ret;

	if (!parse_words(ctl, &c))
		return EXIT_FAILURE;
	fd = open_most(ctl->args[1]);
	if (fd < 0)
		return fail_use(ctl, fd);
	ret = read_in(&c);
	if (!ret)
		ret = do_call(ctl, &c, fd);
	if (ret)
		ret = fail_use(ctl, ret);
	close(fd);
	free(c.in);
	free(c.out);
	return ret;
}
