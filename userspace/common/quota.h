/* SPDX-License-Identifier: MIT */
/*
 * What each user has of a few bounded things, so that no user of a daemon takes
 * all of it. From any thread.
 */
#ifndef COMMON_QUOTA_H
#define COMMON_QUOTA_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#define QUOTA_KINDS	3

struct quota_user;

struct quota {
	uint64_t		each[QUOTA_KINDS];	/* the most of a user */
	uint64_t		all[QUOTA_KINDS];	/* the most of all users */
	/* the rest is quota.c's */
	pthread_mutex_t		lock;
	uint64_t		used[QUOTA_KINDS];
	struct quota_user	*users;			/* who have something */
};

#define QUOTA_INIT	{ .lock = PTHREAD_MUTEX_INITIALIZER }

/* 0; -ENOBUFS: that would be too much; -ENOMEM. */
int quota_take(struct quota *q, uid_t uid, unsigned int kind, uint64_t n);
/* Give back what has been taken. */
void quota_give(struct quota *q, uid_t uid, unsigned int kind, uint64_t n);

#endif /* COMMON_QUOTA_H */
