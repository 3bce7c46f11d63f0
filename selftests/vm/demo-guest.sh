# SPDX-License-Identifier: GPL-2.0
# The part of 'make demo' that happens in the VM. demo.sh puts DISK_SUM, DATA_SUM and SIZE
# in front of it. Lines that begin with '> ' are shown to who started the demo.
# shellcheck shell=dash
set -u

node=/dev/scheme/disk.usb-demo
rounds=5
daemon=''
export MTOOLSRC=/tmp/mtoolsrc MTOOLS_SKIP_CHECK=1


tell() {
	printf '> [%4ds in the VM] %s\n' "$(cut -d. -f1 /proc/uptime)" "$*"
}

# 'exit' is not enough: without its daemon the stick would stay with nobody.
die() {
	tell "FAILED: $*"
	echo "not ok - $*"
	[ -z "$daemon" ] || kill "$daemon"
	sed 's/^/> usbscsid: /' /tmp/usbscsid.log
	exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local tries=$(($1 * 20))
	shift
	until "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 50000
	done
}

start_daemon() {
	usbscsid --name disk.usb-demo >>/tmp/usbscsid.log 2>&1 &
	daemon=$!
	wait_for 15 test -c $node || die "usbscsid serves no $node"
}

stop_daemon() {
	kill -TERM "$daemon"
	wait "$daemon" || die "usbscsid ends with $?"
	daemon=''
	[ ! -e $node ] || die "$node outlives its daemon"
	wait_for 15 test -b /dev/sda || die "the kernel's driver did not get the stick back"
}

# Reads the whole disk in 1 MiB reads and prints MiB/s.
speed() {
	/usr/bin/dd "if=$1" of=/dev/null bs=1M ${2:+"$2"} 2>&1 |
		awk -v size="$SIZE" '/copied/ { for (i = 1; i <= NF; i++) if ($i == "s,") printf "%.1f\n", size / $(i - 1) }'
}

median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

row() {
	awk -v name="$1" -v size="$SIZE" -v n=$rounds -v speed="$2" -v base="$3" 'BEGIN {
		printf "> | %-36s | %8d | %7.1f | %5.2f |\n", name, size * n, speed, speed / base }'
}

tell "redox_scheme is loaded: $(ls -l /dev/scheme-control)"
wait_for 15 test -b /dev/sda || die "the kernel does not see the stick"
tell "the kernel's driver sees the stick: /dev/sda, $(cat /sys/block/sda/size) sectors"

tell "starting usbscsid, which takes the stick from the kernel's driver"
start_daemon
[ ! -e /dev/sda ] || die "/dev/sda is still there"
tell "in /dev/scheme: $(ls /dev/scheme)"

tell "reading the whole disk through the scheme"
sum=$(/usr/bin/dd if=$node bs=1M 2>/dev/null | /usr/bin/sha256sum | cut -d' ' -f1)
[ "$sum" = "$DISK_SUM" ] || die "its SHA-256 is $sum, the image's is $DISK_SUM"
tell "its SHA-256 is that of the image: $sum"

echo "drive u: file=\"$node\" blocksize=512" >$MTOOLSRC
tell "listing its files with mtools"
mdir -b -/ u: >/tmp/list || die "mdir fails"
sed 's/^/>     /' /tmp/list
tell "copying a file out"
mcopy u:/docs/data.bin /tmp/data.bin || die "mcopy out fails"
sum=$(/usr/bin/sha256sum </tmp/data.bin | cut -d' ' -f1)
[ "$sum" = "$DATA_SUM" ] || die "data.bin is not what was put on the stick"
tell "copying a new file in, and flushing"
{
	echo "written in the VM, by Linux $(uname -r)"
	head -c 200000 /dev/urandom | base64
} >/tmp/new.txt
mcopy /tmp/new.txt u:/docs/new.txt || die "mcopy in fails"
/usr/bin/dd if=/dev/null of=$node conv=fsync,notrunc 2>/dev/null || die "the flush fails"
vmhost file new.txt /tmp/new.txt || die "the new file does not get out"

tell "measuring: scheme and kernel take turns, $rounds rounds after one to warm up"
round=0
while [ $round -le $rounds ]; do
	# On a slow machine three rounds are enough.
	if [ $round -gt 3 ] && [ "$(cut -d. -f1 /proc/uptime)" -gt 120 ]; then
		rounds=$((round - 1))
		break
	fi
	[ "$daemon" ] || start_daemon
	speed $node >/tmp/speed.scheme
	speed $node >/tmp/speed.scheme
	stop_daemon
	speed /dev/sda >/tmp/speed.kernel
	speed /dev/sda >/tmp/speed.kernel
	speed /dev/sda iflag=direct >/tmp/speed.direct
	if [ $round -gt 0 ]; then
		for system in scheme kernel direct; do
			cat /tmp/speed.$system >>/tmp/speeds.$system
		done
	fi
	round=$((round + 1))
done
for system in scheme kernel direct; do
	[ "$(grep -c . /tmp/speeds.$system)" = $rounds ] || die "a measurement of $system failed"
done
kernel=$(median /tmp/speeds.kernel)
echo "> | the whole stick, in reads of 1 MiB   | MiB read |   MiB/s | ratio |"
echo "> |--------------------------------------|----------|---------|-------|"
row "usb-storage, /dev/sda" "$kernel" "$kernel"
row "usb-storage, with O_DIRECT" "$(median /tmp/speeds.direct)" "$kernel"
row "usbscsid, $node" "$(median /tmp/speeds.scheme)" "$kernel"
tell "the daemon is stopped, the kernel's driver has the stick again"
