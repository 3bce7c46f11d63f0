// SPDX-License-Identifier: MIT
/*
 * Ringclient: read a file of a scheme through a direct ring, many blocks at a time.
 *
 *	cc -o ringclient ringclient.c $(pkg-config --cflags --libs libscheme)
 *	ramdiskd disk.ram --size 16M &
 *	./ringclient disk.ram: >copy
 *
 * The ring is asked for once, and the file is registered with it. After that a block
 * is an entry that the daemon takes from shared memory, and its bytes are in memory
 * that both have; the kernel is needed only by the side that has nothing to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <scheme_ring.h>

#define DEPTH	16U
#define BLOCK	65536U

/* A block has the place in the pool, and the user_data, of its turn. */
struct copy {
	struct scheme_ring	*ring;
	uint64_t		file;		/* as entries name it */
	uint64_t		asked;		/* blocks */
	int32_t			len[DEPTH];	/* what has come; -1: not yet */
};

/* Ask for the next blocks, as far as there are places. */
static int ask(struct copy *c, uint64_t written)
{
	while (c->asked - written < DEPTH) {
		struct scheme_sqe *sqe = scheme_ring_get_sqe(c->ring);
		uint64_t place = c->asked % DEPTH;

		if (!sqe)
			break;
		scheme_ring_prep_read(sqe, c->file, place * BLOCK, BLOCK,
				      c->asked * BLOCK);
		sqe->user_data = place;
		c->len[place] = -1;
		c->asked++;
	}
	return scheme_ring_submit(c->ring);
}

/* Answers come in any order. */
static int take_answer(struct copy *c)
{
	struct scheme_cqe *cqe;
	int64_t result;
	int ret = scheme_ring_wait_cqe(c->ring, &cqe, -1);

	if (ret)
		return ret;
	result = cqe->result;
	if (result >= 0)
		c->len[cqe->user_data] = (int32_t)result;
	scheme_ring_cqe_seen(c->ring, cqe);
	return result < 0 ? (int)result : 0;
}

static int write_all(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Until a block is not full: that is the end. */
static int copy(struct copy *c)
{
	uint64_t written = 0;
	int32_t len;
	int ret;

	do {
		uint64_t place = written % DEPTH;

		ret = ask(c, written);
		while (ret >= 0 && c->len[place] < 0)
			ret = take_answer(c);
		if (ret < 0)
			return ret;
		len = c->len[place];
		ret = write_all(scheme_ring_at(c->ring, place * BLOCK, BLOCK), (size_t)len);
		written++;
	} while (!ret && len == BLOCK);
	return ret;
}

int main(int argc, char **argv)
{
	struct copy c = { 0 };
	int fd, ret;

	if (argc != 2) {
		fprintf(stderr, "usage: ringclient SCHEME:PATH >FILE\n");
		return 2;
	}
	fd = scheme_open(argv[1], O_RDONLY | O_CLOEXEC, 0);
	ret = fd < 0 ? fd : scheme_ring_open(&c.ring, fd, NULL, (size_t)DEPTH * BLOCK, 0);
	if (!ret) {
		ret = scheme_ring_add_file(c.ring, fd);
		if (ret >= 0) {
			c.file = SCHEME_RING_FIXED | (uint64_t)ret;
			ret = copy(&c);
		}
		scheme_ring_close(c.ring);
	}
	if (ret < 0)
		fprintf(stderr, "ringclient: %s: %s\n", argv[1], strerror(-ret));
	return ret < 0;
}
