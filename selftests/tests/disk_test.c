// SPDX-License-Identifier: GPL-2.0
/*
 * The disk scheme as its clients see it: the same tests on a memory disk and on
 * the two USB sticks of the VM (see vm/sticks.sh), which have an MBR and a GPT.
 *
 * Each disk has two partitions, the second right behind the first, and in each
 * sector of the second its number on the disk. What is written is put back.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <scheme.h>

#include "disk/disk.h"
#include "../harness.h"

#define SECTOR	512
#define MIB	(1 << 20)
#define NAME	"test-disk"

struct numbers {
	uint64_t	disk, first, second;	/* sectors */
	uint64_t	second_at;
};

FIXTURE(disk) {
	pid_t	daemon;
	int	fd;
	char	*buf;
};

FIXTURE_VARIANT(disk) {
	const char	*needs;			/* a file, or NULL */
	const char	*argv[8];
	struct numbers	n;
};

FIXTURE_VARIANT_ADD(disk, ram) {
	.argv = { "ramdiskd", NAME, "--image", "image", NULL },
	.n = { 16384, 2048, 4096, 4096 },
};

FIXTURE_VARIANT_ADD(disk, usb_mbr) {
	.needs = "/sys/bus/usb/devices/2-1",
	.argv = { "usbscsid", "--bus-port", "2-1", "--name", NAME, NULL },
	.n = { 131072, 32768, 16384, 34816 },
};

FIXTURE_VARIANT_ADD(disk, usb_gpt) {
	.needs = "/sys/bus/usb/devices/2-2",
	.argv = { "usbscsid", "--bus-port", "2-2", "--name", NAME, NULL },
	.n = { 65536, 8192, 4096, 10240 },
};

/* ---- daemons -------------------------------------------------------------- */

/* Start it and wait until it says that it is ready; its pid, or -1. */
static pid_t daemon_start(char *const argv[])
{
	char text[4096] = "";
	size_t len = 0;
	ssize_t n = 1;
	pid_t pid;
	int fds[2];

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		/* A test that fails does not come to its end. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	while (!strstr(text, "ready: ") && n > 0 && len < sizeof(text) - 1) {
		n = read(fds[0], text + len, sizeof(text) - 1 - len);
		len += n > 0 ? n : 0;
	}
	/* Still open: its next words are no SIGPIPE. */
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	return n > 0 ? pid : -1;
}

static int daemon_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	return child_result(pid);
}

/* Two partitions and numbered sectors; made once, since no daemon writes to it. */
static int image_make(void)
{
	static const uint8_t table[] = {
		0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0,
		0, 0, 0, 0, 0x83, 0, 0, 0, 0, 16, 0, 0, 0, 16, 0, 0,
	};
	FILE *image;

	if (!access("image", R_OK))
		return 0;
	image = fopen("image.new", "w");
	if (!image)
		return -1;
	for (int i = 0; i < 16384; i++)
		fprintf(image, "%0511d\n", i);
	fseek(image, 446, SEEK_SET);
	fwrite(table, sizeof(table), 1, image);
	for (int i = 0; i < 32; i++)
		fputc(0, image);
	fwrite("\x55\xaa", 2, 1, image);
	return fclose(image) ?: rename("image.new", "image");
}

FIXTURE_SETUP(disk)
{
	if (variant->needs && access(variant->needs, F_OK))
		SKIP(return, "there is no %s", variant->needs);
	self->fd = -1;
	self->buf = malloc(4 * MIB);
	ASSERT_EQ(0, image_make());
	self->daemon = daemon_start((char *const *)variant->argv);
	ASSERT_LT(0, self->daemon);
}

FIXTURE_TEARDOWN(disk)
{
	/* The next one may come while the kernel's driver still scans the disk. */
	if (self->daemon > 0)
		EXPECT_EQ(0, daemon_stop(self->daemon));
}

/* ---- helpers -------------------------------------------------------------- */

static int disk_open(const char *path, int flags)
{
	char url[64];

	snprintf(url, sizeof(url), "%s:%s", NAME, path);
	return scheme_open(url, flags, 0600);
}

/* Is it sector `number` of the disk, as it was made? */
static bool sector_is(const char *sector, uint64_t number)
{
	char want[SECTOR + 1];

	snprintf(want, sizeof(want), "%0511llu\n", (unsigned long long)number);
	return !memcmp(sector, want, SECTOR);
}

static int list_open(void)
{
	return disk_open("", O_RDONLY | O_DIRECTORY);
}

/* ---- names ---------------------------------------------------------------- */

TEST_F(disk, D7_list_has_the_disk_and_its_partitions)
{
	static const char text[] = "0\n0p0\n0p1\n";
	int fd = list_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(strlen(text), lseek(fd, 0, SEEK_END));
	EXPECT_EQ(strlen(text), pread(fd, self->buf, 4096, 0));
	EXPECT_EQ(0, memcmp(self->buf, text, strlen(text)));
	EXPECT_EQ(0, pread(fd, self->buf, 4096, strlen(text)));
	EXPECT_EQ(-1, pwrite(fd, self->buf, SECTOR, 0));
	EXPECT_EQ(EBADF, errno);
	close(fd);
}

TEST_F(disk, D7_root_is_the_whole_disk)
{
	int fd = open(NODE_DIR "/" NAME, O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(variant->n.disk * SECTOR, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(SECTOR, pread(fd, self->buf, SECTOR,
				(variant->n.second_at + 3) * SECTOR));
	EXPECT_TRUE(sector_is(self->buf, variant->n.second_at + 3));
	close(fd);
}

TEST_F(disk, D7_partition_is_its_part_of_the_disk)
{
	int fd = disk_open("0p1", O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(variant->n.second * SECTOR, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(2 * SECTOR, pread(fd, self->buf, 2 * SECTOR, 7 * SECTOR));
	EXPECT_TRUE(sector_is(self->buf, variant->n.second_at + 7));
	EXPECT_TRUE(sector_is(self->buf + SECTOR, variant->n.second_at + 8));
	close(fd);
}

/* What a user does who may only read the node; 0 if it is what it should be. */
static int reader_without_write(void *arg)
{
	static char text[64], sector[SECTOR];
	const struct numbers *n = arg;
	int list, part;

	if (become_user(65534, 65534) || disk_open("0p1", O_RDWR) != -EACCES)
		return 1;
	list = list_open();
	if (list < 0 || pread(list, text, sizeof(text), 0) != 10)
		return 2;
	part = disk_open("0p1", O_RDONLY);
	if (part < 0 || pread(part, sector, SECTOR, SECTOR) != SECTOR ||
	    !sector_is(sector, n->second_at + 1))
		return 3;
	return disk_open("0p1", O_RDONLY) == -ENOLCK ? 0 : 4;
}

TEST_F(disk, D7_reader_without_the_right_to_write_opens_partitions)
{
	ASSERT_EQ(0, chmod(NODE_DIR "/" NAME, 0644));
	EXPECT_EQ(0, child_result(child_start(reader_without_write,
					      (void *)&variant->n)));
}

TEST_F(disk, D7_names_that_are_not_there)
{
	EXPECT_EQ(-ENOENT, disk_open("0p2", O_RDONLY));
	EXPECT_EQ(-ENOENT, disk_open("1", O_RDONLY));
	EXPECT_EQ(-ENOENT, disk_open("0p00", O_RDONLY));
	EXPECT_EQ(-EPERM, disk_open("file", O_RDWR | O_CREAT));
	EXPECT_EQ(-EEXIST, disk_open("0", O_RDWR | O_CREAT | O_EXCL));
	EXPECT_EQ(-ENOTDIR, disk_open("0p0", O_RDONLY | O_DIRECTORY));
}

TEST_F(disk, D7_second_opener_gets_enolck)
{
	int fd = disk_open("0p0", O_RDONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOLCK, disk_open("0p0", O_RDONLY));
	EXPECT_EQ(-ENOLCK, disk_open("0", O_RDONLY));
	EXPECT_EQ(-1, open(NODE_DIR "/" NAME, O_RDWR));
	EXPECT_EQ(ENOLCK, errno);
	self->fd = disk_open("0p1", O_RDONLY);
	EXPECT_LE(0, self->fd);
	close(self->fd);
	close(fd);
	/* A close is seen by the opens that come after it. */
	for (int i = 0; i < 50; i++) {
		fd = open(NODE_DIR "/" NAME, O_RDONLY);
		ASSERT_LE(0, fd);
		close(fd);
	}
}

/* ---- bounds --------------------------------------------------------------- */

TEST_F(disk, D7_odd_length_or_offset_is_einval)
{
	static const struct { size_t len; off_t offset; } odd[] = {
		{ 1, 0 }, { 256, 0 }, { SECTOR - 1, 0 }, { SECTOR + 1, 0 },
		{ SECTOR, 1 }, { SECTOR, 256 }, { MIB, 100 }, { MIB + 1, 0 },
	};

	self->fd = disk_open("0p1", O_RDWR);
	ASSERT_LE(0, self->fd);
	memset(self->buf, 'x', 2 * MIB);
	/* A long one may have an even beginning: that is read, not written. */
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		if (odd[i].len > MIB)
			continue;
		EXPECT_EQ(-1, pwrite(self->fd, self->buf, odd[i].len, odd[i].offset));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, pread(self->fd, self->buf, odd[i].len, odd[i].offset));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(SECTOR, pread(self->fd, self->buf, SECTOR, 0));
	EXPECT_TRUE(sector_is(self->buf, variant->n.second_at));
	close(self->fd);
}

TEST_F(disk, D7_read_is_cut_at_the_end_and_then_0)
{
	off_t size = variant->n.first * SECTOR;

	self->fd = disk_open("0p0", O_RDONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(2 * SECTOR, pread(self->fd, self->buf, 3 * MIB,
				    size - 2 * SECTOR));
	EXPECT_EQ(0, pread(self->fd, self->buf, SECTOR, size));
	EXPECT_EQ(0, pread(self->fd, self->buf, MIB, size + MIB));
	EXPECT_EQ(size - MIB, lseek(self->fd, -MIB, SEEK_END));
	EXPECT_EQ(MIB, read(self->fd, self->buf, 3 * MIB));
	EXPECT_EQ(0, read(self->fd, self->buf, 3 * MIB));
	close(self->fd);
}

TEST_F(disk, D7_write_over_the_end_is_eoverflow)
{
	off_t size = variant->n.first * SECTOR;
	char *last = self->buf + MIB;

	self->fd = disk_open("0p0", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(SECTOR, pread(self->fd, last, SECTOR, size - SECTOR));
	memset(self->buf, 'x', MIB);
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, 2 * SECTOR, size - SECTOR));
	EXPECT_EQ(EOVERFLOW, errno);
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, SECTOR, size));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(-1, pwrite(self->fd, self->buf, MIB, size + MIB));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(SECTOR, pread(self->fd, self->buf, SECTOR, size - SECTOR));
	EXPECT_EQ(0, memcmp(self->buf, last, SECTOR));
	close(self->fd);
	self->fd = disk_open("0p1", O_RDONLY);
	EXPECT_EQ(SECTOR, pread(self->fd, self->buf, SECTOR, 0));
	EXPECT_TRUE(sector_is(self->buf, variant->n.second_at));
	close(self->fd);
}

/* Split on its way, its parts up to the end may be written; no more. */
TEST_F(disk, D7_long_write_leaves_the_next_partition)
{
	off_t from = variant->n.first * SECTOR - MIB;
	ssize_t n;

	self->fd = disk_open("0p0", O_RDWR);
	ASSERT_LE(0, self->fd);
	memset(self->buf, 'x', 3 * MIB);
	ASSERT_EQ(MIB, pread(self->fd, self->buf, MIB, from));
	n = pwrite(self->fd, self->buf, 3 * MIB, from);
	if (n < 0) {
		EXPECT_EQ(EOVERFLOW, errno);
	} else {
		EXPECT_GE(MIB, n);
	}
	close(self->fd);
	self->fd = disk_open("0p1", O_RDONLY);
	EXPECT_EQ(3 * MIB / 2, pread(self->fd, self->buf, 3 * MIB / 2, 0));
	for (int i = 0; i < 3 * MIB / 2 / SECTOR; i++)
		ASSERT_TRUE(sector_is(self->buf + i * SECTOR,
				      variant->n.second_at + i));
	close(self->fd);
}

/* ---- writing -------------------------------------------------------------- */

TEST_F(disk, D8_what_is_written_is_read_and_flushed)
{
	char *was = self->buf + 2 * MIB;

	self->fd = disk_open("0p1", O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(MIB, pread(self->fd, was, MIB, 64 * SECTOR));
	memset(self->buf, 'y', MIB);
	EXPECT_EQ(MIB, pwrite(self->fd, self->buf, MIB, 64 * SECTOR));
	EXPECT_EQ(0, fsync(self->fd));
	memset(self->buf, 0, MIB);
	EXPECT_EQ(MIB, pread(self->fd, self->buf, MIB, 64 * SECTOR));
	EXPECT_EQ('y', self->buf[0]);
	EXPECT_EQ(0, memcmp(self->buf, self->buf + 1, MIB - 1));
	EXPECT_EQ(MIB, pwrite(self->fd, was, MIB, 64 * SECTOR));
	EXPECT_EQ(0, fdatasync(self->fd));
	close(self->fd);
}

TEST_F(disk, D8_durable_write_is_a_write)
{
	self->fd = disk_open("0p1", O_RDWR | O_DSYNC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(SECTOR, pread(self->fd, self->buf, SECTOR, 0));
	EXPECT_EQ(SECTOR, pwrite(self->fd, self->buf, SECTOR, 0));
	close(self->fd);
}

struct reader {
	int			fd;
	unsigned int		seed;
	const struct numbers	*n;
};

/* Sectors here and there, now and then some in sequence. */
static int reader_run(void *arg)
{
	struct reader *r = arg;
	char buf[8 * SECTOR];
	uint64_t at = 0;

	for (int i = 0; i < 60; i++) {
		if (i % 10 == 0)
			at = rand_r(&r->seed) % (r->n->second - 100);
		if (pread(r->fd, buf, sizeof(buf), at * SECTOR) != sizeof(buf))
			return 1;
		for (int s = 0; s < 8; s++)
			if (!sector_is(buf + s * SECTOR, r->n->second_at + at + s))
				return 2;
		at += 8;
	}
	return 0;
}

TEST_F(disk, D8_many_readers_at_once_read_what_is_there)
{
	pid_t child[6];

	self->fd = disk_open("0p1", O_RDONLY);
	ASSERT_LE(0, self->fd);
	for (int i = 0; i < 6; i++) {
		struct reader r = { self->fd, i, &variant->n };

		child[i] = child_start(reader_run, &r);
	}
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(0, child_result(child[i]));
	close(self->fd);
}

/* ---- questions ------------------------------------------------------------ */

TEST_F(disk, D7_geometry_call_tells_the_sizes)
{
	uint64_t word[3] = { DISK_CALL_GEOMETRY };
	struct disk_geometry geometry;
	uint32_t len = sizeof(geometry);
	int64_t result = -1;

	self->fd = disk_open("0p1", O_RDONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, scheme_call(self->fd, word, NULL, 0, &geometry, &len, &result));
	EXPECT_EQ(0, result);
	EXPECT_EQ(sizeof(geometry), len);
	EXPECT_EQ(SECTOR, geometry.block_size);
	EXPECT_EQ(variant->n.second, geometry.blocks);
	EXPECT_EQ(variant->n.second_at, geometry.start);
	word[0] = 77;
	EXPECT_EQ(-ENOTTY, scheme_call(self->fd, word, NULL, 0, &geometry, &len,
				       NULL));
	close(self->fd);
}

/* ---- read-only ------------------------------------------------------------ */

TEST(D7_read_only_disk_is_erofs)
{
	char *const argv[] = {
		"ramdiskd", NAME, "--size", "1M", "--read-only", NULL,
	};
	pid_t pid = daemon_start(argv);
	int fd;

	ASSERT_LT(0, pid);
	EXPECT_EQ(-EROFS, disk_open("0", O_RDWR));
	EXPECT_EQ(-1, open(NODE_DIR "/" NAME, O_WRONLY));
	EXPECT_EQ(EROFS, errno);
	fd = disk_open("0", O_RDONLY);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, daemon_stop(pid));
}

TEST(D7_large_blocks_are_the_unit)
{
	char *const argv[] = {
		"ramdiskd", NAME, "--size", "1M", "--block-size", "4096", NULL,
	};
	pid_t pid = daemon_start(argv);
	char buf[8192];
	int fd;

	ASSERT_LT(0, pid);
	fd = disk_open("", O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, pread(fd, buf, 512, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(fd, buf, 4096, 512));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(8192, pread(fd, buf, 8192, 4096));
	close(fd);
	EXPECT_EQ(0, daemon_stop(pid));
}

TEST_HARNESS_MAIN
