// SPDX-License-Identifier: GPL-2.0
#include "uring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

int uring_begin(struct io_uring *ring, unsigned int setup_flags)
{
	return io_uring_queue_init(64, ring, setup_flags);
}

struct io_uring_sqe *uring_prep_enter(struct io_uring *ring, struct queue *q,
				      uint32_t min_wait, unsigned int timeout_ms,
				      uint64_t user_data)
{
	const struct scheme_enter enter = {
		.min_wait = min_wait,
		.timeout_ns = timeout_ms * 1000000ULL,
	};
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		fprintf(stderr, "# no entry left on the ring\n");
		abort();
	}
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = q->fd;
	sqe->cmd_op = SCHEME_IOC_ENTER;
	sqe->user_data = user_data;
	memcpy(&sqe->addr3, &enter, sizeof(enter));
	return sqe;
}

int uring_enter(struct io_uring *ring, struct queue *q, uint32_t min_wait,
		unsigned int timeout_ms, uint64_t user_data)
{
	int ret;

	uring_prep_enter(ring, q, min_wait, timeout_ms, user_data);
	ret = io_uring_submit(ring);
	/* where a thread of the kernel's takes them, older ones count, too */
	return ret > 1 ? 1 : ret;
}

long uring_wait_ms(struct io_uring *ring, uint64_t user_data, unsigned int ms)
{
	int64_t until = now_ms() + ms;
	struct __kernel_timespec slice = { .tv_nsec = 10 * 1000000L };
	struct io_uring_cqe *cqe;
	long res;

	while (io_uring_wait_cqe_timeout(ring, &cqe, &slice))
		if (now_ms() >= until)
			return JOB_STUCK;
	res = cqe->user_data == user_data ? cqe->res : -EBADMSG;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

long uring_wait(struct io_uring *ring, uint64_t user_data)
{
	return uring_wait_ms(ring, user_data, PATIENCE_MS);
}

bool uring_silent(struct io_uring *ring, unsigned int ms)
{
	struct io_uring_cqe *cqe;

	return !wait_until_ms(!io_uring_get_events(ring) &&
			      !io_uring_peek_cqe(ring, &cqe), ms);
}
