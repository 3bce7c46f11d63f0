// SPDX-License-Identifier: GPL-2.0
/*
 * Files passed to and fro, while their providers and clients are killed at any
 * moment. Afterwards nobody has one: a pipe, whose writing end is what they
 * pass, comes to its end, and the machine has as many open files as before.
 *
 * FD_ROUNDS says how many; 'make soak' does more than 'make check'.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "../inflight.h"

#define NAME	"test-fdsoak"
#define NODE	NODE_DIR "/" NAME
#define CLIENTS	2
#define ROUNDS	(checked_kernel() ? 2000 : 10000)

/* Shared. */
struct tally {
	unsigned int rounds;		/* that a client began */
	unsigned int sent, received, opened;	/* and that went well */
	unsigned int fetched;
	unsigned int wrong;
	int last_wrong;
};

static struct tally *tally;
static struct marker marker;

static void add(unsigned int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static unsigned int rounds_now(void)
{
	return __atomic_load_n(&tally->rounds, __ATOMIC_RELAXED);
}

static void note_wrong(int err)
{
	tally->last_wrong = err;
	add(&tally->wrong);
}

/* ---- the provider ----------------------------------------------------------- */

/*
 * Everything that a provider may do with a request for a file, at random. Its
 * client may leave at any moment: then commands say ECANCELED.
 */
static void answer_with_file(struct queue *q, const struct scheme_sqe *sqe,
			     unsigned int *seed)
{
	uint64_t ticket = 0;
	int ret = 0;

	if (rand_r(seed) % 8)
		ret = queue_attach(q, sqe->user_data, marker.writer, &ticket);
	if (ret && ret != -ECANCELED && ret != -EOPNOTSUPP)
		note_wrong(ret);
	if (ticket && !ret && rand_r(seed) % 8)
		queue_answer_fd(q, sqe, ticket);
	else
		queue_answer(q, sqe, -EAGAIN);
}

static void take_file(struct queue *q, const struct scheme_sqe *sqe,
		      unsigned int *seed)
{
	int fd;

	if (rand_r(seed) % 4) {
		fd = queue_fetch(q, sqe->user_data, O_CLOEXEC);
		if (fd >= 0) {
			add(&tally->fetched);
			close(fd);
		} else if (fd != -ECANCELED) {
			note_wrong(fd);
		}
	}
	queue_answer(q, sqe, rand_r(seed) % 4 ? 0 : -EAGAIN);
}

static void serve_one(struct queue *q, const struct scheme_sqe *sqe,
		      unsigned int *seed)
{
	switch (sqe->opcode) {
	case SCHEME_OP_OPEN:
		if (sqe->len)
			answer_with_file(q, sqe, seed);
		else
			queue_answer(q, sqe, 1);
		break;
	case SCHEME_OP_RECVFD:
		answer_with_file(q, sqe, seed);
		break;
	case SCHEME_OP_SENDFD:
		take_file(q, sqe, seed);
		break;
	}
}

static int provider(void *arg)
{
	unsigned int seed = (unsigned int)now_ms();
	struct scheme_sqe sqe;
	struct provider p;
	int ret;

	(void)arg;
	/* the one before may not be quite gone */
	if (!wait_until(!(ret = provider_begin(&p, NAME)))) {
		note_wrong(ret);
		return 1;
	}
	do {
		ret = queue_next(&p.q[0], &sqe);
		if (!ret)
			serve_one(&p.q[0], &sqe, &seed);
	} while (!ret || ret == -ETIMEDOUT);
	return 0;
}

/* ---- the clients -------------------------------------------------------------- */

static bool excusable(int64_t err)
{
	return err == -ENODEV || err == -EAGAIN || err == -EINTR;
}

/* fd is one that came, if it is any. */
static void count(int64_t fd, unsigned int *counter)
{
	if (fd >= 0) {
		add(counter);
		close((int)fd);
	} else if (!excusable(fd)) {
		note_wrong((int)fd);
	}
}

static void send_marker(int file, unsigned int *seed)
{
	bool clone = rand_r(seed) % 2;
	int fd = dup(marker.writer);
	int64_t ret = client_sendfd(file, fd, "s", clone ? SCHEME_SENDFD_CLONE : 0,
				    0);

	if (ret < 0 && !excusable(ret))
		note_wrong((int)ret);
	if (!ret)
		add(&tally->sent);
	/* moved: it has gone, else it is still ours */
	if ((fcntl(fd, F_GETFD) < 0) != (!ret && !clone))
		note_wrong(EBADF);
	if (ret || clone)
		close(fd);
}

static void client_round(int file, unsigned int *seed)
{
	add(&tally->rounds);
	switch (rand_r(seed) % 3) {
	case 0:
		send_marker(file, seed);
		break;
	case 1:
		count(client_recvfd(file, "r", O_CLOEXEC, 0), &tally->received);
		break;
	case 2:
		count(client_openat(file, "o", O_RDWR, 0), &tally->opened);
		break;
	}
}

static int client(void *arg)
{
	unsigned int seed = (unsigned int)now_ms() ^ (unsigned int)(long)arg;
	int file;

	for (;;) {
		file = open(NODE, O_RDWR | O_CLOEXEC);
		if (file < 0) {
			sleep_ms(1);
			continue;
		}
		for (int i = rand_r(&seed) % 200; i; i--)
			client_round(file, &seed);
		close(file);
	}
	return 0;
}

/* ---- the killer ---------------------------------------------------------------- */

static unsigned int rounds_wanted(void)
{
	const char *text = getenv("FD_ROUNDS");

	return text ? (unsigned int)strtoul(text, NULL, 10) : ROUNDS;
}

/* Now a client, now the provider, in the middle of whatever it does. */
static unsigned int kill_about(unsigned int wanted)
{
	unsigned int seed = (unsigned int)now_ms(), kills = 0, last = 0;
	pid_t pid[1 + CLIENTS];
	int64_t moved = now_ms();
	unsigned int i;

	pid[0] = child_start(provider, NULL);
	for (i = 1; i <= CLIENTS; i++)
		pid[i] = child_start(client, (void *)(long)i);
	/* the clock is for a machine where nothing moves any more */
	while (rounds_now() < wanted && now_ms() - moved < PATIENCE_MS) {
		usleep(rand_r(&seed) % 40000);
		i = rand_r(&seed) % 4 ? 1 + rand_r(&seed) % CLIENTS : 0;
		child_reap(pid[i]);
		pid[i] = child_start(i ? client : provider, (void *)(long)i);
		kills++;
		if (rounds_now() != last) {
			last = rounds_now();
			moved = now_ms();
		}
	}
	for (i = 0; i <= CLIENTS; i++)
		child_reap(pid[i]);
	return kills;
}

FIXTURE(soak) {
	long before;
};

FIXTURE_SETUP(soak)
{
	tally = shared_alloc(sizeof(*tally));
	self->before = files_now();
	ASSERT_LE(0, self->before);
	ASSERT_EQ(0, marker_begin(&marker));
}

FIXTURE_TEARDOWN(soak)
{
	marker_end(&marker);
}

/* Rounds end it, or the time of whoever started the program. */
TEST_F_TIMEOUT(soak, S27_no_file_leaks_however_they_die, 4 * 3600)
{
	unsigned int wanted = rounds_wanted();
	unsigned int kills = kill_about(wanted);

	TH_LOG("%u rounds, %u kills: %u sent, %u fetched, %u received, %u opened",
	       tally->rounds, kills, tally->sent, tally->fetched,
	       tally->received, tally->opened);
	EXPECT_LE(wanted, tally->rounds);
	EXPECT_EQ(0, tally->wrong) {
		TH_LOG("last: %d", tally->last_wrong);
	}
	/* everything has really happened */
	EXPECT_LT(wanted / 20, tally->sent);
	EXPECT_LT(wanted / 20, tally->fetched);
	EXPECT_LT(wanted / 20, tally->received);
	EXPECT_LT(wanted / 20, tally->opened);
	EXPECT_LT(10, kills);
	EXPECT_TRUE(marker_held(&marker));
	marker_close_writer(&marker);
	EXPECT_TRUE(marker_gone(&marker));
	EXPECT_TRUE(wait_until(files_now() < self->before + FILES_SLACK)) {
		TH_LOG("%ld files before, %ld now", self->before, files_now());
	}
}

TEST_HARNESS_MAIN
