// SPDX-License-Identifier: GPL-2.0
/*
 * schemefs for users that may not do everything: mounts that show some schemes only,
 * permissions, and requests that are counted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tree.h"

#define MNT	"/tmp/fsrights_test.mnt"
#define USER	1234

#include "fsmount.h"

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

/* ---- permissions -------------------------------------------------------------- */

static int without_rights(void *arg)
{
	if (become_user(USER, USER))
		return 1;
	if (open("/tmp/fsrights_test.mnt/test-perm/d/secret", O_RDONLY) >= 0 ||
	    errno != EACCES)
		return 2;
	if (!unlink("/tmp/fsrights_test.mnt/test-perm/d/secret") || errno != EACCES)
		return 3;
	if (!chmod("/tmp/fsrights_test.mnt/test-perm/d/secret", 0666) || errno != EPERM)
		return 4;
	if (open("/tmp/fsrights_test.mnt/test-perm/d/public", O_RDONLY) < 0)
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
