// SPDX-License-Identifier: MIT
#include "quota.h"

#include <errno.h>
#include <stdlib.h>

struct quota_user {
	struct quota_user	*next;
	uid_t			uid;
	uint64_t		used[QUOTA_KINDS];
};

static struct quota_user *find(const struct quota *q, uid_t uid)
{
	struct quota_user *user = q->users;

	while (user && user->uid != uid)
		user = user->next;
	return user;
}

static struct quota_user *find_or_add(struct quota *q, uid_t uid)
{
	struct quota_user *user = find(q, uid);

	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (user) {
		user->uid = uid;
		user->next = q->users;
		q->users = user;
	}
	return user;
}

static void remove_idle(struct quota *q, struct quota_user *user)
{
	struct quota_user **at = &q->users;

	for (unsigned int i = 0; i < QUOTA_KINDS; i++)
		if (user->used[i])
			return;
	while (*at && *at != user)
		at = &(*at)->next;
	*at = user->next;
	free(user);
}

static int take(struct quota *q, struct quota_user *user, unsigned int kind,
		uint64_t n)
{
	if (n > q->each[kind] - user->used[kind] ||
	    n > q->all[kind] - q->used[kind])
		return -ENOBUFS;
	user->used[kind] += n;
	q->used[kind] += n;
	return 0;
}

int quota_take(struct quota *q, uid_t uid, unsigned int kind, uint64_t n)
{
	struct quota_user *user;
	int ret = -ENOMEM;

	pthread_mutex_lock(&q->lock);
	user = find_or_add(q, uid);
	if (user) {
		ret = take(q, user, kind, n);
		remove_idle(q, user);
	}
	pthread_mutex_unlock(&q->lock);
	return ret;
}

void quota_give(struct quota *q, uid_t uid, unsigned int kind, uint64_t n)
{
	struct quota_user *user;

	pthread_mutex_lock(&q->lock);
	user = find(q, uid);
	if (user) {
		user->used[kind] -= n;
		q->used[kind] -= n;
		remove_idle(q, user);
	}
	pthread_mutex_unlock(&q->lock);
}
