/* SPDX-License-Identifier: MIT */
/*
 * A USB disk by libusb: taken from the kernel's driver, given back at close,
 * and between these a bot_transport. One thread uses it.
 */
#ifndef USBSCSID_USB_H
#define USBSCSID_USB_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "bot.h"
#include "find.h"

#define USB_FDS_MAX		16
#define USB_TRANSFERS_MAX	4
#define USB_BUFFERS_MAX		8

/* Memory for data; the kernel's own where it lends some, so nothing copies. */
struct usb_buffer {
	void	*at;
	size_t	len;
	bool	is_lent;
};

struct usb {
	struct bot_transport	transport;
	libusb_context		*ctx;
	libusb_device_handle	*handle;
	struct usb_place	place;
	/* Not there any more: nothing will ever succeed. */
	bool			gone;

	/* what libusb wants polled; the device's own among it */
	struct pollfd		fds[USB_FDS_MAX];
	unsigned int		fds_nr;
	int			device_fd;

	/* one for each bot_xfer that has ever been submitted */
	struct libusb_transfer	*transfer[USB_TRANSFERS_MAX];
	unsigned int		transfers;
	unsigned int		in_flight;

	struct usb_buffer	buffer[USB_BUFFERS_MAX];
	unsigned int		buffers;
};

/*
 * Find the disk and take it. Errors: ENODEV no such device; EACCES; EBUSY used
 * by another program; ETXTBSY the kernel's block device, held_name, is mounted
 * or held otherwise. place tells what was found for all but ENODEV.
 */
int usb_open(struct usb *usb, const struct usb_match *match, char *held_name,
	     unsigned int held_size);
/*
 * Take back what is in flight, free the buffers, and give the disk back to the
 * kernel.
 */
void usb_close(struct usb *usb);

/*
 * len bytes for data, until usb_close(); NULL if there are none. is_lent: by the
 * kernel, so that the data need not be copied.
 */
void *usb_buffer_alloc(struct usb *usb, size_t len, bool *is_lent);

/* How long poll() may wait for fds: milliseconds, or -1. */
int usb_timeout(struct usb *usb);
/* Let what has happened happen; wait for it at most so long. */
void usb_handle(struct usb *usb, int timeout_ms);

#endif /* USBSCSID_USB_H */
