#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# nulld and what all daemons share: readiness, zeros, options, errors, endings.
# programs: yes
# shellcheck shell=dash

# shellcheck source=../vm/tap
. /usr/lib/tap

# start ARGUMENT…: nulld in the background, until it is ready
start() {
	start_daemon "$log" nulld "$@"
}

# ends [STATUS]: nulld ends by itself within five seconds
ends() {
	for _ in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || break
		usleep 50000
	done
	kill -0 "$pid" 2>/dev/null && return 1
	wait "$pid"
	[ $? = "${1:-0}" ]
}

stopped_by() {
	start null && kill -"$1" "$pid" && ends 0 && [ ! -e /dev/scheme/null ]
}

# refused TEXT ARGUMENT…: one line that says TEXT, and status 1
refused() {
	local text=$1
	shift
	nulld "$@" >"$log" 2>&1
	[ $? = 1 ] && [ "$(wc -l <"$log")" = 1 ] && grep -q "$text" "$log"
}

zeros() {
	[ "$(head -c "$1" /dev/scheme/null | tr -d '\0' | wc -c)" = 0 ] &&
		[ "$(head -c "$1" /dev/scheme/null | wc -c)" = "$1" ]
}

ok "ready_line_names_the_node" start null
ok "ready_line_is_the_only_one" test "$(cat "$log")" = "ready: /dev/scheme/null"
ok "node_is_its_creators_alone" test "$(stat -c %a /dev/scheme/null)" = 600
ok "reads_are_zeros_of_full_length" zeros 1000000

# A slot that has carried something: nobody may see it again.
secret() {
	yes secret | dd of=/dev/scheme/null bs="$1" count=64 2>/dev/null
	yes secret | head -c 3000 | schemectl call --room 1 null:x >/dev/null 2>&1
	schemectl open "null:$(yes path | head -c 4000 | tr '\n' /)"
}
secret 65536
ok "what_was_written_is_never_read_back" zeros 200
secret 512
ok "nor_behind_a_short_write" zeros 1000000
secret 131072
ok "nor_with_small_reads" test \
	"$(dd if=/dev/scheme/null bs=100 count=2000 2>/dev/null | tr -d '\0' | wc -c)" = 0
secret 131072
ok "nor_in_a_call" test "$(schemectl call null:x </dev/null 2>/dev/null | tr -d '\0' | wc -c)" = 0
ok "name_taken_is_one_line" refused "name taken" null
log=$PWD/log.kill
ok "killed_by_name_is_a_good_end" schemectl kill null
ok "and_the_daemon_exits_with_0" ends 0
log=$PWD/log

for signal in TERM INT HUP; do
	ok "SIG${signal}_ends_it_and_the_scheme" stopped_by $signal
done

ok "options_reach_the_module" start null --queues 3 --depth 16 --slot-size 64K \
	--busy-poll 20 --mode 0640 --timeout 5000 --user-limit 7
attr() {
	[ "$(cat "/sys/class/scheme/null/$1")" = "$2" ]
}
ok "queues" attr queues 3
ok "depth" attr depth 16
ok "slot_size" attr slot_size 65536
ok "busy_poll_us" attr busy_poll_us 20
ok "timeout_ms" attr timeout_ms 5000
ok "user_limit" attr user_limit 7
ok "mode" test "$(stat -c %a /dev/scheme/null)" = 640
ok "each_queue_has_a_thread" test "$(sed -n "s/^Threads:.//p" "/proc/$pid/status")" = 4
ok "zeros_with_all_that" zeros 1000000
kill "$pid"
ok "threads_end_too" ends 0

ok "stream_has_no_position" start null --stream
ok "stream_reads_zeros" zeros 1000000
kill -9 "$pid"
wait "$pid" 2>/dev/null
ok "SIGKILL_ends_the_scheme" test ! -e /dev/scheme/null

nulld --daemonize user.bg >"$log" 2>&1
ok "daemonize_returns_when_ready" test -c /dev/scheme/user.bg
ok "daemonize_says_ready" grep -q "^ready: /dev/scheme/user.bg" "$log"
ok "daemonize_serves" test "$(head -c 10 /dev/scheme/user.bg | wc -c)" = 10
ok "daemonize_tells_errors_to_the_caller" refused "name taken" --daemonize user.bg
schemectl kill user.bg

ok "bad_name_is_one_line" refused "bad name" Bad/Name
ok "bad_size_is_one_line" refused "bad name or size" user.x --depth 3
ok "no_module_is_one_line" refused "modprobe redox_scheme" user.x --control /nonexistent
nulld >"$log" 2>&1
ok "no_name_is_a_usage_error" test $? = 64
nulld user.x --mode 9 >"$log" 2>&1
ok "bad_option_is_a_usage_error" test $? = 64

# nobody_gets TEXT ARGUMENT…: the same for a user without rights
nobody_gets() {
	local text=$1
	shift
	su nobody -c "nulld $*" >"$log" 2>&1
	[ $? = 1 ] && [ "$(wc -l <"$log")" = 1 ] && grep -q "$text" "$log"
}
ok "no_permission_is_one_line" nobody_gets "no permission" user.x
chmod 666 /dev/scheme-control
ok "privileged_name_is_one_line" nobody_gets "not permitted.*user\." x
chmod 600 /dev/scheme-control

echo "1..$n"
