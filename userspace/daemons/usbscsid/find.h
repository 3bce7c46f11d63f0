/* SPDX-License-Identifier: MIT */
/*
 * Which of the USB devices is the disk: an interface of class 8 (mass storage),
 * subclass 6 (SCSI), protocol 0x50 (bulk-only).
 */
#ifndef USBSCSID_FIND_H
#define USBSCSID_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include <libusb.h>

/* "B-P" with P such as 1.2.3, as sysfs writes it. */
#define USB_PORT_SIZE	40

/* Which one is wanted; all zero: the first one there is. */
struct usb_match {
	bool		has_id;
	uint16_t	vendor;
	uint16_t	product;
	const char	*port;		/* NULL: any */
};

/* Where its interface is. */
struct usb_place {
	libusb_device	*device;	/* one reference */
	char		port[USB_PORT_SIZE];
	uint16_t	vendor;
	uint16_t	product;
	uint8_t		config;
	uint8_t		interface;
	uint8_t		alt;
	uint8_t		in;		/* endpoint addresses */
	uint8_t		out;
};

/* -ENODEV if there is none; -errno if the bus cannot be looked at. */
int usb_find(libusb_context *ctx, const struct usb_match *match,
	     struct usb_place *place);
/* Print a line for each disk. Returns how many there are, or -errno. */
int usb_list(void);

/*
 * The block device of the kernel's driver that is mounted or otherwise held,
 * such as "sda"; false if none is. Taking it away would lose data.
 */
bool usb_is_held(const struct usb_place *place, char *name, unsigned int size);

/* The errno that an error of libusb stands for; 0 for none. */
int usb_errno(int libusb_error);

#endif /* USBSCSID_FIND_H */
