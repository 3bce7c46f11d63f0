// SPDX-License-Identifier: MIT
#include "blocks.h"

#include <string.h>

#define FACTOR	0x9e3779b97f4a7c15ULL
static uint64_t blocks[BLOCKS_SIZE / sizeof(uint64_t)];

void blocks_init(void)
{
	for (size_t i = 0; i < BLOCKS_SIZE / sizeof(uint64_t); i++)
		blocks[i] = (i + 1) * FACTOR;
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

/* Of nr words, a multiple of four; two sums, since one would wait for itself. */
static uint64_t sum(const uint64_t *words, size_t nr)
{
	uint64_t a = 0, b = 0;

	for (size_t i = 0; i < nr; i += 4) {
		a += words[i] + words[i + 1];
		b += words[i + 2] + words[i + 3];
	}
	return a + b;
}

/* What that must be, of nr words from the one with this index on. */
static uint64_t sum_of(uint64_t first, uint64_t nr)
{
	return (nr * first + nr * (nr + 1) / 2) * FACTOR;
}

bool blocks_ok(const void *buf, uint64_t nr, size_t bs, unsigned int whole)
{
	uint64_t offset = blocks_offset(nr, bs);
	const void *must = blocks_at(offset, bs);

	if (nr % whole == 0)
		return must && !memcmp(buf, must, bs);
	return sum(buf, bs / sizeof(uint64_t)) ==
	       sum_of(offset / sizeof(uint64_t), bs / sizeof(uint64_t));
}
