/* SPDX-License-Identifier: GPL-2.0 */
/* How many system calls a process makes: a child traces all of its threads. */
#ifndef SELFTESTS_CALLS_H
#define SELFTESTS_CALLS_H

#include <sys/types.h>

struct calls;

/* From now on; NULL: it cannot be traced. Threads that come later are not counted. */
struct calls *calls_begin(pid_t pid);
/* So far; makes no system call. */
unsigned long calls_so_far(const struct calls *calls);
/* Let it go on untraced. */
void calls_end(struct calls *calls);

#endif /* SELFTESTS_CALLS_H */
