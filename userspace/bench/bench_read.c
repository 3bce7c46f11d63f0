// SPDX-License-Identifier: MIT
/*
 * bench_read: the round trip of a pread on a scheme, beside a pipe ping-pong
 * that carries the same bytes.
 *
 * Starts nulld itself, once with both sides asleep between requests and once
 * with both spinning. The systems take turns, round by round, so that whatever
 * the machine does meanwhile hits all of them; the medians are printed as
 *
 *	case,system,bs,qd,ops_per_s,ns_per_op,syscalls_per_op
 *
 * syscalls_per_op counts both sides.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <scheme.h>

#define MAX_ROUNDS	99
#define SPIN_US		"10000"

struct bench {
	unsigned int	count;		/* operations a round */
	unsigned int	rounds;
	unsigned int	bs;
	char		*buf;
};

/* One of the things that are compared. */
struct contender {
	const char	*system;
	pid_t		pid;		/* of the other side */
	int		to;		/* scheme node, or pipe to the other side */
	int		from;		/* pipe from the other side */
	int		(*op)(struct contender *c, const struct bench *b);
	double		ns[MAX_ROUNDS];
	double		syscalls;	/* per operation */
};

static int fail(const char *what)
{
	fprintf(stderr, "bench_read: %s: %s\n", what, strerror(errno));
	return -1;
}

/* ---- the scheme ----------------------------------------------------------- */

static int scheme_op(struct contender *c, const struct bench *b)
{
	return pread(c->to, b->buf, b->bs, 0) == (ssize_t)b->bs ? 0 : -1;
}

static void exec_nulld(const char *name, const char *spin, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	if (spin)
		execlp("nulld", "nulld", "--busy-poll", spin, name, (char *)NULL);
	else
		execlp("nulld", "nulld", name, (char *)NULL);
	fail("nulld");
	_exit(127);
}

/* Start nulld and wait for its line "ready: ...". */
static int scheme_start(struct contender *c, const char *name, const char *spin)
{
	char path[128], line[128];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return fail("pipe");
	c->pid = fork();
	if (!c->pid)
		exec_nulld(name, spin, fds[1]);
	close(fds[1]);
	if (read(fds[0], line, sizeof(line)) <= 0) {
		errno = ECHILD;
		return fail("nulld did not start");
	}
	close(fds[0]);
	snprintf(path, sizeof(path), "/dev/scheme/%s", name);
	c->to = open(path, O_RDWR | O_CLOEXEC);
	c->op = scheme_op;
	return c->to < 0 ? fail(path) : 0;
}

/* ENTERs of the provider since the scheme began. */
static unsigned long long enters(const char *name)
{
	char path[128], text[32];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/scheme/%s/enters", name);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f)) {
		fail(path);
		text[0] = '\0';
	}
	if (f)
		fclose(f);
	return strtoull(text, NULL, 10);
}

/* ---- the pipe ------------------------------------------------------------- */

static bool read_full(int fd, char *buf, size_t len)
{
	ssize_t n;

	for (; len; buf += n, len -= n) {
		n = read(fd, buf, len);
		if (n <= 0)
			return false;
	}
	return true;
}

/* As a request: an offset goes there, a block comes back. */
static int pipe_op(struct contender *c, const struct bench *b)
{
	long long offset = 0;

	if (write(c->to, &offset, sizeof(offset)) != sizeof(offset))
		return -1;
	return read_full(c->from, b->buf, b->bs) ? 0 : -1;
}

static void pipe_serve(int from, int to, const struct bench *b)
{
	long long offset;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(from, &offset, sizeof(offset)) == sizeof(offset))
		if (write(to, b->buf, b->bs) != (ssize_t)b->bs)
			break;
	_exit(0);
}

static int pipe_start(struct contender *c, const struct bench *b)
{
	int there[2], back[2];

	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		return fail("pipe");
	c->pid = fork();
	if (!c->pid)
		pipe_serve(there[0], back[1], b);
	close(there[0]);
	close(back[1]);
	c->to = there[1];
	c->from = back[0];
	c->op = pipe_op;
	c->syscalls = 4;
	return c->pid < 0 ? fail("fork") : 0;
}

/* ---- measuring ------------------------------------------------------------ */

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int run_round(struct contender *c, const struct bench *b, double *ns)
{
	double begin = now_ns();

	for (unsigned int i = 0; i < b->count; i++)
		if (c->op(c, b))
			return fail(c->system);
	*ns = (now_ns() - begin) / b->count;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct contender *c, const struct bench *b)
{
	double ns;

	qsort(c->ns, b->rounds, sizeof(c->ns[0]), compare);
	ns = c->ns[b->rounds / 2];
	printf("read,%s,%u,1,%.0f,%.0f,%.2f\n", c->system, b->bs, 1e9 / ns, ns,
	       c->syscalls);
}

static int measure(struct contender *all, unsigned int nr, const struct bench *b)
{
	double warm_up;

	for (unsigned int i = 0; i < nr; i++)
		if (run_round(&all[i], b, &warm_up))
			return -1;
	for (unsigned int round = 0; round < b->rounds; round++)
		for (unsigned int i = 0; i < nr; i++)
			if (run_round(&all[i], b, &all[i].ns[round]))
				return -1;
	return 0;
}

static int run(const struct bench *b)
{
	struct contender all[] = {
		{ .system = "scheme" },
		{ .system = "scheme-spin" },
		{ .system = "pipe" },
	};
	const char *names[] = { "user.bench", "user.bench-spin" };
	double ops = (double)b->count * (b->rounds + 1);
	unsigned long long before[2] = { 0 };
	int ret;

	ret = scheme_start(&all[0], names[0], NULL);
	if (!ret)
		ret = scheme_start(&all[1], names[1], SPIN_US);
	if (!ret)
		ret = pipe_start(&all[2], b);
	for (int i = 0; !ret && i < 2; i++)
		before[i] = enters(names[i]);
	if (!ret)
		ret = measure(all, 3, b);
	for (int i = 0; !ret && i < 2; i++)
		all[i].syscalls = 1 + (enters(names[i]) - before[i]) / ops;
	for (int i = 0; i < 3; i++) {
		if (!ret)
			print(&all[i], b);
		if (all[i].pid > 0)
			kill(all[i].pid, SIGTERM);
	}
	return ret;
}

/* ---- options -------------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "count", 'n', "N", 0, "operations a round (2000)", 0 },
	{ "rounds", 'r', "N", 0, "rounds, of which the median counts (9)", 0 },
	{ "block-size", 'b', "BYTES", 0, "bytes an operation (4096)", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bench *b = state->input;

	switch (key) {
	case 'n':
		b->count = strtoul(arg, NULL, 0);
		return 0;
	case 'r':
		b->rounds = strtoul(arg, NULL, 0);
		return 0;
	case 'b':
		b->bs = strtoul(arg, NULL, 0);
		return 0;
	case ARGP_KEY_END:
		if (!b->count || !b->rounds || b->rounds > MAX_ROUNDS ||
		    !b->bs || b->bs > 65536)
			argp_error(state, "a number is out of range");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL,
		"Measure a pread on a scheme beside a pipe ping-pong.",
		NULL, NULL, NULL,
	};
	struct bench b = { .count = 2000, .rounds = 9, .bs = 4096 };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &b);
	b.buf = calloc(1, b.bs);
	if (!b.buf)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	ret = run(&b);
	free(b.buf);
	return ret ? 1 : 0;
}
