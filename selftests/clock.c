// SPDX-License-Identifier: GPL-2.0
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Nobody asks for less than this. */
#define SHORT_MS	50

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	struct timespec left = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* NULL: nobody takes notes here, or there is no memory for them now. */
static const struct stalls *stalls(void)
{
	static const struct stalls *notes;
	void *map;
	int fd;

	if (notes)
		return notes;
	fd = open(STALLS_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, sizeof(*notes), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		notes = map;
	return notes;
}

int64_t fair_ms(int64_t start, int64_t end)
{
	const struct stalls *notes = stalls();
	int64_t ms = end - start, from, to;
	unsigned int i;

	/* what has just ended is noted in a moment */
	if (notes && ms > SHORT_MS)
		sleep_ms(2 * STALLS_TICK_MS);
	for (i = 0; notes && i < STALLS_KEPT; i++) {
		from = __atomic_load_n(&notes->last[i].begin_ms, __ATOMIC_RELAXED);
		to = __atomic_load_n(&notes->last[i].end_ms, __ATOMIC_RELAXED);
		from = from > start ? from : start;
		to = to < end ? to : end;
		if (to > from)
			ms -= to - from;
	}
	return ms;
}

int64_t took_ms(int64_t start)
{
	return fair_ms(start, now_ms());
}
