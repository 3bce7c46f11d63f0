// SPDX-License-Identifier: MIT
/* A direct ring over shared memory: entries, room, broken indices, both ends' end. */
#include "ring_pair.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>

#define ENTRIES	8U

static struct pair pair;

static int setup(void **state)
{
	(void)state;
	pair = pair_setup(ENTRIES, ENTRIES);
	pair_start_at(&pair, UINT32_MAX - 5);	/* soon wraps */
	pair_attach_client(&pair);
	pair_attach_provider(&pair);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_close(&pair);
	return 0;
}

static void send_nops(uint64_t first, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		assert_non_null(get_nop(pair.client, first + i));
	assert_int_equal(scheme_ring_submit(pair.client), (int)nr);
}

/* Take nr entries, which are these, and answer each. */
static void serve_nops(uint64_t first, uint32_t nr)
{
	struct scheme_sqe sqe;

	for (uint32_t i = 0; i < nr; i++) {
		assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), 1);
		assert_int_equal(sqe.user_data, first + i);
		assert_int_equal(push_one(pair.provider, sqe.user_data, i), 1);
	}
}

static void U9_all_entries_are_usable_and_indices_wrap(void **state)
{
	struct scheme_cqe *cqe;

	(void)state;
	for (uint64_t round = 0; round < 20; round++) {
		send_nops(round * 100, ENTRIES);
		serve_nops(round * 100, ENTRIES);
		for (uint32_t i = 0; i < ENTRIES; i++)
			expect_answer(pair.client, round * 100 + i, i);
		assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -EAGAIN);
	}
	assert_int_equal(scheme_ring_in_flight(pair.client), 0);
}

static void U11_a_full_ring_refuses_and_says_when_there_is_room(void **state)
{
	struct scheme_sqe sqe;

	(void)state;
	send_nops(0, ENTRIES);
	assert_null(get_nop(pair.client, 99));
	assert_int_equal(scheme_ring_wait_room(pair.client, 0), -EAGAIN);
	assert_int_equal(scheme_ring_wait_room(pair.client, MS), -ETIME);
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), 1);
	assert_int_equal(scheme_ring_wait_room(pair.client, -1), 0);
	assert_non_null(get_nop(pair.client, 99));
	assert_int_equal(scheme_ring_submit(pair.client), 1);
}

static void U11_push_on_full_keeps_the_answer(void **state)
{
	struct scheme_sqe sqes[ENTRIES];
	struct scheme_cqe cqes[2 * ENTRIES], *cqe;

	(void)state;
	memset(cqes, 0, sizeof(cqes));
	for (uint64_t i = 0; i < 2; i++) {
		send_nops(i * ENTRIES, ENTRIES);
		assert_int_equal(scheme_ring_pop(pair.provider, sqes, ENTRIES),
				 ENTRIES);
	}
	for (uint64_t i = 0; i < 2 * ENTRIES; i++)
		cqes[i].user_data = i;
	assert_int_equal(scheme_ring_push(pair.provider, cqes, 2 * ENTRIES),
			 ENTRIES);
	assert_int_equal(scheme_ring_push(pair.provider, cqes + ENTRIES, 1), -EAGAIN);
	assert_int_equal(scheme_ring_wait_room(pair.provider, MS), -ETIME);
	expect_answer(pair.client, 0, 0);
	assert_int_equal(scheme_ring_wait_room(pair.provider, -1), 0);
	assert_int_equal(scheme_ring_push(pair.provider, cqes + ENTRIES, ENTRIES), 1);
	for (uint64_t i = 1; i <= ENTRIES; i++)
		expect_answer(pair.client, i, 0);
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -EAGAIN);
}

/* Nothing is seen before submit; an entry is empty whatever it was before. */
static void U26_entries_are_private_until_they_are_submitted(void **state)
{
	struct scheme_sqe *sqe, got;
	const struct scheme_sqe zero = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		sqe = scheme_ring_get_sqe(pair.client);
		assert_memory_equal(sqe, &zero, sizeof(zero));
		memset(sqe, 0x5a, sizeof(*sqe));
		sqe->flags = SCHEME_SQE_ONEWAY;
		assert_int_equal(scheme_ring_pop(pair.provider, &got, 1), -EAGAIN);
		assert_int_equal(scheme_ring_submit(pair.client), 1);
		assert_int_equal(scheme_ring_submit(pair.client), 0);
		assert_int_equal(scheme_ring_pop(pair.provider, &got, 1), 1);
		assert_int_equal(got.opcode, 0x5a);
	}
}

static void U26_no_more_are_in_flight_than_was_configured(void **state)
{
	struct scheme_ring_config c = {
		.sq_entries = ENTRIES, .cq_entries = ENTRIES, .in_flight = 3,
	};
	struct pair p = { .config = c, .region = -1 };

	(void)state;
	assert_int_equal(scheme_ring_setup(&c, &p.client_fds, &p.provider_fds), 0);
	pair_attach_client(&p);
	pair_attach_provider(&p);
	for (uint64_t i = 0; i < 3; i++)
		assert_non_null(get_nop(p.client, 7));
	assert_null(get_nop(p.client, 7));
	assert_int_equal(scheme_ring_submit(p.client), 3);
	assert_int_equal(scheme_ring_in_flight(p.client), 3);
	assert_null(get_nop(p.client, 7));
	assert_int_equal(push_one(p.provider, 7, 0), 1);
	expect_answer(p.client, 7, 0);
	assert_non_null(get_nop(p.client, 7));
	pair_close(&p);
}

/* ---- broken ------------------------------------------------------------------ */

static void U10_submission_index_that_cannot_be_breaks_the_ring(void **state)
{
	struct scheme_sqe sqe;

	(void)state;
	send_nops(0, 1);
	*pair.client->put.mine += ENTRIES;
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), -EIO);
	*pair.client->put.mine -= ENTRIES;	/* too late */
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), -EIO);
	assert_int_equal(push_one(pair.provider, 0, 0), -EIO);
	assert_int_equal(scheme_ring_wait_sqe(pair.provider, -1), -EIO);
	assert_int_equal(scheme_ring_wait_room(pair.provider, -1), -EIO);
	/* the other side learns of it */
	assert_non_null(get_nop(pair.client, 1));
	assert_int_equal(scheme_ring_submit(pair.client), -EIO);
}

static void U10_completion_index_that_cannot_be_breaks_the_ring(void **state)
{
	struct scheme_cqe *cqe;

	(void)state;
	send_nops(0, 1);
	*pair.provider->put.mine -= 1;
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -EIO);
	*pair.provider->put.mine += 1;
	assert_int_equal(scheme_ring_wait_cqe(pair.client, &cqe, -1), -EIO);
	assert_int_equal(scheme_ring_alive(pair.client), -EIO);
	assert_int_equal(scheme_ring_alive(pair.provider), -EIO);
}

static void U10_room_that_becomes_less_breaks_the_ring(void **state)
{
	(void)state;
	assert_non_null(get_nop(pair.client, 1));
	--*pair.provider->take.mine;	/* one less, says a liar */
	/* room that has been seen is there; it is found out when there is no more */
	assert_int_equal(scheme_ring_submit(pair.client), 1);
	for (uint32_t i = 1; i < ENTRIES; i++)
		assert_non_null(get_nop(pair.client, 1 + i));
	assert_null(get_nop(pair.client, 1 + ENTRIES));
	assert_int_equal(scheme_ring_submit(pair.client), ENTRIES - 1);
	assert_int_equal(scheme_ring_wait_room(pair.client, 0), -EIO);
	assert_int_equal(scheme_ring_submit(pair.client), -EIO);
}

static void U10_answer_to_nothing_is_dropped_and_counted(void **state)
{
	struct scheme_cqe *cqe;

	(void)state;
	send_nops(5, 1);
	assert_int_equal(push_one(pair.provider, 6, 0), 1);
	assert_int_equal(push_one(pair.provider, 5, 1), 1);
	assert_int_equal(push_one(pair.provider, 5, 2), 1);	/* twice */
	expect_answer(pair.client, 5, 1);
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -EAGAIN);
	assert_int_equal(scheme_ring_forged(pair.client), 2);
}

static void send_read(uint64_t user_data, uint32_t len)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(pair.client);

	scheme_ring_prep_read(sqe, 1, 0, len, 0);
	sqe->user_data = user_data;
	assert_int_equal(scheme_ring_submit(pair.client), 1);
}

static void expect_refused(struct scheme_cqe cqe)
{
	static uint64_t tag;

	cqe.user_data = ++tag;
	send_read(tag, 512);
	assert_int_equal(scheme_ring_push(pair.provider, &cqe, 1), 1);
	expect_answer(pair.client, tag, -EPROTO);
}

static void U10_answer_that_cannot_be_is_EPROTO(void **state)
{
	(void)state;
	expect_refused((struct scheme_cqe){ .result = 513 });
	expect_refused((struct scheme_cqe){ .result = INT64_MAX });
	expect_refused((struct scheme_cqe){ .result = INT64_MIN });
	expect_refused((struct scheme_cqe){ .kind = SCHEME_CQE_NEW_FD });
	expect_refused((struct scheme_cqe){ .flags = 0x8000 });
	expect_refused((struct scheme_cqe){ .status = 1 });
	/* more to come, of what was asked once */
	expect_refused((struct scheme_cqe){ .flags = SCHEME_CQE_F_MORE });
	send_read(1000, 512);
	assert_int_equal(push_one(pair.provider, 1000, 512), 1);
	expect_answer(pair.client, 1000, 512);
}

/* ---- the end ----------------------------------------------------------------- */

static void U12_what_a_closed_client_left_can_be_taken(void **state)
{
	struct scheme_sqe sqe;

	(void)state;
	send_nops(0, 2);
	scheme_ring_close(pair.client);
	pair.client = NULL;
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), 1);
	assert_int_equal(push_one(pair.provider, 0, 0), -ESHUTDOWN);
	assert_int_equal(scheme_ring_wait_room(pair.provider, -1), -ESHUTDOWN);
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), 1);
	assert_int_equal(sqe.user_data, 1);
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), -ESHUTDOWN);
	assert_int_equal(scheme_ring_wait_sqe(pair.provider, -1), -ESHUTDOWN);
	assert_int_equal(scheme_ring_alive(pair.provider), -ESHUTDOWN);
}

static void U12_what_a_closed_provider_left_can_be_taken(void **state)
{
	struct scheme_cqe *cqe;

	(void)state;
	send_nops(0, 3);
	serve_nops(0, 2);
	scheme_ring_close(pair.provider);
	pair.provider = NULL;
	assert_non_null(get_nop(pair.client, 9));
	assert_int_equal(scheme_ring_submit(pair.client), -ESHUTDOWN);
	expect_answer(pair.client, 0, 0);
	expect_answer(pair.client, 1, 1);
	assert_int_equal(scheme_ring_wait_cqe(pair.client, &cqe, -1), -ESHUTDOWN);
}

/* ---- set-up ------------------------------------------------------------------ */

static void expect_config(uint32_t sq, uint32_t cq, int ret)
{
	const struct scheme_ring_config c = { .sq_entries = sq, .cq_entries = cq };
	struct scheme_ring_fds client, provider;

	assert_int_equal(scheme_ring_setup(&c, &client, &provider), ret);
	scheme_ring_close_fds(&client);
	scheme_ring_close_fds(&provider);
}

static void U6_numbers_of_entries_that_cannot_be_are_refused(void **state)
{
	(void)state;
	expect_config(0, 0, 0);
	expect_config(1, 1, 0);
	expect_config(32768, 0, 0);
	expect_config(7, 8, -EINVAL);
	expect_config(8, 12, -EINVAL);
	expect_config(65536, 8, -EINVAL);
	expect_config(8, 65536, -EINVAL);
	expect_config(UINT32_MAX, 8, -EINVAL);
}

/* The sizes of the two rings are not mixed up: one is not the other. */
static void U9_rings_of_different_sizes_keep_their_own(void **state)
{
	struct pair p = pair_open(2, 16);
	struct scheme_sqe sqe;
	struct scheme_cqe *cqe;

	(void)state;
	for (uint64_t i = 0; i < 16; i++) {
		assert_non_null(get_nop(p.client, i));
		assert_int_equal(scheme_ring_submit(p.client), 1);
		assert_int_equal(scheme_ring_pop(p.provider, &sqe, 1), 1);
		assert_int_equal(push_one(p.provider, i, 0), 1);
	}
	assert_int_equal(push_one(p.provider, 16, 0), -EAGAIN);
	assert_non_null(get_nop(p.client, 20));
	assert_non_null(get_nop(p.client, 21));
	assert_null(get_nop(p.client, 22));
	for (uint64_t i = 0; i < 16; i++)
		expect_answer(p.client, i, 0);
	assert_int_equal(scheme_ring_peek_cqe(p.client, &cqe), -EAGAIN);
	pair_close(&p);
}

static int attach_memory(int fd)
{
	struct scheme_ring_config c = { .sq_entries = ENTRIES };
	struct pair p = pair_setup(ENTRIES, 0);
	struct scheme_ring *r = NULL;
	int ret;

	close(p.client_fds.memory);
	p.client_fds.memory = fd;
	ret = scheme_ring_attach(&r, SCHEME_RING_CLIENT, &c, &p.client_fds);
	assert_int_equal(p.client_fds.memory, -1);
	assert_int_equal(p.client_fds.life, -1);
	assert_null(r);
	pair_close(&p);
	return ret;
}

static void U10_memory_that_can_be_taken_away_is_refused(void **state)
{
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(attach_memory(fd), -EINVAL);
	assert_int_equal(attach_memory(scheme_ring_region_create(4096)), -EINVAL);
	assert_int_equal(attach_memory(open("/dev/zero", O_RDWR)), -EINVAL);
	assert_int_equal(attach_memory(-1), -EBADF);
}

static void expect_rights(const void *place, const char *rights)
{
	char line[256];
	unsigned long from, to;
	char got[5] = "";
	FILE *maps = fopen("/proc/self/maps", "r");

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, got) == 3 &&
		    (uintptr_t)place >= from && (uintptr_t)place < to)
			break;
	fclose(maps);
	assert_string_equal(got, rights);
}

static void U7_what_is_the_others_is_mapped_for_reading(void **state)
{
	(void)state;
	expect_rights(pair.client->flags, "rw-s");
	expect_rights(pair.client->peer_flags, "r--s");
	expect_rights(pair.client->sqes, "rw-s");
	expect_rights(pair.client->cqes, "r--s");
	expect_rights(pair.provider->flags, "rw-s");
	expect_rights(pair.provider->peer_flags, "r--s");
	expect_rights(pair.provider->sqes, "r--s");
	expect_rights(pair.provider->cqes, "rw-s");
}

static void ends_are_for_their_own_side(void **state)
{
	struct scheme_sqe sqe;
	struct scheme_cqe *cqe;

	(void)state;
	assert_null(scheme_ring_get_sqe(pair.provider));
	assert_int_equal(scheme_ring_submit(pair.provider), -EINVAL);
	assert_int_equal(scheme_ring_peek_cqe(pair.provider, &cqe), -EINVAL);
	assert_int_equal(scheme_ring_pop(pair.client, &sqe, 1), -EINVAL);
	assert_int_equal(scheme_ring_wait_sqe(pair.client, 0), -EINVAL);
	assert_int_equal(push_one(pair.client, 0, 0), -EINVAL);
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 0), -EINVAL);
}

/* ---- in a loop of somebody else's ---------------------------------------------- */

static int poll_in(struct scheme_ring *r, int timeout_ms)
{
	struct pollfd fd = { .fd = scheme_ring_fd(r), .events = POLLIN };

	assert_true(fd.fd >= 0);
	return poll(&fd, 1, timeout_ms);
}

static void U15_ring_polls_readable_when_what_it_waits_for_comes(void **state)
{
	struct scheme_sqe sqe;

	(void)state;
	assert_int_equal(scheme_ring_arm(pair.provider, EPOLLIN), 0);
	assert_int_equal(poll_in(pair.provider, 0), 0);
	send_nops(0, 1);
	assert_int_equal(poll_in(pair.provider, -1), 1);
	scheme_ring_disarm(pair.provider);
	assert_int_equal(poll_in(pair.provider, 0), 0);
	assert_int_equal(scheme_ring_arm(pair.provider, EPOLLIN), 1);
	send_nops(1, ENTRIES - 1);
	/* not armed: nobody rings */
	assert_int_equal(poll_in(pair.provider, 0), 0);
	/* for entries alone, room is no reason to wake */
	assert_int_equal(scheme_ring_arm(pair.client, EPOLLIN), 0);
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), 1);
	assert_int_equal(poll_in(pair.client, 0), 0);
	scheme_ring_disarm(pair.client);
	send_nops(ENTRIES, 1);
	assert_int_equal(scheme_ring_arm(pair.client, EPOLLOUT), 0);
	assert_int_equal(push_one(pair.provider, 0, 0), 1);
	assert_int_equal(poll_in(pair.client, 0), 0);
	assert_int_equal(scheme_ring_pop(pair.provider, &sqe, 1), 1);
	assert_int_equal(poll_in(pair.client, -1), 1);
	scheme_ring_disarm(pair.client);
	assert_int_equal(scheme_ring_arm(pair.client, EPOLLERR), -EINVAL);
	assert_int_equal(scheme_ring_arm(pair.client, 0), -EINVAL);
}

static void U15_end_of_the_other_side_polls_readable(void **state)
{
	struct scheme_cqe *cqe;

	(void)state;
	assert_int_equal(scheme_ring_arm(pair.client, EPOLLIN), 0);
	scheme_ring_close(pair.provider);
	pair.provider = NULL;
	assert_int_equal(poll_in(pair.client, -1), 1);
	scheme_ring_disarm(pair.client);
	assert_int_equal(scheme_ring_peek_cqe(pair.client, &cqe), -ESHUTDOWN);
}

/* ---- the dummy submission ------------------------------------------------------- */

static void D2_the_dummy_submission_is_sent_received_and_answered(void **state)
{
	const struct scheme_sqe dummy = {
		.opcode = 1,
		.handle = 42,
		.user_data = 1337,
		.len = 8192,
		.addr = 0xDEADBEEF,
		.offset = 16384,
	};
	struct scheme_sqe *sqe = scheme_ring_get_sqe(pair.client), got;

	(void)state;
	*sqe = dummy;
	assert_int_equal(scheme_ring_submit(pair.client), 1);
	assert_int_equal(scheme_ring_wait_sqe(pair.provider, -1), 0);
	assert_int_equal(scheme_ring_pop(pair.provider, &got, 1), 1);
	assert_memory_equal(&got, &dummy, sizeof(dummy));
	/* an address that is in nobody's pool is not followed */
	assert_null(scheme_ring_at(pair.provider, got.addr, got.len));
	assert_int_equal(push_one(pair.provider, got.user_data, -EFAULT), 1);
	expect_answer(pair.client, 1337, -EFAULT);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(U9_all_entries_are_usable_and_indices_wrap),
		TEST(U9_rings_of_different_sizes_keep_their_own),
		TEST(U11_a_full_ring_refuses_and_says_when_there_is_room),
		TEST(U11_push_on_full_keeps_the_answer),
		TEST(U26_entries_are_private_until_they_are_submitted),
		TEST(U26_no_more_are_in_flight_than_was_configured),
		TEST(U10_submission_index_that_cannot_be_breaks_the_ring),
		TEST(U10_completion_index_that_cannot_be_breaks_the_ring),
		TEST(U10_room_that_becomes_less_breaks_the_ring),
		TEST(U10_answer_to_nothing_is_dropped_and_counted),
		TEST(U10_answer_that_cannot_be_is_EPROTO),
		TEST(U10_memory_that_can_be_taken_away_is_refused),
		TEST(U12_what_a_closed_client_left_can_be_taken),
		TEST(U12_what_a_closed_provider_left_can_be_taken),
		TEST(U6_numbers_of_entries_that_cannot_be_are_refused),
		TEST(U7_what_is_the_others_is_mapped_for_reading),
		TEST(ends_are_for_their_own_side),
		TEST(U15_ring_polls_readable_when_what_it_waits_for_comes),
		TEST(U15_end_of_the_other_side_polls_readable),
		TEST(D2_the_dummy_submission_is_sent_received_and_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
