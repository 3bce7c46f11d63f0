// SPDX-License-Identifier: GPL-2.0
/* shmd, and the mappings of zerod. The daemons are the installed ones. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <scheme.h>

#include "../harness.h"
#include "../program.h"

#define NAME	"test-shm"
#define ZERO	"test-zero"
#define PAGE	4096UL

FIXTURE(shmd) {
	pid_t daemon;
};

FIXTURE_SETUP(shmd)
{
	static const char *const argv[] = {
		"shmd", NAME, "--mode", "0666", "--max", "1M", "--user-max", "2M",
		NULL
	};

	self->daemon = program_start(argv);
	ASSERT_LT(0, self->daemon);
}

FIXTURE_TEARDOWN(shmd)
{
	EXPECT_EQ(0, program_stop(self->daemon));
}

static int create(const char *url)
{
	return scheme_open(url, O_RDWR | O_CREAT | O_EXCL, 0600);
}

static char *map_size(int fd, size_t size)
{
	if (scheme_mmap_prep(fd, 0, size, SCHEME_MAP_WRITE))
		return MAP_FAILED;
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

TEST_F(shmd, E16_the_first_mapping_settles_the_size)
{
	int fd = create(NAME ":a"), other;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, lseek(fd, 0, SEEK_END));
	ASSERT_EQ(0, scheme_mmap_prep(fd, 0, 2 * PAGE, 0));
	EXPECT_EQ(2 * PAGE, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(-ERANGE, scheme_mmap_prep(fd, 0, 3 * PAGE, 0));
	EXPECT_EQ(-ERANGE, scheme_mmap_prep(fd, PAGE, 2 * PAGE, 0));
	EXPECT_EQ(0, scheme_mmap_prep(fd, PAGE, PAGE, 0));
	EXPECT_EQ(-ERANGE, scheme_truncateat(fd, "", 3 * PAGE));
	EXPECT_EQ(-ERANGE, scheme_truncateat(fd, "", 0));
	EXPECT_EQ(0, scheme_truncateat(fd, "", 2 * PAGE));
	other = scheme_open(NAME ":a", O_RDWR, 0);
	ASSERT_LE(0, other);
	EXPECT_EQ(-ERANGE, scheme_mmap_prep(other, 0, 3 * PAGE, 0));
	close(other);
	close(fd);
}

TEST_F(shmd, E16_a_reader_does_not_settle_the_size)
{
	int fd = create(NAME ":a"), other;

	ASSERT_LE(0, fd);
	other = scheme_open(NAME ":a", O_RDONLY, 0);
	ASSERT_LE(0, other);
	EXPECT_EQ(-EACCES, scheme_mmap_prep(other, 0, PAGE, 0));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_END));
	ASSERT_EQ(0, scheme_mmap_prep(fd, 0, 2 * PAGE, 0));
	EXPECT_EQ(0, scheme_mmap_prep(other, 0, 2 * PAGE, 0));
	close(other);
	close(fd);
}

TEST_F(shmd, E16_there_is_no_appending)
{
	int fd = create(NAME ":a"), other;

	ASSERT_EQ(0, scheme_truncateat(fd, "", PAGE));
	other = scheme_open(NAME ":a", O_WRONLY | O_APPEND, 0);
	ASSERT_LE(0, other);
	EXPECT_EQ(-1, write(other, "x", 1));
	EXPECT_EQ(ENOSPC, errno);
	close(other);
	close(fd);
}

TEST_F(shmd, E16_truncate_settles_it_as_well)
{
	int fd = create(NAME ":a");

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, scheme_truncateat(fd, "", 5000));
	EXPECT_EQ(2 * PAGE, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(-ERANGE, scheme_mmap_prep(fd, 0, 3 * PAGE, 0));
	EXPECT_EQ(0, scheme_mmap_prep(fd, 0, 2 * PAGE, SCHEME_MAP_WRITE));
	close(fd);
}

TEST_F(shmd, S25_two_handles_share_one_memory)
{
	int fd = create(NAME ":a"), other;
	char *a = map_size(fd, PAGE), *b;
	char buf[6] = "";

	ASSERT_NE(MAP_FAILED, a);
	other = scheme_open(NAME ":a", O_RDWR, 0);
	ASSERT_LE(0, other);
	/* of settled size: nobody has to ask before it is mapped */
	b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	ASSERT_NE(MAP_FAILED, b);
	EXPECT_EQ(0, b[0]);
	strcpy(a, "hello");
	EXPECT_STREQ("hello", b);
	EXPECT_EQ(5, pread(other, buf, 5, 0));
	EXPECT_STREQ("hello", buf);
	EXPECT_EQ(3, pwrite(other, "xyzab", 5, PAGE - 3));
	EXPECT_EQ('z', a[PAGE - 1]);
	EXPECT_EQ(-1, pwrite(other, "x", 1, PAGE));
	EXPECT_EQ(ENOSPC, errno);
	munmap(a, PAGE);
	munmap(b, PAGE);
	close(other);
	close(fd);
}

TEST_F(shmd, S25_a_reader_cannot_write)
{
	int fd = create(NAME ":a"), other;

	ASSERT_EQ(0, scheme_truncateat(fd, "", PAGE));
	other = scheme_open(NAME ":a", O_RDONLY, 0);
	ASSERT_LE(0, other);
	EXPECT_EQ(-EACCES, scheme_mmap_prep(other, 0, PAGE, SCHEME_MAP_WRITE));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, other, 0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-EACCES, scheme_truncateat(other, "", PAGE));
	close(other);
	close(fd);
}

TEST_F(shmd, E16_an_object_goes_with_its_last_handle)
{
	int before = program_fds(self->daemon), fd = create(NAME ":a");
	char *a = map_size(fd, PAGE);

	ASSERT_NE(MAP_FAILED, a);
	EXPECT_EQ(-EEXIST, create(NAME ":a"));
	/* a mapping counts as one */
	close(fd);
	sleep_ms(100);
	fd = scheme_open(NAME ":a", O_RDWR, 0);
	EXPECT_LE(0, fd);
	munmap(a, PAGE);
	close(fd);
	EXPECT_TRUE(wait_until(scheme_open(NAME ":a", O_RDWR, 0) == -ENOENT));
	EXPECT_TRUE(wait_until(program_fds(self->daemon) == before));
}

TEST_F(shmd, E16_a_name_can_go_before_its_object)
{
	int root = scheme_open(NAME ":", O_RDWR | O_DIRECTORY, 0);
	int fd = create(NAME ":a"), other;
	char *a = map_size(fd, PAGE), *b;

	ASSERT_LE(0, root);
	ASSERT_NE(MAP_FAILED, a);
	EXPECT_EQ(0, scheme_unlinkat(root, "a", 0));
	EXPECT_EQ(-ENOENT, scheme_open(NAME ":a", O_RDWR, 0));
	other = create(NAME ":a");
	b = map_size(other, PAGE);
	ASSERT_NE(MAP_FAILED, b);
	strcpy(a, "old");
	EXPECT_EQ(0, b[0]);
	munmap(a, PAGE);
	munmap(b, PAGE);
	close(other);
	close(fd);
	close(root);
}

TEST_F(shmd, S25_memory_is_bounded_and_comes_back)
{
	int fd[3], i;

	for (i = 0; i < 3; i++)
		fd[i] = create(((const char *const []){
			NAME ":0", NAME ":1", NAME ":2" })[i]);
	EXPECT_EQ(-EFBIG, scheme_truncateat(fd[0], "", (1 << 20) + 1));
	EXPECT_EQ(-EFBIG, scheme_mmap_prep(fd[0], 0, 1 << 30, 0));
	EXPECT_EQ(0, scheme_truncateat(fd[0], "", 1 << 20));
	EXPECT_EQ(0, scheme_truncateat(fd[1], "", 1 << 20));
	EXPECT_EQ(-ENOSPC, scheme_truncateat(fd[2], "", PAGE));
	close(fd[0]);
	EXPECT_TRUE(wait_until(!scheme_truncateat(fd[2], "", PAGE)));
	close(fd[1]);
	close(fd[2]);
}

/* ---- zerod ----------------------------------------------------------------- */

TEST(S25_zeros_are_mapped_privately)
{
	static const char *const argv[] = { "zerod", ZERO, "--map", "64K", NULL };
	pid_t daemon = program_start(argv);
	char *a, *b;
	int fd;

	ASSERT_LT(0, daemon);
	fd = open(NODE_DIR "/" ZERO, O_RDWR);
	ASSERT_LE(0, fd);
	a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, b);
	EXPECT_EQ(0, a[17]);
	a[17] = 1;
	EXPECT_EQ(0, b[17]);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 65536));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-ERANGE, scheme_mmap_prep(fd, 0, 65537, 0));
	munmap(a, PAGE);
	munmap(b, PAGE);
	close(fd);
	EXPECT_EQ(0, program_stop(daemon));
}

TEST_HARNESS_MAIN
