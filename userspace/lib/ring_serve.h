/* SPDX-License-Identifier: MIT */
/*
 * What the files of a ring's server share.
 *
 *   ring_serve	order, start, answers, steps	ring_intake	an entry becomes a request
 *   ring_server	beginning, end, other loops
 *   ring_files	numbers that the client may use	ring_event	readiness
 *   ring_plain	the short way of most requests
 *
 * A request: FREE -> WAITING [taken from the ring] -> STARTED [nothing is before
 * it, its callback runs] -> FREE [its answer is on the ring, or nobody is there
 * to have it]. WAITING -> FREE without a callback: cancelled, or cannot be.
 *
 * Most go FREE -> STARTED -> FREE with one call, see ring_plain.c.
 *
 * An EVENT is STARTED while it watches its file, and has no callback.
 *
 * Threads. All is the serving thread's, but for the list of answers, what files are
 * ready for, and the states of requests: any thread may answer, and post events.
 * Who may look a file up by its number holds the lock; the serving thread changes
 * what others look at with it only. What it answers in a step, and its look for what
 * others have brought, take no lock. scheme.servers_lock, then scheme_ring_server.lock.
 */
#ifndef LIBSCHEME_RING_SERVE_H
#define LIBSCHEME_RING_SERVE_H

#include <sys/epoll.h>

#include "int.h"
#include "ring_int.h"

#define NO_FILE	UINT32_MAX
/* So many answers of a batch go at once: the client works on them meanwhile. */
#define RING_SOME	8U

/*
 * What the client names by index.
 * FREE -> OPEN -> CLOSING [CLOSE, or the end] -> FREE [the last request on it]
 */
struct ring_file {
	uint64_t		number;		/* the provider's; lock */
	enum { FILE_FREE, FILE_OPEN, FILE_CLOSING } state;
	bool			owned;		/* opened here: close() it */
	uint32_t		flags;		/* O_ACCMODE, O_APPEND */
	uint32_t		in_flight;
	struct ring_req		*watches;	/* EVENTs on it */

	/* lock: */
	uint32_t		next;		/* in the chain of its number */
	uint32_t		events;		/* what it is ready for */
	bool			knows_events;
	bool			posted;		/* edges wait for the serving thread */
	uint32_t		edges;
	uint32_t		next_posted;
	uint32_t		nr_watches;
};

struct ring_req {
	struct scheme_req	req;
	struct scheme_ring_server *server;	/* constant */
	uint8_t			*text;		/* private copy of a path, or NULL */
	uint32_t		file, file2;	/* of handle and aux, or NO_FILE */
	bool			waiting;
	bool			cancelled;
	bool			opening;	/* has a place among the files, for its answer */
	uint32_t		opened_flags;	/* what that file may do */
	bool			watches;	/* an EVENT that has started */
	uint32_t		edges;		/* of it, without an answer yet */
	struct ring_req		*next_watch;	/* of the same file */
	int64_t			before;		/* CHAIN: answer of the one before */
	struct ring_req		*after;		/* CHAIN: the one before, if not answered */
	int			error;		/* cannot be: what to answer, or 0 */
	struct ring_req		*chained;	/* that waits for us */
	struct ring_req		*next;		/* waiting, or free */
	struct ring_req		*older, *newer;	/* not yet answered, in order */
};

/* An answer that has to go to the ring. */
struct ring_answer {
	struct ring_req		*req;		/* NULL: not its last one */
	struct scheme_cqe	cqe;
};

struct scheme_ring_server {
	struct scheme		*scheme;	/* constant */
	struct scheme_ring	*ring;		/* constant */
	struct scheme_ring_server_config config; /* constant */
	_Atomic uintptr_t	thread;		/* this_thread() in a step, else 0 */
	_Atomic uintptr_t	awake;		/* that of the last step, 0 when armed */

	struct ring_req		*reqs;		/* config.depth of them */
	struct ring_req		*free;
	struct ring_req		*waiting;	/* by priority, then as they came */
	struct ring_req		*waiting_last;
	struct ring_req		*oldest, *newest;
	struct ring_req		*last;		/* came last, and is not answered */
	int64_t			last_result;	/* when it is */
	unsigned int		pending;
	uint32_t		awaited;	/* by a step that sleeps: SCHEME_RING_NEED_* */
	struct scheme_sqe	held;		/* taken while all requests are in use */
	bool			holds;
	bool			all_cancelled;	/* nothing is left of what the end cancels */
	bool			all_closed;	/* nor of what it closes */
	bool			drops;		/* answers go nowhere */
	_Atomic bool		has_posted;	/* written with lock: `posted` is a file */
	bool			edges_wait;	/* some request has edges */
	bool			may_learn;	/* look for new regions of the pool */
	bool			may_learn_fixed; /* and for more registered files */
	struct ring_req		*plain;		/* whose callback runs; see ring_plain.c */
	uint32_t		nr_plain;	/* answers on the ring that are to be published */
	uint32_t		nr_own;		/* answers, see below */

	/* config.files of them, then nr_fixed for those that the client registers */
	struct ring_file	*files;
	uint32_t		nr_files;	/* of the former, and opens that may need one */
	uint32_t		nr_fixed;	/* constant */
	uint32_t		known_fixed;	/* that the module has been asked for */
	uint32_t		may;		/* constant; access mode of the ring */
	int			poll_fd;	/* -1 until somebody wants it */
	uint32_t		interest;	/* of it, in the ring's end */

	struct scheme_ring_server *next;	/* scheme->servers_lock */

	/*
	 * Last answers that the serving thread gave while there were no others: they
	 * are older than those. Two arrays, so that one can go to the ring as it is.
	 */
	struct ring_req		**own_reqs;	/* config.depth places */
	struct scheme_cqe	*own_cqes;

	pthread_mutex_t		lock;
	uint32_t		*chains;	/* lock; files by number */
	uint32_t		chain_mask;	/* constant */
	uint32_t		posted;		/* lock; first file that has edges */
	struct ring_answer	*answers;	/* lock; 2 * depth places */
	uint32_t		first_answer;	/* lock */
	_Atomic uint32_t	nr_answers;	/* written with lock */
	uint32_t		nr_more;	/* lock; of them, at most depth */
};

/* ---- files ---- */

/* Of a file whose provider says nothing of its readiness. */
#define READY_ALWAYS	((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM))

/* An index for a file, of which number, owned, flags and events count. -EMFILE. */
int files_add_locked(struct scheme_ring_server *s, const struct ring_file *file);
/* The first one of the chain that files with this number are in, or NO_FILE. */
uint32_t files_first_locked(struct scheme_ring_server *s, uint64_t number);
/* What a handle is the index of, open or not; NO_FILE: of nothing. */
uint32_t files_index(const struct scheme_ring_server *s, uint64_t handle);
/*
 * Use the files that a request names, whose numbers become the provider's; flags: what
 * may be done with the last of them. 0, or -EBADF, -EACCES, -EINVAL if this may not.
 */
int files_take(struct ring_req *r, uint32_t *flags);
/* Ask the module for a registered file. */
int files_ask(const struct scheme_ring_server *s, uint32_t fixed,
	      struct scheme_ring_file *file);
/* That use has ended. */
void files_release(struct scheme_ring_server *s, uint32_t index);
/* No new use. */
void files_close(struct scheme_ring_server *s, uint64_t handle);
void files_close_all(struct scheme_ring_server *s);

/* ---- events ---- */

void events_start(struct ring_req *r);
/* It is no longer told of anything. */
void events_stop(struct ring_req *r);
void events_cancel_file(struct scheme_ring_server *s, uint32_t index);
/* From posts to answers. */
void events_round(struct scheme_ring_server *s);
/* Has anything been posted? */
bool events_posted(struct scheme_ring_server *s);
void events_forget_locked(struct scheme_ring_server *s, uint32_t index);

/* ---- requests ---- */

/*
 * Make a request of the first free one, in which there is a copy of the entry: its
 * place in order, files and payload. What cannot be has an error to be answered.
 */
void intake(struct scheme_ring_server *s);
/* Likewise one for the short way, which has no place in order; NULL: it cannot be. */
struct ring_req *intake_plain(struct scheme_ring_server *s);
/* Its place in order, behind all others. */
void intake_order(struct ring_req *r);
/* All that an intake took, but its place in order. */
void intake_undo(struct ring_req *r);
/* An entry that nobody answers. */
void intake_oneway(struct scheme_ring_server *s, const struct scheme_sqe *sqe);

/* Can the entry go the short way? */
bool plain_may(struct scheme_ring_server *s, const struct scheme_sqe *sqe);
/* Make a request of the first free one, as intake() does, and run its callback. */
void plain_run(struct scheme_ring_server *s);
/* The answer of s->plain, with nothing before it that is not on the ring. */
void plain_answer(struct scheme_ring_server *s, const struct scheme_cqe *cqe);
/* Those answers are the client's. */
void plain_publish(struct scheme_ring_server *s);

/* Are we in one, so in a callback? Nobody else writes our number: a plain look does. */
static inline bool server_in_step(const struct scheme_ring_server *s)
{
	return atomic_load_explicit(&s->thread, memory_order_relaxed) == this_thread();
}

/* The request is free; what it used has been given back. */
void server_free(struct ring_req *r);
/* Cancel one: it is answered now, or its callback is told. */
void server_cancel(struct ring_req *r);
int server_post(struct scheme_req *req, const struct scheme_cqe *cqe);
/* Its thread looks for what has come, unless that is us. */
void server_wake(struct scheme_ring_server *s);
/* Answers that are not on the ring? */
bool server_has_answers(struct scheme_ring_server *s);
/* What a step would have to do: 1, an error, or -EAGAIN; makes no system call. */
int server_look(struct scheme_ring_server *s);
/* What its wait is for: SCHEME_RING_NEED_* bits. */
uint32_t server_wants(struct scheme_ring_server *s);
/* Cancel all; answers go nowhere from now on. */
void server_drop_all(struct scheme_ring_server *s);
/* Free it, also what is pending: nobody will answer that. */
void server_abandon(struct scheme_ring_server *s);
/* The same in a child, where the scheme knows of no servers any more. */
void server_forget(struct scheme_ring_server *s);

#endif /* LIBSCHEME_RING_SERVE_H */
