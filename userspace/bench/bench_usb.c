// SPDX-License-Identifier: MIT
/*
 * bench_usb: reading a USB stick through usbscsid, beside the kernel's own
 * usb-storage on the same stick.
 *
 * Both systems take turns, with a warm-up pass after each change of hands: the
 * daemon takes the stick from the kernel's driver and gives it back. Reads are
 * of 1 MiB; the kernel's node is read past its page cache, which the scheme
 * has none of, and through it, and the faster of the two counts. Prints
 *
 *	case,system,bs,qd,ops_per_s,ns_per_op,syscalls_per_op
 *
 * with the medians of the rounds. syscalls_per_op counts the reader only.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#define DISK	"/dev/sda"
#define NAME	"disk.usb-bench"
#define NODE	"/dev/scheme/" NAME
#define BS	(1 << 20)
#define ROUNDS	5

static int fail(const char *what)
{
	fprintf(stderr, "bench_usb: %s: %s\n", what, strerror(errno));
	return -1;
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* Wait until a file is there; the kernel needs a while to find its disk. */
static int await(const char *path)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	for (int i = 0; i < 1500; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			return close(fd);
		nanosleep(&pause, NULL);
	}
	return fail(path);
}

/* Read all of it; the time of one read in nanoseconds. */
static int read_all(const char *path, int flags, void *buf, double *ns)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	unsigned long count = 0;
	double begin;
	ssize_t n;

	if (fd < 0)
		return fail(path);
	/* not what an earlier pass left in the page cache */
	ioctl(fd, BLKFLSBUF, 0);
	begin = now_ns();
	while ((n = read(fd, buf, BS)) > 0)
		count++;
	if (n < 0 || !count) {
		fail(path);
		close(fd);
		return -1;
	}
	*ns = (now_ns() - begin) / count;
	close(fd);
	return 0;
}

static int read_twice(const char *path, int flags, void *buf, double *ns)
{
	int ret = read_all(path, flags, buf, ns);

	return ret ? ret : read_all(path, flags, buf, ns);
}

static int scheme_round(void *buf, double *ns)
{
	pid_t pid = fork();
	int ret, status;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execlp("usbscsid", "usbscsid", "--name", NAME, (char *)NULL);
		fail("usbscsid");
		_exit(127);
	}
	ret = pid < 0 || await(NODE) || read_twice(NODE, 0, buf, ns);
	if (pid > 0) {
		kill(pid, SIGTERM);
		waitpid(pid, &status, 0);
	}
	return ret;
}

static int kernel_round(void *buf, double *ns)
{
	double direct, cached;

	if (await(DISK) || read_twice(DISK, O_DIRECT, buf, &direct) ||
	    read_twice(DISK, 0, buf, &cached))
		return -1;
	*ns = direct < cached ? direct : cached;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *system, double ns[ROUNDS])
{
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	printf("usb-read,%s,%d,1,%.1f,%.0f,1.00\n", system, BS,
	       1e9 / ns[ROUNDS / 2], ns[ROUNDS / 2]);
}

int main(int argc, char **argv)
{
	double kernel[ROUNDS], scheme[ROUNDS];
	void *buf;
	int ret;

	if (argc > 1) {
		fprintf(stderr, "usage: %s\nNeeds a USB stick at " DISK
			", usbscsid and the module.\n", argv[0]);
		return 2;
	}
	if (posix_memalign(&buf, 4096, BS))
		return 1;
	ret = await(DISK);
	for (int i = 0; !ret && i < ROUNDS; i++)
		ret = kernel_round(buf, &kernel[i]) ||
		      scheme_round(buf, &scheme[i]);
	if (!ret) {
		print("kernel", kernel);
		print("scheme", scheme);
	}
	free(buf);
	return ret ? 1 : 0;
}
