/* SPDX-License-Identifier: GPL-2.0 */
/* The names: which schemes there are, and their device numbers. */
#ifndef SCHM_REGISTRY_H
#define SCHM_REGISTRY_H

#include <linux/fs.h>

#include "schm.h"

int schm_registry_init(const struct file_operations *client_fops);
void schm_registry_exit(void);

/*
 * Make the scheme visible: name, device number, node. The registry takes a
 * reference. -EEXIST: the name is taken; -ENOSPC: too many schemes.
 */
int schm_registry_add(struct schm_scheme *s);
/* Take it away again and drop the registry's reference. Once per scheme. */
void schm_registry_del(struct schm_scheme *s);

/* Each returns a reference, or NULL. */
struct schm_scheme *schm_registry_find_minor(unsigned int minor);
struct schm_scheme *schm_registry_find_name(const char *name);

/* The scheme's device number. */
dev_t schm_registry_dev(const struct schm_scheme *s);

bool schm_registry_empty(void);

/*
 * The scheme with the lowest minor number from *minor on, which is set to that;
 * a reference, or NULL at the end.
 */
struct schm_scheme *schm_registry_next(unsigned long *minor);
/* Call fn for every scheme, without any lock held. */
void schm_registry_for_each(void (*fn)(struct schm_scheme *s));

#endif /* SCHM_REGISTRY_H */
