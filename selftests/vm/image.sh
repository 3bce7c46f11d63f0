#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the file system of a VM: one initramfs that the kernel unpacks into memory.
# usage: image.sh --out FILE --krel RELEASE --moddir DIR [option]...
#   --ko FILE        our module; init inserts it after the kernel's own modules. Tests of
#                    it that were built for this kernel lie beside it and come along
#   --stage DIR      a tree laid over the root, such as usr/bin, usr/lib and tests
#   --overlay DIR    the same, for the settings of one run
#   --module NAME    a module of the kernel, with all that it depends on
#   --program NAME   a program of this machine, for example mcopy
# Shared libraries of every program in it come along, wherever ldd finds them.
set -euo pipefail
. "$(dirname "$0")/common.sh"

here=$(dirname "$(readlink -f "$0")")
out='' krel='' moddir='' ko=''
trees=() modules=() programs=()
while [ $# -gt 0 ]; do
	case $1 in
	--out) out=$2 ;;
	--krel) krel=$2 ;;
	--moddir) moddir=$2 ;;
	--ko) ko=$2 ;;
	--stage | --overlay) trees+=("$2") ;;
	--module) modules+=("$2") ;;
	--program) programs+=("$2") ;;
	*) die "unknown option $1" ;;
	esac
	shift 2
done
if [ -z "$out" ] || [ -z "$krel" ] || [ ! -d "$moddir" ]; then
	die "--out, --krel and --moddir are needed"
fi
need cpio busybox ldd modprobe xz

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# Debian's busybox is static; a fresh machine may have the dynamic one, which needs its libc.
base_system() {
	local applet
	mkdir -p "$root"/{dev,proc,sys,run,tmp,root,etc,tests,usr/{bin,sbin,lib,lib64,lib/modules}}
	ln -s usr/bin "$root/bin"
	ln -s usr/sbin "$root/sbin"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >>"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	install -m 755 "$here/init" "$root/init"
	install -m 755 "$here/vmhost" "$root/bin/vmhost"
	install -m 644 -t "$root/usr/lib" "$here/suite" "$here/tap" "$here/tally.awk"
}

# Unpacked, because neither busybox nor an old kernel's loader reads .ko.xz.
kernel_modules() {
	local name word path dest
	mkdir -p "$root/lib/modules/$krel"
	for name in "${modules[@]}"; do
		while read -r word path _; do
			[ "$word" = insmod ] || continue
			dest=$root/lib/modules/$krel/${path#"$moddir/"}
			[ ! -e "${dest%.xz}" ] || continue
			mkdir -p "$(dirname "$dest")"
			cp "$path" "$dest"
			[[ $dest != *.xz ]] || xz -d "$dest"
		done < <(modprobe --show-depends -d "${moddir%/lib/modules/*}" -S "$krel" "$name" ||
			echo "missing $name" >&2)
	done
	cp "$moddir"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$krel/"
	depmod -b "$root" "$krel"
}

our_modules() {
	local beside
	cp "$ko" "$root/lib/modules/redox_scheme.ko"
	for beside in "$(dirname "$ko")"/redox_scheme_*.ko; do
		[ ! -e "$beside" ] || cp "$beside" "$root/lib/modules/"
	done
	strip --strip-debug "$root"/lib/modules/redox_scheme*.ko
}

host_programs() {
	local name path target
	for name in "${programs[@]}"; do
		path=$(command -v "$name") || die "no program $name on this machine"
		target=$(readlink -f "$path")
		cp --remove-destination "$target" "$root/bin/$(basename "$target")"
		[ "$(basename "$target")" = "$name" ] || ln -sf "$(basename "$target")" "$root/bin/$name"
	done
}

# mtools needs the C library's tables for the character sets of DOS.
character_sets() {
	local dir
	[ -e "$root/usr/bin/mtools" ] || return 0
	dir=$(dirname "$(find /usr/lib -name gconv-modules.cache | head -n 1)")
	mkdir -p "$root$dir"
	cp "$dir"/gconv-modules{,.cache} "$dir"/IBM{437,850}.so "$root$dir/" 2>/dev/null || true
}

is_elf() {
	[ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]
}

# ldd prints 'name => path (address)' and, for the loader, 'path (address)'.
shared_libraries() {
	local file lib
	while read -r file; do
		if is_elf "$file"; then echo "$file"; fi
	done < <(find "$root/usr/bin" "$root/usr/lib" "$root/tests" -type f ! -name '*.ko') |
		LD_LIBRARY_PATH=$root/usr/lib xargs -r ldd 2>/dev/null |
		grep -o '/[^ ]* (0x' | sed 's/ (0x$//' | sort -u |
		while read -r lib; do
			case $lib in
			"$root"/*) ;;
			*) mkdir -p "$root$(dirname "$lib")" && cp -Ln "$lib" "$root$lib" ;;
			esac
		done
}

base_system
for tree in "${trees[@]}"; do
	cp -a --remove-destination "$tree/." "$root/"
done
kernel_modules
[ -z "$ko" ] || our_modules
host_programs
character_sets
shared_libraries || true

# Not compressed: unpacking costs an emulated CPU more than copying does.
(cd "$root" && find . -print0 | cpio --quiet -0 -o -H newc -R 0:0) >"$out.tmp"
mv "$out.tmp" "$out"
