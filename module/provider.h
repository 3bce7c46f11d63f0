/* SPDX-License-Identifier: GPL-2.0 */
/* The provider's files: the scheme fd and the queue fds. */
#ifndef SCHM_PROVIDER_H
#define SCHM_PROVIDER_H

#include "schm.h"

/*
 * A descriptor for a new scheme, which ends with it. Takes over the caller's
 * reference if it succeeds.
 */
int schm_provider_fd(struct schm_scheme *s);

#endif /* SCHM_PROVIDER_H */
