#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# X5: the module goes while nobody uses it, and what programs say without it.
# programs: yes
# shellcheck shell=dash

# shellcheck source=../vm/tap
. /usr/lib/tap
ko=/lib/modules/redox_scheme.ko

# has_one_line PROGRAM ARGUMENT…: fails with one line that says what to do
has_one_line() {
	"$@" >"$log" 2>&1 </dev/null && return 1
	[ "$(wc -l <"$log")" = 1 ] && grep -q "no module loaded" "$log"
}

loaded() {
	grep -q '^redox_scheme ' /proc/modules
}

nulld null >"$log" 2>&1 &
pid=$!
until [ -e /dev/scheme/null ] || ! kill -0 $pid; do usleep 50000; done
ok "X5_module_stays_while_a_daemon_serves" sh -c "! rmmod redox_scheme 2>'$log'"
exec 3</dev/scheme/null
kill $pid
wait $pid
ok "X5_module_stays_while_a_client_has_a_file" sh -c "! rmmod redox_scheme 2>'$log'"
exec 3<&-
ok "X5_module_goes_when_all_is_over" rmmod redox_scheme
ok "X5_the_nodes_go_with_it" test ! -e /dev/scheme-control

for program in "nulld null" "ramdiskd ram --size 1M" "schemectl features"; do
	command -v "${program%% *}" >"$log" || continue
	# shellcheck disable=SC2086 # words
	ok "without_the_module_${program%% *}_says_so" has_one_line $program
done

ok "X5_module_comes_back" insmod $ko
ok "X5_and_works" sh -c "nulld --daemonize null >'$log' && head -c 1 /dev/scheme/null >'$log'"
# shellcheck disable=SC2046 # a list
kill $(pidof nulld)
ok "X5_and_goes_and_comes_ten_times" sh -c "
	usleep 300000
	for i in 1 2 3 4 5 6 7 8 9 10; do
		rmmod redox_scheme && insmod $ko || exit 1
	done"
ok "X5_is_loaded_for_the_next_test" loaded

echo "1..$n"
