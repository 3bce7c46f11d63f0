#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes the images of the USB sticks that 'make check' puts into its VMs.
# usage: sticks.sh DIR
#
# Every 512-byte sector that nothing below writes has its own number in decimal digits.
#   stick0.img  64 MiB, MBR: 1 = FAT with hello.txt from sector 2048, 16 MiB;
#                            2 = Linux, from sector 34816, 8 MiB
#   stick1.img  32 MiB, GPT: 1 = 'first' from sector 2048, 4 MiB;
#                            2 = 'second' from sector 10240, 2 MiB
set -euo pipefail
. "$(dirname "$0")/common.sh"

[ $# = 1 ] || die "usage: sticks.sh DIR"
need sfdisk mkfs.fat mcopy
mkdir -p "$1"

numbered() {
	seq -f %0511.0f 0 $((($2 << 11) - 1)) >"$1"
}

numbered "$1/stick0.img" 64
sfdisk -q --no-tell-kernel "$1/stick0.img" <<END
label: dos
label-id: 0x5c4e3e00
2048 32768 e
34816 16384 83
END
mkfs.fat -F 16 -n DEMO -i 5c4e3e01 --offset 2048 "$1/stick0.img" 16384 >/dev/null 2>&1 ||
	die "mkfs.fat fails"
echo "hello from the stick" | mcopy -i "$1/stick0.img@@1M" - ::hello.txt

numbered "$1/stick1.img" 32
sfdisk -q --no-tell-kernel "$1/stick1.img" <<END
label: gpt
label-id: 5c4e3e00-0000-4000-8000-000000000001
start=2048, size=8192, name=first
start=10240, size=4096, name=second
END
