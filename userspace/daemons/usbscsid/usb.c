// SPDX-License-Identifier: MIT
#include "usb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define CONTROL_TIMEOUT_MS	5000
#define BULK_ONLY_RESET		0xff
#define CLOSE_MS		2000
#define WAIT_MS			1000

static struct usb *usb_of(struct bot_transport *t)
{
	return (struct usb *)t;
}

/* ---- events --------------------------------------------------------------- */

static void fd_added(int fd, short events, void *user)
{
	struct usb *usb = user;

	if (usb->fds_nr == USB_FDS_MAX)
		return;
	usb->fds[usb->fds_nr++] = (struct pollfd){ .fd = fd, .events = events };
	usb->device_fd = fd;
}

static void fd_removed(int fd, void *user)
{
	struct usb *usb = user;

	for (unsigned int i = 0; i < usb->fds_nr; i++)
		if (usb->fds[i].fd == fd)
			usb->fds[i--] = usb->fds[--usb->fds_nr];
	/* libusb lets go of a device's fd once the device is unplugged. */
	if (fd == usb->device_fd)
		usb->gone = true;
}

static void fds_init(struct usb *usb)
{
	const struct libusb_pollfd **fds = libusb_get_pollfds(usb->ctx);

	for (int i = 0; fds && fds[i]; i++)
		fd_added(fds[i]->fd, fds[i]->events, usb);
	libusb_free_pollfds(fds);
	usb->device_fd = -1;
	libusb_set_pollfd_notifiers(usb->ctx, fd_added, fd_removed, usb);
}

int usb_timeout(struct usb *usb)
{
	struct timeval left;

	if (libusb_get_next_timeout(usb->ctx, &left) != 1)
		return -1;
	return (int)(left.tv_sec * 1000 + (left.tv_usec + 999) / 1000);
}

void usb_handle(struct usb *usb, int timeout_ms)
{
	struct timeval wait = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000L,
	};

	libusb_handle_events_timeout_completed(usb->ctx, &wait, NULL);
}

/* ---- transfers ------------------------------------------------------------ */

/* The errno of a request to the device; from it we may learn that it is gone. */
static int request_errno(struct usb *usb, int libusb_error)
{
	int ret = libusb_error < 0 ? usb_errno(libusb_error) : 0;

	if (ret == -ENODEV)
		usb->gone = true;
	return ret;
}

static enum bot_xfer_status xfer_status(enum libusb_transfer_status status)
{
	switch (status) {
	case LIBUSB_TRANSFER_COMPLETED:
		return BOT_XFER_OK;
	case LIBUSB_TRANSFER_STALL:
		return BOT_XFER_STALL;
	case LIBUSB_TRANSFER_CANCELLED:
		return BOT_XFER_CANCELLED;
	case LIBUSB_TRANSFER_NO_DEVICE:
		return BOT_XFER_GONE;
	default:
		return BOT_XFER_FAILED;
	}
}

static void LIBUSB_CALL transfer_done(struct libusb_transfer *transfer)
{
	struct bot_xfer *xfer = transfer->user_data;
	struct usb *usb = xfer->transport_user;

	usb->in_flight--;
	xfer->status = xfer_status(transfer->status);
	xfer->actual = transfer->actual_length;
	if (xfer->status == BOT_XFER_GONE)
		usb->gone = true;
	xfer->done(xfer);
}

static struct libusb_transfer *xfer_transfer(struct usb *usb,
					     struct bot_xfer *xfer)
{
	if (xfer->transport || usb->transfers == USB_TRANSFERS_MAX)
		return xfer->transport;
	xfer->transport = libusb_alloc_transfer(0);
	if (xfer->transport)
		usb->transfer[usb->transfers++] = xfer->transport;
	return xfer->transport;
}

static int usb_submit(struct bot_transport *t, struct bot_xfer *xfer)
{
	struct usb *usb = usb_of(t);
	struct libusb_transfer *transfer = xfer_transfer(usb, xfer);
	int ret;

	if (!transfer)
		return -ENOMEM;
	xfer->transport_user = usb;
	libusb_fill_bulk_transfer(transfer, usb->handle,
				  xfer->in ? usb->place.in : usb->place.out,
				  xfer->buf, (int)xfer->len, transfer_done, xfer,
				  xfer->timeout_ms);
	ret = request_errno(usb, libusb_submit_transfer(transfer));
	if (!ret)
		usb->in_flight++;
	return ret;
}

static void usb_cancel(struct bot_transport *t, struct bot_xfer *xfer)
{
	(void)t;
	libusb_cancel_transfer(xfer->transport);
}

static void usb_wait(struct bot_transport *t)
{
	usb_handle(usb_of(t), WAIT_MS);
}

/* ---- recovery ------------------------------------------------------------- */

static int usb_clear_halt(struct bot_transport *t, bool in)
{
	struct usb *usb = usb_of(t);
	uint8_t end = in ? usb->place.in : usb->place.out;

	return request_errno(usb, libusb_clear_halt(usb->handle, end));
}

static int usb_bulk_reset(struct bot_transport *t)
{
	struct usb *usb = usb_of(t);

	return request_errno(usb, libusb_control_transfer(usb->handle,
			LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_INTERFACE,
			BULK_ONLY_RESET, 0, usb->place.interface, NULL, 0,
			CONTROL_TIMEOUT_MS));
}

static int alt_set(struct usb *usb)
{
	int ret;

	/* Some devices that have one setting only do not bear being told. */
	if (!usb->place.alt)
		return 0;
	ret = libusb_set_interface_alt_setting(usb->handle,
					       usb->place.interface,
					       usb->place.alt);
	/* It is the setting that is not found, not the device. */
	return ret == LIBUSB_ERROR_NOT_FOUND ? -EIO : request_errno(usb, ret);
}

static int usb_port_reset(struct bot_transport *t)
{
	struct usb *usb = usb_of(t);
	int ret = request_errno(usb, libusb_reset_device(usb->handle));

	return ret ? ret : alt_set(usb);
}

static const struct bot_transport_ops usb_transport_ops = {
	.submit		= usb_submit,
	.cancel		= usb_cancel,
	.wait		= usb_wait,
	.clear_halt	= usb_clear_halt,
	.bulk_reset	= usb_bulk_reset,
	.port_reset	= usb_port_reset,
};

/* ---- memory --------------------------------------------------------------- */

void *usb_buffer_alloc(struct usb *usb, size_t len, bool *is_lent)
{
	struct usb_buffer *buffer = &usb->buffer[usb->buffers];

	if (usb->buffers == USB_BUFFERS_MAX)
		return NULL;
	buffer->len = len;
	buffer->at = libusb_dev_mem_alloc(usb->handle, len);
	buffer->is_lent = buffer->at;
	if (!buffer->at)
		buffer->at = aligned_alloc(4096, len);
	if (!buffer->at)
		return NULL;
	*is_lent = buffer->is_lent;
	usb->buffers++;
	return buffer->at;
}

/* To give lent ones back takes the open device. */
static void buffers_give_back(struct usb *usb)
{
	for (unsigned int i = 0; i < usb->buffers; i++)
		if (usb->buffer[i].is_lent)
			libusb_dev_mem_free(usb->handle, usb->buffer[i].at,
					    usb->buffer[i].len);
}

static void buffers_free(struct usb *usb)
{
	for (unsigned int i = 0; i < usb->buffers; i++)
		if (!usb->buffer[i].is_lent)
			free(usb->buffer[i].at);
}

/* ---- open and close ------------------------------------------------------- */

/* The kernel's driver, if there is one, goes now and comes back at release. */
static int interface_claim(struct usb *usb)
{
	int ret;

	libusb_set_auto_detach_kernel_driver(usb->handle, 1);
	ret = usb_errno(libusb_claim_interface(usb->handle,
					       usb->place.interface));
	if (ret)
		return ret;
	ret = alt_set(usb);
	if (ret)
		libusb_release_interface(usb->handle, usb->place.interface);
	return ret;
}

static int device_open(struct usb *usb, char *held_name, unsigned int held_size)
{
	int ret;

	if (usb_is_held(&usb->place, held_name, held_size))
		return -ETXTBSY;
	ret = usb_errno(libusb_open(usb->place.device, &usb->handle));
	if (ret)
		return ret;
	ret = interface_claim(usb);
	if (ret)
		libusb_close(usb->handle);
	return ret;
}

int usb_open(struct usb *usb, const struct usb_match *match, char *held_name,
	     unsigned int held_size)
{
	int ret;

	memset(usb, 0, sizeof(*usb));
	usb->transport.ops = &usb_transport_ops;
	ret = usb_errno(libusb_init(&usb->ctx));
	if (ret)
		return ret;
	fds_init(usb);
	ret = usb_find(usb->ctx, match, &usb->place);
	if (ret)
		goto err_exit;
	ret = device_open(usb, held_name, held_size);
	if (ret)
		goto err_unref;
	return 0;

err_unref:
	libusb_unref_device(usb->place.device);
err_exit:
	libusb_exit(usb->ctx);
	return ret;
}

static void transfers_end(struct usb *usb)
{
	int64_t left, until = now_ms() + CLOSE_MS;

	for (unsigned int i = 0; i < usb->transfers && usb->in_flight; i++)
		libusb_cancel_transfer(usb->transfer[i]);
	while (usb->in_flight && (left = until - now_ms()) > 0)
		usb_handle(usb, (int)left);
	/* What the kernel has not given back by now it may still write to. */
	for (unsigned int i = 0; i < usb->transfers && !usb->in_flight; i++)
		libusb_free_transfer(usb->transfer[i]);
}

void usb_close(struct usb *usb)
{
	transfers_end(usb);
	libusb_set_pollfd_notifiers(usb->ctx, NULL, NULL, NULL);
	buffers_give_back(usb);
	libusb_release_interface(usb->handle, usb->place.interface);
	libusb_close(usb->handle);
	/* Not before: data of a transfer that did not end could still come. */
	buffers_free(usb);
	libusb_unref_device(usb->place.device);
	libusb_exit(usb->ctx);
}
