/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time. An emulated machine stands still whenever its host has other things to do,
 * for a second and more. What must be over within a time is therefore measured
 * without the time in which nothing ran here at all: a program that does nothing but
 * sleep for a moment, again and again, notes when it came back late.
 */
#ifndef SELFTESTS_CLOCK_H
#define SELFTESTS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A clock that never goes back, in milliseconds. */
int64_t now_ms(void);
void sleep_ms(unsigned int ms);

/* From start, of now_ms(), to end, without standing still. For upper bounds. */
int64_t fair_ms(int64_t start, int64_t end);
/* The same up to now. */
int64_t took_ms(int64_t start);

/* Wait until cond holds; false if it does not within ms. */
#define wait_until_ms(cond, ms)						\
({									\
	int64_t since_ = now_ms();					\
	bool holds_;							\
									\
	while (!(holds_ = (cond)) && (now_ms() - since_ < (ms) ||	\
				      took_ms(since_) < (ms)))		\
		sleep_ms(1);						\
	holds_;								\
})

#define wait_until(cond)	wait_until_ms(cond, PATIENCE_MS)

/* ---- the program's notes --------------------------------------------------- */

#define STALLS_FILE	"/run/stalls"
#define STALLS_KEPT	256
#define STALLS_TICK_MS	10

struct stalls {
	uint64_t	nr;		/* so far; the last ones are kept */
	struct {
		int64_t	begin_ms;
		int64_t	end_ms;
	} last[STALLS_KEPT];
};

#endif /* SELFTESTS_CLOCK_H */
