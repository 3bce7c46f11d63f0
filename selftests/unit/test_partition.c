// SPDX-License-Identifier: MIT
/* Partition tables, sound and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../userspace/daemons/disk/partition.c"

#define BLOCKS	4096
#define BLOCK	512

/* A disk small enough to keep whole. */
struct image {
	uint8_t		data[BLOCKS][BLOCK];
	unsigned int	reads;
	uint64_t	bad_block;	/* reading it fails; 0 is none */
};

static struct image image;

static int image_read(void *ctx, uint64_t block, void *buf)
{
	struct image *img = ctx;

	img->reads++;
	assert_true(block < BLOCKS);
	if (img->bad_block && block == img->bad_block)
		return -EIO;
	memcpy(buf, img->data[block], BLOCK);
	return 0;
}

static struct partition_table scan_image(void)
{
	struct partition_source source = {
		.block_size = BLOCK, .blocks = BLOCKS,
		.read = image_read, .ctx = &image,
	};
	struct partition_table table;

	image.reads = 0;
	assert_int_equal(partition_scan(&table, &source), 0);
	return table;
}

static void assert_part(const struct partition_table *table, unsigned int i,
			uint64_t start, uint64_t blocks)
{
	assert_true(i < table->count);
	assert_int_equal(table->part[i].start, start);
	assert_int_equal(table->part[i].blocks, blocks);
}

/* What holds whatever the table said. */
static void assert_sane(const struct partition_table *table)
{
	assert_true(table->count <= PARTITIONS_MAX);
	for (unsigned int i = 0; i < table->count; i++) {
		const struct partition *part = &table->part[i];

		assert_true(part->start > 0 && part->start < BLOCKS);
		assert_true(part->blocks > 0 &&
			    part->blocks <= BLOCKS - part->start);
	}
}

/* ---- building ------------------------------------------------------------- */

static struct mbr *mbr_at(uint64_t block)
{
	struct mbr *mbr = (struct mbr *)image.data[block];

	mbr->signature = htole16(SECTOR_SIGNATURE);
	return mbr;
}

static void mbr_set(uint64_t block, int i, uint8_t type, uint32_t start,
		    uint32_t blocks)
{
	struct mbr_entry *entry = &mbr_at(block)->entry[i];

	entry->type = type;
	entry->start = htole32(start);
	entry->blocks = htole32(blocks);
}

static void gpt_entry_set(uint64_t table, int i, uint64_t first, uint64_t last)
{
	struct gpt_entry entry = { .first = htole64(first), .last = htole64(last) };

	memset(entry.type, 0x11, sizeof(entry.type));
	memcpy((uint8_t *)image.data + table * BLOCK + i * 128, &entry,
	       sizeof(entry));
}

static struct gpt_header *gpt_at(uint64_t here)
{
	return (struct gpt_header *)image.data[here];
}

static void gpt_seal(uint64_t here)
{
	struct gpt_header *header = gpt_at(here);

	header->table_crc = htole32(partition_crc32(0,
			image.data[le64toh(header->table)],
			le32toh(header->entries) * le32toh(header->entry_size)));
	header->crc = 0;
	header->crc = htole32(partition_crc32(0, header, 92));
}

static void gpt_set(uint64_t here, uint64_t other, uint64_t table)
{
	struct gpt_header *header = gpt_at(here);

	memcpy(header->signature, GPT_SIGNATURE, 8);
	header->revision = htole32(0x10000);
	header->size = htole32(92);
	header->here = htole64(here);
	header->other = htole64(other);
	header->first_usable = htole64(34);
	header->last_usable = htole64(BLOCKS - 34);
	header->table = htole64(table);
	header->entries = htole32(128);
	header->entry_size = htole32(128);
}

/* Two partitions, and an unused entry between them. */
static int gpt_image(void **state)
{
	(void)state;
	memset(&image, 0, sizeof(image));
	mbr_set(0, 0, MBR_PROTECTIVE, 1, BLOCKS - 1);
	gpt_set(1, BLOCKS - 1, 2);
	gpt_set(BLOCKS - 1, 1, BLOCKS - 33);
	for (int copy = 0; copy < 2; copy++) {
		uint64_t table = copy ? BLOCKS - 33 : 2;

		gpt_entry_set(table, 0, 64, 127);
		gpt_entry_set(table, 2, 2048, BLOCKS - 34);
		gpt_seal(copy ? BLOCKS - 1 : 1);
	}
	return 0;
}

static int empty_image(void **state)
{
	(void)state;
	memset(&image, 0, sizeof(image));
	return 0;
}

/* Primary, extended with two logical ones, primary. */
static int mbr_image(void **state)
{
	empty_image(state);
	mbr_set(0, 0, 0x83, 64, 100);
	mbr_set(0, 1, 0x0f, 1000, 1000);
	mbr_set(0, 3, 0x0c, 3000, 1096);
	mbr_at(0)->entry[0].status = 0x80;
	mbr_set(1000, 0, 0x83, 8, 92);
	mbr_set(1000, 1, 0x05, 500, 500);
	mbr_set(1500, 0, 0x83, 8, 492);
	return 0;
}

static void assert_gpt_image(const struct partition_table *table)
{
	assert_int_equal(table->count, 2);
	assert_part(table, 0, 64, 64);
	assert_part(table, 1, 2048, BLOCKS - 34 - 2048 + 1);
}

/* ---- GPT ------------------------------------------------------------------ */

static void D7_crc32_is_the_one_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(partition_crc32(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(partition_crc32(partition_crc32(0, "1234", 4), "56789", 5),
			 0xcbf43926);
}

static void D7_gpt_is_read(void **state)
{
	struct partition_table table = scan_image();

	(void)state;
	assert_int_equal(table.kind, PARTITION_GPT);
	assert_gpt_image(&table);
}

static void D7_gpt_backup_stands_in_for_a_damaged_header(void **state)
{
	struct partition_table table;

	(void)state;
	gpt_at(1)->last_usable ^= 1;
	table = scan_image();
	assert_int_equal(table.kind, PARTITION_GPT_BACKUP);
	assert_gpt_image(&table);
}

static void D7_gpt_backup_stands_in_for_a_damaged_table(void **state)
{
	struct partition_table table;

	(void)state;
	gpt_entry_set(2, 1, 200, 300);
	table = scan_image();
	assert_int_equal(table.kind, PARTITION_GPT_BACKUP);
	assert_gpt_image(&table);
}

static void D7_gpt_backup_stands_in_for_an_unreadable_header(void **state)
{
	struct partition_table table;

	(void)state;
	image.bad_block = 1;
	table = scan_image();
	assert_int_equal(table.kind, PARTITION_GPT_BACKUP);
	assert_gpt_image(&table);
}

static void D7_gpt_with_both_headers_damaged_is_no_table(void **state)
{
	struct partition_table table;

	(void)state;
	gpt_at(1)->crc ^= 1;
	gpt_at(BLOCKS - 1)->crc ^= 1;
	table = scan_image();
	assert_int_equal(table.kind, PARTITION_NONE);
	assert_int_equal(table.count, 0);
}

static void D7_gpt_entries_outside_the_disk_are_left_out(void **state)
{
	struct partition_table table;

	(void)state;
	gpt_entry_set(2, 3, 100, BLOCKS);
	gpt_entry_set(2, 4, 200, 199);
	gpt_entry_set(2, 5, 0, 1);
	gpt_entry_set(2, 6, UINT64_MAX, UINT64_MAX);
	gpt_entry_set(2, 7, 64, UINT64_MAX);
	gpt_seal(1);
	table = scan_image();
	assert_int_equal(table.kind, PARTITION_GPT);
	assert_gpt_image(&table);
}

/* Each of these would send a careless reader out of bounds or round for ever. */
static void D7_gpt_headers_that_cannot_be_are_refused(void **state)
{
	struct gpt_header good = *gpt_at(1);

	(void)state;
	memset(image.data[BLOCKS - 1], 0, BLOCK);
	for (int what = 0; what < 10; what++) {
		struct gpt_header *h = gpt_at(1);
		struct partition_table table;

		*h = good;
		switch (what) {
		case 0: h->entries = htole32(UINT32_MAX); break;
		case 1: h->entry_size = htole32(0); break;
		case 2: h->entry_size = htole32(64); break;
		case 3: h->entry_size = htole32(0x80000000); break;
		case 4: h->entry_size = htole32(384); break;
		case 5: h->table = htole64(UINT64_MAX - 1); break;
		case 6: h->table = htole64(BLOCKS - 1); break;
		case 7: h->here = htole64(2); break;
		case 8: h->last_usable = htole64(BLOCKS); break;
		case 9: h->entries = 0; break;
		}
		h->crc = 0;
		h->crc = htole32(partition_crc32(0, h, 92));
		table = scan_image();
		assert_int_equal(table.count, 0);
		assert_true(image.reads < 10);
	}
}

static void D7_gpt_header_size_is_checked(void **state)
{
	static const uint32_t sizes[] = { 0, 91, BLOCK + 1, UINT32_MAX };

	(void)state;
	memset(image.data[BLOCKS - 1], 0, BLOCK);
	for (unsigned int i = 0; i < 4; i++) {
		struct partition_table table;

		gpt_at(1)->size = htole32(sizes[i]);
		table = scan_image();
		assert_int_equal(table.count, 0);
	}
}

/* ---- MBR ------------------------------------------------------------------ */

static void D7_mbr_is_read_with_its_logical_partitions(void **state)
{
	struct partition_table table = scan_image();

	(void)state;
	assert_int_equal(table.kind, PARTITION_MBR);
	assert_int_equal(table.count, 4);
	assert_part(&table, 0, 64, 100);
	assert_part(&table, 1, 3000, 1096);
	assert_part(&table, 2, 1008, 92);
	assert_part(&table, 3, 1508, 492);
}

static void D7_mbr_chain_that_loops_ends(void **state)
{
	struct partition_table table;

	(void)state;
	mbr_set(1500, 1, 0x05, 0, 500);
	table = scan_image();
	assert_int_equal(table.count, 4);
	assert_int_equal(image.reads, 3);
	mbr_set(1500, 1, 0x05, 500, 500);
	table = scan_image();
	assert_int_equal(table.count, 4);
}

static void D7_mbr_chain_that_leaves_its_partition_ends(void **state)
{
	struct partition_table table;

	(void)state;
	mbr_set(1500, 1, 0x05, 2000, 500);
	mbr_set(3000, 0, 0x83, 1, 10);
	table = scan_image();
	assert_int_equal(table.count, 4);
	mbr_set(1500, 1, 0x05, UINT32_MAX, UINT32_MAX);
	table = scan_image();
	assert_int_equal(table.count, 4);
}

static void D7_mbr_logical_partition_stays_in_its_extended_one(void **state)
{
	struct partition_table table;

	(void)state;
	mbr_set(1500, 0, 0x83, 8, 493);
	table = scan_image();
	assert_int_equal(table.count, 3);
	mbr_set(1500, 0, 0x83, UINT32_MAX, 493);
	table = scan_image();
	assert_int_equal(table.count, 3);
}

static void D7_mbr_long_chain_is_bounded(void **state)
{
	struct partition_table table;

	(void)state;
	empty_image(state);
	mbr_set(0, 0, 0x05, 10, BLOCKS - 10);
	for (int i = 0; i < 1000; i++) {
		mbr_set(10 + 4 * i, 0, 0x83, 1, 2);
		mbr_set(10 + 4 * i, 1, 0x05, 4 * (i + 1), 4);
	}
	table = scan_image();
	assert_int_equal(table.count, PARTITIONS_MAX);
	assert_true(image.reads <= PARTITIONS_MAX + 1);
	assert_sane(&table);
}

static void D7_mbr_entries_outside_the_disk_are_left_out(void **state)
{
	struct partition_table table;

	(void)state;
	empty_image(state);
	mbr_set(0, 0, 0x83, BLOCKS - 1, 2);
	mbr_set(0, 1, 0x83, UINT32_MAX, UINT32_MAX);
	mbr_set(0, 2, 0x83, 0, BLOCKS);
	mbr_set(0, 3, 0x83, BLOCKS - 1, 1);
	table = scan_image();
	assert_int_equal(table.count, 1);
	assert_part(&table, 0, BLOCKS - 1, 1);
}

static void D7_extended_partition_at_block_0_is_not_followed(void **state)
{
	struct partition_table table;

	(void)state;
	mbr_set(0, 1, 0x05, 0, BLOCKS);
	table = scan_image();
	assert_int_equal(table.count, 2);
}

static void D7_unreadable_logical_partitions_spare_the_primary_ones(void **state)
{
	struct partition_table table;

	(void)state;
	image.bad_block = 1000;
	table = scan_image();
	assert_int_equal(table.count, 2);
}

static void D7_fat_boot_sector_is_no_table(void **state)
{
	struct partition_table table;

	(void)state;
	image.data[0][0] = 0xeb;
	memcpy(image.data[0] + 0x36, "FAT16   ", 8);
	table = scan_image();
	assert_int_equal(table.count, 0);
}

static void D7_code_where_a_table_would_be_is_no_table(void **state)
{
	struct partition_table table;

	(void)state;
	mbr_at(0)->entry[2].status = 0x41;
	table = scan_image();
	assert_int_equal(table.count, 0);
}

/* ---- both ----------------------------------------------------------------- */

static void D7_blank_disk_has_no_table(void **state)
{
	struct partition_table table = scan_image();

	(void)state;
	assert_int_equal(table.kind, PARTITION_NONE);
	assert_int_equal(table.count, 0);
}

static int failing_read(void *ctx, uint64_t block, void *buf)
{
	(void)ctx;
	(void)block;
	(void)buf;
	return -EIO;
}

static void D7_unreadable_disk_is_an_error(void **state)
{
	struct partition_source source = { BLOCK, BLOCKS, failing_read, NULL };
	struct partition_table table;

	(void)state;
	assert_int_equal(partition_scan(&table, &source), -EIO);
	assert_int_equal(table.count, 0);
	source.blocks = 0;
	assert_int_equal(partition_scan(&table, &source), 0);
}

static void D7_one_block_disk_is_survived(void **state)
{
	struct partition_source source = { BLOCK, 1, image_read, &image };
	struct partition_table table;

	(void)state;
	assert_int_equal(partition_scan(&table, &source), 0);
	assert_int_equal(table.count, 0);
}

static uint32_t seed;

static uint32_t roll(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint64_t)(seed >> 4) * n >> 28;
}

/* Change some bytes where tables are; half the time make the checksums fit. */
static void mutate(void)
{
	static const uint64_t blocks[] = { 0, 1, 2, 1000, 1500, BLOCKS - 33,
					   BLOCKS - 1 };

	for (uint32_t n = 1 + roll(6); n; n--) {
		uint8_t *block = image.data[blocks[roll(7)]];
		uint32_t at = roll(2) ? roll(BLOCK) : roll(92);

		block[at] = roll(3) ? roll(256) : roll(2) ? 0xff : 0;
	}
	for (int copy = 0; copy < 2; copy++) {
		struct gpt_header *h = gpt_at(copy ? BLOCKS - 1 : 1);

		if (roll(2))
			continue;
		h->crc = 0;
		h->crc = htole32(partition_crc32(0, h, 92));
	}
}

static void D7_mutated_tables_are_survived(void **state)
{
	seed = 20200624;
	for (int round = 0; round < 5000; round++) {
		struct partition_table table;

		if (roll(2))
			gpt_image(state);
		else
			mbr_image(state);
		mutate();
		table = scan_image();
		assert_sane(&table);
		assert_true(image.reads < 5000);
	}
}

#define WITH(image, test) cmocka_unit_test_setup(test, image)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(empty_image, D7_crc32_is_the_one_of_the_standard),
		WITH(gpt_image, D7_gpt_is_read),
		WITH(gpt_image, D7_gpt_backup_stands_in_for_a_damaged_header),
		WITH(gpt_image, D7_gpt_backup_stands_in_for_a_damaged_table),
		WITH(gpt_image, D7_gpt_backup_stands_in_for_an_unreadable_header),
		WITH(gpt_image, D7_gpt_with_both_headers_damaged_is_no_table),
		WITH(gpt_image, D7_gpt_entries_outside_the_disk_are_left_out),
		WITH(gpt_image, D7_gpt_headers_that_cannot_be_are_refused),
		WITH(gpt_image, D7_gpt_header_size_is_checked),
		WITH(mbr_image, D7_mbr_is_read_with_its_logical_partitions),
		WITH(mbr_image, D7_mbr_chain_that_loops_ends),
		WITH(mbr_image, D7_mbr_chain_that_leaves_its_partition_ends),
		WITH(mbr_image, D7_mbr_logical_partition_stays_in_its_extended_one),
		WITH(mbr_image, D7_mbr_long_chain_is_bounded),
		WITH(empty_image, D7_mbr_entries_outside_the_disk_are_left_out),
		WITH(mbr_image, D7_extended_partition_at_block_0_is_not_followed),
		WITH(mbr_image, D7_unreadable_logical_partitions_spare_the_primary_ones),
		WITH(mbr_image, D7_fat_boot_sector_is_no_table),
		WITH(mbr_image, D7_code_where_a_table_would_be_is_no_table),
		WITH(empty_image, D7_blank_disk_has_no_table),
		WITH(empty_image, D7_unreadable_disk_is_an_error),
		WITH(empty_image, D7_one_block_disk_is_survived),
		WITH(empty_image, D7_mutated_tables_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
