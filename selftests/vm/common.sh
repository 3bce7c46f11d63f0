# SPDX-License-Identifier: GPL-2.0
# Functions that the host side scripts of the VM harness share; sourced, not run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/redox-scheme
SELF=$(readlink -f "$0")

# Scripts call each other: the first one's start is the zero of all progress lines.
export SCHM_T0=${SCHM_T0:-$EPOCHSECONDS}

say() {
	printf '[%4ds] %s\n' $((EPOCHSECONDS - SCHM_T0)) "$*" >&2
}

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null || die "$tool is not installed: run 'make deps'"
	done
}

# apt-get for downloads: the sandbox user cannot write to a private cache directory.
apt_download() {
	apt-get -q -q -o APT::Sandbox::User=root download "$@" >&2
}

# Fills the package lists of a machine that has none yet, or whose lists are stale.
apt_update() {
	[ "$(id -u)" = 0 ] || [ "${APT_CONFIG:-}" ] || die "package lists must be refreshed: run 'apt-get update' as root"
	say "refreshing the package lists"
	apt-get -q -q -o DPkg::Lock::Timeout=600 update >&2
}

# apt_fetch DIR PACKAGE...: downloads into DIR; refreshes the lists once if that fails.
apt_fetch() {
	local dir=$1
	shift
	(cd "$dir" && apt_download "$@") && return
	apt_update && (cd "$dir" && apt_download "$@")
}

# Holds an exclusive lock until the script ends: two runs never fill the cache at once.
lock_cache() {
	mkdir -p "$CACHE"
	exec 9>"$CACHE/$1.lock"
	flock -n 9 || { say "waiting for another run that fills the $1 cache"; flock 9; }
}

# discard PREFIX: what a run that was killed has left of its work; under the cache's lock.
discard() {
	rm -rf --one-file-system "$1".??????*
}

# attempt COMMAND...: runs it in a subshell with errexit on, which 'if' would switch off; status in $ATTEMPT.
attempt() {
	local status
	set +e
	(
		set -e
		"$@"
	)
	status=$?
	set -e
	# shellcheck disable=SC2034 # for the caller
	ATTEMPT=$status
}

# result NAME: a test's line of TAP, by what is in the file $log, which is empty when all is
# well, and is emptied. Counts in $passed and $failed.
result() {
	# shellcheck disable=SC2154 # the caller's
	if [ -s "$log" ]; then
		echo "not ok - $1"
		sed 's/^/# /' "$log"
		failed=$((failed + 1))
	else
		echo "ok - $1" | tee -a "${said:-/dev/null}"
		passed=$((passed + 1))
	fi
	: >"$log"
}

# once WORK [ARG]... -- FILE...: runs WORK ARG..., which gives results, unless all of them were
# good before with the same words, files, calling script and packages of this machine: then
# says them again. FRESH=1 runs it anyway. WORK may read no other files of ours.
once() {
	local work=() kept bad=$failed said
	while [ "$1" != -- ]; do
		work+=("$1")
		shift
	done
	shift
	kept=$CACHE/passed/$({
		echo "${work[*]}"
		dpkg-query -W
		cat "$SELF"
		sha256sum "$@"
	} | sha256sum | cut -c -32)
	if [ -s "$kept" ] && [ ! "${FRESH:-}" ]; then
		sed 's/$/ (as before: nothing has changed)/' "$kept"
		passed=$((passed + $(wc -l <"$kept")))
		touch "$kept"
		return
	fi
	said=$(mktemp)
	"${work[@]}"
	if [ "$failed" = "$bad" ]; then
		mkdir -p "$CACHE/passed"
		cp "$said" "$kept.$$" && mv "$kept.$$" "$kept"
		find "$CACHE/passed" -type f -mtime +60 -delete || true
	fi
	rm -f "$said"
}
