// SPDX-License-Identifier: MIT
#include "function.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DRIVER	"redox_scheme"

static int path_of(char path[PATH_MAX], const char *address, const char *name)
{
	/* an address, and not a way to elsewhere */
	if (!*address || address[0] == '.' || strchr(address, '/'))
		return -EINVAL;
	snprintf(path, PATH_MAX, "/sys/bus/pci/devices/%s/%s", address, name);
	return 0;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int function_put(const char *address, const char *name, const char *text)
{
	char path[PATH_MAX];
	int ret = path_of(path, address, name);

	return ret ? ret : put(path, text);
}

/* The name of its driver, "" for none. */
#define NAME_BYTES	64

static int driver_of(const char *address, char name[NAME_BYTES])
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;
	int ret = path_of(path, address, "driver");

	*name = 0;
	if (ret)
		return ret;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0 && errno != ENOENT)
		return -errno;
	target[n < 0 ? 0 : n] = 0;
	last = strrchr(target, '/');
	snprintf(name, NAME_BYTES, "%.63s", last ? last + 1 : target);
	return 0;
}

int function_take(const char *address, bool *taken)
{
	char driver[NAME_BYTES];
	int ret = driver_of(address, driver);

	*taken = false;
	if (ret || !strcmp(driver, DRIVER))
		return ret;
	if (*driver)
		return -EBUSY;
	ret = function_put(address, "driver_override", DRIVER);
	if (!ret)
		ret = put("/sys/bus/pci/drivers_probe", address);
	if (!ret)
		ret = driver_of(address, driver);
	if (!ret && strcmp(driver, DRIVER) != 0)
		ret = -ENODEV;
	*taken = !ret;
	return ret;
}

void function_release(const char *address)
{
	function_put(address, "driver/unbind", address);
	function_put(address, "driver_override", "\n");
}

int function_map(const char *address, size_t size, volatile void **bar)
{
	char path[PATH_MAX];
	int fd, ret = path_of(path, address, "resource0");
	void *mem;

	if (ret)
		return ret;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		ret = -errno;
	else
		*bar = mem;
	close(fd);
	return ret;
}

void function_unmap(volatile void *bar, size_t size)
{
	munmap((void *)bar, size);
}
