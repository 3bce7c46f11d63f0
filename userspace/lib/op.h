/* SPDX-License-Identifier: MIT */
/*
 * What each operation is, apart from the callback that serves it: its payload, its files
 * and what it does to them. One line for each, in op.c.
 */
#ifndef LIBSCHEME_OP_H
#define LIBSCHEME_OP_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/redox_scheme.h>

enum op_bits {
	OP_FILE		= 1 << 0,	/* handle is a file, or the root */
	OP_SECOND	= 1 << 1,	/* and so is aux */
	OP_OPENS	= 1 << 2,	/* its answer is a new one */
	OP_TEXT		= 1 << 3,	/* its payload ends with text: a NUL needs room */
	OP_READS	= 1 << 4,	/* not without the right to read: EBADF */
	OP_WRITES	= 1 << 5,	/* likewise to write */
	OP_CHANGES	= 1 << 6,	/* likewise to write, but EACCES */
	OP_KERNEL	= 1 << 7,	/* nothing for a direct ring */
	OP_ONEWAY	= 1 << 8,	/* has no answer */
	OP_COUNTS	= 1 << 9,	/* its result is a number of bytes of its payload */
	OP_PLAIN	= 1 << 10,	/* on one file, and a ring's server does nothing besides */
};

/* How many bytes the request and its answer need at addr. */
enum op_bytes { BYTES_NONE, BYTES_LEN, BYTES_AUX, BYTES_MOST };

struct op {
	uint16_t	bits;
	uint16_t	bytes;
};

/* Of every opcode there can be; those that nobody has defined are on a file. */
extern const struct op op_table[UINT8_MAX + 1];

static inline bool op_is(uint8_t opcode, unsigned int bits)
{
	return op_table[opcode].bits & bits;
}

static inline uint64_t op_bytes(const struct scheme_sqe *sqe)
{
	switch (op_table[sqe->opcode].bytes) {
	case BYTES_LEN:
		return sqe->len;
	case BYTES_AUX:
		return sqe->aux;
	case BYTES_MOST:
		return sqe->aux > sqe->len ? sqe->aux : sqe->len;
	default:
		return 0;
	}
}

#endif /* LIBSCHEME_OP_H */
