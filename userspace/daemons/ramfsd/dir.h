/* SPDX-License-Identifier: MIT */
/*
 * The names in a directory: found by their text, listed by their place. A place
 * is a number that only grows and is never given twice, so that a listing goes
 * on from any place, whatever has come or gone meanwhile.
 */
#ifndef RAMFSD_DIR_H
#define RAMFSD_DIR_H

#include <stddef.h>
#include <stdint.h>

struct node;

struct entry {
	struct entry	*next;		/* in its bucket */
	struct entry	*next_name;	/* of the same node */
	struct node	*dir, *to;
	uint64_t	place;
	uint32_t	hash;
	char		text[];
};

/* One that has gone leaves a spot without an entry, until they are swept. */
struct spot {
	uint64_t	place;
	struct entry	*entry;
};

struct dir {
	struct entry	**bucket;	/* a power of two of them, or none */
	size_t		nr_buckets;
	struct spot	*spot;		/* by place */
	size_t		nr_spots, max_spots;	/* the latter follows, up and down */
	size_t		nr;		/* entries */
	uint64_t	last;		/* place given */
};

struct entry *dir_find(const struct node *dir, const char *name, size_t len);
/* A name for `to`; 0 or -ENOMEM. It must not be there. */
int dir_add(struct node *dir, const char *name, size_t len, struct node *to);
void dir_del(struct entry *e);
/* Let the name stand for another node. */
void dir_turn(struct entry *e, struct node *to);
/* The first entry behind a place; NULL: none. */
struct entry *dir_behind(const struct node *dir, uint64_t place);
/* Of a directory without entries. */
void dir_free(struct dir *d);

#endif /* RAMFSD_DIR_H */
