// SPDX-License-Identifier: GPL-2.0
/*
 * redox_scheme_kunit: tests of the module's parts that need no device and no
 * second process. KUnit runs them when the module is loaded.
 */
#include <linux/module.h>

#include "suites.h"

kunit_test_suites(&schm_queue_suite, &schm_memory_suite, &schm_config_suite,
		  &schm_registry_suite, &schm_scheme_suite, &schm_handle_suite,
		  &schm_map_suite, &schm_watch_suite, &schm_equeue_suite,
		  &schm_request_suite, &schm_answer_suite, &schm_ticket_suite,
		  &schm_op_suite, &schm_account_suite, &schm_range_suite,
		  &schm_ring_suite);

MODULE_DESCRIPTION("Tests of redox_scheme");
MODULE_LICENSE("GPL");
