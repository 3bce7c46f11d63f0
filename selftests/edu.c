// SPDX-License-Identifier: GPL-2.0
#include "edu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "job.h"
#include "owner.h"
#include "provider.h"

#define BAR_BYTES	(1UL << 20)

/* Registers; 64 bits wide from EDU_FROM on. */
#define EDU_ID		0x00
#define EDU_ALIVE	0x04
#define EDU_FROM	0x80
#define EDU_TO		0x88
#define EDU_COUNT	0x90
#define EDU_COMMAND	0x98

#define EDU_ID_VALUE	0x010000edU

#define COMMAND_START	1U
#define COMMAND_OUT	2U	/* from the buffer to memory */

/* Where the engine sees the device's own buffer. */
#define BUFFER		0x40000UL

static uint32_t get32(const struct edu *e, unsigned int where)
{
	return *(volatile uint32_t *)(e->bar + where);
}

static void put64(struct edu *e, unsigned int where, uint64_t value)
{
	*(volatile uint64_t *)(e->bar + where) = value;
}

int edu_find(struct edu *e, unsigned int which)
{
	e->bar = NULL;
	e->address[0] = 0;
	e->bits = which == EDU_28_BITS ? 28 : 32;
	return pci_find(EDU_VENDOR, EDU_DEVICE, which, e->address);
}

int edu_use(struct edu *e, volatile void *bar)
{
	e->bar = bar;
	*(volatile uint32_t *)(e->bar + EDU_ALIVE) = 0x12345678;
	if (get32(e, EDU_ID) == EDU_ID_VALUE &&
	    get32(e, EDU_ALIVE) == ~0x12345678U)
		return 0;
	e->bar = NULL;
	return -EIO;
}

int edu_map(struct edu *e)
{
	char path[128];
	void *bar;
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", e->address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	bar = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED) {
		ret = -errno;
	} else {
		ret = edu_use(e, bar);
		if (ret)
			munmap(bar, BAR_BYTES);
	}
	close(fd);
	return ret;
}

void edu_unmap(struct edu *e)
{
	if (e->bar)
		munmap((void *)e->bar, BAR_BYTES);
	e->bar = NULL;
}

static void begin(struct edu *e, uint64_t from, uint64_t to, unsigned int len,
		  uint32_t command)
{
	put64(e, EDU_FROM, from);
	put64(e, EDU_TO, to);
	put64(e, EDU_COUNT, len);
	put64(e, EDU_COMMAND, command | COMMAND_START);
}

void edu_begin_in(struct edu *e, uint64_t addr, unsigned int at, unsigned int len)
{
	begin(e, addr, BUFFER + at, len, 0);
}

void edu_begin_out(struct edu *e, uint64_t addr, unsigned int at, unsigned int len)
{
	begin(e, BUFFER + at, addr, len, COMMAND_OUT);
}

bool edu_busy(const struct edu *e)
{
	return get32(e, EDU_COMMAND) & COMMAND_START;
}

/* Where nothing is, all bits are set. */
static bool gone(const struct edu *e)
{
	return get32(e, EDU_ID) != EDU_ID_VALUE;
}

int edu_wait(const struct edu *e)
{
	if (!wait_until(!edu_busy(e) || gone(e)))
		return -ETIMEDOUT;
	return gone(e) ? -ENODEV : 0;
}

/* What QEMU would end at. */
static bool within(unsigned int at, unsigned int len)
{
	return len && at < EDU_BYTES && len <= EDU_BYTES - at;
}

int edu_in(struct edu *e, uint64_t addr, unsigned int at, unsigned int len)
{
	if (!within(at, len))
		return -EINVAL;
	edu_begin_in(e, addr, at, len);
	return edu_wait(e);
}

int edu_out(struct edu *e, uint64_t addr, unsigned int at, unsigned int len)
{
	if (!within(at, len))
		return -EINVAL;
	edu_begin_out(e, addr, at, len);
	return edu_wait(e);
}

/* ---- with an owner --------------------------------------------------------- */

bool edu_has_low_memory(void)
{
	FILE *zones = fopen("/proc/zoneinfo", "re");
	char line[128];
	bool has = false;

	if (!zones)
		return false;
	while (fgets(line, sizeof(line), zones))
		if (strstr(line, "zone      DMA\n"))
			has = true;
	fclose(zones);
	return has;
}

const char *edu_lacks(unsigned int which, int translated)
{
	struct edu e;

	if (edu_find(&e, which))
		return "there is no edu device";
	if (translated && pci_group(e.address) < 0)
		return "there is no IOMMU";
	/* without it the kernel takes no mask of less than 32 bits */
	if (!translated && e.bits < 32 && !edu_has_low_memory())
		return "this kernel is not made for devices of 28 bits";
	return NULL;
}

int edu_prepare(struct edu *e, unsigned int which, int translated)
{
	int ret = edu_find(e, which);

	if (!ret)
		ret = pci_release(e->address);
	if (!ret && translated)
		ret = pci_group_set(e->address, "DMA");
	else if (!ret && pci_group(e->address) >= 0)
		ret = pci_group_set(e->address, "identity");
	return ret ? ret : pci_take(e->address, OWNER_DRIVER);
}

int edu_take(struct edu *e, unsigned int which, int translated)
{
	int owner, ret = edu_prepare(e, which, translated);

	if (ret)
		return ret;
	owner = owner_open();
	if (owner < 0)
		return owner;
	ret = owner_bind(owner, e->address, e->bits);
	if (ret >= 0)
		ret = !(ret & SCHEME_BIND_IOMMU) == !translated ? edu_map(e) : -EIO;
	if (!ret)
		return owner;
	close(owner);
	return ret;
}

void edu_give_back(struct edu *e, int owner)
{
	edu_unmap(e);
	if (owner >= 0)
		close(owner);
	if (!pci_present(e->address))
		pci_rescan();
	pci_release(e->address);
	if (pci_group(e->address) >= 0)
		pci_group_set(e->address, "identity");
}

/* ---- lists ---------------------------------------------------------------- */

/* A place in a list. */
struct place {
	const struct scheme_range	*range;
	uint64_t			done;		/* of this range */
};

static uint64_t left(const struct place *p)
{
	return p->range->len - p->done;
}

static uint64_t address(const struct place *p)
{
	return p->range->addr + p->done;
}

static void advance(struct place *p, uint64_t len)
{
	p->done += len;
	if (!left(p)) {
		p->range++;
		p->done = 0;
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Fill or empty the device's buffer, through as many ranges as len bytes lie in.
 */
static int gather(struct edu *e, struct place *p, unsigned int len,
		  int (*copy)(struct edu *, uint64_t, unsigned int, unsigned int))
{
	unsigned int at = 0, n;
	int ret;

	while (at < len) {
		n = least(left(p), len - at);
		if (!n)
			return -EINVAL;
		ret = copy(e, address(p), at, n);
		if (ret)
			return ret;
		advance(p, n);
		at += n;
	}
	return 0;
}

int edu_copy(struct edu *e, const struct scheme_range *from,
	     const struct scheme_range *to, uint64_t len)
{
	struct place src = { from, 0 }, dst = { to, 0 };
	unsigned int n;
	int ret = 0;

	for (; len && !ret; len -= n) {
		n = least(len, EDU_BYTES);
		ret = gather(e, &src, n, edu_in);
		if (!ret)
			ret = gather(e, &dst, n, edu_out);
	}
	return ret;
}
