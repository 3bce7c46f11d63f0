// SPDX-License-Identifier: MIT
/*
 * The smallest complete provider: reads are zeros, writes vanish.
 *
 *	cc -o null null.c $(pkg-config --cflags --libs libscheme)
 *	./null user.null &
 *	head -c 16 /dev/scheme/user.null | od -x
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <scheme.h>

static volatile int stop;

static void on_signal(int signal)
{
	stop = signal;
}

static void null_open(struct scheme_req *req, uint64_t dir, const char *path,
		      int flags, mode_t mode)
{
	(void)dir, (void)path, (void)flags, (void)mode;
	scheme_reply_open(req, 0, 0, 0);
}

static void null_read(struct scheme_req *req, uint64_t handle, void *buf,
		      uint32_t len, uint64_t offset)
{
	(void)handle, (void)offset;
	memset(buf, 0, len);
	scheme_reply(req, len);
}

static void null_write(struct scheme_req *req, uint64_t handle, const void *buf,
		       uint32_t len, uint64_t offset)
{
	(void)handle, (void)buf, (void)offset;
	scheme_reply(req, len);
}

int main(int argc, char **argv)
{
	const struct scheme_ops ops = { .open = null_open, .read = null_read, .write = null_write };
	const struct scheme_config config = { .name = argc > 1 ? argv[1] : "user.null" };
	struct scheme *s;
	int ret = scheme_create(&s, &config, &ops, sizeof(ops), NULL);

	if (!ret) {
		signal(SIGINT, on_signal);
		signal(SIGTERM, on_signal);
		ret = scheme_run(s, &stop);
		scheme_destroy(s);
	}
	if (ret)
		fprintf(stderr, "null: %s\n", strerror(-ret));
	return ret != 0;
}
