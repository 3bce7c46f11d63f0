// SPDX-License-Identifier: GPL-2.0
/* Notes when this machine stands still: see clock.h. Runs as long as the machine. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../clock.h"

/* later than this is no delay of a busy machine any more */
#define LATE_MS		60

static struct stalls *notes_open(void)
{
	int fd = open(STALLS_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	void *map;

	if (fd < 0 || ftruncate(fd, sizeof(struct stalls)))
		return NULL;
	map = mmap(NULL, sizeof(struct stalls), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

/* Who reads meanwhile sees no stall rather than one that was not. */
static void note(struct stalls *notes, int64_t begin, int64_t end)
{
	unsigned int i = notes->nr++ % STALLS_KEPT;

	__atomic_store_n(&notes->last[i].end_ms, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&notes->last[i].begin_ms, begin, __ATOMIC_RELEASE);
	__atomic_store_n(&notes->last[i].end_ms, end, __ATOMIC_RELEASE);
}

int main(void)
{
	struct stalls *notes = notes_open();
	int64_t before, now;

	if (!notes) {
		perror(STALLS_FILE);
		return 1;
	}
	for (before = now_ms();; before = now) {
		sleep_ms(STALLS_TICK_MS);
		now = now_ms();
		if (now - before > LATE_MS)
			note(notes, before + STALLS_TICK_MS, now);
	}
}
