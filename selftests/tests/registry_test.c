// SPDX-License-Identifier: GPL-2.0
/* Names and nodes: who may have which, where they show, and when they go. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../harness.h"

#define NAME	"test-registry"
#define NODE	NODE_DIR "/" NAME
#define USER	1000
#define OTHER	65534

#define NAME_64	"a234567890123456789012345678901234567890123456789012345678901234"

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

FIXTURE(registry) {
	int control;
};

FIXTURE_SETUP(registry)
{
	self->control = control_open();
	ASSERT_LE(0, self->control);
}

FIXTURE_TEARDOWN(registry)
{
	close(self->control);
}

/* ---- S1: who gets which name ---------------------------------------------- */

TEST_F(registry, S1_a_name_gets_a_character_device)
{
	int fd = scheme_fd_begin(self->control, NAME);
	struct stat st;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, stat(NODE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
	close(fd);
}

TEST_F(registry, S1_taken_name_is_EEXIST)
{
	int fd = scheme_fd_begin(self->control, NAME);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EEXIST, scheme_fd_begin(self->control, NAME));
	EXPECT_EQ(-EEXIST, scheme_fd_begin(-1, NAME));
	EXPECT_TRUE(exists(NODE));
	close(fd);
}

TEST_F(registry, S1_bad_names_are_EINVAL)
{
	static const char *const names[] = {
		"", "/", "a/b", ":", "a:b", "A", "aB", "1", "1a", ".", "..",
		"-a", "_a", "+a", " a", "a ", "a\n", "a\t", "a*", "a%", "a\\",
		"a!", "a\x7f", "a\x80", "\xc3\xa4", NAME_64 "5",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(-EINVAL, scheme_fd_begin(self->control, names[i])) {
			TH_LOG("with the name '%s'", names[i]);
		}
	}
}

TEST_F(registry, S1_a_name_without_an_end_is_EINVAL)
{
	struct scheme_create arg;

	create_init(&arg, "a");
	memset(arg.name, 'a', sizeof(arg.name));
	EXPECT_EQ(-EINVAL, scheme_fd_create(self->control, &arg));
}

TEST_F(registry, S1_good_names_are_accepted)
{
	static const char *const names[] = {
		"a", "z9", "a.b", "a_b", "a+b", "a-b", "a...", "user", "user.a",
		"disk.usb-0951_1666+1", NAME_64,
	};
	char path[128];
	int fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		fd = scheme_fd_begin(self->control, names[i]);
		ASSERT_LE(0, fd) {
			TH_LOG("with the name '%s'", names[i]);
		}
		snprintf(path, sizeof(path), NODE_DIR "/%s", names[i]);
		EXPECT_TRUE(exists(path));
		close(fd);
	}
}

static int open_control_as_user(void *arg)
{
	(void)arg;
	if (become_user(USER, USER))
		return 1;
	return open_errno(CONTROL_NODE, O_RDWR) == -EACCES &&
	       open_errno(CONTROL_NODE, O_RDONLY) == -EACCES ? 0 : 2;
}

TEST_F(registry, S1_the_control_node_is_for_root)
{
	struct stat st;

	ASSERT_EQ(0, stat(CONTROL_NODE, &st));
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, child_result(child_start(open_control_as_user, NULL)));
}

static int create_as_user(void *arg)
{
	int fd, control = *(int *)arg;

	if (become_user(USER, USER))
		return 1;
	if (scheme_fd_begin(control, NAME) != -EPERM || scheme_fd_begin(control, "user") != -EPERM ||
	    scheme_fd_begin(control, "users.a") != -EPERM)
		return 2;
	if (scheme_fd_begin(control, "user.") != -EPERM)
		return 3;
	if (scheme_fd_begin(control, "User.a") != -EINVAL)
		return 4;
	fd = scheme_fd_begin(control, "user.test");
	return fd >= 0 && exists(NODE_DIR "/user.test") ? 0 : 5;
}

TEST_F(registry, S1_a_user_may_create_user_names_only)
{
	EXPECT_EQ(0, child_result(child_start(create_as_user, &self->control)));
}

TEST_F(registry, S1_creators_choose_mode_and_owner)
{
	struct scheme_create arg;
	struct stat st;
	int fd;

	create_init(&arg, NAME);
	arg.depth = 1;
	arg.mode = 0640;
	arg.uid = USER;
	arg.gid = OTHER;
	fd = scheme_fd_create(self->control, &arg);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, stat(NODE, &st));
	EXPECT_EQ(0640, st.st_mode & 07777);
	EXPECT_EQ(USER, st.st_uid);
	EXPECT_EQ(OTHER, st.st_gid);
	close(fd);
}

static int give_away_as_user(void *arg)
{
	struct scheme_create c;
	int fd, control = *(int *)arg;
	struct stat st;

	if (become_user(USER, USER))
		return 1;
	create_init(&c, "user.test");
	c.uid = 0;
	if (scheme_fd_create(control, &c) != -EPERM)
		return 2;
	c.uid = USER;
	c.gid = 0;
	if (scheme_fd_create(control, &c) != -EPERM)
		return 3;
	c.gid = USER;
	c.mode = 0622;
	fd = scheme_fd_create(control, &c);
	if (fd < 0 || stat(NODE_DIR "/user.test", &st))
		return 4;
	return st.st_uid == USER && st.st_gid == USER &&
	       (st.st_mode & 07777) == 0622 ? 0 : 5;
}

TEST_F(registry, S1_a_user_cannot_give_its_node_away)
{
	EXPECT_EQ(0, child_result(child_start(give_away_as_user,
					      &self->control)));
}

/* ---- limits --------------------------------------------------------------- */

static int fill_as_user(void *arg)
{
	int i, ret = 0, control = *(int *)arg;
	struct scheme_create c;
	char name[32];

	if (become_user(USER, USER))
		return 1;
	create_init(&c, "user.big");
	c.depth = 64;
	c.slot_size = 1 << 20;
	if (scheme_fd_create(control, &c) != -EPERM)
		return 2;
	for (i = 0; i < 1000 && ret >= 0; i++) {
		snprintf(name, sizeof(name), "user.test%d", i);
		ret = scheme_fd_begin(control, name);
	}
	return ret == -ENOSPC && i > 8 ? 0 : 3;
}

TEST_F(registry, S1_a_user_is_limited_in_schemes_and_memory)
{
	int fd;

	EXPECT_EQ(0, child_result(child_start(fill_as_user, &self->control)));
	/* and others have room, meanwhile and after */
	fd = scheme_fd_begin(self->control, NAME);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(registry, S1_too_many_schemes_are_ENOSPC)
{
	struct rlimit many = { 4096, 4096 };
	struct scheme_query query;
	unsigned int i;
	char name[32];
	int fd = 0;

	if (brief_run())
		SKIP(return, "other kernels make that many");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &many));
	ASSERT_EQ(0, do_ioctl(self->control, SCHEME_IOC_QUERY, &query));
	ASSERT_GT(many.rlim_cur, query.schemes_max);
	for (i = 0; i <= query.schemes_max && fd >= 0; i++) {
		snprintf(name, sizeof(name), "test%u", i);
		fd = scheme_fd_begin(self->control, name);
	}
	EXPECT_EQ(-ENOSPC, fd);
	EXPECT_EQ(query.schemes_max + 1, i);
	EXPECT_EQ(0, scheme_fd_kill(self->control, "test7"));
	EXPECT_LE(0, scheme_fd_begin(self->control, "test7"));
}

TEST_F(registry, S1_no_descriptor_left_is_EMFILE_and_leaves_no_name)
{
	struct rlimit few = { self->control + 1, 4096 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	EXPECT_EQ(-EMFILE, scheme_fd_begin(self->control, NAME));
	EXPECT_FALSE(exists(NODE));
}

/* ---- S2: where names show ------------------------------------------------- */

TEST_F(registry, S2_names_are_listed_in_dev_and_sysfs)
{
	int one = scheme_fd_begin(self->control, "test-one");
	int two = scheme_fd_begin(self->control, "test-two");
	struct stat dir;

	ASSERT_LE(0, one);
	ASSERT_LE(0, two);
	EXPECT_TRUE(exists(NODE_DIR "/test-one"));
	EXPECT_TRUE(exists(NODE_DIR "/test-two"));
	EXPECT_TRUE(exists(SYSFS_CLASS "/test-one"));
	EXPECT_TRUE(exists(SYSFS_CLASS "/test-two"));
	/* others may look */
	ASSERT_EQ(0, stat(NODE_DIR, &dir));
	EXPECT_EQ(0755, dir.st_mode & 07777);
	close(one);
	EXPECT_FALSE(exists(NODE_DIR "/test-one"));
	EXPECT_FALSE(exists(SYSFS_CLASS "/test-one"));
	EXPECT_TRUE(exists(NODE_DIR "/test-two"));
	close(two);
	EXPECT_FALSE(exists(NODE_DIR "/test-two"));
}

TEST_F(registry, S2_sysfs_tells_configuration_and_counters)
{
	struct scheme_create arg;
	struct stat st;
	dev_t devt;
	int fd;

	create_init(&arg, NAME);
	arg.queues = 2;
	arg.depth = 8;
	arg.slot_size = 8192;
	arg.user_limit = 5;
	arg.timeout_ms = 7;
	arg.busy_poll_us = 9;
	fd = scheme_fd_create(self->control, &arg);
	ASSERT_LE(0, fd);
	EXPECT_EQ(getpid(), scheme_attr(NAME, "owner"));
	EXPECT_EQ(2, scheme_attr(NAME, "queues"));
	EXPECT_EQ(8, scheme_attr(NAME, "depth"));
	EXPECT_EQ(8192, scheme_attr(NAME, "slot_size"));
	EXPECT_EQ(5, scheme_attr(NAME, "user_limit"));
	EXPECT_EQ(7, scheme_attr(NAME, "timeout_ms"));
	EXPECT_EQ(9, scheme_attr(NAME, "busy_poll_us"));
	EXPECT_EQ(0, scheme_attr(NAME, "requests"));
	EXPECT_EQ(0, scheme_attr(NAME, "handles"));
	EXPECT_EQ(-ENOENT, scheme_attr(NAME, "no-such-attribute"));
	ASSERT_EQ(0, stat(NODE, &st));
	devt = st.st_rdev;
	close(fd);
	/* a stale number does not soon lead to another scheme */
	fd = scheme_fd_begin(self->control, NAME);
	ASSERT_EQ(0, stat(NODE, &st));
	EXPECT_NE(devt, st.st_rdev);
	close(fd);
}

/* ---- S30: unprivileged providers ------------------------------------------ */

#define ALLOW_OTHER	"/sys/module/redox_scheme/parameters/allow_other"

static void set_allow_other(const char *text)
{
	int fd = open(ALLOW_OTHER, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, 1) != 1)
		abort();
	close(fd);
}

static int *served;

static int serve_as_user(void *arg)
{
	struct scheme_create c;
	int control = *(int *)arg;

	if (become_user(USER, USER))
		return 1;
	create_init(&c, "user.test");
	c.mode = 0666;
	__atomic_store_n(served, scheme_fd_create(control, &c) >= 0 ? 1 : -1,
			 __ATOMIC_RELEASE);
	pause();
	return 2;
}

static int open_as_user(void *arg)
{
	uid_t uid = *(uid_t *)arg;
	int fd;

	if (become_user(uid, uid))
		return 255;
	/* for ioctl only: the provider needs not answer */
	fd = open_errno(NODE_DIR "/user.test", O_ACCMODE);
	return fd < 0 ? -fd : 0;
}

static int open_result(uid_t uid)
{
	return child_result(child_start(open_as_user, &uid));
}

TEST_F(registry, S30_an_unprivileged_provider_serves_its_own_user_only)
{
	pid_t pid;

	served = shared_alloc(sizeof(*served));
	pid = child_start(serve_as_user, &self->control);
	ASSERT_TRUE(wait_until(__atomic_load_n(served, __ATOMIC_ACQUIRE)));
	ASSERT_EQ(1, *served);
	EXPECT_EQ(0, open_result(USER));
	EXPECT_EQ(EACCES, open_result(OTHER));
	EXPECT_EQ(EACCES, open_result(0));
	set_allow_other("Y");
	EXPECT_EQ(0, open_result(OTHER));
	EXPECT_EQ(0, open_result(0));
	set_allow_other("N");
	EXPECT_EQ(EACCES, open_result(OTHER));
	child_reap(pid);
}

TEST_HARNESS_MAIN
