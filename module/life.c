// SPDX-License-Identifier: GPL-2.0
/*
 * How schemes die. The file operations of the scheme fd tell of most deaths,
 * but not in time of all: a dump of core, a slow teardown or a parked command
 * can hold the files of a process that has long stopped serving. So a watcher
 * looks at every owner a few times a second.
 */
#include "life.h"

#include <linux/workqueue.h>

#include "answer.h"
#include "compat.h"
#include "handle.h"
#include "queue.h"
#include "registry.h"
#include "ring.h"
#include "scheme.h"

static void watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(watcher, watch);

/* Users wait without a queue: tell them that no place will come free. */
static void wake_users(struct schm_scheme *s)
{
	struct schm_user *user;
	int bucket;

	spin_lock(&s->lock);
	hash_for_each(s->users, bucket, user, node)
		wake_up_all(&user->wait);
	spin_unlock(&s->lock);
}

static void (*stop_hook)(void);	/* set while there are no schemes */

void schm_scheme_on_stop(void (*fn)(void))
{
	stop_hook = fn;
}

/* No new opens, no more requests. False: somebody else has done it. */
static bool scheme_stop(struct schm_scheme *s)
{
	unsigned int i;
	bool first;

	spin_lock(&s->lock);
	first = s->state == SCHM_ALIVE;
	if (first)
		WRITE_ONCE(s->state, SCHM_DYING);
	spin_unlock(&s->lock);
	if (!first)
		return false;

	for (i = 0; i < s->config.queues; i++)
		schm_queue_fail(s->queues[i], SCHEME_RING_DEAD);
	wake_users(s);
	schm_handles_wake(s);
	schm_rings_end(s);
	if (stop_hook)
		stop_hook();
	return true;
}

static void scheme_gone(struct schm_scheme *s)
{
	WRITE_ONCE(s->state, SCHM_DEAD);
	complete_all(&s->gone);
}

void schm_scheme_kill(struct schm_scheme *s)
{
	if (!scheme_stop(s)) {
		wait_for_completion(&s->gone);
		return;
	}
	schm_registry_del(s);
	scheme_gone(s);
}

void schm_scheme_discard(struct schm_scheme *s)
{
	scheme_stop(s);
	scheme_gone(s);
}

static void watch_scheme(struct schm_scheme *s)
{
	unsigned int i;

	if (schm_scheme_owner_dying(s)) {
		schm_scheme_kill(s);
		return;
	}
	if (SCHM_CMD_CANCEL)
		return;
	for (i = 0; i < s->config.queues; i++)
		schm_queue_unpark_dying(s->queues[i]);
}

static void watch(struct work_struct *work)
{
	schm_registry_for_each(watch_scheme);
	if (!schm_registry_empty())
		schm_watch_start();
}

void schm_watch_start(void)
{
	schedule_delayed_work(&watcher, msecs_to_jiffies(SCHM_WATCH_MS));
}

void schm_watch_stop(void)
{
	cancel_delayed_work_sync(&watcher);
}
