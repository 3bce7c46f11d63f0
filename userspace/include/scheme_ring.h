/* SPDX-License-Identifier: MIT */
/*
 * libscheme: direct rings (see Documentation/rings.md).
 *
 * A direct ring joins one client and one provider in shared memory: a submission
 * ring that only the client fills, a completion ring that only the provider
 * fills, and a pool of buffers that only the client hands out. While both sides
 * are awake nothing of it is a system call.
 *
 * Each end of a ring is used by one thread at a time. As in scheme.h, what can
 * fail returns a negative errno; three of them are the same everywhere:
 *
 *	EAGAIN		nothing yet, or no room yet; the caller keeps what it has
 *	ESHUTDOWN	the other side is gone, and all that it left is taken
 *	EIO		the ring is broken: the other side wrote indices that cannot
 *			be. For good.
 *
 * A ring is one of the module's, which a client opens with a scheme's descriptor and
 * the kernel looks after, or plain shared memory and eventfds, for which no module
 * is needed. Once it is there both are used the same way.
 *
 * Times are nanoseconds: -1 is for ever, 0 not at all; a wait that ends with its
 * time returns -ETIME, one that a signal ends -EINTR.
 */
#ifndef SCHEME_RING_H
#define SCHEME_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/redox_scheme_ring.h>
#include <scheme.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One end of a ring. */
struct scheme_ring;

/* ---- set-up over plain shared memory ---------------------------------------- */

enum scheme_ring_side {
	SCHEME_RING_CLIENT,
	SCHEME_RING_PROVIDER,
};

/* The most bytes of a client's region. */
#define SCHEME_RING_REGION_MAX	(1UL << 30)

/* Both sides must have the same numbers of entries. */
struct scheme_ring_config {
	uint32_t	sq_entries;	/* a power of two; 0 is 256 */
	uint32_t	cq_entries;	/* a power of two; 0 is twice the former */
	/*
	 * Client: most requests in flight; 0 is as many as both rings hold. With
	 * cq_entries of them the provider always finds room for an answer.
	 */
	uint32_t	in_flight;
	uint32_t	spin_us;	/* before a wait sleeps; at most 1 s */
};

/*
 * The descriptors of an end: its own or, before it is attached, for a process
 * that gets them by fork(2) or SCM_RIGHTS.
 */
struct scheme_ring_fds {
	int	memory;		/* a sealed memfd: headers and entries */
	int	bell;		/* an eventfd: wakes this side */
	int	peer_bell;	/* wakes the other */
	int	life;		/* a socket that hangs up when the other side is gone */
};

/*
 * The memory of a ring and the descriptors of its two ends; all close on exec.
 * Whoever has fds of the client's end keeps the provider waiting for it, and the
 * other way round: after a fork close those of the other side.
 * EINVAL: numbers of entries that cannot be; ENOMEM, EMFILE.
 */
int scheme_ring_setup(const struct scheme_ring_config *config,
		      struct scheme_ring_fds *client,
		      struct scheme_ring_fds *provider);
/* Close descriptors that are not attached. */
void scheme_ring_close_fds(struct scheme_ring_fds *fds);
/*
 * Make an end of descriptors, which are the ring's from then on, and closed also
 * on an error. EINVAL: also memory that is too small for that many entries, or
 * that could still shrink.
 */
int scheme_ring_attach(struct scheme_ring **out, enum scheme_ring_side side,
		       const struct scheme_ring_config *config,
		       struct scheme_ring_fds *fds);
/*
 * End a ring: the other side takes what is there, then gets ESHUTDOWN; if it
 * sleeps it wakes. Requests without an answer have none.
 */
void scheme_ring_close(struct scheme_ring *ring);

/* ---- set-up by the module ----------------------------------------------------- */

/*
 * Client: a ring to the provider of the scheme that fd is open in (not with access
 * mode 3). pool_bytes: memory for buffers, whole pages, as the pool's region at 0;
 * 0 is none. word is for the provider, which has agreed when this returns. config
 * may be NULL. fd stays the caller's.
 * EOPNOTSUPP: this provider has no rings; its other errors; EMFILE: too many rings;
 * ENOTTY: fd is no file of a scheme; ENODEV: the scheme is dead.
 */
int scheme_ring_open(struct scheme_ring **out, int fd,
		     const struct scheme_ring_config *config, size_t pool_bytes,
		     uint64_t word);
/*
 * Client: register an open file of the same scheme. Returns its index: entries name
 * it by the handle SCHEME_RING_FIXED | index. The ring keeps it open until its own
 * end. EXDEV: of another scheme; EMFILE: too many; EOPNOTSUPP: not the module's
 * ring.
 */
int scheme_ring_add_file(struct scheme_ring *ring, int fd);
/*
 * Provider, before the reply to a RING_ATTACH (callback ring): take the provider's
 * end. Reply 0 then, or an error, after which the ring is shut down. -ENOENT: it
 * has been taken; -EINVAL: another request.
 */
int scheme_req_accept_ring(struct scheme_req *req, struct scheme_ring **ring);
/*
 * Provider: map what the client has added to the pool since. Returns how many
 * regions; 0 also for a ring that is not the module's. A server asks by itself.
 */
int scheme_ring_learn_regions(struct scheme_ring *ring);

/* ---- both sides ------------------------------------------------------------- */

/*
 * Wait until there is room to submit, or to push. 0, or an error; EAGAIN for
 * timeout 0.
 */
int scheme_ring_wait_room(struct scheme_ring *ring, int64_t timeout_ns);
/* Spin that long before a wait sleeps, at most 1 s; 0 is not at all. */
void scheme_ring_set_spin(struct scheme_ring *ring, uint32_t spin_us);
/*
 * For a loop that waits for other things, too. arm() says what is waited for:
 * EPOLLIN for entries, EPOLLOUT for room. 1: it is there, do not wait; 0: poll the
 * descriptor for scheme_ring_poll_events(), which come when that does, or the other
 * side goes. Before the ring is used again, disarm().
 *
 * The descriptor of a module's ring is its end itself, which polls for the same
 * events; it can be polled without arm, too. Else it polls readable for any of them.
 */
int scheme_ring_fd(struct scheme_ring *ring);
uint32_t scheme_ring_poll_events(const struct scheme_ring *ring, uint32_t events);
int scheme_ring_arm(struct scheme_ring *ring, uint32_t events);
void scheme_ring_disarm(struct scheme_ring *ring);
/*
 * Is the other side there? For those who look at the ring again and again without
 * ever waiting: a process that was killed has left no word in shared memory, so
 * this makes a system call. 0, -ESHUTDOWN, or -EIO. Not between arm and disarm.
 */
int scheme_ring_alive(struct scheme_ring *ring);

/* ---- pool ------------------------------------------------------------------- */

/*
 * Memory for a region: a sealed memfd of size bytes, whole pages, zeroed. EINVAL:
 * not whole pages, or too many.
 */
int scheme_ring_region_create(size_t size);
/*
 * Map size bytes of fd as the pool's from offset on, which is a multiple of the
 * page size. fd stays the caller's. A client's ring hands buffers out from it; the
 * ends of one region and the begin of the next are never one buffer.
 * Shared memory: each side adds what the other shall see at the same offset. The
 * module's ring: the client adds, and the provider learns of it; the memory may
 * also be a dma-buf of the memory scheme, whole (scheme_memory_export()).
 * EINVAL: not whole pages, too many, or fd may shrink or has not so many bytes;
 * EEXIST: something of the pool is there; ENOSPC: too many regions; EACCES: the
 * provider's end of a module's ring; EOPNOTSUPP: memory that it does not take, which
 * are huge pages (MFD_HUGETLB) in any case: a hole in them, which no seal forbids,
 * could kill who looks at it.
 */
int scheme_ring_add_region(struct scheme_ring *ring, int fd, uint64_t offset,
			   size_t size);
/*
 * Memory at a pool offset, if all of it lies in one region, else NULL. The other
 * side may write to it at any time: copy what has to be checked.
 */
void *scheme_ring_at(const struct scheme_ring *ring, uint64_t addr,
		     uint64_t len);

/*
 * Client: a buffer of at least len bytes, at a multiple of 64; O(log n). ENOMEM:
 * no region has so much together.
 */
int scheme_ring_alloc(struct scheme_ring *ring, size_t len, uint64_t *addr);
/*
 * Give a buffer back. If requests use it, it is free with the answer to the last
 * of them. EINVAL: addr is not the begin of a buffer that is in use.
 */
int scheme_ring_free(struct scheme_ring *ring, uint64_t addr);

/* ---- client ----------------------------------------------------------------- */

/*
 * An entry to be filled in and submitted: zero, and private to the client until
 * scheme_ring_submit(). NULL: no room in the ring, or too many are in flight.
 *
 * addr and len of an entry lie in one buffer of the pool, if they mean one; with
 * SCHEME_SQE_ONEWAY there is none. user_data is the caller's. Requests in flight together should differ in it: of
 * those that have the same, buffers count as used until all have been answered.
 */
struct scheme_sqe *scheme_ring_get_sqe(struct scheme_ring *ring);
/* Submit what get_sqe gave. Returns how many; after ESHUTDOWN they are still there. */
int scheme_ring_submit(struct scheme_ring *ring);
/*
 * The next answer; it stays until scheme_ring_cqe_seen(). Answers to nothing that
 * was asked are dropped and counted, and one that cannot be (more bytes than there
 * was room for, unknown flags) has the result -EPROTO.
 */
int scheme_ring_peek_cqe(struct scheme_ring *ring, struct scheme_cqe **cqe);
int scheme_ring_wait_cqe(struct scheme_ring *ring, struct scheme_cqe **cqe,
			 int64_t timeout_ns);
/*
 * Submit what get_sqe gave, and wait for an answer. A provider that has to be woken
 * for it is, and with the module's ring by the same system call that waits.
 */
int scheme_ring_submit_and_wait(struct scheme_ring *ring, struct scheme_cqe **cqe,
				int64_t timeout_ns);
void scheme_ring_cqe_seen(struct scheme_ring *ring, struct scheme_cqe *cqe);
/* Requests without their last answer; answers dropped so far. */
unsigned int scheme_ring_in_flight(const struct scheme_ring *ring);
uint64_t scheme_ring_forged(const struct scheme_ring *ring);

/*
 * Make an entry an operation; user_data, priority and the flags for order are left
 * alone. handle: what the ring's OPEN answered, or a number that both sides know.
 * addr: a place in the pool. See SCHEME_OP_* for what they do.
 */
void scheme_ring_prep_nop(struct scheme_sqe *sqe);
/* The path, without NUL, is at addr. */
void scheme_ring_prep_open(struct scheme_sqe *sqe, uint64_t dir, uint64_t addr,
			   uint32_t len, int flags, mode_t mode);
/* No answer. */
void scheme_ring_prep_close(struct scheme_sqe *sqe, uint64_t handle);
void scheme_ring_prep_read(struct scheme_sqe *sqe, uint64_t handle,
			   uint64_t addr, uint32_t len, uint64_t offset);
void scheme_ring_prep_write(struct scheme_sqe *sqe, uint64_t handle,
			    uint64_t addr, uint32_t len, uint64_t offset);
/*
 * A call: its header goes to addr, in_len bytes of the caller's are behind it (at
 * SCHEME_RING_CALL_IN), and up to out_len bytes of answer come to addr itself.
 * EFAULT: the buffer has not so much.
 */
int scheme_ring_prep_call(struct scheme_ring *ring, struct scheme_sqe *sqe,
			  uint64_t handle, const uint64_t word[3],
			  uint64_t addr, uint32_t in_len, uint32_t out_len);
#define SCHEME_RING_CALL_IN(addr) \
	((addr) + (uint64_t)sizeof(struct scheme_call_header))
void scheme_ring_prep_fsize(struct scheme_sqe *sqe, uint64_t handle);
void scheme_ring_prep_fsync(struct scheme_sqe *sqe, uint64_t handle,
			    bool data_only);
/*
 * Cancel all requests that have this user_data, or use this handle. No answer of
 * its own; each of them gets its one answer, ECANCELED or its result.
 */
void scheme_ring_prep_cancel(struct scheme_sqe *sqe, uint64_t user_data);
void scheme_ring_prep_cancel_handle(struct scheme_sqe *sqe, uint64_t handle);
/* An operation of the provider's own: opcode from SCHEME_OP_PROVIDER on. */
void scheme_ring_prep_own(struct scheme_sqe *sqe, uint8_t opcode,
			  uint64_t handle, uint64_t addr, uint32_t len,
			  uint64_t offset);

/* ---- provider --------------------------------------------------------------- */

/*
 * Take up to nr entries, copied. Returns how many; EAGAIN for none. What is in them
 * is the client's word for it: check it.
 */
int scheme_ring_pop(struct scheme_ring *ring, struct scheme_sqe *sqes,
		    unsigned int nr);
/* Wait until there are entries to pop; 0, or an error. EAGAIN for timeout 0. */
int scheme_ring_wait_sqe(struct scheme_ring *ring, int64_t timeout_ns);
/* Push up to nr answers. Returns how many had room; EAGAIN for none. */
int scheme_ring_push(struct scheme_ring *ring, const struct scheme_cqe *cqes,
		     unsigned int nr);

/* ---- serving a ring with the callbacks of a scheme ------------------------------ */

/*
 * A scheme that the module does not know: callbacks for rings. ops and user as for
 * scheme_create(); ends with scheme_destroy(). A scheme of the module can serve
 * rings as well, with the same callbacks.
 */
int scheme_create_local(struct scheme **out, const struct scheme_ops *ops,
			size_t ops_size, void *user);

/* The provider's end of a ring, served with a scheme's callbacks. */
struct scheme_ring_server;

struct scheme_ring_server_config {
	uint32_t	depth;	/* most requests at a time, at most 4096; 0 is 128 */
	uint32_t	files;	/* most open files, at most 65536; 0 is 64 */
	/*
	 * Who the client is: what it writes about itself does not count. Of the
	 * module's ring the kernel says it, and these do not count either.
	 */
	uint32_t	pid, uid, gid;
};

/*
 * Serve ring, a provider's end, which stays the caller's and must stay longer
 * than the server, as must the scheme. EINVAL: not a provider's end, or numbers
 * that cannot be; EBUSY: it is served; ENOMEM.
 *
 * A handle in an entry is an index of the ring's own table: what OPEN or DUP has
 * answered here, or what was added, or with SCHEME_RING_FIXED what the client has
 * registered. Nothing else can be named: EBADF. What was opened is closed with its
 * CLOSE, or at the ring's end. A file's access mode, and for what is opened from the
 * root that of the descriptor that asked for the ring, limit what can be done. config
 * may be NULL.
 *
 * EVENT is the server's own: it answers what is posted by scheme_post_event().
 */
int scheme_ring_server_create(struct scheme_ring_server **out, struct scheme *s,
			      struct scheme_ring *ring,
			      const struct scheme_ring_server_config *config);
/*
 * Let the client use this number of the provider's; returns the index. No close()
 * comes for it. In the serving thread. EMFILE.
 */
int scheme_ring_server_add_file(struct scheme_ring_server *server,
				uint64_t handle);
/*
 * Post the answers, wait at most timeout_ns for entries and run the callbacks of
 * all that may start. Returns how many entries were taken; 0 also when there were
 * only answers of other threads, or events, to post: a step that has posted does not
 * wait. After ESHUTDOWN and EIO all requests without an answer have been cancelled,
 * and each still wants its reply. EBUSY: in a callback of this server.
 */
int scheme_ring_server_step(struct scheme_ring_server *server,
			    int64_t timeout_ns);
/*
 * As scheme_ring_arm(), for what a step would do, also with answers of other
 * threads. 0: poll this descriptor, readable. Then disarm the ring. Ask for the
 * descriptor before the first arm. -EBUSY: a queue serves the ring.
 */
int scheme_ring_server_arm(struct scheme_ring_server *server);
int scheme_ring_server_fd(struct scheme_ring_server *server);
/* Requests that have not been answered. */
unsigned int scheme_ring_server_pending(struct scheme_ring_server *server);
/*
 * Stop serving; in the serving thread, when no other is in a reply. What was opened
 * is closed. EBUSY: requests are unanswered; they have been cancelled. Or this is in a
 * callback of this server, and nothing has been done.
 */
int scheme_ring_server_destroy(struct scheme_ring_server *server);
/*
 * In the callback ring of a scheme: accept the ring, serve it with the scheme's
 * callbacks and answer the request. From then on the queue's step serves the ring,
 * too, in the same thread, or scheme_run() does, until its client has gone; a step
 * that spins does so for both. config as for scheme_ring_server_create().
 * scheme_serve_ring() is such a callback: `.ring = scheme_serve_ring` is all that
 * a provider needs. On an error the request has been answered with it: EAGAIN, a
 * scheme serves 64 rings like that; EMFILE, 16 of them for one user.
 */
int scheme_req_serve_ring(struct scheme_req *req,
			  const struct scheme_ring_server_config *config);
/*
 * One more answer, not the last, to a request that has SCHEME_SQE_MULTISHOT among
 * the flags of scheme_req_sqe(); the last one is a scheme_reply*(). From any thread,
 * also while another one gives the last: what returns 0 comes before that. But not
 * after the last has been given: req may be another request by then.
 * EAGAIN: too many wait for room; try again after a step. EOPNOTSUPP: not on a
 * direct ring; EINVAL: not asked for; EALREADY: another thread gives the last.
 */
int scheme_reply_more(struct scheme_req *req, int64_t result, uint64_t extra);

#ifdef __cplusplus
}
#endif

#endif /* SCHEME_RING_H */
