// SPDX-License-Identifier: MIT
/*
 * The client's side of operations that have no system call on a device: by
 * descriptor and path.
 */
#include "int.h"

#include <linux/io_uring.h>
#include <string.h>

static uint64_t to_u64(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

/* A request on one path; the length is the module's to refuse. */
static struct scheme_request on_path(uint8_t opcode, const char *path)
{
	size_t len = strlen(path);

	return (struct scheme_request){
		.opcode = opcode,
		.path = to_u64(path),
		.path_len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len,
		.fd2 = -1,
	};
}

/* One on an open file, which takes no path. */
static struct scheme_request on_file(uint8_t opcode)
{
	return (struct scheme_request){ .opcode = opcode, .fd2 = -1 };
}

static void add_second(struct scheme_request *r, int fd2, const char *path2)
{
	size_t len = strlen(path2);

	r->fd2 = fd2;
	r->path2 = to_u64(path2);
	r->path2_len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
}

static void add_room(struct scheme_request *r, void *buf, size_t len)
{
	r->buf = to_u64(buf);
	r->buf_len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
}

static int do_request(int fd, struct scheme_request *r)
{
	return ioctl_errno(fd, SCHEME_IOC_REQUEST, r);
}

/* For those that answer with a number of bytes. */
static ssize_t do_request_bytes(int fd, struct scheme_request *r)
{
	int ret = do_request(fd, r);

	return ret < 0 ? ret : (ssize_t)r->result;
}

int scheme_statat(int fd, const char *path, struct scheme_stat *st)
{
	struct scheme_request r = on_path(SCHEME_OP_STAT, path);

	add_room(&r, st, sizeof(*st));
	return do_request(fd, &r);
}

int scheme_statfsat(int fd, const char *path, struct scheme_statfs *st)
{
	struct scheme_request r = on_path(SCHEME_OP_STATFS, path);

	add_room(&r, st, sizeof(*st));
	return do_request(fd, &r);
}

int scheme_truncateat(int fd, const char *path, uint64_t size)
{
	struct scheme_request r = on_path(SCHEME_OP_TRUNCATE, path);

	r.aux = size;
	return do_request(fd, &r);
}

int scheme_utimensat(int fd, const char *path, const struct scheme_times *times)
{
	struct scheme_request r = on_path(SCHEME_OP_UTIMENS, path);

	r.buf = to_u64(times);
	r.buf_len = sizeof(*times);
	return do_request(fd, &r);
}

int scheme_chmodat(int fd, const char *path, mode_t mode)
{
	struct scheme_request r = on_path(SCHEME_OP_CHMOD, path);

	r.aux = mode;
	return do_request(fd, &r);
}

int scheme_chownat(int fd, const char *path, uid_t uid, gid_t gid)
{
	struct scheme_request r = on_path(SCHEME_OP_CHOWN, path);

	r.aux = (uint64_t)gid << 32 | uid;
	return do_request(fd, &r);
}

ssize_t scheme_pathat(int fd, const char *path, char *buf, size_t len)
{
	struct scheme_request r = on_path(SCHEME_OP_PATH, path);

	add_room(&r, buf, len);
	return do_request_bytes(fd, &r);
}

int scheme_renameat(int fd, const char *path, int fd2, const char *path2,
		    unsigned int flags)
{
	struct scheme_request r = on_path(SCHEME_OP_RENAME, path);

	add_second(&r, fd2, path2);
	r.op_flags = flags;
	return do_request(fd, &r);
}

int scheme_linkat(int fd, const char *path, int fd2, const char *path2)
{
	struct scheme_request r = on_path(SCHEME_OP_LINK, path);

	add_second(&r, fd2, path2);
	return do_request(fd, &r);
}

int scheme_symlinkat(const char *target, int fd, const char *path)
{
	struct scheme_request r = on_path(SCHEME_OP_SYMLINK, target);

	add_second(&r, -1, path);
	return do_request(fd, &r);
}

ssize_t scheme_readlinkat(int fd, const char *path, char *buf, size_t len)
{
	struct scheme_request r = on_path(SCHEME_OP_READLINK, path);

	add_room(&r, buf, len);
	return do_request_bytes(fd, &r);
}

int scheme_unlinkat(int fd, const char *path, unsigned int flags)
{
	struct scheme_request r = on_path(SCHEME_OP_UNLINK, path);

	r.op_flags = flags;
	return do_request(fd, &r);
}

int scheme_mkdirat(int fd, const char *path, mode_t mode)
{
	struct scheme_request r = on_path(SCHEME_OP_MKDIR, path);

	r.aux = mode;
	return do_request(fd, &r);
}

ssize_t scheme_getdents(int fd, uint64_t offset, void *buf, size_t len)
{
	struct scheme_request r = on_file(SCHEME_OP_GETDENTS);

	r.offset = offset;
	add_room(&r, buf, len);
	return do_request_bytes(fd, &r);
}

int64_t scheme_fcntl(int fd, uint32_t cmd, uint64_t arg)
{
	struct scheme_request r = on_file(SCHEME_OP_FCNTL);
	int ret;

	r.op_flags = cmd;
	r.aux = arg;
	ret = do_request(fd, &r);
	return ret < 0 ? ret : r.result;
}

void scheme_prep_command(struct io_uring_sqe *sqe, int fd, uint32_t cmd,
			 void *arg)
{
	const struct scheme_command command = {
		.arg = to_u64(arg),
		.size = _IOC_SIZE(cmd),
	};
	uint64_t user_data = sqe->user_data;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = cmd;
	sqe->user_data = user_data;
	memcpy((uint8_t *)sqe + offsetof(struct io_uring_sqe, addr3), &command,
	       sizeof(command));
}
