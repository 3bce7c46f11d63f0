// SPDX-License-Identifier: GPL-2.0
/* Daemons that serve direct rings: disks, system calls that are not made, kills. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <scheme_ring.h>

#include "../calls.h"
#include "../harness.h"
#include "../program.h"

#define NAME	"test-ringd"
#define URL	NAME ":"	/* the file that the node is */
#define POOL	(64 * 4096U)
#define TIME	(10000000000LL * slowness())
#define BLOCK	4096U

/* A daemon, and a ring with its file as the first one that is registered. */
struct served {
	pid_t			daemon;
	int			fd;
	struct scheme_ring	*ring;
};

static int begin(struct served *s, const char *const argv[], uint32_t spin_us)
{
	const struct scheme_ring_config config = { .spin_us = spin_us };
	int ret;

	s->daemon = program_start(argv);
	if (s->daemon < 0)
		return s->daemon;
	s->fd = scheme_open(URL, O_RDWR | O_CLOEXEC, 0);
	if (s->fd < 0)
		return s->fd;
	ret = scheme_ring_open(&s->ring, s->fd, &config, POOL, 0);
	return ret ? ret : scheme_ring_add_file(s->ring, s->fd);
}

static void close_ring(struct served *s)
{
	scheme_ring_close(s->ring);
	close(s->fd);
}

static int end(struct served *s)
{
	close_ring(s);
	return program_stop(s->daemon);
}

static const char *const nulld[] = { "nulld", NAME, NULL };
static const char *const ramdiskd[] = { "ramdiskd", NAME, "--size", "1M", NULL };
static const char *const zerod[] = { "zerod", NAME, NULL };
static const char *const randd[] = { "randd", NAME, NULL };

FIXTURE(daemon) {
	struct served s;
};

FIXTURE_VARIANT(daemon) {
	const char *const *argv;
	bool random;
};

FIXTURE_VARIANT_ADD(daemon, nulld) { .argv = nulld };
FIXTURE_VARIANT_ADD(daemon, ramdiskd) { .argv = ramdiskd };
FIXTURE_VARIANT_ADD(daemon, zerod) { .argv = zerod };
FIXTURE_VARIANT_ADD(daemon, randd) { .argv = randd, .random = true };

FIXTURE_SETUP(daemon)
{
	ASSERT_EQ(0, begin(&self->s, variant->argv, 0));
}

FIXTURE_TEARDOWN(daemon)
{
	EXPECT_EQ(0, end(&self->s));
}

FIXTURE(disk) {
	struct served s;
};

FIXTURE_SETUP(disk)
{
	ASSERT_EQ(0, begin(&self->s, ramdiskd, 0));
}

FIXTURE_TEARDOWN(disk)
{
	EXPECT_EQ(0, end(&self->s));
}

FIXTURE(null) {
	struct served s;
};

FIXTURE_SETUP(null)
{
	ASSERT_EQ(0, begin(&self->s, nulld, 0));
}

FIXTURE_TEARDOWN(null)
{
	EXPECT_EQ(0, end(&self->s));
}

static struct scheme_sqe *get(struct scheme_ring *r, uint64_t user_data)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(r);

	if (!sqe)
		abort();
	sqe->user_data = user_data;
	return sqe;
}

static int64_t take(struct scheme_ring *r, uint64_t *user_data)
{
	struct scheme_cqe *cqe;
	int64_t result;
	int ret = scheme_ring_wait_cqe(r, &cqe, TIME);

	if (ret)
		return ret;
	result = cqe->result;
	if (user_data)
		*user_data = cqe->user_data;
	scheme_ring_cqe_seen(r, cqe);
	return result;
}

static int64_t read_block(struct scheme_ring *r, uint64_t addr, uint64_t block)
{
	scheme_ring_prep_read(get(r, 1), SCHEME_RING_FIXED, addr, BLOCK, block * BLOCK);
	if (scheme_ring_submit(r) != 1)
		return -1000;
	return take(r, NULL);
}

TEST_F(daemon, U27_every_daemon_serves_a_ring)
{
	uint8_t *mem = scheme_ring_at(self->s.ring, 0, BLOCK);
	static const uint8_t zeros[BLOCK];

	memset(mem, 0xaa, BLOCK);
	EXPECT_EQ(BLOCK, read_block(self->s.ring, 0, 0));
	EXPECT_EQ(!variant->random, !memcmp(mem, zeros, BLOCK));
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(BLOCK, read_block(self->s.ring, 0, 0));
	EXPECT_EQ(0, scheme_ring_in_flight(self->s.ring));
}

/* One entry for each transfer, and one answer; memory is the request's until then. */
TEST_F(disk, U2_a_disk_is_read_by_one_entry)
{
	uint8_t data[BLOCK], *mem;
	uint64_t buf, other;

	ASSERT_EQ(0, scheme_ring_alloc(self->s.ring, BLOCK, &buf));
	mem = scheme_ring_at(self->s.ring, buf, BLOCK);
	for (unsigned int i = 0; i < 16; i++) {
		memset(mem, (int)(i + 1), BLOCK);
		scheme_ring_prep_write(get(self->s.ring, i), SCHEME_RING_FIXED, buf, BLOCK,
				       (uint64_t)i * BLOCK);
		ASSERT_EQ(1, scheme_ring_submit(self->s.ring));
		ASSERT_EQ(0, scheme_ring_free(self->s.ring, buf));
		ASSERT_EQ(0, scheme_ring_alloc(self->s.ring, BLOCK, &other));
		ASSERT_NE(buf, other);	/* the answer has not been taken */
		ASSERT_EQ(BLOCK, take(self->s.ring, NULL));
		buf = other;
		mem = scheme_ring_at(self->s.ring, buf, BLOCK);
		ASSERT_EQ(BLOCK, pread(self->s.fd, data, BLOCK, i * BLOCK));
		ASSERT_EQ(i + 1, data[0]);
		ASSERT_EQ(0, memcmp(data, data + 1, BLOCK - 1));
	}
	for (unsigned int i = 16; i--; ) {
		ASSERT_EQ(BLOCK, read_block(self->s.ring, buf, i));
		ASSERT_EQ(i + 1, mem[0]);
		ASSERT_EQ(i + 1, mem[BLOCK - 1]);
		ASSERT_EQ(0, scheme_ring_in_flight(self->s.ring));
	}
}

/* A provider that cannot run does not keep a client from its work. */
TEST_F(null, U3_the_caller_decides_when_to_wait)
{
	struct rusage before, after;
	struct scheme_cqe *cqe;
	uint64_t user_data = 0, seen = 0;
	siginfo_t info;

	ASSERT_EQ(BLOCK, read_block(self->s.ring, 0, 0));
	ASSERT_EQ(0, kill(self->s.daemon, SIGSTOP));
	/* it may be running: until it is not */
	ASSERT_EQ(0, waitid(P_PID, self->s.daemon, &info, WSTOPPED));
	ASSERT_EQ(0, getrusage(RUSAGE_THREAD, &before));
	for (uint64_t i = 0; i < 60; i++) {
		scheme_ring_prep_read(get(self->s.ring, i), SCHEME_RING_FIXED, i * BLOCK,
				      BLOCK, 0);
		ASSERT_EQ(1, scheme_ring_submit(self->s.ring));
	}
	ASSERT_EQ(0, getrusage(RUSAGE_THREAD, &after));
	EXPECT_EQ(before.ru_nvcsw, after.ru_nvcsw);
	EXPECT_EQ(60, scheme_ring_in_flight(self->s.ring));
	EXPECT_EQ(-EAGAIN, scheme_ring_peek_cqe(self->s.ring, &cqe));
	ASSERT_EQ(0, kill(self->s.daemon, SIGCONT));
	for (int i = 0; i < 60; i++) {
		ASSERT_EQ(BLOCK, take(self->s.ring, &user_data));
		seen |= 1ULL << user_data;
	}
	EXPECT_EQ((1ULL << 60) - 1, seen);
}

/* ---- system calls ----------------------------------------------------------------- */

#define REQUESTS	10000U
/* At a time: a host that runs one side only has them wait for the other each time. */
#define AT_ONCE		25U
#define PLAIN		(REQUESTS / 10)

FIXTURE(count) {
	struct served s;
	struct calls *ours, *theirs;
};

FIXTURE_SETUP(count)
{
	const char *const argv[] = { "nulld", NAME, "--busy-poll", "10000", NULL };

	ASSERT_EQ(0, begin(&self->s, argv, 1000000));
	self->ours = calls_begin(getpid());
	self->theirs = calls_begin(self->s.daemon);
	ASSERT_NE(NULL, self->ours);
	ASSERT_NE(NULL, self->theirs);
}

FIXTURE_TEARDOWN(count)
{
	calls_end(self->ours);
	calls_end(self->theirs);
	EXPECT_EQ(0, end(&self->s));
}

/* How many of AT_ONCE reads went wrong. */
static unsigned int read_blocks(struct scheme_ring *ring)
{
	unsigned int bad = 0;
	uint64_t user_data;

	for (unsigned int i = 0; i < AT_ONCE; i++)
		scheme_ring_prep_read(get(ring, i), SCHEME_RING_FIXED, i * BLOCK, BLOCK, 0);
	bad += scheme_ring_submit(ring) != (int)AT_ONCE;
	for (unsigned int i = 0; i < AT_ONCE; i++)
		bad += take(ring, &user_data) != BLOCK;
	return bad;
}

TEST_F_TIMEOUT(count, U4_ten_thousand_requests_and_their_system_calls, 100)
{
	unsigned long plain[2], ring[2];
	uint8_t data[BLOCK];
	unsigned int bad = 0;

	for (unsigned int i = 0; i < 4; i++)
		bad += read_blocks(self->s.ring);
	ring[0] = calls_so_far(self->ours);
	ring[1] = calls_so_far(self->theirs);
	for (unsigned int i = 0; i < REQUESTS / AT_ONCE; i++)
		bad += read_blocks(self->s.ring);
	ring[0] = calls_so_far(self->ours) - ring[0];
	ring[1] = calls_so_far(self->theirs) - ring[1];
	plain[0] = calls_so_far(self->ours);
	plain[1] = calls_so_far(self->theirs);
	for (unsigned int i = 0; i < PLAIN; i++)
		bad += pread(self->s.fd, data, BLOCK, 0) != BLOCK;
	plain[0] = calls_so_far(self->ours) - plain[0];
	plain[1] = calls_so_far(self->theirs) - plain[1];
	TH_LOG("%u plain reads: %lu system calls of the client and %lu of the daemon; %u by the ring: %lu and %lu",
	       PLAIN, plain[0], plain[1], REQUESTS, ring[0], ring[1]);
	EXPECT_EQ(0, bad);
	EXPECT_LE(PLAIN, plain[0]);
	/* a host that takes a CPU away for longer than both spin costs a few */
	EXPECT_GT(REQUESTS / AT_ONCE / 10, ring[0]);
	EXPECT_GT(REQUESTS / AT_ONCE / 10, ring[1]);
}

/* ---- kills ------------------------------------------------------------------------- */

struct victim {
	unsigned int	done;	/* rounds */
};

/* Requests without end, some of them sleeping. */
static int work_for_ever(void *arg)
{
	struct victim *v = arg;
	struct scheme_ring *ring;
	struct scheme_cqe *cqe;
	int ret, fd = scheme_open(URL, O_RDWR | O_CLOEXEC, 0);

	if (fd < 0 || scheme_ring_open(&ring, fd, NULL, POOL, 0) ||
	    scheme_ring_add_file(ring, fd))
		return 1;
	for (unsigned int i = 0; ; i++) {
		for (unsigned int k = 0; k <= i % 32; k++)
			scheme_ring_prep_read(get(ring, k), SCHEME_RING_FIXED, k * BLOCK,
					      BLOCK, 0);
		ret = scheme_ring_submit(ring);
		while (ret >= 0 && scheme_ring_in_flight(ring)) {
			ret = scheme_ring_wait_cqe(ring, &cqe, TIME);
			if (!ret)
				scheme_ring_cqe_seen(ring, cqe);
		}
		if (ret < 0)
			return ret == -ESHUTDOWN ? 42 : 3;
		__atomic_add_fetch(&v->done, 1, __ATOMIC_SEQ_CST);
	}
}

TEST_F_TIMEOUT(null, U29_clients_are_killed_and_the_daemon_goes_on, 100)
{
	struct victim *v = shared_alloc(sizeof(*v));
	unsigned int rounds = checked_kernel() ? 10 : 60;
	int fds;

	fds = program_fds(self->s.daemon);
	srandom(1);
	for (unsigned int i = 0; i < rounds; i++) {
		pid_t pid = child_start(work_for_ever, v);

		usleep((useconds_t)(random() % 30000) * slowness());
		EXPECT_LE(0, child_kill(pid));
		EXPECT_EQ(BLOCK, read_block(self->s.ring, 0, 0));
	}
	EXPECT_NE(0, v->done);
	/* nothing of them is left in the daemon */
	EXPECT_TRUE(wait_until_ms(program_fds(self->s.daemon) <= fds, PATIENCE_MS));
}

TEST_F_TIMEOUT(null, U29_the_daemon_is_killed_and_clients_hear_of_it, 100)
{
	struct victim *v = shared_alloc(sizeof(*v));
	unsigned int rounds = checked_kernel() ? 3 : 12;
	struct scheme_cqe *cqe;

	srandom(2);
	for (unsigned int i = 0; i < rounds; i++) {
		pid_t pid = child_start(work_for_ever, v);
		unsigned int done = v->done;

		ASSERT_TRUE(wait_until_ms(__atomic_load_n(&v->done, __ATOMIC_SEQ_CST) !=
					  done, PATIENCE_MS));
		usleep((useconds_t)(random() % 10000));
		EXPECT_LE(0, child_kill(self->s.daemon));
		/* the busy one, and one that sleeps */
		EXPECT_EQ(42, child_result(pid));
		EXPECT_EQ(-ESHUTDOWN, scheme_ring_wait_cqe(self->s.ring, &cqe, TIME));
		close_ring(&self->s);
		ASSERT_EQ(0, begin(&self->s, nulld, 0));
		EXPECT_EQ(BLOCK, read_block(self->s.ring, 0, 0));
	}
}

TEST_HARNESS_MAIN
