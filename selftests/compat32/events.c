// SPDX-License-Identifier: GPL-2.0
/* The event scheme. */
#include "compat32.h"

#include <linux/errno.h>
#include <linux/eventpoll.h>

#define DATA	0xfedcba9876543210ULL

static long watch(int eq, int file, uint64_t flags)
{
	struct scheme_event event = { .id = file, .flags = flags, .data = DATA };

	return sys(__NR_write, eq, &event, sizeof(event));
}

static bool event_is(const struct scheme_event *event, int file, uint64_t flags)
{
	return event->id == (uint64_t)file && event->flags == flags &&
	       event->data == DATA;
}

static long wait_for(int eq, struct scheme_event *events, uint32_t nr,
		     int64_t timeout_ns)
{
	struct scheme_event_wait arg = {
		.events = (uintptr_t)events, .nr = nr,
		.timeout_ns = timeout_ns,
	};

	return do_ioctl(eq, SCHEME_IOC_EVENT_WAIT, &arg);
}

/* With a FCNTL the provider says what the file is ready for. */
static long make_ready(int file, uint64_t flags)
{
	struct scheme_request arg = {
		.opcode = SCHEME_OP_FCNTL, .op_flags = 0x80000007, .aux = flags,
		.fd2 = -1,
	};
	long ret = do_ioctl(file, SCHEME_IOC_REQUEST, &arg);

	return ret ?: arg.result == arg.op_flags ? 0 : -EBADMSG;
}

void test_events(int file)
{
	long eq = sys(__NR_open, "/dev/scheme/event", O_RDWR | O_NONBLOCK, 0);
	struct scheme_event events[2] = {};
	long ret;

	test("E1_open_of_the_event_scheme", eq >= 0, eq);
	/* ready now: it has said nothing else */
	ret = watch(eq, file, EPOLLIN | EPOLLPRI);
	test("E2_watch", ret == sizeof(events[0]), ret);
	ret = sys(__NR_read, eq, events, sizeof(events));
	test("E2_read", ret == sizeof(events[0]) &&
	     event_is(events, file, EPOLLIN), ret);
	ret = wait_for(eq, events, 2, 1000000);
	test("E6_event_wait_ends_by_time", !ret, ret);
	ret = make_ready(file, EPOLLPRI);
	test("E3_request_for_readiness", !ret, ret);
	memset(events, 0, sizeof(events));
	ret = wait_for(eq, events, 2, -1);
	test("E6_event_wait", ret == 1 && event_is(events, file, EPOLLPRI), ret);
	ret = watch(eq, file, 0);
	test("E5_end_of_a_watch", ret == sizeof(events[0]), ret);
	ret = sys(__NR_read, eq, events, sizeof(events));
	test("E2_nothing_is_left", ret == -EAGAIN, ret);
	sys(__NR_close, eq);
}
