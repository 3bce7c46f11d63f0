// SPDX-License-Identifier: MIT
/*
 * Faults for lint.sh, as in kernel.c beside it, for what checks user space.
 */
#include <stdlib.h>
#include <string.h>

/* gcc -fanalyzer and clang-analyzer: freed twice. */
void seed_free(char *at)
{
	free(at);
	free(at);
}

/* clang-tidy, bugprone: a letter for a zero. */
void seed_clear(int *at)
{
	memset(at, '0', sizeof(*at));
}

/* cppcheck: outside of the array. */
int seed_outside(void)
{
	int seed[2] = { 0, 1 };

	return seed[2];
}
