/* SPDX-License-Identifier: GPL-2.0 */
/* The event scheme, built into the module. */
#ifndef SCHM_EVENT_H
#define SCHM_EVENT_H

#include <linux/fs.h>

#include "schm.h"

/* The name of the scheme, which no provider may take. */
#define SCHM_EVENT_NAME		"event"

/* Of a file that is an event queue: fit to any inode, by open(). */
extern const struct file_operations schm_event_fops;

/* ->open(): make file a new event queue. It has schm_event_fops already. */
int schm_event_open(struct inode *inode, struct file *file);

/* Make /dev/scheme/event, and take it away. */
int schm_event_init(void);
void schm_event_exit(void);

#endif /* SCHM_EVENT_H */
