// SPDX-License-Identifier: GPL-2.0
/*
 * Faults for lint.sh, which wants each checker of the module to find its own
 * here before it believes that the checker finds none there. Never built into
 * anything.
 */
#include <linux/slab.h>
#include <linux/types.h>

/* W=1: no prototype. coccinelle: kfree takes NULL; used after it; 0 for NULL. */
int lint_seed(int *at)
{
	if (at)
		kfree(at);
	if (at == 0)
		return 0;
	return *at;
}

/* sparse: the order of bytes. checkpatch: a space that does not belong there. */
static __le32 __maybe_unused lint_order(u32 value)
{
	__le32 order = value ;

	return order;
}
