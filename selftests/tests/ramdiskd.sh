#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ramdiskd and the disk scheme, with ordinary tools on the node.
# programs: yes
# shellcheck shell=dash

# shellcheck source=../vm/tap
. /usr/lib/tap
node=/dev/scheme/ram
mib=1048576

# start ARGUMENT…: ramdiskd in the background, until it is ready
start() {
	start_daemon "$log" ramdiskd "$@"
}

# stop: it ends well, and the node with it
stop() {
	kill "$pid"
	wait "$pid" && [ ! -e $node ]
}

# refused STATUS TEXT ARGUMENT…: says TEXT and exits with STATUS
refused() {
	local status=$1 text=$2
	shift 2
	ramdiskd "$@" >"$log" 2>&1
	[ $? = "$status" ] && grep -q -e "$text" "$log"
}

# one_line TEXT ARGUMENT…: the same, status 1, and nothing else is said
one_line() {
	refused 1 "$@" && [ "$(wc -l <"$log")" = 1 ]
}

# copy ARGUMENT…: dd, quietly; what it says is in $log
copy() {
	dd "$@" 2>"$log"
}

# fails TEXT ARGUMENT…: dd fails and says TEXT
fails() {
	local text=$1
	shift
	! dd "$@" >/dev/null 2>"$log" && grep -q -e "$text" "$log"
}

# bytes FILE: how many can be read from it
bytes() {
	dd if="$1" bs=64k 2>"$log" | wc -c
}

sum() {
	dd if="$1" bs="$2" 2>"$log" | sha256sum
}

head -c $mib /dev/urandom >random

# ---- the whole disk ----------------------------------------------------------

ok "starts" start ram --size 1M
ok "D7_reads_end_at_the_size" test "$(bytes $node)" = $mib
ok "D7_a_new_disk_is_zeros" test "$(dd if=$node bs=64k 2>"$log" | tr -d '\0' | wc -c)" = 0
ok "D7_writes_the_whole_disk" copy if=random of=$node bs=$mib conv=notrunc
ok "D7_reads_back_what_was_written" cmp random $node
ok "D7_the_list_of_a_disk_without_a_table" test "$(schemectl ls ram: 2>"$log")" = 0
for size in 4096 65536 $mib; do
	ok "D7_same_with_blocks_of_$size" test "$(sum $node "$size")" = "$(sum random "$size")"
done
cp random expected
copy if=random of=expected bs=512 count=100 seek=3 conv=notrunc
ok "D7_writes_in_small_blocks" copy if=random of=$node bs=512 count=100 seek=3 conv=notrunc
ok "D7_puts_them_in_their_place" cmp expected $node
ok "D11_a_ring_reads_the_same" test "$(/usr/examples/ringclient ram: 2>"$log" | sha256sum)" = "$(sha256sum <expected)"
ok "D8_flushes" copy if=random of=$node bs=64k conv=notrunc,fsync
ok "D8_and_holds_it" cmp random $node

# ---- bounds ------------------------------------------------------------------

ok "D7_odd_length_is_EINVAL" fails "Invalid argument" if=$node bs=100 count=1
ok "D7_odd_length_over_a_block_is_EINVAL" fails "Invalid argument" if=$node bs=513 count=1
ok "D7_odd_offset_is_EINVAL" fails "Invalid argument" if=$node bs=512 count=1 \
	skip=100 iflag=skip_bytes
ok "D7_odd_length_of_a_write_is_EINVAL" fails "Invalid argument" if=random of=$node \
	bs=100 count=1 conv=notrunc
ok "D7_nothing_of_it_was_written" cmp random $node
ok "D7_read_at_the_end_is_0" test \
	"$(dd if=$node bs=512 skip=2048 count=1 2>"$log" | wc -c)" = 0
ok "D7_read_over_the_end_is_cut" test \
	"$(dd if=$node bs=4096 skip=$((mib - 512)) iflag=skip_bytes count=1 2>"$log" | wc -c)" = 512
ok "D7_write_at_the_end_is_ENOSPC" fails "No space left" if=random of=$node bs=512 \
	seek=2048 count=1 conv=notrunc
ok "D7_write_over_the_end_is_EOVERFLOW" fails "Value too large" if=/dev/zero of=$node \
	bs=4096 seek=$((mib - 512)) oflag=seek_bytes count=1 conv=notrunc
ok "D7_and_leaves_the_last_block_alone" cmp random $node

# ---- exclusive ---------------------------------------------------------------

exec 3<$node
ok "D7_second_opener_gets_ENOLCK" fails "No locks available" if=$node bs=512 count=1
ok "D7_so_does_a_writer" fails "No locks available" if=random of=$node bs=512 count=1 conv=notrunc
exec 3<&-
ok "D7_and_is_let_in_when_the_first_has_gone" copy if=$node of=/dev/null bs=512 count=1

# ---- errors of the daemon ----------------------------------------------------

log=$PWD/log.errors
ok "name_taken_is_one_line" one_line "name taken" ram --size 1M
ok "bad_name_is_one_line" one_line "bad name" Ram --size 1M
ok "image_that_is_not_there_is_one_line" one_line "cannot read the image" x --image none
ok "image_that_is_too_large_is_one_line" one_line "larger than the disk" x --image random --size 512K
ok "size_of_no_blocks_is_one_line" one_line "multiple of the block size" x --size 1000
ok "no_size_is_a_usage_error" refused 64 "give the disk a size" x
ok "a_size_that_is_none_is_a_usage_error" refused 64 "not a size" x --size big
ok "a_block_size_that_is_none_is_a_usage_error" refused 64 "512 or 4096" x --size 1M --block-size 1000
ok "no_permission_is_one_line" test "$(su nobody -c 'ramdiskd user.x --size 1M' 2>&1 |
	grep -c 'no permission')" = 1
log=$PWD/log

# ---- the end -----------------------------------------------------------------

exec 3<$node
ok "SIGTERM_is_a_good_end" stop
ok "S20_who_has_it_open_gets_ENODEV" sh -c "! dd bs=512 count=1 <&3 2>'$log' >/dev/null &&
	grep -q 'No such device' '$log'"
exec 3<&-

ok "starts_again_empty" start ram --size 1M
ok "D7_what_it_held_is_gone" test "$(dd if=$node bs=64k 2>"$log" | tr -d '\0' | wc -c)" = 0
kill -9 "$pid"
wait "$pid" 2>/dev/null
ok "S20_SIGKILL_ends_the_scheme" test ! -e $node

# ---- images, large blocks, read-only -----------------------------------------

before=$(sum random 65536)
ok "image_is_what_it_holds_at_first" start ram --image random
ok "D7_reads_the_image" cmp random $node
ok "D7_writes_over_it" copy if=/dev/zero of=$node bs=64k conv=notrunc count=4
ok "D7_and_leaves_the_file_alone" test "$(sum random 65536)" = "$before"
ok "stops_1" stop

ok "D7_blocks_of_4096" start ram --size 1M --block-size 4096
ok "D7_a_sector_is_too_little_then" fails "Invalid argument" if=$node bs=512 count=1
ok "D7_and_a_block_is_not" copy if=$node of=/dev/null bs=4096 count=1
ok "stops_2" stop

ok "read_only" start ram --image random --read-only
ok "D7_write_to_it_is_EROFS" fails "Read-only file system" if=/dev/zero of=$node bs=512 \
	count=1 conv=notrunc
ok "D7_read_is_fine" cmp random $node
ok "stops_3" stop

echo "1..$n"
