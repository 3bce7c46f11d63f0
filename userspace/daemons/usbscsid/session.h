/* SPDX-License-Identifier: MIT */
/*
 * One stay of a disk: from the moment it is found until it is unplugged, its
 * scheme is ended, or we are told to stop.
 */
#ifndef USBSCSID_SESSION_H
#define USBSCSID_SESSION_H

#include <stdbool.h>

#include "daemon.h"
#include "disk/disk.h"
#include "pump.h"
#include "usb.h"

/* The most data of a command, and so of a request. */
#define SESSION_UNIT_LEN	(1U << 20)

struct session_options {
	struct usb_match	match;
	const char		*name;		/* NULL: disk.usb-<bus>-<port> */
	bool			read_only;
};

enum session_end {
	SESSION_FAILED,		/* one line has been said */
	SESSION_REFUSED,	/* likewise, but later it may go better */
	SESSION_NO_DEVICE,	/* nothing has been said */
	SESSION_NO_MEDIUM,	/* nor here */
	SESSION_STOPPED,	/* by a signal, or by the scheme's end */
	SESSION_UNPLUGGED,	/* one line has been said */
};

/*
 * d has begun; its config is as the options gave it. *refusal: the error of the
 * last session, 0 if it was served; one that comes again is not said again.
 */
enum session_end session_run(struct daemon *d,
			     const struct session_options *options,
			     int *refusal);

#endif /* USBSCSID_SESSION_H */
