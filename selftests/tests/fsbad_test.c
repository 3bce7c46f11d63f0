// SPDX-License-Identifier: GPL-2.0
/*
 * schemefs with providers that lie, stall or die. The test plays the provider, step by
 * step.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <scheme.h>

#define NAME	"test-fsbad"
#define MNT	"/tmp/fsbad_test.mnt"
#define TOP	MNT "/" NAME
#define SLOT	4096
#define USER	1234

#include "fsmount.h"

/* ---- a provider played by the test ------------------------------------------ */

FIXTURE(bad) {
	struct provider p;
	struct queue *q;
	struct job job;
	struct scheme_sqe sqe;
	struct stat st;
	int64_t begin;
};

FIXTURE_SETUP(bad)
{
	struct scheme_create create;

	create_init(&create, NAME);
	create.depth = 16;
	create.slot_size = SLOT;
	create.timeout_ms = 2000;
	create.mode = 0666;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	ASSERT_EQ(0, mount_it(NULL));
}

FIXTURE_TEARDOWN(bad)
{
	provider_end(&self->p);
	EXPECT_EQ(0, umount(MNT));
}

static struct scheme_stat file_stat(uint64_t ino)
{
	return (struct scheme_stat){
		.mode = S_IFREG | 0644, .nlink = 1, .ino = ino, .size = 5,
	};
}

/* Wait for this operation on this path and answer it with bytes. */
static int serve_bytes(struct queue *q, uint8_t opcode, const char *path,
		       const void *bytes, int64_t len)
{
	struct scheme_sqe sqe;
	int ret = queue_expect(q, &sqe, opcode);

	if (ret)
		return ret;
	if (path && (sqe.len != strlen(path) ||
		     memcmp(queue_payload(q, &sqe), path, sqe.len)))
		return -EBADMSG;
	if (len > 0 && bytes)
		memcpy(queue_payload(q, &sqe), bytes, len);
	return queue_answer(q, &sqe, len);
}

static int serve_stat(struct queue *q, const char *path,
		      const struct scheme_stat *st)
{
	return serve_bytes(q, SCHEME_OP_STAT, path, st, sizeof(*st));
}

TEST_F(bad, S10_what_cannot_be_shown_is_eio)
{
	static const mode_t types[] = { S_IFCHR, S_IFBLK, S_IFSOCK, 0 };
	struct scheme_stat st;

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		st = file_stat(7);
		st.mode = types[i] | 0666;
		job_stat(&self->job, TOP "/x", &self->st);
		EXPECT_EQ(0, serve_stat(self->q, "x", &st));
		EXPECT_EQ(-EIO, job_wait(&self->job));
	}
	/* the number of the root, and none */
	for (uint64_t ino = 0; ino < 2; ino++) {
		st = file_stat(ino);
		job_stat(&self->job, TOP "/x", &self->st);
		EXPECT_EQ(0, serve_stat(self->q, "x", &st));
		EXPECT_EQ(-EIO, job_wait(&self->job));
	}
	/* a size that makes no sense, an answer that is too short */
	st = file_stat(7);
	st.size = ~0ULL;
	job_stat(&self->job, TOP "/x", &self->st);
	EXPECT_EQ(0, serve_stat(self->q, "x", &st));
	EXPECT_EQ(-EIO, job_wait(&self->job));
	job_stat(&self->job, TOP "/x", &self->st);
	EXPECT_EQ(EPROTO, serve_bytes(self->q, SCHEME_OP_STAT, "x", NULL, 0));
	EXPECT_EQ(-EIO, job_wait(&self->job));
}

TEST_F(bad, S10_errors_arrive_unchanged)
{
	static const int errors[] = {
		EPERM, ENOENT, EACCES, EOPNOTSUPP, ENOSYS, EUCLEAN, EREMOTEIO,
	};
	struct scheme_stat st = file_stat(7);

	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		job_stat(&self->job, TOP "/x", &self->st);
		EXPECT_EQ(0, serve_bytes(self->q, SCHEME_OP_STAT, "x", NULL,
					 -errors[i]));
		EXPECT_EQ(-errors[i], job_wait(&self->job));
		if (errors[i] == ENOENT)
			continue;	/* of a file that was there: walked again */
		job_open(&self->job, TOP "/y", O_RDONLY);
		EXPECT_EQ(0, serve_stat(self->q, "y", &st));
		EXPECT_EQ(0, serve_bytes(self->q, SCHEME_OP_OPEN, "y", NULL,
					 -errors[i]));
		EXPECT_EQ(-errors[i], job_wait(&self->job));
	}
}

TEST_F(bad, S7_another_object_by_the_time_of_open)
{
	struct scheme_stat one = file_stat(7), other = file_stat(8);
	int fd;

	job_open(&self->job, TOP "/x", O_RDONLY);
	EXPECT_EQ(0, serve_stat(self->q, "x", &one));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 1, 0, 0));
	EXPECT_EQ(0, serve_stat(self->q, "", &other));
	/* walked again: the name stands for the other one now */
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	EXPECT_EQ(0, serve_stat(self->q, "x", &other));
	EXPECT_EQ(0, serve_stat(self->q, "x", &other));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 2, 0, 0));
	EXPECT_EQ(0, serve_stat(self->q, "", &other));
	fd = job_wait(&self->job);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(bad, S11_entries_that_cannot_be_are_eio)
{
	static const char *const names[] = { "a/b", "..", ".", "" };
	struct scheme_dirent *e;
	char entry[64];
	char buf[1024];
	int fd;

	job_open(&self->job, TOP, O_RDONLY | O_DIRECTORY);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, self->sqe.len);
	EXPECT_EQ(O_RDONLY | O_DIRECTORY, self->sqe.op_flags);
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 1, 0, 0));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		memset(entry, 0, sizeof(entry));
		e = (void *)entry;
		e->ino = 9;
		e->next = 1;
		e->namelen = strlen(names[i]);
		memcpy(e->name, names[i], e->namelen);
		/* behind "." and "..", which would be the result then */
		lseek(fd, 2, SEEK_SET);
		job_start(&self->job, SYS_getdents64, fd, (long)buf, sizeof(buf));
		EXPECT_EQ(0, serve_bytes(self->q, SCHEME_OP_GETDENTS, NULL, entry,
					 SCHEME_DIRENT_SIZE(e->namelen)));
		EXPECT_EQ(-EIO, job_wait(&self->job));
	}
	close(fd);
}

TEST_F(bad, S11_a_directory_without_end_does_not_hold_anybody)
{
	struct scheme_dirent *e;
	char entry[64] = {};
	char buf[1024];
	int fd;

	job_open(&self->job, TOP, O_RDONLY | O_DIRECTORY);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 1, 0, 0));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	e = (void *)entry;
	e->ino = 9;
	e->next = 1;
	e->namelen = 1;
	e->name[0] = 'x';
	/* one request for one call, which comes back with what there was */
	for (int i = 0; i < 5; i++) {
		job_start(&self->job, SYS_getdents64, fd, (long)buf, sizeof(buf));
		EXPECT_EQ(0, serve_bytes(self->q, SCHEME_OP_GETDENTS, NULL, entry,
					 SCHEME_DIRENT_SIZE(1)));
		EXPECT_LT(0, job_wait(&self->job));
	}
	close(fd);
}

TEST_F(bad, S11_bad_link_targets_are_eio)
{
	struct scheme_stat st = file_stat(7);
	char buf[16];

	st.mode = S_IFLNK | 0777;
	for (int i = 0; i < 2; i++) {
		job_start(&self->job, SYS_readlinkat, AT_FDCWD, (long)(TOP "/l"),
			  (long)buf, sizeof(buf));
		EXPECT_EQ(0, serve_stat(self->q, "l", &st));
		EXPECT_EQ(0, serve_bytes(self->q, SCHEME_OP_READLINK, "l",
					 i ? "a\0b" : "", i * 3));
		EXPECT_EQ(-EIO, job_wait(&self->job));
	}
}

TEST_F(bad, S18_what_others_wait_behind_has_a_deadline)
{
	struct job second;

	self->begin = now_ms();
	job_stat(&self->job, TOP "/x", &self->st);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_STAT));
	/* the same name: waits for the first one's lookup */
	job_stat(&second, TOP "/x", &self->st);
	EXPECT_EQ(-ETIMEDOUT, job_wait(&self->job));
	EXPECT_LE(1900, self->job.ended_ms - self->begin);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CANCEL));
	EXPECT_EQ(-ETIMEDOUT, job_wait(&second));
}

/* ---- death ------------------------------------------------------------------ */

TEST_F(bad, S20_death_ends_lookup_readdir_and_rename)
{
	struct scheme_stat st = file_stat(7);
	struct job ren, mk;
	char buf[512];
	int fd;

	job_open(&self->job, TOP, O_RDONLY | O_DIRECTORY);
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 1, 0, 0));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);

	job_start(&ren, SYS_renameat2, AT_FDCWD, (long)(TOP "/a"), AT_FDCWD,
		  (long)(TOP "/b"), 0);
	EXPECT_EQ(0, serve_stat(self->q, "a", &st));
	EXPECT_EQ(0, serve_bytes(self->q, SCHEME_OP_STAT, "b", NULL, -ENOENT));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_RENAME));
	job_stat(&mk, TOP "/z", &self->st);
	lseek(fd, 2, SEEK_SET);
	job_start(&self->job, SYS_getdents64, fd, (long)buf, sizeof(buf));
	sleep_ms(50);
	self->begin = now_ms();
	ASSERT_EQ(0, do_ioctl(self->p.fd, SCHEME_IOC_DESTROY, NULL));
	EXPECT_EQ(-ENODEV, job_wait(&ren));
	EXPECT_EQ(-ENODEV, job_wait(&self->job));
	EXPECT_GT(0, job_wait(&mk));
	EXPECT_GT(1000, took_ms(self->begin));
	/* the directory has gone, what is open says why */
	EXPECT_TRUE(wait_until(stat(TOP, &self->st) && errno == ENOENT));
	EXPECT_ERRNO(ENODEV, syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	EXPECT_ERRNO(ENODEV, syscall(SYS_newfstatat, fd, "x", &self->st, 0));
	close(fd);
}

TEST_F(bad, S20_a_scheme_goes_with_what_is_mounted_below)
{
	struct scheme_stat st = file_stat(7);
	struct provider next;
	struct stat after;

	st.mode = S_IFDIR | 0755;
	st.lifetime_ns = 3600ULL * 1000000000;
	job_start(&self->job, SYS_mount, (long)"none", (long)(TOP "/m"),
		  (long)"tmpfs", 0, 0);
	EXPECT_EQ(0, serve_stat(self->q, "m", &st));
	ASSERT_EQ(0, job_wait(&self->job));
	ASSERT_EQ(0, stat(TOP, &self->st));
	provider_end(&self->p);
	/* without that anybody looks */
	EXPECT_TRUE(wait_until(!mounted(TOP "/m")));
	ASSERT_EQ(0, provider_begin(&next, NAME));
	ASSERT_EQ(0, stat(TOP, &after));
	EXPECT_NE(self->st.st_dev, after.st_dev);
	provider_end(&next);
	/* for the teardown */
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
}

TEST_F(bad, X5_no_unload_while_mounted)
{
	provider_end(&self->p);
	EXPECT_ERRNO(EAGAIN, syscall(SYS_delete_module, "redox_scheme",
				     O_NONBLOCK));
	ASSERT_EQ(0, provider_begin(&self->p, NAME));
}

TEST_HARNESS_MAIN
