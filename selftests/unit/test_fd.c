// SPDX-License-Identifier: MIT
/* Files in flight and memory to map: callbacks, commands, and the answers. */
#include "fake_kernel.h"

#include <fcntl.h>

/* What the last callback was given. */
struct seen {
	unsigned int		calls, unmaps;
	struct scheme_req	*req;
	uint64_t		handle, word, offset, size;
	char			name[SCHEME_PATH_MAX + 1];
	unsigned int		flags;
};

static struct fake *fake;
static struct seen seen;

/* Parked: the test answers. */
static void see_file(struct scheme_req *req, uint64_t handle, const char *name,
		     uint64_t word)
{
	seen.calls++;
	seen.req = req;
	seen.handle = handle;
	seen.word = word;
	strcpy(seen.name, name);
}

static void see_prep(struct scheme_req *req, uint64_t handle, uint64_t offset,
		     uint64_t size, unsigned int flags)
{
	seen.calls++;
	seen.req = req;
	seen.handle = handle;
	seen.offset = offset;
	seen.size = size;
	seen.flags = flags;
}

static void see_munmap(struct scheme *s, uint64_t handle)
{
	assert_ptr_equal(scheme_user(s), fake);
	seen.unmaps++;
	seen.handle = handle;
}

static const struct scheme_ops ops = {
	.sendfd = see_file, .recvfd = see_file, .mmap_prep = see_prep,
	.munmap = see_munmap,
};

static int setup(void **state)
{
	memset(&seen, 0, sizeof(seen));
	*state = fake = fake_new(&ops, 0);
	return 0;
}

static int setup_without_ops(void **state)
{
	memset(&seen, 0, sizeof(seen));
	*state = fake = fake_new(NULL, 0);
	return 0;
}

static int teardown(void **state)
{
	fake_free(*state);
	return 0;
}

static struct scheme_sqe file_request(uint8_t opcode, const char *name)
{
	struct scheme_sqe sqe = fake_request(fake, opcode, 3, 5, name,
					     (uint32_t)strlen(name));

	sqe.handle = 17;
	sqe.aux = UINT64_MAX;
	return sqe;
}

/* Serve one entry and take what was answered. */
static void serve(const struct scheme_sqe *sqe)
{
	fake->nr = 0;
	fake_submit(fake, sqe);
	assert_int_equal(scheme_queue_step(&fake->queue, 0), 1);
}

static void expect_answer(const struct scheme_sqe *sqe, uint16_t kind,
			  int64_t result, uint64_t extra)
{
	scheme_queue_flush(&fake->queue);
	assert_int_equal(fake->nr, 1);
	assert_int_equal(fake->answers[0].user_data, sqe->user_data);
	assert_int_equal(fake->answers[0].kind, kind);
	assert_int_equal(fake->answers[0].result, result);
	assert_int_equal(fake->answers[0].extra, extra);
	assert_int_equal(fake->answers[0].flags, 0);
}

static void sendfd_gets_name_and_word_and_fetches(void **state)
{
	struct scheme_sqe sqe = file_request(SCHEME_OP_SENDFD, "/door");

	(void)state;
	memset(fake->mem->slots[3] + 5, 'x', 100);	/* from before */
	sqe.op_flags = SCHEME_SENDFD_CLONE;
	serve(&sqe);
	assert_string_equal(seen.name, "/door");
	assert_int_equal(seen.handle, 17);
	assert_int_equal(seen.word, UINT64_MAX);
	assert_int_equal(scheme_req_flags(seen.req), SCHEME_SENDFD_CLONE);
	fake->ioctl_ret = 42;
	assert_int_equal(scheme_req_fetch_fd(seen.req, O_CLOEXEC), 42);
	assert_int_equal(fake->cmd, SCHEME_IOC_FETCH);
	assert_int_equal(fake->arg.fetch.tag, sqe.user_data);
	assert_int_equal(fake->arg.fetch.flags, O_CLOEXEC);
	assert_int_equal(fake->arg.fetch.reserved, 0);
	fake->ioctl_ret = -ENOENT;
	assert_int_equal(scheme_req_fetch_fd(seen.req, 0), -ENOENT);
	assert_int_equal(scheme_reply(seen.req, 6), 0);
	expect_answer(&sqe, SCHEME_CQE_VALUE, 6, 0);
}

static void recvfd_is_answered_with_a_ticket(void **state)
{
	struct scheme_sqe sqe = file_request(SCHEME_OP_RECVFD, "");

	(void)state;
	serve(&sqe);
	assert_string_equal(seen.name, "");
	assert_int_equal(scheme_reply_fd(seen.req, 12), 0);
	assert_int_equal(fake->cmd, SCHEME_IOC_ATTACH);
	assert_int_equal(fake->arg.attach.tag, sqe.user_data);
	assert_int_equal(fake->arg.attach.fd, 12);
	assert_int_equal(fake->arg.attach.flags, 0);
	expect_answer(&sqe, SCHEME_CQE_NEW_FD, 0, 99);
}

static void file_that_cannot_be_attached_is_an_error(void **state)
{
	static const struct {
		int attach, answer;
	} errors[] = {
		{ -EOPNOTSUPP, -EOPNOTSUPP }, { -ECANCELED, -ECANCELED },
		{ -EBADF, -EIO }, { -EBUSY, -EIO }, { -EALREADY, -EIO },
	};
	struct scheme_sqe sqe = file_request(SCHEME_OP_RECVFD, "");

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake->ioctl_ret = 0;
		serve(&sqe);
		fake->ioctl_ret = errors[i].attach;
		assert_int_equal(scheme_reply_fd(seen.req, 12), errors[i].attach);
		expect_answer(&sqe, SCHEME_CQE_VALUE, errors[i].answer, 0);
		/* that was its answer */
		assert_int_equal(scheme_reply(seen.req, 0), -EALREADY);
	}
}

static void answered_request_attaches_nothing(void **state)
{
	struct scheme_sqe sqe = file_request(SCHEME_OP_RECVFD, "");

	(void)state;
	serve(&sqe);
	assert_int_equal(scheme_reply(seen.req, -EAGAIN), 0);
	assert_int_equal(scheme_reply_fd(seen.req, 12), -EALREADY);
	assert_int_equal(fake->ioctls, 0);
	expect_answer(&sqe, SCHEME_CQE_VALUE, -EAGAIN, 0);
}

static void mmap_prep_gets_its_window_and_attaches(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_MMAP_PREP, 1, 1,
					     NULL, 0);

	(void)state;
	sqe.handle = 18;
	sqe.offset = 1ULL << 40;
	sqe.aux = 8192;
	sqe.op_flags = SCHEME_MAP_WRITE;
	serve(&sqe);
	assert_int_equal(seen.handle, 18);
	assert_int_equal(seen.offset, 1ULL << 40);
	assert_int_equal(seen.size, 8192);
	assert_int_equal(seen.flags, SCHEME_MAP_WRITE);
	assert_int_equal(scheme_req_attach_memory(seen.req, 4, 4096, 8192,
						  SCHEME_MAP_WRITE), 0);
	assert_int_equal(fake->cmd, SCHEME_IOC_ATTACH_MEMORY);
	assert_int_equal(fake->arg.memory.tag, sqe.user_data);
	assert_int_equal(fake->arg.memory.fd, 4);
	assert_int_equal(fake->arg.memory.offset, 4096);
	assert_int_equal(fake->arg.memory.size, 8192);
	assert_int_equal(fake->arg.memory.flags, SCHEME_MAP_WRITE);
	assert_int_equal(scheme_reply(seen.req, 0), 0);
	expect_answer(&sqe, SCHEME_CQE_VALUE, 0, 0);
}

static void munmap_is_told_and_not_answered(void **state)
{
	struct scheme_sqe sqe = {
		.opcode = SCHEME_OP_MUNMAP,
		.flags = SCHEME_SQE_ONEWAY,
		.handle = 13,
	};

	(void)state;
	serve(&sqe);
	assert_int_equal(fake->nr, 0);
	assert_int_equal(seen.unmaps, fake->scheme.ops.munmap ? 1 : 0);
	assert_int_equal(seen.handle, fake->scheme.ops.munmap ? 13 : 0);
}

static void absent_callback_is_eopnotsupp(void **state)
{
	static const uint8_t opcodes[] = {
		SCHEME_OP_SENDFD, SCHEME_OP_RECVFD, SCHEME_OP_MMAP_PREP,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(opcodes); i++) {
		struct scheme_sqe sqe = file_request(opcodes[i], "");

		serve(&sqe);
		expect_answer(&sqe, SCHEME_CQE_VALUE, -EOPNOTSUPP, 0);
	}
}

static void name_needs_room_for_its_end(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_SENDFD,
					     FAKE_DEPTH - 1, 0, NULL, FAKE_SLOT);

	(void)state;
	serve(&sqe);
	expect_answer(&sqe, SCHEME_CQE_VALUE, -EINVAL, 0);
	sqe = fake_request(fake, SCHEME_OP_RECVFD, 0, 0, NULL,
			   SCHEME_PATH_MAX + 1);
	serve(&sqe);
	expect_answer(&sqe, SCHEME_CQE_VALUE, -ENAMETOOLONG, 0);
	assert_int_equal(seen.calls, 0);
}

/* Refused before any system call. */
static void client_names_have_a_limit(void **state)
{
	static char name[SCHEME_PATH_MAX + 2];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	assert_int_equal(scheme_sendfd(-1, 0, name, 0, 0, NULL), -ENAMETOOLONG);
	assert_int_equal(scheme_recvfd(-1, name, 0, 0), -ENAMETOOLONG);
	name[SCHEME_PATH_MAX] = 0;
	assert_int_equal(scheme_sendfd(-1, 0, name, 0, 0, NULL), -EBADF);
	assert_int_equal(scheme_recvfd(-1, name, 0, 0), -EBADF);
	assert_int_equal(scheme_mmap_prep(-1, 0, 4096, 0), -EBADF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BARE(name) \
	cmocka_unit_test_setup_teardown(name, setup_without_ops, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sendfd_gets_name_and_word_and_fetches),
		TEST(recvfd_is_answered_with_a_ticket),
		TEST(file_that_cannot_be_attached_is_an_error),
		TEST(answered_request_attaches_nothing),
		TEST(mmap_prep_gets_its_window_and_attaches),
		TEST(munmap_is_told_and_not_answered),
		BARE(munmap_is_told_and_not_answered),
		BARE(absent_callback_is_eopnotsupp),
		TEST(name_needs_room_for_its_end),
		TEST(client_names_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
