/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way to the provider: two clients that submit, one provider that sleeps,
 * and somebody who kills the provider or the scheme at any step.
 *
 * Covers: the submission ring (SQ entries), the list of those that found it full,
 * the OVERFLOW flag; a provider that spins, sleeps in ENTER, sleeps in poll, or
 * has its ENTER parked; a client that leaves: it withdraws an entry that waits,
 * or sends a CANCEL. All over store buffers (tso.h), so that fences count.
 *
 * Proves: when nothing moves any more, no entry waits; no entry is lost, given
 * twice or written over before it was copied out; after the end of the scheme
 * the provider has got away, and the list is empty.
 *
 * With one place the list is used early and often; with two the ring is a ring.
 *
 * Leaves out: answers (answer.pml), the lives of objects (request.pml), the wait
 * for a tag (turn.pml); that indices wrap: they never get far here. A deadline
 * of ENTER is a reason to look again, so it is left out: nothing may need it.
 *
 * RUNS: -DSQ=1
 * RUNS: -DSQ=2
 * MUTATIONS: NO_OVERFLOW_FENCE NO_OVERFLOWN_FENCE NO_OVERFLOWN NO_OVERFLOW_FLUSH
 * MUTATIONS: NO_WAKE_FENCE NO_SLEEP_FENCE NO_POLL_FENCE NO_RECHECK NO_UNPARK
 * MUTATIONS: NO_PARK_LOOK NO_ENTER_FLUSH NO_FAIL_WAKE NO_FAIL_PENDING
 * MUTATIONS: NO_WITHDRAW_FLAG NO_SUBMIT_CHECK EARLY_HEAD
 */
#ifndef SQ
#define SQ	2	/* entries of the submission ring */
#endif

#define PROV	2	/* CPUs; the clients' are 0 and 1 */
#define KILL	3
#define CPUS	4
#define BUFFER	2

/* What is looked at without the lock, and so may be seen late. */
#define QLOCK	0	/* queue->lock */
#define TAIL	1	/* client->sq_tail, and q->sq_tail where it is read without */
#define HEAD	2	/* prov->sq_head */
#define FLAG	3	/* client->flags: OVERFLOW */
#define STATE	4	/* kern->state, and q->dead where it is read without */
#define ONQ	5	/* somebody is on sq_wait */
#define VARS	6

#include "tso.h"

/* Entries: a REQ and a CANCEL of each client. */
#define REQ(c)		(1 + (c))
#define CANCEL(c)	(3 + (c))
#define ENTRIES		5

/* Under queue->lock. */
byte k_tail;
bool parked, dead;
chan pending = [ENTRIES] of { byte };

/* The ring's places; written before the tail moves. */
byte sq[SQ];
/* The provider's own copy of its index. */
byte u_head;

/* A wait queue has a lock of its own, so who is on it is seen at once. */
bool p_on, p_woken;
bool cmd_done;		/* the parked command's task work has run */

bool spins;		/* the provider's spin_ns is set */
bool killed;		/* the provider's process */
bool p_gone;

/* What became of an entry. */
bool sent[ENTRIES], taken[ENTRIES], dropped[ENTRIES];

#define HEAD_SEEN(p)	(p == PROV -> u_head : mem[HEAD])
/* While it holds back its store to TAIL, it also holds the lock. */
#define TAIL_SEEN	(OWN(PROV, TAIL, _) -> k_tail : mem[TAIL])
#define STATE_SEEN	mem[STATE]

/* schm_queue_room_locked() module/queue.c */
#define ROOM(p)		(SQ - (k_tail - HEAD_SEEN(p)))
/* schm_queue_ready() module/queue.h, in the provider's context */
#define READY		(TAIL_SEEN - u_head)

#define LOCK		mem[QLOCK] == 0 -> mem[QLOCK] = 1
#define UNLOCK(p)	STORE(p, QLOCK, 0)

/* queue_push_locked() module/queue.c */
inline push(p, entry)
{
	assert(sq[k_tail % SQ] == 0);
	sq[k_tail % SQ] = entry;
	k_tail++;
	STORE(p, TAIL, k_tail)
}

/* schm_queue_flush_locked() module/queue.h, schm_queue_flush_slow_locked() module/queue.c */
inline flush(p)
{
	do
	:: nempty(pending) && ROOM(p) > 0 ->
		pending?e;
		push(p, e);
		e = 0;
		if
		:: empty(pending) -> STORE(p, FLAG, 0)
		:: nempty(pending)
		fi
	:: empty(pending) || ROOM(p) == 0 -> break
	od
}

/* schm_queue_submit_locked() module/queue.c */
inline submit(p, entry)
{
	sent[entry] = true;
	flush(p);
	if
	:: empty(pending) && ROOM(p) > 0 -> push(p, entry)
	:: nempty(pending) || ROOM(p) == 0 ->
		pending!entry;
		STORE(p, FLAG, 1);
#ifndef NO_OVERFLOW_FENCE
		FENCE(p);	/* its smp_mb() */
#endif
#ifndef NO_OVERFLOW_FLUSH
		flush(p)
#endif
	fi
}

/* schm_queue_wake_locked() module/queue.c, schm_queue_unpark_locked() module/park.c */
inline wake_locked(p)
{
	if
#ifndef NO_UNPARK
	:: parked && k_tail - HEAD_SEEN(p) >= 1 ->
		parked = false;
		late_cmd = true
#endif
	:: else
	fi;
#ifndef NO_WAKE_FENCE
	FENCE(p);		/* in wq_has_sleeper() */
#endif
	late_wake = mem[ONQ]
}

/*
 * Without the lock: schm_late_run() module/answer.h, late_wake() module/answer.c,
 * schm_parked_complete() module/park.c
 */
inline late_run()
{
	d_step {
		p_woken = p_woken || (late_wake && p_on);
		cmd_done = cmd_done || late_cmd;
		late_wake = false;
		late_cmd = false
	}
}

proctype client(byte c)
{
	byte e;
	bool late_cmd, late_wake;

	/* schm_req_submit() module/request.c */
	atomic {
		LOCK;
		if
#ifdef NO_SUBMIT_CHECK
		:: true ->
#else
		:: !dead ->		/* schm_queue_usable() module/queue.h */
#endif
			submit(c, REQ(c));
			wake_locked(c);
			UNLOCK(c)
#ifndef NO_SUBMIT_CHECK
		:: dead ->
			UNLOCK(c);
			goto out
#endif
		fi
	}
	late_run();

	/* The clients are alike: it is enough that one may leave. */
	if
	:: goto out
	:: c == 1
	fi;
	/*
	 * It leaves. First req_stop_polling() module/request.c: take_all() in
	 * module/answer.c moves entries to the ring, and wakes no provider.
	 */
	atomic {
		LOCK;
		flush(c);
		UNLOCK(c)
	}
	/* req_leave() module/request.c, or req_cancel() module/request.c */
	atomic {
		LOCK;
		if
		:: pending??[eval(REQ(c))] ->
			/* schm_queue_withdraw_locked() module/queue.c */
			pending??eval(REQ(c));
			dropped[REQ(c)] = true;
#ifndef NO_WITHDRAW_FLAG
			if
			:: empty(pending) -> STORE(c, FLAG, 0)
			:: nempty(pending)
			fi
#endif
		:: !pending??[eval(REQ(c))] && !dead ->
			/* schm_req_cancel_locked() module/answer.c */
			submit(c, CANCEL(c));
			wake_locked(c)
		:: dead
		fi;
		UNLOCK(c)
	}
	late_run();
out:	skip
}

/* A process can be killed wherever its user space is. */
#define MAY_DIE		if :: killed -> goto gone :: !killed fi

proctype provider()
{
	byte e, fill;
	bool poll;

	/* scheme_queue_dispatch() userspace/lib/server.c */
step:	atomic {
		MAY_DIE;
		if
		:: STATE_SEEN -> goto gone	/* queue_state() userspace/lib/queue.c */
		:: !STATE_SEEN
		fi;
		fill = mem[TAIL] - u_head;	/* ring_filled() userspace/lib/ring.h */
		assert(fill <= SQ)
	}
	do
	:: fill > 0 ->
		/* take() userspace/lib/server.c, ring_advance() userspace/lib/ring.h */
#ifdef EARLY_HEAD
		STORE(PROV, HEAD, u_head + 1);
#endif
		atomic {
			MAY_DIE;
			fill--;
			e = sq[u_head % SQ];
			sq[u_head % SQ] = 0;
			assert(sent[e] && !taken[e] && !dropped[e]);
			/* a CANCEL comes after what it cancels */
			assert(e < CANCEL(0) || taken[e - CANCEL(0) + REQ(0)]);
			taken[e] = true;
			e = 0;
			u_head++;
#ifndef EARLY_HEAD
			STORE(PROV, HEAD, u_head)
#endif
		}
	:: fill == 0 -> break
	od;

	/*
	 * wait_entry() userspace/lib/server.c, can_go_on() userspace/lib/server.c.
	 * It may owe an ENTER for an answer, or not, if that client spins.
	 */
	atomic {
		MAY_DIE;
		if
		:: goto enter
		:: mem[TAIL] != u_head -> goto step
		:: mem[TAIL] == u_head && spins
		fi
	}
	/* overflown() userspace/lib/server.c */
#ifndef NO_OVERFLOWN
	atomic {
#ifndef NO_OVERFLOWN_FENCE
		FENCE(PROV);
#endif
		if
		:: mem[FLAG] -> goto enter
		:: !mem[FLAG]
		fi
	}
#endif
	/* spin() userspace/lib/server.c, and it may be for ever */
end_spin:
	if
	:: mem[TAIL] != u_head || STATE_SEEN || killed -> goto step
	fi;

	/*
	 * schm_enter_ioctl() module/enter.c, schm_enter_cmd() module/enter.c:
	 * enter_take() module/enter.c, schm_answers_enter() module/answer.c
	 */
enter:	atomic {
		LOCK;
#ifndef NO_ENTER_FLUSH
		flush(PROV);	/* take_all() module/answer.c */
#endif
		UNLOCK(PROV)
	}
	atomic {
		if
		:: STATE_SEEN || READY >= 1 -> goto step	/* enter_result() module/enter.c */
		:: !STATE_SEEN && READY == 0
		fi;
		if
		:: goto park
		:: poll = false	/* enter_wait() module/enter.c */
		:: poll = true	/* wait_queues() userspace/lib/server.c, after an ENTER for 0 */
		fi
	}

	/* Onto sq_wait, then a look at the condition. */
sleep:	atomic {
		p_on = true;
		p_woken = false;
		STORE(PROV, ONQ, 1);
		if
#ifndef NO_SLEEP_FENCE
		:: !poll -> FENCE(PROV)	/* set_current_state() of wait_event() */
#endif
#ifndef NO_POLL_FENCE
		:: poll -> FENCE(PROV)	/* in poll_wait(), of queue_poll() module/provider.c */
#endif
		:: else
		fi
#ifndef NO_RECHECK
		;
		if
		:: STATE_SEEN || READY >= 1 -> goto awake
		:: !STATE_SEEN && READY == 0
		fi
#endif
	}
end_asleep:
	if
	:: p_woken ->
#ifndef NO_RECHECK
		goto sleep
#else
		skip
#endif
	:: killed
	fi;
awake:	atomic {
		poll = false;
		p_on = false;
		STORE(PROV, ONQ, 0);
		goto step
	}

	/* enter_park() module/enter.c, schm_queue_park() module/park.c */
park:	atomic {
		LOCK;
		if
		:: dead || READY >= 1 ->
			UNLOCK(PROV);
			goto step
#ifndef NO_PARK_LOOK
		:: !dead && READY == 0
#else
		:: !dead
#endif
		fi;
		cmd_done = false;
		parked = true;
		UNLOCK(PROV)
	}
end_parked:
	if
	:: cmd_done -> goto step
	:: killed ->
		/* queue_flush() module/provider.c, schm_queue_unpark_process() module/park.c */
		atomic {
			LOCK;
			parked = false;
			UNLOCK(PROV)
		}
	fi;
gone:	p_gone = true
}

/*
 * Kills the provider, or the scheme under a living one, or does nothing:
 * watch_scheme() module/life.c, schm_scheme_kill() module/life.c, scheme_stop() module/life.c
 */
proctype killer()
{
	byte e;
	bool late_cmd, late_wake;

	if
	:: goto out
	:: killed = true
	:: skip
	fi;
	/* queue_fail() module/answer.c, queue_end_all_locked() module/answer.c */
	atomic {
		LOCK;
		dead = true;		/* schm_queue_set_state_locked() module/queue.c */
		STORE(KILL, STATE, 1);
#ifndef NO_FAIL_PENDING
		do			/* fail_pending_locked() module/answer.c */
		:: pending?e -> dropped[e] = true
		:: empty(pending) -> break
		od;
		e = 0;
		STORE(KILL, FLAG, 0);
#endif
		if
		:: parked ->
			parked = false;
			late_cmd = true
		:: else
		fi;
#ifndef NO_FAIL_WAKE
		/*
		 * wake_up() looks under the lock of sq_wait, and who comes there
		 * later sees all that was stored before.
		 */
		FENCE(KILL);
		p_woken = p_woken || p_on;
#endif
		UNLOCK(KILL)
	}
	late_run();
out:	skip
}

/* When nothing moves any more, nothing may be left to do. */
proctype monitor()
{
	byte e;

	timeout ->
	assert(mem[QLOCK] == 0);
	assert(empty(pending) && !mem[FLAG]);
	assert(!dead || p_gone && !parked);
	assert(p_gone || mem[TAIL] == u_head);
	do
	:: e < ENTRIES ->
		assert(!(taken[e] && dropped[e]));
		assert(dead || !sent[e] || taken[e] || dropped[e]);
		e++
	:: e == ENTRIES -> break
	od
}

init {
	atomic {
		if :: spins = true :: spins = false fi;
		run cpu(0); run cpu(1); run cpu(PROV); run cpu(KILL);
		run client(0); run client(1);
		run provider(); run killer(); run monitor()
	}
}
