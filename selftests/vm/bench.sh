#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 'make bench': runs every benchmark of userspace/bench in a VM with a USB stick.
# usage: bench.sh [6.1|6.12|7.3]
#
# Each program prints lines 'case,system,bs,qd,ops_per_s,ns_per_op,syscalls_per_op'; they
# come together in build/bench/results.csv, and as a table on the screen. Lines that begin
# with '# met' or '# MISSED' say how that compares with what is asked for; they are below
# it, and in build/bench/judged.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cd "$ROOT"
kernel=${1:-6.1}
dir=$BUILD/bench
mkdir -p "$dir"
rm -f "$dir/results.csv" "$dir/judged"
make=("${MAKE:-make}" --no-print-directory)

build() {
	local KDIR='' KROOT=''
	selftests/vm/deps.sh
	eval "$(selftests/vm/kernel.sh "$kernel")"
	"${make[@]}" module KDIR="$KDIR" KROOT="$KROOT" && "${make[@]}" userspace && "${make[@]}" stage
}

say "building"
build >"$dir/build.log" 2>&1 || { tail -30 "$dir/build.log"; die "the build fails, see $dir/build.log"; }
programs=()
for program in "$BUILD"/userspace/bench/*; do
	[ ! -f "$program" ] || [ ! -x "$program" ] || programs+=("$(basename "$program")")
done
[ ${#programs[@]} -gt 0 ] || die "there are no benchmarks in $BUILD/userspace/bench"

# The script for the guest: results go out at the end, those of failed programs too.
{
	echo '#!/bin/sh'
	echo "programs='${programs[*]}'"
	cat <<'END'
for program in $programs; do
	echo "# $program" >&2
	$program >/tmp/csv || echo "not ok - $program ends with $?"
	grep -v -e '^case,' -e '^#' /tmp/csv | tee -a /tmp/results.csv
	grep '^# ' /tmp/csv | tee -a /tmp/judged
done
vmhost file results.csv /tmp/results.csv
vmhost file judged /tmp/judged
END
} >"$dir/bench"
# The same memory for the stick's image in every run: the host's cache is warm.
seq -f %0511.0f 0 $(((128 << 11) - 1)) >"$dir/stick.img"

say "measuring in a VM: ${programs[*]}"
selftests/vm/run.sh --kernel "$kernel" --mem 2G --script "$dir/bench" --usb "$dir/stick.img" \
	--have-module fuse \
	--out "$dir/logs" --timeout 1800 --test-timeout 1700 --program dd || die "the VM failed"
{
	echo 'case,system,bs,qd,ops_per_s,ns_per_op,syscalls_per_op'
	cat "$dir/logs/files/results.csv"
} >"$dir/results.csv"

# 'ratio' is the time an operation takes, over that of the first system of the same case.
awk -F, '
	NR == 1 { printf "%-14s %-14s %8s %4s %12s %12s %9s %7s\n", $1, $2, $3, $4, $5, $6, "syscalls", "ratio"; next }
	{
		group = $1 "," $3 "," $4
		if (!(group in first)) first[group] = $6
		printf "%-14s %-14s %8s %4s %12.0f %12.0f %9.2f %7.2f\n", $1, $2, $3, $4, $5, $6, $7, first[group] ? $6 / first[group] : 0
	}' "$dir/results.csv"
cp "$dir/logs/files/judged" "$dir/judged"
# A pread(2) has a system call on either side, where a ring has none; both with rings compiled in.
awk -F, '$1 == "read" && $3 == 4096 && $4 == 1 { ns[$2] = $6 }
	ns["scheme-spin"] && ns["scheme-ring"] {
		printf "# a pread of a scheme, both sides spinning, takes %.2f of the time of a read over a ring\n",
			ns["scheme-spin"] / ns["scheme-ring"]
		exit
	}' "$dir/results.csv" >>"$dir/judged"
sed 's/^# //' "$dir/judged"
echo "results are in ${dir#"$PWD"/}/results.csv"
