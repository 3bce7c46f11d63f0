#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Writes Documentation/conformance.md from the names and last results of the tests.
# usage: conformance.sh
# A test counts for a row if its name has the row's: 'ok 3 file.S9_seek_to_the_end'.
# Logs are those of the last 'make check': unit tests on the host, tests in VMs.
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

cd "$ROOT"
columns=()
logs=()
# add COLUMN FILE...: the results of a column; those of later files replace earlier ones.
add() {
	columns+=("$1")
	shift
	local again=0
	for log; do
		logs+=("column=${#columns[@]}" "again=$again" "$log")
		again=1
	done
}

[ ! -e "$BUILD/check/unit-tests.log" ] || add host "$BUILD/check/unit-tests.log"
for log in "$BUILD"/vm/check-*/output.log; do
	[ -e "$log" ] || continue
	kernel=$(basename "$(dirname "$log")")
	kernel=${kernel#check-}
	[[ $kernel != *.failed-* ]] || continue
	[ -s "$(dirname "$log")/verdict" ] ||
		say "the last run on $kernel did not come to its end: some of its tests have no result"
	# Some of the tests were run again.
	part=$BUILD/vm/part-$kernel/output.log
	if [ "$part" -nt "$log" ]; then add "$kernel" "$log" "$part"; else add "$kernel" "$log"; fi
done
[ ${#logs[@]} -gt 0 ] || die "no results: run 'make check' first"

awk -v columns="${columns[*]}" '
	BEGIN { FS = "\t"; n = split(columns, title, " ") }
	FNR == NR { row[++rows] = $1; demand[$1] = $2; next }
	/^(not )?ok / {
		line = $0
		if (!match(line, /[SUPEDX][0-9]+_[A-Za-z0-9_]+/)) next
		name = substr(line, RSTART, RLENGTH)
		id = substr(name, 1, index(name, "_") - 1)
		result = line ~ /^not ok/ ? "fail" : line ~ /# SKIP/ ? "skip" : "pass"
		if (!((id, name) in seen)) { seen[id, name] = 1; test[id, ++tests[id]] = name }
		if (result == "pass") passes[id]++
		old = state[name, column]
		if (old == "" || again || result == "fail" || (old == "skip" && result == "pass"))
			state[name, column] = result
	}
	END {
		printf "| row | what it demands | test |"
		for (c = 1; c <= n; c++) printf " %s |", title[c]
		printf "\n|---|---|---|"
		for (c = 1; c <= n; c++) printf "---|"
		print ""
		for (r = 1; r <= rows; r++) {
			id = row[r]
			if (!tests[id]) {
				printf "| %s | %s | **no test yet** |", id, demand[id]
				for (c = 1; c <= n; c++) printf " - |"
				print ""
			}
			for (t = 1; t <= tests[id]; t++) {
				printf "| %s | %s | `%s` |", t == 1 ? id : "",
					t == 1 ? demand[id] (passes[id] ? "" : " **(no test passes)**") : "", test[id, t]
				for (c = 1; c <= n; c++) printf " %s |", (test[id, t], c) in state ? state[test[id, t], c] : "-"
				print ""
			}
		}
	}' selftests/rows.tsv "${logs[@]}" >"$BUILD/conformance.table"

{
	echo "# Conformance"
	echo
	echo "Rows are systems and capabilities of Redox's schemes, rings, physical memory, events"
	echo "and drivers; tests carry the row in their names. \`make conformance\` writes this"
	echo "page from the results of the last \`make check\`: per kernel, and on the host for unit"
	echo "tests; \`-\` means that a test does not run there."
	! grep -qs '^== .*: left out' "$BUILD/vm/check-debug/output.log" ||
		echo "The debug kernel's results are of a brief run, which leaves tests out."
	echo
	cat "$BUILD/conformance.table"
} >Documentation/conformance.md
say "wrote Documentation/conformance.md"
