// SPDX-License-Identifier: MIT
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE_MIN	512
#define BLOCK_SIZE_MAX	65536

/* One open file: a range of the disk, or the text of a list. */
struct disk_handle {
	struct disk_handle	*next;
	uint64_t		start;
	uint64_t		blocks;
	char			*list;		/* NULL unless it is a list */
	size_t			list_len;
	bool			may_write;
	bool			has_written;
};

/* One read, write or fsync on its way through the backend. */
struct disk_request {
	struct disk_io		io;
	struct scheme_req	*req;
	struct disk		*disk;
	uint32_t		bytes;		/* to answer with */
	bool			flush_after;	/* O_DSYNC: the flush is to come */
	bool			is_written;	/* and now it is under way */
};

static struct disk_handle *handle_of(uint64_t number)
{
	return (struct disk_handle *)(uintptr_t)number;
}

static struct disk *disk_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

static uint64_t handle_size(const struct disk *disk,
			    const struct disk_handle *handle)
{
	return handle->list ? handle->list_len :
			      handle->blocks * disk->backend->block_size;
}

/* ---- the table ------------------------------------------------------------ */

struct wait {
	struct disk_io	io;
	bool		is_done;
	int		error;
};

static void wait_done(struct disk_io *io, int error)
{
	struct wait *wait = (struct wait *)io;

	wait->is_done = true;
	wait->error = error;
}

/*
 * Read one block and wait for it. Only while nobody has the disk open, so that
 * nobody waits for us meanwhile.
 */
static int table_read(void *ctx, uint64_t block, void *buf)
{
	struct disk_backend *backend = ctx;
	struct wait wait = {
		.io = {
			.op = DISK_READ, .block = block, .blocks = 1,
			.buf = buf, .done = wait_done,
		},
	};

	backend->ops->submit(backend, &wait.io);
	while (!wait.is_done)
		backend->ops->wait(backend);
	return wait.error;
}

static void table_scan(struct disk *disk)
{
	const struct partition_source source = {
		.block_size = disk->backend->block_size,
		.blocks = disk->backend->blocks,
		.read = table_read,
		.ctx = disk->backend,
	};

	partition_scan(&disk->table, &source);
}

int disk_init(struct disk *disk, struct disk_backend *backend)
{
	uint32_t size = backend->block_size;

	if (size < BLOCK_SIZE_MIN || size > BLOCK_SIZE_MAX || size & (size - 1) ||
	    !backend->blocks || backend->blocks > (uint64_t)INT64_MAX / size)
		return -EINVAL;
	memset(disk, 0, sizeof(*disk));
	disk->backend = backend;
	table_scan(disk);
	return 0;
}

/* ---- open and close ------------------------------------------------------- */

static void handle_add(struct disk *disk, struct disk_handle *handle)
{
	handle->next = disk->handles;
	disk->handles = handle;
}

static void handle_free(struct disk *disk, struct disk_handle *handle)
{
	struct disk_handle **at = &disk->handles;

	while (*at != handle)
		at = &(*at)->next;
	*at = handle->next;
	free(handle->list);
	free(handle);
}

void disk_uninit(struct disk *disk)
{
	while (disk->handles)
		handle_free(disk, disk->handles);
}

static bool is_open(const struct disk *disk)
{
	const struct disk_handle *handle;

	for (handle = disk->handles; handle; handle = handle->next)
		if (!handle->list)
			return true;
	return false;
}

/* Is anything of these blocks open already, by others than `own`? */
static bool range_is_open(const struct disk *disk, const struct disk_handle *own,
			  uint64_t start, uint64_t blocks)
{
	const struct disk_handle *handle;

	for (handle = disk->handles; handle; handle = handle->next) {
		if (handle->list || handle == own)
			continue;
		if (start < handle->start + handle->blocks &&
		    handle->start < start + blocks)
			return true;
	}
	return false;
}

/* "0p" and a number as we print it; -1 for anything else. */
static int partition_number(const char *name)
{
	char *end;
	long number;

	if (name[0] != '0' || name[1] != 'p' || name[2] < '0' || name[2] > '9' ||
	    (name[2] == '0' && name[3]))
		return -1;
	number = strtol(name + 2, &end, 10);
	return *end || number >= PARTITIONS_MAX ? -1 : (int)number;
}

static int range_find(const struct disk *disk, const char *name,
		      struct partition *range)
{
	int number;

	*range = (struct partition){ 0, disk->backend->blocks };
	if (!strcmp(name, "") || !strcmp(name, "0"))
		return 0;
	number = partition_number(name);
	if (number < 0 || number >= (int)disk->table.count)
		return -ENOENT;
	*range = disk->table.part[number];
	return 0;
}

static bool wants_write(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

static bool is_whole(const struct disk *disk, const struct disk_handle *handle)
{
	return !handle->list && handle->blocks == disk->backend->blocks;
}

/* What keeps `name` from being opened so, whoever else has it open. */
static int open_check(const struct disk *disk, const char *name, int flags,
		      struct partition *range)
{
	int ret = range_find(disk, name, range);

	if (ret)
		return flags & O_CREAT ? -EPERM : ret;
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (wants_write(flags) && disk->backend->read_only)
		return -EROFS;
	return 0;
}

static int range_open(struct disk *disk, const struct disk_handle *dir,
		      const char *name, int flags, struct disk_handle **out)
{
	struct disk_handle *handle;
	struct partition range;
	int ret = open_check(disk, name, flags, &range);

	if (ret)
		return ret;
	if (range_is_open(disk, dir, range.start, range.blocks))
		return -ENOLCK;
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	handle->start = range.start;
	handle->blocks = range.blocks;
	handle->may_write = wants_write(flags);
	*out = handle;
	return 0;
}

/* The text is what the list was at open, however long it is read. */
static int list_open(const struct disk *disk, int flags,
		     struct disk_handle **out)
{
	struct disk_handle *handle;
	FILE *text;

	if (wants_write(flags) || flags & O_CREAT)
		return -EISDIR;
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	text = open_memstream(&handle->list, &handle->list_len);
	if (!text)
		goto err_free_handle;
	fprintf(text, "0\n");
	for (unsigned int i = 0; i < disk->table.count; i++)
		fprintf(text, "0p%u\n", i);
	if (fclose(text))
		goto err_free_list;
	*out = handle;
	return 0;

err_free_list:
	free(handle->list);
err_free_handle:
	free(handle);
	return -ENOMEM;
}

static void op_open(struct scheme_req *req, uint64_t dir, const char *path,
		    int flags, mode_t mode)
{
	struct disk *disk = disk_of(req);
	struct disk_handle *at = dir == SCHEME_ROOT ? NULL : handle_of(dir);
	struct disk_handle *handle;
	int ret;

	(void)mode;
	if (at && !at->list && !is_whole(disk, at))
		ret = -ENOTDIR;
	else if (!*path && flags & O_DIRECTORY)
		ret = list_open(disk, flags, &handle);
	else
		ret = range_open(disk, at, path, flags, &handle);
	if (ret) {
		scheme_reply(req, ret);
		return;
	}
	handle_add(disk, handle);
	scheme_reply_open(req, (uintptr_t)handle, SCHEME_CQE_F_POSITIONED, 0);
}

static void op_close(struct scheme *s, uint64_t number)
{
	struct disk *disk = scheme_user(s);
	struct disk_handle *handle = handle_of(number);

	disk->is_stale |= handle->has_written && is_whole(disk, handle);
	handle_free(disk, handle);
	if (!disk->is_stale || is_open(disk))
		return;
	disk->is_stale = false;
	table_scan(disk);
}

/* ---- read and write ------------------------------------------------------- */

static void request_done(struct disk_io *io, int error)
{
	struct disk_request *request = (struct disk_request *)io;
	struct disk_backend *backend = request->disk->backend;

	if (!error && request->flush_after) {
		request->flush_after = false;
		request->is_written = true;
		io->op = DISK_FLUSH;
		backend->ops->submit(backend, io);
		return;
	}
	scheme_reply(request->req, error ? error : (int64_t)request->bytes);
	free(request);
}

static void request_submit(struct scheme_req *req, const struct disk_io *io)
{
	struct disk *disk = disk_of(req);
	struct disk_request *request = calloc(1, sizeof(*request));

	if (!request) {
		scheme_reply(req, -ENOMEM);
		return;
	}
	request->io = *io;
	request->io.done = request_done;
	request->req = req;
	request->disk = disk;
	request->bytes = io->blocks * disk->backend->block_size;
	request->flush_after = io->op == DISK_WRITE &&
			       scheme_req_flags(req) & SCHEME_RW_DSYNC;
	scheme_req_set_user(req, request);
	disk->backend->ops->submit(disk->backend, &request->io);
}

/*
 * Make io->block and io->blocks of a byte range; they may be empty at the end.
 * The whole range is checked before anything is done.
 */
static int request_range(const struct disk *disk,
			 const struct disk_handle *handle, uint64_t offset,
			 uint32_t len, struct disk_io *io)
{
	uint32_t mask = disk->backend->block_size - 1;
	uint64_t size = handle_size(disk, handle);

	if ((offset | len) & mask)
		return -EINVAL;
	io->block = handle->start + offset / (mask + 1);
	if (io->op == DISK_WRITE && len && offset >= size)
		return -ENOSPC;
	if (io->op == DISK_WRITE && len > size - offset)
		return -EOVERFLOW;
	if (offset >= size)
		len = 0;
	else if (len > size - offset)
		len = size - offset;
	io->blocks = len / (mask + 1);
	return 0;
}

static void request_transfer(struct scheme_req *req, struct disk_handle *handle,
			     uint64_t offset, uint32_t len, struct disk_io io)
{
	int ret = request_range(disk_of(req), handle, offset, len, &io);

	if (ret || !io.blocks)
		scheme_reply(req, ret);
	else
		request_submit(req, &io);
}

static void list_read(struct scheme_req *req, const struct disk_handle *handle,
		      void *buf, uint32_t len, uint64_t offset)
{
	size_t left = offset < handle->list_len ? handle->list_len - offset : 0;

	if (len > left)
		len = left;
	memcpy(buf, handle->list + handle->list_len - left, len);
	scheme_reply(req, len);
}

static void op_read(struct scheme_req *req, uint64_t number, void *buf,
		    uint32_t len, uint64_t offset)
{
	struct disk_handle *handle = handle_of(number);
	struct disk_io io = { .op = DISK_READ, .buf = buf };

	if (handle->list)
		list_read(req, handle, buf, len, offset);
	else
		request_transfer(req, handle, offset, len, io);
}

static void op_write(struct scheme_req *req, uint64_t number, const void *buf,
		     uint32_t len, uint64_t offset)
{
	struct disk_handle *handle = handle_of(number);
	struct disk_io io = { .op = DISK_WRITE, .buf = (void *)buf };

	if (!handle->may_write) {
		scheme_reply(req, -EBADF);
		return;
	}
	if (scheme_req_flags(req) & SCHEME_RW_APPEND)
		offset = handle_size(disk_of(req), handle);
	handle->has_written = true;
	request_transfer(req, handle, offset, len, io);
}

static void op_fsync(struct scheme_req *req, uint64_t number, bool data_only)
{
	const struct disk_io io = { .op = DISK_FLUSH };

	(void)data_only;
	/*
	 * On a handle for reading, too: sync(1) has no other, and who wrote has
	 * closed, since opens are exclusive.
	 */
	if (handle_of(number)->list || disk_of(req)->backend->read_only)
		scheme_reply(req, 0);
	else
		request_submit(req, &io);
}

static void op_cancel(struct scheme_req *req)
{
	struct disk *disk = disk_of(req);
	struct disk_request *request = scheme_req_user(req);

	/* Who is told that nothing was written must find nothing written. */
	if (request && !request->is_written && disk->backend->ops->cancel)
		disk->backend->ops->cancel(disk->backend, &request->io);
}

/* ---- questions ------------------------------------------------------------ */

static void op_fsize(struct scheme_req *req, uint64_t number)
{
	scheme_reply(req, (int64_t)handle_size(disk_of(req), handle_of(number)));
}

static void geometry_fill(const struct disk *disk,
			  const struct disk_handle *handle,
			  struct disk_geometry *geometry)
{
	const struct disk_backend *backend = disk->backend;

	*geometry = (struct disk_geometry){
		.block_size = backend->block_size,
		.flags = backend->read_only ? DISK_GEOMETRY_READ_ONLY : 0,
		.start = handle->start,
		.blocks = handle->blocks,
	};
	memcpy(geometry->model, backend->model, sizeof(geometry->model) - 1);
}

static void op_call(struct scheme_req *req, uint64_t number,
		    const uint64_t word[3], const void *in, uint32_t in_len,
		    void *out, uint32_t out_len)
{
	const struct disk_handle *handle = handle_of(number);
	struct disk_geometry geometry;

	(void)in;
	if (word[0] != DISK_CALL_GEOMETRY || handle->list) {
		scheme_reply(req, -ENOTTY);
		return;
	}
	if (word[1] || word[2] || in_len || out_len < sizeof(geometry)) {
		scheme_reply(req, -EINVAL);
		return;
	}
	geometry_fill(disk_of(req), handle, &geometry);
	memcpy(out, &geometry, sizeof(geometry));
	scheme_reply_call(req, 0, sizeof(geometry));
}

const struct scheme_ops disk_scheme_ops = {
	.open	= op_open,
	.close	= op_close,
	.read	= op_read,
	.write	= op_write,
	.call	= op_call,
	.fsize	= op_fsize,
	.fsync	= op_fsync,
	.cancel	= op_cancel,
	.ring	= scheme_serve_ring,
};
