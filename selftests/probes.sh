#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Finds compile probes of the module that are of no use. Says which, and fails.
# usage: probes.sh [CONF...]
#
# Each probe of module/compat must be asked for in compat.h, and compat.h may ask for
# no other. With the compat_conf.h of every kernel that is built for, the kernels must
# differ in it, too: one with the same answer on all of them tells nothing.
set -euo pipefail
. "$(dirname "$0")/vm/common.sh"

cd "$ROOT"
bad=0

complain() {
	echo "$*"
	bad=1
}

for probe in module/compat/*.c; do
	name=SCHM_HAVE_$(basename "$probe" .c | tr '[:lower:]' '[:upper:]')
	grep -Eq "^#(el)?if.*\<$name\>" module/compat.h || complain "$probe: compat.h does not use $name"
	[ $# -gt 0 ] || continue
	yes=$(grep -lx "#define $name 1" "$@" | wc -l) || true
	no=$(grep -lx "/\* no ${name#SCHM_HAVE_} \*/" "$@" | wc -l) || true
	[ $((yes + no)) = $# ] || complain "$probe: has no answer for $(($# - yes - no)) of $# kernels"
	[ "$yes" != $# ] || complain "$probe: every kernel has it"
	[ "$no" != $# ] || complain "$probe: no kernel has it"
done
while read -r name; do
	probe=module/compat/$(tr '[:upper:]' '[:lower:]' <<<"${name#SCHM_HAVE_}").c
	[ -e "$probe" ] || complain "compat.h uses $name, but there is no $probe"
done < <(grep -o '\<SCHM_HAVE_[A-Z0-9_]*' module/compat.h | sort -u)
# Anywhere else a difference between kernels would escape compat.h.
if grep -rn 'SCHM_HAVE_' module --include='*.[ch]' --exclude=compat.h --exclude=compat_conf.h; then
	complain "only compat.h asks for probes"
fi
[ $bad = 0 ]
