// SPDX-License-Identifier: GPL-2.0
/* Files in flight. */
#include "ticket.h"

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/random.h>

#include "answer.h"
#include "request.h"

/*
 * An anonymous file tells by its name what it is, and nobody can give one a
 * name: io_uring's operations, for instance, are not for modules to compare.
 */
static const char *const no_travellers[] = {
	"[io_uring]",
	"[scheme-provider]",
	"[scheme-queue]",
	"[scheme-ring]",
};

int schm_ticket_check(const struct file *file)
{
	const struct dentry *dentry = file->f_path.dentry;
	unsigned int i;

	if (dentry->d_sb->s_magic != ANON_INODE_FS_MAGIC)
		return 0;
	for (i = 0; i < ARRAY_SIZE(no_travellers); i++)
		if (!strcmp(dentry->d_name.name, no_travellers[i]))
			return -EOPNOTSUPP;
	return 0;
}

bool schm_ticket_possible(const struct schm_req *req)
{
	switch (req->entry.sqe.opcode) {
	case SCHEME_OP_OPEN:
	case SCHEME_OP_DUP:
	case SCHEME_OP_RECVFD:
		return true;
	default:
		return false;
	}
}

/* The handle that memory would be for, or NULL. */
static struct schm_handle *memory_handle(const struct schm_req *req)
{
	if (req->entry.sqe.opcode == SCHEME_OP_MMAP_PREP)
		return req->handle;
	return req->opens;
}

/* The request of this tag, if it is still open for its provider. */
static struct schm_req *ticket_req_locked(struct schm_queue *q, u64 tag)
{
	struct schm_req *req;

	if (!schm_queue_usable(q))
		return ERR_PTR(-ENODEV);
	req = schm_answer_find_locked(q, tag);
	if (!IS_ERR(req) && req->state == SCHM_REQ_ABANDONED)
		return ERR_PTR(-ECANCELED);
	return req;
}

/* ---- the provider's side ------------------------------------------------- */

int schm_ticket_attach(struct schm_queue *q, u64 tag, struct file *file,
		       u64 *id)
{
	struct schm_req *req;
	int ret = 0;

	/* never 0, which is what a forgetful provider answers */
	*id = get_random_u64() | 1;
	spin_lock(&q->lock);
	req = ticket_req_locked(q, tag);
	if (IS_ERR(req)) {
		ret = PTR_ERR(req);
	} else if (!schm_ticket_possible(req)) {
		ret = -EINVAL;
	} else if (!req->takes_file) {
		ret = -EOPNOTSUPP;
	} else if (req->ticket.state != SCHM_TICKET_NONE) {
		ret = -EBUSY;
	} else {
		req->ticket.state = SCHM_TICKET_OFFERED;
		req->ticket.memory.file = file;
		req->ticket.id = *id;
	}
	spin_unlock(&q->lock);
	return ret;
}

int schm_ticket_attach_memory(struct schm_queue *q, u64 tag,
			      const struct schm_memory *memory)
{
	struct schm_req *req;
	int ret = 0;

	spin_lock(&q->lock);
	req = ticket_req_locked(q, tag);
	if (IS_ERR(req)) {
		ret = PTR_ERR(req);
	} else if (!memory_handle(req)) {
		ret = -EINVAL;
	} else if (req->ticket.state != SCHM_TICKET_NONE) {
		ret = -EBUSY;
	} else {
		req->ticket.state = SCHM_TICKET_MEMORY;
		req->ticket.memory = *memory;
	}
	spin_unlock(&q->lock);
	return ret;
}

static struct file *ticket_remove(struct schm_req *req)
{
	struct file *file = req->ticket.memory.file;

	req->ticket.memory.file = NULL;
	return file;
}

struct file *schm_ticket_fetch(struct schm_queue *q, u64 tag)
{
	struct schm_req *req;
	struct file *file;

	spin_lock(&q->lock);
	req = ticket_req_locked(q, tag);
	if (IS_ERR(req)) {
		file = ERR_CAST(req);
	} else if (req->entry.sqe.opcode != SCHEME_OP_SENDFD &&
		   req->entry.sqe.opcode != SCHEME_OP_RING_ATTACH) {
		file = ERR_PTR(-EINVAL);
	} else if (req->ticket.state != SCHM_TICKET_SENT) {
		file = ERR_PTR(-ENOENT);
	} else {
		req->ticket.state = SCHM_TICKET_NONE;
		file = ticket_remove(req);
	}
	spin_unlock(&q->lock);
	return file;
}

void schm_ticket_unfetch(struct schm_queue *q, u64 tag, struct file *file)
{
	struct schm_req *req;

	spin_lock(&q->lock);
	req = ticket_req_locked(q, tag);
	if (!IS_ERR(req)) {
		req->ticket.state = SCHM_TICKET_SENT;
		req->ticket.memory.file = file;
		file = NULL;
	}
	spin_unlock(&q->lock);
	if (file)
		fput(file);
}

/* ---- the answer ---------------------------------------------------------- */

bool schm_ticket_grant_locked(struct schm_req *req, u64 id)
{
	lockdep_assert_held(&req->queue->lock);
	/* the client may have left: then there is no file, but the right answer */
	if (req->ticket.state != SCHM_TICKET_OFFERED || req->ticket.id != id)
		return false;
	req->ticket.state = SCHM_TICKET_GRANTED;
	return true;
}

void schm_ticket_commit_locked(struct schm_req *req)
{
	lockdep_assert_held(&req->queue->lock);
	if (req->ticket.state != SCHM_TICKET_MEMORY || !req->ticket.memory.file)
		return;
	/* the request takes away what the handle had */
	schm_map_swap(memory_handle(req), &req->ticket.memory);
	req->ticket.state = SCHM_TICKET_NONE;
}

/* ---- the client's side --------------------------------------------------- */

void schm_ticket_send(struct schm_req *req, struct file *file)
{
	req->ticket.state = SCHM_TICKET_SENT;
	req->ticket.memory.file = file;
}

bool schm_ticket_left(const struct schm_req *req)
{
	return req->ticket.state == SCHM_TICKET_SENT;
}

struct file *schm_ticket_take(struct schm_req *req)
{
	if (req->ticket.state != SCHM_TICKET_GRANTED)
		return NULL;
	req->ticket.state = SCHM_TICKET_NONE;
	return ticket_remove(req);
}

struct file *schm_ticket_drop_locked(struct schm_req *req)
{
	lockdep_assert_held(&req->queue->lock);
	return ticket_remove(req);
}

void schm_ticket_release(struct schm_req *req)
{
	struct file *file = ticket_remove(req);

	if (file)
		fput(file);
}
