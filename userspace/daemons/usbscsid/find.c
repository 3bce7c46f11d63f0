// SPDX-License-Identifier: MIT
#include "find.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUBCLASS_SCSI		0x06
#define PROTOCOL_BULK_ONLY	0x50
#define PORTS_MAX		7	/* as deep as hubs may be */

int usb_errno(int libusb_error)
{
	switch (libusb_error) {
	case LIBUSB_SUCCESS:
		return 0;
	case LIBUSB_ERROR_ACCESS:
		return -EACCES;
	case LIBUSB_ERROR_NO_DEVICE:
	case LIBUSB_ERROR_NOT_FOUND:
		return -ENODEV;
	case LIBUSB_ERROR_BUSY:
		return -EBUSY;
	case LIBUSB_ERROR_NO_MEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* ---- one device ----------------------------------------------------------- */

static void port_print(libusb_device *device, char *text, size_t size)
{
	uint8_t ports[PORTS_MAX];
	int n = libusb_get_port_numbers(device, ports, sizeof(ports));
	size_t len = snprintf(text, size, "%u", libusb_get_bus_number(device));

	for (int i = 0; i < n && len < size; i++)
		len += snprintf(text + len, size - len, "%c%u", i ? '.' : '-',
				ports[i]);
}

static bool endpoints_find(const struct libusb_interface_descriptor *alt,
			   struct usb_place *place)
{
	place->in = 0;
	place->out = 0;
	for (int i = 0; i < alt->bNumEndpoints; i++) {
		const struct libusb_endpoint_descriptor *e = &alt->endpoint[i];

		if ((e->bmAttributes & LIBUSB_TRANSFER_TYPE_MASK) !=
		    LIBUSB_TRANSFER_TYPE_BULK)
			continue;
		if (e->bEndpointAddress & LIBUSB_ENDPOINT_IN)
			place->in = e->bEndpointAddress;
		else
			place->out = e->bEndpointAddress;
	}
	return place->in && place->out;
}

static bool interface_find(const struct libusb_config_descriptor *config,
			   struct usb_place *place)
{
	for (int i = 0; i < config->bNumInterfaces; i++) {
		const struct libusb_interface *face = &config->interface[i];

		for (int j = 0; j < face->num_altsetting; j++) {
			const struct libusb_interface_descriptor *alt =
				&face->altsetting[j];

			if (alt->bInterfaceClass != LIBUSB_CLASS_MASS_STORAGE ||
			    alt->bInterfaceSubClass != SUBCLASS_SCSI ||
			    alt->bInterfaceProtocol != PROTOCOL_BULK_ONLY ||
			    !endpoints_find(alt, place))
				continue;
			place->config = config->bConfigurationValue;
			place->interface = alt->bInterfaceNumber;
			place->alt = alt->bAlternateSetting;
			return true;
		}
	}
	return false;
}

/* Is the device a disk? */
static bool place_find(libusb_device *device, struct usb_place *place)
{
	struct libusb_device_descriptor descriptor;
	struct libusb_config_descriptor *config;
	bool found;

	if (libusb_get_device_descriptor(device, &descriptor) ||
	    libusb_get_active_config_descriptor(device, &config))
		return false;
	place->device = device;
	place->vendor = descriptor.idVendor;
	place->product = descriptor.idProduct;
	port_print(device, place->port, sizeof(place->port));
	found = interface_find(config, place);
	libusb_free_config_descriptor(config);
	return found;
}

static bool place_matches(const struct usb_place *place,
			  const struct usb_match *match)
{
	if (match->has_id && (match->vendor != place->vendor ||
			      match->product != place->product))
		return false;
	return !match->port || !strcmp(match->port, place->port);
}

/* ---- all devices ---------------------------------------------------------- */

static int ports_compare(const void *a, const void *b)
{
	libusb_device *const *left = a, *const *right = b;
	char port[2][USB_PORT_SIZE];

	port_print(*left, port[0], sizeof(port[0]));
	port_print(*right, port[1], sizeof(port[1]));
	return strverscmp(port[0], port[1]);
}

/* By port, so that "the first" is always the same one. */
static int devices_get(libusb_context *ctx, libusb_device ***list)
{
	int n = (int)libusb_get_device_list(ctx, list);

	if (n < 0)
		return usb_errno(n);
	qsort(*list, n, sizeof(libusb_device *), ports_compare);
	return n;
}

int usb_find(libusb_context *ctx, const struct usb_match *match,
	     struct usb_place *place)
{
	libusb_device **list;
	int n = devices_get(ctx, &list);
	int ret = -ENODEV;

	if (n < 0)
		return n;
	for (int i = 0; i < n && ret; i++) {
		if (!place_find(list[i], place) || !place_matches(place, match))
			continue;
		libusb_ref_device(place->device);
		ret = 0;
	}
	libusb_free_device_list(list, 1);
	return ret;
}

/* What the device calls itself; nothing if we may not ask. */
static void product_print(libusb_device *device, char *text, size_t size)
{
	struct libusb_device_descriptor descriptor;
	libusb_device_handle *handle;

	text[0] = '\0';
	if (libusb_get_device_descriptor(device, &descriptor) ||
	    !descriptor.iProduct || libusb_open(device, &handle))
		return;
	if (libusb_get_string_descriptor_ascii(handle, descriptor.iProduct,
					       (unsigned char *)text, (int)size) < 0)
		text[0] = '\0';
	libusb_close(handle);
}

static int list_print(libusb_context *ctx)
{
	libusb_device **list;
	int n = devices_get(ctx, &list);
	int found = 0;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		struct usb_place place;
		char product[128];

		if (!place_find(list[i], &place))
			continue;
		product_print(place.device, product, sizeof(product));
		printf("%-8s %04x:%04x %s\n", place.port, place.vendor,
		       place.product, product);
		found++;
	}
	libusb_free_device_list(list, 1);
	return found;
}

int usb_list(void)
{
	libusb_context *ctx;
	int ret = usb_errno(libusb_init(&ctx));

	if (ret)
		return ret;
	ret = list_print(ctx);
	libusb_exit(ctx);
	return ret;
}

/* ---- the kernel's driver -------------------------------------------------- */

/* An exclusive open is refused by whoever holds the disk or a partition. */
static bool block_is_held(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

bool usb_is_held(const struct usb_place *place, char *name, unsigned int size)
{
	char pattern[128];
	bool held = false;
	glob_t found;

	snprintf(pattern, sizeof(pattern),
		 "/sys/bus/usb/devices/%s:%u.%u/host*/target*/*/block/*",
		 place->port, place->config, place->interface);
	if (glob(pattern, 0, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc && !held; i++) {
		snprintf(name, size, "%s", strrchr(found.gl_pathv[i], '/') + 1);
		held = block_is_held(name);
	}
	globfree(&found);
	return held;
}
