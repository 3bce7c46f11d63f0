/* SPDX-License-Identifier: MIT */
/* A function of a PCI device, by way of sysfs. */
#ifndef EDUD_FUNCTION_H
#define EDUD_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Have the driver redox_scheme take the function at this address, "0000:00:10.0".
 * *taken: it did not have it before. Returns 0; -ENODEV: there is no such function,
 * or the module has no such driver; -EBUSY: another driver has it.
 */
int function_take(const char *address, bool *taken);
/* Leave it without a driver. */
void function_release(const char *address);
/* Map size bytes of its first BAR; 0 or -errno. */
int function_map(const char *address, size_t size, volatile void **bar);
void function_unmap(volatile void *bar, size_t size);

#endif /* EDUD_FUNCTION_H */
