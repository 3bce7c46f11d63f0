/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A provider on libscheme that keeps a tree of files and directories in memory,
 * for tests of paths: a small but complete file system, without any check of
 * permissions, that can be told to misbehave.
 */
#ifndef SELFTESTS_TREE_H
#define SELFTESTS_TREE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <scheme.h>

#define TREE_NODES	256
#define TREE_HANDLES	256

/* What the provider does and has done; in memory that processes share. */
struct tree_state {
	int		ready;			/* -errno: there will be no serving */
	/* set by the test */
	uint64_t	parks;			/* 1 << opcode: never answered */
	uint64_t	lifetime_ns;		/* granted with every STAT */
	int		fails_with;		/* every operation of fails_op */
	int		fails_op;
	unsigned int	entries;		/* most in one answer; 0: all that fit */
	int		lies_uid;		/* STAT: everything is root's */
	/* set by the provider */
	unsigned int	seen[64];		/* requests by opcode */
	unsigned int	open;			/* handles open now */
	char		path[256];		/* of the last OPEN */
	uint32_t	flags;			/* likewise */
	uid_t		uid;			/* of the last request's caller */
};

struct tree {
	struct tree_state	*state;
	struct scheme		*scheme;	/* of one in a thread */
	pthread_t		thread;
	int			stop;
	pid_t			pid;		/* of one in a process */
};

/* Serve in a thread, or in a process of its own, as this user; 0 or -errno. */
int tree_start_thread(struct tree *t, const char *name);
int tree_start_process(struct tree *t, const char *name, uid_t uid);
/* End it, however it stands. */
void tree_stop(struct tree *t);

#endif /* SELFTESTS_TREE_H */
