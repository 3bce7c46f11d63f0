#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stress-ng's file-system stressors on ramfsd, some at a time, with their own checks of
# what the system calls did. Which are left out, and why, is in Documentation/schemefs.md.
# timeout: 240
# programs: yes
# shellcheck shell=dash

# shellcheck source=../vm/tap
. /usr/lib/tap
QUIET=1
mnt=$PWD/mnt
top=$mnt/stress

# What makes a round small enough for the time.
options() {
	case $1 in
	chdir) echo --chdir-dirs 64 ;;
	dentry) echo --dentries 64 ;;
	dir) echo --dir-dirs 64 ;;
	dirdeep) echo --dirdeep-inodes 200 --dirdeep-dirs 1 ;;
	copy-file) echo --copy-file-bytes 128M ;;	# twice the least that it knows
	hdd | iomix) echo "--$1-bytes" 4M ;;
	sync-file) echo --sync-file-bytes 1M ;;
	mmap) echo --mmap-file --mmap-bytes 2M ;;
	esac
}

# stress NAME…: all at the same time; each ends well and has found nothing wrong. On a slow
# machine one may not get to its first round, but not all of them.
stress() {
	local name ops args='' done=0
	for name; do args="$args --$name 1 $(options "$name")"; done
	# shellcheck disable=SC2086 # words
	stress-ng --temp-path "$top" --verify --metrics-brief --timeout $((1 + SLOW / 2)) $args ||
		return 1
	! grep -q 'fail:' "$log" || return 1
	for name; do
		ops=$(awk -v name="$name" '$2 == "metrc:" && $4 == name { print $5; exit }' "$log")
		done=$((done + ${ops:-0}))
	done
	[ $done -gt 0 ]
}

command -v stress-ng >/dev/null || { echo "# there is no stress-ng"; exit 4; }
mkdir "$mnt"
mount -t schemefs none "$mnt"
start_daemon "$log.daemon" ramfsd stress --size 320M --queues 2

ok "S11_stress_names" stress chdir dirmany getdent mknod rename
# Each of the two makes 8192 names a round: a minute's work on a busy machine.
if [ "$OTHERS" ]; then
	skip "S11_stress_links" "another kernel does it"
else
	ok "S11_stress_links" stress link symlink
fi
ok "S10_stress_attributes" stress chmod chown fstat handle touch utime
ok "S12_stress_descriptors" stress dup fcntl flock lease locka lockf lockofd open
ok "S11_stress_directories" stress dentry dir dirdeep dnotify inotify
ok "S8_stress_contents" stress copy-file hdd io iomix sync-file
ok "S25_stress_mappings" stress mmap
ok "S11_nothing_is_left" test -z "$(ls -A "$top")"
ok "S8_and_all_room_is_back" test "$(stat -f -c %f "$top")" = "$(stat -f -c %b "$top")"
kill "$pid"
ok "ends_well" wait "$pid"
umount "$mnt"
echo "1..$n"
