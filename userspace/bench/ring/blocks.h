/* SPDX-License-Identifier: MIT */
/*
 * What is read: words that both sides know, so that the reader can compare all that comes
 * with what must come.
 */
#ifndef BENCH_BLOCKS_H
#define BENCH_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCKS_SIZE	(256UL << 10)
/* Offsets and lengths are multiples of it. */
#define STEP		32

/*
 * What the two sides do with the bytes besides. COPIED: the provider has them, and
 * copies, the reader has them, too, and compares, by the functions of the C library. MADE:
 * the provider computes the words of each answer, the reader those that it compares with.
 * Under emulation vectors are slow, and this is the lesser work.
 */
enum work { COPIED, MADE };

/* Make them; before the others, in each process. */
void blocks_init(void);
/* len bytes at offset, or NULL when there are not so many. */
const void *blocks_at(uint64_t offset, size_t len);
/* Where the read with this number is. */
uint64_t blocks_offset(uint64_t nr, size_t bs);
/* A provider's answer, to buf, which is aligned to a word; false: outside. */
bool blocks_read(void *buf, uint64_t offset, size_t len, enum work work);
/* Is it, byte for byte, what read nr must have? Likewise. */
bool blocks_ok(const void *buf, uint64_t nr, size_t bs, enum work work);

#endif /* BENCH_BLOCKS_H */
