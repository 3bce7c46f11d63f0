/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failures of the kernel's, in the calling thread: the n-th thing that can
 * fail does. What can are allocations of any kind and size, and copies from
 * and to user memory. Needs a kernel with CONFIG_FAULT_INJECTION, that is the
 * debug kernel. One thread at a time.
 *
 *	inject_arm(&in, n);
 *	ret = some_system_call();
 *	what = inject_disarm(&in);
 */
#ifndef SELFTESTS_INJECT_H
#define SELFTESTS_INJECT_H

#include <stdbool.h>

enum injected {
	INJECTED_NOTHING,	/* fewer than n things that can fail */
	INJECTED_MEMORY,	/* an allocation */
	INJECTED_COPY,		/* a copy from or to user memory */
	INJECTED_UNKNOWN,	/* something else: the kernel has more kinds */
};

#define INJECT_KINDS	3

struct inject {
	int	nth;			/* of the calling thread, in proc */
	long	left[INJECT_KINDS];	/* counters, see inject.c */
	unsigned int unused;		/* when disarmed: of n, what did not come to pass */
};

/* 0 or -errno; -ENOENT: this kernel injects no failures. */
int inject_begin(struct inject *in);
void inject_end(struct inject *in);
/* From now on the n-th thing that can fail fails; n >= 1. */
void inject_arm(struct inject *in, unsigned int n);
/* No more; what has failed? */
enum injected inject_disarm(struct inject *in);
/* Does the kernel's log tell where failures are, with the stack? By default not. */
void inject_say_where(bool yes);

#endif /* SELFTESTS_INJECT_H */
