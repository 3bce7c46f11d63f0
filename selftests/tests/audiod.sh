#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# audiod and audioplay by way of the module: sound through a direct ring, and through
# the node. How much is missed in real time is reported: an emulated machine promises
# nothing.
# programs: yes
# timeout: 240
# shellcheck shell=dash

# shellcheck source=../vm/tap
. /usr/lib/tap

# start ARGUMENT…: audiod in the background, until it is ready
start() {
	start_daemon "$log" audiod audio "$@"
}

# stop: SIGTERM is a good end
stop() {
	kill "$pid"
	wait "$pid"
}

# number FILE KEY: of the last line of JSON in it
number() {
	tail -n 1 "$1" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"
}

is() {
	[ "$(number "$1" "$2")" = "$3" ]
}

# soon COMMAND…: it succeeds within ten seconds
soon() {
	for _ in $(seq 200); do
		"$@" && return 0
		usleep 50000
	done
	return 1
}

# No sample is 0: silence is what was missed.
tr '\0' '\1' </dev/urandom | head -c 64006 >raw

# same FILE: the sound in it is raw, then silence to the end of a period of 256 bytes
same() {
	[ "$(wc -c <"$1")" = $((44 + (64006 + 255) / 256 * 256)) ] &&
		tail -c +45 "$1" | head -c 64006 | cmp - raw &&
		[ "$(tail -c +$((45 + 64006)) "$1" | tr -d '\0' | wc -c)" = 0 ]
}

# ---- content: a second of it is always on the way

slow="--rate 8000 --periods 64"
# shellcheck disable=SC2086 # a list
ok "audiod_says_ready" start $slow --wav out.wav --json
ok "D12_plays_through_a_ring_of_the_modules" \
	sh -c 'audioplay audio --raw raw --periods 64 --json >played'
ok "D12_all_frames_were_taken" is played frames 16001
ok "D12_and_played" is played played 251
ok "status_is_what_the_node_reads" sh -c 'cat /dev/scheme/audio >status'
ok "status_has_the_format" is status rate 8000
ok "status_counts" is status played 251
ok "D12_audiod_ends_well" stop
ok "D12_what_was_played_is_what_was_sent" same out.wav

# shellcheck disable=SC2086
ok "audiod_again" start $slow --wav out.wav
ok "D12_plays_what_is_written_to_the_node" sh -c 'cat raw >/dev/scheme/audio'
idle() {
	grep -q '"state":"idle","played":251' /dev/scheme/audio
}
ok "D12_close_plays_to_the_end" soon idle
stop
ok "D12_and_that_is_the_same" same out.wav

# ---- files

start --mode 0640
mkdir -p scheme
mount -t schemefs none scheme
ok "S11_its_directory" test "$(find scheme/audio -mindepth 1 | sort | tr '\n' ' ')" = \
	"scheme/audio/play scheme/audio/status "
ok "status_by_path" grep -q '"period_frames":64' scheme/audio/status
ok "status_cannot_be_written" sh -c '! echo x 2>/dev/null >scheme/audio/status'
ok "play_cannot_be_read" sh -c '! cat scheme/audio/play 2>/dev/null'
ok "S7_no_other_name" test ! -e scheme/audio/other
ok "others_may_not_play" sh -c '! su nobody -c "audioplay audio" 2>/dev/null'
umount scheme

# ---- one at a time, and one that dies

audioplay audio --seconds 100 >/dev/null 2>&1 &
player=$!
playing() {
	grep -q '"state":"playing"' /dev/scheme/audio
}
ok "D12_it_plays" soon playing
audioplay audio --seconds 1 2>err
ok "D12_one_plays_at_a_time" grep -q 'busy' err
kill -9 $player
wait $player 2>/dev/null
again() {
	audioplay audio --seconds 0.1 --json >played 2>/dev/null
}
ok "U12_player_that_is_killed_makes_room" soon again
stop

# ---- in real time

# run SECONDS SINK-OPTION… -- PLAYER-OPTION…
run() {
	local seconds=$1 sink=''
	shift
	while [ "$1" != -- ]; do
		sink="$sink $1"
		shift
	done
	shift
	# shellcheck disable=SC2086
	start $sink --json || return
	audioplay audio --seconds "$seconds" --json "$@" >played || return
	stop || return
	echo "# $seconds s at 48 kHz, audiod$sink, audioplay $*: $(number played played) periods played, $(number played missed) missed, $(number played sink_late) by a sink that was late, by $(($(number played sink_worst_late_ns) / 1000)) us at most"
	is played frames $((seconds * 48000)) && is played played $((seconds * 750)) &&
		is "$log" xruns "$(number played missed)"
}
ok "D12_in_real_time_asleep" run 4 --rt 60 -- --rt 59
ok "D12_in_real_time_with_more_on_the_way" run 4 --rt 60 --periods 32 -- --rt 59 --periods 32
ok "U16_both_spin" run 4 --spin --periods 32 -- --spin --periods 32

# ---- mistakes

audiod --socket x audio >"$log" 2>&1
ok "a_socket_is_without_a_scheme" test $? = 64
audiod audio --rt 100 >"$log" 2>&1
ok "bad_priority_is_a_usage_error" test $? = 64
audiod audio --alsa no-such-card >"$log" 2>&1
ok "no_card_is_one_line" test "$? $(grep -c 'cannot open sound card' "$log")" = "1 1"
audioplay audio >"$log" 2>&1
ok "no_scheme_is_one_line" test "$? $(wc -l <"$log")" = "1 1"

echo "1..$n"
