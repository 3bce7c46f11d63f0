#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Verifies the protocol models with SPIN, and that each can fail. Prints TAP and counts.
# usage: run.sh [MODEL...]     names without .pml; all of them by default
#
# A model says at its head how it is to be run:
#   RUNS: FLAGS         one exhaustive search each; without such a line, one without flags
#   MUTATIONS: NAME...  each compiled in by #ifdef, and then SPIN has to find an error
# Logs and trails are in build/model/MODEL/; README.md tells how to read a trail.
set -euo pipefail
. "$(dirname "$0")/../vm/common.sh"

cd "$ROOT/selftests/model"
out=$BUILD/model
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# header MODEL KEY: the rest of the lines that begin with KEY.
header() {
	sed -n "s/^ \* $2: //p" "$1.pml"
}

# build MODEL DIR CFLAGS FLAG...: DIR/pan, the verifier.
build() {
	local model=$1 dir=$2 cflags=$3
	shift 3
	rm -rf "$dir"
	mkdir -p "$dir"
	cp "$model.pml" ./*.h "$dir"
	# shellcheck disable=SC2086 # flags
	(cd "$dir" && spin -a "$@" "$model.pml" && gcc -w $cflags -DSAFETY -DMEMLIM=1500 -o pan pan.c) \
		>"$dir/build.log" 2>&1
}

# Statements of which no copy was reached: an inline has a copy wherever it is used. First
# the table of all statements, then what the search says. Processes that serve never end.
unreached() {
	(cd "$1" && ./pan -d -d >table 2>/dev/null) || true
	awk '
		FNR == 1 { file++ }
		file == 1 && /^STEP 3 / { proc = $3 }
		file == 1 && match($0, /[a-z]+\.[a-z]+:[0-9]+ => /) {
			what = substr($0, RSTART)
			split($0, part, "-")
			if (!seen[proc, part[1], what]++) {
				sub(/ => /, " ", what)
				copies[what]++
			}
		}
		file == 2 && match($0, /, state [0-9]+, /) && /^\t/ && !/"-end-"/ {
			text = substr($0, RSTART + RLENGTH + 1)
			sub(/"$/, "", text)
			missed[substr($0, 2, RSTART - 2) " " text]++
		}
		END {
			for (m in missed)
				if (missed[m] >= copies[m])
					print m
		}' "$1/table" "$1/pan.log" | sort
}

# verify MODEL FLAG...: an exhaustive search without an error.
verify() {
	local model=$1 dir
	shift
	dir=$out/$model/run$*
	: >"$log"
	if ! build "$model" "$dir" "-O1" "$@"; then
		cp "$dir/build.log" "$log"
	else
		(cd "$dir" && ./pan -m20000 -w22 >pan.log 2>&1) || true
		grep -q 'errors: 0' "$dir/pan.log" || grep -E '^pan:|errors:' "$dir/pan.log" >"$log" || echo "no result" >"$log"
		grep -iE 'not completed|max search depth too small|truncated|out of memory|aborted|hash-?compact|bitstate.*\+' \
			"$dir/pan.log" >>"$log" || true
		unreached "$dir" >"$dir/unreached"
	fi
	result "$model${*:+ $*}: $(awk '/states, stored/ { print $1 " states" }' "$dir/pan.log" 2>/dev/null)"
}

# Every statement has been reached by one of the runs.
reached() {
	local model=$1 common='' run
	for run in "$out/$model"/run*; do
		[ -e "$run/unreached" ] || continue
		if [ -z "$common" ]; then
			common=$out/$model/unreached
			cp "$run/unreached" "$common"
		else
			comm -12 "$common" "$run/unreached" >"$log"
			cp "$log" "$common"
		fi
	done
	: >"$log"
	if [ -n "$common" ]; then cp "$common" "$log"; else echo "no run ended" >"$log"; fi
	result "$model: every statement is reached"
}

# mutant MODEL NAME FLAG...: SPIN has to find an error.
mutant() {
	local model=$1 name=$2 dir
	shift 2
	dir=$out/$model/$name
	: >"$log"
	grep -q "^#.*\b$name\b" "$model.pml" || echo "the model does not know it" >"$log"
	if ! build "$model" "$dir" "-O0 -DNOREDUCE" "-D$name" "$@"; then
		cat "$dir/build.log" >>"$log"
	else
		(cd "$dir" && ./pan -m20000 -w20 >pan.log 2>&1) || true
		grep -q 'errors: 1' "$dir/pan.log" || echo "no error is found: the model does not see it" >>"$log"
	fi
	result "$model with $name fails: $(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$dir/pan.log" 2>/dev/null)"
}

# Where is it defined? A function whose name begins a line or follows a type, or a macro.
defined() {
	grep -qE "^#define $1\(|^([a-z_].*[ *])?$1\(" "$ROOT/$2"
}

# Every 'name() file' of a model names a function that is in that file.
names() {
	local model=$1 name file n=0
	: >"$log"
	while read -r name file; do
		n=$((n + 1))
		if [ ! -f "$ROOT/$file" ]; then
			echo "$file: no such file" >>"$log"
		elif ! defined "$name" "$file"; then
			echo "$file has no $name()" >>"$log"
		fi
	done < <(grep -oE '\b[a-z_0-9]+\(\) +(module|userspace)/[a-z_/]+\.[ch]' "$model.pml" | sed 's/()//' | sort -u)
	[ $n -gt 0 ] || echo "it names no function" >>"$log"
	result "$model: its $n functions are in the tree"
}

check() {
	local model=$1 runs flags=() names=() first=() name
	rm -rf "${out:?}/$model"
	mapfile -t runs < <(header "$model" RUNS)
	[ ${#runs[@]} -gt 0 ] || runs=('')
	for run in "${runs[@]}"; do
		read -ra flags <<<"$run"
		[ ${#first[@]} -gt 0 ] || first=("${flags[@]}")
		verify "$model" "${flags[@]}"
	done
	reached "$model"
	read -ra names < <(header "$model" MUTATIONS | tr '\n' ' ') || true
	if [ ${#names[@]} = 0 ]; then
		echo "it has no mutation" >"$log"
		result "$model: can fail"
	fi
	for name in "${names[@]}"; do mutant "$model" "$name" "${first[@]}"; done
}

need spin
models=("$@")
[ ${#models[@]} -gt 0 ] || { models=(*.pml); models=("${models[@]%.pml}"); }
for model in "${models[@]}"; do
	[ -f "$model.pml" ] || die "no model $model"
	names "$model"
	once check "$model" -- "$model.pml" ./*.h
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
