// SPDX-License-Identifier: GPL-2.0
/*
 * Owners of memory that are bound to a function of a PCI device: what BIND refuses,
 * and what becomes of owner and device when the other one goes (P10). The device is
 * QEMU's edu, beside the IOMMU and behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../edu.h"
#include "../event.h"
#include "../harness.h"
#include "../owner.h"

#define PAGE	4096UL
/* Nothing is there in any machine that has an edu. */
#define NOWHERE	"0000:00:1d.5"
/* To be in time for what takes a moment; a slow machine never is. */
#define TRIES	(checked_kernel() ? 3 : 10)

FIXTURE(bind) {
	struct edu	edu;
	int		owner;
	unsigned int	which;
};

FIXTURE_VARIANT(bind) {
	int		translated;
};

FIXTURE_VARIANT_ADD(bind, beside) { EDU_BESIDE };
FIXTURE_VARIANT_ADD(bind, translated) { EDU_TRANSLATED };

FIXTURE_SETUP(bind)
{
	const char *lacks;

	/* less memory is in reach of one of 28 bits, so that what is lost is missed */
	self->which = EDU_28_BITS;
	if (edu_lacks(self->which, variant->translated))
		self->which = EDU_32_BITS;
	lacks = edu_lacks(self->which, variant->translated);
	if (lacks)
		SKIP(return, "%s", lacks);
	ASSERT_EQ(0, edu_prepare(&self->edu, self->which, variant->translated));
	self->owner = owner_open();
	ASSERT_LE(0, self->owner);
}

FIXTURE_TEARDOWN(bind)
{
	if (self->edu.address[0])
		edu_give_back(&self->edu, self->owner);
}

/* ---- what is refused ------------------------------------------------------ */

static int bind_raw(int owner, struct scheme_bind bind)
{
	return ioctl(owner, SCHEME_IOC_BIND, &bind) < 0 ? -errno : 0;
}

TEST_F(bind, P10_bad_requests_are_refused)
{
	const char *address = self->edu.address;
	struct scheme_bind good = { .addr_bits = 28 }, bad;

	strcpy(good.device, address);
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, address, 0));
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, address, 11));
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, address, 65));
	for (unsigned int i = 0; i < 3; i++) {
		bad = good;
		bad.reserved[i] = 1;
		EXPECT_EQ(-EINVAL, bind_raw(self->owner, bad));
	}
	bad = good;
	memset(bad.device, '0', sizeof(bad.device));
	EXPECT_EQ(-EINVAL, bind_raw(self->owner, bad));
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, "", 28));
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, "edu", 28));
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, "00:10.0", 28));
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, "0000:00:10.0 ", 28));
	EXPECT_EQ(-EINVAL, owner_bind(self->owner, "0000:00:10", 28));
	EXPECT_EQ(-ENODEV, owner_bind(self->owner, NOWHERE, 28));
	/* the IOMMU has any mask */
	if (!variant->translated) {
		EXPECT_EQ(-EIO, owner_bind(self->owner, address, 12));
	}
	EXPECT_FALSE(pci_is_master(address));
	EXPECT_LE(0, owner_bind(self->owner, address, self->edu.bits));
	EXPECT_TRUE(pci_is_master(address));
}

TEST_F(bind, P10_only_of_our_driver)
{
	ASSERT_EQ(0, pci_release(self->edu.address));
	EXPECT_EQ(-ENODEV, owner_bind(self->owner, self->edu.address, self->edu.bits));
	ASSERT_EQ(0, pci_take(self->edu.address, OWNER_DRIVER));
	EXPECT_LE(0, owner_bind(self->owner, self->edu.address, self->edu.bits));
}

TEST_F(bind, P10_one_owner_at_a_time)
{
	int other = owner_open();

	ASSERT_LE(0, other);
	ASSERT_LE(0, owner_bind(self->owner, self->edu.address, self->edu.bits));
	EXPECT_EQ(-EALREADY, owner_bind(self->owner, self->edu.address, self->edu.bits));
	EXPECT_EQ(-EBUSY, owner_bind(other, self->edu.address, self->edu.bits));
	close(self->owner);
	EXPECT_FALSE(pci_is_master(self->edu.address));
	self->owner = -1;
	EXPECT_LE(0, owner_bind(other, self->edu.address, self->edu.bits));
	EXPECT_TRUE(pci_is_master(self->edu.address));
	close(other);
	EXPECT_FALSE(pci_is_master(self->edu.address));
}

TEST_F(bind, P10_not_with_buffers)
{
	struct buffer b;

	ASSERT_EQ(0, buffer_make(&b, self->owner, PAGE, 0, 0));
	EXPECT_EQ(-EALREADY, owner_bind(self->owner, self->edu.address, self->edu.bits));
	EXPECT_EQ(0, buffer_end(&b));
	EXPECT_LE(0, owner_bind(self->owner, self->edu.address, self->edu.bits));
}

struct stranger {
	int		owner;
	const char	*address;
};

static int bind_as_nobody(void *arg)
{
	const struct stranger *s = arg;

	become_user(65534, 65534);
	return owner_bind(s->owner, s->address, 28) == -EPERM ? 0 : 1;
}

TEST_F(bind, P10_only_with_the_right)
{
	struct stranger s = { self->owner, self->edu.address };

	EXPECT_EQ(0, child_result(child_start(bind_as_nobody, &s)));
	EXPECT_LE(0, owner_bind(self->owner, self->edu.address, self->edu.bits));
}

/* ---- the device goes ------------------------------------------------------ */

/* The owner has lost it: no more addresses, of old buffers or of new ones. */
static void expect_revoked(struct __test_metadata *_metadata, int owner,
			   struct buffer *b)
{
	struct scheme_physalloc pa = { .size = PAGE, .min = PAGE };
	struct scheme_range range;
	uint64_t addr;

	EXPECT_EQ(-ENODEV, owner_alloc(owner, &pa));
	EXPECT_EQ(-ENODEV, owner_ranges(owner, b->offset, &range, 1));
	EXPECT_EQ(-ENODEV, owner_virttophys(owner, b->mem, &addr));
	EXPECT_EQ(-ENODEV, owner_sync(owner, b->offset, PAGE,
				      SCHEME_SYNC_START | SCHEME_SYNC_READ));
	/* the memory is as it was */
	EXPECT_EQ(-1, pattern_differs(b->mem, b->size, 1));
	pattern_fill(b->mem, b->size, 2);
	EXPECT_EQ(-1, pattern_differs(b->mem, b->size, 2));
}

static void begin(struct __test_metadata *_metadata, struct edu *e, int owner,
		  struct buffer *b)
{
	ASSERT_LE(0, owner_bind(owner, e->address, e->bits));
	ASSERT_EQ(0, edu_map(e));
	ASSERT_EQ(0, buffer_make(b, owner, 4 * PAGE, SCHEME_PHYS_LIST, 0));
	pattern_fill(b->mem, b->size, 1);
	ASSERT_EQ(0, edu_in(e, b->range[0].addr, 0, 1000));
}

TEST_F(bind, P10_device_is_pulled_out)
{
	struct buffer b;
	int other;

	begin(_metadata, &self->edu, self->owner, &b);
	edu_unmap(&self->edu);
	ASSERT_EQ(0, pci_remove(self->edu.address));
	EXPECT_FALSE(pci_present(self->edu.address));
	expect_revoked(_metadata, self->owner, &b);
	/* it comes back, and is another owner's */
	ASSERT_EQ(0, pci_rescan());
	ASSERT_TRUE(pci_present(self->edu.address));
	ASSERT_EQ(0, edu_prepare(&self->edu, self->which, variant->translated));
	expect_revoked(_metadata, self->owner, (pattern_fill(b.mem, b.size, 1), &b));
	EXPECT_EQ(-EALREADY, owner_bind(self->owner, self->edu.address, self->edu.bits));
	other = owner_open();
	EXPECT_LE(0, owner_bind(other, self->edu.address, self->edu.bits));
	/* the first one's end is no concern of the second one's device */
	EXPECT_EQ(0, buffer_end(&b));
	close(self->owner);
	self->owner = -1;
	EXPECT_TRUE(pci_is_master(self->edu.address));
	ASSERT_EQ(0, edu_map(&self->edu));
	ASSERT_EQ(0, buffer_make(&b, other, PAGE, 0, 0));
	EXPECT_EQ(0, edu_in(&self->edu, b.range[0].addr, 0, 1000));
	close(other);
}

TEST_F(bind, P10_driver_is_taken_away)
{
	struct buffer b;

	begin(_metadata, &self->edu, self->owner, &b);
	edu_unmap(&self->edu);
	ASSERT_EQ(0, pci_unbind(self->edu.address));
	EXPECT_FALSE(pci_is_master(self->edu.address));
	expect_revoked(_metadata, self->owner, &b);
	EXPECT_EQ(-ENODEV, owner_bind(owner_open(), self->edu.address, self->edu.bits));
	ASSERT_EQ(0, pci_take(self->edu.address, OWNER_DRIVER));
	EXPECT_FALSE(pci_is_master(self->edu.address));
	EXPECT_EQ(-ENODEV, owner_sync(self->owner, b.offset, PAGE,
				      SCHEME_SYNC_START | SCHEME_SYNC_READ));
	EXPECT_EQ(0, buffer_end(&b));
}

/* While its DMA is under way: nothing of it arrives once the driver has gone. */
TEST_F(bind, P10_driver_is_taken_away_during_DMA)
{
	struct buffer b;

	begin(_metadata, &self->edu, self->owner, &b);
	for (int i = 0; i < TRIES; i++) {
		int64_t start = now_ms();

		pattern_fill(b.mem, b.size, 2);
		edu_begin_out(&self->edu, b.range[0].addr, 0, 1000);
		ASSERT_EQ(0, pci_unbind(self->edu.address));
		if (now_ms() - start < 80) {
			sleep_ms(300);
			EXPECT_EQ(-1, pattern_differs(b.mem, b.size, 2));
			return;
		}
		/* too slow a machine: again, with another owner */
		edu_unmap(&self->edu);
		close(self->owner);
		ASSERT_EQ(0, pci_take(self->edu.address, OWNER_DRIVER));
		self->owner = owner_open();
		munmap(b.mem, b.size);
		begin(_metadata, &self->edu, self->owner, &b);
	}
	SKIP(return, "the machine is too slow to see it");
}

/* ---- the owner goes ------------------------------------------------------- */

struct victim {
	struct edu	*edu;
	int		socket;
	int64_t		*started;
};

/* Dies with DMA to its buffer under way; a dma-buf shows what becomes of that. */
static int die_during_dma(void *arg)
{
	struct victim *v = arg;
	struct buffer b;
	int owner = owner_open(), fd;

	if (owner_bind(owner, v->edu->address, v->edu->bits) < 0 || edu_map(v->edu) ||
	    buffer_make(&b, owner, PAGE, 0, 0))
		return 1;
	pattern_fill(b.mem, PAGE, 2);
	if (edu_in(v->edu, b.range[0].addr, 0, 1000))
		return 2;
	pattern_fill(b.mem, PAGE, 1);
	fd = owner_export(owner, b.offset);
	if (fd < 0 || fd_send(v->socket, fd))
		return 3;
	*v->started = now_ms();
	edu_begin_out(v->edu, b.range[0].addr, 0, 1000);
	raise(SIGKILL);
	return 4;
}

TEST_F(bind, P10_owner_is_killed_during_DMA)
{
	struct victim v = { .edu = &self->edu, .started = shared_alloc(PAGE) };
	int sockets[2], fd, status;
	bool seen = false;
	uint8_t *mem;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets));
	v.socket = sockets[1];
	for (int i = 0; i < TRIES && !seen; i++) {
		pid = child_start(die_during_dma, &v);
		status = child_wait_ms(pid, PATIENCE_MS);
		ASSERT_TRUE(WIFSIGNALED(status));
		fd = fd_receive(sockets[0]);
		ASSERT_LE(0, fd);
		EXPECT_TRUE(wait_until(!pci_is_master(self->edu.address)));
		seen = now_ms() - *v.started < 80;
		mem = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		ASSERT_NE(MAP_FAILED, mem);
		if (seen) {
			sleep_ms(300);
			EXPECT_EQ(-1, pattern_differs(mem, PAGE, 1));
		}
		munmap(mem, PAGE);
		close(fd);
	}
	close(sockets[0]);
	close(sockets[1]);
	/* it can be had again */
	EXPECT_LE(0, owner_bind(self->owner, self->edu.address, self->edu.bits));
	if (!seen)
		SKIP(return, "the machine is too slow to see it");
}

/* The same without a device's help: a descriptor or mapping that stays holds it. */
TEST_F(bind, P10_device_stays_with_the_last_descriptor)
{
	int other;

	ASSERT_LE(0, owner_bind(self->owner, self->edu.address, self->edu.bits));
	other = dup(self->owner);
	close(self->owner);
	self->owner = other;
	EXPECT_TRUE(pci_is_master(self->edu.address));
	EXPECT_EQ(-EALREADY, owner_bind(other, self->edu.address, self->edu.bits));
}

static int hold_and_die(void *arg)
{
	struct edu *e = arg;
	int owner = owner_open();
	uint64_t size = e->bits < 32 ? 8UL << 20 : 32UL << 20;
	struct buffer b;

	if (owner_bind(owner, e->address, e->bits) < 0 ||
	    buffer_make(&b, owner, size, SCHEME_PHYS_LIST, 0))
		return 1;
	memset(b.mem, 1, b.size);
	raise(SIGKILL);
	return 2;
}

/* In the 256 MiB, or 1 GiB, that the device reaches there is no room for 40 of them. */
TEST_F(bind, P10_memory_of_killed_owners_is_free)
{
	int status;

	for (int i = 0; i < 40; i++) {
		status = child_wait_ms(child_start(hold_and_die, &self->edu),
				       PATIENCE_MS);
		ASSERT_TRUE(WIFSIGNALED(status));
	}
}

TEST_HARNESS_MAIN
