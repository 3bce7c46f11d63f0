// SPDX-License-Identifier: MIT
/* From an entry to a callback and back: arguments, refusals, one answer each. */
#include "fake_kernel.h"

#include <fcntl.h>
#include <sys/epoll.h>

/* What the last callback was given. */
struct seen {
	unsigned int		calls, closes, cancels;
	struct scheme_req	*req;
	uint64_t		handle, offset;
	char			text[SCHEME_PATH_MAX + 1];
	const void		*buf;
	uint32_t		len, out_len;
	uint64_t		word[3];
	int			flags;
	mode_t			mode;
	bool			data_only;
};

static struct fake *fake;
static struct seen seen;

static void see(struct scheme_req *req, uint64_t handle)
{
	seen.calls++;
	seen.req = req;
	seen.handle = handle;
}

static void see_open(struct scheme_req *req, uint64_t dir, const char *path,
		     int flags, mode_t mode)
{
	see(req, dir);
	strcpy(seen.text, path);
	seen.flags = flags;
	seen.mode = mode;
	scheme_reply_open(req, 42, SCHEME_CQE_F_EVENTS, EPOLLIN);
}

static void see_close(struct scheme *s, uint64_t handle)
{
	assert_ptr_equal(scheme_user(s), fake);
	seen.closes++;
	seen.handle = handle;
}

static void see_dup(struct scheme_req *req, uint64_t handle, const char *name)
{
	see(req, handle);
	strcpy(seen.text, name);
	scheme_reply_open(req, 43, SCHEME_CQE_F_POSITIONED, EPOLLIN);
}

/* Parked. */
static void see_read(struct scheme_req *req, uint64_t handle, void *buf,
		     uint32_t len, uint64_t offset)
{
	see(req, handle);
	seen.buf = buf;
	seen.len = len;
	seen.offset = offset;
	scheme_req_set_user(req, &seen);
}

static void see_write(struct scheme_req *req, uint64_t handle, const void *buf,
		      uint32_t len, uint64_t offset)
{
	see_read(req, handle, (void *)buf, len, offset);
	scheme_reply(req, len);
}

/* Answers the words and the payload, in reverse. */
static void see_call(struct scheme_req *req, uint64_t handle,
		     const uint64_t word[3], const void *in, uint32_t in_len,
		     void *out, uint32_t out_len)
{
	see(req, handle);
	memcpy(seen.word, word, sizeof(seen.word));
	memcpy(seen.text, in, in_len);
	seen.len = in_len;
	seen.out_len = out_len;
	for (uint32_t i = 0; i < in_len && i < out_len; i++)
		((char *)out)[i] = seen.text[in_len - 1 - i];
	/* what the words point at is not the slot */
	assert_memory_equal(seen.word, word, sizeof(seen.word));
	scheme_reply_call(req, 7, in_len);
}

static void see_fsize(struct scheme_req *req, uint64_t handle)
{
	see(req, handle);
	scheme_reply(req, 1LL << 40);
}

static void see_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	see(req, handle);
	seen.data_only = data_only;
	scheme_reply(req, 0);
}

static void see_cancel(struct scheme_req *req)
{
	seen.cancels++;
	seen.req = req;
}

static const struct scheme_ops all_ops = {
	.open = see_open, .close = see_close, .dup = see_dup, .read = see_read,
	.write = see_write, .call = see_call, .fsize = see_fsize,
	.fsync = see_fsync, .cancel = see_cancel,
};

static int setup(void **state)
{
	memset(&seen, 0, sizeof(seen));
	*state = fake = fake_new(&all_ops, 0);
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

/* Serve one entry and take what was answered. */
static void serve(const struct scheme_sqe *sqe)
{
	fake->nr = 0;
	fake_submit(fake, sqe);
	assert_int_equal(scheme_queue_step(&fake->queue, 0), 1);
}

static void expect_answer(const struct scheme_sqe *sqe, int64_t result)
{
	assert_int_equal(fake->nr, 1);
	assert_int_equal(fake->answers[0].user_data, sqe->user_data);
	assert_int_equal(fake->answers[0].result, result);
	assert_int_equal(fake->answers[0].kind, SCHEME_CQE_VALUE);
	assert_int_equal(fake->answers[0].status, 0);
}

static struct scheme_sqe text_request(uint8_t opcode, const char *text)
{
	return fake_request(fake, opcode, 2, 9, text, (uint32_t)strlen(text));
}

/* ---- what callbacks are given --------------------------------------------- */

static void open_gets_path_flags_and_mode(void **state)
{
	struct scheme_sqe sqe = text_request(SCHEME_OP_OPEN, "a/b");

	(void)state;
	memset(fake->mem->slots[2] + 3, 'x', 100);	/* from before */
	sqe.handle = SCHEME_ROOT;
	sqe.op_flags = O_RDWR | O_CREAT;
	sqe.aux = 0640;
	serve(&sqe);
	assert_string_equal(seen.text, "a/b");
	assert_int_equal(seen.handle, SCHEME_ROOT);
	assert_int_equal(seen.flags, O_RDWR | O_CREAT);
	assert_int_equal(seen.mode, 0640);
	expect_answer(&sqe, 42);
	assert_int_equal(fake->answers[0].flags, SCHEME_CQE_F_EVENTS);
	assert_int_equal(fake->answers[0].extra, EPOLLIN);
}

static void leading_slashes_of_a_path_are_stripped(void **state)
{
	struct scheme_sqe sqe = text_request(SCHEME_OP_OPEN, "///a//b/");

	(void)state;
	serve(&sqe);
	assert_string_equal(seen.text, "a//b/");
	sqe = text_request(SCHEME_OP_OPEN, "/");
	serve(&sqe);
	assert_string_equal(seen.text, "");
}

static void empty_path_is_the_root(void **state)
{
	struct scheme_sqe sqe = text_request(SCHEME_OP_OPEN, "");

	(void)state;
	memset(fake->mem->slots[2], 'x', 10);
	serve(&sqe);
	assert_string_equal(seen.text, "");
}

static void longest_path_fills_the_last_slot(void **state)
{
	char path[SCHEME_PATH_MAX];
	struct scheme_sqe sqe;

	(void)state;
	memset(path, 'p', sizeof(path));
	sqe = fake_request(fake, SCHEME_OP_OPEN, FAKE_DEPTH - 1, 0, path,
			   sizeof(path));
	serve(&sqe);
	assert_int_equal(strlen(seen.text), SCHEME_PATH_MAX);
	expect_answer(&sqe, 42);
}

static void longer_path_is_enametoolong(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_OPEN, 0, 0, NULL,
					     SCHEME_PATH_MAX + 1);

	(void)state;
	serve(&sqe);
	assert_int_equal(seen.calls, 0);
	expect_answer(&sqe, -ENAMETOOLONG);
}

static void dup_gets_its_string_as_it_is(void **state)
{
	struct scheme_sqe sqe = text_request(SCHEME_OP_DUP, "/x");

	(void)state;
	sqe.handle = 5;
	serve(&sqe);
	assert_string_equal(seen.text, "/x");
	assert_int_equal(seen.handle, 5);
	expect_answer(&sqe, 43);
	assert_int_equal(fake->answers[0].flags, SCHEME_CQE_F_POSITIONED);
	assert_int_equal(fake->answers[0].extra, 0);	/* no F_EVENTS */
}

static void read_and_write_get_the_slot(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_WRITE, 6, 1, NULL,
					     FAKE_SLOT);

	(void)state;
	sqe.handle = 5;
	sqe.offset = 1ULL << 33;
	serve(&sqe);
	assert_ptr_equal(seen.buf, fake->mem->slots[6]);
	assert_int_equal(seen.len, FAKE_SLOT);
	assert_int_equal(seen.offset, 1ULL << 33);
	expect_answer(&sqe, FAKE_SLOT);
	sqe.opcode = SCHEME_OP_READ;
	sqe.op_flags = SCHEME_RW_NONBLOCK;
	sqe.offset = SCHEME_NO_OFFSET;
	serve(&sqe);
	assert_ptr_equal(seen.buf, fake->mem->slots[6]);
	assert_int_equal(seen.offset, SCHEME_NO_OFFSET);
	assert_int_equal(scheme_req_flags(seen.req), SCHEME_RW_NONBLOCK);
}

static struct scheme_sqe call_request(const char *text, uint32_t in_len,
				      uint32_t out_len)
{
	struct scheme_call_header header = {
		.word = { 1, 2, UINT64_MAX },
		.in_len = in_len,
		.out_len = out_len,
	};
	uint8_t data[256];

	memcpy(data, &header, sizeof(header));
	memcpy(data + sizeof(header), text, strlen(text));
	return fake_request(fake, SCHEME_OP_CALL, 1, 0, data,
			    (uint32_t)(sizeof(header) + strlen(text)));
}

static void call_gets_words_and_room(void **state)
{
	struct scheme_sqe sqe = call_request("abc", 3, FAKE_SLOT);

	(void)state;
	serve(&sqe);
	assert_memory_equal(seen.text, "abc", 3);
	assert_int_equal(seen.len, 3);
	assert_int_equal(seen.out_len, FAKE_SLOT);
	assert_int_equal(seen.word[2], UINT64_MAX);
	assert_memory_equal(fake->mem->slots[1], "cba", 3);
	expect_answer(&sqe, 7);
	assert_int_equal(fake->answers[0].extra, 3);
}

static void call_header_that_cannot_be_is_einval(void **state)
{
	struct scheme_sqe sqe = call_request("abc", 4, 0);

	(void)state;
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
	sqe = call_request("abc", 3, FAKE_SLOT + 1);
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
	sqe.len = sizeof(struct scheme_call_header) - 1;
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
	assert_int_equal(seen.calls, 0);
}

static void fsize_and_fsync_are_served(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_FSIZE, 0, 0, NULL, 0);

	(void)state;
	serve(&sqe);
	expect_answer(&sqe, 1LL << 40);
	sqe.opcode = SCHEME_OP_FSYNC;
	serve(&sqe);
	assert_false(seen.data_only);
	sqe.op_flags = SCHEME_FSYNC_DATA;
	serve(&sqe);
	assert_true(seen.data_only);
	expect_answer(&sqe, 0);
}

static void close_is_told_and_not_answered(void **state)
{
	struct scheme_sqe sqe = {
		.opcode = SCHEME_OP_CLOSE,
		.flags = SCHEME_SQE_ONEWAY,
		.handle = 13,
		.user_data = ~0ULL,
	};

	(void)state;
	serve(&sqe);
	assert_int_equal(seen.closes, 1);
	assert_int_equal(seen.handle, 13);
	assert_int_equal(fake->nr, 0);
}

/* ---- what is refused ------------------------------------------------------ */

static void unknown_opcode_is_enosys(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_LAST + 1, 0, 0,
					     NULL, 0);

	(void)state;
	serve(&sqe);
	expect_answer(&sqe, -ENOSYS);
	sqe.opcode = 255;
	serve(&sqe);
	expect_answer(&sqe, -ENOSYS);
}

static void absent_callback_is_eopnotsupp(void **state)
{
	struct scheme_sqe sqe;

	(void)state;
	for (uint8_t op = SCHEME_OP_NOP + 1; op <= SCHEME_OP_LAST; op++) {
		sqe = fake_request(fake, op, 0, op, NULL, 0);
		serve(&sqe);
		expect_answer(&sqe, -EOPNOTSUPP);
	}
	sqe = fake_request(fake, SCHEME_OP_NOP, 0, 0, NULL, 0);
	serve(&sqe);
	expect_answer(&sqe, 0);
}

static void oneway_entry_never_gets_an_answer(void **state)
{
	struct scheme_sqe sqe = { .flags = SCHEME_SQE_ONEWAY };

	(void)state;
	for (unsigned int op = 0; op < 256; op++) {
		sqe.opcode = (uint8_t)op;
		serve(&sqe);
		assert_int_equal(fake->nr, 0);
	}
}

static void payload_outside_the_slots_is_einval(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_WRITE,
					     FAKE_DEPTH - 1, 0, NULL, FAKE_SLOT + 1);

	(void)state;
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
	sqe.addr = UINT64_MAX - 10;
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
	/* no room for the NUL */
	sqe = fake_request(fake, SCHEME_OP_OPEN, FAKE_DEPTH - 1, 0, NULL, 10);
	sqe.addr = (uint64_t)FAKE_DEPTH * FAKE_SLOT - 10;
	serve(&sqe);
	expect_answer(&sqe, -EINVAL);
	assert_int_equal(seen.calls, 0);
}

/* ---- one answer each ------------------------------------------------------ */

static void second_answer_is_ealready(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_READ, 4, 1, NULL, 8);

	(void)state;
	serve(&sqe);
	assert_int_equal(fake->nr, 0);
	assert_int_equal(scheme_reply(seen.req, 1), 0);
	expect_answer(&sqe, 1);
	assert_int_equal(scheme_reply(seen.req, 2), -EALREADY);
	assert_int_equal(scheme_reply_open(seen.req, 2, 0, 0), -EALREADY);
	assert_int_equal(scheme_reply_call(seen.req, 2, 0), -EALREADY);
	assert_int_equal(fake->nr, 1);
}

static void slot_comes_again_with_another_generation(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_READ, 4, 1, NULL, 8);

	(void)state;
	serve(&sqe);
	scheme_req_set_user(seen.req, &sqe);
	assert_int_equal(scheme_reply(seen.req, 1), 0);
	sqe.user_data += 1ULL << 32;
	serve(&sqe);
	assert_ptr_equal(scheme_req_user(seen.req), &seen);
	assert_int_equal(scheme_reply(seen.req, 2), 0);
	expect_answer(&sqe, 2);
}

static void number_that_looks_like_an_error_is_refused(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_READ, 0, 0, NULL, 0);

	(void)state;
	serve(&sqe);
	assert_int_equal(scheme_reply_open(seen.req, SCHEME_ROOT, 0, 0), -EINVAL);
	expect_answer(&sqe, -EIO);
	assert_int_equal(scheme_reply(seen.req, 0), -EALREADY);
}

static struct scheme_sqe cancel_of(const struct scheme_sqe *sqe)
{
	return (struct scheme_sqe){
		.opcode = SCHEME_OP_CANCEL,
		.flags = SCHEME_SQE_ONEWAY,
		.user_data = sqe->user_data,
	};
}

static void cancel_names_the_parked_request(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_READ, 4, 1, NULL, 8);
	struct scheme_sqe cancel = cancel_of(&sqe);
	struct scheme_req *req;

	(void)state;
	serve(&sqe);
	req = seen.req;
	serve(&cancel);
	assert_int_equal(seen.cancels, 1);
	assert_ptr_equal(seen.req, req);
	assert_int_equal(fake->nr, 0);
	assert_int_equal(scheme_reply(req, -ECANCELED), 0);
	expect_answer(&sqe, -ECANCELED);
}

static void cancel_that_comes_late_is_ignored(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_READ, 4, 1, NULL, 8);
	struct scheme_sqe cancel = cancel_of(&sqe);

	(void)state;
	serve(&cancel);				/* never seen */
	serve(&sqe);
	assert_int_equal(scheme_reply(seen.req, 8), 0);
	serve(&cancel);				/* answered */
	sqe.user_data += 1ULL << 32;
	serve(&sqe);
	serve(&cancel);				/* another generation */
	cancel.user_data = FAKE_DEPTH;
	serve(&cancel);				/* no such slot */
	assert_int_equal(seen.cancels, 0);
}

/* The copy is what counts; the ring's place may be taken at once. */
static void entry_is_copied_before_its_place_is_free(void **state)
{
	struct scheme_sqe sqe = fake_request(fake, SCHEME_OP_READ, 4, 1, NULL, 8);

	(void)state;
	serve(&sqe);
	memset(fake->mem->sqes, 0xff, sizeof(fake->mem->sqes));
	assert_memory_equal(scheme_req_sqe(seen.req), &sqe, sizeof(sqe));
	assert_ptr_equal(scheme_req_scheme(seen.req), &fake->scheme);
	assert_ptr_equal(scheme_req_queue(seen.req), &fake->queue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BARE(name) \
	cmocka_unit_test_setup_teardown(name, setup_without_ops, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_gets_path_flags_and_mode),
		TEST(leading_slashes_of_a_path_are_stripped),
		TEST(empty_path_is_the_root),
		TEST(longest_path_fills_the_last_slot),
		TEST(longer_path_is_enametoolong),
		TEST(dup_gets_its_string_as_it_is),
		TEST(read_and_write_get_the_slot),
		TEST(call_gets_words_and_room),
		TEST(call_header_that_cannot_be_is_einval),
		TEST(fsize_and_fsync_are_served),
		TEST(close_is_told_and_not_answered),
		TEST(unknown_opcode_is_enosys),
		BARE(absent_callback_is_eopnotsupp),
		BARE(oneway_entry_never_gets_an_answer),
		TEST(oneway_entry_never_gets_an_answer),
		TEST(payload_outside_the_slots_is_einval),
		TEST(second_answer_is_ealready),
		TEST(slot_comes_again_with_another_generation),
		TEST(number_that_looks_like_an_error_is_refused),
		TEST(cancel_names_the_parked_request),
		TEST(cancel_that_comes_late_is_ignored),
		TEST(entry_is_copied_before_its_place_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
