// SPDX-License-Identifier: GPL-2.0
/* What the tests share. The io_uring half of a queue, park.c, is played here. */
#include "world.h"

#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>

int schm_world_unparked;
unsigned int schm_world_completed;

struct schm_scheme *schm_world_scheme(struct kunit *test, const char *name)
{
	struct schm_config config = {
		.queues = 2,
		.depth = WORLD_DEPTH,
		.slot_size = PAGE_SIZE,
		.user_limit = WORLD_DEPTH,
		.privileged = true,
	};
	struct schm_scheme *s;

	strscpy(config.name, name, sizeof(config.name));
	s = schm_scheme_alloc(&config);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, s);
	/* only this queue serves, whatever the CPU */
	set_bit(0, &s->live);
	return s;
}

int schm_world_init(struct kunit *test)
{
	const struct scheme_cqe opened = { .result = 7 };
	struct schm_world *w;

	w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w);
	w->file = kunit_kzalloc(test, sizeof(*w->file), GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w->file);
	w->file->f_cred = current_cred();
	w->s = schm_world_scheme(test, "world");
	w->q = w->s->queues[0];
	w->other = w->s->queues[1];
	w->h = schm_handle_alloc(w->s);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, w->h);
	schm_handle_open(w->h, w->q, &opened);
	test->priv = w;
	schm_world_unparked = 1;
	schm_world_completed = 0;
	return 0;
}

/* A queue warns if a tag or an entry is left, a scheme if a handle is. */
void schm_world_exit(struct kunit *test)
{
	struct schm_world *w = test->priv;

	if (!w)
		return;
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	schm_queue_fail(w->other, SCHEME_RING_DEAD);
	if (w->h)
		schm_handle_put(w->h);
	schm_scheme_put(w->s);
	/* a kernel thread's last fput() leaves it to another one */
	flush_delayed_fput();
}

struct schm_req *schm_world_new(struct kunit *test, u8 opcode)
{
	struct schm_world *w = test->priv;
	struct schm_req *req = schm_req_alloc(w->h, w->file, opcode);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, req);
	return req;
}

struct schm_req *schm_world_reserved(struct kunit *test, u8 opcode)
{
	struct schm_req *req = schm_world_new(test, opcode);

	KUNIT_ASSERT_EQ(test, schm_req_reserve(req, true), 0);
	return req;
}

struct schm_req *schm_world_sent(struct kunit *test, u8 opcode)
{
	struct schm_req *req = schm_world_reserved(test, opcode);

	schm_req_submit(req, 100);
	return req;
}

void schm_world_fill(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct schm_late late = SCHM_LATE_INIT(late);
	struct schm_entry entry = { .kind = SCHM_ENTRY_REQ };

	spin_lock(&w->q->lock);
	while (schm_queue_room_locked(w->q, &late))
		schm_queue_submit_locked(w->q, &entry, &late);
	spin_unlock(&w->q->lock);
}

static const struct file_operations world_fops = {
	.owner = THIS_MODULE,
};

struct file *schm_world_file(struct kunit *test, const char *name)
{
	struct file *file = anon_inode_getfile(name, &world_fops, NULL, O_RDWR);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	return file;
}

u32 schm_world_in_use(struct kunit *test)
{
	struct schm_world *w = test->priv;

	return w->q->depth - w->q->nr_free;
}

u64 schm_world_tag(const struct schm_req *req)
{
	return req->entry.sqe.user_data;
}

/* ---- the provider -------------------------------------------------------- */

bool schm_prov_take(struct schm_queue *q, struct scheme_sqe *sqe)
{
	u32 head = q->prov->sq_head;

	/* pairs with the release in queue_push_locked() */
	if (smp_load_acquire(&q->client->sq_tail) == head)
		return false;
	*sqe = q->sq[head & (q->at.sq_entries - 1)];
	/* pairs with the acquire in schm_queue_room_locked() */
	smp_store_release(&q->prov->sq_head, head + 1);
	return true;
}

u32 schm_prov_drain(struct schm_queue *q)
{
	struct scheme_sqe sqe;
	u32 nr = 0;

	while (schm_prov_take(q, &sqe))
		nr++;
	return nr;
}

void schm_prov_post(struct schm_queue *q, struct scheme_cqe cqe)
{
	u32 tail = q->prov->cq_tail;

	q->cq[tail & (q->at.cq_entries - 1)] = cqe;
	/* pairs with the acquire in schm_queue_posted_locked() */
	smp_store_release(&q->prov->cq_tail, tail + 1);
}

int schm_prov_answer(struct schm_queue *q, struct scheme_cqe cqe)
{
	u32 at = q->prov->cq_tail & (q->at.cq_entries - 1);

	schm_prov_post(q, cqe);
	schm_answers_enter(q, false);
	return q->cq[at].status;
}

void schm_prov_restart(struct schm_queue *q, u32 index)
{
	spin_lock(&q->lock);
	q->sq_tail = index;
	q->client->sq_tail = index;
	q->prov->sq_head = index;
	q->cq_head = index;
	q->client->cq_head = index;
	q->prov->cq_tail = index;
	spin_unlock(&q->lock);
}

/* ---- the parked command -------------------------------------------------- */

void schm_queue_park_init(struct schm_queue *q)
{
}

void schm_queue_park_exit(struct schm_queue *q)
{
}

void schm_queue_unpark_locked(struct schm_queue *q, int res,
			      struct schm_late *late)
{
	lockdep_assert_held(&q->lock);
	if (!q->parked.cmd)
		return;
	late->cmd = q->parked.cmd;
	q->parked.cmd = NULL;
	schm_world_unparked = res;
}

void schm_parked_complete(struct io_uring_cmd *cmd)
{
	schm_world_completed += cmd == SCHM_WORLD_CMD;
}

/* ---- sleepers ------------------------------------------------------------ */

static int sleeper_woken(wait_queue_entry_t *entry, unsigned int mode,
			 int flags, void *key)
{
	container_of(entry, struct schm_sleeper, entry)->woken++;
	return 1;
}

void schm_sleep_on(wait_queue_head_t *wq, struct schm_sleeper *sleeper)
{
	sleeper->woken = 0;
	init_waitqueue_func_entry(&sleeper->entry, sleeper_woken);
	add_wait_queue(wq, &sleeper->entry);
}
