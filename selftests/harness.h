/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own test harness, which is not written for -Wextra. */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H

#pragma GCC diagnostic ignored "-Wclobbered"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <unistd.h>

#include "job.h"
#include "provider.h"

/* What a test may take, TEST_F_TIMEOUT's too, is for a machine that is not slow. */
#define alarm(seconds) alarm((seconds) * slowness())
#include "kselftest_harness.h"
#undef alarm

/* Per test; 30 s are too few for long ones under emulation. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 60

#endif /* SELFTESTS_HARNESS_H */
