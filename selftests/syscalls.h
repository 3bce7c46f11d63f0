/* SPDX-License-Identifier: GPL-2.0 */
/* Count the system calls that another process makes, by tracing it. */
#ifndef SELFTESTS_SYSCALLS_H
#define SELFTESTS_SYSCALLS_H

#include <sys/types.h>

struct syscalls {
	unsigned long	nr;
	unsigned long	clock;		/* clock_gettime(2) among them: no vDSO here */
	unsigned long	some;		/* which one the first of the others was */
};

/*
 * What all threads of each process do within ms milliseconds. The processes stop for a
 * moment before that, and after it. 0, or -errno: -EPERM for who may not trace.
 */
int syscalls_count(const pid_t *pids, unsigned int nr, unsigned int ms,
		   struct syscalls *counts);

#endif /* SELFTESTS_SYSCALLS_H */
