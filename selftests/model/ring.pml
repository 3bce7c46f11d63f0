/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The direct ring: two processes that share memory, and a kernel that rings the
 * doorbell of a side that sleeps and tells it when the other has died.
 *
 * The sides are libscheme's; between them is the module, or, over plain shared
 * memory, eventfds and a socket. The rule:
 *
 *   A word of flags per side, NEED_WAKEUP for entries and NEED_ROOM: the sleeper
 *   sets what it waits for, fences, re-checks, then sleeps, and it alone clears it.
 *   For who sleeps in a poll the kernel has another word, wants: each look of the
 *   poll sets it, the doorbell clears it and wakes all who poll, who look again. The
 *   waker publishes, fences, then looks at both.
 *   Doorbells latch, so one that comes between re-check and sleep is not lost; a
 *   spinner looks at the kernel's page for death. Either end closes: the other sees
 *   ESHUTDOWN after draining.
 *
 * Steps with a name in the tree carry it as in the other models.
 * ring_init() userspace/lib/ring_setup.c lays the sides over the memory,
 * ring_await() userspace/lib/ring_int.h is the loop around the sleep,
 * ring_entries() and ring_space() userspace/lib/ring_int.h find the end.
 *
 * Covers: MSGS entries through a submission ring of SQ places, and the answers to
 * some of them through a completion ring of CQ; both sides sleep when they have
 * nothing to do, the client also for room, and each time in ENTER or in a poll; one or
 * both die, or close, at any step. Store buffers as in tso.h. A completion ring as
 * small as this one makes the provider wait, too.
 *
 * Proves: no side sleeps for ever while it could go on; no entry is lost, given
 * twice or written over; who survives takes all that was published, then gets
 * ESHUTDOWN, and does not touch the rings after that.
 *
 * Leaves out: indices that are forged or wrap, more threads than one a side, that a
 * spinner may come to no end: it looks again, as a sleeper. An event queue that watches
 * an end keeps the word set, so that all is rung for.
 *
 * RUNS: -DSQ=2 -DCQ=2
 * RUNS: -DSQ=2 -DCQ=1
 * MUTATIONS: NO_SLEEP_FENCE NO_WAKE_FENCE NO_RECHECK NO_LATCH NO_SET NO_DOORBELL
 * MUTATIONS: NO_ROOM_DOORBELL NO_DEATH_BELL NO_DEATH_PAGE NO_DRAIN EARLY_TAIL
 * MUTATIONS: EARLY_HEAD SHUT_EARLY WAKER_CLEARS NO_SETTLE
 * MUTATIONS: NO_WANT_LOOK LATE_WANT NO_WANT_FENCE NO_POLL_WAKE LATE_CLEAR ASK_ONCE
 */
#if defined(NO_SLEEP_FENCE) || defined(NO_WAKE_FENCE) || defined(NO_RECHECK) || \
	defined(NO_LATCH) || defined(NO_SET) || defined(NO_DOORBELL) || \
	defined(NO_ROOM_DOORBELL) || defined(WAKER_CLEARS) || defined(NO_SETTLE)
#define BY_ENTER
#endif
#if defined(NO_WANT_LOOK) || defined(LATE_WANT) || defined(NO_WANT_FENCE) || \
	defined(NO_POLL_WAKE) || defined(LATE_CLEAR) || defined(ASK_ONCE)
#define BY_POLL
#endif

#ifndef SQ
#define SQ	2
#endif
#ifndef CQ
#define CQ	2
#endif
#define MSGS	5	/* entries: more than a ring holds */
#define ONEWAY	2	/* the first of them want no answer; they fill the ring */
#define ANSWERS	(MSGS - ONEWAY)

#define C	0	/* the client's side, and its CPU */
#define P	1
#define CPUS	2
#define BUFFER	3

#define OTHER(s)	(1 - s)

#define ENTRIES	1	/* NEED_WAKEUP */
#define ROOM	2	/* NEED_ROOM */

/* Shared memory, but for the entries. */
#define SQTAIL	0	/* the client's page */
#define CQHEAD	1
#define SQHEAD	2	/* the provider's page */
#define CQTAIL	3
#define FLAGS	4	/* 4, 5: what the client, the provider sleeps for */
#define GONE	6	/* 6, 7: the kernel's page: the client, the provider is dead */
#define WANTS	8	/* 8, 9: and there: what the client, the provider polls for */
#define VARS	10

#include "tso.h"

byte sq[SQ], cq[CQ];	/* places; written before the tail moves, 0 is empty */

/* Each side's own copies of its indices. */
byte sqtail, cqhead, sqhead, cqtail;

/* The kernel's. */
bool latch[2];		/* a doorbell that has rung and not been heard */
bool asleep[2];		/* waits in the kernel, for the latch */
bool polls[2];		/* waits there in a poll, and has not been woken */

bool shut[2], died[2];
byte served;		/* entries that the provider took */
byte heard;		/* answers that the client took */

/* ring_filled() userspace/lib/ring.h */
#define SQ_FILLED	(mem[SQTAIL] - sqhead)
#define CQ_FILLED	(mem[CQTAIL] - cqhead)
/* ring_room() userspace/lib/ring.h */
#define SQ_ROOM		(SQ - (sqtail - mem[SQHEAD]))
#define CQ_ROOM		(CQ - (cqtail - mem[CQHEAD]))

#define USE(s)		assert(!shut[s])

bool may_die[2];
/* A side can die, or close its end, wherever it is in user space. */
#define MAY_DIE(me)	if :: may_die[me] -> goto dies :: skip fi

/*
 * ring_locked() module/ring.c: wakes who sleeps in ENTER, or latches; clears the word of
 * who polls, and wakes that as well. A side's own flags it leaves alone. Over shared memory
 * bell_doorbell() userspace/lib/ring_bell.c: a count that grows, which a poll sees, too.
 */
inline doorbell(s)
{
	atomic {
#ifdef NO_LATCH
		latch[s] = asleep[s];
#else
		latch[s] = true;
#endif
#ifndef LATE_CLEAR
		mem[WANTS + s] = 0;
#endif
#ifndef NO_POLL_WAKE
		polls[s] = false
#endif
	}
#ifdef LATE_CLEAR
	mem[WANTS + s] = 0
#endif
}

/* ring_peer_waits() userspace/lib/ring_int.h */
#ifdef NO_WANT_LOOK
#define WAITS(s, what)	(mem[FLAGS + s] & what)
#else
#define WAITS(s, what)	((mem[FLAGS + s] | mem[WANTS + s]) & what)
#endif

/*
 * ring_publish() userspace/lib/ring_int.h: an index has moved; fence, look, ring. Or
 * that comes later: ring_made_room() userspace/lib/ring_int.h may leave it to the next
 * one, or to ring_settle() userspace/lib/ring_int.h before the sleep. In the code it
 * does where there is much room; here whenever it likes.
 */
inline publish(me, what)
{
	atomic {
#ifndef NO_WAKE_FENCE
		FENCE(me);
#endif
		if
#ifndef NO_DOORBELL
		:: WAITS(OTHER(me), what) ->
#ifdef WAKER_CLEARS
			STORE(me, FLAGS + OTHER(me), 0);
#endif
			ring_it = true
#endif
		:: else
		fi
	}
	if
	:: ring_it ->
		ring_it = false;
		MAY_DIE(me);
#ifdef WAKER_CLEARS
		skip
#else
		doorbell(OTHER(me))
#endif
	:: else
	fi
}

/*
 * ring_sleep() userspace/lib/ring_link.c: declare() userspace/lib/ring_link.c sets,
 * fences and looks again, at all that the side waits for and at the owner's page;
 * then module_wait() userspace/lib/ring_module.c and enter_sleep() module/ring_file.c,
 * or bell_wait() userspace/lib/ring_bell.c, until the doorbell or the end.
 */
inline sleep_in_enter(me, ready, wants)
{
#ifndef NO_SET
	STORE(me, FLAGS + me, wants);
#endif
	MAY_DIE(me);
	atomic {
#ifndef NO_SLEEP_FENCE
		FENCE(me);
#endif
		if
#ifndef NO_RECHECK
		:: ready || mem[GONE + OTHER(me)] -> skip
		:: !(ready || mem[GONE + OTHER(me)]) -> wait = true
#else
		:: wait = true
#endif
		fi
	}
	if
	:: wait ->
		MAY_DIE(me);
		asleep[me] = true;
		if
		:: latch[me]
		:: may_die[me] ->
			asleep[me] = false;
			goto dies
		fi;
		atomic {
			latch[me] = false;
			asleep[me] = false;
			wait = false
		}
	:: else
	fi;
	STORE(me, FLAGS + me, 0)
}

/* What want_locked() does to the word; ASK_ONCE: but not when it looks again. */
#ifdef ASK_ONCE
#define ASK(me, wants)	mem[WANTS + me] = (wait -> mem[WANTS + me] : mem[WANTS + me] | wants)
#else
#define ASK(me, wants)	mem[WANTS + me] = mem[WANTS + me] | wants
#endif

/*
 * A poll(2) of the end, after a look that found nothing: scheme_ring_server_arm()
 * userspace/lib/ring_server.c. ring_poll() module/ring_file.c is on the wait queue when
 * want_locked() module/ring.c sets the word, fences and looks, all under the lock, in which
 * others find nothing half done, since the fence is in it. Woken it looks again. The
 * word stays as it is when it has found something: one doorbell too many clears it.
 */
inline sleep_in_poll(me, ready, wants)
{
	do
	:: atomic {
#ifdef NO_WANT_FENCE
			STORE(me, WANTS + me, wants);
#else
			FENCE(me);
#ifndef LATE_WANT
			ASK(me, wants);
#endif
#endif
			if
			:: ready || mem[GONE + OTHER(me)] ->
				wait = false;
				break
			:: !(ready || mem[GONE + OTHER(me)]) ->
				wait = true;
				polls[me] = true
			fi
		}
#ifdef LATE_WANT
		ASK(me, wants);
#endif
		if
		:: !polls[me]
		:: may_die[me] ->
			polls[me] = false;
			goto dies
		fi
	od
}

/* What is wrong with one of them is found sooner without the other. */
inline sleep(me, ready, wants)
{
	if
#ifndef BY_POLL
	:: sleep_in_enter(me, ready, wants)
#endif
#ifndef BY_ENTER
	:: sleep_in_poll(me, ready, wants)
#endif
	fi
}

/*
 * ring_end_side() userspace/lib/ring_link.c, or its process is killed: then
 * schm_ring_shutdown() module/ring.c, or a socket hangs up. What it has published is in memory by then.
 */
inline end_of(me)
{
	atomic {
		FENCE(me);
		died[me] = true;
#ifndef NO_DEATH_PAGE
		mem[GONE + me] = 1;
#endif
	}
#ifndef NO_DEATH_BELL
	doorbell(OTHER(me))
#endif
}

inline settle(me)
{
#ifndef NO_SETTLE
	if
	:: owes -> publish(me, owes)
	:: else
	fi;
#endif
	owes = 0
}

#define CAN_SEND	(sqtail < MSGS && SQ_ROOM > 0)

proctype client()
{
	bool ring_it, wait, dead;
	byte owes = 0;	/* a look that is to come */

	do
	:: atomic {
			CQ_FILLED > 0 ->
			/* accept() and drop() userspace/lib/ring_client.c */
			USE(C);
			assert(cq[cqhead % CQ] == cqhead + 1);
			cq[cqhead % CQ] = 0;
			heard++;
			cqhead++;
			STORE(C, CQHEAD, cqhead)
		}
		MAY_DIE(C);
		if
		:: publish(C, ROOM)
		:: owes = ROOM
		fi
	:: CQ_FILLED == 0 ->
		if
		:: cqhead == ANSWERS -> break
		:: cqhead < ANSWERS && dead ->
			shut[C] = true;		/* ESHUTDOWN */
			break
		:: cqhead < ANSWERS && !dead && CAN_SEND ->
			/* scheme_ring_submit() userspace/lib/ring_client.c */
			MAY_DIE(C);
#ifdef EARLY_TAIL
			STORE(C, SQTAIL, sqtail + 1);
#endif
			atomic {
				USE(C);
				assert(sq[sqtail % SQ] == 0);
				sq[sqtail % SQ] = sqtail + 1;
				sqtail++;
#ifndef EARLY_TAIL
				STORE(C, SQTAIL, sqtail)
#endif
			}
			MAY_DIE(C);
			publish(C, ENTRIES + owes);
			owes = 0
		:: cqhead < ANSWERS && !dead && !CAN_SEND ->
			if
			:: mem[GONE + P] ->
				/* what it published before is there by now */
				dead = true;
#if defined(NO_DRAIN) || defined(SHUT_EARLY)
				shut[C] = true;
#endif
#ifdef NO_DRAIN
				break
#endif
			:: !mem[GONE + P] ->
				settle(C);
				sleep(C, (CQ_FILLED > 0 || CAN_SEND), (sqtail < MSGS -> ENTRIES + ROOM : ENTRIES))
			fi
		fi
	od;
dies:	end_of(C)
}

#define CAN_SERVE	(SQ_FILLED > 0 && (CQ_ROOM > 0 || dead))

proctype provider()
{
	bool ring_it, wait, dead;
	byte owes = 0;	/* a look that is to come */

	do
	:: CAN_SERVE ->
		/* scheme_ring_pop() userspace/lib/ring_provider.c, with room for the answer */
		MAY_DIE(P);
#ifdef EARLY_HEAD
		STORE(P, SQHEAD, sqhead + 1);
#endif
		atomic {
			USE(P);
			assert(sq[sqhead % SQ] == sqhead + 1);
			sq[sqhead % SQ] = 0;
			served++;
			sqhead++;
#ifndef EARLY_HEAD
			STORE(P, SQHEAD, sqhead)
#endif
		}
		MAY_DIE(P);
#ifndef NO_ROOM_DOORBELL
		if
		:: publish(P, ROOM)
		:: owes = ROOM
		fi;
#endif
		/* scheme_ring_push() userspace/lib/ring_provider.c; a dead client hears nothing */
		if
		:: atomic {
				sqhead > ONEWAY && CQ_ROOM > 0 ->
				assert(cq[cqtail % CQ] == 0);
				cq[cqtail % CQ] = sqhead - ONEWAY;
				cqtail++;
				STORE(P, CQTAIL, cqtail)
			}
			MAY_DIE(P);
			publish(P, ENTRIES + owes);
			owes = 0
		:: sqhead <= ONEWAY || CQ_ROOM == 0
		fi
	:: !CAN_SERVE ->
		if
		:: dead ->
			shut[P] = true;		/* ESHUTDOWN */
			break
		:: !dead && mem[GONE + C] ->
			dead = true;
#if defined(NO_DRAIN) || defined(SHUT_EARLY)
			shut[P] = true;
#endif
#ifdef NO_DRAIN
			break
#endif
		:: !dead && !mem[GONE + C] ->
			settle(P);
			if
			:: SQ_FILLED == 0 -> sleep(P, (SQ_FILLED > 0), ENTRIES)
			:: SQ_FILLED > 0 -> sleep(P, (CQ_ROOM > 0), ROOM)
			fi
		fi
	od;
dies:	end_of(P)
}

/* When nothing moves any more. */
proctype monitor()
{
	timeout ->
	/* each side has ended: by its own death, or for the other's, or in order */
	assert(died[C] && died[P]);
	/* who heard ESHUTDOWN had taken all that was published */
	assert(!shut[P] || sqhead == mem[SQTAIL]);
	assert(!shut[C] || cqhead == mem[CQTAIL]);
	assert(may_die[C] || may_die[P] || heard == ANSWERS && served == MSGS);
	assert(heard == cqhead && served == sqhead && heard <= served)
}

init {
	atomic {
		if
		:: may_die[C] = true
		:: may_die[P] = true
		:: may_die[C] = true; may_die[P] = true
		:: skip
		fi;
		run cpu(C); run cpu(P);
		run client(); run provider(); run monitor()
	}
}
