// SPDX-License-Identifier: MIT
/* SCSI: encoding, decoding, the questions at the start, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_disk.h"
#include "../../userspace/daemons/usbscsid/bot.c"

/* Each file has its own of these. */
#define put_be32 scsi_put_be32
#define command_finish scsi_command_finish
#define command_begin scsi_command_begin
#include "../../userspace/daemons/usbscsid/scsi.c"
#include "../../userspace/daemons/usbscsid/probe.c"

#define LEN	4096

static struct fake_disk disk;
static struct scsi scsi;
static uint8_t buf[LEN];

static int setup(void **state)
{
	(void)state;
	fake_disk_init(&disk);
	scsi_init(&scsi, &disk.fake.transport);
	return 0;
}

static int setup_probed(void **state)
{
	setup(state);
	return scsi_probe(&scsi);
}

static void refuse(unsigned int i, uint8_t op, unsigned int times, uint8_t key,
		   uint8_t asc, uint8_t ascq)
{
	disk.refusal[i] = (struct fake_refusal){ op, times, { key, asc, ascq } };
}

static int do_rw(bool write, uint64_t block)
{
	struct scsi_command cmd = { .error = 1 };

	scsi_rw_prepare(&scsi, &cmd, write, block, LEN / FAKE_DISK_BLOCK, buf);
	return scsi_run(&scsi, &cmd);
}

static int do_read(uint64_t block)
{
	return do_rw(false, block);
}

/* ---- wire ----------------------------------------------------------------- */

static void D6_read_and_write_are_exact(void **state)
{
	static const uint8_t read10[16] = { 0x28, 0, 1, 2, 3, 4, 0, 0, 8 };
	static const uint8_t write10[16] = { 0x2a, 0, 1, 2, 3, 4, 0, 0xff, 0xff };
	static const uint8_t read16[16] = { 0x88, 0, 0, 0, 0, 1, 0, 0, 0, 0,
					    0, 0, 0, 8 };
	static const uint8_t write16[16] = { 0x8a, 0, 0, 0, 0, 0, 1, 2, 3, 4,
					     0, 1, 0, 0 };
	uint8_t cdb[16];

	(void)state;
	assert_int_equal(scsi_rw_encode(cdb, false, 0x01020304, 8), 10);
	assert_memory_equal(cdb, read10, 16);
	assert_int_equal(scsi_rw_encode(cdb, true, 0x01020304, 65535), 10);
	assert_memory_equal(cdb, write10, 16);
	assert_int_equal(scsi_rw_encode(cdb, false, 1ULL << 32, 8), 16);
	assert_memory_equal(cdb, read16, 16);
	assert_int_equal(scsi_rw_encode(cdb, true, 0x01020304, 65536), 16);
	assert_memory_equal(cdb, write16, 16);
}

static void D6_long_form_begins_where_the_short_one_ends(void **state)
{
	uint8_t cdb[16];

	(void)state;
	assert_int_equal(scsi_rw_encode(cdb, false, UINT32_MAX - 8, 8), 10);
	assert_int_equal(scsi_rw_encode(cdb, false, UINT32_MAX - 7, 8), 16);
}

static void D6_sense_is_decoded_in_both_formats(void **state)
{
	static const uint8_t fixed[18] = { 0xf0, 0, 0x25, [12] = 0x21, [13] = 1 };
	static const uint8_t descriptor[8] = { 0x72, 0x05, 0x21, 0x01 };
	static const uint8_t nonsense[18] = { 0x12, 0x34 };
	struct scsi_sense sense;

	(void)state;
	assert_int_equal(scsi_sense_decode(&sense, fixed, 18), 0);
	assert_true(sense.key == 5 && sense.asc == 0x21 && sense.ascq == 1);
	assert_int_equal(scsi_sense_decode(&sense, descriptor, 8), 0);
	assert_true(sense.key == 5 && sense.asc == 0x21 && sense.ascq == 1);
	assert_int_equal(scsi_sense_decode(&sense, fixed, 8), 0);
	assert_true(sense.key == 5 && sense.asc == 0);
	assert_int_equal(scsi_sense_decode(&sense, fixed, 2), -EPROTO);
	assert_int_equal(scsi_sense_decode(&sense, fixed, 0), -EPROTO);
	assert_int_equal(scsi_sense_decode(&sense, nonsense, 18), -EPROTO);
}

static void D6_sense_becomes_an_errno(void **state)
{
	static const struct { struct scsi_sense sense; int error; } row[] = {
		{ { 0x0, 0, 0 }, -EAGAIN }, { { 0x1, 0x17, 0 }, 0 },
		{ { 0x2, 0x3a, 0 }, -ENOMEDIUM }, { { 0x2, 0x04, 1 }, -EBUSY },
		{ { 0x3, 0x11, 0 }, -EIO }, { { 0x4, 0x44, 0 }, -EIO },
		{ { 0x5, 0x20, 0 }, -EOPNOTSUPP }, { { 0x5, 0x21, 0 }, -EINVAL },
		{ { 0x5, 0x24, 0 }, -EINVAL }, { { 0x6, 0x29, 0 }, -EAGAIN },
		{ { 0x7, 0x27, 0 }, -EROFS }, { { 0x8, 0, 0 }, -EIO },
		{ { 0xb, 0, 0 }, -EAGAIN }, { { 0xd, 0, 0 }, -ENOSPC },
		{ { 0xf, 0, 0 }, -EIO },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(row) / sizeof(*row); i++)
		assert_int_equal(scsi_sense_errno(&row[i].sense), row[i].error);
}

static void D6_capacity_is_decoded(void **state)
{
	static const uint8_t small[8] = { 0, 0, 0x1f, 0xff, 0, 0, 2, 0 };
	static const uint8_t large[8] = { 255, 255, 255, 255, 0, 0, 2, 0 };
	static const uint8_t huge[12] = { 0, 0, 0, 1, 255, 255, 255, 255,
					  0, 0, 0x10, 0 };
	struct scsi_capacity c;

	(void)state;
	assert_int_equal(scsi_capacity10_decode(&c, small, 8), 0);
	assert_true(c.blocks == 8192 && c.block_size == 512);
	assert_int_equal(scsi_capacity10_decode(&c, large, 8), -EAGAIN);
	assert_int_equal(scsi_capacity10_decode(&c, small, 7), -EPROTO);
	assert_int_equal(scsi_capacity16_decode(&c, huge, 12), 0);
	assert_true(c.blocks == 1ULL << 33 && c.block_size == 4096);
	assert_int_equal(scsi_capacity16_decode(&c, huge, 11), -EPROTO);
}

/* ---- at the start --------------------------------------------------------- */

static void D6_probe_finds_what_there_is(void **state)
{
	(void)state;
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_int_equal(scsi.blocks, FAKE_DISK_BLOCKS);
	assert_int_equal(scsi.block_size, FAKE_DISK_BLOCK);
	assert_false(scsi.write_protected);
	assert_string_equal(scsi.model, "ACME Rocket Disk");
	assert_int_equal(disk.seen[0x12], 1);
	assert_int_equal(disk.seen[0x5a], 1);
	assert_int_equal(disk.seen[0x25], 1);
	assert_int_equal(disk.seen[0x9e], 0);
}

static void D6_capacity_above_2_tib_is_asked_for_in_16(void **state)
{
	(void)state;
	disk.blocks = 0x200000000ULL;
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_int_equal(disk.seen[0x9e], 1);
	assert_int_equal(scsi.blocks, 0x200000000ULL);
	assert_int_equal(do_read(0x1fffffff8ULL), 0);
	assert_int_equal(disk.seen[0x88], 1);
	assert_memory_equal(buf, disk.data + (FAKE_DISK_BLOCKS - 8) * 512, LEN);
	assert_int_equal(do_rw(true, 0x100000000ULL), 0);
	assert_int_equal(disk.seen[0x8a], 1);
}

static void D6_capacity_of_just_2_tib_is_asked_for_in_16(void **state)
{
	(void)state;
	disk.blocks = 0x100000000ULL;
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_int_equal(disk.seen[0x9e], 1);
	assert_int_equal(scsi.blocks, 0x100000000ULL);
}

static void D6_impossible_capacities_are_refused(void **state)
{
	static const struct { uint64_t blocks; uint32_t size; } row[] = {
		{ 8192, 0 }, { 8192, 100 }, { 8192, 131072 }, { 8192, 1536 },
		{ 0, 512 }, { UINT64_MAX / 512, 512 },
	};

	for (unsigned int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		setup(state);
		disk.blocks = row[i].blocks;
		disk.block_size = row[i].size;
		assert_int_equal(scsi_probe(&scsi), -EINVAL);
	}
}

static void D6_write_protect_comes_from_mode_sense(void **state)
{
	(void)state;
	disk.write_protected = true;
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_true(scsi.write_protected);
}

static void D6_mode_sense_6_stands_in_for_10(void **state)
{
	(void)state;
	disk.write_protected = true;
	disk.has_no_mode_10 = true;
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_true(scsi.write_protected);
	assert_int_equal(disk.seen[0x1a], 1);
}

static void D6_unit_without_mode_sense_is_writable(void **state)
{
	(void)state;
	disk.write_protected = true;
	disk.has_no_mode_10 = true;
	refuse(0, 0x1a, 1, 5, 0x20, 0);
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_false(scsi.write_protected);
}

static void D6_unit_attention_at_the_start_is_retried(void **state)
{
	(void)state;
	refuse(0, 0x00, 2, 6, 0x29, 0);
	refuse(1, 0x25, 1, 6, 0x28, 0);
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_int_equal(disk.seen[0x00], 3);
	assert_false(scsi.medium_lost);
}

static void D6_unit_that_becomes_ready_is_waited_for(void **state)
{
	(void)state;
	refuse(0, 0x00, 2, 2, 0x04, 0x01);
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_int_equal(disk.seen[0x00], 3);
	assert_int_equal(disk.seen[0x1b], 0);
}

static void D6_unit_that_wants_a_start_is_started(void **state)
{
	(void)state;
	refuse(0, 0x00, 1, 2, 0x04, 0x02);
	assert_int_equal(scsi_probe(&scsi), 0);
	assert_int_equal(disk.seen[0x1b], 1);
}

static void D6_absent_medium_is_enomedium(void **state)
{
	(void)state;
	refuse(0, 0x00, 1, 2, 0x3a, 0);
	assert_int_equal(scsi_probe(&scsi), -ENOMEDIUM);
}

static void D6_what_is_no_disk_is_refused(void **state)
{
	static const uint8_t types[] = { 0x01, 0x05, 0x1f, 0x20, 0x60, 0x7f };

	for (unsigned int i = 0; i < sizeof(types); i++) {
		setup(state);
		disk.type = types[i];
		assert_int_equal(scsi_probe(&scsi), -EMEDIUMTYPE);
	}
}

static void D5_probe_survives_any_fault_of_the_transport(void **state)
{
	for (int fault = 1; fault <= FAULT_RESIDUE; fault++) {
		for (unsigned int command = 0; command < 4; command++) {
			int ret;

			setup(state);
			disk.fake.fault[command] = fault;
			ret = scsi_probe(&scsi);
			assert_true(disk.fake.waits < 200);
			assert_true(ret == 0 || ret == -ENODEV || ret == -EIO ||
				    ret == -EPROTO);
		}
	}
}

/* ---- at work -------------------------------------------------------------- */

static void D6_read_reads_and_write_writes(void **state)
{
	(void)state;
	assert_int_equal(do_read(8), 0);
	assert_memory_equal(buf, disk.data + 8 * 512, LEN);
	memset(buf, 0x77, LEN);
	assert_int_equal(do_rw(true, 16), 0);
	assert_memory_equal(buf, disk.data + 16 * 512, LEN);
}

static void D6_unit_attention_at_work_is_retried(void **state)
{
	(void)state;
	refuse(0, 0x28, 1, 6, 0x29, 0);
	assert_int_equal(do_read(8), 0);
	assert_memory_equal(buf, disk.data + 8 * 512, LEN);
	refuse(0, 0x28, SCSI_ATTEMPTS, 6, 0x29, 0);
	assert_int_equal(do_read(8), -EIO);
}

static void D6_changed_medium_is_lost(void **state)
{
	(void)state;
	refuse(0, 0x28, 1, 6, 0x28, 0);
	assert_int_equal(do_read(8), -ENOMEDIUM);
	assert_true(scsi.medium_lost);
}

static void D6_removed_medium_is_lost(void **state)
{
	(void)state;
	refuse(0, 0x28, 1, 2, 0x3a, 0);
	assert_int_equal(do_read(8), -ENOMEDIUM);
	assert_true(scsi.medium_lost);
}

static void D6_attention_after_our_own_reset_is_no_change(void **state)
{
	(void)state;
	disk.fake.fault[disk.fake.commands] = FAULT_CSW_TAG;
	refuse(0, 0x28, 2, 6, 0x28, 0);
	disk.refusal[0].times = 0;
	assert_int_equal(do_read(8), 0);
	disk.fake.fault[disk.fake.commands] = FAULT_CBW_STALL;
	disk.refusal[0].times = 1;
	assert_int_equal(do_read(8), 0);
	assert_false(scsi.medium_lost);
	assert_memory_equal(buf, disk.data + 8 * 512, LEN);
}

static void D6_errors_reach_the_caller(void **state)
{
	static const struct { uint8_t op, key, asc; int error; } row[] = {
		{ 0x28, 3, 0x11, -EIO }, { 0x28, 5, 0x21, -EINVAL },
		{ 0x2a, 7, 0x27, -EROFS }, { 0x2a, 0xd, 0, -ENOSPC },
		{ 0x28, 2, 0x05, -EBUSY },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(row) / sizeof(*row); i++) {
		refuse(0, row[i].op, 1, row[i].key, row[i].asc, 0);
		assert_int_equal(do_rw(row[i].op == 0x2a, 8), row[i].error);
	}
	assert_int_equal(do_read(8), 0);
}

static void D6_unit_that_spins_up_at_work_is_waited_for(void **state)
{
	(void)state;
	refuse(0, 0x28, 2, SCSI_NOT_READY, 0x04, 1);
	assert_int_equal(do_read(8), 0);
	assert_int_equal(disk.seen[0x28], 3);
	assert_int_equal(disk.seen[0x1b], 0);
	assert_memory_equal(buf, disk.data + 8 * 512, LEN);
}

static void D6_unit_that_sleeps_at_work_is_started(void **state)
{
	(void)state;
	refuse(0, 0x2a, 1, SCSI_NOT_READY, 0x04, 2);
	assert_int_equal(do_rw(true, 8), 0);
	assert_int_equal(disk.seen[0x2a], 2);
	assert_int_equal(disk.seen[0x1b], 1);
}

static void D6_unit_that_never_spins_up_is_ebusy_in_time(void **state)
{
	int64_t begin = now_ms();

	(void)state;
	scsi.ready_ms = 250;
	refuse(0, 0x28, 1000, SCSI_NOT_READY, 0x04, 1);
	assert_int_equal(do_read(8), -EBUSY);
	assert_true(now_ms() - begin >= 250);
	assert_true(disk.seen[0x28] >= 3);
	disk.refusal[0].times = 0;
	assert_int_equal(do_read(8), 0);
}

static void D6_unit_that_a_hand_must_help_is_ebusy_at_once(void **state)
{
	(void)state;
	refuse(0, 0x28, 1000, SCSI_NOT_READY, 0x04, 3);
	assert_int_equal(do_read(8), -EBUSY);
	assert_int_equal(disk.seen[0x28], 1);
}

/* ---- told to stop --------------------------------------------------------- */

static unsigned int stop_after;

static bool stop_soon(void *user)
{
	assert_ptr_equal(user, &disk);
	return !stop_after || !--stop_after;
}

/* At whatever moment: between two commands, and never amid one. */
static void D9_probe_ends_when_told_to_stop(void **state)
{
	unsigned int stopped = 0;
	int ret;

	(void)state;
	do {
		setup(NULL);
		scsi.stopping = stop_soon;
		scsi.user = &disk;
		stop_after = stopped + 1;
		ret = scsi_probe(&scsi);
		assert_true(scsi_is_idle(&scsi));
		assert_int_equal(disk.fake.state, FAKE_READY);
		assert_int_equal(disk.fake.queued[0] + disk.fake.queued[1], 0);
		if (!ret)
			break;
		assert_int_equal(ret, -EINTR);
		stopped++;
	} while (stopped < 1000);
	/* Before each of its four commands, and while they run. */
	assert_true(stopped > 4 && stopped < 1000);
}

static void D9_told_to_stop_nobody_waits_for_a_spin_up(void **state)
{
	int64_t begin = now_ms();

	(void)state;
	refuse(0, 0x28, 1000, SCSI_NOT_READY, 0x04, 1);
	scsi.stopping = stop_soon;
	scsi.user = &disk;
	stop_after = 20;
	assert_int_equal(do_read(8), -EINTR);
	assert_true(scsi_is_idle(&scsi));
	assert_true(now_ms() - begin < SCSI_READY_MS / 2);
	/* Nothing of it goes on by itself. */
	assert_int_equal(scsi_timeout(&scsi), -1);
	scsi.stopping = NULL;
	disk.refusal[0].times = 0;
	assert_int_equal(do_read(8), 0);
}

static void D9_told_to_stop_a_fault_is_not_tried_again(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < BOT_ATTEMPTS; i++)
		disk.fake.fault[disk.fake.commands + i] = FAULT_CSW_TIMEOUT;
	scsi.stopping = stop_soon;
	scsi.user = &disk;
	stop_after = 0;
	disk.seen[0x28] = 0;
	assert_int_equal(do_read(8), -EIO);
	assert_int_equal(disk.seen[0x28], 1);
}

static void D5_short_read_is_not_taken_for_a_whole_one(void **state)
{
	static const enum fake_fault faults[] = {
		FAULT_DATA_SHORT, FAULT_DATA_SHORT_NO_RESIDUE, FAULT_RESIDUE,
		FAULT_DATA_STALL, FAULT_CSW_FOR_DATA,
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		disk.fake.fault[disk.fake.commands] = faults[i];
		assert_int_equal(do_read(8), -EIO);
		assert_int_equal(do_read(8), 0);
	}
}

static void D5_refused_sense_is_eio(void **state)
{
	(void)state;
	refuse(0, 0x28, 1, 3, 0x11, 0);
	refuse(1, 0x03, 1, 5, 0x20, 0);
	assert_int_equal(do_read(8), -EIO);
	assert_int_equal(do_read(8), 0);
}

static void D6_flush_is_synchronize_cache(void **state)
{
	static const uint8_t want[10] = { 0x35 };
	struct scsi_command cmd = { .error = 1 };

	(void)state;
	scsi_flush_prepare(&cmd);
	assert_int_equal(cmd.bot.cdb_len, 10);
	assert_memory_equal(cmd.bot.cdb, want, 10);
	assert_int_equal(scsi_run(&scsi, &cmd), 0);
	assert_int_equal(disk.seen[0x35], 1);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)
#define TEST_PROBED(name) cmocka_unit_test_setup(name, setup_probed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D6_read_and_write_are_exact),
		TEST(D6_long_form_begins_where_the_short_one_ends),
		TEST(D6_sense_is_decoded_in_both_formats),
		TEST(D6_sense_becomes_an_errno),
		TEST(D6_capacity_is_decoded),
		TEST(D6_probe_finds_what_there_is),
		TEST(D6_capacity_above_2_tib_is_asked_for_in_16),
		TEST(D6_capacity_of_just_2_tib_is_asked_for_in_16),
		TEST(D6_impossible_capacities_are_refused),
		TEST(D6_write_protect_comes_from_mode_sense),
		TEST(D6_mode_sense_6_stands_in_for_10),
		TEST(D6_unit_without_mode_sense_is_writable),
		TEST(D6_unit_attention_at_the_start_is_retried),
		TEST(D6_unit_that_becomes_ready_is_waited_for),
		TEST(D6_unit_that_wants_a_start_is_started),
		TEST(D6_absent_medium_is_enomedium),
		TEST(D6_what_is_no_disk_is_refused),
		TEST(D5_probe_survives_any_fault_of_the_transport),
		TEST_PROBED(D6_read_reads_and_write_writes),
		TEST_PROBED(D6_unit_attention_at_work_is_retried),
		TEST_PROBED(D6_changed_medium_is_lost),
		TEST_PROBED(D6_removed_medium_is_lost),
		TEST_PROBED(D6_attention_after_our_own_reset_is_no_change),
		TEST_PROBED(D6_errors_reach_the_caller),
		TEST_PROBED(D6_unit_that_spins_up_at_work_is_waited_for),
		TEST_PROBED(D6_unit_that_sleeps_at_work_is_started),
		TEST_PROBED(D6_unit_that_never_spins_up_is_ebusy_in_time),
		TEST_PROBED(D6_unit_that_a_hand_must_help_is_ebusy_at_once),
		TEST(D9_probe_ends_when_told_to_stop),
		TEST_PROBED(D9_told_to_stop_nobody_waits_for_a_spin_up),
		TEST_PROBED(D9_told_to_stop_a_fault_is_not_tried_again),
		TEST_PROBED(D5_short_read_is_not_taken_for_a_whole_one),
		TEST_PROBED(D5_refused_sense_is_eio),
		TEST_PROBED(D6_flush_is_synchronize_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
