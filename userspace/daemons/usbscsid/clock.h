/* SPDX-License-Identifier: MIT */
#ifndef USBSCSID_CLOCK_H
#define USBSCSID_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds that only grow. */
static inline int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static inline void pause_ms(unsigned int ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

#endif /* USBSCSID_CLOCK_H */
