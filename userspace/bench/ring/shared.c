// SPDX-License-Identifier: MIT
/*
 * Two processes that pass blocks through shared memory, by hand and with nothing besides:
 * spinning, or asleep on an eventfd each. What a direct ring is measured against.
 *
 * A place for each read at a time. Its number there says that it is asked for, the same
 * number beside it that it is answered.
 */
#include "blocks.h"
#include "contender.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE	64

struct place {
	_Alignas(LINE) uint64_t	offset;		/* the asking side's */
	uint64_t		asked;
	_Alignas(LINE) uint64_t	answered;	/* the answering side's */
};

struct shared {
	struct place	*places;	/* shared */
	uint8_t		*blocks;	/* shared: one for each place */
	size_t		size;
	uint64_t	nr;		/* reads so far */
	int		bell[2];	/* eventfds: of who asks, of who answers */
};

enum { ASKS, ANSWERS };

/* Where read nr, from 1 on, has its place. */
static unsigned int place_of(const struct contender *c, uint64_t nr)
{
	return (unsigned int)(nr - 1) & (c->load->qd - 1);
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void ring(const struct shared *s, int side)
{
	const uint64_t one = 1;

	if (write(s->bell[side], &one, sizeof(one)) != sizeof(one))
		abort();
}

static void sleep_until_rung(const struct shared *s, int side)
{
	uint64_t count;

	while (read(s->bell[side], &count, sizeof(count)) < 0)
		if (errno != EINTR)
			abort();
}

/* Until *number is nr. Who sleeps has been woken when it is. */
static void await(const uint64_t *number, uint64_t nr)
{
	while (__atomic_load_n(number, __ATOMIC_ACQUIRE) != nr)
		relax();
}

/* ---- the side that answers ---------------------------------------------------------- */

static void serve(const struct contender *c)
{
	const struct shared *s = c->own;
	size_t bs = c->load->bs;

	for (uint64_t nr = 1;; nr++) {
		unsigned int at = place_of(c, nr);
		struct place *p = &s->places[at];

		if (c->sleeps && !at)		/* all of them are asked for */
			sleep_until_rung(s, ANSWERS);
		await(&p->asked, nr);
		blocks_read(s->blocks + at * bs, p->offset, bs, c->load->work);
		__atomic_store_n(&p->answered, nr, __ATOMIC_RELEASE);
		if (c->sleeps && at == c->load->qd - 1)	/* and answered */
			ring(s, ASKS);
	}
}

/* ---- the side that asks -------------------------------------------------------------- */

static void ask(const struct contender *c, uint64_t nr)
{
	struct shared *s = c->own;
	struct place *p = &s->places[place_of(c, nr)];

	p->offset = blocks_offset(nr, c->load->bs);
	__atomic_store_n(&p->asked, nr, __ATOMIC_RELEASE);
}

static int answer(const struct contender *c, uint64_t nr)
{
	struct shared *s = c->own;
	size_t bs = c->load->bs;
	unsigned int at = place_of(c, nr);

	await(&s->places[at].answered, nr);
	return blocks_ok(s->blocks + at * bs, nr, bs, c->load->work) ? 0 : -EILSEQ;
}

/* As many as may be are asked for, always: each answer makes room for one. */
static int run_spinning(struct contender *c, unsigned int count)
{
	struct shared *s = c->own;
	uint64_t asked = s->nr, end = s->nr + count;
	int ret = 0;

	while (!ret && s->nr < end) {
		while (asked < end && asked - s->nr < c->load->qd)
			ask(c, ++asked);
		ret = answer(c, ++s->nr);
	}
	return ret;
}

/* To and fro: all are asked for, all are answered. */
static int run_sleeping(struct contender *c, unsigned int count)
{
	struct shared *s = c->own;
	int ret = 0;

	for (unsigned int done = 0; !ret && done < count; done += c->load->qd) {
		for (unsigned int i = 1; i <= c->load->qd; i++)
			ask(c, s->nr + i);
		ring(s, ANSWERS);
		sleep_until_rung(s, ASKS);
		for (unsigned int i = 0; !ret && i < c->load->qd; i++)
			ret = answer(c, ++s->nr);
	}
	return ret;
}

static int shared_run(struct contender *c, unsigned int count)
{
	return c->sleeps ? run_sleeping(c, count) : run_spinning(c, count);
}

/* ---- from begin to end ---------------------------------------------------------------- */

static int make(struct shared *s, const struct load *load)
{
	size_t places = load->qd * sizeof(*s->places);
	void *mem;

	places = (places + 4095) & ~4095UL;
	s->size = places + load->qd * load->bs;
	mem = mmap(NULL, s->size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED)
		return -errno;
	s->places = mem;
	s->blocks = (uint8_t *)mem + places;
	for (int i = 0; i < 2; i++) {
		s->bell[i] = eventfd(0, EFD_CLOEXEC);
		if (s->bell[i] < 0)
			return -errno;
	}
	return 0;
}

static int shared_start(struct contender *c)
{
	struct shared *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	s->bell[0] = s->bell[1] = -1;
	c->own = s;
	ret = make(s, c->load);
	if (ret)
		return contender_fail(c, "shared memory", ret);
	switch (contender_fork(c, true)) {
	case -1:
		return contender_fail(c, "fork", -errno);
	case 0:
		serve(c);
	}
	return 0;
}

static void shared_stop(struct contender *c)
{
	struct shared *s = c->own;

	if (s->places)
		munmap(s->places, s->size);
	for (int i = 0; i < 2; i++)
		if (s->bell[i] >= 0)
			close(s->bell[i]);
	free(s);
	c->own = NULL;
}

const struct contender_ops shared_ops = {
	.start = shared_start,
	.run = shared_run,
	.stop = shared_stop,
};
