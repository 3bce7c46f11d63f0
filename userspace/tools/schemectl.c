// SPDX-License-Identifier: MIT
/*
 * schemectl: look at schemes, end them, use them from a shell.
 */
#include "schemectl.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_CONTROL = 0x1000,
	OPT_SYSFS,
	OPT_ROOM,
};

struct command {
	const char	*name;
	int		least, most;		/* arguments */
	int		(*run)(const struct ctl *ctl);
};

static const struct command commands[] = {
	{ "list",	0, 0,	ctl_list },
	{ "features",	0, 0,	ctl_features },
	{ "stats",	1, 1,	ctl_stats },
	{ "kill",	1, 1,	ctl_kill },
	{ "open",	1, 1,	ctl_open },
	{ "cat",	1, 1,	ctl_cat },
	{ "ls",		1, 1,	ctl_ls },
	{ "dup",	2, 2,	ctl_dup },
	{ "call",	1, 4,	ctl_call },
};

int ctl_fail(const struct ctl *ctl, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", ctl->program, what, why);
	return EXIT_FAILURE;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* ---- options -------------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "print JSON (list, features, stats)", 0 },
	{ "room", OPT_ROOM, "BYTES", 0,
	  "room for a call's answer (a slot of the scheme)", 0 },
	{ "control", OPT_CONTROL, "PATH", 0,
	  "control node (/dev/scheme-control)", 0 },
	{ "sysfs", OPT_SYSFS, "DIR", 0,
	  "where schemes have their attributes (/sys/class/scheme)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static const char doc[] =
	"Look at schemes, end them, use them from a shell."
	"\v"
	"Commands:\n"
	"  list                  the schemes that there are\n"
	"  features              what the loaded module can do\n"
	"  stats NAME            the counters of a scheme\n"
	"  kill NAME             end a scheme\n"
	"  open URL              see whether a file can be opened\n"
	"  cat URL               copy a file to the standard output\n"
	"  ls URL                the list that a provider gives of a directory\n"
	"  dup URL STRING        the same with the sub-object that STRING names\n"
	"  call URL [WORD...]    a call with up to three numbers; standard input\n"
	"                        goes there, what comes back to standard output\n"
	"\n"
	"URL is name:path, /scheme/name/path or /dev/scheme/name.\n"
	"Negative words come after \"--\".\n";

static void parse_room(struct ctl *ctl, const char *arg,
		       struct argp_state *state)
{
	char *end;
	unsigned long room = strtoul(arg, &end, 0);

	if (end == arg || *end || *arg == '-' || room > 1U << 30)
		argp_error(state, "--room: not a number up to 1 GiB: %s", arg);
	ctl->room = (unsigned int)room;
}

static void check_command(struct ctl *ctl, struct argp_state *state)
{
	const struct command *c = ctl->nr_args ? find(ctl->args[0]) : NULL;

	if (!ctl->nr_args)
		argp_error(state, "which command?");
	else if (!c)
		argp_error(state, "no such command: %s", ctl->args[0]);
	else if (ctl->nr_args - 1 < c->least || ctl->nr_args - 1 > c->most)
		argp_error(state, "wrong number of arguments for %s", c->name);
	ctl->command = c;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct ctl *ctl = state->input;

	switch (key) {
	case 'j':
		ctl->json = true;
		return 0;
	case OPT_CONTROL:
		ctl->control = arg;
		return 0;
	case OPT_SYSFS:
		ctl->sysfs = arg;
		return 0;
	case OPT_ROOM:
		parse_room(ctl, arg, state);
		return 0;
	case ARGP_KEY_ARGS:
		ctl->args = state->argv + state->next;
		ctl->nr_args = state->argc - state->next;
		return 0;
	case ARGP_KEY_END:
		check_command(ctl, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = doc,
	};
	struct ctl ctl = {
		.program = program_invocation_short_name,
		.sysfs = "/sys/class/scheme",
	};

	argp_parse(&argp, argc, argv, 0, NULL, &ctl);
	return ctl.command->run(&ctl);
}
