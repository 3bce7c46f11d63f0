// SPDX-License-Identifier: MIT
/*
 * ramdiskd - serve a disk that lives in memory
 *
 *	ramdiskd NAME --size 64M [--image FILE]
 *
 * What it holds is gone when it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "disk/disk.h"

struct ramdisk {
	struct daemon		daemon;
	struct disk_backend	backend;
	struct disk		disk;
	char			*memory;
	uint64_t		size;
	const char		*image;
};

/* ---- backend -------------------------------------------------------------- */

static void ramdisk_submit(struct disk_backend *backend, struct disk_io *io)
{
	struct ramdisk *ram = (struct ramdisk *)((char *)backend -
				offsetof(struct ramdisk, backend));
	char *at = ram->memory + io->block * backend->block_size;
	size_t len = (size_t)io->blocks * backend->block_size;

	if (io->op == DISK_READ)
		memcpy(io->buf, at, len);
	else if (io->op == DISK_WRITE)
		memcpy(at, io->buf, len);
	io->done(io, 0);
}

static const struct disk_backend_ops ramdisk_backend_ops = {
	.submit	= ramdisk_submit,
};

/* ---- memory --------------------------------------------------------------- */

static int image_read(struct ramdisk *ram, int fd)
{
	uint64_t done = 0;

	while (done < ram->size) {
		ssize_t n = read(fd, ram->memory + done, ram->size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	return 0;
}

static uint64_t round_up(uint64_t value, uint32_t to)
{
	return (value + to - 1) / to * to;
}

/* Opens the image, which decides the size when --size does not. */
static int image_open(struct ramdisk *ram)
{
	struct stat st;
	int fd = open(ram->image, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st)) {
		daemon_say(errno, "cannot read the image %s", ram->image);
		goto err_close;
	}
	if (!ram->size)
		ram->size = round_up(st.st_size, ram->backend.block_size);
	if ((uint64_t)st.st_size > ram->size) {
		daemon_say(0, "the image %s is larger than the disk: raise --size or leave it out",
			   ram->image);
		goto err_close;
	}
	return fd;

err_close:
	if (fd >= 0)
		close(fd);
	return -EINVAL;
}

static int memory_map(struct ramdisk *ram)
{
	uint32_t block_size = ram->backend.block_size;

	if (!ram->size || ram->size % block_size || ram->size > SIZE_MAX / 2) {
		daemon_say(0, "--size must be a positive multiple of the block size %u",
			   block_size);
		return -EINVAL;
	}
	ram->memory = mmap(NULL, ram->size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram->memory == MAP_FAILED) {
		daemon_say(errno, "no memory for the disk: lower --size");
		return -ENOMEM;
	}
	ram->backend.blocks = ram->size / block_size;
	return 0;
}

static int ramdisk_fill(struct ramdisk *ram)
{
	int ret, fd = -1;

	if (ram->image) {
		fd = image_open(ram);
		if (fd < 0)
			return fd;
	}
	ret = memory_map(ram);
	if (!ret && fd >= 0) {
		ret = image_read(ram, fd);
		if (ret)
			daemon_say(-ret, "cannot read the image %s", ram->image);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

/* ---- options -------------------------------------------------------------- */

enum { OPT_BLOCK_SIZE = 0x1000 };

static const struct argp_option ramdisk_options[] = {
	{ "size", 's', "BYTES", 0, "Size of the disk, such as 64M", 1 },
	{ "image", 'i', "FILE", 0,
	  "What the disk holds at first; its size is the disk's unless --size is given",
	  1 },
	{ "block-size", OPT_BLOCK_SIZE, "512|4096", 0, "Bytes of a block (512)", 1 },
	{ "read-only", 'r', NULL, 0, "Refuse to be opened for writing", 1 },
	{ 0 }
};

static int option_size(const char *text, uint64_t *value,
		       struct argp_state *state)
{
	if (daemon_parse_size(text, value))
		argp_error(state, "\"%s\" is not a size; write one such as 64M", text);
	return 0;
}

static int option_block_size(const char *text, struct ramdisk *ram,
			     struct argp_state *state)
{
	uint64_t value = 0;

	option_size(text, &value, state);
	if (value != 512 && value != 4096)
		argp_error(state, "--block-size must be 512 or 4096");
	ram->backend.block_size = value;
	return 0;
}

static error_t ramdisk_parse(int key, char *arg, struct argp_state *state)
{
	struct ramdisk *ram = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &ram->daemon;
		return 0;
	case 's':
		return option_size(arg, &ram->size, state);
	case 'i':
		ram->image = arg;
		return 0;
	case OPT_BLOCK_SIZE:
		return option_block_size(arg, ram, state);
	case 'r':
		ram->backend.read_only = true;
		return 0;
	case ARGP_KEY_END:
		if (!ram->size && !ram->image)
			argp_error(state, "give the disk a size: --size 64M");
		if (ram->daemon.config.queues > 1)
			argp_error(state, "a disk has one queue: leave --queues out");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child ramdisk_children[] = {
	{ &daemon_argp, 0, NULL, 2 },
	{ 0 }
};

static const struct argp ramdisk_argp = {
	.options	= ramdisk_options,
	.parser		= ramdisk_parse,
	.doc		= "Serve a disk that lives in memory as the scheme NAME.",
	.children	= ramdisk_children,
};

/* ---- main ----------------------------------------------------------------- */

static int ramdisk_serve(struct ramdisk *ram)
{
	int ret = disk_init(&ram->disk, &ram->backend);

	if (ret) {
		daemon_say(-ret, "no such disk can be served: change --size");
		return daemon_end(&ram->daemon, ret);
	}
	ret = daemon_create(&ram->daemon, &disk_scheme_ops,
			    sizeof(disk_scheme_ops), &ram->disk);
	if (!ret)
		ret = daemon_serve(&ram->daemon);
	ret = daemon_end(&ram->daemon, ret);
	disk_uninit(&ram->disk);
	return ret;
}

int main(int argc, char **argv)
{
	struct ramdisk ram = {
		.daemon = DAEMON_INIT,
		.backend = {
			.ops = &ramdisk_backend_ops,
			.block_size = 512,
			.model = "memory",
		},
	};

	argp_parse(&ramdisk_argp, argc, argv, 0, NULL, &ram);
	if (ramdisk_fill(&ram) || daemon_begin(&ram.daemon))
		return 1;
	return ramdisk_serve(&ram);
}
