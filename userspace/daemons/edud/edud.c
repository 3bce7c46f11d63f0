// SPDX-License-Identifier: MIT
/*
 * edud - serve the buffer of QEMU's "edu" device
 *
 *	edud NAME --device 0000:00:10.0 [--addr-bits 28]
 *
 * The file is the scheme's node, and "edu" in its directory. What is written goes
 * to the device, what is read comes from it, by DMA.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon.h"
#include "device.h"
#include "flat.h"

/* What a real edu has, unless it is told otherwise. */
#define ADDR_BITS	28

struct edud {
	struct daemon		daemon;
	struct flat_single	file;
	struct device		device;
	const char		*address;
	unsigned int		addr_bits;
};

static struct edud *edud_of(const struct scheme_req *req)
{
	return scheme_user(scheme_req_scheme(req));
}

/* ---- the scheme ------------------------------------------------------------ */

static void edu_open(struct scheme_req *req, uint64_t dir, const char *path,
		     int flags, mode_t mode)
{
	int ret = flat_single_find(&edud_of(req)->file, dir == FLAT_FILE, path,
				   flags);

	(void)mode;
	if (ret < 0)
		scheme_reply(req, ret);
	else
		scheme_reply_open(req, ret, SCHEME_CQE_F_POSITIONED, 0);
}

/* How much of len bytes at offset the device has. */
static unsigned int part(uint64_t offset, uint32_t len)
{
	if (offset >= DEVICE_BYTES)
		return 0;
	return len < DEVICE_BYTES - offset ? len : DEVICE_BYTES - offset;
}

static void edu_read(struct scheme_req *req, uint64_t handle, void *buf,
		     uint32_t len, uint64_t offset)
{
	unsigned int n = part(offset, len);
	int ret = 0;

	if (handle == FLAT_ROOT)
		ret = -EISDIR;
	else if (n)
		ret = device_read(&edud_of(req)->device, buf, offset, n);
	scheme_reply(req, ret ? ret : (int64_t)n);
}

static void edu_write(struct scheme_req *req, uint64_t handle, const void *buf,
		      uint32_t len, uint64_t offset)
{
	unsigned int n = part(offset, len);
	int ret = 0;

	if (handle == FLAT_ROOT)
		ret = -EISDIR;
	else if (n)
		ret = device_write(&edud_of(req)->device, buf, offset, n);
	else if (len)
		ret = -ENOSPC;
	scheme_reply(req, ret ? ret : (int64_t)n);
}

static void edu_fsize(struct scheme_req *req, uint64_t handle)
{
	scheme_reply(req, handle == FLAT_ROOT ? 0 : DEVICE_BYTES);
}

/* A write is answered when the device has it. */
static void edu_fsync(struct scheme_req *req, uint64_t handle, bool data_only)
{
	(void)handle, (void)data_only;
	scheme_reply(req, 0);
}

/* O_TRUNC does nothing to a device. */
static void edu_truncate(struct scheme_req *req, uint64_t handle,
			 const char *path, uint64_t size)
{
	int ret = flat_single_find(&edud_of(req)->file, handle == FLAT_FILE,
				   path, O_WRONLY);

	(void)size;
	scheme_reply(req, ret < 0 ? ret : 0);
}

static void edu_stat(struct scheme_req *req, uint64_t handle, const char *path)
{
	flat_single_stat(req, &edud_of(req)->file, handle == FLAT_FILE, path);
}

static void edu_getdents(struct scheme_req *req, uint64_t handle,
			 uint64_t offset)
{
	(void)handle;
	flat_single_getdents(req, &edud_of(req)->file, offset);
}

static const struct scheme_ops edu_ops = {
	.open = edu_open,
	.read = edu_read,
	.write = edu_write,
	.fsize = edu_fsize,
	.fsync = edu_fsync,
	.stat = edu_stat,
	.truncate = edu_truncate,
	.getdents = edu_getdents,
};

/* ---- the program ----------------------------------------------------------- */

static const struct argp_option options[] = {
	{ "device", 'd', "ADDRESS", 0,
	  "function of the device, such as 0000:00:10.0", 0 },
	{ "addr-bits", 'a', "N", 0, "address bits that it has (28)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct edud *e = state->input;
	uint64_t bits = 0;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &e->daemon;
		return 0;
	case 'd':
		e->address = arg;
		return 0;
	case 'a':
		if (daemon_parse_size(arg, &bits) || bits < 12 || bits > 64)
			argp_error(state, "--addr-bits: not a number from 12 to 64: %s",
				   arg);
		e->addr_bits = bits;
		return 0;
	case ARGP_KEY_END:
		if (!e->address)
			argp_error(state, "which --device? lspci -d 1234:11e8 -D finds them");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void describe_file(struct edud *e)
{
	struct flat *flat = &e->file.flat;

	flat_fixed(flat, e->daemon.config.mode);
	flat->mode = (flat->mode & ~S_IFMT) | S_IFREG;
	flat->size = DEVICE_BYTES;
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { &daemon_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "NAME",
		.doc = "Serve the buffer of QEMU's edu device as a scheme, by DMA.",
		.children = children,
	};
	struct edud e = {
		.daemon = DAEMON_INIT,
		.file = { .name = "edu" },
		.device = DEVICE_INIT,
		.addr_bits = ADDR_BITS,
	};
	int err;

	/* one transfer at a time */
	e.daemon.one_queue = true;
	argp_parse(&argp, argc, argv, 0, NULL, &e);
	describe_file(&e);
	if (daemon_begin(&e.daemon))
		return EXIT_FAILURE;
	err = device_open(&e.device, e.address, e.addr_bits);
	if (!err)
		err = daemon_create(&e.daemon, &edu_ops, sizeof(edu_ops), &e);
	if (!err)
		err = daemon_serve(&e.daemon);
	err = daemon_end(&e.daemon, err);
	device_close(&e.device);
	return err;
}
