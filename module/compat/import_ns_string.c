// SPDX-License-Identifier: GPL-2.0
/* 6.13: the name space of symbols is a string. */
#include <linux/module.h>

MODULE_IMPORT_NS("PROBE");
