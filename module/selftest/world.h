/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share: a scheme that no registry knows, with a handle of a
 * client, and the hands of a provider on its rings.
 *
 * Each *_kunit.c includes the file that it tests, and so sees its static
 * functions; the module of the tests has no other copy of them. It makes no
 * device and may be loaded beside the real one.
 */
#ifndef SCHM_SELFTEST_WORLD_H
#define SCHM_SELFTEST_WORLD_H

#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/wait.h>

#include "../answer.h"
#include "../handle.h"
#include "../queue.h"
#include "../request.h"
#include "../scheme.h"

#define WORLD_DEPTH	4U
#define WORLD_ENTRIES	(2 * WORLD_DEPTH)

struct schm_world {
	struct schm_scheme	*s;
	struct schm_queue	*q;	/* where its requests go */
	struct schm_queue	*other;
	struct schm_handle	*h;	/* open, with number 7; NULL: put */
	struct file		*file;
	struct schm_entry	entries[WORLD_ENTRIES + 3];	/* the test's own */
};

/* For a suite that needs one: test->priv is a struct schm_world. */
int schm_world_init(struct kunit *test);
void schm_world_exit(struct kunit *test);
/* A scheme as CREATE would ask for; a reference for the caller. */
struct schm_scheme *schm_world_scheme(struct kunit *test, const char *name);

/* A request on the world's handle: NEW, RESERVED, or SENT. */
struct schm_req *schm_world_new(struct kunit *test, u8 opcode);
struct schm_req *schm_world_reserved(struct kunit *test, u8 opcode);
struct schm_req *schm_world_sent(struct kunit *test, u8 opcode);
/* Fill the submission ring, so that what comes now has to wait. */
void schm_world_fill(struct kunit *test);
/* A file of nothing, which is the caller's; anonymous, of this name. */
struct file *schm_world_file(struct kunit *test, const char *name);
/* How many of the world's tags are in use. */
u32 schm_world_in_use(struct kunit *test);
u64 schm_world_tag(const struct schm_req *req);

/* The provider: take the oldest entry, false if there is none. */
bool schm_prov_take(struct schm_queue *q, struct scheme_sqe *sqe);
/* Take all entries and forget them. */
u32 schm_prov_drain(struct schm_queue *q);
void schm_prov_post(struct schm_queue *q, struct scheme_cqe cqe);
/* Post, ENTER, and return the status that the kernel stored. */
int schm_prov_answer(struct schm_queue *q, struct scheme_cqe cqe);
/* Both rings empty, and all their indices at this number. */
void schm_prov_restart(struct schm_queue *q, u32 index);

/* The parked command of these tests is a pointer that nobody follows. */
#define SCHM_WORLD_CMD	((struct io_uring_cmd *)16)
extern int schm_world_unparked;		/* with this result, or 1: not */
extern unsigned int schm_world_completed;	/* how many commands */

/* Somebody who sleeps on a wait queue, and counts how often he is woken. */
struct schm_sleeper {
	wait_queue_entry_t	entry;
	unsigned int		woken;
};

void schm_sleep_on(wait_queue_head_t *wq, struct schm_sleeper *sleeper);

#endif /* SCHM_SELFTEST_WORLD_H */
