/* SPDX-License-Identifier: MIT */
/*
 * The disk scheme: a block device and its partitions as files.
 *
 * Names, below the root:
 *
 *	""	the whole disk; with O_DIRECTORY the list of the names below
 *	0	the whole disk
 *	0pN	partition N of its GPT or MBR, counted from 0
 *
 * What a file does:
 *
 *  - An open disk or partition is its opener's alone: who opens it again, or
 *    anything that overlaps it, gets ENOLCK. Lists do not count.
 *  - Names are opened below the root, the list, or the open whole disk. Who has
 *    the whole disk open may so open a partition of it beside: it is his own.
 *  - Length and offset are multiples of the block size, else EINVAL.
 *  - A read that starts at the end or past it gives 0, one that runs over the
 *    end is cut there: so a tool that reads until the end finds it.
 *  - A write that starts at the end or past it gives ENOSPC, as on any block
 *    device; one that starts before the end and runs over it gives EOVERFLOW,
 *    and nothing of it is written.
 *  - O_TRUNC does nothing and O_APPEND writes at the end, as on any block
 *    device. O_CREAT creates nothing: EPERM for a name that does not exist.
 *  - Opening a read-only disk for writing gives EROFS, the list EISDIR.
 *  - fsync, and a write with O_DSYNC, make written data durable.
 *  - The tables are read again when the whole disk is closed after a write, and
 *    what was opened below it, too.
 *
 * Who may open what is the node's mode and owner to say; nothing here asks for
 * a certain user.
 *
 * Everything runs in the thread that serves the scheme's only queue.
 */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <scheme.h>

#include "partition.h"

/* ---- for clients: calls on an open disk or partition ---------------------- */

/*
 * word[0] of a call; the other words and the input are empty, else EINVAL. An
 * unknown call is ENOTTY.
 */
#define DISK_CALL_GEOMETRY	1	/* answers struct disk_geometry */

#define DISK_GEOMETRY_READ_ONLY	(1U << 0)

struct disk_geometry {
	uint32_t	block_size;	/* bytes */
	uint32_t	flags;		/* DISK_GEOMETRY_* */
	uint64_t	start;		/* first block on the disk */
	uint64_t	blocks;
	char		model[64];	/* NUL-terminated, printable */
};

/* ---- for backends --------------------------------------------------------- */

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH };

/*
 * One request to a backend. Lives from submit() until done(), which comes
 * whatever happens to the device.
 *
 * Requests may be done in any order, except that one submitted after another
 * that touches the same blocks sees that one's effect. A flush covers the
 * writes that were done before it was submitted.
 */
struct disk_io {
	/* set by the submitter */
	enum disk_op	op;
	uint64_t	block;
	uint32_t	blocks;
	void		*buf;
	void		(*done)(struct disk_io *io, int error);

	/* the backend's, from submit() to done() */
	struct disk_io	*next;
};

struct disk_backend;

struct disk_backend_ops {
	/* Begin; io->done comes with 0 or -errno, at once or later. */
	void (*submit)(struct disk_backend *backend, struct disk_io *io);
	/*
	 * End io with -ECANCELED if nothing of it has begun. May be NULL, for a
	 * backend that is done at once.
	 */
	void (*cancel)(struct disk_backend *backend, struct disk_io *io);
	/* Let some time pass for what is submitted. May be NULL, as above. */
	void (*wait)(struct disk_backend *backend);
};

struct disk_backend {
	const struct disk_backend_ops	*ops;
	uint32_t			block_size; /* power of two, 512..65536 */
	uint64_t			blocks;
	bool				read_only;
	char				model[64];
};

/* ---- for daemons ---------------------------------------------------------- */

struct disk_handle;

struct disk {
	struct disk_backend	*backend;
	struct partition_table	table;
	struct disk_handle	*handles;	/* all that are open */
	bool			is_stale;	/* the table, by a write */
};

/*
 * Read the partition table. An unreadable one is an empty one. -EINVAL for a
 * backend whose sizes cannot be served. The backend outlives the disk.
 */
int disk_init(struct disk *disk, struct disk_backend *backend);
/* Free the handles; no request may be unanswered any more. */
void disk_uninit(struct disk *disk);

/* What to pass to scheme_create(); its user pointer is the struct disk. */
extern const struct scheme_ops disk_scheme_ops;

#endif /* DISK_DISK_H */
