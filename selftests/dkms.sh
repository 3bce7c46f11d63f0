#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Proves dkms.conf: 'dkms build' for each kernel, with trees of our own, so that the
# DKMS of this machine stays as it is. Prints TAP and a line of counts.
# usage: dkms.sh 6.1|6.12|7.3...
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

[ $# -gt 0 ] || die "usage: dkms.sh 6.1|6.12|7.3..."
need dkms
cd "$ROOT"
dir=$BUILD/dkms
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
log=$dir/log
passed=0 failed=0
inside=()

rm -rf "$dir"
mkdir -p "$dir/tree" "$dir/source"
: >"$log"
make -s dkms-source DESTDIR="$dir"
mv "$dir/usr/src/redox-scheme-$version" "$dir/source/"
mapfile -t source < <(find Kbuild dkms.conf module uapi -type f ! -name '*.mod.c' | sort)
mapfile -t settings < <(find /etc/dkms -type f -path '*/framework.conf*' 2>/dev/null | sort)

# Inside the tree for the kernel's headers, if they have one: there is another dkms in it.
private_dkms() {
	"${inside[@]}" dkms "$@" -m redox-scheme -v "$version" --dkmstree "$dir/tree" --sourcetree "$dir/source"
}

# By this machine's dkms, whichever kernel comes first.
add() {
	local inside=()
	[ -e "$dir/tree/redox-scheme" ] || private_dkms add
}

# A sign-file that is not there: the key of this machine is neither made nor used for a proof.
build() {
	add && sign_file=/nonexistent private_dkms build -k "$KREL" -a x86_64 --kernelsourcedir "$KDIR" &&
		find "$dir/tree/redox-scheme/$version/$KREL" -name 'redox_scheme.ko*' | grep -q .
}

# builds RELEASE PACKAGE TREE: of the kernel, and where its module is built
builds() {
	say "dkms build for $1"
	if build >"$log" 2>&1; then
		: >"$log"
	else
		echo "dkms build fails" >>"$log"
		tail -n 40 "$dir/tree/redox-scheme/$version/build/make.log" >>"$log" 2>/dev/null || true
	fi
	result "dkms build for $1"
}

echo "1..$#"
for kernel; do
	KREL='' KDIR='' KPKG='' KROOT='' inside=()
	eval "$(selftests/vm/kernel.sh "$kernel")"
	[ "$KREL" ] || die "no kernel $kernel"
	[ -z "$KROOT" ] || inside=(selftests/vm/inside.sh "$KROOT")
	once builds "$KREL" "$KPKG" "$KROOT" -- "${source[@]}" "${settings[@]}" Makefile \
		selftests/vm/{common,inside,kernel,trixie}.sh
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
