/* SPDX-License-Identifier: GPL-2.0 */
/* ENTER as a command of io_uring, for tests. */
#ifndef SELFTESTS_URING_H
#define SELFTESTS_URING_H

#include <liburing.h>

#include "provider.h"

/* A ring of 64 entries; 0 or -errno. */
int uring_begin(struct io_uring *ring, unsigned int setup_flags);
/* An ENTER in a fresh entry; timeout_ms 0 is for ever. For changes to it. */
struct io_uring_sqe *uring_prep_enter(struct io_uring *ring, struct queue *q,
				      uint32_t min_wait, unsigned int timeout_ms,
				      uint64_t user_data);
/* The same, submitted. */
int uring_enter(struct io_uring *ring, struct queue *q, uint32_t min_wait,
		unsigned int timeout_ms, uint64_t user_data);
/*
 * The result of the next command that completes, which must be user_data's;
 * JOB_STUCK if none does within ms; -EBADMSG if it is another one.
 */
long uring_wait_ms(struct io_uring *ring, uint64_t user_data, unsigned int ms);
long uring_wait(struct io_uring *ring, uint64_t user_data);
/* Nothing completes within ms. */
bool uring_silent(struct io_uring *ring, unsigned int ms);

#endif /* SELFTESTS_URING_H */
