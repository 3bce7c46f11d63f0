// SPDX-License-Identifier: MIT
#include "blocks.h"

#include <string.h>

static uint64_t blocks[BLOCKS_SIZE / sizeof(uint64_t)];

void blocks_init(void)
{
	for (size_t i = 0; i < BLOCKS_SIZE / sizeof(uint64_t); i++)
		blocks[i] = (i + 1) * 0x9e3779b97f4a7c15ULL;
}

const void *blocks_at(uint64_t offset, size_t len)
{
	if (offset > BLOCKS_SIZE || len > BLOCKS_SIZE - offset)
		return NULL;
	return (const uint8_t *)blocks + offset;
}

uint64_t blocks_offset(uint64_t nr, size_t bs)
{
	return nr % (BLOCKS_SIZE / bs) * bs;
}

bool blocks_read(void *buf, uint64_t offset, size_t len)
{
	const void *from = blocks_at(offset, len);

	if (from)
		memcpy(buf, from, len);
	return from;
}

bool blocks_ok(const void *buf, uint64_t nr, size_t bs)
{
	const void *must = blocks_at(blocks_offset(nr, bs), bs);

	return must && !memcmp(buf, must, bs);
}
