/* SPDX-License-Identifier: MIT */
/*
 * Errors in words that say what to do.
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

/* Each takes an errno, positive or negative. The texts are static. */
const char *explain_create(int err);
/* Of the control node: query and kill. */
const char *explain_control(int err);
/* Of opening a file in a scheme. */
const char *explain_open(int err);

#endif /* EXPLAIN_H */
