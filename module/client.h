/* SPDX-License-Identifier: GPL-2.0 */
/* The client's files: the scheme node and what is opened through it. */
#ifndef SCHM_CLIENT_H
#define SCHM_CLIENT_H

#include <linux/fs.h>

#include "schm.h"

/* Of the device node; its open() opens the root. */
extern const struct file_operations schm_client_fops;
/* Of files that OPENAT and DUP make; they have no open(). */
extern const struct file_operations schm_client_anon_fops;

/*
 * Send an OPEN or DUP on base with len bytes at payload, and let its answer
 * open h. file tells whose ids count.
 */
int schm_client_open_handle(struct schm_handle *base, struct schm_handle *h,
			    const struct file *file,
			    const struct scheme_sqe *op, const void *payload,
			    u32 len);
/* Fit file's mode to what the provider said of h. */
void schm_client_set_mode(struct file *file, const struct schm_handle *h);

/* OPENAT, DUP and CALL. */
long schm_client_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* SCHM_CLIENT_H */
