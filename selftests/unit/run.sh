#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the given cmocka programs and counts: run.sh PROGRAM…
# One that dies (a sanitizer's finding) or says nothing counts as a failure.

here=$(dirname "$0")
counts=$(mktemp) || exit 1
trap 'rm -f "$counts" "$counts.status"' EXIT

export CMOCKA_MESSAGE_OUTPUT=TAP
export UBSAN_OPTIONS=print_stacktrace=1

passed=0 failed=0 skipped=0
for program; do
	name=$(basename "$program")
	echo "== $name"
	{
		"$program" 2>&1
		echo $? >"$counts.status"
	} | awk -v counts="$counts" -f "$here/../vm/tally.awk"
	read -r status <"$counts.status"
	read -r p f s planned <"$counts"
	if [ "$status" != 0 ] && [ "$f" = 0 ]; then
		echo "not ok - $name ended with status $status"
		f=1
	elif [ "$planned" != $((p + f + s)) ] && [ "$f" = 0 ]; then
		echo "not ok - $name planned $planned tests and ran $((p + f + s))"
		f=1
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed != 0 ]
