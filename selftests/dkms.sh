#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Proves dkms.conf: 'dkms build' for each kernel, with trees of our own, so that the
# DKMS of this machine stays as it is.
# usage: dkms.sh 6.1|6.12|7.3...
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

[ $# -gt 0 ] || die "usage: dkms.sh 6.1|6.12|7.3..."
need dkms
dir=$BUILD/dkms
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$ROOT/dkms.conf")
failed=0
inside=()

rm -rf "$dir"
mkdir -p "$dir/tree" "$dir/source"
make -s -C "$ROOT" dkms-source DESTDIR="$dir"
mv "$dir/usr/src/redox-scheme-$version" "$dir/source/"

# Inside the tree for the kernel's headers, if they have one: there is another dkms in it.
private_dkms() {
	"${inside[@]}" dkms "$@" -m redox-scheme -v "$version" --dkmstree "$dir/tree" --sourcetree "$dir/source"
}

# A sign-file that is not there: the key of this machine is neither made nor used for a proof.
build() {
	sign_file=/nonexistent private_dkms build -k "$KREL" -a x86_64 --kernelsourcedir "$KDIR" &&
		find "$dir/tree/redox-scheme/$version/$KREL" -name 'redox_scheme.ko*' | grep -q .
}

private_dkms add >"$dir/add.log" 2>&1 || { cat "$dir/add.log"; die "dkms add fails"; }
echo "1..$#"
number=0
for kernel; do
	number=$((number + 1))
	KREL='' KDIR='' KROOT='' inside=()
	eval "$("$ROOT/selftests/vm/kernel.sh" "$kernel")"
	[ -z "$KROOT" ] || inside=("$ROOT/selftests/vm/inside.sh" "$KROOT")
	say "dkms build for $KREL"
	if build >"$dir/$KREL.log" 2>&1; then
		echo "ok $number dkms build for $KREL"
	else
		echo "not ok $number dkms build for $KREL"
		cat "$dir/$KREL.log" "$dir/tree/redox-scheme/$version/build/make.log" 2>/dev/null | tail -40 | sed 's/^/# /'
		failed=$((failed + 1))
	fi
done
echo "$(($# - failed)) passed, $failed failed, 0 skipped"
[ $failed = 0 ]
