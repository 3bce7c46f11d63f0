// SPDX-License-Identifier: MIT
/*
 * A direct ring between two processes: who sleeps is woken, who is killed is
 * missed, and nobody works while there is nothing to do.
 */
#include "ring_pair.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "../../userspace/lib/clock.h"

#define ROUNDS		1000000U	/* or what RING_ROUNDS in the environment says */
#define ROOM_TIME	(25 * SECOND)	/* enough where a wake-up is slow */
#define KILLS		150
#define KILLS_TIME	(8 * SECOND)
/* A wake-up that is lost is a wait for ever: seconds without any progress. */
#define WATCHDOG	100
#define PROGRESS	50000U

static uint64_t rounds(void)
{
	const char *said = getenv("RING_ROUNDS");

	return said ? strtoull(said, NULL, 0) : ROUNDS;
}

static bool over(uint64_t begin, int64_t time)
{
	return now_ns() - begin > (uint64_t)time;
}

/* Some of the time that the other side needs to fall asleep. */
static void pause_randomly(unsigned int *seed)
{
	unsigned int n = (unsigned int)rand_r(seed);

	if (n % 64 == 0)
		sched_yield();
	for (n = n / 64 % 128; n; n--)
		relax();
}

/* Answer everything, in order, until the client is gone. */
static int serve(struct scheme_ring *r, unsigned int seed)
{
	struct scheme_sqe sqe;
	uint64_t next = 0;
	int ret;

	for (;;) {
		/* without a seed, that is the time of its death */
		if (seed && next % PROGRESS == 0)
			alarm(WATCHDOG);
		ret = scheme_ring_wait_sqe(r, -1);
		if (ret)
			return ret == -ESHUTDOWN ? 0 : 10;
		ret = scheme_ring_pop(r, &sqe, 1);
		if (ret != 1 || sqe.user_data != next++)
			return 11;
		if (seed)
			pause_randomly(&seed);
		if (sqe.flags & SCHEME_SQE_ONEWAY)
			continue;
		while ((ret = push_one(r, sqe.user_data, 1)) == -EAGAIN)
			if (scheme_ring_wait_room(r, -1))
				break;
		if (ret == -ESHUTDOWN)
			return 0;
		if (ret != 1)
			return 12;
	}
}

static pid_t fork_provider(struct pair *p, unsigned int seed)
{
	pid_t pid = fork();

	if (pid) {
		pair_be_client(p);
		return pid;
	}
	alarm(WATCHDOG);
	pair_be_provider(p);
	_exit(serve(p->provider, seed));
}

static void close_and_expect_end(struct pair *p, pid_t pid)
{
	pair_close(p);
	expect_exit(pid, 0);
}

/* One at a time: both sides sleep for entries, as often as it happens. */
static void U14_no_wake_up_is_lost_between_two_sleepers(void **state)
{
	struct pair p = pair_setup(4, 4);
	pid_t pid = fork_provider(&p, 1);
	uint64_t i, nr = rounds();
	struct scheme_cqe *cqe;
	unsigned int seed = 2;

	(void)state;
	for (i = 0; i < nr; i++) {
		if (i % PROGRESS == 0)
			alarm(WATCHDOG);
		assert_non_null(get_nop(p.client, i));
		assert_int_equal(scheme_ring_submit(p.client), 1);
		pause_randomly(&seed);
		scheme_ring_set_spin(p.client, seed % 8 ? 0 : seed % 5);
		assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, -1), 0);
		assert_int_equal(cqe->user_data, i);
		scheme_ring_cqe_seen(p.client, cqe);
	}
	printf("# %llu rounds\n", (unsigned long long)i);
	close_and_expect_end(&p, pid);
}

/* As many as there is room for: both sides sleep for room, too. */
static void U14_no_wake_up_is_lost_for_room(void **state)
{
	struct pair p = pair_setup(2, 1);
	pid_t pid = fork_provider(&p, 3);
	uint64_t begin = now_ns(), nr = rounds(), sent = 0, asked = 0, heard = 0, waits = 0;
	struct scheme_cqe *cqe;
	struct scheme_sqe *sqe;
	unsigned int seed = 4;

	(void)state;
	while (sent < nr && (nr > ROUNDS || !over(begin, ROOM_TIME))) {
		if (sent % PROGRESS == 0)
			alarm(WATCHDOG);
		sqe = get_nop(p.client, sent);
		if (sqe) {
			/* sixteen without an answer, sixteen with one */
			sqe->flags = sent++ / 16 % 2 ? 0 : SCHEME_SQE_ONEWAY;
			asked += !sqe->flags;
			assert_int_equal(scheme_ring_submit(p.client), 1);
		} else if (scheme_ring_in_flight(p.client)) {
			assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, -1), 0);
			heard++;
			scheme_ring_cqe_seen(p.client, cqe);
		} else {
			waits++;
			assert_int_equal(scheme_ring_wait_room(p.client, -1), 0);
		}
		pause_randomly(&seed);
	}
	while (scheme_ring_in_flight(p.client)) {
		assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, -1), 0);
		heard++;
		scheme_ring_cqe_seen(p.client, cqe);
	}
	printf("# %llu entries, %llu waits for room\n", (unsigned long long)sent,
	       (unsigned long long)waits);
	assert_int_equal(heard, asked);
	assert_true(waits);
	close_and_expect_end(&p, pid);
}

/* ---- idle ------------------------------------------------------------------------ */

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(clock, &ts), 0);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static void U14_an_idle_pair_uses_no_cpu(void **state)
{
	struct pair p = pair_setup(8, 8);
	struct scheme_cqe *cqe;
	clockid_t theirs;
	uint64_t ours;
	pid_t pid;

	(void)state;
	p.config.spin_us = 100;
	pid = fork_provider(&p, 0);
	assert_int_equal(clock_getcpuclockid(pid, &theirs), 0);
	/* it works, then both have nothing to do */
	assert_non_null(get_nop(p.client, 0));
	assert_int_equal(scheme_ring_submit(p.client), 1);
	assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, -1), 0);
	scheme_ring_cqe_seen(p.client, cqe);
	usleep(20000);
	uint64_t before = cpu_ns(theirs);

	ours = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, SECOND), -ETIME);
	ours = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - ours;
	assert_int_equal(cpu_ns(theirs), before);
	assert_true(ours < 2 * MS);	/* it has spun, and gone to sleep */
	close_and_expect_end(&p, pid);
}

/* ---- death ----------------------------------------------------------------------- */

/* It dies at some instruction or other, and cleans nothing up. */
static void die_within(unsigned int *seed, unsigned int us)
{
	const struct itimerval when = {
		.it_value.tv_usec = 1 + (suseconds_t)((unsigned int)rand_r(seed) % us),
	};

	signal(SIGALRM, SIG_DFL);
	setitimer(ITIMER_REAL, &when, NULL);
}

static void expect_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGALRM);
}

static void send_all_there_is_room_for(struct scheme_ring *r, uint64_t *sent)
{
	while (get_nop(r, *sent))
		++*sent;
}

/* Until the provider dies; every answer is the next one. */
static void use_until_the_end(struct scheme_ring *r)
{
	struct scheme_cqe *cqe;
	uint64_t sent = 0, heard = 0;
	int ret;

	for (;;) {
		send_all_there_is_room_for(r, &sent);
		ret = scheme_ring_submit(r);
		assert_true(ret >= 0 || ret == -ESHUTDOWN);
		ret = scheme_ring_wait_cqe(r, &cqe, -1);
		if (ret)
			break;
		assert_int_equal(cqe->user_data, heard++);
		scheme_ring_cqe_seen(r, cqe);
	}
	assert_int_equal(ret, -ESHUTDOWN);
	/* all that it published */
	assert_int_equal(r->take.at, ring_load(r->take.peer));
	assert_int_equal(r->take.at, heard);
}

static void U29_client_of_a_killed_provider_drains_and_is_told(void **state)
{
	uint64_t begin = now_ns();
	unsigned int seed = 5;

	(void)state;
	for (int i = 0; i < KILLS && !over(begin, KILLS_TIME); i++) {
		struct pair p = pair_setup(8, 4);
		pid_t pid;

		p.config.spin_us = i % 3 * 20;
		rand_r(&seed);
		pid = fork();
		if (!pid) {
			pair_be_provider(&p);
			die_within(&seed, 3000);
			_exit(serve(p.provider, 0));
		}
		pair_be_client(&p);
		use_until_the_end(p.client);
		pair_close(&p);
		expect_killed(pid);
	}
}

static void client_of_its_own(struct scheme_ring *r)
{
	struct scheme_cqe *cqe;
	uint64_t sent = 0;

	for (;;) {
		send_all_there_is_room_for(r, &sent);
		scheme_ring_submit(r);
		if (!scheme_ring_wait_cqe(r, &cqe, -1))
			scheme_ring_cqe_seen(r, cqe);
	}
}

static void U29_provider_of_a_killed_client_drains_and_is_told(void **state)
{
	uint64_t begin = now_ns();
	unsigned int seed = 6;

	(void)state;
	for (int i = 0; i < KILLS && !over(begin, KILLS_TIME); i++) {
		struct pair p = pair_setup(8, 4);
		struct scheme_sqe sqe;
		uint64_t next = 0;
		pid_t pid;
		int ret;

		p.config.spin_us = i % 3 * 20;
		rand_r(&seed);
		pid = fork();
		if (!pid) {
			pair_be_client(&p);
			die_within(&seed, 3000);
			client_of_its_own(p.client);
		}
		pair_be_provider(&p);
		while (!(ret = scheme_ring_wait_sqe(p.provider, -1))) {
			assert_int_equal(scheme_ring_pop(p.provider, &sqe, 1), 1);
			assert_int_equal(sqe.user_data, next++);
			while (push_one(p.provider, sqe.user_data, 0) == -EAGAIN)
				scheme_ring_wait_room(p.provider, -1);
		}
		assert_int_equal(ret, -ESHUTDOWN);
		assert_int_equal(p.provider->take.at,
				 ring_load(p.provider->take.peer));
		pair_close(&p);
		expect_killed(pid);
	}
}

/* The one who sleeps, not the one who looks. */
static void U12_death_wakes_a_sleeper(void **state)
{
	struct pair p = pair_setup(8, 8);
	struct scheme_cqe *cqe;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		pair_be_provider(&p);
		usleep(50000);
		kill(getpid(), SIGKILL);
	}
	pair_be_client(&p);
	assert_int_equal(scheme_ring_alive(p.client), 0);
	assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, -1), -ESHUTDOWN);
	assert_int_equal(scheme_ring_alive(p.client), -ESHUTDOWN);
	pair_close(&p);
	waitpid(pid, NULL, 0);
}

static void nothing(int signal)
{
	(void)signal;
}

static void U13_a_signal_ends_a_wait(void **state)
{
	const struct sigaction action = { .sa_handler = nothing };
	const struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct pair p = pair_open(8, 8);
	struct scheme_cqe *cqe;
	struct sigaction before;

	(void)state;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, -1), -EINTR);
	sigaction(SIGALRM, &before, NULL);
	alarm(WATCHDOG);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(U14_no_wake_up_is_lost_between_two_sleepers),
		cmocka_unit_test(U14_no_wake_up_is_lost_for_room),
		cmocka_unit_test(U14_an_idle_pair_uses_no_cpu),
		cmocka_unit_test(U29_client_of_a_killed_provider_drains_and_is_told),
		cmocka_unit_test(U29_provider_of_a_killed_client_drains_and_is_told),
		cmocka_unit_test(U12_death_wakes_a_sleeper),
		cmocka_unit_test(U13_a_signal_ends_a_wait),
	};

	alarm(WATCHDOG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
