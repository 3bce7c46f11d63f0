// SPDX-License-Identifier: MIT
/*
 * chand's connections without a module: requests go to its parts by hand, and
 * the answers and readiness that come are looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "chand/chan.h"

/* ---- the library, as far as chand calls it --------------------------------- */

struct scheme_req {
	struct scheme_sqe	sqe;
	void			*user;
	int			carried;	/* a SENDFD's */
	/* the answer */
	unsigned int		answers;
	int64_t			result;
	uint32_t		events;
	int			fd;		/* -1: none */
	unsigned int		turn;
};

static unsigned int turns;		/* answers and events, in order */

static struct {
	uint64_t	handle;
	uint32_t	events;
	unsigned int	nr, turn;
} posted;

const struct scheme_sqe *scheme_req_sqe(const struct scheme_req *req)
{
	return &req->sqe;
}

uint32_t scheme_req_flags(const struct scheme_req *req)
{
	return req->sqe.op_flags;
}

void scheme_req_set_user(struct scheme_req *req, void *user)
{
	req->user = user;
}

int scheme_reply(struct scheme_req *req, int64_t result)
{
	req->answers++;
	req->result = result;
	req->turn = ++turns;
	return 0;
}

int scheme_reply_open(struct scheme_req *req, uint64_t handle,
		      unsigned int flags, uint32_t events)
{
	assert_int_equal(flags, SCHEME_CQE_F_EVENTS);
	req->events = events;
	return scheme_reply(req, (int64_t)handle);
}

int scheme_reply_fd(struct scheme_req *req, int fd)
{
	req->fd = dup(fd);
	return scheme_reply(req, 0);
}

int scheme_req_fetch_fd(struct scheme_req *req, int flags)
{
	(void)flags;
	return req->carried < 0 ? req->carried : dup(req->carried);
}

int scheme_post_event(struct scheme_queue *q, uint64_t handle, uint32_t events)
{
	(void)q;
	posted.handle = handle;
	posted.events = events;
	posted.nr++;
	posted.turn = ++turns;
	return 0;
}

int scheme_reply_stat(struct scheme_req *req, const struct scheme_stat *st)
{
	(void)st;
	return scheme_reply(req, 0);
}

int scheme_dirent_add(struct scheme_req *req, uint64_t ino, uint64_t next,
		      mode_t mode, const char *name)
{
	(void)req, (void)ino, (void)next, (void)mode, (void)name;
	return 0;
}

int scheme_reply_dirents(struct scheme_req *req)
{
	return scheme_reply(req, 0);
}

struct scheme_queue *chand_queue(const struct chand *c)
{
	(void)c;
	return NULL;
}

static bool no_threads;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg)
{
	return no_threads ? EAGAIN :
	       __real_pthread_create(thread, attr, start, arg);
}

/* ---- a world of two ends --------------------------------------------------- */

struct world {
	struct chand	chand;
	struct listener	*listener;
	struct end	*end[2];
};

static struct scheme_req request(uint32_t flags)
{
	return (struct scheme_req){
		.sqe = { .op_flags = flags, .uid = 5 }, .carried = -1, .fd = -1,
	};
}

static void *handle_of(const struct scheme_req *req)
{
	assert_int_equal(req->answers, 1);
	assert_true(req->result > 0);
	return (void *)(uintptr_t)req->result;
}

static int world_begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct scheme_req req = request(0), in = request(0), out = request(0);

	w->chand = (struct chand){ .buffer = 8, .quota = QUOTA_INIT };
	for (int i = 0; i < QUOTA_KINDS; i++)
		w->chand.quota.each[i] = w->chand.quota.all[i] = 20;
	listener_open(&w->chand, &req, "here", 0, 0600);
	w->listener = listener_of(handle_of(&req));
	listener_connect(w->listener, &out, false);
	listener_accept(w->listener, &in, false);
	w->end[0] = handle_of(&out);
	w->end[1] = handle_of(&in);
	assert_int_equal(out.events, EPOLLOUT);
	posted.nr = 0;
	*state = w;
	return 0;
}

/* All that anybody had has been given back. */
static int world_end(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++)
		if (w->end[i])
			end_close(w->end[i]);
	listener_close(w->listener);
	for (int i = 0; i < 100 && w->chand.quota.users; i++)
		usleep(10000);
	assert_null(w->chand.quota.users);
	free(w);
	return 0;
}

static struct wait *wait_of(const struct scheme_req *req)
{
	assert_int_equal(req->answers, 0);
	return req->user;
}

static void cancel(struct end *e, struct scheme_req *req)
{
	struct waits ended = TAILQ_HEAD_INITIALIZER(ended);

	wait_cancel(wait_of(req), &ended);
	end_go_on(e, &ended);
	waits_answer(&ended);
}

/* ---- bytes ----------------------------------------------------------------- */

static void a_write_waits_for_all_of_it(void **state)
{
	struct world *w = *state;
	struct scheme_req out = request(0), in = request(0);
	char buf[32];

	end_write(w->end[0], &out, "0123456789abc", 13);
	assert_int_equal(out.answers, 0);
	end_read(w->end[1], &in, buf, 4);
	assert_int_equal(in.result, 4);
	assert_int_equal(out.answers, 0);
	in = request(0);
	end_read(w->end[1], &in, buf + 4, 4);
	assert_int_equal(out.answers, 1);
	assert_int_equal(out.result, 13);
	in = request(0);
	end_read(w->end[1], &in, buf + 8, sizeof(buf) - 8);
	assert_int_equal(in.result, 5);
	assert_memory_equal(buf, "0123456789abc", 13);
}

static void nonblocking_ones_do_what_they_can(void **state)
{
	struct world *w = *state;
	struct scheme_req out = request(SCHEME_RW_NONBLOCK), again = out;
	struct scheme_req in = request(SCHEME_RW_NONBLOCK);
	char buf[8];

	end_read(w->end[1], &in, buf, 8);
	assert_int_equal(in.result, -EAGAIN);
	end_write(w->end[0], &out, "0123456789", 10);
	assert_int_equal(out.result, 8);
	end_write(w->end[0], &again, "x", 1);
	assert_int_equal(again.result, -EAGAIN);
	assert_int_equal(again.answers, 1);
}

/* The second writer's bytes do not overtake those of the first. */
static void writers_and_readers_keep_their_order(void **state)
{
	struct world *w = *state;
	struct scheme_req first = request(0), second = request(SCHEME_RW_NONBLOCK);
	struct scheme_req in[2] = { request(0), request(0) };
	char buf[2][16] = { "", "" };

	end_write(w->end[0], &first, "0123456789", 10);
	end_write(w->end[0], &second, "x", 1);
	assert_int_equal(second.result, -EAGAIN);
	end_read(w->end[1], &in[0], buf[0], 16);
	end_read(w->end[1], &in[1], buf[1], 16);
	assert_string_equal(buf[0], "01234567");
	assert_string_equal(buf[1], "89");
}

static void a_cancelled_request_lets_the_next_go_on(void **state)
{
	struct world *w = *state;
	struct scheme_req first = request(0), second = request(0);
	struct scheme_req in = request(0);
	char buf[16];

	end_write(w->end[0], &first, "0123456789", 10);
	end_write(w->end[0], &second, "abc", 3);
	cancel(w->end[0], &first);
	/* 8 of it are on their way */
	assert_int_equal(first.result, 8);
	assert_int_equal(second.answers, 0);
	end_read(w->end[1], &in, buf, 16);
	assert_int_equal(second.result, 3);
	in = request(0);
	end_read(w->end[1], &in, buf, 16);
	assert_int_equal(in.result, 3);
	in = request(0);
	end_read(w->end[1], &in, buf, 16);
	cancel(w->end[1], &in);
	assert_int_equal(in.result, -ECANCELED);
}

static void close_ends_who_waits(void **state)
{
	struct world *w = *state;
	struct scheme_req in = request(0), out = request(0), get = request(0);
	char buf[16];

	end_write(w->end[0], &out, "0123456789", 10);
	end_read(w->end[0], &in, buf, 16);
	end_receive(w->end[0], &get);
	assert_int_equal(in.answers + out.answers + get.answers, 0);
	end_close(w->end[1]);
	w->end[1] = NULL;
	assert_int_equal(in.result, 0);
	assert_int_equal(out.result, 8);
	assert_int_equal(get.result, -EPIPE);
	assert_int_equal(in.answers + out.answers + get.answers, 3);
	out = request(0);
	end_write(w->end[0], &out, "x", 1);
	assert_int_equal(out.result, -EPIPE);
}

/* ---- readiness ------------------------------------------------------------- */

static void readiness_comes_before_the_answer(void **state)
{
	struct world *w = *state;
	struct scheme_req out = request(0), in = request(0);
	char buf[8];

	end_write(w->end[0], &out, "0", 1);
	assert_int_equal(posted.nr, 1);
	assert_ptr_equal((void *)(uintptr_t)posted.handle, w->end[1]);
	assert_int_equal(posted.events, EPOLLIN | EPOLLOUT);
	assert_true(posted.turn < out.turn);
	end_read(w->end[1], &in, buf, 1);
	assert_int_equal(posted.nr, 2);
	assert_int_equal(posted.events, EPOLLOUT);
	assert_true(posted.turn < in.turn);
}

/* Full, and then nothing at all: a mask of zero is a mask. */
static void every_change_is_posted(void **state)
{
	struct world *w = *state;
	struct scheme_req out = request(0), in = request(0);
	char buf[8];

	end_write(w->end[0], &out, "01234567", 8);
	assert_int_equal(posted.nr, 2);
	in.sqe.op_flags = 0;
	end_read(w->end[1], &in, buf, 1);
	/* less than a quarter of the room is not worth it */
	assert_int_equal(posted.nr, 2);
	in = request(0);
	end_read(w->end[1], &in, buf, 1);
	assert_int_equal(posted.nr, 3);
	assert_ptr_equal((void *)(uintptr_t)posted.handle, w->end[0]);
	assert_int_equal(posted.events, EPOLLOUT);
}

/* ---- files ----------------------------------------------------------------- */

static void files_wait_in_order_and_are_closed(void **state)
{
	struct world *w = *state;
	struct scheme_req put[3], get = request(0);
	int fd[3][2];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe(fd[i]), 0);
		put[i] = request(0);
		put[i].carried = fd[i][1];
		end_send(w->end[0], &put[i]);
		assert_int_equal(put[i].result, 0);
		close(fd[i][1]);
	}
	end_receive(w->end[1], &get);
	assert_int_equal(write(get.fd, "x", 1), 1);
	assert_int_equal(close(get.fd), 0);
	end_close(w->end[1]);
	w->end[1] = NULL;
	for (int i = 0; i < 3; i++) {
		char byte;

		/* waits until the last writer has gone */
		assert_int_equal(read(fd[i][0], &byte, 1), i == 0);
		if (!i)
			assert_int_equal(read(fd[i][0], &byte, 1), 0);
		close(fd[i][0]);
	}
}

/* Through a connection of its own. */
static void pass_another(struct world *w)
{
	struct scheme_req out = request(0), in = request(0);
	struct scheme_req put = request(0), get = request(0);

	listener_connect(w->listener, &out, false);
	listener_accept(w->listener, &in, false);
	put.carried = STDIN_FILENO;
	end_send(handle_of(&out), &put);
	end_receive(handle_of(&in), &get);
	assert_int_equal(close(get.fd), 0);
	end_close(handle_of(&out));
	end_close(handle_of(&in));
}

/* Whoever closes in the serving thread waits there for as long as a file wants. */
static void files_without_a_thread_are_closed_later(void **state)
{
	struct world *w = *state;
	struct scheme_req put[2], get = request(0);
	int fd[2];
	char byte;

	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	for (int i = 0; i < 2; i++) {
		put[i] = request(0);
		put[i].carried = fd[1];
		end_send(w->end[0], &put[i]);
		assert_int_equal(put[i].result, 0);
	}
	close(fd[1]);
	no_threads = true;
	end_receive(w->end[1], &get);
	assert_int_equal(close(get.fd), 0);
	end_close(w->end[1]);
	w->end[1] = NULL;
	/* both are open */
	assert_int_equal(read(fd[0], &byte, 1), -1);
	assert_int_equal(w->chand.quota.used[CHAN_FILES], 2);
	no_threads = false;
	pass_another(w);
	for (int i = 0; i < 100 && read(fd[0], &byte, 1); i++)
		usleep(10000);
	assert_int_equal(read(fd[0], &byte, 1), 0);
	close(fd[0]);
}

static void errors_of_files_are_the_senders(void **state)
{
	struct world *w = *state;
	struct scheme_req put = request(SCHEME_SENDFD_OWN);

	end_send(w->end[0], &put);
	assert_int_equal(put.result, -ELOOP);
	put = request(0);
	put.carried = -EMFILE;
	end_send(w->end[0], &put);
	assert_int_equal(put.result, -ETOOMANYREFS);
	put = request(0);
	put.carried = -ECANCELED;
	end_send(w->end[0], &put);
	assert_int_equal(put.result, -ECANCELED);
}

/* ---- listeners and bounds -------------------------------------------------- */

static void a_closed_listener_lets_go_of_all(void **state)
{
	struct world *w = *state;
	struct scheme_req req = request(0), out[3], in = request(0);
	struct listener *l;
	char byte;

	listener_open(&w->chand, &req, "there", 0, 0600);
	l = listener_of(handle_of(&req));
	assert_ptr_equal(listener_find(&w->chand, "there"), l);
	for (int i = 0; i < 3; i++) {
		out[i] = request(0);
		listener_connect(l, &out[i], false);
	}
	end_read(handle_of(&out[0]), &in, &byte, 1);
	end_close(handle_of(&out[1]));
	listener_close(l);
	assert_null(listener_find(&w->chand, "there"));
	assert_int_equal(in.answers, 1);
	assert_int_equal(in.result, 0);
	end_close(handle_of(&out[0]));
	end_close(handle_of(&out[2]));
}

static void too_many_are_ENOBUFS(void **state)
{
	struct world *w = *state;
	struct scheme_req out[25], in[25];
	char buf[25];
	int refused = 0;

	/* one listener and one connection are there */
	for (int i = 0; i < 25; i++) {
		out[i] = request(0);
		listener_connect(w->listener, &out[i], false);
		refused += out[i].result == -ENOBUFS;
	}
	assert_int_equal(refused, 25 - 18);
	for (int i = 0; i < 25; i++) {
		in[i] = request(0);
		end_read(w->end[0], &in[i], &buf[i], 1);
	}
	for (int i = 0; i < 25; i++)
		assert_int_equal(in[i].answers, i >= 20);
	assert_int_equal(in[24].result, -ENOBUFS);
	for (int i = 0; i < 20; i++)
		cancel(w->end[0], &in[i]);
	for (int i = 0; i < 25; i++)
		if (out[i].result > 0)
			end_close(handle_of(&out[i]));
}

/* ---- owners and names ------------------------------------------------------ */

static int may(uid_t uid, gid_t gid, mode_t mode, int flags)
{
	const struct flat f = { .mode = mode, .uid = 5, .gid = 6 };
	struct scheme_req req = request(0);

	req.sqe.uid = uid;
	req.sqe.gid = gid;
	return flat_may_open(&f, &req, flags);
}

static void one_of_three_classes_counts(void **state)
{
	(void)state;
	assert_int_equal(may(5, 6, 0600, O_RDWR), 0);
	assert_int_equal(may(5, 6, 0466, O_RDWR), -EACCES);
	assert_int_equal(may(5, 6, 0466, O_RDONLY), 0);
	assert_int_equal(may(7, 6, 0640, O_RDONLY), 0);
	assert_int_equal(may(7, 6, 0640, O_WRONLY), -EACCES);
	assert_int_equal(may(7, 6, 0606, O_RDWR), -EACCES);
	assert_int_equal(may(7, 8, 0002, O_WRONLY), 0);
	assert_int_equal(may(7, 8, 0770, O_RDONLY), -EACCES);
	assert_int_equal(may(0, 0, 0, O_RDWR), 0);
}

static void a_single_file_has_the_mode_of_the_node(void **state)
{
	struct flat f;

	(void)state;
	flat_fixed(&f, 0);
	assert_int_equal(f.mode, S_IFIFO | 0600);
	flat_fixed(&f, 0622);
	assert_int_equal(f.mode, S_IFIFO | 0622);
}

static void names_have_no_slash_and_an_end(void **state)
{
	char name[SCHEME_DIRENT_NAME_MAX + 2];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(flat_check_name(name), -ENAMETOOLONG);
	name[sizeof(name) - 2] = '\0';
	assert_int_equal(flat_check_name(name), 0);
	assert_int_equal(flat_check_name(""), -EINVAL);
	assert_int_equal(flat_check_name(".."), -EINVAL);
	assert_int_equal(flat_check_name("a/b"), -EINVAL);
	assert_int_equal(flat_check_name("..."), 0);
}

static void a_single_file_has_two_names(void **state)
{
	const struct flat_single one = { .name = "zero" }, any = { .name = NULL };

	(void)state;
	assert_int_equal(flat_single_find(&one, false, "", O_RDWR), FLAT_FILE);
	assert_int_equal(flat_single_find(&one, false, "", O_DIRECTORY), FLAT_ROOT);
	assert_int_equal(flat_single_find(&one, false, "zero", O_CREAT), FLAT_FILE);
	assert_int_equal(flat_single_find(&one, false, "zero", O_CREAT | O_EXCL),
			 -EEXIST);
	assert_int_equal(flat_single_find(&one, false, "zero", O_DIRECTORY),
			 -ENOTDIR);
	assert_int_equal(flat_single_find(&one, false, "one", 0), -ENOENT);
	assert_int_equal(flat_single_find(&one, false, "one", O_CREAT), -EACCES);
	assert_int_equal(flat_single_find(&one, true, "zero", 0), -ENOTDIR);
	assert_int_equal(flat_single_find(&one, true, "", 0), FLAT_FILE);
	assert_int_equal(flat_single_find(&any, false, "one", 0), FLAT_FILE);
	assert_int_equal(flat_single_find(&any, false, "a/b", 0), -ENOENT);
}

#define test(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_write_waits_for_all_of_it),
		test(nonblocking_ones_do_what_they_can),
		test(writers_and_readers_keep_their_order),
		test(a_cancelled_request_lets_the_next_go_on),
		test(close_ends_who_waits),
		test(readiness_comes_before_the_answer),
		test(every_change_is_posted),
		test(files_wait_in_order_and_are_closed),
		test(files_without_a_thread_are_closed_later),
		test(errors_of_files_are_the_senders),
		test(a_closed_listener_lets_go_of_all),
		test(too_many_are_ENOBUFS),
		cmocka_unit_test(one_of_three_classes_counts),
		cmocka_unit_test(a_single_file_has_the_mode_of_the_node),
		cmocka_unit_test(names_have_no_slash_and_an_end),
		cmocka_unit_test(a_single_file_has_two_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
