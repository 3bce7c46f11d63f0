/* SPDX-License-Identifier: GPL-2.0 */
/* Daemons as they are installed, for tests. */
#ifndef SELFTESTS_PROGRAM_H
#define SELFTESTS_PROGRAM_H

#include <sys/types.h>

/*
 * Run argv[0] from PATH and wait for its line "ready: ...". Its pid; -ETIMEDOUT
 * or -EIO if it does not say so. It does not outlive the test.
 */
pid_t program_start(const char *const argv[]);
/* SIGTERM; its exit status, or -1 if it does not end well in time. */
int program_stop(pid_t pid);
/* How many descriptors it has open. */
int program_fds(pid_t pid);

#endif /* SELFTESTS_PROGRAM_H */
