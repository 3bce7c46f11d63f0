// SPDX-License-Identifier: GPL-2.0
/* schemefs with a provider that means well: ordinary tools, a loop device, limits. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "../job.h"
#include "../tree.h"

#define NAME	"test-fs"
#define MNT	"/tmp/fstools_test.mnt"
#define TOP	MNT "/" NAME

FIXTURE(fs) {
	struct tree t;
	char buf[8192];
};

FIXTURE_SETUP(fs)
{
	umask(022);
	ASSERT_EQ(0, tree_start_thread(&self->t, NAME));
	mkdir(MNT, 0755);
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, NULL));
}

FIXTURE_TEARDOWN(fs)
{
	EXPECT_EQ(0, chdir("/"));
	EXPECT_EQ(0, umount(MNT));
	tree_stop(&self->t);
}

/* ---- ordinary tools --------------------------------------------------------- */

static const struct {
	const char	*what, *command;
} tools[] = {
	{ "cp -a", "cp -a /usr/lib/suite one && cmp one /usr/lib/suite" },
	{ "mkdir -p", "mkdir -p a/b/c && echo needle > a/b/c/f && touch a/g" },
	{ "find", "test \"$(find a -type f | sort | tr '\\n' ' ')\" = 'a/b/c/f a/g '" },
	{ "grep -r", "test \"$(grep -rl needle .)\" = ./a/b/c/f" },
	{ "tar", "tar -cf t.tar a && mkdir x && tar -xf t.tar -C x && "
		 "cmp a/b/c/f x/a/b/c/f && test -e x/a/g" },
	{ "cp -r", "cp -r a y && diff -r a y" },
	{ "sed -i", "sed -i s/needle/thread/ y/b/c/f && grep -q thread y/b/c/f" },
	{ "mv", "mv y z && test -e z/b/c/f && ! test -e y" },
	{ "ln", "ln z/b/c/f hard && ln -s hard soft && cmp hard soft && "
		"test \"$(stat -c %h hard)\" = 2" },
	{ "dd", "dd if=/dev/urandom of=big bs=100000 count=10 2>&- && "
		"test \"$(stat -c %s big)\" = 1000000 && cp big big2 && cmp big big2" },
	{ "du, ls", "du -s . >&2 && test \"$(ls | wc -l)\" = 9" },
	{ "rm -r", "rm -r a x z one t.tar hard soft big big2 && test -z \"$(ls)\"" },
};

TEST_F(fs, S11_ordinary_tools_just_work)
{
	ASSERT_EQ(0, chdir(TOP));
	for (unsigned int i = 0; i < ARRAY_SIZE(tools); i++) {
		EXPECT_EQ(0, system(tools[i].command)) {
			TH_LOG("%s", tools[i].what);
		}
	}
	ASSERT_EQ(0, chdir("/"));
}

TEST_F(fs, S8_a_loop_device_on_a_file)
{
	char text[64];
	int fd, control, loop, nr;

	control = open("/dev/loop-control", O_RDWR);
	ASSERT_LE(0, control);
	fd = open(TOP "/image", O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 1 << 20));
	nr = ioctl(control, LOOP_CTL_GET_FREE);
	snprintf(text, sizeof(text), "/dev/loop%d", nr);
	ASSERT_TRUE(wait_until((loop = open(text, O_RDWR)) >= 0));
	ASSERT_EQ(0, ioctl(loop, LOOP_SET_FD, fd));
	EXPECT_EQ(1 << 20, lseek(loop, 0, SEEK_END));
	memset(self->buf, 'L', sizeof(self->buf));
	EXPECT_EQ(8192, pwrite(loop, self->buf, 8192, 4096));
	EXPECT_EQ(0, fsync(loop));
	memset(self->buf, 0, sizeof(self->buf));
	EXPECT_EQ(8192, pread(fd, self->buf, 8192, 4096));
	EXPECT_EQ('L', self->buf[0]);
	EXPECT_EQ('L', self->buf[8191]);
	EXPECT_EQ(0, ioctl(loop, LOOP_CLR_FD));
	close(loop);
	close(control);
	close(fd);
	/* the last close of a loop device is the kernel's own, later */
	EXPECT_TRUE(wait_until(!self->t.state->open));
}

/* ---- RLIMIT_FSIZE ----------------------------------------------------------- */

static const struct rlimit limit = { 100, RLIM_INFINITY };

/* What does not fit is left out; what begins behind the limit is refused. */
static int write_beyond(void *arg)
{
	int fd = open(TOP "/f", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int append = open(TOP "/f", O_WRONLY | O_APPEND);
	char buf[80] = "";

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return 1;
	if (write(fd, buf, 80) != 80 || write(append, buf, 80) != 20)
		return 2;
	if (write(append, buf, 1) != -1 || errno != EFBIG)
		return 3;
	if (pwrite(fd, buf, 1, 100) != -1 || errno != EFBIG)
		return 4;
	if (pwrite(fd, buf, 80, 99) != 1 || lseek(fd, 0, SEEK_END) != 100)
		return 5;
	return ftruncate(fd, 101) != -1 || errno != EFBIG ? 6 : 0;
}

static int die_of_it(void *arg)
{
	int fd = open(TOP "/f", O_RDWR | O_CREAT, 0644);

	(void)arg;
	if (!setrlimit(RLIMIT_FSIZE, &limit))
		pwrite(fd, "x", 1, 100);
	return 0;
}

TEST_F(fs, S8_a_limit_of_file_size_holds)
{
	int status;

	EXPECT_EQ(0, child_result(child_start(write_beyond, NULL)));
	status = child_wait_ms(child_start(die_of_it, NULL), PATIENCE_MS);
	EXPECT_TRUE(status >= 0 && WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGXFSZ);
}

TEST_HARNESS_MAIN
