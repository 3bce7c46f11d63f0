// SPDX-License-Identifier: MIT
#include "contender.h"
#include "calls.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int contender_fail(const struct contender *c, const char *what, int err)
{
	fprintf(stderr, "bench_ring: %s: %s: %s\n", c->system, what, strerror(-err));
	return err;
}

/* ---- processes -------------------------------------------------------------------- */

/* CPUs that we may have: this side's is the first, the other side's the last of them. */
static cpu_set_t cpus;

static void pin(bool last)
{
	cpu_set_t one;
	int cpu = -1;

	for (int i = 0; i < CPU_SETSIZE && (cpu < 0 || last); i++)
		if (CPU_ISSET(i, &cpus))
			cpu = i;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

pid_t contender_fork(struct contender *c, bool pinned)
{
	c->pid = fork();
	if (c->pid)
		return c->pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pinned)
		pin(true);
	else
		sched_setaffinity(0, sizeof(cpus), &cpus);
	return 0;
}

static void kill_peer(struct contender *c)
{
	if (c->pid <= 0)
		return;
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	c->pid = 0;
}

/* ---- measuring -------------------------------------------------------------------- */

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Who is not measured must not spin beside. */
static int begin(struct contender *c)
{
	kill(c->pid, SIGCONT);
	/* until it is at home on its CPU, and the caches are its own */
	return c->ops->run(c, 4 * c->load->qd);
}

static void end(struct contender *c)
{
	kill(c->pid, SIGSTOP);
}

static int round_of(struct contender *c, double *ns)
{
	unsigned int count = c->load->count;
	int ret = begin(c);
	double from = now_ns();

	if (!ret)
		ret = c->ops->run(c, count);
	*ns = (now_ns() - from) / count;
	end(c);
	return ret ? contender_fail(c, "read", ret) : 0;
}

static int run_counted(void *arg)
{
	struct contender *c = arg;

	return c->ops->run(c, c->load->count);
}

static int count_calls(struct contender *c)
{
	uint64_t calls = 0;
	int ret = begin(c);

	if (!ret)
		ret = calls_count(c->pid, run_counted, c, &calls);
	end(c);
	c->syscalls = (double)calls / c->load->count;
	c->measured = !ret;
	return ret ? contender_fail(c, "count system calls", ret) : 0;
}

static int rounds(struct contender *all, unsigned int nr)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < nr; i++)
		if (all[i].pid)
			ret = count_calls(&all[i]);
	for (unsigned int round = 0; round < all[0].load->rounds; round++)
		for (unsigned int i = 0; !ret && i < nr; i++)
			if (all[i].pid)
				ret = round_of(&all[i], &all[i].ns[round]);
	return ret;
}

static int start_all(struct contender *all, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		int ret = all[i].ops->start(&all[i]);

		if (ret && !all[i].optional)
			return ret;
		if (ret)
			kill_peer(&all[i]);
		else
			end(&all[i]);
	}
	return 0;
}

int contenders_measure(struct contender *all, unsigned int nr)
{
	int ret;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return -errno;
	pin(false);
	ret = start_all(all, nr);
	if (!ret)
		ret = rounds(all, nr);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (unsigned int i = 0; i < nr; i++) {
		kill_peer(&all[i]);
		if (all[i].own)
			all[i].ops->stop(&all[i]);
	}
	return ret;
}

/* ---- results ---------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned int nr)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[nr / 2];
}

double contender_median(const struct contender *c)
{
	double ns[ROUNDS_MAX] = { 0 };

	memcpy(ns, c->ns, sizeof(ns));
	return median(ns, c->load->rounds);
}

double contenders_ratio(const struct contender *a, const struct contender *b)
{
	double ratio[ROUNDS_MAX] = { 0 };

	for (unsigned int i = 0; i < a->load->rounds; i++)
		ratio[i] = a->ns[i] / b->ns[i];
	return median(ratio, a->load->rounds);
}
