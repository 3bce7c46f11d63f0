// SPDX-License-Identifier: MIT
/*
 * usbscsid - serve a USB disk as a scheme
 *
 *	usbscsid [--device VID:PID | --bus-port B-P] [--name NAME] [--wait]
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

/*
 * How often a device that is waited for is looked for. One that refuses is left
 * alone for longer each time: a try takes it from the kernel's driver.
 */
#define LOOK_MS		500
#define LOOK_DOUBLINGS	4

struct usbscsid {
	struct daemon		daemon;
	struct session_options	options;
	bool			waits;
	bool			lists;
};

/* ---- options -------------------------------------------------------------- */

static const struct argp_option usbscsid_options[] = {
	{ "device", 'd', "VID:PID", 0, "The disk with these ids, such as 46f4:0001",
	  1 },
	{ "bus-port", 'b', "B-P", 0, "The disk plugged in there, such as 1-2.1", 1 },
	{ "name", 'n', "NAME", 0, "Name of the scheme (disk.usb-B-P)", 1 },
	{ "read-only", 'r', NULL, 0, "Refuse to be opened for writing", 1 },
	{ "wait", 'w', NULL, 0,
	  "Wait for the disk when it is not there, and again when it is unplugged",
	  1 },
	{ "list", 'l', NULL, 0, "Print the disks that are plugged in, and exit", 1 },
	{ 0 }
};

/* A number up to `most` with `end` behind it, where *at goes on. */
static bool number_read(const char **at, int base, unsigned long most, char end,
			unsigned long *value)
{
	char *rest;

	/* strtoul() would take a sign, a space and 0x too. */
	if (!isxdigit((unsigned char)**at) || (*at)[1] == 'x' || (*at)[1] == 'X')
		return false;
	errno = 0;
	*value = strtoul(*at, &rest, base);
	if (errno || rest == *at || *rest != end || *value > most)
		return false;
	*at = rest + !!*rest;
	return true;
}

static int option_device(const char *text, struct usb_match *match,
			 struct argp_state *state)
{
	unsigned long vendor = 0, product = 0;
	const char *at = text;

	if (!number_read(&at, 16, UINT16_MAX, ':', &vendor) ||
	    !number_read(&at, 16, UINT16_MAX, '\0', &product))
		argp_error(state, "\"%s\" is not VID:PID; write both in hexadecimal, such as 46f4:0001",
			   text);
	match->has_id = true;
	match->vendor = vendor;
	match->product = product;
	return 0;
}

static int option_port(const char *text, struct usb_match *match,
		       struct argp_state *state)
{
	const char *at = text;
	unsigned long bus;

	/* What comes after the bus is compared as it is written. */
	if (!number_read(&at, 10, UINT8_MAX, '-', &bus) ||
	    !isdigit((unsigned char)*at) || at[strspn(at, "0123456789.")])
		argp_error(state, "\"%s\" is not B-P; --list shows what is", text);
	match->port = text;
	return 0;
}

static int options_check(const struct usbscsid *u, struct argp_state *state)
{
	const struct scheme_config *config = &u->daemon.config;

	if (u->options.match.has_id && u->options.match.port)
		argp_error(state, "give --device or --bus-port, not both");
	if (config->queues > 1)
		argp_error(state, "a disk has one queue: leave --queues out");
	if (config->slot_size > SESSION_UNIT_LEN)
		argp_error(state, "--slot-size is at most 1M here");
	return 0;
}

static error_t usbscsid_parse(int key, char *arg, struct argp_state *state)
{
	struct usbscsid *u = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &u->daemon;
		return 0;
	case 'd':
		return option_device(arg, &u->options.match, state);
	case 'b':
		return option_port(arg, &u->options.match, state);
	case 'n':
		u->options.name = arg;
		return 0;
	case 'r':
		u->options.read_only = true;
		return 0;
	case 'w':
		u->waits = true;
		return 0;
	case 'l':
		u->lists = true;
		return 0;
	case ARGP_KEY_END:
		return options_check(u, state);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child usbscsid_children[] = {
	{ &daemon_argp, 0, NULL, 2 },
	{ 0 }
};

static const struct argp usbscsid_argp = {
	.options	= usbscsid_options,
	.parser		= usbscsid_parse,
	.doc		= "Serve a USB disk (mass storage, SCSI, bulk-only) as a scheme."
			  "\vThe kernel's driver gives the disk away for as long as"
			  " this runs, and gets it back at the end.",
	.children	= usbscsid_children,
};

/* ---- main ----------------------------------------------------------------- */

static int list_disks(void)
{
	int n = usb_list();

	if (n < 0)
		daemon_say(n, "cannot look at the USB");
	else if (!n)
		daemon_say(0, "no USB disk is plugged in");
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void say_missing(const struct usbscsid *u, enum session_end end)
{
	const struct usb_match *match = &u->options.match;
	const char *then = u->waits ? "waiting for it" :
				      "plug it in, see --list, or give --wait";

	if (end == SESSION_NO_MEDIUM)
		daemon_say(0, "no medium in the disk: %s",
			   u->waits ? "waiting for it" : "put one in");
	else if (match->port)
		daemon_say(0, "no such device: no USB disk at %s: %s", match->port,
			   then);
	else if (match->has_id)
		daemon_say(0, "no such device: no USB disk %04x:%04x: %s",
			   match->vendor, match->product, then);
	else
		daemon_say(0, "no such device: no USB disk is plugged in: %s", then);
}

/* Until it is time to look again. True: told to stop. */
static bool pause_or_stop(const struct daemon *d, unsigned int refusals)
{
	struct pollfd fd = { .fd = d->signal_fd, .events = POLLIN };

	if (refusals > LOOK_DOUBLINGS)
		refusals = LOOK_DOUBLINGS;
	return poll(&fd, 1, LOOK_MS << refusals) == 1;
}

/*
 * Session after session. Each looks at the bus anew, since without udevd
 * libusb does not learn of a device that comes later. A refusal is the end of
 * it only at the start: one that was just plugged in may be held for a moment by
 * others, or not be ours yet.
 */
static int serve(struct usbscsid *u)
{
	bool has_said = false, has_waited = false;
	unsigned int refusals = 0;
	int refusal = 0;

	for (;;) {
		enum session_end end = session_run(&u->daemon, &u->options,
						   &refusal);
		bool is_missing = end == SESSION_NO_DEVICE ||
				  end == SESSION_NO_MEDIUM;
		bool is_refused = end == SESSION_REFUSED;

		if (is_missing && !has_said)
			say_missing(u, end);
		has_said = is_missing;
		if (end == SESSION_FAILED || (is_missing && !u->waits) ||
		    (is_refused && !has_waited))
			return -ENODEV;
		refusals = is_refused ? refusals + 1 : 0;
		has_waited = u->waits;
		if (end == SESSION_STOPPED || !u->waits ||
		    pause_or_stop(&u->daemon, refusals))
			return 0;
	}
}

int main(int argc, char **argv)
{
	struct usbscsid u = { .daemon = DAEMON_INIT };

	u.daemon.wants_name = false;
	argp_parse(&usbscsid_argp, argc, argv, 0, NULL, &u);
	if (u.lists)
		return list_disks();
	if (daemon_begin(&u.daemon))
		return EXIT_FAILURE;
	return daemon_end(&u.daemon, serve(&u));
}
