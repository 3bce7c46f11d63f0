#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Static checks: checkpatch on the module and its interface, sparse and extra compiler
# warnings for each kernel, compile probes without a use, shellcheck on every script.
# Prints TAP and a line of counts.
# usage: lint.sh [6.1|6.12|7.3...]
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

cd "$ROOT"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0
declare -A answers=()

# result NAME: by what is in the log, which is empty when all is well.
result() {
	if [ -s "$log" ]; then
		echo "not ok - $1"
		sed 's/^/# /' "$log"
		failed=$((failed + 1))
	else
		echo "ok - $1"
		passed=$((passed + 1))
	fi
}

missing() {
	command -v "$1" >/dev/null && return 1
	echo "ok - $2 # SKIP no $1"
	skipped=$((skipped + 1))
}

# What does not fit a module outside the kernel's tree:
#   CONST_STRUCT, FILE_PATH_CHANGES: about the kernel's own files
#   ENOSYS: what our interface answers to an ABI it does not know
# The probes in compat are left out: checkpatch takes __has_include for a comparison.
style() {
	local KSELFTEST CHECKPATCH KERNELDOC
	missing perl checkpatch && return
	eval "$(selftests/vm/source.sh)"
	: "$KSELFTEST" "$KERNELDOC"
	find module uapi -path module/compat -prune -o -name '*.[ch]' ! -name '*.mod.c' -print0 | sort -z |
		xargs -0 perl "$CHECKPATCH" --no-tree --terse --show-types --no-summary --quiet \
			--max-line-length=100 --ignore CONST_STRUCT,FILE_PATH_CHANGES,ENOSYS -f >"$log" 2>&1 || true
	result checkpatch
}

# Built apart from the real module, because warnings show only when a file is compiled.
compiled() {
	local kernel=$1 KREL='' KDIR='' KROOT='' out inside=() checker=()
	eval "$(selftests/vm/kernel.sh "$kernel")"
	out=$BUILD/lint/$KREL.log
	[ -z "$KROOT" ] || inside=(selftests/vm/inside.sh "$KROOT")
	# Not by C=2: the headers of 7.3 lack the script by which it looks for sparse. And they
	# use a keyword that Debian's sparse does not know.
	"${inside[@]}" sh -c 'command -v sparse' >/dev/null && checker=(KBUILD_CHECKSRC=2
		CF="-D__CHECK_ENDIAN__ -D__typeof_unqual__=__typeof__ -Wno-declaration-after-statement")
	rm -rf "$BUILD/lint/module/$KREL"
	make -s module-sources KDIR="$KDIR" BUILD="$BUILD/lint"
	"${inside[@]}" make -k -C "$KDIR" M="$BUILD/lint/module/$KREL/src" CONFIG_DEBUG_INFO_BTF_MODULES= W=1 \
		"${checker[@]}" modules >"$out" 2>&1 || echo "the build fails" >>"$out"
	[ ${#checker[@]} = 0 ] || grep -q '^ *CHECK ' "$out" || echo "the build fails to run sparse" >>"$out"
	# Only what is said about our files: the headers of the kernel have warnings of their own.
	# An error in column 1 is about 7.3's MODULE_...(), whose strlen() sparse does not compute.
	grep -E "^$BUILD/lint/module/$KREL/src/|^module/|build fails|: error:|ERROR: modpost" "$out" |
		grep -v ':1: error: bad constant expression$' |
		sed "s|$BUILD/lint/module/$KREL/src/||" | sort -u >"$log" || true
	result "warnings and sparse for $KREL"
	answers[$kernel]=$BUILD/lint/module/$KREL/src/module/compat_conf.h
}

# What kernels answer is compared when all three generations are asked.
probes() {
	local files=()
	if [ "${answers[6.1]-}" ] && [ "${answers[6.12]-}" ] && [ "${answers[7.3]-}" ]; then
		files=("${answers[6.1]}" "${answers[6.12]}" "${answers[7.3]}")
	fi
	selftests/probes.sh "${files[@]}" >"$log" 2>&1 || true
	result "compile probes"
}

scripts() {
	missing shellcheck shellcheck && return
	find . -path ./build -prune -o -path ./.git -prune -o -type f -print0 |
		xargs -0 awk 'FNR == 1 && /^#!.*\/(bash|sh)$/ { print FILENAME } FNR == 1 { nextfile }' |
		xargs shellcheck -x -P SCRIPTDIR -S info selftests/vm/suite >"$log" 2>&1 || true
	result shellcheck
}

style
for kernel; do compiled "$kernel"; done
probes
scripts
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
