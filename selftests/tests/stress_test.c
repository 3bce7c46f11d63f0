// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: clients and providers that come, misbehave and are
 * killed at any moment. Afterwards nothing is left over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../fault.h"
#include "../harness.h"

#define NAME		"test-stress"
#define NODE		NODE_DIR "/" NAME
#define SECONDS		(checked_kernel() ? 4 : 3)
#define CLIENTS		4
#define THREADS		2	/* of each client */

/* Errors that a client may see when its provider is of the worst kind. */
static bool is_excusable(int err)
{
	switch (err) {
	case ENODEV:	/* died */
	case ENOENT:	/* has gone */
	case ENXIO:
	case EEXIST:
	case EIO:	/* lied */
	case EINTR:
	case ECANCELED:
	case ETIMEDOUT:
	case EAGAIN:
	case ENFILE:
		return true;
	}
	return false;
}

/* What clients tell; shared. */
struct tally {
	unsigned int done;
	unsigned int excused;
	unsigned int wrong;
	int last_wrong;
	unsigned int broken;		/* schemes that a provider has ruined */
};

static struct tally *tally;

static void count(ssize_t ret)
{
	if (ret >= 0) {
		__atomic_add_fetch(&tally->done, 1, __ATOMIC_RELAXED);
	} else if (is_excusable(errno)) {
		__atomic_add_fetch(&tally->excused, 1, __ATOMIC_RELAXED);
	} else {
		tally->last_wrong = errno;
		__atomic_add_fetch(&tally->wrong, 1, __ATOMIC_RELAXED);
	}
}

/* One thing that clients do, at random. */
static void use_file(int fd, unsigned int *seed, char *buf)
{
	struct scheme_call call = {
		.in = (uintptr_t)buf, .in_len = rand_r(seed) % 1000,
		.out = (uintptr_t)buf, .out_len = rand_r(seed) % 1000,
	};
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = rand_r(seed) % (rand_r(seed) % 4 ? 4096 : 40000);
	off_t at = rand_r(seed) % SERVE_BYTES;
	int other;

	switch (rand_r(seed) % 8) {
	case 0:
	case 1:
		count(pread(fd, buf, len, at));
		break;
	case 2:
	case 3:
		count(pwrite(fd, buf, len, at));
		break;
	case 4:
		count(ioctl(fd, SCHEME_IOC_CALL, &call));
		break;
	case 5:
		count(lseek(fd, 0, SEEK_END));
		break;
	case 6:
		poll(&pfd, 1, 0);
		count(fsync(fd));
		break;
	case 7:
		other = client_openat(fd, "stream", O_RDWR, 0);
		errno = other < 0 ? -other : 0;
		count(other);
		if (other >= 0)
			close(other);
		break;
	}
}

static void *client_thread(void *arg)
{
	unsigned int seed = (unsigned int)now_ms() ^ (unsigned int)(long)arg;
	char buf[40000];
	int fd;

	for (;;) {
		fd = open(NODE, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			count(fd);
			sleep_ms(1);
			continue;
		}
		for (int i = rand_r(&seed) % 50; i; i--)
			use_file(fd, &seed, buf);
		close(fd);
	}
	return NULL;
}

static int client(void *arg)
{
	pthread_t thread;

	/* now and then a signal of its own */
	signal(SIGPIPE, SIG_IGN);
	catch_usr1(0);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, client_thread,
			       (void *)((long)arg * 100 + i));
	for (;;) {
		sleep_ms(20);
		pthread_kill(thread, SIGUSR1);
	}
	return 0;
}

static pid_t clients[CLIENTS];

static void clients_start(void)
{
	for (long i = 0; i < CLIENTS; i++)
		clients[i] = child_start(client, (void *)i);
}

/* Kill one and start another; how long that took, or -ETIMEDOUT. */
static int64_t clients_kill_one(unsigned int i)
{
	int64_t ms = child_kill(clients[i % CLIENTS]);

	clients[i % CLIENTS] = child_start(client, (void *)(long)i);
	return ms;
}

static void clients_stop(void)
{
	for (int i = 0; i < CLIENTS; i++)
		child_kill(clients[i]);
}

static void faults_at_random(struct faults *f, unsigned int *seed)
{
	memset(f, 0, sizeof(*f));
	f->twice = rand_r(seed) % 3 == 0;
	f->wrong_tags = rand_r(seed) % 3 == 0;
	f->reorders = rand_r(seed) % 3 ? 0 : 4;
	f->short_nth = rand_r(seed) % 3 ? 0 : 7;
	f->lies_nth = rand_r(seed) % 3 ? 0 : 11;
	f->parks_nth = rand_r(seed) % 3 ? 0 : 97;
	f->ignores_cancels = false;
	f->dies_at = rand_r(seed) % 2 ? 1 + rand_r(seed) % 3000 : 0;
}

static void stress_create_init(struct scheme_create *create,
			       unsigned int *seed)
{
	server_create_init(create, NAME);
	create->depth = 1 << (1 + rand_r(seed) % 5);
	create->user_limit = 0;
	create->timeout_ms = rand_r(seed) % 2 ? 0 : 300;
	create->busy_poll_us = rand_r(seed) % 3 ? 0 : 50;
}

/* The scheme's name is free again soon after its owner has died. */
static bool name_is_free(void)
{
	return wait_until_ms(access(NODE, F_OK), 1000);
}

FIXTURE(stress) {
	struct server server;
	struct scheme_create create;
	unsigned int seed;
};

FIXTURE_SETUP(stress)
{
	tally = shared_alloc(sizeof(*tally));
	self->seed = (unsigned int)now_ms();
	TH_LOG("seed %u", self->seed);
}

FIXTURE_TEARDOWN(stress)
{
}

TEST_F(stress, S19_clients_killed_at_any_moment_leave_nothing)
{
	int64_t end = now_ms() + SECONDS * 1000, ms;
	struct scheme_stats stats;

	server_create_init(&self->create, NAME);
	ASSERT_EQ(0, server_start_thread(&self->server, &self->create, NULL));
	clients_start();
	for (unsigned int i = 0; now_ms() < end; i++) {
		sleep_ms(rand_r(&self->seed) % 50);
		ms = clients_kill_one(i);
		EXPECT_LE(0, ms);
		EXPECT_GT(1000, ms);
	}
	clients_stop();
	/* the provider is well: all of it comes to an end */
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "in_flight") == 0));
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "handles") == 0));
	EXPECT_TRUE(wait_until(self->server.served->closes ==
			       self->server.served->opens));
	EXPECT_EQ(0, self->server.served->wrong);
	EXPECT_EQ(0, tally->wrong) {
		TH_LOG("a client got errno %d", tally->last_wrong);
	}
	EXPECT_LT(100, tally->done);
	ASSERT_EQ(0, provider_stats(&self->server.p, &stats));
	EXPECT_EQ(0, stats.refused);
	EXPECT_EQ(0, stats.bad_results);
	EXPECT_EQ(0, stats.broken);
	server_stop(&self->server);
}

TEST_F(stress, S20_providers_killed_at_any_moment_leave_nothing)
{
	int64_t begin = now_ms();
	struct faults faults;
	unsigned int i;

	clients_start();
	for (i = 0; now_ms() < begin + SECONDS * 1000 ||
	     (tally->done <= 100 && now_ms() < begin + PATIENCE_MS * 2); i++) {
		stress_create_init(&self->create, &self->seed);
		faults_at_random(&faults, &self->seed);
		ASSERT_EQ(0, server_start_process(&self->server, &self->create,
						  &faults));
		sleep_ms(rand_r(&self->seed) % (200 * slowness()));
		if (i % 2)
			clients_kill_one(i);
		child_kill(self->server.pid);
		EXPECT_EQ(0, self->server.served->wrong);
		/* else the next one finds its name taken */
		EXPECT_TRUE(name_is_free());
	}
	TH_LOG("%u providers, %u calls done, %u excused", i, tally->done,
	       tally->excused);
	clients_stop();
	EXPECT_EQ(0, tally->wrong) {
		TH_LOG("a client got errno %d", tally->last_wrong);
	}
	EXPECT_LT(100, tally->done);
}

TEST_F(stress, S16_answers_of_the_worst_kind_reach_nobody_wrong)
{
	const struct faults faults = {
		.twice = true, .wrong_tags = true, .reorders = 3,
		.short_nth = 5, .lies_nth = 13,
	};
	struct scheme_stats stats;

	server_create_init(&self->create, NAME);
	ASSERT_EQ(0, server_start_thread(&self->server, &self->create,
					 &faults));
	clients_start();
	sleep_ms(SECONDS * 500);
	clients_stop();
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "in_flight") == 0));
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "handles") == 0));
	ASSERT_EQ(0, provider_stats(&self->server.p, &stats));
	EXPECT_LT(0, stats.refused);
	EXPECT_LT(0, stats.bad_results);
	EXPECT_EQ(0, stats.broken);
	EXPECT_EQ(0, self->server.served->wrong);
	EXPECT_EQ(0, tally->wrong) {
		TH_LOG("a client got errno %d", tally->last_wrong);
	}
	server_stop(&self->server);
}

/* ---- rubbish -------------------------------------------------------------- */

/* A number of the kind that breaks things. */
static uint64_t rubbish(unsigned int *seed)
{
	static const uint64_t edges[] = {
		0, 1, 15, 16, 31, 32, 33, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 1ULL << 63, ~0ULL,
	};

	if (rand_r(seed) % 2)
		return edges[rand_r(seed) % ARRAY_SIZE(edges)];
	return (uint64_t)rand_r(seed) << 32 | rand_r(seed);
}

static void scribble(struct queue *q, unsigned int *seed)
{
	uint64_t value = rubbish(seed);
	size_t at;

	switch (rand_r(seed) % 8) {
	case 0:		/* anywhere before the slots */
		at = rand_r(seed) % q->info.slots_off & ~7UL;
		memcpy(q->mem + at, &value, 8);
		break;
	case 1:		/* the indices, off by little, or back again */
		q->prov->sq_head = q->sq_head + rand_r(seed) % 3 - 1;
		break;
	case 2:
		q->prov->cq_tail = q->cq_tail + rand_r(seed) % 3 - 1;
		break;
	case 3:
		q->prov->sq_head = value;
		break;
	case 4:
		q->prov->cq_tail = value;
		break;
	default:	/* an answer, right in part */
		at = q->cq_tail & (q->info.cq_entries - 1);
		((uint64_t *)&q->cq[at])[rand_r(seed) % 4] = value;
		__atomic_store_n(&q->prov->cq_tail, ++q->cq_tail,
				 __ATOMIC_RELEASE);
	}
}

/* Serves well for a while, and then not at all well; for ever. */
static int scribble_for_ever(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;
	struct scheme_create create;
	struct scheme_sqe sqe;
	struct provider p;
	int good;

	for (;;) {
		stress_create_init(&create, &seed);
		create.depth = 16;
		if (provider_create(&p, &create))
			return 1;
		good = rand_r(&seed) % 500;
		while (queue_enter(&p.q[0], 0, 0) >= 0) {
			if (queue_pop(&p.q[0], &sqe)) {
				queue_post_value(&p.q[0], sqe.user_data,
						 rand_r(&seed) % 100);
			} else {
				sched_yield();
			}
			if (--good < 0)
				scribble(&p.q[0], &seed);
		}
		provider_end(&p);
		__atomic_add_fetch(&tally->broken, 1, __ATOMIC_RELAXED);
	}
}

TEST_F(stress, U10_rubbish_all_over_the_rings_harms_the_scheme_only)
{
	int64_t begin = now_ms(), ms;
	pid_t pid;

	clients_start();
	pid = child_start(scribble_for_ever, (void *)(long)self->seed);
	/* for longer if need be: the clients leave the provider little of a slow machine */
	for (unsigned int i = 0; now_ms() < begin + SECONDS * 1000 ||
	     (tally->broken <= 10 && now_ms() < begin + PATIENCE_MS * 2); i++) {
		sleep_ms(100);
		ms = clients_kill_one(i);
		EXPECT_LE(0, ms);
		/* the checkers and a provider that never rests leave it little time */
		EXPECT_GT(checked_kernel() ? 4000 : 1000, ms);
	}
	/* it is still there: nothing has ended it but ourselves */
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	child_kill(pid);
	EXPECT_TRUE(name_is_free());
	clients_stop();
	TH_LOG("%u broken in %u ms", tally->broken, (unsigned int)(now_ms() - begin));
	/* what clients got from it may have been anything */
	EXPECT_LT(10, tally->broken);
	EXPECT_LT(100, tally->done + tally->excused + tally->wrong);
}

TEST_HARNESS_MAIN
