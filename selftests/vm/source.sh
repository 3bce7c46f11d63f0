#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Fetches the few files of the kernel's source that the tests and the linter use.
# usage: eval "$(source.sh)"
#
# Prints lines for the shell:
#   KSELFTEST   directory of kselftest.h, kselftest_harness.h and lib.mk
#   CHECKPATCH  scripts/checkpatch.pl, with the word lists beside it
#   KERNELDOC   scripts/kernel-doc
#   COCCINELLE  scripts/coccinelle, the kernel's semantic patches
#   TARBALL     the whole source, for debug-kernel.sh
#   SRCVERSION  version of the package
# The source is linux-source-6.12: 6.1's package is hardly smaller, and its harness
# header lacks what tests of today use (parent teardown, a reason for a skip).
set -euo pipefail
. "$(dirname "$0")/common.sh"

package=linux-source-6.12
files=(
	tools/testing/selftests/kselftest.h
	tools/testing/selftests/kselftest_harness.h
	tools/testing/selftests/lib.mk
	tools/testing/selftests/kselftest
	tools/testing/selftests/kselftest_deps.sh
	tools/scripts/Makefile.include
	tools/scripts/Makefile.arch
	tools/build/Build.include
	scripts/subarch.include
	scripts/checkpatch.pl
	scripts/spelling.txt
	scripts/const_structs.checkpatch
	scripts/kernel-doc
	scripts/coccinelle
	COPYING
)
need apt-cache apt-get dpkg-deb xz
lock_cache source
store=$CACHE/source
mkdir -p "$store"

candidate() {
	apt-cache policy "$package" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -vx '(none)'
}

# Version numbers whose tarball is here.
newest_cached() {
	find "$store" -mindepth 1 -maxdepth 1 -name '[0-9]*.tar.xz' -printf '%f\n' | sort -V |
		sed -n '$s/\.tar\.xz$//p'
}

download() {
	local tmp
	discard "$store/.download"
	tmp=$(mktemp -d "$store/.download.XXXXXX")
	# shellcheck disable=SC2064 # the path is known now
	trap "rm -rf '$tmp'" EXIT
	say "downloading $package ($version)"
	apt_fetch "$tmp" "$package"
	dpkg-deb --fsys-tarfile "$tmp"/*.deb | tar -xO "./usr/src/$package.tar.xz" >"$tmp/tarball"
	mv "$tmp/tarball" "$1"
}

unpack() {
	local tmp
	discard "$store/.unpack"
	tmp=$(mktemp -d "$store/.unpack.XXXXXX")
	# shellcheck disable=SC2064 # the path is known now
	trap "rm -rf '$tmp'" EXIT
	say "unpacking what tests and lint use of $package"
	xz -T0 -dc "$store/$version.tar.xz" | tar -x -C "$tmp" --strip-components=1 "${files[@]/#/$package/}"
	chmod 755 "$tmp"
	mv "$tmp" "$1"
	trap - EXIT
}

version=$(candidate) || true
if [ -z "$version" ] && [ "$(id -u)" = 0 ] && [ -z "$(newest_cached)" ]; then
	apt_update
	version=$(candidate) || true
fi
if [ -n "$version" ] && [ ! -e "$store/$version.tar.xz" ]; then
	attempt download "$store/$version.tar.xz"
	[ "$ATTEMPT" = 0 ] || version=''
fi
if [ -z "$version" ]; then
	version=$(newest_cached)
	[ -n "$version" ] || die "$package could not be fetched and none is cached"
	say "$package could not be fetched: using the newest cached one, $version"
fi
# Another list of files is another directory.
dir=$store/$version-$(printf '%s\n' "${files[@]}" | sha256sum | cut -c -8)
[ -d "$dir" ] || unpack "$dir"

printf '%s=%q\n' KSELFTEST "$dir/tools/testing/selftests" \
	CHECKPATCH "$dir/scripts/checkpatch.pl" \
	KERNELDOC "$dir/scripts/kernel-doc" \
	COCCINELLE "$dir/scripts/coccinelle" TARBALL "$store/$version.tar.xz" SRCVERSION "$version"
