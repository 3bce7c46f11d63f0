// SPDX-License-Identifier: GPL-2.0
/* The n-th failure in the loading of the module; see failnth.h, also for leaks. */
#include <errno.h>
#include <fcntl.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../harness.h"
#include "../inject.h"

#define MODULE	"/lib/modules/redox_scheme.ko"

static int load_with(int fd, const char *params)
{
	return syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
}

static int load(int fd)
{
	return load_with(fd, "");
}

static int unload(void)
{
	return syscall(SYS_delete_module, "redox_scheme", O_NONBLOCK) ?
		-errno : 0;
}

static const char *content(const char *path)
{
	static char text[1 << 20];
	int fd = open_errno(path, O_RDONLY);
	ssize_t len = 0, more;

	while ((more = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += more;
	text[len] = 0;
	close(fd);
	return text;
}

static bool says(const char *path, const char *what)
{
	return strstr(content(path), what);
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

/* The load with the n-th failure; unloaded again if it went well in spite of it. */
static int load_failing(struct inject *in, int fd, unsigned int n, enum injected *what)
{
	int ret;

	inject_arm(in, n);
	ret = load(fd);
	*what = inject_disarm(in);
	if (!ret && *what != INJECTED_NOTHING)
		return unload();
	return ret;
}

/* ---- where a failure was ---------------------------------------------------- */

#define LOG	"/dev/kmsg"

/* Does what has come into the log since then have both of them? */
static bool log_has(int log, const char *one, const char *other)
{
	bool has_one = false, has_other = false;
	char line[2048];
	ssize_t len;

	while ((len = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[len > 0 ? len : 0] = 0;
		has_one |= !!strstr(line, one);
		has_other |= !!strstr(line, other);
	}
	return has_one && has_other;
}

/*
 * module_add_driver() of 6.12 calls it EINVAL when there is no memory for the directory
 * of the module's drivers: the stack of the failure tells.
 */
static bool in_directory_of_drivers(int log)
{
	return log_has(log, "module_add_driver", "kobject_create_and_add");
}

/* Once with the n-th failure, which must end in a clear state. */
static bool once(struct inject *in, int fd, unsigned int n, enum injected *what)
{
	int log = open(LOG, O_RDONLY | O_NONBLOCK | O_CLOEXEC), ret;
	bool fits;

	lseek(log, 0, SEEK_END);
	ret = load_failing(in, fd, n, what);
	if (*what == INJECTED_NOTHING)
		fits = !ret;
	else if (ret == -EINVAL && *what == INJECTED_MEMORY)
		fits = in_directory_of_drivers(log) && gone();
	else
		fits = (!ret || ret == (*what == INJECTED_COPY ? -EFAULT : -ENOMEM)) && gone();
	close(log);
	if (!fits)
		fprintf(stderr, "# n = %u: failure %d, result %d\n", n, *what, ret);
	else if (ret == -EINVAL)
		fprintf(stderr, "# n = %u: EINVAL, in the directory of the drivers\n", n);
	return fits;
}

/*
 * What the kernel's core says of memory that it did not get, stacks and all, is
 * as it should be: leave warnings out of the console, which is looked at. What
 * the checkers find they say louder, or it ends the machine.
 */
#define LEVEL_ERRORS	4

static int console_level(int level)
{
	return klogctl(8 /* SYSLOG_ACTION_CONSOLE_LEVEL */, NULL, level) ?
		-errno : 0;
}

/* ---- the test --------------------------------------------------------------- */

FIXTURE(load) {
	struct inject in;
	int fd;
	int level;
};

FIXTURE_SETUP(load)
{
	int ret = inject_begin(&self->in);

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no failures");
	ASSERT_EQ(0, ret);
	self->fd = open_errno(MODULE, O_RDONLY);
	ASSERT_LE(0, self->fd);
	self->level = atoi(content("/proc/sys/kernel/printk"));
	ASSERT_EQ(0, console_level(LEVEL_ERRORS));
	inject_say_where(true);
	ASSERT_EQ(0, unload());
	ASSERT_TRUE(gone());
}

FIXTURE_TEARDOWN(load)
{
	/* the tests to come need it, whatever became of this one */
	if (access(CONTROL_NODE, F_OK))
		EXPECT_EQ(0, load(self->fd));
	inject_say_where(false);
	EXPECT_EQ(0, console_level(self->level));
	close(self->fd);
	inject_end(&self->in);
}

/* What the kernel does before it calls the module: it refuses a parameter last of all. */
static unsigned int not_ours(struct inject *in, int fd)
{
	const unsigned int many = 1000000;
	int ret;

	inject_arm(in, many);
	ret = load_with(fd, "memory_user_mb=x");
	if (inject_disarm(in) != INJECTED_NOTHING || ret != -EINVAL)
		return 0;
	return many - in->unused;
}

/*
 * Each load takes a second. The kernel's own part is hundreds of pages: a sample of them.
 * Of ours each one, or where other kernels' tests are waited for, one in a few. Samples
 * begin anywhere, so that in time all have their turn.
 */
#define SAMPLE		17
#define SAMPLE_OF_OURS	(brief_run() ? SAMPLE : 1)

TEST_F_TIMEOUT(load, X5_failures_in_the_loading_of_the_module, 500)
{
	unsigned int n, kernel = not_ours(&self->in, self->fd), tries = 0, ours = 0;
	enum injected what = INJECTED_MEMORY;

	ASSERT_LT(0, kernel);
	for (n = 1 + now_ms() % SAMPLE; what != INJECTED_NOTHING; ) {
		ASSERT_TRUE(once(&self->in, self->fd, n, &what));
		tries++;
		ours += n > kernel;
		n += n + SAMPLE < kernel ? SAMPLE : SAMPLE_OF_OURS;
	}
	/* the last one has loaded it */
	EXPECT_EQ(0, access(CONTROL_NODE, F_OK));
	EXPECT_LT(10, ours);
	fprintf(stderr, "# %u failures, %u of them behind the kernel's own %u\n", tries - 1,
		ours - 1, kernel);
}

TEST_HARNESS_MAIN
