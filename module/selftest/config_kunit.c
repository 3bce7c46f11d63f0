// SPDX-License-Identifier: GPL-2.0
/* What CREATE accepts: names, sizes, limits, and what needs privileges. */
#include "../config.c"

#include "suites.h"

static const struct scheme_create good = {
	.abi = SCHEME_ABI,
	.name = "user.test",
	.mode = 0600,
	.uid = U32_MAX,
	.gid = U32_MAX,
};

static int check(const struct scheme_create *arg)
{
	struct schm_config config = {};

	return schm_config_check(&config, arg);
}

/* The good argument with one field changed. */
#define CHECK_WITH(field, value)					\
({									\
	struct scheme_create arg = good;				\
									\
	arg.field = (value);						\
	check(&arg);							\
})

static bool valid(const char *name)
{
	return schm_name_valid(name, strlen(name) + 1);
}

/* ---- names --------------------------------------------------------------- */

static void S1_names_of_the_grammar_are_valid(struct kunit *test)
{
	static const char * const names[] = {
		"a", "z", "null", "a0", "a9", "user.x", "disk.usb-1", "a+b_c-d.e", "z.", "a--",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!valid(names[i]))
			KUNIT_FAIL(test, "'%s' is refused", names[i]);
}

static void S1_names_outside_the_grammar_are_refused(struct kunit *test)
{
	static const char * const names[] = {
		"", "0", "9a", ".", "..", ".a", "_a", "+a", "-a", "A", "aB", "a/b", "a:b",
		"a b", "a\n", "a\x7f", "a\xc3\xa4", "a`", "a{", "a@", "/", ":",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (valid(names[i]))
			KUNIT_FAIL(test, "'%s' is taken", names[i]);
}

/* Every byte, first and second: the grammar once more, by other means. */
static void S1_each_byte_is_judged_right(struct kunit *test)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	char first[2] = {}, second[3] = "a";
	int c;

	for (c = 1; c < 256; c++) {
		bool letter = strchr(letters, c);

		first[0] = second[1] = c;
		KUNIT_EXPECT_EQ(test, valid(first), letter);
		KUNIT_EXPECT_EQ(test, valid(second),
				letter || strchr("0123456789._+-", c));
	}
}

static void S1_name_has_at_most_64_bytes_and_a_nul(struct kunit *test)
{
	char name[sizeof(good.name)] = {};

	memset(name, 'a', SCHEME_NAME_MAX);
	KUNIT_EXPECT_TRUE(test, schm_name_valid(name, sizeof(name)));
	name[SCHEME_NAME_MAX] = 'a';
	KUNIT_EXPECT_FALSE(test, schm_name_valid(name, sizeof(name)));
	/* none at all: the field is full */
	memset(name, 'a', sizeof(name));
	KUNIT_EXPECT_FALSE(test, schm_name_valid(name, sizeof(name)));
}

/* ---- everything else ----------------------------------------------------- */

static void S1_nothing_said_means_the_defaults(struct kunit *test)
{
	struct schm_config config = {};

	KUNIT_ASSERT_EQ(test, schm_config_check(&config, &good), 0);
	KUNIT_EXPECT_STREQ(test, config.name, good.name);
	KUNIT_EXPECT_EQ(test, config.mode, 0600);
	KUNIT_EXPECT_TRUE(test, uid_eq(config.uid, current_euid()));
	KUNIT_EXPECT_TRUE(test, gid_eq(config.gid, current_egid()));
	KUNIT_EXPECT_EQ(test, config.queues, 1);
	KUNIT_EXPECT_EQ(test, config.depth, SCHM_DEPTH_DEFAULT);
	KUNIT_EXPECT_EQ(test, config.slot_size, SCHM_SLOT_DEFAULT);
	KUNIT_EXPECT_EQ(test, config.user_limit, 28);
	KUNIT_EXPECT_EQ(test, config.timeout_ms, 0);
	KUNIT_EXPECT_EQ(test, config.busy_poll_us, 0);
	KUNIT_EXPECT_TRUE(test, config.privileged);
}

static void S4_other_minor_version_is_accepted_other_major_is_not(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, CHECK_WITH(abi, SCHEME_ABI | 0xffff), 0);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(abi, SCHEME_ABI + 0x10000), -ENOSYS);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(abi, 0), -ENOSYS);
}

static void S4_unknown_flags_and_reserved_fields_are_einval(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, CHECK_WITH(flags, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(flags, 1U << 31), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(reserved0, 1), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(good.reserved); i++)
		KUNIT_EXPECT_EQ(test, CHECK_WITH(reserved[i], 1ULL << 63), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(mode, 01000), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(mode, 0777), 0);
}

static void S1_depth_is_a_power_of_two_up_to_its_limit(struct kunit *test)
{
	u32 depth;

	for (depth = 1; depth <= 2 * SCHM_DEPTH_MAX; depth++) {
		struct scheme_create arg = good;

		arg.depth = depth;
		arg.slot_size = PAGE_SIZE;
		KUNIT_EXPECT_EQ(test, check(&arg),
				depth <= SCHM_DEPTH_MAX && is_power_of_2(depth) ? 0 : -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, CHECK_WITH(depth, 1U << 31), -EINVAL);
}

static void S1_slot_is_a_power_of_two_between_its_limits(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, CHECK_WITH(slot_size, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(slot_size, SCHM_SLOT_MAX), 0);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(slot_size, PAGE_SIZE / 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(slot_size, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(slot_size, 3 * PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(slot_size, 2 * SCHM_SLOT_MAX), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(slot_size, U32_MAX), -EINVAL);
}

static int check_bytes(u32 queues, u32 depth, u32 slot_size)
{
	struct scheme_create arg = good;

	arg.queues = queues;
	arg.depth = depth;
	arg.slot_size = slot_size;
	return check(&arg);
}

static void S1_slots_of_queue_and_scheme_are_bounded(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, check_bytes(1, 64, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, check_bytes(1, 128, SZ_1M), -EINVAL);
	/* 2^32 bytes and more: not 0 to a careless multiplication */
	KUNIT_EXPECT_EQ(test, check_bytes(1, 1024, SZ_1M), -EINVAL);
	KUNIT_EXPECT_EQ(test, check_bytes(4, 1024, SZ_1M), -EINVAL);
	KUNIT_EXPECT_EQ(test, check_bytes(4, 64, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, check_bytes(5, 64, SZ_1M), -EINVAL);
	KUNIT_EXPECT_EQ(test, check_bytes(SCHM_QUEUES_MAX, 1, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, check_bytes(SCHM_QUEUES_MAX + 1, 1, PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, check_bytes(U32_MAX, 1, PAGE_SIZE), -EINVAL);
}

static void S21_user_limit_leaves_an_eighth_to_others(struct kunit *test)
{
	struct scheme_create arg = good;
	struct schm_config config = {};

	arg.depth = 64;
	arg.queues = 2;
	KUNIT_EXPECT_EQ(test, schm_config_check(&config, &arg), 0);
	KUNIT_EXPECT_EQ(test, config.user_limit, 112);
	arg.user_limit = 128;
	KUNIT_EXPECT_EQ(test, schm_config_check(&config, &arg), 0);
	KUNIT_EXPECT_EQ(test, config.user_limit, 128);
	arg.user_limit = 129;
	KUNIT_EXPECT_EQ(test, schm_config_check(&config, &arg), -EINVAL);
	/* one slot: it is not an eighth, and somebody must get it */
	arg = good;
	arg.depth = 1;
	KUNIT_EXPECT_EQ(test, schm_config_check(&config, &arg), 0);
	KUNIT_EXPECT_EQ(test, config.user_limit, 1);
}

static void S21_deadline_and_spinning_are_bounded(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, CHECK_WITH(timeout_ms, SCHM_TIMEOUT_MAX_MS), 0);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(timeout_ms, SCHM_TIMEOUT_MAX_MS + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(busy_poll_us, SCHM_BUSY_POLL_MAX_US), 0);
	KUNIT_EXPECT_EQ(test, CHECK_WITH(busy_poll_us, SCHM_BUSY_POLL_MAX_US + 1), -EINVAL);
}

/* ---- without privileges -------------------------------------------------- */

/* The same check by a user without any capability. */
static int check_as_user(struct kunit *test, const struct scheme_create *arg)
{
	struct cred *cred = prepare_creds();
	const struct cred *old;
	int ret;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, cred);
	cap_clear(cred->cap_effective);
	cred->euid = KUIDT_INIT(1000);
	cred->egid = KGIDT_INIT(1000);
	old = override_creds(cred);
	ret = check(arg);
	revert_creds(old);
	put_cred(cred);
	return ret;
}

static void S30_user_gets_names_with_the_prefix_only(struct kunit *test)
{
	struct scheme_create arg = good;

	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), 0);
	strscpy(arg.name, "user.", sizeof(arg.name));
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), -EPERM);
	strscpy(arg.name, "userx", sizeof(arg.name));
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), -EPERM);
	strscpy(arg.name, "null", sizeof(arg.name));
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), -EPERM);
	KUNIT_EXPECT_EQ(test, check(&arg), 0);
	/* what nobody may have is told first */
	strscpy(arg.name, "Null", sizeof(arg.name));
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), -EINVAL);
}

static void S30_user_gets_less_memory(struct kunit *test)
{
	struct scheme_create arg = good;

	arg.depth = 32;
	arg.slot_size = SZ_1M;
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), 0);
	arg.queues = 2;
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), -EPERM);
	KUNIT_EXPECT_EQ(test, check(&arg), 0);
}

static void S30_user_gives_the_node_to_nobody_else(struct kunit *test)
{
	struct scheme_create arg = good;

	arg.uid = 1000;
	arg.gid = 1000;
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), 0);
	arg.uid = 1001;
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), -EPERM);
	KUNIT_EXPECT_EQ(test, check(&arg), 0);
	arg.uid = 1000;
	arg.gid = 1001;
	KUNIT_EXPECT_EQ(test, check_as_user(test, &arg), -EPERM);
	KUNIT_EXPECT_EQ(test, check(&arg), 0);
}

static struct kunit_case config_cases[] = {
	KUNIT_CASE(S1_names_of_the_grammar_are_valid),
	KUNIT_CASE(S1_names_outside_the_grammar_are_refused),
	KUNIT_CASE(S1_each_byte_is_judged_right),
	KUNIT_CASE(S1_name_has_at_most_64_bytes_and_a_nul),
	KUNIT_CASE(S1_nothing_said_means_the_defaults),
	KUNIT_CASE(S4_other_minor_version_is_accepted_other_major_is_not),
	KUNIT_CASE(S4_unknown_flags_and_reserved_fields_are_einval),
	KUNIT_CASE(S1_depth_is_a_power_of_two_up_to_its_limit),
	KUNIT_CASE(S1_slot_is_a_power_of_two_between_its_limits),
	KUNIT_CASE(S1_slots_of_queue_and_scheme_are_bounded),
	KUNIT_CASE(S21_user_limit_leaves_an_eighth_to_others),
	KUNIT_CASE(S21_deadline_and_spinning_are_bounded),
	KUNIT_CASE(S30_user_gets_names_with_the_prefix_only),
	KUNIT_CASE(S30_user_gets_less_memory),
	KUNIT_CASE(S30_user_gives_the_node_to_nobody_else),
	{}
};

struct kunit_suite schm_config_suite = {
	.name = "schm_config",
	.test_cases = config_cases,
};
