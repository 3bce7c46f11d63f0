/* SPDX-License-Identifier: GPL-2.0 */
/* The suites, one for each file of the module that they test. */
#ifndef SCHM_SELFTEST_SUITES_H
#define SCHM_SELFTEST_SUITES_H

#include "world.h"

extern struct kunit_suite schm_account_suite;
extern struct kunit_suite schm_answer_suite;
extern struct kunit_suite schm_config_suite;
extern struct kunit_suite schm_equeue_suite;
extern struct kunit_suite schm_handle_suite;
extern struct kunit_suite schm_map_suite;
extern struct kunit_suite schm_memory_suite;
extern struct kunit_suite schm_op_suite;
extern struct kunit_suite schm_queue_suite;
extern struct kunit_suite schm_range_suite;
extern struct kunit_suite schm_registry_suite;
extern struct kunit_suite schm_request_suite;
extern struct kunit_suite schm_ring_suite;
extern struct kunit_suite schm_scheme_suite;
extern struct kunit_suite schm_ticket_suite;
extern struct kunit_suite schm_watch_suite;

/* Suites with requests need their slab cache. */
int schm_requests_init(struct kunit_suite *suite);
void schm_requests_exit(struct kunit_suite *suite);

#endif /* SCHM_SELFTEST_SUITES_H */
