/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A provider on the raw interface, for tests: nothing is checked on the way
 * out, so that everything wrong can be done, too.
 *
 * A test plays the provider itself, step by step, while jobs (job.h) are its
 * clients:
 *
 *	struct provider p;
 *	struct scheme_sqe sqe;
 *
 *	provider_begin(&p, "test");
 *	job_open(&job, p.node, O_RDWR);
 *	queue_next(&p.q[0], &sqe);
 *	queue_answer_open(&p.q[0], &sqe, 7, SCHEME_CQE_F_POSITIONED, 0);
 *	fd = job_wait(&job);
 *
 * Functions return 0 or a number, or a negative errno. One thread at a time.
 */
#ifndef SELFTESTS_PROVIDER_H
#define SELFTESTS_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/redox_scheme.h>

#define CONTROL_NODE	"/dev/scheme-control"
#define NODE_DIR	"/dev/scheme"
#define SYSFS_CLASS	"/sys/class/scheme"

/* How many times longer this machine may take for what is not timed: SLOW. */
unsigned int slowness(void);
/* Is this a kernel with checkers? What other kernels do often, it does a few times. */
bool checked_kernel(void);
/* Do other kernels run the same tests in this run? Then the slow ones do less here: BRIEF. */
bool brief_run(void);

/* Longer than anything takes that works, even where a CPU is emulated. */
unsigned int patience_ms(void);
#define PATIENCE_MS	patience_ms()

#define QUEUES_MAX	4

/* A queue, mapped. The private indices are what the module may trust. */
struct queue {
	int				fd;
	struct scheme_queue_info	info;
	uint8_t				*mem;
	struct scheme_ring_kernel	*kern;
	struct scheme_ring_client	*client;
	struct scheme_ring_provider	*prov;
	uint8_t				*poller;
	struct scheme_sqe		*sq;
	struct scheme_cqe		*cq;
	uint8_t				*slots;
	uint32_t			sq_head;
	uint32_t			cq_tail;
};

struct provider {
	int			control;
	int			fd;
	struct scheme_create	create;		/* as it came back */
	char			node[128];	/* path of the device node */
	unsigned int		nr_queues;
	struct queue		q[QUEUES_MAX];
};

/* ---- schemes ------------------------------------------------------------- */

/* open(2) of the control node for reading and writing. */
int control_open(void);
/* Defaults for a scheme of this name: node 0600, the caller's. */
void create_init(struct scheme_create *create, const char *name);
/* CREATE alone: a scheme fd. control < 0 opens the node for it. */
int scheme_fd_create(int control, struct scheme_create *create);
/* The same with one small slot, for its name alone. */
int scheme_fd_begin(int control, const char *name);
/* KILL. */
int scheme_fd_kill(int control, const char *name);
/* Create a scheme and map its first QUEUES_MAX queues. */
int provider_create(struct provider *p, const struct scheme_create *create);
/* The same with defaults, but small: 16 slots of 4096 bytes. */
int provider_begin(struct provider *p, const char *name);
/* Unmap and close all that is open; what a provider does that ends well. */
void provider_end(struct provider *p);
int provider_stats(const struct provider *p, struct scheme_stats *stats);
/* The number in an attribute in sysfs, or -errno. */
long long scheme_attr(const char *name, const char *attr);

/* ioctl(2) and open(2) that return -errno. */
int do_ioctl(int fd, unsigned long cmd, void *arg);
int open_errno(const char *path, int flags);

/* ---- queues -------------------------------------------------------------- */

int queue_open(struct queue *q, int scheme_fd, unsigned int index);
void queue_close(struct queue *q);
/* ENTER by ioctl; timeout_ms 0 is for ever. */
int queue_enter(struct queue *q, uint32_t min_wait, unsigned int timeout_ms);
/* Take one entry if there is one; makes no system call. */
bool queue_pop(struct queue *q, struct scheme_sqe *sqe);
/* Take one entry, waiting for it with ENTER; -ETIMEDOUT: none has come. */
int queue_next(struct queue *q, struct scheme_sqe *sqe);
/* As above, and -EBADMSG unless it is this operation. */
int queue_expect(struct queue *q, struct scheme_sqe *sqe, uint8_t opcode);
/* Nothing comes within ms; false if something does (it stays on the ring). */
bool queue_silent(struct queue *q, unsigned int ms);

/* The payload of a request. */
static inline void *queue_payload(const struct queue *q,
				  const struct scheme_sqe *sqe)
{
	return q->slots + sqe->addr;
}

/* Put an entry on the completion ring; makes no system call. */
void queue_post(struct queue *q, const struct scheme_cqe *cqe);
void queue_post_value(struct queue *q, uint64_t tag, int64_t result);
/* What the module wrote back for the entry posted `ago` entries ago; 0 is the last. */
uint32_t queue_status(const struct queue *q, unsigned int ago);
/* Post, ENTER, and return what the module wrote back: 0 or a positive errno. */
int queue_push(struct queue *q, const struct scheme_cqe *cqe);
int queue_answer(struct queue *q, const struct scheme_sqe *sqe, int64_t result);
int queue_answer_open(struct queue *q, const struct scheme_sqe *sqe,
		      uint64_t number, uint16_t flags, uint32_t events);
int queue_event(struct queue *q, uint64_t handle, uint64_t events);

/* ---- clients ------------------------------------------------------------- */

/*
 * Open the node and answer it: an fd for the root as `number`. flags are
 * open(2)'s, cqe_flags the answer's.
 */
int client_open(struct provider *p, int flags, uint64_t number,
		uint16_t cqe_flags);
/* The same with the first readiness. */
int client_open_events(struct provider *p, int flags, uint64_t number,
		       uint16_t cqe_flags, uint32_t events);
/* An fd for ioctl only, which the provider does not learn of. */
int client_open_ioctl(const struct provider *p);
/* OPENAT, as -errno or an fd; waits for the provider. */
int client_openat(int fd, const char *path, uint32_t flags, uint32_t mode);
/* OPENAT and answer it: an fd for the path as `number`. */
int client_openat_as(struct provider *p, int fd, const char *path,
		     uint32_t flags, uint64_t number, uint16_t cqe_flags);
/* CALL; the provider must serve by itself. */
int client_call(int fd, struct scheme_call *call);

#endif /* SELFTESTS_PROVIDER_H */
