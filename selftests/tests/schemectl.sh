#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# schemectl, on nulld and on the echo example.
# programs: yes
# shellcheck shell=dash

# shellcheck source=../vm/tap
. /usr/lib/tap

# says TEXT ARGUMENT…: schemectl succeeds and prints TEXT, or nothing if it is empty
says() {
	local text=$1
	shift
	schemectl "$@" >"$log" 2>&1 </dev/null || return 1
	if [ "$text" ]; then
		grep -q -e "$text" "$log"
	else
		[ ! -s "$log" ]
	fi
}

# fails TEXT ARGUMENT…: one line that says TEXT, and status 1
fails() {
	local text=$1
	shift
	schemectl "$@" >"$log" 2>&1 </dev/null
	[ $? = 1 ] && [ "$(wc -l <"$log")" = 1 ] && grep -q -e "$text" "$log"
}

usage() {
	schemectl "$@" >"$log" 2>&1 </dev/null
	[ $? = 64 ]
}

serve() {
	"$@" >/dev/null 2>&1 &
	for _ in $(seq 100); do
		[ -c "/dev/scheme/$2" ] && return
		usleep 50000
	done
}

ok "list_of_nothing_has_its_heading" says "^NAME" list
ok "json_of_nothing_is_an_empty_list" says '^\]' --json list
ok "features_tell_the_abi" says "^abi  *1\." features
ok "features_tell_limits" says "^depth_max" features
ok "features_tell_of_rings" says "^features .* ring" features
ok "features_all_have_names" says "^features [ a-z-]*$" features
ok "json_features" says '"features":' -j features

serve nulld null
serve /usr/examples/echo user.echo
ok "list_has_both" test "$(schemectl list | wc -l)" = 3
ok "list_says_who_owns_it" says "^null  *alive  *$(pidof nulld) " list
ok "json_list" says '"name":"user.echo"' --json list
ok "stats" says "^requests  *0" stats null
ok "cat_copies_a_file" test "$(schemectl cat null:a/b | head -c 1000 | wc -c)" = 1000
ok "stats_count" says "^handles  *0" stats null
ok "json_stats" says '"slot_size":131072' --json stats null
ok "open_of_a_path" says "" open null:some/path
ok "open_of_a_node" says "" open /dev/scheme/null
ok "call_gives_result_and_bytes" says "^result 0" call --room 10 null: 1 0x2 3
ok "call_takes_negative_words" says "^result 0" call --room 10 -- null: -1
ok "call_answer_fills_the_room" test \
	"$(schemectl call --room 10 null: </dev/null 2>/dev/null | wc -c)" = 10
ok "dup_opens_a_sub_object" test "$(schemectl dup null: x | head -c 7 | wc -c)" = 7

ok "unknown_scheme_is_one_line" fails "no such scheme" cat nothing:x
ok "unknown_scheme_has_no_stats" fails "no such scheme" stats nothing
ok "unknown_scheme_cannot_be_killed" fails "no such scheme" kill nothing
ok "stats_do_not_leave_their_directory" fails "no such scheme" stats ../null
ok "no_url_is_one_line" fails "not a scheme path" cat /etc/passwd
ok "no_such_operation_is_one_line" fails "no such operation" call user.echo:x
ok "too_much_room_is_one_line" fails "more than a slot" call --room 1000000 null:
ok "no_number_is_one_line" fails "not a number" call null: x
ok "no_module_is_one_line" fails "modprobe" --control /nonexistent features
ok "unknown_command_is_a_usage_error" usage dance
ok "no_command_is_a_usage_error" usage
ok "missing_argument_is_a_usage_error" usage kill
ok "one_word_too_many_is_a_usage_error" usage call null: 1 2 3 4

ok "echo_comes_back" test \
	"$(/usr/examples/client user.echo:x hello)" = hello
schemectl cat user.echo:x >reader 2>&1 &
reader=$!
usleep 300000
ok "kill_is_quiet" says "" kill user.echo
wait "$reader"
ok "reader_is_told_that_the_provider_has_gone" grep -q "provider has gone" reader
ok "killed_scheme_is_off_the_list" test "$(schemectl list | wc -l)" = 2
schemectl kill null
wait

echo "1..$n"
