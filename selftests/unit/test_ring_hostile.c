// SPDX-License-Identifier: MIT
/*
 * A peer that writes rubbish, or nearly sensible things, over all that it can
 * write, while the other side goes on as if nothing were: it gets errors, never
 * anything that nobody asked for.
 */
#include "ring_pair.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "../../userspace/lib/clock.h"

#define ENTRIES		8U
#define RINGS		400
#define TIME		(6 * SECOND)
#define TAGS		5000ULL		/* our user_data: TAGS to TAGS + 99 */
#define REGION		(16 * 4096U)
#define WATCHDOG	60

/* What the scribbler has of a ring: all of it, writable. */
struct target {
	struct scheme_ring_client	*client;
	struct scheme_ring_provider	*prov;
	struct scheme_ring_kernel	*kern;
	struct scheme_sqe		*sqes;
	struct scheme_cqe		*cqes;
	int				bell;
	uint8_t				*pool;		/* or NULL */
	unsigned int			seed;
};

static uint32_t any(struct target *t)
{
	return (uint32_t)rand_r(&t->seed) << 16 ^ (uint32_t)rand_r(&t->seed);
}

/*
 * An index: now and then anything, or a step too far; mostly what it may be, so that
 * it goes on for a while. room: steps until it meets the other's.
 */
static void move(struct target *t, uint32_t *index, uint32_t room)
{
	uint32_t value = *index;

	switch (any(t) % 512) {
	case 0:
		value = any(t);
		break;
	case 1:
		value += any(t) % (2 * ENTRIES) - ENTRIES;
		break;
	default:
		value += room && room <= ENTRIES;
	}
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static uint64_t number(struct target *t)
{
	switch (any(t) % 4) {
	case 0:
		return (uint64_t)any(t) << 32 | any(t);
	case 1:
		return UINT64_MAX - any(t) % 3;
	default:
		return any(t) % 200;
	}
}

static void write_cqe(struct target *t)
{
	volatile struct scheme_cqe *cqe = &t->cqes[any(t) % ENTRIES];

	cqe->user_data = any(t) % 2 ? TAGS + any(t) % 100 : number(t);
	cqe->result = (int64_t)number(t);
	cqe->kind = (uint16_t)(any(t) % 3 ? 0 : any(t));
	cqe->flags = (uint16_t)(any(t) % 3 ? 0 : any(t));
	cqe->status = any(t) % 3 ? 0 : any(t);
	cqe->extra = number(t);
}

static void write_sqe(struct target *t)
{
	volatile struct scheme_sqe *sqe = &t->sqes[any(t) % ENTRIES];

	sqe->opcode = (uint8_t)(any(t) % 2 ? any(t) : 1 + any(t) % 8);
	sqe->flags = (uint8_t)(any(t) % 2 ? any(t) : 0);
	sqe->handle = any(t) % 2 ? SCHEME_ROOT : any(t) % 5;
	sqe->user_data = number(t);
	sqe->addr = number(t) * 1024;
	sqe->len = (uint32_t)number(t);
	sqe->aux = number(t);
}

static void ring(int bell)
{
	const uint64_t one = 1;
	ssize_t ignored = write(bell, &one, sizeof(one));

	(void)ignored;
}

static void scribble_provider(struct target *t)
{
	switch (any(t) % 8) {
	case 0:
		move(t, &t->prov->sq_head,
		     ring_load(&t->client->sq_tail) - t->prov->sq_head);
		break;
	case 1:
	case 2:
		move(t, &t->prov->cq_tail,
		     ring_load(&t->client->cq_head) + ENTRIES - t->prov->cq_tail);
		break;
	case 3:
		__atomic_store_n(&t->prov->flags, any(t), __ATOMIC_RELAXED);
		break;
	case 4:
		ring(t->bell);
		break;
	default:
		write_cqe(t);
	}
}

static void scribble_client(struct target *t)
{
	switch (any(t) % 8) {
	case 0:
		move(t, &t->client->cq_head,
		     ring_load(&t->prov->cq_tail) - t->client->cq_head);
		break;
	case 1:
	case 2:
		move(t, &t->client->sq_tail,
		     ring_load(&t->prov->sq_head) + ENTRIES - t->client->sq_tail);
		break;
	case 3:
		__atomic_store_n(&t->client->flags, any(t), __ATOMIC_RELAXED);
		break;
	case 4:
		ring(t->bell);
		break;
	case 5:
		if (t->pool)
			t->pool[any(t) % REGION] = (uint8_t)any(t);
		break;
	default:
		write_sqe(t);
	}
}

static struct target aim(const struct scheme_ring_fds *fds,
			 const struct scheme_ring_config *config, unsigned int seed)
{
	struct scheme_ring_config c = *config;
	struct ring_layout l;
	uint8_t *mem;

	ring_config(&c);
	l = ring_layout(&c);
	mem = mmap(NULL, l.size, PROT_READ | PROT_WRITE, MAP_SHARED, fds->memory, 0);
	return (struct target){
		.client = (void *)(mem + l.client),
		.prov = (void *)(mem + l.provider),
		.kern = (void *)(mem + l.kernel),
		.sqes = (void *)(mem + l.sq),
		.cqes = (void *)(mem + l.cq),
		.bell = fds->peer_bell,
		.seed = seed,
	};
}

static uint8_t *pool_of(int region)
{
	return region < 0 ? NULL : mmap(NULL, REGION, PROT_READ | PROT_WRITE,
					MAP_SHARED, region, 0);
}

/* A process that scribbles with the descriptors of one side. */
static pid_t fork_scribbler(struct pair *p, const struct scheme_ring_fds *fds,
			    void (*scribble)(struct target *t), unsigned int seed)
{
	pid_t pid = fork();
	struct target t;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	t = aim(fds, &p->config, seed);
	t.pool = pool_of(p->region);
	for (;;) {
		scribble(&t);
		if (any(&t) % 16 == 0)
			usleep(any(&t) % 50);
	}
}

static void end_scribbler(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool is_known(int ret)
{
	return ret >= 0 || ret == -EIO || ret == -EAGAIN || ret == -ETIME ||
	       ret == -ESHUTDOWN;
}

/* ---- a client ------------------------------------------------------------------ */

struct asked {
	unsigned int	times[100];	/* in flight, by user_data */
};

static void ask(struct scheme_ring *r, struct asked *a, unsigned int *seed)
{
	struct scheme_sqe *sqe = scheme_ring_get_sqe(r);
	unsigned int tag = (unsigned int)rand_r(seed) % 100;

	if (!sqe)
		return;
	scheme_ring_prep_read(sqe, 1, 0, 4096, 0);
	sqe->user_data = TAGS + tag;
	a->times[tag]++;
}

static void expect_asked(struct asked *a, const struct scheme_cqe *cqe)
{
	assert_in_range(cqe->user_data, TAGS, TAGS + 99);
	assert_true(a->times[cqe->user_data - TAGS]);
	a->times[cqe->user_data - TAGS]--;
	assert_false(cqe->flags & SCHEME_CQE_F_MORE);
	assert_true(cqe->result >= -4095 && cqe->result <= 4096);
}

/* Go on until the ring is broken, or long enough. */
static int use_as_client(struct scheme_ring *r, unsigned int *seed,
			 unsigned int *heard)
{
	struct asked asked = { { 0 } };
	struct scheme_cqe *cqe;
	int ret, broken = 0;

	for (int i = 0; i < 2000 && !broken; i++) {
		ask(r, &asked, seed);
		ret = scheme_ring_submit(r);
		assert_true(is_known(ret));
		broken = ret == -EIO;
		ret = scheme_ring_wait_cqe(r, &cqe, rand_r(seed) % 2 ? 0 : 20000);
		assert_true(is_known(ret));
		if (!ret) {
			expect_asked(&asked, cqe);
			++*heard;
			scheme_ring_cqe_seen(r, cqe);
		}
		broken |= ret == -EIO;
		if (rand_r(seed) % 32 == 0)
			assert_true(is_known(scheme_ring_wait_room(r, 20000)));
	}
	if (broken) {
		assert_int_equal(scheme_ring_submit(r), -EIO);
		assert_int_equal(scheme_ring_wait_cqe(r, &cqe, -1), r->peeked ? 0 : -EIO);
	}
	return broken;
}

static void U10_client_of_a_scribbler_gets_errors_and_its_own_answers(void **state)
{
	uint64_t begin = now_ns();
	unsigned int seed = 11, broken = 0, heard = 0, i;

	(void)state;
	for (i = 0; i < RINGS && now_ns() - begin < (uint64_t)TIME; i++) {
		struct pair p = pair_setup(ENTRIES, ENTRIES);
		pid_t pid = fork_scribbler(&p, &p.provider_fds, scribble_provider, i);

		pair_attach_client(&p);
		broken += (unsigned int)use_as_client(p.client, &seed, &heard);
		end_scribbler(pid);
		pair_close(&p);
	}
	printf("# %u of %u rings were found broken, %u answers\n", broken, i, heard);
	assert_true(broken);
	assert_true(heard);
}

/* ---- a provider ---------------------------------------------------------------- */

/* What a provider does with an entry: it looks at its payload, if it has one. */
static uint64_t touch(struct scheme_ring *r, const struct scheme_sqe *sqe)
{
	const uint8_t *payload = scheme_ring_at(r, sqe->addr, sqe->len);
	uint64_t total = 0;

	if (!payload)
		return 0;
	assert_true(sqe->addr + sqe->len <= REGION);
	for (uint32_t i = 0; i < sqe->len; i++)
		total += payload[i];
	return total + 1;
}

static int use_as_provider(struct scheme_ring *r, unsigned int *seed,
			   unsigned int *touched)
{
	struct scheme_sqe sqes[ENTRIES];
	int ret, broken = 0;

	for (int i = 0; i < 2000 && !broken; i++) {
		ret = scheme_ring_wait_sqe(r, rand_r(seed) % 2 ? 0 : 20000);
		assert_true(is_known(ret));
		ret = scheme_ring_pop(r, sqes, ENTRIES);
		assert_true(is_known(ret));
		assert_true(ret <= (int)ENTRIES);
		for (int n = 0; n < ret; n++) {
			int64_t sum = (int64_t)touch(r, &sqes[n]);
			int pushed = push_one(r, sqes[n].user_data, sum);

			*touched += !!sum;
			assert_true(is_known(pushed));
			broken |= pushed == -EIO;
		}
		broken |= ret == -EIO;
	}
	if (broken) {
		assert_int_equal(scheme_ring_pop(r, sqes, 1), -EIO);
		assert_int_equal(scheme_ring_wait_sqe(r, -1), -EIO);
	}
	return broken;
}

static void U10_provider_of_a_scribbler_stays_in_its_memory(void **state)
{
	uint64_t begin = now_ns();
	unsigned int seed = 12, broken = 0, touched = 0, i;

	(void)state;
	for (i = 0; i < RINGS && now_ns() - begin < (uint64_t)TIME; i++) {
		struct pair p = pair_setup(ENTRIES, ENTRIES);
		pid_t pid = fork_scribbler(&p, &p.client_fds, scribble_client, i);

		pair_attach_provider(&p);
		pair_add_region(&p, 0, REGION);
		broken += (unsigned int)use_as_provider(p.provider, &seed, &touched);
		end_scribbler(pid);
		pair_close(&p);
	}
	printf("# %u of %u rings were found broken, %u payloads\n", broken, i, touched);
	assert_true(broken);
	assert_true(touched);
}

/* ---- a server -------------------------------------------------------------------- */

static struct {
	struct scheme_req	*parked[64];
	unsigned int		nr_parked, calls, opened, closed;
} served;

static void serve_open(struct scheme_req *req, uint64_t dir, const char *path,
		       int flags, mode_t mode)
{
	(void)flags, (void)mode;
	assert_true(dir == SCHEME_ROOT || (dir >= 100 && dir < 100 + served.opened));
	assert_true(strlen(path) <= SCHEME_PATH_MAX);
	scheme_reply_open(req, 100 + served.opened++, 0, 0);
}

static void serve_close(struct scheme *s, uint64_t handle)
{
	(void)s;
	assert_true(handle >= 100 && handle < 100 + served.opened);
	served.closed++;
}

static void serve_read(struct scheme_req *req, uint64_t handle, void *buf,
		       uint32_t len, uint64_t offset)
{
	(void)handle;
	served.calls++;
	memset(buf, (int)offset, len);
	scheme_reply(req, len);
}

/* Some are parked. */
static void serve_write(struct scheme_req *req, uint64_t handle, const void *buf,
			uint32_t len, uint64_t offset)
{
	uint64_t total = 0;

	(void)handle, (void)offset;
	served.calls++;
	for (uint32_t i = 0; i < len; i++)
		total += ((const uint8_t *)buf)[i];
	if (total % 2 && served.nr_parked < 64)
		served.parked[served.nr_parked++] = req;
	else
		scheme_reply(req, len);
}

static void serve_call(struct scheme_req *req, uint64_t handle,
		       const uint64_t word[3], const void *in, uint32_t in_len,
		       void *out, uint32_t out_len)
{
	(void)handle, (void)word;
	served.calls++;
	memmove(out, in, in_len < out_len ? in_len : out_len);
	scheme_reply_call(req, 0, out_len);
}

static void serve_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	const struct scheme_stat st = { .size = strlen(path) };

	(void)handle;
	scheme_reply_stat(req, &st);
}

static void serve_rename(struct scheme_req *req, uint64_t handle, const char *path,
			 uint64_t handle2, const char *path2, uint32_t flags)
{
	(void)handle, (void)handle2, (void)flags;
	scheme_reply(req, (int64_t)(strlen(path) + strlen(path2)));
}

static void serve_getdents(struct scheme_req *req, uint64_t handle,
			   uint64_t offset)
{
	(void)handle, (void)offset;
	while (!scheme_dirent_add(req, 1, 1, 0, "name"))
		;
	scheme_reply_dirents(req);
}

static void serve_own(struct scheme_req *req, uint8_t opcode, uint64_t handle,
		      void *buf, uint32_t len, uint64_t offset)
{
	(void)opcode;
	scheme_reply_more(req, 1, 0);
	serve_read(req, handle, buf, len, offset);
}

static void serve_cancel(struct scheme_req *req)
{
	for (unsigned int i = 0; i < served.nr_parked; i++)
		if (served.parked[i] == req)
			served.parked[i] = served.parked[--served.nr_parked];
	scheme_reply(req, -ECANCELED);
}

static const struct scheme_ops ops = {
	.open = serve_open, .close = serve_close, .read = serve_read,
	.write = serve_write, .call = serve_call, .stat = serve_stat,
	.rename = serve_rename, .getdents = serve_getdents, .own = serve_own,
	.cancel = serve_cancel,
};

static void serve_ring(struct scheme *scheme, struct scheme_ring *r)
{
	const struct scheme_ring_server_config c = { .depth = 8, .files = 4 };
	struct scheme_ring_server *server;
	int ret = 0;

	assert_int_equal(scheme_ring_server_create(&server, scheme, r, &c), 0);
	for (int i = 0; i < 3000 && ret != -EIO; i++) {
		ret = scheme_ring_server_step(server, i % 2 ? 0 : 20000);
		assert_true(is_known(ret));
		if (served.nr_parked && i % 4 == 0)
			scheme_reply(served.parked[--served.nr_parked], 1);
	}
	assert_int_equal(scheme_ring_server_destroy(server), 0);
	assert_int_equal(served.nr_parked, 0);
	assert_int_equal(served.opened, served.closed);
}

static void U10_server_of_a_scribbler_answers_or_breaks(void **state)
{
	uint64_t begin = now_ns();
	struct scheme *scheme;
	unsigned int i;

	(void)state;
	assert_int_equal(scheme_create_local(&scheme, &ops, sizeof(ops), NULL), 0);
	for (i = 0; i < RINGS && now_ns() - begin < (uint64_t)TIME; i++) {
		struct pair p = pair_setup(ENTRIES, ENTRIES);
		pid_t pid;

		p.region = scheme_ring_region_create(REGION);
		pid = fork_scribbler(&p, &p.client_fds, scribble_client, i);
		pair_attach_provider(&p);
		pair_add_region(&p, 0, REGION);
		serve_ring(scheme, p.provider);
		end_scribbler(pid);
		pair_close(&p);
	}
	printf("# %u rings, %u callbacks, %u opens\n", i, served.calls, served.opened);
	assert_true(served.calls && served.opened);
	scheme_destroy(scheme);
}

/* Bits of the owner's page that nobody knows are nothing to wake for. */
static void U10_unknown_state_bits_are_no_end(void **state)
{
	struct pair p = pair_open(ENTRIES, ENTRIES);
	struct scheme_cqe *cqe;

	(void)state;
	p.client->kern->state = ~(uint32_t)(SCHEME_RING_DEAD | SCHEME_RING_BROKEN);
	assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, MS), -ETIME);
	assert_int_equal(scheme_ring_alive(p.client), 0);
	pair_close(&p);
}

/* A doorbell that never stops is no reason to wait for longer than was said. */
static void U10_a_time_is_over_whatever_the_peer_does(void **state)
{
	struct pair p = pair_open(ENTRIES, ENTRIES);
	const struct scheme_cqe lie = { .user_data = 77 };
	uint64_t begin = now_ns();
	struct scheme_cqe *cqe;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			ring(p.provider->fds.peer_bell);
	}
	assert_int_equal(scheme_ring_push(p.provider, &lie, 1), 1);
	assert_int_equal(scheme_ring_wait_cqe(p.client, &cqe, 50 * MS), -ETIME);
	assert_true(now_ns() - begin >= 50 * MS);
	assert_int_equal(scheme_ring_forged(p.client), 1);
	end_scribbler(pid);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(U10_client_of_a_scribbler_gets_errors_and_its_own_answers),
		cmocka_unit_test(U10_provider_of_a_scribbler_stays_in_its_memory),
		cmocka_unit_test(U10_server_of_a_scribbler_answers_or_breaks),
		cmocka_unit_test(U10_unknown_state_bits_are_no_end),
		cmocka_unit_test(U10_a_time_is_over_whatever_the_peer_does),
	};

	alarm(WATCHDOG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
