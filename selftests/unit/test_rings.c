// SPDX-License-Identifier: MIT
/* A direct ring that a queue's thread serves, with the test as the module of both. */
#include "fake_kernel.h"
#include "fake_module.h"

#include <poll.h>
#include <sys/wait.h>

#include "../../userspace/lib/ring_serve.h"

#define POOL	(16 * PAGE)
#define UID	22

static struct fake *kernel;
static struct scheme_ring *client;
static unsigned int attached;	/* requests so far, for their tags */

/* ---- a provider ------------------------------------------------------------------ */

static struct {
	struct scheme_req	*parked;
	unsigned int		closes;
	struct scheme_ring_server_config config;
	int			ret;
	void			(*on_read)(void);
} seen;

static void on_open(struct scheme_req *req, uint64_t dir, const char *path, int flags,
		    mode_t mode)
{
	(void)dir, (void)path, (void)flags, (void)mode;
	scheme_reply_open(req, 1, 0, 0);
}

static void on_close(struct scheme *s, uint64_t handle)
{
	(void)s, (void)handle;
	seen.closes++;
}

static void on_read(struct scheme_req *req, uint64_t handle, void *buf, uint32_t len,
		    uint64_t offset)
{
	(void)handle;
	if (seen.on_read)
		seen.on_read();
	memset(buf, (int)offset, len);
	scheme_reply(req, len);
}

static void on_write(struct scheme_req *req, uint64_t handle, const void *buf,
		     uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)len, (void)offset;
	seen.parked = req;
}

static void on_ring(struct scheme_req *req, uint32_t sq_entries, uint32_t cq_entries,
		    uint64_t word)
{
	assert_int_equal(sq_entries, 16);
	assert_int_equal(cq_entries, 32);
	assert_int_equal(word, 42);
	seen.ret = scheme_req_serve_ring(req, &seen.config);
}

static const struct scheme_ops ops = {
	.open = on_open, .close = on_close, .read = on_read, .write = on_write,
	.ring = on_ring,
};

/* FETCH gives the provider's end. */
static int fetch(struct scheme_queue *q, unsigned long cmd, void *arg)
{
	(void)q, (void)arg;
	assert_int_equal(cmd, SCHEME_IOC_FETCH);
	return mod.end[SCHEME_RING_SIDE_PROVIDER];
}

static int no_fetch(struct scheme_queue *q, unsigned long cmd, void *arg)
{
	(void)q, (void)cmd, (void)arg;
	return -ENOENT;
}

/* ---- set-up ------------------------------------------------------------------------ */

static int setup(void **state)
{
	const struct scheme_ring_config c = { .sq_entries = 16, .cq_entries = 32 };

	(void)state;
	memset(&seen, 0, sizeof(seen));
	kernel = fake_new(&ops, 0);
	kernel->queue.ioctl = fetch;
	assert_int_equal(scheme_ring_open(&client, SCHEME_FD, &c, POOL, 42), 0);
	return 0;
}

static void close_client(void)
{
	scheme_ring_close(client);
	client = NULL;
}

static int teardown(void **state)
{
	(void)state;
	if (client)
		close_client();
	rings_end(&kernel->queue, true);
	for (unsigned int i = 0; i < RING_SEATS; i++)
		assert_false(kernel->scheme.seats[i].taken &&
			     kernel->scheme.seats[i].uid == UID);
	assert_null(kernel->scheme.servers);
	fake_free(kernel);
	mod_forget();
	return 0;
}

/* The client asks; the answer that the provider makes. */
static int64_t attach(void)
{
	struct scheme_sqe sqe = fake_request(kernel, SCHEME_OP_RING_ATTACH, 0, ++attached,
					     NULL, 0);

	sqe.offset = 16 | 32ULL << 32;
	sqe.op_flags = O_RDWR;
	sqe.uid = UID;
	sqe.aux = 42;
	fake_submit(kernel, &sqe);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	assert_int_equal(kernel->answers[(kernel->nr - 1) % FAKE_ANSWERS].user_data,
			 sqe.user_data);
	return kernel->answers[(kernel->nr - 1) % FAKE_ANSWERS].result;
}

static void submit(uint8_t opcode, uint64_t handle)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(client);

	assert_non_null(sqe);
	sqe->opcode = opcode;
	sqe->handle = handle;
	sqe->op_flags = opcode == SCHEME_OP_OPEN ? O_RDWR : 0;
	sqe->len = 1;
	assert_int_equal(scheme_ring_submit(client), 1);
}

static void expect(int64_t result)
{
	struct scheme_cqe *cqe;

	assert_int_equal(scheme_ring_peek_cqe(client, &cqe), 0);
	assert_int_equal(cqe->result, result);
	scheme_ring_cqe_seen(client, cqe);
}

static unsigned int seats(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < RING_SEATS; i++)
		nr += kernel->scheme.seats[i].taken;
	return nr;
}

/* ---- tests --------------------------------------------------------------------------- */

static void U27_a_step_serves_queue_and_ring(void **state)
{
	struct scheme_sqe sqe;

	(void)state;
	assert_int_equal(attach(), 0);
	assert_int_equal(seen.ret, 0);
	submit(SCHEME_OP_READ, SCHEME_ROOT);
	sqe = fake_request(kernel, SCHEME_OP_NOP, 1, 1, NULL, 0);
	fake_submit(kernel, &sqe);
	assert_int_equal(scheme_queue_step(&kernel->queue, 1000), 2);
	expect(1);
	submit(SCHEME_OP_READ, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	expect(1);
	kernel->queue.spin_ns = 1000000;
	submit(SCHEME_OP_READ, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 1000), 1);
	expect(1);
}

/* While both have something to do no system call is made for the ring. */
static void U16_a_busy_ring_costs_no_call(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	kernel->enters = mod.enters = 0;
	for (int i = 0; i < 100; i++) {
		submit(SCHEME_OP_READ, SCHEME_ROOT);
		assert_int_equal(scheme_queue_step(&kernel->queue, 1000), 1);
		expect(1);
	}
	assert_int_equal(kernel->enters, 0);
	assert_int_equal(mod.enters, 0);
}

static void U12_a_ring_goes_with_its_client(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	assert_int_equal(seats(), 1);
	memcpy(scheme_ring_at(client, 0, 1), "x", 1);
	submit(SCHEME_OP_OPEN, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	expect(0);
	close_client();
	assert_int_equal(scheme_queue_step(&kernel->queue, 1000), 0);
	assert_int_equal(seats(), 0);
	assert_int_equal(seen.closes, 1);
	assert_int_equal(mod.end[SCHEME_RING_SIDE_PROVIDER], -1);
}

static void U12_but_not_before_its_requests_are_answered(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	submit(SCHEME_OP_WRITE, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	assert_non_null(seen.parked);
	close_client();
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 0);
	assert_int_equal(seats(), 1);
	assert_int_equal(scheme_reply(seen.parked, 1), 0);
	assert_int_equal(scheme_queue_step(&kernel->queue, 1000), 0);
	assert_int_equal(seats(), 0);
}

static void U12_a_scheme_ends_with_rings_that_have_requests(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	memcpy(scheme_ring_at(client, 0, 1), "x", 1);
	submit(SCHEME_OP_OPEN, SCHEME_ROOT);
	submit(SCHEME_OP_WRITE, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 2);
	/* teardown ends the queue; as for its own files, no close comes */
	rings_end(&kernel->queue, true);
	assert_int_equal(seen.closes, 0);
}

static void U29_rings_are_bounded(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RING_SEATS_OF_USER; i++)
		kernel->scheme.seats[i] = (struct ring_seat){ true, UID };
	assert_int_equal(attach(), -EMFILE);
	assert_int_equal(seen.ret, -EMFILE);
	for (unsigned int i = 0; i < RING_SEATS; i++)
		kernel->scheme.seats[i] = (struct ring_seat){ true, UID + 1 };
	assert_int_equal(attach(), -EAGAIN);
	kernel->scheme.seats[RING_SEATS - 1].taken = false;
	assert_int_equal(attach(), 0);
}

static void U6_what_cannot_be_served_is_refused(void **state)
{
	(void)state;
	kernel->queue.ioctl = no_fetch;
	assert_int_equal(attach(), -ENOENT);
	assert_int_equal(seats(), 0);
	kernel->scheme.ops.ring = NULL;
	assert_int_equal(attach(), -EOPNOTSUPP);
	kernel->scheme.ops.ring = on_ring;
	kernel->queue.ioctl = fetch;
	seen.config.depth = 1U << 20;
	assert_int_equal(attach(), -EINVAL);
	assert_int_equal(seats(), 0);
	/* the end has been taken, and was closed */
	assert_int_equal(mod.end[SCHEME_RING_SIDE_PROVIDER], -1);
}

static void U15_a_loop_of_ones_own_is_told_what_to_poll(void **state)
{
	struct pollfd fds[SCHEME_QUEUE_FDS];
	unsigned int nr;

	(void)state;
	assert_int_equal(scheme_queue_arm(&kernel->queue, fds, &nr), 0);
	assert_int_equal(nr, 1);
	scheme_queue_disarm(&kernel->queue);
	assert_int_equal(attach(), 0);
	assert_int_equal(scheme_queue_arm(&kernel->queue, fds, &nr), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(fds[0].fd, kernel->queue.fd);
	assert_int_equal(fds[2].fd, mod.end[SCHEME_RING_SIDE_PROVIDER]);
	assert_int_equal(fds[2].events, POLLIN);
	scheme_queue_disarm(&kernel->queue);
	submit(SCHEME_OP_WRITE, SCHEME_ROOT);
	assert_int_equal(scheme_queue_arm(&kernel->queue, fds, &nr), 1);
	scheme_queue_disarm(&kernel->queue);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	/* an answer of another thread is heard by the descriptor between them */
	assert_int_equal(scheme_queue_arm(&kernel->queue, fds, &nr), 0);
	assert_int_equal(poll(&fds[1], 1, 0), 0);
	assert_int_equal(scheme_reply(seen.parked, 1), 0);
	assert_int_equal(poll(&fds[1], 1, 0), 1);
	scheme_queue_disarm(&kernel->queue);
	assert_int_equal(poll(&fds[1], 1, 0), 0);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 0);
	expect(1);
}

/* One that waits for a reply costs a round nothing until that comes. */
static void U12_what_has_ended_is_ended_once(void **state)
{
	struct scheme_ring_server *server;

	(void)state;
	assert_int_equal(attach(), 0);
	submit(SCHEME_OP_WRITE, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	server = kernel->scheme.servers;
	close_client();
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 0);
	assert_true(server->all_cancelled && server->all_closed && server->drops);
	server->all_cancelled = server->all_closed = server->drops = false;
	mod.enters = 0;
	for (int i = 0; i < 10; i++)
		assert_int_equal(scheme_queue_step(&kernel->queue, 0), 0);
	assert_false(server->all_cancelled || server->all_closed || server->drops);
	assert_int_equal(mod.enters, 0);
	assert_false(rings_ready(&kernel->queue));
	assert_int_equal(scheme_reply(seen.parked, 1), 0);
	assert_true(rings_ready(&kernel->queue));
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 0);
	assert_int_equal(seats(), 0);
}

static unsigned int reads;

static void step_in_a_read(void)
{
	assert_true(++reads < 8);	/* or it is taken again and again */
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 0);
}

/* That serves the queue's own requests, but no ring: one of them is in the middle of it. */
static void U26_queue_step_in_a_rings_callback_leaves_rings_alone(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	seen.on_read = step_in_a_read;
	reads = 0;
	for (unsigned int i = 1; i < 4; i++) {
		submit(SCHEME_OP_READ, SCHEME_ROOT);
		assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
		expect(1);
		assert_int_equal(reads, i);
	}
	assert_int_equal(seats(), 1);
}

/* ---- after a fork ---------------------------------------------------------------- */

#define FAILS(what)	do { if (what) return __LINE__ % 200 + 1; } while (0)

/* A thread that is not there does not give back what it had: no wait for that. */
static int status_of_child(int (*run)(void))
{
	int status = -1;
	pid_t pid;

	kernel->scheme.pid = getpid();
	kernel->scheme.fd = SCHEME_FD;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(20);
		_exit(run());
	}
	waitpid(pid, &status, 0);
	return status;
}

static void expect_child(int (*run)(void))
{
	assert_int_equal(status_of_child(run), 0);
}

/* What the library frees has to come from where it takes it. */
static void destroy(void)
{
	struct scheme *s = malloc(sizeof(*s));
	struct scheme_queue *q = malloc(sizeof(*q));

	*s = kernel->scheme;
	*q = kernel->queue;
	s->queues = q;
	q->scheme = s;
	s->fd = q->fd = -1;
	scheme_destroy(s);
}

static int adopt_and_serve(void)
{
	struct scheme *s = &kernel->scheme;
	int fd = memfd_create("queue", MFD_CLOEXEC);

	FAILS(ftruncate(fd, sizeof(struct fake_memory)));
	kernel->queue.fd = fd;
	FAILS(scheme_adopt(s));
	FAILS(mod.adopts != 1 || s->pid != getpid());
	FAILS(kernel->queue.rings || s->servers || s->nr_servers || seats());
	kernel->mem = kernel->queue.mem;
	FAILS(scheme_post_event(&kernel->queue, 1, POLLIN));
	FAILS(kernel->nr != 1 || kernel->answers[0].kind != SCHEME_CQE_EVENT);
	/* the parent may have left an answer for which nobody has entered the kernel */
	kernel->enters = 0;
	FAILS(scheme_queue_step(&kernel->queue, 1000) < 0);
	FAILS(!kernel->enters);
	return 0;
}

static int cannot_adopt(void)
{
	FAILS(scheme_adopt(&kernel->scheme) != -EBUSY);
	FAILS(mod.adopts || kernel->scheme.pid == getpid());
	destroy();
	return 0;
}

static void attach_with_one_parked(void)
{
	assert_int_equal(attach(), 0);
	submit(SCHEME_OP_WRITE, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	kernel->nr = 0;
}

static void S3_a_child_has_the_queue_but_no_ring(void **state)
{
	(void)state;
	attach_with_one_parked();
	expect_child(adopt_and_serve);
	/* nobody has taken anything from us */
	submit(SCHEME_OP_READ, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	expect(1);
}

static void hold(pthread_mutex_t *lock, int (*run)(void))
{
	int status;

	pthread_mutex_lock(lock);
	status = status_of_child(run);
	pthread_mutex_unlock(lock);
	assert_int_equal(status, 0);
}

static void S3_no_child_adopts_what_is_half_done(void **state)
{
	uintptr_t nobody = (uintptr_t)pthread_self() + 1;

	(void)state;
	attach_with_one_parked();
	hold(&kernel->queue.post_lock, cannot_adopt);
	hold(&kernel->scheme.servers_lock, cannot_adopt);
	atomic_store(&kernel->queue.server, nobody);
	expect_child(cannot_adopt);
	atomic_store(&kernel->queue.server, 0);
	/* this one the child has no use for */
	hold(&kernel->scheme.servers->lock, adopt_and_serve);
}

static void fork_here(void)
{
	expect_child(cannot_adopt);
}

static void S3_nor_one_from_a_rings_callback(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	seen.on_read = fork_here;
	submit(SCHEME_OP_READ, SCHEME_ROOT);
	assert_int_equal(scheme_queue_step(&kernel->queue, 0), 1);
	expect(1);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U27_a_step_serves_queue_and_ring),
		TEST(U16_a_busy_ring_costs_no_call),
		TEST(U12_a_ring_goes_with_its_client),
		TEST(U12_but_not_before_its_requests_are_answered),
		TEST(U12_a_scheme_ends_with_rings_that_have_requests),
		TEST(U12_what_has_ended_is_ended_once),
		TEST(U26_queue_step_in_a_rings_callback_leaves_rings_alone),
		TEST(U29_rings_are_bounded),
		TEST(U6_what_cannot_be_served_is_refused),
		TEST(U15_a_loop_of_ones_own_is_told_what_to_poll),
		TEST(S3_a_child_has_the_queue_but_no_ring),
		TEST(S3_no_child_adopts_what_is_half_done),
		TEST(S3_nor_one_from_a_rings_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
