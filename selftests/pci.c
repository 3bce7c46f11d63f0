// SPDX-License-Identifier: GPL-2.0
#include "pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES	"/sys/bus/pci/devices"
#define DRIVERS	"/sys/bus/pci/drivers"
#define GROUPS	"/sys/kernel/iommu_groups"

/* ---- files of sysfs ------------------------------------------------------- */

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Without the newline at its end. */
static int get(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

static int device_put(const char *address, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, name);
	return put(path, text);
}

static unsigned long device_number(const char *address, const char *name)
{
	char path[128], text[32] = "";

	snprintf(path, sizeof(path), DEVICES "/%.15s/%s", address, name);
	get(path, text, sizeof(text));
	return strtoul(text, NULL, 0);
}

/* The last component of a link of the device's; "" if there is none. */
#define LINK	64

static void device_link(const char *address, const char *name, char text[LINK])
{
	char path[128], target[256];
	const char *last;
	ssize_t n;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, name);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	last = strrchr(target, '/');
	snprintf(text, LINK, "%.63s", last ? last + 1 : target);
}

/* ---- finding -------------------------------------------------------------- */

static int is_address(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strlen(entry->d_name) < PCI_ADDRESS;
}

int pci_find(uint16_t vendor, uint16_t device, unsigned int nth,
	     char address[PCI_ADDRESS])
{
	struct dirent **list;
	int nr = scandir(DEVICES, &list, is_address, alphasort), ret = -ENODEV;

	for (int i = 0; i < nr; i++) {
		if (ret && device_number(list[i]->d_name, "vendor") == vendor &&
		    device_number(list[i]->d_name, "device") == device && !nth--) {
			snprintf(address, PCI_ADDRESS, "%.15s", list[i]->d_name);
			ret = 0;
		}
		free(list[i]);
	}
	if (nr >= 0)
		free(list);
	return ret;
}

bool pci_present(const char *address)
{
	return device_number(address, "vendor");
}

/* ---- drivers -------------------------------------------------------------- */

int pci_unbind(const char *address)
{
	char driver[LINK];

	device_link(address, "driver", driver);
	return driver[0] ? device_put(address, "driver/unbind", address) : 0;
}

int pci_take(const char *address, const char *driver)
{
	int ret = pci_unbind(address);

	if (!ret)
		ret = device_put(address, "driver_override", driver);
	if (!ret)
		ret = put("/sys/bus/pci/drivers_probe", address);
	if (!ret && !pci_driver_is(address, driver))
		ret = -ENODEV;
	return ret;
}

int pci_release(const char *address)
{
	int ret = pci_unbind(address);

	return ret ? ret : device_put(address, "driver_override", "\n");
}

bool pci_driver_is(const char *address, const char *driver)
{
	char name[LINK];

	device_link(address, "driver", name);
	return !strcmp(name, driver);
}

/* ---- configuration space -------------------------------------------------- */

int pci_config(const char *address, unsigned int where)
{
	char path[128];
	uint8_t byte[2];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/config", address);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, byte, 2, where);
	close(fd);
	return n == 2 ? byte[0] | byte[1] << 8 : -EIO;
}

bool pci_is_master(const char *address)
{
	int command = pci_config(address, PCI_WHERE_COMMAND);

	return command >= 0 && (command & PCI_IS_MASTER);
}

/* ---- IOMMU groups --------------------------------------------------------- */

int pci_group(const char *address)
{
	char group[LINK];

	device_link(address, "iommu_group", group);
	return group[0] ? (int)strtol(group, NULL, 10) : -ENOENT;
}

static int group_type(const char *address, char *path, size_t size)
{
	int group = pci_group(address);

	if (group < 0)
		return group;
	snprintf(path, size, GROUPS "/%d/type", group);
	return 0;
}

bool pci_group_is(const char *address, const char *type)
{
	char path[64], text[32];

	return !group_type(address, path, sizeof(path)) &&
	       !get(path, text, sizeof(text)) && !strcmp(text, type);
}

int pci_group_set(const char *address, const char *type)
{
	char path[64];
	int ret = group_type(address, path, sizeof(path));

	if (!ret && !pci_group_is(address, type))
		ret = put(path, type);
	return ret;
}

/* ---- coming and going ----------------------------------------------------- */

int pci_remove(const char *address)
{
	return device_put(address, "remove", "1");
}

int pci_rescan(void)
{
	return put("/sys/bus/pci/rescan", "1");
}
