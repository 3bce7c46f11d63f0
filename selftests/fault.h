/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A provider that serves by itself, in a thread or in a process of its own,
 * and misbehaves as it is told.
 *
 * Every path opens; the file is one memory of SERVE_BYTES that all share, with
 * a position, or without one when the path starts with "stream". It checks on
 * its part that the module keeps its promises: tags, handles and CLOSEs.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "provider.h"

#define SERVE_BYTES	(256L * 1024)

/* What is wrong with it; zero is nothing. */
struct faults {
	unsigned int	delay_ms;	/* before each answer */
	uint32_t	parks;		/* 1 << opcode: not answered until cancelled */
	bool		ignores_cancels;
	unsigned int	parks_nth;	/* as parks, for every n-th request */
	bool		twice;		/* each answer is given twice */
	bool		wrong_tags;	/* rubbish between the answers */
	unsigned int	lies_nth;	/* every n-th result cannot be */
	unsigned int	short_nth;	/* every n-th read or write is cut in half */
	unsigned int	reorders;	/* answer in batches of so many, backwards */
	unsigned int	dies_at;	/* SIGKILL when the n-th request comes */
};

/* What it has seen; in memory that processes share. */
struct served {
	int		ready;		/* -errno: there will be no serving */
	unsigned int	requests;
	unsigned int	opens;		/* numbers given */
	unsigned int	closes;
	unsigned int	most_open;	/* numbers at a time */
	unsigned int	cancels;
	unsigned int	in_flight;	/* now */
	unsigned int	most_in_flight;
	unsigned int	wrong;		/* promises that were not kept */
};

/* Serve queue 0 until the scheme dies or *stop; returns why, 0 or -errno. */
int serve(struct provider *p, const struct faults *faults,
	  struct served *served, const int *stop);

struct server {
	struct provider	p;
	struct faults	faults;
	struct served	*served;
	int		stop;		/* atomic */
	pthread_t	thread;		/* if pid is 0 */
	pid_t		pid;
};

/* Create a scheme and serve it; returns when it can be opened. 0 or -errno. */
int server_start_thread(struct server *s, const struct scheme_create *create,
			const struct faults *faults);
/* The same in a child, which is the scheme's owner. */
int server_start_process(struct server *s, const struct scheme_create *create,
			 const struct faults *faults);
/* A small scheme with this name, for the two above. */
void server_create_init(struct scheme_create *create, const char *name);
/* End the scheme and who serves it. */
void server_stop(struct server *s);

#endif /* SELFTESTS_FAULT_H */
