// SPDX-License-Identifier: MIT
/* Bulk-only transport against a device that goes wrong in every stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_usb.h"
#include "../../userspace/daemons/usbscsid/bot.c"

#define LEN	4096

static struct fake fake;
static struct bot bot;
static uint8_t buf[LEN];

static void pattern_command(struct fake *f, const struct fake_command *cmd)
{
	if (!cmd->in)
		return;
	for (uint32_t i = 0; i < cmd->len; i++)
		f->data[i] = i * 7 + 1;
}

static int setup(void **state)
{
	(void)state;
	fake_init(&fake);
	fake.command = pattern_command;
	bot_init(&bot, &fake.transport);
	memset(buf, 0xee, sizeof(buf));
	return 0;
}

static struct bot_command command(bool in, uint32_t len)
{
	return (struct bot_command){
		.cdb = { 0x28, 1, 2, 3 }, .cdb_len = 10, .in = in, .buf = buf,
		.len = len, .timeout_ms = 1000,
	};
}

static struct bot_command run(bool in, uint32_t len)
{
	struct bot_command cmd = command(in, len);

	bot_run(&bot, &cmd);
	assert_true(bot_is_idle(&bot));
	assert_int_equal(fake.queued[0] + fake.queued[1], 0);
	return cmd;
}

static void assert_read_whole(const struct bot_command *cmd)
{
	assert_int_equal(cmd->error, 0);
	assert_false(cmd->failed);
	assert_int_equal(cmd->moved, LEN);
	for (uint32_t i = 0; i < LEN; i++)
		assert_int_equal(buf[i], (uint8_t)(i * 7 + 1));
}

/* The device is as good as new: the next command passes without more ado. */
static void assert_recovered(void)
{
	struct bot_command cmd;

	memset(fake.log, 0, sizeof(fake.log));
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_string_equal(fake.log, "CDS");
}

/* ---- wire ----------------------------------------------------------------- */

static void D5_cbw_is_exact(void **state)
{
	static const uint8_t cdb[16] = { 0x28, 0, 1, 2, 3, 4, 0, 0, 8 };
	static const uint8_t want[BOT_CBW_SIZE] = {
		0x55, 0x53, 0x42, 0x43, 0x78, 0x56, 0x34, 0x12,
		0x00, 0x10, 0x00, 0x00, 0x80, 0x03, 0x0a,
		0x28, 0, 1, 2, 3, 4, 0, 0, 8, 0,
	};
	struct bot_cbw cbw = {
		.tag = 0x12345678, .len = 4096, .in = true, .lun = 3,
		.cdb_len = 10, .cdb = cdb,
	};
	uint8_t wire[BOT_CBW_SIZE];

	(void)state;
	bot_cbw_encode(&cbw, wire);
	assert_memory_equal(wire, want, sizeof(want));
	cbw.in = false;
	bot_cbw_encode(&cbw, wire);
	assert_int_equal(wire[12], 0);
}

static void D5_csw_is_exact(void **state)
{
	static const uint8_t wire[] = {
		0x55, 0x53, 0x42, 0x53, 0x78, 0x56, 0x34, 0x12, 1, 2, 0, 0, 1, 0,
	};
	struct bot_csw csw;

	(void)state;
	assert_int_equal(bot_csw_decode(&csw, wire, 13), 0);
	assert_int_equal(csw.tag, 0x12345678);
	assert_int_equal(csw.residue, 0x201);
	assert_int_equal(csw.status, BOT_CSW_FAILED);
	assert_int_equal(bot_csw_decode(&csw, wire, 12), -EPROTO);
	assert_int_equal(bot_csw_decode(&csw, wire, 14), -EPROTO);
	assert_int_equal(bot_csw_decode(&csw, wire, 0), -EPROTO);
	assert_int_equal(bot_csw_decode(&csw, wire + 1, 13), -EPROTO);
}

/* ---- what goes well ------------------------------------------------------- */

static void D5_read_moves_its_data(void **state)
{
	struct bot_command cmd = run(true, LEN);

	(void)state;
	assert_read_whole(&cmd);
	assert_string_equal(fake.log, "CDS");
	assert_int_equal(bot.stats.resets, 0);
}

static void D5_write_moves_its_data(void **state)
{
	struct bot_command cmd;

	(void)state;
	memset(buf, 0x5a, LEN);
	cmd = run(false, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN);
	assert_memory_equal(fake.data, buf, LEN);
	assert_string_equal(fake.log, "CDS");
}

static void D5_command_without_data_passes(void **state)
{
	struct bot_command cmd = run(false, 0);

	(void)state;
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, 0);
	assert_string_equal(fake.log, "CS");
}

static void D5_tags_differ(void **state)
{
	uint32_t tag;

	(void)state;
	run(true, LEN);
	tag = fake.cmd.tag;
	run(true, LEN);
	assert_int_not_equal(fake.cmd.tag, tag);
}

static void assert_queued_at_start(bool in, uint32_t len, unsigned int out_nr,
				   unsigned int in_nr)
{
	struct bot_command cmd = command(in, len);

	bot_start(&bot, &cmd);
	assert_int_equal(fake.queued[0], out_nr);
	assert_int_equal(fake.queued[1], in_nr);
	while (!bot_is_idle(&bot)) {
		fake_wait(&fake.transport);
		bot_work(&bot);
	}
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, len);
}

static void D5_cbw_and_data_are_queued_together(void **state)
{
	(void)state;
	assert_queued_at_start(true, LEN, 1, 1);
	assert_queued_at_start(false, LEN, 2, 0);
	assert_queued_at_start(false, 0, 1, 1);
}

static void failing_command(struct fake *f, const struct fake_command *cmd)
{
	(void)cmd;
	f->status = BOT_CSW_FAILED;
	f->data_len = 0;
}

static void D5_refused_command_is_reported_not_retried(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.command = failing_command;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, 0);
	assert_true(cmd.failed);
	assert_int_equal(cmd.moved, 0);
	assert_string_equal(fake.log, "CS");
	assert_int_equal(bot.stats.resets, 0);
}

/* ---- stalls --------------------------------------------------------------- */

static void D5_stall_in_the_cbw_stage_recovers(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CBW_STALL;
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_int_equal(bot.stats.resets, 1);
	assert_recovered();
}

static void D5_stall_in_the_cbw_stage_of_a_write_recovers(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CBW_STALL;
	memset(buf, 0x5a, LEN);
	cmd = run(false, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN);
	assert_memory_equal(fake.data, buf, LEN);
	assert_recovered();
}

static void D5_stall_in_the_data_stage_recovers(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_DATA_STALL;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, 0);
	assert_int_equal(bot.stats.data_stalls, 1);
	assert_int_equal(bot.stats.resets, 0);
	assert_int_equal(fake.commands, 1);
	assert_recovered();
}

static void D5_stall_amid_the_data_keeps_what_came(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_DATA_STALL_LATE;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN / 2);
	assert_int_equal(bot.stats.resets, 0);
	assert_recovered();
}

static void D5_stall_in_the_data_stage_of_a_write_recovers(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_DATA_STALL_LATE;
	cmd = run(false, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN / 2);
	assert_string_equal(fake.log, "CDxoS");
	assert_recovered();
}

static void D5_stall_in_the_csw_stage_recovers(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_STALL;
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_string_equal(fake.log, "CDxiS");
	assert_int_equal(bot.stats.csw_stalls, 1);
	assert_int_equal(bot.stats.resets, 0);
	assert_recovered();
}

static void D5_second_stall_of_the_csw_is_a_reset_recovery(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_STALL_TWICE;
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_string_equal(fake.log, "CDxixRioCDS");
	assert_int_equal(bot.stats.csw_stalls, 2);
	assert_recovered();
}

static void D5_csw_stage_of_a_write_recovers(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_STALL;
	cmd = run(false, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN);
	assert_string_equal(fake.log, "CDxiS");
}

/* ---- what makes no sense -------------------------------------------------- */

/* Each is one reset recovery, and then the command passes. */
static void D5_nonsense_is_a_reset_recovery(void **state)
{
	static const enum fake_fault faults[] = {
		FAULT_CBW_STALL, FAULT_CBW_SHORT, FAULT_CBW_TIMEOUT,
		FAULT_DATA_TIMEOUT, FAULT_CSW_TIMEOUT, FAULT_CSW_SHORT,
		FAULT_CSW_SIGNATURE, FAULT_CSW_TAG, FAULT_CSW_STATUS,
		FAULT_CSW_RESIDUE, FAULT_CSW_PHASE, FAULT_CSW_STALL_TWICE,
	};

	for (unsigned int i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct bot_command cmd;

		setup(state);
		fake.fault[0] = faults[i];
		cmd = run(true, LEN);
		assert_read_whole(&cmd);
		assert_int_equal(bot.stats.resets, 1);
		assert_int_equal(fake.commands, 2);
		assert_recovered();
		setup(state);
		fake.fault[0] = faults[i];
		cmd = run(false, LEN);
		assert_int_equal(cmd.error, 0);
		assert_int_equal(cmd.moved, LEN);
		assert_recovered();
		setup(state);
		fake.fault[0] = faults[i];
		cmd = run(false, 0);
		assert_int_equal(cmd.error, 0);
		assert_recovered();
	}
}

static void D5_bad_tag_is_a_reset_recovery(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_TAG;
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_string_equal(fake.log, "CDSRioCDS");
}

static void D5_phase_error_is_a_reset_recovery(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_PHASE;
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_string_equal(fake.log, "CDSRioCDS");
}

static void D5_lasting_nonsense_is_eio_and_the_daemon_lives(void **state)
{
	struct bot_command cmd;

	(void)state;
	for (int i = 0; i < BOT_ATTEMPTS; i++)
		fake.fault[i] = FAULT_CSW_TAG;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, -EIO);
	assert_int_equal(fake.commands, BOT_ATTEMPTS);
	assert_int_equal(bot.stats.resets, BOT_ATTEMPTS);
	assert_recovered();
}

static void D5_reset_that_fails_is_a_port_reset(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_TAG;
	fake.reset_fails = true;
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_string_equal(fake.log, "CDSRPCDS");
	assert_int_equal(bot.stats.port_resets, 1);
}

static void D5_halt_that_stays_is_a_port_reset(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_DATA_STALL;
	fake.clear_fails = true;
	cmd = run(true, LEN);
	assert_read_whole(&cmd);
	assert_int_equal(bot.stats.port_resets, 1);
}

static void D5_port_reset_that_fails_is_eio(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_TAG;
	fake.reset_fails = true;
	fake.port_reset_fails = true;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, -EIO);
	assert_int_equal(fake.commands, 1);
}

/* ---- short data ----------------------------------------------------------- */

static void D5_residue_is_honoured(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_RESIDUE;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN - 100);
	fake.fault[1] = FAULT_RESIDUE;
	cmd = run(false, LEN);
	assert_int_equal(cmd.moved, LEN - 100);
}

static void D5_short_data_is_what_came(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_DATA_SHORT;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN / 2);
	fake.fault[1] = FAULT_DATA_SHORT_NO_RESIDUE;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, LEN / 2);
	assert_int_equal(bot.stats.resets, 0);
}

static void D5_csw_in_place_of_the_data_is_taken(void **state)
{
	struct bot_command cmd;

	(void)state;
	fake.fault[0] = FAULT_CSW_FOR_DATA;
	cmd = run(true, LEN);
	assert_int_equal(cmd.error, 0);
	assert_int_equal(cmd.moved, 0);
	assert_int_equal(bot.stats.resets, 0);
	assert_recovered();
}

/* ---- unplug --------------------------------------------------------------- */

static void D9_unplug_in_any_stage_is_enodev(void **state)
{
	static const enum fake_fault faults[] = { FAULT_DATA_GONE, FAULT_CSW_GONE };

	for (unsigned int i = 0; i < 2; i++) {
		struct bot_command cmd;

		setup(state);
		fake.fault[0] = faults[i];
		cmd = run(true, LEN);
		assert_int_equal(cmd.error, -ENODEV);
		assert_int_equal(bot.stats.resets, 0);
		cmd = run(true, LEN);
		assert_int_equal(cmd.error, -ENODEV);
		setup(state);
		fake.fault[0] = faults[i];
		cmd = run(false, LEN);
		assert_int_equal(cmd.error, -ENODEV);
	}
}

/* Every sequence of two faults ends, with an answer, in bounded time. */
static void D5_any_two_faults_end(void **state)
{
	for (int first = 0; first <= FAULT_RESIDUE; first++) {
		for (int second = 0; second <= FAULT_RESIDUE; second++) {
			struct bot_command cmd;

			setup(state);
			fake.fault[0] = first;
			fake.fault[1] = second;
			cmd = run(first & 1, LEN);
			assert_true(fake.waits < 100);
			assert_true(cmd.error == 0 || cmd.error == -ENODEV);
			if (cmd.error)
				continue;
			fake.fault[fake.commands] = FAULT_NONE;
			assert_recovered();
		}
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D5_cbw_is_exact),
		TEST(D5_csw_is_exact),
		TEST(D5_read_moves_its_data),
		TEST(D5_write_moves_its_data),
		TEST(D5_command_without_data_passes),
		TEST(D5_tags_differ),
		TEST(D5_cbw_and_data_are_queued_together),
		TEST(D5_refused_command_is_reported_not_retried),
		TEST(D5_stall_in_the_cbw_stage_recovers),
		TEST(D5_stall_in_the_cbw_stage_of_a_write_recovers),
		TEST(D5_stall_in_the_data_stage_recovers),
		TEST(D5_stall_amid_the_data_keeps_what_came),
		TEST(D5_stall_in_the_data_stage_of_a_write_recovers),
		TEST(D5_stall_in_the_csw_stage_recovers),
		TEST(D5_second_stall_of_the_csw_is_a_reset_recovery),
		TEST(D5_csw_stage_of_a_write_recovers),
		TEST(D5_nonsense_is_a_reset_recovery),
		TEST(D5_bad_tag_is_a_reset_recovery),
		TEST(D5_phase_error_is_a_reset_recovery),
		TEST(D5_lasting_nonsense_is_eio_and_the_daemon_lives),
		TEST(D5_reset_that_fails_is_a_port_reset),
		TEST(D5_halt_that_stays_is_a_port_reset),
		TEST(D5_port_reset_that_fails_is_eio),
		TEST(D5_residue_is_honoured),
		TEST(D5_short_data_is_what_came),
		TEST(D5_csw_in_place_of_the_data_is_taken),
		TEST(D9_unplug_in_any_stage_is_enodev),
		TEST(D5_any_two_faults_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
