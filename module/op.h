/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An operation other than READ and WRITE, whatever route it came by: the
 * payload is put together, the answer taken out of the slot and checked.
 */
#ifndef SCHM_OP_H
#define SCHM_OP_H

#include "schm.h"

struct file;

struct schm_op {
	/* the entry; see the operations in the interface */
	u8			opcode;
	u32			op_flags;
	u64			offset;
	u64			aux;
	/* payload: these bytes, then the path, then NUL and second path if any */
	const void		*head;
	u32			head_len;
	const char		*path;
	u32			path_len;
	const char		*path2;
	u32			path2_len;
	/* where the answer's bytes go, for operations that have some */
	void			*out;
	u32			room;

	struct schm_handle	*handle;	/* that it is on */
	struct schm_handle	*handle2;	/* of the second path; its number goes to aux */
	struct schm_handle	*opens;		/* that the answer opens */
	const struct file	*file;		/* whose opener counts; or NULL */
	bool			nowait;		/* do not wait for a slot */
	bool			bounded;	/* has a deadline, for others wait behind it */
};

/*
 * Send it, wait, take what it answers. Returns its result (bytes at out for
 * those that answer with bytes) or a negative errno.
 */
s64 schm_op_run(struct schm_op *op);

/*
 * Does this STAT tell what can be? Its ids are then those that count: an
 * unprivileged provider has no say in them.
 */
bool schm_stat_ok(const struct schm_scheme *s, struct scheme_stat *st);
/* Is this a sequence of entries as they shall be? */
bool schm_dirents_ok(const void *buf, u32 len);

#endif /* SCHM_OP_H */
