/* SPDX-License-Identifier: GPL-2.0 */
/* What may be asked for at CREATE, and what is taken when nothing is said. */
#ifndef SCHM_CONFIG_H
#define SCHM_CONFIG_H

#include "schm.h"

struct schm_config;

/* [a-z][a-z0-9._+-]*, NUL-terminated, at most SCHEME_NAME_MAX bytes. */
bool schm_name_valid(const char *name, size_t size);

/*
 * Check what the calling process asks for and fill in the defaults. -ENOSYS: an
 * ABI that is not ours; -EINVAL; -EPERM: more than the caller may have.
 */
int schm_config_check(struct schm_config *config,
		      const struct scheme_create *arg);

#endif /* SCHM_CONFIG_H */
