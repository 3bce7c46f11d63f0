// SPDX-License-Identifier: MIT
/*
 * A client: write a line to a file in a scheme, read it back, make a call.
 *
 *	cc -o client client.c $(pkg-config --cflags --libs libscheme)
 *	./client user.echo:greeting "hello"
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <scheme.h>

static int fail(const char *what, int err)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(err));
	return 1;
}

/* An open file in a scheme is a file like any other. */
static int echo(int fd, const char *text)
{
	char back[4096];
	ssize_t n;

	if (write(fd, text, strlen(text)) < 0)
		return fail("write", errno);
	n = read(fd, back, sizeof(back));
	if (n < 0)
		return fail("read", errno);
	printf("%.*s\n", (int)n, back);
	return 0;
}

/* Words and bytes there, a number and bytes back. Not every scheme has calls. */
static int call(int fd)
{
	const uint64_t word[3] = { 1, 2, 3 };
	char out[64];
	uint32_t out_len = sizeof(out);
	int64_t result;
	int ret = scheme_call(fd, word, "in", 2, out, &out_len, &result);

	if (ret == -EOPNOTSUPP)
		return 0;
	if (ret)
		return fail("call", -ret);
	printf("called: %lld, %u bytes\n", (long long)result, out_len);
	return 0;
}

int main(int argc, char **argv)
{
	int fd, ret;

	if (argc != 3) {
		fprintf(stderr, "usage: client SCHEME:PATH TEXT\n");
		return 2;
	}
	fd = scheme_open(argv[1], O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return fail(argv[1], -fd);
	ret = echo(fd, argv[2]);
	if (!ret)
		ret = call(fd);
	close(fd);
	return ret;
}
