/* SPDX-License-Identifier: MIT */
/*
 * QEMU's "edu": a device with a buffer of 4096 bytes that only its own DMA engine
 * reaches. The engine copies between it and a buffer of the memory scheme's, at the
 * address that the device has for that; it takes 100 ms.
 */
#ifndef EDUD_DEVICE_H
#define EDUD_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <scheme_memory.h>

/* The last byte is out of reach: QEMU 7.2 ends at a transfer that touches it. */
#define DEVICE_BYTES	4095U

struct device {
	const char		*address;	/* of the function */
	bool			taken;		/* from no driver, by us */
	int			owner;
	struct scheme_phys	phys;
	uint8_t			*mem;		/* what the processor sees of it */
	volatile uint8_t	*bar;
};

#define DEVICE_INIT	{ .owner = -1 }

/*
 * Take the function, bind an owner to it and give it a buffer that the device
 * reaches with addr_bits address bits. 0, or -errno after one line on stderr that
 * says what to do. device_close() in either case.
 */
int device_open(struct device *d, const char *address, unsigned int addr_bits);
/* The device loses the buffer before it goes. */
void device_close(struct device *d);

/*
 * Copy len bytes at `at` of the device's buffer, all within DEVICE_BYTES. 0;
 * -ENODEV: it has gone; -ETIMEDOUT: it does not come to an end.
 */
int device_read(struct device *d, void *buf, unsigned int at, unsigned int len);
int device_write(struct device *d, const void *buf, unsigned int at,
		 unsigned int len);

#endif /* EDUD_DEVICE_H */
