// SPDX-License-Identifier: GPL-2.0
/* 6.2: device_type.devnode takes a const device. */
#include <linux/device.h>

static char *probe_devnode(const struct device *dev, umode_t *mode, kuid_t *uid,
			   kgid_t *gid)
{
	return NULL;
}

extern const struct device_type probe_type;
const struct device_type probe_type = { .devnode = probe_devnode };
