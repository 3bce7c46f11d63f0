/* SPDX-License-Identifier: GPL-2.0 */
/* Buffers as dma-bufs, for other drivers. */
#ifndef SCHM_DMABUF_H
#define SCHM_DMABUF_H

#include "schm.h"

struct schm_buf;

/* A descriptor of a dma-buf of buf, which takes a reference; flags: of the file. */
int schm_dmabuf_export(struct schm_buf *buf, u32 flags);

#endif /* SCHM_DMABUF_H */
