// SPDX-License-Identifier: MIT
#include "fifo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fifo_init(struct fifo *f, uint32_t size)
{
	*f = (struct fifo){ .size = 1 };
	if (!size || size > 1U << 31)
		return -EINVAL;
	while (f->size < size)
		f->size <<= 1;
	f->bytes = malloc(f->size);
	return f->bytes ? 0 : -ENOMEM;
}

void fifo_free(struct fifo *f)
{
	free(f->bytes);
	f->bytes = NULL;
}

/* Bytes from index on before the memory begins anew. */
static uint32_t straight(const struct fifo *f, uint32_t index, uint32_t len)
{
	uint32_t to_end = f->size - (index & (f->size - 1));

	return len < to_end ? len : to_end;
}

uint32_t fifo_put(struct fifo *f, const void *data, uint32_t len)
{
	uint32_t room = fifo_room(f), first;

	if (len > room)
		len = room;
	if (!len)
		return 0;
	first = straight(f, f->tail, len);
	memcpy(f->bytes + (f->tail & (f->size - 1)), data, first);
	memcpy(f->bytes, (const uint8_t *)data + first, len - first);
	f->tail += len;
	return len;
}

uint32_t fifo_get(struct fifo *f, void *data, uint32_t len)
{
	uint32_t used = fifo_used(f), first;

	if (len > used)
		len = used;
	if (!len)
		return 0;
	first = straight(f, f->head, len);
	memcpy(data, f->bytes + (f->head & (f->size - 1)), first);
	memcpy((uint8_t *)data + first, f->bytes, len - first);
	f->head += len;
	return len;
}

void fifo_clear(struct fifo *f)
{
	f->head = f->tail;
}
