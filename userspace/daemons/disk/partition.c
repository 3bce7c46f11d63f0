// SPDX-License-Identifier: MIT
#include "partition.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_SIGNATURE	0xaa55
#define MBR_ENTRIES		4
#define MBR_PROTECTIVE		0xee

#define GPT_SIGNATURE		"EFI PART"
#define GPT_ENTRY_MIN		128
#define GPT_ENTRY_MAX		4096
/* Bytes of a table that is worth a checksum; the usual one has 16 KiB. */
#define GPT_TABLE_MAX		(1U << 20)

struct mbr_entry {
	uint8_t		status;
	uint8_t		first_chs[3];
	uint8_t		type;
	uint8_t		last_chs[3];
	uint32_t	start;
	uint32_t	blocks;
} __attribute__((packed));

struct mbr {
	uint8_t			code[446];
	struct mbr_entry	entry[MBR_ENTRIES];
	uint16_t		signature;
} __attribute__((packed));

struct gpt_header {
	char		signature[8];
	uint32_t	revision;
	uint32_t	size;
	uint32_t	crc;		/* of size bytes, with this as zero */
	uint32_t	reserved;
	uint64_t	here;
	uint64_t	other;
	uint64_t	first_usable;
	uint64_t	last_usable;
	uint8_t		guid[16];
	uint64_t	table;
	uint32_t	entries;
	uint32_t	entry_size;
	uint32_t	table_crc;
} __attribute__((packed));

struct gpt_entry {
	uint8_t		type[16];
	uint8_t		guid[16];
	uint64_t	first;
	uint64_t	last;
} __attribute__((packed));

_Static_assert(sizeof(struct mbr) == 512, "an MBR fills a sector");
_Static_assert(sizeof(struct gpt_header) == 92, "as the standard has it");

/* One scan: the source, the table being filled, room for one block. */
struct scan {
	const struct partition_source	*src;
	struct partition_table		*table;
	void				*block;
};

static int scan_read(struct scan *scan, uint64_t block)
{
	if (block >= scan->src->blocks)
		return -EINVAL;
	return scan->src->read(scan->src->ctx, block, scan->block);
}

/* False when the table is full; an unsound range is left out silently. */
static bool scan_add(struct scan *scan, uint64_t start, uint64_t blocks)
{
	struct partition_table *table = scan->table;

	if (table->count == PARTITIONS_MAX)
		return false;
	if (!start || !blocks || start >= scan->src->blocks ||
	    blocks > scan->src->blocks - start)
		return true;
	table->part[table->count++] = (struct partition){ start, blocks };
	return true;
}

/* ---- GPT ------------------------------------------------------------------ */

uint32_t partition_crc32(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* The checksum covers the header's own size, so a change there shows too. */
static bool gpt_header_crc_ok(struct gpt_header *header, uint32_t block_size)
{
	uint32_t size = le32toh(header->size), want = le32toh(header->crc);

	if (size < sizeof(*header) || size > block_size)
		return false;
	header->crc = 0;
	return partition_crc32(0, header, size) == want;
}

static bool gpt_header_range_ok(const struct gpt_header *header, uint64_t here,
				const struct partition_source *src)
{
	uint32_t entry = le32toh(header->entry_size);
	uint64_t table = le64toh(header->table);
	uint64_t bytes = (uint64_t)entry * le32toh(header->entries);

	return le64toh(header->here) == here &&
	       entry >= GPT_ENTRY_MIN && entry <= GPT_ENTRY_MAX &&
	       !(entry & (entry - 1)) && entry <= src->block_size &&
	       bytes && bytes <= GPT_TABLE_MAX &&
	       le64toh(header->last_usable) < src->blocks &&
	       table > 0 && table < src->blocks &&
	       (bytes + src->block_size - 1) / src->block_size <=
		       src->blocks - table;
}

static int gpt_header_read(struct scan *scan, uint64_t here,
			   struct gpt_header *header)
{
	struct gpt_header *block = scan->block;
	int ret = scan_read(scan, here);

	if (ret)
		return ret;
	if (memcmp(block->signature, GPT_SIGNATURE, sizeof(block->signature)) != 0 ||
	    !gpt_header_crc_ok(block, scan->src->block_size) ||
	    !gpt_header_range_ok(block, here, scan->src))
		return -ENOENT;
	*header = *block;
	return 0;
}

static void gpt_entry_add(struct scan *scan, const struct gpt_header *header,
			  const void *at)
{
	static const uint8_t unused[16];
	struct gpt_entry entry;
	uint64_t first, last;

	memcpy(&entry, at, sizeof(entry));
	first = le64toh(entry.first);
	last = le64toh(entry.last);
	if (!memcmp(entry.type, unused, sizeof(unused)) || first > last ||
	    first < le64toh(header->first_usable) ||
	    last > le64toh(header->last_usable))
		return;
	scan_add(scan, first, last - first + 1);
}

/* Entries are added as they are read; the caller forgets them on an error. */
static int gpt_table_read(struct scan *scan, const struct gpt_header *header)
{
	uint32_t block_size = scan->src->block_size, crc = 0;
	uint32_t entry = le32toh(header->entry_size);
	uint32_t left = entry * le32toh(header->entries);
	uint64_t block = le64toh(header->table);

	while (left) {
		uint32_t part = left < block_size ? left : block_size;
		int ret = scan_read(scan, block++);

		if (ret)
			return ret;
		crc = partition_crc32(crc, scan->block, part);
		for (uint32_t at = 0; at < part; at += entry)
			gpt_entry_add(scan, header, (char *)scan->block + at);
		left -= part;
	}
	return crc == le32toh(header->table_crc) ? 0 : -ENOENT;
}

static int gpt_scan_at(struct scan *scan, uint64_t here)
{
	struct gpt_header header;
	int ret = gpt_header_read(scan, here, &header);

	if (!ret)
		ret = gpt_table_read(scan, &header);
	if (ret)
		scan->table->count = 0;
	return ret;
}

static int gpt_scan(struct scan *scan)
{
	int ret = gpt_scan_at(scan, 1);

	if (!ret) {
		scan->table->kind = PARTITION_GPT;
		return 0;
	}
	ret = gpt_scan_at(scan, scan->src->blocks - 1);
	if (!ret)
		scan->table->kind = PARTITION_GPT_BACKUP;
	return ret == -ENOENT ? 0 : ret;
}

/* ---- MBR ------------------------------------------------------------------ */

static bool mbr_is_extended(const struct mbr_entry *entry)
{
	return entry->type == 0x05 || entry->type == 0x0f || entry->type == 0x85;
}

static bool mbr_is_used(const struct mbr_entry *entry)
{
	return entry->type && entry->blocks;
}

/* The boot sector of a file system ends as an MBR does, but is none. */
static bool mbr_is_boot_sector(const uint8_t *sector)
{
	return (sector[0] == 0xeb || sector[0] == 0xe9) &&
	       (!memcmp(sector + 0x36, "FAT", 3) ||
		!memcmp(sector + 0x52, "FAT", 3) ||
		!memcmp(sector + 3, "EXFAT", 5) ||
		!memcmp(sector + 3, "NTFS", 4));
}

static bool mbr_is_sound(const struct mbr *mbr)
{
	if (le16toh(mbr->signature) != SECTOR_SIGNATURE)
		return false;
	for (int i = 0; i < MBR_ENTRIES; i++)
		if (mbr->entry[i].status & 0x7f)
			return false;
	return true;
}

static bool mbr_is_protective(const struct mbr *mbr)
{
	for (int i = 0; i < MBR_ENTRIES; i++)
		if (mbr->entry[i].type == MBR_PROTECTIVE)
			return true;
	return false;
}

/* Add the partitions of one link; returns the next link or 0. */
static uint64_t mbr_link_add(struct scan *scan, const struct mbr *link,
			     uint64_t here, uint64_t base, uint64_t end)
{
	uint64_t next = 0;

	for (int i = 0; i < MBR_ENTRIES; i++) {
		const struct mbr_entry *entry = &link->entry[i];
		uint64_t start = le32toh(entry->start);
		uint64_t blocks = le32toh(entry->blocks);

		if (!mbr_is_used(entry))
			continue;
		if (mbr_is_extended(entry))
			next = next ? next : base + start;
		else if (here + start < end && blocks <= end - here - start)
			scan_add(scan, here + start, blocks);
	}
	return next;
}

/*
 * A chain of links, each a sector like an MBR: its partition counts from
 * itself, its next link from the start of the extended partition. The chain
 * may loop, so a link that has been seen ends it.
 */
static int mbr_scan_extended(struct scan *scan, uint64_t base, uint64_t blocks)
{
	uint64_t seen[PARTITIONS_MAX], here = base;
	unsigned int links = 0;

	while (base && here >= base && here - base < blocks && links < PARTITIONS_MAX) {
		struct mbr link;
		int ret;

		for (unsigned int i = 0; i < links; i++)
			if (seen[i] == here)
				return 0;
		seen[links++] = here;
		ret = scan_read(scan, here);
		if (ret)
			return ret == -EINVAL ? 0 : ret;
		memcpy(&link, scan->block, sizeof(link));
		if (!mbr_is_sound(&link))
			return 0;
		here = mbr_link_add(scan, &link, here, base, base + blocks);
	}
	return 0;
}

static int mbr_scan(struct scan *scan, const struct mbr *mbr)
{
	const struct mbr_entry *entry;
	int ret = 0;

	for (entry = mbr->entry; entry < mbr->entry + MBR_ENTRIES; entry++)
		if (mbr_is_used(entry) && !mbr_is_extended(entry))
			scan_add(scan, le32toh(entry->start),
				 le32toh(entry->blocks));
	for (entry = mbr->entry; entry < mbr->entry + MBR_ENTRIES; entry++)
		if (mbr_is_used(entry) && mbr_is_extended(entry) && !ret)
			ret = mbr_scan_extended(scan, le32toh(entry->start),
						le32toh(entry->blocks));
	if (scan->table->count)
		scan->table->kind = PARTITION_MBR;
	/* Unreadable logical partitions do not take the primary ones along. */
	return scan->table->count ? 0 : ret;
}

/* ---- both ----------------------------------------------------------------- */

static int scan_run(struct scan *scan)
{
	struct mbr mbr;
	int ret = scan_read(scan, 0);

	if (ret)
		return ret;
	memcpy(&mbr, scan->block, sizeof(mbr));
	if (!mbr_is_sound(&mbr) || mbr_is_boot_sector(scan->block))
		return 0;
	return mbr_is_protective(&mbr) ? gpt_scan(scan) : mbr_scan(scan, &mbr);
}

int partition_scan(struct partition_table *table,
		   const struct partition_source *source)
{
	struct scan scan = { .src = source, .table = table };
	int ret;

	memset(table, 0, sizeof(*table));
	if (!source->blocks)
		return 0;
	scan.block = calloc(1, source->block_size);
	if (!scan.block)
		return -ENOMEM;
	ret = scan_run(&scan);
	free(scan.block);
	return ret;
}
