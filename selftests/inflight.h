/* SPDX-License-Identifier: GPL-2.0 */
/* Files in flight and memory to map, for tests: what provider and client say. */
#ifndef SELFTESTS_INFLIGHT_H
#define SELFTESTS_INFLIGHT_H

#include "provider.h"

/* ---- provider ------------------------------------------------------------ */

/* ATTACH: 0 and a ticket, or -errno. */
int queue_attach(struct queue *q, uint64_t tag, int fd, uint64_t *ticket);
/* ATTACH_MEMORY of size bytes at offset. */
int queue_attach_memory(struct queue *q, uint64_t tag, int fd, uint64_t offset,
			uint64_t size, uint32_t flags);
/* FETCH: an fd, or -errno. */
int queue_fetch(struct queue *q, uint64_t tag, uint32_t flags);
/* Answer with a ticket; what the module wrote back. */
int queue_answer_fd(struct queue *q, const struct scheme_sqe *sqe,
		    uint64_t ticket);

/* ---- client -------------------------------------------------------------- */

/* SENDFD and RECVFD that wait for the provider; the result, or -errno. */
int64_t client_sendfd(int fd, int sent, const char *name, uint32_t flags,
		      uint64_t word);
int client_recvfd(int fd, const char *name, uint32_t flags, uint64_t word);

/* ---- a file whose end shows ---------------------------------------------- */

/*
 * A pipe. Who has a descriptor of the writing end keeps the reader from seeing
 * the end, be it a process or the kernel.
 */
struct marker {
	int reader;
	int writer;
};

int marker_begin(struct marker *m);
void marker_close_writer(struct marker *m);
/* Nobody has the writing end any more; waits for it. */
bool marker_gone(const struct marker *m);
/* Somebody has, and nothing has been written. */
bool marker_held(const struct marker *m);
/* fd is the writing end: what is written there comes out here. */
bool marker_is(const struct marker *m, int fd);
void marker_end(struct marker *m);

/* ---- all files ------------------------------------------------------------ */

/*
 * Open files of the whole machine. Kernels count up to 32 on each CPU before the
 * others see it, in either direction and each time that one looks.
 */
long files_now(void);
/* So two looks may differ without a leak; of what may leak there must be far more. */
#define FILES_SLACK	150

#endif /* SELFTESTS_INFLIGHT_H */
