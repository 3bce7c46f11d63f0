/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lives of requests and handles: a client that opens, reads and closes, a
 * provider that answers, some answers that are none, and the end of the scheme,
 * all at once.
 *
 * Covers: the states of a request (request.h), its references (the client's, the
 * tag's, the CANCEL's, the waker's), its tag, which the next request uses again,
 * entries that wait for room, the handle's references and its CLOSE; a client
 * that is told to give up, leaves, or is never woken in time; a scheme that dies;
 * a provider that dies, answers twice, or to a tag of the past.
 *
 * Proves: a request ends exactly once, and nothing of a request or handle is
 * touched after it was freed; the tag is given back once; at the end all is freed
 * if the provider has answered or the scheme is dead; an open handle sends one
 * CLOSE, nothing of it comes after that, and if nothing was abandoned it is on
 * its way when close() returns.
 *
 * Leaves out: memory order and sleeping (queue.pml, answer.pml): what is done
 * under queue->lock is one step here; the wait for a tag (turn.pml): the client
 * blocks until there is one; several queues; handles of several clients: they
 * differ in number only.
 *
 * RUNS: -DSQ=1
 * RUNS: -DSQ=2
 * MUTATIONS: DOUBLE_COMPLETE NO_GENERATION NO_TAG_REF NO_CANCEL_REF NO_WAKER_REF
 * MUTATIONS: DROP_LATE PUT_DROPS_ABANDONED FAIL_LEAVES_ABANDONED
 * MUTATIONS: FAIL_TAKES_RESERVED NO_WITHDRAW CLOSE_TWICE NO_LATE_OPEN
 * MUTATIONS: NO_HANDLE_REF ABANDON_FREES_TAG FAIL_LEAVES_PENDING
 */
#ifndef SQ
#define SQ	2	/* entries of the submission ring */
#endif

/* The client's requests, one after the other, on the one tag. */
#define OPEN	0
#define READ	1
#define REQS	2

mtype = { NONE, NEW, RESERVED, SENT, ABANDONED, ENDED };

typedef request {
	mtype	state;
	byte	ref;
	bool	freed;
	bool	has_tag;
	bool	canceling;
	bool	handles;	/* holds its references to the handle */
	bool	opens;		/* and one more: it is the OPEN */
	byte	gen;		/* in its entry's user_data */
	bool	ok;		/* result */
	byte	completed;
	bool	waits;		/* its client is on its wait queue */
};
request req[REQS];

/* The handle. */
byte h_ref;
bool h_freed, h_open, h_closed;
/* The tag: whose it is, plus one; its generation. */
byte tag_req;
byte tag_gen = 1;
byte tag_dropped, tag_taken;

bool dead, killed, abandoned, open_ok, p_gone;

/* Entries: REQ 0 and 1, CANCEL 2 and 3, CLOSE 4; the second field is user_data's generation. */
#define CANCEL	2
#define CLOSE	4
chan ring = [SQ] of { byte, byte };
chan pending = [5] of { byte, byte };

#define TOUCH(r)	assert(req[r].state != NONE && !req[r].freed)
#define TOUCH_H		assert(!h_freed && h_ref > 0)

/* queue_push_locked() module/queue.c. Nothing of a handle comes after its CLOSE. */
inline push(entry, generation)
{
	assert(!h_closed);
	h_closed = (entry == CLOSE);
	ring!entry,generation
}

/* What a struct schm_late holds of one-way entries that have reached the ring. */
inline gone(entry)
{
	if
	:: entry == CANCEL + OPEN -> late_cancel[OPEN] = true
	:: entry == CANCEL + READ -> late_cancel[READ] = true
	:: entry == CLOSE -> late_close = true
	:: else
	fi
}

/* schm_queue_flush_slow_locked() module/queue.c */
inline flush()
{
	do
	:: nempty(pending) && nfull(ring) ->
		pending?e,g;
		if
		:: e < CANCEL -> TOUCH(e)
		:: e >= CANCEL && e < CLOSE -> TOUCH(e - CANCEL)
		:: e == CLOSE -> assert(!h_freed)
		fi;
		push(e, g);
		gone(e);
		e = 0;
		g = 0
	:: empty(pending) || full(ring) -> break
	od
}

/* schm_queue_submit_locked() module/queue.c; on_ring: it is, and the caller has it still */
inline submit(entry, generation)
{
	flush();
	if
	:: empty(pending) && nfull(ring) ->
		push(entry, generation);
		on_ring = true
	:: nempty(pending) || full(ring) ->
		pending!entry,generation;
		on_ring = false
	fi
}

/* schm_handle_free() module/handle.c */
inline handle_free()
{
	assert(!h_freed);
	h_freed = true
}

/*
 * schm_handle_unref() module/handle.c. The last one's CLOSE is a step of its own in
 * late_run(), before the caller goes on: later than in the code, never sooner.
 */
inline handle_unref(n)
{
	TOUCH_H;
	assert(h_ref >= (n));
	h_ref = h_ref - (n);
	late_last = (h_ref == 0)
}

/* handle_send_close() module/handle.c */
inline send_close()
{
	if
	:: h_open && !dead ->
		submit(CLOSE, 0);
#ifdef CLOSE_TWICE
		submit(CLOSE, 0);
#endif
		if
		:: on_ring -> handle_free()
		:: !on_ring		/* who moves the entry on frees it */
		fi;
		on_ring = false
	:: !h_open || dead -> handle_free()
	fi
}

/* req_drop_refs() module/request.c */
inline drop_handles(q)
{
	if
	:: req[q].handles ->
		handle_unref(1 + req[q].opens);
		req[q].handles = false;
		req[q].opens = false
	:: !req[q].handles
	fi
}

/* schm_req_unref() module/request.c */
inline unref(q)
{
	TOUCH(q);
	assert(req[q].ref > 0);
	req[q].ref--;
	if
	:: req[q].ref == 0 ->
		drop_handles(q);
		req[q].freed = true
	:: req[q].ref > 0
	fi
}

/* schm_req_drop_tag_locked() module/request.c, schm_queue_drop_tag_locked() module/queue.c */
inline drop_tag(t)
{
	TOUCH(t);
	assert(req[t].has_tag && tag_req == t + 1);
	/* schm_user_leave() module/scheme.c looks at the user through the handle */
	TOUCH_H;
	req[t].has_tag = false;
	tag_req = 0;
	tag_gen++;
	tag_dropped++
}

/* schm_req_end_locked() module/answer.c */
inline end_locked(t, result)
{
	TOUCH(t);
	req[t].completed++;
	assert(req[t].completed == 1);
	req[t].ok = result;
	req[t].state = ENDED;
	if
	:: req[t].waits ->
#ifndef NO_WAKER_REF
		req[t].ref++;
#endif
		late_ended[t] = true
	:: !req[t].waits
	fi
}

/* req_end_abandoned_locked() module/answer.c */
inline end_abandoned(t)
{
	TOUCH(t);
	req[t].completed++;
	assert(req[t].completed == 1);
	req[t].state = ENDED;
#ifndef ABANDON_FREES_TAG
	drop_tag(t);
#endif
	late_req[t] = true
}

/* schm_req_cancel_locked() module/answer.c */
inline cancel_locked(t)
{
	if
	:: !req[t].canceling && !dead ->
		req[t].canceling = true;
#ifndef NO_CANCEL_REF
		req[t].ref++;
#endif
		submit(CANCEL + t, req[t].gen);
		if
		:: on_ring -> gone(CANCEL + t)
		:: !on_ring
		fi;
		on_ring = false
	:: else
	fi
}

#ifdef NO_WAKER_REF
#define unref_woken(r)	skip
#else
#define unref_woken(r)	unref(r)
#endif
#ifdef NO_CANCEL_REF
#define unref_cancel(r)	TOUCH(r)
#else
#define unref_cancel(r)	unref(r)
#endif

#define LATE	bool late_ended[REQS], late_req[REQS], late_cancel[REQS], late_close, late_last, on_ring; byte e, g, q

/*
 * Without the lock, a step each, and what they bring about is added:
 * schm_late_run_slow() module/answer.c, late_wake() module/answer.c, late_entry() module/answer.c
 */
inline late_run()
{
	do
	:: atomic {
		late_ended[OPEN] || late_ended[READ] ->
		q = (late_ended[OPEN] -> OPEN : READ);
		late_ended[q] = false;
		TOUCH(q);
		unref_woken(q);
		q = 0
	}
	:: atomic {
		late_req[OPEN] || late_req[READ] ->
		q = (late_req[OPEN] -> OPEN : READ);
		late_req[q] = false;
		unref(q);
		q = 0
	}
	:: atomic {
		late_cancel[OPEN] || late_cancel[READ] ->
		q = (late_cancel[OPEN] -> OPEN : READ);
		late_cancel[q] = false;
		unref_cancel(q);
		q = 0
	}
	:: atomic {
		late_last ->
		late_last = false;
		send_close()
	}
	:: atomic { late_close -> late_close = false; handle_free() }
	:: atomic {
		!late_ended[OPEN] && !late_ended[READ] && !late_req[OPEN] && !late_req[READ] &&
		!late_cancel[OPEN] && !late_cancel[READ] && !late_close && !late_last -> break
	}
	od
}

proctype client()
{
	LATE;
	byte r, back;
	bool was_abandoned, had_tag;

	/* schm_handle_alloc() module/handle.c: the file's reference */
	h_ref = 1;

again:	/* schm_req_alloc() module/request.c */
	atomic {
		TOUCH_H;
#ifndef NO_HANDLE_REF
		h_ref++;
		req[r].handles = true;
#endif
		if
		:: r == OPEN -> h_ref++; req[r].opens = true
		:: r != OPEN
		fi;
		req[r].ref = 1;
		req[r].state = NEW
	}
	/* schm_req_reserve() module/request.c, req_take_tag() module/request.c */
	atomic {
		if
		:: dead -> goto put		/* ENODEV */
		:: !dead && tag_req == 0 ->
			tag_req = r + 1;
			tag_taken++;
#ifndef NO_TAG_REF
			req[r].ref++;
#endif
			req[r].has_tag = true;
			req[r].state = RESERVED
		/* or a signal, or the time was over */
		:: !dead && tag_req != 0 -> goto put
		fi
	}
	/* It may fail before it is submitted: piece_fill() module/transfer.c */
	if
	:: r == READ -> goto put
	:: skip
	fi;
	/* schm_req_submit() module/request.c */
	atomic {
		if
		:: !dead ->
			req[r].gen = tag_gen;
			req[r].state = SENT;
			submit(r, tag_gen);
			on_ring = false
		:: dead -> end_locked(r, false)
		fi
	}
	back = 0;
	goto late;

	/* req_wait() module/request.c */
wait:	atomic {
		if
		/* schm_req_done() module/request.h: without the lock, so the waker may be busy yet */
		:: req[r].state == ENDED -> req[r].waits = false; goto put
		:: req[r].state != ENDED && !req[r].waits -> req[r].waits = true; goto wait
		/* req_wait_interrupted() module/request.c, req_cancel() module/request.c */
		:: req[r].state == SENT && !req[r].canceling && req[r].waits ->
			if
			:: pending??[eval(r),_] ->
				/* schm_queue_withdraw_locked() module/queue.c */
#ifndef NO_WITHDRAW
				pending??eval(r),g;
				g = 0;
#endif
				req[r].waits = false;
				end_locked(r, false)
			:: !pending??[eval(r),_] -> cancel_locked(r)
			fi
		/* a fatal signal, or the deadline */
		:: req[r].waits -> req[r].waits = false; goto leave
		fi
	}
	back = 0;
	goto late;

	/* req_leave() module/request.c */
leave:	atomic {
		if
		:: req[r].state != SENT
		:: req[r].state == SENT && pending??[eval(r),_] ->
#ifndef NO_WITHDRAW
			pending??eval(r),g;
			g = 0;
#endif
			end_locked(r, false)
		:: req[r].state == SENT && !pending??[eval(r),_] ->
			cancel_locked(r);
			req[r].state = ABANDONED;
#ifdef ABANDON_FREES_TAG
			drop_tag(r);
#endif
			abandoned = true
		fi
	}
	back = 1;
	goto late;

	/* schm_req_put() module/request.c */
put:	atomic {
		TOUCH(r);
		open_ok = open_ok || (r == OPEN && req[r].state == ENDED && req[r].ok);
		was_abandoned = (req[r].state == ABANDONED);
		had_tag = req[r].has_tag && !was_abandoned;
		if
		:: had_tag -> drop_tag(r)
		:: !had_tag
		fi
	}
	atomic {
		if
#ifndef DROP_LATE
#ifdef PUT_DROPS_ABANDONED
		:: true -> drop_handles(r)
#else
		:: !was_abandoned -> drop_handles(r)
#endif
#endif
		:: else
		fi
	}
#ifndef NO_TAG_REF
	atomic {
		if
		:: had_tag -> unref(r)
		:: !had_tag
		fi
	}
#endif
	atomic {
		unref(r);
		was_abandoned = false;
		had_tag = false
	}
	back = 2;
	goto late;
next:	if
	:: r == OPEN && open_ok -> r = READ; goto again
	:: else
	fi;

	/* schm_client_release() module/client.c, schm_handle_put() module/handle.c; or a failed open */
	atomic { handle_unref(1) }
	back = 3;

	/* schm_late_run() module/answer.h, at the end of each of these */
late:	late_run();
	if
	:: back == 0 -> goto wait
	:: back == 1 -> goto put
	:: back == 2 -> goto next
	:: back == 3
	fi;
	/* what this client does next comes after its CLOSE */
	assert(!h_open || abandoned || dead || h_closed || pending??[CLOSE,_])
}

/* req_answer_locked() module/answer.c, schm_handle_open() module/handle.c */
bool late_open;		/* the provider has opened something */

inline answered(good)
{
#ifdef NO_LATE_OPEN
	if
	:: good && r == OPEN && req[r].state == SENT -> TOUCH_H; h_open = true
#else
	if
	:: good && r == OPEN -> TOUCH_H; assert(!h_open); h_open = true
#endif
	:: else
	fi;
	late_open = late_open || (good && r == OPEN);
	if
	:: req[r].state == ABANDONED -> end_abandoned(r)
	:: req[r].state == SENT -> end_locked(r, good)
	fi
}

/* Takes entries and answers; the last entries are CANCEL and CLOSE. */
proctype provider()
{
	LATE;
	byte answer, gen, entry, r;
	bool lies;

end:	do
	:: killed -> break
	:: atomic {
		!killed && nempty(ring) ->
		/* serve_next() userspace/lib/server.c */
		ring?entry,gen;
		if
		:: entry < CANCEL -> answer = entry + 1
		:: entry >= CANCEL
		fi;
		entry = 0
	}
		if
		:: answer > 0 ->
take:			/* take_value_locked() module/answer.c, schm_answer_find_locked() module/answer.c */
			atomic {
				r = tag_req;
				if
				:: dead				/* schm_queue_posted_locked() module/queue.c */
				:: !dead && r == 0		/* EBADF */
				:: !dead && r > 0 ->
					r = r - 1;
					TOUCH(r);
					if
#ifndef NO_GENERATION
					:: gen != tag_gen	/* EBADF */
					:: gen == tag_gen && pending??[eval(r),_]
					:: gen == tag_gen && !pending??[eval(r),_] ->
#else
					:: true ->
#endif
						assert(answer == r + 1);
						if
						:: req[r].state == SENT || req[r].state == ABANDONED ->
							answered(true)
						:: req[r].state == SENT || req[r].state == ABANDONED ->
							answered(false)
						:: req[r].state != SENT && req[r].state != ABANDONED
#ifdef DOUBLE_COMPLETE
							-> end_locked(r, false)
#endif
						fi
					fi
				fi;
				r = 0;
				flush()		/* take_all() module/answer.c */
			}
		:: answer == 0 -> atomic { flush() }
		fi;
		late_run();
		/* once it answers again, to what was answered */
		if
		:: !lies && answer > 0 && !killed -> lies = true; goto take
		:: answer = 0; gen = 0
		fi
	od;
	p_gone = true
}

/* watch_scheme() module/life.c, schm_scheme_kill() module/life.c, scheme_stop() module/life.c */
proctype killer()
{
	LATE;
	byte r;

	if
	:: goto out
	:: killed = true
	:: skip
	fi;
	/* schm_queue_fail() module/answer.c */
	atomic {
		dead = true;
		/* fail_pending_locked() module/answer.c */
#ifndef FAIL_LEAVES_PENDING
		do
		:: nempty(pending) ->
			pending?e,g;
			gone(e);
			e = 0;
			g = 0
		:: empty(pending) -> break
		od;
#endif
		/* fail_reqs_locked() module/answer.c */
		r = tag_req;
		if
		:: r > 0 ->
			r = r - 1;
			TOUCH(r);
			if
#ifndef FAIL_LEAVES_ABANDONED
			:: req[r].state == ABANDONED -> end_abandoned(r)
#endif
			:: req[r].state == SENT -> end_locked(r, false)
#ifdef FAIL_TAKES_RESERVED
			:: req[r].state == RESERVED -> end_locked(r, false)
#endif
			:: else
			fi
		:: r == 0
		fi;
		r = 0
	}
	late_run();
out:	skip
}

/* When nothing moves any more: all has been freed, and told. */
proctype monitor()
{
	timeout ->
	assert(!killed || p_gone);
	assert(tag_req == 0 && tag_taken == tag_dropped);
	assert(req[OPEN].freed && (req[READ].freed || req[READ].state == NONE));
	assert(h_freed);
	assert(h_open == late_open);
	assert(!h_open || dead || h_closed);
	assert(h_open || !h_closed);
	assert(empty(pending))
}

init {
	atomic {
		req[OPEN].state = NONE; req[READ].state = NONE;
		run client(); run provider(); run killer(); run monitor()
	}
}
