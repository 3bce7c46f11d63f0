// SPDX-License-Identifier: MIT
/*
 * audiod and audioplay against others than each other: clients that want too much or
 * say nothing, a sink that answers as it likes.
 */
#include "audio_pair.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <scheme_ring.h>

#include "../clock.h"
#include "handover.h"

#define POOL		65536UL
#define RINGS_OF_USER	8
#define STATUS_OF_USER	4
#define VISITORS_OF_USER 2
#define NOBODY		65534U

/* ---- rings --------------------------------------------------------------------------- */

static int try_ring(const struct pair *p, struct scheme_ring **ring)
{
	const struct scheme_ring_config config = { .sq_entries = 16, .cq_entries = 16 };

	return handover_connect(ring, p->socket, &config, POOL);
}

static struct scheme_ring *connect_ring(const struct pair *p)
{
	struct scheme_ring *ring;

	assert_int_equal(try_ring(p, &ring), 0);
	return ring;
}

/* Until it is as wanted: what the other side does takes a moment. */
static void soon_ring(const struct pair *p, int wanted)
{
	struct scheme_ring *ring;
	int64_t begin = now_ms();
	int ret;

	do {
		ret = try_ring(p, &ring);
		if (!ret)
			scheme_ring_close(ring);
		if (ret != wanted)
			sleep_ms(5);
	} while (ret != wanted && now_ms() - begin < 10000);
	assert_int_equal(ret, wanted);
}

static int64_t open_status(struct scheme_ring *ring)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(ring);
	struct scheme_cqe *cqe;
	uint64_t addr;
	int64_t ret;

	assert_non_null(sqe);
	assert_int_equal(scheme_ring_alloc(ring, 6, &addr), 0);
	memcpy(scheme_ring_at(ring, addr, 6), "status", 6);
	scheme_ring_prep_open(sqe, SCHEME_ROOT, addr, 6, O_RDONLY, 0);
	assert_int_equal(scheme_ring_submit(ring), 1);
	assert_int_equal(scheme_ring_wait_cqe(ring, &cqe, 10000000000LL), 0);
	ret = cqe->result;
	scheme_ring_cqe_seen(ring, cqe);
	scheme_ring_free(ring, addr);
	return ret;
}

static void close_handle(struct scheme_ring *ring, int64_t handle)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(ring);

	assert_non_null(sqe);
	scheme_ring_prep_close(sqe, (uint64_t)handle);
	assert_int_equal(scheme_ring_submit(ring), 1);
}

/* ---- too much ------------------------------------------------------------------------ */

/* In a process of that user: what connecting says. */
static int ring_of(const struct pair *p, uid_t uid)
{
	struct scheme_ring *ring;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(setresuid(uid, uid, uid) ? 255 : -try_ring(p, &ring));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void U12_a_user_has_a_share_of_the_rings(void **state)
{
	struct scheme_ring *rings[RINGS_OF_USER], *more;
	struct pair p;

	(void)state;
	pair_setup(&p);
	chmod(p.dir, 0755);
	start_sink(&p, LIST("--mode", "0666"));
	for (int i = 0; i < RINGS_OF_USER; i++)
		rings[i] = connect_ring(&p);
	assert_int_equal(try_ring(&p, &more), -ENOBUFS);
	if (!geteuid())
		assert_int_equal(ring_of(&p, NOBODY), 0);
	/* all that were taken are served */
	for (int i = 0; i < RINGS_OF_USER; i++)
		assert_int_equal(open_status(rings[i]), i < STATUS_OF_USER ? 0 : -ENOBUFS);
	scheme_ring_close(rings[0]);
	soon_ring(&p, 0);
	for (int i = 1; i < RINGS_OF_USER; i++)
		scheme_ring_close(rings[i]);
	json_object_put(stop_sink(&p));
	pair_remove(&p);
}

static void U12_a_user_has_a_share_of_the_status(void **state)
{
	struct scheme_ring *ring;
	struct pair p;

	(void)state;
	pair_setup(&p);
	start_sink(&p, LIST("--periods", "4"));
	ring = connect_ring(&p);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < STATUS_OF_USER; i++)
			assert_int_equal(open_status(ring), i);
		assert_int_equal(open_status(ring), -ENOBUFS);
		for (int i = 0; i < STATUS_OF_USER; i++)
			close_handle(ring, i);
	}
	scheme_ring_close(ring);
	json_object_put(stop_sink(&p));
	pair_remove(&p);
}

/*
 * The sink spins, a player plays and misses nothing: there is no other sign that idle
 * clients have been killed.
 */
static void U12_the_killed_make_room_while_the_sink_spins(void **state)
{
	struct json_object *json;
	struct scheme_ring *ring;
	struct pair p;
	int fds[2];
	pid_t pid;

	(void)state;
	pair_setup(&p);
	start_sink(&p, LIST("--spin", "--periods", "1024"));
	start_player(&p, LIST("--seconds", "60", "--periods", "64"));
	sleep_ms(300);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < RINGS_OF_USER - 1; i++)
			if (try_ring(&p, &ring))
				_exit(1);
		if (write(fds[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &(char){ 0 }, 1), 1);
	close(fds[0]);
	soon_ring(&p, -ENOBUFS);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	soon_ring(&p, 0);
	/* and so does the player, while what it has sent is played to the end */
	kill_player(&p);
	json = play_when_free(&p);
	assert_int_equal(number_of(json, "frames"), 4800);
	json_object_put(json);
	json = stop_sink(&p);
	assert_int_equal(number_of(json, "xruns"), 0);
	json_object_put(json);
	pair_remove(&p);
}

/* ---- nothing ------------------------------------------------------------------------- */

static int visit(const struct pair *p)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path, p->socket, strlen(p->socket) + 1);
	assert_int_equal(connect(sock, (struct sockaddr *)&un, sizeof(un)), 0);
	return sock;
}

static int answer_of(int sock)
{
	int32_t answer;

	assert_int_equal(recv(sock, &answer, sizeof(answer), 0), sizeof(answer));
	close(sock);
	return answer;
}

static void U12_who_connects_and_says_nothing_holds_up_nobody(void **state)
{
	int64_t begin = now_ms();
	struct scheme_ring *ring;
	int visitors[VISITORS_OF_USER];
	struct pair p;

	(void)state;
	pair_setup(&p);
	chmod(p.dir, 0755);
	start_sink(&p, LIST("--mode", "0666"));
	for (int i = 0; i < VISITORS_OF_USER; i++)
		visitors[i] = visit(&p);
	/* no more of this user; the answer, although it came before the question */
	assert_int_equal(try_ring(&p, &ring), -ENOBUFS);
	/* but of others, at once */
	if (!geteuid())
		assert_int_equal(ring_of(&p, NOBODY), 0);
	for (int i = 0; i < VISITORS_OF_USER; i++)
		assert_int_equal(answer_of(visitors[i]), -ETIMEDOUT);
	assert_true(now_ms() - begin >= 1000);
	assert_int_equal(try_ring(&p, &ring), 0);
	scheme_ring_close(ring);
	/* something else is no ring */
	visitors[0] = visit(&p);
	assert_int_equal(send(visitors[0], "ring", 4, 0), 4);
	assert_int_equal(answer_of(visitors[0]), -EPROTO);
	/* who has gone makes room before its time */
	for (int i = 0; i < 3 * VISITORS_OF_USER; i++) {
		close(visit(&p));
		sleep_ms(20);
	}
	soon_ring(&p, 0);
	/* one that is there at the end */
	visitors[0] = visit(&p);
	sleep_ms(100);
	json_object_put(stop_sink(&p));
	assert_int_equal(answer_of(visitors[0]), -ESHUTDOWN);
	pair_remove(&p);
}

static uint64_t cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &ts), 0);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* That its next descriptor would have. */
static unsigned int free_number(pid_t pid)
{
	unsigned int n = 0;
	char path[48];

	do {
		snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, n);
	} while (!access(path, F_OK) && ++n);
	return n;
}

static void U12_without_descriptors_the_sink_waits_and_does_not_spin(void **state)
{
	struct rlimit none, before;
	struct scheme_ring *ring;
	struct pair p;
	uint64_t cpu;
	int status;
	pid_t pid;

	(void)state;
	pair_setup(&p);
	start_sink(&p, LIST("--periods", "4"));
	assert_int_equal(prlimit(p.sink.pid, RLIMIT_NOFILE, NULL, &before), 0);
	none = (struct rlimit){ free_number(p.sink.pid), before.rlim_max };
	assert_int_equal(prlimit(p.sink.pid, RLIMIT_NOFILE, &none, NULL), 0);
	pid = fork();
	if (!pid)
		_exit(-try_ring(&p, &ring));
	sleep_ms(100);
	cpu = cpu_ns(p.sink.pid);
	sleep_ms(1000);
	assert_true(cpu_ns(p.sink.pid) - cpu < 200000000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(prlimit(p.sink.pid, RLIMIT_NOFILE, &before, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	json_object_put(stop_sink(&p));
	pair_remove(&p);
}

/* ---- a sink --------------------------------------------------------------------------- */

struct liar {
	struct scheme_ring	*ring;
	unsigned int		opens;
	bool			drained;
};

static const char status_line[] =
	"{\"rate\":48000,\"channels\":2,\"period_frames\":64,\"periods\":4}\n";

static void liar_begin(struct liar *l, int listener)
{
	struct handover h;
	int sock;

	do {
		sock = accept(listener, NULL, NULL);
	} while (sock < 0 && errno == EAGAIN && !usleep(1000));
	assert_true(sock >= 0);
	assert_int_equal(handover_receive(sock, &h), 0);
	*l = (struct liar){ .ring = NULL };
	assert_int_equal(scheme_ring_attach(&l->ring, SCHEME_RING_PROVIDER, &h.config,
					    &h.fds), 0);
	assert_int_equal(scheme_ring_add_region(l->ring, h.region, 0, h.region_size), 0);
	assert_int_equal(handover_answer(sock, 0), 0);
	handover_close(&h);
	close(sock);
}

static void lie(struct liar *l, uint64_t user_data, int64_t result)
{
	const struct scheme_cqe cqe = { .user_data = user_data, .result = result };

	assert_int_equal(scheme_ring_push(l->ring, &cqe, 1), 1);
}

/*
 * All is well until the drain, which is answered before the periods. What is asked after
 * it has the number of one of them, which has not been answered.
 */
static void liar_answer(struct liar *l, const struct scheme_sqe *sqe)
{
	switch (sqe->opcode) {
	case SCHEME_OP_OPEN:
		lie(l, sqe->user_data, l->opens++);
		return;
	case SCHEME_OP_READ:
		memcpy(scheme_ring_at(l->ring, sqe->addr, sizeof(status_line)),
		       status_line, sizeof(status_line));
		lie(l, sqe->user_data, l->drained ? 1 << 30 : sizeof(status_line));
		return;
	case SCHEME_OP_FSYNC:
		l->drained = true;
		lie(l, sqe->user_data, 0);
		return;
	default:
		return;
	}
}

static void liar_serve(struct liar *l)
{
	struct scheme_sqe sqe;
	int ret;

	while (!(ret = scheme_ring_wait_sqe(l->ring, 10000000000LL)))
		while (scheme_ring_pop(l->ring, &sqe, 1) == 1)
			liar_answer(l, &sqe);
	assert_int_equal(ret, -ESHUTDOWN);
	scheme_ring_close(l->ring);
}

static void U12_player_does_not_believe_a_drain_before_its_periods(void **state)
{
	struct json_object *json;
	struct liar liar;
	struct pair p;
	int listener;

	(void)state;
	pair_setup(&p);
	listener = handover_listen(p.socket, 0600);
	assert_true(listener >= 0);
	/* two periods, and the drain with them */
	start_player(&p, LIST("--seconds", "0.0026"));
	liar_begin(&liar, listener);
	liar_serve(&liar);
	assert_int_equal(finish(&p.player, &json), 1);
	assert_null(json);
	assert_true(liar.drained);
	close(listener);
	unlink(p.socket);
	pair_remove(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(U12_a_user_has_a_share_of_the_rings),
		cmocka_unit_test(U12_a_user_has_a_share_of_the_status),
		cmocka_unit_test(U12_the_killed_make_room_while_the_sink_spins),
		cmocka_unit_test(U12_who_connects_and_says_nothing_holds_up_nobody),
		cmocka_unit_test(U12_without_descriptors_the_sink_waits_and_does_not_spin),
		cmocka_unit_test(U12_player_does_not_believe_a_drain_before_its_periods),
	};

	setbuf(stdout, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
