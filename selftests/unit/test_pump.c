// SPDX-License-Identifier: MIT
/* Many requests through one device: merging, reading ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_pump.h"

static void read_now(uint64_t block, uint32_t blocks)
{
	submit(&req[0], DISK_READ, block, blocks);
	wait_for(&req[0]);
	assert_read(&req[0]);
}

/* ---- merging -------------------------------------------------------------- */

static void D8_adjacent_reads_are_one_command(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		submit(&req[i], DISK_READ, 100 + 8 * i, 8);
	settle();
	for (int i = 0; i < 4; i++)
		assert_read(&req[i]);
	assert_int_equal(disk.seen[0x28], 1);
}

static void D8_adjacent_writes_are_one_command(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		memset(req[i].buf, 'a' + i, UNIT_LEN);
		submit(&req[i], DISK_WRITE, 100 + 8 * i, 8);
	}
	settle();
	for (int i = 0; i < 4; i++)
		assert_read(&req[i]);
	assert_int_equal(disk.seen[0x2a], 1);
}

static void D8_merging_ends_at_a_buffers_length(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		submit(&req[i], DISK_READ, 32 * i, 32);
	settle();
	for (int i = 0; i < 3; i++)
		assert_read(&req[i]);
	assert_int_equal(disk.seen[0x28], 2);
}

static void D8_gaps_and_directions_are_not_merged(void **state)
{
	(void)state;
	submit(&req[0], DISK_READ, 0, 8);
	submit(&req[1], DISK_READ, 9, 8);
	memset(req[2].buf, 'w', UNIT_LEN);
	submit(&req[2], DISK_WRITE, 17, 8);
	submit(&req[3], DISK_READ, 17, 8);
	settle();
	for (int i = 0; i < 4; i++)
		assert_read(&req[i]);
	assert_int_equal(disk.seen[0x28], 3);
	assert_int_equal(disk.seen[0x2a], 1);
}

static void D8_next_command_starts_before_the_copy(void **state)
{
	(void)state;
	submit(&req[0], DISK_READ, 0, 8);
	pump_work(&pump);
	submit(&req[1], DISK_READ, 1000, 8);
	pump_work(&pump);
	assert_non_null(pump.running);
	assert_non_null(pump.next);
	settle();
	assert_read(&req[0]);
	assert_read(&req[1]);
}

/* ---- reading ahead -------------------------------------------------------- */

static void D8_reader_in_sequence_is_read_ahead_for(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		read_now(8 * i, 8);
	settle();
	assert_true(disk.seen[0x28] < 50);
}

static void D8_scattered_reads_are_not_read_ahead_for(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		read_now((i * 1237) % 8000, 8);
	settle();
	assert_int_equal(disk.seen[0x28], 50);
}

static void D8_reading_ahead_ends_at_the_end_of_the_disk(void **state)
{
	(void)state;
	for (int i = 0; i < FAKE_DISK_BLOCKS / 32; i++)
		read_now(32 * i, 32);
	settle();
	assert_false(scsi.medium_lost);
	assert_int_equal(disk.seen[0x03], 0);
}

static void D8_what_is_read_ahead_does_not_outlive_a_write(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		read_now(8 * i, 8);
	settle();
	memset(req[1].buf, 'w', UNIT_LEN);
	submit(&req[1], DISK_WRITE, 20 * 8 + 4, 8);
	submit(&req[2], DISK_READ, 20 * 8, 8);
	submit(&req[3], DISK_READ, 21 * 8, 8);
	settle();
	for (int i = 1; i < 4; i++)
		assert_read(&req[i]);
}

/* Reads 20 requests, so that something lies ahead; then it is another card. */
static void read_then_swap(void)
{
	for (int i = 0; i < 20; i++)
		read_now(8 * i, 8);
	settle();
	memset(disk.data, 's', sizeof(disk.data));
}

static void D8_what_is_read_ahead_does_not_outlive_an_attention(void **state)
{
	(void)state;
	read_then_swap();
	disk.refusal[0] = (struct fake_refusal){ 0x2a, 1, { 6, 0x29, 0 } };
	submit(&req[1], DISK_WRITE, 4000, 1);
	settle();
	assert_int_equal(req[1].error, 0);
	read_now(20 * 8, 8);
}

static void D8_what_is_read_ahead_is_not_believed_for_long(void **state)
{
	(void)state;
	pump.trust_ms = 50;
	read_then_swap();
	pause_ms(60);
	read_now(20 * 8, 8);
}

static void D8_but_for_as_long_as_a_reader_needs(void **state)
{
	unsigned int reads;

	(void)state;
	pump.trust_ms = 60000;
	for (int i = 0; i < 20; i++)
		read_now(8 * i, 8);
	settle();
	reads = disk.seen[0x28];
	read_now(20 * 8, 8);
	assert_int_equal(disk.seen[0x28], reads);
}

static void D8_swapped_card_is_enomedium_though_its_data_lies_ahead(void **state)
{
	(void)state;
	pump.trust_ms = 0;
	read_then_swap();
	disk.refusal[0] = (struct fake_refusal){ 0x28, 1, { 6, 0x28, 0 } };
	submit(&req[1], DISK_READ, 20 * 8, 8);
	wait_for(&req[1]);
	assert_int_equal(req[1].error, -ENOMEDIUM);
	assert_true(scsi.medium_lost);
}

static void D8_failure_ahead_is_not_the_readers(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		read_now(8 * i, 8);
	/* Now it reads ahead, and that fails. */
	disk.refusal[0] = (struct fake_refusal){ 0x28, 1, { 3, 0x11, 0 } };
	submit(&req[0], DISK_READ, 40, 8);
	settle();
	assert_read(&req[0]);
	assert_int_equal(disk.refusal[0].times, 0);
}

/* ---- all of it ------------------------------------------------------------ */

static uint32_t seed = 20180521;

static uint32_t roll(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint64_t)(seed >> 4) * n >> 28;
}

static uint8_t model[sizeof(disk.data)];
static uint64_t walk;

static uint64_t random_block(enum disk_op op, uint32_t blocks, bool walks)
{
	uint64_t block = roll(FAKE_DISK_BLOCKS);

	/* On and on; now and then a write near where that leads. */
	if (walks && roll(30))
		block = op == DISK_WRITE ? walk + roll(UNIT_BLOCKS / 2) : walk;
	if (block + blocks > FAKE_DISK_BLOCKS)
		block = 0;
	if (op == DISK_READ)
		walk = block + blocks;
	return block;
}

static void random_submit(struct request *r, bool walks)
{
	enum disk_op op = roll(20) == 0 ? DISK_FLUSH :
			  roll(walks ? 12 : 3) == 0 ? DISK_WRITE : DISK_READ;
	uint32_t blocks = op == DISK_FLUSH ? 0 :
			  walks ? 8 : 1 + roll(UNIT_BLOCKS);
	uint64_t block = random_block(op, blocks, walks);

	if (op == DISK_WRITE) {
		memset(r->buf, roll(256), UNIT_LEN);
		memcpy(model + block * BLOCK, r->buf, blocks * BLOCK);
	} else {
		memcpy(r->want, model + block * BLOCK, blocks * BLOCK);
	}
	submit(r, op, block, blocks);
}

static void random_check(struct request *r)
{
	assert_int_equal(r->answers, 1);
	if (r->error) {
		assert_int_equal(r->error, -EIO);
		assert_int_equal(r->io.op, DISK_READ);
	} else if (r->io.op == DISK_READ) {
		assert_memory_equal(r->buf, r->want, r->io.blocks * BLOCK);
	}
}

/* Faults that are over when the command is repeated, and bad blocks. */
static void random_fault(void)
{
	static const enum fake_fault faults[] = {
		FAULT_CBW_STALL, FAULT_CSW_STALL, FAULT_CSW_TAG, FAULT_CSW_PHASE,
		FAULT_CSW_STALL_TWICE,
	};

	disk.fake.commands = 0;
	memset(disk.fake.fault, 0, sizeof(disk.fake.fault));
	disk.fake.fault[1 + roll(20)] = faults[roll(5)];
	if (roll(3) == 0)
		disk.refusal[0] = (struct fake_refusal){
			0x28, 1 + roll(2), { 3, 0x11, 0 } };
}

static void D8_everybody_reads_what_was_written_before(void **state)
{
	(void)state;
	memcpy(model, disk.data, sizeof(model));
	for (int round = 0; round < 6000; round++) {
		bool walks = round / 20 % 4;
		int n = 1 + roll(8);

		if (roll(10) == 0)
			random_fault();
		for (int i = 0; i < n; i++) {
			random_submit(&req[i], walks);
			for (uint32_t step = roll(4); step; step--)
				pump_wait(&pump.backend);
			pump_work(&pump);
		}
		settle();
		for (int i = 0; i < n; i++)
			random_check(&req[i]);
	}
	assert_memory_equal(disk.data, model, sizeof(model));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D8_adjacent_reads_are_one_command),
		TEST(D8_adjacent_writes_are_one_command),
		TEST(D8_merging_ends_at_a_buffers_length),
		TEST(D8_gaps_and_directions_are_not_merged),
		TEST(D8_next_command_starts_before_the_copy),
		TEST(D8_reader_in_sequence_is_read_ahead_for),
		TEST(D8_scattered_reads_are_not_read_ahead_for),
		TEST(D8_reading_ahead_ends_at_the_end_of_the_disk),
		TEST(D8_what_is_read_ahead_does_not_outlive_a_write),
		TEST(D8_what_is_read_ahead_does_not_outlive_an_attention),
		TEST(D8_what_is_read_ahead_is_not_believed_for_long),
		TEST(D8_but_for_as_long_as_a_reader_needs),
		TEST(D8_swapped_card_is_enomedium_though_its_data_lies_ahead),
		TEST(D8_failure_ahead_is_not_the_readers),
		TEST(D8_everybody_reads_what_was_written_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
