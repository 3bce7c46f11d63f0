// SPDX-License-Identifier: GPL-2.0
/* Providers that wait for themselves, or for each other. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "../harness.h"
#include "../uring.h"

#define NAME	"test-loop"
#define ROUNDS	200

/* What two providers tell each other. */
struct shared {
	int ready[2];
	unsigned int reads[2];		/* of mine that the other has answered */
	int failed;
};

static struct shared *shared;

/* ---- itself --------------------------------------------------------------- */

static int open_own_node(void *arg)
{
	struct provider p;

	(void)arg;
	if (provider_begin(&p, NAME))
		return 1;
	shared->ready[0] = 1;
	/* nobody else would answer */
	open_errno(p.node, O_RDWR);
	return 2;
}

TEST(S18_a_provider_that_waits_for_itself_can_be_killed)
{
	pid_t pid;

	shared = shared_alloc(sizeof(*shared));
	pid = child_start(open_own_node, NULL);
	ASSERT_TRUE(wait_until(shared->ready[0]));
	EXPECT_TRUE(wait_until(scheme_attr(NAME, "requests") == 1));
	EXPECT_GT(1000, child_kill(pid));
	EXPECT_TRUE(wait_until_ms(access(NODE_DIR "/" NAME, F_OK), 1000));
}

TEST(S18_a_provider_that_waits_for_itself_can_be_ended)
{
	struct provider p;
	struct job job;

	ASSERT_EQ(0, provider_begin(&p, NAME));
	job_open(&job, p.node, O_RDWR);
	EXPECT_TRUE(job_stays(&job, 50));
	/* set-up commands never wait for the provider, which is us */
	EXPECT_EQ(0, do_ioctl(p.fd, SCHEME_IOC_ADOPT, NULL));
	EXPECT_EQ(0, do_ioctl(p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&job));
	provider_end(&p);
}

/* ---- each other ----------------------------------------------------------- */

#define ENTERED	1
#define READ	2

struct peer {
	int me;
	bool polled;		/* a thread of the kernel's submits */
	struct provider p;
	struct io_uring ring;
	int other;		/* the other's file */
	char expects;		/* what it reads as */
	char buf[64];
};

static void submit_read(struct peer *peer)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&peer->ring);

	io_uring_prep_read(sqe, peer->other, peer->buf, sizeof(peer->buf), 0);
	sqe->user_data = READ;
}

static void serve_all(struct peer *peer)
{
	struct queue *q = &peer->p.q[0];
	struct scheme_sqe sqe;

	while (queue_pop(q, &sqe)) {
		if (sqe.opcode == SCHEME_OP_READ)
			memset(queue_payload(q, &sqe), 'A' + peer->me, sqe.len);
		if (!(sqe.flags & SCHEME_SQE_ONEWAY))
			queue_post_value(q, sqe.user_data,
					 sqe.opcode == SCHEME_OP_OPEN ? 1 : 64);
	}
}

/* Open the other's node while serving ours: it may do just the same. */
static int open_other(struct peer *peer, const char *node)
{
	struct job job;

	job_open(&job, node, O_RDWR);
	while (!job_done(&job)) {
		serve_all(peer);
		if (queue_enter(&peer->p.q[0], 1, 10) < 0)
			return -EIO;
	}
	return job_wait(&job);
}

static int on_completion(struct peer *peer, uint64_t what, int res)
{
	if (what == ENTERED) {
		if (res < 0 && res != -ECANCELED)
			return res;
		serve_all(peer);
		uring_prep_enter(&peer->ring, &peer->p.q[0], 1, 200, ENTERED);
		return 0;
	}
	if (res != 64 || peer->buf[0] != peer->expects)
		return -EBADMSG;
	if (++shared->reads[peer->me] < ROUNDS)
		submit_read(peer);
	return 0;
}

static int run(struct peer *peer)
{
	struct io_uring_cqe *cqe;
	int ret;

	uring_prep_enter(&peer->ring, &peer->p.q[0], 1, 200, ENTERED);
	submit_read(peer);
	while (shared->reads[0] < ROUNDS || shared->reads[1] < ROUNDS) {
		ret = io_uring_submit_and_wait(&peer->ring, 1);
		if (ret < 0 && ret != -EINTR)
			return ret;
		while (!io_uring_peek_cqe(&peer->ring, &cqe)) {
			ret = on_completion(peer, cqe->user_data, cqe->res);
			io_uring_cqe_seen(&peer->ring, cqe);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int be_peer(void *arg)
{
	static const char *const names[] = { NAME "-a", NAME "-b" };
	static const char *const nodes[] = {
		NODE_DIR "/" NAME "-a", NODE_DIR "/" NAME "-b",
	};
	struct peer *peer = arg;
	int ret = 0;

	if (provider_begin(&peer->p, names[peer->me]) ||
	    uring_begin(&peer->ring, peer->polled ? IORING_SETUP_SQPOLL : 0))
		ret = 1;
	shared->failed |= ret;
	shared->ready[peer->me] = 1;
	wait_until(shared->ready[!peer->me]);
	if (shared->failed)
		return 2;
	peer->other = open_other(peer, nodes[!peer->me]);
	if (peer->other < 0)
		return 3;
	return run(peer) ? 4 : 0;
}

static void check_peers(struct __test_metadata *_metadata, bool polled)
{
	struct peer peers[2] = {
		{ .me = 0, .polled = polled, .expects = 'B' },
		{ .me = 1, .polled = polled, .expects = 'A' },
	};
	pid_t pid[2];

	shared = shared_alloc(sizeof(*shared));
	for (int i = 0; i < 2; i++)
		pid[i] = child_start(be_peer, &peers[i]);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, child_result(pid[i]));
	EXPECT_EQ(ROUNDS, shared->reads[0]);
	EXPECT_EQ(ROUNDS, shared->reads[1]);
}

TEST(S28_rings_that_serve_each_other_do_not_deadlock)
{
	check_peers(_metadata, false);
}

TEST(S28_polled_rings_that_serve_each_other_do_not_deadlock)
{
	check_peers(_metadata, true);
}

TEST(S28_a_ring_that_serves_itself_does_not_deadlock)
{
	struct peer peer = { .expects = 'A' };

	shared = shared_alloc(sizeof(*shared));
	/* there is nobody else to wait for */
	shared->reads[1] = ROUNDS;
	ASSERT_EQ(0, provider_begin(&peer.p, NAME));
	ASSERT_EQ(0, uring_begin(&peer.ring, 0));
	peer.other = client_open(&peer.p, O_RDWR, 1, 0);
	ASSERT_LE(0, peer.other);
	EXPECT_EQ(0, run(&peer));
	EXPECT_EQ(ROUNDS, shared->reads[0]);
	close(peer.other);
	provider_end(&peer.p);
	io_uring_queue_exit(&peer.ring);
}

TEST_HARNESS_MAIN
