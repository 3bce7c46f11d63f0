/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way back: two clients that wait for their answers, one provider that posts
 * them, and somebody who kills the provider or the scheme at any step.
 *
 * Covers: the poller byte of a client that spins; a provider that leaves the
 * answer to it, or calls ENTER; clients that take answers for others; the sleep
 * of a client and its last look at the ring; a client that leaves (SIGKILL, or a
 * deadline that is over). All over store buffers (tso.h), so that fences count.
 *
 * Proves: when nothing moves any more, no answer waits on the ring and no client
 * for one that was given; every request ends exactly once; after the end of the
 * scheme every client has got away.
 *
 * Leaves out: how requests reach the provider (queue.pml): both are on their way
 * at the start, and it takes them in either order; the lives of objects
 * (request.pml); a completion ring that is full: it has a place for every tag.
 *
 * MUTATIONS: NO_STOP_FENCE NO_STOP_LOOK NO_SPINS_FENCE NO_POLLER_CLEAR
 * MUTATIONS: NO_END_FENCE NO_WAIT_FENCE NO_RECHECK NO_END_WAKE NO_ENTER
 * MUTATIONS: NO_FAIL_REQS NO_SENT_CHECK DOUBLE_COMPLETE EARLY_TAIL
 */
#define CLIENTS	2
#define PROV	2	/* CPUs; the clients' are 0 and 1 */
#define KILL	3
#define CPUS	4
#define BUFFER	1

/* What is looked at without the lock, and so may be seen late. */
#define QLOCK	0	/* queue->lock */
#define CQTAIL	1	/* prov->cq_tail */
#define POLLER	2	/* 2, 3: poller[tag] */
#define DONE	4	/* 4, 5: req->state is DONE */
#define ONREQ	6	/* 6, 7: its client is on req->wait */
#define VARS	8

#include "tso.h"

mtype = { SENT, ABANDONED, ENDED };

/* Under queue->lock. */
byte k_cqhead;
mtype state[CLIENTS] = SENT;
byte completed[CLIENTS];
bool dead;

/* The ring's places: the tag, and one; written before the tail moves. */
byte cq[CLIENTS];
/* The provider's own: its copy of the index, what it took, what it owes. */
byte u_cqtail;
bool taken[CLIENTS], owed;

/* A wait queue has a lock of its own, so who is on it is seen at once. */
bool c_on[CLIENTS], c_woken[CLIENTS];

bool busy;		/* busy_poll_us is set */
bool spins;		/* the provider's spin_ns is set */
bool killed;		/* the provider's process */
bool finished[CLIENTS], p_gone;

#define CQTAIL_SEEN(p)	(p == PROV -> u_cqtail : mem[CQTAIL])
#define DONE_SEEN(c)	(mem[DONE + c] || OWN(c, eval(DONE + c), 1))

#define LOCK		mem[QLOCK] == 0 -> mem[QLOCK] = 1
/*
 * A release: what was stored before is seen before. Nobody here looks at anything
 * between his unlocking and the next fence, so he may as well wait for it.
 */
#define UNLOCK(p)	FENCE(p); mem[QLOCK] = 0

inline count_end(r)
{
	completed[r]++;
	assert(completed[r] == 1);
	state[r] = ENDED
}

/* schm_req_end_locked() module/answer.c, of a request whose client may wait */
inline end_locked(p, r)
{
	count_end(r);
	STORE(p, DONE + r, 1);
#ifndef NO_END_FENCE
	FENCE(p);		/* in wq_has_sleeper() */
#endif
	late_ended[r] = mem[ONREQ + r]
}

/* Without the lock: schm_late_run() module/answer.h, late_wake() module/answer.c */
inline late_run()
{
	d_step {
#ifndef NO_END_WAKE
		c_woken[0] = c_woken[0] || (late_ended[0] && c_on[0]);
		c_woken[1] = c_woken[1] || (late_ended[1] && c_on[1]);
#endif
		late_ended[0] = false;
		late_ended[1] = false
	}
}

/*
 * take_some_locked() module/answer.c: one snapshot of the tail, then each answer:
 * schm_answer_find_locked() module/answer.c, req_answer_locked() module/answer.c
 */
inline take_some(p)
{
	n = (dead -> 0 : CQTAIL_SEEN(p) - k_cqhead);
	do
	:: n > 0 ->
		n--;
		assert(cq[k_cqhead] > 0);
		d = cq[k_cqhead] - 1;
		k_cqhead++;
		if
		:: state[d] == SENT -> end_locked(p, d)
		:: state[d] == ABANDONED -> count_end(d)	/* req_end_abandoned_locked() module/answer.c */
		fi;
		d = 0
	:: n == 0 -> break
	od
}

/* take_all() module/answer.c */
inline take_all(p)
{
	atomic {
		LOCK;
		take_some(p);
		UNLOCK(p)
	}
	late_run()
}

/* req_stop_polling() module/request.c */
inline stop_polling(me)
{
	if
	:: busy ->
#ifndef NO_POLLER_CLEAR
		STORE(me, POLLER + me, 0);
#endif
#ifndef NO_STOP_FENCE
		FENCE(me);	/* its smp_mb() */
#endif
#ifndef NO_STOP_LOOK
		take_all(me)	/* schm_answers_take() module/answer.c */
#endif
	:: !busy
	fi
}

proctype client(byte c)
{
	byte n, d;
	bool late_ended[CLIENTS];

	/* req_spin() module/request.c, for as long as it likes */
	do
	:: atomic { busy && !DONE_SEEN(c) && mem[CQTAIL] != k_cqhead ->
			/* schm_answers_poll() module/answer.c */
			LOCK;
			take_some(c);
			UNLOCK(c)
		}
		late_run()
	:: busy && DONE_SEEN(c) -> goto out
	:: busy ->
		stop_polling(c);
		break
	:: !busy -> break
	od;

	/* req_wait() module/request.c: prepare_to_wait_event(), then a look */
sleep:	atomic {
		c_on[c] = true;
		c_woken[c] = false;
		STORE(c, ONREQ + c, 1);
#ifndef NO_WAIT_FENCE
		FENCE(c);	/* in set_current_state() */
#endif
#ifndef NO_RECHECK
		if
		:: DONE_SEEN(c) -> goto awake	/* schm_req_done() module/request.h */
		:: !DONE_SEEN(c)
		fi
#endif
	}
	if
	:: c_woken[c] ->
#ifndef NO_RECHECK
		goto sleep
#else
		goto awake
#endif
	/* The clients are alike: it is enough that one may leave. */
	:: c == 1
	fi;
	/* req_wait_interrupted() module/request.c, req_leave() module/request.c */
	atomic {
		c_on[c] = false;
		mem[ONREQ + c] = 0
	}
	stop_polling(c);
	atomic {
		LOCK;
		if
#ifndef NO_SENT_CHECK
		:: state[c] != SENT
#endif
		:: state[c] == SENT && !taken[c] ->
			/* schm_queue_withdraw_locked() module/queue.c, if it was not on the ring */
			taken[c] = true;
			end_locked(c, c)
#ifndef NO_SENT_CHECK
		:: state[c] == SENT -> state[c] = ABANDONED
#else
		:: taken[c] -> state[c] = ABANDONED
#endif
		fi;
		UNLOCK(c)
	}
	late_run();
	goto out;

awake:	atomic {
		c_on[c] = false;
		mem[ONREQ + c] = 0;
		goto out
	}
out:	finished[c] = true
}

/* Some request that the provider has not taken. */
#define WAITS(c)	((state[c] == SENT || state[c] == ABANDONED) && !taken[c])

proctype provider()
{
	byte n, d;
	bool late_ended[CLIENTS];

	/* serve_next() userspace/lib/server.c, in either order */
end:	do
	:: killed || dead -> break
	:: atomic {
		!killed && (WAITS(0) || WAITS(1)) ->
		if
		:: WAITS(0) -> d = 0
		:: WAITS(1) -> d = 1
		fi;
		taken[d] = true
	}
#ifdef EARLY_TAIL
		STORE(PROV, CQTAIL, u_cqtail + 1);
#endif
		/* scheme_reply() userspace/lib/reply.c, try_push() userspace/lib/queue.c */
		atomic {
			if :: killed -> break :: !killed fi;
			cq[u_cqtail] = d + 1;
			u_cqtail++;
#ifndef EARLY_TAIL
			STORE(PROV, CQTAIL, u_cqtail)
#endif
		}
		/* queue_post() userspace/lib/queue.c */
		atomic {
			if
			:: !spins -> owed = true
			:: spins ->
				/* client_spins() userspace/lib/queue.c */
#ifndef NO_SPINS_FENCE
				FENCE(PROV);
#endif
				owed = owed || !mem[POLLER + d]
			fi;
			d = 0
		}
	:: !killed && owed ->
		/* wait_entry() userspace/lib/server.c, schm_answers_enter() module/answer.c */
		owed = false;
#ifndef NO_ENTER
		take_all(PROV)
#endif
	od;
	d = 0;
	p_gone = true
}

/*
 * Kills the provider, or the scheme under a living one, or does nothing:
 * watch_scheme() module/life.c, schm_scheme_kill() module/life.c, scheme_stop() module/life.c
 */
proctype killer()
{
	byte d;
	bool late_ended[CLIENTS];

	if
	:: goto out
	:: killed = true
	:: skip
	fi;
	/* queue_fail() module/answer.c */
	atomic {
		LOCK;
		dead = true;		/* schm_queue_set_state_locked() module/queue.c */
#ifndef NO_FAIL_REQS
		do			/* fail_reqs_locked() module/answer.c */
		:: d < CLIENTS ->
			if
#ifdef DOUBLE_COMPLETE
			:: true -> end_locked(KILL, d)
#else
			:: state[d] == SENT -> end_locked(KILL, d)
			:: state[d] == ABANDONED -> count_end(d)
#endif
			:: else
			fi;
			d++
		:: d == CLIENTS -> break
		od;
		d = 0;
#endif
		UNLOCK(KILL)
	}
	late_run();
out:	skip
}

/* When nothing moves any more, nothing may be left to do. */
proctype monitor()
{
	timeout ->
	assert(mem[QLOCK] == 0);
	assert(finished[0] && finished[1]);
	assert(dead || k_cqhead == mem[CQTAIL]);
	assert(completed[0] == 1 && completed[1] == 1);
	assert(!dead || p_gone)
}

init {
	atomic {
		/* schm_req_submit() module/request.c has set the bytes */
		if
		:: busy = true; spins = true; mem[POLLER] = 1; mem[POLLER + 1] = 1
		:: busy = true; mem[POLLER] = 1; mem[POLLER + 1] = 1
		:: skip		/* and spins alone changes nothing: all bytes are 0 */
		fi;
		run cpu(0); run cpu(1); run cpu(PROV); run cpu(KILL);
		run client(0); run client(1);
		run provider(); run killer(); run monitor()
	}
}
