#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the last 'make check' ran of the module on the debug kernel: lines per file, and every
# line that nothing ran.
# usage: coverage.sh [--write]     --write: into Documentation/coverage.md too
#
# The debug kernel compiles the module with counters and keeps them over an unload; the VM
# hands them out as coverage.tar. Fails below $LEAST percent of the module's lines.
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

LEAST=85
cd "$ROOT"
write=''
case ${1:-} in
--write) write=1 ;;
'') ;;
*) die "usage: coverage.sh [--write]" ;;
esac
need gcov-12
run=$BUILD/vm/check-debug
[ -s "$run/files/coverage.tar" ] || die "no counters: run 'make check KERNEL=debug' first"
KREL=''
eval "$(selftests/vm/kernel.sh debug)"
src=$BUILD/module/$KREL/src
dir=$BUILD/coverage
rm -rf "$dir"
mkdir -p "$dir/data" "$dir/gcov"
tar -C "$dir/data" -xf "$run/files/coverage.tar"

# The kernel names the counters by the path of the object; gcov wants both kinds of file
# side by side.
objects() {
	local data name
	while read -r data; do
		name=${data#*/module/"$KREL"/src/}
		[ -e "$src/${name%.gcda}.gcno" ] || die "$name does not belong to this build: run 'make check KERNEL=debug' again"
		mkdir -p "$dir/obj/$(dirname "$name")"
		cp "$data" "$dir/obj/$name"
		cp "$src/${name%.gcda}.gcno" "$dir/obj/${name%.gcda}.gcno"
		echo "$dir/obj/$name"
	done < <(find "$dir/data" -name '*.gcda' -path "*/module/$KREL/src/*" | sort)
}

objects >"$dir/objects"
[ -s "$dir/objects" ] || die "the counters are of another build of the module"
(cd "$src" && xargs gcov-12 --stdout <"$dir/objects") >"$dir/lines" 2>"$dir/gcov.log" ||
	{ tail "$dir/gcov.log" >&2; die "gcov fails"; }
# It would count them as never run.
! grep 'stamp mismatch' "$dir/gcov.log" >&2 || die "the module was built anew since: run 'make check KERNEL=debug' again"

# A header's line counts once, however many objects have it.
awk -v src="$src/" -v least=$LEAST -v tsv="$dir/uncovered" '
	{
		count = $0; sub(/:.*/, "", count); gsub(/[ *]/, "", count)
		rest = substr($0, index($0, ":") + 1)
		line = rest + 0
		text = substr(rest, index(rest, ":") + 1)
	}
	line == 0 && text ~ /^Source:/ {
		file = substr(text, 8)
		sub("^" src, "", file)
		ours = file ~ /^module\// && file !~ /\/selftest\//
		next
	}
	!ours || line == 0 { next }
	{
		key = file SUBSEP line
		source[key] = text
		if (line > last[file]) last[file] = line
		if (count == "-") next
		if (!(key in seen)) { seen[key] = 1; total[file]++ }
		if (count !~ /^[#=]/ && !(key in ran)) { ran[key] = 1; hit[file]++ }
	}
	END {
		for (file in total) order[++n] = file
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && order[j - 1] > order[j]; j--) {
				t = order[j]; order[j] = order[j - 1]; order[j - 1] = t
			}
		print "| file | lines | run | % |"
		print "|---|---|---|---|"
		for (i = 1; i <= n; i++) {
			file = order[i]
			lines += total[file]; hits += hit[file]
			printf "| `%s` | %d | %d | %.1f |\n", file, total[file], hit[file], 100 * hit[file] / total[file]
			for (l = 1; l <= last[file]; l++) {
				key = file SUBSEP l
				if (source[key] ~ /^[a-z].*[(]/) { fn = source[key]; sub(/[(].*/, "", fn); sub(/.*[ *]/, "", fn) }
				if ((key in seen) && !(key in ran)) {
					code = source[key]; gsub(/^[ \t]+/, "", code); gsub(/[|]/, "\\|", code)
					printf "| `%s:%d` | `%s` | `%s` |\n", file, l, fn, code >tsv
				}
			}
		}
		printf "| **all** | %d | %d | **%.1f** |\n", lines, hits, 100 * hits / lines
		exit 100 * hits / lines < least
	}' "$dir/lines" >"$dir/table" && enough=1 || enough=''
touch "$dir/uncovered"
cat "$dir/table"
echo "lines that nothing ran: $(wc -l <"$dir/uncovered"), listed in ${dir#"$PWD"/}/uncovered"

if [ "$write" ]; then
	{
		echo "# Coverage"
		echo
		echo "Lines of the module that the tests ran on the debug kernel; \`make coverage\`"
		echo "writes this page. Below are the lines that nothing ran, for each the function."
		echo
		echo "Seen at commit $(git rev-parse --short HEAD); later code is not in it."
		! grep -q '^== .*: left out' "$run/output.log" ||
			echo "A brief run: without $(grep -c '^== .*: left out' "$run/output.log") of the tests."
		echo
		cat "$dir/table"
		printf '\n| where | function | line |\n|---|---|---|\n'
		cat "$dir/uncovered"
	} >Documentation/coverage.md
	say "wrote Documentation/coverage.md"
fi
[ "$enough" ] || die "less than $LEAST % of the module's lines"
