// SPDX-License-Identifier: GPL-2.0
#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

#define HANDLES_MAX	4096
#define REORDERS_MAX	64

/* What a serving thread knows. */
struct serving {
	struct provider		*p;
	struct queue		*q;
	const struct faults	*faults;
	struct served		*served;
	char			*memory;
	uint64_t		*tag;		/* by index: in flight; 0: none */
	uint64_t		*tag_handle;	/* and on which file */
	bool			open[HANDLES_MAX];
	bool			stream[HANDLES_MAX];
	struct scheme_cqe	held[REORDERS_MAX];
	unsigned int		nr_held;
};

static void promise(struct serving *s, bool kept, const char *what)
{
	if (kept)
		return;
	fprintf(stderr, "# the module did not keep its promise: %s\n", what);
	s->served->wrong++;
}

static bool nth(const struct serving *s, unsigned int n)
{
	return n && s->served->requests % n == 0;
}

/* ---- answers -------------------------------------------------------------- */

static void settle(struct serving *s, uint64_t tag)
{
	s->tag[(uint32_t)tag] = 0;
	s->served->in_flight--;
}

static void post_rubbish(struct serving *s)
{
	queue_post_value(s->q, 0, 0);
	queue_post_value(s->q, ~0ULL, -EPERM);
	queue_post_value(s->q, (uint64_t)random() << 32 | 1, 1);
	/* leave room for what is right */
	queue_enter(s->q, 0, 0);
}

static void post(struct serving *s, const struct scheme_cqe *cqe)
{
	settle(s, cqe->user_data);
	queue_post(s->q, cqe);
	if (s->faults->twice)
		queue_post(s->q, cqe);
}

static void post_held(struct serving *s)
{
	while (s->nr_held)
		post(s, &s->held[--s->nr_held]);
}

static void answer(struct serving *s, const struct scheme_cqe *cqe)
{
	if (s->faults->delay_ms)
		sleep_ms(s->faults->delay_ms);
	if (s->faults->wrong_tags)
		post_rubbish(s);
	if (!s->faults->reorders) {
		post(s, cqe);
		return;
	}
	s->held[s->nr_held++] = *cqe;
	if (s->nr_held == s->faults->reorders)
		post_held(s);
}

static void answer_value(struct serving *s, uint64_t tag, int64_t result)
{
	struct scheme_cqe cqe = { .user_data = tag, .result = result };

	answer(s, &cqe);
}

/* ---- operations ----------------------------------------------------------- */

static void do_open(struct serving *s, const struct scheme_sqe *sqe)
{
	const char *path = queue_payload(s->q, sqe);
	bool stream = sqe->len >= 6 && !memcmp(path, "stream", 6);
	struct scheme_cqe cqe = {
		.user_data = sqe->user_data,
		.flags = stream ? 0 : SCHEME_CQE_F_POSITIONED,
	};
	unsigned int number;

	for (number = 1; number < HANDLES_MAX && s->open[number]; number++)
		;
	if (number == HANDLES_MAX) {
		cqe.result = -ENFILE;
		cqe.flags = 0;
	} else {
		cqe.result = number;
		s->open[number] = true;
		s->stream[number] = stream;
		s->served->opens++;
		if (s->served->opens - s->served->closes > s->served->most_open)
			s->served->most_open = s->served->opens -
					       s->served->closes;
	}
	answer(s, &cqe);
}

static void do_close(struct serving *s, const struct scheme_sqe *sqe)
{
	uint32_t i;

	promise(s, sqe->handle < HANDLES_MAX && s->open[sqe->handle],
		"one CLOSE per number");
	for (i = 0; i < s->q->info.depth; i++)
		promise(s, !s->tag[i] || s->tag_handle[i] != sqe->handle,
			"CLOSE after all answers");
	if (sqe->handle < HANDLES_MAX)
		s->open[sqe->handle] = false;
	s->served->closes++;
}

static void do_cancel(struct serving *s, const struct scheme_sqe *sqe)
{
	uint64_t tag = sqe->user_data;

	s->served->cancels++;
	if (s->faults->ignores_cancels)
		return;
	/* it may have been answered while the CANCEL was on its way */
	if (s->tag[(uint32_t)tag] == tag)
		answer_value(s, tag, -ECANCELED);
}

static void do_transfer(struct serving *s, const struct scheme_sqe *sqe)
{
	uint64_t at = sqe->offset;
	uint32_t len = sqe->len;
	char *payload = queue_payload(s->q, sqe);

	if (s->stream[sqe->handle])
		at = 0;
	if (at > SERVE_BYTES)
		at = SERVE_BYTES;
	if (len > SERVE_BYTES - at)
		len = SERVE_BYTES - at;
	if (len > 1 && nth(s, s->faults->short_nth))
		len /= 2;
	if (sqe->opcode == SCHEME_OP_READ)
		memcpy(payload, s->memory + at, len);
	else
		memcpy(s->memory + at, payload, len);
	answer_value(s, sqe->user_data, nth(s, s->faults->lies_nth) ?
		     (int64_t)sqe->len + 1 : len);
}

/* Gives back what it got, with the bytes turned round. */
static void do_call(struct serving *s, const struct scheme_sqe *sqe)
{
	struct scheme_cqe cqe = { .user_data = sqe->user_data };
	struct scheme_call_header header;
	uint8_t *slot = queue_payload(s->q, sqe);
	uint32_t i;

	memcpy(&header, slot, sizeof(header));
	cqe.result = (int64_t)header.word[0];
	cqe.extra = header.in_len < header.out_len ? header.in_len :
						     header.out_len;
	for (i = 0; i < cqe.extra; i++)
		slot[i] = ~slot[sizeof(header) + i];
	answer(s, &cqe);
}

static void do_request(struct serving *s, const struct scheme_sqe *sqe)
{
	switch (sqe->opcode) {
	case SCHEME_OP_OPEN:
	case SCHEME_OP_DUP:
		do_open(s, sqe);
		break;
	case SCHEME_OP_READ:
	case SCHEME_OP_WRITE:
		do_transfer(s, sqe);
		break;
	case SCHEME_OP_CALL:
		do_call(s, sqe);
		break;
	case SCHEME_OP_FSIZE:
		answer_value(s, sqe->user_data, SERVE_BYTES);
		break;
	case SCHEME_OP_FSYNC:
		answer_value(s, sqe->user_data, 0);
		break;
	default:
		answer_value(s, sqe->user_data, -ENOSYS);
	}
}

static void begin_request(struct serving *s, const struct scheme_sqe *sqe)
{
	uint32_t index = (uint32_t)sqe->user_data;

	promise(s, index < s->q->info.depth, "index below depth");
	promise(s, !s->tag[index], "one request per slot");
	promise(s, sqe->len <= s->q->info.slot_size, "payload fits its slot");
	promise(s, sqe->handle == SCHEME_ROOT ||
		   (sqe->handle < HANDLES_MAX && s->open[sqe->handle]),
		"requests on open numbers only");
	s->tag[index] = sqe->user_data;
	s->tag_handle[index] = sqe->handle;
	s->served->requests++;
	if (++s->served->in_flight > s->served->most_in_flight)
		s->served->most_in_flight = s->served->in_flight;
}

static void do_entry(struct serving *s, const struct scheme_sqe *sqe)
{
	if (sqe->opcode == SCHEME_OP_CLOSE) {
		do_close(s, sqe);
		return;
	}
	if (sqe->opcode == SCHEME_OP_CANCEL) {
		do_cancel(s, sqe);
		return;
	}
	begin_request(s, sqe);
	if (s->faults->dies_at && s->served->requests >= s->faults->dies_at)
		kill(getpid(), SIGKILL);
	if (s->faults->parks & 1U << sqe->opcode ||
	    nth(s, s->faults->parks_nth))
		return;
	do_request(s, sqe);
}

static int serve_loop(struct serving *s, const int *stop)
{
	struct scheme_sqe sqe;
	int ret;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		while (queue_pop(s->q, &sqe))
			do_entry(s, &sqe);
		/* nothing more comes while all that came is held back */
		post_held(s);
		ret = queue_enter(s->q, 1, 100);
		if (ret < 0 && ret != -EINTR)
			return ret;
	}
	return 0;
}

int serve(struct provider *p, const struct faults *faults,
	  struct served *served, const int *stop)
{
	struct serving *s = calloc(1, sizeof(*s));
	int ret = -ENOMEM;

	if (!s)
		return ret;
	s->p = p;
	s->q = &p->q[0];
	s->faults = faults;
	s->served = served;
	s->memory = calloc(1, SERVE_BYTES);
	s->tag = calloc(s->q->info.depth, sizeof(*s->tag));
	s->tag_handle = calloc(s->q->info.depth, sizeof(*s->tag_handle));
	if (s->memory && s->tag && s->tag_handle)
		ret = serve_loop(s, stop);
	free(s->tag_handle);
	free(s->tag);
	free(s->memory);
	free(s);
	return ret;
}

/* ---- threads and processes ------------------------------------------------ */

void server_create_init(struct scheme_create *create, const char *name)
{
	create_init(create, name);
	create->depth = 16;
	create->slot_size = 4096;
	create->user_limit = 16;
}

static void server_init(struct server *s, const struct faults *faults)
{
	memset(s, 0, sizeof(*s));
	if (faults)
		s->faults = *faults;
	s->served = shared_alloc(sizeof(*s->served));
}

static void *server_thread(void *arg)
{
	struct server *s = arg;

	serve(&s->p, &s->faults, s->served, &s->stop);
	return NULL;
}

int server_start_thread(struct server *s, const struct scheme_create *create,
			const struct faults *faults)
{
	int ret;

	server_init(s, faults);
	ret = provider_create(&s->p, create);
	if (ret)
		return ret;
	return -pthread_create(&s->thread, NULL, server_thread, s);
}

int server_start_process(struct server *s, const struct scheme_create *create,
			 const struct faults *faults)
{
	int ret;

	server_init(s, faults);
	fflush(stdout);
	s->pid = fork();
	if (s->pid < 0)
		return -errno;
	if (!s->pid) {
		child_set_up();
		ret = provider_create(&s->p, create);
		__atomic_store_n(&s->served->ready, ret ? ret : 1,
				 __ATOMIC_RELEASE);
		if (!ret)
			ret = serve(&s->p, &s->faults, s->served, &s->stop);
		_exit(ret == -ENODEV ? 0 : 1);
	}
	wait_until(__atomic_load_n(&s->served->ready, __ATOMIC_ACQUIRE));
	snprintf(s->p.node, sizeof(s->p.node), NODE_DIR "/%.72s", create->name);
	s->p.fd = -1;
	return s->served->ready == 1 ? 0 : s->served->ready;
}

void server_stop(struct server *s)
{
	if (s->pid) {
		child_reap(s->pid);
		return;
	}
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED);
	do_ioctl(s->p.fd, SCHEME_IOC_DESTROY, NULL);
	pthread_join(s->thread, NULL);
	provider_end(&s->p);
}
