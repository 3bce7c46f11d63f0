/* SPDX-License-Identifier: GPL-2.0 */
/* The files of a ring's ends. */
#ifndef SCHM_RING_FILE_H
#define SCHM_RING_FILE_H

#include "ring.h"

/*
 * A file of an end, which takes over a reference on the ring, or an ERR_PTR. Its
 * release shuts the ring down.
 */
struct file *schm_ring_file(struct schm_ring *r, u32 side);
/* The end that the file is of, or NULL. */
struct schm_ring_end *schm_ring_end(const struct file *file);
/* What RING_CREATE and RING_INFO say. */
void schm_ring_info(const struct schm_ring_end *e, struct scheme_ring_info *info);

#endif /* SCHM_RING_FILE_H */
