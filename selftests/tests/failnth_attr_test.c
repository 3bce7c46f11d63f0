// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in system calls on files of schemefs, and in REQUEST. */
#include "failnth_fs.h"

/* ---- attributes -------------------------------------------------------------- */

static int prepare_attributes(env_t *env)
{
	const struct timespec times[2] = { { 1, 0 }, { 2, 0 } };

	if (fchmod(env->file, 0644) || fchown(env->file, 0, 0) ||
	    ftruncate(env->file, BYTES) || futimens(env->file, times))
		return -errno;
	return 0;
}

/* What the call changes has one value after a failure, and another without. */
static int changed(long result, bool is_old, bool is_new)
{
	return (result < 0 ? is_old : is_new) ? 0 : -EBADMSG;
}

static long call_chmod(env_t *env)
{
	(void)env;
	return errno_of(chmod(TOP "/file", 0600));
}

static int tidy_chmod(env_t *env, long result)
{
	if (fstat(env->file, &env->st))
		return -errno;
	return changed(result, env->st.st_mode == (S_IFREG | 0644),
		       env->st.st_mode == (S_IFREG | 0600));
}

static const struct failing chmods = {
	.name = "chmod", .prepare = prepare_attributes, .call = call_chmod,
	.tidy = tidy_chmod, .memory = REFUSES, .copies = true,
};

static long call_chown(env_t *env)
{
	(void)env;
	return errno_of(chown(TOP "/file", 12, 34));
}

static int tidy_chown(env_t *env, long result)
{
	if (fstat(env->file, &env->st))
		return -errno;
	return changed(result, !env->st.st_uid && !env->st.st_gid,
		       env->st.st_uid == 12 && env->st.st_gid == 34);
}

static const struct failing chowns = {
	.name = "chown", .prepare = prepare_attributes, .call = call_chown,
	.tidy = tidy_chown, .memory = REFUSES, .copies = true,
};

static long call_utimensat(env_t *env)
{
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };

	(void)env;
	return errno_of(utimensat(AT_FDCWD, TOP "/file", times, 0));
}

static int tidy_utimensat(env_t *env, long result)
{
	if (fstat(env->file, &env->st))
		return -errno;
	return changed(result,
		       env->st.st_atime == 1 && env->st.st_mtime == 2,
		       env->st.st_atime == 1000 && env->st.st_mtime == 2000);
}

static const struct failing utimens = {
	.name = "utimensat", .prepare = prepare_attributes,
	.call = call_utimensat, .tidy = tidy_utimensat,
	.memory = REFUSES, .copies = true,
};

static long call_truncate(env_t *env)
{
	(void)env;
	return errno_of(truncate(TOP "/file", 10));
}

static int tidy_truncate(env_t *env, long result)
{
	if (fstat(env->file, &env->st))
		return -errno;
	return changed(result, env->st.st_size == BYTES, env->st.st_size == 10);
}

static const struct failing truncates = {
	.name = "truncate", .prepare = prepare_attributes,
	.call = call_truncate, .tidy = tidy_truncate,
	.memory = REFUSES, .copies = true,
};

static long call_ftruncate(env_t *env)
{
	return errno_of(ftruncate(env->file, 10));
}

static const struct failing ftruncates = {
	.name = "ftruncate", .prepare = prepare_attributes,
	.call = call_ftruncate, .tidy = tidy_truncate, .memory = REFUSES,
};

/* ---- an open file ------------------------------------------------------------- */

static int prepare_start(env_t *env)
{
	return prepare_attributes(env) ?: lseek(env->file, 0, SEEK_SET);
}

static long call_read(env_t *env)
{
	return errno_of(read(env->file, env->buf, BYTES));
}

static const struct failing reads = {
	.name = "read", .prepare = prepare_start, .call = call_read,
	.memory = REFUSES, .copies = true, .wants = BYTES,
};

static long call_write(env_t *env)
{
	return errno_of(write(env->file, env->buf, BYTES));
}

static const struct failing writes = {
	.name = "write", .prepare = prepare_start, .call = call_write,
	.memory = REFUSES, .copies = true, .wants = BYTES,
};

static long call_seek_end(env_t *env)
{
	return errno_of(lseek(env->file, 0, SEEK_END));
}

static const struct failing seek_end = {
	.name = "lseek to the end", .prepare = prepare_attributes,
	.call = call_seek_end, .memory = REFUSES, .wants = BYTES,
};

/* ---- REQUEST ----------------------------------------------------------------- */

static int request_begin(env_t *env, uint8_t opcode, const char *path)
{
	env->r = (struct scheme_request){
		.opcode = opcode, .path = (uintptr_t)path,
		.path_len = strlen(path), .buf = (uintptr_t)env->buf, .fd2 = -1,
	};
	return 0;
}

static int prepare_request_stat(env_t *env)
{
	request_begin(env, SCHEME_OP_STAT, "file");
	env->r.buf_len = sizeof(struct scheme_stat);
	return 0;
}

static long call_request(env_t *env)
{
	return do_ioctl(env->node, SCHEME_IOC_REQUEST, &env->r);
}

static const struct failing request_stat = {
	.name = "REQUEST: STAT", .prepare = prepare_request_stat,
	.call = call_request, .memory = REFUSES, .copies = true,
};

static int prepare_request_dents(env_t *env)
{
	request_begin(env, SCHEME_OP_GETDENTS, "");
	env->r.path = 0;
	env->r.buf_len = BYTES;
	return 0;
}

static long call_request_dents(env_t *env)
{
	return do_ioctl(env->node_dir, SCHEME_IOC_REQUEST, &env->r);
}

static const struct failing request_dents = {
	.name = "REQUEST: GETDENTS", .prepare = prepare_request_dents,
	.call = call_request_dents, .memory = REFUSES, .copies = true,
};

static int prepare_request_rename(env_t *env)
{
	request_begin(env, SCHEME_OP_RENAME, "old");
	env->r.buf = 0;
	env->r.path2 = (uintptr_t)"made";
	env->r.path2_len = 4;
	return make(TOP "/old");
}

static const struct failing request_rename = {
	.name = "REQUEST: RENAME", .prepare = prepare_request_rename,
	.call = call_request, .tidy = tidy_rename,
	.memory = REFUSES, .copies = true,
};

static int prepare_request_truncate(env_t *env)
{
	request_begin(env, SCHEME_OP_TRUNCATE, "file");
	env->r.buf = 0;
	env->r.aux = 10;
	return prepare_attributes(env);
}

static const struct failing request_truncate = {
	.name = "REQUEST: TRUNCATE", .prepare = prepare_request_truncate,
	.call = call_request, .tidy = tidy_truncate,
	.memory = REFUSES, .copies = true,
};

static int prepare_request_times(env_t *env)
{
	const struct scheme_times times = { .atime = 1000, .mtime = 2000 };

	request_begin(env, SCHEME_OP_UTIMENS, "file");
	memcpy(env->buf, &times, sizeof(times));
	env->r.buf_len = sizeof(times);
	return prepare_attributes(env);
}

static const struct failing request_times = {
	.name = "REQUEST: UTIMENS", .prepare = prepare_request_times,
	.call = call_request, .tidy = tidy_utimensat,
	.memory = REFUSES, .copies = true,
};

static int prepare_request_ring(env_t *env)
{
	struct io_uring_sqe *sqe;
	int ret = prepare_ring(env);

	if (ret)
		return ret;
	prepare_request_stat(env);
	sqe = io_uring_get_sqe(&env->ring);
	scheme_prep_command(sqe, env->node, SCHEME_IOC_REQUEST, &env->r);
	sqe->user_data = 1;
	return 0;
}

/*
 * The operation is a worker's, which no failure meets; but the worker has to be
 * made, and without one io_uring cancels. EAGAIN is its word for no memory.
 */
static const struct failing request_uring = {
	.name = "REQUEST by io_uring", .prepare = prepare_request_ring,
	.call = submit, .result = result_ring, .tidy = tidy_ring,
	.memory = REFUSES, .core = { EAGAIN, ECANCELED },
};

/* ---- all of them ------------------------------------------------------------- */

FAIL_NTH(S10_failures_in_chmod, chmods)
FAIL_NTH(S10_failures_in_chown, chowns)
FAIL_NTH(S10_failures_in_utimensat, utimens)
FAIL_NTH(S10_failures_in_truncate, truncates)
FAIL_NTH(S10_failures_in_ftruncate, ftruncates)
FAIL_NTH(S8_failures_in_read_by_path, reads)
FAIL_NTH(S8_failures_in_write_by_path, writes)
FAIL_NTH(S9_failures_in_lseek_to_the_end_by_path, seek_end)
FAIL_NTH(S10_failures_in_a_request_to_stat, request_stat)
FAIL_NTH(S11_failures_in_a_request_for_entries, request_dents)
FAIL_NTH(S11_failures_in_a_request_to_rename, request_rename)
FAIL_NTH(S10_failures_in_a_request_to_truncate, request_truncate)
FAIL_NTH(S10_failures_in_a_request_to_set_times, request_times)
FAIL_NTH(U1_failures_in_a_request_by_uring, request_uring)

TEST_HARNESS_MAIN
