// SPDX-License-Identifier: GPL-2.0
/* 6.8: MAX_ORDER, which had changed its meaning in 6.4, has another name. */
#include <linux/mmzone.h>

int probe(void);
int probe(void)
{
	return MAX_PAGE_ORDER;
}
