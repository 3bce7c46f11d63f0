/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When this machine does not run what is most urgent: a thread on each CPU, of the
 * highest priority, that wakes up every quarter of a millisecond, notes when it came
 * late. Whatever holds it up (the host that takes the CPU away, an interrupt, the
 * kernel) holds up everybody else.
 */
#ifndef SELFTESTS_WITNESS_H
#define SELFTESTS_WITNESS_H

#include <stdint.h>

struct witness;

/* NULL: not permitted, or no memory. */
struct witness *witness_start(void);
/* Its threads end; the notes stay until it is freed. */
void witness_stop(struct witness *w);
void witness_free(struct witness *w);

/*
 * Between these times of CLOCK_MONOTONIC, how long some CPU or other stood still: a
 * thread moves from one to another, but not away from one that stands still.
 */
uint64_t witness_stalled_ns(const struct witness *w, uint64_t begin_ns,
			    uint64_t end_ns);
/* How often, and how long at most, a CPU stood still. */
uint64_t witness_stalls(const struct witness *w, uint64_t *worst_ns,
			uint64_t *total_ns);

#endif /* SELFTESTS_WITNESS_H */
