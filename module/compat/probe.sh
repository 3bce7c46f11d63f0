#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Usage: probe.sh OUTPUT "PROBE.c ..." COMPILER FLAGS...
# Writes a header that defines SCHM_HAVE_<PROBE> for each probe that compiles
# against the kernel being built for.
set -u
out=$1 probes=$2
shift 2
tmp=$out.tmp
{
	echo "/* Made by probe.sh: what this kernel offers. */"
	for probe in $probes; do
		name=$(basename "$probe" .c | tr '[:lower:]' '[:upper:]')
		if "$@" -Werror -DKBUILD_MODNAME='"probe"' \
			-DKBUILD_BASENAME='"probe"' -DMODULE \
			-c -o "$tmp.o" "$probe" >/dev/null 2>&1; then
			echo "#define SCHM_HAVE_$name 1"
		else
			echo "/* no $name */"
		fi
	done
} >"$tmp"
rm -f "$tmp.o"
mv "$tmp" "$out"
