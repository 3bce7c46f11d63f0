#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# logd, zerod and randd, and the options and names of chand and shmd.
# programs: yes
# shellcheck shell=dash

# shellcheck source=../vm/tap
. /usr/lib/tap

# start DAEMON ARGUMENT…: in the background, until it is ready
start() {
	start_daemon "$log" "$@"
}

# stop: SIGTERM is a good end
stop() {
	kill "$pid"
	wait "$pid"
}

# soon COMMAND…: it succeeds within five seconds
soon() {
	for _ in $(seq 100); do
		"$@" && return 0
		usleep 50000
	done
	return 1
}

# ---- what all of them have

for d in chand shmd logd zerod randd; do
	ok "${d}_tells_how_it_is_used" sh -c "$d --help | grep -q 'Usage: $d .*NAME'"
	ok "${d}_says_ready" start $d "$d.x"
	ok "${d}_has_a_node" test -c "/dev/scheme/$d.x"
	ok "${d}_ends_well" stop
	ok "${d}_leaves_no_node" test ! -e "/dev/scheme/$d.x"
	$d >"$log" 2>&1
	ok "${d}_wants_a_name" test $? = 64
done
for d in chand shmd logd; do
	$d x --queues 2 >"$log" 2>&1
	ok "${d}_has_one_queue" test $? = 64
done
chand x --buffer 0 >"$log" 2>&1
ok "chand_refuses_no_buffer" test $? = 64

# ---- zerod

zeros() {
	[ "$(head -c "$2" "$1" | wc -c)" = "$2" ] &&
		[ "$(head -c "$2" "$1" | tr -d '\0' | wc -c)" = 0 ]
}
mkdir -p scheme
mount -t schemefs none scheme
start zerod zero
ok "zeros" zeros /dev/scheme/zero 300000
ok "writes_vanish" sh -c 'yes | head -c 300000 >/dev/scheme/zero'
ok "writes_are_not_read_back" zeros /dev/scheme/zero 300000
ok "S5_zeros_by_path" zeros scheme/zero/zero 5000
ok "S11_its_directory_lists_it" test "$(ls scheme/zero)" = zero
ok "S7_no_other_name" test ! -e scheme/zero/other
stop

# ---- randd

start randd rand
head -c 100000 /dev/scheme/rand >a
head -c 100000 /dev/scheme/rand >b
ok "random_bytes_of_full_length" test "$(wc -c <a)" = 100000
ok "random_bytes_are_never_the_same" sh -c '! cmp -s a b'
# every value comes; of 100,000 random bytes none is missing
values() {
	od -An -v -tu1 -w1 "$1" | sort -n | uniq | wc -l
}
ok "random_bytes_are_of_every_value" test "$(values a)" = 256
ok "random_bytes_can_be_written" sh -c 'head -c 5000 a >/dev/scheme/rand'
ok "S5_random_bytes_by_path" test "$(head -c 7 scheme/rand/rand | wc -c)" = 7
stop

# ---- logd

start logd log --file out --mode 0666
lines() {
	[ "$(grep -c "$1" out)" = "$2" ]
}
echo hello >scheme/log/greeter
ok "a_line_tells_who_and_when" grep -Eq \
	'^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z pid=[0-9]+ uid=0 greeter: hello$' out
sh -c "echo me >scheme/log/me" &
writer=$!
wait "$writer"
ok "S24_its_pid_is_the_writers" grep -q " pid=$writer uid=0 me: me$" out
su nobody -c "echo mine >/dev/scheme/log"
ok "S24_its_uid_too" grep -q " uid=$(id -u nobody): mine$" out
printf 'no end' >scheme/log/partial
ok "a_partial_line_ends_with_its_handle" soon lines ' partial: no end$' 1
printf 'a\033[31mb\rc\n' >scheme/log/escape
ok "control_characters_are_shown" lines ' escape: a\\x1b\[31mb\\x0dc$' 1
head -c 3000 /dev/zero | tr '\0' x >scheme/log/long
ok "a_long_line_becomes_several" soon lines ' long: x*$' 3

# Four writers that write half lines at a time.
writer() {
	exec 3>scheme/log/writer
	for i in $(seq 50); do
		printf 'begin %s' "$1" >&3
		printf ' %s end\n' "$i" >&3
	done
	exec 3>&-
}
for w in 1 2 3 4; do
	writer $w &
	eval "w$w=\$!"
done
# shellcheck disable=SC2154
wait "$w1" "$w2" "$w3" "$w4"
ok "lines_are_never_mixed" soon lines ' writer: begin [1-4] [0-9]* end$' 200
ok "there_are_no_other_lines" lines ' writer: ' 200
cat /dev/scheme/log >got
ok "reading_returns_the_log" cmp -s got out
stop
ok "the_log_file_stays" lines hello 1

start logd log --file out2 --memory 4K
seq 1 1000 >scheme/log/seq
cat /dev/scheme/log >got
size_is() {
	[ "$(wc -c <got)" -gt "$1" ] && [ "$(wc -c <got)" -le "$2" ]
}
ok "what_is_remembered_is_bounded" size_is 3900 4096
ok "it_begins_with_a_whole_line" sh -c 'head -n 1 got | grep -Eq "^2.* seq: [0-9]+$"'
ok "it_ends_with_the_last_one" sh -c 'tail -n 1 got | grep -q " seq: 1000$"'
stop

refused() {
	! su nobody -c "cat $1" >"$log" 2>&1 && grep -q 'denied' "$log"
}
start logd log --file out3 --mode 0622
su nobody -c "echo mine >scheme/log/his"
ok "others_may_write" grep -q ' his: mine$' out3
ok "others_may_not_read" refused scheme/log/his
ok "nor_the_node" refused /dev/scheme/log
stop

logd log --daemonize >"$log" 2>&1
ok "logd_in_the_background_wants_a_file" test $? = 64
logd log --file /nonexistent/file >"$log" 2>&1
ok "logd_cannot_open_is_one_line" test "$? $(wc -l <"$log")" = "1 1"
start logd log
echo to-stdout >scheme/log/x
ok "logd_writes_to_standard_output" soon grep -q ' x: to-stdout$' "$log"
stop

umount scheme
echo "1..$n"
