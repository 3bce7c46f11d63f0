// SPDX-License-Identifier: MIT
/*
 * Dummy: the submission of June 2020, between two processes.
 *
 *	cc -o dummy dummy.c $(pkg-config --cflags --libs libscheme)
 *	./dummy
 *
 * Then one driver put an entry on a ring, another took it off and printed it, and
 * there it ended: nobody could be woken, and nobody had buffers. Here the provider
 * sleeps until the entry comes, finds that its address is in no pool of buffers,
 * and says so; the client sleeps until it hears that.
 *
 * It needs no module: the ring is plain shared memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <scheme_ring.h>

static int answer(struct scheme_ring *ring, const struct scheme_sqe *sqe)
{
	const struct scheme_cqe cqe = {
		.user_data = sqe->user_data,
		.result = scheme_ring_at(ring, sqe->addr, sqe->len) ? 0 : -EFAULT,
	};
	int ret = scheme_ring_push(ring, &cqe, 1);

	return ret < 0 ? ret : 0;
}

/* Until the client is gone. */
static int serve(struct scheme_ring *ring)
{
	struct scheme_sqe sqe;
	int ret;

	while (!(ret = scheme_ring_wait_sqe(ring, -1))) {
		ret = scheme_ring_pop(ring, &sqe, 1);
		if (ret < 0)
			break;
		printf("provider: received opcode %u, fd %llu, user_data %llu, len %u, addr 0x%llX, offset %llu\n",
		       sqe.opcode, (unsigned long long)sqe.handle,
		       (unsigned long long)sqe.user_data, sqe.len,
		       (unsigned long long)sqe.addr,
		       (unsigned long long)sqe.offset);
		fflush(stdout);
		ret = answer(ring, &sqe);
		if (ret)
			break;
	}
	return ret == -ESHUTDOWN ? 0 : ret;
}

static int submit_dummy(struct scheme_ring *ring)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(ring);
	struct scheme_cqe *cqe;
	int ret;

	*sqe = (struct scheme_sqe){	/* a new ring has room */
		.opcode = 1,
		.handle = 42,
		.user_data = 1337,
		.len = 8192,
		.addr = 0xDEADBEEF,
		.offset = 16384,
	};
	ret = scheme_ring_submit(ring);
	if (ret < 0)
		return ret;
	printf("client: successfully sent\n");
	fflush(stdout);
	ret = scheme_ring_wait_cqe(ring, &cqe, -1);
	if (ret)
		return ret;
	printf("client: user_data %llu is answered: %s\n",
	       (unsigned long long)cqe->user_data,
	       cqe->result < 0 ? strerror((int)-cqe->result) : "yes");
	ret = cqe->user_data == 1337 && cqe->result == -EFAULT ? 0 : -EPROTO;
	scheme_ring_cqe_seen(ring, cqe);
	return ret;
}

/* One side of the ring; the other side's descriptors are not for us. */
static int run(enum scheme_ring_side side, const struct scheme_ring_config *config,
	       struct scheme_ring_fds *ours, struct scheme_ring_fds *theirs)
{
	struct scheme_ring *ring;
	int ret;

	scheme_ring_close_fds(theirs);
	ret = scheme_ring_attach(&ring, side, config, ours);
	if (ret)
		return ret;
	ret = side == SCHEME_RING_CLIENT ? submit_dummy(ring) : serve(ring);
	scheme_ring_close(ring);
	return ret;
}

static int fail(int ret)
{
	fprintf(stderr, "dummy: %s\n", strerror(-ret));
	return 1;
}

int main(void)
{
	const struct scheme_ring_config config = {
		.sq_entries = 128,
		.cq_entries = 128,
	};
	struct scheme_ring_fds client, provider;
	int ret = scheme_ring_setup(&config, &client, &provider);
	int status = 0;
	pid_t pid;

	if (ret)
		return fail(ret);
	pid = fork();
	if (pid < 0)
		return fail(-errno);
	if (!pid) {
		ret = run(SCHEME_RING_PROVIDER, &config, &provider, &client);
		return ret ? fail(ret) : 0;
	}
	ret = run(SCHEME_RING_CLIENT, &config, &client, &provider);
	waitpid(pid, &status, 0);
	return ret ? fail(ret) : status != 0;
}
