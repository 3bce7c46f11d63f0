// SPDX-License-Identifier: MIT
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "function.h"

#define BAR_BYTES	(1UL << 20)

/* Registers; 64 bits wide from REG_FROM on. */
#define REG_ID		0x00
#define REG_FROM	0x80
#define REG_TO		0x88
#define REG_COUNT	0x90
#define REG_COMMAND	0x98

/* The two upper bytes are a version. */
#define ID_MASK		0xffffU
#define ID_EDU		0x00edU

#define COMMAND_START	1U
#define COMMAND_OUT	2U	/* from the device to memory */

/* Where the engine sees the device's buffer. */
#define BUFFER		0x40000UL

/* Fifty times what a transfer takes. */
#define PATIENCE_MS	5000

/* ---- registers ------------------------------------------------------------ */

static uint32_t get(const struct device *d, unsigned int reg)
{
	return *(volatile uint32_t *)(d->bar + reg);
}

static void put(struct device *d, unsigned int reg, uint64_t value)
{
	*(volatile uint64_t *)(d->bar + reg) = value;
}

/* Of a device that has gone, all bits are set. */
static bool is_edu(const struct device *d)
{
	return (get(d, REG_ID) & ID_MASK) == ID_EDU;
}

static int await(const struct device *d)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < PATIENCE_MS; i++) {
		if (!is_edu(d))
			return -ENODEV;
		if (!(get(d, REG_COMMAND) & COMMAND_START))
			return 0;
		nanosleep(&ms, NULL);
	}
	return -ETIMEDOUT;
}

static int transfer(struct device *d, uint64_t from, uint64_t to,
		    unsigned int len, unsigned int direction)
{
	/* one that did not come to its end may still be on its way */
	int ret = await(d);

	if (ret)
		return ret;
	put(d, REG_FROM, from);
	put(d, REG_TO, to);
	put(d, REG_COUNT, len);
	put(d, REG_COMMAND, direction | COMMAND_START);
	return await(d);
}

/* ---- data ----------------------------------------------------------------- */

static int hand_over(struct device *d, unsigned int len, unsigned int flags)
{
	return scheme_memory_sync(d->owner, d->phys.offset, len, flags);
}

int device_read(struct device *d, void *buf, unsigned int at, unsigned int len)
{
	int ret = transfer(d, BUFFER + at, d->phys.addr, len, COMMAND_OUT);

	if (!ret)
		ret = hand_over(d, len, SCHEME_SYNC_START | SCHEME_SYNC_READ);
	if (ret)
		return ret;
	memcpy(buf, d->mem, len);
	return hand_over(d, len, SCHEME_SYNC_END | SCHEME_SYNC_READ);
}

int device_write(struct device *d, const void *buf, unsigned int at,
		 unsigned int len)
{
	int ret = hand_over(d, len, SCHEME_SYNC_START | SCHEME_SYNC_WRITE);

	if (ret)
		return ret;
	memcpy(d->mem, buf, len);
	ret = hand_over(d, len, SCHEME_SYNC_END | SCHEME_SYNC_WRITE);
	return ret ? ret : transfer(d, d->phys.addr, BUFFER + at, len, 0);
}

/* ---- beginning and end ---------------------------------------------------- */

static int take(struct device *d)
{
	int ret = function_take(d->address, &d->taken);

	if (ret == -EBUSY)
		daemon_say(0, "%s has another driver: unbind that first", d->address);
	else if (ret)
		daemon_say(ret, "cannot take the function %s", d->address);
	return ret;
}

static int bind_owner(struct device *d, unsigned int addr_bits)
{
	int ret = scheme_memory_open(O_CLOEXEC);

	if (ret < 0) {
		daemon_say(ret, "cannot open the memory scheme: is the module loaded?");
		return ret;
	}
	d->owner = ret;
	ret = scheme_memory_bind(d->owner, d->address, addr_bits, NULL);
	if (ret == -EBUSY)
		daemon_say(0, "%s is in use by another program", d->address);
	else if (ret)
		daemon_say(ret, "cannot bind to %s with %u address bits",
			   d->address, addr_bits);
	return ret;
}

static int make_buffer(struct device *d)
{
	void *mem;
	int ret = scheme_physalloc(d->owner, DEVICE_BYTES, &d->phys);

	if (!ret)
		ret = scheme_physmap(d->owner, d->phys.offset, d->phys.size,
				     PROT_READ | PROT_WRITE, &mem);
	if (!ret)
		d->mem = mem;
	else
		daemon_say(ret, "no memory that %s reaches: close other programs that use it",
			   d->address);
	return ret;
}

static int map_registers(struct device *d)
{
	volatile void *bar = NULL;
	int ret = function_map(d->address, BAR_BYTES, &bar);

	if (ret) {
		daemon_say(ret, "cannot map the registers of %s", d->address);
		return ret;
	}
	d->bar = bar;
	if (is_edu(d))
		return 0;
	daemon_say(0, "%s is no edu device: look for 1234:11e8 in lspci -n",
		   d->address);
	return -ENODEV;
}

int device_open(struct device *d, const char *address, unsigned int addr_bits)
{
	int ret;

	d->address = address;
	ret = take(d);
	if (!ret)
		ret = bind_owner(d, addr_bits);
	if (!ret)
		ret = make_buffer(d);
	return ret ? ret : map_registers(d);
}

void device_close(struct device *d)
{
	if (d->bar)
		function_unmap(d->bar, BAR_BYTES);
	if (d->mem)
		scheme_physunmap(d->mem, d->phys.size);
	if (d->owner >= 0)
		close(d->owner);
	if (d->taken)
		function_release(d->address);
}
