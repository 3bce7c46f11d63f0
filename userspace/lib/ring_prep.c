// SPDX-License-Identifier: MIT
/*
 * Direct rings: what an entry says for each operation. It comes zeroed.
 */
#include "ring_int.h"

#include <string.h>

static void prep(struct scheme_sqe *sqe, uint8_t opcode, uint64_t handle)
{
	sqe->opcode = opcode;
	sqe->handle = handle;
}

static void prep_payload(struct scheme_sqe *sqe, uint64_t addr, uint32_t len,
			 uint64_t offset)
{
	sqe->addr = addr;
	sqe->len = len;
	sqe->offset = offset;
}

void scheme_ring_prep_nop(struct scheme_sqe *sqe)
{
	prep(sqe, SCHEME_OP_NOP, 0);
}

void scheme_ring_prep_open(struct scheme_sqe *sqe, uint64_t dir, uint64_t addr,
			   uint32_t len, int flags, mode_t mode)
{
	prep(sqe, SCHEME_OP_OPEN, dir);
	prep_payload(sqe, addr, len, 0);
	sqe->op_flags = (uint32_t)flags;
	sqe->aux = mode;
}

void scheme_ring_prep_close(struct scheme_sqe *sqe, uint64_t handle)
{
	prep(sqe, SCHEME_OP_CLOSE, handle);
	sqe->flags |= SCHEME_SQE_ONEWAY;
}

void scheme_ring_prep_read(struct scheme_sqe *sqe, uint64_t handle,
			   uint64_t addr, uint32_t len, uint64_t offset)
{
	prep(sqe, SCHEME_OP_READ, handle);
	prep_payload(sqe, addr, len, offset);
}

void scheme_ring_prep_write(struct scheme_sqe *sqe, uint64_t handle,
			    uint64_t addr, uint32_t len, uint64_t offset)
{
	prep(sqe, SCHEME_OP_WRITE, handle);
	prep_payload(sqe, addr, len, offset);
}

int scheme_ring_prep_call(struct scheme_ring *r, struct scheme_sqe *sqe,
			  uint64_t handle, const uint64_t word[3],
			  uint64_t addr, uint32_t in_len, uint32_t out_len)
{
	struct scheme_call_header h = { .in_len = in_len, .out_len = out_len };
	uint64_t len = (uint64_t)in_len + sizeof(h);
	void *at = scheme_ring_at(r, addr, len > out_len ? len : out_len);

	if (!at || len > UINT32_MAX)
		return -EFAULT;
	if (word)
		memcpy(h.word, word, sizeof(h.word));
	memcpy(at, &h, sizeof(h));
	prep(sqe, SCHEME_OP_CALL, handle);
	prep_payload(sqe, addr, (uint32_t)len, 0);
	sqe->aux = out_len;
	return 0;
}

void scheme_ring_prep_fsize(struct scheme_sqe *sqe, uint64_t handle)
{
	prep(sqe, SCHEME_OP_FSIZE, handle);
}

void scheme_ring_prep_fsync(struct scheme_sqe *sqe, uint64_t handle,
			    bool data_only)
{
	prep(sqe, SCHEME_OP_FSYNC, handle);
	sqe->op_flags = data_only ? SCHEME_FSYNC_DATA : 0;
}

void scheme_ring_prep_cancel(struct scheme_sqe *sqe, uint64_t user_data)
{
	prep(sqe, SCHEME_OP_CANCEL, 0);
	sqe->flags |= SCHEME_SQE_ONEWAY;
	sqe->user_data = user_data;
}

void scheme_ring_prep_cancel_handle(struct scheme_sqe *sqe, uint64_t handle)
{
	prep(sqe, SCHEME_OP_CANCEL, handle);
	sqe->flags |= SCHEME_SQE_ONEWAY;
	sqe->op_flags = SCHEME_CANCEL_HANDLE;
}

void scheme_ring_prep_own(struct scheme_sqe *sqe, uint8_t opcode,
			  uint64_t handle, uint64_t addr, uint32_t len,
			  uint64_t offset)
{
	prep(sqe, opcode, handle);
	prep_payload(sqe, addr, len, offset);
}
