#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# stress-ng's file-system stressors on ramfsd, a second each, with their own checks of
# what the system calls did. Which are left out, and why, is in Documentation/schemefs.md.
# timeout: 240
# shellcheck shell=dash

n=0
log=$PWD/log
mnt=$PWD/mnt
top=$mnt/stress

# ok NAME COMMAND…: a test that passes if the command does
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$log" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$log"
	fi
}

# stress NAME [OPTION]…: it ends well, has found nothing wrong, and has done something
stress() {
	local name=$1 ops
	shift
	timeout -k 5 60 stress-ng --temp-path "$top" --verify --timeout 1 --metrics-brief \
		--"$name" 1 "$@" >"$log.stress" 2>&1 || { cat "$log.stress"; return 1; }
	cat "$log.stress"
	ops=$(awk -v name="$name" '$2 == "metrc:" && $4 == name { print $5; exit }' "$log.stress")
	! grep -q 'fail:' "$log.stress" && [ "${ops:-0}" -gt 0 ]
}

command -v stress-ng >/dev/null || { echo "# there is no stress-ng"; exit 4; }
mkdir "$mnt"
mount -t schemefs none "$mnt"
ramfsd stress --size 320M --queues 2 >"$log.daemon" 2>&1 &
pid=$!
for _ in $(seq 200); do
	grep -q ^ready: "$log.daemon" && break
	usleep 50000
done

for name in chdir chmod chown dirmany dnotify dup fcntl file-ioctl \
	flock fsize fstat getdent handle inotify io lease link locka lockf lockofd \
	mknod open rename symlink touch utime; do
	ok "S11_stress_$name" stress $name
done
# so many that a round fits into the time
ok "S11_stress_dentry" stress dentry --dentries 64
ok "S11_stress_dir" stress dir --dir-dirs 64
ok "S11_stress_dirdeep" stress dirdeep --dirdeep-inodes 200 --dirdeep-dirs 1
# two files of the least size that it knows
ok "S8_stress_copy-file" stress copy-file --copy-file-bytes 128M
ok "S8_stress_hdd" stress hdd --hdd-bytes 4M
ok "S8_stress_sync-file" stress sync-file --sync-file-bytes 4M
ok "S8_stress_iomix" stress iomix --iomix-bytes 4M
ok "S25_stress_mmap" stress mmap --mmap-file --mmap-bytes 2M
ok "S11_nothing_is_left" test -z "$(ls -A "$top")"
ok "S8_and_all_room_is_back" test "$(stat -f -c %f "$top")" = "$(stat -f -c %b "$top")"
kill $pid
ok "ends_well" wait $pid
umount "$mnt"
echo "1..$n"
