#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ramfsd mounted by schemefs, with ordinary tools: those of busybox by their plain
# names, others by their path.
# timeout: 240
# programs: yes
# shellcheck shell=dash disable=SC2016 # for another shell to expand

# shellcheck source=../vm/tap
. /usr/lib/tap
QUIET=1
mnt=$PWD/mnt
top=$mnt/ram
src=/usr/lib

not() {
	! "$@"
}

# fails TEXT COMMAND…: the command fails and says TEXT
fails() {
	local text=$1
	shift
	"$@" >"$log.fails" 2>&1 && return 1
	cat "$log.fails"
	grep -q -e "$text" "$log.fails"
}

# start ARGUMENT…: ramfsd in the background, until it is ready
start() {
	start_daemon "$log.daemon" ramfsd "$@" && return 0
	cat "$log.daemon"
	return 1
}

# stop: it ends well, and the node with it
stop() {
	kill "$pid"
	wait "$pid" && [ ! -e "/dev/scheme/${1:-ram}" ]
}

# refused STATUS TEXT ARGUMENT…: says TEXT and exits with STATUS
refused() {
	local status=$1 text=$2
	shift 2
	ramfsd "$@" >"$log.refused" 2>&1
	[ $? = "$status" ] && grep -q -e "$text" "$log.refused"
}

nobody() {
	su nobody -c "$*"
}

says() {
	echo "'$2' is not '$1'"
	[ "$1" = "$2" ]
}

mkdir "$mnt"
ok "S5_schemefs_is_mounted" mount -t schemefs none "$mnt"
ok "S5_starts" start ram --size 24M --mode 0666 --queues 2
cd "$top" || exit 1

# ---- trees -------------------------------------------------------------------

mkdir "$log.src"
cp /bin/busybox "$log.src/"
for i in 1 2 3 4; do
	mkdir -p "$log.src/d$i/e"
	for j in 1 2 3 4; do
		echo "file $i $j" >"$log.src/d$i/f$j"
	done
	ln -s "../f$i" "$log.src/d$i/e/link"
	: >"$log.src/d$i/empty"
done
chmod 0500 "$log.src/d1/f1"
src=$log.src
count=$(find "$src" | wc -l)

ok "S11_cp_copies_a_tree" cp -a "$src" copy
ok "S11_diff_finds_no_difference" diff -r "$src" copy
ok "S11_find_finds_all" says "$count" "$(find copy | wc -l)"
ok "S10_modes_are_copied" says 500 "$(stat -c %a copy/d1/f1)"
ok "S8_grep_reads_all" says "$(cd "$src" && grep -r "^file" . 2>&1 | sort)" \
	"$(cd copy && grep -r "^file" . 2>&1 | sort)"
ok "S5_schemectl_lists_the_same" says "$(find copy/d1 -mindepth 1 -maxdepth 1 | sed 's/.*\///' | sort)" \
	"$(schemectl ls ram:copy/d1 | sort)"
ok "S11_tar_reads_and_writes" sh -c \
	"tar -cf archive.tar copy && mkdir x && tar -xf archive.tar -C x"
ok "S11_and_all_came_through" diff -r "$src" x/copy
rm -f archive.tar
ok "S11_rm_removes_a_tree" rm -r x
ok "S11_and_it_is_gone" not test -e x
for tool in tar find diff cp rsync; do
	[ -x /usr/bin/$tool ] && [ "$(readlink /usr/bin/$tool)" != busybox ] || tools_missing=1
done
if [ -z "$tools_missing" ]; then
	ok "S11_gnu_cp_copies_a_tree" /usr/bin/cp -a "$src" gnu
	ok "S11_gnu_diff_finds_no_difference" /usr/bin/diff -r --no-dereference "$src" gnu
	ok "S11_gnu_find_finds_all" says "$count" "$(/usr/bin/find gnu | wc -l)"
	ok "S11_gnu_tar_reads_and_writes" sh -c \
		"/usr/bin/tar -cf - gnu | (mkdir y && /usr/bin/tar -xf - -C y)"
	ok "S11_gnu_tar_finds_no_difference" sh -c \
		"/usr/bin/tar -cf - -C gnu . | /usr/bin/tar -df - -C y/gnu"
	ok "S11_rsync_copies_a_tree" /usr/bin/rsync -a "$src/" synced/
	ok "S11_rsync_finds_nothing_to_do" says "" \
		"$(/usr/bin/rsync -a --checksum --itemize-changes "$src/" synced/ 2>&1)"
	echo changed >"$src/d3/f3"
	ok "S11_rsync_brings_a_change" /usr/bin/rsync -a --checksum --inplace "$src/" synced/
	ok "S11_rsync_brought_it" diff -r "$src" synced
	rm -r gnu y synced
else
	skip "S11_gnu_tools" "not all of them are here"
fi

# ---- names -------------------------------------------------------------------

mkdir names && cd names || exit 1
echo one >one
echo two >two
ok "S11_mv_renames_over" mv -f one two
ok "S11_it_has_the_other_content" says one "$(cat two)"
ok "S11_ln_makes_a_second_name" ln two three
ok "S11_both_count" says "2 2" "$(stat -c %h two three | xargs)"
ok "S11_and_are_one_object" says "$(stat -c %i two)" "$(stat -c %i three)"
rm two
ok "S11_the_other_stays" says "one 1" "$(cat three) $(stat -c %h three)"
ok "S11_links_lead_on" sh -c "ln -s three four && grep -q one four"
ok "S11_readlink_reads" says three "$(readlink four)"
mkdir -p d/e
ok "S11_directory_into_itself_is_EINVAL" fails "Invalid argument" mv d d/e/f
ok "S11_full_directory_stays" fails "not empty" rmdir d
ok "S11_long_names_are_ENAMETOOLONG" fails "too long" touch "$(head -c 256 /dev/zero | tr '\0' x)"
ok "S11_names_may_have_255_bytes" touch "$(head -c 255 /dev/zero | tr '\0' x)"
echo "still here" >open
exec 3<open
rm open
ok "S11_an_open_file_outlives_its_name" says "still here" "$(cat <&3)"
exec 3<&-
i=0
mkdir many
while [ $i -lt 150 ]; do
	: >many/file$i
	i=$((i + 1))
done
ok "S11_lists_many_names" says 150 "$(find many -type f | wc -l)"
ok "S11_removes_many_names" sh -c "rm -r many && ! test -e many"
cd "$top" && rm -r names

# ---- attributes --------------------------------------------------------------

echo text >f
ok "S10_chmod" sh -c 'chmod 0640 f && [ "$(stat -c %a f)" = 640 ]'
ok "S10_chown" sh -c 'chown 12:34 f && [ "$(stat -c %u:%g f)" = 12:34 ]'
ok "S10_touch" sh -c 'touch -d "2001-02-03 04:05:06" f &&
	[ "$(date -r f +%Y%m%d%H%M%S)" = 20010203040506 ]'
ok "S10_truncate" sh -c 'truncate -s 10000 f && [ "$(stat -c %s f)" = 10000 ] &&
	[ "$(tr -d "\0" <f)" = text ]'
ok "S10_statfs" says 6144 "$(stat -f -c %b f)"
ok "S10_sync" sync f
rm f

# ---- another user ------------------------------------------------------------

echo secret >private && chmod 0600 private
echo public >public && chmod 0644 public
mkdir tmp && chmod 1777 tmp
echo mine >tmp/root
mkdir closed && chmod 0711 closed && echo there >closed/f
ok "S7_others_read_what_they_may" says public "$(nobody cat "$top/public")"
ok "S7_and_not_what_they_may_not" fails denied nobody cat "$top/private"
ok "S7_others_do_not_write" fails denied nobody "echo x >>$top/public"
ok "S7_nor_list_a_closed_directory" fails denied nobody ls "$top/closed"
ok "S7_but_search_it" says there "$(nobody cat "$top/closed/f")"
ok "S10_others_do_not_chmod" fails "not permitted" nobody chmod 0666 "$top/public"
ok "S11_others_make_files_where_they_may" nobody "echo theirs >$top/tmp/nobody"
ok "S7_which_are_theirs" says nobody "$(stat -c %U tmp/nobody)"
ok "S11_sticky_keeps_what_is_not_theirs" fails "not permitted" nobody rm -f "$top/tmp/root"
ok "S11_and_lets_them_remove_what_is" nobody rm "$top/tmp/nobody"
ok "S11_others_do_not_remove_elsewhere" fails denied nobody rm -f "$top/closed/f"
# the kernel would check, too; a request by the device's node has the daemon only
ok "S7_so_says_the_daemon_by_itself" fails "no permission" nobody schemectl cat ram:private
ok "S7_which_opens_what_is_allowed" says public "$(nobody schemectl cat ram:public)"
echo x >suid && chmod 4777 suid
ok "S10_set_id_bits_go_with_a_write" sh -c "su nobody -c 'echo y >>$top/suid' &&
	[ \"\$(stat -c %a suid)\" = 777 ]"
chmod 4777 suid
ok "S10_and_with_a_truncation" sh -c "su nobody -c 'truncate -s 0 $top/suid' &&
	[ \"\$(stat -c %a suid)\" = 777 ]"
rm -r private public tmp closed suid

# ---- a file system in a file -------------------------------------------------

# on_loop TYPE MKFS…: a file system made by MKFS on a file of ramfsd's holds a tree
on_loop() {
	local type=$1
	shift
	truncate -s 6M image && "$@" image && mkdir -p loop &&
		mount -t "$type" -o loop image loop || return 1
	cp -r /usr/lib/suite /etc loop/ && sync && umount loop &&
		mount -t "$type" -o loop,ro image loop || return 1
	diff -r /etc loop/etc && cmp /usr/lib/suite loop/suite && umount loop && rm image
}
if [ -e /dev/loop-control ] && grep -q '\bext[24]$' /proc/filesystems; then
	ok "S8_ext2_on_a_loop_device" on_loop "$(grep -o 'ext[24]$' /proc/filesystems | head -n 1)" \
		mke2fs -F
else
	skip "S8_ext2_on_a_loop_device" "the kernel has none"
fi
if [ -e /dev/loop-control ] && grep -q vfat /proc/filesystems &&
	command -v mkfs.vfat >/dev/null; then
	ok "S8_vfat_on_a_loop_device" on_loop vfat mkfs.vfat
else
	skip "S8_vfat_on_a_loop_device" "the kernel has none"
fi

# ---- the end of space --------------------------------------------------------

rm -rf copy
ok "S8_a_full_file_system_is_ENOSPC" fails "No space" dd if=/dev/zero of=big bs=64k
ok "S8_what_fitted_is_there" says $((24 << 20)) "$(stat -c %s big)"
ok "S8_nothing_is_free" says 0 "$(stat -f -c %f .)"
ok "S8_a_longer_file_is_ENOSPC" fails "No space" sh -c "echo x >>big"
ok "S8_bytes_that_are_there_can_be_written" dd if=/dev/urandom of=big bs=64k count=4 conv=notrunc
rm big
ok "S8_what_goes_gives_room" says 6144 "$(stat -f -c %f .)"

cd "$log.src/.." || exit 1
ok "stops" stop
ok "S20_the_directory_goes_with_it" not test -e "$top"

ok "S10_few_files" start ram --files 4 --mode 0600
# one is the root
touch "$top/1" "$top/2"
ok "S10_one_more_name_counts" ln "$top/1" "$top/3"
ok "S10_too_many_are_ENOSPC" fails "No space" touch "$top/4"
rm "$top/3"
ok "S10_what_goes_gives_room" touch "$top/4"
ok "stops_too" stop

# ---- without root ------------------------------------------------------------

chmod 666 /dev/scheme-control
start_daemon "$log.daemon" su nobody -c "exec ramfsd user.ram --size 1M"
chmod 600 /dev/scheme-control
ok "S30_a_user_serves_himself" nobody "mkdir $mnt/user.ram/d && echo x >$mnt/user.ram/d/f &&
	chmod 0400 $mnt/user.ram/d/f && mv $mnt/user.ram/d $mnt/user.ram/e && cat $mnt/user.ram/e/f"
ok "S30_what_he_has_is_his" says nobody "$(su nobody -c "stat -c %U $mnt/user.ram/e/f")"
ok "S30_and_nobody_elses" not ls "$mnt/user.ram"
schemectl kill user.ram
wait

# ---- errors of the daemon ----------------------------------------------------

ok "bad_name_is_one_line" refused 1 "bad name" Ram
ok "a_size_that_is_none_is_a_usage_error" refused 64 "not a number" x --size big
ok "too_small_a_size_is_a_usage_error" refused 64 "at least 4096" x --size 100
ok "no_files_is_a_usage_error" refused 64 "at least 1" x --files 0
ok "no_name_is_a_usage_error" refused 64 "which NAME" --size 1M
ok "help_says_what_it_does" sh -c "ramfsd --help | grep -q 'file system that lives in memory'"

umount "$mnt"
echo "1..$n"
