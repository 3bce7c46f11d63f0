/* SPDX-License-Identifier: MIT */
/* Bytes that wait between one who puts and one who gets, never more than a size. */
#ifndef COMMON_FIFO_H
#define COMMON_FIFO_H

#include <stdint.h>

struct fifo {
	uint8_t		*bytes;
	uint32_t	size;		/* a power of two */
	uint32_t	head, tail;	/* ever got, ever put; modulo 2^32 */
};

/* size is rounded up to a power of two. -EINVAL: 0 or above 2^31; -ENOMEM. */
int fifo_init(struct fifo *f, uint32_t size);
void fifo_free(struct fifo *f);

static inline uint32_t fifo_used(const struct fifo *f)
{
	return f->tail - f->head;
}

static inline uint32_t fifo_room(const struct fifo *f)
{
	return f->size - fifo_used(f);
}

/* Both return how many bytes have gone through: as many as there can. */
uint32_t fifo_put(struct fifo *f, const void *data, uint32_t len);
uint32_t fifo_get(struct fifo *f, void *data, uint32_t len);
/* Forget what waits. */
void fifo_clear(struct fifo *f);

#endif /* COMMON_FIFO_H */
