// SPDX-License-Identifier: MIT
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

/*
 * A quarter of a command: the module splits long reads, and what has arrived is
 * copied to the client while the rest is on its way. Measured: 128K to 1M are
 * much the same, this is the best by a little.
 */
#define SLOT_SIZE	(256U << 10)
#define DEPTH		16

/* How long what is on its way may take after we are told to stop. */
#define DRAIN_MS	5000
#define DRAIN_ROUND_MS	100

struct session {
	struct daemon		*daemon;
	struct usb		usb;
	struct scsi		scsi;
	struct pump		pump;
	struct disk		disk;
	char			name[SCHEME_NAME_MAX + 1];
	bool			no_flush_said;
	int			*refusal;	/* the caller's */
};

/* ---- words ---------------------------------------------------------------- */

/* Who tries again and again says it once. */
static bool is_news(struct session *s, int err)
{
	int before = *s->refusal;

	*s->refusal = err;
	return before != err;
}

static void say_open_error(const struct usb *usb, int err, const char *held_name)
{
	const char *port = usb->place.port;

	if (!*port) {
		daemon_say(err, "cannot look at the USB devices");
		return;
	}
	switch (err) {
	case -EACCES:
		daemon_say(0, "no permission for the USB device %s: be root, or get write access to its node in /dev/bus/usb",
			   port);
		break;
	case -EBUSY:
		daemon_say(0, "device busy: another program uses %s; end that one first",
			   port);
		break;
	case -ETXTBSY:
		daemon_say(0, "device busy: /dev/%s of %s is in use; unmount it first",
			   held_name, port);
		break;
	default:
		daemon_say(err, "cannot take the USB device %s", port);
	}
}

static void say_probe_error(const struct session *s, int err)
{
	const char *port = s->usb.place.port;

	switch (err) {
	case -EMEDIUMTYPE:
		daemon_say(0, "%s is not a disk: choose another one of --list",
			   port);
		break;
	case -EBUSY:
		daemon_say(0, "%s does not become ready: plug it in again", port);
		break;
	case -EINVAL:
		daemon_say(0, "%s has a block size or capacity that no disk has",
			   port);
		break;
	default:
		daemon_say(err, "%s does not answer as a disk does", port);
	}
}

static void say_disk(const struct session *s)
{
	const struct disk_backend *b = &s->pump.backend;

	printf("%s: %04x:%04x %s, %" PRIu64 " blocks of %u bytes (%" PRIu64 " MiB), %u partitions%s\n",
	       s->usb.place.port, s->usb.place.vendor, s->usb.place.product,
	       b->model, b->blocks, b->block_size,
	       b->blocks * b->block_size >> 20, s->disk.table.count,
	       b->read_only ? ", read-only" : "");
}

static void say_no_flush(struct session *s)
{
	if (s->no_flush_said || !s->scsi.has_no_flush)
		return;
	s->no_flush_said = true;
	daemon_say(0, "%s knows no SYNCHRONIZE CACHE: what it took counts as durable",
		   s->usb.place.port);
}

/* ---- beginning ------------------------------------------------------------ */

static int buffers_alloc(struct session *s, void *at[PUMP_UNITS])
{
	bool all_lent = true;

	for (int i = 0; i < PUMP_UNITS; i++) {
		bool is_lent = false;

		at[i] = usb_buffer_alloc(&s->usb, SESSION_UNIT_LEN, &is_lent);
		if (!at[i])
			return -ENOMEM;
		all_lent &= is_lent;
	}
	if (!all_lent)
		daemon_say(0, "the kernel lends too little transfer memory, so data is copied once more; raise usbcore.usbfs_memory_mb");
	return 0;
}

static void config_set(struct session *s, const struct session_options *options)
{
	struct scheme_config *config = &s->daemon->config;

	snprintf(s->name, sizeof(s->name), "disk.usb-%s", s->usb.place.port);
	config->name = options->name ? options->name : s->name;
	if (!config->slot_size)
		config->slot_size = SLOT_SIZE;
	if (!config->depth)
		config->depth = DEPTH;
}

static int session_create(struct session *s)
{
	int ret = daemon_create(s->daemon, &disk_scheme_ops,
				sizeof(disk_scheme_ops), &s->disk);

	if (ret)
		return ret;
	*s->refusal = 0;
	say_disk(s);
	daemon_ready(s->daemon);
	return 0;
}

/* ---- serving -------------------------------------------------------------- */

/* The signals', those of USB, then those of the queue and its direct rings. */
enum { FD_SIGNAL, FD_USB };

#define FDS_MAX	(FD_USB + USB_FDS_MAX + SCHEME_QUEUE_FDS)

struct fds {
	struct pollfd	fd[FDS_MAX];
	unsigned int	queue;		/* where those begin */
	unsigned int	nr;
	bool		ready;		/* do not sleep */
};

static struct scheme_queue *session_queue(const struct session *s)
{
	return scheme_queue(s->daemon->scheme, 0);
}

static void fds_fill(struct session *s, struct fds *fds)
{
	unsigned int nr;

	fds->fd[FD_SIGNAL] = (struct pollfd){ s->daemon->signal_fd, POLLIN, 0 };
	memcpy(fds->fd + FD_USB, s->usb.fds, s->usb.fds_nr * sizeof(*fds->fd));
	fds->queue = FD_USB + s->usb.fds_nr;
	fds->ready = scheme_queue_arm(session_queue(s), fds->fd + fds->queue, &nr);
	fds->nr = fds->queue + nr;
}

static bool any_ready(const struct pollfd *fds, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (fds[i].revents)
			return true;
	return false;
}

/* How long the loop may sleep: milliseconds, or -1. */
static int session_timeout(struct session *s)
{
	int usb = usb_timeout(&s->usb), scsi = scsi_timeout(&s->scsi);

	if (usb < 0 || (scsi >= 0 && scsi < usb))
		return scsi;
	return usb;
}

/* One turn of the loop. Returns 0, or -ENODEV once the scheme has ended. */
static int session_turn(struct session *s, const struct fds *fds)
{
	int ret = 0;

	/* The device first: the sooner it has its next command the better. */
	if (any_ready(fds->fd + FD_USB, fds->queue - FD_USB) ||
	    session_timeout(s) == 0) {
		usb_handle(&s->usb, 0);
		pump_work(&s->pump);
	}
	if (fds->ready || any_ready(fds->fd + fds->queue, fds->nr - fds->queue)) {
		ret = scheme_queue_step(session_queue(s), 0);
		pump_work(&s->pump);
	}
	say_no_flush(s);
	return ret < 0 && ret != -EINTR ? ret : 0;
}

static bool session_is_unplugged(const struct session *s)
{
	return s->usb.gone || s->scsi.medium_lost;
}

static enum session_end session_serve(struct session *s)
{
	struct fds fds;
	int ret = 0;

	while (!ret && !session_is_unplugged(s)) {
		fds_fill(s, &fds);
		if (poll(fds.fd, fds.nr, fds.ready ? 0 : session_timeout(s)) < 0 &&
		    errno != EINTR)
			return SESSION_FAILED;
		scheme_queue_disarm(session_queue(s));
		if (fds.fd[FD_SIGNAL].revents)
			return SESSION_STOPPED;
		ret = session_turn(s, &fds);
	}
	if (session_is_unplugged(s))
		return SESSION_UNPLUGGED;
	return ret == -ENODEV ? SESSION_STOPPED : SESSION_FAILED;
}

/* ---- the end -------------------------------------------------------------- */

/* What the device has begun it shall end; nothing new is taken meanwhile. */
static void session_drain(struct session *s)
{
	int64_t until = now_ms() + DRAIN_MS;

	while (!pump_is_idle(&s->pump) && !session_is_unplugged(s) &&
	       now_ms() < until) {
		usb_handle(&s->usb, DRAIN_ROUND_MS);
		pump_work(&s->pump);
	}
}

static void session_flush(struct session *s)
{
	struct scsi_command cmd = { .error = 0 };

	if (s->pump.backend.read_only || s->scsi.has_no_flush ||
	    session_is_unplugged(s) || !scsi_is_idle(&s->scsi))
		return;
	/* Told to stop or not, this is waited for. */
	s->scsi.stopping = NULL;
	scsi_flush_prepare(&cmd);
	if (scsi_run(&s->scsi, &cmd) && cmd.error != -EOPNOTSUPP &&
	    cmd.error != -EINVAL)
		daemon_say(cmd.error, "%s could not be flushed", s->usb.place.port);
}

static enum session_end session_unplugged(struct session *s)
{
	daemon_say(0, s->scsi.medium_lost ? "the medium of %s has been changed" :
					    "%s has been unplugged",
		   s->usb.place.port);
	return SESSION_UNPLUGGED;
}

static void session_end_scheme(struct session *s)
{
	pump_end(&s->pump);
	if (s->daemon->scheme)
		scheme_destroy(s->daemon->scheme);
	s->daemon->scheme = NULL;
	disk_uninit(&s->disk);
}

/* ---- all of it ------------------------------------------------------------ */

static bool session_is_stopping(void *user)
{
	const struct session *s = user;

	return daemon_stopping(s->daemon);
}

static enum session_end session_with_scheme(struct session *s)
{
	/* It may have come while the tables were read. */
	if (session_is_stopping(s))
		return SESSION_STOPPED;
	return session_create(s) ? SESSION_FAILED : session_serve(s);
}

static enum session_end session_with_disk(struct session *s,
					  const struct session_options *options)
{
	enum session_end end;

	if (disk_init(&s->disk, &s->pump.backend)) {
		if (is_news(s, -EINVAL))
			say_probe_error(s, -EINVAL);
		return SESSION_REFUSED;
	}
	config_set(s, options);
	end = session_with_scheme(s);
	/* Whatever comes next, the device is not left amid a command. */
	session_drain(s);
	session_end_scheme(s);
	session_flush(s);
	return end == SESSION_UNPLUGGED ? session_unplugged(s) : end;
}

static enum session_end session_with_usb(struct session *s,
					 const struct session_options *options)
{
	void *buf[PUMP_UNITS];
	int ret;

	scsi_init(&s->scsi, &s->usb.transport);
	s->scsi.stopping = session_is_stopping;
	s->scsi.user = s;
	ret = scsi_probe(&s->scsi);
	if (ret == -EINTR)
		return SESSION_STOPPED;
	if (ret == -ENODEV)
		return SESSION_NO_DEVICE;
	if (ret == -ENOMEDIUM)
		return SESSION_NO_MEDIUM;
	if (ret) {
		if (is_news(s, ret))
			say_probe_error(s, ret);
		return SESSION_REFUSED;
	}
	if (buffers_alloc(s, buf)) {
		daemon_say(ENOMEM, "no memory for transfers");
		return SESSION_FAILED;
	}
	pump_init(&s->pump, &s->scsi, buf, SESSION_UNIT_LEN, options->read_only);
	return session_with_disk(s, options);
}

enum session_end session_run(struct daemon *d,
			     const struct session_options *options,
			     int *refusal)
{
	struct session s = { .daemon = d, .refusal = refusal };
	enum session_end end;
	char held[32];
	int ret = usb_open(&s.usb, &options->match, held, sizeof(held));

	if (ret == -ENODEV)
		return SESSION_NO_DEVICE;
	if (ret) {
		if (is_news(&s, ret))
			say_open_error(&s.usb, ret, held);
		return SESSION_REFUSED;
	}
	end = session_with_usb(&s, options);
	usb_close(&s.usb);
	return end;
}
