// SPDX-License-Identifier: MIT
#include "pump.h"

#include <errno.h>
#include <string.h>

#include "clock.h"

/* Read ahead once so many requests have followed one another. */
#define STREAK_MIN	4

/*
 * For how long what has been read ahead is believed when the device has passed no
 * command meanwhile: only by refusing one it tells of a medium that was swapped.
 */
#define TRUST_MS	1000

static struct pump *pump_of(struct disk_backend *backend)
{
	return (struct pump *)((char *)backend - offsetof(struct pump, backend));
}

static uint64_t io_end(const struct disk_io *io)
{
	return io->block + io->blocks;
}

static uint64_t unit_end(const struct pump_unit *unit)
{
	return unit->block + unit->blocks;
}

/* ---- the queue ------------------------------------------------------------ */

static void queue_push(struct pump *pump, struct disk_io *io)
{
	io->next = NULL;
	*pump->queue_tail = io;
	pump->queue_tail = &io->next;
}

static void queue_remove(struct pump *pump, struct disk_io **at)
{
	struct disk_io *io = *at;

	*at = io->next;
	if (!io->next)
		pump->queue_tail = at;
}

static struct disk_io *queue_pop(struct pump *pump)
{
	struct disk_io *io = pump->queue;

	queue_remove(pump, &pump->queue);
	return io;
}

/* To the front, in their order. */
static void queue_put_back(struct pump *pump, struct disk_io *ios,
			   struct disk_io **tail)
{
	if (!ios)
		return;
	*tail = pump->queue;
	if (!pump->queue)
		pump->queue_tail = tail;
	pump->queue = ios;
}

/* ---- units ---------------------------------------------------------------- */

static struct pump_unit *unit_get(struct pump *pump)
{
	struct pump_unit *unit;

	for (unit = pump->unit; unit < pump->unit + PUMP_UNITS; unit++) {
		if (unit->state != PUMP_FREE)
			continue;
		unit->is_ahead = false;
		unit->is_stale = false;
		unit->ios = NULL;
		unit->tail = &unit->ios;
		return unit;
	}
	return NULL;
}

static void *unit_at(const struct pump_unit *unit, uint64_t block)
{
	return (char *)unit->buf +
	       (block - unit->block) * unit->pump->backend.block_size;
}

static void unit_append(struct pump_unit *unit, struct disk_io *io)
{
	io->next = NULL;
	*unit->tail = io;
	unit->tail = &io->next;
}

static size_t io_len(const struct pump *pump, const struct disk_io *io)
{
	return (size_t)io->blocks * pump->backend.block_size;
}

/* Make io part of the command that is put together. */
static void unit_add(struct pump_unit *unit, struct disk_io *io)
{
	struct pump *pump = unit->pump;

	if (!unit->ios) {
		unit->op = io->op;
		unit->block = io->block;
		unit->blocks = 0;
	}
	if (io->op == DISK_WRITE)
		memcpy(unit_at(unit, io->block), io->buf, io_len(pump, io));
	unit->blocks += io->blocks;
	unit_append(unit, io);
}

static bool unit_takes(const struct pump_unit *unit, const struct disk_io *io)
{
	const struct pump *pump = unit->pump;

	return !pump->alone && unit->op == io->op && io->op != DISK_FLUSH &&
	       io->block == unit_end(unit) &&
	       io->blocks <= pump->unit_blocks - unit->blocks;
}

static void unit_start(struct pump *pump, struct pump_unit *unit)
{
	unit->state = PUMP_RUNNING;
	pump->running = unit;
	if (unit->op == DISK_FLUSH)
		scsi_flush_prepare(&unit->cmd);
	else
		scsi_rw_prepare(pump->scsi, &unit->cmd, unit->op == DISK_WRITE,
				unit->block, unit->blocks, unit->buf);
	scsi_start(pump->scsi, &unit->cmd);
}

/* ---- reading ahead -------------------------------------------------------- */

static bool unit_covers(const struct pump_unit *unit, const struct disk_io *io)
{
	return unit->is_ahead && !unit->is_stale && unit->state != PUMP_FREE &&
	       io->block >= unit->block && io_end(io) <= unit_end(unit);
}

static struct pump_unit *ahead_find(struct pump *pump, const struct disk_io *io)
{
	struct pump_unit *unit;

	for (unit = pump->unit; unit < pump->unit + PUMP_UNITS; unit++)
		if (unit_covers(unit, io))
			return unit;
	return NULL;
}

static void ahead_drop(struct pump_unit *unit)
{
	if (unit->state == PUMP_AHEAD_READY)
		unit->state = PUMP_FREE;
	else
		unit->is_stale = true;
}

/* What lies before `end`, or all with UINT64_MAX. */
static void ahead_forget_before(struct pump *pump, uint64_t end)
{
	struct pump_unit *unit;

	for (unit = pump->unit; unit < pump->unit + PUMP_UNITS; unit++)
		if (unit->is_ahead && unit->state != PUMP_FREE &&
		    unit_end(unit) <= end)
			ahead_drop(unit);
}

/* What io writes to. */
static void ahead_forget_written(struct pump *pump, const struct disk_io *io)
{
	struct pump_unit *unit;

	for (unit = pump->unit; unit < pump->unit + PUMP_UNITS; unit++)
		if (unit->is_ahead && unit->state != PUMP_FREE &&
		    io->block < unit_end(unit) && unit->block < io_end(io))
			ahead_drop(unit);
}

static void ahead_forget_old(struct pump *pump)
{
	struct pump_unit *unit;

	if (now_ms() - pump->passed_ms < pump->trust_ms)
		return;
	for (unit = pump->unit; unit < pump->unit + PUMP_UNITS; unit++)
		if (unit->state == PUMP_AHEAD_READY)
			ahead_drop(unit);
}

/* The device has something to tell: who knows whether it is the same medium. */
static void ahead_heed_attention(struct pump *pump)
{
	if (pump->attentions == pump->scsi->attentions)
		return;
	pump->attentions = pump->scsi->attentions;
	ahead_forget_before(pump, UINT64_MAX);
}

static void ahead_note(struct pump *pump, const struct disk_io *io)
{
	if (io->block != pump->read_end) {
		ahead_forget_before(pump, UINT64_MAX);
		pump->streak = 0;
	}
	pump->streak += io->blocks;
	pump->step = io->blocks;
	pump->read_end = io_end(io);
}

/* Where what has been read ahead ends, or reading itself. */
static uint64_t ahead_end(const struct pump *pump, unsigned int *units)
{
	uint64_t end = pump->read_end;
	const struct pump_unit *unit;

	*units = 0;
	for (unit = pump->unit; unit < pump->unit + PUMP_UNITS; unit++) {
		if (!unit->is_ahead || unit->is_stale || unit->state == PUMP_FREE)
			continue;
		++*units;
		if (unit_end(unit) > end)
			end = unit_end(unit);
	}
	return end;
}

/*
 * As much as has been read already, in whole steps: so a reader that keeps its
 * step never needs two buffers for one request.
 */
static uint32_t ahead_len(const struct pump *pump, uint64_t from)
{
	uint64_t len = pump->unit_blocks;
	uint64_t left = pump->backend.blocks - from;

	if (len > pump->streak)
		len = pump->streak;
	len -= len % pump->step;
	return len < left ? len : left;
}

/* Nobody waits for the device: let it read on. */
static bool ahead_start(struct pump *pump)
{
	struct pump_unit *unit;
	unsigned int units;
	uint64_t from = ahead_end(pump, &units);

	if (pump->streak <= (uint64_t)STREAK_MIN * pump->step ||
	    units == PUMP_AHEAD || from >= pump->backend.blocks)
		return false;
	unit = unit_get(pump);
	if (!unit)
		return false;
	unit->is_ahead = true;
	unit->op = DISK_READ;
	unit->block = from;
	unit->blocks = ahead_len(pump, from);
	unit_start(pump, unit);
	return true;
}

/* ---- the end of a command ------------------------------------------------- */

static void io_copy_out(const struct pump_unit *unit, const struct disk_io *io)
{
	if (io->op == DISK_READ)
		memcpy(io->buf, unit_at(unit, io->block), io_len(unit->pump, io));
}

static void unit_answer(struct pump_unit *unit, int error)
{
	struct disk_io *io = unit->ios, *next;

	unit->ios = NULL;
	unit->tail = &unit->ios;
	for (; io; io = next) {
		next = io->next;
		if (!error)
			io_copy_out(unit, io);
		io->done(io, error);
	}
}

/* Some units have no cache, and say that they do not know what it is. */
static int flush_error(struct pump *pump, int error)
{
	if (error != -EOPNOTSUPP && error != -EINVAL)
		return error;
	pump->scsi->has_no_flush = true;
	return 0;
}

/* Have its requests done one by one, before whatever came after them. */
static void unit_split(struct pump *pump, struct pump_unit *unit)
{
	struct disk_io *io;

	if (pump->next) {
		queue_put_back(pump, pump->next->ios, pump->next->tail);
		pump->next->state = PUMP_FREE;
		pump->next = NULL;
	}
	for (io = unit->ios; io; io = io->next)
		pump->alone++;
	queue_put_back(pump, unit->ios, unit->tail);
}

/* Would its requests fare better alone? Not when no command gets through. */
static bool unit_is_worth_a_split(const struct pump_unit *unit)
{
	return !unit->cmd.bot.error && unit->cmd.error != -EBUSY && unit->ios &&
	       (unit->ios->next || unit->is_ahead);
}

static void unit_failed(struct pump *pump, struct pump_unit *unit, int error)
{
	unit->state = PUMP_FREE;
	if (unit->is_ahead)
		pump->streak = 0;
	if (error == -ENODEV || error == -ENOMEDIUM) {
		unit_answer(unit, error);
		pump_end(pump);
	} else if (unit_is_worth_a_split(unit)) {
		unit_split(pump, unit);
	} else {
		unit_answer(unit, error);
	}
}

static void unit_passed(struct pump_unit *unit)
{
	unit->pump->passed_ms = now_ms();
	unit_answer(unit, 0);
	unit->state = unit->is_ahead && !unit->is_stale ? PUMP_AHEAD_READY :
							   PUMP_FREE;
}

static void unit_done(struct scsi_command *cmd)
{
	struct pump_unit *unit = (struct pump_unit *)cmd;
	struct pump *pump = unit->pump;

	pump->running = NULL;
	pump->finished = unit;
	if (unit->op == DISK_FLUSH)
		cmd->error = flush_error(pump, cmd->error);
}

/* ---- keeping it going ----------------------------------------------------- */

/* Put the next command together from what waits. */
static void pump_stage(struct pump *pump)
{
	if (!pump->queue)
		return;
	if (!pump->next) {
		pump->next = unit_get(pump);
		if (!pump->next)
			return;
		pump->next->state = PUMP_NEXT;
		if (pump->alone)
			pump->alone--;
		unit_add(pump->next, queue_pop(pump));
	}
	while (pump->queue && unit_takes(pump->next, pump->queue))
		unit_add(pump->next, queue_pop(pump));
}

/* Give the device something to do. Tells whether it has got it. */
static bool pump_start(struct pump *pump)
{
	struct pump_unit *unit;

	ahead_forget_before(pump, pump->read_end);
	pump_stage(pump);
	if (pump->running || pump->gone)
		return false;
	unit = pump->next;
	if (!unit)
		return ahead_start(pump);
	pump->next = NULL;
	unit_start(pump, unit);
	pump_stage(pump);
	return true;
}

void pump_work(struct pump *pump)
{
	bool again;

	do {
		struct pump_unit *unit;

		scsi_work(pump->scsi);
		ahead_heed_attention(pump);
		unit = pump->finished;
		pump->finished = NULL;
		if (unit && unit->cmd.error)
			unit_failed(pump, unit, unit->cmd.error);
		again = pump_start(pump) || unit;
		/* The device is busy again: now there is time to copy. */
		if (unit && !unit->cmd.error)
			unit_passed(unit);
	} while (again);
}

bool pump_is_idle(const struct pump *pump)
{
	return !pump->running && !pump->next && !pump->queue;
}

void pump_end(struct pump *pump)
{
	pump->gone = -ENODEV;
	if (pump->running)
		unit_answer(pump->running, pump->gone);
	if (pump->next)
		unit_answer(pump->next, pump->gone);
	pump->next = NULL;
	while (pump->queue) {
		struct disk_io *io = queue_pop(pump);

		io->done(io, pump->gone);
	}
}

/* ---- backend -------------------------------------------------------------- */

static void pump_submit_read(struct pump *pump, struct disk_io *io)
{
	struct pump_unit *unit;

	ahead_note(pump, io);
	ahead_forget_old(pump);
	unit = ahead_find(pump, io);
	if (!unit) {
		queue_push(pump, io);
	} else if (unit->state == PUMP_AHEAD_READY) {
		io_copy_out(unit, io);
		io->done(io, 0);
	} else {
		unit_append(unit, io);
	}
}

static void pump_submit(struct disk_backend *backend, struct disk_io *io)
{
	struct pump *pump = pump_of(backend);

	if (pump->gone) {
		io->done(io, pump->gone);
	} else if (io->op == DISK_READ) {
		pump_submit_read(pump, io);
	} else if (io->op == DISK_FLUSH && pump->scsi->has_no_flush) {
		io->done(io, 0);
	} else {
		if (io->op == DISK_WRITE)
			ahead_forget_written(pump, io);
		queue_push(pump, io);
	}
}

static void pump_cancel(struct disk_backend *backend, struct disk_io *io)
{
	struct pump *pump = pump_of(backend);
	struct disk_io **at = &pump->queue;

	while (*at && *at != io)
		at = &(*at)->next;
	if (!*at)
		return;
	queue_remove(pump, at);
	io->done(io, -ECANCELED);
}

static void pump_wait(struct disk_backend *backend)
{
	struct pump *pump = pump_of(backend);

	pump_work(pump);
	if (!pump->running)
		return;
	if (scsi_is_stopping(pump->scsi)) {
		pump_end(pump);
		return;
	}
	scsi_wait(pump->scsi);
	pump_work(pump);
}

static const struct disk_backend_ops pump_backend_ops = {
	.submit	= pump_submit,
	.cancel	= pump_cancel,
	.wait	= pump_wait,
};

void pump_init(struct pump *pump, struct scsi *scsi,
	       void *const buf[PUMP_UNITS], uint32_t unit_len, bool read_only)
{
	memset(pump, 0, sizeof(*pump));
	pump->scsi = scsi;
	pump->trust_ms = TRUST_MS;
	pump->attentions = scsi->attentions;
	pump->unit_blocks = unit_len / scsi->block_size;
	pump->queue_tail = &pump->queue;
	pump->backend = (struct disk_backend){
		.ops = &pump_backend_ops,
		.block_size = scsi->block_size,
		.blocks = scsi->blocks,
		.read_only = read_only || scsi->write_protected,
	};
	memcpy(pump->backend.model, scsi->model, sizeof(scsi->model));
	for (int i = 0; i < PUMP_UNITS; i++) {
		pump->unit[i].pump = pump;
		pump->unit[i].buf = buf[i];
		pump->unit[i].cmd.done = unit_done;
	}
}
