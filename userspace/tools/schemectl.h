/* SPDX-License-Identifier: MIT */
/*
 * schemectl's commands. Each returns the exit status, after one line on stderr
 * if it is not 0.
 */
#ifndef SCHEMECTL_H
#define SCHEMECTL_H

#include <stdbool.h>

struct command;

struct ctl {
	const char	*program;
	const char	*control;	/* NULL: the usual node */
	const char	*sysfs;		/* where the schemes' attributes are */
	bool		json;
	unsigned int	room;		/* of a call's answer; 0: a slot */
	const struct command *command;	/* the one that args[0] names */
	int		nr_args;	/* the command and its own */
	char		**args;
};

/* show.c: what there is */
int ctl_list(const struct ctl *ctl);
int ctl_features(const struct ctl *ctl);
int ctl_stats(const struct ctl *ctl);

/* use.c: doing something with it */
int ctl_kill(const struct ctl *ctl);
int ctl_open(const struct ctl *ctl);
int ctl_cat(const struct ctl *ctl);
int ctl_ls(const struct ctl *ctl);
int ctl_dup(const struct ctl *ctl);
int ctl_call(const struct ctl *ctl);

/* "schemectl: WHAT: WHY"; returns 1. */
int ctl_fail(const struct ctl *ctl, const char *what, const char *why);
/* Is there a control node at all? */
bool ctl_have_module(const struct ctl *ctl);
/* An attribute as a number; dflt if there is none. */
unsigned long long ctl_attr_number(const struct ctl *ctl, const char *name,
				   const char *attr, unsigned long long dflt);

#endif /* SCHEMECTL_H */
