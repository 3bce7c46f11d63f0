#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A fault for lint.sh, as in kernel.c beside it: shellcheck wants quotes here.
rm -- $1
