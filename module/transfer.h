/* SPDX-License-Identifier: GPL-2.0 */
/* READ and WRITE: any length of client memory through slots. */
#ifndef SCHM_TRANSFER_H
#define SCHM_TRANSFER_H

#include "schm.h"

struct iov_iter;
struct kiocb;

/*
 * Move what iter describes, at iocb->ki_pos on a positioned handle; advances
 * it. opcode is SCHEME_OP_READ or SCHEME_OP_WRITE. Returns bytes or an errno.
 */
ssize_t schm_transfer(struct schm_handle *h, struct kiocb *iocb,
		      struct iov_iter *iter, u8 opcode);

#endif /* SCHM_TRANSFER_H */
