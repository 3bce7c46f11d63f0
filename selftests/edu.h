/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's "edu", a PCI device with a DMA engine, for tests. It copies between memory
 * and a buffer of its own, which nothing else reaches, 100 ms each time. Run.sh
 * --hardware gives two of them: one reaches 28 address bits, the other 32.
 *
 * Everything returns 0 or -errno.
 */
#ifndef SELFTESTS_EDU_H
#define SELFTESTS_EDU_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/redox_scheme_memory.h>

#include "pci.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

/* Which of them. */
enum { EDU_28_BITS, EDU_32_BITS };

/*
 * Bytes of its buffer that the engine can copy: QEMU 7.2 ends with an error at a
 * copy that touches the last one.
 */
#define EDU_BYTES	4095U

struct edu {
	char			address[PCI_ADDRESS];
	unsigned int		bits;
	volatile uint8_t	*bar;
};

/* Its address and bits, which the other functions here need; or -ENODEV. */
int edu_find(struct edu *e, unsigned int which);
/* Does the kernel keep memory below 16 MiB apart, for such requests? */
bool edu_has_low_memory(void);
/* What the machine lacks for a test with it, or NULL. */
enum { EDU_BESIDE, EDU_TRANSLATED };
const char *edu_lacks(unsigned int which, int translated);
/* Map its registers, by way of sysfs. A driver must have enabled the function. */
int edu_map(struct edu *e);
/* Registers that somebody else has mapped. */
int edu_use(struct edu *e, volatile void *bar);
void edu_unmap(struct edu *e);

/*
 * Begin to copy len bytes: from memory at addr to byte `at` of the buffer, or the
 * other way.
 */
void edu_begin_in(struct edu *e, uint64_t addr, unsigned int at, unsigned int len);
void edu_begin_out(struct edu *e, uint64_t addr, unsigned int at, unsigned int len);
bool edu_busy(const struct edu *e);
/* -ETIMEDOUT; -ENODEV: it has gone. */
int edu_wait(const struct edu *e);
/* Both. */
int edu_in(struct edu *e, uint64_t addr, unsigned int at, unsigned int len);
int edu_out(struct edu *e, uint64_t addr, unsigned int at, unsigned int len);

/* Have our driver take it, behind the IOMMU or beside it. */
int edu_prepare(struct edu *e, unsigned int which, int translated);
/* And an owner that is bound to it, with its registers mapped: a descriptor. */
int edu_take(struct edu *e, unsigned int which, int translated);
/* Close it, and leave the device as it was found. */
void edu_give_back(struct edu *e, int owner);

/*
 * Copy len bytes from one list of ranges to another, by as many pieces as it takes.
 * -EINVAL: a list is too short.
 */
int edu_copy(struct edu *e, const struct scheme_range *from,
	     const struct scheme_range *to, uint64_t len);

#endif /* SELFTESTS_EDU_H */
