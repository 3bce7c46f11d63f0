#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The host's side of a running VM's requests (vmhost inside); started by run.sh.
# usage: host.sh DIR STICKS     DIR has the pipes control.{in,out} and monitor.{in,out}
#
# A request is a line 'host: VERB ...', its answer 'ok' or 'error TEXT'. Only these exist:
#   unplug N, replug N      QEMU's monitor removes or adds USB stick N
#   file NAME               base64 up to 'host: end' becomes DIR/files/NAME
set -euo pipefail

dir=$1
sticks=$2
exec 3<>"$dir/control.out" 4<>"$dir/control.in" 5<>"$dir/monitor.out" 6<>"$dir/monitor.in"

# One command of the monitor's protocol; events may come before its answer.
monitor() {
	local line
	echo "$1" >&6
	while read -r -t 20 line <&5; do
		case $line in
		*'"return"'*) return 0 ;;
		*'"error"'*) echo "$line"; return 1 ;;
		esac
	done
	echo "the monitor is silent"
	return 1
}

unplug() {
	monitor '{"execute": "device_del", "arguments": {"id": "usbstick'"$1"'"}}'
}

replug() {
	monitor '{"execute": "device_add", "arguments": {"driver": "usb-storage", "bus": "xhci.0",
		"port": "'$(($1 + 1))'", "drive": "stick'"$1"'", "id": "usbstick'"$1"'",
		"serial": "STICK'"$1"'"}}'
}

is_stick() {
	[[ $1 =~ ^[0-9]$ ]] && [ "$1" -lt "$sticks" ]
}

receive_file() {
	local line
	while read -r -t 60 line <&3; do
		[ "$line" != 'host: end' ] || return 0
		echo "$line"
	done
	return 1
}

answer() {
	if [ "$1" = 0 ]; then echo ok >&4; else echo "error $2" >&4; fi
}

monitor '{"execute": "qmp_capabilities"}'
while read -r line <&3; do
	line=${line%$'\r'}
	status=0
	echo "$line"
	case $line in
	'host: unplug '* | 'host: replug '*)
		read -r _ verb stick _ <<<"$line"
		if is_stick "$stick"; then
			text=$($verb "$stick") || status=1
		else
			status=1 text="there is no stick '$stick'"
		fi
		;;
	'host: file '*)
		name=${line#host: file }
		receive_file >"$dir/file.part" || status=1
		if [ $status = 0 ] && [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$ ]]; then
			base64 -di "$dir/file.part" >"$dir/files/$name" || status=1
		else
			status=1
		fi
		text="the file did not come through"
		rm -f "$dir/file.part"
		;;
	*) status=1 text="unknown request" ;;
	esac
	answer $status "${text-}"
done
