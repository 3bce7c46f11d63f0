#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs the Debian packages that building, the VM and the tests need.
# usage: deps.sh [--all | --debug]
#   --all    also what only 'make check' and 'make lint' use
#   --debug  also what the debug kernel is compiled with
# Asks the package manager only for what is missing, so a second run needs no network.
set -euo pipefail
. "$(dirname "$0")/common.sh"

build=(gcc gcc-12 libc6-dev make pkg-config libelf1 kmod binutils liburing-dev libusb-1.0-0-dev libjson-c-dev
	libasound2-dev libfuse3-dev)
vm=(qemu-system-x86 busybox-static cpio xz-utils zstd mtools dosfstools debootstrap debian-archive-keyring)
# the debug kernel: compiled here
kernel=(flex bison bc lz4 patch libelf-dev perl)
all=(ccache dkms fdisk libcmocka-dev spin rsync stress-ng)
lint=(sparse shellcheck coccinelle ocaml-nox clang-tidy cppcheck)

packages=("${build[@]}" "${vm[@]}")
case ${1:-} in
--all) packages+=("${kernel[@]}" "${all[@]}" "${lint[@]}") ;;
--debug) packages+=("${kernel[@]}") ;;
'') ;;
*) die "usage: deps.sh [--all | --debug]" ;;
esac

missing=()
for package in "${packages[@]}"; do
	status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null) || true
	grep -qx installed <<<"$status" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

[ "$(id -u)" = 0 ] || die "these packages are missing; as root: apt-get install ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get -q -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0
	--no-install-recommends install "${missing[@]}")
say "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${install[@]}" >"$log" 2>&1; then
	apt_update
	say "installing, second try with fresh package lists"
	"${install[@]}" >"$log" 2>&1 || { tail -20 "$log" >&2; die "apt-get could not install them"; }
fi
say "packages installed"
