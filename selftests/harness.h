/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own test harness, which is not written for -Wextra. */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H

#pragma GCC diagnostic ignored "-Wclobbered"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "kselftest_harness.h"

/* Per test; 30 s are too few for long ones on the debug kernel under emulation. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 120

#include "job.h"
#include "provider.h"

#endif /* SELFTESTS_HARNESS_H */
