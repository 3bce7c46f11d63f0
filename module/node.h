/* SPDX-License-Identifier: GPL-2.0 */
/* The device node of a scheme and its attributes in sysfs. */
#ifndef SCHM_NODE_H
#define SCHM_NODE_H

#include "schm.h"

struct schm_node;

int schm_node_init(void);
void schm_node_exit(void);

/* Make /dev/scheme/NAME as the scheme's configuration says, or an ERR_PTR. */
struct schm_node *schm_node_add(struct schm_scheme *s, dev_t devt);
/* Remove it; nobody reads its attributes any more when this returns. */
void schm_node_del(struct schm_node *node);

#endif /* SCHM_NODE_H */
