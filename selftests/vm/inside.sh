#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs a command inside a tree of another Debian, with the cache and build/ where they are.
# usage: inside.sh KROOT COMMAND...
# The mounts are in a namespace of the command's own and vanish with it.
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# -ge 2 ] || die "usage: inside.sh KROOT COMMAND..."
[ "$(id -u)" = 0 ] || die "only root can run something inside $1"
need unshare chroot
mkdir -p "$BUILD"
# shellcheck disable=SC2016 # expanded by that shell
exec unshare -m bash -c '
	set -e
	root=$1 cache=$2 build=$3
	shift 3
	mkdir -p "$root$cache" "$root$build"
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	mount --bind "$cache" "$root$cache"
	mount --bind "$build" "$root$build"
	LC_ALL=C exec chroot "$root" "$@"' inside "$1" "$CACHE" "$(readlink -f "$BUILD")" "${@:2}"
