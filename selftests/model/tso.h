/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that is slow to show: a store buffer for each CPU, as on x86. A store
 * goes into the buffer of its CPU and reaches the memory later, in order; a load
 * looks at the memory. Where a CPU loads what it has stored itself, the models
 * use its own copy, or OWN().
 *
 * A fence waits until the buffer is empty. Taking a lock does not: the kernel's
 * memory model promises no more than an acquire. Giving it back is a store like
 * any other, behind those of the section that it ends.
 *
 * Define CPUS, BUFFER (stores that a CPU can hold back) and VARS before.
 */
chan buf[CPUS] = [BUFFER] of { byte, byte };
byte mem[VARS];

#define STORE(p, var, val)	buf[p]!var,val
#define FENCE(p)		empty(buf[p])
/* Does p still hold back a store of val to var? */
#define OWN(p, var, val)	buf[p]??[var,val]

proctype cpu(byte p)
{
	byte var, val;

end:	do
	:: d_step {
		buf[p]?var,val ->
		mem[var] = val;
		var = 0;
		val = 0
	}
	od
}
