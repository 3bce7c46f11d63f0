#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs in a VM, for 'make soak': the tests that look for rare leaks and races, for longer.
# timeout: 14400
export FD_ROUNDS=100000 EVENT_ROUNDS=100000
/tests/event_stress_test && exec /tests/fdsoak_test
