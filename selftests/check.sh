#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs everything that proves the project, step by step, and adds up what the steps say.
# usage: check.sh --kernel 6.1|6.12|7.3|debug... [--vm-only] [TESTNAME...]
#   --vm-only  not what runs on this machine      names: only these tests, in VMs
# The last line is 'N passed, N failed, N skipped'; exits 0 only without a failure.
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

cd "$ROOT"
kernels=() stock=() tests=() here=1
while [ $# -gt 0 ]; do
	case $1 in
	--kernel)
		kernels+=("$2")
		# The debug kernel takes no part where a kernel as users have it is the point.
		[ "$2" = debug ] || stock+=("$2")
		shift
		;;
	--vm-only) here='' ;;
	-*) die "unknown option $1" ;;
	*) tests+=("$1"); here='' ;;
	esac
	shift
done
[ ${#kernels[@]} -gt 0 ] || die "which kernels? --kernel 6.1 --kernel 6.12 …"
logs=$BUILD/check
mkdir -p "$logs"
exec 8>"$logs/lock"
flock -n 8 || die "another run uses $BUILD: wait for its end, or say BUILD=..."
passed=0 failed=0 skipped=0 broken=() took=()
cached=$({ find "$CACHE/kernel" "$CACHE/trixie" -mindepth 1 -maxdepth 1 -name '[67dt]*' 2>/dev/null || true; } | wc -l)
make=${MAKE:-make}
jobs=-j$(nproc)

# What failed in a log, with what was said just before: the end of a long output is often all
# that is kept.
reasons() {
	grep -a -B 4 '^not ok' "$1" | grep -av '^ok' | tail -n 15 || tail -n 5 "$1"
}

# step NAME COMMAND...: a command may end with its counts (before make's complaint, if it
# fails); one that does not is a single test.
step() {
	local name=$1 status=0 line log p=0 f=0 s=0 began=$EPOCHSECONDS
	shift
	log=$logs/${name//[^A-Za-z0-9.]/-}.log
	say "$name"
	"$@" 2>&1 | tee "$log" || status=$?
	line=$(tail -n 5 "$log" | grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' | tail -n 1) || true
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
		[ $status = 0 ] || [ "$f" != 0 ] || f=1
	elif [ $status = 0 ]; then
		p=1
		echo "ok - $name"
	else
		f=1
		echo "not ok - $name"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	took+=("$name $((EPOCHSECONDS - began)) s")
	[ "$f" = 0 ] || broken+=("$name ($f)" "$(reasons "$log")")
	[ "$f" = 0 ]
}

build_module() {
	local KDIR='' KROOT=''
	eval "$(selftests/vm/kernel.sh "$1")"
	[ "$KDIR" ] || return
	"$make" "$jobs" --no-print-directory module KDIR="$KDIR" KROOT="$KROOT"
}

# A program built against what 'make install' puts into a directory, and nothing else.
install_and_use() {
	local root=$BUILD/check/root
	rm -rf "$root"
	"$make" --no-print-directory -s install DESTDIR="$root" PREFIX=/usr || return
	export PKG_CONFIG_PATH=$root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
	# shellcheck disable=SC2046 # a list of flags
	gcc -o "$BUILD/check/null" userspace/examples/null.c $(pkg-config --cflags --libs libscheme) ||
		return
	LD_LIBRARY_PATH=$root/usr/lib ldd "$BUILD/check/null" | grep "libscheme.*$root"
}

# The command that runs the tests in a VM with kernel $1, in $vm. Some of the tests do not
# replace the results of all.
vm_command() {
	local what=check sticks=$logs/sticks-$1
	[ ${#tests[@]} = 0 ] || what=part
	rm -rf "$sticks"
	selftests/vm/sticks.sh "$sticks" || return
	vm=(selftests/vm/run.sh --kernel "$1" --hardware --timeout 1800
		--out "$BUILD/vm/$what-$1"
		--usb "$sticks/stick0.img" --usb "$sticks/stick1.img"
		--program mdir --program mcopy --program mdel --program flock --program bash
		--program stat --program diff --program cmp --program tar --program find
		--program cp --program rsync --program mkfs.vfat --program stress-ng
		--have-module loop --have-module ext4 --have-module crc32c_generic
		--have-module vfat --have-module nls_cp437 --have-module nls_ascii)
	# Beside the debug kernel, which has kmemleak, the kernel of the same version does without, as
	# that takes a fifth of the time; and clears all memory, as Debian has it, which takes as much.
	if [ "$debug" ] && [ "$1" = 6.12 ]; then vm+=(--append init_on_alloc=1); else vm+=(--leaks); fi
	[ ${#stock[@]} -lt 2 ] || [ "$1" = "${stock[-1]}" ] || vm+=(--others)
	[ -z "$busy" ] || vm+=(--busy)
	# where other kernels run them: under the checkers they take a third of the time
	[ "$1" != debug ] || [ ${#stock[@]} = 0 ] || [ ${#tests[@]} != 0 ] || vm+=(--brief)
	vm+=("${tests[@]}")
}

# The debug kernel's module is built here: that kernel may have been compiled meanwhile. The
# place of its counters is in it: not from a cache.
in_vm() {
	if [ "$1" = debug ]; then CCACHE_DISABLE=1 build_module debug || return; fi
	vm_command "$1" && "${vm[@]}"
}

# A new debug kernel takes longer than all that comes before its lane: compile it meanwhile.
# Whoever wants it then waits for the cache.
begin_debug_kernel() {
	set -m
	selftests/vm/kernel.sh debug >"$logs/debug-kernel.log" 2>&1 </dev/null &
	lanes+=($!)
	set +m
}

# Two lanes of VMs beside what runs on this machine, each a job with a process group of its
# own, its kernels one after the other. lane KERNEL...: end_beside shows what one said.
busy='' lanes=() last=''
lane() {
	local kernel
	[ $# -gt 0 ] || return 0
	set -m
	for kernel; do
		rm -f "$logs/$kernel.out" "$logs/$kernel.status"
		: >"$logs/$kernel.out"
	done
	for kernel; do
		in_vm "$kernel" >"$logs/$kernel.out" 2>&1 && echo 0 >"$logs/$kernel.status" ||
			echo 1 >"$logs/$kernel.status"
	done </dev/null &
	lanes+=($!)
	set +m
}

# The debug kernel's lane and one for all others but the last of several: that one's turn comes
# when this machine has done its own part, which takes about as long as a VM.
begin_lanes() {
	local n=${#ready[@]}
	[ ! "$here" ] && [ ${#kernels[@]} -lt 2 ] || busy=1
	[ "$n" -lt 2 ] || [ ! "$here" ] || last=${ready[-1]} n=$((n - 1))
	lane "${ready[@]:0:n}"
	[ ! "$debug" ] || lane debug
}

end_beside() {
	local status=1
	tail -n +1 -f "$logs/$1.out" &
	until [ -s "$logs/$1.status" ] || ! kill -0 "${lanes[@]}" 2>/dev/null; do sleep 1; done
	sleep 1
	kill $!
	wait $! 2>/dev/null || true
	read -r status <"$logs/$1.status" || true
	return "$status"
}

# shellcheck disable=SC2317 # by trap
stop_lanes() {
	local lane
	for lane in "${lanes[@]}"; do kill -- -"$lane" 2>/dev/null || true; done
}
trap stop_lanes EXIT
trap 'exit 130' INT TERM

step "packages" selftests/vm/deps.sh --all || true
# What was compiled before is not compiled again.
export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=$CACHE/ccache CCACHE_MAXSIZE=1G CCACHE_COMPRESS=1
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
debug=''
[ ${#stock[@]} = ${#kernels[@]} ] || debug=debug
[ ${#stock[@]} = 0 ] || [ ! "$debug" ] || begin_debug_kernel
# All of them now: whoever goes on editing meanwhile has one state of the sources tested.
ready=()
for kernel in "${stock[@]}"; do
	if step "module for $kernel" build_module "$kernel"; then ready+=("$kernel"); fi
done
if step "userspace" "$make" "$jobs" --no-print-directory userspace &&
	step "test programs" "$make" "$jobs" --no-print-directory tests &&
	step "stage" "$make" --no-print-directory stage; then
	begin_lanes
else
	ready=() debug=''
fi
if [ "$here" ]; then
	step "install" install_and_use || true
	step "unit tests" "$make" "$jobs" --no-print-directory unit || true
	step "models" selftests/model/run.sh || true
	step "lint" selftests/lint.sh "${stock[@]}" || true
	[ ${#stock[@]} = 0 ] || step "dkms" selftests/dkms.sh "${stock[@]}" || true
fi
[ ! "$last" ] || lane "$last"
for kernel in "${ready[@]}" $debug; do
	step "tests in a VM with $kernel" end_beside "$kernel" || true
done
if [ "$debug" ] && [ ${#tests[@]} = 0 ]; then
	step "coverage" selftests/coverage.sh || true
fi
# Lanes are waited for; what they took is in their own output.
printf 'waited for %s\n' "${took[@]}"
echo "took $((EPOCHSECONDS - SCHM_T0)) s, with $cached kernels and trees of headers in the cache at the start"
[ ${#broken[@]} = 0 ] || printf 'failed: %s\n%s\n' "${broken[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
