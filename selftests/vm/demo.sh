#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 'make demo': a VM with a USB stick that a daemon in user space serves as a scheme.
# usage: demo.sh [6.1|6.12|7.3]
#
# Here: makes the stick's image, starts the VM, and afterwards looks into the image for
# the file that was written in it. What happens inside is in demo-guest.sh. The last line
# is 'demo: OK', or the demo failed.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cd "$ROOT"
kernel=${1:-6.1}
dir=$BUILD/demo
image=$dir/stick.img
size=128
logs=$dir/logs

fail() {
	say "demo: FAILED: $*"
	exit 1
}

build() {
	local KDIR='' KROOT=''
	selftests/vm/deps.sh
	eval "$(selftests/vm/kernel.sh "$kernel")"
	say "building the module, the library and the daemons"
	{
		"${MAKE:-make}" --no-print-directory module KDIR="$KDIR" KROOT="$KROOT" &&
			"${MAKE:-make}" --no-print-directory userspace &&
			"${MAKE:-make}" --no-print-directory stage
	} >"$dir/build.log" 2>&1 || { tail -30 "$dir/build.log"; fail "the build, see $dir/build.log"; }
}

make_stick() {
	rm -f "$image"
	truncate -s ${size}M "$image"
	mkfs.fat -F 16 -n SCHEME "$image" >/dev/null
	printf 'A file on a USB stick.\n' >"$dir/readme.txt"
	head -c 5000000 /dev/urandom >"$dir/data.bin"
	mmd -i "$image" ::/docs
	mcopy -i "$image" "$dir/readme.txt" ::/readme.txt
	mcopy -i "$image" "$dir/data.bin" ::/docs/data.bin
	# The rest of the stick is not zeros either, so that the sum means something.
	head -c $(((size - 16) << 20)) /dev/urandom >"$dir/filler"
	mcopy -i "$image" "$dir/filler" ::/filler.bin
	rm "$dir/filler"
}

# The guest's script, with what it has to compare with in front.
guest_script() {
	printf '#!/bin/sh\n'
	printf '%s=%q\n' DISK_SUM "$(sha256sum <"$image" | cut -d' ' -f1)" SIZE $size \
		DATA_SUM "$(sha256sum <"$dir/data.bin" | cut -d' ' -f1)"
	cat selftests/vm/demo-guest.sh
}

mkdir -p "$dir"
build
say "making a FAT image of $size MiB with files in it"
make_stick
guest_script >"$dir/demo"
say "starting the VM, with the image as its USB stick"
# Only what the guest says about the demo; the rest is in the logs.
selftests/vm/run.sh --kernel "$kernel" --script "$dir/demo" --usb "$image" --out "$logs" \
	--timeout 300 --test-timeout 270 --program mcopy --program mdir \
	--program dd --program sha256sum >"$dir/run.log" 2>&1 &
run=$!
# shellcheck disable=SC2064 # the process is known now
trap "kill $run 2>/dev/null || true" EXIT
# tail waits for the file, and ends with the run.
tail -n +1 --pid=$run -s 0.2 -F "$dir/run.log" 2>/dev/null |
	sed -u -n '/^== demo/d; s/^> //p; /^not ok/p'
wait $run || { tail -40 "$dir/run.log"; fail "in the VM, logs are in $logs"; }
say "the module is unloaded and left no trace; the VM is off"

say "looking into the image, from outside the VM"
[ -s "$logs/files/new.txt" ] || fail "the VM did not say what it wrote"
mcopy -n -i "$image" ::/docs/new.txt "$dir/new.txt" || fail "the new file is not in the image"
cmp "$dir/new.txt" "$logs/files/new.txt" || fail "the new file differs"
mcopy -n -i "$image" ::/docs/data.bin "$dir/data.after"
cmp "$dir/data.bin" "$dir/data.after" || fail "an old file has changed"
fsck.fat -n "$image" >"$dir/fsck.log" || { cat "$dir/fsck.log"; fail "the file system is damaged"; }
say "the new file is in the image, and the file system is sound"
rm -f "$dir/new.txt" "$dir/data.after"
echo "demo: OK"
