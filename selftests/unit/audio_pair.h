/* SPDX-License-Identifier: MIT */
/* audiod and audioplay as they are built, joined by a ring over shared memory. */
#ifndef UNIT_AUDIO_PAIR_H
#define UNIT_AUDIO_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "../clock.h"

#define ARGS_MAX	24

struct program {
	pid_t	pid;
	FILE	*out;
};

struct pair {
	char		dir[32];
	char		socket[48];
	struct program	sink, player;
};

static inline void run(const char *const *argv, int out)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out, STDOUT_FILENO);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static inline struct program start(const char *const *argv)
{
	struct program p;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (!p.pid)
		run(argv, fds[1]);
	close(fds[1]);
	p.out = fdopen(fds[0], "r");
	assert_non_null(p.out);
	return p;
}

/* argv: the program, what it gets for sure, and what the caller adds. */
static inline struct program start_with(const char *path, const char *socket,
					const char *const *more)
{
	const char *argv[ARGS_MAX] = { path, "--socket", socket, "--json" };
	int nr = 4;

	while (*more && nr < ARGS_MAX - 1)
		argv[nr++] = *more++;
	return start(argv);
}

#define LIST(...)	((const char *const[]){ __VA_ARGS__, NULL })

static inline void pair_setup(struct pair *p)
{
	*p = (struct pair){ .dir = "/tmp/audio-XXXXXX" };
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->socket, sizeof(p->socket), "%s/socket", p->dir);
}

static inline void start_sink(struct pair *p, const char *const *more)
{
	char line[128] = "";

	p->sink = start_with(PROGRAMS "/daemons/audiod", p->socket, more);
	assert_non_null(fgets(line, sizeof(line), p->sink.out));
	assert_memory_equal(line, "ready: ", 7);
}

static inline void start_player(struct pair *p, const char *const *more)
{
	p->player = start_with(PROGRAMS "/tools/audioplay", p->socket, more);
}

/* Its exit status; what it printed last goes to *json. */
static inline int finish(struct program *p, struct json_object **json)
{
	static char line[1 << 20];
	int status;

	*json = NULL;
	while (fgets(line, sizeof(line), p->out)) {
		json_object_put(*json);
		*json = json_tokener_parse(line);
	}
	fclose(p->out);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	p->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline struct json_object *finish_player(struct pair *p)
{
	struct json_object *json;

	assert_int_equal(finish(&p->player, &json), 0);
	assert_non_null(json);
	return json;
}

/* A tenth of a second, as soon as nobody else plays. */
static inline struct json_object *play_when_free(struct pair *p)
{
	int64_t begin = now_ms();
	struct json_object *json;
	int ret;

	do {
		start_player(p, LIST("--seconds", "0.1"));
		ret = finish(&p->player, &json);
		if (ret)
			sleep_ms(10);
	} while (ret && now_ms() - begin < 5000);
	assert_int_equal(ret, 0);
	assert_non_null(json);
	return json;
}

static inline struct json_object *stop_sink(struct pair *p)
{
	struct json_object *json;

	kill(p->sink.pid, SIGTERM);
	assert_int_equal(finish(&p->sink, &json), 0);
	assert_non_null(json);
	return json;
}

static inline void kill_player(struct pair *p)
{
	struct json_object *json;

	kill(p->player.pid, SIGKILL);
	assert_int_equal(finish(&p->player, &json), -1);
	assert_null(json);
}

static inline uint64_t number_of(struct json_object *o, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, key, &value));
	return json_object_get_uint64(value);
}

static inline void pair_remove(struct pair *p)
{
	char path[64];

	/* the socket went with the sink */
	assert_int_equal(access(p->socket, F_OK), -1);
	snprintf(path, sizeof(path), "%s/raw", p->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/wav", p->dir);
	unlink(path);
	assert_int_equal(rmdir(p->dir), 0);
}

#endif /* UNIT_AUDIO_PAIR_H */
