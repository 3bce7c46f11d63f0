// SPDX-License-Identifier: GPL-2.0
/*
 * audiod and audioplay by a ring of the module's: what it costs, and what a user may
 * have. Both spin, so what they do is in memory; this counts the system calls that they
 * make all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <scheme_ring.h>

#include "../harness.h"
#include "../program.h"
#include "../syscalls.h"

#define NAME	"test-audio"
#define NODE	NODE_DIR "/" NAME
#define URL	NAME ":"
#define WINDOW_MS	1000
#define POOL	4096U
#define RINGS_OF_USER	8
#define STATUS_OF_USER	4

FIXTURE(audio) {
	pid_t	sink, player;
};

FIXTURE_VARIANT(audio) {
	const char	*spin;
};

FIXTURE_VARIANT_ADD(audio, spins) { "--spin" };
FIXTURE_VARIANT_ADD(audio, sleeps) { NULL };

static pid_t start_player(const char *spin)
{
	const char *const argv[] = {
		"audioplay", NAME, "--seconds", "600", "--periods", "64", spin, NULL
	};
	pid_t pid = fork();

	if (pid)
		return pid;
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

FIXTURE_SETUP(audio)
{
	const char *const argv[] = {
		"audiod", NAME, "--periods", "64", variant->spin, NULL
	};

	self->sink = program_start(argv);
	ASSERT_LT(0, self->sink);
	self->player = start_player(variant->spin);
	ASSERT_LT(0, self->player);
}

FIXTURE_TEARDOWN(audio)
{
	kill(self->player, SIGKILL);
	waitpid(self->player, NULL, 0);
	EXPECT_EQ(0, program_stop(self->sink));
}

static long count_of(const char *key)
{
	char text[8192] = "", *at;
	int fd = open(NODE, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	at = strstr(text, key);
	return at ? strtol(at + strlen(key) + 2, NULL, 10) : -1;
}

static bool plays(void)
{
	return count_of("\"played") > 100;
}

/* Who sleeps makes some for each period: so they are counted. */
TEST_F(audio, U16_system_calls_of_a_second)
{
	struct syscalls counts[2];
	long played, xruns;

	ASSERT_TRUE(wait_until(plays()));
	xruns = count_of("\"xruns");
	played = count_of("\"played");
	ASSERT_EQ(0, syscalls_count((pid_t[]){ self->sink, self->player }, 2, WINDOW_MS,
				    counts));
	xruns = count_of("\"xruns") - xruns;
	played = count_of("\"played") - played;
	TH_LOG("%s: %lu calls of the sink, %lu of the player, besides %lu and %lu for the clock; some %ld periods, %ld missed",
	       variant->spin ? "both spin" : "both sleep",
	       counts[0].nr - counts[0].clock, counts[1].nr - counts[1].clock,
	       counts[0].clock, counts[1].clock, played, xruns);
	EXPECT_LT(0, played);
	if (variant->spin) {
		EXPECT_EQ(0, counts[0].nr - counts[0].clock);
		EXPECT_EQ(0, counts[1].nr - counts[1].clock);
	} else {
		EXPECT_LT(50, counts[0].nr);
		EXPECT_LT(50, counts[1].nr);
	}
}

/* ---- what a user may have ---- */

static int new_ring(struct scheme_ring **ring)
{
	const struct scheme_ring_config config = { .sq_entries = 16, .cq_entries = 16 };
	int ret, fd = scheme_open(URL, O_RDWR | O_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	ret = scheme_ring_open(ring, fd, &config, POOL, 0);
	close(fd);
	return ret;
}

static bool may_have_ring(void)
{
	struct scheme_ring *ring;

	if (new_ring(&ring))
		return false;
	scheme_ring_close(ring);
	return true;
}

/* A process that has so many of them, when this returns; or an error. */
static pid_t start_idle(int nr)
{
	struct scheme_ring *ring;
	char byte;
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return -errno;
	pid = fork();
	if (!pid) {
		while (nr--)
			if (new_ring(&ring))
				_exit(1);
		if (write(fds[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		pid = -EIO;
	close(fds[0]);
	return pid;
}

/* The player has one. The sink hardly ever sleeps, and nobody tells it but the module. */
TEST_F(audio, U12_the_killed_make_room)
{
	pid_t idle;

	ASSERT_TRUE(wait_until(plays()));
	idle = start_idle(RINGS_OF_USER - 1);
	ASSERT_LT(0, idle);
	EXPECT_TRUE(wait_until(!may_have_ring()));
	kill(idle, SIGKILL);
	EXPECT_EQ(idle, waitpid(idle, NULL, 0));
	EXPECT_TRUE(wait_until(may_have_ring()));
	EXPECT_TRUE(plays());
}

FIXTURE(alone) {
	pid_t	sink;
};

FIXTURE_SETUP(alone)
{
	const char *const argv[] = { "audiod", NAME, NULL };

	self->sink = program_start(argv);
	ASSERT_LT(0, self->sink);
}

FIXTURE_TEARDOWN(alone)
{
	EXPECT_EQ(0, program_stop(self->sink));
}

TEST_F(alone, U12_a_user_has_a_share_of_the_rings)
{
	struct scheme_ring *rings[RINGS_OF_USER], *more;

	for (int i = 0; i < RINGS_OF_USER; i++)
		ASSERT_EQ(0, new_ring(&rings[i]));
	EXPECT_EQ(-ENOBUFS, new_ring(&more));
	EXPECT_EQ(-ENOBUFS, new_ring(&more));
	scheme_ring_close(rings[0]);
	EXPECT_TRUE(wait_until(may_have_ring()));
	for (int i = 1; i < RINGS_OF_USER; i++)
		scheme_ring_close(rings[i]);
}

static bool may_look(void)
{
	int fd = open(NODE, O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd >= 0;
}

TEST_F(alone, U12_a_user_has_a_share_of_the_status)
{
	int fds[STATUS_OF_USER];

	for (int i = 0; i < STATUS_OF_USER; i++) {
		fds[i] = open(NODE, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fds[i]);
	}
	EXPECT_EQ(-1, open(NODE, O_RDONLY | O_CLOEXEC));
	EXPECT_EQ(ENOBUFS, errno);
	close(fds[0]);
	EXPECT_TRUE(wait_until(may_look()));
	for (int i = 1; i < STATUS_OF_USER; i++)
		close(fds[i]);
}

TEST_HARNESS_MAIN
