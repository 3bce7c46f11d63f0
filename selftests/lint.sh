#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Static checks. Of the module and its interface: checkpatch, coccinelle, and for each
# kernel sparse, extra compiler warnings and compile probes without a use. Of user space:
# gcc -fanalyzer, clang-tidy and cppcheck. Of every script: shellcheck. Prints TAP and a
# line of counts.
# usage: lint.sh [6.1|6.12|7.3...]
#
# Each checker has to find what is wrong in selftests/lint before its silence about our
# files counts. One that is not installed fails.
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

cd "$ROOT"
log=$(mktemp)
trap 'rm -f "$log" "$log.seed"' EXIT
passed=0 failed=0
declare -A answers=()
seeds=selftests/lint
# Warnings show only when a file is compiled, and by the names that the filters know.
export CCACHE_DISABLE=1
out=$BUILD/lint
mkdir -p "$out"

# missing TOOL NAME: a failure called NAME if it is.
missing() {
	command -v "$1" >/dev/null && return 1
	echo "$1 is not installed: run 'make deps'" >"$log"
	result "$2"
}

# check COMMAND...: to the log with what it says; and with its failure, if it says nothing.
check() {
	local status=0
	"$@" >>"$log" 2>&1 || status=$?
	[ $status = 0 ] || [ -s "$log" ] || echo "$* ended with status $status" >>"$log"
}

# finds PATTERN COMMAND...: who finds no fault where there is one is not believed.
finds() {
	local pattern=$1
	shift
	"$@" >"$log.seed" 2>&1 || true
	grep -qE "$pattern" "$log.seed" && return
	echo "no '$pattern' in what '$*' says of files full of faults:" >>"$log"
	cat "$log.seed" >>"$log"
}

# ---- the module --------------------------------------------------------------

eval "$(selftests/vm/source.sh)"
: "${KSELFTEST:?}" "${CHECKPATCH:?}" "${KERNELDOC:?}" "${COCCINELLE:?}"

# The probes in compat are no part of it: checkpatch takes __has_include for a comparison.
mapfile -t module < <(find module uapi -path module/compat -prune -o \
	-name '*.[ch]' ! -name '*.mod.c' -print | sort)

# What does not fit a module outside the kernel's tree:
#   CONST_STRUCT, FILE_PATH_CHANGES: about the kernel's own files
#   ENOSYS: what our interface answers to an ABI it does not know
checkpatch() {
	perl "$CHECKPATCH" --no-tree --terse --show-types --no-summary --quiet \
		--max-line-length=100 --ignore CONST_STRUCT,FILE_PATH_CHANGES,ENOSYS -f "$@"
}

style() {
	missing perl checkpatch && return
	finds SPACING checkpatch "$seeds/kernel.c"
	check checkpatch "${module[@]}"
	result checkpatch
}

# semantic DIR FILE...: the kernel's semantic patches in a directory, the costly ones first.
# Spatch says what it takes for a typing error in one of them; that is not about us.
semantic() {
	local dir=$1 status=0
	shift
	find "$dir" -name '*.cocci' -printf '%s %p\n' | sort -rn | cut -d' ' -f2 |
		xargs -P2 -I{} spatch --very-quiet -D report --no-show-diff --include-headers \
			-I module -I uapi --cocci-file {} "$@" >"$out/cocci.log" 2>&1 || status=$?
	grep -vE '^warning: line [0-9]+: should [a-z_]+ be a metavariable' "$out/cocci.log" || true
	return $status
}

# Spatch passes over a function that it cannot parse, and says so only here. What our macros
# cost it is less than a line in fifty.
parsed() {
	spatch --parse-c --include-headers -I module -I uapi --dir module >"$out/parse.log" 2>&1 || true
	awk -F'[ ,=]+' '/^nb good/ && / nb bad/ { good = $3; bad = $6 }
		END { if (!good || bad * 50 > good) { print "spatch cannot read " bad " lines of " good + bad; exit 1 } }' \
		"$out/parse.log"
}

coccinelle() {
	missing spatch coccinelle && return
	missing ocaml coccinelle && return
	finds 'reference preceded by free' semantic "$COCCINELLE/free" "$seeds/kernel.c"
	check parsed
	check semantic "$COCCINELLE" "${module[@]}"
	result coccinelle
}

# compile LOG TARGET: in the copy of the module that 'compiled' has made, as sparse sees it.
# Not by C=2: the headers of 7.3 lack the script by which it looks for sparse. And they use a
# keyword that Debian's sparse does not know.
compile() {
	"${inside[@]}" make -s -k -j2 -C "$KDIR" M="$src" CONFIG_DEBUG_INFO_BTF_MODULES= W=1 KBUILD_CHECKSRC=2 \
		CF="-D__CHECK_ENDIAN__ -D__typeof_unqual__=__typeof__ -Wno-declaration-after-statement" \
		"$2" >"$1" 2>&1
}

# ours LOG: only what is said about our files: the headers of the kernel have warnings of their own.
ours() {
	sed "s|^$src/||" "$1" | grep -E '^(module/|uapi/|seed\.c:)|build fails|: error:|ERROR: modpost'
}

compiled_seed() {
	cp "$seeds/kernel.c" "$src/seed.c"
	compile "$out/$KREL.seed.log" seed.o || true
	ours "$out/$KREL.seed.log"
}

# Built apart from the real module, and anew.
# compiled KERNEL WHAT-KERNEL.SH-SAYS
compiled() {
	local kernel=$1 KREL='' KDIR='' KROOT='' inside=() src name
	name="warnings and sparse for $kernel"
	missing sparse "$name" && return
	eval "$2"
	[ "$KREL" ] || { echo "no kernel $kernel" >"$log"; result "$name"; return; }
	[ -z "$KROOT" ] || inside=(selftests/vm/inside.sh "$KROOT")
	src=$out/module/$KREL/src
	rm -rf "$out/module/$KREL"
	make -s module-sources KDIR="$KDIR" BUILD="$out"
	compile "$out/$KREL.log" modules || echo "the build fails" >>"$out/$KREL.log"
	# An error in column 1 is about 7.3's MODULE_...(), whose strlen() sparse does not compute.
	ours "$out/$KREL.log" | grep -v ':1: error: bad constant expression$' | sort -u >"$log" || true
	finds 'no previous (prototype|declaration)' compiled_seed
	finds 'incorrect type in' compiled_seed
	result "$name"
	answers[$kernel]=$src/module/compat_conf.h
}

# each_kernel (KERNEL WHAT-KERNEL.SH-SAYS)...
each_kernel() {
	while [ $# -gt 0 ]; do
		compiled "$1" "$2"
		shift 2
	done
	probes
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

# ---- user space --------------------------------------------------------------

# Also what tests share; the tests themselves are the harness's macros.
mapfile -t user < <(find userspace selftests -maxdepth 1 -name '*.c'; find userspace -mindepth 2 -name '*.c')
read -ra flags < <(make -s --no-print-directory -C userspace flags)

# each COMMAND... -- FILE...: the command once for each file.
each() {
	local command=()
	while [ "$1" != -- ]; do
		command+=("$1")
		shift
	done
	shift
	printf '%s\0' "$@" | xargs -0 -P2 -n1 "${command[@]}"
}

analyzer() {
	each gcc "${flags[@]}" -fanalyzer -fanalyzer-verbosity=1 -fdiagnostics-plain-output \
		-c -o /dev/null -- "$@"
}

# Clang counts what it has not shown, too.
tidy() {
	local status=0
	printf '%s\0' "$@" | xargs -0 -P2 -I{} clang-tidy --quiet {} -- "${flags[@]}" \
		>"$out/tidy.log" 2>&1 || status=$?
	grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? (generated|treated as errors?)\.?$' "$out/tidy.log" || true
	return $status
}

cppchecked() {
	local f defines=()
	for f in "${flags[@]}"; do
		[[ $f != -[ID]* ]] || defines+=("$f")
	done
	cppcheck --quiet --std=c11 --library=posix,gnu -j2 --error-exitcode=1 \
		--enable=warning,style,performance,portability \
		--suppressions-list="$seeds/cppcheck.txt" "${defines[@]}" "$@"
}

# users NAME PATTERN FUNCTION TOOL
users() {
	missing "$4" "$1" && return
	finds "$2" "$3" "$seeds/user.c"
	check "$3" "${user[@]}"
	result "$1"
}

# ---- scripts -----------------------------------------------------------------

shellchecked() {
	shellcheck -x -P SCRIPTDIR -S info "$@"
}

scripts() {
	local files=()
	missing shellcheck shellcheck && return
	mapfile -t files < <(find . \( -path ./build -o -path ./.git -o -path "./$seeds" \) -prune -o \
		-type f -print0 |
		xargs -0 awk 'FNR == 1 && /^#!.*\/(bash|sh)$/ { print FILENAME } FNR == 1 { nextfile }')
	finds SC2086 shellchecked "$seeds/script.sh"
	check shellchecked "${files[@]}" selftests/vm/{suite,tap}
	result shellcheck
}

kernels=()
for kernel; do kernels+=("$kernel" "$(selftests/vm/kernel.sh "$kernel")"); done
mapfile -t module_in < <(find module uapi Kbuild Makefile "$seeds" selftests/probes.sh -type f ! -name '*.mod.c')
mapfile -t user_in < <(find userspace uapi selftests "$seeds" -name '*.[ch]'; ls userspace/Makefile .clang-tidy)
once style "$CHECKPATCH" -- "${module_in[@]}"
once coccinelle "$COCCINELLE" -- "${module_in[@]}"
once each_kernel "${kernels[@]}" -- "${module_in[@]}"
once users "gcc -fanalyzer" 'double-.?free' analyzer gcc -- "${user_in[@]}"
once users clang-tidy bugprone-suspicious-memset-usage tidy clang-tidy -- "${user_in[@]}"
once users cppcheck arrayIndexOutOfBounds cppchecked cppcheck -- "${user_in[@]}"
scripts
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
