// SPDX-License-Identifier: GPL-2.0
/*
 * edud: a device that does DMA, served from user space. The daemon is the installed
 * one; whatever is read here has been to the device and back.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <scheme.h>

#include "../edu.h"
#include "../harness.h"
#include "../owner.h"
#include "../program.h"

#define NAME	"test-edu"
#define NODE	NODE_DIR "/" NAME

FIXTURE(edud) {
	struct edu	edu;
	pid_t		daemon;
	int		fd;
};

FIXTURE_VARIANT(edud) {
	unsigned int	which;
	int		translated;
	const char	*bits;
};

FIXTURE_VARIANT_ADD(edud, of_28_bits) { EDU_28_BITS, EDU_BESIDE, "28" };
FIXTURE_VARIANT_ADD(edud, of_32_bits) { EDU_32_BITS, EDU_BESIDE, "32" };
FIXTURE_VARIANT_ADD(edud, of_28_bits_translated) {
	EDU_28_BITS, EDU_TRANSLATED, "28"
};

static pid_t start(const char *address, const char *bits)
{
	const char *const argv[] = {
		"edud", NAME, "--device", address, "--addr-bits", bits, NULL
	};

	return program_start(argv);
}

FIXTURE_SETUP(edud)
{
	const char *lacks = edu_lacks(variant->which, variant->translated);

	if (lacks)
		SKIP(return, "%s", lacks);
	ASSERT_EQ(0, edu_prepare(&self->edu, variant->which, variant->translated));
	/* the daemon takes it itself */
	ASSERT_EQ(0, pci_release(self->edu.address));
	self->daemon = start(self->edu.address, variant->bits);
	ASSERT_LT(0, self->daemon);
	self->fd = open(NODE, O_RDWR);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(edud)
{
	if (!self->edu.address[0])
		return;
	close(self->fd);
	EXPECT_EQ(0, program_stop(self->daemon));
	/* and leaves it as it was */
	EXPECT_FALSE(pci_driver_is(self->edu.address, OWNER_DRIVER));
	EXPECT_FALSE(pci_is_master(self->edu.address));
	edu_give_back(&self->edu, -1);
}

TEST_F(edud, U25_what_is_written_is_in_the_device)
{
	uint8_t in[EDU_BYTES], out[EDU_BYTES];

	pattern_fill(in, EDU_BYTES, 1);
	ASSERT_EQ(EDU_BYTES, pwrite(self->fd, in, EDU_BYTES, 0));
	ASSERT_EQ(EDU_BYTES, pread(self->fd, out, EDU_BYTES, 0));
	EXPECT_EQ(-1, pattern_differs(out, EDU_BYTES, 1));
	/* a part, which leaves the rest */
	pattern_fill(in, 100, 2);
	EXPECT_EQ(100, pwrite(self->fd, in, 100, 1000));
	EXPECT_EQ(EDU_BYTES, pread(self->fd, out, EDU_BYTES, 0));
	EXPECT_EQ(-1, pattern_differs(out, 1000, 1));
	EXPECT_EQ(-1, pattern_differs(out + 1000, 100, 2));
	pattern_fill(in, EDU_BYTES, 1);
	EXPECT_EQ(0, memcmp(in + 1100, out + 1100, EDU_BYTES - 1100));
}

/* Who serves it next finds in the device what the last one has written. */
TEST_F(edud, U25_the_bytes_are_the_devices_and_not_the_daemons)
{
	uint8_t buf[200];

	pattern_fill(buf, 200, 3);
	ASSERT_EQ(200, pwrite(self->fd, buf, 200, 7));
	close(self->fd);
	ASSERT_EQ(0, program_stop(self->daemon));
	self->daemon = start(self->edu.address, variant->bits);
	ASSERT_LT(0, self->daemon);
	self->fd = open(NODE, O_RDWR);
	ASSERT_LE(0, self->fd);
	memset(buf, 0, 200);
	EXPECT_EQ(200, pread(self->fd, buf, 200, 7));
	EXPECT_EQ(-1, pattern_differs(buf, 200, 3));
}

TEST_F(edud, U25_the_end_of_the_buffer)
{
	uint8_t buf[64] = "";

	EXPECT_EQ(EDU_BYTES, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, pread(self->fd, buf, 64, EDU_BYTES));
	EXPECT_EQ(0, pread(self->fd, buf, 64, 1UL << 40));
	EXPECT_EQ(10, pread(self->fd, buf, 64, EDU_BYTES - 10));
	EXPECT_EQ(10, pwrite(self->fd, buf, 64, EDU_BYTES - 10));
	EXPECT_EQ(-1, pwrite(self->fd, buf, 64, EDU_BYTES));
	EXPECT_EQ(ENOSPC, errno);
	EXPECT_EQ(0, fsync(self->fd));
}

TEST_F(edud, U25_the_device_has_one_daemon)
{
	const char *const argv[] = {
		"edud", NAME "2", "--device", self->edu.address, NULL
	};

	EXPECT_EQ(-EIO, program_start(argv));
	/* the first one is not disturbed */
	EXPECT_EQ(1, pwrite(self->fd, "x", 1, 0));
}

TEST_F(edud, S5_by_path)
{
	struct stat st;
	char buf[4];
	int fd;

	mkdir("scheme", 0755);
	ASSERT_EQ(0, mount("none", "scheme", "schemefs", 0, NULL));
	EXPECT_EQ(0, stat("scheme/" NAME "/edu", &st));
	EXPECT_TRUE(S_ISREG(st.st_mode));
	EXPECT_EQ(0600, st.st_mode & 0777);
	EXPECT_EQ(EDU_BYTES, st.st_size);
	fd = open("scheme/" NAME "/edu", O_RDWR | O_TRUNC);
	EXPECT_LE(0, fd);
	EXPECT_EQ(3, pwrite(fd, "abc", 3, 5));
	EXPECT_EQ(4, pread(self->fd, buf, 4, 4));
	EXPECT_EQ(0, memcmp(buf + 1, "abc", 3));
	close(fd);
	EXPECT_EQ(-1, open("scheme/" NAME "/other", O_RDONLY));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(0, umount("scheme"));
}

/* The driver is taken away below it: an error, and no hanging client. */
TEST_F(edud, P10_the_device_goes)
{
	char buf[8];

	ASSERT_EQ(0, pci_unbind(self->edu.address));
	EXPECT_EQ(-1, pwrite(self->fd, "x", 1, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, pread(self->fd, buf, 8, 0));
	EXPECT_EQ(ENODEV, errno);
}

/* ---- what it says no to --------------------------------------------------- */

static int exit_status(const char *const argv[])
{
	pid_t pid = fork();

	if (!pid) {
		child_set_up();
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return child_result(pid);
}

#define EDUD(...) \
	exit_status((const char *const []){ "edud", ##__VA_ARGS__, NULL })

TEST(bad_command_lines_are_refused)
{
	EXPECT_EQ(0, EDUD("--help"));
	EXPECT_EQ(64, EDUD());
	EXPECT_EQ(64, EDUD(NAME));
	EXPECT_EQ(64, EDUD("--device", "0000:00:10.0"));
	EXPECT_EQ(64, EDUD(NAME, "--device", "x", "--addr-bits", "11"));
	EXPECT_EQ(64, EDUD(NAME, "--device", "x", "--addr-bits", "65"));
	EXPECT_EQ(64, EDUD(NAME, "--device", "x", "--queues", "2"));
	EXPECT_EQ(1, EDUD(NAME, "--device", ""));
	EXPECT_EQ(1, EDUD(NAME, "--device", "../../../block"));
	EXPECT_EQ(1, EDUD(NAME, "--device", "0000:00:1d.5"));
}

TEST_HARNESS_MAIN
