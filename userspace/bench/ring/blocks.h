/* SPDX-License-Identifier: MIT */
/*
 * What is read: a few blocks that both sides can make by themselves, so that the reader
 * knows what must come.
 */
#ifndef BENCH_BLOCKS_H
#define BENCH_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCKS_SIZE	(256UL << 10)

/* Make them; before the others, in each process. */
void blocks_init(void);
/* len bytes at offset, or NULL when there are not so many. */
const void *blocks_at(uint64_t offset, size_t len);
/* Where the read with this number is. */
uint64_t blocks_offset(uint64_t nr, size_t bs);
/* A provider's answer; false: outside. */
bool blocks_read(void *buf, uint64_t offset, size_t len);
/*
 * Is it what read nr must have, at buf, which is aligned to a word? One in `whole` is
 * compared byte for byte, the others are added up: what the reader has not read was not
 * carried.
 */
bool blocks_ok(const void *buf, uint64_t nr, size_t bs, unsigned int whole);

#endif /* BENCH_BLOCKS_H */
