// SPDX-License-Identifier: MIT
#include "explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct explanation {
	int		err;
	const char	*text;
};

#define NO_MODULE \
	"no module loaded (modprobe redox_scheme, as root)"
#define NO_CONTROL \
	"no permission to open the control node (be root, or have its owner let you in)"
#define OTHER_ABI \
	"the loaded module has another ABI (install module and programs of one version, load it again)"

static const struct explanation create_texts[] = {
	{ ENOENT,	NO_MODULE },
	{ EACCES,	NO_CONTROL },
	{ ENOSYS,	OTHER_ABI },
	{ EEXIST,	"name taken (schemectl list shows by whom)" },
	{ EPERM,	"not permitted (only CAP_SYS_ADMIN may create a name without \"user.\" in front, or give the node away)" },
	{ EINVAL,	"bad name or size (a name is a-z, then up to 63 of a-z 0-9 . _ + -; depth and slot size are powers of two; schemectl features shows the limits)" },
	{ ENOSPC,	"too many schemes (schemectl list shows them)" },
	{ 0, NULL }
};

static const struct explanation control_texts[] = {
	{ ENOENT,	NO_MODULE },
	{ EACCES,	NO_CONTROL },
	{ ENOSYS,	OTHER_ABI },
	{ ENOTTY,	OTHER_ABI },
	{ EPERM,	"not permitted (only its creator and CAP_SYS_ADMIN may)" },
	{ 0, NULL }
};

static const struct explanation open_texts[] = {
	{ EINVAL,	"not a scheme path, or refused by the scheme (a path is name:path, /scheme/name/path or /dev/scheme/name)" },
	{ ENOENT,	"no such scheme or file (schemectl list shows the schemes)" },
	{ ENXIO,	"no such scheme (it has just ended)" },
	{ EACCES,	"no permission (look at the node's mode and owner)" },
	{ ENODEV,	"the scheme's provider has gone" },
	{ EOPNOTSUPP,	"the scheme has no such operation" },
	{ EMSGSIZE,	"more than a slot of the scheme can hold (schemectl stats NAME shows slot_size)" },
	{ ENOLCK,	"device busy (somebody has it open)" },
	{ 0, NULL }
};

static const char *explain(const struct explanation *texts, int err)
{
	err = abs(err);
	for (; texts->text; texts++)
		if (texts->err == err)
			return texts->text;
	return strerror(err);
}

const char *explain_create(int err)
{
	return explain(create_texts, err);
}

const char *explain_control(int err)
{
	return explain(control_texts, err);
}

const char *explain_open(int err)
{
	return explain(open_texts, err);
}
