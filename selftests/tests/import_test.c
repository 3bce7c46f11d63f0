// SPDX-License-Identifier: GPL-2.0
/*
 * U25, P8: memory of the memory scheme in the hands of other drivers, as dma-bufs: vgem
 * imports them into DRM, and vivid, a camera that is none, puts its pictures there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/dma-buf.h>
#include <linux/videodev2.h>

#include "../harness.h"
#include "../owner.h"

#define PAGE	4096UL
#define SHARED	(10 * PAGE)

static int buf_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

TEST(P8_a_dma_buf_is_the_same_memory)
{
	int owner = owner_open(), fd;
	struct buffer b;
	uint8_t *mem;

	ASSERT_LE(0, owner);
	ASSERT_EQ(0, buffer_make(&b, owner, SHARED, SCHEME_PHYS_LIST, 0));
	pattern_fill(b.mem, SHARED, 1);
	fd = owner_export(owner, b.offset);
	ASSERT_LE(0, fd);
	EXPECT_EQ(SHARED, lseek(fd, 0, SEEK_END));
	mem = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, buf_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(-1, pattern_differs(mem, SHARED, 1));
	mem[PAGE + 1] ^= 1;
	EXPECT_EQ(0, buf_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	EXPECT_EQ(PAGE + 1, pattern_differs(b.mem, SHARED, 1));
	mem[PAGE + 1] ^= 1;
	EXPECT_EQ(-EINVAL, buf_sync(fd, 0xff00));
	/* it stays when the buffer and its owner go */
	EXPECT_EQ(0, buffer_end(&b));
	close(owner);
	EXPECT_EQ(-1, pattern_differs(mem, SHARED, 1));
	munmap(mem, SHARED);
	mem = mmap(NULL, SHARED, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(-1, pattern_differs(mem, SHARED, 1));
	munmap(mem, SHARED);
	close(fd);
}

/* ---- DRM ------------------------------------------------------------------ */

/* What the kernel's headers say of DRM, which not every machine has. */
struct drm_version {
	int		major, minor, patch;
	size_t		name_len;
	char		*name;
	size_t		date_len;
	char		*date;
	size_t		desc_len;
	char		*desc;
};

struct drm_prime_handle {
	uint32_t	handle;
	uint32_t	flags;
	int32_t		fd;
};

struct drm_gem_close {
	uint32_t	handle;
	uint32_t	pad;
};

#define DRM_IOCTL_VERSION		_IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_GEM_CLOSE		_IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD	_IOWR('d', 0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE	_IOWR('d', 0x2e, struct drm_prime_handle)

static int open_vgem(void)
{
	char path[32], name[8];
	int fd;

	for (int i = 0; i < 16; i++) {
		struct drm_version version = { .name = name, .name_len = 7 };

		memset(name, 0, sizeof(name));
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "vgem"))
			return fd;
		close(fd);
	}
	return -1;
}

static ino_t inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

/* vgem attaches itself and maps the list for its own device. */
TEST(P8_U25_another_driver_imports_a_dma_buf)
{
	int owner = owner_open(), vgem = open_vgem(), fd;
	struct drm_prime_handle in = {}, out = {};
	struct drm_gem_close gem = {};
	struct buffer b;
	uint8_t *mem;

	if (vgem < 0)
		SKIP(return, "there is no vgem");
	ASSERT_LE(0, owner);
	ASSERT_EQ(0, buffer_make(&b, owner, SHARED, SCHEME_PHYS_LIST, 0));
	pattern_fill(b.mem, SHARED, 1);
	fd = owner_export(owner, b.offset);
	ASSERT_LE(0, fd);
	in.fd = fd;
	ASSERT_EQ(0, ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in));
	ASSERT_NE(0, in.handle);
	/* All that is left is the importer's. */
	EXPECT_EQ(0, buffer_end(&b));
	close(owner);
	out.handle = in.handle;
	out.flags = O_CLOEXEC | O_RDWR;
	ASSERT_EQ(0, ioctl(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &out));
	EXPECT_EQ(inode(fd), inode(out.fd));
	close(fd);
	mem = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, out.fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(-1, pattern_differs(mem, SHARED, 1));
	munmap(mem, SHARED);
	close(out.fd);
	gem.handle = in.handle;
	EXPECT_EQ(0, ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &gem));
	close(vgem);
}

/* ---- video ---------------------------------------------------------------- */

#define PICTURES	2

/* Run.sh --hardware loads it so that it wants what a DMA engine would: one range. */
static int open_vivid(void)
{
	struct v4l2_capability cap;
	char path[32];
	int fd;

	for (int i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), "/dev/video%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (!ioctl(fd, VIDIOC_QUERYCAP, &cap) &&
		    !strcmp((char *)cap.driver, "vivid") &&
		    (cap.device_caps & V4L2_CAP_VIDEO_CAPTURE))
			return fd;
		close(fd);
	}
	return -1;
}

/* Small pictures; how many bytes one has. */
static int set_format(int video)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = {
			.width = 320,
			.height = 180,
			.pixelformat = V4L2_PIX_FMT_YUYV,
		},
	};
	struct v4l2_requestbuffers request = {
		.count = PICTURES,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};

	if (ioctl(video, VIDIOC_S_FMT, &format) ||
	    ioctl(video, VIDIOC_REQBUFS, &request))
		return -errno;
	return request.count == PICTURES ? (int)format.fmt.pix.sizeimage : -ENOSPC;
}

static int queue_picture(int video, unsigned int index, int fd, uint64_t size)
{
	struct v4l2_buffer buffer = {
		.index = index,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.m.fd = fd,
		.length = size,
	};

	return ioctl(video, VIDIOC_QBUF, &buffer) ? -errno : 0;
}

/* The index of the next one that is done. */
static int take_picture(int video)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};
	struct pollfd p = { .fd = video, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	if (ioctl(video, VIDIOC_DQBUF, &buffer))
		return -errno;
	return buffer.flags & V4L2_BUF_FLAG_ERROR ? -EIO : (int)buffer.index;
}

/* No 64 bytes in a row are as they were. */
static bool painted(const uint8_t *mem, uint64_t len)
{
	unsigned int same = 0;

	for (uint64_t i = 0; i < len; i++) {
		same = mem[i] == 0xa7 ? same + 1 : 0;
		if (same == 64)
			return false;
	}
	return true;
}

TEST(P8_U25_another_driver_writes_into_a_dma_buf)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE, owner = owner_open();
	int video = open_vivid(), bytes, fd[PICTURES], i;
	struct buffer b[PICTURES];

	if (video < 0)
		SKIP(return, "there is no vivid");
	ASSERT_LE(0, owner);
	bytes = set_format(video);
	ASSERT_EQ(320 * 180 * 2, bytes);
	for (i = 0; i < PICTURES; i++) {
		ASSERT_EQ(0, buffer_make(&b[i], owner, bytes + PAGE,
					 SCHEME_PHYS_SPACE_32, 0));
		memset(b[i].mem, 0xa7, b[i].size);
		fd[i] = owner_export(owner, b[i].offset);
		ASSERT_LE(0, fd[i]);
		ASSERT_EQ(0, queue_picture(video, i, fd[i], b[i].size));
	}
	ASSERT_EQ(0, ioctl(video, VIDIOC_STREAMON, &type));
	i = take_picture(video);
	ASSERT_LE(0, i);
	ASSERT_EQ(0, buf_sync(fd[i], DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_TRUE(painted(b[i].mem, bytes));
	EXPECT_FALSE(painted(b[i].mem + bytes, b[i].size - bytes));
	EXPECT_EQ(0, buf_sync(fd[i], DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	EXPECT_EQ(0, ioctl(video, VIDIOC_STREAMOFF, &type));
	close(video);
	for (i = 0; i < PICTURES; i++) {
		close(fd[i]);
		EXPECT_EQ(0, buffer_end(&b[i]));
	}
	close(owner);
}

TEST_HARNESS_MAIN
