/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of PCI devices by way of sysfs, for tests. A function is named by its
 * address, "0000:00:10.0". Everything returns 0 or a number, or -errno.
 */
#ifndef SELFTESTS_PCI_H
#define SELFTESTS_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_ADDRESS	16	/* room for a function's address */

/* The nth function of this kind, from 0; -ENODEV: there are not so many. */
int pci_find(uint16_t vendor, uint16_t device, unsigned int nth,
	     char address[PCI_ADDRESS]);
/* The function is there. */
bool pci_present(const char *address);

/* Have this driver take it, whichever has it now; -ENODEV: that driver did not. */
int pci_take(const char *address, const char *driver);
/* Have no driver, and none in mind. */
int pci_release(const char *address);
/* Only take it away from its driver. */
int pci_unbind(const char *address);
/* It is this driver that has it. */
bool pci_driver_is(const char *address, const char *driver);

/* Two bytes of its configuration space. */
#define PCI_WHERE_COMMAND	4
#define PCI_IS_MASTER		4
int pci_config(const char *address, unsigned int where);
bool pci_is_master(const char *address);

/* Its IOMMU group; -ENOENT: there is no IOMMU. */
int pci_group(const char *address);
/* What its group is by default: "identity" or "DMA"; without a driver only. */
int pci_group_set(const char *address, const char *type);
bool pci_group_is(const char *address, const char *type);

/* It goes, as if it had been pulled out; and what is there is looked for. */
int pci_remove(const char *address);
int pci_rescan(void);

#endif /* SELFTESTS_PCI_H */
