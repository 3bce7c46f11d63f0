/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_TOUCH_H
#define SELFTESTS_TOUCH_H

/* The signal that reading this byte raises, or 0. One thread at a time. */
int touch(volatile char *at);

#endif /* SELFTESTS_TOUCH_H */
