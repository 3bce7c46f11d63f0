/* SPDX-License-Identifier: MIT */
/*
 * Hand the provider's end of a direct ring over shared memory to another process,
 * by a local socket: what the module does for a client of a scheme.
 */
#ifndef COMMON_HANDOVER_H
#define COMMON_HANDOVER_H

#include <scheme_ring.h>

struct handover {
	struct scheme_ring_config config;
	struct scheme_ring_fds	fds;
	int			region;		/* of the pool, at 0 */
	uint64_t		region_size;
};

/*
 * The client's end of a ring whose other end the process that listens at path
 * serves; with a pool of so many bytes, whole pages. 0, or the other side's
 * error, or one of our own. -ENOENT, -ECONNREFUSED: nobody is there.
 */
int handover_connect(struct scheme_ring **out, const char *path,
		     const struct scheme_ring_config *config, uint64_t pool);
/* The listening end. Returns the socket; who may connect, mode says. */
int handover_listen(const char *path, unsigned int mode);
/*
 * Take what has come; the descriptors are the caller's. -EPROTO: it is something
 * else.
 */
int handover_receive(int connection, struct handover *h);
/* And answer: 0, or a negative errno. */
int handover_answer(int connection, int result);
void handover_close(struct handover *h);

#endif /* COMMON_HANDOVER_H */
