/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Direct rings on the raw interface, for tests. Functions return 0, a number or a
 * descriptor, or a negative errno.
 */
#ifndef SELFTESTS_RING_H
#define SELFTESTS_RING_H

#include <linux/redox_scheme_ring.h>

#include "job.h"
#include "provider.h"

/* One side's end, mapped as that side may. */
struct ring_side {
	int				fd;
	struct scheme_ring_info		info;
	struct scheme_ring_client	*client;
	struct scheme_ring_provider	*prov;
	struct scheme_ring_kernel	*kern;
	struct scheme_sqe		*sq;
	struct scheme_cqe		*cq;
};

struct ring_pair {
	struct ring_side	client;
	struct ring_side	prov;
};

/* RING_CREATE on a client's descriptor; zeros are the defaults. */
int ring_create(int file, uint32_t sq_entries, uint32_t cq_entries);
int ring_info(int fd, struct scheme_ring_info *info);
uint32_t ring_state(int fd);
int ring_attach(int file, int fd, uint64_t word);
/* fd becomes the side's. */
int ring_side_map(struct ring_side *side, int fd);
void ring_side_unmap(struct ring_side *side);
/* Unmap and close. */
void ring_side_end(struct ring_side *side);
int ring_enter(int fd, uint32_t flags, int64_t timeout_ns);
#define ring_notify(fd)		ring_enter(fd, SCHEME_RING_NOTIFY, 0)
#define ring_wait_ms(fd, ms)	ring_enter(fd, SCHEME_RING_WAIT, (ms) * 1000000LL)

/* RING_REGION_ADD of all of memory. */
int ring_region_add(int fd, int memory, uint64_t offset, uint64_t size);
int ring_region(int fd, uint32_t index, uint64_t *offset, uint64_t *size);
/* mmap(2) of the pool; MAP_FAILED. */
void *ring_pool_map(int fd, uint64_t offset, size_t size, int prot);
int ring_file_add(int fd, int file);
int ring_file(int fd, uint32_t index, struct scheme_ring_file *out);
/* A memfd with these seals. */
int ring_memfd(size_t size, unsigned int seals);

/* A ring between a client's descriptor and the provider's queue 0, attached. */
int ring_pair_begin(struct ring_pair *pair, struct provider *p, int file,
		    uint32_t sq_entries, uint32_t cq_entries);
void ring_pair_end(struct ring_pair *pair);

/* One entry each, with the index; the other side is not told. */
void ring_submit(struct ring_side *client, const struct scheme_sqe *sqe);
bool ring_take(struct ring_side *prov, struct scheme_sqe *sqe);
void ring_post(struct ring_side *prov, const struct scheme_cqe *cqe);
bool ring_reap(struct ring_side *client, struct scheme_cqe *cqe);

#endif /* SELFTESTS_RING_H */
