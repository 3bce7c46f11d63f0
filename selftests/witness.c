// SPDX-License-Identifier: GPL-2.0
#include "witness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS		250000ULL
/* shorter ones are not noted */
#define STALL_NS	150000ULL
#define CPUS_MAX	64U
#define NOTES		65536U

struct stall {
	uint64_t	begin_ns, end_ns;
};

struct cpu {
	pthread_t	thread;
	int		cpu;
	atomic_bool	*stop;
	struct stall	*stalls;
	uint32_t	nr;
};

struct witness {
	struct cpu	cpus[CPUS_MAX];
	unsigned int	nr;
	atomic_bool	stop;
};

static uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A tick that is late is a stall from when it was due. */
static void *watch(void *arg)
{
	struct cpu *c = arg;
	uint64_t due = mono_ns(), now;

	while (!atomic_load(c->stop)) {
		due += TICK_NS;
		const struct timespec ts = { .tv_sec = (time_t)(due / 1000000000),
					     .tv_nsec = (long)(due % 1000000000) };

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
		now = mono_ns();
		if (now - due < STALL_NS)
			continue;
		if (c->nr < NOTES)
			c->stalls[c->nr++] = (struct stall){ due, now };
		due = now;
	}
	return NULL;
}

static bool start_on(struct witness *w, int cpu)
{
	const struct sched_param param = { .sched_priority = 99 };
	struct cpu *c = &w->cpus[w->nr];
	pthread_attr_t attr;
	cpu_set_t set;
	bool ok;

	c->cpu = cpu;
	c->stop = &w->stop;
	c->stalls = calloc(NOTES, sizeof(*c->stalls));
	if (!c->stalls)
		return false;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	ok = !pthread_create(&c->thread, &attr, watch, c);
	pthread_attr_destroy(&attr);
	if (ok)
		w->nr++;
	else
		free(c->stalls);
	return ok;
}

struct witness *witness_start(void)
{
	struct witness *w = calloc(1, sizeof(*w));
	cpu_set_t set;
	bool ok = w && !sched_getaffinity(0, sizeof(set), &set);

	for (int cpu = 0; ok && cpu < CPU_SETSIZE && w->nr < CPUS_MAX; cpu++)
		if (CPU_ISSET(cpu, &set))
			ok = start_on(w, cpu);
	if (ok)
		return w;
	if (w) {
		witness_stop(w);
		witness_free(w);
	}
	return NULL;
}

void witness_stop(struct witness *w)
{
	atomic_store(&w->stop, true);
	for (unsigned int i = 0; i < w->nr; i++)
		pthread_join(w->cpus[i].thread, NULL);
}

void witness_free(struct witness *w)
{
	for (unsigned int i = 0; i < w->nr; i++)
		free(w->cpus[i].stalls);
	free(w);
}

/* ---- the notes ------------------------------------------------------------------ */

/*
 * The next time from ns on at which a CPU stood still, until when it did. A stall may
 * have begun as early as the tick before the one that it held up. False: none.
 */
static bool next_stall(const struct witness *w, uint64_t ns, struct stall *next)
{
	next->begin_ns = UINT64_MAX;
	for (unsigned int i = 0; i < w->nr; i++) {
		const struct cpu *c = &w->cpus[i];
		uint32_t n = 0;

		while (n < c->nr && c->stalls[n].end_ns <= ns)
			n++;
		if (n == c->nr || c->stalls[n].begin_ns - TICK_NS >= next->begin_ns)
			continue;
		*next = c->stalls[n];
		next->begin_ns -= TICK_NS;
	}
	if (next->begin_ns < ns)
		next->begin_ns = ns;
	return next->begin_ns != UINT64_MAX;
}

uint64_t witness_stalled_ns(const struct witness *w, uint64_t begin_ns,
			    uint64_t end_ns)
{
	uint64_t sum = 0;
	struct stall s = { 0, 0 };

	while (begin_ns < end_ns && next_stall(w, begin_ns, &s) &&
	       s.begin_ns < end_ns) {
		if (s.end_ns > end_ns)
			s.end_ns = end_ns;
		sum += s.end_ns - s.begin_ns;
		begin_ns = s.end_ns;
	}
	return sum;
}

uint64_t witness_stalls(const struct witness *w, uint64_t *worst_ns,
			uint64_t *total_ns)
{
	uint64_t nr = 0;

	*worst_ns = *total_ns = 0;
	for (unsigned int i = 0; i < w->nr; i++) {
		const struct cpu *c = &w->cpus[i];

		nr += c->nr;
		for (uint32_t n = 0; n < c->nr; n++) {
			uint64_t ns = c->stalls[n].end_ns - c->stalls[n].begin_ns;

			*total_ns += ns;
			if (ns > *worst_ns)
				*worst_ns = ns;
		}
	}
	return nr;
}
