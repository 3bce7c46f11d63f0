// SPDX-License-Identifier: GPL-2.0
/* Files in flight: where one goes, and that it goes nowhere else. */
#include "../ticket.c"

#include "suites.h"

/*
 * The test has a second reference to every file, so as to see what becomes of
 * the first.
 */
static struct file *file_pair(struct kunit *test)
{
	return get_file(schm_world_file(test, "[file]"));
}

static void expect_ours(struct kunit *test, struct file *file)
{
	KUNIT_EXPECT_EQ(test, (int)file_count(file), 1);
	fput(file);
}

/* Sent, and as the provider has it. */
static struct schm_req *sent(struct kunit *test, u8 opcode)
{
	struct schm_req *req = schm_world_reserved(test, opcode);

	req->takes_file = true;
	schm_req_submit(req, 0);
	return req;
}

/* One that carries the file. */
static struct schm_req *sent_with(struct kunit *test, struct file *file)
{
	struct schm_req *req = schm_world_reserved(test, SCHEME_OP_SENDFD);

	schm_ticket_send(req, file);
	schm_req_submit(req, 0);
	return req;
}

static int answer(struct schm_req *req, struct scheme_cqe cqe)
{
	cqe.user_data = schm_world_tag(req);
	return schm_prov_answer(req->queue, cqe);
}

static int answer_with(struct schm_req *req, u64 ticket)
{
	return answer(req, (struct scheme_cqe){
		.kind = SCHEME_CQE_NEW_FD, .extra = ticket });
}

/* ---- SENDFD ---------------------------------------------------------------- */

static void S27_file_is_fetched_once(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req = sent_with(test, file);
	u64 tag = schm_world_tag(req);

	KUNIT_EXPECT_PTR_EQ(test, schm_ticket_fetch(w->q, tag), file);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag)), -ENOENT);
	KUNIT_EXPECT_EQ(test, (int)file_count(file), 2);
	fput(file);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){}), 0);
	schm_req_put(req);
	expect_ours(test, file);
}

static void S27_file_that_is_not_fetched_goes_with_its_request(struct kunit *test)
{
	struct file *file = file_pair(test);
	struct schm_req *req = sent_with(test, file);

	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){}), 0);
	schm_req_put(req);
	expect_ours(test, file);
}

static void S27_file_that_was_put_back_is_fetched_again(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req = sent_with(test, file);
	u64 tag = schm_world_tag(req);

	KUNIT_EXPECT_PTR_EQ(test, schm_ticket_fetch(w->q, tag), file);
	schm_ticket_unfetch(w->q, tag, file);
	KUNIT_EXPECT_PTR_EQ(test, schm_ticket_fetch(w->q, tag), file);
	/* but not if there is no request for it any more */
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){}), 0);
	schm_ticket_unfetch(w->q, tag, file);
	KUNIT_EXPECT_EQ(test, (int)file_count(file), 1);
	schm_req_put(req);
	expect_ours(test, file);
}

static void S27_nothing_is_fetched_but_from_a_sendfd(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req = sent(test, SCHEME_OP_RECVFD);
	u64 tag = schm_world_tag(req), id;

	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag)), -EINVAL);
	/* not even what the provider has attached itself */
	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, tag, file, &id), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag)), -EINVAL);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){ .result = -EPERM }), 0);
	schm_req_put(req);
	expect_ours(test, file);
}

/* ---- tags ------------------------------------------------------------------ */

static void S27_request_is_found_by_its_tag_while_it_is_open(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req = sent_with(test, file);
	u64 tag = schm_world_tag(req);

	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag + 1)), -EBADF);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag + (1ULL << 32))), -EBADF);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, U64_MAX)), -EBADF);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->other, tag)), -EBADF);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){}), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag)), -EALREADY);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag)), -EBADF);
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag)), -ENODEV);
	expect_ours(test, file);
}

static void S19_client_that_leaves_takes_its_file_along(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req = sent_with(test, file);
	u64 tag = schm_world_tag(req);

	schm_req_abandon(req);
	KUNIT_EXPECT_EQ(test, (int)file_count(file), 1);
	KUNIT_EXPECT_EQ(test, PTR_ERR(schm_ticket_fetch(w->q, tag)), -ECANCELED);
	KUNIT_EXPECT_EQ(test, schm_prov_answer(w->q, (struct scheme_cqe){
		.user_data = tag }), 0);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
	expect_ours(test, file);
}

static void S19_file_for_a_client_that_leaves_is_released(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test), *late = file_pair(test);
	struct schm_req *req = sent(test, SCHEME_OP_RECVFD);
	u64 tag = schm_world_tag(req), id, id2;

	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, tag, file, &id), 0);
	schm_req_abandon(req);
	KUNIT_EXPECT_EQ(test, (int)file_count(file), 1);
	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, tag, late, &id2), -ECANCELED);
	/* the provider does not know yet, and its answer is right */
	KUNIT_EXPECT_EQ(test, schm_prov_answer(w->q, (struct scheme_cqe){
		.user_data = tag, .kind = SCHEME_CQE_NEW_FD, .extra = id }), 0);
	KUNIT_EXPECT_EQ(test, schm_world_in_use(test), 0);
	expect_ours(test, file);
	fput(late);
	expect_ours(test, late);
}

static void S20_file_in_flight_goes_with_the_scheme(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test), *other = file_pair(test);
	struct schm_req *req = sent_with(test, file);
	struct schm_req *receiver = sent(test, SCHEME_OP_RECVFD);
	u64 id;

	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, schm_world_tag(receiver),
						 other, &id), 0);
	schm_queue_fail(w->q, SCHEME_RING_DEAD);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -ENODEV);
	KUNIT_EXPECT_EQ(test, schm_req_wait(receiver), -ENODEV);
	KUNIT_EXPECT_NULL(test, schm_ticket_take(receiver));
	schm_req_put(req);
	schm_req_put(receiver);
	expect_ours(test, file);
	expect_ours(test, other);
}

/* ---- ATTACH ---------------------------------------------------------------- */

static void S26_client_gets_the_file_of_the_ticket(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req = sent(test, SCHEME_OP_RECVFD);
	u64 id = 0;

	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, schm_world_tag(req), file,
						 &id), 0);
	KUNIT_EXPECT_NE(test, id, 0);
	KUNIT_EXPECT_EQ(test, answer_with(req, 0), EBADF);
	KUNIT_EXPECT_EQ(test, answer_with(req, id + 1), EBADF);
	KUNIT_EXPECT_NULL(test, schm_ticket_take(req));
	KUNIT_EXPECT_EQ(test, answer_with(req, id), 0);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), 0);
	KUNIT_EXPECT_PTR_EQ(test, schm_ticket_take(req), file);
	KUNIT_EXPECT_NULL(test, schm_ticket_take(req));
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, (int)file_count(file), 2);
	fput(file);
	expect_ours(test, file);
}

static void S26_another_answer_releases_the_file(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req = sent(test, SCHEME_OP_RECVFD);
	u64 id;

	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, schm_world_tag(req), file,
						 &id), 0);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){ .result = -EPERM }), 0);
	KUNIT_EXPECT_EQ(test, schm_req_wait(req), -EPERM);
	KUNIT_EXPECT_NULL(test, schm_ticket_take(req));
	schm_req_put(req);
	expect_ours(test, file);
}

static void S26_request_has_one_file(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_memory memory = { .file = file };
	struct schm_req *req = sent(test, SCHEME_OP_OPEN);
	u64 tag = schm_world_tag(req), id, id2;

	req->opens = schm_handle_get(w->h);
	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, tag, file, &id), 0);
	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, tag, file, &id2), -EBUSY);
	KUNIT_EXPECT_EQ(test, schm_ticket_attach_memory(w->q, tag, &memory), -EBUSY);
	/* the first one is as it was */
	KUNIT_EXPECT_EQ(test, answer_with(req, id2), EBADF);
	KUNIT_EXPECT_EQ(test, answer_with(req, id), 0);
	schm_req_put(req);
	expect_ours(test, file);
}

static void S26_only_who_can_take_a_file_is_offered_one(struct kunit *test)
{
	static const u8 others[] = {
		SCHEME_OP_READ, SCHEME_OP_CALL, SCHEME_OP_SENDFD,
		SCHEME_OP_MMAP_PREP, SCHEME_OP_STAT,
	};
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	struct schm_req *req;
	unsigned int i;
	u64 id;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		req = sent(test, others[i]);
		KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, schm_world_tag(req),
							 file, &id), -EINVAL);
		KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){ .result = -EPERM }), 0);
		schm_req_put(req);
		schm_prov_drain(w->q);
	}
	/* an open(2) */
	req = schm_world_sent(test, SCHEME_OP_OPEN);
	KUNIT_EXPECT_EQ(test, schm_ticket_attach(w->q, schm_world_tag(req), file,
						 &id), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){ .result = -EPERM }), 0);
	schm_req_put(req);
	fput(file);
	expect_ours(test, file);
}

static void S26_files_that_could_keep_themselves_alive_stay(struct kunit *test)
{
	static const struct {
		const char	*name;
		int		ret;
	} files[] = {
		{ "[io_uring]", -EOPNOTSUPP },
		{ "[scheme-provider]", -EOPNOTSUPP },
		{ "[scheme-queue]", -EOPNOTSUPP },
		{ "[scheme-ring]", -EOPNOTSUPP },
		{ "[scheme]", 0 },
		{ "[eventfd]", 0 },
	};
	struct file *file;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		file = schm_world_file(test, files[i].name);
		KUNIT_EXPECT_EQ(test, schm_ticket_check(file), files[i].ret);
		fput(file);
	}
}

/* ---- ATTACH_MEMORY --------------------------------------------------------- */

static void S25_handle_has_the_memory_once_the_provider_agrees(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	const struct schm_memory memory = { .file = file, .first = 3, .nr = 4 };
	struct schm_req *req = sent(test, SCHEME_OP_MMAP_PREP);
	struct schm_memory got;

	KUNIT_EXPECT_EQ(test, schm_ticket_attach_memory(w->q, schm_world_tag(req),
							&memory), 0);
	KUNIT_EXPECT_EQ(test, schm_map_get(w->h, &got), -ENODEV);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){}), 0);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, schm_map_get(w->h, &got), 0);
	KUNIT_EXPECT_PTR_EQ(test, got.file, file);
	KUNIT_EXPECT_EQ(test, got.first, 3);
	KUNIT_EXPECT_EQ(test, got.nr, 4);
	fput(got.file);
	/* and keeps it to its end */
	schm_handle_put(w->h);
	w->h = NULL;
	expect_ours(test, file);
}

static void S25_other_memory_takes_the_place_of_the_first(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file[] = { file_pair(test), file_pair(test) };
	struct schm_req *req;
	int i;

	for (i = 0; i < 2; i++) {
		const struct schm_memory memory = { .file = file[i], .nr = 1 };

		req = sent(test, SCHEME_OP_MMAP_PREP);
		KUNIT_EXPECT_EQ(test, schm_ticket_attach_memory(w->q,
			schm_world_tag(req), &memory), 0);
		KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){}), 0);
		schm_req_put(req);
	}
	expect_ours(test, file[0]);
	KUNIT_EXPECT_EQ(test, (int)file_count(file[1]), 2);
	schm_handle_put(w->h);
	w->h = NULL;
	expect_ours(test, file[1]);
}

static void S25_provider_that_does_not_agree_gives_no_memory(struct kunit *test)
{
	struct schm_world *w = test->priv;
	struct file *file = file_pair(test);
	const struct schm_memory memory = { .file = file, .nr = 4 };
	struct schm_req *req = sent(test, SCHEME_OP_MMAP_PREP);
	struct schm_memory got;

	KUNIT_EXPECT_EQ(test, schm_ticket_attach_memory(w->q, schm_world_tag(req),
							&memory), 0);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){ .result = -EACCES }), 0);
	schm_req_put(req);
	KUNIT_EXPECT_EQ(test, schm_map_get(w->h, &got), -ENODEV);
	expect_ours(test, file);
}

static void S25_memory_is_for_a_handle_that_opens_or_prepares(struct kunit *test)
{
	struct schm_world *w = test->priv;
	const struct schm_memory memory = { .nr = 4 };
	struct schm_req *req = sent(test, SCHEME_OP_READ);

	KUNIT_EXPECT_EQ(test, schm_ticket_attach_memory(w->q, schm_world_tag(req),
							&memory), -EINVAL);
	KUNIT_EXPECT_EQ(test, answer(req, (struct scheme_cqe){}), 0);
	schm_req_put(req);
}

static struct kunit_case ticket_cases[] = {
	KUNIT_CASE(S27_file_is_fetched_once),
	KUNIT_CASE(S27_file_that_is_not_fetched_goes_with_its_request),
	KUNIT_CASE(S27_file_that_was_put_back_is_fetched_again),
	KUNIT_CASE(S27_nothing_is_fetched_but_from_a_sendfd),
	KUNIT_CASE(S27_request_is_found_by_its_tag_while_it_is_open),
	KUNIT_CASE(S19_client_that_leaves_takes_its_file_along),
	KUNIT_CASE(S19_file_for_a_client_that_leaves_is_released),
	KUNIT_CASE(S20_file_in_flight_goes_with_the_scheme),
	KUNIT_CASE(S26_client_gets_the_file_of_the_ticket),
	KUNIT_CASE(S26_another_answer_releases_the_file),
	KUNIT_CASE(S26_request_has_one_file),
	KUNIT_CASE(S26_only_who_can_take_a_file_is_offered_one),
	KUNIT_CASE(S26_files_that_could_keep_themselves_alive_stay),
	KUNIT_CASE(S25_handle_has_the_memory_once_the_provider_agrees),
	KUNIT_CASE(S25_other_memory_takes_the_place_of_the_first),
	KUNIT_CASE(S25_provider_that_does_not_agree_gives_no_memory),
	KUNIT_CASE(S25_memory_is_for_a_handle_that_opens_or_prepares),
	{}
};

struct kunit_suite schm_ticket_suite = {
	.name = "schm_ticket",
	.suite_init = schm_requests_init,
	.suite_exit = schm_requests_exit,
	.init = schm_world_init,
	.exit = schm_world_exit,
	.test_cases = ticket_cases,
};
