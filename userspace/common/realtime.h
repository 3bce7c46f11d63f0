/* SPDX-License-Identifier: MIT */
/* Threads that must not be late. */
#ifndef COMMON_REALTIME_H
#define COMMON_REALTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* In a loop that looks at memory again and again. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* The priorities of SCHED_FIFO; 0 stands for none. */
#define REALTIME_PRIORITY_MAX	99

/*
 * Keep all memory of the process resident, also what comes later. 0; -EPERM or
 * -ENOMEM: not permitted (CAP_IPC_LOCK, or ulimit -l).
 */
int realtime_lock_memory(void);
/* SCHED_FIFO for the calling thread. 0; -EPERM: CAP_SYS_NICE, or ulimit -r. */
int realtime_schedule(int priority);
/* Does the kernel take the CPU from a real-time thread that never sleeps? */
bool realtime_is_throttled(void);

#endif /* COMMON_REALTIME_H */
