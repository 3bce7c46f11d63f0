/* SPDX-License-Identifier: GPL-2.0 */
/* Direct rings: the fixture of their tests. */
#ifndef SELFTESTS_TESTS_RING_H
#define SELFTESTS_TESTS_RING_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../harness.h"
#include "../inflight.h"
#include "../ring.h"

#define NAME	"test-ring"
#define PAGE	4096UL
#define SQ	8U
#define CQ	16U

FIXTURE(ring) {
	struct provider p;
	struct queue *q;
	int file;		/* the client's */
	struct ring_pair pair;
	struct scheme_sqe sqe;
	struct job job;
};

FIXTURE_SETUP(ring)
{
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
	self->q = &self->p.q[0];
	self->file = client_open(&self->p, O_RDWR, 7, 0);
	ASSERT_LE(0, self->file);
}

FIXTURE_TEARDOWN(ring)
{
	close(self->file);
	provider_end(&self->p);
}

/* An attached ring of SQ and CQ entries. */
#define BEGIN_PAIR()							\
	ASSERT_EQ(0, ring_pair_begin(&self->pair, &self->p, self->file, SQ, CQ))

#endif /* SELFTESTS_TESTS_RING_H */
