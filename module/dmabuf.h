/* SPDX-License-Identifier: GPL-2.0 */
/* Buffers as dma-bufs, for other drivers. */
#ifndef SCHM_DMABUF_H
#define SCHM_DMABUF_H

#include "schm.h"

struct dma_buf;
struct schm_buf;

/* A descriptor of a dma-buf of buf, which takes a reference; flags: of the file. */
int schm_dmabuf_export(struct schm_buf *buf, u32 flags);
/*
 * The dma-buf that fd is a descriptor of, a reference, if it is one of ours and may
 * be read and written; or an ERR_PTR: -EOPNOTSUPP, -EACCES.
 */
struct dma_buf *schm_dmabuf_get(int fd);

#endif /* SCHM_DMABUF_H */
