#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# usbscsid with the VM's sticks: reading, writing, faults, unplugging, giving the disk back.
# What the files of a disk scheme do is in disk_test; here it is the daemon and the device.
# programs: yes
# shellcheck shell=dash

[ -e /sys/bus/usb/devices/2-2 ] || { echo "1..0 # SKIP no USB sticks are plugged in"; exit 4; }

# shellcheck source=../vm/tap
. /usr/lib/tap
node=/dev/scheme/stick

# within SECONDS COMMAND…: until the command succeeds
within() {
	local tries=$(($1 * 20))
	shift
	until "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 50000
	done
}

begin() {
	begin_daemon "$log" usbscsid --name stick "$@"
}

# start ARGUMENT…: usbscsid in the background, until it is ready
start() {
	begin "$@"
	within 15 grep -q ^ready: "$log"
}

gone() {
	! kill -0 "$pid" 2>/dev/null
}

# ends STATUS: it ends by itself
ends() {
	within 15 gone && wait "$pid"
	[ $? = "$1" ]
}

stop() {
	kill "$pid" && ends 0
}

sum() {
	sha256sum "$@" | cut -d' ' -f1
}

# copy FROM TO: as it is now
copy() {
	/usr/bin/dd if="$1" of="$2" bs=1M 2>/dev/null
}

# writes FILE COMMAND…: the command writes what is in the file. Not by sums: an emulated CPU
# takes longer for them than for all the rest.
writes() {
	local file=$1
	shift
	[ -s "$file" ] && "$@" 2>/dev/null | /usr/bin/cmp -s - "$file"
}

# block PORT: how the kernel calls the disk there, which may be another name each time
block() {
	basename /sys/bus/usb/devices/"$1":1.0/host*/target*/*/block/*
}

has_block() {
	[ -b "/dev/$(block "$1")2" ]
}

# given_back PORT…: the kernel's driver has these disks
given_back() {
	for port; do
		within 15 has_block "$port" || return 1
	done
}

# says WORDS COMMAND…: the command fails, with one line that has the words
says() {
	local words=$1
	shift
	! "$@" >"$log" 2>&1 && [ "$(wc -l <"$log")" = 1 ] && grep -q "$words" "$log"
}

# client_says WORDS COMMAND…: the command fails, with the words; the daemon's log stays
client_says() {
	local words=$1
	shift
	! "$@" >client 2>&1 && grep -q "$words" client
}

# ---- reading ---------------------------------------------------------------

given_back 2-1 2-2
disk=/dev/$(block 2-1)
copy "$disk" whole && copy "${disk}2" part

both_listed() {
	usbscsid --list >"$log" && grep -q '^2-1 *46f4:0001' "$log" &&
		grep -q '^2-2 *46f4:0001' "$log" && [ "$(wc -l <"$log")" = 2 ]
}
ok D9_list_has_the_disks both_listed

ok D9_ready_when_it_can_be_used start --bus-port 2-1
ok D6_first_line_tells_the_disk grep -q "^2-1: 46f4:0001 QEMU.*131072 blocks of 512 bytes (64 MiB)" "$log"
ok D9_kernel_has_given_it_away test ! -e "$disk"
ok D9_whole_disk_is_read writes whole /usr/bin/dd if=$node bs=1M
ok D9_partition_is_read writes part schemectl cat stick:0p1
ok D11_whole_disk_is_read_by_a_ring writes whole /usr/examples/ringclient stick:
ok D9_small_reads_read_the_same writes part /usr/bin/dd if=$node bs=4k skip=4352 count=2048
rm whole

# ---- refusals --------------------------------------------------------------

ok D7_odd_length_is_einval client_says 'Invalid argument' dd if=$node bs=256 count=1
exec 8<$node
ok D7_second_opener_gets_enolck client_says 'No locks available' dd if=$node count=1
exec 8<&-
ok name_taken_is_said says 'name taken' usbscsid --bus-port 2-2 --name stick
ok disk_of_another_program_is_said says 'device busy: another program' \
	usbscsid --bus-port 2-1 --name other
ok missing_disk_is_said says 'no such device: no USB disk at 9-9' usbscsid --bus-port 9-9
ok missing_ids_are_said says 'no such device: no USB disk 1234:5678' usbscsid --device 1234:5678
ok missing_module_is_said says 'no module loaded' \
	usbscsid --bus-port 2-2 --name other --control /dev/no-control

given_back 2-2
ok missing_right_is_said says 'no permission for the USB device 2-2' \
	su -s /bin/sh nobody -c 'usbscsid --bus-port 2-2'

# Swap space holds a disk as a mounted file system does.
swap=/dev/$(block 2-2)2
dd if="$swap" of=saved bs=4k count=1 2>/dev/null
mkswap "$swap" >/dev/null && swapon "$swap"
ok disk_in_use_is_said says "device busy: ${swap%2}" usbscsid --bus-port 2-2 --name other
swapoff "$swap"
dd if=saved of="$swap" bs=4k conv=fsync 2>/dev/null

# ---- writing ---------------------------------------------------------------

# 1 MiB at 40 MiB, which nobody else uses.
written() {
	head -c 1048576 /dev/urandom >data
	/usr/bin/dd if=data of=$node bs=64k seek=640 conv=fsync,notrunc 2>/dev/null &&
		[ "$(/usr/bin/dd if=$node bs=1M skip=40 count=1 2>/dev/null | sum)" = "$(sum data)" ]
}
ok D8_written_data_is_read_back written
ok D9_told_to_stop_it_ends stop
ok D9_scheme_ends_with_it test ! -e /dev/scheme/stick
ok D9_kernel_gets_it_back given_back 2-1
ok D8_written_data_is_on_the_disk \
	test "$(/usr/bin/dd if="/dev/$(block 2-1)" bs=1M skip=40 count=1 2>/dev/null | sum)" = "$(sum data)"

start --bus-port 2-1 --read-only
ok D7_read_only_is_erofs client_says 'Read-only file system' dd if=/dev/null of=$node conv=notrunc
ok D9_read_only_disk_is_read dd if=$node of=/dev/null bs=1M count=1
stop

# ---- faults ----------------------------------------------------------------

# Killed amid a transfer, it leaves the device in the middle of a command. (Not the stick
# that is unplugged below: QEMU 7.2 never quite forgets a command that was interrupted.)
killed_amid_work() {
	start --bus-port 2-2 || return 1
	dd if=$node of=/dev/null bs=1M 2>/dev/null &
	usleep 150000
	kill -9 "$pid"
	wait
	start --bus-port 2-2 && writes part schemectl cat stick:0p0
}
copy "/dev/$(block 2-2)1" part
ok D5_next_daemon_recovers_an_interrupted_device killed_amid_work
ended_by_name() {
	schemectl kill stick && ends 0
}
ok D9_ended_by_name_it_exits_0 ended_by_name
ok D9_and_the_kernel_gets_the_disk given_back 2-2

# ---- unplugging ------------------------------------------------------------

# QEMU may still be letting go of the stick that it has just pulled out.
replug() {
	within 20 vmhost replug 0
}

# A reader in its loop and an idle file both learn of it.
unplugged() {
	exec 8<$node
	(while dd of=/dev/null bs=1M count=4 <&8; do
		dd of=/dev/null bs=1M skip=30 count=4 <&8
	done) >reader 2>&1 &
	reader=$!
	usleep 500000
	vmhost unplug 0
	wait $reader
	grep -q 'No such device' reader
}
start --bus-port 2-1
ok D9_unplug_is_enodev_to_the_reader unplugged
ok D9_and_to_those_who_come_later client_says 'No such device' dd of=/dev/null count=1 <&8
exec 8<&-
ok D9_unplugged_it_exits_0 ends 0
ok D9_and_says_so grep -q '2-1 has been unplugged' "$log"

begin --bus-port 2-1 --wait
ok D9_absent_disk_is_waited_for within 5 grep -q 'no USB disk at 2-1: waiting' "$log"
replug
ok D9_and_served_when_it_comes within 20 grep -q ^ready: "$log"
ok D9_and_read test "$(/usr/bin/dd if=$node bs=1M count=8 2>/dev/null | sum)" = "$(
	/usr/bin/dd if=$node bs=4k count=2048 2>/dev/null | sum)"

vmhost unplug 0
ok D9_idle_it_learns_of_an_unplug within 10 grep -q 'has been unplugged' "$log"
waits_again() {
	! gone && within 5 test ! -e $node
}
ok D9_and_waits_again waits_again
replug
served_again() {
	[ "$(grep -c ^ready: "$log")" = 2 ]
}
ok D9_and_serves_it_again within 20 served_again
ok D9_told_to_stop_while_serving stop
given_back 2-1

vmhost unplug 0
begin --bus-port 2-1 --wait
within 5 grep -q waiting "$log"
ok D9_told_to_stop_while_waiting stop
replug
# Two wait for one disk: who does not get it goes on waiting, and has it in the end.
taken_over() {
	local winner loser name
	given_back 2-1
	vmhost unplug 0
	usbscsid --bus-port 2-1 --name one --wait >one.log 2>&1 &
	winner=$!
	usbscsid --bus-port 2-1 --name two --wait >two.log 2>&1 &
	loser=$! name=two
	within 5 grep -q waiting one.log && within 5 grep -q waiting two.log && replug || return 1
	within 20 grep -q ^ready: one.log two.log || return 1
	if grep -q ^ready: two.log; then
		pid=$winner winner=$loser loser=$pid name=one
	fi
	within 10 grep -q 'device busy: another program' $name.log || return 1
	kill $winner && wait $winner && within 30 grep -q ^ready: $name.log || return 1
	[ "$(grep -c 'device busy' $name.log)" = 1 ] && kill $loser && wait $loser
}
ok D9_refused_after_a_replug_it_tries_again taken_over
ok D9_kernel_has_both_at_the_end given_back 2-1 2-2

echo "1..$n"
