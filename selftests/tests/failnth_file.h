/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of those whose calls are about one file and its provider. */
#ifndef SELFTESTS_FAILNTH_FILE_H
#define SELFTESTS_FAILNTH_FILE_H

#include "../fault.h"
#include "../harness.h"
#include "../inject.h"
#include "../uring.h"

#define NAME	"test-failnth"
#define SLOT	4096
/* more slots than a transfer keeps in flight */
#define BYTES	(10 * SLOT)

FIXTURE(failnth) {
	struct inject inject;
	struct server s;		/* serves the clients below */
	int control;
	int root;
	int file;			/* positioned */
	int nonblock;			/* the same with O_NONBLOCK */
	struct provider own;		/* served by the test, step by step */
	int own_file;
	char *buf;
	/* of one call */
	int fd;
	struct job job;
	struct io_uring ring;
};

#include "failnth.h"

static bool settled(const struct provider *p, uint64_t handles)
{
	struct scheme_stats stats;

	return !provider_stats(p, &stats) && !stats.in_flight &&
	       stats.handles == handles && !stats.broken && !stats.refused;
}

/* The scheme serves as before, and nothing is left on either. */
static bool usable(env_t *env)
{
	char bytes[16];

	return pread(env->file, bytes, sizeof(bytes), 0) == sizeof(bytes) &&
	       wait_until(settled(&env->s.p, 3) && settled(&env->own, 1)) &&
	       !env->s.served->wrong;
}

FIXTURE_SETUP(failnth)
{
	struct scheme_create create;
	int ret = inject_begin(&self->inject);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	self->control = control_open();
	ASSERT_LE(0, self->control);
	server_create_init(&create, NAME);
	ASSERT_EQ(0, server_start_thread(&self->s, &create, NULL));
	self->root = open_errno(self->s.p.node, O_RDWR);
	ASSERT_LE(0, self->root);
	self->file = client_openat(self->root, "a", O_RDWR | O_CLOEXEC, 0);
	ASSERT_LE(0, self->file);
	self->nonblock = client_openat(self->root, "a",
				       O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
	ASSERT_LE(0, self->nonblock);
	ASSERT_EQ(0, provider_begin(&self->own, NAME "-own"));
	self->own_file = client_open(&self->own, O_RDWR, 7,
				     SCHEME_CQE_F_POSITIONED);
	ASSERT_LE(0, self->own_file);
	self->buf = calloc(1, BYTES);
	ASSERT_NE(NULL, self->buf);
}

FIXTURE_TEARDOWN(failnth)
{
	free(self->buf);
	close(self->own_file);
	provider_end(&self->own);
	close(self->nonblock);
	close(self->file);
	close(self->root);
	server_stop(&self->s);
	close(self->control);
	inject_end(&self->inject);
}

#endif /* SELFTESTS_FAILNTH_FILE_H */
