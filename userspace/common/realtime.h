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
 * Keep all memory of the process resident, also what comes later, and give the calling
 * thread this priority of SCHED_FIFO; with 0 nothing. 0; -EPERM or -ENOMEM: not
 * permitted.
 */
int realtime_begin(int priority);
#define REALTIME_REFUSED \
	"--rt is not permitted (be root, or have CAP_SYS_NICE and CAP_IPC_LOCK, or limits of rtprio and memlock)"
/* Does the kernel take the CPU from a real-time thread that never sleeps? */
bool realtime_is_throttled(void);

#endif /* COMMON_REALTIME_H */
