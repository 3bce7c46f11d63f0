// SPDX-License-Identifier: GPL-2.0
/*
 * audiod and audioplay by a ring of the module's: what it costs. Both spin, so what
 * they do is in memory; this counts the system calls that they make all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "../program.h"
#include "../syscalls.h"

#define NAME	"test-audio"
#define NODE	NODE_DIR "/" NAME
#define WINDOW_MS	1000

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

TEST_HARNESS_MAIN
