// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in the loading of the module; see failnth.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"
#include "../inject.h"

#define MODULE	"/lib/modules/redox_scheme.ko"

static int load(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "redox_scheme", O_NONBLOCK) ?
		-errno : 0;
}

static bool says(const char *path, const char *what)
{
	static char text[65536];
	int fd = open_errno(path, O_RDONLY);
	ssize_t len = 0, more;

	while ((more = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += more;
	text[len] = 0;
	close(fd);
	return strstr(text, what);
}

/* What a module that is not there must not show. */
static bool gone(void)
{
	return access(CONTROL_NODE, F_OK) && access(SYSFS_CLASS, F_OK) &&
	       access("/sys/module/redox_scheme", F_OK) &&
	       access("/sys/kernel/slab/schm_req", F_OK) &&
	       !says("/proc/devices", "scheme") &&
	       !says("/proc/misc", "scheme");
}

/* Once with the n-th failure, which must end in a clear state. */
static bool once(struct inject *in, int fd, unsigned int n, enum injected *what)
{
	int ret;

	inject_arm(in, n);
	ret = load(fd);
	*what = inject_disarm(in);
	if (*what == INJECTED_NOTHING)
		return !ret;
	if (!ret)
		return !unload() && gone();
	if (ret == (*what == INJECTED_COPY ? -EFAULT : -ENOMEM) && gone())
		return true;
	fprintf(stderr, "# n = %u: failure %d, result %d\n", n, *what, ret);
	return false;
}

FIXTURE(load) {
	struct inject in;
	int fd;
};

FIXTURE_SETUP(load)
{
	int ret = inject_begin(&self->in);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	self->fd = open_errno(MODULE, O_RDONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, unload());
	ASSERT_TRUE(gone());
}

FIXTURE_TEARDOWN(load)
{
	/* the tests to come need it, whatever became of this one */
	if (access(CONTROL_NODE, F_OK))
		EXPECT_EQ(0, load(self->fd));
	close(self->fd);
	inject_end(&self->in);
}

TEST_F_TIMEOUT(load, X5_failures_in_the_loading_of_the_module, 550)
{
	enum injected what = INJECTED_MEMORY;
	unsigned int n;

	for (n = 1; what != INJECTED_NOTHING; n++)
		ASSERT_TRUE(once(&self->in, self->fd, n, &what));
	/* the last one has loaded it */
	EXPECT_EQ(0, access(CONTROL_NODE, F_OK));
	EXPECT_LT(2, n);
	fprintf(stderr, "# %u failures\n", n - 2);
}

TEST_HARNESS_MAIN
