// SPDX-License-Identifier: GPL-2.0
/* A wait can ask not to be interrupted by task work, only by signals. */
#include <linux/sched/signal.h>

void probe(void);
void probe(void)
{
	no_notify_signal_restore(no_notify_signal_save());
}
