// SPDX-License-Identifier: GPL-2.0
/*
 * Readiness under load: a provider that races with those who ask, and watches
 * that come and go with their files and queues.
 *
 * EVENT_ROUNDS says how many races; 'make soak' does more than 'make check'.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../event.h"
#include "../harness.h"
#include "../uring.h"

#define NAME	"test-evstress"
#define ROUNDS	10000
#define SECONDS	3

/* A machine that is too slow for all rounds does what it can in this time. */
#define RACE_MS	(checked_kernel() ? 5000 : 25000)
#define LEAST	10

static unsigned int rounds_wanted(void)
{
	const char *text = getenv("EVENT_ROUNDS");

	return text ? (unsigned int)strtoul(text, NULL, 10) : ROUNDS;
}

FIXTURE(race) {
	struct provider p;
	struct queue *q;
	int fd;			/* number 1, not ready at first */
	int eq;			/* blocking */
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->fd = client_open_events(&self->p, O_RDWR, 1, SCHEME_CQE_F_EVENTS,
				      0);
	ASSERT_LE(0, self->fd);
	self->eq = event_open(0);
	ASSERT_LE(0, self->eq);
}

FIXTURE_TEARDOWN(race)
{
	close(self->eq);
	close(self->fd);
	provider_end(&self->p);
}

/* ---- S29: the lost edge --------------------------------------------------- */

/*
 * The asker says which round it is in; the provider posts one edge as soon as
 * it sees that, while the asker registers. Whichever comes first, the asker
 * must learn of it, or it waits until the test has no patience left.
 */
struct race {
	struct queue *q;
	unsigned int rounds;
	unsigned int asked;		/* rounds that the asker has begun */
	unsigned int stop;
};

static unsigned int get(const unsigned int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void put(unsigned int *counter, unsigned int value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/* Rounds differ in how soon, so that all interleavings come. */
static void dawdle(unsigned int round)
{
	for (volatile unsigned int i = round % 97 * 8; i; i--)
		;
}

static void *post_edges(void *arg)
{
	struct race *r = arg;

	for (unsigned int done = 0; done < r->rounds; done++) {
		while (get(&r->asked) == done) {
			if (get(&r->stop))
				return NULL;
			sched_yield();
		}
		dawdle(done);
		queue_event(r->q, 1, EPOLLIN);
	}
	return NULL;
}

/* Not ready again; the provider's thread is not at it. */
static void take_back(struct queue *q)
{
	queue_event(q, 1, 0);
}

#define EXPECT_ALL_ROUNDS(done, all)					\
do {									\
	EXPECT_TRUE((done) == (all) || (done) >= LEAST);		\
	TH_LOG("%u of %u rounds", done, all);		\
} while (0)

TEST_F_TIMEOUT(race, S29_registering_loses_no_edge, 120)
{
	struct race r = { .q = self->q, .rounds = rounds_wanted() };
	struct scheme_event e;
	int64_t end = now_ms() + RACE_MS;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, post_edges, &r));
	for (i = 0; i < r.rounds && now_ms() < end; i++) {
		put(&r.asked, i + 1);
		ASSERT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, i));
		ASSERT_EQ(1, event_wait(self->eq, &e, 1, PATIENCE_MS));
		ASSERT_EQ(i, e.data);
		ASSERT_EQ(EPOLLIN, e.flags);
		ASSERT_EQ(0, event_watch(self->eq, self->fd, 0, 0));
	}
	EXPECT_ALL_ROUNDS(i, r.rounds);
	put(&r.stop, 1);
	pthread_join(thread, NULL);
}

/*
 * The same where the watch stays: between the read of one event and the next
 * post nothing is lost, and nothing comes twice.
 */
TEST_F_TIMEOUT(race, S29_reading_loses_no_edge, 120)
{
	struct race r = { .q = self->q, .rounds = rounds_wanted() };
	struct scheme_event e;
	int64_t end = now_ms() + RACE_MS;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, event_watch(self->eq, self->fd, EPOLLIN, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, post_edges, &r));
	for (i = 0; i < r.rounds && now_ms() < end; i++) {
		put(&r.asked, i + 1);
		ASSERT_EQ(1, event_wait(self->eq, &e, 1, PATIENCE_MS));
	}
	EXPECT_ALL_ROUNDS(i, r.rounds);
	put(&r.stop, 1);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, event_wait(self->eq, &e, 1, 0));
}

TEST_F_TIMEOUT(race, S29_edge_triggered_epoll_loses_no_edge, 120)
{
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET }, got;
	struct race r = { .q = self->q, .rounds = rounds_wanted() };
	int ep = epoll_create1(0);
	int64_t end = now_ms() + RACE_MS;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &edge));
	ASSERT_EQ(0, pthread_create(&thread, NULL, post_edges, &r));
	for (i = 0; i < r.rounds && now_ms() < end; i++) {
		put(&r.asked, i + 1);
		ASSERT_EQ(1, epoll_wait(ep, &got, 1, PATIENCE_MS));
	}
	EXPECT_ALL_ROUNDS(i, r.rounds);
	put(&r.stop, 1);
	pthread_join(thread, NULL);
	close(ep);
}

struct clearing {
	struct race race;
	unsigned int seen;	/* rounds whose edge the asker has seen */
};

/* As post_edges(), and takes the readiness back when it has been seen. */
static void *post_and_clear(void *arg)
{
	struct clearing *c = arg;
	struct race *r = &c->race;

	for (unsigned int done = 0; done < r->rounds; done++) {
		while (get(&r->asked) == done && !get(&r->stop))
			sched_yield();
		dawdle(done);
		queue_event(r->q, 1, EPOLLIN);
		while (get(&c->seen) == done && !get(&r->stop))
			sched_yield();
		if (get(&r->stop))
			return NULL;
		take_back(r->q);
		put(&c->seen, done + 2);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, S29_poll_loses_no_edge, 120)
{
	struct clearing c = { .race = { .q = self->q, .rounds = rounds_wanted() / 4 } };
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int64_t end = now_ms() + RACE_MS;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, post_and_clear, &c));
	for (i = 0; i < c.race.rounds && now_ms() < end; i++) {
		put(&c.seen, i);
		put(&c.race.asked, i + 1);
		ASSERT_EQ(1, poll(&pfd, 1, PATIENCE_MS));
		put(&c.seen, i + 1);
		while (get(&c.seen) == i + 1)
			sched_yield();
	}
	EXPECT_ALL_ROUNDS(i, c.race.rounds);
	put(&c.race.stop, 1);
	pthread_join(thread, NULL);
}

/* ---- E5: everything comes and goes ---------------------------------------- */

/*
 * Descriptors of files and queues in a table that all threads use without a
 * lock: what one has just taken another may close, and the number may be
 * another file's at the next moment. Numbers stay below SLOTS_FROM + 2 * SLOTS,
 * which dup2() takes care of.
 */
#define SLOTS_FROM	100
#define SLOTS		12
#define FILE_SLOT(i)	(SLOTS_FROM + (i))
#define QUEUE_SLOT(i)	(SLOTS_FROM + SLOTS + (i))

struct fuzz {
	struct provider *p;
	int base;			/* for OPENAT */
	unsigned int stop;
	unsigned int watched, events, wrong;
	int last_wrong;
};

static void wrong(struct fuzz *f, int err)
{
	f->last_wrong = err;
	__atomic_add_fetch(&f->wrong, 1, __ATOMIC_RELAXED);
}

/* Answers what comes, and posts on every number now and then. */
static void *fuzz_provider(void *arg)
{
	struct fuzz *f = arg;
	struct queue *q = &f->p->q[0];
	unsigned int seed = 1, number = 0;
	struct scheme_sqe sqe;

	while (!get(&f->stop)) {
		queue_enter(q, 1, 1);
		while (queue_pop(q, &sqe)) {
			const struct scheme_cqe open = {
				.user_data = sqe.user_data,
				.result = 2 + number++ % SLOTS,
				.kind = SCHEME_CQE_VALUE,
				.flags = SCHEME_CQE_F_EVENTS,
			};

			if (sqe.opcode == SCHEME_OP_OPEN)
				queue_post(q, &open);
		}
		for (int i = 0; i < 8; i++) {
			const struct scheme_cqe event = {
				.user_data = 2 + rand_r(&seed) % SLOTS,
				.result = rand_r(&seed) & (EPOLLIN | EPOLLOUT),
				.kind = SCHEME_CQE_EVENT,
			};

			queue_post(q, &event);
		}
	}
	/* let nobody wait in vain */
	f->p->fd = (close(f->p->fd), -1);
	return NULL;
}

static void fuzz_replace(int fd, int slot)
{
	if (fd < 0)
		return;
	dup2(fd, slot);
	close(fd);
}

static void fuzz_watch(struct fuzz *f, unsigned int *seed)
{
	static const __u64 flags[] = {
		0, EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT,
	};
	int eq = QUEUE_SLOT(rand_r(seed) % SLOTS);
	int fd = rand_r(seed) % 3 ? FILE_SLOT(rand_r(seed) % SLOTS) :
				    QUEUE_SLOT(rand_r(seed) % SLOTS);
	int ret = event_watch(eq, fd, flags[rand_r(seed) % ARRAY_SIZE(flags)],
			      fd);

	switch (ret) {
	case 0:
		__atomic_add_fetch(&f->watched, 1, __ATOMIC_RELAXED);
		break;
	case -ENOENT:
	case -ELOOP:
	case -EBADF:
		break;
	default:
		wrong(f, ret);
	}
}

static void fuzz_read(struct fuzz *f, unsigned int *seed)
{
	struct scheme_event e[5];
	int ret = event_wait(QUEUE_SLOT(rand_r(seed) % SLOTS), e,
			     1 + rand_r(seed) % 5, rand_r(seed) % 2);

	for (int i = 0; i < ret; i++)
		if (e[i].id != e[i].data || !e[i].flags)
			wrong(f, 1000);
	if (ret > 0)
		__atomic_add_fetch(&f->events, ret, __ATOMIC_RELAXED);
	else if (ret && ret != -EBADF)
		wrong(f, ret);
}

static void *fuzz_client(void *arg)
{
	struct fuzz *f = arg;
	unsigned int seed = (unsigned int)(uintptr_t)pthread_self();

	while (!get(&f->stop)) {
		switch (rand_r(&seed) % 16) {
		case 0:
			fuzz_replace(client_openat(f->base, "x", O_RDWR, 0),
				     FILE_SLOT(rand_r(&seed) % SLOTS));
			break;
		case 1:
			fuzz_replace(event_open(0),
				     QUEUE_SLOT(rand_r(&seed) % SLOTS));
			break;
		case 2:
			close(FILE_SLOT(rand_r(&seed) % SLOTS));
			break;
		case 3:
			close(QUEUE_SLOT(rand_r(&seed) % SLOTS));
			break;
		case 4:
			/* the same file twice */
			dup2(FILE_SLOT(rand_r(&seed) % SLOTS),
			     FILE_SLOT(rand_r(&seed) % SLOTS));
			break;
		case 5:
		case 6:
		case 7:
		case 8:
			fuzz_read(f, &seed);
			break;
		default:
			fuzz_watch(f, &seed);
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(race, E5_files_queues_and_watches_come_and_go, 120)
{
	struct fuzz f = { .p = &self->p, .base = client_open_ioctl(&self->p) };
	pthread_t provider, clients[4];
	unsigned int i;

	ASSERT_LE(0, f.base);
	ASSERT_EQ(0, pthread_create(&provider, NULL, fuzz_provider, &f));
	for (i = 0; i < ARRAY_SIZE(clients); i++)
		ASSERT_EQ(0, pthread_create(&clients[i], NULL, fuzz_client, &f));
	sleep_ms(SECONDS * 1000);
	put(&f.stop, 1);
	pthread_join(provider, NULL);
	for (i = 0; i < ARRAY_SIZE(clients); i++)
		pthread_join(clients[i], NULL);
	TH_LOG("%u watches, %u events", f.watched, f.events);
	EXPECT_EQ(0, f.wrong) {
		TH_LOG("the last of them: %d", f.last_wrong);
	}
	EXPECT_LT(10, f.watched);
	EXPECT_LT(10, f.events);
	close(f.base);
	for (i = SLOTS_FROM; i < SLOTS_FROM + 2 * SLOTS; i++)
		close(i);
}

/* Schemes that die while they are watched, in a queue that stays. */
TEST_F_TIMEOUT(race, E5_providers_die_while_they_are_watched, 120)
{
	struct scheme_event e = {};
	struct provider p;
	int fd, got;

	for (unsigned int round = 0; round < 30; round++) {
		ASSERT_EQ(0, provider_begin(&p, NAME "-2"));
		fd = client_open_events(&p, O_RDWR, 1, SCHEME_CQE_F_EVENTS,
					EPOLLIN);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, event_watch(self->eq, fd, EPOLLIN, round));
		if (round % 2)
			provider_end(&p);
		if (round % 3)
			close(fd);
		if (!(round % 2))
			provider_end(&p);
		if (!(round % 3)) {
			got = event_wait(self->eq, &e, 1, PATIENCE_MS);
			EXPECT_EQ(1, got);
			EXPECT_EQ(round, e.data);
			EXPECT_EQ(EPOLLIN | EPOLLERR | EPOLLHUP, e.flags);
			close(fd);
		}
		EXPECT_EQ(0, event_wait(self->eq, &e, 1, 0));
		EXPECT_EQ(0, event_watches(self->eq));
	}
}

TEST_HARNESS_MAIN
