// SPDX-License-Identifier: MIT
/*
 * Names of files in schemes.
 */
#include "int.h"

#include <string.h>

/* What follows prefix in text, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) ? NULL : text + len;
}

static int copy_name(char name[SCHEME_NAME_MAX + 1], const char *from,
		     size_t len)
{
	if (!len || len > SCHEME_NAME_MAX || memchr(from, ':', len) ||
	    memchr(from, '/', len))
		return -EINVAL;
	memcpy(name, from, len);
	name[len] = '\0';
	return 0;
}

/*
 * Without "." and "..", by the letters: whatever there is, ".." goes up by one,
 * and at the top nowhere. A kernel's path would have been walked like this.
 */
void url_normalise(char *path)
{
	char *out = path;
	size_t len;

	for (const char *at = path; *at; at += len) {
		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (!len || (len == 1 && at[0] == '.'))
			continue;
		if (len == 2 && at[0] == '.' && at[1] == '.') {
			while (out > path && *--out != '/')
				;
			continue;
		}
		if (out > path)
			*out++ = '/';
		memmove(out, at, len);
		out += len;
	}
	*out = '\0';
}

int url_split(const char *url, char name[SCHEME_NAME_MAX + 1],
	      const char **path)
{
	const char *rest = after(url, "/dev/scheme/");
	size_t len;

	if (!rest)
		rest = after(url, "/scheme/");
	if (rest) {
		len = strcspn(rest, "/");
	} else {
		rest = url;
		len = strcspn(rest, ":");
		if (!rest[len])
			return -EINVAL;
	}
	*path = rest + len;
	*path += **path == ':';
	*path += strspn(*path, "/");
	return copy_name(name, rest, len);
}
