// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in every system call on names of schemefs, and in mounting it. */
#include "failnth_fs.h"

/* ---- finding and looking ----------------------------------------------------- */

/* A name that the kernel has not looked up yet, for the same file. */
static int prepare_name(env_t *env)
{
	struct scheme_request r = {
		.opcode = SCHEME_OP_LINK, .path = (uintptr_t)"file",
		.path_len = 4, .fd2 = -1,
	};
	char name[32];

	snprintf(name, sizeof(name), "name%u", env->nr++);
	snprintf(env->path, sizeof(env->path), TOP "/%s", name);
	r.path2 = (uintptr_t)name;
	r.path2_len = strlen(name);
	return do_ioctl(env->node, SCHEME_IOC_REQUEST, &r);
}

static int tidy_name(env_t *env, long result)
{
	(void)result;
	return unlink(env->path);
}

static long call_stat(env_t *env)
{
	return errno_of(stat(env->path, &env->st));
}

static const struct failing lookup = {
	.name = "stat of a new name", .prepare = prepare_name,
	.call = call_stat, .tidy = tidy_name,
	.memory = REFUSES, .copies = true,
};

static long call_stat_again(env_t *env)
{
	return errno_of(stat(TOP "/file", &env->st));
}

static const struct failing stats = {
	.name = "stat", .call = call_stat_again,
	.memory = REFUSES, .copies = true,
};

static long call_fstat(env_t *env)
{
	return errno_of(fstat(env->file, &env->st));
}

static const struct failing fstats = {
	.name = "fstat", .call = call_fstat, .memory = REFUSES, .copies = true,
};

static long call_statfs(env_t *env)
{
	struct statfs fs;

	(void)env;
	return errno_of(statfs(TOP "/file", &fs));
}

static const struct failing statfses = {
	.name = "statfs", .call = call_statfs,
	.memory = REFUSES, .copies = true,
};

static long call_readlink(env_t *env)
{
	return errno_of(readlink(TOP "/symlink", env->buf, BYTES));
}

static const struct failing readlinks = {
	.name = "readlink", .call = call_readlink,
	.memory = REFUSES, .copies = true, .wants = 4,
};

static long call_follow(env_t *env)
{
	return errno_of(stat(TOP "/symlink", &env->st));
}

static const struct failing follows = {
	.name = "stat over a symbolic link", .call = call_follow,
	.memory = REFUSES, .copies = true,
};

/* Behind "." and "..", which are there without the provider. */
static int prepare_dir(env_t *env)
{
	return lseek(env->dir, 2, SEEK_SET) == 2 ? 0 : -errno;
}

static long call_getdents(env_t *env)
{
	return errno_of(syscall(SYS_getdents64, env->dir, env->buf, BYTES));
}

static const struct failing getdents = {
	.name = "getdents64", .prepare = prepare_dir, .call = call_getdents,
	.memory = REFUSES, .wants = 1,
};

/* ---- opening ------------------------------------------------------------------ */

static long call_open(env_t *env)
{
	(void)env;
	return open_errno(TOP "/file", O_RDWR | O_CLOEXEC);
}

static const struct failing opens = {
	.name = "open", .call = call_open, .tidy = tidy_fd,
	.memory = REFUSES, .copies = true,
};

static long call_create(env_t *env)
{
	(void)env;
	return errno_of(open(TOP "/new", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static int tidy_create(env_t *env, long result)
{
	int ret = tidy_fd(env, result);

	if (result >= 0 && !exists(TOP "/new"))
		return -EBADMSG;
	unlink(TOP "/new");
	return ret;
}

static const struct failing creates = {
	.name = "open with O_CREAT", .call = call_create, .tidy = tidy_create,
	.memory = REFUSES, .copies = true,
};

static int prepare_full(env_t *env)
{
	(void)env;
	if (make(TOP "/full"))
		return -EIO;
	return errno_of(truncate(TOP "/full", 5));
}

static long call_open_truncate(env_t *env)
{
	(void)env;
	return open_errno(TOP "/full", O_WRONLY | O_TRUNC | O_CLOEXEC);
}

static int tidy_full(env_t *env, long result)
{
	if (stat(TOP "/full", &env->st) ||
	    env->st.st_size != (result < 0 ? 5 : 0))
		return -EBADMSG;
	return tidy_fd(env, result) ?: unlink(TOP "/full");
}

static const struct failing opens_empty = {
	.name = "open with O_TRUNC", .prepare = prepare_full,
	.call = call_open_truncate, .tidy = tidy_full,
	.memory = REFUSES, .copies = true,
};

static long call_open_event(env_t *env)
{
	(void)env;
	return open_errno(MNT "/event", O_RDWR | O_CLOEXEC);
}

static const struct failing opens_event = {
	.name = "open of the event scheme's file", .call = call_open_event,
	.tidy = tidy_fd, .memory = REFUSES, .copies = true,
};

/* ---- names ------------------------------------------------------------------- */

static long call_mkdir(env_t *env)
{
	(void)env;
	return errno_of(mkdir(TOP "/made", 0755));
}

static int tidy_mkdir(env_t *env, long result)
{
	(void)env;
	return tidy_made(TOP "/made", result);
}

static const struct failing mkdirs = {
	.name = "mkdir", .call = call_mkdir, .tidy = tidy_mkdir,
	.memory = REFUSES, .copies = true,
};

static int prepare_rmdir(env_t *env)
{
	return call_mkdir(env);
}

static long call_rmdir(env_t *env)
{
	(void)env;
	return errno_of(rmdir(TOP "/made"));
}

static int tidy_rmdir(env_t *env, long result)
{
	(void)env;
	return tidy_removed(TOP "/made", result);
}

static const struct failing rmdirs = {
	.name = "rmdir", .prepare = prepare_rmdir, .call = call_rmdir,
	.tidy = tidy_rmdir, .memory = REFUSES, .copies = true,
};

static int prepare_unlink(env_t *env)
{
	(void)env;
	return make(TOP "/made");
}

static long call_unlink(env_t *env)
{
	(void)env;
	return errno_of(unlink(TOP "/made"));
}

static const struct failing unlinks = {
	.name = "unlink", .prepare = prepare_unlink, .call = call_unlink,
	.tidy = tidy_rmdir, .memory = REFUSES, .copies = true,
};

static long call_mknod(env_t *env)
{
	(void)env;
	return errno_of(mknod(TOP "/made", S_IFREG | 0644, 0));
}

/* As with O_CREAT, it may have been made. */
static int tidy_mknod(env_t *env, long result)
{
	(void)env;
	return unlink(TOP "/made") && result >= 0 ? -EBADMSG : 0;
}

static const struct failing mknods = {
	.name = "mknod", .call = call_mknod, .tidy = tidy_mknod,
	.memory = REFUSES, .copies = true,
};

static long call_symlink(env_t *env)
{
	(void)env;
	return errno_of(symlink("somewhere", TOP "/made"));
}

static const struct failing symlinks = {
	.name = "symlink", .call = call_symlink, .tidy = tidy_mkdir,
	.memory = REFUSES, .copies = true,
};

static long call_link(env_t *env)
{
	(void)env;
	return errno_of(link(TOP "/file", TOP "/made"));
}

static const struct failing links = {
	.name = "link", .call = call_link, .tidy = tidy_mkdir,
	.memory = REFUSES, .copies = true,
};

static int prepare_rename(env_t *env)
{
	(void)env;
	return make(TOP "/old");
}

static long call_rename(env_t *env)
{
	(void)env;
	return errno_of(rename(TOP "/old", TOP "/made"));
}

static const struct failing renames = {
	.name = "rename", .prepare = prepare_rename, .call = call_rename,
	.tidy = tidy_rename, .memory = REFUSES, .copies = true,
};

/* ---- the mount --------------------------------------------------------------- */

static long call_mount(env_t *env)
{
	(void)env;
	return errno_of(mount("none", MNT2, "schemefs", 0, "schemes=" NAME));
}

static int tidy_mount(env_t *env, long result)
{
	(void)env;
	if (exists(MNT2 "/" NAME) != (result >= 0))
		return -EBADMSG;
	return result < 0 ? 0 : umount(MNT2);
}

static const struct failing mounts = {
	.name = "mount", .call = call_mount, .tidy = tidy_mount,
	.memory = REFUSES, .copies = true,
};

static int prepare_umount(env_t *env)
{
	if (call_mount(env))
		return -errno;
	return errno_of(stat(MNT2 "/" NAME "/file", &env->st));
}

static long call_umount(env_t *env)
{
	(void)env;
	return errno_of(umount(MNT2));
}

static int tidy_umount(env_t *env, long result)
{
	(void)env;
	if (exists(MNT2 "/" NAME) != (result < 0))
		return -EBADMSG;
	return result < 0 ? umount(MNT2) : 0;
}

static const struct failing umounts = {
	.name = "umount", .prepare = prepare_umount, .call = call_umount,
	.tidy = tidy_umount, .memory = REFUSES, .copies = true,
};

/* The first look at a scheme, and below it, on a new mount. */
static int prepare_first(env_t *env)
{
	return call_mount(env);
}

static long call_first(env_t *env)
{
	return errno_of(stat(MNT2 "/" NAME "/file", &env->st));
}

static int tidy_first(env_t *env, long result)
{
	(void)env;
	(void)result;
	return umount(MNT2);
}

static const struct failing first = {
	.name = "the first stat on a mount", .prepare = prepare_first,
	.call = call_first, .tidy = tidy_first,
	.memory = REFUSES, .copies = true,
};

/* ---- all of them ------------------------------------------------------------- */

FAIL_NTH(S10_failures_in_stat_of_a_new_name, lookup)
FAIL_NTH(S10_failures_in_stat, stats)
FAIL_NTH(S10_failures_in_fstat, fstats)
FAIL_NTH(S10_failures_in_statfs, statfses)
FAIL_NTH(S11_failures_in_readlink, readlinks)
FAIL_NTH(S11_failures_in_following_a_link, follows)
FAIL_NTH(S11_failures_in_getdents64, getdents)
FAIL_NTH(S7_failures_in_open_by_path, opens)
FAIL_NTH(S7_failures_in_open_that_creates, creates)
FAIL_NTH(S7_failures_in_open_that_truncates, opens_empty)
FAIL_NTH(E1_failures_in_open_of_the_event_file, opens_event)
FAIL_NTH(S11_failures_in_mkdir, mkdirs)
FAIL_NTH(S11_failures_in_rmdir, rmdirs)
FAIL_NTH(S11_failures_in_unlink, unlinks)
FAIL_NTH(S11_failures_in_mknod, mknods)
FAIL_NTH(S11_failures_in_symlink, symlinks)
FAIL_NTH(S11_failures_in_link, links)
FAIL_NTH(S11_failures_in_rename, renames)
FAIL_NTH(S5_failures_in_mount, mounts)
FAIL_NTH(S5_failures_in_umount, umounts)
FAIL_NTH(S5_failures_in_the_first_look_at_a_scheme, first)

TEST_HARNESS_MAIN
