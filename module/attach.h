/* SPDX-License-Identifier: GPL-2.0 */
/* ATTACH, ATTACH_MEMORY and FETCH: a provider's files for its requests. */
#ifndef SCHM_ATTACH_H
#define SCHM_ATTACH_H

#include "schm.h"

long schm_attach_ioctl(struct schm_queue *q, unsigned int cmd,
		       void __user *argp);

#endif /* SCHM_ATTACH_H */
