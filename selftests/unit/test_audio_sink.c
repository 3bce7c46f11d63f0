// SPDX-License-Identifier: MIT
/* audiod's sink, with a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fake_scheme.h"

#include "../../userspace/daemons/audiod/sink.c"

#define PERIOD	64U
#define BYTES	(PERIOD * 4)
#define PERIODS	4U

/* What came out, period by period. */
struct heard {
	uint8_t		bytes[64 * BYTES];
	unsigned int	periods, starts, stops;
	int64_t		later_ns;	/* what each period answers */
};

static struct heard heard;

static void hear_start(struct output *o)
{
	(void)o;
	heard.starts++;
}

static int64_t hear(struct output *o, const void *period)
{
	(void)o;
	assert_true(heard.periods < 64);
	memcpy(heard.bytes + (size_t)heard.periods++ * BYTES, period, BYTES);
	return heard.later_ns;
}

static void hear_stop(struct output *o)
{
	(void)o;
	heard.stops++;
}

static const struct output_ops hear_ops = {
	.start = hear_start,
	.play = hear,
	.stop = hear_stop,
};

static struct output output = { .ops = &hear_ops };
static struct sink sink;
static struct scheme_req reqs[16];
static uint8_t sound[32 * BYTES];

#define T0	(1000 * NS)

static int setup(void **state)
{
	const struct audio_format format = { 48000, 2, PERIOD, PERIODS };

	(void)state;
	memset(&heard, 0, sizeof(heard));
	memset(reqs, 0, sizeof(reqs));
	for (size_t i = 0; i < sizeof(sound); i++)
		sound[i] = (uint8_t)(i / 7) | 1;
	assert_int_equal(sink_init(&sink, &format, &output, 8), 0);
	assert_int_equal(sink_open(&sink), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sink_uninit(&sink);
	return 0;
}

static void write_at(unsigned int i, uint32_t offset, uint32_t len, uint64_t now)
{
	sink_write(&sink, &reqs[i], sound + offset, len, now);
}

static void expect_answer(unsigned int i, int64_t result)
{
	assert_int_equal(reqs[i].answers, 1);
	assert_int_equal(reqs[i].result, result);
}

/* So long after its deadline. False: it was an xrun. */
static bool tick_late(uint64_t late_ns)
{
	uint64_t xruns = sink.counts.xruns;

	sink_tick(&sink, sink_deadline(&sink) + late_ns);
	return sink.counts.xruns == xruns;
}

static bool tick(void)
{
	return tick_late(0);
}

static void D12_playing_begins_when_the_buffer_is_full(void **state)
{
	(void)state;
	assert_int_equal(sink_deadline(&sink), UINT64_MAX);
	for (unsigned int i = 0; i < PERIODS; i++) {
		assert_int_equal(heard.starts, 0);
		write_at(i, i * BYTES, BYTES, T0 + i);
		expect_answer(i, BYTES);
	}
	assert_int_equal(heard.starts, 1);
	/* the first period is due one period later */
	assert_int_equal(sink_deadline(&sink), T0 + PERIODS - 1 + 1333333);
	/* what has no room waits for the next deadline */
	write_at(8, PERIODS * BYTES, BYTES, T0 + 9);
	assert_int_equal(reqs[8].answers, 0);
	assert_true(tick());
	expect_answer(8, BYTES);
	assert_memory_equal(heard.bytes, sound, BYTES);
}

static void D12_deadlines_do_not_drift(void **state)
{
	(void)state;
	write_at(0, 0, PERIODS * BYTES, T0);
	/* three periods are 4 ms, to the nanosecond; for ever */
	for (unsigned int i = 1; i <= 48; i++) {
		assert_int_equal(sink_deadline(&sink),
				 T0 + i * (uint64_t)PERIOD * NS / 48000);
		write_at(1, 0, BYTES, T0);
		reqs[1].answers = 0;
		/* however late we come */
		tick_late(777);
	}
	assert_int_equal(sink_deadline(&sink), T0 + 49 * (uint64_t)PERIOD * NS / 48000);
	sink.ticks = 750ULL * 86400 * 365 * 50;
	assert_int_equal(sink_deadline(&sink), T0 + 86400 * 365 * 50 * NS);
}

static void D12_output_moves_the_next_deadline(void **state)
{
	uint64_t before;

	(void)state;
	write_at(0, 0, PERIODS * BYTES, T0);
	heard.later_ns = -1000;
	before = sink_deadline(&sink);
	assert_true(tick());
	assert_int_equal(sink_deadline(&sink) - before, 1333333 - 1000);
}

static void D12_xrun_is_a_period_of_silence_and_nothing_is_lost(void **state)
{
	static const uint8_t zeros[BYTES];

	(void)state;
	write_at(0, 0, PERIODS * BYTES, T0);
	for (unsigned int i = 0; i < PERIODS; i++)
		assert_true(tick());
	/* less than a period is there: that is not enough */
	write_at(1, PERIODS * BYTES, BYTES - 1, T0);
	assert_false(tick());
	assert_false(tick());
	assert_memory_equal(heard.bytes + 4 * BYTES, zeros, BYTES);
	assert_memory_equal(heard.bytes + 5 * BYTES, zeros, BYTES);
	write_at(2, PERIODS * BYTES + BYTES - 1, 1, T0);
	assert_true(tick());
	assert_memory_equal(heard.bytes + 6 * BYTES, sound + 4 * BYTES, BYTES);
	assert_int_equal(sink.counts.played, 5);
	assert_int_equal(sink.counts.xruns, 2);
	assert_int_equal(sink.counts.misses, 2);
	assert_true(sink.counts.miss[0].is_xrun);
	assert_int_equal(sink.counts.miss[1].deadline_ns,
			 T0 + 6 * (uint64_t)PERIOD * NS / 48000);
}

static void D12_late_is_later_than_the_next_deadline(void **state)
{
	(void)state;
	write_at(0, 0, PERIODS * BYTES, T0);
	assert_true(tick_late(1333332));
	assert_int_equal(sink.counts.late, 0);
	assert_int_equal(sink.counts.worst_late_ns, 1333332);
	assert_true(tick_late(1333334));
	assert_int_equal(sink.counts.late, 1);
	assert_int_equal(sink.counts.played, 2);
	assert_int_equal(sink.counts.misses, 1);
	assert_false(sink.counts.miss[0].is_xrun);
	assert_int_equal(sink.counts.miss[0].late_ns, 1333334);
}

static void D12_drain_is_answered_when_all_was_played(void **state)
{
	(void)state;
	write_at(0, 0, BYTES + 6, T0);
	assert_int_equal(sink.state, SINK_FILLING);
	sink_drain(&sink, &reqs[1], T0 + 5);
	/* that begins it, and what is left of a period is no xrun */
	assert_int_equal(heard.starts, 1);
	assert_true(tick());
	assert_true(tick());
	assert_int_equal(reqs[1].answers, 0);
	assert_memory_equal(heard.bytes, sound, BYTES + 6);
	for (unsigned int i = BYTES + 6; i < 2 * BYTES; i++)
		assert_int_equal(heard.bytes[i], 0);
	/* the second period has been played at the end of its time */
	assert_true(tick());
	expect_answer(1, 0);
	assert_int_equal(heard.stops, 1);
	assert_int_equal(heard.periods, 2);
	assert_int_equal(sink.counts.xruns, 0);
	assert_int_equal(sink_deadline(&sink), UINT64_MAX);
	/* of nothing, at once */
	sink_drain(&sink, &reqs[2], T0);
	expect_answer(2, 0);
}

static void D12_what_comes_behind_a_drain_waits_for_it(void **state)
{
	(void)state;
	write_at(0, 0, BYTES, T0);
	sink_drain(&sink, &reqs[1], T0);
	write_at(2, BYTES, BYTES, T0);
	sink_drain(&sink, &reqs[3], T0);
	assert_int_equal(reqs[2].answers, 0);
	assert_true(tick());
	assert_true(tick());
	expect_answer(1, 0);
	expect_answer(2, BYTES);
	/* the second sound has a beginning of its own */
	assert_int_equal(heard.starts, 2);
	assert_true(tick());
	assert_true(tick());
	expect_answer(3, 0);
	assert_int_equal(heard.stops, 2);
	assert_memory_equal(heard.bytes, sound, 2 * BYTES);
}

static void D12_close_plays_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(sink_open(&sink), -EBUSY);
	write_at(0, 0, BYTES + 2, T0);
	sink_close(&sink, T0);
	assert_int_equal(heard.starts, 1);
	/* the next one goes on behind it, with a whole frame */
	assert_int_equal(sink_open(&sink), 0);
	write_at(1, 2 * BYTES, 3 * BYTES - 4, T0);
	for (unsigned int i = 0; i < 4; i++)
		assert_true(tick());
	assert_memory_equal(heard.bytes, sound, BYTES + 2);
	assert_memory_equal(heard.bytes + BYTES + 4, sound + 2 * BYTES, 3 * BYTES - 4);
	assert_int_equal(heard.starts, 1);
	/* who is there and sends nothing misses */
	assert_false(tick());
	sink_close(&sink, T0);
	assert_true(tick());
	assert_int_equal(sink.state, SINK_IDLE);
}

static void D12_cancel_answers_what_waits(void **state)
{
	(void)state;
	write_at(0, 0, PERIODS * BYTES + 10, T0);	/* no room for ten */
	write_at(1, 0, BYTES, T0);
	sink_drain(&sink, &reqs[2], T0);
	sink_cancel(&sink, &reqs[1], T0);
	expect_answer(1, -ECANCELED);
	sink_cancel(&sink, &reqs[0], T0);
	expect_answer(0, PERIODS * BYTES);
	sink_cancel(&sink, &reqs[2], T0);
	expect_answer(2, -ECANCELED);
	/* who does not wait */
	sink_cancel(&sink, &reqs[3], T0);
	assert_int_equal(reqs[3].answers, 0);
	for (unsigned int i = 0; i < PERIODS; i++)
		assert_true(tick());
	assert_false(tick());
}

static void D12_requests_are_bounded(void **state)
{
	(void)state;
	write_at(0, 0, PERIODS * BYTES, T0);
	for (unsigned int i = 1; i <= 8; i++)
		write_at(i, 0, BYTES, T0);
	assert_int_equal(reqs[8].answers, 0);
	write_at(9, 0, BYTES, T0);
	expect_answer(9, -EAGAIN);
}

static void D12_formats_that_cannot_be_are_refused(void **state)
{
	const struct audio_format bad[] = {
		{ 0, 2, 64, 4 }, { 48000, 0, 64, 4 }, { 48000, 33, 64, 4 },
		{ 48000, 2, 0, 4 }, { 48000, 2, 64, 0 }, { 999, 2, 64, 4 },
		{ 48000, 2, 65537, 4 }, { 48000, 2, 64, 1025 },
		{ 768001, 2, 64, 4 }, { 48000, 32, 65536, 1024 },
	};
	struct sink other;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sink_init(&other, &bad[i], &output, 8), -EINVAL);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D12_playing_begins_when_the_buffer_is_full),
		TEST(D12_deadlines_do_not_drift),
		TEST(D12_output_moves_the_next_deadline),
		TEST(D12_xrun_is_a_period_of_silence_and_nothing_is_lost),
		TEST(D12_late_is_later_than_the_next_deadline),
		TEST(D12_drain_is_answered_when_all_was_played),
		TEST(D12_what_comes_behind_a_drain_waits_for_it),
		TEST(D12_close_plays_what_is_there),
		TEST(D12_cancel_answers_what_waits),
		TEST(D12_requests_are_bounded),
		TEST(D12_formats_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
