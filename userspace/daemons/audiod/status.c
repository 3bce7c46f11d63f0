// SPDX-License-Identifier: MIT
#include "audiod.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

static const char *const states[] = {
	[SINK_IDLE] = "idle",
	[SINK_FILLING] = "filling",
	[SINK_PLAYING] = "playing",
};

static void add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *miss_of(const struct sink_miss *m)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "deadline_ns", m->deadline_ns);
	add_number(o, "late_ns", m->late_ns);
	json_object_object_add(o, "xrun", json_object_new_boolean(m->is_xrun));
	return o;
}

/* The last ones, in their order. */
static struct json_object *misses_of(const struct sink_counts *c, uint64_t most)
{
	struct json_object *list = json_object_new_array();
	uint64_t i = c->misses > most ? c->misses - most : 0;

	for (; i < c->misses; i++)
		json_object_array_add(list, miss_of(&c->miss[i % SINK_MISSES]));
	return list;
}

static void add_format(struct json_object *o, const struct audio_format *f)
{
	add_number(o, "rate", f->rate);
	add_number(o, "channels", f->channels);
	add_number(o, "period_frames", f->period);
	add_number(o, "periods", f->periods);
}

char *status_text(const struct audiod *a, unsigned int misses)
{
	struct json_object *o = json_object_new_object();
	const struct sink_counts *c = &a->sink.counts;
	const char *text;
	char *line = NULL;

	if (!o)
		return NULL;
	add_format(o, &a->format);
	json_object_object_add(o, "state",
			       json_object_new_string(states[a->sink.state]));
	add_number(o, "played", c->played);
	add_number(o, "xruns", c->xruns);
	add_number(o, "late", c->late);
	add_number(o, "worst_late_ns", c->worst_late_ns);
	add_number(o, "output_errors", a->output.errors);
	json_object_object_add(o, "misses", misses_of(c, misses));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	json_object_put(o);
	return line;
}
