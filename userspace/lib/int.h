/* SPDX-License-Identifier: MIT */
/*
 * What the files of libscheme share.
 *
 *   setup	schemes: create, adopt, stop, destroy
 *   server	dispatch, step, run		reply	answers, one a request
 *   fd		files in flight, memory to map
 *   files	dispatch and answers of operations on files and directories
 *   queue	rings and slots in memory, ENTER
 *   ring_*	direct rings, see ring_int.h
 *   rings	those that are served with a queue
 *   client	the other side			url	names of files
 *   event	event queues
 *   request	the client's operations on files and directories
 *   memory	buffers of the memory scheme
 *
 * Threads. One thread at a time serves a queue: it alone takes submission
 * entries and writes a request's fields. Any thread may answer: the request's
 * state decides whose answer counts, and queue->post_lock orders the entries
 * on the completion ring.
 */
#ifndef LIBSCHEME_INT_H
#define LIBSCHEME_INT_H

#pragma GCC visibility push(default)
#include <scheme.h>
#pragma GCC visibility pop

#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "ring.h"

/*
 * IDLE -> PENDING [dispatch]   PENDING -> ANSWERED [reply]
 * ANSWERED -> PENDING [dispatch, when the slot comes again]
 */
enum req_state {
	REQ_IDLE,
	REQ_PENDING,
	REQ_ANSWERED,
};

/* Gives a claimed request's answer to whoever asked: a queue, or a direct ring. */
typedef int (*req_post_fn)(struct scheme_req *req, const struct scheme_cqe *cqe);

/* One for each slot, used again and again. */
struct scheme_req {
	struct scheme		*scheme;	/* constant */
	struct scheme_queue	*queue;		/* constant; NULL on a direct ring */
	req_post_fn		post;		/* constant */
	_Atomic int		state;		/* enum req_state */
	/* written by the serving thread before PENDING, then constant */
	struct scheme_sqe	sqe;
	struct scheme_call_header call;		/* CALL only */
	/* GETDENTS, until its answer: bytes put, and more would not fit */
	uint32_t		fill;
	bool			full;
	/*
	 * Direct ring, written before PENDING: the payload, which is private if it
	 * is text; where an answer's bytes go, and how many can.
	 */
	uint8_t			*in, *out;
	uint32_t		room;
	/* the provider's */
	void			*user;
};

/*
 * Hands answers over and waits: the system call, or what a test puts there.
 * Returns the number of entries that wait, or -errno.
 */
typedef int (*queue_enter_fn)(struct scheme_queue *q, uint32_t min_wait,
			      uint64_t timeout_ns);

/* A command of the queue fd; it, too, may be what a test puts there. */
typedef int (*queue_ioctl_fn)(struct scheme_queue *q, unsigned long cmd,
			      void *arg);

struct scheme_queue {
	/* constant */
	struct scheme		*scheme;
	int			fd;
	queue_enter_fn		enter;
	queue_ioctl_fn		ioctl;
	uint64_t		spin_ns;	/* before a step sleeps */
	uint32_t		depth;
	uint32_t		slot_size;
	struct scheme_queue_info info;
	struct scheme_req	*reqs;		/* depth of them */

	/* the mapping; moves only in scheme_adopt() */
	void			*mem;
	const struct scheme_ring_kernel *kern;
	const struct scheme_ring_client *client;
	const struct scheme_sqe	*sqes;
	struct scheme_cqe	*cqes;
	const uint8_t		*poller;
	uint8_t			*slots;

	/* the serving thread */
	struct ring_end		sq;
	_Atomic uintptr_t	server;		/* this_thread() in a dispatch, else 0 */
	atomic_bool		owed;		/* an answer waits for an ENTER */

	struct queue_rings	*rings;		/* served with it; NULL until the first */

	pthread_mutex_t		post_lock;
	struct ring_end		cq;		/* post_lock */
};

/* A ring that a queue's thread serves; a user has some of them. */
#define RING_SEATS		64
#define RING_SEATS_OF_USER	16

_Static_assert(SCHEME_QUEUE_FDS == RING_SEATS + 2,
	       "the queue, its rings, and what wakes their thread");

struct ring_seat {
	bool			taken;
	uint32_t		uid;
};

struct scheme {
	int			fd;
	pid_t			pid;		/* process that has the mappings */
	uint64_t		features;
	struct scheme_ops	ops;
	void			*user;
	unsigned int		nr_queues;	/* of those that are set up */
	struct scheme_queue	*queues;
	char			name[SCHEME_NAME_MAX + 1];

	/* of direct rings: who is told of events, and how many are served by us */
	pthread_mutex_t		servers_lock;
	struct scheme_ring_server *servers;	/* servers_lock */
	atomic_uint		nr_servers;	/* servers_lock; read without */
	struct ring_seat	seats[RING_SEATS]; /* servers_lock */
};

/*
 * Check the layout and allocate what is private. Pair with queue_uninit().
 * -EINVAL: a layout that cannot be.
 */
int queue_init(struct scheme_queue *q, struct scheme *s,
	       const struct scheme_queue_info *info, queue_enter_fn enter);
/*
 * Lay the queue over its memory; the private indices go on where the provider's
 * page says. Again after a fork.
 */
void queue_attach(struct scheme_queue *q, void *mem);
void queue_uninit(struct scheme_queue *q);
/* -ENODEV or -EIO when the kernel says that the queue has ended. */
int queue_state(const struct scheme_queue *q);
/* ENTER, again and again while signals interrupt it; for min_wait 0. */
int queue_flush(struct scheme_queue *q);
/*
 * Put an entry on the completion ring and see that it leaves: with the step if
 * this is the serving thread in a dispatch, else now. tag is the index of a
 * request, or NO_TAG.
 */
int queue_post(struct scheme_queue *q, const struct scheme_cqe *cqe,
	       uint32_t tag);
#define NO_TAG	(~0U)

/* A number that no other thread of this process has, and that is not 0; no call. */
static inline uintptr_t this_thread(void)
{
#if defined(__has_builtin)
#if __has_builtin(__builtin_thread_pointer)
	return (uintptr_t)__builtin_thread_pointer();
#endif
#endif
	return (uintptr_t)pthread_self();
}

/* After a fork: has another thread been in a dispatch? */
static inline bool queue_was_served(const struct scheme_queue *q)
{
	uintptr_t who = atomic_load(&q->server);

	return who && who != this_thread();
}

static inline uint32_t req_index(const struct scheme_req *req)
{
	return (uint32_t)(req - req->queue->reqs);
}

/* Where the payload starts; bounds have been checked. */
static inline uint8_t *req_in(const struct scheme_req *req)
{
	return req->queue ? req->queue->slots + req->sqe.addr : req->in;
}

/* Where an answer's bytes go, and the most that can. */
static inline uint8_t *req_out(const struct scheme_req *req)
{
	const struct scheme_queue *q = req->queue;

	return q ? q->slots + (size_t)req_index(req) * q->slot_size : req->out;
}

static inline uint32_t req_room(const struct scheme_req *req)
{
	return req->queue ? req->queue->slot_size : req->room;
}

static inline const struct scheme_ops *req_ops(const struct scheme_req *req)
{
	return &req->scheme->ops;
}

/* Tell the servers of direct rings what a file is ready for. */
void rings_post(struct scheme *s, uint64_t number, uint32_t events);

/* ---- direct rings that a queue's thread serves ---- */

static inline bool has_rings(const struct scheme_queue *q)
{
	return q->rings;
}

/* Serve all that waits, and end those that have ended. Entries served. */
int rings_round(struct scheme_queue *q);
/* Is there anything to do for a round? Makes no system call. */
bool rings_ready(const struct scheme_queue *q);
/*
 * Before a poll(2): what to poll, and how much of that. *ready: nothing, since
 * there is something to do. rings_disarm() comes after it in any case.
 */
struct pollfd;
unsigned int rings_arm(struct scheme_queue *q, struct pollfd *fds, bool *ready);
void rings_disarm(struct scheme_queue *q);
/* After a fork: has a thread, this or another, been in a round? */
bool rings_busy(const struct scheme_queue *q);
/* With the queue. mapped: they are this process's. */
void rings_end(struct scheme_queue *q, bool mapped);

/* Become the one who answers; false: somebody has. */
bool req_claim(struct scheme_req *req);
/*
 * Post the answer of a claimed request. The moment that is done, the slot and
 * req may be another request's.
 */
int req_post(struct scheme_req *req, struct scheme_cqe *cqe);
/* Run the callback of a pending request whose payload has been checked. */
void req_run(struct scheme_req *req);
/* From an entry to its callback: operations on one path, on two, and others. */
void run_path(struct scheme_req *req);
void run_paths(struct scheme_req *req);
void run_getdents(struct scheme_req *req);
void run_fcntl(struct scheme_req *req);

/*
 * Split "name:path", "/scheme/name/path" or "/dev/scheme/name" into the name
 * and what follows it, without leading slashes. -EINVAL: none of these.
 */
int url_split(const char *url, char name[SCHEME_NAME_MAX + 1],
	      const char **path);

/* Resolve "." and ".." and repeated slashes, in place. */
void url_normalise(char *path);

/* Open the control node. -ENOENT: no module. */
int control_open(const char *control);
/* ioctl(2) that returns -errno. */
static inline int ioctl_errno(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

#endif /* LIBSCHEME_INT_H */
