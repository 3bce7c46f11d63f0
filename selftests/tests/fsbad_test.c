// SPDX-License-Identifier: GPL-2.0
/*
 * schemefs with providers that lie, stall or die, users that may not, and
 * mounts that show some schemes only. The test plays the provider, step by step.
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

#include "../harness.h"
#include "../tree.h"

#define NAME	"test-fsbad"
#define MNT	"/tmp/fsbad_test.mnt"
#define TOP	MNT "/" NAME
#define SLOT	4096
#define USER	1234

#define EXPECT_ERRNO(err, call)			\
do {						\
	errno = 0;				\
	EXPECT_EQ(-1, call);			\
	EXPECT_EQ(err, errno);			\
} while (0)

static int mount_it(const char *options)
{
	mkdir(MNT, 0755);
	return mount("none", MNT, "schemefs", 0, options) ? -errno : 0;
}

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

static void job_stat(struct job *job, const char *path, struct stat *st)
{
	job_start(job, SYS_newfstatat, AT_FDCWD, (long)path, (long)st, 0);
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

/* Its line of /proc/mounts, or NULL. */
static const char *mounted(const char *where)
{
	static char line[512];
	FILE *f = fopen("/proc/mounts", "r");
	const char *found = NULL;

	while (f && !found && fgets(line, sizeof(line), f))
		if (strstr(line, where))
			found = line;
	if (f)
		fclose(f);
	return found;
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

/* ---- S6: what a mount shows -------------------------------------------------- */

static bool lists(const char *name)
{
	DIR *dir = opendir(MNT);
	struct dirent *e;
	bool found = false;

	while (dir && (e = readdir(dir)))
		found |= !strcmp(e->d_name, name);
	if (dir)
		closedir(dir);
	return found;
}

TEST(S6_a_mount_shows_the_schemes_of_its_list)
{
	struct provider a, b;
	struct stat st;

	ASSERT_EQ(0, provider_begin(&a, "test-a"));
	ASSERT_EQ(0, provider_begin(&b, "test-ab"));
	ASSERT_EQ(0, mount_it("schemes=x:test-a"));
	EXPECT_TRUE(lists("test-a"));
	EXPECT_FALSE(lists("test-ab"));
	EXPECT_EQ(0, stat(MNT "/test-a", &st));
	EXPECT_ERRNO(ENOENT, stat(MNT "/test-ab", &st));
	EXPECT_ERRNO(ENOENT, stat(MNT "/test", &st));
	EXPECT_NE(NULL, strstr(mounted(MNT), "schemes=x:test-a "));
	/* it stays so */
	EXPECT_ERRNO(EINVAL, mount(NULL, MNT, NULL, MS_REMOUNT, "schemes=test-ab"));
	EXPECT_EQ(0, mount(NULL, MNT, NULL, MS_REMOUNT, "schemes=x:test-a"));
	EXPECT_EQ(0, umount(MNT));

	ASSERT_EQ(0, mount_it("schemes="));
	EXPECT_FALSE(lists("test-a"));
	EXPECT_ERRNO(ENOENT, stat(MNT "/test-a", &st));
	EXPECT_NE(NULL, strstr(mounted(MNT), ",schemes= "));
	EXPECT_EQ(0, umount(MNT));

	ASSERT_EQ(0, mount_it(NULL));
	EXPECT_TRUE(lists("test-a"));
	EXPECT_TRUE(lists("test-ab"));
	EXPECT_EQ(NULL, strstr(mounted(MNT), "schemes"));
	EXPECT_EQ(0, umount(MNT));
	provider_end(&a);
	provider_end(&b);
}

TEST(S6_bad_lists)
{
	static const char *const bad[] = {
		"schemes=A", "schemes=a::b", "schemes=:a", "schemes=a/b",
		"schemes=..", "nothing", "schemes=a:",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, mount_it(bad[i]));
}

/* With the limited mount alone and no devices. */
static int in_a_namespace(void *arg)
{
	int fd;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 1;
	if (mount_it("schemes=test-a") ||
	    mount("none", "/dev/scheme", "tmpfs", 0, NULL))
		return 2;
	fd = scheme_open("test-ab:", O_RDONLY, 0);
	if (fd != -ENOENT)
		return 3;
	if (!access(MNT "/test-ab", F_OK) || access(MNT "/test-a", F_OK))
		return 4;
	/* what was open before goes on working */
	return fcntl(*(int *)arg, F_GETFL) < 0 ? 5 : 0;
}

TEST(S6_a_namespace_with_one_scheme)
{
	struct provider a, b;
	int fd;

	ASSERT_EQ(0, provider_begin(&a, "test-a"));
	ASSERT_EQ(0, provider_begin(&b, "test-ab"));
	fd = client_open_ioctl(&b);
	EXPECT_EQ(0, child_result(child_start(in_a_namespace, &fd)));
	close(fd);
	provider_end(&a);
	provider_end(&b);
}

/* ---- S30: providers that need not be root ------------------------------------ */

#define UNAME	"user.test-fsbad"
#define UTOP	MNT "/" UNAME

FIXTURE(user) {
	struct tree t;
	struct stat st;
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

	self->t.state->parks = ~0ULL;
	/* as find / does */
	EXPECT_EQ(0, lstat(UTOP, &self->st));
	EXPECT_EQ(USER, self->st.st_uid);
	EXPECT_EQ(NULL, opendir(UTOP));
	EXPECT_EQ(EACCES, errno);
	EXPECT_ERRNO(EACCES, lstat(UTOP "/x", &self->st));
	EXPECT_ERRNO(EACCES, open(UTOP "/x", O_CREAT | O_WRONLY, 0644));
	EXPECT_EQ(0, child_result(child_start(other_user, NULL)));
	for (unsigned int i = 0; i < 64; i++)
		seen += self->t.state->seen[i];
	EXPECT_EQ(0, seen);
}

/* ---- permissions -------------------------------------------------------------- */

static int without_rights(void *arg)
{
	if (become_user(USER, USER))
		return 1;
	if (open("/tmp/fsbad_test.mnt/test-perm/d/secret", O_RDONLY) >= 0 ||
	    errno != EACCES)
		return 2;
	if (!unlink("/tmp/fsbad_test.mnt/test-perm/d/secret") || errno != EACCES)
		return 3;
	if (!chmod("/tmp/fsbad_test.mnt/test-perm/d/secret", 0666) || errno != EPERM)
		return 4;
	if (open("/tmp/fsbad_test.mnt/test-perm/d/public", O_RDONLY) < 0)
		return 5;
	return 0;
}

TEST(S24_permissions_are_checked_with_what_the_provider_reports)
{
	struct tree t;
	int fd;

	umask(0);
	ASSERT_EQ(0, tree_start_thread(&t, "test-perm"));
	ASSERT_EQ(0, chmod("/dev/scheme/test-perm", 0644));
	ASSERT_EQ(0, mount_it(NULL));
	/* the top is for everybody to write, as the node was made */
	ASSERT_EQ(0, mkdir(MNT "/test-perm/d", 0755));
	fd = open(MNT "/test-perm/d/secret", O_CREAT | O_WRONLY, 0600);
	close(fd);
	fd = open(MNT "/test-perm/d/public", O_CREAT | O_WRONLY, 0644);
	close(fd);
	EXPECT_EQ(0, chmod(MNT "/test-perm/d/public", 0644));
	t.state->uid = 0;
	EXPECT_EQ(0, child_result(child_start(without_rights, NULL)));
	/* and the provider is told who it is */
	EXPECT_EQ(USER, t.state->uid);
	EXPECT_EQ(0, umount(MNT));
	tree_stop(&t);
}

/* Who may not open the node may not search its directory. */
static int no_way_in(void *arg)
{
	if (become_user(USER, USER))
		return 1;
	return !access(MNT "/test-a/x", F_OK) || errno != EACCES ? 2 : 0;
}

TEST(S24_a_private_node_is_a_private_directory)
{
	struct provider a;
	struct stat st;

	ASSERT_EQ(0, provider_begin(&a, "test-a"));
	ASSERT_EQ(0, mount_it(NULL));
	EXPECT_EQ(0, stat(MNT "/test-a", &st));
	EXPECT_EQ(S_IFDIR | 0700, st.st_mode);
	EXPECT_EQ(0, child_result(child_start(no_way_in, NULL)));
	EXPECT_EQ(0, umount(MNT));
	provider_end(&a);
}

/* ---- S21: one user's requests are counted ------------------------------------- */

static int stat_as_user(void *arg)
{
	struct stat st;

	if (become_user(USER, USER))
		return 1;
	return stat(arg, &st) ? 2 : 0;
}

TEST(S21_requests_by_path_count_against_their_user)
{
	struct scheme_create create;
	struct scheme_stats stats;
	struct provider p;
	pid_t pids[4];
	struct job job;
	struct stat st;
	struct scheme_sqe sqe;
	static char paths[4][64];

	create_init(&create, "test-limit");
	create.depth = 8;
	create.slot_size = 4096;
	create.user_limit = 2;
	create.mode = 0666;
	ASSERT_EQ(0, provider_create(&p, &create));
	ASSERT_EQ(0, mount_it(NULL));
	for (int i = 0; i < 4; i++) {
		snprintf(paths[i], sizeof(paths[i]), MNT "/test-limit/%d", i);
		pids[i] = child_start(stat_as_user, paths[i]);
	}
	sleep_ms(500);
	ASSERT_EQ(0, provider_stats(&p, &stats));
	EXPECT_EQ(2, stats.in_flight);
	/* another user's goes through */
	job_stat(&job, MNT "/test-limit/root", &st);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, queue_expect(&p.q[0], &sqe, SCHEME_OP_STAT));
	EXPECT_EQ(0, sqe.uid);
	EXPECT_EQ(0, queue_answer(&p.q[0], &sqe, -ENOENT));
	EXPECT_EQ(-ENOENT, job_wait(&job));
	for (int i = 0; i < 4; i++)
		child_reap(pids[i]);
	provider_end(&p);
	EXPECT_EQ(0, umount(MNT));
}

TEST_HARNESS_MAIN
