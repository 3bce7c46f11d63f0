// SPDX-License-Identifier: GPL-2.0
/* Accounts come and go with what a user has. */
#include "../account.c"

#include "suites.h"

static void P11_a_user_has_one_account(struct kunit *test)
{
	struct schm_account *a = schm_account_get(), *b = schm_account_get();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	KUNIT_EXPECT_EQ(test, a->refs, 2U);
	KUNIT_EXPECT_PTR_EQ(test, schm_account_hold(a), a);
	schm_account_put(a);
	schm_account_put(a);
	KUNIT_EXPECT_EQ(test, b->refs, 1U);
	schm_account_put(b);
}

static void P11_an_account_ends_with_its_last_use(struct kunit *test)
{
	struct schm_account *a = schm_account_get();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	schm_account_put(a);
	spin_lock(&accounts_lock);
	KUNIT_EXPECT_NULL(test, account_find_locked(current_euid()));
	spin_unlock(&accounts_lock);
}

static struct kunit_case account_cases[] = {
	KUNIT_CASE(P11_a_user_has_one_account),
	KUNIT_CASE(P11_an_account_ends_with_its_last_use),
	{}
};

struct kunit_suite schm_account_suite = {
	.name = "schm_account",
	.test_cases = account_cases,
};
