// SPDX-License-Identifier: GPL-2.0
/* ramfsd by system calls that no shell makes: mappings, directory offsets. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness.h"
#include "../job.h"

#define NAME	"test-ram"
#define MNT	"/tmp/ramfsd_test.mnt"
#define TOP	MNT "/" NAME
#define PAGE	4096

FIXTURE(ram) {
	pid_t daemon;
	char *map;
	char buf[2 * PAGE];
};

/* The daemon, once it has said that it is ready. */
static pid_t start(void)
{
	int out[2];
	char byte;
	pid_t pid;

	if (pipe(out))
		return -1;
	pid = fork();
	if (!pid) {
		child_set_up();
		dup2(out[1], STDOUT_FILENO);
		execlp("ramfsd", "ramfsd", NAME, "--size", "8M", "--mode", "0666",
		       NULL);
		_exit(127);
	}
	close(out[1]);
	if (read(out[0], &byte, 1) != 1)
		pid = -1;
	close(out[0]);
	return pid;
}

FIXTURE_SETUP(ram)
{
	self->map = MAP_FAILED;
	self->daemon = start();
	ASSERT_LT(0, self->daemon);
	mkdir(MNT, 0755);
	ASSERT_EQ(0, mount("none", MNT, "schemefs", 0, NULL));
}

FIXTURE_TEARDOWN(ram)
{
	int status = 0;

	EXPECT_EQ(0, umount(MNT));
	kill(self->daemon, SIGTERM);
	waitpid(self->daemon, &status, 0);
	EXPECT_EQ(0, status);
}

static sigjmp_buf sigbus_at;

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(sigbus_at, 1);
}

/* Does touching this byte raise SIGBUS? */
static bool is_sigbus(volatile char *at)
{
	bool raised = true;

	signal(SIGBUS, on_sigbus);
	if (!sigsetjmp(sigbus_at, 1)) {
		(void)*at;
		raised = false;
	}
	signal(SIGBUS, SIG_DFL);
	return raised;
}

/* ---- S25: mappings --------------------------------------------------------- */

TEST_F(ram, S25_mappings_and_calls_see_the_same_bytes)
{
	int fd = open(TOP "/f", O_RDWR | O_CREAT, 0644);

	ASSERT_LE(0, fd);
	ASSERT_EQ(5, write(fd, "hello", 5));
	self->map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_EQ(0, memcmp("hello", self->map, 5));
	self->map[0] = 'J';
	EXPECT_EQ(5, pread(fd, self->buf, PAGE, 0));
	EXPECT_EQ(0, memcmp("Jello", self->buf, 5));
	EXPECT_EQ(1, pwrite(fd, "C", 1, 0));
	EXPECT_EQ('C', self->map[0]);
	EXPECT_EQ(0, msync(self->map, PAGE, MS_SYNC));
	munmap(self->map, PAGE);
	close(fd);
}

TEST_F(ram, S25_all_who_map_it_share_it)
{
	int one = open(TOP "/f", O_RDWR | O_CREAT, 0644), two;
	char *other;

	ASSERT_LE(0, one);
	ASSERT_EQ(0, ftruncate(one, PAGE));
	two = open(TOP "/f", O_RDONLY);
	ASSERT_LE(0, two);
	self->map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, one, 0);
	other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, two, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	ASSERT_NE(MAP_FAILED, other);
	strcpy(self->map, "shared");
	EXPECT_STREQ("shared", other);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, two, 0));
	EXPECT_EQ(EACCES, errno);
	munmap(other, PAGE);
	other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, two, 0);
	ASSERT_NE(MAP_FAILED, other);
	other[0] = 'S';
	EXPECT_STREQ("shared", self->map);
	munmap(other, PAGE);
	munmap(self->map, PAGE);
	close(one);
	close(two);
}

TEST_F(ram, S25_what_is_behind_the_end_is_SIGBUS_until_it_grows)
{
	int fd = open(TOP "/f", O_RDWR | O_CREAT, 0644);

	ASSERT_LE(0, fd);
	self->map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_TRUE(is_sigbus(self->map));
	ASSERT_EQ(1, write(fd, "x", 1));
	EXPECT_FALSE(is_sigbus(self->map));
	EXPECT_TRUE(is_sigbus(self->map + PAGE));
	/* another open does not change that */
	close(open(TOP "/f", O_RDWR));
	EXPECT_TRUE(is_sigbus(self->map + PAGE));
	/* bytes behind the end do not become the file's */
	self->map[1] = 'y';
	ASSERT_EQ(0, ftruncate(fd, 2 * PAGE));
	EXPECT_EQ('x', self->map[0]);
	EXPECT_EQ(0, self->map[1]);
	EXPECT_FALSE(is_sigbus(self->map + PAGE));
	ASSERT_EQ(0, ftruncate(fd, PAGE));
	EXPECT_TRUE(is_sigbus(self->map + PAGE));
	munmap(self->map, 2 * PAGE);
	close(fd);
}

TEST_F(ram, S25_a_mapping_outlives_name_and_descriptor)
{
	int fd = open(TOP "/f", O_RDWR | O_CREAT, 0644);

	ASSERT_LE(0, fd);
	ASSERT_EQ(4, write(fd, "text", 4));
	self->map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	ASSERT_EQ(0, unlink(TOP "/f"));
	close(fd);
	EXPECT_EQ(0, memcmp("text", self->map, 4));
	self->map[0] = 'T';
	EXPECT_EQ('T', self->map[0]);
	munmap(self->map, PAGE);
}

/* ---- S11 ------------------------------------------------------------------- */

TEST_F(ram, S11_a_listing_goes_on_from_where_it_was)
{
	char path[64], names[40][256];
	long at[40];
	struct dirent *e;
	DIR *dir;
	int nr = 0;

	for (int i = 0; i < 38; i++) {
		snprintf(path, sizeof(path), TOP "/f%d", i);
		close(open(path, O_WRONLY | O_CREAT, 0644));
	}
	dir = opendir(TOP);
	ASSERT_NE(NULL, dir);
	for (at[0] = telldir(dir); (e = readdir(dir)); ) {
		ASSERT_GT(40, nr);
		snprintf(names[nr++], sizeof(names[0]), "%s", e->d_name);
		if (nr < 40)
			at[nr] = telldir(dir);
	}
	EXPECT_EQ(40, nr);
	for (int i = 39; i >= 0; i--) {
		seekdir(dir, at[i]);
		e = readdir(dir);
		ASSERT_NE(NULL, e);
		EXPECT_STREQ(names[i], e->d_name);
	}
	closedir(dir);
}

TEST_F(ram, S11_rename_flags)
{
	struct stat one, two, st;

	close(open(TOP "/one", O_WRONLY | O_CREAT, 0644));
	ASSERT_EQ(0, mkdir(TOP "/two", 0755));
	ASSERT_EQ(0, stat(TOP "/one", &one));
	ASSERT_EQ(0, stat(TOP "/two", &two));
	EXPECT_EQ(-1, renameat2(-1, TOP "/one", -1, TOP "/two", RENAME_NOREPLACE));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(0, renameat2(-1, TOP "/one", -1, TOP "/two", RENAME_EXCHANGE));
	EXPECT_EQ(0, stat(TOP "/one", &st));
	EXPECT_EQ(two.st_ino, st.st_ino);
	EXPECT_EQ(0, stat(TOP "/two", &st));
	EXPECT_EQ(one.st_ino, st.st_ino);
	EXPECT_EQ(-1, renameat2(-1, TOP "/one", -1, TOP "/three", RENAME_WHITEOUT));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
