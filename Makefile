# SPDX-License-Identifier: GPL-2.0
#
# 'make' or 'make help' lists what can be made. Everything goes into build/.

KDIR	?= /lib/modules/$(shell uname -r)/build
# Not called O: the kernel's makefiles would take that for their own.
BUILD	?= build
B	:= $(abspath $(BUILD))
VERSION	:= 0.1.0
VM	:= selftests/vm
override BUILD := $(B)
export BUILD

# KERNEL= restricts to one kernel, TEST= to some tests. Not every trial of a test is worth
# compiling the debug kernel.
KERNELS	:= $(or $(KERNEL),6.1 6.12 7.3 $(if $(TEST),,debug))
# The debug kernel takes no part where a stock kernel is the point.
STOCK	:= $(filter-out debug,$(KERNELS))
ONE	:= $(or $(KERNEL),6.1)
TEST	?=

# The release that a tree of headers is for, and where its module is built.
KREL	= $(shell sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
MOD	= $(B)/module/$(KREL)

# The root of the tree that the headers want to be used in; none: this machine's own.
KROOT	?=
INSIDE	= $(if $(KROOT),$(VM)/inside.sh $(KROOT))

# 6.12 would want pahole for type information that nobody reads here.
KBUILD	= $(INSIDE) $(MAKE) -C $(KDIR) M=$(MOD)/src CONFIG_DEBUG_INFO_BTF_MODULES= \
	SCHM_KUNIT=$(SCHM_KUNIT)

# The KUnit cases, for a kernel that has it; not among what is installed.
SCHM_KUNIT = yes
modules_install: SCHM_KUNIT =

.PHONY: help
help:	## this list
	@echo "redox-scheme $(VERSION): targets"
	@sed -n 's/^\([a-z_-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r t d; do printf '  %-16s %s\n' "$$t" "$$d"; done
	@echo "variables: KERNEL=6.1|6.12|7.3|debug TEST='name ...' KDIR= KROOT= DESTDIR= PREFIX= BUILD="

.PHONY: deps
deps:	## install the Debian packages that all this needs (as root)
	@$(VM)/deps.sh --all

# ---- building ----------------------------------------------------------------

# Sources are copied to a directory for each kernel, so that kernels do not share
# objects and the source tree stays clean; a file is copied only when it differs.
.PHONY: module module-sources
module: module-sources	## the module, for the kernel that KDIR is the headers of
	+@exec 9>$(MOD)/lock; flock 9; $(KBUILD) $(if $(V),,-s) modules || exit 1; \
	cd $(MOD); rm -f redox_scheme_kunit.ko; \
	for m in redox_scheme redox_scheme_kunit; do \
		! grep -Eq "(^|/)$$m[.]" src/modules.order || cmp -s src/$$m.ko $$m.ko || \
			{ cp src/$$m.ko $$m.ko.new && mv $$m.ko.new $$m.ko; } || exit 1; \
	done
	@echo "built $(MOD)/redox_scheme.ko"

module-sources:
	@test -e $(KDIR)/include/generated/utsrelease.h || \
		{ echo "no kernel headers in $(KDIR); say KDIR=..."; exit 1; }
	@mkdir -p $(MOD)/src
	@find Kbuild module uapi -type f \( -name '*.[ch]' -o -name '*.sh' -o -name Kbuild \) \
		! -name '*.mod.c' ! -name compat_conf.h | sort >$(MOD)/sources.new
	@touch $(MOD)/sources
	@cd $(MOD)/src && comm -23 ../sources ../sources.new | xargs -r rm -f
	@while read -r f; do \
		cmp -s $$f $(MOD)/src/$$f || install -D -m 644 $$f $(MOD)/src/$$f; \
	done <$(MOD)/sources.new
	@mv $(MOD)/sources.new $(MOD)/sources

.PHONY: userspace
userspace:	## library, daemons, tools, examples and benchmarks
	+@$(MAKE) -C userspace O=$(B)/userspace

.PHONY: tests
tests: userspace	## test programs that run where the module is loaded
	+@eval "$$($(VM)/source.sh)" && \
	$(MAKE) -C selftests tests O=$(B)/selftests LIBSCHEME_O=$(B)/userspace KSELFTEST="$$KSELFTEST"

.PHONY: unit
unit:	## unit tests on this machine, under sanitizers
	+@$(MAKE) -C selftests unit O=$(B)/selftests LIBSCHEME_O=$(B)/userspace

# What a VM finds in its root. Examples have a directory of their own: one is called echo.
.PHONY: stage
stage:
	@rm -rf $(B)/stage
	@mkdir -p $(B)/stage/usr/bin $(B)/stage/usr/lib $(B)/stage/usr/examples $(B)/stage/tests
	@for f in $(B)/userspace/daemons/* $(B)/userspace/tools/* $(B)/userspace/bench/* \
		$(B)/userspace/bench/peers/* \
		$(B)/selftests/bin/*; do \
		[ ! -f "$$f" ] || [ ! -x "$$f" ] || cp "$$f" $(B)/stage/usr/bin/; done
	@for f in $(B)/userspace/examples/*; do \
		[ ! -f "$$f" ] || [ ! -x "$$f" ] || cp "$$f" $(B)/stage/usr/examples/; done
	@for f in $(B)/userspace/lib/libscheme.so*; do \
		[ ! -e "$$f" ] || cp -a "$$f" $(B)/stage/usr/lib/; done
	@for f in $(B)/selftests/tests/* selftests/tests/*; do \
		case $$f in *.c|*.h|*.d|*.o|*/Makefile) continue ;; esac; \
		[ ! -f "$$f" ] || cp "$$f" $(B)/stage/tests/; done

# ---- installing --------------------------------------------------------------

.PHONY: install uninstall
install:	## library, headers, daemons, tools and manual pages (DESTDIR, PREFIX)
	+@$(MAKE) -C userspace O=$(B)/userspace install

uninstall:	## remove what install installed
	+@$(MAKE) -C userspace O=$(B)/userspace uninstall

.PHONY: modules_install
modules_install: module	## the module into the tree of the kernel it was built for
	$(if $(KROOT),$(error modules_install is for this machine: without KROOT))
	+@$(KBUILD) $(if $(DESTDIR),INSTALL_MOD_PATH=$(abspath $(DESTDIR))) \
		$(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=) modules_install
	$(if $(DESTDIR),,depmod $(KREL))

DKMS_SOURCE = $(DESTDIR)/usr/src/redox-scheme-$(VERSION)

.PHONY: dkms-source dkms-install dkms-remove dkms-check
dkms-source:
	@rm -rf $(DKMS_SOURCE)
	@find Kbuild dkms.conf module uapi -type f \( -name '*.[ch]' -o -name '*.sh' \
		-o -name Kbuild -o -name dkms.conf \) ! -name '*.mod.c' ! -name compat_conf.h \
		! -path 'module/selftest/*' | \
		while read -r f; do install -D -m 644 $$f $(DKMS_SOURCE)/$$f; done

dkms-install: dkms-source	## give the module to DKMS, which builds it for every kernel
	dkms add -m redox-scheme -v $(VERSION)
	dkms install -m redox-scheme -v $(VERSION)

dkms-remove:	## and take it away again
	dkms remove -m redox-scheme -v $(VERSION) --all
	rm -rf $(DKMS_SOURCE)

dkms-check:	## prove 'dkms build' against the kernels, in private directories
	@selftests/dkms.sh $(STOCK)

# ---- proving -----------------------------------------------------------------

.PHONY: check
check:	## everything: builds, unit tests, lint, DKMS, tests in VMs (TEST=: only these)
	+@MAKE="$(MAKE)" selftests/check.sh $(KERNELS:%=--kernel %) $(TEST)

.PHONY: lint
lint:	## every static checker: module, user space, scripts
	+@MAKE="$(MAKE)" selftests/lint.sh $(STOCK)

.PHONY: coverage
coverage:	## the tests on the debug kernel, and what they ran of the module
	+@MAKE="$(MAKE)" selftests/check.sh --kernel debug --vm-only
	@selftests/coverage.sh --write

.PHONY: model
model:	## verify the protocol models with SPIN
	@selftests/model/run.sh

.PHONY: conformance
conformance:	## Documentation/conformance.md from the last results of 'make check'
	@selftests/conformance.sh

.PHONY: vm-ready
vm-ready: userspace
	@$(VM)/deps.sh
	+@eval "$$($(VM)/kernel.sh $(ONE))" && \
	$(MAKE) --no-print-directory module KDIR="$$KDIR" KROOT="$$KROOT"
	+@$(MAKE) --no-print-directory stage

.PHONY: vm-shell
vm-shell: vm-ready	## a prompt in a VM with the module loaded (KERNEL=)
	@$(VM)/run.sh --kernel $(ONE) --shell $(VMARGS)

.PHONY: soak
soak: vm-ready tests	## rings for hours; then 100,000 rounds of 'make check's 10,000, in a VM (KERNEL=)
	+@$(MAKE) -C selftests soak O=$(B)/selftests LIBSCHEME_O=$(B)/userspace
	+@$(MAKE) --no-print-directory stage
	@$(VM)/run.sh --kernel $(ONE) --leaks --script $(VM)/soak.sh --timeout 15000

.PHONY: demo
demo:	## a USB stick served by a daemon, in a VM; from nothing in a few minutes
	+@MAKE="$(MAKE)" $(VM)/demo.sh $(ONE)

.PHONY: bench
bench:	## measure in a VM; build/bench/results.csv
	+@MAKE="$(MAKE)" $(VM)/bench.sh $(ONE)

.PHONY: clean
clean:	## remove build/; the cache of kernels stays
	rm -rf $(B)
