// SPDX-License-Identifier: GPL-2.0
/*
 * libscheme with the module: a provider in a thread or a child, loops of all
 * kinds, and the client's helpers. What needs no module is in unit/.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <scheme.h>

#include "../harness.h"

#define NAME	"test-lib"
#define SLOT	4096

/* ---- a provider ----------------------------------------------------------- */

/* What the callbacks leave behind; in memory that children share. */
struct record {
	char			path[64];
	int			flags;
	unsigned int		closes, cancels;
	_Atomic pid_t		server;
	struct scheme_req	*parked;
	void			*buf;
	volatile int		stop;
	int			ret;		/* of the loop */
};

static struct record *record_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

/* The path says what to do: "no", "stream", or else a file. */
static void t_open(struct scheme_req *req, uint64_t dir, const char *path,
		   int flags, mode_t mode)
{
	struct record *r = record_of(req);

	snprintf(r->path, sizeof(r->path), "%s", path);
	r->flags = flags;
	r->server = getpid();
	if (!strcmp(path, "no"))
		scheme_reply(req, -EISDIR);
	else
		scheme_reply_open(req, 7, SCHEME_CQE_F_EVENTS |
				  (strcmp(path, "stream") ?
				   SCHEME_CQE_F_POSITIONED : 0), EPOLLOUT);
}

static void t_close(struct scheme *s, uint64_t handle)
{
	struct record *r = scheme_user(s);

	if (handle == 7)
		r->closes++;
}

static void t_dup(struct scheme_req *req, uint64_t handle, const char *name)
{
	t_open(req, handle, name, 0, 0);
}

/* Bytes that tell their offset; a stream's reader is parked. */
static void t_read(struct scheme_req *req, uint64_t handle, void *buf,
		   uint32_t len, uint64_t offset)
{
	struct record *r = record_of(req);

	r->server = getpid();
	if (offset == SCHEME_NO_OFFSET) {
		r->buf = buf;
		__atomic_store_n(&r->parked, req, __ATOMIC_RELEASE);
		return;
	}
	memset(buf, 'a' + (int)(offset / SLOT % 26), len);
	scheme_reply(req, len);
}

static void t_cancel(struct scheme_req *req)
{
	struct record *r = record_of(req);

	r->cancels++;
	scheme_reply(req, -ECANCELED);
}

static void t_call(struct scheme_req *req, uint64_t handle,
		   const uint64_t word[3], const void *in, uint32_t in_len,
		   void *out, uint32_t out_len)
{
	uint32_t len = in_len < out_len ? in_len : out_len;

	memmove(out, in, len);
	scheme_reply_call(req, (int64_t)(word[0] + word[1] + word[2]), len);
}

static void t_fsize(struct scheme_req *req, uint64_t handle)
{
	scheme_reply(req, 1000);
}

static const struct scheme_ops ops = {
	.open = t_open,
	.close = t_close,
	.dup = t_dup,
	.read = t_read,
	.call = t_call,
	.fsize = t_fsize,
	.cancel = t_cancel,
};

static int create_spinning(struct scheme **s, unsigned int queues,
			   unsigned int busy_us, struct record *r)
{
	const struct scheme_config config = {
		.name = NAME,
		.queues = queues,
		.depth = 8,
		.slot_size = SLOT,
		.busy_poll_us = busy_us,
	};

	return scheme_create(s, &config, &ops, sizeof(ops), r);
}

static int create(struct scheme **s, unsigned int queues, struct record *r)
{
	return create_spinning(s, queues, 0, r);
}

static void *steps(void *arg)
{
	struct scheme *s = arg;
	struct record *r = scheme_user(s);

	do {
		r->ret = scheme_queue_step(scheme_queue(s, 0), -1);
	} while (r->ret >= 0 || r->ret == -EINTR);
	return NULL;
}

static void *run(void *arg)
{
	struct scheme *s = arg;
	struct record *r = scheme_user(s);

	r->ret = scheme_run(s, &r->stop);
	return NULL;
}

/* A loop around poll(2), as a program of its own would have it. */
static void *poll_loop(void *arg)
{
	struct scheme *s = arg;
	struct record *r = scheme_user(s);
	struct pollfd fd = { scheme_queue_fd(scheme_queue(s, 0)), POLLIN, 0 };

	do {
		poll(&fd, 1, -1);
		r->ret = scheme_queue_step(scheme_queue(s, 0), 0);
	} while (r->ret >= 0);
	return NULL;
}

/* A loop around io_uring: ENTER is a command among others. */
static void *uring_loop(void *arg)
{
	struct scheme *s = arg;
	struct record *r = scheme_user(s);
	struct scheme_queue *q = scheme_queue(s, 0);
	struct io_uring ring;
	struct io_uring_cqe *cqe;

	r->ret = io_uring_queue_init(4, &ring, 0);
	if (r->ret)
		return NULL;
	do {
		scheme_queue_prep_enter(q, io_uring_get_sqe(&ring), 1, 0);
		io_uring_submit_and_wait(&ring, 1);
		if (io_uring_peek_cqe(&ring, &cqe))
			continue;
		r->ret = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
		if (r->ret >= 0)
			r->ret = scheme_queue_dispatch(q);
	} while (r->ret >= 0);
	io_uring_queue_exit(&ring);
	return NULL;
}

/* ---- the same requests, whatever the loop --------------------------------- */

FIXTURE(loop) {
	struct record *record;
	struct scheme *scheme;
	pthread_t thread;
};

FIXTURE_VARIANT(loop) {
	void *(*serve)(void *arg);
	unsigned int queues;
	unsigned int busy_us;
};

FIXTURE_VARIANT_ADD(loop, step) { steps, 1, 0 };
FIXTURE_VARIANT_ADD(loop, spinning_step) { steps, 1, 300 };
FIXTURE_VARIANT_ADD(loop, run) { run, 1, 0 };
FIXTURE_VARIANT_ADD(loop, run_4_queues) { run, 4, 0 };
FIXTURE_VARIANT_ADD(loop, poll) { poll_loop, 1, 0 };
FIXTURE_VARIANT_ADD(loop, uring) { uring_loop, 1, 0 };

FIXTURE_SETUP(loop)
{
	self->record = shared_alloc(sizeof(*self->record));
	ASSERT_EQ(0, create_spinning(&self->scheme, variant->queues,
				     variant->busy_us, self->record));
	pthread_create(&self->thread, NULL, variant->serve, self->scheme);
}

/* From another thread, in which ever wait the loop is. */
FIXTURE_TEARDOWN(loop)
{
	EXPECT_EQ(0, scheme_stop(self->scheme));
	pthread_join(self->thread, NULL);
	EXPECT_EQ(-ENODEV, self->record->ret);
	scheme_destroy(self->scheme);
}

TEST_F(loop, S7_requests_are_answered)
{
	char buf[3 * SLOT] = "";
	int fd = scheme_open(NAME ":/some/file", O_RDWR, 0);

	ASSERT_LE(0, fd);
	EXPECT_STREQ("some/file", self->record->path);
	EXPECT_EQ(O_RDWR, self->record->flags & O_ACCMODE);
	EXPECT_EQ(sizeof(buf), pread(fd, buf, sizeof(buf), SLOT));
	EXPECT_EQ('b', buf[0]);
	EXPECT_EQ('c', buf[SLOT]);
	EXPECT_EQ('d', buf[3 * SLOT - 1]);
	EXPECT_EQ(1000, lseek(fd, 0, SEEK_END));
	EXPECT_EQ(-1, write(fd, "x", 1));
	EXPECT_EQ(EOPNOTSUPP, errno);
	close(fd);
	EXPECT_TRUE(wait_until(self->record->closes == 1));
}

TEST_F(loop, S7_thousand_round_trips)
{
	char buf[16];
	int fd = scheme_open("/dev/scheme/" NAME, O_RDONLY, 0);

	ASSERT_LE(0, fd);
	for (int i = 0; i < 1000; i++) {
		ASSERT_EQ(sizeof(buf), pread(fd, buf, sizeof(buf), i * SLOT));
		ASSERT_EQ('a' + i % 26, buf[15]);
	}
	close(fd);
}

TEST_F(loop, S7_answer_from_another_thread)
{
	struct record *r = self->record;
	struct scheme_req *req;
	struct job job;
	char buf[16];
	int fd = scheme_open("/scheme/" NAME "/stream", O_RDONLY, 0);

	ASSERT_LE(0, fd);
	job_read(&job, fd, buf, sizeof(buf));
	ASSERT_TRUE(wait_until(__atomic_load_n(&r->parked, __ATOMIC_ACQUIRE)));
	EXPECT_TRUE(job_stays(&job, 50));
	req = r->parked;
	memcpy(r->buf, "later", 5);
	EXPECT_EQ(0, scheme_reply(req, 5));
	EXPECT_EQ(5, job_wait(&job));
	EXPECT_EQ(0, memcmp(buf, "later", 5));
	EXPECT_EQ(-EALREADY, scheme_reply(req, 5));
	close(fd);
}

TEST_F(loop, S7_cancel_reaches_the_callback)
{
	struct record *r = self->record;
	struct job job;
	char buf[16];
	int fd = scheme_open(NAME ":stream", O_RDONLY, 0);

	ASSERT_LE(0, fd);
	catch_usr1(0);
	job_read(&job, fd, buf, sizeof(buf));
	ASSERT_TRUE(wait_until(__atomic_load_n(&r->parked, __ATOMIC_ACQUIRE)));
	pthread_kill(job.thread, SIGUSR1);
	EXPECT_EQ(-EINTR, job_wait(&job));
	EXPECT_EQ(1, r->cancels);
	close(fd);
}

TEST_F(loop, S7_events_wake_poll)
{
	int fd = scheme_open(NAME ":f", O_RDWR, 0);
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	ASSERT_LE(0, fd);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLOUT, p.revents);
	EXPECT_EQ(0, scheme_post_event(scheme_queue(self->scheme, 0), 7, EPOLLIN));
	EXPECT_EQ(1, poll(&p, 1, PATIENCE_MS));
	EXPECT_EQ(POLLIN, p.revents);
	close(fd);
}

TEST_F(loop, S7_calls_and_duplicates)
{
	const uint64_t word[3] = { 1, 2, 4 };
	uint32_t out_len = SLOT;
	char in[SLOT - sizeof(struct scheme_call_header)], out[SLOT];
	int64_t result = 0;
	int sub, fd = scheme_open(NAME ":f", O_RDWR, 0);

	ASSERT_LE(0, fd);
	memset(in, 'i', sizeof(in));
	EXPECT_EQ(0, scheme_call(fd, word, in, sizeof(in), out, &out_len, &result));
	EXPECT_EQ(7, result);
	EXPECT_EQ(sizeof(in), out_len);
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));
	EXPECT_EQ(0, scheme_call(fd, NULL, NULL, 0, NULL, NULL, NULL));
	EXPECT_EQ(-EMSGSIZE, scheme_call(fd, NULL, in, SLOT, NULL, NULL, NULL));
	sub = scheme_dup(fd, "/sub", 0);
	EXPECT_LE(0, sub);
	EXPECT_STREQ("/sub", self->record->path);
	EXPECT_EQ(-EISDIR, scheme_dup(fd, "no", 0));
	EXPECT_EQ(-EISDIR, scheme_openat(fd, "no", O_RDONLY, 0));
	EXPECT_EQ(-EISDIR, scheme_open(NAME ":no", O_RDONLY, 0));
	close(sub);
	close(fd);
}

/* ---- a step's return ------------------------------------------------------ */

FIXTURE(alone) {
	struct record *record;
	struct scheme *scheme;
};

FIXTURE_SETUP(alone)
{
	self->record = shared_alloc(sizeof(*self->record));
	ASSERT_EQ(0, create(&self->scheme, 1, self->record));
}

FIXTURE_TEARDOWN(alone)
{
	scheme_destroy(self->scheme);
}

TEST_F(alone, S7_step_meets_its_deadline)
{
	int64_t begin = now_ms();

	EXPECT_EQ(0, scheme_queue_step(scheme_queue(self->scheme, 0), 50));
	EXPECT_LE(45, now_ms() - begin);
	EXPECT_EQ(0, scheme_queue_step(scheme_queue(self->scheme, 0), 0));
}

static void *step_once(void *arg)
{
	struct scheme *s = arg;
	struct record *r = scheme_user(s);

	r->ret = scheme_queue_step(scheme_queue(s, 0), -1);
	r->stop = 1;
	return NULL;
}

TEST_F(alone, S7_signal_ends_a_step)
{
	pthread_t thread;

	catch_usr1(0);
	pthread_create(&thread, NULL, step_once, self->scheme);
	while (!self->record->stop) {
		pthread_kill(thread, SIGUSR1);
		sleep_ms(1);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(-EINTR, self->record->ret);
}

TEST_F(alone, S4_facts_about_the_scheme)
{
	struct scheme *s = self->scheme, *other;
	struct scheme_query query;
	struct scheme_stats stats;

	EXPECT_STREQ(NAME, scheme_name(s));
	EXPECT_EQ(1, scheme_queues(s));
	EXPECT_EQ(8, scheme_queue_depth(scheme_queue(s, 0)));
	EXPECT_EQ(SLOT, scheme_queue_slot_size(scheme_queue(s, 0)));
	EXPECT_EQ(NULL, scheme_queue(s, 1));
	EXPECT_EQ(0, scheme_query(NULL, &query));
	EXPECT_EQ(query.features, scheme_features(s));
	EXPECT_EQ(0, scheme_stats(s, &stats));
	EXPECT_EQ(0, stats.requests);
	EXPECT_EQ(-EEXIST, create(&other, 1, self->record));
}

TEST_F(alone, S3_kill_by_name)
{
	EXPECT_EQ(0, scheme_kill(NULL, NAME));
	EXPECT_EQ(-ENODEV, scheme_queue_step(scheme_queue(self->scheme, 0), -1));
	EXPECT_EQ(-ENOENT, scheme_kill(NULL, NAME));
	EXPECT_EQ(-ENOENT, scheme_open(NAME ":", O_RDONLY, 0));
}

/* ---- stopping a run ------------------------------------------------------- */

static volatile int *stop_flag;

static void on_term(int signal)
{
	*stop_flag = signal;
}

static int run_in_child(void *arg)
{
	struct record *r = arg;
	struct scheme *s;
	int ret;

	stop_flag = &r->stop;
	signal(SIGTERM, on_term);
	ret = create(&s, 1, r);
	if (ret)
		return 1;
	r->server = getpid();
	ret = scheme_run(s, &r->stop);
	scheme_destroy(s);
	return ret ? 2 : 0;
}

TEST(S7_signal_ends_a_run)
{
	struct record *r = shared_alloc(sizeof(*r));

	for (int i = 0; i < 5; i++) {
		pid_t child = child_start(run_in_child, r);

		ASSERT_TRUE(wait_until(r->server == child));
		sleep_ms(i * 10);	/* in ENTER at first, later in ppoll */
		kill(child, SIGTERM);
		EXPECT_EQ(0, child_result(child));
		r->stop = 0;
	}
}

/* ---- after a fork --------------------------------------------------------- */

struct heir {
	struct scheme	*scheme;
	struct record	*record;
	int		begin;		/* a pipe: the parent has gone */
};

static int serve_as_heir(void *arg)
{
	struct heir *heir = arg;
	int ret = scheme_adopt(heir->scheme);

	if (ret)
		return 1;
	heir->record->stop = 1;
	do {
		ret = scheme_queue_step(scheme_queue(heir->scheme, 0), -1);
	} while (ret >= 0);
	scheme_destroy(heir->scheme);
	return ret == -ENODEV ? 0 : 2;
}

TEST(S3_child_adopts_and_serves)
{
	struct heir heir = { .record = shared_alloc(sizeof(struct record)) };
	char buf[8];
	pid_t child;
	int fd;

	ASSERT_EQ(0, create(&heir.scheme, 1, heir.record));
	child = child_start(serve_as_heir, &heir);
	ASSERT_TRUE(wait_until(heir.record->stop));
	fd = scheme_open(NAME ":f", O_RDONLY, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(sizeof(buf), pread(fd, buf, sizeof(buf), 0));
	EXPECT_EQ(child, heir.record->server);
	EXPECT_EQ(0, scheme_kill(NULL, NAME));
	EXPECT_EQ(0, child_result(child));
	close(fd);
}

TEST(S3_child_that_does_not_adopt_leaves_it_alone)
{
	struct record *r = shared_alloc(sizeof(*r));
	struct scheme *s;
	pid_t child;

	ASSERT_EQ(0, create(&s, 1, r));
	child = fork();
	if (!child) {
		scheme_destroy(s);
		_exit(0);
	}
	EXPECT_EQ(0, child_result(child));
	EXPECT_EQ(0, scheme_queue_step(scheme_queue(s, 0), 10));
	scheme_destroy(s);
}

TEST_HARNESS_MAIN
