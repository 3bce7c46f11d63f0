// SPDX-License-Identifier: MIT
/*
 * audiod and audioplay over plain shared memory: what is played, what is missed, and
 * what it costs. $AUDIO_SECONDS is how long the run that may miss nothing takes.
 */
#include "audio_pair.h"

#include <time.h>

#include "../clock.h"
#include "../syscalls.h"
#include "../witness.h"

#define RATE		48000U
#define PERIOD		64U
#define PERIOD_BYTES	(PERIOD * 4)
#define PERIOD_NS	(PERIOD * 1000000000ULL / RATE)
#define HEADER		44U

/* ---- content ----------------------------------------------------------------------- */

/* No period of it is silence, nor is there one like another. */
static uint8_t *make_sound(size_t bytes)
{
	uint8_t *sound = malloc(bytes);
	uint32_t x = 1;

	assert_non_null(sound);
	for (size_t i = 0; i < bytes; i++) {
		x = x * 1664525 + 1013904223;
		sound[i] = (uint8_t)(x >> 24) | 1;
	}
	return sound;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "re");
	uint8_t *bytes;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*size = (size_t)ftell(f);
	rewind(f);
	bytes = malloc(*size);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *size, f), *size);
	fclose(f);
	return bytes;
}

static const uint8_t silence[PERIOD_BYTES];

/*
 * What was played is the sound, to the byte, and then zeros to the end of a period.
 * In between is nothing but a period of silence for each that was missed.
 */
static void check_wav(const char *path, const uint8_t *sound, size_t bytes,
		      uint64_t xruns)
{
	size_t size, at = 0;
	uint8_t *wav = read_file(path, &size);
	uint64_t quiet = 0;

	assert_true(size >= HEADER);
	assert_int_equal((size - HEADER) % PERIOD_BYTES, 0);
	for (const uint8_t *p = wav + HEADER; p < wav + size; p += PERIOD_BYTES) {
		size_t left = bytes - at;
		size_t n = left < PERIOD_BYTES ? left : PERIOD_BYTES;

		if (!memcmp(p, silence, PERIOD_BYTES)) {
			quiet++;
			continue;
		}
		assert_memory_equal(p, sound + at, n);
		assert_memory_equal(p + n, silence, PERIOD_BYTES - n);
		at += n;
	}
	assert_int_equal(at, bytes);
	assert_int_equal(quiet, xruns);
	/* the header says as much */
	assert_memory_equal(wav, "RIFF", 4);
	assert_memory_equal(wav + HEADER - 8, "data", 4);
	assert_int_equal(wav[40] | wav[41] << 8 | wav[42] << 16, size - HEADER);
	free(wav);
}

static void play_file(const char *const *sink_options,
		      const char *const *player_options)
{
	/* not whole periods, not whole frames */
	const size_t bytes = 2U * RATE * 4 + 2 * PERIOD_BYTES + 6;
	const uint64_t periods = (bytes + PERIOD_BYTES - 1) / PERIOD_BYTES;
	uint8_t *sound = make_sound(bytes);
	struct json_object *played, *counts;
	char raw[48], wav[48];
	struct pair p;
	const char *sink[ARGS_MAX] = { "--wav", wav };
	const char *player[ARGS_MAX] = { "--raw", raw };

	for (int i = 0; sink_options[i]; i++)
		sink[i + 2] = sink_options[i];
	for (int i = 0; player_options[i]; i++)
		player[i + 2] = player_options[i];
	pair_setup(&p);
	snprintf(raw, sizeof(raw), "%s/raw", p.dir);
	snprintf(wav, sizeof(wav), "%s/wav", p.dir);
	write_file(raw, sound, bytes);
	start_sink(&p, sink);
	start_player(&p, player);
	played = finish_player(&p);
	counts = stop_sink(&p);
	assert_int_equal(number_of(played, "frames"), bytes / 4);
	assert_int_equal(number_of(played, "answers"), periods);
	assert_int_equal(number_of(played, "played"), periods);
	assert_int_equal(number_of(counts, "played"), periods);
	assert_int_equal(number_of(counts, "xruns"), number_of(played, "missed"));
	check_wav(wav, sound, bytes, number_of(counts, "xruns"));
	json_object_put(played);
	json_object_put(counts);
	free(sound);
	pair_remove(&p);
}

static void D12_what_is_played_is_what_was_sent(void **state)
{
	(void)state;
	play_file(LIST("--rate", "48000"), LIST("--periods", "4"));
}

static void D12_also_with_the_smallest_buffers(void **state)
{
	(void)state;
	play_file(LIST("--periods", "1"), LIST("--periods", "1"));
}

static void D12_also_when_both_spin(void **state)
{
	(void)state;
	play_file(LIST("--spin"), LIST("--spin", "--periods", "64"));
}

/* ---- what is missed is counted ------------------------------------------------------ */

static void D12_periods_that_nobody_sends_are_missed_and_counted(void **state)
{
	const uint64_t stopped = 300000000 / PERIOD_NS, ahead = 8;
	struct json_object *played, *counts;
	uint64_t missed;
	struct pair p;
	int64_t begin;

	(void)state;
	pair_setup(&p);
	start_sink(&p, LIST("--periods", "4"));
	start_player(&p, LIST("--seconds", "2", "--periods", "4"));
	sleep_ms(500);
	kill(p.player.pid, SIGSTOP);
	begin = now_ms();
	sleep_ms(300);
	kill(p.player.pid, SIGCONT);
	played = finish_player(&p);
	begin = now_ms() - begin;
	counts = stop_sink(&p);
	missed = number_of(counts, "xruns");
	assert_true(missed >= stopped - ahead);
	assert_true(missed <= (uint64_t)begin * 1000000 / PERIOD_NS);
	/* late is not lost */
	assert_int_equal(number_of(played, "missed"), missed);
	assert_int_equal(number_of(played, "frames"), 2 * RATE);
	assert_int_equal(number_of(played, "played"), 2 * RATE / PERIOD);
	assert_true(number_of(played, "late_answers") >= 1);
	assert_true(number_of(played, "worst_gap_ns") >= 290000000);
	json_object_put(played);
	json_object_put(counts);
	pair_remove(&p);
}

/* Whether it sleeps or spins, the sink learns that a player was killed. */
static void kill_and_play_again(const char *const *options)
{
	struct json_object *json;
	struct pair p;

	pair_setup(&p);
	start_sink(&p, options);
	start_player(&p, LIST("--seconds", "10"));
	sleep_ms(300);
	kill_player(&p);
	json = play_when_free(&p);
	assert_int_equal(number_of(json, "answers"), RATE / 10 / PERIOD);
	/* and what the other one had sent */
	assert_true(number_of(json, "played") >= RATE / 10 / PERIOD);
	json_object_put(json);
	json_object_put(stop_sink(&p));
	pair_remove(&p);
}

static void U12_player_that_is_killed_makes_room(void **state)
{
	(void)state;
	kill_and_play_again(LIST("--periods", "4"));
}

static void U12_also_when_the_sink_spins(void **state)
{
	(void)state;
	kill_and_play_again(LIST("--spin"));
}

static void D12_one_plays_at_a_time(void **state)
{
	struct json_object *json;
	struct program first;
	struct pair p;

	(void)state;
	pair_setup(&p);
	start_sink(&p, LIST("--periods", "4"));
	start_player(&p, LIST("--seconds", "1"));
	sleep_ms(300);
	first = p.player;
	start_player(&p, LIST("--seconds", "0.1"));
	assert_int_equal(finish(&p.player, &json), 1);
	p.player = first;
	json = finish_player(&p);
	assert_int_equal(number_of(json, "frames"), RATE);
	json_object_put(json);
	json_object_put(stop_sink(&p));
	pair_remove(&p);
}

/* ---- system calls --------------------------------------------------------------------- */

#define WINDOW_MS	1000

/* In the middle of the sound; xruns: until then. */
static void count_calls(const char *const *sink, const char *const *player,
			struct syscalls counts[2], uint64_t *xruns)
{
	struct json_object *json;
	struct pair p;

	pair_setup(&p);
	start_sink(&p, sink);
	start_player(&p, player);
	sleep_ms(500);
	assert_int_equal(syscalls_count((pid_t[]){ p.sink.pid, p.player.pid }, 2,
					WINDOW_MS, counts), 0);
	json = stop_sink(&p);
	*xruns = number_of(json, "xruns");
	assert_true(number_of(json, "played") > WINDOW_MS * 1000000ULL / PERIOD_NS / 2);
	json_object_put(json);
	kill(p.player.pid, SIGKILL);
	finish(&p.player, &json);
	json_object_put(json);
	pair_remove(&p);
}

static void say_calls(const char *how, const struct syscalls counts[2],
		      uint64_t xruns)
{
	printf("# both %s, in %d ms, that is %llu periods: %lu system calls of the sink, %lu of the player; %llu missed\n",
	       how, WINDOW_MS, WINDOW_MS * 1000000ULL / PERIOD_NS, counts[0].nr,
	       counts[1].nr, (unsigned long long)xruns);
}

/* Nor does a period that is missed cost one. */
static void U16_who_spins_makes_no_system_call(void **state)
{
	struct syscalls counts[2];
	uint64_t xruns;

	(void)state;
	count_calls(LIST("--spin", "--periods", "64"),
		    LIST("--spin", "--periods", "64", "--seconds", "60"), counts, &xruns);
	say_calls("spin", counts, xruns);
	assert_int_equal(counts[0].nr - counts[0].clock, 0);
	assert_int_equal(counts[1].nr - counts[1].clock, 0);
	if (counts[0].clock) {
		print_message("the clock of this machine takes system calls\n");
		skip();
	}
}

/* So we do count. */
static void U16_who_sleeps_makes_some_each_period(void **state)
{
	struct syscalls counts[2];
	uint64_t xruns;

	(void)state;
	count_calls(LIST("--periods", "4"),
		    LIST("--periods", "4", "--seconds", "60"), counts, &xruns);
	say_calls("sleep", counts, xruns);
	/* on a busy machine one sleep is for several periods */
	assert_true(counts[0].nr > 50);
	assert_true(counts[1].nr > 50);
}

/* ---- in real time --------------------------------------------------------------------- */

/* Misses that the sink remembers. */
#define LISTED	4096U

/*
 * A miss is the machine's if it would have been none without the time in which the
 * most urgent thread of all did not run either. Of a period that was late: less than
 * one period late. Of an xrun: the player had less than two periods' time since what
 * it had sent was enough; ahead is how many periods it sends before they are due.
 */
static bool is_machines(const struct witness *w, struct json_object *miss,
			unsigned int ahead)
{
	uint64_t deadline = number_of(miss, "deadline_ns");
	bool is_xrun = number_of(miss, "xrun");
	uint64_t begin = deadline - (is_xrun ? ahead * PERIOD_NS : 0);
	uint64_t end = deadline + number_of(miss, "late_ns");
	uint64_t stalled = witness_stalled_ns(w, begin, end);

	return end - begin < stalled + (is_xrun ? 2 : 1) * PERIOD_NS;
}

/* Those that are not are told. Returns how many of them are xruns. */
static unsigned int xruns_not_machines(const struct witness *w,
				       struct json_object *counts,
				       unsigned int ahead)
{
	struct json_object *misses;
	unsigned int nr = 0;

	assert_true(json_object_object_get_ex(counts, "misses", &misses));
	for (size_t i = 0; i < json_object_array_length(misses); i++) {
		struct json_object *miss = json_object_array_get_idx(misses, i);

		if (is_machines(w, miss, ahead))
			continue;
		nr += number_of(miss, "xrun");
		printf("# not the machine's: %s\n", json_object_to_json_string(miss));
	}
	return nr;
}

static void say_run(const char *seconds, unsigned int ahead,
		    struct json_object *played, struct json_object *counts)
{
	printf("# %s s in real time, %.1f ms ahead: %llu periods played, %llu missed, %llu by a sink that was late; its thread late by %.3f ms at most; %llu late answers, gaps of %.3f ms at most\n",
	       seconds, (double)(ahead * PERIOD_NS) / 1e6,
	       (unsigned long long)number_of(counts, "played"),
	       (unsigned long long)number_of(counts, "xruns"),
	       (unsigned long long)number_of(counts, "late"),
	       (double)number_of(counts, "worst_late_ns") / 1e6,
	       (unsigned long long)number_of(played, "late_answers"),
	       (double)number_of(played, "worst_gap_ns") / 1e6);
}

static void say_machine(const struct witness *w)
{
	uint64_t worst, total, nr = witness_stalls(w, &worst, &total);

	printf("# meanwhile CPUs stood still for the most urgent thread, too: %llu times, %.3f ms at most, %.3f ms together\n",
	       (unsigned long long)nr, (double)worst / 1e6, (double)total / 1e6);
}

/* So many periods in the buffer of each side. */
static void play_in_real_time(const char *periods)
{
	const char *seconds = getenv("AUDIO_SECONDS") ?: "5";
	struct json_object *played, *counts;
	const unsigned int ahead = 2 * (unsigned int)atoi(periods);
	struct witness *w = witness_start();
	uint64_t misses;
	struct pair p;

	if (!w) {
		print_message("SCHED_FIFO is not permitted\n");
		skip();
	}
	pair_setup(&p);
	start_sink(&p, LIST("--rt", "60", "--periods", periods));
	start_player(&p, LIST("--rt", "59", "--periods", periods, "--seconds", seconds));
	played = finish_player(&p);
	counts = stop_sink(&p);
	witness_stop(w);
	say_run(seconds, ahead, played, counts);
	say_machine(w);
	misses = number_of(counts, "xruns") + number_of(counts, "late");
	/* of more, the list has only the last */
	assert_true(misses <= LISTED);
	assert_int_equal(xruns_not_machines(w, counts, ahead), 0);
	assert_int_equal(number_of(played, "frames"), atoi(seconds) * RATE);
	json_object_put(played);
	json_object_put(counts);
	witness_free(w);
	pair_remove(&p);
}

static void D12_no_period_is_missed_in_real_time(void **state)
{
	(void)state;
	play_in_real_time("4");
}

/* So much that hosts seldom take as long away. */
static void D12_nor_with_more_on_the_way(void **state)
{
	(void)state;
	play_in_real_time("32");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D12_what_is_played_is_what_was_sent),
		cmocka_unit_test(D12_also_with_the_smallest_buffers),
		cmocka_unit_test(D12_also_when_both_spin),
		cmocka_unit_test(D12_periods_that_nobody_sends_are_missed_and_counted),
		cmocka_unit_test(U12_player_that_is_killed_makes_room),
		cmocka_unit_test(U12_also_when_the_sink_spins),
		cmocka_unit_test(D12_one_plays_at_a_time),
		cmocka_unit_test(U16_who_spins_makes_no_system_call),
		cmocka_unit_test(U16_who_sleeps_makes_some_each_period),
		cmocka_unit_test(D12_no_period_is_missed_in_real_time),
		cmocka_unit_test(D12_nor_with_more_on_the_way),
	};

	setbuf(stdout, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
