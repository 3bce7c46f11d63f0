// SPDX-License-Identifier: MIT
/*
 * What there is: schemes, their counters, the module's features.
 */
#include "schemectl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <scheme.h>

#include "explain.h"

/* What a line of the list tells, and how wide. */
static const struct {
	const char	*attr, *title;
	int		width;
} columns[] = {
	{ "state",	"STATE",	6 },
	{ "owner",	"OWNER",	8 },
	{ "queues",	"QUEUES",	6 },
	{ "depth",	"DEPTH",	6 },
	{ "slot_size",	"SLOT",		9 },
	{ "handles",	"HANDLES",	8 },
	{ "in_flight",	"FLIGHT",	6 },
	{ "requests",	"REQUESTS",	10 },
};

#define COLUMNS	(sizeof(columns) / sizeof(columns[0]))

static const char *const stat_attrs[] = {
	"state", "owner", "queues", "depth", "slot_size", "user_limit",
	"timeout_ms", "busy_poll_us", "requests", "answers", "refused",
	"bad_results", "cancels", "abandoned", "timeouts", "closes", "events",
	"enters", "in_flight", "handles", "broken",
};

#define STAT_ATTRS	(sizeof(stat_attrs) / sizeof(stat_attrs[0]))

static const struct {
	uint64_t	bit;
	const char	*name;
} features[] = {
	{ SCHEME_F_URING_ENTER,		"uring-enter" },
	{ SCHEME_F_URING_CANCEL,	"uring-cancel" },
	{ SCHEME_F_BUSY_POLL,		"busy-poll" },
	{ SCHEME_F_SCHEMEFS,		"schemefs" },
	{ SCHEME_F_REQUEST,		"request" },
	{ SCHEME_F_EVENTS,		"events" },
	{ SCHEME_F_MEMORY,		"memory" },
	{ SCHEME_F_MEMORY_FIXED,	"memory-fixed" },
	{ SCHEME_F_RING,		"ring" },
};

#define FEATURES	(sizeof(features) / sizeof(features[0]))

/* ---- attributes ----------------------------------------------------------- */

/* The first line of an attribute, without its end; false if it has gone. */
static bool read_attr(const struct ctl *ctl, const char *name, const char *attr,
		      char *value, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", ctl->sysfs, name, attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, value, size - 1);
	close(fd);
	if (n < 0)
		return false;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return true;
}

unsigned long long ctl_attr_number(const struct ctl *ctl, const char *name,
				   const char *attr, unsigned long long dflt)
{
	char value[64];

	if (!read_attr(ctl, name, attr, value, sizeof(value)))
		return dflt;
	return strtoull(value, NULL, 10);
}

static void print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

/* A number if it is one. */
static struct json_object *json_value(const char *value)
{
	char *end;
	int64_t number = strtoll(value, &end, 10);

	if (*value && !*end)
		return json_object_new_int64(number);
	return json_object_new_string(value);
}

/* Whatever of it there still is. */
static struct json_object *json_scheme(const struct ctl *ctl, const char *name)
{
	struct json_object *object = json_object_new_object();
	char value[64];

	json_object_object_add(object, "name", json_object_new_string(name));
	for (size_t i = 0; i < STAT_ATTRS; i++)
		if (read_attr(ctl, name, stat_attrs[i], value, sizeof(value)))
			json_object_object_add(object, stat_attrs[i],
					       json_value(value));
	return object;
}

/* ---- list ----------------------------------------------------------------- */

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void print_header(int name_width)
{
	printf("%-*s", name_width, "NAME");
	for (size_t i = 0; i < COLUMNS; i++)
		printf(" %*s", columns[i].width, columns[i].title);
	putchar('\n');
}

static void print_line(const struct ctl *ctl, const char *name, int name_width)
{
	char value[64];

	printf("%-*s", name_width, name);
	for (size_t i = 0; i < COLUMNS; i++) {
		if (!read_attr(ctl, name, columns[i].attr, value, sizeof(value)))
			strcpy(value, "-");
		printf(" %*s", columns[i].width, value);
	}
	putchar('\n');
}

static void print_table(const struct ctl *ctl, struct dirent **names, int nr)
{
	int width = 4;

	for (int i = 0; i < nr; i++)
		if ((int)strlen(names[i]->d_name) > width)
			width = (int)strlen(names[i]->d_name);
	print_header(width);
	for (int i = 0; i < nr; i++)
		print_line(ctl, names[i]->d_name, width);
}

static void print_array(const struct ctl *ctl, struct dirent **names, int nr)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < nr; i++)
		json_object_array_add(array, json_scheme(ctl, names[i]->d_name));
	print_json(array);
}

int ctl_list(const struct ctl *ctl)
{
	struct dirent **names;
	int nr = scandir(ctl->sysfs, &names, visible, alphasort);

	if (nr < 0)
		return ctl_fail(ctl, "list", explain_control(errno));
	if (ctl->json)
		print_array(ctl, names, nr);
	else
		print_table(ctl, names, nr);
	for (int i = 0; i < nr; i++)
		free(names[i]);
	free(names);
	return 0;
}

/* ---- stats ---------------------------------------------------------------- */

int ctl_stats(const struct ctl *ctl)
{
	const char *name = ctl->args[1];
	char value[64];

	if (strchr(name, '/') || name[0] == '.' ||
	    !read_attr(ctl, name, stat_attrs[0], value, sizeof(value)))
		return ctl_fail(ctl, name, ctl_have_module(ctl) ?
				explain_open(ENOENT) : explain_control(ENOENT));
	if (ctl->json) {
		print_json(json_scheme(ctl, name));
		return 0;
	}
	for (size_t i = 0; i < STAT_ATTRS; i++)
		if (read_attr(ctl, name, stat_attrs[i], value, sizeof(value)))
			printf("%-12s %s\n", stat_attrs[i], value);
	return 0;
}

/* ---- features ------------------------------------------------------------- */

/* Those of a newer module that have no name here, as a number; false: none. */
static bool nameless(uint64_t bits, char text[24])
{
	for (size_t i = 0; i < FEATURES; i++)
		bits &= ~features[i].bit;
	snprintf(text, 24, "0x%" PRIx64, bits);
	return bits;
}

static void features_json(const struct scheme_query *q, const char *abi)
{
	struct json_object *object = json_object_new_object();
	struct json_object *names = json_object_new_array();
	char others[24];

	for (size_t i = 0; i < FEATURES; i++)
		if (q->features & features[i].bit)
			json_object_array_add(names,
				json_object_new_string(features[i].name));
	if (nameless(q->features, others))
		json_object_array_add(names, json_object_new_string(others));
	json_object_object_add(object, "abi", json_object_new_string(abi));
	json_object_object_add(object, "features", names);
	json_object_object_add(object, "queues_max",
			       json_object_new_int64(q->queues_max));
	json_object_object_add(object, "depth_max",
			       json_object_new_int64(q->depth_max));
	json_object_object_add(object, "slot_size_max",
			       json_object_new_int64(q->slot_size_max));
	json_object_object_add(object, "schemes_max",
			       json_object_new_int64(q->schemes_max));
	json_object_object_add(object, "queue_bytes_max",
			       json_object_new_int64((int64_t)q->queue_bytes_max));
	print_json(object);
}

static void features_text(const struct scheme_query *q, const char *abi)
{
	char others[24];

	printf("abi             %s\nfeatures       ", abi);
	for (size_t i = 0; i < FEATURES; i++)
		if (q->features & features[i].bit)
			printf(" %s", features[i].name);
	if (nameless(q->features, others))
		printf(" %s", others);
	printf("\nqueues_max      %u\ndepth_max       %u\n", q->queues_max,
	       q->depth_max);
	printf("slot_size_max   %u\nschemes_max     %u\n", q->slot_size_max,
	       q->schemes_max);
	printf("queue_bytes_max %" PRIu64 "\n", (uint64_t)q->queue_bytes_max);
}

int ctl_features(const struct ctl *ctl)
{
	struct scheme_query query;
	char abi[32];
	int ret = scheme_query(ctl->control, &query);

	if (ret)
		return ctl_fail(ctl, "features", explain_control(ret));
	snprintf(abi, sizeof(abi), "%u.%u", query.abi >> 16, query.abi & 0xffff);
	if (ctl->json)
		features_json(&query, abi);
	else
		features_text(&query, abi);
	return 0;
}
