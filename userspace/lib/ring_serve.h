/* SPDX-License-Identifier: MIT */
/*
 * What the files of a ring's server share.
 *
 *   ring_serve	order, start, answers, waiting	ring_intake	an entry becomes a request
 *   ring_files	numbers that the client may use
 *
 * A request: FREE -> WAITING [taken from the ring] -> STARTED [nothing is before
 * it, its callback runs] -> FREE [its answer is on the ring, or nobody is there
 * to have it]. WAITING -> FREE without a callback: cancelled, or cannot be.
 *
 * Threads. All is the serving thread's, but for the list of answers and the
 * states of requests: any thread may answer.
 */
#ifndef LIBSCHEME_RING_SERVE_H
#define LIBSCHEME_RING_SERVE_H

#include "int.h"
#include "ring_int.h"

#define NO_FILE	UINT32_MAX

/*
 * What the client names by index.
 * FREE -> OPEN -> CLOSING [CLOSE, or the end] -> FREE [the last request on it]
 */
struct ring_file {
	uint64_t		number;		/* the provider's */
	enum { FILE_FREE, FILE_OPEN, FILE_CLOSING } state;
	bool			owned;		/* opened here: close() it */
	uint32_t		in_flight;
};

struct ring_req {
	struct scheme_req	req;
	struct scheme_ring_server *server;	/* constant */
	uint8_t			*text;		/* private copy of a path, or NULL */
	uint32_t		file, file2;	/* of handle and aux, or NO_FILE */
	bool			waiting;
	bool			cancelled;
	bool			opening;	/* has a place among the files, for its answer */
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
	_Atomic uintptr_t	thread;		/* pthread_self() in a step, else 0 */

	struct ring_req		*reqs;		/* config.depth of them */
	struct ring_req		*free;
	struct ring_req		*waiting;	/* by priority, then as they came */
	struct ring_req		*waiting_last;
	struct ring_req		*oldest, *newest;
	struct ring_req		*last;		/* came last, and is not answered */
	int64_t			last_result;	/* when it is */
	unsigned int		pending;
	struct scheme_sqe	held;		/* taken while all requests are in use */
	bool			holds;
	bool			drops;		/* answers go nowhere */

	struct ring_file	*files;		/* config.files of them */
	uint32_t		nr_files;	/* and opens that may need one */

	pthread_mutex_t		lock;
	struct ring_answer	*answers;	/* lock; 2 * depth places */
	uint32_t		first_answer, nr_answers; /* lock */
	uint32_t		nr_more;	/* lock; of them, at most depth */
};

/* ---- files ---- */

/* An index for a number, or -EMFILE. */
int files_add(struct scheme_ring_server *s, uint64_t number, bool owned);
/*
 * Use what the client calls handle: the provider's number, and the index or
 * NO_FILE for the root. -EBADF.
 */
int files_use(struct scheme_ring_server *s, uint64_t handle, __u64 *number,
	      uint32_t *index);
/* That use has ended. */
void files_release(struct scheme_ring_server *s, uint32_t index);
/* No new use. */
void files_close(struct scheme_ring_server *s, uint64_t handle);
void files_close_all(struct scheme_ring_server *s);

/* ---- requests ---- */

/*
 * Make a free request of an entry: its place in order, files and payload. What
 * cannot be has an error to be answered.
 */
void intake(struct scheme_ring_server *s, const struct scheme_sqe *sqe);
/* All that an intake took, but its place in order. */
void intake_undo(struct ring_req *r);
/* An entry that nobody answers. */
void intake_oneway(struct scheme_ring_server *s, const struct scheme_sqe *sqe);

/* Cancel one: it is answered now, or its callback is told. */
void server_cancel(struct ring_req *r);
int server_post(struct scheme_req *req, const struct scheme_cqe *cqe);

#endif /* LIBSCHEME_RING_SERVE_H */
