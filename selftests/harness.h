/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own test harness, which is not written for -Wextra. */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H

#pragma GCC diagnostic ignored "-Wclobbered"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "kselftest_harness.h"

#include "job.h"
#include "provider.h"

#endif /* SELFTESTS_HARNESS_H */
