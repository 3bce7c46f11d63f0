// SPDX-License-Identifier: MIT
/*
 * A ring's server: what the client may name. A handle in an entry is an index into
 * this table, so that a client reaches only what it has opened, or been given, or
 * has registered as an open file of its own; and does with it what its access mode
 * lets it.
 */
#include "ring_serve.h"
#include "op.h"

#include <fcntl.h>
#include <sys/epoll.h>

/* ---- by number ----------------------------------------------------------------- */

static uint32_t *chain_of(struct scheme_ring_server *s, uint64_t number)
{
	return &s->chains[(number * 0x9e3779b97f4a7c15ULL >> 32) & s->chain_mask];
}

static void chain_locked(struct scheme_ring_server *s, uint32_t index)
{
	uint32_t *chain = chain_of(s, s->files[index].number);

	s->files[index].next = *chain;
	*chain = index;
}

static void unchain_locked(struct scheme_ring_server *s, uint32_t index)
{
	uint32_t *link = chain_of(s, s->files[index].number);

	while (*link != index)
		link = &s->files[*link].next;
	*link = s->files[index].next;
}

uint32_t files_first_locked(struct scheme_ring_server *s, uint64_t number)
{
	return *chain_of(s, number);
}

/* ---- opened or lent ------------------------------------------------------------- */

static void set_file_locked(struct scheme_ring_server *s, uint32_t index,
			    const struct ring_file *file)
{
	s->files[index] = *file;
	s->files[index].state = FILE_OPEN;
	s->files[index].next_posted = NO_FILE;
	s->all_closed = false;
	chain_locked(s, index);
}

int files_add_locked(struct scheme_ring_server *s, const struct ring_file *file)
{
	for (uint32_t i = 0; i < s->config.files; i++) {
		if (s->files[i].state != FILE_FREE)
			continue;
		set_file_locked(s, i, file);
		return (int)i;
	}
	return -EMFILE;
}

int scheme_ring_server_add_file(struct scheme_ring_server *s, uint64_t handle)
{
	const struct ring_file file = {
		.number = handle,
		.flags = O_RDWR,
		.knows_events = true,
		.events = READY_ALWAYS,
	};
	int ret;

	if (s->nr_files == s->config.files)
		return -EMFILE;
	s->nr_files++;
	pthread_mutex_lock(&s->lock);
	ret = files_add_locked(s, &file);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* ---- registered ------------------------------------------------------------------ */

int files_ask(const struct scheme_ring_server *s, uint32_t fixed,
	      struct scheme_ring_file *file)
{
	*file = (struct scheme_ring_file){ .index = fixed };
	return ioctl_errno(s->ring->end, SCHEME_IOC_RING_FILE, file);
}

/* The next one, if there is one. */
static bool learn_next(struct scheme_ring_server *s)
{
	struct scheme_ring_file args;
	struct ring_file file;

	if (files_ask(s, s->known_fixed, &args) < 0) {
		s->may_learn_fixed = false;
		return false;
	}
	file = (struct ring_file){
		.number = args.handle,
		.flags = args.flags,
	};
	pthread_mutex_lock(&s->lock);
	set_file_locked(s, s->config.files + s->known_fixed, &file);
	pthread_mutex_unlock(&s->lock);
	s->known_fixed++;
	return true;
}

/*
 * They have numbers from 0 on, so once one is missing all behind it are: the module
 * is asked once for each, and once for each time that entries have been taken. A
 * client that names what is not costs no more.
 */
static void learn_fixed(struct scheme_ring_server *s, uint32_t fixed)
{
	while (s->known_fixed <= fixed && s->may_learn_fixed && learn_next(s))
		;
}

uint32_t files_index(const struct scheme_ring_server *s, uint64_t handle)
{
	uint64_t index = handle;

	if (handle == SCHEME_ROOT)
		return NO_FILE;
	if (handle & SCHEME_RING_FIXED) {
		index = handle & ~SCHEME_RING_FIXED;
		return index < s->nr_fixed ? s->config.files + (uint32_t)index : NO_FILE;
	}
	return index < s->config.files ? (uint32_t)index : NO_FILE;
}

/* One that is not known as open: has it been registered since? */
static bool is_new(struct scheme_ring_server *s, uint32_t index)
{
	const struct ring_file *f = &s->files[index];

	if (f->state == FILE_FREE && index >= s->config.files)
		learn_fixed(s, index - s->config.files);
	return f->state == FILE_OPEN;
}

/* ---- use -------------------------------------------------------------------------- */

/*
 * Use what the client calls handle: the provider's number and the index, which stay as
 * they are for the root, and what may be done with it. -EBADF.
 */
static inline int use(struct scheme_ring_server *s, uint64_t handle, __u64 *number,
		      uint32_t *index, uint32_t *flags)
{
	uint32_t i = files_index(s, handle);
	struct ring_file *f;

	if (handle == SCHEME_ROOT) {
		*flags = s->may;
		return 0;
	}
	if (i == NO_FILE)
		return -EBADF;
	f = &s->files[i];
	if (f->state != FILE_OPEN && !is_new(s, i))
		return -EBADF;
	f->in_flight++;
	*number = f->number;
	*index = i;
	*flags = f->flags;
	return 0;
}

/* Closed, and nobody uses it any more. */
static void end_file(struct scheme_ring_server *s, struct ring_file *f)
{
	uint32_t index = (uint32_t)(f - s->files);

	pthread_mutex_lock(&s->lock);
	unchain_locked(s, index);
	events_forget_locked(s, index);
	f->state = FILE_FREE;
	pthread_mutex_unlock(&s->lock);
	if (index < s->config.files)
		s->nr_files--;
	if (f->owned && s->scheme->ops.close)
		s->scheme->ops.close(s->scheme, f->number);
}

static inline void end_if_idle(struct scheme_ring_server *s, struct ring_file *f)
{
	if (f->state == FILE_CLOSING && !f->in_flight)
		end_file(s, f);
}

void files_release(struct scheme_ring_server *s, uint32_t index)
{
	if (index == NO_FILE)
		return;
	s->files[index].in_flight--;
	end_if_idle(s, &s->files[index]);
}

static void close_file(struct scheme_ring_server *s, struct ring_file *f)
{
	f->state = FILE_CLOSING;
	events_cancel_file(s, (uint32_t)(f - s->files));
	end_if_idle(s, f);
}

/* What is registered stays so until the ring's end. */
void files_close(struct scheme_ring_server *s, uint64_t handle)
{
	uint32_t index = files_index(s, handle);

	if (index < s->config.files && s->files[index].state == FILE_OPEN)
		close_file(s, &s->files[index]);
}

void files_close_all(struct scheme_ring_server *s)
{
	for (uint32_t i = 0; i < s->config.files + s->nr_fixed; i++)
		if (s->files[i].state == FILE_OPEN)
			close_file(s, &s->files[i]);
}

/* ---- rights ------------------------------------------------------------------------ */

static bool may_read(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* As OPENAT: not more than where it starts from. */
static int check_open(const struct scheme_sqe *sqe, uint32_t flags)
{
	uint32_t wanted = sqe->op_flags;

	if ((wanted & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (may_read(wanted) && !may_read(flags))
		return -EACCES;
	if ((may_write(wanted) || wanted & (O_CREAT | O_TRUNC)) && !may_write(flags))
		return -EACCES;
	return 0;
}

/* 0, -EBADF, -EACCES, -EINVAL. */
static inline int check(struct scheme_sqe *sqe, uint32_t flags)
{
	if (op_is(sqe->opcode, OP_READS))
		return may_read(flags) ? 0 : -EBADF;
	if (op_is(sqe->opcode, OP_CHANGES))
		return may_write(flags) ? 0 : -EACCES;
	if (sqe->opcode == SCHEME_OP_OPEN)
		return check_open(sqe, flags);
	if (!op_is(sqe->opcode, OP_WRITES))
		return 0;
	if (flags & O_APPEND)
		sqe->op_flags |= SCHEME_RW_APPEND;
	return may_write(flags) ? 0 : -EBADF;
}

int files_take(struct ring_req *r, uint32_t *flags)
{
	struct scheme_ring_server *s = r->server;
	struct scheme_sqe *sqe = &r->req.sqe;
	int ret = 0;

	if (op_is(sqe->opcode, OP_FILE)) {
		ret = use(s, sqe->handle, &sqe->handle, &r->file, flags);
		if (!ret)
			ret = check(sqe, *flags);
	}
	if (!ret && op_is(sqe->opcode, OP_SECOND)) {
		ret = use(s, sqe->aux, &sqe->aux, &r->file2, flags);
		if (!ret)
			ret = check(sqe, *flags);
	}
	return ret;
}
