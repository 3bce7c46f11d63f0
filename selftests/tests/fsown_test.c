// SPDX-License-Identifier: GPL-2.0
/*
 * schemefs: what an unprivileged provider cannot do to others, and what has just
 * been made while others look.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <scheme.h>

#include "../harness.h"
#include "../tree.h"

#define NAME	"test-fsown"
#define UNAME	"user.test-fsown"
#define MNT	"/tmp/fsown_test.mnt"
#define TOP	MNT "/" NAME
#define UTOP	MNT "/" UNAME
#define NODE	"/dev/scheme/" UNAME
#define USER	1234
#define HOUR_NS	(3600ULL * 1000000000)

#include "fsmount.h"

/* ---- S30: a provider that need not be root ----------------------------------- */

FIXTURE(user) {
	struct tree t;
};

FIXTURE_SETUP(user)
{
	ASSERT_EQ(0, chmod(CONTROL_NODE, 0666));
	ASSERT_EQ(0, tree_start_process(&self->t, UNAME, USER));
	ASSERT_EQ(0, mount_it(NULL));
}

FIXTURE_TEARDOWN(user)
{
	EXPECT_EQ(0, umount(MNT));
	tree_stop(&self->t);
	EXPECT_EQ(0, chmod(CONTROL_NODE, 0600));
}

static int as_the_user(void *arg)
{
	struct tree_state *state = arg;
	struct stat st;
	int fd;

	if (become_user(USER, USER))
		return 1;
	fd = open(UTOP "/f", O_WRONLY | O_CREAT, 0644);
	if (fd < 0)
		return 2;
	close(fd);
	/* the provider says that it is root's and setuid */
	if (chmod(UTOP "/f", 06755))
		return 3;
	state->lies_uid = 1;
	if (stat(UTOP "/f", &st))
		return 4;
	if (st.st_uid != USER || st.st_gid != USER)
		return 5;
	return st.st_mode & 06000 ? 6 : 0;
}

TEST_F(user, S30_a_root_owned_setuid_file_is_not_believed)
{
	EXPECT_EQ(0, child_result(child_start(as_the_user, self->t.state)));
}

static int other_user(void *arg)
{
	if (become_user(USER + 1, USER + 1))
		return 1;
	if (!access(UTOP "/f", F_OK) || errno != EACCES)
		return 2;
	if (open(UTOP, O_RDONLY | O_DIRECTORY) >= 0 || errno != EACCES)
		return 3;
	return 0;
}

TEST_F(user, S30_it_cannot_stall_a_find_of_roots)
{
	unsigned int seen = 0;
	struct stat st;

	self->t.state->parks = ~0ULL;
	/* as find / does */
	EXPECT_EQ(0, lstat(UTOP, &st));
	EXPECT_EQ(USER, st.st_uid);
	EXPECT_EQ(NULL, opendir(UTOP));
	EXPECT_EQ(EACCES, errno);
	EXPECT_ERRNO(EACCES, lstat(UTOP "/x", &st));
	EXPECT_ERRNO(EACCES, open(UTOP "/x", O_CREAT | O_WRONLY, 0644));
	EXPECT_EQ(0, child_result(child_start(other_user, NULL)));
	for (unsigned int i = 0; i < 64; i++)
		seen += self->t.state->seen[i];
	EXPECT_EQ(0, seen);
}

/* Three ids of each kind, and the errno that is to be expected of it all. */
struct ids {
	uid_t	uid[3];
	gid_t	gid[3];
	int	err;
};

static int try_with(void *arg)
{
	const struct ids *ids = arg;
	struct stat st;
	int fd;

	if (setgroups(0, NULL) ||
	    setresgid(ids->gid[0], ids->gid[1], ids->gid[2]) ||
	    setresuid(ids->uid[0], ids->uid[1], ids->uid[2]))
		return 1;
	errno = 0;
	/* for ioctl only: its root is a directory */
	fd = open(NODE, O_ACCMODE | O_CLOEXEC);
	if (errno != ids->err)
		return 2;
	if (fd >= 0)
		close(fd);
	errno = 0;
	if (stat(UTOP "/", &st) && errno != ids->err)
		return 3;
	errno = 0;
	fd = open(UTOP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (errno != ids->err)
		return 4;
	if (fd >= 0)
		close(fd);
	return 0;
}

TEST_F(user, S30_a_program_with_rights_of_others_is_not_its_user)
{
	static const struct ids all[] = {
		{ { USER, USER, USER }, { USER, USER, USER }, 0 },
		/* a daemon that acts for the user for a while, as sshd does */
		{ { 0, USER, 0 }, { 0, USER, 0 }, EACCES },
		{ { 0, USER, USER }, { USER, USER, USER }, EACCES },
		/* set-user-id root, which has given it up for now */
		{ { USER, USER, 0 }, { USER, USER, USER }, EACCES },
		/* set-group-id */
		{ { USER, USER, USER }, { USER, 5, 5 }, EACCES },
		{ { USER, USER, USER }, { USER, USER, 5 }, EACCES },
		{ { USER, USER, USER }, { 5, USER, USER }, EACCES },
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct ids ids = all[i];

		EXPECT_EQ(0, child_result(child_start(try_with, &ids)))
			TH_LOG("ids %u", i);
	}
}

static int make_two(void *arg)
{
	struct stat st;

	(void)arg;
	if (become_user(USER, USER))
		return 1;
	if (mkdir(UTOP "/a", 0755) || mkdir(UTOP "/b", 0755))
		return 2;
	if (mknod(UTOP "/a/f", S_IFREG | 0644, 0))
		return 3;
	/* so that the kernel knows it anew */
	return stat(UTOP "/a", &st) || stat(UTOP "/b", &st) ? 4 : 0;
}

static int rename_across(void *arg)
{
	(void)arg;
	if (become_user(USER, USER))
		return 1;
	/* its own, and with the root of all locked, both ways */
	if (!rename(UTOP "/a/f", UTOP "/b/f") || errno != EXDEV)
		return 2;
	if (!rename(UTOP "/a/new", MNT "/x") || errno != EXDEV)
		return 3;
	return !rename(MNT "/event", UTOP "/a/new") || errno != EXDEV ? 4 : 0;
}

static int rename_within(void *arg)
{
	(void)arg;
	if (become_user(USER, USER))
		return 1;
	return rename(UTOP "/a/f", UTOP "/a/g") ? 2 : 0;
}

TEST_F(user, S30_its_renames_do_not_keep_others_waiting)
{
	unsigned int before, after;
	int64_t begin;

	self->t.state->lifetime_ns = HOUR_NS;
	ASSERT_EQ(0, child_result(child_start(make_two, NULL)));
	/* from here on only what the kernel remembers */
	before = self->t.state->seen[SCHEME_OP_STAT];
	self->t.state->parks = ~0ULL;
	begin = now_ms();
	EXPECT_EQ(0, child_result(child_start(rename_across, NULL)));
	EXPECT_GT(2000, took_ms(begin));
	after = self->t.state->seen[SCHEME_OP_STAT];
	EXPECT_EQ(before, after);
	EXPECT_EQ(0, self->t.state->seen[SCHEME_OP_RENAME]);

	self->t.state->parks = 0;
	EXPECT_EQ(0, child_result(child_start(rename_within, NULL)));
	EXPECT_EQ(1, self->t.state->seen[SCHEME_OP_RENAME]);
}

/* ---- what has been made ------------------------------------------------------ */

FIXTURE(made) {
	struct provider p;
	struct queue *q;
	struct job job, second;
	struct scheme_sqe sqe;
	struct stat st;
};

FIXTURE_SETUP(made)
{
	struct scheme_create create;

	create_init(&create, NAME);
	create.depth = 16;
	create.slot_size = 4096;
	create.mode = 0666;
	ASSERT_EQ(0, provider_create(&self->p, &create));
	self->q = &self->p.q[0];
	ASSERT_EQ(0, mount_it(NULL));
}

FIXTURE_TEARDOWN(made)
{
	provider_end(&self->p);
	EXPECT_EQ(0, umount(MNT));
}

static struct scheme_stat object(mode_t mode, uint64_t ino)
{
	return (struct scheme_stat){
		.mode = mode, .nlink = 1, .ino = ino, .atime = 1000,
		.mtime = 2000, .ctime = 2000,
	};
}

static int answer_stat(struct queue *q, const struct scheme_stat *st)
{
	struct scheme_sqe sqe;
	int ret = queue_expect(q, &sqe, SCHEME_OP_STAT);

	if (ret)
		return ret;
	if (!st)
		return queue_answer(q, &sqe, -ENOENT);
	memcpy(queue_payload(q, &sqe), st, sizeof(*st));
	return queue_answer(q, &sqe, sizeof(*st));
}

static bool has_a_name(int fd)
{
	char link[32], name[256] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, name, sizeof(name) - 1) > 0 &&
	       !strstr(name, "(deleted)");
}

TEST_F(made, S7_a_file_keeps_its_name_when_others_look_as_it_is_made)
{
	struct scheme_stat st = object(S_IFREG | 0644, 7);
	int fd;

	job_start(&self->job, SYS_open, (long)(TOP "/c"), O_CREAT | O_RDWR, 0644);
	EXPECT_EQ(0, answer_stat(self->q, NULL));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	/* finds that there is nothing yet, and waits for the directory */
	job_stat(&self->second, TOP "/c", &self->st);
	EXPECT_TRUE(job_stays(&self->second, 200));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 1,
				       SCHEME_CQE_F_POSITIONED, 0));
	EXPECT_EQ(0, answer_stat(self->q, &st));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	/* for the second: perhaps twice, of the walk and of the call */
	EXPECT_EQ(0, answer_stat(self->q, &st));
	EXPECT_EQ(0, answer_stat(self->q, &st));
	EXPECT_EQ(0, job_wait(&self->second));
	EXPECT_EQ(7, self->st.st_ino);
	EXPECT_TRUE(has_a_name(fd));
	close(fd);
}

TEST_F(made, S7_mknod_fails_when_nobody_says_what_was_made)
{
	struct scheme_stat st = object(S_IFREG | 0644, 7);

	for (int good = 0; good < 2; good++) {
		job_start(&self->job, SYS_mknod, (long)(TOP "/n"),
			  S_IFREG | 0644, 0);
		EXPECT_EQ(0, answer_stat(self->q, NULL));
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
		EXPECT_EQ(O_CREAT | O_EXCL, self->sqe.op_flags);
		EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 1,
					       SCHEME_CQE_F_POSITIONED, 0));
		EXPECT_EQ(0, answer_stat(self->q, good ? &st : NULL));
		EXPECT_EQ(good ? 0 : -ENOENT, job_wait(&self->job));
		ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_CLOSE));
	}
}

TEST_F(made, S10_reading_a_directory_changes_no_time)
{
	struct scheme_stat st = object(S_IFDIR | 0755, 7);
	char buf[512];
	int fd;

	st.lifetime_ns = HOUR_NS;
	job_start(&self->job, SYS_open, (long)(TOP "/d"),
		  O_RDONLY | O_DIRECTORY, 0);
	EXPECT_EQ(0, answer_stat(self->q, &st));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_OPEN));
	EXPECT_EQ(0, queue_answer_open(self->q, &self->sqe, 1, 0, 0));
	EXPECT_EQ(0, answer_stat(self->q, &st));
	fd = job_wait(&self->job);
	ASSERT_LE(0, fd);
	job_start(&self->job, SYS_getdents64, fd, (long)buf, sizeof(buf));
	ASSERT_EQ(0, queue_expect(self->q, &self->sqe, SCHEME_OP_GETDENTS));
	EXPECT_EQ(0, queue_answer(self->q, &self->sqe, 0));
	EXPECT_LT(0, job_wait(&self->job));
	/* without asking anybody */
	EXPECT_EQ(0, stat(TOP "/d", &self->st));
	EXPECT_EQ(1000, self->st.st_atim.tv_sec);
	close(fd);
}

/* ---- lists ------------------------------------------------------------------- */

TEST(S6_names_with_a_colon)
{
	struct stat st;

	ASSERT_EQ(0, mount_it("schemes=a:b"));
	EXPECT_ERRNO(ENOENT, stat(MNT "/:a", &st));
	EXPECT_ERRNO(ENOENT, stat(MNT "/:a:b", &st));
	EXPECT_ERRNO(ENOENT, stat(MNT "/:a:b:", &st));
	EXPECT_ERRNO(ENOENT, stat(MNT "/a:b", &st));
	EXPECT_ERRNO(ENOENT, stat(MNT "/:", &st));
	EXPECT_EQ(0, umount(MNT));
	ASSERT_EQ(0, mount_it("schemes="));
	EXPECT_ERRNO(ENOENT, stat(MNT "/:", &st));
	EXPECT_EQ(0, umount(MNT));
}

/* fsconfig(2), whose caller may go on after an error. */
TEST(S6_a_refused_list_is_not_taken)
{
	int fs = syscall(SYS_fsopen, "schemefs", 0), m;
	struct stat st;

	ASSERT_LE(0, fs);
	/* FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE */
	EXPECT_EQ(0, syscall(SYS_fsconfig, fs, 1, "schemes", "event", 0));
	EXPECT_ERRNO(EINVAL, syscall(SYS_fsconfig, fs, 1, "schemes", "no way", 0));
	EXPECT_EQ(0, syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0));
	m = syscall(SYS_fsmount, fs, 0, 0);
	ASSERT_LE(0, m);
	EXPECT_EQ(0, fstatat(m, "event", &st, 0));
	close(m);
	close(fs);
}

TEST_HARNESS_MAIN
