#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the kernel that 'KERNEL=debug' means: Debian's source with debug.config.
# usage: eval "$(debug-kernel.sh)"; prints the same lines as kernel.sh, which calls this
#
# Takes about 15 minutes on two cores, once for each source version and configuration: the
# result stays below $XDG_CACHE_HOME/redox-scheme/kernel. What is kept is what building
# and loading modules needs. The build fails unless the final .config has all of debug.config.
set -euo pipefail
. "$(dirname "$0")/common.sh"

here=$(dirname "$(readlink -f "$0")")
fragment=$here/debug.config
fixes=$here/debug.patch
compiler=gcc-12
need "$compiler" flex bison bc lz4 patch xz tar
lock_cache debug-kernel
store=$CACHE/kernel
mkdir -p "$store"
TARBALL='' SRCVERSION=''
eval "$("$here/source.sh")"
# To be counted up when what is below changes the kernel that comes out.
recipe=1
name=debug-$SRCVERSION-$({ echo "$recipe" && "$compiler" --version && cat "$fragment" "$fixes"; } | sha256sum | cut -c -12)

# What the compiler said last when it failed.
failed=$store/.failed-$name

# Every line of the fragment, against the configuration that came out.
check_config() {
	local line option missing=0
	while read -r line; do
		case $line in
		CONFIG_*) grep -qxF "$line" "$1" && continue ;;
		'# CONFIG_'*' is not set')
			option=${line#\# }
			grep -q "^${option%% *}=" "$1" || continue
			;;
		*) continue ;;
		esac
		echo "the kernel's configuration lacks: $line" >&2
		missing=$((missing + 1))
	done <"$fragment"
	[ $missing = 0 ] || die "$missing options of debug.config did not get into the kernel"
}

configure() {
	make -s -C "$1" CC="$compiler" HOSTCC="$compiler" tinyconfig
	(cd "$1" && scripts/kconfig/merge_config.sh -m .config "$fragment" >/dev/null)
	make -s -C "$1" CC="$compiler" HOSTCC="$compiler" olddefconfig
	check_config "$1/.config"
}

# A line now and then: the build prints one line for each file.
progress() {
	awk -v every=250 '
		/^  (CC|AS|LD|AR) / && ++n % every == 0 { print n " files compiled"; fflush() }' |
		while read -r line; do say "debug kernel: $line"; done
}

# Without ccache: with another configuration nothing is as it was.
compile() {
	local log=$1.log
	export CCACHE_DISABLE=1
	say "compiling the debug kernel, about 15 minutes on two cores"
	make -C "$1" -j "$(nproc)" CC="$compiler" HOSTCC="$compiler" KBUILD_BUILD_TIMESTAMP=@0 \
		bzImage modules 2>&1 | tee "$log" | progress ||
		{ tail -30 "$log" | tee "$failed" >&2; die "the debug kernel does not compile"; }
	rm -f "$log"
}

# Sources and objects are not needed to build modules against the tree.
prune() {
	find "$1" -mindepth 1 -maxdepth 1 -type d ! -name arch ! -name include ! -name scripts \
		! -name tools -exec rm -rf {} +
	find "$1/arch" -mindepth 1 -maxdepth 1 ! -name x86 -exec rm -rf {} +
	find "$1/arch/x86" -type f \( -name '*.[coSa]' -o -name '*.cmd' -o -name 'vmlinux*' -o -name bzImage \) -delete
	find "$1/tools" -mindepth 1 -maxdepth 1 ! -name objtool ! -name include ! -name build \
		! -name scripts ! -name lib ! -name arch -exec rm -rf {} +
	rm -f "$1"/vmlinux* "$1"/.tmp_vmlinux* "$1"/*.a
}

build() {
	local tmp root kdir krel
	discard "$store/.build"
	tmp=$(mktemp -d "$store/.build.XXXXXX")
	# shellcheck disable=SC2064 # the path is known now
	trap "rm -rf '$tmp' '$tmp'.log" EXIT
	root=$tmp/root kdir=$tmp/root/usr/src/linux-debug
	mkdir -p "$kdir" "$root/boot"
	say "unpacking the kernel's source ($SRCVERSION)"
	xz -T0 -dc "$TARBALL" | tar -x -C "$kdir" --strip-components=1
	patch -s -p1 -d "$kdir" <"$fixes"
	configure "$kdir"
	compile "$kdir"
	krel=$(make -s -C "$kdir" kernelrelease)
	make -s -C "$kdir" INSTALL_MOD_PATH="$root" modules_install
	rm -f "$root/lib/modules/$krel"/{build,source}
	cp "$kdir/arch/x86/boot/bzImage" "$root/boot/vmlinuz-$krel"
	cp "$kdir/.config" "$root/boot/config-$krel"
	prune "$kdir"
	mv "$root" "$1"
}

if [ ! -d "$store/$name" ]; then
	# One run asks more than once.
	if [ -e "$failed" ] && [ "$(stat -c %Y "$failed")" -ge "$SCHM_T0" ]; then
		cat "$failed" >&2
		die "the debug kernel does not compile"
	fi
	attempt build "$store/$name"
	[ "$ATTEMPT" = 0 ] || die "the debug kernel could not be built"
fi
base=$store/$name
krel=$(basename "$(find "$base/lib/modules" -mindepth 1 -maxdepth 1 -type d)")
printf '%s=%q\n' KREL "$krel" KPKG "$SRCVERSION" VMLINUZ "$base/boot/vmlinuz-$krel" \
	VMLINUX "$base/boot/vmlinuz-$krel" MODDIR "$base/lib/modules/$krel" KDIR "$base/usr/src/linux-debug" \
	SYMVERS "$base/usr/src/linux-debug/Module.symvers" KROOT ''
