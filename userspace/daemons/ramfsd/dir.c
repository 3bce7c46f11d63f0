// SPDX-License-Identifier: MIT
#include "dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

#ifndef __clang__
/*
 * gcc -fanalyzer loses sight of what a directory keeps and calls it lost; the
 * unit tests look for leaks.
 */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* Buckets, and spots, that there is room for at least. */
#define DIR_LEAST	8

/* ---- by text -------------------------------------------------------------- */

/* FNV-1a */
static uint32_t hash_of(const char *text, size_t len)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)text[i]) * 16777619U;
	return hash;
}

static struct entry **bucket_of(const struct dir *d, uint32_t hash)
{
	return &d->bucket[hash & (d->nr_buckets - 1)];
}

struct entry *dir_find(const struct node *dir, const char *name, size_t len)
{
	uint32_t hash = hash_of(name, len);
	struct entry *e;

	if (!dir->dir.nr)
		return NULL;
	for (e = *bucket_of(&dir->dir, hash); e; e = e->next)
		if (e->hash == hash && !strncmp(e->text, name, len) &&
		    !e->text[len])
			return e;
	return NULL;
}

static int buckets_set(struct dir *d, size_t nr)
{
	struct dir other = { .nr_buckets = nr };

	other.bucket = calloc(nr, sizeof(struct entry *));
	if (!other.bucket)
		return -ENOMEM;
	for (size_t i = 0; i < d->nr_buckets; i++) {
		for (struct entry *e = d->bucket[i], *next; e; e = next) {
			next = e->next;
			e->next = *bucket_of(&other, e->hash);
			*bucket_of(&other, e->hash) = e;
		}
	}
	free(d->bucket);
	d->bucket = other.bucket;
	d->nr_buckets = nr;
	return 0;
}

/* As many buckets as entries, or more. */
static int buckets_grow(struct dir *d)
{
	if (d->nr < d->nr_buckets)
		return 0;
	return buckets_set(d, d->nr_buckets ? 2 * d->nr_buckets : DIR_LEAST);
}

/* ---- by place ------------------------------------------------------------- */

/* Index of the first spot behind a place. */
static size_t spot_behind(const struct dir *d, uint64_t place)
{
	size_t low = 0, high = d->nr_spots;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (d->spot[middle].place > place)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void spots_sweep(struct dir *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->nr_spots; i++)
		if (d->spot[i].entry)
			d->spot[kept++] = d->spot[i];
	d->nr_spots = kept;
}

static int spots_set(struct dir *d, size_t max)
{
	struct spot *spot = realloc(d->spot, max * sizeof(*spot));

	if (!spot)
		return -ENOMEM;
	d->spot = spot;
	d->max_spots = max;
	return 0;
}

static int spots_grow(struct dir *d)
{
	if (d->nr_spots < d->max_spots)
		return 0;
	return spots_set(d, d->max_spots ? 2 * d->max_spots : DIR_LEAST);
}

struct entry *dir_behind(const struct node *dir, uint64_t place)
{
	const struct dir *d = &dir->dir;

	for (size_t i = spot_behind(d, place); i < d->nr_spots; i++)
		if (d->spot[i].entry)
			return d->spot[i].entry;
	return NULL;
}

/* ---- coming and going ----------------------------------------------------- */

/*
 * What a directory has held must not cost memory when its names are elsewhere:
 * else the same names, moved from one to the next, would make all of them large.
 * If there is no memory to do with less, it keeps what it has.
 */
static void dir_shrink(struct dir *d)
{
	if (d->max_spots > DIR_LEAST && d->nr_spots <= d->max_spots / 4)
		spots_set(d, d->max_spots / 2);
	if (d->nr_buckets > DIR_LEAST && d->nr <= d->nr_buckets / 4)
		buckets_set(d, d->nr_buckets / 2);
}

static void entry_link(struct entry *e, struct node *to)
{
	e->to = to;
	e->next_name = to->names;
	to->names = e;
}

static void entry_unlink(struct entry *e)
{
	struct entry **at = &e->to->names;

	while (*at != e)
		at = &(*at)->next_name;
	*at = e->next_name;
}

int dir_add(struct node *dir, const char *name, size_t len, struct node *to)
{
	struct dir *d = &dir->dir;
	struct entry *e;

	if (buckets_grow(d) || spots_grow(d))
		return -ENOMEM;
	e = malloc(sizeof(*e) + len + 1);
	if (!e)
		return -ENOMEM;
	memcpy(e->text, name, len);
	e->text[len] = '\0';
	e->hash = hash_of(name, len);
	e->dir = dir;
	e->place = ++d->last;
	e->next = *bucket_of(d, e->hash);
	*bucket_of(d, e->hash) = e;
	d->spot[d->nr_spots++] = (struct spot){ e->place, e };
	d->nr++;
	entry_link(e, to);
	return 0;
}

void dir_del(struct entry *e)
{
	struct dir *d = &e->dir->dir;
	struct entry **at = bucket_of(d, e->hash);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	d->spot[spot_behind(d, e->place) - 1].entry = NULL;
	d->nr--;
	if (d->nr_spots > 16 && d->nr < d->nr_spots / 2)
		spots_sweep(d);
	dir_shrink(d);
	entry_unlink(e);
	free(e);
}

void dir_turn(struct entry *e, struct node *to)
{
	entry_unlink(e);
	entry_link(e, to);
}

void dir_free(struct dir *d)
{
	free(d->bucket);
	free(d->spot);
	*d = (struct dir){ 0 };
}
