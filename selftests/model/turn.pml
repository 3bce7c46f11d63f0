/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wait for one of few: clients that want a tag, or a place of their user.
 *
 * Covers: an exclusive wait queue, on which a wake-up takes one waiter off; a
 * waiter that is woken while it is awake, or as its time is over; newcomers that
 * take what a waiter was woken for; the end of the queue. The tags are TAGS, the
 * clients WANT; each takes one and gives it back, or keeps it, or leaves before.
 *
 * Proves: nobody waits for ever while a tag is free, even if those who have one
 * keep it for ever, nor after the end; no tag has two owners.
 *
 * PASS_AT_TAKE is what the code did before this model was: it passed a wake-up on
 * while it took its tag, and so lost one that came between that and finish_wait().
 *
 * Leaves out: memory order. Tags are taken under queue->lock; wq_has_sleeper() and
 * prepare_to_wait_event() have the fences, and queue.pml shows what they are for.
 * The places of a user are waited for in the same way, by the same macro:
 * schm_user_try_enter() module/scheme.c, schm_user_may_enter() module/scheme.c. Only
 * that one is given back without a lock; with PLACES that is two steps.
 *
 * RUNS: -DTAGS=2
 * RUNS: -DTAGS=2 -DPLACES
 * MUTATIONS: NO_PASS NO_PASS_TURN PASS_AT_TAKE NO_PASS_TIMEOUT NO_DROP_WAKE
 * MUTATIONS: NO_RECHECK NO_LOCK
 */
#ifndef TAGS
#define TAGS	2
#endif
#define WANT	4

byte free = TAGS;
byte held;
bool dead;

/* The wait queue, in order, and whether a waiter's task has been woken. */
chan waiters = [WANT] of { byte };
bool woken[WANT];
bool done[WANT], kept[WANT];

#ifdef NO_LOCK
#define UNDER_LOCK(x)	x
#else
#define UNDER_LOCK(x)	atomic { x }
#endif

/* wake_up() of exclusive waiters: one, which autoremove_wake_function() takes off */
inline wake_one()
{
	if
	:: waiters?w -> woken[w] = true; w = 0
	:: empty(waiters)
	fi
}

/* schm_queue_take_tag() module/queue.c: the condition of req_take_tag() module/request.c */
inline take_tag()
{
	if
	:: dead -> turn = true		/* ENODEV */
	:: !dead && free == 0
	:: !dead && free > 0 ->
		free--;
		held++;
		assert(held <= TAGS);
		got = true;
		turn = true;
#ifdef PASS_AT_TAKE
		if
		:: free > 0 -> wake_one()
		:: free == 0
		fi
#endif
	fi
}

proctype client(byte me)
{
	byte w;
	bool got, turn;

	/* req_wait_turn() module/request.c: the look before the wait */
	UNDER_LOCK(take_tag())
	if
	:: turn -> goto out
	:: !turn
	fi;
again:	/* prepare_to_wait_event(): at the tail, unless it is still on the queue */
	atomic {
		woken[me] = false;
		if
		:: waiters??[eval(me)]
		:: !waiters??[eval(me)] -> waiters!me
		fi
	}
#ifndef NO_RECHECK
	UNDER_LOCK(take_tag())
#endif
	if
	:: turn -> goto finish
	:: !turn
	fi;
end_asleep:
	if
	:: woken[me] ->
#ifdef NO_RECHECK
		UNDER_LOCK(take_tag())
		if
		:: turn -> goto finish
		:: !turn
		fi;
#endif
		goto again
	/* the time is over: one more look, then it leaves */
	:: me >= WANT - 2 -> UNDER_LOCK(take_tag())
	fi;
finish:	/* finish_wait() */
	atomic {
		if
		:: waiters??[eval(me)] -> waiters??eval(me)
		:: !waiters??[eval(me)]
		fi
	}
	/*
	 * A wake-up may have reached it while it was awake: after it had taken its
	 * tag, or as its time was over. It passes on what is there.
	 */
#ifndef NO_PASS
	atomic {
		if
#if defined(PASS_AT_TAKE) || defined(NO_PASS_TURN)
		:: !turn && free > 0 -> wake_one()
#elif defined(NO_PASS_TIMEOUT)
		:: turn && free > 0 -> wake_one()
#else
		:: free > 0 -> wake_one()
#endif
		:: else
		fi
	}
#endif
	/* It has a tag: the provider may never answer, but the scheme's end does. */
out:	if
	:: skip
	:: got ->
		kept[me] = true;
end_kept:	dead ->
		kept[me] = false
	fi;
#ifdef PLACES
	/* schm_user_leave() module/scheme.c: others may come between */
	atomic {
		if
		:: got ->
			held--;
			free++
		:: !got
		fi
	}
#endif
	/* schm_req_put() module/request.c, schm_queue_drop_tag_locked() module/queue.c */
	atomic {
		if
		:: got ->
			got = false;
#ifndef PLACES
			held--;
			free++;
#endif
#ifndef NO_DROP_WAKE
			wake_one()
#endif
		:: !got
		fi;
		turn = false
	}
	done[me] = true
}

/* schm_queue_fail() module/answer.c, queue_end_all_locked() module/answer.c */
proctype killer()
{
	byte w;

	if
	:: goto out
	:: skip
	fi;
	atomic {
		dead = true;
		do
		:: waiters?w -> woken[w] = true
		:: empty(waiters) -> break
		od;
		w = 0
	}
out:	skip
}

#define OUT(c)	(done[c] || kept[c])

proctype monitor()
{
	timeout ->
	assert(held + free == TAGS);
	/* who is not done has a tag for ever, or waits where there is none */
	assert(free == 0 && !dead || OUT(0) && OUT(1) && OUT(2) && OUT(3));
	assert(free < TAGS || empty(waiters))
}

init {
	atomic {
		run client(0); run client(1); run client(2); run client(3);
		run killer(); run monitor()
	}
}
