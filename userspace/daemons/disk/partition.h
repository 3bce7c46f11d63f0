/* SPDX-License-Identifier: MIT */
/*
 * Partition tables: GPT and MBR, read through a callback.
 *
 * Everything in a table is hostile until checked: counts are bounded, chains
 * of extended partitions end, and an entry that does not lie inside the disk
 * is left out. Partitions are counted from 0 over the entries that are in use
 * and sound, in the order of the table; logical partitions follow the primary
 * ones.
 */
#ifndef DISK_PARTITION_H
#define DISK_PARTITION_H

#include <stddef.h>
#include <stdint.h>

/* As many as a GPT of the usual size holds. What comes after is left out. */
#define PARTITIONS_MAX	128

enum partition_kind {
	PARTITION_NONE,		/* no table, or none that is sound */
	PARTITION_MBR,
	PARTITION_GPT,
	PARTITION_GPT_BACKUP,	/* the primary GPT is damaged */
};

/* In blocks of the disk; never empty, never past its end. */
struct partition {
	uint64_t	start;
	uint64_t	blocks;
};

struct partition_table {
	enum partition_kind	kind;
	unsigned int		count;
	struct partition	part[PARTITIONS_MAX];
};

/* Where to read a table from. read: one block; 0 or a negative errno. */
struct partition_source {
	uint32_t	block_size;	/* a power of two, 512 to 65536 */
	uint64_t	blocks;
	int		(*read)(void *ctx, uint64_t block, void *buf);
	void		*ctx;
};

/*
 * Fill table. 0 also when there is no table; else -ENOMEM, or the error of a
 * read that left nothing to go by (table is empty then).
 */
int partition_scan(struct partition_table *table,
		   const struct partition_source *source);

/* What GPT uses: reflected, polynomial 0x04c11db7. Start with crc 0. */
uint32_t partition_crc32(uint32_t crc, const void *data, size_t len);

#endif /* DISK_PARTITION_H */
