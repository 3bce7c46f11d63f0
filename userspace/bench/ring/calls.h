/* SPDX-License-Identifier: MIT */
/* System calls, counted by tracing. */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Run something, and count what all threads of this process and of peer call meanwhile.
 * What it returns, or -errno. Threads that come later are not counted.
 */
int calls_count(pid_t peer, int (*run)(void *arg), void *arg, uint64_t *calls);

#endif /* BENCH_CALLS_H */
