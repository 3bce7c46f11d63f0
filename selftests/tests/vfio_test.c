// SPDX-License-Identifier: GPL-2.0
/*
 * U25: memory of the memory scheme as that of a VFIO container, as drivers in user space
 * and virtual machines use. VFIO pins it and gives it addresses behind the IOMMU; the
 * device is QEMU's edu, which here is VFIO's and not ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/vfio.h>

#include "../edu.h"
#include "../harness.h"
#include "../owner.h"

#define PAGE	4096UL
#define SHARED	(3 * PAGE)

#define VFIO_DRIVER	"vfio-pci"

FIXTURE(vfio) {
	struct edu	edu;
	int		container;
	int		group;
	int		device;
	int		owner;
};

static int open_group(const char *address)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(address));
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Memory and bus master on. */
static int enable(int device)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pread(device, &command, 2, config.offset + PCI_WHERE_COMMAND) != 2)
		return -EIO;
	command |= PCI_IS_MASTER | 2;
	return pwrite(device, &command, 2, config.offset + PCI_WHERE_COMMAND) == 2 ?
		0 : -EIO;
}

static int map_registers(struct edu *e, int device)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *bar;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		   info.offset);
	return bar == MAP_FAILED ? -errno : edu_use(e, bar);
}

FIXTURE_SETUP(vfio)
{
	const char *lacks = edu_lacks(EDU_32_BITS, EDU_TRANSLATED);

	if (lacks)
		SKIP(return, "%s", lacks);
	if (access("/sys/bus/pci/drivers/" VFIO_DRIVER, F_OK) ||
	    access("/dev/vfio/vfio", F_OK))
		SKIP(return, "there is no VFIO");
	ASSERT_EQ(0, edu_find(&self->edu, EDU_32_BITS));
	ASSERT_EQ(0, pci_take(self->edu.address, VFIO_DRIVER));
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	self->group = open_group(self->edu.address);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	self->device = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD,
			     self->edu.address);
	ASSERT_LE(0, self->device);
	ASSERT_EQ(0, enable(self->device));
	ASSERT_EQ(0, map_registers(&self->edu, self->device));
	self->owner = owner_open();
	ASSERT_LE(0, self->owner);
}

FIXTURE_TEARDOWN(vfio)
{
	if (!self->edu.address[0])
		return;
	edu_unmap(&self->edu);
	close(self->owner);
	close(self->device);
	close(self->group);
	close(self->container);
	EXPECT_EQ(0, pci_release(self->edu.address));
}

static int vfio_map(int container, const struct buffer *b, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)b->mem,
		.iova = iova,
		.size = b->size,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int vfio_unmap(int container, const struct buffer *b, uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = b->size,
	};

	return ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

#define A_AT	(16UL << 20)
#define B_AT	(64UL << 20)

/* The caller needs to know no address: those of the container are its own. */
static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(vfio) *f,
		  struct buffer *a, struct buffer *b)
{
	const unsigned int flags = SCHEME_PHYS_LIST | SCHEME_PHYS_NO_ADDR;

	ASSERT_EQ(0, buffer_make(a, f->owner, SHARED, flags, 0));
	ASSERT_EQ(0, buffer_make(b, f->owner, SHARED, flags, 0));
	EXPECT_EQ(SCHEME_PHYS_HIDDEN, a->range[0].addr);
	pattern_fill(a->mem, SHARED, 1);
	pattern_fill(b->mem, SHARED, 2);
	ASSERT_EQ(0, vfio_map(f->container, a, A_AT));
	ASSERT_EQ(0, vfio_map(f->container, b, B_AT));
}

TEST_F(vfio, U25_a_device_of_VFIO_copies_our_memory)
{
	struct scheme_range from = { A_AT, SHARED }, to = { B_AT, SHARED };
	struct buffer a, b;

	begin(_metadata, self, &a, &b);
	ASSERT_EQ(0, edu_copy(&self->edu, &from, &to, SHARED));
	EXPECT_EQ(-1, pattern_differs(b.mem, SHARED, 1));
	/* what is no longer mapped is no longer reached */
	ASSERT_EQ(0, vfio_unmap(self->container, &b, B_AT));
	pattern_fill(b.mem, SHARED, 3);
	EXPECT_EQ(0, edu_out(&self->edu, B_AT, 0, 1000));
	EXPECT_EQ(-1, pattern_differs(b.mem, SHARED, 3));
	EXPECT_EQ(0, vfio_unmap(self->container, &a, A_AT));
	EXPECT_EQ(0, buffer_end(&a));
	EXPECT_EQ(0, buffer_end(&b));
}

/* VFIO has pinned it: it is nobody else's before VFIO lets go. */
TEST_F(vfio, P10_what_VFIO_has_pinned_outlives_its_owner)
{
	struct scheme_range from = { A_AT, SHARED }, to = { B_AT, SHARED };
	struct buffer a, b, other;

	begin(_metadata, self, &a, &b);
	EXPECT_EQ(0, buffer_end(&a));
	for (int i = 0; i < 64; i++) {
		ASSERT_EQ(0, buffer_make(&other, self->owner, SHARED,
					 SCHEME_PHYS_LIST, 0));
		pattern_fill(other.mem, SHARED, 4);
	}
	ASSERT_EQ(0, edu_copy(&self->edu, &from, &to, SHARED));
	EXPECT_EQ(-1, pattern_differs(b.mem, SHARED, 1));
	EXPECT_EQ(0, vfio_unmap(self->container, &a, A_AT));
	EXPECT_EQ(0, vfio_unmap(self->container, &b, B_AT));
	EXPECT_EQ(0, buffer_end(&b));
}

TEST_HARNESS_MAIN
