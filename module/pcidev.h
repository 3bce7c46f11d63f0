/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of PCI devices that have been given to the module by driver_override,
 * each for one owner of buffers at a time:
 *
 *   FREE  -> OWNED [schm_pcidev_bind]	  a bus master from now on
 *   OWNED -> FREE  [schm_pcidev_unbind]  the owner ends; or the function goes:
 *			stopped, reset, without addresses, in this order
 */
#ifndef SCHM_PCIDEV_H
#define SCHM_PCIDEV_H

#include "schm.h"

struct schm_owner;
struct scheme_bind;

/*
 * BIND, with arg checked but for the device. -EINVAL: no address; -ENODEV: no such
 * function of ours; -EBUSY; -EALREADY; -EIO: the mask; -EOPNOTSUPP: one that the kernel
 * lets not reach memory itself.
 */
int schm_pcidev_bind(struct schm_owner *owner, struct scheme_bind *arg);
/* The owner ends; if it is bound, the device goes first. */
void schm_pcidev_unbind(struct schm_owner *owner);

int schm_pcidev_init(void);
void schm_pcidev_exit(void);

#endif /* SCHM_PCIDEV_H */
