// SPDX-License-Identifier: MIT
/* Ends of the module's rings, with the test as the module. */
#include "fake_module.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#define POOL	(16 * PAGE)
#define SECOND	1000000000LL
#define DEPTH	8U

static struct scheme_ring *client, *provider;
static struct scheme *scheme;
static struct scheme_ring_server *server;

/* ---- a provider ------------------------------------------------------------------ */

static struct {
	struct scheme_sqe	sqe;
	struct scheme_req	*parked;
	unsigned int		reads;
} seen;

static void on_open(struct scheme_req *req, uint64_t dir, const char *path, int flags,
		    mode_t mode)
{
	(void)dir, (void)path, (void)flags, (void)mode;
	scheme_reply_open(req, 1, 0, 0);
}

static void on_read(struct scheme_req *req, uint64_t handle, void *buf, uint32_t len,
		    uint64_t offset)
{
	(void)handle;
	seen.sqe = *scheme_req_sqe(req);
	seen.reads++;
	memset(buf, (int)offset, len);
	scheme_reply(req, len);
}

static void on_write(struct scheme_req *req, uint64_t handle, const void *buf,
		     uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)len, (void)offset;
	seen.sqe = *scheme_req_sqe(req);
	seen.parked = req;
}

static const struct scheme_ops ops = {
	.open = on_open, .read = on_read, .write = on_write,
};

/* What scheme_req_accept_ring() does with what FETCH gives it. */
static int fetch(struct scheme_queue *q, unsigned long cmd, void *arg)
{
	(void)q, (void)arg;
	assert_int_equal(cmd, SCHEME_IOC_FETCH);
	return mod.end[SCHEME_RING_SIDE_PROVIDER];
}

static int accept_as(struct scheme_ring **r, uint32_t mode)
{
	struct scheme_queue q = { .ioctl = fetch };
	struct scheme_req req = {
		.queue = &q,
		.sqe = {
			.opcode = SCHEME_OP_RING_ATTACH,
			.op_flags = mode, .pid = 11, .uid = 22, .gid = 33,
		},
	};

	return scheme_req_accept_ring(&req, r);
}

static int open_client(void **state)
{
	const struct scheme_ring_config c = { .sq_entries = 16, .cq_entries = 16 };

	(void)state;
	memset(&seen, 0, sizeof(seen));
	return scheme_ring_open(&client, SCHEME_FD, &c, POOL, 42);
}

static int setup(void **state)
{
	const struct scheme_ring_server_config c = {
		.depth = DEPTH, .files = 4, .pid = 1, .uid = 1, .gid = 1,
	};

	assert_int_equal(open_client(state), 0);
	assert_int_equal(accept_as(&provider, O_RDWR), 0);
	assert_int_equal(scheme_create_local(&scheme, &ops, sizeof(ops), NULL), 0);
	assert_int_equal(scheme_ring_server_create(&server, scheme, provider, &c), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (server)
		assert_int_equal(scheme_ring_server_destroy(server), 0);
	if (provider)
		scheme_ring_close(provider);
	if (client)
		scheme_ring_close(client);
	if (scheme)
		scheme_destroy(scheme);
	server = NULL;
	provider = client = NULL;
	scheme = NULL;
	mod_forget();
	return 0;
}

/* ---- helpers ---------------------------------------------------------------------- */

static struct scheme_sqe *get(uint64_t user_data)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(client);

	assert_non_null(sqe);
	sqe->user_data = user_data;
	return sqe;
}

static void get_read(uint64_t handle, uint64_t addr)
{
	scheme_ring_prep_read(get(1), handle, addr, 1, 0x55);
}

static void step(int entries)
{
	assert_true(scheme_ring_submit(client) >= 0);
	assert_int_equal(scheme_ring_server_step(server, 0), entries);
}

static void expect(int64_t result)
{
	struct scheme_cqe *cqe;

	assert_int_equal(scheme_ring_peek_cqe(client, &cqe), 0);
	assert_int_equal(cqe->result, result);
	scheme_ring_cqe_seen(client, cqe);
}

/* ---- set-up ------------------------------------------------------------------------ */

static void U6_a_ring_has_the_modules_numbers_and_the_clients_word(void **state)
{
	(void)state;
	assert_int_equal(mod.word, 42);
	assert_int_equal(client->put.entries, 16);
	assert_int_equal(provider->take.entries, 16);
	assert_int_equal(mod.nr_regions, 1);
	assert_int_equal(mod.region[0].offset, 0);
	assert_int_equal(mod.region[0].size, POOL);
	assert_non_null(scheme_ring_at(provider, 0, POOL));
	assert_int_equal(scheme_ring_fd(client), mod.end[SCHEME_RING_SIDE_CLIENT]);
	assert_int_equal(scheme_ring_poll_events(client, EPOLLOUT), EPOLLOUT);
}

static void U6_a_refused_ring_leaves_nothing(void **state)
{
	mod.attach_error = -EOPNOTSUPP;
	assert_int_equal(open_client(state), -EOPNOTSUPP);
	mod_forget();
}

static void odd_offset(struct scheme_ring_info *info)
{
	info->sq_off += 64;
}

static void beyond_the_end(struct scheme_ring_info *info)
{
	info->cq_entries = 32768;
}

static void no_power_of_two(struct scheme_ring_info *info)
{
	info->sq_entries = 17;
}

static void other_side(struct scheme_ring_info *info)
{
	info->side = SCHEME_RING_SIDE_PROVIDER;
}

static void U6_a_layout_that_cannot_be_is_refused(void **state)
{
	void (*const changes[])(struct scheme_ring_info *) = {
		odd_offset, beyond_the_end, no_power_of_two, other_side,
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		mod.change_info = changes[i];
		assert_int_equal(open_client(state), -EINVAL);
		mod_forget();
	}
}

/* The child writes; how it ends. */
static int writes(const void *at)
{
	volatile uint8_t *byte = (uint8_t *)(uintptr_t)at;
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		*byte = *byte;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void U7_each_side_can_write_its_own_parts_only(void **state)
{
	(void)state;
	assert_int_equal(writes(client->sqes), 0);
	assert_int_equal(writes(client->flags), 0);
	assert_int_equal(writes(client->cqes), SIGSEGV);
	assert_int_equal(writes(client->peer_flags), SIGSEGV);
	assert_int_equal(writes(client->kern), SIGSEGV);
	assert_int_equal(writes(provider->cqes), 0);
	assert_int_equal(writes(provider->flags), 0);
	assert_int_equal(writes(provider->sqes), SIGSEGV);
	assert_int_equal(writes(provider->peer_flags), SIGSEGV);
	assert_int_equal(writes(provider->kern), SIGSEGV);
}

/* ---- doorbells ------------------------------------------------------------------------ */

static void U14_a_doorbell_rings_for_who_polls_as_for_who_sleeps(void **state)
{
	struct scheme_ring_kernel *kern = mod_kern();
	struct scheme_cqe *cqe;

	(void)state;
	mod.enters = 0;
	get_read(SCHEME_ROOT, 0);
	step(1);
	expect(1);
	assert_int_equal(mod.enters, 0);	/* nobody waits */
	kern->wants[SCHEME_RING_SIDE_PROVIDER] = SCHEME_RING_NEED_WAKEUP;
	get_read(SCHEME_ROOT, 0);
	step(1);
	assert_int_equal(mod.notifies, 1);
	expect(1);				/* that is room, which nobody wants */
	assert_int_equal(scheme_ring_peek_cqe(client, &cqe), -EAGAIN);
	assert_int_equal(mod.enters, 1);
	kern->wants[SCHEME_RING_SIDE_PROVIDER] = SCHEME_RING_NEED_ROOM;
	get_read(SCHEME_ROOT, 0);
	step(1);
	assert_int_equal(mod.enters, 1);
	expect(1);
	/* once there is no more to take, it looks who wants the room */
	assert_int_equal(scheme_ring_peek_cqe(client, &cqe), -EAGAIN);
	assert_int_equal(mod.enters, 2);
	kern->wants[SCHEME_RING_SIDE_PROVIDER] = 0;
	kern->wants[SCHEME_RING_SIDE_CLIENT] = SCHEME_RING_NEED_WAKEUP;
	get_read(SCHEME_ROOT, 0);
	step(1);
	assert_int_equal(mod.enters, 3);
	expect(1);
}

static void *serve(void *arg)
{
	int ret;

	(void)arg;
	while ((ret = scheme_ring_server_step(server, 10 * SECOND)) >= 0)
		;
	assert_int_equal(ret, -ESHUTDOWN);
	return NULL;
}

/* Each round the client makes one system call, and none when the provider is awake. */
static void U14_doorbell_and_sleep_are_one_call(void **state)
{
	struct scheme_cqe *cqe;
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, serve, NULL);
	for (int i = 0; i < 2000; i++) {
		get_read(SCHEME_ROOT, 0);
		assert_int_equal(scheme_ring_submit_and_wait(client, &cqe, 10 * SECOND), 0);
		assert_int_equal(cqe->result, 1);
		scheme_ring_cqe_seen(client, cqe);
		if (i % 100 == 0)
			usleep(1000);	/* until it sleeps */
	}
	scheme_ring_close(client);
	client = NULL;
	pthread_join(thread, NULL);
	/* never a call for the doorbell alone by the client, who waited each time */
	assert_int_not_equal(mod.both, 0);
}

static void U14_a_wait_ends_with_its_time(void **state)
{
	struct scheme_cqe *cqe;

	(void)state;
	assert_int_equal(scheme_ring_wait_cqe(client, &cqe, 1000000), -ETIME);
	get_read(SCHEME_ROOT, 0);
	assert_int_equal(scheme_ring_submit_and_wait(client, &cqe, 0), -EAGAIN);
	assert_int_equal(scheme_ring_server_step(server, 0), 1);
	assert_int_equal(scheme_ring_submit_and_wait(client, &cqe, 0), 0);
}

static void *answer_later(void *arg)
{
	usleep(30000);
	assert_int_equal(scheme_reply(arg, 1), 0);
	return NULL;
}

static void park_one(void)
{
	scheme_ring_prep_write(get(1), 0, 0, 1, 0);
	step(1);
	assert_non_null(seen.parked);
}

static void open_one(void)
{
	memcpy(scheme_ring_at(client, 0, 1), "x", 1);
	scheme_ring_prep_open(get(1), SCHEME_ROOT, 0, 1, O_RDWR, 0);
	step(1);
	expect(0);
}

static void U26_answer_from_another_thread_wakes_the_server(void **state)
{
	pthread_t thread;

	(void)state;
	open_one();
	park_one();
	pthread_create(&thread, NULL, answer_later, seen.parked);
	assert_int_equal(scheme_ring_server_step(server, 10 * SECOND), 0);
	pthread_join(thread, NULL);
	expect(1);
}

/* The end itself would not poll readable for it. */
static void U26_a_loop_hears_of_an_answer_by_a_descriptor_of_its_own(void **state)
{
	struct scheme_ring_kernel *kern = mod_kern();
	eventfd_t count;

	(void)state;
	open_one();
	park_one();
	provider->self_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(scheme_ring_server_arm(server), 0);
	mod.enters = 0;
	/* as another thread: the server's own is in no step */
	assert_int_equal(scheme_reply(seen.parked, 1), 0);
	assert_int_equal(eventfd_read(provider->self_fd, &count), 0);
	assert_int_equal(mod.enters, 0);
	scheme_ring_disarm(provider);
	assert_int_equal(scheme_ring_server_arm(server), 1);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
	expect(1);
	__real_close(provider->self_fd);
	provider->self_fd = -1;
	assert_int_equal(kern->state, 0);
}

/* ---- the end -------------------------------------------------------------------------- */

static void U12_a_closed_end_is_the_others_shutdown(void **state)
{
	(void)state;
	get_read(SCHEME_ROOT, 0);
	assert_int_equal(scheme_ring_submit(client), 1);
	scheme_ring_close(client);
	client = NULL;
	assert_int_equal(scheme_ring_server_step(server, -1), 1);
	assert_int_equal(seen.reads, 1);	/* what was there is served */
	assert_int_equal(scheme_ring_server_step(server, -1), -ESHUTDOWN);
	assert_int_equal(scheme_ring_alive(provider), -ESHUTDOWN);
}

static void U10_an_index_that_cannot_be_is_told_to_the_module(void **state)
{
	struct scheme_ring_provider *p = (void *)(mod.mem + mod.info.provider_off);

	(void)state;
	p->cq_tail = 1000;
	assert_int_equal(scheme_ring_wait_cqe(client, &(struct scheme_cqe *){ NULL }, -1),
			 -EIO);
	assert_int_equal(mod_kern()->state, SCHEME_RING_BROKEN);
	assert_int_equal(scheme_ring_server_step(server, 0), -EIO);
}

/* ---- the pool -------------------------------------------------------------------------- */

static void U22_bad_entries_do_not_cost_a_call_each(void **state)
{
	(void)state;
	mod.infos = 0;
	for (int i = 0; i < 8; i++)
		get_read(SCHEME_ROOT, 1ULL << 31);
	step(8);
	assert_int_equal(mod.infos, 1);
	for (int i = 0; i < 8; i++)
		expect(-EFAULT);
}

static void U22_regions_are_learnt_when_they_are_named(void **state)
{
	int fd = scheme_ring_region_create(2 * PAGE);

	(void)state;
	mod.infos = 0;
	assert_int_equal(scheme_ring_add_region(client, fd, 1U << 30, 2 * PAGE), 0);
	get_read(SCHEME_ROOT, (1U << 30) + 2 * PAGE - 1);
	get_read(SCHEME_ROOT, (1U << 30) + 2 * PAGE);
	step(2);
	expect(1);
	expect(-EFAULT);
	assert_int_equal(*(uint8_t *)scheme_ring_at(client, (1U << 30) + 2 * PAGE - 1, 1),
			 0x55);
	assert_int_equal(scheme_ring_learn_regions(provider), 0);
	assert_int_equal(scheme_ring_add_region(provider, fd, 1ULL << 31, PAGE), -EACCES);
	__real_close(fd);
}

/* ---- files ------------------------------------------------------------------------------ */

#define FIXED	SCHEME_RING_FIXED

static void U23_a_file_is_asked_for_once(void **state)
{
	(void)state;
	mod.file[0] = (struct mod_file){ .number = 77, .flags = O_RDWR };
	assert_int_equal(scheme_ring_add_file(client, 5), 0);
	for (int i = 0; i < 3; i++) {
		get_read(FIXED, 0);
		get_read(FIXED, 0);
		step(2);
		expect(1);
		expect(1);
		assert_int_equal(seen.sqe.handle, 77);
	}
	assert_int_equal(mod.asks, 1);
}

static void U23_what_is_not_registered_costs_one_call(void **state)
{
	(void)state;
	for (unsigned int i = 8; i--; )
		get_read(FIXED | i, 0);
	step(8);
	assert_int_equal(mod.asks, 1);
	for (int i = 0; i < 8; i++)
		expect(-EBADF);
	get_read(FIXED | SCHEME_RING_FILES_MAX, 0);
	step(1);
	expect(-EBADF);
	assert_int_equal(mod.asks, 1);
	/* one is there later */
	assert_int_equal(scheme_ring_add_file(client, 5), 0);
	get_read(FIXED | 1, 0);
	get_read(FIXED, 0);
	step(2);
	expect(-EBADF);
	expect(1);
	assert_int_equal(mod.asks, 3);
}

static void U23_access_modes_count(void **state)
{
	(void)state;
	mod.file[0] = (struct mod_file){ .number = 1, .flags = O_RDONLY };
	mod.file[1] = (struct mod_file){ .number = 2, .flags = O_WRONLY | O_APPEND };
	mod.nr_files = 2;
	get_read(FIXED | 1, 0);
	scheme_ring_prep_write(get(1), FIXED, 0, 1, 0);
	step(2);
	expect(-EBADF);
	expect(-EBADF);
	scheme_ring_prep_write(get(1), FIXED | 1, 0, 1, 0);
	step(1);
	assert_int_equal(seen.sqe.op_flags, SCHEME_RW_APPEND);
	assert_int_equal(scheme_reply(seen.parked, 1), 0);
	assert_int_equal(scheme_ring_server_step(server, 0), 0);
	expect(1);
}

static void U24_ids_are_the_kernels(void **state)
{
	(void)state;
	get(1)->opcode = SCHEME_OP_NOP;
	get_read(SCHEME_ROOT, 0);
	step(2);
	assert_int_equal(seen.sqe.pid, 11);
	assert_int_equal(seen.sqe.uid, 22);
	assert_int_equal(seen.sqe.gid, 33);
	expect(0);
	expect(1);
}

static void U19_a_registered_files_readiness_comes_from_the_module(void **state)
{
	struct scheme_sqe *sqe;

	(void)state;
	mod.file[0] = (struct mod_file){ .number = 77, .events = EPOLLPRI };
	mod.nr_files = 1;
	sqe = get(1);
	sqe->opcode = SCHEME_OP_EVENT;
	sqe->handle = FIXED;
	sqe->op_flags = EPOLLPRI | EPOLLIN;
	step(1);
	expect(EPOLLPRI);
	/* from now on what is posted here is newer */
	assert_int_equal(scheme_post_ready(scheme, 77, EPOLLIN), 0);
	sqe = get(1);
	sqe->opcode = SCHEME_OP_EVENT;
	sqe->handle = FIXED;
	sqe->op_flags = EPOLLPRI | EPOLLIN;
	step(1);
	expect(EPOLLIN);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U6_a_ring_has_the_modules_numbers_and_the_clients_word),
		cmocka_unit_test(U6_a_refused_ring_leaves_nothing),
		cmocka_unit_test(U6_a_layout_that_cannot_be_is_refused),
		TEST(U7_each_side_can_write_its_own_parts_only),
		TEST(U14_a_doorbell_rings_for_who_polls_as_for_who_sleeps),
		TEST(U14_doorbell_and_sleep_are_one_call),
		TEST(U14_a_wait_ends_with_its_time),
		TEST(U26_answer_from_another_thread_wakes_the_server),
		TEST(U26_a_loop_hears_of_an_answer_by_a_descriptor_of_its_own),
		TEST(U12_a_closed_end_is_the_others_shutdown),
		TEST(U10_an_index_that_cannot_be_is_told_to_the_module),
		TEST(U22_bad_entries_do_not_cost_a_call_each),
		TEST(U22_regions_are_learnt_when_they_are_named),
		TEST(U23_a_file_is_asked_for_once),
		TEST(U23_what_is_not_registered_costs_one_call),
		TEST(U23_access_modes_count),
		TEST(U24_ids_are_the_kernels),
		TEST(U19_a_registered_files_readiness_comes_from_the_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
