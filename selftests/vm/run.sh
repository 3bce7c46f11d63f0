#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boots a Debian kernel in QEMU with our module, programs and tests, and says how it went.
# usage: run.sh --kernel 6.1|6.12|7.3|debug [option]... [TESTNAME...]
#   --script FILE      run this script instead of the tests
#   --shell            a prompt inside the VM instead of the tests
#   --usb IMAGE        put a USB stick with this content in; may be repeated
#   --program NAME     take a program of this machine along; may be repeated
#   --module NAME      load this module of the kernel first; may be repeated
#   --have-module NAME the same, if the kernel has it as a module; may be repeated
#   --timeout SECONDS  for the whole run (900)      --test-timeout SECONDS  for one test (120)
#   --mem SIZE         memory of the VM (1G, 3G)    --append ARGS           to the kernel's command line
#   --hardware         devices that do DMA, an IOMMU, memory above 4 GiB: see README.md
#   --qemu ARGS        more arguments for QEMU      --out DIR               logs and files of the run
#   --busy             this machine does other things: everything may take twice as long
#   --brief            leave out tests that say 'programs': of programs more than of the module
#   --others           other kernels run all: tests that find $OTHERS set may leave out what takes long
#   --leaks            make the kernel remember who allocates, to find what the module leaks
#   --stage DIR        tree for the VM's root (build/stage)
#   --ko FILE          our module (build/module/RELEASE/redox_scheme.ko); 'none': without it
# Exits 0 only if the VM itself said that everything passed and its log is clean.
set -euo pipefail
. "$(dirname "$0")/common.sh"

here=$(dirname "$(readlink -f "$0")")
kernel='' mode=tests script='' timeout=900 test_timeout=120 mem='' append='' out=''
stage=$BUILD/stage ko='' sticks=() programs=() modules=() extra=() qemu_args=() tests=()
command_line=("$@")
leaks='' slow=1 brief='' others='' hardware=()

while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2 ;;
	--script) mode=script script=$(readlink -f "$2") ;;
	--shell) mode=shell; set -- "$1" "$@" ;;
	--usb) sticks+=("$(readlink -f "$2")") ;;
	--program) programs+=(--program "$2") ;;
	--module) modules+=("$2") ;;
	--have-module) extra+=("$2") ;;
	--timeout) timeout=$2 ;;
	--test-timeout) test_timeout=$2 ;;
	--mem) mem=$2 ;;
	--append) append+=" $2" ;;
	--leaks) leaks=1; set -- "$1" "$@" ;;
	--busy) slow=2; set -- "$1" "$@" ;;
	--brief) brief=1; set -- "$1" "$@" ;;
	--others) others=1; set -- "$1" "$@" ;;
	--hardware) hardware=(1); set -- "$1" "$@" ;;
	--qemu) read -ra words <<<"$2"; qemu_args+=("${words[@]}") ;;
	--out) out=$2 ;;
	--stage) stage=$2 ;;
	--ko) ko=$2 ;;
	-*) die "unknown option $1" ;;
	*) tests+=("$1"); set -- "$1" "$@" ;;
	esac
	shift 2
done
[ "$kernel" ] || die "which kernel? --kernel 6.1, 6.12, 7.3 or debug"
# Under its checkers everything takes longer and needs more memory; kmemleak finds leaks.
if [ "$kernel" = debug ]; then
	slow=$((slow * 4)) mem=${mem:-3G} leaks=''
	append+=' kmemleak=on'
fi
# One edu reaches 28 address bits, the other 32, and no more than 1 GiB of memory is there. The
# IOMMU stands aside until a test wants it. Where it remaps interrupts, a timer that a busy machine
# makes late would be the kernel's end.
if [ ${#hardware[@]} -gt 0 ]; then
	mem=${mem:-2G}
	# shellcheck disable=SC2054 # commas belong to QEMU's options
	hardware=(-machine q35,kernel-irqchip=split,max-ram-below-4g=1G -device intel-iommu,caching-mode=on
		-device edu,addr=10,dma_mask=0xfffffff -device edu,addr=11,dma_mask=0xffffffff)
	append+=' intel_iommu=on iommu=pt no_timer_check'
	# The checkers slow the interpreter of ACPI down: a second for each device that is enabled,
	# for an interrupt that no driver here has any use of.
	[ "$kernel" != debug ] || append+=' acpi=noirq'
	extra+=(vgem vivid vfio-pci vfio_iommu_type1)
	# one camera, which takes nothing but memory for DMA
	append+=' vivid.n_devs=1 vivid.node_types=1 vivid.allocators=1 vivid.no_error_inj=1'
fi
timeout=$((timeout * slow))
[ ! "$leaks" ] || append+=' slub_debug=U,kmalloc-*'
need qemu-system-x86_64
# shellcheck disable=SC2034 # some are not used here
KREL='' KPKG='' VMLINUZ='' VMLINUX='' MODDIR='' KDIR='' SYMVERS='' KROOT=''
eval "$("$here/kernel.sh" "$kernel")"
[ "$KREL" ] || die "there is no kernel $kernel to boot"

# A failed run's directory is kept under another name when the same run is started again.
name=$kernel-${mode}
[ -z "$script" ] || name=$kernel-$(basename "$script" .sh)
[ ${#tests[@]} = 0 ] || name=$kernel-$(IFS=+; echo "${tests[*]}" | cut -c -60)
out=${out:-$BUILD/vm/$name}
[ ! -e "$out/failed" ] || mv "$out" "$out.failed-$(date -r "$out/failed" +%m%d-%H%M%S)"
rm -rf "$out"
mkdir -p "$out/files" "$out/overlay/etc"
out=$(readlink -f "$out")
console=$out/console.log

[ ${#sticks[@]} = 0 ] || modules=(xhci-pci usb-storage sd_mod "${modules[@]}")
if [ "$ko" != none ]; then
	ko=${ko:-$BUILD/module/$KREL/redox_scheme.ko}
	[ -e "$ko" ] || die "no $ko: run 'make module KDIR=$KDIR${KROOT:+ KROOT=$KROOT}'"
fi

settings() {
	printf '%s=%q\n' KERNEL "$kernel" MODE "$mode" TESTS "${tests[*]}" MODULES "${modules[*]}" \
		HAVE "${extra[*]}" \
		STICKS ${#sticks[@]} TEST_TIMEOUT "$test_timeout" TERMINAL "${TERM:-dumb}"
	read -r rows columns < <(stty size 2>/dev/null || echo 24 80)
	printf '%s=%q\n' ROWS "$rows" COLUMNS "$columns"
	printf '%s=%q\n' KREL "$KREL" SLOW "$slow" BRIEF "$brief" OTHERS "$others" | sed 's/^/export /'
}

build_image() {
	local args=() module
	settings >"$out/overlay/etc/vm.conf"
	[ -z "$script" ] || install -m 755 "$script" "$out/overlay/script"
	[ "$ko" = none ] || args+=(--ko "$ko")
	[ ! -d "$stage" ] || args+=(--stage "$stage")
	for module in "${modules[@]}" "${extra[@]}"; do args+=(--module "$module"); done
	"$here/image.sh" --out "$out/initramfs" --krel "$KREL" --moddir "$MODDIR" "${args[@]}" \
		"${programs[@]}" --overlay "$out/overlay"
}

# A /dev/kvm without hardware behind it exists and hangs the kernel: believe cpuinfo only.
accelerator() {
	if grep -Eqw 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then
		echo -accel kvm -cpu host
	else
		# Without erms and fsrm the kernel does not copy by 'rep movsb', slow under TCG; a walk
		# of page tables takes five steps with la57, else four.
		echo -accel tcg,thread=multi -cpu max,-erms,-fsrm,-la57
	fi
}

usb_disks() {
	local n
	[ ${#sticks[@]} = 0 ] || echo -device qemu-xhci,id=xhci
	for n in "${!sticks[@]}"; do
		echo -blockdev "raw,node-name=stick$n,file.driver=file,file.filename=${sticks[n]}"
		echo -device "usb-storage,bus=xhci.0,port=$((n + 1)),drive=stick$n,id=usbstick$n,serial=STICK$n"
	done
}

# Without init_on_alloc: to clear all memory takes a fifth of the time under TCG, and what the
# module forgets to clear would never show.
# A late CPU makes the kernel distrust the time stamp counter, which all emulated CPUs share;
# all other clocks are slow ones: hence tsc=reliable.
boot() {
	local qemu disks output="file,id=output,path=$out/output.log"
	[ $mode != shell ] || output="stdio,id=output,signal=off,logfile=$out/output.log"
	read -ra qemu <<<"qemu-system-x86_64 $(accelerator)"
	readarray -t disks < <(usb_disks | sed 's/ /\n/')
	rm -f "$out"/*.in "$out"/*.out
	mkfifo "$out/control.in" "$out/control.out" "$out/monitor.in" "$out/monitor.out"
	"$here/host.sh" "$out" ${#sticks[@]} </dev/null >"$out/host.log" 2>&1 &
	host=$!
	# shellcheck disable=SC2054 # commas belong to QEMU's options
	qemu+=(-smp 2 -m "${mem:-1G}" -nodefaults -nic none -display none -no-reboot
		-kernel "$VMLINUX" -initrd "$out/initramfs"
		-append "console=ttyS0 panic=-1 oops=panic panic_on_warn=1 slab_nomerge norandmaps mitigations=off init_on_alloc=0 random.trust_cpu=on tsc=reliable usb-storage.delay_use=0$append"
		-serial "file:$console"
		-chardev "$output" -serial chardev:output
		-serial "file:$out/verdict"
		-chardev "pipe,id=control,path=$out/control" -serial chardev:control
		-chardev "pipe,id=monitor,path=$out/monitor" -mon chardev=monitor,mode=control)
	qemu+=("${hardware[@]}" "${disks[@]}" "${qemu_args[@]}")
	printf '%q ' "${qemu[@]}" >"$out/qemu.cmd"
	if [ $mode = shell ]; then
		"${qemu[@]}" || status=$?
	else
		# QEMU's own words apart from the tests': judge reads them
		: >"$out/output.log"
		timeout -k 5 "$timeout" "${qemu[@]}" </dev/null >"$out/qemu.log" 2>&1 &
		vm=$!
		tail -n +1 -f --pid=$vm "$out/output.log" &
		wait $vm || status=$?
		wait $! || true
	fi
	kill $host 2>/dev/null || true
}

# Everything that makes a run fail whatever the tests say.
judge() {
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		problem "no end after $timeout s"
	elif [ "$status" != 0 ]; then
		problem "QEMU exits with $status: $(tail -n 1 "$out/qemu.log" 2>/dev/null)"
	elif [ ! -s "$out/verdict" ]; then
		problem "the VM ended without a verdict"
	fi
	if grep -aE -f "$here/badlog" "$console" | grep -avE -f "$here/goodlog" >"$out/badlines"; then
		problem "the kernel's log has bad lines:"
		head -20 "$out/badlines" | tr -d '\r' | sed 's/^/#   /'
	fi
	# An edu does not fail; it reaches other memory than it was told to.
	if grep -qas 'EDU: clamping DMA' "$out/qemu.log"; then
		problem "a device was given addresses above its mask:"
		grep -as 'EDU: clamping DMA' "$out/qemu.log" | head | sed 's/^/#   /'
	fi
	grep -qa 'vm: user space is up' "$console" || problem "the VM did not reach user space"
}

problem() {
	echo "not ok - $*"
	problems=$((problems + 1))
}

# The counts come with the verdict; a run that died has the sums of what it finished.
counts() {
	local line
	line=$(tr -d '\r' <"$out/verdict" 2>/dev/null) || true
	if [[ $line =~ ^verdict:\ (pass|fail)\ ([0-9]+)\ ([0-9]+)\ ([0-9]+)$ ]]; then
		echo "${BASH_REMATCH[@]:1:4}"
	else
		sed -n 's/^== .*: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped.*/\1 \2 \3/p' \
			"$out/output.log" 2>/dev/null |
			awk '{ p += $1; f += $2; s += $3 } END { print "none", p + 0, f + 0, s + 0 }'
	fi
}

# shellcheck disable=SC2086,SC2317 # by trap; an empty one is no word
cleanup() {
	kill $vm $host 2>/dev/null || true
	rm -f "$out"/*.in "$out"/*.out "$out/initramfs"
}

# A kernel that ends before user space is up has run nothing of ours: it gets two more chances.
# README.md says what it dies of.
boot_again() {
	[ $mode != shell ] && [ "$status" = 0 ] && [ "$boots" -lt 3 ] || return 1
	[ ! -s "$out/verdict" ] && [ ! -s "$out/output.log" ] || return 1
	! grep -qa 'vm: user space is up' "$console" || return 1
	mv "$console" "$out/console.boot$boots.log"
	echo "# the kernel ended before user space was up, with nothing of ours in it; its last words:"
	tail -n 5 "$out/console.boot$boots.log" | tr -d '\r' | sed 's/^/#   /'
}

status=0 problems=0 host='' vm='' boots=1
trap cleanup EXIT
trap 'exit 130' INT TERM
build_image
say "booting Linux $KREL under ${mode}${tests[*]:+ (${tests[*]})}"
boot
while boot_again; do
	boots=$((boots + 1))
	say "booting it again ($boots of 3)"
	boot
done
rm -rf "$out/overlay"
judge
read -r word passed failed skipped < <(counts)
failed=$((failed + problems))
if [ "$failed" = 0 ] && [ "$word" = pass ]; then
	say "VM passed"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 0
fi
[ "$failed" -gt 0 ] || failed=1
{
	printf 'rerun with: %q --kernel' "${here#"$PWD"/}/run.sh"
	printf ' %q' "${command_line[@]}" | sed 's/ --kernel//'
	echo
} | tee "$out/failed"
if [ "$problems" -gt 0 ]; then
	echo "last lines of ${console#"$PWD"/}:"
	tail -n 25 "$console" | tr -d '\r' | sed 's/^/  | /'
fi
echo "$passed passed, $failed failed, $skipped skipped"
exit 1
