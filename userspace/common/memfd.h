/* SPDX-License-Identifier: MIT */
/* Memory in a file, for clients to map. */
#ifndef COMMON_MEMFD_H
#define COMMON_MEMFD_H

/*
 * A new memfd, close-on-exec and nothing to execute; fd or -errno. The name is
 * for those who look into /proc.
 */
int memfd_new(const char *name);

#endif /* COMMON_MEMFD_H */
