/* SPDX-License-Identifier: GPL-2.0 */
/* Connections of chand, for tests. */
#ifndef SELFTESTS_CHAN_H
#define SELFTESTS_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHAN_NAME	"test-chan"
/* Bytes that wait in one direction. */
#define CHAN_BUFFER	65536

/*
 * Start chand, with this depth (NULL: its own), and listen at "here". Its pid,
 * or -errno.
 */
pid_t chan_begin(const char *depth, int *listener);
/* One end of a new connection to "here"; flags: O_NONBLOCK. */
int chan_connect(int flags);
/* Both ends of a new connection; 0 or -errno. */
int chan_pair(int listener, int fd[2], int flags);
void chan_close(const int fd[2]);

/* read(2) and write(2) that return -errno. */
long read_errno(int fd, void *buf, size_t len);
long write_errno(int fd, const void *buf, size_t len);
/* Write until nothing more goes in; how much did. */
long chan_fill(int fd);

/* The readiness of fd. */
int chan_poll(int fd);
/* It becomes this. */
bool chan_polls(int fd, int events);

#endif /* SELFTESTS_CHAN_H */
