// SPDX-License-Identifier: MIT
/* What usbscsid asks of libusb, and in which order. The test is libusb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../userspace/daemons/usbscsid/usb.c"

/*
 * The log has a letter for each thing that was asked for:
 *
 *	o  the device was opened	x  and closed
 *	c  its interface was claimed	r  and released
 *	a  an alternate setting		R  a reset
 *	s  a transfer was submitted	k  and cancelled
 *	h  events were handled		f  lent memory was freed
 */
static struct fake {
	char			log[256];
	int			alt_error, reset_error;
	uint8_t			alt;
	bool			lends;
	unsigned int		idle_rounds;	/* events of others first */
	bool			never;		/* no transfer ever ends */
	struct libusb_transfer	*transfer;	/* in flight */
	uint8_t			*written;	/* where its data would go */
} fake;

static uint8_t lent[4096];

static void say(char what)
{
	size_t len = strlen(fake.log);

	assert_true(len + 1 < sizeof(fake.log));
	/* However many rounds. */
	if (what != 'h' || !len || fake.log[len - 1] != 'h')
		fake.log[len] = what;
}

/* ---- find.c --------------------------------------------------------------- */

int usb_errno(int error)
{
	if (error == LIBUSB_ERROR_NO_DEVICE || error == LIBUSB_ERROR_NOT_FOUND)
		return -ENODEV;
	return error ? -EIO : 0;
}

int usb_find(libusb_context *ctx, const struct usb_match *match,
	     struct usb_place *place)
{
	(void)ctx;
	(void)match;
	*place = (struct usb_place){ .alt = fake.alt, .in = 0x81, .out = 0x02 };
	return 0;
}

bool usb_is_held(const struct usb_place *place, char *name, unsigned int size)
{
	(void)place;
	(void)name;
	(void)size;
	return false;
}

/* ---- libusb --------------------------------------------------------------- */

int libusb_init(libusb_context **ctx)
{
	*ctx = NULL;
	return 0;
}

void libusb_exit(libusb_context *ctx)
{
	(void)ctx;
}

const struct libusb_pollfd **libusb_get_pollfds(libusb_context *ctx)
{
	(void)ctx;
	return NULL;
}

void libusb_free_pollfds(const struct libusb_pollfd **fds)
{
	(void)fds;
}

void libusb_set_pollfd_notifiers(libusb_context *ctx,
				 libusb_pollfd_added_cb added,
				 libusb_pollfd_removed_cb removed, void *user)
{
	(void)ctx;
	(void)added;
	(void)removed;
	(void)user;
}

int libusb_get_next_timeout(libusb_context *ctx, struct timeval *left)
{
	(void)ctx;
	(void)left;
	return 0;
}

int libusb_open(libusb_device *device, libusb_device_handle **handle)
{
	(void)device;
	*handle = NULL;
	say('o');
	return 0;
}

void libusb_close(libusb_device_handle *handle)
{
	(void)handle;
	say('x');
	/* What the kernel has not written by now it will not. */
	if (fake.transfer && fake.written)
		memset(fake.written, 0xdd, 4096);
}

void libusb_unref_device(libusb_device *device)
{
	(void)device;
}

int libusb_set_auto_detach_kernel_driver(libusb_device_handle *handle, int on)
{
	(void)handle;
	(void)on;
	return 0;
}

int libusb_claim_interface(libusb_device_handle *handle, int interface)
{
	(void)handle;
	(void)interface;
	say('c');
	return 0;
}

int libusb_release_interface(libusb_device_handle *handle, int interface)
{
	(void)handle;
	(void)interface;
	say('r');
	return 0;
}

int libusb_set_interface_alt_setting(libusb_device_handle *handle,
				     int interface, int alt)
{
	(void)handle;
	(void)interface;
	assert_int_equal(alt, fake.alt);
	say('a');
	return fake.alt_error;
}

int libusb_reset_device(libusb_device_handle *handle)
{
	(void)handle;
	say('R');
	return fake.reset_error;
}

int libusb_clear_halt(libusb_device_handle *handle, unsigned char end)
{
	(void)handle;
	(void)end;
	return 0;
}

int libusb_control_transfer(libusb_device_handle *handle, uint8_t type,
			    uint8_t request, uint16_t value, uint16_t index,
			    unsigned char *data, uint16_t len,
			    unsigned int timeout)
{
	(void)handle;
	(void)type;
	(void)request;
	(void)value;
	(void)index;
	(void)data;
	(void)len;
	(void)timeout;
	return 0;
}

unsigned char *libusb_dev_mem_alloc(libusb_device_handle *handle, size_t len)
{
	(void)handle;
	return fake.lends && len <= sizeof(lent) ? lent : NULL;
}

int libusb_dev_mem_free(libusb_device_handle *handle, unsigned char *at,
			size_t len)
{
	(void)handle;
	assert_ptr_equal(at, lent);
	assert_int_equal(len, sizeof(lent));
	say('f');
	return 0;
}

struct libusb_transfer *libusb_alloc_transfer(int packets)
{
	(void)packets;
	return calloc(1, sizeof(struct libusb_transfer));
}

void libusb_free_transfer(struct libusb_transfer *transfer)
{
	free(transfer);
}

int libusb_submit_transfer(struct libusb_transfer *transfer)
{
	say('s');
	fake.transfer = transfer;
	return 0;
}

int libusb_cancel_transfer(struct libusb_transfer *transfer)
{
	assert_ptr_equal(transfer, fake.transfer);
	say('k');
	return 0;
}

int libusb_handle_events_timeout_completed(libusb_context *ctx,
					   struct timeval *wait, int *completed)
{
	struct libusb_transfer *transfer = fake.transfer;

	(void)ctx;
	(void)completed;
	say('h');
	assert_true(wait->tv_sec * 1000 + wait->tv_usec / 1000 <= CLOSE_MS);
	if (fake.never) {
		struct timespec pause = { wait->tv_sec, wait->tv_usec * 1000 };

		nanosleep(&pause, NULL);
		return 0;
	}
	if (fake.idle_rounds) {
		fake.idle_rounds--;
		return 0;
	}
	fake.transfer = NULL;
	/* As the kernel does when a transfer is reaped. */
	memset(transfer->buffer, 0xdd, transfer->length);
	transfer->status = LIBUSB_TRANSFER_CANCELLED;
	transfer->actual_length = transfer->length;
	transfer->callback(transfer);
	return 0;
}

/* ---- tests ---------------------------------------------------------------- */

static struct usb usb;
static struct bot_xfer xfer;
static unsigned int ended;

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	memset(&xfer, 0, sizeof(xfer));
	ended = 0;
	return 0;
}

static int open_usb(void)
{
	const struct usb_match match = { 0 };
	char held[32];

	return usb_open(&usb, &match, held, sizeof(held));
}

static void xfer_ended(struct bot_xfer *x)
{
	assert_ptr_equal(x, &xfer);
	ended++;
}

static void submit_into(void *buf)
{
	xfer = (struct bot_xfer){
		.in = true, .buf = buf, .len = 4096, .done = xfer_ended,
	};
	assert_int_equal(usb.transport.ops->submit(&usb.transport, &xfer), 0);
}

static void D5_lent_memory_goes_back_before_the_device(void **state)
{
	bool is_lent = false;

	(void)state;
	fake.lends = true;
	assert_int_equal(open_usb(), 0);
	submit_into(usb_buffer_alloc(&usb, 4096, &is_lent));
	assert_true(is_lent);
	usb_close(&usb);
	assert_int_equal(ended, 1);
	assert_string_equal(fake.log, "ocskhfrx");
}

/* AddressSanitizer sees it if a transfer ends in memory that is free. */
static void D5_own_memory_outlives_the_last_transfer(void **state)
{
	bool is_lent = true;

	(void)state;
	assert_int_equal(open_usb(), 0);
	submit_into(usb_buffer_alloc(&usb, 4096, &is_lent));
	assert_false(is_lent);
	usb_close(&usb);
	assert_int_equal(ended, 1);
	assert_string_equal(fake.log, "ocskhrx");
}

static void D5_and_a_transfer_that_never_ends(void **state)
{
	bool is_lent;
	int64_t begin = now_ms();

	(void)state;
	assert_int_equal(open_usb(), 0);
	fake.written = usb_buffer_alloc(&usb, 4096, &is_lent);
	fake.never = true;
	submit_into(fake.written);
	usb_close(&usb);
	assert_int_equal(ended, 0);
	assert_true(now_ms() - begin >= CLOSE_MS);
	/* usb_close() must not free what libusb still has. */
	free(fake.transfer);
}

static void D5_close_waits_for_a_time_not_for_some_events(void **state)
{
	bool is_lent;

	(void)state;
	assert_int_equal(open_usb(), 0);
	submit_into(usb_buffer_alloc(&usb, 4096, &is_lent));
	fake.idle_rounds = 1000;
	usb_close(&usb);
	assert_int_equal(ended, 1);
}

static void D5_interface_is_given_back_if_its_setting_is_refused(void **state)
{
	(void)state;
	fake.alt = 1;
	fake.alt_error = LIBUSB_ERROR_IO;
	assert_int_equal(open_usb(), -EIO);
	assert_string_equal(fake.log, "ocarx");
}

static void D5_setting_is_chosen_again_after_a_reset(void **state)
{
	(void)state;
	fake.alt = 1;
	assert_int_equal(open_usb(), 0);
	assert_int_equal(usb.transport.ops->port_reset(&usb.transport), 0);
	assert_string_equal(fake.log, "ocaRa");
	fake.alt_error = LIBUSB_ERROR_IO;
	assert_int_equal(usb.transport.ops->port_reset(&usb.transport), -EIO);
	fake.alt_error = LIBUSB_ERROR_NOT_FOUND;
	assert_int_equal(usb.transport.ops->port_reset(&usb.transport), -EIO);
	assert_false(usb.gone);
	fake.alt_error = LIBUSB_ERROR_NO_DEVICE;
	assert_int_equal(usb.transport.ops->port_reset(&usb.transport), -ENODEV);
	assert_true(usb.gone);
	usb_close(&usb);
}

static void D5_buffers_are_bounded(void **state)
{
	bool is_lent;

	(void)state;
	assert_int_equal(open_usb(), 0);
	for (int i = 0; i < USB_BUFFERS_MAX; i++)
		assert_non_null(usb_buffer_alloc(&usb, 4096, &is_lent));
	assert_null(usb_buffer_alloc(&usb, 4096, &is_lent));
	usb_close(&usb);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D5_lent_memory_goes_back_before_the_device),
		TEST(D5_own_memory_outlives_the_last_transfer),
		TEST(D5_and_a_transfer_that_never_ends),
		TEST(D5_close_waits_for_a_time_not_for_some_events),
		TEST(D5_interface_is_given_back_if_its_setting_is_refused),
		TEST(D5_setting_is_chosen_again_after_a_reset),
		TEST(D5_buffers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
