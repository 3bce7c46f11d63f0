// SPDX-License-Identifier: MIT
/*
 * bench_ring: reads of 4 KiB over a direct ring, beside what it is measured against:
 *
 *	scheme-ring		both sides spin	   shm	    shared memory, by hand, likewise
 *	scheme-ring-sleep	neither spins	   eventfd  the same, asleep on eventfds
 *	fuse			a file system by libfuse, direct_io, one thread
 *
 * All carry the same bytes from a process on one CPU to one on another; only FUSE's other
 * side runs where it likes. The systems take turns, round by round, so that whatever the
 * machine does meanwhile hits all of them; a round is short, so that in most of them
 * nobody is interrupted. Medians are printed as
 *
 *	case,system,bs,qd,ops_per_s,ns_per_op,syscalls_per_op
 *
 * Every reader compares all that comes with what must come. At depth 1 the provider copies
 * what it has and the reader compares with what it has, by memcpy(3) and memcmp(3); at depth
 * 32, where the question is how many can be served, both compute the words, which is less
 * than half the work under emulation. The other way round is measured, too, and is told in
 * lines that begin with '# besides'.
 *
 * syscalls_per_op counts both sides, by tracing them in a round of its own. Then, in
 * lines that begin with '#', how that compares with what is asked for; for that, ratios
 * are of the two times in the same round, and their median counts.
 */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring/blocks.h"
#include "ring/contender.h"

enum { RING, SLEEP, SHM, EVENTFD, FUSE, NR };

#define DEPTH	32

static void print(const struct contender *c)
{
	double ns = contender_median(c);

	if (!c->measured)
		return;
	printf("read,%s,%zu,%u,%.0f,%.0f,%.2f\n", c->system, c->load->bs, c->load->qd,
	       1e9 / ns, ns, c->syscalls);
	fflush(stdout);
}

static bool is_judged(const struct load *load)
{
	return load->work == (load->qd == 1 ? COPIED : MADE);
}

static void judge(const struct load *load, const char *what, double is, bool at_least,
		  double must)
{
	bool met = at_least ? is >= must : is <= must;

	if (is_judged(load))
		printf("# %s: depth %u, %s: %.2f, at %s %.2f\n", met ? "met" : "MISSED",
		       load->qd, what, is, at_least ? "least" : "most", must);
	else
		printf("# besides, bytes %s: depth %u, %s: %.2f\n",
		       load->work == MADE ? "made" : "copied", load->qd, what, is);
}

static void judge_all(const struct contender *all)
{
	const struct load *load = all[0].load;

	judge(load, "system calls of a read, both sides spinning",
	      all[RING].syscalls, false, 0.00499);
	if (load->qd == 1) {
		judge(load, "time of a ring, of shared memory's",
		      contenders_ratio(&all[RING], &all[SHM]), false, 1.5);
		judge(load, "time of a ring whose sides sleep, of eventfds'",
		      contenders_ratio(&all[SLEEP], &all[EVENTFD]), false, 1.1);
	} else if (all[FUSE].measured) {
		judge(load, "reads a second of a ring, of FUSE's",
		      contenders_ratio(&all[FUSE], &all[RING]), true, 15);
	}
}

static int run(const struct load *load)
{
	struct contender all[NR] = {
		[RING] = { .system = "scheme-ring", .ops = &direct_ops },
		[SLEEP] = { .system = "scheme-ring-sleep", .ops = &direct_ops, .sleeps = true },
		[SHM] = { .system = "shm", .ops = &shared_ops },
		[EVENTFD] = { .system = "eventfd", .ops = &shared_ops, .sleeps = true },
		[FUSE] = { .system = "fuse", .ops = &fuse_ops, .optional = true },
	};
	int ret;

	for (int i = 0; i < NR; i++)
		all[i].load = load;
	ret = contenders_measure(all, NR);
	if (ret)
		return ret;
	for (int i = 0; i < NR && is_judged(load); i++)
		print(&all[i]);
	judge_all(all);
	return 0;
}

/* ---- options -------------------------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "count", 'n', "N", 0, "reads a round, a multiple of 32 (320)", 0 },
	{ "rounds", 'r', "N", 0, "rounds, of which the median counts (61)", 0 },
	{ "native", 'N', NULL, 0, "without the module, over plain shared memory", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct load *load = state->input;

	switch (key) {
	case 'n':
		load->count = (unsigned int)strtoul(arg, NULL, 0);
		return 0;
	case 'r':
		load->rounds = (unsigned int)strtoul(arg, NULL, 0);
		return 0;
	case 'N':
		load->native = true;
		return 0;
	case ARGP_KEY_END:
		if (!load->count || load->count % DEPTH || !load->rounds ||
		    load->rounds > ROUNDS_MAX)
			argp_error(state, "a number is out of range");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL,
		"Measure reads over a direct ring beside shared memory, eventfds and FUSE.",
		NULL, NULL, NULL,
	};
	struct load load = { .count = 320, .rounds = 61, .bs = 4096 };
	int ret = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &load);
	blocks_init();
	for (int i = 0; !ret && i < 4; i++) {
		load.qd = i < 2 ? 1 : DEPTH;
		load.work = i % 2 ? MADE : COPIED;
		ret = run(&load);
	}
	return ret ? 1 : 0;
}
