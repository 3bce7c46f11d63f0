#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Fetches one of Debian's kernels, with modules and headers, into the user's cache.
# usage: eval "$(kernel.sh 6.1|6.12|7.3|debug)"     debug: built here, see debug-kernel.sh
#
# Prints lines for the shell:
#   KREL     the release, as uname -r says it      VMLINUZ  the image, as packaged
#   VMLINUX  the ELF file inside it, to boot without decompressing it in the VM
#   MODDIR   its module tree                       KDIR     headers, ready for make -C
#   SYMVERS  Module.symvers of the headers         KPKG     version of the package
#   KROOT    root of the tree in which its modules are built (inside.sh); empty: right here
# Nothing is installed: packages are unpacked below $XDG_CACHE_HOME/redox-scheme/kernel,
# one directory an ABI and package version, so a newer kernel never changes an older one.
set -euo pipefail
. "$(dirname "$0")/common.sh"

APT_CONFIG=${APT_CONFIG:-}
KROOT=''
lists=(/var/lib/apt/lists /etc/apt)
case ${1:-} in
6.1) meta=linux-image-amd64 ;;
6.12) meta=linux-image-6.12-amd64 ;;
7.3)
	meta=linux-image-amd64
	trixie=$("$(dirname "$0")/trixie.sh")
	eval "$trixie"
	export APT_CONFIG
	lists=("$(dirname "$APT_CONFIG")")
	;;
debug) exec "$(dirname "$0")/debug-kernel.sh" ;;
*) die "usage: kernel.sh 6.1|6.12|7.3|debug" ;;
esac
series=$1
need apt-cache apt-get dpkg-deb depmod
lock_cache kernel
store=$CACHE/kernel
mkdir -p "$store"

# The packages that $1 depends on, one a line.
depends() {
	apt-cache depends --no-recommends --no-suggests "$1" 2>/dev/null | sed -n 's/^ *|*Depends: //p'
}

candidate() {
	apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -vx '(none)'
}

# Sets $image and $version, or fails. apt is slow to ask: the answer holds while its lists do.
resolve() {
	local memo=$store/.resolved-$series
	if [ -s "$memo" ] && [ -z "$(find "${lists[@]}" -newer "$memo" 2>/dev/null | head -1)" ]; then
		read -r image version <"$memo"
		return
	fi
	image=$(depends "$meta" | grep -m1 "^linux-image-$series") && version=$(candidate "$image") &&
		echo "$image $version" >"$memo"
}

newest_cached() {
	find "$store" -mindepth 1 -maxdepth 1 -name "${series}[.-]*" -printf '%f\n' | sort -V | tail -1
}

# Newer packages have all below /usr.
old_places() {
	[ -e "$1/lib" ] || ln -s usr/lib "$1/lib"
	mkdir -p "$1/boot"
	[ -e "$1/boot/vmlinuz-$2" ] || mv "$1/lib/modules/$2/vmlinuz" "$1/boot/vmlinuz-$2"
}

# Headers refer to their installed place by one absolute path; symbolic links in them are relative.
relocate_headers() {
	local prefix=$1 final=$2 krel=$3 kdir=usr/src/linux-headers-$3
	sed -i "s|/usr/src/|$final/usr/src/|" "$prefix/$kdir/Makefile"
	[ -e "$prefix/$kdir/Module.symvers" ] || die "no Module.symvers among the headers of $krel"
	rm -f "$prefix/lib/modules/$krel/build" "$prefix/lib/modules/$krel/source"
	ln -s "../../../$kdir" "$prefix/lib/modules/$krel/build"
}

# little_endian FILE OFFSET BYTES
little_endian() {
	od -An "-tu$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# The boot protocol's header says where the compressed kernel is; the last four bytes are its size.
extract_vmlinux() {
	local start size magic tool=()
	start=$((($(little_endian "$1" $((0x1f1)) 1) + 1) * 512 + $(little_endian "$1" $((0x248)) 4)))
	size=$(($(little_endian "$1" $((0x24c)) 4) - 4))
	magic=$(od -An -tx1 -j $start -N 4 "$1" | tr -d ' ')
	case $magic in
	fd377a58) tool=(xz -dc) ;;
	28b52ffd) tool=(zstd -dcq) ;;
	*) die "$1 is compressed in a way not known here ($magic)" ;;
	esac
	need "${tool[0]}"
	# A subshell without pipefail: tail gets a broken pipe.
	(set +o pipefail && tail -c +$((start + 1)) "$1" | head -c $size | "${tool[@]}" >"$2")
}

unpack() {
	local krel=$1 final=$2 tmp deb package packages
	packages=("$image" "linux-headers-$krel" "linux-headers-${krel%-amd64}-common"
		"$(depends "linux-headers-$krel" | grep -m1 '^linux-kbuild-')")
	# The image of newer kernels is a frame for these.
	while read -r package; do packages+=("$package"); done \
		< <(depends "$image" | grep -E "^linux-(base|binary|modules)-$series")
	discard "$store/.unpack"
	tmp=$(mktemp -d "$store/.unpack.XXXXXX")
	# shellcheck disable=SC2064 # the path is known now
	trap "rm -rf '$tmp'" EXIT
	mkdir "$tmp/debs" "$tmp/root"
	say "downloading kernel $krel ($version)"
	apt_fetch "$tmp/debs" "${packages[@]}"
	say "unpacking kernel $krel"
	for deb in "$tmp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root"
	done
	old_places "$tmp/root" "$krel"
	relocate_headers "$tmp/root" "$final" "$krel"
	extract_vmlinux "$tmp/root/boot/vmlinuz-$krel" "$tmp/root/boot/vmlinux-$krel"
	depmod -b "$tmp/root" "$krel"
	mv "$tmp/root" "$final"
}

image=''
version=''
if ! resolve && [ "$(id -u)" = 0 ] && [ -z "$(newest_cached)" ]; then
	apt_update
	resolve || true
fi
name=${image#linux-image-}-$version
if [ -z "$version" ]; then
	name=$(newest_cached)
	[ -n "$name" ] || die "apt knows no $meta and no $series kernel is cached"
	say "apt knows no $meta: using the newest cached kernel, $name"
elif [ ! -d "$store/$name" ]; then
	attempt unpack "${image#linux-image-}" "$store/$name"
	if [ "$ATTEMPT" != 0 ]; then
		wanted=$name
		name=$(newest_cached)
		[ -n "$name" ] || die "kernel $wanted could not be fetched and no $series kernel is cached"
		say "kernel $wanted could not be fetched: using the newest cached one, $name"
	fi
fi

base=$store/$name
krel=$(basename "$(find "$base/lib/modules" -mindepth 1 -maxdepth 1 -type d)")
printf '%s=%q\n' KREL "$krel" KPKG "${name#"$krel"-}" VMLINUZ "$base/boot/vmlinuz-$krel" \
	VMLINUX "$base/boot/vmlinux-$krel" MODDIR "$base/lib/modules/$krel" KDIR "$base/usr/src/linux-headers-$krel" \
	SYMVERS "$base/usr/src/linux-headers-$krel/Module.symvers" KROOT "$KROOT"
