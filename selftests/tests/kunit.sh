#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module's KUnit tests, on a kernel that has KUnit: loading them runs them, debugfs
# has their results. A suite's cases become test points 'suite.case'.
# shellcheck shell=dash

ko=/lib/modules/redox_scheme_kunit.ko
results=/sys/kernel/debug/kunit

if [ ! -e $results ]; then
	echo "1..0 # SKIP this kernel has no KUnit"
	exit 0
fi

# A suite that does not run all it has, or fails as a whole, is one failed point more.
flatten() {
	awk '
		function point(ok, name) {
			printf "%s %d - %s\n", ok, ++points, name
			failed += ok != "ok"
		}
		FNR == 1 { close_suite(); suite = FILENAME; sub(/\/results$/, "", suite); sub(/.*\//, "", suite) }
		function close_suite() {
			if (suite == "") return
			if (!planned || planned != ran) point("not ok", suite ".all_cases_have_run")
			if (!verdict || (verdict == 2 && !failed)) point("not ok", suite ".suite_passes")
			planned = ran = verdict = failed = 0
		}
		/^ +1\.\.[0-9]+/ { planned = substr($1, 4) + 0 }
		/^ +(not )?ok [0-9]+ / {
			ok = $1 == "not" ? "not ok" : "ok"
			sub(/^ +(not )?ok [0-9]+ (- )?/, "")
			ran++
			point(ok, suite "." $0)
			next
		}
		/^ / && !/KTAP version|# (Subtest|module):| 1\.\./ { sub(/^ +(# )?/, ""); print "# " $0 }
		/^ok / { verdict = 1 }
		/^not ok / { verdict = 2 }
		END { close_suite(); print "1.." points + 0 }' "$@"
}

if ! insmod $ko; then
	echo "not ok 1 - the module of the tests is loaded"
	echo "1..1"
	exit 1
fi
set -- $results/schm_*/results
if [ -e "$1" ]; then
	flatten "$@"
else
	echo "not ok 1 - there are results"
	echo "1..1"
fi
rmmod redox_scheme_kunit
