/* SPDX-License-Identifier: MIT */
/*
 * libscheme: serve and use schemes (see scheme(7)).
 *
 * Every function that can fail returns a negative errno. The library starts no
 * thread, installs no signal handler, prints nothing, never exits and has no
 * global state: the caller owns loop, threads and io_uring.
 *
 * A provider fills struct scheme_ops, calls scheme_create() and serves each
 * queue with scheme_queue_step(), one thread at a time per queue. A callback
 * answers its request with exactly one scheme_reply*(), at once or later, from
 * any thread. A callback that is absent answers EOPNOTSUPP by itself.
 */
#ifndef SCHEME_H
#define SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/redox_scheme.h>

#ifdef __cplusplus
extern "C" {
#endif

struct io_uring_sqe;
struct scheme;
struct scheme_queue;
/* One request. Valid from its callback until its reply. */
struct scheme_req;

/* ---- provider ------------------------------------------------------------ */

/*
 * What a provider can do. Callbacks run in the thread that serves the queue.
 * New members are added at the end only; scheme_create() is told the size.
 *
 * `handle` is the number that the provider gave when it answered open or dup;
 * SCHEME_ROOT stands for the root.
 */
struct scheme_ops {
	/*
	 * Open `path` (NUL-terminated, without a leading slash, "" is the root)
	 * below `dir`. flags are open(2)'s, mode counts with O_CREAT.
	 * Reply: scheme_reply_open(), or scheme_reply() with an error.
	 */
	void (*open)(struct scheme_req *req, uint64_t dir, const char *path,
		     int flags, mode_t mode);
	/* The number is no longer in use. No reply. */
	void (*close)(struct scheme *s, uint64_t handle);
	/* Open the sub-object `name` of a handle. Reply as for open. */
	void (*dup)(struct scheme_req *req, uint64_t handle, const char *name);
	/*
	 * Put at most len bytes into buf. offset is SCHEME_NO_OFFSET on a stream.
	 * Reply: bytes, 0 at the end, or an error (EAGAIN instead of waiting
	 * when scheme_req_flags() has SCHEME_RW_NONBLOCK).
	 */
	void (*read)(struct scheme_req *req, uint64_t handle, void *buf,
		     uint32_t len, uint64_t offset);
	/* Take bytes from buf. Reply: bytes taken, or an error. */
	void (*write)(struct scheme_req *req, uint64_t handle, const void *buf,
		      uint32_t len, uint64_t offset);
	/*
	 * A call: in_len bytes at in, room for out_len bytes at out. The two
	 * overlap: read in before writing out. word: the caller's three words.
	 * Reply: scheme_reply_call(), or scheme_reply() with an error.
	 */
	void (*call)(struct scheme_req *req, uint64_t handle,
		     const uint64_t word[3], const void *in, uint32_t in_len,
		     void *out, uint32_t out_len);
	/* Reply: the size in bytes. */
	void (*fsize)(struct scheme_req *req, uint64_t handle);
	/* Make written data durable. Reply: 0. */
	void (*fsync)(struct scheme_req *req, uint64_t handle, bool data_only);
	/*
	 * The caller of req wants to stop waiting. No reply of its own; req
	 * still wants its one reply, ECANCELED or its result. Called only while
	 * req is unanswered, in the serving thread; a reply from another thread
	 * may overtake it.
	 */
	void (*cancel)(struct scheme_req *req);
	/*
	 * A client sends an open file, with a string and a word. Take it with
	 * scheme_req_fetch_fd() before the reply, or it is closed with that.
	 * scheme_req_flags() has SCHEME_SENDFD_*, and SCHEME_FD_NONBLOCK as below.
	 * Reply: a value, or an error, which leaves the client's descriptor as
	 * it is.
	 */
	void (*sendfd)(struct scheme_req *req, uint64_t handle,
		       const char *name, uint64_t word);
	/*
	 * A client wants to receive one. Reply: scheme_reply_fd(), or
	 * scheme_reply() with an error: EAGAIN instead of waiting when
	 * scheme_req_flags() has SCHEME_FD_NONBLOCK.
	 */
	void (*recvfd)(struct scheme_req *req, uint64_t handle,
		       const char *name, uint64_t word);
	/*
	 * A client will map size bytes at offset; flags: SCHEME_MAP_WRITE. Call
	 * scheme_req_attach_memory(), unless the handle has the memory. Reply: 0.
	 */
	void (*mmap_prep)(struct scheme_req *req, uint64_t handle,
			  uint64_t offset, uint64_t size, unsigned int flags);
	/*
	 * Nobody maps the handle any more, and perhaps somebody does again by
	 * now. No reply.
	 */
	void (*munmap)(struct scheme *s, uint64_t handle);

	/*
	 * What follows names its object by handle and path: the path starts at
	 * the handle, which is SCHEME_ROOT or an open file, and "" is that file
	 * itself. A link at the end of a path is not followed. When
	 * scheme_req_ino() is not 0, the caller means the object of that number:
	 * if the path leads to another one now, answer ESTALE.
	 */

	/* What the object is. Reply: scheme_reply_stat(). */
	void (*stat)(struct scheme_req *req, uint64_t handle, const char *path);
	/* Reply: scheme_reply_statfs(). */
	void (*statfs)(struct scheme_req *req, uint64_t handle,
		       const char *path);
	/* Reply: 0. */
	void (*truncate)(struct scheme_req *req, uint64_t handle,
			 const char *path, uint64_t size);
	/* Nanoseconds may be SCHEME_TIME_NOW or _OMIT. Reply: 0. */
	void (*utimens)(struct scheme_req *req, uint64_t handle,
			const char *path, const struct scheme_times *times);
	/* Set the permission bits. Reply: 0. */
	void (*chmod)(struct scheme_req *req, uint64_t handle, const char *path,
		      mode_t mode);
	/* An id of -1 stays as it is. Reply: 0. */
	void (*chown)(struct scheme_req *req, uint64_t handle, const char *path,
		      uid_t uid, gid_t gid);
	/* The object's path from the root. Reply: scheme_reply_bytes(). */
	void (*fpath)(struct scheme_req *req, uint64_t handle, const char *path);
	/* flags: SCHEME_RENAME_*. Replaces what path2 is, if it may. Reply: 0. */
	void (*rename)(struct scheme_req *req, uint64_t handle, const char *path,
		       uint64_t handle2, const char *path2, uint32_t flags);
	/* A second name, path2, for a file. Reply: 0. */
	void (*link)(struct scheme_req *req, uint64_t handle, const char *path,
		     uint64_t handle2, const char *path2);
	/* flags: SCHEME_UNLINK_DIR for an empty directory. Reply: 0. */
	void (*unlink)(struct scheme_req *req, uint64_t handle, const char *path,
		       uint32_t flags);
	/*
	 * Entries of the open directory `handle`, from offset on: 0, or what was
	 * the `next` of any entry. Put them with scheme_dirent_add() until there
	 * is no more room. Reply: scheme_reply_dirents(), without any at the end.
	 */
	void (*getdents)(struct scheme_req *req, uint64_t handle,
			 uint64_t offset);
	/* Anything that provider and client have agreed on. Reply: a value. */
	void (*fcntl)(struct scheme_req *req, uint64_t handle, uint32_t cmd,
		      uint64_t arg);
	/* A new link at path, with this content. Reply: 0. */
	void (*symlink)(struct scheme_req *req, const char *target,
			uint64_t handle, const char *path);
	/* Reply: scheme_reply_bytes() with the content. */
	void (*readlink)(struct scheme_req *req, uint64_t handle,
			 const char *path);
	/* Reply: 0; EEXIST if there is anything of that name. */
	void (*mkdir)(struct scheme_req *req, uint64_t handle, const char *path,
		      mode_t mode);
	/*
	 * An operation of the provider's own, from SCHEME_OP_PROVIDER on; direct
	 * rings only. The client may write to buf at any time. Absent: ENOSYS.
	 * Reply: a value.
	 */
	void (*own)(struct scheme_req *req, uint8_t opcode, uint64_t handle,
		    void *buf, uint32_t len, uint64_t offset);
	/*
	 * A client asks for a direct ring with so many entries to be served; word
	 * is what provider and client have agreed on. scheme_serve_ring() is a
	 * callback that serves it; see scheme_ring.h. Reply: 0, or an error.
	 */
	void (*ring)(struct scheme_req *req, uint32_t sq_entries,
		     uint32_t cq_entries, uint64_t word);
};

/*
 * How to create a scheme; zero is the module's default throughout. See struct
 * scheme_create for meaning and bounds.
 */
struct scheme_config {
	const char	*name;
	mode_t		mode;		/* of the node; 0 is 0600 */
	bool		set_owner;	/* use uid and gid, else the caller's */
	uid_t		uid;
	gid_t		gid;
	unsigned int	queues;
	unsigned int	depth;
	unsigned int	slot_size;
	unsigned int	user_limit;
	unsigned int	timeout_ms;
	unsigned int	busy_poll_us;	/* a step spins as long, too */
	const char	*control;	/* control node; NULL is /dev/scheme-control */
};

/*
 * Create a scheme and map its queues. ops_size is sizeof(struct scheme_ops).
 * ops must live as long as the scheme. user comes back from scheme_user().
 * Errors: ENOENT no module loaded; EACCES no right to the control node; EPERM,
 * EEXIST, EINVAL, ENOSYS, ENOSPC, ENOMEM as for SCHEME_IOC_CREATE; E2BIG ops
 * has callbacks that this library does not know.
 */
int scheme_create(struct scheme **out, const struct scheme_config *config,
		  const struct scheme_ops *ops, size_t ops_size, void *user);
/*
 * End the scheme, from any thread: every step returns -ENODEV. s stays valid.
 */
int scheme_stop(struct scheme *s);
/*
 * End the scheme and free it. No thread may be in a step or reply any more. In a child
 * that has not adopted it: free its copy; the scheme lives on, whatever threads of the
 * parent are doing.
 */
void scheme_destroy(struct scheme *s);

void *scheme_user(const struct scheme *s);
const char *scheme_name(const struct scheme *s);
/* SCHEME_F_* of the module. */
uint64_t scheme_features(const struct scheme *s);
/* The scheme fd; still the library's. */
int scheme_fd(const struct scheme *s);
/*
 * After fork, in the child: it is the owner from now on. The queues, which a
 * fork does not pass on, are mapped anew, perhaps elsewhere. The parent may do
 * nothing more with s than exit, and direct rings end with it: the child, which has
 * no mapping of them either, leaves those alone that no queue serves.
 * EBUSY: at the fork another thread of the parent was in a callback, reply or post of
 * s, or this one in a callback of a direct ring; it is the parent's as before.
 */
int scheme_adopt(struct scheme *s);
int scheme_stats(const struct scheme *s, struct scheme_stats *stats);

unsigned int scheme_queues(const struct scheme *s);
struct scheme_queue *scheme_queue(struct scheme *s, unsigned int index);
/* What the module made of the configuration. */
unsigned int scheme_queue_index(const struct scheme_queue *q);
unsigned int scheme_queue_depth(const struct scheme_queue *q);
unsigned int scheme_queue_slot_size(const struct scheme_queue *q);
/* Polls readable when requests wait; POLLHUP when the scheme is dead. */
int scheme_queue_fd(const struct scheme_queue *q);

/*
 * Hand over the answers, wait at most timeout_ms (-1 for ever, 0 not at all)
 * for a request and run the callbacks of all that wait. Returns how many
 * entries were served; -ENODEV when the scheme is dead, -EINTR on a signal,
 * -EIO when the ring is broken. Direct rings that came to this queue, and that
 * scheme_serve_ring() has accepted, are served and waited for with it.
 */
int scheme_queue_step(struct scheme_queue *q, int timeout_ms);
/*
 * For a loop of the provider's own around poll(2): what to poll for the queue and
 * the direct rings that are served with it. fds has room for SCHEME_QUEUE_FDS of
 * them; *nr are filled in, the queue's first. 1: do not wait, there is something to
 * do. After the poll, disarm, and if anything has come, scheme_queue_step() with
 * timeout 0.
 */
struct pollfd;
#define SCHEME_QUEUE_FDS	66
int scheme_queue_arm(struct scheme_queue *q, struct pollfd *fds,
		     unsigned int *nr);
void scheme_queue_disarm(struct scheme_queue *q);
/*
 * The parts of a step, for a loop around io_uring, which serves no direct rings: fill sqe with an ENTER
 * command that hands over the answers and completes when min_wait entries
 * wait (its CQE's res is their number, or -errno); then dispatch. The sqe's
 * user_data is the caller's to set.
 */
void scheme_queue_prep_enter(struct scheme_queue *q, struct io_uring_sqe *sqe,
			     unsigned int min_wait, uint64_t timeout_ns);
/* Run the callbacks of all entries that wait now; makes no system call. */
int scheme_queue_dispatch(struct scheme_queue *q);
/* Hand over the answers posted so far; does not wait. */
int scheme_queue_flush(struct scheme_queue *q);

/*
 * Serve queue 0 (and all the others, when there are several), and the direct rings
 * that scheme_serve_ring() has accepted, in this thread until *stop is non-zero or the scheme dies. A signal whose handler sets
 * *stop ends the wait. Returns 0 when stopped, or as scheme_queue_step().
 */
int scheme_run(struct scheme *s, const volatile int *stop);

/* ---- requests ------------------------------------------------------------ */

struct scheme *scheme_req_scheme(const struct scheme_req *req);
/* On a direct ring: the scheme's first one, or NULL if there is none. */
struct scheme_queue *scheme_req_queue(const struct scheme_req *req);
/* The request as it came: ids of the caller, op_flags, user_data. */
const struct scheme_sqe *scheme_req_sqe(const struct scheme_req *req);
/* op_flags: SCHEME_RW_* of a read or write, O_* of an open. */
uint32_t scheme_req_flags(const struct scheme_req *req);
/* The number that the caller has seen at the path of a request, or 0. */
uint64_t scheme_req_ino(const struct scheme_req *req);
/* A pointer of the provider's own, for a request that it parks. */
void scheme_req_set_user(struct scheme_req *req, void *user);
void *scheme_req_user(const struct scheme_req *req);

/*
 * Answer with a value or a negative errno. All replies return 0; -EALREADY if
 * the request has been answered (the second answer is not sent); -ENODEV or -EIO
 * if the queue has ended. EALREADY is for finding mistakes: req belongs to the
 * next request in its slot as soon as that comes, so a reply kept for too long
 * may answer that one.
 *
 * A reply made in a callback leaves with the next step or flush, or at the end
 * of this step if its timeout is 0; one made elsewhere is handed over at once.
 */
int scheme_reply(struct scheme_req *req, int64_t result);
/*
 * Answer an open or dup. flags: SCHEME_CQE_F_POSITIONED for a file with
 * offsets; SCHEME_CQE_F_EVENTS if events is its first readiness (EPOLL*).
 * -EINVAL: the handle is above INT64_MAX, or flags above UINT16_MAX; the
 * request has been answered with EIO.
 */
int scheme_reply_open(struct scheme_req *req, uint64_t handle,
		      unsigned int flags, uint32_t events);
/* Answer a call; out_len bytes have been put at out. */
int scheme_reply_call(struct scheme_req *req, int64_t result, uint32_t out_len);

/*
 * Answer an open or dup that a command of the client made, or a recvfd, with an
 * open file of the provider's: the client gets it as its own, and the request
 * names no handle. fd stays the caller's, to be closed. On an error the request
 * has been answered with it, or with EIO. -EOPNOTSUPP: it comes from open(2),
 * which cannot return another file, or the file may not travel (those of
 * providers, queues and io_uring); -ECANCELED: the client has left; -EBUSY: the
 * request has memory attached; -EBADF: no such descriptor.
 */
int scheme_reply_fd(struct scheme_req *req, int fd);
/*
 * Take the file that a sendfd carries; returns an fd. flags: O_CLOEXEC. -ENOENT:
 * it has been taken; -ECANCELED: the client has left; -EMFILE; -EINVAL: this is
 * no sendfd. The request still wants its reply.
 */
int scheme_req_fetch_fd(struct scheme_req *req, int flags);
/*
 * Before the reply of an open, dup or mmap_prep: when that succeeds, mmap(2) of
 * the handle maps size bytes of fd from offset (at a page), a memfd or another
 * file of a tmpfs. flags: SCHEME_MAP_WRITE if clients may write to it. fd stays
 * the caller's. A handle keeps its memory until it gets other or its close.
 * Errors: see struct scheme_attach_memory.
 */
int scheme_req_attach_memory(struct scheme_req *req, int fd, uint64_t offset,
			     uint64_t size, unsigned int flags);

/*
 * Answers of the operations on files. What is put into an answer overwrites the
 * request's path. -EINVAL: more than the caller has room for; the request has
 * been answered with ENAMETOOLONG.
 */
int scheme_reply_stat(struct scheme_req *req, const struct scheme_stat *st);
int scheme_reply_statfs(struct scheme_req *req, const struct scheme_statfs *st);
int scheme_reply_bytes(struct scheme_req *req, const void *data, size_t len);
/*
 * Add an entry to the answer of a getdents. mode: its type counts. "." and ".."
 * are left out. 0; -ENOSPC: no more room, answer now; -EINVAL: a bad name or
 * next.
 */
int scheme_dirent_add(struct scheme_req *req, uint64_t ino, uint64_t next,
		      mode_t mode, const char *name);
int scheme_reply_dirents(struct scheme_req *req);

/*
 * Tell that `handle` is now ready for `events` (EPOLLIN, EPOLLOUT …), all of
 * them, none kept from before. From any thread. Those who poll are told, and those
 * who ask for it on a direct ring. q NULL: nobody is told.
 */
int scheme_post_event(struct scheme_queue *q, uint64_t handle, uint32_t events);
/* The same, also for a scheme without queues (scheme_create_local()). */
int scheme_post_ready(struct scheme *s, uint64_t handle, uint32_t events);

/* For the callback `ring`: serve the ring with the queue that asks; see scheme_ring.h. */
void scheme_serve_ring(struct scheme_req *req, uint32_t sq_entries,
		       uint32_t cq_entries, uint64_t word);

/* ---- client -------------------------------------------------------------- */

/* What the module can do. ENOENT: no module loaded. control as above. */
int scheme_query(const char *control, struct scheme_query *query);
/* End a scheme by name. */
int scheme_kill(const char *control, const char *name);
/*
 * Open "name:path", "/scheme/name/path" or "/dev/scheme/name"; returns an fd.
 * An empty path opens the node itself, or with O_DIRECTORY the provider's root
 * directory. "." and ".." are resolved by the letters and never leave the
 * scheme. flags and mode as for open(2).
 * Errors: EINVAL not a scheme path; ENOENT no such scheme; else the provider's.
 */
int scheme_open(const char *url, int flags, mode_t mode);
int scheme_openat(int fd, const char *path, int flags, mode_t mode);
int scheme_dup(int fd, const char *name, int flags);
/*
 * A call. word may be NULL (three zeros). *out_len: in room, out bytes; both
 * out and out_len may be NULL. *result (may be NULL) is the provider's value.
 */
int scheme_call(int fd, const uint64_t word[3], const void *in, uint32_t in_len,
		void *out, uint32_t *out_len, int64_t *result);
/*
 * Send the open file `sent` over the open file fd; sent is closed when the
 * provider has agreed, unless flags has SCHEME_SENDFD_CLONE. *result (may be
 * NULL) is the provider's value. Errors: see struct scheme_sendfd.
 */
int scheme_sendfd(int fd, int sent, const char *name, uint64_t word,
		  unsigned int flags, int64_t *result);
/* Receive an open file; returns an fd. flags: O_CLOEXEC. */
int scheme_recvfd(int fd, const char *name, uint64_t word, int flags);
/*
 * Before mmap(2) of fd: let the provider attach the memory. flags:
 * SCHEME_MAP_WRITE to write to it.
 */
int scheme_mmap_prep(int fd, uint64_t offset, uint64_t size,
		     unsigned int flags);

/* ---- event queues ---------------------------------------------------------- */

/*
 * A new event queue (see struct scheme_event), an fd; flags: O_CLOEXEC,
 * O_NONBLOCK. Whoever has a descriptor of it may watch, and wait.
 * ENOENT: no module loaded.
 */
int scheme_event_open(int flags);
/*
 * Have the queue told when fd becomes ready for flags (EPOLLIN ...), by events
 * with this data; flags and data replace those of a watch that is there. flags
 * 0 end it. Errors: EBADF; EOPNOTSUPP not a file of a scheme; ENOENT no such
 * watch; ELOOP; ENOSPC; EINVAL.
 */
int scheme_event_watch(int fd, int queue, uint32_t flags, uint64_t data);
/*
 * Take at most nr events, waiting at most timeout_ms for the first one (-1 for
 * ever, 0 not at all). Returns how many; -EINTR on a signal.
 */
int scheme_event_wait(int queue, struct scheme_event *events, unsigned int nr,
		      int timeout_ms);

/*
 * Operations on what path names below fd; "" is fd's file itself. They are for
 * files of /dev/scheme, where the system calls end at the device; on those of a
 * mounted schemefs the system calls do the same. What changes something needs a
 * descriptor with the right to write. fd2 may be -1: the same as fd. Bytes come
 * without a NUL.
 */
int scheme_statat(int fd, const char *path, struct scheme_stat *st);
int scheme_statfsat(int fd, const char *path, struct scheme_statfs *st);
int scheme_truncateat(int fd, const char *path, uint64_t size);
int scheme_utimensat(int fd, const char *path, const struct scheme_times *times);
int scheme_chmodat(int fd, const char *path, mode_t mode);
int scheme_chownat(int fd, const char *path, uid_t uid, gid_t gid);
/* The object's own path from the root; returns its length. */
ssize_t scheme_pathat(int fd, const char *path, char *buf, size_t len);
int scheme_renameat(int fd, const char *path, int fd2, const char *path2,
		    unsigned int flags);
int scheme_linkat(int fd, const char *path, int fd2, const char *path2);
int scheme_symlinkat(const char *target, int fd, const char *path);
ssize_t scheme_readlinkat(int fd, const char *path, char *buf, size_t len);
/* flags: SCHEME_UNLINK_DIR (which is AT_REMOVEDIR). */
int scheme_unlinkat(int fd, const char *path, unsigned int flags);
int scheme_mkdirat(int fd, const char *path, mode_t mode);
/* Entries (struct scheme_dirent) from offset on; bytes, 0 at the end. */
ssize_t scheme_getdents(int fd, uint64_t offset, void *buf, size_t len);
/* What provider and client have agreed on; the value, or -errno. */
int64_t scheme_fcntl(int fd, uint32_t cmd, uint64_t arg);
/*
 * Make sqe a command on fd: SCHEME_IOC_OPENAT, _DUP, _CALL or _REQUEST with its
 * struct, or one of the memory scheme's; the struct must stay until the
 * completion. The sqe's user_data is the caller's to set.
 */
void scheme_prep_command(struct io_uring_sqe *sqe, int fd, uint32_t cmd,
			 void *arg);

#ifdef __cplusplus
}
#endif

#endif /* SCHEME_H */
