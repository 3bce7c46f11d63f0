/* SPDX-License-Identifier: MIT */
/* The systems that are compared: each has its other side in a process of its own. */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "blocks.h"

#define ROUNDS_MAX	99U
#define DEPTH_MAX	256U

struct load {
	unsigned int	count;		/* reads a round, a multiple of the depth */
	unsigned int	rounds;
	size_t		bs;		/* bytes a read */
	unsigned int	qd;		/* reads at a time, a power of two */
	enum work	work;		/* of both sides, besides */
	bool		native;		/* without the module */
};

struct contender;

struct contender_ops {
	/* Start the other side. 0, or an error, which has been told. */
	int (*start)(struct contender *c);
	/* So many reads, a multiple of the depth, checked. 0 or -errno. */
	int (*run)(struct contender *c, unsigned int count);
	/* Give back what start made; the other side has been killed. */
	void (*stop)(struct contender *c);
};

struct contender {
	const char	*system;
	const struct contender_ops *ops;
	const struct load *load;
	bool		sleeps;		/* both sides, whenever they wait */
	bool		optional;	/* it need not be there */
	bool		measured;
	pid_t		pid;		/* of the other side, 0: not there */
	void		*own;		/* what ops keep */
	double		ns[ROUNDS_MAX];
	double		syscalls;	/* of both sides, per read */
};

extern const struct contender_ops direct_ops;	/* a direct ring */
extern const struct contender_ops shared_ops;	/* shared memory */
extern const struct contender_ops fuse_ops;	/* a file system by libfuse */

/* Tell an error of a system; returns err. */
int contender_fail(const struct contender *c, const char *what, int err);
/* The process of the other side, on a CPU of its own or, not pinned, on any; 0 in it. */
pid_t contender_fork(struct contender *c, bool pinned);
/* Start, measure in turns, count system calls, stop. 0 or -errno. */
int contenders_measure(struct contender *all, unsigned int nr);
/* The median of the first, over that of the second, round by round. */
double contenders_ratio(const struct contender *a, const struct contender *b);
double contender_median(const struct contender *c);

#endif /* BENCH_CONTENDER_H */
